//! The policy: what anybody may do, whose keys and tokens are believed, and what they may do beside.

use crate::api_key::ApiKey;
use crate::cache::TokenCache;
use crate::digest::Digest;
use crate::grants::{Grants, GrantsGiven};
use crate::principal::{Facts, Principal, PrincipalKind};
use crate::refused::RefusedToken;
use crate::template::Claims;
use crate::token::{Published, TokenRules};
use serde_json::Value;
use std::collections::HashMap;
use tidings_model::Timestamp;

/// The rules as they were written.
#[derive(Clone, Debug, Default)]
pub struct PolicyInput {
    /// What anybody may do.
    pub anybody: GrantsGiven,
    /// What everybody with a token may do, beside what the token grants.
    pub with_token: GrantsGiven,
    /// API keys.
    pub keys: Vec<ApiKey>,
    /// Which tokens are believed.
    pub tokens: Option<TokenRules>,
    /// Whether any rule was written, also one that grants nothing: whoever takes the last right away does not open everything.
    pub is_ruled: bool,
    /// Whether principals remember the claims of their tokens, for others to be told.
    pub keeps_claims: bool,
}

impl PolicyInput {
    /// Whether there is no rule at all: then everybody may do everything.
    pub fn is_empty(&self) -> bool {
        !self.is_ruled
            && self.anybody.is_empty()
            && self.with_token.is_empty()
            && self.keys.is_empty()
            && self.tokens.is_none()
    }
}

/// Who may do what. Never changes once it is made.
#[derive(Clone, Debug)]
pub struct Policy {
    anybody: Principal,
    /// What anybody may do, which everybody else may too.
    anybodys: Grants,
    with_token: GrantsGiven,
    keys: HashMap<Digest, Principal>,
    tokens: Option<TokenRules>,
    keeps_claims: bool,
}

impl Policy {
    /// From the rules. Without any, everybody may do everything.
    pub fn new(input: PolicyInput) -> Policy {
        if input.is_empty() {
            return Policy::without_rules();
        }
        let PolicyInput { anybody, with_token, keys, tokens, is_ruled: _, keeps_claims } = input;
        // Nobody in particular has no claims, and neither has a key.
        let anybodys = anybody.fill(&Claims::new());
        let keys = keys.into_iter().map(|ApiKey { name, hash, grants }| {
            let mut grants = grants.fill(&Claims::new());
            grants.extend(&anybodys);
            let key = Some(hash);
            let facts =
                Facts { subject: Some(name), key, evidence: key, grants, ..Facts::new(PrincipalKind::Key) };
            (hash, Principal::of(facts))
        });
        Policy {
            anybody: Principal::of(Facts { grants: anybodys.clone(), ..Facts::new(PrincipalKind::Anybody) }),
            keys: keys.collect(),
            anybodys,
            with_token,
            tokens,
            keeps_claims,
        }
    }

    /// The same rules, with these keys of the issuer's.
    #[must_use]
    pub fn with_published(&self, published: Published) -> Policy {
        let mut policy = self.clone();
        if let Some(tokens) = &mut policy.tokens {
            tokens.published = published;
        }
        policy
    }

    /// Everybody may do everything.
    pub fn without_rules() -> Policy {
        Policy {
            anybody: Principal::unruled(),
            anybodys: Grants::default(),
            with_token: GrantsGiven::default(),
            keys: HashMap::new(),
            tokens: None,
            keeps_claims: false,
        }
    }

    /// Whether there are rules, so that tokens are looked at.
    pub fn has_rules(&self) -> bool {
        self.anybody.kind() != PrincipalKind::Unruled
    }

    /// Who has not said who they are.
    pub fn anybody(&self) -> &Principal {
        &self.anybody
    }

    /// Whether the key that somebody is known by, if they are known by one, is still among the keys.
    pub fn still_has_key_of(&self, principal: &Principal) -> bool {
        principal.key().is_none_or(|key| self.keys.contains_key(key))
    }

    /// Who has that token or key. Hot: once for each request; a token that is in the cache costs one SHA-256 of it and one look-up.
    pub fn identify(
        &self,
        token: &str,
        cache: &mut TokenCache,
        now: Timestamp,
    ) -> Result<Principal, RefusedToken> {
        if TokenRules::TOKEN_BYTES_MAX < token.len() {
            return Err(RefusedToken::TooLong);
        }
        let digest = Digest::of(token.as_bytes());
        if let Some(known) = self.keys.get(&digest) {
            return Ok(known.clone());
        }
        if let Some(known) = cache.find(&digest, now) {
            return Ok(known);
        }
        let rules = self.tokens.as_ref().ok_or(RefusedToken::Malformed)?;
        let verified = rules.verify(token, now)?;
        let mut grants = verified.grants.fill(&verified.claims);
        grants.extend(&self.with_token.fill(&verified.claims));
        grants.extend(&self.anybodys);
        let text = |claim| verified.claims.get(claim).and_then(Value::as_str).map(str::to_owned);
        let principal = Principal::of(Facts {
            subject: text("sub"),
            token_id: text("jti"),
            issued: verified.issued,
            grants,
            evidence: Some(digest),
            claims: self
                .keeps_claims
                .then(|| Value::Object(verified.claims.clone()).to_string().into_boxed_str()),
            expires: Some(verified.expires),
            ..Facts::new(PrincipalKind::Token)
        });
        cache.insert(digest, principal.clone());
        Ok(principal)
    }
}
