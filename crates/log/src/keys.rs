//! The idempotency keys of one stream, for as long as they are remembered.

use crate::producers::Seen;
use crate::{LogSettings, Refusal};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use tidings_model::Timestamp;

/// The idempotency keys of one stream.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    used: HashMap<Arc<str>, Use>,
    /// The same keys, the oldest first.
    order: VecDeque<Arc<str>>,
}

/// The publish that used a key.
#[derive(Debug)]
struct Use {
    body_hash: [u8; 16],
    end_index: u64,
    time: Timestamp,
}

impl Keys {
    /// Whether a key was used, with the same body.
    pub(crate) fn check(
        &self,
        key: &str,
        body_hash: &[u8; 16],
        now: Timestamp,
        settings: &LogSettings,
    ) -> Result<Seen, Refusal> {
        match self.used.get(key).filter(|used| now.since(used.time) < settings.keys_age) {
            None => Ok(Seen::New),
            Some(used) if used.body_hash == *body_hash => {
                Ok(Seen::Before { end_index: Some(used.end_index) })
            }
            Some(_) => Err(Refusal::KeyReused),
        }
    }

    /// Takes note of a publish with a key, and forgets the keys that are too old or too many.
    pub(crate) fn accept(
        &mut self,
        key: &Arc<str>,
        body_hash: [u8; 16],
        end_index: u64,
        time: Timestamp,
        settings: &LogSettings,
    ) {
        if self.used.insert(Arc::clone(key), Use { body_hash, end_index, time }).is_some() {
            // An old use that a clock set back kept from being forgotten in its turn.
            self.order.retain(|other| other != key);
        }
        self.order.push_back(Arc::clone(key));
        while let Some(oldest) = self.order.front()
            && (settings.keys_max < self.order.len() || self.is_old(oldest, time, settings))
        {
            self.used.remove(oldest);
            self.order.pop_front();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.order.len()
    }

    /// Each with the hash of its body, the index after its messages and its time, the oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[u8; 16], u64, Timestamp)> {
        self.order.iter().map(|key| {
            let used = &self.used[key];
            (&**key, &used.body_hash, used.end_index, used.time)
        })
    }

    /// Puts back what [`Keys::iter`] gave.
    pub(crate) fn put(&mut self, key: Arc<str>, body_hash: [u8; 16], end_index: u64, time: Timestamp) {
        if self.used.insert(Arc::clone(&key), Use { body_hash, end_index, time }).is_none() {
            self.order.push_back(key);
        }
    }

    fn is_old(&self, key: &str, now: Timestamp, settings: &LogSettings) -> bool {
        self.used.get(key).is_none_or(|used| settings.keys_age <= now.since(used.time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_remembered_by_age_and_number() {
        let settings = LogSettings { keys_max: 2, ..LogSettings::default() };
        let day = 24 * 60 * 60 * 1000;
        let mut keys = Keys::default();
        let key = |text: &str| Arc::<str>::from(text);
        keys.accept(&key("a"), [1; 16], 1, Timestamp(0), &settings);
        let check = |keys: &Keys, text, hash, now| keys.check(text, &[hash; 16], Timestamp(now), &settings);
        assert_eq!(check(&keys, "a", 1, day - 1), Ok(Seen::Before { end_index: Some(1) }));
        assert_eq!(check(&keys, "a", 2, day - 1), Err(Refusal::KeyReused));
        assert_eq!(check(&keys, "a", 2, day), Ok(Seen::New));
        keys.accept(&key("b"), [1; 16], 2, Timestamp(5), &settings);
        keys.accept(&key("c"), [1; 16], 3, Timestamp(5), &settings);
        assert_eq!(check(&keys, "a", 1, 5), Ok(Seen::New));
        assert_eq!(check(&keys, "b", 1, 5), Ok(Seen::Before { end_index: Some(2) }));
        keys.accept(&key("a"), [1; 16], 4, Timestamp(day + 5), &settings);
        assert_eq!((keys.used.len(), keys.order.len()), (1, 1));
    }
}
