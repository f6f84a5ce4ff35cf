//! Keys of what is counted: of one size, whatever the names are, and nobody can make two that are alike.

use super::kind::{Measure, Scope};
use crate::authorise::Principal;
use crate::peer::Peer;
use crate::settings::Settings;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use tidings_model::StreamName;

/// What stands for an address, a subject or a stream, and for what is counted of it. It is a hash already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Key(u128);

impl Key {
    /// That of another measure of the same one.
    pub(super) fn of(self, measure: Measure) -> Key {
        // Any odd numbers: the bits that they meet are as good as random.
        Key(self.0 ^ (measure as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
    }

    /// Which of so many parts of a table has it; a power of two.
    pub(super) fn part(self, parts: usize) -> usize {
        // Not the bits that a map looks at.
        usize::try_from(self.0 >> 64 & 0xffff).unwrap_or_default() & (parts - 1)
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u128(self.0);
    }
}

/// A map's hasher for keys.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    #[expect(clippy::cast_possible_truncation, reason = "half of it is enough for a map")]
    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }
}

/// Makes keys, from secrets of this process.
#[derive(Debug, Default)]
pub(super) struct Keys {
    low: RandomState,
    high: RandomState,
}

impl Keys {
    /// The key of an address: all of one of IPv4, and of one of IPv6 the part that is the network of one customer. `None` for one
    /// that is not limited.
    pub(super) fn address(&self, peer: Peer, settings: &Settings) -> Option<Key> {
        if peer.is_unlimited() {
            return None;
        }
        let place = place_of(peer.address(), settings.limit_ipv6_prefix);
        Some(self.key(Scope::Address, &place.octets()))
    }

    /// The key of a subject; `None` where nobody has said who they are.
    pub(super) fn subject(&self, principal: &Principal) -> Option<Key> {
        principal.subject().map(|subject| self.key(Scope::Subject, subject.as_bytes()))
    }

    pub(super) fn stream(&self, name: &StreamName) -> Key {
        self.key(Scope::Stream, name.as_str().as_bytes())
    }

    fn key(&self, scope: Scope, bytes: &[u8]) -> Key {
        let whole = (scope as u8, bytes);
        Key(u128::from(self.high.hash_one(whole)) << 64 | u128::from(self.low.hash_one(whole)))
    }
}

/// What counts as one address: one of IPv4, and of IPv6 a network.
pub(crate) fn place_of(address: IpAddr, prefix_bits: usize) -> Ipv6Addr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => network_of(address, prefix_bits),
    }
}

fn network_of(address: Ipv6Addr, prefix_bits: usize) -> Ipv6Addr {
    let host_bits = 128_usize.saturating_sub(prefix_bits);
    let mask = u128::MAX.checked_shl(u32::try_from(host_bits).unwrap_or(128)).unwrap_or_default();
    Ipv6Addr::from(u128::from(address) & mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_ipv6_is_cut_to_its_network() {
        let cut = |prefix| network_of("2001:db8:1:2:3:4:5:6".parse().unwrap(), prefix).to_string();
        assert_eq!(cut(64), "2001:db8:1:2::");
        assert_eq!(cut(56), "2001:db8:1::");
        assert_eq!(cut(128), "2001:db8:1:2:3:4:5:6");
        assert_eq!(cut(1), "::");
    }

    #[test]
    fn keys_tell_apart_what_is_counted() {
        let keys = Keys::default();
        let one = keys.key(Scope::Subject, b"a");
        assert_eq!(one, keys.key(Scope::Subject, b"a"));
        assert_ne!(one, keys.key(Scope::Stream, b"a"));
        assert_ne!(one, keys.key(Scope::Subject, b"b"));
        assert_ne!(one, Keys::default().key(Scope::Subject, b"a"));
        assert_eq!(one.of(Measure::Follows), one.of(Measure::Follows));
        assert_ne!(one.of(Measure::Follows), one.of(Measure::PublishedBytes));
    }
}
