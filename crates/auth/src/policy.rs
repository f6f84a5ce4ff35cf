//! The policy: what anybody may do, whose keys and tokens are believed, and what they may do beside.

use crate::api_key::ApiKey;
use crate::cache::TokenCache;
use crate::certificate::ClientCertificate;
use crate::checks::Checks;
use crate::digest::Digest;
use crate::grants::{Grants, GrantsGiven};
use crate::principal::{Facts, Principal, PrincipalKind};
use crate::refused::RefusedToken;
use crate::template::Claims;
use crate::token::{Published, TokenRules, Verified};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::net::Ipv6Addr;
use tidings_model::Timestamp;

/// The rules as they were written.
#[derive(Clone, Debug, Default)]
pub struct PolicyInput {
    /// What anybody may do.
    pub anybody: GrantsGiven,
    /// What everybody with a token may do, beside what the token grants.
    pub with_token: GrantsGiven,
    /// What everybody with a certificate may do.
    pub with_certificate: GrantsGiven,
    /// What the certificates of those subjects may do beside.
    pub certificates: BTreeMap<String, GrantsGiven>,
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
            && self.with_certificate.is_empty()
            && self.certificates.is_empty()
            && self.keys.is_empty()
            && self.tokens.is_none()
    }
}

/// Who may do what. Never changes once it is made.
#[derive(Clone, Debug)]
pub struct Policy {
    anybody: Principal,
    /// What everybody with a token may do, as far as claims of the token stand in it.
    with_token: GrantsGiven,
    /// The rest of that, and what anybody may do.
    with_any_token: Grants,
    /// What everybody with a certificate may do, and what those of some subjects may beside.
    with_certificate: GrantsGiven,
    certificates: BTreeMap<String, GrantsGiven>,
    keys: HashMap<Digest, Principal>,
    tokens: Option<TokenRules>,
    keeps_claims: bool,
    /// Of what tokens are believed by and are granted, as it was written.
    rules: Digest,
}

impl Policy {
    /// From the rules. Without any, everybody may do everything.
    pub fn new(input: PolicyInput) -> Policy {
        if input.is_empty() {
            return Policy::without_rules();
        }
        // What an issuer publishes is none of the rules: they stay the same when its keys are rotated.
        let of_certificates = (&input.with_certificate, &input.certificates);
        let rules = digest_of(&(&input.anybody, &input.with_token, &input.tokens, of_certificates));
        let PolicyInput {
            anybody,
            with_token,
            with_certificate,
            certificates,
            keys,
            tokens,
            is_ruled: _,
            keeps_claims,
        } = input;
        // Nobody in particular has no claims, and neither has a key.
        let anybodys = anybody.fill(&Claims::new());
        let keys = keys.into_iter().map(|ApiKey { name, hash, grants }| {
            let mut grants = grants.fill(&Claims::new());
            grants.extend(&anybodys);
            let facts = Facts {
                subject: Some(name),
                key: Some(hash),
                evidence: Some(hash),
                rules: Some(digest_of(&grants)),
                grants,
                ..Facts::new(PrincipalKind::Key)
            };
            (hash, Principal::of(facts))
        });
        let keys = keys.collect();
        let (with_token, without_claims) = with_token.parted();
        let mut with_any_token = without_claims.fill(&Claims::new());
        with_any_token.extend(&anybodys);
        let facts = Facts { grants: anybodys, rules: Some(rules), ..Facts::new(PrincipalKind::Anybody) };
        let anybody = Principal::of(facts);
        Policy {
            anybody,
            with_token,
            with_any_token,
            with_certificate,
            certificates,
            keys,
            tokens,
            keeps_claims,
            rules,
        }
    }

    /// The same, whose keys of tokens are in files with that digest: others of the same names are other keys.
    #[must_use]
    pub fn with_key_files(mut self, files: Digest) -> Policy {
        self.rules = digest_of(&(self.rules, files));
        if self.has_rules() {
            self.anybody = self.anybody.under(self.rules);
        }
        self
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
            with_any_token: Grants::default(),
            with_token: GrantsGiven::default(),
            with_certificate: GrantsGiven::default(),
            certificates: BTreeMap::new(),
            keys: HashMap::new(),
            tokens: None,
            keeps_claims: false,
            rules: Digest::of(b"none"),
        }
    }

    /// Whether the other one says the same.
    pub fn is_like(&self, other: &Policy) -> bool {
        let has_key = |(hash, key): (&Digest, &Principal)| {
            other.keys.get(hash).is_some_and(|it| it.rules() == key.rules() && it.subject() == key.subject())
        };
        let is_same = self.rules == other.rules
            && self.has_rules() == other.has_rules()
            && self.keeps_claims == other.keeps_claims;
        is_same && self.keys.len() == other.keys.len() && self.keys.iter().all(has_key)
    }

    /// Somebody who was believed by other rules, with the rights that they have by these. `None` where they have to say anew who they are:
    /// what a token grants is known of its bearer only.
    pub fn renewed(&self, principal: &Principal) -> Option<Principal> {
        match principal.kind() {
            PrincipalKind::Unruled | PrincipalKind::Anybody => Some(self.anybody.clone()),
            PrincipalKind::Key => self.keys.get(principal.key()?).cloned(),
            PrincipalKind::Token => (principal.rules() == Some(&self.rules)).then(|| principal.clone()),
            // What a certificate grants is known of its subject alone.
            PrincipalKind::Certificate => {
                let times = (principal.issued(), principal.expires());
                let evidence = principal.evidence();
                principal.subject().map(|subject| self.of_certificate(subject, times, evidence))
            }
            PrincipalKind::Ticket => {
                let rules = match principal.key() {
                    Some(key) => self.keys.get(key)?.rules(),
                    None => self.anybody.rules(),
                };
                (principal.rules() == rules).then(|| principal.clone())
            }
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

    /// Whose certificate it is. Hot: once for each request on a connection that has shown one; one look-up.
    pub fn identify_certificate(
        &self,
        certificate: &ClientCertificate,
        cache: &mut TokenCache,
        now: Timestamp,
    ) -> Result<Principal, RefusedToken> {
        if let Some(known) = cache.find(&certificate.digest(), now) {
            return Ok(known);
        }
        if certificate.expires() <= now {
            return Err(RefusedToken::CertificateExpired);
        }
        let times = (Some(certificate.issued()), Some(certificate.expires()));
        let principal = self.of_certificate(certificate.subject(), times, Some(certificate.digest()));
        cache.insert(certificate.digest(), principal.clone());
        Ok(principal)
    }

    fn of_certificate(
        &self,
        subject: &str,
        (issued, expires): (Option<Timestamp>, Option<Timestamp>),
        evidence: Option<Digest>,
    ) -> Principal {
        let claims = Claims::from_iter([("sub".to_owned(), Value::from(subject))]);
        let mut grants = self.with_certificate.fill(&claims);
        if let Some(own) = self.certificates.get(subject) {
            grants.extend(&own.fill(&claims));
        }
        grants.extend(self.anybody.grants());
        Principal::of(Facts {
            subject: Some(subject.to_owned()),
            issued,
            expires,
            evidence,
            rules: Some(self.rules),
            grants,
            ..Facts::new(PrincipalKind::Certificate)
        })
    }

    /// Who has that token or key, which `sender` has sent: an address, or a network that counts as one. Hot: once for each request; a token
    /// that is in the cache costs one SHA-256 of it and one look-up.
    pub fn identify(
        &self,
        token: &str,
        sender: Ipv6Addr,
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
        if let Some(refused) = cache.find_refused(&digest) {
            return Err(refused);
        }
        let verified = verify(rules, token, sender, &mut cache.checks, now);
        let verified = verified.inspect_err(|refused| cache.insert_refused(digest, *refused))?;
        let mut grants = verified.grants.fill(&verified.claims);
        grants.extend(&self.with_token.fill(&verified.claims));
        grants.extend(&self.with_any_token);
        let text = |claim| verified.claims.get(claim).and_then(Value::as_str).map(str::to_owned);
        let principal = Principal::of(Facts {
            subject: text("sub"),
            token_id: text("jti"),
            issued: verified.issued,
            rules: Some(self.rules),
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

/// What a token says, if it is believed. A signature is checked only as long as its sender may have one checked.
fn verify(
    rules: &TokenRules,
    token: &str,
    sender: Ipv6Addr,
    checks: &mut Checks,
    now: Timestamp,
) -> Result<Verified, RefusedToken> {
    let mut is_checked = false;
    let signed = rules.signed(token, || {
        is_checked = checks.take(sender, now);
        is_checked
    });
    if signed.is_err() && is_checked {
        checks.on_false(sender);
    }
    rules.accept(signed?, now)
}

/// Of what it looks like.
fn digest_of(rules: &impl std::fmt::Debug) -> Digest {
    Digest::of(format!("{rules:?}").as_bytes())
}
