//! Mortality: streams with a TTL or an end, and which of them are over.

use crate::stream::Stream;
use std::collections::VecDeque;
use std::sync::Arc;
use tidings_model::{Lifetime, Timestamp};

/// The streams that end by themselves. Owned by the commit thread, which deletes the expired ones; until it has,
/// whoever looks one up finds that it is over.
#[derive(Default)]
pub(crate) struct Mortality {
    rotation: VecDeque<Arc<Stream>>,
}

impl Mortality {
    /// Streams looked at in one tick.
    const VISITS: usize = 10_000;

    pub(crate) fn watch(&mut self, stream: &Arc<Stream>) {
        if stream.config().lifetime != Lifetime::Forever {
            self.rotation.push_back(Arc::clone(stream));
        }
    }

    /// The expired ones among those whose turn it is. They come again unless `is_gone`.
    pub(crate) fn on_tick(&mut self, now: Timestamp, is_gone: impl Fn(&Stream) -> bool) -> Vec<Arc<Stream>> {
        let mut expired = Vec::new();
        for _ in 0..self.rotation.len().min(Mortality::VISITS) {
            let Some(stream) = self.rotation.pop_front() else { break };
            if is_gone(&stream) {
                continue;
            }
            if stream.is_expired(now) {
                expired.push(Arc::clone(&stream));
            }
            self.rotation.push_back(stream);
        }
        expired
    }
}
