//! The list of streams says nothing of those that may not be listed.

use super::tokens::{KINDS, Kind, Verdict, with_rights};
use super::{create, server};
use crate::wire::{Answer, Wire};
use serde_json::Value;
use tidings_testkit::Server;

fn ask(server: &Server, target: &str, field: &str) -> Answer {
    Wire::connect(server).ask(format!("GET {target} HTTP/1.1\r\nHost: t\r\n{field}\r\n"))
}

/// The names on all pages, and that `next` is one of them.
fn names(server: &Server, query: &str, field: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut after = String::new();
    loop {
        let answer = ask(server, &format!("/v1/streams?limit=2{query}{after}"), field);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let page: Value = serde_json::from_slice(&answer.body).expect("a list is JSON");
        let streams = page["streams"].as_array().expect("a list has streams");
        assert!(streams.len() <= 2);
        names.extend(streams.iter().filter_map(|stream| Some(stream["name"].as_str()?.to_owned())));
        let Some(next) = page["next"].as_str() else { return names };
        assert_eq!(names.last().map(String::as_str), Some(next), "`next` is the last that was shown");
        after = format!("&after={next}");
    }
}

#[test]
fn each_sees_what_it_may_list() {
    let server = server();
    let all = ["mine/a", "mine/b/1", "mine/b/2", "mine/b2", "mine/c", "mine/there"];
    for stream in all.iter().take(5) {
        create(&server, stream);
    }
    let list = |streams: &str| with_rights(&["list"], streams);
    assert_eq!(names(&server, "", &Kind::FullKey.field()), all);
    assert_eq!(names(&server, "", &list("**")), all);
    assert_eq!(names(&server, "", &list("mine/*")), ["mine/a", "mine/b2", "mine/c", "mine/there"]);
    assert_eq!(names(&server, "", &list("mine/b/**")), ["mine/b/1", "mine/b/2"]);
    assert_eq!(names(&server, "", &list("**/2")), ["mine/b/2"]);
    assert_eq!(names(&server, "&prefix=mine/b", &list("mine/*")), ["mine/b2"]);
    assert_eq!(names(&server, "&prefix=mine/b/1", &list("mine/b/**")), ["mine/b/1"]);
    assert_eq!(names(&server, "", &list("yours/**")), [""; 0]);
    // To read is not to list.
    assert_eq!(ask(&server, "/v1/streams", &with_rights(&["read"], "**")).status, 403);
}

#[test]
fn every_kind_of_token_is_answered_as_documented() {
    let server = server();
    for kind in KINDS {
        let answer = ask(&server, "/v1/streams?prefix=mine/", &kind.field());
        let status = match (kind, kind.verdict()) {
            // Its token lists others.
            (Kind::Narrow, _) | (_, Verdict::Permitted) => 200,
            (_, Verdict::Forbidden) => 403,
            (_, Verdict::Unnamed | Verdict::Refused) => 401,
        };
        assert_eq!(answer.status, status, "{kind:?}: {}", answer.text());
        let shows = answer.text().contains("mine/there");
        assert_eq!(shows, kind.verdict() == Verdict::Permitted, "{kind:?}: {}", answer.text());
    }
}
