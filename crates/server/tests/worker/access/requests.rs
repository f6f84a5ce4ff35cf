//! Requests: each with each kind of token, on both fronts of HTTP/1.

use super::tokens::{KINDS, Kind, Verdict};
use super::{create, server};
use crate::wire::{Answer, Wire};
use tidings_testkit::Server;

/// Method and target, with `@` for the stream; fields; the body.
pub(super) struct Case {
    pub(super) line: &'static str,
    pub(super) fields: &'static str,
    pub(super) body: &'static str,
    /// The status where it is permitted, on a stream that is there.
    permitted: u16,
}

const fn case(line: &'static str, fields: &'static str, body: &'static str, permitted: u16) -> Case {
    Case { line, fields, body, permitted }
}

pub(super) const JSON: &str = "Content-Type: application/json\r\n";

/// One of each thing that can be asked of a stream.
pub(super) const CASES: [Case; 16] = [
    case("GET /v1/stream/@", "", "", 200),
    case("GET /v1/stream/@?offset=now", "", "", 200),
    case("GET /v1/stream/@?offset=00000000000000aa_0000000000000000", "", "", 410),
    case("GET /v1/stream/@?offset=-1&live=long-poll", "", "", 200),
    case("GET /v1/stream/@?offset=now&live=long-poll&timeout=0.05", "", "", 204),
    case("GET /v1/stream/@?offset=-1&live=sse", "", "", 200),
    case("GET /v1/stream/@", "If-None-Match: *\r\n", "", 304),
    case("HEAD /v1/stream/@", "", "", 200),
    case("PUT /v1/stream/@", JSON, "", 200),
    case("PUT /v1/stream/@", JSON, "2", 200),
    case("PUT /v1/stream/@", "Content-Type: text/plain\r\n", "", 409),
    case("POST /v1/stream/@", JSON, "2", 204),
    case("POST /v1/stream/@", "Content-Type: text/plain\r\n", "2", 409),
    case("POST /v1/stream/@?create=true", JSON, "2", 204),
    case("POST /v1/stream/@", "Stream-Closed: true\r\n", "", 204),
    case("DELETE /v1/stream/@", "", "", 204),
];

/// How a request is sent: as it is, or so that hyper reads it.
const FORMS: [&str; 2] = ["", "Expect: 100-continue\r\n"];

pub(super) fn ask(server: &Server, case: &Case, form: &str, kind: Kind, stream: &str) -> Answer {
    ask_over(Wire::connect(server), case, &[&kind.field(), form].concat(), stream)
}

/// The same over any connection, with any fields.
pub(super) fn ask_over(mut wire: Wire, case: &Case, more: &str, stream: &str) -> Answer {
    let line = case.line.replace('@', stream);
    let (fields, length) = (case.fields, case.body.len());
    let head = format!("{line} HTTP/1.1\r\nHost: t\r\n{fields}{more}Content-Length: {length}\r\n\r\n");
    wire.send(format!("{head}{}", case.body));
    let is_head = line.starts_with("HEAD ");
    loop {
        let mut answer = wire.head();
        if answer.status == 100 {
            continue;
        }
        let ends = answer.field("content-length").and_then(|length| length.parse().ok());
        if let Some(length) = ends.filter(|_| !is_head) {
            answer.body = wire.take(length);
        }
        return answer;
    }
}

/// Without what depends on the moment, and on the name.
fn comparable(answer: &Answer) -> (String, String) {
    let lines = answer.head.lines().filter(|line| !line.starts_with("date:"));
    (lines.collect::<Vec<_>>().join("\n"), answer.text())
}

fn check(answer: &Answer, kind: Kind, what: &str) {
    let (status, code, challenge) = match kind.verdict() {
        Verdict::Unnamed => (401, "unauthenticated", "Bearer realm=\"tidings\""),
        Verdict::Refused => (401, kind.code(), "Bearer realm=\"tidings\", error=\"invalid_token\""),
        Verdict::Forbidden => (403, "forbidden", "Bearer realm=\"tidings\", error=\"insufficient_scope\""),
        Verdict::Permitted => return,
    };
    assert_eq!(answer.status, status, "{what}: {}", answer.text());
    assert_eq!(answer.field("www-authenticate"), Some(challenge), "{what}");
    assert_eq!(answer.field("cache-control"), Some("no-store"), "{what}");
    assert!(answer.body.is_empty() || answer.code() == code, "{what}: {}", answer.text());
}

#[test]
fn every_request_with_every_kind_of_token_is_answered_as_documented() {
    let server = server();
    for case in &CASES {
        for form in FORMS {
            for kind in KINDS.into_iter().filter(|kind| kind.verdict() != Verdict::Permitted) {
                let what = format!("{} {form:?} {kind:?}", case.line);
                let there = ask(&server, case, form, kind, "mine/there");
                check(&there, kind, &what);
                // Nothing tells a stream that is there from one that is not.
                let missing = ask(&server, case, form, kind, "mine/nowhere");
                assert_eq!(comparable(&there), comparable(&missing), "{what}");
            }
        }
    }
    let tail = case("HEAD /v1/stream/@", "", "", 200);
    let there = ask(&server, &tail, "", Kind::FullKey, "mine/there");
    let next = there.field("stream-next-offset").unwrap();
    assert!(next.ends_with("_0000000000000001"), "nothing was published by those who may not: {next}");
    assert_eq!(there.field("stream-closed"), None);
    assert_eq!(ask(&server, &tail, "", Kind::FullKey, "mine/nowhere").status, 404);
}

#[test]
fn what_is_permitted_works() {
    let server = server();
    let mut count = 0;
    for case in &CASES {
        for form in FORMS {
            for kind in [Kind::Full, Kind::FullKey] {
                count += 1;
                let stream = format!("mine/{count}");
                create(&server, &stream);
                let answer = ask(&server, case, form, kind, &stream);
                assert_eq!(
                    answer.status,
                    case.permitted,
                    "{} {form:?} {kind:?}: {}",
                    case.line,
                    answer.text()
                );
            }
        }
    }
}

#[test]
fn what_anybody_may_do_needs_no_token_but_a_wrong_one_is_refused() {
    let server = server();
    let read = case("GET /v1/stream/@", "", "", 404);
    for kind in KINDS {
        let answer = ask(&server, &read, "", kind, "public/news");
        let expected = if kind.verdict() == Verdict::Refused { 401 } else { 404 };
        assert_eq!(answer.status, expected, "{kind:?}: {}", answer.text());
    }
    let publish = case("POST /v1/stream/@?create=true", JSON, "1", 0);
    assert_eq!(ask(&server, &publish, "", Kind::Nothing, "public/news").status, 401);
    for path in ["/health/live", "/health/ready"] {
        let mut wire = Wire::connect(&server);
        assert_eq!(wire.ask(crate::requests::get(path)).status, 200);
    }
}

#[test]
fn a_past_page_is_kept_by_caches_only_where_anybody_may_read_it() {
    let server = server();
    for (stream, cached) in [("public/news", true), ("mine/pages", false)] {
        let field = super::tokens::with_rights(&["read", "create", "publish"], "**");
        let mut wire = Wire::connect(&server);
        let fields = format!("Host: t\r\n{field}{JSON}");
        let put = format!("PUT /v1/stream/{stream} HTTP/1.1\r\n{fields}Content-Length: 7\r\n\r\n[1,2,3]");
        assert_eq!(wire.ask(put).status, 201);
        let get = |query: &str| format!("GET /v1/stream/{stream}?{query} HTTP/1.1\r\n{fields}\r\n");
        let first = wire.ask(get("limit=1"));
        let offset = first.field("stream-next-offset").unwrap();
        let second = wire.ask(get(&format!("limit=1&offset={offset}")));
        let policy = second.field("cache-control").unwrap();
        let expected = if cached { "public, max-age=" } else { "private, no-cache" };
        assert!(policy.starts_with(expected), "{stream}: {policy}");
    }
}

#[test]
fn a_token_stands_in_its_header_only_and_once() {
    let server = server();
    let mut wire = Wire::connect(&server);
    let token = Kind::Full.token().unwrap();
    let mut ask = |target: &str, fields: &str| {
        let answer = wire.ask(format!("GET {target} HTTP/1.1\r\nHost: t\r\n{fields}\r\n"));
        (answer.status, answer.code())
    };
    let path = "/v1/stream/mine/there";
    assert_eq!(ask(path, &format!("authorization: bearer  {token}\r\n")).0, 200);
    let basic = "Authorization: Basic YTpi\r\n";
    assert_eq!(ask(path, basic), (401, "unauthenticated".to_owned()));
    let twice = Kind::Full.field().repeat(2);
    assert_eq!(ask(path, &twice), (400, "invalid_header".to_owned()));
    for name in ["token", "access_token", "api_key", "Token", "%74oken", "jwt"] {
        let target = format!("{path}?{name}={token}");
        assert_eq!(ask(&target, ""), (400, "invalid_parameter".to_owned()), "{name}");
    }
    assert!(!server.printed().contains(&token), "no token is logged");
}

#[test]
fn rights_of_one_operation_do_not_give_another() {
    let (builder, _folder) = super::builder("");
    let server = builder.start();
    create(&server, "mine/a");
    // Which rights each needs, where the stream is there and where it is not.
    for (line, fields, body, needs) in [
        ("GET /v1/stream/@", "", "", &["read"][..]),
        ("POST /v1/stream/@", JSON, "1", &["publish"]),
        ("POST /v1/stream/@?create=true", JSON, "1", &["publish", "create"]),
        ("PUT /v1/stream/@", JSON, "", &["create"]),
        ("PUT /v1/stream/@", JSON, "1", &["create", "publish"]),
        ("PUT /v1/stream/@", "Stream-Closed: true\r\n", "", &["create", "publish"]),
        ("DELETE /v1/stream/@", "", "", &["delete"]),
    ] {
        for left_out in needs {
            let rights = ["read", "publish", "create", "delete", "list", "admin"];
            let others: Vec<&str> = rights.into_iter().filter(|right| right != left_out).collect();
            let field = super::tokens::with_rights(&others, "mine/**");
            let mut wire = Wire::connect(&server);
            let line = line.replace('@', "mine/missing");
            let length = body.len();
            let answer = wire.ask(format!(
                "{line} HTTP/1.1\r\nHost: t\r\n{field}{fields}Content-Length: {length}\r\n\r\n{body}"
            ));
            assert_eq!(
                (answer.status, answer.code()),
                (403, "forbidden".to_owned()),
                "{line} without {left_out}"
            );
        }
    }
}
