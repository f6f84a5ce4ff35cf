//! An issuer's keys, and what is signed with them.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use std::time::SystemTime;

/// One key of an issuer.
pub(crate) struct Key {
    id: &'static str,
    pair: Ed25519KeyPair,
}

impl Key {
    pub(crate) fn new(id: &'static str) -> Key {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("the system has chance");
        Key { id, pair: Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("it was just made") }
    }

    /// As it is published.
    pub(crate) fn published(&self) -> Value {
        let x = BASE64_URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref());
        json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.id, "x": x })
    }

    /// A token that reads and publishes everything.
    pub(crate) fn token(&self, subject: &str) -> String {
        let grants = json!({ "read": ["**"], "publish": ["**"], "create": ["**"], "delete": ["**"] });
        self.sign(&json!({ "sub": subject, "exp": now_s() + 600, "tidings": grants, "team": "blue" }))
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let head = json!({ "alg": "EdDSA", "typ": "JWT", "kid": self.id });
        let message = format!("{}.{}", part(&head), part(claims));
        let signature = BASE64_URL_SAFE_NO_PAD.encode(self.pair.sign(message.as_bytes()).as_ref());
        format!("{message}.{signature}")
    }
}

/// A set of keys as it is published.
pub(crate) fn set(keys: &[&Key]) -> Value {
    json!({ "keys": keys.iter().map(|key| key.published()).collect::<Vec<_>>() })
}

#[expect(clippy::disallowed_methods, reason = "the server that is tested goes by the clock of the system")]
pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970").as_secs()
}
