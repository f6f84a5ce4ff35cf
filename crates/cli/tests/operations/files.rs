//! A settings file that changes is noticed without a word to the server.

use tidings_testkit::{Api, Request, Server, eventually};

fn rules(read: &str) -> String {
    format!("[[rights]]\nto = \"anybody\"\nread = [{read:?}]\ncreate = [\"**\"]\npublish = [\"**\"]\n")
}

#[test]
fn rules_in_a_file_that_changed_hold_for_the_next_request_of_an_open_connection() {
    let server = Server::builder().settings_file(&rules("news/**")).start();
    let mut api = Api::new(server.address());
    api.create("news/a", &[]);
    api.create("other/a", &[]);
    api.expect(200, &Request::get("/v1/stream/news/a?offset=-1"));
    api.expect(401, &Request::get("/v1/stream/other/a?offset=-1"));
    server.write_settings(&rules("other/**"));
    eventually("the server has seen it", || {
        server.printed().contains("settings were reloaded").then_some(())
    });
    api.expect(401, &Request::get("/v1/stream/news/a?offset=-1"));
    api.expect(200, &Request::get("/v1/stream/other/a?offset=-1"));
    // What is wrong is told once, and changes nothing.
    server.write_settings("[[rights]]\nto = \"all\"\n");
    eventually("the server has seen it", || {
        server.printed().contains("settings stay as they were").then_some(())
    });
    assert!(server.printed().contains("tidings.toml:2: `to`: `all` is nobody to give rights to"));
    api.expect(401, &Request::get("/v1/stream/news/a?offset=-1"));
}
