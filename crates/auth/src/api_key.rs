//! API keys: long-lived tokens of servers, of which only the hash is stored.

use crate::digest::Digest;
use crate::grants::GrantsGiven;

/// One key that is believed.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Whose it is, for people and logs.
    pub name: String,
    /// Of the key itself.
    pub hash: Digest,
    /// What it may do.
    pub grants: GrantsGiven,
}

impl ApiKey {
    /// How a key begins, so that people and scanners of secrets know it when they see it.
    pub const PREFIX: &str = "tidings_";

    /// How many random bytes it is made of.
    pub const RANDOM_BYTES: usize = 32;

    /// The text of a key.
    pub fn text(random: [u8; ApiKey::RANDOM_BYTES]) -> String {
        let hex = random.iter().map(|byte| format!("{byte:02x}"));
        std::iter::once(ApiKey::PREFIX.to_owned()).chain(hex).collect()
    }

    /// Reads a hash as settings have it: `sha256:` and 64 hex digits.
    pub fn parse_hash(text: &str) -> Result<Digest, InvalidKeyHash> {
        text.strip_prefix("sha256:").and_then(Digest::parse_hex).ok_or(InvalidKeyHash)
    }

    /// A hash as settings have it.
    pub fn hash_text(hash: Digest) -> String {
        format!("sha256:{hash}")
    }
}

/// A text that is not the hash of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not `sha256:` and 64 hex digits")]
pub struct InvalidKeyHash;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_a_hash_that_settings_can_hold() {
        let text = ApiKey::text([0xa5; ApiKey::RANDOM_BYTES]);
        assert_eq!(text.len(), ApiKey::PREFIX.len() + 64);
        let hash = Digest::of(text.as_bytes());
        assert_eq!(ApiKey::parse_hash(&ApiKey::hash_text(hash)), Ok(hash));
        assert_eq!(ApiKey::parse_hash(&hash.to_string()), Err(InvalidKeyHash));
        // A key itself is not taken for its hash.
        assert_eq!(ApiKey::parse_hash(&text), Err(InvalidKeyHash));
    }
}
