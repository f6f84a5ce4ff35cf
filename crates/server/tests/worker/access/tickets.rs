//! Tickets, for what can send no header.

use super::server;
use super::tokens::{KINDS, Kind, Verdict};
use crate::wire::{Answer, Wire};
use serde_json::Value;
use tidings_testkit::{Server, Socket, Upgrade};

const BODY: &str = r#"{"read":["mine/there","mine/nowhere"]}"#;

fn ask(server: &Server, field: &str, body: &str) -> Answer {
    let length = body.len();
    let head = format!("POST /v1/ticket HTTP/1.1\r\nHost: t\r\n{field}Content-Length: {length}\r\n\r\n");
    Wire::connect(server).ask(format!("{head}{body}"))
}

fn ticket(server: &Server) -> String {
    let answer = ask(server, &Kind::Full.field(), BODY);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer: Value = serde_json::from_slice(&answer.body).expect("an answer is JSON");
    assert_eq!(answer["expires_in"], 30);
    answer["ticket"].as_str().expect("a ticket is a text").to_owned()
}

fn get(server: &Server, target: &str) -> (u16, String) {
    let answer = Wire::connect(server).ask(crate::requests::get(target));
    (answer.status, answer.code())
}

#[test]
fn who_may_read_gets_a_ticket() {
    let server = server();
    for kind in KINDS {
        let status = match kind.verdict() {
            Verdict::Unnamed | Verdict::Refused => 401,
            Verdict::Forbidden => 403,
            Verdict::Permitted => 200,
        };
        assert_eq!(ask(&server, &kind.field(), BODY).status, status, "{kind:?}");
    }
    let others = r#"{"read":["mine/there","yours"]}"#;
    assert_eq!(ask(&server, &Kind::Full.field(), others).status, 403);
    assert_eq!(ask(&server, &Kind::Full.field(), "{}").status, 400);
}

#[test]
fn nobody_in_particular_uses_up_the_tickets_of_others() {
    let server = server();
    let public = r#"{"read":["public/x"]}"#;
    let answer = ask(&server, "", public);
    assert_eq!((answer.status, answer.code()), (401, "unauthenticated".to_owned()));
    assert_eq!(ask(&server, &Kind::Full.field(), public).status, 200);
    // Without rules there is nobody else.
    assert_eq!(ask(&Server::start(), "", public).status, 200);
}

#[test]
fn a_ticket_reads_its_streams_once() {
    let server = server();
    let refused = (401, "unauthenticated".to_owned());
    let used = ticket(&server);
    let target = format!("/v1/stream/mine/there?offset=-1&ticket={used}");
    assert_eq!(get(&server, &target).0, 200);
    assert_eq!(get(&server, &target), refused);
    // One that is there and one that is not, of those that it is for.
    assert_eq!(get(&server, &format!("/v1/stream/mine/nowhere?ticket={}", ticket(&server))).0, 404);
    let forbidden = (403, "forbidden".to_owned());
    assert_eq!(get(&server, &format!("/v1/stream/mine/other?ticket={}", ticket(&server))), forbidden);
    assert_eq!(get(&server, "/v1/stream/mine/there?ticket=x"), refused);
    // Only what reads takes tickets.
    let publish = format!(
        "POST /v1/stream/mine/there?ticket={} HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n\
         Content-Length: 1\r\n\r\n1",
        ticket(&server)
    );
    assert_eq!(Wire::connect(&server).answer_to(&publish), refused);
    assert_eq!(get(&server, &format!("/v1/streams?ticket={}", ticket(&server))), refused);
}

#[test]
fn a_ticket_opens_what_a_page_can_open() {
    let server = server();
    let mut wire = Wire::connect(&server);
    wire.send(crate::requests::get(&format!(
        "/v1/stream/mine/there?offset=-1&live=sse&ticket={}",
        ticket(&server)
    )));
    assert_eq!(wire.head().status, 200);
    wire.take_until(b"upToDate");

    let open = |ticket: &str| {
        let target = format!("/v1/stream/mine/there?offset=-1&ticket={ticket}");
        match Socket::open(server.address(), &target).expect("the server answers") {
            Upgrade::Open(socket) => socket,
            Upgrade::Refused(answer) => panic!("{answer:?}"),
        }
    };
    let used = ticket(&server);
    for (kind, mut socket) in [("subscribed", open(&used)), ("error", open(&used))] {
        assert_eq!(socket.expect_json()["type"], "hello");
        assert_eq!(socket.expect_json()["type"], kind);
    }
}
