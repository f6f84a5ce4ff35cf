//! JSON Web Tokens: whether one is believed, and what it says.

use crate::grants::GrantsGiven;
use crate::key_set::KeySet;
use crate::refused::RefusedToken;
use crate::template::Claims;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tidings_model::Timestamp;

/// Which tokens are believed.
#[derive(Clone, Debug)]
pub struct TokenRules {
    /// By whom they are signed.
    pub keys: KeySet,
    /// The keys that their issuer publishes.
    pub published: Published,
    /// What `iss` must be; not looked at where this is `None`.
    pub issuer: Option<String>,
    /// What `aud` must be or hold. Where this is `None` a token that has an audience is for somebody else.
    pub audience: Option<String>,
    /// The claim that grants rights.
    pub claim: String,
    /// By how much clocks may differ.
    pub leeway: Duration,
}

/// Keys that are fetched from their issuer.
#[derive(Clone, Debug, Default)]
pub enum Published {
    /// There is no such issuer.
    #[default]
    Nowhere,
    /// They were never fetched.
    Awaited,
    /// These.
    There {
        /// What was fetched last.
        keys: Arc<KeySet>,
        /// Whether that is what the issuer publishes now, as far as can be known: it answered when it was asked last.
        is_current: bool,
    },
}

impl Published {
    fn keys(&self) -> Option<&KeySet> {
        match self {
            Published::Nowhere | Published::Awaited => None,
            Published::There { keys, .. } => Some(keys),
        }
    }

    /// Whether the other one has the very same keys.
    pub fn has_keys_of(&self, other: &Published) -> bool {
        match (self, other) {
            (Published::There { keys, .. }, Published::There { keys: others, .. }) => {
                Arc::ptr_eq(keys, others)
            }
            (Published::There { .. }, _) | (_, Published::There { .. }) => false,
            (Published::Nowhere | Published::Awaited, Published::Nowhere | Published::Awaited) => true,
        }
    }

    /// Why a token that none of the keys has signed is refused: its key may be one that was not fetched yet.
    fn explain(&self, refused: RefusedToken, id: Option<&str>) -> RefusedToken {
        let is_named = |keys: &KeySet| id.is_none_or(|id| keys.has_id(id));
        match (self, refused) {
            (Published::Awaited, RefusedToken::NoKey | RefusedToken::Signature) => RefusedToken::KeysAwaited,
            (Published::There { keys, is_current }, RefusedToken::NoKey | RefusedToken::Signature)
                if !is_named(keys) =>
            {
                if *is_current {
                    RefusedToken::UnknownKey
                } else {
                    RefusedToken::KeysAwaited
                }
            }
            (Published::Nowhere | Published::Awaited | Published::There { .. }, _) => refused,
        }
    }
}

/// A token that is believed.
#[derive(Clone, Debug)]
pub struct Verified {
    /// All it says.
    pub claims: Claims,
    /// What it grants by itself.
    pub grants: GrantsGiven,
    /// From when on it is not believed any more: its `exp`, and the leeway.
    pub expires: Timestamp,
    /// When it was made, if it says so in a way that can be read.
    pub issued: Option<Timestamp>,
}

impl TokenRules {
    /// The longest token in bytes.
    pub const TOKEN_BYTES_MAX: usize = 8 << 10;

    /// Checks a token.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Verified, RefusedToken> {
        self.signed(token, || true).and_then(|claims| self.accept(claims, now))
    }

    /// What a token says, if one of the keys has signed it. Asks whether it may check a signature, which takes a while, where there is a key
    /// that it may be by.
    pub(crate) fn signed(
        &self,
        token: &str,
        may_check: impl FnOnce() -> bool,
    ) -> Result<Claims, RefusedToken> {
        if TokenRules::TOKEN_BYTES_MAX < token.len() {
            return Err(RefusedToken::TooLong);
        }
        // An algorithm that the library does not know, such as `none`, is no head of a token to it.
        let header = decode_header(token).map_err(|_error| RefusedToken::Malformed)?;
        if header.crit.is_some() {
            return Err(RefusedToken::Critical);
        }
        let id = header.kid.as_deref();
        let published = self.published.keys().into_iter().flat_map(|keys| keys.candidates(header.alg, id));
        // An issuer that publishes many keys costs no token that is right: such tokens name theirs.
        let candidates = self.keys.candidates(header.alg, id).take(KeySet::TRIED_MAX);
        let mut candidates = candidates.chain(published.take(KeySet::TRIED_MAX)).peekable();
        if candidates.peek().is_some() && !may_check() {
            return Err(RefusedToken::Busy);
        }
        let mut refused = RefusedToken::NoKey;
        for key in candidates {
            match decode::<Claims>(token, &key.decoding, &validation(key.algorithm)) {
                Ok(data) => return Ok(data.claims),
                Err(error) => {
                    let is_signature = matches!(error.kind(), ErrorKind::InvalidSignature);
                    refused = if is_signature { RefusedToken::Signature } else { RefusedToken::Malformed };
                }
            }
        }
        Err(self.published.explain(refused, id))
    }

    /// Whether a token that says this is for us, and for now.
    pub(crate) fn accept(&self, claims: Claims, now: Timestamp) -> Result<Verified, RefusedToken> {
        let expires = self.check_times(&claims, now)?;
        self.check_issuer(&claims)?;
        self.check_audience(&claims)?;
        let grants = claims.get(&self.claim).map_or(Ok(GrantsGiven::default()), GrantsGiven::parse);
        let issued = claims.get("iat").and_then(|issued| seconds(issued).ok());
        Ok(Verified { grants: grants.map_err(RefusedToken::Grants)?, claims, expires, issued })
    }

    fn check_times(&self, claims: &Claims, now: Timestamp) -> Result<Timestamp, RefusedToken> {
        let end = claims.get("exp").ok_or(RefusedToken::NoExpiry)?;
        let expires = seconds(end)?.after(self.leeway);
        if expires <= now {
            return Err(RefusedToken::Expired);
        }
        match claims.get("nbf") {
            Some(start) if now.after(self.leeway) < seconds(start)? => Err(RefusedToken::NotYet),
            _ => Ok(expires),
        }
    }

    fn check_issuer(&self, claims: &Claims) -> Result<(), RefusedToken> {
        let Some(issuer) = &self.issuer else { return Ok(()) };
        if claims.get("iss").and_then(Value::as_str) == Some(issuer) {
            Ok(())
        } else {
            Err(RefusedToken::Issuer)
        }
    }

    /// A token with an audience is for those that it names (RFC 7519, section 4.1.3).
    fn check_audience(&self, claims: &Claims) -> Result<(), RefusedToken> {
        let own = self.audience.as_deref();
        let is_for_us = match (claims.get("aud"), own) {
            (None, None) => true,
            (Some(Value::String(one)), Some(own)) => one == own,
            (Some(Value::Array(all)), Some(own)) => all.iter().any(|one| one.as_str() == Some(own)),
            _ => false,
        };
        if is_for_us { Ok(()) } else { Err(RefusedToken::Audience) }
    }
}

/// Of the library's checks only that of the signature: times need our `now`, and the rest our rules.
fn validation(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

/// A number of seconds since 1970, fractions allowed. What lies before that is its beginning, what lies beyond all times is never.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates at both ends"
)]
fn seconds(value: &Value) -> Result<Timestamp, RefusedToken> {
    let seconds = value.as_f64().filter(|seconds| seconds.is_finite()).ok_or(RefusedToken::Time)?;
    Ok(Timestamp((seconds * 1_000.0) as u64))
}
