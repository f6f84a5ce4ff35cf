//! Free ports.

use crate::Random;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// Ports below those that the system gives to outgoing connections.
///
/// A test that restarts its server needs the same port again, while followers knock on it. With a port that the system may give to one
/// of these knocks, a connection to nobody can connect to itself and hold the port.
const PORTS: std::ops::Range<usize> = 12_000..32_000;

/// A loopback address where nobody listens.
pub(super) fn free_address() -> SocketAddr {
    let mut random = Random::seeded(RandomState::new().build_hasher().finish());
    loop {
        let port = PORTS.start + random.below(PORTS.end - PORTS.start);
        let port = u16::try_from(port).expect("the range is one of ports");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
