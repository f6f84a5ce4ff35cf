//! TLS: who is believed, and that everything goes over it.

use crate::front::Front;
use crate::world::{VIAS, follow, live, name, numbers, over, publish, publisher};
use std::net::SocketAddr;
use std::process::Command;
use tidings_client::{
    Client, ClientOptions, Failure, FollowOptions, ReadError, RootCertificate, Transport, Unreachable, Via,
};
use tidings_model::Start;
use tidings_testkit::{Server, tidings_binary};

fn client(front: &Front, certificate: &str, via: Via) -> Client {
    client_at(front.address(), certificate, via)
}

fn client_at(address: SocketAddr, certificate: &str, via: Via) -> Client {
    let root_certificates = RootCertificate::parse_pem(certificate.as_bytes()).unwrap();
    let url = format!("https://localhost:{}", address.port());
    Client::with_options(&url, ClientOptions { root_certificates, via, ..ClientOptions::default() }).unwrap()
}

#[tokio::test]
async fn every_transport_and_publishing_go_over_tls() {
    let server = Server::start();
    let (front, certificate) = Front::tls(server.address()).await;
    each_transport_brings_all(front.address(), &certificate).await;
}

#[tokio::test]
async fn every_transport_and_publishing_go_over_the_tls_of_the_server() {
    let server = Server::builder().secured().start();
    let certificate = std::fs::read_to_string(server.authority().file()).unwrap();
    each_transport_brings_all(server.secured_address(), &certificate).await;
}

async fn each_transport_brings_all(address: SocketAddr, certificate: &str) {
    for (index, via) in VIAS.into_iter().enumerate() {
        let client = client_at(address, certificate, via);
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

#[test]
fn the_command_line_takes_a_certificate() {
    let server = Server::builder().secured().start();
    let run = |line: &str, certified: bool| {
        let mut command = Command::new(tidings_binary());
        command.args(line.split_whitespace());
        command.args(["--url", &format!("https://localhost:{}", server.secured_address().port())]);
        if certified {
            command.arg("--ca").arg(server.authority().file());
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), String::from_utf8(output.stdout).unwrap(), said)
    };
    for text in ["one", "two"] {
        let (is_done, _, said) = run(&format!("publish a {text}"), true);
        assert!(is_done, "{said}");
    }
    for via in ["auto", "poll", "long-poll", "sse", "websocket"] {
        let (is_done, printed, said) = run(&format!("follow a --from beginning --count 2 --via {via}"), true);
        assert!(is_done, "{via}: {said}");
        assert_eq!(printed, "one\ntwo\n", "{via}");
    }
    let (is_done, printed, said) = run("follow a --retry-for 200ms", false);
    assert!(!is_done && printed.is_empty() && said.contains("certificate"), "{said}");
}
