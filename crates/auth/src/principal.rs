//! Principals: who asks, and what they may do.

use crate::Right;
use crate::digest::Digest;
use crate::grants::Grants;
use std::sync::Arc;
use tidings_model::{Pattern, StreamName, Timestamp};

/// Who asks. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Principal(Arc<Facts>);

/// All that is known of somebody.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) kind: PrincipalKind,
    /// The `sub` of a token, the name of a key, or whose certificate it is.
    pub(crate) subject: Option<String>,
    /// The `jti` of a token.
    pub(crate) token_id: Option<String>,
    /// The `iat` of a token, or from when on a certificate is good.
    pub(crate) issued: Option<Timestamp>,
    /// The hash of a key.
    pub(crate) key: Option<Digest>,
    /// Of the rules by which they are believed, and by which that is granted.
    pub(crate) rules: Option<Digest>,
    pub(crate) grants: Grants,
    pub(crate) expires: Option<Timestamp>,
    /// Of the token, key or certificate that said who they are.
    pub(crate) evidence: Option<Digest>,
    /// What the token says, as JSON.
    pub(crate) claims: Option<Box<str>>,
    /// Streams that they may do nothing with, whatever was granted.
    pub(crate) without: Vec<StreamName>,
    /// The only streams for which any of it counts; all where it is `None`.
    pub(crate) within: Option<Arc<[Pattern]>>,
}

impl Facts {
    /// One of that kind of whom nothing else is known, and who may do nothing.
    pub(crate) fn new(kind: PrincipalKind) -> Facts {
        Facts {
            kind,
            subject: None,
            token_id: None,
            issued: None,
            key: None,
            rules: None,
            grants: Grants::default(),
            expires: None,
            evidence: None,
            claims: None,
            without: Vec::new(),
            within: None,
        }
    }
}

/// What somebody is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// There are no rules: everybody may do everything.
    Unruled,
    /// By nothing.
    Anybody,
    /// A signed token.
    Token,
    /// An API key.
    Key,
    /// A ticket, which somebody else has asked for.
    Ticket,
    /// The certificate that they have shown.
    Certificate,
}

impl Principal {
    /// Everybody, where there are no rules.
    pub fn unruled() -> Principal {
        Principal::of(Facts::new(PrincipalKind::Unruled))
    }

    pub(crate) fn of(facts: Facts) -> Principal {
        Principal(Arc::new(facts))
    }

    /// One that may do nothing but that, until the end of who has asked for it.
    #[must_use]
    pub fn with_ticket(&self, grants: Grants) -> Principal {
        Principal::of(Facts { kind: PrincipalKind::Ticket, grants, ..Facts::clone(&self.0) })
    }

    /// The same, who may do nothing with these streams.
    #[must_use]
    pub fn without(&self, streams: Vec<StreamName>) -> Principal {
        Principal::of(Facts { without: streams, ..Facts::clone(&self.0) })
    }

    /// The same, by rules with that digest.
    pub(crate) fn under(&self, rules: Digest) -> Principal {
        Principal::of(Facts { rules: Some(rules), ..Facts::clone(&self.0) })
    }

    /// Whether they have that right on that stream, whether it exists or not.
    pub fn may(&self, right: Right, stream: &StreamName) -> bool {
        let is_granted = self.0.kind == PrincipalKind::Unruled || self.0.grants.have(right, stream);
        is_granted && self.is_within(stream) && !self.0.without.contains(stream)
    }

    /// Whether a stream is one of those that this principal may use from where it asks.
    pub fn is_within(&self, stream: &StreamName) -> bool {
        self.0
            .within
            .as_ref()
            .is_none_or(|within| within.iter().any(|pattern| pattern.matches(stream.as_str())))
    }

    /// The same, who may use no streams but those from where it asks.
    #[must_use]
    pub fn within(&self, within: Option<Arc<[Pattern]>>) -> Principal {
        match within {
            None if self.0.within.is_none() => self.clone(),
            within => Principal::of(Facts { within, ..Facts::clone(&self.0) }),
        }
    }

    /// Whether they have that right on any stream.
    pub fn may_any(&self, right: Right) -> bool {
        self.0.kind == PrincipalKind::Unruled || self.0.grants.have_any(right)
    }

    /// Whether they have that right on every stream there is or could be.
    pub fn may_on_all(&self, right: Right) -> bool {
        let is_within =
            self.0.within.as_ref().is_none_or(|within| within.iter().any(|pattern| pattern.as_str() == "**"));
        (self.0.kind == PrincipalKind::Unruled || self.0.grants.have_on_all(right)) && is_within
    }

    /// See [`Grants::prefixes`].
    pub fn prefixes(&self, right: Right) -> Vec<&str> {
        if self.0.kind == PrincipalKind::Unruled { vec![""] } else { self.0.grants.prefixes(right) }
    }

    /// What they are known by.
    pub fn kind(&self) -> PrincipalKind {
        self.0.kind
    }

    /// Whether nobody has said who they are.
    pub fn is_unnamed(&self) -> bool {
        matches!(self.0.kind, PrincipalKind::Unruled | PrincipalKind::Anybody)
    }

    /// The `sub` of the token, the name of the key, or whose certificate it is.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// The digest of the token, key or certificate by which they are known; of a ticket's the one that it was asked with. Nobody in particular has none.
    pub fn evidence(&self) -> Option<Digest> {
        self.0.evidence
    }

    /// What their token says, as JSON, where the policy keeps that.
    pub fn claims(&self) -> Option<&str> {
        self.0.claims.as_deref()
    }

    /// The `jti` of the token.
    pub fn token_id(&self) -> Option<&str> {
        self.0.token_id.as_deref()
    }

    /// When the token was made, if it says so; from when on the certificate is good.
    pub fn issued(&self) -> Option<Timestamp> {
        self.0.issued
    }

    /// Whether they are known by an API key, or who has asked for their ticket is.
    pub fn is_of_key(&self) -> bool {
        self.0.key.is_some()
    }

    /// What they may do.
    pub(crate) fn grants(&self) -> &Grants {
        &self.0.grants
    }

    /// Of the rules by which they are believed.
    pub(crate) fn rules(&self) -> Option<&Digest> {
        self.0.rules.as_ref()
    }

    /// The hash of that key.
    pub(crate) fn key(&self) -> Option<&Digest> {
        self.0.key.as_ref()
    }

    /// From when on they have to say anew who they are.
    pub fn expires(&self) -> Option<Timestamp> {
        self.0.expires
    }

    /// Whether that time has come.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.0.expires.is_some_and(|expires| expires <= now)
    }
}
