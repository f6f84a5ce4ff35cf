//! The keys that tokens are checked with: a secret, a public key in PEM, or a set of keys as issuers publish it (JWKS).

use crate::ring_provider;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};
use std::fmt;

/// Keys, each for one algorithm only: a token can't choose how it is checked.
#[derive(Clone, Default)]
pub struct KeySet(Vec<Key>);

/// One of them.
#[derive(Clone)]
pub(crate) struct Key {
    /// What a token may call it by.
    pub(crate) id: Option<String>,
    pub(crate) algorithm: Algorithm,
    pub(crate) decoding: DecodingKey,
}

impl KeySet {
    /// How many keys a set may have, so that a token without `kid` is not tried with thousands.
    pub const KEYS_MAX: usize = 32;

    /// How many keys are tried for one token: of those that it may mean. Keys for one algorithm that have no name (`kid`) are no more than that.
    pub const TRIED_MAX: usize = 4;

    /// The shortest RSA key in bits: shorter ones can be broken, and verify nothing.
    pub const RSA_BITS_MIN: usize = 2_048;

    /// The shortest secret for HS256: as many bytes as its hash has (RFC 7518, section 3.2).
    pub const SECRET_BYTES_MIN: usize = 32;

    /// A secret for HS256. One line break at its end is not part of it.
    pub fn from_secret(bytes: &[u8]) -> Result<KeySet, InvalidKeys> {
        let secret = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
        if secret.len() < KeySet::SECRET_BYTES_MIN {
            return Err(InvalidKeys::ShortSecret { bytes: secret.len() });
        }
        // Public keys are known to others, who could sign with them.
        let is_json = || serde_json::from_slice::<crate::template::Claims>(secret).is_ok();
        if secret.trim_ascii_start().starts_with(b"-----BEGIN ") || is_json() {
            return Err(InvalidKeys::NotASecret);
        }
        Ok(KeySet::of(vec![Key {
            id: None,
            algorithm: Algorithm::HS256,
            decoding: DecodingKey::from_secret(secret),
        }]))
    }

    /// Keys in a file: a set in JSON, or a public one in PEM.
    pub fn parse(bytes: &[u8]) -> Result<KeySet, InvalidKeys> {
        if bytes.trim_ascii_start().starts_with(b"{") { from_json(bytes) } else { from_pem(bytes) }
    }

    /// The set in JSON that an issuer publishes at a URL. A secret in it is passed over: whoever can read the URL could sign with it.
    pub fn parse_published(bytes: &[u8]) -> Result<KeySet, InvalidKeys> {
        let KeySet(mut keys) = from_json(bytes)?;
        keys.retain(|key| key.algorithm != Algorithm::HS256);
        if keys.is_empty() { Err(InvalidKeys::NoneUsable) } else { Ok(KeySet(keys)) }
    }

    /// How many keys it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them is called that.
    pub(crate) fn has_id(&self, id: &str) -> bool {
        self.0.iter().any(|key| key.id.as_deref() == Some(id))
    }

    /// All of both.
    #[must_use]
    pub fn and(mut self, others: KeySet) -> KeySet {
        self.0.extend(others.0);
        self
    }

    fn of(keys: Vec<Key>) -> KeySet {
        ring_provider::install();
        KeySet(keys)
    }

    /// Those that may have signed a token: of its algorithm, and of its name where it gives one and the key has one.
    pub(crate) fn candidates<'k>(
        &'k self,
        algorithm: Algorithm,
        id: Option<&'k str>,
    ) -> impl Iterator<Item = &'k Key> {
        self.0.iter().filter(move |key| {
            let named = match (&key.id, id) {
                (Some(own), Some(asked)) => own == asked,
                (None, _) | (_, None) => true,
            };
            named && key.algorithm == algorithm
        })
    }
}

/// Shows what they are called, never what they are.
impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| (&key.id, key.algorithm))).finish()
    }
}

fn from_json(bytes: &[u8]) -> Result<KeySet, InvalidKeys> {
    let set: JwkSet = serde_json::from_slice(bytes).map_err(|_error| InvalidKeys::Json)?;
    if KeySet::KEYS_MAX < set.keys.len() {
        return Err(InvalidKeys::TooMany);
    }
    // An issuer may have keys for others too, and for other purposes.
    let keys: Vec<Key> = set.keys.iter().filter_map(usable).collect();
    check_unnamed(&keys)?;
    if keys.is_empty() { Err(InvalidKeys::NoneUsable) } else { Ok(KeySet::of(keys)) }
}

/// The key, if it is one to verify with, by one of the algorithms.
fn usable(jwk: &Jwk) -> Option<Key> {
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        AlgorithmParameters::OctetKey(_) => Algorithm::HS256,
        // The library's list is open: another kind may come with any version.
        AlgorithmParameters::EllipticCurve(_) | AlgorithmParameters::OctetKeyPair(_) | _ => return None,
    };
    let says = match jwk.common.key_algorithm {
        None => Some(algorithm),
        Some(KeyAlgorithm::RS256) => Some(Algorithm::RS256),
        Some(KeyAlgorithm::ES256) => Some(Algorithm::ES256),
        Some(KeyAlgorithm::EdDSA) => Some(Algorithm::EdDSA),
        Some(KeyAlgorithm::HS256) => Some(Algorithm::HS256),
        Some(_) => None,
    };
    let is_for_signatures = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
    if says != Some(algorithm) || !is_for_signatures {
        return None;
    }
    let key = DecodingKey::from_jwk(jwk).ok()?;
    let is_long = key.try_get_as_bytes().is_ok_and(|bytes| KeySet::SECRET_BYTES_MIN <= bytes.len());
    let is_strong = match key.family() {
        AlgorithmFamily::Hmac => is_long,
        AlgorithmFamily::Rsa => KeySet::RSA_BITS_MIN <= rsa_bits(&key),
        AlgorithmFamily::Ec | AlgorithmFamily::Ed => true,
    };
    is_strong.then(|| Key { id: jwk.common.key_id.clone(), algorithm, decoding: key })
}

/// A token that names no key is tried with each that may be meant, so those are few.
fn check_unnamed(keys: &[Key]) -> Result<(), InvalidKeys> {
    let is_too_many = |algorithm| {
        let unnamed = keys.iter().filter(|key| key.id.is_none() && key.algorithm == algorithm);
        KeySet::TRIED_MAX < unnamed.count()
    };
    if keys.iter().any(|key| is_too_many(key.algorithm)) { Err(InvalidKeys::TooManyUnnamed) } else { Ok(()) }
}

/// How long the modulus of an RSA key is; 0 of what is none.
fn rsa_bits(key: &DecodingKey) -> usize {
    let modulus_bits = |modulus: &[u8]| {
        let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
        8 * (modulus.len() - zeros)
    };
    match key.kind() {
        DecodingKeyKind::RsaModulusExponent { n, .. } => modulus_bits(n),
        // A sequence of two numbers in DER; the first is the modulus (RFC 8017, appendix A.1.1).
        DecodingKeyKind::SecretOrDer(der) => {
            let modulus = der_element(der).and_then(|(inner, _)| der_element(inner));
            modulus.map_or(0, |(modulus, _)| modulus_bits(modulus))
        }
    }
}

/// The content of the element that some DER begins with, and what follows it.
fn der_element(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[_tag, first], rest) = der.split_first_chunk::<2>()?;
    let (bytes, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        let bytes = length
            .iter()
            .try_fold(0_usize, |bytes, byte| bytes.checked_mul(256).map(|bytes| bytes | usize::from(*byte)));
        (bytes?, rest)
    };
    rest.split_at_checked(bytes)
}

/// One key in each block: rotating keys, one adds the new one to the file of the old.
fn from_pem(bytes: &[u8]) -> Result<KeySet, InvalidKeys> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    let mut begins: Vec<usize> = Vec::new();
    begins.extend(
        bytes.windows(BEGIN.len()).enumerate().filter(|(_, window)| *window == BEGIN).map(|(at, _)| at),
    );
    if KeySet::TRIED_MAX < begins.len() {
        return Err(InvalidKeys::TooManyUnnamed);
    }
    let ends = begins.iter().skip(1).copied().chain([bytes.len()]);
    let blocks = begins.iter().zip(ends).map(|(begin, end)| &bytes[*begin..end]);
    let keys = blocks.map(from_pem_block).collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() { Err(InvalidKeys::Pem) } else { Ok(KeySet::of(keys)) }
}

fn from_pem_block(bytes: &[u8]) -> Result<Key, InvalidKeys> {
    const EC_POINT_BYTES: usize = 65;
    if bytes.windows(11).any(|window| window == b"PRIVATE KEY") {
        return Err(InvalidKeys::Private);
    }
    let is_p256 = |key: &DecodingKey| key.try_get_as_bytes().is_ok_and(|point| point.len() == EC_POINT_BYTES);
    let rsa = DecodingKey::from_rsa_pem(bytes).map(|key| (Algorithm::RS256, key));
    let ec = || DecodingKey::from_ec_pem(bytes).map(|key| (Algorithm::ES256, key));
    let ed = || DecodingKey::from_ed_pem(bytes).map(|key| (Algorithm::EdDSA, key));
    match rsa.or_else(|_not_rsa| ec()).or_else(|_not_ec| ed()) {
        Ok((Algorithm::ES256, key)) if !is_p256(&key) => Err(InvalidKeys::NoneUsable),
        Ok((Algorithm::RS256, key)) if rsa_bits(&key) < KeySet::RSA_BITS_MIN => Err(InvalidKeys::ShortRsa),
        Ok((algorithm, key)) => Ok(Key { id: None, algorithm, decoding: key }),
        Err(_neither) => Err(InvalidKeys::Pem),
    }
}

/// Why some bytes are not keys to check tokens with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeys {
    /// JSON, or nearly, but not a set of keys.
    #[error("is not a set of keys: write JSON with a list `keys` (RFC 7517)")]
    Json,
    /// More than [`KeySet::KEYS_MAX`].
    #[error("has more than {} keys", KeySet::KEYS_MAX)]
    TooMany,
    /// More keys without a name, for one algorithm, than a token is tried with.
    #[error(
        "has more than {} keys for one algorithm without a `kid`: name them, in a set of keys in JSON",
        KeySet::TRIED_MAX
    )]
    TooManyUnnamed,
    /// One that can be broken.
    #[error("has an RSA key of less than {} bits, which verifies nothing", KeySet::RSA_BITS_MIN)]
    ShortRsa,
    /// None that is for one of the algorithms.
    #[error(
        "has no key for RS256 (2048 bits and more), ES256 (P-256), EdDSA (Ed25519) or HS256 (32 bytes and more)"
    )]
    NoneUsable,
    /// Not JSON, and not PEM.
    #[error("is neither a public key in PEM nor a set of keys in JSON")]
    Pem,
    /// The half that the server must not have.
    #[error("is a private key: give the server the public one only")]
    Private,
    /// Something that others may know.
    #[error("holds keys in PEM or JSON, which are for `token_keys`; a secret is random bytes")]
    NotASecret,
    /// A secret that can be guessed.
    #[error("has {bytes} bytes; a secret has at least {}, at random", KeySet::SECRET_BYTES_MIN)]
    ShortSecret {
        /// How long it is.
        bytes: usize,
    },
}
