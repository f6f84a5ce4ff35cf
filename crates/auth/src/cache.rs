//! Tokens that were verified a moment ago: to look one up costs a hash, to verify it up to a hundred times as much.

use crate::digest::Digest;
use crate::principal::Principal;
use std::collections::HashMap;
use tidings_model::Timestamp;

/// Principals by the digests of their tokens, so that no token is kept. Bounded: of those that were not asked for lately, half are dropped
/// at once. A token that is refused is never kept.
#[derive(Debug, Default)]
pub struct TokenCache {
    young: HashMap<Digest, Principal>,
    old: HashMap<Digest, Principal>,
}

impl TokenCache {
    /// How many tokens it holds at most.
    pub const TOKENS_MAX: usize = 10_000;

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
