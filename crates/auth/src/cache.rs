//! Tokens that were verified a moment ago: to look one up costs a hash, to verify it up to a hundred times as much.

use crate::checks::Checks;
use crate::digest::Digest;
use crate::principal::Principal;
use crate::refused::RefusedToken;
use std::collections::HashMap;
use tidings_model::Timestamp;

/// Principals by the digests of their tokens, so that no token is kept. Bounded: of those that were not asked for lately, half are dropped
/// at once. What is refused is kept apart, and can't push out what is believed.
#[derive(Debug, Default)]
pub struct TokenCache {
    young: HashMap<Digest, Principal>,
    old: HashMap<Digest, Principal>,
    refused: HashMap<Digest, RefusedToken>,
    refused_before: HashMap<Digest, RefusedToken>,
    /// Signatures that were checked lately.
    pub(crate) checks: Checks,
}

impl TokenCache {
    /// How many tokens it holds at most.
    pub const TOKENS_MAX: usize = 10_000;

    /// How many refused ones it remembers at most.
    pub const REFUSED_MAX: usize = 2_000;

    /// The principal of a token that is known and has not expired.
    pub fn find(&mut self, token: &Digest, now: Timestamp) -> Option<Principal> {
        if let Some(found) = self.young.get(token) {
            let found = (!found.has_expired(now)).then(|| found.clone());
            if found.is_none() {
                self.young.remove(token);
            }
            return found;
        }
        let found = self.old.remove(token).filter(|found| !found.has_expired(now))?;
        self.insert(*token, found.clone());
        Some(found)
    }

    /// Why a token was refused a moment ago, if that can't become right: whoever sends it again and again does not have it verified each time.
    pub fn find_refused(&self, token: &Digest) -> Option<RefusedToken> {
        self.refused.get(token).or_else(|| self.refused_before.get(token)).copied()
    }

    /// Keeps that one was refused.
    pub fn insert_refused(&mut self, token: Digest, refused: RefusedToken) {
        if !refused.is_final() {
            return;
        }
        if TokenCache::REFUSED_MAX / 2 <= self.refused.len() {
            self.refused_before = std::mem::take(&mut self.refused);
        }
        self.refused.insert(token, refused);
    }

    /// Keeps one.
    pub fn insert(&mut self, token: Digest, principal: Principal) {
        if TokenCache::TOKENS_MAX / 2 <= self.young.len() {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(token, principal);
    }

    /// Forgets all: what was believed may not be any more.
    pub fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
        self.forget_refused();
    }

    /// Forgets what was refused: it may be refused for another reason now, or not at all.
    pub fn forget_refused(&mut self) {
        self.refused.clear();
        self.refused_before.clear();
    }

    /// How many it holds.
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PrincipalKind;
    use crate::principal::Facts;

    fn token(number: usize) -> Digest {
        Digest::of(&number.to_le_bytes())
    }

    fn until(expires: u64) -> Principal {
        Principal::of(Facts { expires: Some(Timestamp(expires)), ..Facts::new(PrincipalKind::Token) })
    }

    #[test]
    fn a_token_is_found_until_it_expires() {
        let mut cache = TokenCache::default();
        cache.insert(token(1), until(100));
        assert!(cache.find(&token(1), Timestamp(99)).is_some());
        assert!(cache.find(&token(2), Timestamp(99)).is_none());
        assert!(cache.find(&token(1), Timestamp(100)).is_none());
        assert!(cache.is_empty());
    }

    #[test]
    fn what_is_refused_is_remembered_and_pushes_nothing_out() {
        let mut cache = TokenCache::default();
        cache.insert(token(0), until(100));
        for number in 1..3 * TokenCache::REFUSED_MAX {
            cache.insert_refused(token(number), RefusedToken::Signature);
            assert_eq!(cache.find_refused(&token(number)), Some(RefusedToken::Signature));
            assert!(cache.refused.len() + cache.refused_before.len() <= TokenCache::REFUSED_MAX);
        }
        assert!(cache.find(&token(0), Timestamp(0)).is_some());
        assert_eq!(cache.find_refused(&token(1)), None);
        // One that comes too early is right later.
        cache.insert_refused(token(7), RefusedToken::NotYet);
        assert_eq!(cache.find_refused(&token(7)), None);
    }

    #[test]
    fn it_is_bounded_and_keeps_what_is_used() {
        let mut cache = TokenCache::default();
        cache.insert(token(0), until(100));
        for number in 1..3 * TokenCache::TOKENS_MAX {
            cache.insert(token(number), until(100));
            assert!(cache.len() <= TokenCache::TOKENS_MAX);
            if number % 1_000 == 0 {
                assert!(cache.find(&token(0), Timestamp(0)).is_some(), "{number}");
            }
        }
        assert!(cache.find(&token(1), Timestamp(0)).is_none());
    }
}
