//! Inboxes: how the engine's threads tell a worker what happened.

use crate::fetch::FetchError;
use crate::stream::Stream;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidings_log::{Outcome, Refusal};
use tidings_model::Batch;

/// Which worker; at most [`WorkerId::COUNT_MAX`] of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerId(u8);

impl WorkerId {
    /// Streams remember who watches them in a word of bits.
    pub const COUNT_MAX: usize = 64;

    pub(crate) fn new(index: usize) -> Option<WorkerId> {
        let id = u8::try_from(index).ok()?;
        (index < WorkerId::COUNT_MAX).then_some(WorkerId(id))
    }

    pub(crate) fn bit(self) -> u64 {
        1 << self.0
    }

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A worker's own word for who waits for an answer.
pub type Token = u64;

/// What was waited for.
#[derive(Debug)]
pub enum Reply {
    /// What became of an operation, after it was stored or refused.
    Operation(Result<Outcome, Refusal>),
    /// Messages from the disk.
    Fetched(Result<Vec<Batch>, FetchError>),
}

/// All that happened since the worker last looked.
#[derive(Debug, Default)]
pub struct News {
    /// Streams that this worker watches and that changed, each once.
    pub changed: Vec<Arc<Stream>>,
    /// When the first of them was told of, by [`Engine::elapsed`](crate::Engine::elapsed); of no meaning where there are none.
    pub since: Duration,
    /// Answers.
    pub replies: Vec<(Token, Reply)>,
    /// When the last commit of what is answered here began, and was over, by [`Engine::elapsed`](crate::Engine::elapsed); `None` where nothing is.
    pub committed: Option<(Duration, Duration)>,
    /// The number of a [probe](crate::Engine::probe) that was stored.
    pub probe: Option<u64>,
}

impl News {
    fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.replies.is_empty() && self.probe.is_none()
    }
}

/// Where a worker finds its news. Bounded by what the worker has asked for and watches.
pub struct Inbox {
    worker: WorkerId,
    news: Mutex<News>,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl Inbox {
    pub(crate) fn new(worker: WorkerId, wake: Box<dyn Fn() + Send + Sync>) -> Inbox {
        Inbox { worker, news: Mutex::default(), wake }
    }

    /// Whose it is.
    pub fn worker(&self) -> WorkerId {
        self.worker
    }

    /// Takes everything. Changes of the streams taken are told again from here on, so look at them after this.
    pub fn take(&self) -> News {
        let news = std::mem::take(&mut *self.news.lock().expect("nobody panics while holding an inbox"));
        for stream in &news.changed {
            stream.seen(self.worker);
        }
        news
    }

    pub(crate) fn wake(&self) {
        (self.wake)();
    }

    /// Puts news in, and wakes the worker unless it was woken for older news that it has not taken.
    pub(crate) fn put(
        &self,
        changed: &mut Vec<Arc<Stream>>,
        replies: &mut Vec<(Token, Reply)>,
        (began, now): (Duration, Duration),
    ) {
        let mut news = self.news.lock().expect("nobody panics while holding an inbox");
        let idle = news.is_empty();
        if news.changed.is_empty() {
            news.since = now;
        }
        if matches!(replies.first(), Some((_, Reply::Operation(_)))) {
            news.committed = Some((began, now));
        }
        news.changed.append(changed);
        news.replies.append(replies);
        let any = !news.is_empty();
        drop(news);
        if idle && any {
            (self.wake)();
        }
    }

    /// Puts the number of a probe in, and wakes the worker as for any news.
    pub(crate) fn put_probe(&self, number: u64) {
        let mut news = self.news.lock().expect("nobody panics while holding an inbox");
        let idle = news.is_empty();
        news.probe = Some(number);
        drop(news);
        if idle {
            (self.wake)();
        }
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inbox({:?})", self.worker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{batch, stream};
    use std::sync::atomic::{AtomicU32, Ordering};
    use tidings_log::Outcome;

    const NOW: (Duration, Duration) = (Duration::ZERO, Duration::ZERO);

    fn inbox() -> (Inbox, Arc<AtomicU32>) {
        let wakes = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&wakes);
        let wake = move || {
            counter.fetch_add(1, Ordering::Relaxed);
        };
        (Inbox::new(WorkerId::new(3).unwrap(), Box::new(wake)), wakes)
    }

    fn reply(token: Token) -> (Token, Reply) {
        (token, Reply::Operation(Ok(Outcome::Trimmed)))
    }

    #[test]
    fn a_worker_is_woken_once_for_all_that_it_has_not_taken() {
        let (inbox, wakes) = inbox();
        inbox.put(&mut Vec::new(), &mut Vec::new(), NOW);
        assert_eq!(wakes.load(Ordering::Relaxed), 0);
        inbox.put(&mut Vec::new(), &mut vec![reply(1)], NOW);
        inbox.put(&mut vec![stream("a")], &mut vec![reply(2)], NOW);
        assert_eq!(wakes.load(Ordering::Relaxed), 1);
        let news = inbox.take();
        let tokens: Vec<_> = news.replies.iter().map(|(token, _)| *token).collect();
        assert_eq!((news.changed.len(), tokens), (1, vec![1, 2]));
        inbox.put(&mut Vec::new(), &mut vec![reply(3)], NOW);
        assert_eq!(wakes.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn who_takes_the_news_is_told_of_what_comes_after() {
        let (inbox, _) = inbox();
        let stream = stream("a");
        stream.watch(inbox.worker());
        assert_eq!(stream.on_appended(batch(0, &["x"])), inbox.worker().bit());
        inbox.put(&mut vec![Arc::clone(&stream)], &mut Vec::new(), NOW);
        assert_eq!(stream.on_appended(batch(1, &["x"])), 0);
        assert_eq!(inbox.take().changed.len(), 1);
        assert_eq!(stream.on_appended(batch(2, &["x"])), inbox.worker().bit());
        assert_eq!(inbox.take().changed.len(), 0);
    }

    #[test]
    fn there_are_as_many_workers_as_bits() {
        assert_eq!(WorkerId::new(63).map(WorkerId::bit), Some(1 << 63));
        assert_eq!(WorkerId::new(64), None);
    }
}
