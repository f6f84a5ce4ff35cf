//! Signs tokens as an issuer would, so that the code under test is not asked to judge its own work.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};
use tidings_auth::KeySet;

/// The four ways to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Hs256,
    Rs256,
    Es256,
    EdDsa,
}

pub(crate) const WAYS: [Way; 4] = [Way::Hs256, Way::Rs256, Way::Es256, Way::EdDsa];

pub(crate) const SECRET: &[u8] = b"a secret of the tests, 32 bytes or more";

impl Way {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Way::Hs256 => "HS256",
            Way::Rs256 => "RS256",
            Way::Es256 => "ES256",
            Way::EdDsa => "EdDSA",
        }
    }

    /// The bytes that the server is given.
    pub(crate) fn public(self) -> &'static [u8] {
        match self {
            Way::Hs256 => SECRET,
            Way::Rs256 => include_bytes!("keys/rsa-public.pem"),
            Way::Es256 => include_bytes!("keys/ec-public.pem"),
            Way::EdDsa => include_bytes!("keys/ed-public.pem"),
        }
    }

    pub(crate) fn key_set(self) -> KeySet {
        match self {
            Way::Hs256 => KeySet::from_secret(SECRET).expect("the tests' own keys are good"),
            Way::Rs256 | Way::Es256 | Way::EdDsa => {
                KeySet::parse(self.public()).expect("the tests' own keys are good")
            }
        }
    }

    /// The signature of some bytes.
    pub(crate) fn sign(self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Way::Hs256 => hmac(SECRET, message),
            Way::Rs256 => {
                let key = RsaKeyPair::from_pkcs8(&private(include_str!("keys/rsa-private.pem")))
                    .expect("the tests' own keys are good");
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .expect("the tests' own keys are good");
                signature
            }
            Way::Es256 => {
                let key = private(include_str!("keys/ec-private.pem"));
                let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key, &random)
                    .expect("the tests' own keys are good");
                key.sign(&random, message).expect("the tests' own keys are good").as_ref().to_vec()
            }
            Way::EdDsa => {
                let key = private(include_str!("keys/ed-private.pem"));
                Ed25519KeyPair::from_pkcs8_maybe_unchecked(&key)
                    .expect("the tests' own keys are good")
                    .sign(message)
                    .as_ref()
                    .to_vec()
            }
        }
    }

    /// A token with that head and those claims.
    pub(crate) fn token_with(self, head: &Value, claims: &Value) -> String {
        let message = unsigned(head, claims);
        let signature = BASE64_URL_SAFE_NO_PAD.encode(self.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    /// A token with those claims.
    pub(crate) fn token(self, claims: &Value) -> String {
        self.token_with(&json!({ "alg": self.name(), "typ": "JWT" }), claims)
    }
}

/// Head and claims as they are signed.
pub(crate) fn unsigned(head: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(head), part(claims))
}

pub(crate) fn hmac(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    ring::hmac::sign(&key, message).as_ref().to_vec()
}

fn private(pem: &str) -> Vec<u8> {
    let lines: String = pem.lines().filter(|line| !line.starts_with("---")).collect();
    BASE64_STANDARD.decode(lines).expect("the tests' own keys are good")
}
