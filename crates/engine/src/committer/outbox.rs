//! The outbox: what each worker will hear of a round, kept back until all of it is visible.

use crate::inbox::{Inbox, News, Reply, Token, WorkerId};
use crate::stream::Stream;
use std::sync::Arc;
use std::time::Duration;

/// News by worker. Its size is that of one round.
#[derive(Default)]
pub(super) struct Outbox {
    /// For every worker.
    pub(super) probe: Option<u64>,
    news: Vec<WorkerNews>,
}

#[derive(Default)]
struct WorkerNews {
    changed: Vec<Arc<Stream>>,
    replies: Vec<(Token, Reply)>,
}

impl Outbox {
    /// The workers of these bits must look at the stream.
    ///
    /// Such a worker may have registered in this very moment: whoever is marked as told and is not would never be
    /// told again, so room is made for any worker there can be.
    pub(super) fn tell_of(&mut self, workers: u64, stream: &Arc<Stream>) {
        let mut left = workers;
        while left != 0 {
            let index = left.trailing_zeros() as usize;
            left &= left - 1;
            self.of(index).changed.push(Arc::clone(stream));
        }
    }

    pub(super) fn answer(&mut self, worker: WorkerId, token: Token, reply: Reply) {
        self.of(worker.index()).replies.push((token, reply));
    }

    /// What one worker is told, taken by itself: as [`Inbox::take`] would give it.
    pub(super) fn take(&mut self, worker: WorkerId, (began, now): (Duration, Duration)) -> News {
        let WorkerNews { changed, replies } = std::mem::take(self.of(worker.index()));
        for stream in &changed {
            stream.seen(worker);
        }
        News { changed, since: now, committed: Some((began, now)), replies, probe: None }
    }

    /// Hands everything over. `inboxes` are asked for after the news, so that nobody who has any is missing.
    pub(super) fn deliver(&mut self, inboxes: &[Arc<Inbox>], times: (Duration, Duration)) {
        for (inbox, news) in inboxes.iter().zip(&mut self.news) {
            inbox.put(&mut news.changed, &mut news.replies, times);
        }
        if let Some(number) = self.probe.take() {
            for inbox in inboxes {
                inbox.put_probe(number);
            }
        }
    }

    /// Whether nobody has anything to hear.
    pub(super) fn is_empty(&self) -> bool {
        self.probe.is_none()
            && self.news.iter().all(|news| news.changed.is_empty() && news.replies.is_empty())
    }

    fn of(&mut self, index: usize) -> &mut WorkerNews {
        if self.news.len() <= index {
            self.news.resize_with(index + 1, WorkerNews::default);
        }
        &mut self.news[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::stream;

    #[test]
    fn a_worker_that_has_just_registered_is_told_too() {
        let mut outbox = Outbox::default();
        let stream = stream("a");
        outbox.tell_of(0b101, &stream);
        let inboxes: Vec<_> = (0..3)
            .map(|index| Arc::new(Inbox::new(WorkerId::new(index).unwrap(), Box::new(|| ()))))
            .collect();
        outbox.deliver(&inboxes, (Duration::ZERO, Duration::ZERO));
        let told: Vec<_> = inboxes.iter().map(|inbox| inbox.take().changed.len()).collect();
        assert_eq!(told, [1, 0, 1]);
        outbox.deliver(&inboxes, (Duration::ZERO, Duration::ZERO));
        assert_eq!(inboxes[0].take().changed.len(), 0);
    }
}
