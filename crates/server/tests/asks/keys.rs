//! The keys that an issuer publishes.

use crate::signing::{Key, set};
use crate::{ask, get, with_token};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use tidings_testkit::{Connection, Deadline, Elsewhere, Server, ServerBuilder, Told, eventually};

/// A server that believes what that issuer has signed.
fn builder(issuer: &Elsewhere, more: &str) -> ServerBuilder {
    let url = issuer.url("/keys?client=secret");
    Server::builder().settings_file(&format!("token_keys_url = {url:?}\n{more}"))
}

const QUICK: &str = "token_keys_pause = \"100ms\"\ntoken_keys_refresh = \"1s\"\n";

/// The status and code with which a read is answered; 404 is for whoever may read, since there is no stream.
fn read(server: &Server, token: &str) -> (u16, String) {
    let answer = ask(server, &with_token(get("/v1/stream/a"), token));
    (answer.status, answer.code())
}

fn is_believed(server: &Server, token: &str) -> bool {
    let (status, code) = read(server, token);
    assert!(matches!(status, 404 | 401 | 503), "{status} {code}");
    status == 404
}

#[test]
fn tokens_are_believed_by_what_their_issuer_publishes_and_no_longer_than_that() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let keys = set(&[&old]);
    let issuer = Elsewhere::start(move |_| Told::json(&keys));
    let server = builder(&issuer, QUICK).start();
    // The first one may come before the first fetch has ended.
    assert!(is_believed(&server, &old.token("ann")));
    assert_eq!(read(&server, &new.token("ann")), (401, "unauthenticated".to_owned()));
    let both = set(&[&old, &new]);
    issuer.change(move |_| Told::json(&both));
    eventually("the new key is fetched", || is_believed(&server, &new.token("ann")).then_some(()));
    assert!(is_believed(&server, &old.token("ann")));
    let keys = set(&[&new]);
    issuer.change(move |_| Told::json(&keys));
    eventually("the old key is gone", || (!is_believed(&server, &old.token("ann"))).then_some(()));
    assert!(is_believed(&server, &new.token("ann")));
    // Where it asks for the keys is nobody's business.
    assert!(!server.printed().contains("client=secret"), "{}", server.printed());
}

#[test]
fn keys_change_under_load_and_nobody_with_a_good_token_is_refused() {
    let keys: [Key; 4] = ["0", "1", "2", "3"].map(Key::new);
    let first = set(&[&keys[0]]);
    let issuer = Elsewhere::start(move |_| Told::json(&first));
    let server = builder(&issuer, QUICK).start();
    let over = AtomicBool::new(false);
    // An issuer publishes a key before it signs with it, and for as long as tokens of it are about.
    let tokens: Vec<_> = keys.iter().map(|key| key.token("ann")).collect();
    thread::scope(|scope| {
        let asked: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = Connection::open(server.address()).unwrap();
                    let mut count = 0;
                    while !over.load(Ordering::Relaxed) {
                        // The one that stays.
                        let request = with_token(get("/v1/stream/a"), &tokens[0]);
                        let answer = connection.ask(&request, Deadline::patient()).unwrap();
                        assert_eq!(answer.status, 404, "{}", answer.text());
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        for (key, token) in keys.iter().zip(&tokens).skip(1) {
            let both = set(&[&keys[0], key]);
            issuer.change(move |_| Told::json(&both));
            eventually("the next key is fetched", || is_believed(&server, token).then_some(()));
        }
        over.store(true, Ordering::Relaxed);
        assert!(asked.into_iter().all(|thread| 0 < thread.join().unwrap()));
    });
}

#[test]
fn a_server_starts_while_the_issuer_is_away_and_remembers_its_keys() {
    let key = Key::new("a");
    let issuer = Elsewhere::start(|_| Told::Cut);
    let mut server = builder(&issuer, QUICK).start();
    let answer = ask(&server, &with_token(get("/v1/stream/a"), &key.token("ann")));
    assert_eq!((answer.status, answer.code()), (503, "authority_unavailable".to_owned()));
    assert!(answer.header("Retry-After").is_some());
    // Whoever needs no token is served.
    assert_eq!(ask(&server, &get("/v1/stream/a")).status, 401);
    assert_eq!(ask(&server, &get("/health/live")).status, 200);
    let keys = set(&[&key]);
    issuer.change(move |_| Told::json(&keys));
    eventually("the keys are fetched", || is_believed(&server, &key.token("ann")).then_some(()));
    issuer.change(|_| Told::Cut);
    server.restart();
    assert!(is_believed(&server, &key.token("bob")), "they were kept");
}

#[test]
fn what_is_no_set_of_keys_changes_nothing() {
    let (key, stranger) = (Key::new("a"), Key::new("b"));
    let keys = set(&[&key]);
    let issuer = Elsewhere::start(move |_| Told::json(&keys));
    let server = builder(&issuer, QUICK).start();
    assert!(is_believed(&server, &key.token("ann")));
    let elsewhere = {
        let keys = set(&[&stranger]);
        Elsewhere::start(move |_| Told::json(&keys))
    };
    let redirect = format!("Location: {}\r\n", elsewhere.url("/"));
    let secret = json!({ "keys": [{ "kty": "oct", "k": "a".repeat(64) }] });
    let large = json!({ "keys": [stranger.published()], "x": "x".repeat(10 << 20) });
    let many = json!({ "keys": vec![stranger.published(); 33] });
    let wrong = [
        Told::json("<p>garbage</p>"),
        Told::json("{}"),
        Told::json(&json!({ "keys": [] })),
        Told::json(&secret),
        Told::json(&large),
        Told::json(&many),
        Told::Endless,
        Told::Answer(302, redirect, Vec::new()),
        Told::Answer(404, String::new(), set(&[&stranger]).to_string().into_bytes()),
    ];
    for told in wrong {
        let before = issuer.count();
        let shown = format!("{told:?}").chars().take(100).collect::<String>();
        issuer.change(move |_| told.clone());
        // The second one begins when the first one has ended; whoever comes with an unknown key has it fetched.
        eventually("it is asked again", || {
            assert!(!is_believed(&server, &stranger.token("ann")), "{shown}");
            (before + 2 <= issuer.count()).then_some(())
        });
        assert!(is_believed(&server, &key.token("ann")), "{shown}");
        assert!(!is_believed(&server, &stranger.token("ann")), "{shown}");
    }
    assert_eq!(elsewhere.count(), 0);
}

#[test]
fn however_many_unknown_keys_come_the_issuer_is_asked_now_and_then() {
    let key = Key::new("a");
    let keys = set(&[&key]);
    let issuer = Elsewhere::start(move |_| Told::json(&keys));
    let server = builder(&issuer, "token_keys_pause = \"1h\"\ntoken_keys_refresh = \"1d\"\n").start();
    assert!(is_believed(&server, &key.token("ann")));
    let mut connection = Connection::open(server.address()).unwrap();
    for number in 0..200 {
        let token = Key::new("another").token(&number.to_string());
        let answer = connection.ask(&with_token(get("/v1/stream/a"), &token), Deadline::patient()).unwrap();
        assert_eq!(answer.status, 401, "{}", answer.text());
    }
    assert_eq!(issuer.count(), 1);
}

#[test]
fn keys_that_are_too_old_are_believed_no_longer() {
    let key = Key::new("a");
    let keys = set(&[&key]);
    let issuer = Elsewhere::start(move |_| Told::json(&keys));
    let server = builder(&issuer, &format!("{QUICK}token_keys_keep = \"1s\"\n")).start();
    assert!(is_believed(&server, &key.token("ann")));
    issuer.change(|_| Told::status(500));
    eventually("they end", || (read(&server, &key.token("ann")).0 == 503).then_some(()));
}
