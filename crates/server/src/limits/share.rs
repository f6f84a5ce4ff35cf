//! Shares: what somebody holds of a limit, given back when it is dropped.

use super::key::Key;
use super::{Limit, Limits, Measure, RETRY_HELD};
use crate::authorise::Principal;
use crate::peer::Peer;
use crate::settings::Settings;
use std::sync::Arc;
use tidings_protocol::Problem;

/// One connection of an address.
pub(crate) struct ConnectionShare {
    limits: Arc<Limits>,
    key: Key,
}

impl ConnectionShare {
    /// Of one that was counted.
    pub(super) fn new(limits: Arc<Limits>, key: Key) -> ConnectionShare {
        ConnectionShare { limits, key }
    }
}

impl Drop for ConnectionShare {
    fn drop(&mut self) {
        self.limits.counts.give_back(self.key, 1);
    }
}

/// Who has made a connection, and what that takes of the limits, where it counts.
pub(crate) struct Caller {
    pub(crate) peer: Peer,
    pub(crate) share: Option<Box<ConnectionShare>>,
}

/// For whom a WebSocket speaks, and what it follows, over its whole life.
pub(crate) struct Account {
    pub(crate) peer: Peer,
    /// `None` where what it does is not limited.
    pub(crate) follows: Option<Box<FollowShare>>,
}

/// The follows of one request, or of one WebSocket.
pub(crate) struct FollowShare {
    limits: Arc<Limits>,
    address: Option<Key>,
    subject: Option<Key>,
    count: u32,
}

impl FollowShare {
    /// Of none yet.
    pub(super) fn new(limits: Arc<Limits>, address: Option<Key>, subject: Option<Key>) -> FollowShare {
        FollowShare { limits, address, subject, count: 0 }
    }

    /// So many more, or none.
    pub(crate) fn add(&mut self, count: u32, settings: &Settings) -> Result<(), Problem> {
        let counts = &self.limits.counts;
        let limit = Limit::FollowsPerAddress;
        if let Some(address) = self.address
            && !counts.take(address, count, limit.amount(settings))
        {
            return Err(self.limits.refuse(limit, settings, RETRY_HELD));
        }
        let limit = Limit::FollowsPerSubject;
        if let Some(subject) = self.subject
            && !counts.take(subject, count, limit.amount(settings))
        {
            if let Some(address) = self.address {
                counts.give_back(address, count);
            }
            return Err(self.limits.refuse(limit, settings, RETRY_HELD));
        }
        self.count += count;
        Ok(())
    }

    /// That many are left.
    pub(crate) fn keep(&mut self, count: usize) {
        let gone = self.count.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX));
        if gone != 0 {
            self.give_back(gone);
        }
    }

    /// Somebody has said who they are: what is followed is theirs from here on, also if it is more than they may begin.
    pub(crate) fn rename(&mut self, principal: &Principal) {
        let subject = self.limits.keys.subject(principal).map(|key| key.of(Measure::Follows));
        if subject == self.subject {
            return;
        }
        if let Some(before) = std::mem::replace(&mut self.subject, subject) {
            self.limits.counts.give_back(before, self.count);
        }
        if let Some(subject) = subject {
            self.limits.counts.take(subject, self.count, 0);
        }
    }

    fn give_back(&mut self, count: u32) {
        for key in self.address.into_iter().chain(self.subject) {
            self.limits.counts.give_back(key, count);
        }
        self.count -= count;
    }
}

impl Drop for FollowShare {
    fn drop(&mut self) {
        self.give_back(self.count);
    }
}
