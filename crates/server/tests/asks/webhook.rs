//! The application decides: whatever way somebody comes.

use crate::signing::{Key, set};
use crate::{ask, get, with_token};
use serde_json::{Value, json};
use std::sync::{Arc, Condvar, Mutex};
use tidings_testkit::{
    Asked, Connection, Deadline, Elsewhere, Request, Server, ServerBuilder, Socket, Told, Upgrade, eventually,
};

/// Rules that permit everything, of which the application is asked.
pub(crate) fn builder(application: &Elsewhere, more: &str) -> ServerBuilder {
    let url = application.url("/may");
    Server::builder().setting("--workers", "1").settings_file(&format!(
        "webhook_url = {url:?}\n{more}\n[[rights]]\nto = \"anybody\"\nread = [\"**\"]\npublish = [\"**\"]\n\
         create = [\"**\"]\ndelete = [\"**\"]\nlist = [\"**\"]\n"
    ))
}

/// Permits what is below `yes/`, and every connection.
fn by_name(asked: &Asked) -> Told {
    let question = asked.json();
    let is_permitted = question["stream"].as_str().is_none_or(|name| name.starts_with("yes/"));
    Told::json(&json!({ "allow": is_permitted, "max_age": 60 }))
}

pub(crate) fn put(stream: &str) -> Request {
    Request::new("PUT", format!("/v1/stream/{stream}")).header("Content-Type", "application/json")
}

pub(crate) fn post(stream: &str, body: &str) -> Request {
    Request::post(format!("/v1/stream/{stream}")).json(body)
}

#[test]
fn every_request_is_decided_by_the_application() {
    let application = Elsewhere::start(by_name);
    let server = builder(&application, "").start();
    let requests = |stream: &str| {
        let path = format!("/v1/stream/{stream}");
        [
            ("create", "publish", "http", put(stream)),
            ("publish", "publish", "http", post(stream, "1")),
            ("read", "read", "poll", get(&format!("{path}?offset=-1"))),
            ("read", "read", "long-poll", get(&format!("{path}?offset=-1&live=long-poll"))),
            ("read", "read", "http", Request::new("HEAD", path.clone())),
            ("delete", "publish", "http", Request::new("DELETE", path)),
        ]
    };
    let statuses = [201, 204, 200, 200, 200, 204];
    for ((right, event, transport, request), status) in requests("yes/a").into_iter().zip(statuses) {
        let answer = ask(&server, &request);
        assert_eq!(answer.status, status, "{right}: {}", answer.text());
        let question = application.asked().pop().expect("it was asked").json();
        let expected = json!({ "event": event, "right": right, "stream": "yes/a", "kind": "anybody", "subject": null,
            "claims": null, "address": "127.0.0.1", "transport": transport });
        assert_eq!(question, expected);
    }
    let before = application.count();
    for (right, _, _, request) in requests("no/a") {
        let answer = ask(&server, &request);
        assert_eq!(answer.status, 401, "{right}: {}", answer.text());
    }
    assert_eq!(application.count(), before + 6);
    // What is remembered is not asked again.
    for (_, _, _, request) in requests("no/a") {
        assert_eq!(ask(&server, &request).status, 401);
    }
    assert_eq!(application.count(), before + 6);
    // The rules alone decide who sees the list.
    assert_eq!(ask(&server, &get("/v1/streams")).status, 200);
    assert_eq!(application.count(), before + 6);
}

#[test]
fn of_many_streams_those_that_are_permitted_go_on() {
    let application = Elsewhere::start(by_name);
    let server = builder(&application, "").start();
    for stream in ["yes/a", "yes/b"] {
        assert_eq!(ask(&server, &put(stream)).status, 201);
    }
    let streams = ["yes/a", "no/a", "yes/b"].map(|stream| json!({ "stream": stream, "offset": "-1" }));
    let body = json!({ "streams": streams }).to_string();
    let answer = ask(&server, &Request::post("/v1/read").json(body));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let frames: Vec<Value> = serde_json::from_slice(&answer.body).unwrap();
    let errors: Vec<_> = frames.iter().filter(|frame| frame["type"] == "error").collect();
    assert_eq!(errors.len(), 1, "{frames:?}");
    assert_eq!((&errors[0]["stream"], &errors[0]["code"]), (&json!("no/a"), &json!("unauthenticated")));
    assert_eq!(frames.iter().filter(|frame| frame["type"] == "live").count(), 2, "{frames:?}");
}

#[test]
fn who_has_a_token_is_told_to_the_application_with_its_claims_and_a_ticket_is_asked_about() {
    let key = Key::new("a");
    let keys = set(&[&key]);
    let application =
        Elsewhere::start(
            move |asked| {
                if asked.target == "/keys" { Told::json(&keys) } else { by_name(asked) }
            },
        );
    let more = format!("token_keys_url = {:?}", application.url("/keys"));
    let server = builder(&application, &more).start();
    let questions = || {
        let asked = application.asked();
        asked.into_iter().filter(|asked| asked.target == "/may").map(|asked| asked.json()).collect::<Vec<_>>()
    };
    let ticket = |stream: &str| {
        let body = json!({ "read": [stream] }).to_string();
        ask(&server, &with_token(Request::post("/v1/ticket").json(body), &key.token("ann")))
    };
    let refused = ticket("no/a");
    assert_eq!((refused.status, refused.code()), (403, "forbidden".to_owned()));
    assert!(refused.header("WWW-Authenticate").is_some());
    let given = ticket("yes/a");
    assert_eq!(given.status, 200, "{}", given.text());
    let question = questions().pop().unwrap();
    let told = ["kind", "subject", "stream", "event"].map(|name| question[name].as_str().unwrap_or_default());
    assert_eq!(told, ["token", "ann", "yes/a", "read"]);
    assert_eq!(question["claims"]["team"], "blue");
    let ticket: Value = serde_json::from_slice(&given.body).unwrap();
    let target = format!("/v1/stream/yes/a?ticket={}", ticket["ticket"].as_str().unwrap());
    // It is used once, and the request is not dispatched with it again after it has waited.
    assert_eq!(ask(&server, &get(&target)).status, 404);
    assert_eq!(questions().pop().unwrap()["kind"], "ticket");
    assert_eq!(ask(&server, &get(&target)).status, 401);
}

#[test]
fn a_websocket_is_decided_at_its_opening_and_for_each_stream() {
    let application = Elsewhere::start(by_name);
    let server = builder(&application, "").start();
    assert_eq!(ask(&server, &put("yes/a")).status, 201);
    let refused = Socket::open(server.address(), "/v1/stream/no/a").unwrap();
    assert!(matches!(&refused, Upgrade::Refused(answer) if answer.status == 401), "{refused:?}");
    let mut socket = Socket::expect(server.address(), "/v1/ws");
    assert_eq!(application.asked().pop().unwrap().json()["event"], "connect");
    // All of it comes while the first of it waits.
    for stream in ["no/a", "yes/a"] {
        let publish = json!({ "type": "publish", "id": stream, "stream": stream, "data": 1 });
        socket.send_text(&publish.to_string()).unwrap();
        let subscribe = json!({ "type": "subscribe", "stream": stream, "offset": "-1" });
        socket.send_text(&subscribe.to_string()).unwrap();
    }
    let mut kinds = Vec::new();
    while kinds.len() < 7 {
        let frame = socket.expect_json();
        kinds.push(format!("{} {}", frame["type"].as_str().unwrap(), frame["stream"].as_str().unwrap_or("")));
    }
    assert_eq!(kinds[..3], ["hello ", "error no/a", "error no/a"]);
    for kind in ["published yes/a", "subscribed yes/a", "message yes/a", "live yes/a"] {
        assert!(kinds[3..].iter().any(|told| told == kind), "{kinds:?}");
    }
}

const UNBROKEN: &str = "nobody panics while holding it";

/// Something that a test lets go.
#[derive(Clone, Default)]
pub(crate) struct Latch(Arc<(Mutex<bool>, Condvar)>);

impl Latch {
    pub(crate) fn open(&self) {
        *self.0.0.lock().expect(UNBROKEN) = true;
        self.0.1.notify_all();
    }

    pub(crate) fn wait(&self) {
        let mut is_open = self.0.0.lock().expect(UNBROKEN);
        while !*is_open {
            is_open = self.0.1.wait(is_open).expect(UNBROKEN);
        }
    }
}

/// Answers yes, as soon as it is let go.
pub(crate) fn behind(latch: &Latch) -> impl Fn(&Asked) -> Told + Send + 'static {
    let latch = latch.clone();
    move |_| {
        latch.wait();
        Told::json(&json!({ "allow": true, "max_age": 60 }))
    }
}

#[test]
fn equal_questions_are_asked_once_and_pipelined_requests_are_answered_in_order() {
    let latch = Latch::default();
    let application = Elsewhere::start(behind(&latch));
    let server = builder(&application, "webhook_timeout = \"30s\"\n").start();
    let mut connections: Vec<_> = (0..20).map(|_| Connection::open(server.address()).unwrap()).collect();
    for connection in &mut connections {
        connection.send(&get("/v1/stream/a")).unwrap();
        connection.send(&get("/health/live")).unwrap();
        connection.send(&get("/v1/stream/a")).unwrap();
    }
    // One that goes meanwhile.
    drop(connections.pop());
    eventually("it is asked", || (application.count() == 1).then_some(()));
    latch.open();
    for connection in &mut connections {
        for status in [404, 200, 404] {
            let answer = connection.answer(&get("/"), Deadline::patient()).unwrap().unwrap();
            assert_eq!(answer.status, status, "{}", answer.text());
        }
    }
    assert_eq!(application.count(), 1);
}

#[test]
fn what_the_server_reads_by_hyper_waits_as_well() {
    let application = Elsewhere::start(by_name);
    let server = builder(&application, "").start();
    let mut connection = Connection::open(server.address()).unwrap();
    let chunked = |stream: &str| {
        format!(
            "POST /v1/stream/{stream}?create=true HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n\
             Transfer-Encoding: chunked\r\n\r\n1\r\n7\r\n0\r\n\r\n"
        )
    };
    for (stream, status) in [("yes/a", 204), ("no/a", 401), ("yes/b", 204)] {
        connection.send_raw(chunked(stream).as_bytes()).unwrap();
        let answer = connection.answer(&get("/"), Deadline::patient()).unwrap().unwrap();
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    assert_eq!(ask(&server, &get("/v1/stream/yes/a?offset=-1")).text(), "[7]");
}

#[test]
fn questions_are_signed() {
    let secret = "0123456789abcdef0123456789abcdef";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, format!("{secret}\n")).unwrap();
    let application = Elsewhere::start(by_name);
    let server =
        builder(&application, &format!("webhook_secret_file = {:?}", path.display().to_string())).start();
    assert_eq!(ask(&server, &get("/v1/stream/yes/a")).status, 404);
    let asked = application.asked().pop().unwrap();
    let signature = asked.field("tidings-signature").expect("it is signed");
    let (time, tag) = signature.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")).unwrap();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    let tag: Vec<u8> =
        (0..tag.len()).step_by(2).map(|at| u8::from_str_radix(&tag[at..at + 2], 16).unwrap()).collect();
    let signed = [time.as_bytes(), b".", &asked.body].concat();
    assert!(ring::hmac::verify(&key, &signed, &tag).is_ok());
    assert!(time.parse::<u64>().unwrap().abs_diff(crate::signing::now_s()) < 60);
}

#[test]
fn only_the_events_that_are_named_are_asked_about_and_the_rules_come_first() {
    let application = Elsewhere::start(|_| Told::json(&json!({ "allow": false })));
    let url = application.url("/may");
    let server = Server::builder()
        .settings_file(&format!(
            "webhook_url = {url:?}\nwebhook_events = \"publish\"\n[[rights]]\nto = \"anybody\"\nread = [\"**\"]\n"
        ))
        .start();
    assert_eq!(ask(&server, &get("/v1/stream/a")).status, 404);
    assert_eq!(ask(&server, &post("a", "1")).status, 401);
    assert_eq!(application.count(), 0);
}
