//! Connections that a proxy has made: with the PROXY protocol, their first bytes say for whom.
//!
//! These bytes come before all others, also before those of TLS: so not one byte more than they are is taken from the socket.

use super::Worker;
use super::slots::Phase;
use crate::peer::Peer;
use rustix::io::Errno;
use rustix::net::RecvFlags;
use tidings_protocol::{Connection, ProxyHeader, Response};

impl Worker {
    /// A connection is readable whose proxy has not said yet for whom it is.
    pub(super) fn on_proxy_header(&mut self, key: u64) {
        let Some(slot) = self.slots.get(key) else { return };
        let held = slot.take_input();
        let start = held.len();
        let buffer = &mut self.buffer[..ProxyHeader::BYTES_MAX];
        buffer[..start].copy_from_slice(&held);
        let seen = match rustix::net::recv(&slot.socket, &mut buffer[start..], RecvFlags::PEEK) {
            Ok((_, 0)) => return self.close(key),
            Ok((_, count)) => start + count,
            Err(Errno::AGAIN | Errno::INTR) => return self.keep_input(key, &held),
            Err(_broken) => return self.close(key),
        };
        let header = ProxyHeader::parse(&buffer[..seen]);
        let belongs = match header {
            ProxyHeader::Partial => seen,
            ProxyHeader::Complete { bytes, .. } => bytes,
            ProxyHeader::Invalid => {
                log::debug!("{} has to begin with a PROXY header, and does not", slot.peer.address());
                return self.close(key);
            }
        };
        // They are there, so it gets them all.
        if rustix::io::read(&slot.socket, &mut buffer[start..belongs]) != Ok(belongs - start) {
            return self.close(key);
        }
        if let ProxyHeader::Complete { client, is_secure, .. } = header {
            return self.on_introduced(key, client.map(|client| (client, is_secure)));
        }
        let held = buffer[..belongs].to_vec();
        self.keep_input(key, &held);
    }

    /// The proxy has said for whom the connection is; for nobody, when it only looks whether one is there.
    fn on_introduced(&mut self, key: u64, client: Option<(std::net::IpAddr, bool)>) {
        let Some(slot) = self.slots.get(key) else { return };
        if let Some((address, is_secure)) = client {
            let is_secure = is_secure || slot.secured.is_some();
            slot.peer = Peer::new(address, &self.core.settings).with_secure(is_secure);
        }
        slot.phase = Phase::after_proxy_header(slot.secured.as_deref());
        slot.slim();
        match self.core.limits.connect(slot.peer, &self.core.settings, self.core.now_ms) {
            Ok(share) => slot.share = share,
            Err(problem) => {
                self.core.metrics.problems.of(problem.code).count();
                if slot.phase == Phase::Handshake {
                    // Over TLS there is no answer before the handshake.
                    return self.close(key);
                }
                let mut out = Vec::new();
                self.respond(key, &Response::problem(&problem), Connection::Close, &mut out);
                return self.flush(key, &mut out);
            }
        }
        if slot.phase == Phase::Handshake {
            self.on_stranger(key);
        }
        // What came behind it is not told of again.
        self.on_readable(key);
    }
}
