//! A client that says who it is, over every transport.

use crate::world::{VIAS, follow, name, numbers, quick_timing};
use std::sync::{Arc, Mutex};
use tidings_client::{Client, ClientOptions, ContentType, FollowOptions, PublisherOptions, Start, Token};
use tidings_testkit::{Connection, Deadline, Request, Server};

/// The key is `abc`.
const RULES: &str = "[[keys]]\nname = \"k\"\nread = [\"**\"]\npublish = [\"**\"]\ncreate = [\"**\"]\n\
    hash = \"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\n";

#[tokio::test]
async fn a_key_opens_every_transport() {
    let server = Server::builder().settings_file(RULES).start();
    let url = format!("http://{}", server.address());
    let stranger = Client::new(&url).unwrap();
    let refused = stranger.read(&name("keyed/0"), Start::Beginning, None).await.unwrap_err();
    assert!(refused.to_string().contains("Authorization: Bearer"), "{refused}");
    for (index, via) in VIAS.into_iter().enumerate() {
        let token = Some(Token::new("abc"));
        let client =
            Client::with_options(&url, ClientOptions { via, token, ..ClientOptions::default() }).unwrap();
        let stream = format!("keyed/{index}");
        let options = PublisherOptions { create: true, ..PublisherOptions::new(ContentType::json()) };
        let publisher = client.publisher(&name(&stream), options);
        publisher.publish(vec!["1".into()]).await.unwrap();
        let mut follow = follow(&client, &stream, FollowOptions::from(Start::Beginning));
        publisher.publish(vec!["2".into()]).await.unwrap();
        assert_eq!(numbers(&mut follow, 2).await, [1, 2], "{via:?}");
    }
}

/// Two keys that may read, and one that may do everything: `one`, `two`, `root`.
const TWO_KEYS: &str = "\
    [[keys]]\nname = \"one\"\nread = [\"**\"]\n\
    hash = \"sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed\"\n\
    [[keys]]\nname = \"two\"\nread = [\"**\"]\n\
    hash = \"sha256:3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3\"\n\
    [[keys]]\nname = \"root\"\nread = [\"**\"]\npublish = [\"**\"]\ncreate = [\"**\"]\nadmin = [\"**\"]\n\
    hash = \"sha256:4813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b2\"\n";

#[tokio::test]
async fn a_token_that_is_refused_is_asked_for_anew_and_nothing_is_missed() {
    let server = Server::builder().settings_file(TWO_KEYS).start();
    let url = format!("http://{}", server.address());
    let root = ClientOptions { token: Some(Token::new("root")), ..ClientOptions::default() };
    let root = Client::with_options(&url, root).unwrap();
    let options = PublisherOptions { create: true, ..PublisherOptions::new(ContentType::json()) };
    let publisher = root.publisher(&name("s"), options);
    publisher.publish(vec!["1".into()]).await.unwrap();
    let current = Arc::new(Mutex::new("one"));
    let mut follows = Vec::new();
    for via in VIAS {
        let current = Arc::clone(&current);
        let token = Some(Token::from_fn(move || (*current.lock().unwrap()).to_owned()));
        let timing = quick_timing();
        let options = ClientOptions { via, token, timing, ..ClientOptions::default() };
        let client = Client::with_options(&url, options).unwrap();
        let mut followed = follow(&client, "s", FollowOptions::from(Start::Beginning));
        assert_eq!(numbers(&mut followed, 1).await, [1], "{via:?}");
        follows.push((via, client, followed));
    }
    // Refused before the program has another one: it goes on trying.
    let mut admin = Connection::open(server.address()).unwrap();
    let revoke =
        Request::post("/v1/admin/revoke").body(r#"{"key":"one"}"#).header("authorization", "Bearer root");
    let answer = admin.ask(&revoke, Deadline::patient()).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    publisher.publish(vec!["2".into()]).await.unwrap();
    *current.lock().unwrap() = "two";
    publisher.publish(vec!["3".into()]).await.unwrap();
    for (via, _client, followed) in &mut follows {
        assert_eq!(numbers(followed, 2).await, [2, 3], "{via:?}");
    }
}
