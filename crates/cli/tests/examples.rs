//! `tidings serve --examples`: the pages, what a browser may do with them, and the streams that they need.

#![expect(clippy::unwrap_used, reason = "a test may unwrap")]

use serde_json::Value;
use tidings_testkit::{Api, Request, Response, Server, eventually};

fn server() -> Server {
    Server::builder().argument("--examples").start()
}

fn get(api: &mut Api, path: &str) -> Response {
    api.expect(200, &Request::get(path))
}

/// What a page or a script loads: what stands between quotes after these words.
fn loaded_by(text: &str) -> Vec<String> {
    let quoted = |rest: &str| rest.split('"').next().unwrap().to_owned();
    let words = ["href=\"", "src=\"", "from \"", "import \""];
    let found = words.iter().flat_map(|word| text.split(word).skip(1).map(quoted));
    found.filter(|path| !path.starts_with('#')).collect()
}

/// `./` and `../` taken away.
fn resolve(from: &str, path: &str) -> String {
    let mut folders: Vec<&str> = from.rsplit_once('/').unwrap().0.split('/').collect();
    let mut name = path;
    loop {
        if let Some(rest) = name.strip_prefix("./") {
            name = rest;
        } else if let Some(rest) = name.strip_prefix("../") {
            folders.pop();
            name = rest;
        } else {
            return format!("{}/{name}", folders.join("/"));
        }
    }
}

#[test]
fn everything_that_a_page_loads_is_there() {
    let server = server();
    let mut api = Api::new(server.address());
    let mut to_see = vec!["/examples/".to_owned()];
    let mut seen = Vec::new();
    while let Some(path) = to_see.pop() {
        if seen.contains(&path) {
            continue;
        }
        let answer = get(&mut api, &path);
        let content_type = answer.header("content-type").unwrap();
        let kind = match path.rsplit('.').next().unwrap() {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "svg" => "image/svg+xml",
            _ => "text/html; charset=utf-8",
        };
        assert_eq!(content_type, kind, "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; "), "{policy}");
        if path.ends_with('/') {
            let text = answer.text();
            let is_inline = |word: &str| text.contains(word);
            assert!(!["<script>", "<style", " style=", " onclick="].into_iter().any(is_inline), "{path}");
        }
        // The client's bundle loads nothing, and has quotes of its own.
        if kind != "image/svg+xml" && path != "/examples/tidings.js" {
            to_see.extend(loaded_by(&answer.text()).iter().map(|loaded| resolve(&path, loaded)));
        }
        seen.push(path);
    }
    for path in [
        "/examples/chat/",
        "/examples/live-data/",
        "/examples/plain/",
        "/examples/plain/sse.js",
        "/examples/tidings.js",
    ] {
        assert!(seen.iter().any(|other| other == path), "{path} is not reached: {seen:?}");
    }
}

#[test]
fn a_file_that_a_browser_has_is_not_sent_again() {
    let server = server();
    let mut api = Api::new(server.address());
    let tag = get(&mut api, "/examples/chat/chat.js").header("etag").unwrap().to_owned();
    let known = |tag: &str| Request::get("/examples/chat/chat.js").header("If-None-Match", tag);
    let answer = api.expect(304, &known(&tag));
    assert_eq!(answer.header("etag"), Some(tag.as_str()));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    assert_eq!(answer.text(), "");
    api.expect(304, &known(&format!("\"other\", W/{tag}")));
    api.expect(200, &known("\"other\""));

    let head = api.expect(200, &Request::new("HEAD", "/examples/chat/chat.js"));
    assert_eq!((head.header("etag"), head.text().as_str()), (Some(tag.as_str()), ""));
}

#[test]
fn what_is_no_page_is_refused() {
    let server = server();
    let mut api = Api::new(server.address());
    for path in ["/examples/x.js", "/examples/../Cargo.toml", "/examples/chat/index.html", "/examplesx", "/"]
    {
        api.expect(404, &Request::get(path));
    }
    for path in ["/examples", "/examples/chat", "/examples/live-data", "/examples/plain"] {
        let answer = api.expect(308, &Request::get(path));
        assert_eq!(answer.header("location"), Some(format!("{path}/").as_str()));
    }
    let answer = api.expect(405, &Request::post("/examples/chat/").body("x"));
    assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS"));
}

#[test]
fn without_the_setting_there_is_nothing() {
    let server = Server::start();
    let mut api = Api::new(server.address());
    for path in ["/examples", "/examples/", "/examples/chat/", "/examples/tidings.js"] {
        assert_eq!(api.expect(404, &Request::get(path)).code(), "not_found");
        api.expect(404, &Request::post(path).body("x"));
    }
    let list: Value = serde_json::from_str(&get(&mut api, "/v1/streams").text()).unwrap();
    assert_eq!(list["streams"], Value::Array(Vec::new()));
    assert!(!server.printed().contains("/examples/"), "{}", server.printed());
}

#[test]
fn the_figures_of_the_machine_are_published_once_a_second() {
    let server = server();
    let mut api = Api::new(server.address());
    eventually("the addresses are printed", || {
        let printed = server.printed();
        let named = |path: &str| printed.contains(&format!("http://{}{path}", server.address()));
        (named("/examples/chat/") && named("/examples/live-data/")).then_some(())
    });
    // The streams were there before the addresses were printed.
    for stream in ["examples/rooms/lobby", "examples/presence/lobby", "examples/load", "examples/machine"] {
        assert!(api.head(stream).header("stream-retention-count").is_some(), "{stream}");
    }
    assert_eq!(api.head("examples/rooms/lobby").header("stream-durability"), Some("disk"));
    assert_eq!(api.head("examples/machine").header("stream-durability"), Some("memory"));
    let figures = eventually("figures", || {
        let text = get(&mut api, "/v1/stream/examples/machine?offset=-1").text();
        let figures: Vec<Value> = serde_json::from_str(&text).unwrap();
        (2 <= figures.len()).then_some(figures)
    });
    assert!(figures[0]["cpu"].is_number(), "{figures:?}");
    assert!(0.0 < figures[0]["memory"]["total"].as_f64().unwrap(), "{figures:?}");
}

#[test]
fn what_was_said_outlives_the_server_and_the_streams_come_back() {
    let mut server = server();
    let mut api = Api::new(server.address());
    eventually("the addresses are printed", || server.printed().contains("/examples/chat/").then_some(()));
    api.publish("examples/rooms/lobby", r#"{"text":"hello"}"#);
    server.restart();
    let mut api = Api::new(server.address());
    eventually("the addresses are printed", || server.printed().contains("/examples/chat/").then_some(()));
    let said = get(&mut api, "/v1/stream/examples/rooms/lobby?offset=-1").text();
    assert_eq!(said, r#"[{"text":"hello"}]"#);
    api.head("examples/presence/lobby");
    // Whoever deletes the stream of the figures gets another one.
    api.delete("examples/machine");
    eventually("the stream is made again", || {
        let answer = api.ask(&Request::new("HEAD", "/v1/stream/examples/machine")).unwrap();
        (answer.status == 200).then_some(())
    });
}
