//! A request that has waited for the application passes the same gates as one that has not, each once.

use crate::signing::{Key, set};
use crate::webhook::{Latch, behind, builder, post, put};
use crate::{ask, get, with_token};
use serde_json::{Value, json};
use std::time::Duration;
use tidings_testkit::{Connection, Deadline, Elsewhere, Request, Response, Server, Socket, Told, eventually};

/// An application that is also the issuer of that key, and answers as soon as the latch is open.
fn application(key: &Key, latch: &Latch) -> Elsewhere {
    let (keys, decide) = (set(&[key]), behind(latch));
    Elsewhere::start(move |asked| if asked.target == "/keys" { Told::json(&keys) } else { decide(asked) })
}

fn questions(application: &Elsewhere) -> usize {
    application.asked().iter().filter(|asked| asked.target == "/may").count()
}

/// With a key and an issuer, an answer that takes long, and what else is said before the tables.
fn start(application: &Elsewhere, more: &str) -> Server {
    let keys = application.url("/keys");
    builder(application, &format!("token_keys_url = {keys:?}\nwebhook_timeout = \"30s\"\n{more}")).start()
}

/// The request, once the application has its question, and before it has answered.
fn waiting(server: &Server, application: &Elsewhere, request: &Request) -> Connection {
    let before = questions(application);
    let mut connection = Connection::open(server.address()).expect("the server accepts");
    connection.send(request).expect("it is sent");
    eventually("it is asked", || (before < questions(application)).then_some(()));
    connection
}

fn answer(connection: &mut Connection) -> Response {
    connection.answer(&get("/"), Deadline::patient()).expect("it is HTTP").expect("it is answered")
}

#[test]
fn who_was_revoked_while_they_waited_is_refused() {
    let (key, latch) = (Key::new("a"), Latch::default());
    let application = application(&key, &latch);
    let server = start(&application, "");
    let read = with_token(get("/v1/stream/a"), &key.token("ann"));
    let mut held = waiting(&server, &application, &read);
    let admin = key.sign(
        &json!({ "sub": "root", "exp": crate::signing::now_s() + 600, "tidings": { "admin": ["**"] } }),
    );
    let revoke = Request::post("/v1/admin/revoke").json(json!({ "subject": "ann" }).to_string());
    assert_eq!(ask(&server, &with_token(revoke, &admin)).status, 200);
    latch.open();
    let refused = answer(&mut held);
    assert_eq!((refused.status, refused.code()), (401, "revoked".to_owned()));
}

#[test]
fn rules_that_changed_while_somebody_waited_hold() {
    let (key, latch) = (Key::new("a"), Latch::default());
    let application = application(&key, &latch);
    let settings = |streams: &str| {
        let [keys, url] = ["/keys", "/may"].map(|path| application.url(path));
        format!(
            "token_keys_url = {keys:?}\nwebhook_url = {url:?}\nwebhook_timeout = \"30s\"\n\
             [[rights]]\nto = \"anybody\"\nread = [\"{streams}\"]\n"
        )
    };
    let server = Server::builder().settings_file(&settings("**")).start();
    let mut anybody = waiting(&server, &application, &get("/v1/stream/a"));
    let mut named = waiting(&server, &application, &with_token(get("/v1/stream/a"), &key.token("ann")));
    server.write_settings(&settings("b/**"));
    server.reload();
    // The worker has them: whoever comes now is refused.
    eventually("the rules hold", || (ask(&server, &get("/v1/stream/a")).status == 401).then_some(()));
    latch.open();
    for held in [&mut anybody, &mut named] {
        assert_eq!(answer(held).status, 401);
    }
    // What the issuer has published is still known, and so is who is signed by it.
    let again = ask(&server, &with_token(get("/v1/stream/a"), &key.token("ann")));
    assert_eq!(again.status, 404, "{}", again.text());
    assert_eq!(application.asked().iter().filter(|asked| asked.target == "/keys").count(), 1);
}

#[test]
fn limits_count_what_has_waited_once() {
    let application = Elsewhere::start(|_| Told::json(&json!({ "allow": true })));
    let more = "unlimited_addresses = \"\"\nlimit_burst = \"10s\"\npublish_rate_per_address = 1\nmax_follows_per_address = 2\n\
                [[rights]]\nto = \"anybody\"\nadmin = [\"**\"]\n";
    let server = builder(&application, more).start();
    assert_eq!(ask(&server, &put("a")).status, 201);
    // Ten at once, and one for each second that this takes.
    let published = (0..60).take_while(|_| ask(&server, &post("a", "1")).status == 204).count();
    assert!((10..30).contains(&published), "{published}");
    let refused = ask(&server, &post("a", "1"));
    assert_eq!((refused.status, refused.code()), (429, "limit_exceeded".to_owned()));
    let mut followers: Vec<_> = (0..2)
        .map(|_| {
            let mut connection = Connection::open(server.address()).unwrap();
            connection.send(&get("/v1/stream/a?offset=now&live=long-poll&timeout=60")).unwrap();
            connection
        })
        .collect();
    let third = || ask(&server, &get("/v1/stream/a?offset=now&live=long-poll&timeout=0.1")).status;
    let both = "tidings_followers{transport=\"long-poll\"} 2\n";
    eventually("both follow", || ask(&server, &get("/metrics")).text().contains(both).then_some(()));
    assert_eq!(third(), 429);
    eventually("it may be published again", || (ask(&server, &post("a", "1")).status == 204).then_some(()));
    for follower in &mut followers {
        assert_eq!(answer(follower).status, 200);
    }
    // Neither follows any more.
    assert_eq!(third(), 204);
}

#[test]
fn a_websocket_that_is_limited_waits_as_well() {
    let (key, latch) = (Key::new("a"), Latch::default());
    let (keys, held) = (set(&[&key]), latch.clone());
    let application = Elsewhere::start(move |asked| {
        if asked.target == "/keys" {
            return Told::json(&keys);
        }
        if asked.json()["subject"] == "ann" {
            held.wait();
        }
        Told::json(&json!({ "allow": true, "max_age": 60 }))
    });
    let more = "webhook_events = \"read,publish\"\nunlimited_addresses = \"\"\nmax_follows_per_address = 1\n";
    let server = start(&application, more);
    assert_eq!(ask(&server, &put("a")).status, 201);
    let before = questions(&application);
    let mut socket = Socket::expect(server.address(), "/v1/ws");
    // Its key may have to be fetched first; the others wait behind it.
    let token = key.token("ann");
    socket.send_text(&json!({ "type": "auth", "token": token }).to_string()).unwrap();
    socket.send_text(&json!({ "type": "publish", "id": "1", "stream": "a", "data": 1 }).to_string()).unwrap();
    for (stream, offset) in [("a", "-1"), ("b", "-1")] {
        let subscribe = json!({ "type": "subscribe", "stream": stream, "offset": offset });
        socket.send_text(&subscribe.to_string()).unwrap();
    }
    eventually("it is asked", || (before < questions(&application)).then_some(()));
    latch.open();
    let mut told = Vec::new();
    while told.len() < 7 {
        let frame = socket.expect_json();
        let words = ["type", "stream", "code"].map(|member| frame[member].as_str().unwrap_or("-").to_owned());
        told.push(words.join(" "));
    }
    assert_eq!(told[..2], ["hello - -", "authenticated - -"]);
    for frame in ["published a -", "subscribed a -", "message a -", "live a -", "error b limit_exceeded"] {
        assert!(told.iter().any(|told| told == frame), "{frame}: {told:?}");
    }
}

#[test]
fn a_page_is_told_of_the_answer_and_kept_to_its_streams() {
    let application = Elsewhere::start(|_| Told::json(&json!({ "allow": true })));
    let more = "[[origins]]\nallow = \"https://app.test\"\nstreams = [\"app/**\"]\n";
    let server = builder(&application, more).start();
    let from = |origin: &str, target: &str| ask(&server, &get(target).header("Origin", origin));
    assert_eq!(ask(&server, &put("app/a")).status, 201);
    let asked = application.count();
    let own = from("https://app.test", "/v1/stream/app/a?offset=-1");
    assert_eq!((own.status, own.header("Access-Control-Allow-Origin")), (200, Some("https://app.test")));
    let held = from("https://app.test", "/v1/stream/app/a?offset=-1&live=long-poll&timeout=0.05");
    assert_eq!((held.status, held.header("Access-Control-Allow-Origin")), (204, Some("https://app.test")));
    assert_eq!(application.count(), asked + 2);
    // What is refused anyway is not asked.
    let other = from("https://app.test", "/v1/stream/other");
    assert_eq!((other.status, other.code()), (403, "origin_refused".to_owned()));
    assert_eq!(from("https://evil.test", "/v1/stream/app/a").status, 403);
    assert_eq!(application.count(), asked + 2);
    application.change(|_| Told::Cut);
    let away = from("https://app.test", "/v1/stream/app/b");
    assert_eq!((away.status, away.header("Access-Control-Allow-Origin")), (503, Some("https://app.test")));
}

#[test]
fn operators_see_what_is_asked() {
    let (key, latch) = (Key::new("a"), Latch::default());
    latch.open();
    let application = application(&key, &latch);
    let server = start(&application, "webhook_failures = 1\nwebhook_pause = \"10m\"\n");
    let admin = key.sign(
        &json!({ "sub": "root", "exp": crate::signing::now_s() + 600, "tidings": { "admin": ["**"] } }),
    );
    let scrape = || ask(&server, &with_token(get("/metrics"), &admin)).text();
    let value = |name: &str| -> f64 {
        let text = scrape();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name}: {text}")).parse().unwrap()
    };
    assert_eq!(ask(&server, &get("/v1/stream/a")).status, 404);
    application.change(|_| Told::json(&json!({ "allow": false })));
    assert_eq!(ask(&server, &get("/v1/stream/b")).status, 401);
    assert!(value("tidings_webhook_left_alone").abs() < 0.5);
    application.change(|_| Told::Cut);
    assert_eq!(ask(&server, &get("/v1/stream/c")).status, 503);
    assert_eq!(ask(&server, &get("/v1/stream/d")).status, 503);
    for result in ["allowed", "forbidden", "failed", "left_alone"] {
        let name = format!("tidings_webhook_questions_total{{result=\"{result}\"}}");
        assert!((value(&name) - 1.0).abs() < 0.5, "{result}");
    }
    assert!((value("tidings_webhook_seconds_count") - 3.0).abs() < 0.5);
    assert!((value("tidings_webhook_left_alone") - 1.0).abs() < 0.5);
    assert!(value("tidings_webhook_waiting").abs() < 0.5);
    assert!((value("tidings_token_keys") - 1.0).abs() < 0.5);
    assert!((value("tidings_token_keys_fetches_total{result=\"keys\"}") - 1.0).abs() < 0.5);
    assert!(value("tidings_token_keys_age_seconds") < 600.0);
}

#[test]
fn the_room_of_those_who_wait_is_bounded() {
    const BODY_BYTES: usize = 60 << 10;
    let latch = Latch::default();
    let application = Elsewhere::start(behind(&latch));
    let more =
        "webhook_timeout = \"30s\"\nmax_message_bytes = \"64 KiB\"\nrequest_memory_bytes = \"256 KiB\"\n";
    let server = builder(&application, more).start();
    let body = json!("x".repeat(BODY_BYTES)).to_string();
    let mut publishers: Vec<_> = (0..8)
        .map(|_| {
            let mut connection = Connection::open(server.address()).unwrap();
            connection.send(&Request::post("/v1/stream/a").json(body.clone())).unwrap();
            connection
        })
        .collect();
    // All ask the same, and only so many fit.
    let mut busy = 0;
    eventually("those are refused that don't fit", || {
        publishers.retain_mut(|connection| {
            let deadline = Deadline::after(Duration::from_millis(20));
            let Some(answer) = connection.answer(&get("/"), deadline).unwrap() else { return true };
            assert_eq!((answer.status, answer.code()), (503, "too_busy".to_owned()));
            busy += 1;
            false
        });
        (busy == 4).then_some(())
    });
    assert_eq!(application.count(), 1);
    latch.open();
    for held in &mut publishers {
        assert_eq!(answer(held).status, 404);
    }
    // It is given back.
    let again = ask(&server, &Request::post("/v1/stream/a").json(body));
    assert_eq!(again.status, 404, "{}", again.text());
}

#[test]
fn nobody_fills_the_line_alone_and_nobody_stands_in_it_for_ever() {
    let latch = Latch::default();
    let application = Elsewhere::start(behind(&latch));
    let more = "trusted_proxies = \"127.0.0.1\"\nwebhook_max_waiting_per_address = 2\nwebhook_concurrency = 1\n\
                webhook_timeout = \"1s\"\nwebhook_failures = 1000\n";
    let server = builder(&application, more).start();
    let read =
        |client: &str, stream: &str| get(&format!("/v1/stream/{stream}")).header("X-Forwarded-For", client);
    let sent = |request: &Request| {
        let mut connection = Connection::open(server.address()).unwrap();
        connection.send(request).unwrap();
        connection
    };
    let mut one: Vec<_> = ["a", "b"].map(|stream| sent(&read("203.0.113.7", stream))).into();
    eventually("it is asked", || (application.count() == 1).then_some(()));
    eventually("the third is refused", || {
        (ask(&server, &read("203.0.113.7", "c")).code() == "too_busy").then_some(())
    });
    // Others have their own share, of which the last ones have to wait for longer than they may.
    let streams: Vec<String> = (0..8).map(|number| format!("s/{number}")).collect();
    let others: Vec<_> = streams
        .iter()
        .enumerate()
        .map(|(number, stream)| sent(&read(&format!("203.0.113.{}", 20 + number), stream)))
        .collect();
    one.extend(others);
    let statuses: Vec<_> = one.iter_mut().map(|held| (answer(held).status, 1)).collect();
    assert!(statuses.iter().all(|(status, _)| *status == 503), "{statuses:?}");
    // One after the other, a second each, for five seconds.
    let asked = application.count();
    assert!(asked < 10, "{asked}");
    let named = |value: &Value| value["stream"].as_str().unwrap_or_default().to_owned();
    assert!(application.asked().iter().all(|asked| named(&asked.json()) != "s/7"));
    latch.open();
}
