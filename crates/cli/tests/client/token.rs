//! A client that says who it is, over every transport.

use crate::world::{VIAS, follow, name, numbers};
use tidings_client::{Client, ClientOptions, ContentType, FollowOptions, PublisherOptions, Start, Token};
use tidings_testkit::Server;

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
