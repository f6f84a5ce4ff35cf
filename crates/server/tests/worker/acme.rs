//! Certificates from an authority by ACME, with Pebble: the small authority that Let's Encrypt tests clients with.
//!
//! It is no part of every machine: without `TIDINGS_PEBBLE` only what needs no authority is tested.

use crate::wire::Wire;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use tidings_testkit::{Authority, Server, eventually};

const NAME: &str = "tidings.example.org";

/// Pebble, running; ends with the value.
struct Pebble {
    child: Child,
    directory: String,
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

/// Starts it, with a certificate of its own from that authority, so that it finds `NAME` at `tls_port`.
fn pebble(program: &std::ffi::OsStr, authority: &Authority, tls_port: u16) -> Pebble {
    let own = authority.issue("pebble", &["localhost"]);
    let (port, management) = (free_port(), free_port());
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
    let pebble = Pebble { child, directory: format!("https://localhost:{port}/dir") };
    eventually("Pebble listens", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok());
    pebble
}

#[test]
fn a_certificate_is_ordered_proved_and_kept() {
    let Some(program) = std::env::var_os("TIDINGS_PEBBLE") else { return };
    let authority = Authority::new();
    let tls = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let pebble = pebble(&program, &authority, tls.port());
    let mut server = Server::builder()
        .setting("--tls-listen", tls.to_string())
        .setting("--acme-domains", NAME)
        .setting("--acme-contact", "admin@example.org")
        .setting("--acme-directory", pebble.directory.clone())
        .setting("--acme-ca-file", authority.file().display().to_string())
        .start();
    let certificate = server.data().join("acme/certificate.pem");
    eventually("a certificate has come", || certificate.exists().then_some(()));
    let kept = CertificateDer::from_pem_file(&certificate).expect("it is one").to_vec();
    eventually("it is shown", || (shown(tls).as_ref() == Some(&kept)).then_some(()));
    drop(pebble);
    // The next start has it at once, and asks nobody.
    server.terminate();
    server.restart();
    eventually("it is shown again", || (shown(tls).as_ref() == Some(&kept)).then_some(()));
    assert!(!server.printed().contains("is ordered"), "{}", server.printed());
}

/// The certificate that whoever asks for `NAME` is shown, whoever has signed it.
fn shown(address: SocketAddr) -> Option<Vec<u8>> {
    let config = Authority::new().client_config(None);
    let name = ServerName::try_from(NAME).expect("it is the name of a host");
    let mut tls = rustls::ClientConnection::new(config, name).expect("the configuration is complete");
    let mut socket = TcpStream::connect(address).ok()?;
    while tls.is_handshaking() && tls.complete_io(&mut socket).is_ok() {}
    let mut rest = Vec::new();
    let _ended = socket.read_to_end(&mut rest);
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
    assert_eq!(shown(tls), None, "there is none yet");
    assert_eq!(Wire::connect(&server).ask("GET /health/live HTTP/1.1\r\nHost: t\r\n\r\n").status, 200);
}
