//! TLS: who is believed, and that everything goes over it.

use crate::front::Front;
use crate::world::{VIAS, follow, live, name, numbers, over, publish, publisher, within};
use std::process::Command;
use tidings_client::{
    Client, ClientOptions, Failure, FollowOptions, ReadError, RootCertificate, Transport, Unreachable, Via,
};
use tidings_model::Start;
use tidings_testkit::{Server, tidings_binary};

fn client(front: &Front, certificate: &str, via: Via) -> Client {
    let root_certificates = RootCertificate::parse_pem(certificate.as_bytes()).unwrap();
    let url = format!("https://localhost:{}", front.address().port());
    Client::with_options(&url, ClientOptions { root_certificates, via, ..ClientOptions::default() }).unwrap()
}

#[tokio::test]
async fn every_transport_and_publishing_go_over_tls() {
    let server = Server::start();
    let (front, certificate) = Front::tls(server.address()).await;
    for (index, via) in VIAS.into_iter().enumerate() {
        let client = client(&front, &certificate, via);
        let stream = format!("tls/{index}");
        let publisher = publisher(&client, &stream);
        publish(&publisher, 1..=10).await;
        let mut follow = follow(&client, &stream, FollowOptions::from(Start::Beginning));
        assert_eq!(numbers(&mut follow, 10).await, (1..=10).collect::<Vec<_>>(), "{via:?}");
        live(&mut follow).await;
        if matches!(via, Via::Auto | Via::WebSocket) {
            over(&client, Transport::WebSocket).await;
        }
        publish(&publisher, 11..=20).await;
        assert_eq!(numbers(&mut follow, 10).await, (11..=20).collect::<Vec<_>>(), "{via:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let server = Server::start();
    let (front, _) = Front::tls(server.address()).await;
    let (_, other) = Front::tls(server.address()).await;
    let error = client(&front, &other, Via::Auto).read(&name("a"), Start::Now, None).await.unwrap_err();
    let ReadError::Failed(Failure::Unreachable(Unreachable::Connect(reason))) = error else {
        panic!("{error:?}")
    };
    assert!(reason.contains("certificate"), "{reason}");
}

#[tokio::test]
async fn the_command_line_takes_a_certificate() {
    let server = Server::start();
    let (front, certificate) = Front::tls(server.address()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, certificate).unwrap();
    let url = format!("https://localhost:{}", front.address().port());
    let mut command = Command::new(tidings_binary());
    command.args(["publish", "a", "hello", "--url", &url, "--ca"]).arg(&file);
    // The front runs on this very thread.
    let output = within(tokio::task::spawn_blocking(move || command.output().unwrap())).await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
