//! A stream as everybody in the process sees it: what is committed of it, and who waits for more.

mod pace;
mod polls;

use crate::catalogs::durability_of;
use crate::inbox::WorkerId;
use crate::lifetimes::lifetime_end;
use crate::listing::ListedStream;
use crate::reader::{Page, PageLimit, Part, Step, end_of, take};
use pace::Pace;
pub use pace::Rate;
use polls::Polls;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tidings_log::{StoredStream, StreamView};
use tidings_model::{
    Batch, Behind, Durability, Incarnation, Offset, Reset, ResetReason, Retention, StreamConfig, StreamName,
    Timestamp,
};

/// One live stream: one that somebody uses. The commit thread moves it on; workers read it and watch it.
///
/// It is made of what the log shows at that moment, which may be ahead of what the commit thread has told so far. So each
/// `on_*` is told in order, and changes nothing where the stream knows it already.
///
/// The lock is held for a few hundred nanoseconds at a time and never over a system call.
pub struct Stream {
    name: StreamName,
    incarnation: Incarnation,
    config: Arc<StreamConfig>,
    retention: Retention,
    behind: Behind,
    created: Timestamp,
    stored: StoredStream,
    live: Mutex<Live>,
    accessed: AtomicU64,
    /// Its places in the tail cache, which counts them here.
    pub(crate) cache_places: AtomicU32,
    followers: [AtomicU32; FollowerKind::COUNT],
    polls: Polls,
}

/// What changes. `cached` is a run of batches without holes that ends at the tail; before it only while the commit thread
/// is telling what the stream was made with.
struct Live {
    earliest: u64,
    tail: u64,
    bytes: u64,
    closed: bool,
    deleted: bool,
    cached: VecDeque<Arc<Batch>>,
    /// Workers that must hear of a change, a bit each.
    watchers: u64,
    /// Workers that were told and have not looked yet: they need not be told twice.
    told: u64,
    pace: Pace,
}

/// A kind of follower, for counting only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerKind(pub usize);

impl FollowerKind {
    /// How many kinds there can be.
    pub const COUNT: usize = 3;
}

/// What a list says of a stream.
#[derive(Clone, Debug)]
pub struct StreamSummary {
    /// Its earliest index.
    pub earliest: u64,
    /// Its tail index.
    pub tail: u64,
    /// Bytes of the messages that it keeps.
    pub bytes: u64,
    /// Nothing will follow.
    pub closed: bool,
    /// Open followers by kind.
    pub followers: [u32; FollowerKind::COUNT],
    /// One-time reads in the last full minute.
    pub polls: u32,
    /// What is published to it.
    pub rate: Rate,
}

impl StreamSummary {
    /// Of a stream that nobody uses.
    pub(crate) fn of_unused(view: &StreamView) -> StreamSummary {
        StreamSummary {
            earliest: view.earliest_index,
            tail: view.tail_index,
            bytes: view.bytes,
            closed: view.closed,
            followers: [0; FollowerKind::COUNT],
            polls: 0,
            rate: Rate::default(),
        }
    }
}

impl Stream {
    pub(crate) fn new(view: StreamView, retention: Retention, accessed: Timestamp) -> Stream {
        Stream {
            name: view.name,
            incarnation: view.incarnation,
            config: view.config,
            retention,
            behind: Behind::CatchUp,
            created: view.created,
            stored: view.stored,
            live: Mutex::new(Live {
                earliest: view.earliest_index,
                tail: view.tail_index,
                bytes: view.bytes,
                closed: view.closed,
                deleted: false,
                cached: VecDeque::new(),
                watchers: 0,
                told: 0,
                pace: Pace::default(),
            }),
            accessed: AtomicU64::new(accessed.0),
            cache_places: AtomicU32::new(0),
            followers: Default::default(),
            polls: Polls::default(),
        }
    }

    /// The same, with another rule for live followers that stay behind.
    pub(crate) fn with_behind(self, behind: Behind) -> Stream {
        Stream { behind, ..self }
    }

    /// Its name.
    pub fn name(&self) -> &StreamName {
        &self.name
    }

    /// Which life of that name.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// What it was created with.
    pub fn config(&self) -> &Arc<StreamConfig> {
        &self.config
    }

    /// What an acknowledgement means here.
    pub fn durability(&self) -> Durability {
        durability_of(self.incarnation)
    }

    /// What it keeps: as created, or else by the settings.
    pub fn retention(&self) -> Retention {
        self.retention
    }

    /// When it was created.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// The offset with that index.
    pub fn offset(&self, index: u64) -> Offset {
        Offset { incarnation: self.incarnation, index }
    }

    /// The earliest and the tail index.
    pub fn bounds(&self) -> (u64, u64) {
        let live = self.live();
        (live.earliest, live.tail)
    }

    /// The tail index, and whether nothing will follow it.
    pub fn tail(&self) -> (u64, bool) {
        let live = self.live();
        (live.tail, live.closed)
    }

    /// "Your offset can't be continued", with where this stream could be.
    pub fn reset(&self, reason: ResetReason) -> Reset {
        let live = self.live();
        if live.deleted {
            return Reset { reason: ResetReason::Deleted, earliest: None, tail: None };
        }
        Reset { reason, earliest: Some(self.offset(live.earliest)), tail: Some(self.offset(live.tail)) }
    }

    /// Asks that `worker` be told of every change from now on. Call it before the step that may find the tail.
    pub fn watch(&self, worker: WorkerId) {
        self.live().watchers |= worker.bit();
    }

    /// The worker has no follower here any more. A TTL begins anew.
    pub fn unwatch(&self, worker: WorkerId, now: Timestamp) {
        // In this order: whoever finds no watcher finds the new time too, and does not take the stream for idle.
        self.touch(now);
        self.live().watchers &= !worker.bit();
    }

    /// The worker looks now: tell it again of what comes after this.
    pub fn seen(&self, worker: WorkerId) {
        self.live().told &= !worker.bit();
    }

    /// Somebody read or published: a TTL begins anew.
    pub fn touch(&self, now: Timestamp) {
        self.accessed.store(now.0, Ordering::Relaxed);
    }

    /// Whether its lifetime is over. An open follower keeps a TTL from running.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        lifetime_end(&self.config.lifetime, || self.idle_since(now)).is_some_and(|end| end <= now)
    }

    /// When it was last read or published to; now, while it is watched.
    pub(crate) fn idle_since(&self, now: Timestamp) -> Timestamp {
        // The watchers first, for the reason given in `unwatch`.
        let watched = self.live().watchers != 0;
        if watched { now } else { self.accessed() }
    }

    /// When it was last read or published to.
    pub(crate) fn accessed(&self) -> Timestamp {
        Timestamp(self.accessed.load(Ordering::Relaxed))
    }

    /// How many follow it, over all workers.
    pub fn follower_count(&self) -> usize {
        self.followers.iter().map(|kind| kind.load(Ordering::Relaxed) as usize).sum()
    }

    /// Counts a follower of that kind in.
    pub fn follower_came(&self, kind: FollowerKind) {
        self.followers[kind.0].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts it out.
    pub fn follower_left(&self, kind: FollowerKind) {
        self.followers[kind.0].fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts a one-time read.
    pub fn polled(&self, now: Timestamp) {
        self.polls.count(now);
    }

    /// For a list.
    pub fn summary(&self, now: Timestamp) -> StreamSummary {
        let mut live = self.live();
        StreamSummary {
            earliest: live.earliest,
            tail: live.tail,
            bytes: live.bytes,
            closed: live.closed,
            followers: std::array::from_fn(|kind| self.followers[kind].load(Ordering::Relaxed)),
            polls: self.polls.last_minute(now),
            rate: live.pace.rate(now),
        }
    }

    /// As it stands in a list.
    pub fn listed(&self, now: Timestamp) -> ListedStream {
        ListedStream::of_live(self, now)
    }

    pub(crate) fn stored(&self) -> &StoredStream {
        &self.stored
    }

    /// Where a live follower goes on that stands at `next`, if its rule lets it skip and it is behind: before the newest
    /// message. Takes no lock where nobody skips.
    pub(crate) fn newest_for(&self, next: u64) -> Option<u64> {
        let Behind::Latest { messages_max } = self.behind else { return None };
        let live = self.live();
        let is_behind = next < live.earliest || messages_max < live.tail - next;
        let newest = live.tail.saturating_sub(1).max(live.earliest);
        (is_behind && next < newest && !live.deleted).then_some(newest)
    }

    pub(crate) fn step(&self, next: u64, limit: PageLimit) -> Step {
        let live = self.live();
        if live.deleted || next < live.earliest {
            drop(live);
            return Step::Reset(self.reset(ResetReason::Trimmed));
        }
        if next == live.tail {
            return Step::AtTail { closed: live.closed };
        }
        if !live.has_cached(next) {
            return Step::Stored;
        }
        // The batch that holds `next` is found by halving; catching up through a long cache stays cheap.
        let first = live.cached.partition_point(|batch| batch.end_index() <= next);
        let parts = take(live.cached.range(first..).cloned(), next, limit);
        Step::Page(page(&live, next, parts))
    }

    pub(crate) fn page(&self, next: u64, parts: Vec<Part>) -> Page {
        page(&self.live(), next, parts)
    }

    /// New messages are stored. Returns the workers that must be told.
    pub(crate) fn on_appended(&self, batch: Arc<Batch>) -> u64 {
        let bytes = batch.bytes();
        let mut live = self.live();
        if live.tail < batch.end_index() {
            assert_eq!(live.tail, batch.first_index, "batches of a stream follow one another");
            live.tail = batch.end_index();
            live.bytes += bytes as u64;
        }
        live.pace.count(batch.messages.len(), bytes, batch.time);
        // Also what it was made with: else the first messages of a quiet stream would never be in memory.
        live.cached.push_back(batch);
        live.mark_told()
    }

    pub(crate) fn on_closed(&self) -> u64 {
        let mut live = self.live();
        live.closed = true;
        live.mark_told()
    }

    pub(crate) fn on_deleted(&self) -> u64 {
        let mut live = self.live();
        live.deleted = true;
        live.cached = VecDeque::new();
        live.mark_told()
    }

    /// Messages before `earliest` are gone, and those that are kept have so many bytes. Readers behind it are told when
    /// they step next.
    pub(crate) fn on_trimmed(&self, earliest: u64, kept_bytes: u64) -> u64 {
        let mut live = self.live();
        if live.earliest < earliest {
            (live.earliest, live.bytes) = (earliest, kept_bytes);
        }
        let earliest = live.earliest;
        live.uncache_to(earliest);
        live.mark_told()
    }

    /// Drops the batches that end at `end_index` or before from memory.
    pub(crate) fn uncache_to(&self, end_index: u64) {
        self.live().uncache_to(end_index);
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().expect("nobody panics while holding the lock of a stream")
    }
}

impl Live {
    /// The watchers that are not told yet; from here on they are.
    fn mark_told(&mut self) -> u64 {
        let workers = self.watchers & !self.told;
        self.told |= workers;
        workers
    }

    fn has_cached(&self, index: u64) -> bool {
        let (first, last) = (self.cached.front(), self.cached.back());
        first.is_some_and(|first| first.first_index <= index)
            && last.is_some_and(|last| index < last.end_index())
    }

    fn uncache_to(&mut self, end_index: u64) {
        while self.cached.front().is_some_and(|oldest| oldest.end_index() <= end_index) {
            self.cached.pop_front();
        }
    }
}

fn page(live: &Live, next: u64, parts: Vec<Part>) -> Page {
    let end = end_of(&parts, next);
    let at_tail = end == live.tail;
    Page { start: next, end, at_tail, closed: at_tail && live.closed, parts }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream({}, {})", self.name, self.incarnation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{NOW, batch, living, logged, stream};
    use tidings_model::Lifetime;

    fn worker(index: usize) -> WorkerId {
        WorkerId::new(index).unwrap()
    }

    fn later(seconds: u64) -> Timestamp {
        Timestamp(NOW.0 + seconds * 1_000)
    }

    #[test]
    fn a_worker_is_told_once_until_it_looks() {
        let stream = stream("a");
        stream.watch(worker(0));
        stream.watch(worker(5));
        assert_eq!(stream.on_appended(batch(0, &["x"])), 0b10_0001);
        assert_eq!(stream.on_appended(batch(1, &["x"])), 0);
        stream.seen(worker(5));
        assert_eq!(stream.on_closed(), 0b10_0000);
        stream.seen(worker(0));
        stream.unwatch(worker(0), NOW);
        assert_eq!(stream.on_deleted(), 0);
    }

    #[test]
    fn whoever_does_not_watch_is_not_told() {
        let stream = stream("a");
        assert_eq!(stream.on_appended(batch(0, &["x"])), 0);
        stream.watch(worker(63));
        assert_eq!(stream.on_trimmed(1, 0), 1 << 63);
    }

    #[test]
    fn what_a_stream_was_made_with_is_in_memory_once_it_was_told() {
        let (mut log, name) = logged("a", &[&["x", "y"], &["z"]]);
        let stream = Stream::new(log.find(&name).unwrap(), Retention::default(), NOW);
        let all = PageLimit { bytes: usize::MAX, messages: u64::MAX };
        assert!(matches!(stream.step(0, all), Step::Stored));
        stream.on_appended(batch(0, &["x", "y"]));
        assert!(matches!(stream.step(2, all), Step::Stored), "the run does not reach so far yet");
        stream.on_appended(batch(2, &["z"]));
        let Step::Page(page) = stream.step(0, all) else { panic!() };
        assert_eq!((page.end, page.at_tail), (3, true));
        assert_eq!(stream.summary(NOW).bytes, 3, "nothing is counted twice");
        stream.on_trimmed(0, 7);
        assert_eq!((stream.bounds(), stream.summary(NOW).bytes), ((0, 3), 3));
        drop(log.commit());
    }

    #[test]
    fn polls_are_those_of_the_last_full_minute() {
        let stream = stream("a");
        let polls = |minute: u64| stream.summary(Timestamp(minute * 60_000)).polls;
        for _ in 0..3 {
            stream.polled(Timestamp(10 * 60_000 + 59_999));
        }
        assert_eq!(polls(10), 0);
        assert_eq!(polls(11), 3);
        stream.polled(Timestamp(11 * 60_000));
        assert_eq!((polls(11), polls(12)), (3, 1));
        assert_eq!(polls(14), 0);
    }

    #[test]
    fn a_ttl_runs_from_the_last_access() {
        let stream = living("a", Lifetime::Ttl { seconds: 10 });
        assert!(!stream.is_expired(later(9)));
        assert!(stream.is_expired(later(10)));
        stream.touch(later(9));
        assert!(!stream.is_expired(later(18)));
        assert!(stream.is_expired(later(19)));
        assert!(!stream.is_expired(Timestamp(0)), "a clock that was set back ends nothing");
    }

    #[test]
    fn a_follower_keeps_a_ttl_from_running() {
        let stream = living("a", Lifetime::Ttl { seconds: 10 });
        stream.watch(worker(1));
        stream.watch(worker(2));
        assert!(!stream.is_expired(later(1_000)));
        stream.unwatch(worker(1), later(1_000));
        assert!(!stream.is_expired(later(2_000)));
        stream.unwatch(worker(2), later(2_000));
        assert!(!stream.is_expired(later(2_009)));
        assert!(stream.is_expired(later(2_010)));
    }

    #[test]
    fn an_end_comes_with_followers_or_without() {
        let stream = living("a", Lifetime::Until { at: later(10), text: "then".into() });
        stream.watch(worker(1));
        stream.touch(later(9));
        assert!(!stream.is_expired(later(9)));
        assert!(stream.is_expired(later(10)));
    }

    #[test]
    fn followers_are_counted_by_kind() {
        let stream = stream("a");
        stream.follower_came(FollowerKind(0));
        stream.follower_came(FollowerKind(2));
        stream.follower_came(FollowerKind(2));
        stream.follower_left(FollowerKind(0));
        assert_eq!(stream.summary(NOW).followers, [0, 0, 2]);
    }
}
