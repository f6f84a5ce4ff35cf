//! Requests that are sent once each.

use crate::clock;
use crate::http::connections::Driver;
use crate::latency::Latency;
use crate::progress::Progress;
use std::time::{Duration, Instant};

/// When nothing is answered for so long, nothing will be.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// So many requests, numbered from 0.
pub(super) struct Each<'a> {
    count: u32,
    write: &'a mut dyn FnMut(u32, &mut Vec<u8>),
    progress: &'a Progress,
    submitted: u32,
    done: u32,
    /// How much was done at that moment, when somebody last looked and it was more than before.
    seen: (u32, Instant),
    pub(super) latency: Latency,
    pub(super) answer_bytes: u64,
}

impl<'a> Each<'a> {
    pub(super) fn new(
        count: u32,
        write: &'a mut dyn FnMut(u32, &mut Vec<u8>),
        progress: &'a Progress,
    ) -> anyhow::Result<Each<'a>> {
        Ok(Each {
            count,
            write,
            progress,
            submitted: 0,
            done: 0,
            seen: (0, clock::now()),
            latency: Latency::new()?,
            answer_bytes: 0,
        })
    }
}

impl Driver for Each<'_> {
    fn submit(&mut self, _connection: usize, output: &mut Vec<u8>) -> bool {
        if self.submitted == self.count {
            return false;
        }
        (self.write)(self.submitted, output);
        self.submitted += 1;
        true
    }

    fn on_done(&mut self, took: Duration, bytes: usize) {
        self.done += 1;
        self.latency.record(took, 1);
        self.answer_bytes += bytes as u64;
    }

    fn is_over(&mut self, now: Instant) -> anyhow::Result<bool> {
        let (seen, at) = self.seen;
        if seen < self.done {
            self.progress.add(u64::from(self.done - seen));
            self.seen = (self.done, now);
        }
        let silence = now.saturating_duration_since(at);
        anyhow::ensure!(
            seen < self.done || silence < SILENCE_MAX,
            "no answer after {seen} of {}",
            self.count
        );
        Ok(self.done == self.count)
    }
}
