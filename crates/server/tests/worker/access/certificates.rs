//! Clients that are known by the certificates that they show.

use super::requests::{CASES, Case, ask_over};
use super::revocation::revoke;
use super::tokens::{Kind, now_s};
use super::{builder, create};
use crate::requests::upgrade;
use crate::wire::{Answer, TEXT, Wire};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, SanType};
use rustls::{ClientConfig, HandshakeKind};
use serde_json::{Value, json};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tidings_testkit::{Authority, CertificateFiles, Server};

/// A server that knows by their certificates: `ann`, who may do everything with `mine/**` but administer, `rita`, who is revoked, and everybody
/// else, who may read what bears their name.
pub(super) struct Known {
    pub(super) server: Server,
    clients: Authority,
    _folder: tempfile::TempDir,
}

impl Known {
    pub(super) fn start(more: &str) -> Known {
        let clients = Authority::new();
        let rules = format!(
            r#"
            tls_client_ca_file = {file:?}
            tls_client_optional = true
            {more}
            [[rights]]
            to = "certificate"
            read = ["of/{{sub}}/**"]
            [[rights]]
            to = "certificate"
            subject = "ann"
            read = ["mine/**"]
            publish = ["mine/**"]
            create = ["mine/**"]
            delete = ["mine/**"]
            list = ["mine/**"]
            [[rights]]
            to = "certificate"
            subject = "rita"
            read = ["mine/**"]
            "#,
            file = clients.file().display().to_string(),
        );
        let (builder, folder) = builder(&rules);
        let server = builder.secured().start();
        create(&server, "mine/there");
        revoke(&server, &json!({ "subject": "rita" }));
        Known { server, clients, _folder: folder }
    }

    fn config(&self, certificate: Option<&CertificateFiles>) -> Arc<ClientConfig> {
        self.server.authority().client_config(certificate)
    }

    /// A connection of somebody whose certificate has that common name; of somebody without one where it is empty.
    fn connect(&self, name: &str) -> Wire {
        let certificate = (!name.is_empty()).then(|| self.clients.issue_to_client(name));
        Wire::secured_with(&self.server, &self.config(certificate.as_ref()))
    }

    /// A certificate for a client with other names than a common one, or another time.
    fn issue(&self, file: &str, change: impl FnOnce(&mut CertificateParams)) -> CertificateFiles {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, file);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        self.clients.issue_of(file, &params)
    }
}

/// Who asks: what the page says of it, the name in the certificate, and what is sent beside it.
pub(super) const SHOWN: [(&str, &str, Beside); 8] = [
    ("none", "", Beside::Nothing),
    ("too narrow", "eve", Beside::Nothing),
    ("revoked subject", "rita", Beside::Nothing),
    ("right", "ann", Beside::Nothing),
    ("right, for a page of another origin", "ann", Beside::Page),
    ("right, and a garbage token", "ann", Beside::Token(Kind::Garbage)),
    ("right, and a token that is too narrow", "ann", Beside::Token(Kind::Narrow)),
    ("too narrow, and the right token", "eve", Beside::Token(Kind::Full)),
];

#[derive(Clone, Copy)]
pub(super) enum Beside {
    Nothing,
    Token(Kind),
    Page,
}

impl Known {
    pub(super) fn ask(&self, case: &Case, (name, beside): (&str, Beside), stream: &str) -> Answer {
        let fields = match beside {
            Beside::Nothing => String::new(),
            Beside::Token(kind) => kind.field(),
            Beside::Page => "Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n".to_owned(),
        };
        ask_over(self.connect(name), case, &fields, stream)
    }
}

fn get(target: &str) -> String {
    crate::requests::get(target)
}

fn status(wire: &mut Wire, target: &str) -> (u16, String) {
    let answer = wire.ask(get(target));
    (answer.status, answer.code())
}

const THERE: &str = "/v1/stream/mine/there";
const FORBIDDEN: (u16, &str) = (403, "forbidden");

#[test]
fn who_may_not_by_its_certificate_learns_nothing() {
    let known = Known::start("");
    for case in &CASES {
        for (label, name, beside) in SHOWN {
            if matches!((name, beside), ("ann", Beside::Nothing) | (_, Beside::Token(Kind::Full))) {
                continue;
            }
            let [there, missing] =
                ["mine/there", "mine/nowhere"].map(|stream| known.ask(case, (name, beside), stream));
            assert!(matches!(there.status, 401 | 403), "{} {label}: {}", case.line, there.text());
            let said = |answer: &Answer| (answer.status, answer.code(), answer.text());
            assert_eq!(said(&there), said(&missing), "{} {label}", case.line);
        }
    }
}

#[test]
fn the_first_uri_then_the_first_host_then_the_common_name_is_the_subject() {
    let known = Known::start("");
    let host = || SanType::DnsName("ann.example.org".try_into().expect("it is a name"));
    let uri = || SanType::URI("spiffe://example.org/ann".try_into().expect("it is a name"));
    create(&known.server, "mine/ann.example.org");
    for (names, subject) in [
        (vec![], "ann"),
        (vec![host()], "ann.example.org"),
        (vec![host(), uri()], "spiffe://example.org/ann"),
    ] {
        let certificate = known.issue("ann", |params| params.subject_alt_names = names);
        let mut wire = Wire::secured_with(&known.server, &known.config(Some(&certificate)));
        let me = wire.ask(get("/v1/stream/mine/there"));
        // By another name it is another.
        assert_eq!(me.status == 200, subject == "ann", "{subject}: {}", me.text());
        // What holds a slash stands in no segment of a stream's name, and so gives nothing.
        if !subject.contains('/') {
            assert_eq!(status(&mut wire, &format!("/v1/stream/of/{subject}/a")).0, 404, "{subject}");
        }
        assert_eq!(status(&mut wire, "/v1/stream/of/eve/a"), (FORBIDDEN.0, FORBIDDEN.1.to_owned()));
    }
}

#[test]
fn a_certificate_counts_however_a_request_is_sent() {
    let known = Known::start("");
    let certificate = known.clients.issue_to_client("ann");
    let url = format!("https://localhost:{}{THERE}", known.server.secured_address().port());
    for (version, expected) in [("--http1.1", "[1]200"), ("--http2", "[1]200")] {
        let curl = Command::new("curl")
            .args([
                "--silent",
                "--show-error",
                "--max-time",
                "20",
                version,
                "--write-out",
                "%{response_code}",
            ])
            .arg("--cacert")
            .arg(known.server.authority().file())
            .arg("--cert")
            .arg(&certificate.certificate)
            .arg("--key")
            .arg(&certificate.key)
            .arg(&url)
            .output()
            .expect("curl can be run");
        assert_eq!(
            String::from_utf8_lossy(&curl.stdout),
            expected,
            "{}",
            String::from_utf8_lossy(&curl.stderr)
        );
    }
    // Whoever comes back with a ticket of TLS sends its certificate no more.
    let config = known.config(Some(&certificate));
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let mut wire = Wire::secured_with(&known.server, &config);
        assert_eq!(status(&mut wire, THERE).0, 200);
        assert_eq!(wire.tls().handshake_kind(), Some(kind));
    }
    // The plain port has none.
    assert_eq!(status(&mut Wire::connect(&known.server), THERE).0, 401);
    // A ticket has the rights of who asks for it, on any connection.
    let body = r#"{"read":["mine/there"]}"#;
    let head = format!("POST /v1/ticket HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n", body.len());
    let answer = known.connect("ann").ask(format!("{head}{body}"));
    let told: Value = serde_json::from_slice(&answer.body).expect("an answer is JSON");
    let ticket = told["ticket"].as_str().unwrap_or_else(|| panic!("{told}"));
    assert_eq!(status(&mut Wire::connect(&known.server), &format!("{THERE}?ticket={ticket}")).0, 200);
}

#[test]
fn a_page_of_another_origin_uses_no_certificate_of_its_reader() {
    let known = Known::start("");
    let mut wire = known.connect("ann");
    for (fields, expected) in [
        ("Origin: https://evil.example\r\n", 401),
        ("Origin: null\r\n", 401),
        ("Sec-Fetch-Site: cross-site\r\n", 401),
        ("Sec-Fetch-Site: same-site\r\n", 401),
        ("Origin: https://t\r\nSec-Fetch-Site: same-origin\r\n", 200),
        ("Sec-Fetch-Site: none\r\n", 200),
        ("", 200),
    ] {
        let answer = wire.ask(format!("GET {THERE} HTTP/1.1\r\nHost: t\r\n{fields}\r\n"));
        assert_eq!(answer.status, expected, "{fields}: {}", answer.text());
    }
    // A WebSocket of such a page is nobody's.
    wire.send(upgrade("/v1/ws").replace("\r\n\r\n", "\r\nOrigin: https://evil.example\r\n\r\n"));
    assert_eq!(wire.answer().status, 101);
    wire.send_frame(TEXT, br#"{"type":"subscribe","stream":"mine/there","offset":"-1"}"#);
    assert_eq!(wire.message("error")["code"], "unauthenticated");
}

/// Followers of that connection's owner over SSE, a long poll and a WebSocket.
fn followers(connect: impl Fn() -> Wire) -> (Wire, Wire, Wire) {
    let mut events = connect();
    events.send(get(&format!("{THERE}?offset=now&live=sse")));
    events.take_until(b"upToDate");
    let mut held = connect();
    held.send(get(&format!("{THERE}?offset=now&live=long-poll&timeout=60")));
    let mut socket = connect().upgrade(&format!("{THERE}?offset=now"));
    socket.message("live");
    (events, held, socket)
}

/// All of them end, and long before the long poll would by itself.
fn expect_end((mut events, mut held, mut socket): (Wire, Wire, Wire), code: &str, event: &str) -> Wire {
    let begin_s = now_s();
    assert_eq!(held.answer().status, 204);
    assert!(now_s() < begin_s + 30, "it ends by itself");
    assert_eq!(socket.message("error")["code"], code);
    assert_eq!(socket.close_code(), 4401);
    events.take_until(event.as_bytes());
    held
}

#[test]
fn followers_by_a_certificate_end_when_its_subject_is_revoked() {
    let known = Known::start("max_follows_per_subject = 3");
    let ann = followers(|| known.connect("ann"));
    // By other certificates it is the same subject, which has its limit.
    let more = known.connect("ann").ask(get(&format!("{THERE}?offset=now&live=sse")));
    assert_eq!((more.status, more.code()), (429, "limit_exceeded".to_owned()));
    let mut other = Wire::connect(&known.server);
    let field = Kind::FullKey.field();
    other.send(format!("GET {THERE}?offset=now&live=sse HTTP/1.1\r\nHost: t\r\n{field}\r\n"));
    other.take_until(b"upToDate");
    revoke(&known.server, &json!({ "subject": "ann" }));
    let mut held = expect_end(ann, "revoked", "revoked");
    assert_eq!(status(&mut held, THERE), (401, "revoked".to_owned()), "on a connection that goes on");
    assert_eq!(status(&mut known.connect("ann"), THERE), (401, "revoked".to_owned()), "on a new one");
    // It has a limit of its own, and so has whoever has a key.
    let publish = format!(
        "POST {THERE} HTTP/1.1\r\nHost: t\r\n{field}Content-Type: application/json\r\nContent-Length: 1\r\n\r\n7"
    );
    assert_eq!(Wire::connect(&known.server).ask(publish).status, 204);
    other.take_until(b"[7]");
}

#[test]
fn followers_end_with_the_certificate() {
    let known = Known::start("");
    let end_s = now_s() + 5;
    let end = SystemTime::UNIX_EPOCH + Duration::from_secs(end_s - 1);
    let short = known.issue("ann", |params| params.not_after = end.into());
    let config = known.config(Some(&short));
    let ann = followers(|| Wire::secured_with(&known.server, &config));
    let mut held = expect_end(ann, "unauthenticated", "has expired");
    assert!(end_s <= now_s(), "not before its time");
    let answer = held.ask(get(THERE));
    assert_eq!((answer.status, answer.code()), (401, "unauthenticated".to_owned()));
    assert!(answer.text().contains("connect again"), "{}", answer.text());
}
