//! Principals: who asks, and what they may do.

use crate::Right;
use crate::grants::Grants;
use std::sync::Arc;
use tidings_model::{StreamName, Timestamp};

/// Who asks. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Principal(Arc<Facts>);

#[derive(Debug)]
struct Facts {
    kind: PrincipalKind,
    subject: Option<String>,
    grants: Grants,
    expires: Option<Timestamp>,
}

/// What somebody is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

impl Principal {
    /// Everybody, where there are no rules.
    pub fn unruled() -> Principal {
        Principal::new(PrincipalKind::Unruled, None, Grants::default(), None)
    }

    pub(crate) fn new(
        kind: PrincipalKind,
        subject: Option<String>,
        grants: Grants,
        expires: Option<Timestamp>,
    ) -> Principal {
        Principal(Arc::new(Facts { kind, subject, grants, expires }))
    }

    /// One that may do nothing but that, until the end of who has asked for it.
    #[must_use]
    pub fn with_ticket(&self, grants: Grants) -> Principal {
        Principal::new(PrincipalKind::Ticket, self.0.subject.clone(), grants, self.0.expires)
    }

    /// Whether they have that right on that stream, whether it exists or not.
    pub fn may(&self, right: Right, stream: &StreamName) -> bool {
        self.0.kind == PrincipalKind::Unruled || self.0.grants.have(right, stream)
    }

    /// Whether they have that right on any stream.
    pub fn may_any(&self, right: Right) -> bool {
        self.0.kind == PrincipalKind::Unruled || self.0.grants.have_any(right)
    }

    /// Whether they have that right on every stream there is or could be.
    pub fn may_on_all(&self, right: Right) -> bool {
        self.0.kind == PrincipalKind::Unruled || self.0.grants.have_on_all(right)
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

    /// The `sub` of the token, or the name of the key.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
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
