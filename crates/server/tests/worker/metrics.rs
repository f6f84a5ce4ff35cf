//! `/metrics`: what is counted is what happened.

use crate::http2::Http2;
use crate::requests::{FOLLOW, HELD_POLL, SSE, get, publish};
use crate::wire::Wire;
use std::collections::BTreeMap;
use tidings_testkit::{Api, Request, Server, eventually};

/// Every number of the page, without its fraction, by its name and labels.
struct Page(BTreeMap<String, u64>);

impl Page {
    fn of(api: &mut Api) -> Page {
        let text = api.expect(200, &Request::get("/metrics")).text();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let number = |line: &str| {
            let (name, number) = line.rsplit_once(' ').expect("a name and a number");
            let whole = number.split('.').next().unwrap_or_default();
            (name.to_owned(), whole.parse().expect("a number"))
        };
        Page(lines.map(number).collect())
    }

    #[track_caller]
    fn get(&self, name: &str) -> u64 {
        *self.0.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.0.keys()))
    }
}

#[test]
fn what_followers_are_sent_is_counted_by_transport() {
    let server = Server::start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    let mut held = Wire::connect(&server);
    held.send(HELD_POLL);
    let mut sse = Wire::connect(&server);
    sse.send(SSE);
    sse.head();
    let mut websocket = Wire::upgraded(&server, FOLLOW);
    websocket.message("live");
    let mut http2 = Http2::connect(&server);
    let _held = http2.get("/v1/stream/a?offset=now&live=long-poll&timeout=100");
    let before = eventually("all follow", || {
        let page = Page::of(&mut api);
        let followers = ["long-poll", "sse", "websocket"]
            .map(|kind| page.get(&format!("tidings_followers{{transport=\"{kind}\"}}")));
        (followers == [2, 1, 1]).then_some(page)
    });
    assert_eq!(before.get("tidings_deliveries_total{transport=\"websocket\"}"), 0);

    assert_eq!(Wire::connect(&server).ask(publish("a", "[1,2,3]")).status, 204);
    assert_eq!(held.answer().status, 200);
    sse.events_until("data");
    websocket.message("message");
    let poll = Wire::connect(&server).ask(get("/v1/stream/a?offset=-1"));
    assert_eq!(poll.status, 200);
    let after = eventually("all is delivered", || {
        let page = Page::of(&mut api);
        let delivered = ["poll", "long-poll", "sse", "websocket"]
            .map(|kind| page.get(&format!("tidings_deliveries_total{{transport=\"{kind}\"}}")));
        (delivered == [3, 6, 3, 3]).then_some(page)
    });
    assert_eq!(after.get("tidings_messages_stored_total"), 3);
    assert_eq!(after.get("tidings_messages_stored_bytes_total"), 3);
    assert!(2 <= after.get("tidings_commit_seconds_count"), "a create and a publish");
    assert!(1 <= after.get("tidings_fan_out_seconds_count"));
    assert_eq!(after.get("tidings_streams"), 1);
    assert_eq!(after.get("tidings_requests_total{route=\"publish\",status=\"2xx\"}"), 1);
    assert_eq!(after.get("tidings_requests_total{route=\"read\",status=\"2xx\"}"), 4, "SSE, and three polls");
    assert_eq!(after.get("tidings_requests_total{route=\"websocket\",status=\"1xx\"}"), 1);
    assert!(0 < after.get("process_resident_memory_bytes"));
    assert!(0 < after.get("tidings_disk_free_bytes"));
}

#[test]
fn refusals_and_resets_are_counted_by_what_clients_are_told() {
    let server = Server::start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    let answer = api.expect(200, &Request::get("/v1/stream/a?offset=-1"));
    let offset = answer.header("stream-next-offset").expect("a read says where it ended");
    api.delete("a");
    api.create("a", &[]);
    api.expect(410, &Request::get(format!("/v1/stream/a?offset={offset}")));
    api.expect(404, &Request::get("/v1/stream/b?offset=-1"));
    api.expect(404, &Request::get("/nowhere"));
    let page = Page::of(&mut api);
    assert_eq!(page.get("tidings_resets_total{reason=\"deleted\"}"), 1);
    assert_eq!(page.get("tidings_problems_total{code=\"reset\"}"), 1);
    assert_eq!(page.get("tidings_problems_total{code=\"stream_not_found\"}"), 1);
    assert_eq!(page.get("tidings_requests_total{route=\"other\",status=\"4xx\"}"), 1);
    assert_eq!(page.get("tidings_requests_total{route=\"delete\",status=\"2xx\"}"), 1);
}
