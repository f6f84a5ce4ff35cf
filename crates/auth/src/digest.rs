//! Digests of tokens and keys: what is stored and looked up in their place.

use std::fmt;

/// SHA-256 of a token or key.
///
/// Enough for keys of 256 random bits: there is nothing to guess, so nothing has to make guessing slow, as for a password. Looking one up
/// in a table says nothing about the others by its time: what is compared are digests, and to steer one towards another is to
/// break SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; Digest::BYTES]);

impl Digest {
    /// How long it is.
    pub const BYTES: usize = 32;

    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Digest {
        let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
        Digest(digest.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }

    /// Reads 64 hex digits.
    pub fn parse_hex(text: &str) -> Option<Digest> {
        let mut bytes = [0; Digest::BYTES];
        if text.len() != 2 * Digest::BYTES || !text.is_ascii() {
            return None;
        }
        for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            let digits = text.get(at..at + 2).filter(|digits| !digits.starts_with('+'))?;
            *byte = u8::from_str_radix(digits, 16).ok()?;
        }
        Some(Digest(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_written_and_read_as_hex() {
        let digest = Digest::of(b"abc");
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest.to_string(), hex);
        assert_eq!(Digest::parse_hex(hex), Some(digest));
        assert_eq!(Digest::parse_hex(&hex[1..]), None);
        assert_eq!(Digest::parse_hex(&hex.replace("ba", "+a")), None);
        assert_eq!(Digest::parse_hex(&hex.replace("ba", "zz")), None);
        assert_eq!(Digest::parse_hex(&"ü".repeat(32)), None);
    }
}
