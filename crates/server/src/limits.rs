//! Limits for each client: what one address, one subject and one stream may have and do, over all workers.
//!
//! Knows what is counted and what a refusal says. Does not know sockets, or who asks by what.
//!
//! What is held (connections, follows) is counted exactly, and given back by dropping a share. What is done (connecting, publishing) has a
//! bucket each, which fills with time. The amounts are looked up in the settings each time, so they may change while the server runs.

mod buckets;
mod counts;
mod key;
mod kind;
mod share;

pub(crate) use kind::Limit;
pub(crate) use share::{Account, Caller, ConnectionShare, FollowShare};

use crate::authorise::Principal;
use crate::peer::Peer;
use crate::settings::Settings;
use buckets::Buckets;
use counts::Counts;
pub(crate) use key::place_of;
use key::{Key, Keys};
use kind::{Measure, Scope};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tidings_model::StreamName;
use tidings_protocol::Problem;

/// What all workers count together.
pub(crate) struct Limits {
    keys: Keys,
    counts: Counts,
    buckets: Buckets,
    /// How often each limit has refused something, since the start.
    refused: [AtomicU64; Limit::ALL.len()],
}

/// Who does something, as far as that is limited.
#[derive(Clone, Copy)]
pub(crate) struct Client<'a> {
    pub(crate) peer: Peer,
    pub(crate) principal: &'a Principal,
}

/// What is published in one go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amount {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

impl Limits {
    /// Nothing is counted yet. Remembers the buckets of so many.
    pub(crate) fn new(buckets_max: usize) -> Limits {
        Limits {
            keys: Keys::default(),
            counts: Counts::default(),
            buckets: Buckets::new(buckets_max),
            refused: Default::default(),
        }
    }

    /// How often that limit has refused something, since the start.
    pub(crate) fn refusal_count(&self, limit: Limit) -> u64 {
        self.refused[limit as usize].load(Ordering::Relaxed)
    }

    /// The answer to what is too much, and when to ask again.
    fn refuse(&self, limit: Limit, settings: &Settings, retry_after: Duration) -> Problem {
        self.refused[limit as usize].fetch_add(1, Ordering::Relaxed);
        limit.refusal(settings, retry_after)
    }

    /// One more connection of that peer, at that time of the worker's clock. `None` where nothing counts it.
    pub(crate) fn connect(
        self: &Arc<Limits>,
        peer: Peer,
        settings: &Settings,
        now_ms: u64,
    ) -> Result<Option<Box<ConnectionShare>>, Problem> {
        let (count, rate) = (Limit::ConnectionsPerAddress, Limit::ConnectRatePerAddress);
        if count.amount(settings) == 0 && rate.amount(settings) == 0 {
            return Ok(None);
        }
        let Some(key) = self.keys.address(peer, settings) else { return Ok(None) };
        let key = key.of(Measure::Connections);
        if !self.counts.take(key, 1, count.amount(settings)) {
            return Err(self.refuse(count, settings, RETRY_HELD));
        }
        let share = ConnectionShare::new(Arc::clone(self), key);
        // Refused, the share is dropped and nothing is left of it.
        self.take(&[(rate, key, 1)], settings, now_ms)?;
        Ok(Some(Box::new(share)))
    }

    /// So many more follows of that client. `None` where nothing counts them.
    pub(crate) fn follow(
        self: &Arc<Limits>,
        client: Client<'_>,
        count: u32,
        settings: &Settings,
    ) -> Result<Option<Box<FollowShare>>, Problem> {
        if !follows_are_limited(settings) {
            return Ok(None);
        }
        let mut share = self.share(client, settings);
        share.add(count, settings)?;
        Ok(Some(Box::new(share)))
    }

    /// A share of nothing yet, for what follows more and less over time.
    fn share(self: &Arc<Limits>, client: Client<'_>, settings: &Settings) -> FollowShare {
        let of_follows = |key: Key| key.of(Measure::Follows);
        let address = self.keys.address(client.peer, settings).map(of_follows);
        let subject = self.keys.subject(client.principal).map(of_follows);
        FollowShare::new(Arc::clone(self), address, subject)
    }

    /// The account of a WebSocket of that client. `None` where it matters to nobody: nothing that it may do is counted, and there is no token
    /// that it may send.
    pub(crate) fn account(
        self: &Arc<Limits>,
        client: Client<'_>,
        may_send_token: bool,
        settings: &Settings,
    ) -> Option<Box<Account>> {
        let is_limited = follows_are_limited(settings) || publishes_are_limited(settings);
        let follows = is_limited.then(|| Box::new(self.share(client, settings)));
        (is_limited || may_send_token).then(|| Box::new(Account { peer: client.peer, follows }))
    }

    /// The answer to one who would be one follower too many of a stream.
    pub(crate) fn stream_is_full(&self, settings: &Settings) -> Problem {
        self.refuse(Limit::FollowsPerStream, settings, RETRY_HELD)
    }

    /// That client publishes so much, at that time of the worker's clock. What is refused counts nowhere.
    ///
    /// Where nothing is limited this is one branch.
    pub(crate) fn publish(
        &self,
        client: Client<'_>,
        stream: &StreamName,
        amount: impl FnOnce() -> Amount,
        settings: &Settings,
        now_ms: u64,
    ) -> Result<(), Problem> {
        if !publishes_are_limited(settings) {
            return Ok(());
        }
        self.take_publish(client, stream, amount(), settings, now_ms)
    }

    fn take_publish(
        &self,
        client: Client<'_>,
        stream: &StreamName,
        amount: Amount,
        settings: &Settings,
        now_ms: u64,
    ) -> Result<(), Problem> {
        let address = self.keys.address(client.peer, settings);
        let (subject, stream) = (self.keys.subject(client.principal), Some(self.keys.stream(stream)));
        let mut asked = [(Limit::PublishRatePerStream, Key::default(), 0); Limit::PUBLISHING.len()];
        let mut len = 0;
        for limit in Limit::PUBLISHING.into_iter().filter(|limit| limit.amount(settings) != 0) {
            let key = match limit.scope() {
                Scope::Address => address,
                Scope::Subject => subject,
                Scope::Stream => stream,
            };
            let Some(key) = key else { continue };
            let measure = limit.measure();
            let count = if measure == Measure::PublishedBytes { amount.bytes } else { amount.messages };
            asked[len] = (limit, key.of(measure), count);
            len += 1;
        }
        self.take(&asked[..len], settings, now_ms)
    }

    /// Takes from all buckets, or from none.
    fn take(&self, asked: &[(Limit, Key, u64)], settings: &Settings, now_ms: u64) -> Result<(), Problem> {
        for (index, (limit, key, count)) in asked.iter().enumerate() {
            let Some(rate) = limit.rate(settings) else { continue };
            if let Err(wait) = self.buckets.take(*key, *count, rate, now_ms) {
                for (limit, key, count) in &asked[..index] {
                    if let Some(rate) = limit.rate(settings) {
                        self.buckets.give_back(*key, *count, rate);
                    }
                }
                return Err(self.refuse(*limit, settings, wait));
            }
        }
        Ok(())
    }
}

fn follows_are_limited(settings: &Settings) -> bool {
    settings.max_follows_per_address | settings.max_follows_per_subject != 0
}

fn publishes_are_limited(settings: &Settings) -> bool {
    // Without a branch for each.
    Limit::PUBLISHING.iter().fold(0, |any, limit| any | limit.amount(settings)) != 0
}

/// When somebody may ask again who has as much as they may: what they have may end at any time.
const RETRY_HELD: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
