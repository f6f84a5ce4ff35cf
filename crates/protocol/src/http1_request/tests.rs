//! Tests of `http1_request.rs`.

use super::*;

const BYTES_MAX: usize = 16 * 1024;

/// Calls `check` with what the head is.
fn parsed<T>(text: &str, check: impl FnOnce(Head<'_, '_>) -> T) -> T {
    check(parse_head(text.as_bytes(), &mut FieldSlots::new(), BYTES_MAX))
}

fn complete_head<T>(text: &str, check: impl FnOnce(RequestHead<'_, '_>) -> T) -> T {
    parsed(text, |head| {
        let Head::Complete(head) = head else { panic!("{text:?}: {head:?}") };
        check(head)
    })
}

fn refused(text: &str) -> ErrorCode {
    parsed(text, |head| {
        let Head::Invalid(problem) = head else { panic!("{text:?}: {head:?}") };
        problem.code
    })
}

fn with_fields(fields: &str) -> String {
    format!("POST /v1/stream/a HTTP/1.1\r\nHost: h\r\n{fields}\r\n\r\n")
}

#[test]
fn a_head_borrows_from_its_buffer() {
    let text = "GET /v1/stream/a?offset=-1 HTTP/1.1\r\nHost: h\r\nIf-None-Match: *\r\n\r\nrest";
    complete_head(text, |head| {
        assert_eq!(head.method, Method::Get);
        assert_eq!(head.target, "/v1/stream/a?offset=-1");
        assert_eq!(head.version, Version::Http11);
        assert_eq!(head.fields.len(), 2);
        assert_eq!(&text[head.bytes..], "rest");
        assert_eq!(head.body, BodyLength::Empty);
        assert!(head.keep_alive && !head.expects_continue && !head.upgrades_to_websocket);
    });
}

#[test]
fn every_prefix_of_a_head_asks_for_more() {
    let text = "GET /v1/ws HTTP/1.1\r\nHost: h\r\n\r\n";
    for bytes in 0..text.len() {
        parsed(&text[..bytes], |head| assert!(matches!(head, Head::Partial), "{bytes}: {head:?}"));
    }
}

#[test]
fn the_length_of_a_body_has_one_reading() {
    let length = |fields: &str| complete_head(&with_fields(fields), |head| head.body);
    assert_eq!(length("Content-Length: 12"), BodyLength::Known(12));
    assert_eq!(length("content-length: 0"), BodyLength::Empty);
    assert_eq!(length("Transfer-Encoding: Chunked"), BodyLength::Chunked);
    for fields in [
        "Content-Length: 1\r\nContent-Length: 1",
        "Content-Length: 1\r\ncontent-length: 2",
        "Content-Length: 1, 1",
        "Content-Length: +1",
        "Content-Length: -1",
        "Content-Length: 0x1",
        "Content-Length: 1 1",
        "Content-Length:",
        "Content-Length: 18446744073709551616",
        "Content-Length: 1\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 1",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding : chunked",
        "Content-Length : 1",
        " Content-Length: 1",
        "X: a\r\n b",
        "X: a\r\n\tContent-Length: 1",
        "X: a\0b",
        "X\0: a",
        "Content-Length: 1\nX: a",
        "X: a\rb",
    ] {
        assert_eq!(refused(&with_fields(fields)), ErrorCode::InvalidRequest, "{fields:?}");
    }
    for encoding in
        ["gzip, chunked", "chunked, identity", "xchunked", "chunked;q=1", "\"chunked\"", "chunked\u{b}", ""]
    {
        let fields = format!("Transfer-Encoding: {encoding}");
        let expected = if encoding.ends_with('\u{b}') {
            ErrorCode::InvalidRequest // A control character.
        } else {
            ErrorCode::EncodingNotSupported
        };
        assert_eq!(refused(&with_fields(&fields)), expected, "{fields:?}");
    }
    let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(refused(old), ErrorCode::InvalidRequest);
}

#[test]
fn a_request_line_has_one_reading() {
    for line in [
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET /",
        " GET / HTTP/1.1",
        "G@T / HTTP/1.1",
        "GET /\u{7f} HTTP/1.1",
        "\u{16}\u{3}\u{1}",
    ] {
        let code = refused(&format!("{line}\r\nHost: h\r\n\r\n"));
        assert_eq!(code, ErrorCode::InvalidRequest, "{line:?}");
    }
    assert_eq!(refused("GET / HTTP/1.1\nHost: h\n\n"), ErrorCode::InvalidRequest);
    for version in ["HTTP/1.2", "HTTP/2.0", "HTTP/0.9"] {
        let code = refused(&format!("GET / {version}\r\nHost: h\r\n\r\n"));
        assert_eq!(code, ErrorCode::VersionNotSupported, "{version}");
    }
}

#[test]
fn a_host_stands_once() {
    assert_eq!(refused("GET / HTTP/1.1\r\n\r\n"), ErrorCode::InvalidRequest);
    assert_eq!(refused("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), ErrorCode::InvalidRequest);
    complete_head("GET / HTTP/1.0\r\n\r\n", |head| assert_eq!(head.version, Version::Http10));
}

#[test]
fn keeping_alive_depends_on_the_version() {
    let kept = |version: &str, connection: &str| {
        let text = format!("GET / HTTP/{version}\r\nHost: h\r\nConnection: {connection}\r\n\r\n");
        complete_head(&text, |head| head.keep_alive)
    };
    assert!(kept("1.1", "x"));
    assert!(!kept("1.1", "x, Close"));
    assert!(!kept("1.0", "x"));
    assert!(kept("1.0", "Keep-Alive"));
    assert!(!kept("1.0", "keep-alive, close"));
}

#[test]
fn an_upgrade_and_a_continue_are_seen() {
    let upgrade =
        with_fields("Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nExpect: 100-continue");
    complete_head(&upgrade, |head| assert!(head.upgrades_to_websocket && head.expects_continue));
    complete_head(&with_fields("Upgrade: websocket"), |head| assert!(!head.upgrades_to_websocket));
    complete_head(&with_fields("Connection: upgrade\r\nUpgrade: h2c"), |head| {
        assert!(!head.upgrades_to_websocket);
    });
}

#[test]
fn a_head_has_a_limit() {
    let long = "a".repeat(BYTES_MAX);
    for whole in ["", " HTTP/1.1\r\nHost: h\r\n\r\n"] {
        assert_eq!(refused(&format!("GET /{long}{whole}")), ErrorCode::UriTooLong);
    }
    for whole in ["", "\r\nHost: h\r\n\r\n"] {
        assert_eq!(refused(&format!("GET / HTTP/1.1\r\nX: {long}{whole}")), ErrorCode::HeadersTooLarge);
    }
}

#[test]
fn what_is_rare_goes_to_the_full_implementation() {
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    parsed(&format!("{preface}\0\0"), |head| assert!(matches!(head, Head::Rare), "{head:?}"));
    // Half of it waits here, where it has a limit of time.
    for bytes in 0..preface.len() {
        parsed(&preface[..bytes], |head| assert!(matches!(head, Head::Partial), "{bytes}: {head:?}"));
    }
    assert_eq!(refused("PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n"), ErrorCode::VersionNotSupported);
    complete_head("PRI /x HTTP/1.1\r\nHost: h\r\n\r\n", |head| assert_eq!(head.method, Method::Other));
}

#[test]
fn a_head_has_a_limit_of_fields() {
    let fields = |count: usize| with_fields(&vec!["X: y"; count - 1].join("\r\n"));
    assert!(parsed(&fields(FIELDS_MAX), |head| matches!(head, Head::Complete(_))));
    let many = fields(FIELDS_MAX + 1);
    assert_eq!(refused(&many), ErrorCode::HeadersTooLarge);
    assert_eq!(refused(&many[..many.len() - 2]), ErrorCode::HeadersTooLarge);
}
