//! TLS on parked connections: the same promises as in plain text, and what only TLS has.

use crate::requests::{FOLLOW, POLL, SSE};
use crate::wire::Wire;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::sync::Arc;
use tidings_testkit::{Api, PATIENCE, Server};

/// Tests of this file's neighbours that are run once more with every client behind a relay that speaks TLS.
const AGAIN: [&str; 6] = [
    "pipelining::",
    "half_closed::",
    "byte_by_byte::",
    "stalled::a_stalled_websocket",
    "draining::",
    "versions::",
];

#[test]
fn what_holds_in_plain_text_holds_over_tls() {
    if std::env::var_os("TIDINGS_TEST_TLS").is_some() {
        // All tests run so already, this one among them.
        return;
    }
    let this = std::env::current_exe().expect("a running test knows its own file");
    // What arrived at the relay in time has not arrived at the server.
    let skip = ["--skip", "what_was_acknowledged_before_the_end"];
    let run = Command::new(this)
        .args(AGAIN)
        .args(skip)
        .env("TIDINGS_TEST_TLS", "1")
        .output()
        .expect("it can be run");
    let printed = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{printed}\n{}", String::from_utf8_lossy(&run.stderr));
    assert!(!printed.contains("running 0 tests"), "{printed}");
}

fn server(arguments: &[&str]) -> Server {
    let builder = arguments.iter().fold(Server::builder(), |builder, argument| builder.argument(*argument));
    let server = builder.secured().start();
    Api::new(server.address()).create("a", &[]);
    server
}

fn to_secured(server: &Server) -> TcpStream {
    let socket = TcpStream::connect(server.secured_address()).expect("the server accepts");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket has this option");
    socket
}

/// Why a client gets no answer over TLS.
pub(crate) fn handshake_failure(server: &Server, config: &Arc<ClientConfig>, name: &str) -> String {
    let name = ServerName::try_from(name.to_owned()).expect("it is the name of a host");
    let tls = ClientConnection::new(Arc::clone(config), name).expect("the configuration is complete");
    let mut stream = StreamOwned::new(tls, to_secured(server));
    let asked = stream.write_all(POLL.as_bytes()).and_then(|()| stream.read(&mut [0]));
    asked
        .err()
        .map_or_else(|| "there was an answer".to_owned(), |error| error.to_string() + &format!("{error:?}"))
}

fn rest(mut socket: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset ends it as well.
    let _ended = socket.read_to_end(&mut bytes);
    bytes
}

#[test]
fn a_handshake_may_come_byte_by_byte() {
    let server = server(&[]);
    let mut wire = Wire::secured(&server);
    let mut socket = wire.socket().try_clone().expect("a socket has a second handle");
    while wire.tls().is_handshaking() {
        let mut said = Vec::new();
        while wire.tls().wants_write() {
            wire.tls().write_tls(&mut said).expect("memory takes it");
        }
        for byte in said {
            socket.write_all(&[byte]).expect("the server reads");
        }
        if wire.tls().wants_read() {
            wire.tls().read_tls(&mut socket).expect("the server answers");
            wire.tls().process_new_packets().expect("the server speaks TLS");
        }
    }
    let mut wire = wire.upgrade(FOLLOW);
    wire.message("live");
    Api::new(server.address()).publish("a", "[1]");
    assert_eq!(wire.message("message")["data"], 1);
}

/// What is read of the one kind of connection goes where what was read of the other went.
#[test]
fn connections_in_plain_text_and_over_tls_share_a_worker() {
    let server = server(&["--workers", "1"]);
    let mut api = Api::new(server.address());
    let mut plain = Wire::upgraded(&server, "/v1/ws");
    plain.message("hello");
    let mut secured = Wire::secured(&server);
    let filler = "x".repeat(100 << 10);
    for number in 0..3_u64 {
        assert_eq!(secured.ask(POLL).status, 200);
        let publish = format!(
            r#"{{"type":"publish","id":"{number}","stream":"a","data":{{"number":{number},"filler":"{filler}"}}}}"#
        );
        plain.send_frame(crate::wire::TEXT, publish.as_bytes());
        assert_eq!(plain.message("published")["id"], number.to_string());
        api.publish("a", "[0]");
    }
    let page = secured.ask(crate::requests::get("/v1/stream/a?offset=-1")).text();
    let page: serde_json::Value = serde_json::from_str(&page).expect("it is JSON");
    let numbers: Vec<_> = [0, 2, 4].map(|index| page[index]["number"].as_u64()).into();
    assert_eq!(numbers, [Some(0), Some(1), Some(2)]);
}

#[test]
fn silent_strangers_are_closed_and_keep_nobody_out() {
    let server = server(&["--workers", "1", "--max-tls-handshakes", "8", "--tls-handshake-timeout", "300ms"]);
    let crowd: Vec<_> = (0..40).map(|_| to_secured(&server)).collect();
    let mut wire = Wire::secured(&server);
    assert_eq!(wire.ask("GET /v1/stream/a HTTP/1.1\r\nHost: t\r\n\r\n").status, 200);
    for stranger in crowd {
        assert_eq!(rest(stranger), b"");
    }
    // One that says half of a hello is a stranger as well, however long it goes on.
    let mut slow = to_secured(&server);
    slow.write_all(&[22, 3, 1, 0, 200, 1]).expect("the server reads");
    assert_eq!(rest(slow), b"");
    assert_eq!(wire.ask("GET /v1/stream/a HTTP/1.1\r\nHost: t\r\n\r\n").status, 200, "it is none any more");
}

#[test]
fn who_speaks_http_to_the_port_of_tls_is_told_so() {
    let server = server(&[]);
    let mut wire = Wire::of(to_secured(&server));
    let answer = wire.ask("GET /v1/stream/a HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_eq!((answer.status, answer.code()), (400, "invalid_request".to_owned()));
    assert!(answer.text().contains("https:"), "{}", answer.text());
    wire.expect_end();
}

#[test]
fn what_is_no_tls_ends_with_an_alert() {
    const ALERT: u8 = 21;
    let server = server(&[]);
    let long = vec![0xff; 20_000];
    for garbage in [&[0_u8; 64][..], &[22, 3, 1, 0, 4, 1, 0, 0, 0], &[23, 3, 3, 0, 1, 0], &long] {
        let mut socket = to_secured(&server);
        socket.write_all(garbage).expect("the server reads");
        let answer = rest(socket);
        assert_eq!(answer.first(), Some(&ALERT), "{garbage:?}");
    }
    // In an established connection, records that are not the peer's, and alerts without end.
    for records in [vec![23, 3, 3, 0, 20], [21, 3, 3, 0, 2, 1, 90].repeat(1_000)] {
        let mut wire = Wire::secured(&server).upgrade(FOLLOW);
        wire.message("live");
        let mut socket = wire.socket().try_clone().expect("a socket has a second handle");
        let _may_be_closed_meanwhile = socket.write_all(&[&records[..], &[7; 20]].concat());
        // It ends, and the server goes on.
        rest(socket);
    }
    let mut live = Wire::secured(&server).upgrade(FOLLOW);
    live.message("live");
}

#[test]
fn a_follower_may_be_cut_off_without_a_word() {
    let server = server(&[]);
    for _ in 0..3 {
        let mut wire = Wire::secured(&server).upgrade(FOLLOW);
        wire.message("live");
        wire.socket().shutdown(Shutdown::Write).expect("the connection is open");
        assert!(!wire.has_more(1 << 20), "it is closed");
    }
    let mut wire = Wire::secured(&server);
    wire.send(SSE);
    assert_eq!(wire.head().status, 200);
    wire.events_until("upToDate");
    wire.reset();
    let mut wire = Wire::secured(&server).upgrade(FOLLOW);
    wire.message("live");
}

#[test]
fn the_end_is_said_in_tls_too() {
    let server = server(&["--keep-alive-timeout", "200ms"]);
    let mut wire = Wire::secured(&server);
    assert_eq!(wire.ask("GET /v1/stream/a HTTP/1.1\r\nHost: t\r\n\r\n").status, 200);
    // rustls makes an error of an end that is not said.
    wire.expect_end();
    let mut wire = Wire::secured(&server);
    let odd = wire.ask("OPTIONS /health/live HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    assert_eq!(odd.field("connection"), Some("close"));
    wire.expect_end();
}
