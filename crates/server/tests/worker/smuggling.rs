//! Requests about whose end two readers could disagree: refused with one answer, and nothing behind them is ever read
//! as a request, whichever front has the connection.
//!
//! Behind each stands a publish that must not be stored: the canary.

use crate::requests::{OPTIONS, POLL, get, publish, publish_chunked};
use crate::wire::Wire;
use tidings_testkit::{Api, Server};

const POST: &str = "POST /v1/stream/a HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n";
const PUT: &str = "PUT /v1/stream/new HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n";

/// Fields about whose body two readers could disagree, or that are malformed: 400.
const BAD_FIELDS: &[&str] = &[
    "Content-Length: 4\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 4",
    "Transfer-Encoding: chunked\r\nContent-Length: 0",
    "Transfer-Encoding: xchunked\r\nContent-Length: 4",
    "Content-Length: 1\r\nContent-Length: 2",
    "Content-Length: 1\r\nContent-Length: 1",
    "Content-Length: 1\r\ncontent-length: 1",
    "Content-Length: 1, 2",
    "Content-Length: 1, 1",
    "Content-Length: 1,",
    "Content-Length: +1",
    "Content-Length: -1",
    "Content-Length: 0x1",
    "Content-Length: 1_0",
    "Content-Length: 1 1",
    "Content-Length: 1.0",
    "Content-Length: 1e0",
    "Content-Length: \u{661}",
    "Content-Length: \"1\"",
    "Content-Length:",
    "Content-Length: 18446744073709551616",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding\t: chunked",
    "Transfer-Encoding: chunked\u{b}",
    "Transfer-Encoding: \u{b}chunked",
    "Transfer-Encoding: chunked\0",
    "Transfer-Encoding:\n chunked",
    "Transfer-Encoding\n: chunked",
    "Transfer-Encoding:\r\n chunked",
    "Content-Length : 1",
    "Content-Length\0: 1",
    " Content-Length: 1",
    "\tContent-Length: 1",
    "X: 1\r\n Content-Length: 1",
    "X: 1\r\n\tContent-Length: 1",
    "X: 1\r\n \r\nContent-Length: 1",
    "X: 1\nContent-Length: 1",
    "X: 1\rContent-Length: 1",
    "X: 1\n\rContent-Length: 1",
    "X: 1\r\r\nContent-Length: 1",
    "X: \0\r\nContent-Length: 1",
    "X\0: 1\r\nContent-Length: 1",
    "X Y: 1\r\nContent-Length: 1",
    "X\r\nContent-Length: 1",
    ": 1\r\nContent-Length: 1",
    "X: \u{7f}\r\nContent-Length: 1",
    "X\u{e9}: 1\r\nContent-Length: 1",
    "Content-Length: 1\r\nHost: u",
];

/// Transfer codings other than `chunked` alone: 501.
const OTHER_ENCODINGS: &[&str] = &[
    "chunked, identity",
    "identity, chunked",
    "identity",
    "gzip, chunked",
    "xchunked",
    "chunked;q=1",
    "\"chunked\"",
    ",chunked",
    "chunked,",
    "chunked chunked",
    "",
];

/// Request lines that are none: 400.
const BAD_LINES: &[&str] = &[
    "POST  /v1/stream/a HTTP/1.1",
    "POST /v1/stream/a  HTTP/1.1",
    "POST\t/v1/stream/a HTTP/1.1",
    "POST /v1/stream/a\tHTTP/1.1",
    "POST /v1/stream/a HTTP/1.1 ",
    " POST /v1/stream/a HTTP/1.1",
    "POST /v1/stream/a b HTTP/1.1",
    "POST /v1/stream/a\u{7f} HTTP/1.1",
    "POST /v1/stream/a\u{1} HTTP/1.1",
    "POST /v1/stream/a\0 HTTP/1.1",
    "POST /v1/stream/a\rHTTP/1.1",
    "POST /v1/stream/a",
    "POST",
    "POST /v1/stream/a HTTP/11",
    "POST /v1/stream/a HTTP/1,1",
    "POST /v1/stream/a HTTP/1.1.1",
    "POST /v1/stream/a http/1.1",
    "POST /v1/stream/a HTTP/1.1\0",
    "POST /v1/stream/a HTTP/ 1.1",
    "POST /v1/stream/a HTTP/2.0 x",
    "POST /v1/stream/a ICAP/1.0",
    "P@ST /v1/stream/a HTTP/1.1",
    "P\0ST /v1/stream/a HTTP/1.1",
    ":POST /v1/stream/a HTTP/1.1",
    "\u{16}\u{3}\u{1}",
];

/// Versions that are not spoken: 505.
const OTHER_VERSIONS: &[&str] = &["HTTP/2.0", "HTTP/3.0", "HTTP/1.2", "HTTP/0.9"];

/// Chunked bodies that are none: 400.
const BAD_CHUNKS: &[&str] = &[
    "1\n1\r\n0\r\n\r\n",
    "1\r\n1\n0\r\n\r\n",
    "1\r\n1\r\n0\n\r\n",
    "1\r\n1\r\n0\r\n\n",
    "1\r1\r\n0\r\n\r\n",
    "1\r\n12\r\n0\r\n\r\n",
    "2\r\n1\r\n0\r\n\r\n",
    "1\r\n1\r\n\r\n0\r\n\r\n",
    "1\r\n10\r\n\r\n",
    "+1\r\n1\r\n0\r\n\r\n",
    "-1\r\n1\r\n0\r\n\r\n",
    "0x1\r\n1\r\n0\r\n\r\n",
    "1_0\r\n1\r\n0\r\n\r\n",
    " 1\r\n1\r\n0\r\n\r\n",
    "1 \r\n1\r\n0\r\n\r\n",
    "1\t\r\n1\r\n0\r\n\r\n",
    "1 1\r\n1\r\n0\r\n\r\n",
    "\r\n1\r\n1\r\n0\r\n\r\n",
    "g\r\n1\r\n0\r\n\r\n",
    "10000000000000001\r\n1\r\n0\r\n\r\n",
    "00000000000000001\r\n1\r\n0\r\n\r\n",
    "1;x\n1\r\n0\r\n\r\n",
    "1;x\rx\r\n1\r\n0\r\n\r\n",
    "1;\0\r\n1\r\n0\r\n\r\n",
    "1\r\n1\r\n0\r\nX : y\r\n\r\n",
    "1\r\n1\r\n0\r\nX: y\n\r\n",
    "1\r\n1\r\n0\r\nX: y\r\n z\r\n\r\n",
    "1\r\n1\r\n0\r\nX\r\n\r\n",
    "1\r\n1\r\n0\r\n: y\r\n\r\n",
    "1\r\n1\r\n0\r\nX: \0\r\n\r\n",
];

fn server_with_streams() -> (Server, Api) {
    let server = Server::builder().argument("--max-message-bytes").argument("100KiB").start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    api.create("canary", &[]);
    (server, api)
}

/// What stands before a bad request: nothing, a narrow request, an odd one, several of both.
fn befores() -> [(usize, String); 5] {
    [
        (0, String::new()),
        (1, POLL.to_owned()),
        (1, OPTIONS.to_owned()),
        (1, publish_chunked("b", "[1]")),
        (3, [OPTIONS, POLL, OPTIONS].concat()),
    ]
}

/// Sends the request at every place, with the canary behind it in every way. It is answered once, as it should be, and
/// the connection ends.
fn expect_refused(server: &Server, expected: (u16, &str), request: &str) {
    for (answers, before) in befores() {
        for canary in [publish("canary", "1"), publish_chunked("canary", "[1]")] {
            let mut wire = Wire::connect(server);
            wire.send([&before, request, &canary, &canary].concat());
            for _ in 0..answers {
                assert!(matches!(wire.answer().status, 200 | 204 | 404), "{request:?} behind {before:?}");
            }
            let answer = wire.answer();
            let found = (answer.status, answer.code());
            assert_eq!(
                (found.0, found.1.as_str()),
                expected,
                "{request:?} behind {before:?}: {}",
                answer.text()
            );
            assert_eq!(answer.field("connection"), Some("close"), "{request:?} behind {before:?}");
            wire.expect_end();
        }
    }
}

/// Nothing that was sent behind a refused request, or in one, was ever taken for a request.
fn expect_nothing_stored(server: &Server) {
    for stream in ["a", "canary"] {
        let mut wire = Wire::connect(server);
        assert_eq!(wire.ask(get(&format!("/v1/stream/{stream}"))).text(), "[]");
    }
    assert_eq!(Wire::connect(server).ask(get("/v1/stream/new")).status, 404);
}

#[test]
fn fields_with_two_readings_are_refused() {
    let (server, _) = server_with_streams();
    for fields in BAD_FIELDS {
        for head in [POST, PUT] {
            expect_refused(
                &server,
                (400, "invalid_request"),
                &format!("{head}{fields}\r\n\r\n1\r\n1\r\n0\r\n\r\n"),
            );
        }
    }
    let old = "POST /v1/stream/a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n\r\n";
    expect_refused(&server, (400, "invalid_request"), old);
    let no_host = "POST /v1/stream/a HTTP/1.1\r\nContent-Length: 1\r\n\r\n1";
    expect_refused(&server, (400, "invalid_request"), no_host);
    expect_nothing_stored(&server);
}

#[test]
fn transfer_codings_that_are_not_known_are_refused() {
    let (server, _) = server_with_streams();
    for encoding in OTHER_ENCODINGS {
        let request = format!("{POST}Transfer-Encoding: {encoding}\r\n\r\n1\r\n1\r\n0\r\n\r\n");
        expect_refused(&server, (501, "encoding_not_supported"), &request);
    }
    expect_nothing_stored(&server);
}

#[test]
fn request_lines_with_two_readings_are_refused() {
    let (server, _) = server_with_streams();
    let rest = "Host: t\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n1";
    for line in BAD_LINES {
        expect_refused(&server, (400, "invalid_request"), &format!("{line}\r\n{rest}"));
    }
    expect_refused(&server, (400, "invalid_request"), &format!("POST /v1/stream/a HTTP/1.1\n{rest}"));
    expect_refused(&server, (400, "invalid_request"), &format!("\nPOST /v1/stream/a HTTP/1.1\r\n{rest}"));
    for version in OTHER_VERSIONS {
        let request = format!("POST /v1/stream/a {version}\r\n{rest}");
        expect_refused(&server, (505, "version_not_supported"), &request);
    }
    expect_nothing_stored(&server);
}

#[test]
fn chunks_with_two_readings_are_refused() {
    let (server, _) = server_with_streams();
    for chunks in BAD_CHUNKS {
        let request = format!("{POST}Transfer-Encoding: chunked\r\n\r\n{chunks}");
        expect_refused(&server, (400, "invalid_request"), &request);
    }
    let trailer = format!("{POST}Transfer-Encoding: chunked\r\n\r\n0\r\nX: {}\r\n\r\n", "y".repeat(5_000));
    expect_refused(&server, (400, "invalid_request"), &trailer);
    let extension = format!("{POST}Transfer-Encoding: chunked\r\n\r\n0;{}\r\n\r\n", "x".repeat(300));
    expect_refused(&server, (400, "invalid_request"), &extension);
    expect_nothing_stored(&server);
}

#[test]
fn heads_above_a_limit_are_refused() {
    let (server, _) = server_with_streams();
    let long = "x".repeat(17 << 10);
    let uri = format!("POST /v1/stream/{long} HTTP/1.1\r\nHost: t\r\n\r\n");
    expect_refused(&server, (414, "uri_too_long"), &uri);
    expect_refused(&server, (431, "headers_too_large"), &format!("{POST}X: {long}\r\n\r\n"));
    expect_refused(&server, (431, "headers_too_large"), &format!("{POST}{long}: x\r\n\r\n"));
    expect_refused(&server, (431, "headers_too_large"), &format!("{POST}{}\r\n", "X: y\r\n".repeat(63)));
    expect_refused(&server, (431, "headers_too_large"), &format!("{PUT}{}\r\n", "X: y\r\n".repeat(4_000)));
    expect_nothing_stored(&server);
}

#[test]
fn what_stands_in_a_body_that_is_not_read_is_no_request() {
    let (server, _) = server_with_streams();
    let huge = format!("{POST}Content-Length: 10000000000\r\n\r\n");
    expect_refused(&server, (413, "too_large"), &huge);
    let waiting = format!("{POST}Content-Length: 200000\r\nExpect: 100-continue\r\n\r\n");
    expect_refused(&server, (413, "too_large"), &waiting);
    expect_nothing_stored(&server);
}

#[test]
fn what_has_one_reading_is_taken_and_the_next_request_begins_behind_it() {
    let (server, _) = server_with_streams();
    let chunked = [
        "Transfer-Encoding: chunked\r\n\r\n1\r\n7\r\n0\r\n\r\n",
        "Transfer-Encoding:\tchunked \r\n\r\n1\r\n7\r\n0\r\n\r\n",
        "transfer-encoding:CHUNKED\r\n\r\n1\r\n7\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n001;x\r\n7\r\n000;y=\"z;\"\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n1 ;x\r\n7\r\n0\r\nX: y\r\nContent-Length: 100\r\n\r\n",
        "Content-Length: 1\r\n\r\n7",
        "Content-Length:1 \t\r\n\r\n7",
        "Content-Length: 0000000000000000000000001\r\n\r\n7",
        "X: a\u{e9}\r\nX:\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n7",
    ];
    for (index, fields) in chunked.iter().enumerate() {
        for (answers, before) in befores() {
            let mut wire = Wire::connect(&server);
            // An empty line before a request is left out (RFC 9112, section 2.2).
            wire.send([&before, "\r\n", POST, fields, POLL, OPTIONS].concat());
            for _ in 0..answers {
                wire.answer();
            }
            let mut answer = wire.answer();
            if answer.status == 100 {
                answer = wire.answer();
            }
            assert_eq!(answer.status, 204, "{fields:?} behind {before:?}: {}", answer.text());
            let stored: Vec<u64> = serde_json::from_slice(&wire.answer().body).expect("a page is JSON");
            assert_eq!(stored, vec![7; stored.len()], "{fields:?}");
            assert!(index * befores().len() < stored.len());
            assert_eq!(wire.answer().status, 204);
        }
    }
    let mut wire = Wire::connect(&server);
    assert_eq!(wire.ask(get("/v1/stream/canary")).text(), "[]");
}
