//! Pages of other origins, and the cookie: what `Origin`, `Host` and `Sec-Fetch-Site` permit.

use super::tokens::{Kind, SECRET, with_rights};
use super::{builder, create, server};
use crate::wire::{Answer, Wire};
use tidings_testkit::{Server, Socket, Upgrade};

fn ask(server: &Server, line: &str, fields: &str) -> Answer {
    Wire::connect(server).ask(format!("{line} HTTP/1.1\r\n{fields}Content-Length: 0\r\n\r\n"))
}

/// Status, code, and whose pages may see the answer.
fn told(server: &Server, line: &str, fields: &str) -> (u16, String, Option<String>) {
    let answer = ask(server, line, fields);
    (answer.status, answer.code(), answer.field("access-control-allow-origin").map(str::to_owned))
}

const READ: &str = "GET /v1/stream/mine/there";

#[test]
fn without_rules_only_pages_of_this_machine_may_use_the_server() {
    let server = Server::start();
    let put = "PUT /v1/stream/mine/there";
    assert_eq!(ask(&server, put, "Host: t\r\nContent-Type: application/json\r\n").status, 201);
    let anyone = Some("*".to_owned());
    for host in ["localhost:1", "127.0.0.1", "[::1]:4437", "t", "10.0.0.1:80", "app.localhost"] {
        assert_eq!(told(&server, READ, &format!("Host: {host}\r\n")).0, 200, "{host}");
    }
    for origin in ["http://localhost:5173", "http://127.0.0.1", "http://[::1]:9", "http://t"] {
        let fields = format!("Host: t\r\nOrigin: {origin}\r\n");
        assert_eq!(told(&server, READ, &fields), (200, String::new(), anyone.clone()), "{origin}");
        assert_eq!(ask(&server, "OPTIONS /v1/stream/a", &fields).status, 204);
    }
    let refused = (403, "origin_refused".to_owned(), None);
    for origin in ["https://evil.test", "null", "http://localhost.evil.test", "http://t:81", "x", "\u{fc}"] {
        let fields = format!("Host: t\r\nOrigin: {origin}\r\n");
        for line in [
            READ,
            "DELETE /v1/stream/mine/there",
            "POST /v1/ticket",
            "GET /v1/admin/me",
            "OPTIONS /v1/stream/a",
        ] {
            assert_eq!(told(&server, line, &fields), refused, "{origin} {line}");
        }
        let opened = Socket::open_with(server.address(), "/v1/ws", "tidings.v1", &[("Origin", origin)]);
        assert!(matches!(opened, Ok(Upgrade::Refused(answer)) if answer.status == 403), "{origin}");
        // Whether it lives is nobody's secret.
        assert_eq!(told(&server, "GET /health/live", &fields).0, 200);
    }
    // A name that was made to lead here is the page's own origin.
    for fields in ["Host: evil.test:4437\r\n", "Host: evil.test\r\nOrigin: http://evil.test\r\n"] {
        assert_eq!(told(&server, READ, fields), refused, "{fields}");
    }
    assert_eq!(told(&server, READ, "Host: t\r\n").0, 200, "nothing was deleted");
}

/// Over TLS no page in the clear is our own: whoever is in between may have made it, and its browser would add the cookie.
#[test]
fn a_page_in_the_clear_is_a_stranger_over_tls() {
    let (builder, _folder) = builder("token_cookie = \"session\"");
    let server = builder.secured().start();
    create(&server, "mine/there");
    let cookie = format!("Cookie: session={}\r\n", Kind::Full.token().unwrap_or_default());
    let status = |wire: &mut Wire, scheme: &str| {
        let fields = format!("Host: t\r\nOrigin: {scheme}://t\r\n{cookie}Content-Length: 0\r\n\r\n");
        wire.ask(format!("{READ} HTTP/1.1\r\n{fields}")).status
    };
    let mut secured = Wire::secured(&server);
    assert_eq!((status(&mut secured, "https"), status(&mut secured, "http")), (200, 401));
    let mut plain = Wire::connect(&server);
    assert_eq!((status(&mut plain, "https"), status(&mut plain, "http")), (200, 200));
}

fn listed() -> (Server, tempfile::TempDir) {
    let (builder, folder) = builder(
        r#"
        token_cookie = "session"
        [[origins]]
        allow = ["https://app.test", "https://*.app.test"]
        streams = ["mine/**"]
        cookie = true
        [[origins]]
        allow = ["https://news.test"]
        streams = ["public/**"]
        "#,
    );
    let server = builder.start();
    create(&server, "mine/there");
    (server, folder)
}

#[test]
fn pages_of_listed_origins_use_the_streams_that_they_are_listed_for() {
    let (server, _folder) = listed();
    let field = Kind::FullKey.field();
    let with = |origin: &str| format!("Host: t\r\nOrigin: {origin}\r\n{field}");
    let (app, news) = (Some("https://app.test".to_owned()), Some("https://news.test".to_owned()));
    assert_eq!(told(&server, READ, &with("https://app.test")), (200, String::new(), app.clone()));
    assert_eq!(told(&server, READ, &with("https://a.b.app.test")).0, 200);
    assert_eq!(told(&server, READ, &with("http://t")), (200, String::new(), None), "its own");
    assert_eq!(told(&server, READ, &format!("Host: t\r\n{field}")), (200, String::new(), None), "no page");
    let refused = |origin| (403, "origin_refused".to_owned(), origin);
    for stream in ["mine/there", "mine/nowhere"] {
        let line = format!("GET /v1/stream/{stream}");
        assert_eq!(told(&server, &line, &with("https://news.test")), refused(news.clone()), "{stream}");
        for origin in ["https://evil.test", "http://app.test", "null", "http://localhost"] {
            assert_eq!(told(&server, &line, &with(origin)), refused(None), "{stream} {origin}");
        }
    }
    assert_eq!(told(&server, "GET /v1/stream/public/a", &with("https://news.test")).0, 404);
    let whole = with_rights(&["admin"], "**");
    assert_eq!(
        told(&server, "GET /v1/admin/me", &format!("Host: t\r\nOrigin: https://app.test\r\n{whole}")).0,
        403
    );
    // What is held is told to the page as well.
    let held = "GET /v1/stream/mine/there?offset=now&live=long-poll&timeout=0.05";
    assert_eq!(told(&server, held, &with("https://app.test")), (204, String::new(), app.clone()));
    // Caches must not give the answer for one origin to another.
    for fields in
        [with("https://app.test"), with("http://t"), format!("Host: t\r\n{field}"), with("https://evil.test")]
    {
        assert_eq!(ask(&server, READ, &fields).field("vary"), Some("origin"), "{fields}");
    }
    let preflight = ask(&server, "OPTIONS /v1/stream/mine/there", "Host: t\r\nOrigin: https://app.test\r\n");
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.field("access-control-allow-credentials"), Some("true"));
    assert_eq!(preflight.field("access-control-allow-origin"), Some("https://app.test"));
    assert!(preflight.field("access-control-expose-headers").is_some_and(|names| names != "*"));
    let preflight = ask(&server, "OPTIONS /v1/stream/public/a", "Host: t\r\nOrigin: https://news.test\r\n");
    assert_eq!(preflight.field("access-control-allow-credentials"), None);
}

#[test]
fn a_websocket_of_a_page_is_as_narrow_as_its_origin_whatever_token_it_brings() {
    let (server, _folder) = listed();
    create(&server, "mine/other");
    let open =
        |origin: &str| Socket::open_with(server.address(), "/v1/ws", "tidings.v1", &[("Origin", origin)]);
    let Ok(Upgrade::Open(mut socket)) = open("https://news.test") else { panic!("it is opened") };
    assert_eq!(socket.expect_json()["type"], "hello");
    let auth = format!(r#"{{"type":"auth","token":"{}"}}"#, super::tokens::FULL_KEY);
    socket.send_text(&auth).expect("the server reads");
    assert_eq!(socket.expect_json()["type"], "authenticated");
    for (stream, code) in [
        ("mine/there", "origin_refused"),
        ("mine/nowhere", "origin_refused"),
        ("public/a", "stream_not_found"),
    ] {
        socket
            .send_text(&format!(r#"{{"type":"subscribe","stream":"{stream}"}}"#))
            .expect("the server reads");
        assert_eq!(socket.expect_json()["code"], code, "{stream}");
    }
    socket
        .send_text(r#"{"type":"publish","id":"1","stream":"mine/there","data":2}"#)
        .expect("the server reads");
    assert_eq!(socket.expect_json()["code"], "origin_refused");
    assert!(matches!(open("https://evil.test"), Ok(Upgrade::Refused(answer)) if answer.status == 403));
}

#[test]
fn a_cookie_counts_only_where_no_strange_page_can_have_sent_it() {
    let (server, _folder) = listed();
    let cookie = format!("Cookie: a=b; session={}; c=d\r\n", Kind::Full.token().unwrap_or_default());
    let own = "Host: t\r\nOrigin: http://t\r\n";
    let app = "Host: t\r\nOrigin: https://app.test\r\n";
    for fields in [
        own,
        app,
        "Host: t\r\n",
        "Host: t\r\nSec-Fetch-Site: same-origin\r\n",
        "Host: t\r\nSec-Fetch-Site: none\r\n",
    ] {
        assert_eq!(ask(&server, READ, &format!("{fields}{cookie}")).status, 200, "{fields}");
    }
    for fields in ["Host: t\r\nSec-Fetch-Site: cross-site\r\n", "Host: t\r\nSec-Fetch-Site: same-site\r\n"] {
        assert_eq!(ask(&server, READ, &format!("{fields}{cookie}")).status, 401, "{fields}");
    }
    // What changes something, and a WebSocket: browsers always say whose page it is.
    let line = "DELETE /v1/stream/mine/there";
    assert_eq!(ask(&server, line, &format!("Host: t\r\n{cookie}")).status, 401);
    let value = cookie.trim().strip_prefix("Cookie: ").unwrap_or_default();
    for (origin, permitted) in
        [(None, false), (Some("https://news.test"), false), (Some("https://app.test"), true)]
    {
        let fields: Vec<_> =
            origin.map(|origin| ("Origin", origin)).into_iter().chain([("Cookie", value)]).collect();
        let target = "/v1/stream/mine/there?offset=-1";
        let opened = Socket::open_with(server.address(), target, "tidings.v1", &fields);
        let Ok(Upgrade::Open(mut socket)) = opened else { panic!("{origin:?}") };
        assert_eq!(socket.expect_json()["type"], "hello");
        assert_eq!(socket.expect_json()["type"] == "subscribed", permitted, "{origin:?}");
    }
    // Said on purpose beats what the browser adds; and two of them are nobody's.
    let narrow = Kind::NarrowKey.field();
    assert_eq!(ask(&server, READ, &format!("{own}{cookie}{narrow}")).status, 403);
    assert_eq!(ask(&server, READ, &format!("{own}{cookie}{cookie}")).status, 400);
    assert_eq!(ask(&server, READ, &format!("{own}Cookie: session=x\r\n")).status, 401);
    assert_eq!(ask(&server, line, &format!("{own}{cookie}")).status, 204);
    assert!(!server.printed().contains(SECRET));
    // Where no cookie is named, none is looked at.
    let plain = self::server();
    assert_eq!(ask(&plain, READ, &format!("{own}{cookie}")).status, 401);
}
