//! What an exchange is told while the server is short of something, or about to end: how often to poll, when to come back.

use super::core::Core;
use crate::ladder::Step;
use crate::worker::followers::Owner;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tidings_engine::{Page, PageLimit};
use tidings_protocol::Problem;

/// Over how many seconds those are spread at least who are told to try again later: the ladder needs as long to come down a step.
const REFUSED_WITHIN_S: u64 = 8;

/// What a peer takes at once in most cases: so much is held for it only while its socket is full.
pub(super) const LARGE_BYTES: usize = 64 << 10;

/// What stands around a message, in the longest form: its offset, its time, and words.
const AROUND_BYTES: usize = 170;

/// Who goes on with the next tick: the owner, and which of its streams.
pub(super) type Postponed = (Owner, u32);

impl Core {
    /// The step of the ladder that the server stands on.
    pub(crate) fn ladder(&self) -> Step {
        self.memory.step()
    }

    /// When it is worth polling again, in whole seconds: the settings' advice, stretched as the worker or the memory fills up.
    pub(crate) fn poll_interval_s(&self, base: Duration) -> u64 {
        base.as_secs().max(1) * self.load.stretch().max(self.ladder().stretch())
    }

    /// Until when a long poll may be held: now, where it is to be answered at once.
    pub(crate) fn held_until_ms(&self, asked: Option<Duration>) -> u64 {
        // Draining, nothing is held any more; and short of memory, a long poll becomes a poll.
        if self.draining || Step::AtOnce <= self.ladder() {
            return self.now_ms;
        }
        let timeout =
            asked.unwrap_or(self.settings.long_poll_timeout).min(self.settings.long_poll_timeout_max);
        // The clock is cut to whole milliseconds: what began within this one is not answered a part of one too early.
        if timeout.is_zero() { self.now_ms } else { self.ms_after(timeout).saturating_add(1) }
    }

    /// Whether one more may begin to follow.
    pub(crate) fn admit_follower(&mut self) -> Result<(), Problem> {
        if self.ladder() < Step::Refusing { Ok(()) } else { Err(self.short_of_memory()) }
    }

    /// How much one answer may hold: less where much is held for peers that don't take it, or new followers are refused.
    pub(crate) fn page_limit(&self, messages: Option<u64>) -> PageLimit {
        let limit = PageLimit { bytes: self.settings.page_bytes, messages: messages.unwrap_or(u64::MAX) };
        if self.ladder() < Step::Refusing && self.unsent_bytes() < self.unsent_bytes_max() / 2 {
            return limit;
        }
        let messages_max = (LARGE_BYTES / AROUND_BYTES) as u64;
        PageLimit { bytes: limit.bytes.min(LARGE_BYTES), messages: limit.messages.min(messages_max) }
    }

    /// Whether there is no room to hold that page for whoever asks. What is small goes on.
    pub(crate) fn has_no_room_for(&self, page: &Page) -> bool {
        let around =
            || usize::try_from(page.end - page.start).unwrap_or(usize::MAX).saturating_mul(AROUND_BYTES);
        !self.has_room() && 2 * LARGE_BYTES < page.bytes().saturating_add(around())
    }

    /// Whether there is room to hold what is large.
    pub(crate) fn has_room(&self) -> bool {
        self.unsent_bytes() < self.unsent_bytes_max() && self.ladder() < Step::Ending
    }

    /// Whether what somebody needs of the disk may be fetched. A task takes what was fetched when its turn comes, and a thousand may wait for that.
    pub(crate) fn may_fetch(&self, owner: Owner) -> bool {
        owner.task().is_none() || self.has_room()
    }

    /// What this worker holds for peers that don't take it.
    pub(super) fn unsent_bytes(&self) -> usize {
        self.held_output.get() + self.owed.load(Ordering::Relaxed)
    }

    /// Its share of what may be held so.
    pub(super) fn unsent_bytes_max(&self) -> usize {
        self.settings.max_unsent_bytes / self.settings.workers.max(1)
    }

    /// Whether there is room for anything but what is read and answered in a moment.
    pub(crate) fn check_any_room(&mut self) -> Result<(), Problem> {
        if self.memory.is_used_up() { Err(self.short_of_memory()) } else { Ok(()) }
    }

    /// The answer to what there is no room for.
    pub(crate) fn short_of_memory(&mut self) -> Problem {
        Problem::short_of_memory(self.spread_s(REFUSED_WITHIN_S))
    }

    /// A follower has to wait until there is room for its next page: it is told as of a change, with the next tick.
    pub(crate) fn postpone(&mut self, owner: Owner, number: u32) {
        self.postponed.push((owner, number));
    }

    /// For `Retry-After`: another number of whole seconds for each who asks, spread over that many, or over the window in which all followers
    /// would come back.
    pub(crate) fn spread_s(&mut self, within_s: u64) -> u64 {
        1 + self.random() % within_s.max(self.return_window.seconds()).max(1)
    }

    /// The server is about to end: within which time its followers are to come back.
    pub(crate) fn drain_window(&self) -> Duration {
        self.drain_window
    }

    /// The answer while the server is about to end.
    pub(crate) fn refuse_draining(&mut self) -> Problem {
        let within_s = self.drain_window.as_secs();
        Problem::draining(self.spread_s(within_s))
    }

    /// A moment of the drain window, in milliseconds: another one for each follower.
    pub(crate) fn drain_wait(&mut self) -> Duration {
        let window_ms = u64::try_from(self.drain_window.as_millis()).unwrap_or(u64::MAX).max(1);
        Duration::from_millis(self.random() % window_ms)
    }

    /// When an SSE client comes back after a break (`retry:`), which it does after the same time each time. In a crowd it is another time for each:
    /// between half of the window and one and a half, so that they come back evenly after the first break, and after any number of tries too.
    pub(crate) fn sse_retry(&mut self) -> Duration {
        let window = self.return_window.duration();
        if window.is_zero() {
            return self.settings.sse_retry;
        }
        let window = window.max(self.settings.sse_retry);
        let window_ms = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(window_ms / 2 + self.random() % window_ms)
    }
}
