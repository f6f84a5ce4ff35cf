//! Certificates from an authority by ACME, with Pebble: the small authority that Let's Encrypt tests clients with.
//!
//! It is no part of every machine: without `TIDINGS_PEBBLE` only what needs no authority is tested.

use crate::requests::FOLLOW;
use crate::wire::Wire;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tidings_testkit::{Api, Authority, Server, ServerBuilder, WallClock, eventually};

const NAME: &str = "tidings.example.org";

/// Pebble, running; ends with the value.
struct Pebble {
    child: Child,
    port: u16,
    /// Where it tells its own certificates.
    management: u16,
}

impl Drop for Pebble {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    listener.local_addr().expect("a listener has an address").port()
}

/// A name server of one answer, over TCP as Pebble asks: every name is this machine. Where it listens.
fn name_server() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    let address = listener.local_addr().expect("a listener has an address");
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // Who does not get its answer asks again.
            std::thread::spawn(move || answer_names(client));
        }
    });
    address
}

/// Answers until the client has no more questions.
fn answer_names(mut client: TcpStream) -> std::io::Result<()> {
    const HEAD_BYTES: usize = 12;
    const QUESTION_TAIL_BYTES: usize = 4;
    const A_OF_THE_QUESTION: [u8; 16] = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1];
    loop {
        let mut length = [0; 2];
        client.read_exact(&mut length)?;
        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
        client.read_exact(&mut query)?;
        let name_bytes = query[HEAD_BYTES..].iter().position(|byte| *byte == 0).expect("a name ends");
        let end = HEAD_BYTES + name_bytes + 1 + QUESTION_TAIL_BYTES;
        let asks_for_a = query[end - QUESTION_TAIL_BYTES..end] == [0, 1, 0, 1];
        let mut answer = query[..2].to_vec();
        // A response, with recursion, one question, and an answer where an address of IPv4 is asked for.
        answer.extend([0x81, 0x80, 0, 1, 0, u8::from(asks_for_a), 0, 0, 0, 0]);
        answer.extend(&query[HEAD_BYTES..end]);
        if asks_for_a {
            answer.extend(A_OF_THE_QUESTION);
        }
        let length = u16::try_from(answer.len()).expect("a name is short").to_be_bytes();
        client.write_all(&[&length[..], &answer].concat())?;
    }
}

impl Pebble {
    /// Starts it, with a certificate of its own from that authority, so that it finds every name at `tls_port`. `None` where
    /// there is no such program.
    fn start(authority: &Authority, tls_port: u16) -> Option<Pebble> {
        Pebble::start_at(authority, tls_port, free_port())
    }

    /// The same at a port where one was before, of which the new one knows nothing.
    fn start_at(authority: &Authority, tls_port: u16, port: u16) -> Option<Pebble> {
        let program = std::env::var_os("TIDINGS_PEBBLE")?;
        let own = authority.issue("pebble", &["localhost"]);
        let management = free_port();
        let settings = serde_json::json!({"pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": own.certificate,
            "privateKey": own.key,
            "httpPort": 1,
            "tlsPort": tls_port,
        }});
        let file = authority.folder().join("pebble.json");
        std::fs::write(&file, settings.to_string()).expect("a temporary file can be written");
        let child = Command::new(program)
            .arg("-config")
            .arg(&file)
            .args(["-dnsserver", &name_server().to_string()])
            // No waiting, no refusals by chance.
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", "0")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("TIDINGS_PEBBLE can be run");
        let pebble = Pebble { child, port, management };
        eventually("Pebble listens", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok());
        Some(pebble)
    }

    fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.port)
    }

    /// What a client is told that trusts this authority's certificates only.
    fn client_config(&self, authority: &Authority) -> Arc<ClientConfig> {
        let curl = Command::new("curl")
            .args([
                "--silent",
                "--show-error",
                "--max-time",
                "20",
                "--retry",
                "5",
                "--retry-connrefused",
                "--cacert",
            ])
            .arg(authority.file())
            .arg(format!("https://localhost:{}/roots/0", self.management))
            .output()
            .expect("curl can be run");
        let root = CertificateDer::from_pem_slice(&curl.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&curl.stderr)));
        let mut roots = RootCertStore::empty();
        roots.add(root).expect("it is an authority");
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has suites of both versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }
}

/// A server that orders its certificate from there, and listens for TLS at that address.
fn ordering(pebble: &Pebble, authority: &Authority, tls: SocketAddr) -> ServerBuilder {
    Server::builder()
        .setting("--tls-listen", tls.to_string())
        .setting("--acme-domains", NAME)
        .setting("--acme-contact", "admin@example.org")
        .setting("--acme-directory", pebble.directory())
        .setting("--acme-ca-file", authority.file().display().to_string())
}

/// The certificate that the server keeps, once it is another than that one and whoever trusts its authority is shown it.
fn eventually_shown(
    server: &Server,
    tls: SocketAddr,
    config: &Arc<ClientConfig>,
    before: Option<&[u8]>,
) -> Vec<u8> {
    let kept = || CertificateDer::from_pem_file(server.data().join("acme/certificate.pem")).ok();
    let fresh =
        eventually("a certificate has come", || kept().filter(|kept| before != Some(&kept[..]))).to_vec();
    eventually("it is shown", || (shown(tls, config).as_ref() == Some(&fresh)).then_some(()));
    fresh
}

#[test]
fn a_certificate_is_ordered_proved_and_kept() {
    let authority = Authority::new();
    let tls = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let Some(pebble) = Pebble::start(&authority, tls.port()) else { return };
    let mut server = ordering(&pebble, &authority, tls).start();
    let config = pebble.client_config(&authority);
    let kept = eventually_shown(&server, tls, &config, None);
    drop(pebble);
    // The next start has it at once, and asks nobody.
    server.terminate();
    server.restart();
    assert_eq!(eventually_shown(&server, tls, &config, None), kept);
    assert!(!server.printed().contains("is ordered"), "{}", server.printed());
}

#[test]
fn a_certificate_is_renewed_in_time_and_kept_while_its_authority_is_down() {
    const HOUR_S: i64 = 3_600;
    const DAY_S: i64 = 24 * HOUR_S;
    let (authority, clock) = (Authority::new(), WallClock::new());
    let tls = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let Some(pebble) = Pebble::start(&authority, tls.port()) else { return };
    let server = clock.wound_into(ordering(&pebble, &authority, tls)).start();
    Api::new(server.address()).create("a", &[]);
    let config = pebble.client_config(&authority);
    let first = eventually_shown(&server, tls, &config, None);
    let mut follower = Wire::secured_at(tls, &config, NAME).upgrade(FOLLOW);
    follower.message("live");

    // Of its 90 days less than a third is left.
    clock.shift(61 * DAY_S);
    let second = eventually_shown(&server, tls, &config, Some(&first));
    // The clock is wrong, and so is a new certificate: no order follows the other.
    eventually("that is told", || {
        server.printed().contains("is the clock of this machine right").then_some(())
    });
    assert_eq!(eventually_shown(&server, tls, &config, None), second);
    Api::new(server.address()).publish("a", "[1]");
    assert_eq!(follower.message("message")["data"], 1, "who is connected stays");

    let port = pebble.port;
    drop(pebble);
    clock.shift(61 * DAY_S + HOUR_S);
    eventually("the failure is told", || server.printed().contains("no new certificate").then_some(()));
    assert_eq!(shown(tls, &config).as_ref(), Some(&second), "it is good for weeks");

    // The authority comes back without its memory; an account is made anew.
    let pebble = Pebble::start_at(&authority, tls.port(), port).expect("it was there before");
    clock.shift(62 * DAY_S);
    eventually_shown(&server, tls, &pebble.client_config(&authority), Some(&second));
    Api::new(server.address()).publish("a", "[2]");
    assert_eq!(follower.message("message")["data"], 2);
}

/// The certificate that whoever asks for `NAME` is shown and believes.
fn shown(address: SocketAddr, config: &Arc<ClientConfig>) -> Option<Vec<u8>> {
    let name = ServerName::try_from(NAME).expect("it is the name of a host");
    let mut tls =
        rustls::ClientConnection::new(Arc::clone(config), name).expect("the configuration is complete");
    let mut socket = TcpStream::connect(address).ok()?;
    while tls.is_handshaking() {
        tls.complete_io(&mut socket).ok()?;
    }
    tls.peer_certificates().map(|chain| chain[0].to_vec())
}

#[test]
fn an_authority_that_is_not_there_is_told_and_keeps_nobody_out() {
    let tls = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let server = Server::builder()
        .setting("--tls-listen", tls.to_string())
        .setting("--acme-domains", NAME)
        .setting("--acme-directory", format!("https://localhost:{}/dir", free_port()))
        .setting("--acme-ca-file", Authority::new().file().display().to_string())
        .start();
    eventually("the failure is told", || server.printed().contains("no new certificate").then_some(()));
    assert_eq!(shown(tls, &Authority::new().client_config(None)), None, "there is none yet");
    assert_eq!(Wire::connect(&server).ask("GET /health/live HTTP/1.1\r\nHost: t\r\n\r\n").status, 200);
}
