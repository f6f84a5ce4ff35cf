//! Servers that run elsewhere: what is refused, and runs against a real server in each of the four languages that it speaks too.

use super::*;
use crate::findings::{Run, Workload};
use crate::harness::dialect::Place;
use crate::harness::{Ending, Load, measure};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::ControlFlow;
use std::time::Duration;
use tidings_testkit::{Api, Server};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

fn refusal(server: &Elsewhere) -> String {
    format!("{:#}", Site::elsewhere(server).unwrap_err())
}

#[test]
fn languages_are_read_as_they_are_written() {
    for speaks in Speaks::ALL {
        assert_eq!(speaks.to_string().parse(), Ok(speaks));
    }
    assert_eq!("http".parse::<Speaks>(), Err(UnknownLanguage));
}

#[test]
fn what_does_not_fit_together_is_refused_with_the_flag_that_is_wrong() {
    let server = |url: &str, speaks, publish_url: Option<&str>, header: &str| Elsewhere {
        url: url.to_owned(),
        speaks: Some(speaks),
        publish_url: publish_url.map(str::to_owned),
        headers: Some(header.to_owned()).filter(|it| !it.is_empty()).into_iter().collect(),
        roots: Vec::new(),
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let here = &format!("http://{}", listener.local_addr().unwrap());
    let cases = [
        (server("127.0.0.1:9", Speaks::Tidings, None, ""), "--url"),
        (server(here, Speaks::Tidings, Some(here), ""), "--publish-url is for"),
        (server(here, Speaks::Sse, None, ""), "--publish-url is needed"),
        (server(&here.replace("http", "ws"), Speaks::Sse, Some(here), ""), "http or https"),
        (server(here, Speaks::Sse, Some("nowhere"), ""), "--publish-url nowhere"),
        (server(here, Speaks::Tidings, None, "Authorization"), "'Name: value'"),
        (server(here, Speaks::Tidings, None, "A: b\r\nC: d"), "'Name: value'"),
        (server(here, Speaks::Tidings, None, "Host: other"), "by itself"),
    ];
    for (server, expected) in cases {
        let refusal = refusal(&server);
        assert!(refusal.contains(expected), "{server:?}: {refusal}");
    }
}

#[test]
fn a_server_that_is_not_there_is_told_apart() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Elsewhere { url: format!("http://{gone}"), ..Elsewhere::default() };
    let error = Site::elsewhere(&server).unwrap_err();
    assert!(error.downcast_ref::<CannotReach>().is_some(), "{error:#}");
}

#[test]
fn certificates_that_are_none_are_refused() {
    let server = Elsewhere {
        url: "https://localhost:9".to_owned(),
        speaks: Some(Speaks::Tidings),
        roots: vec![b"none".to_vec()],
        ..Elsewhere::default()
    };
    assert!(refusal(&server).contains("--ca"));
}

#[test]
fn a_tidings_server_is_known_and_followed_in_every_way_also_over_its_own_tls() {
    let server = Server::builder().secured().start();
    let plain = Elsewhere { url: format!("http://{}", server.address()), ..Elsewhere::default() };
    let secured = Elsewhere {
        url: format!("https://localhost:{}", server.secured_address().port()),
        roots: vec![std::fs::read(server.authority().file()).unwrap()],
        ..Elsewhere::default()
    };
    for way in
        [Way::poll(Duration::from_millis(200)), Way::LongPoll, Way::LongPollClosing, Way::Sse, Way::WebSocket]
    {
        for elsewhere in [&plain, &secured] {
            let found = run(way, elsewhere, "tidings");
            let url = &elsewhere.url;
            assert_eq!((found.server, found.delivered, found.is_whole()), (None, 100, true), "{way} {url}");
        }
    }
    assert_eq!(streams(&server), "[]", "what was made is removed");
}

#[test]
fn the_base_protocol_is_followed_in_the_ways_that_it_has() {
    let server = Server::start();
    let url = format!("http://{}", server.address());
    let elsewhere = |url: &str| Elsewhere {
        url: url.to_owned(),
        speaks: Some(Speaks::DurableStreams),
        ..Elsewhere::default()
    };
    for way in [Way::poll(Duration::from_millis(200)), Way::LongPoll, Way::LongPollClosing, Way::Sse] {
        let found = run(way, &elsewhere(&url), "durable-streams");
        assert_eq!((found.delivered, found.is_whole()), (100, true), "{way}");
    }
    assert_eq!(streams(&server), "[]", "what was made is removed");
    let mut site = Site::elsewhere(&elsewhere(&(url + STREAMS))).unwrap();
    let refused =
        measure(&mut site, Some(Way::WebSocket), &load(), &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(refused.to_string().contains("can't be followed by WebSocket"), "{refused:#}");
}

#[test]
fn events_and_a_websocket_are_followed_without_knowing_what_is_round_the_messages() {
    let server = Server::start();
    Api::new(server.address()).create("news", &[]);
    let (address, path) = (server.address(), "/v1/stream/news");
    let publish_url = Some(format!("http://{address}{path}"));
    let events = Elsewhere {
        url: format!("http://{address}{path}?offset=now&live=sse"),
        publish_url,
        ..Elsewhere::default()
    };
    let found = run(Way::Sse, &events, "sse");
    assert_eq!((found.delivered, found.is_whole()), (100, true));
    let websocket = Elsewhere { url: format!("ws://{address}{path}"), ..events };
    let found = run(Way::WebSocket, &websocket, "websocket");
    assert_eq!((found.delivered, found.is_whole()), (100, true));
}

#[test]
fn a_server_of_something_else_is_not_taken_for_one_of_ours() {
    let address = answering("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno");
    let server = Elsewhere { url: format!("http://{address}"), ..Elsewhere::default() };
    assert!(refusal(&server).contains("--speaks"), "{}", refusal(&server));
    let server =
        Elsewhere { url: format!("http://{}", answering("SSH-2.0-other\r\n")), ..Elsewhere::default() };
    assert!(refusal(&server).contains("--speaks"), "{}", refusal(&server));
}

#[test]
fn fields_that_the_user_wants_go_with_every_request() {
    let address = answering("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
    let url = format!("http://{address}");
    let headers = vec!["Authorization: Bearer secret".to_owned()];
    let server = Elsewhere { url, speaks: Some(Speaks::Tidings), headers, ..Elsewhere::default() };
    let site = Site::elsewhere(&server).unwrap();
    let mut request = Vec::new();
    let dialect = site.dialect();
    dialect.create("s", &mut request);
    dialect.remove("s", &mut request);
    for way in [Way::LongPoll, Way::WebSocket] {
        dialect.follow(way, "s", &Place::default(), &[], &mut request);
    }
    dialect.open_publisher("s", &[], &mut request);
    let text = String::from_utf8(request).unwrap();
    assert_eq!(text.matches("authorization: Bearer secret\r\n").count(), 5, "{text}");
    assert!(!format!("{server:?}").contains("secret"));
}

#[test]
fn tls_is_spoken_where_the_url_says_so_and_all_its_bytes_count() {
    let server = Server::start();
    let pump = TlsPump::start(server.address());
    for way in [Way::LongPollClosing, Way::WebSocket] {
        let roots = vec![pump.certificate.clone()];
        let url = format!("https://localhost:{}", pump.address.port());
        let found = run(way, &Elsewhere { url, roots, ..Elsewhere::default() }, "tidings");
        assert_eq!((found.delivered, found.is_whole()), (100, true), "{way}");
        if way == Way::LongPollClosing {
            let url = format!("http://{}", server.address());
            let plain = run(way, &Elsewhere { url, ..Elsewhere::default() }, "tidings").received_bytes;
            // A handshake for each answer is more than the answer.
            assert!(
                plain * 3 / 2 < found.received_bytes,
                "{plain} bytes without, {} with it",
                found.received_bytes
            );
        }
    }
    let url = format!("https://localhost:{}", pump.address.port());
    let unknown = Elsewhere { url, speaks: Some(Speaks::Tidings), ..Elsewhere::default() };
    let mut site = Site::elsewhere(&unknown).unwrap();
    let refused =
        measure(&mut site, Some(Way::Sse), &load(), &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(format!("{refused:#}").contains("certificate"), "{refused:#}");
}

fn load() -> Load {
    let workload = Workload {
        followers: 10,
        streams: 1,
        messages_per_s: 40.0,
        message_bytes: 200,
        duration_s: 0.25,
        durability: None,
        rtt_ms: 0.0,
        loss: 0.0,
        trouble: false,
    };
    Load { workload, ending: Ending::Natural, late_ms: 1_000.0 }
}

fn run(way: Way, server: &Elsewhere, speaks: &str) -> Run {
    let mut site = Site::elsewhere(server).unwrap();
    let facts = site.facts();
    assert_eq!((facts.speaks.as_str(), facts.is_measured), (speaks, false));
    measure(&mut site, Some(way), &load(), &mut |_| ControlFlow::Continue(())).unwrap()
}

/// The list of all streams of a server.
fn streams(server: &Server) -> String {
    let listed = Api::new(server.address()).expect(200, &tidings_testkit::Request::get("/v1/streams"));
    let listed: serde_json::Value = serde_json::from_str(&listed.text()).unwrap();
    listed["streams"].to_string()
}

/// A server that answers every connection with the same, whatever is asked.
fn answering(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            std::thread::spawn(move || {
                while 0 < client.read(&mut [0; 4096])? {
                    client.write_all(answer.as_bytes())?;
                }
                io::Result::Ok(()) // Its end is seen by the client.
            });
        }
    });
    address
}

/// Ends TLS before a server.
struct TlsPump {
    address: SocketAddr,
    /// In PEM.
    certificate: Vec<u8>,
    _runtime: tokio::runtime::Runtime,
}

impl TlsPump {
    fn start(server: SocketAddr) -> TlsPump {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(own.signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_io().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                client.set_nodelay(true).unwrap();
                let acceptor = acceptor.clone();
                open.spawn(async move {
                    let mut client = acceptor.accept(client).await?;
                    let mut server = tokio::net::TcpStream::connect(server).await?;
                    server.set_nodelay(true)?;
                    tokio::io::copy_bidirectional(&mut client, &mut server).await // Its end is seen by both.
                });
            }
        });
        TlsPump { address, certificate: own.cert.pem().into_bytes(), _runtime: runtime }
    }
}
