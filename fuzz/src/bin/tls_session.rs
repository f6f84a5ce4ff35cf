//! Whatever a peer sends where TLS is spoken: it is understood as it was meant, or ends the connection; and what is kept of it has a limit.
//!
//! ```text
//! 'R' length bytes …    a stranger: these bytes, in pieces of those lengths
//! 'C' step …            a client that speaks TLS, over a network that cuts, and changes a byte where a step says so
//! ```

#![no_main]

use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::sync::{Arc, LazyLock};
use tidings_server::{Heard, Secured};

/// One handshake message of the largest size, and the record that goes on with it.
const KEPT_BYTES_MAX: usize = (64 << 10) + (20 << 10);

/// Both ends as they are told who the other one is.
static ENDS: LazyLock<(Arc<ClientConfig>, Arc<ServerConfig>)> = LazyLock::new(|| {
    let own =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate can be made");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(own.signing_key.serialize_der().into());
    let mut roots = RootCertStore::empty();
    roots.add(own.cert.der().clone()).expect("it is a certificate");
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider has suites")
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .expect("they belong together");
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has suites")
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(client), Arc::new(server))
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    match bytes.split_first() {
        Some((b'R', script)) => check_stranger(script),
        Some((b'C', script)) => check_client(script),
        _ => {}
    }
});

fn check_stranger(mut script: &[u8]) {
    let mut end = End::new();
    while let Some((&length, rest)) = script.split_first() {
        let (piece, rest) = rest.split_at(rest.len().min(usize::from(length).max(1)));
        script = rest;
        if !end.hear(piece) {
            return;
        }
        end.say(&mut Vec::new());
    }
    assert!(end.plain.is_empty(), "a stranger has no keys");
}

fn check_client(script: &[u8]) {
    let name = ServerName::try_from("localhost").expect("it is the name of a host");
    let mut client = ClientConnection::new(Arc::clone(&ENDS.0), name).expect("the configuration is complete");
    let (mut end, mut on_its_way) = (End::new(), Vec::new());
    let (mut said, mut is_changed) = (0_usize, false);
    for step in script.chunks_exact(2) {
        let amount = usize::from(step[1]);
        match step[0] % 5 {
            0 => {
                let _all = client.writer().write(&vec![b'm'; amount * 64]).inspect(|count| said += count);
            }
            1 if !client.is_handshaking() => {
                let _changed = client.refresh_traffic_keys();
            }
            2 if !on_its_way.is_empty() => {
                let at = amount % on_its_way.len();
                on_its_way[at] ^= 1 << (amount % 8);
                is_changed = true;
            }
            3 => end.secured.close(),
            _ => {}
        }
        while client.wants_write() {
            client.write_tls(&mut on_its_way).expect("memory takes it");
        }
        let count = on_its_way.len().min(1 + amount * 16);
        let piece: Vec<u8> = on_its_way.drain(..count).collect();
        if !end.hear(&piece) {
            assert!(is_changed, "what nobody has changed is understood");
            return;
        }
        let mut heard = Vec::new();
        end.say(&mut heard);
        let mut heard = &heard[..];
        while !heard.is_empty() {
            if client.read_tls(&mut heard).is_err() || client.process_new_packets().is_err() {
                assert!(is_changed, "what we say is understood");
                return;
            }
            let _end = client.reader().read_to_end(&mut Vec::new());
        }
    }
    assert!(
        end.plain.len() <= said && end.plain.iter().all(|byte| *byte == b'm'),
        "nothing that nobody said"
    );
}

/// Our end, as a worker has it.
struct End {
    secured: Secured,
    plain: Vec<u8>,
}

impl End {
    fn new() -> End {
        End {
            secured: Secured::new(Arc::clone(&ENDS.1)).expect("the configuration is complete"),
            plain: Vec::new(),
        }
    }

    /// Bytes of the peer; whether more may come.
    fn hear(&mut self, piece: &[u8]) -> bool {
        let mut records = self.secured.take_incoming();
        records.extend_from_slice(piece);
        let heard = self.secured.open(&mut records, &mut self.plain);
        assert!(self.secured.held_bytes() <= KEPT_BYTES_MAX + records.len(), "what is kept has a limit");
        heard.is_ok_and(|heard| heard == Heard::Open)
    }

    /// What we say, and a little news if we may.
    fn say(&mut self, said: &mut Vec<u8>) {
        let mut queue = VecDeque::new();
        if !self.secured.is_handshaking() {
            queue.push_back(b"news"[..].into());
        }
        let sent = self.secured.send(&mut queue, |bytes| {
            said.extend_from_slice(bytes);
            Ok(bytes.len())
        });
        assert!(sent.is_ok() || sent.is_err_and(|error| error.kind() != ErrorKind::WouldBlock));
    }
}
