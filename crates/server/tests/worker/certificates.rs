//! Which certificate a client is shown, when a new one is, and what is asked of clients; and HTTP/2 as clients ask for it.

use crate::requests::{FOLLOW, POLL};
use crate::wire::Wire;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use tidings_testkit::{Api, Authority, Server, eventually};

fn server() -> Server {
    let server = Server::builder().secured().start();
    Api::new(server.address()).create("a", &[]);
    server
}

/// The certificate that a client is shown that asks for that name.
fn shown(server: &Server, config: &Arc<ClientConfig>, name: &str) -> Vec<u8> {
    let mut wire = Wire::secured_as(server, config, name);
    assert_eq!(wire.ask(POLL).status, 200);
    wire.tls().peer_certificates().expect("a server has one")[0].to_vec()
}

fn written(file: &Path) -> Vec<u8> {
    CertificateDer::from_pem_file(file).expect("the test has written it").to_vec()
}

#[test]
fn each_name_has_its_certificate() {
    let server = Server::builder().secured_for(&["localhost", "example.org", "*.example.org"]).start();
    Api::new(server.address()).create("a", &[]);
    let config = server.authority().client_config(None);
    let files = server.certificates();
    for (name, expected) in
        [("localhost", 0), ("example.org", 1), ("EXAMPLE.org", 1), ("a.example.org", 2), ("b.example.org", 2)]
    {
        assert_eq!(shown(&server, &config, name), written(&files[expected].certificate), "{name}");
    }
    let foreign = crate::tls::handshake_failure(&server, &config, "b.a.example.org");
    assert!(foreign.contains("NotValidForName"), "{foreign}: a label is one label, and the first is shown");
}

#[test]
fn a_new_certificate_is_taken_and_nobody_loses_a_connection() {
    let server = server();
    let config = server.authority().client_config(None);
    let files = &server.certificates()[0];
    let first = written(&files.certificate);
    assert_eq!(shown(&server, &config, "localhost"), first);
    let mut follower = Wire::secured(&server).upgrade(FOLLOW);
    follower.message("live");

    server.authority().issue("localhost", &["localhost"]);
    let second = written(&files.certificate);
    assert_ne!(first, second);
    eventually("the new certificate is shown", || {
        (shown(&server, &config, "localhost") == second).then_some(())
    });

    // A key that is another's is refused, and so is what is no certificate.
    let other = server.authority().issue("other", &["localhost"]);
    std::fs::copy(&other.key, &files.key).expect("a temporary file can be written");
    eventually("the pair is refused", || {
        server.printed().contains("is not the certificate of").then_some(())
    });
    assert_eq!(shown(&server, &config, "localhost"), second);
    std::fs::write(&files.certificate, "nothing").expect("a temporary file can be written");
    eventually("the file is refused", || server.printed().contains("holds no certificate").then_some(()));
    assert_eq!(shown(&server, &config, "localhost"), second);

    Api::new(server.address()).publish("a", "[1]");
    assert_eq!(follower.message("message")["data"], 1);
}

#[test]
fn clients_show_a_certificate_where_one_is_asked_for() {
    let (clients, others) = (Authority::new(), Authority::new());
    let (known, unknown) = (clients.issue_to_client("ann"), others.issue_to_client("eve"));
    let file = clients.file().display().to_string();
    for (is_optional, without) in [("false", Err("CertificateRequired")), ("true", Ok(()))] {
        let builder = Server::builder().setting("--tls-client-ca-file", file.clone());
        let server = builder.setting("--tls-client-optional", is_optional).secured().start();
        Api::new(server.address()).create("a", &[]);
        let config = server.authority().client_config(Some(&known));
        assert_eq!(Wire::secured_with(&server, &config).ask(POLL).status, 200);
        let config = server.authority().client_config(Some(&unknown));
        let failure = crate::tls::handshake_failure(&server, &config, "localhost");
        assert!(failure.contains("UnknownCA") || failure.contains("DecryptError"), "{failure}");
        let config = server.authority().client_config(None);
        match without {
            Ok(()) => assert_eq!(Wire::secured_with(&server, &config).ask(POLL).status, 200),
            Err(alert) => {
                let failure = crate::tls::handshake_failure(&server, &config, "localhost");
                assert!(failure.contains(alert), "{failure}");
            }
        }
    }
}

#[test]
fn curl_speaks_both_versions_of_http_over_tls() {
    let server = server();
    Api::new(server.address()).publish("a", "[1,2]");
    let url = format!("https://localhost:{}/v1/stream/a", server.secured_address().port());
    for (flag, version, method) in
        [("--http1.1", "1.1", "GET"), ("--http2", "2", "GET"), ("--http1.1", "1.1", "DELETE")]
    {
        let curl = Command::new("curl")
            .args(["--silent", "--show-error", "--max-time", "20", "--cacert"])
            .arg(server.authority().file())
            .args([flag, "--request", method, "--write-out", "\n%{http_version} %{response_code}", &url])
            .output()
            .expect("curl can be run");
        let printed = String::from_utf8_lossy(&curl.stdout);
        let expected =
            if method == "GET" { format!("[1,2]\n{version} 200") } else { format!("\n{version} 204") };
        assert_eq!(printed, expected, "{}", String::from_utf8_lossy(&curl.stderr));
    }
}
