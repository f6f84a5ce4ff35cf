//! Both ends in one thread, over a network that is two byte strings: cut anywhere, and changed by whoever likes.

use super::*;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::io::{Read as _, Write as _};

/// splitmix64
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((bits ^ (bits >> 31)) >> 33).unwrap() % most
    }
}

struct Ends {
    client: ClientConfig,
    server: Arc<ServerConfig>,
}

fn ends(version: &'static rustls::SupportedProtocolVersion) -> Ends {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(own.signing_key.serialize_der().into());
    let mut roots = RootCertStore::empty();
    roots.add(own.cert.der().clone()).unwrap();
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ends { client, server: Arc::new(server) }
}

/// A client and a server that have met, and what the server has heard.
struct Met {
    client: ClientConnection,
    secured: Secured,
    heard: Vec<u8>,
}

impl Met {
    fn new(ends: &Ends) -> Met {
        let name = ServerName::try_from("localhost").unwrap();
        let client = ClientConnection::new(Arc::new(ends.client.clone()), name).unwrap();
        let secured = Secured::new(Arc::clone(&ends.server)).unwrap();
        Met { client, secured, heard: Vec::new() }
    }

    /// What the client says, in pieces, with a byte changed now and then where `changes` says so.
    fn say(&mut self, chance: &mut Chance, changes: bool) -> Result<(), rustls::Error> {
        let mut said = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut said).unwrap();
        }
        if changes && !said.is_empty() && chance.below(4) == 0 {
            let at = chance.below(said.len());
            said[at] ^= 1 << chance.below(8);
        }
        let mut rest = &said[..];
        while !rest.is_empty() {
            let most = if chance.below(2) == 0 { 7 } else { 5_000 };
            let count = (1 + chance.below(most)).min(rest.len());
            let mut records = self.secured.take_incoming();
            records.extend_from_slice(&rest[..count]);
            rest = &rest[count..];
            self.secured.open(&mut records, &mut self.heard)?;
        }
        Ok(())
    }

    /// What the server says, of which the socket takes a little at a time. What the client has read.
    fn hear(&mut self, queue: &mut VecDeque<Bytes>, chance: &mut Chance) -> Vec<u8> {
        let mut read = Vec::new();
        while self.secured.has_sealed() || !queue.is_empty() {
            let mut room = 1 + chance.below(20_000);
            let mut taken = Vec::new();
            let sent = self.secured.send(queue, |bytes| {
                let count = room.min(bytes.len());
                if count == 0 {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                room -= count;
                taken.extend_from_slice(&bytes[..count]);
                Ok(count)
            });
            assert_eq!(sent.unwrap(), taken.len());
            let most = Secured::RECORD_BYTES + 2 * Secured::OVERHEAD_BYTES;
            assert!(self.secured.sealed.len() <= most, "no more is sealed ahead");
            let mut taken = &taken[..];
            while !taken.is_empty() {
                self.client.read_tls(&mut taken).unwrap();
                if self.client.process_new_packets().is_err() {
                    return read;
                }
                let _end = self.client.reader().read_to_end(&mut read);
            }
        }
        read
    }
}

#[test]
fn what_is_said_arrives_whatever_the_network_cuts() {
    for version in rustls::ALL_VERSIONS {
        let ends = ends(version);
        for seed in 0..8 {
            let mut chance = Chance(seed);
            let mut met = Met::new(&ends);
            while met.client.is_handshaking() {
                met.say(&mut chance, false).unwrap();
                met.hear(&mut VecDeque::new(), &mut chance);
            }
            let pieces: Vec<_> = (0..5).map(|_| Bytes::from(vec![7; chance.below(60_000)])).collect();
            let whole = pieces.concat();
            met.client.writer().write_all(b"hello").unwrap();
            met.say(&mut chance, false).unwrap();
            assert!(!met.secured.is_handshaking());
            assert_eq!(met.heard, b"hello");
            assert_eq!(met.hear(&mut pieces.into(), &mut chance).len(), whole.len());
            assert!(
                met.secured.incoming.is_empty() && !met.secured.has_sealed(),
                "who waits holds no buffer"
            );
            met.secured.close();
            met.hear(&mut VecDeque::new(), &mut chance);
            assert_eq!(met.client.reader().read(&mut [0]).unwrap(), 0, "the end is said");
        }
    }
}

#[test]
fn keys_may_be_changed_at_any_time() {
    let ends = ends(&rustls::version::TLS13);
    let mut chance = Chance(1);
    let mut met = Met::new(&ends);
    while met.client.is_handshaking() {
        met.say(&mut chance, false).unwrap();
        met.hear(&mut VecDeque::new(), &mut chance);
    }
    for _ in 0..3 {
        met.client.refresh_traffic_keys().unwrap();
        met.say(&mut chance, false).unwrap();
        let queue = &mut VecDeque::from([Bytes::from_static(b"news")]);
        assert_eq!(met.hear(queue, &mut chance), b"news");
    }
}

#[test]
fn changed_bytes_end_the_connection_and_nothing_else() {
    let ends = ends(&rustls::version::TLS13);
    let mut refused = 0;
    for seed in 0..150 {
        let mut chance = Chance(seed);
        let mut met = Met::new(&ends);
        for _ in 0..6 {
            if !met.client.is_handshaking() {
                met.client.writer().write_all(&[1; 3_000]).unwrap();
            }
            let said = met.say(&mut chance, true);
            met.hear(&mut VecDeque::new(), &mut chance);
            if said.is_err() {
                refused += 1;
                met.secured.close();
                assert!(met.secured.seal(b"more", &mut Vec::new()).is_err());
                break;
            }
        }
        assert!(met.heard.iter().all(|byte| *byte == 1), "nothing that nobody said");
    }
    assert!(20 < refused, "{refused}");
}
