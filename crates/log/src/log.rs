//! The log itself: stages operations, commits them, and is the only one to know where it ends.

use crate::decision::{Decider, Decision};
use crate::failure::Failure;
use crate::filler::{FillError, SegmentFiller, SegmentSupply};
use crate::format::{Entry, Location};
use crate::group::Group;
use crate::pending::Pending;
use crate::recovery::{self, Recovered};
use crate::segments::Segments;
use crate::settings::PlantedBug;
use crate::staging::{Room, Staging};
use crate::storage::Storage;
use crate::streams::Streams;
use crate::{
    Change, Incarnations, LogSettings, OpenError, Operation, Outcome, Refusal, StorageFailed, StreamView,
};
use std::sync::Arc;
use tidings_model::{Incarnation, Timestamp};

/// The source of 64 random bits, a seam so that a simulation is the same each time.
pub type Random = Box<dyn FnMut() -> u64 + Send>;

/// The durable log: one write-ahead log for all streams.
///
/// It has one owner, who stages operations and commits many of them at once. What is read from it goes through
/// [`StoredStream`](crate::StoredStream) handles, on any thread.
pub struct Log {
    settings: LogSettings,
    random: Random,
    /// The streams as the staged operations leave them.
    streams: Streams,
    staging: Staging,
    /// What the next commit makes visible.
    pending: Vec<Pending>,
    segments: Arc<Segments>,
    supply: Arc<SegmentSupply>,
    failure: Failure,
    /// When the storage was last found full.
    full_since: Option<Timestamp>,
    /// The entries of one operation while they are encoded.
    group: Group,
}

/// How long a full storage is not asked again for room: making a segment writes until it fails.
const FULL_RETRY_MS: u64 = 1_000;

impl Log {
    /// Opens the log that a storage holds, or makes a new one. All that it shows is synced.
    ///
    /// Takes as long as reading the whole log once.
    pub fn open(
        storage: Arc<dyn Storage>,
        settings: LogSettings,
        mut random: Random,
    ) -> Result<Log, OpenError> {
        let bounds = LogSettings::SEGMENT_BYTES_MIN..=LogSettings::SEGMENT_BYTES_MAX;
        if !bounds.contains(&settings.segment_bytes) {
            return Err(OpenError::SegmentBytes { bytes: settings.segment_bytes });
        }
        let Recovered { streams, segments, end, header, spares } =
            recovery::recover(&*storage, &settings, &mut random)?;
        let failure = Failure::default();
        let supply = Arc::new(SegmentSupply {
            storage,
            header,
            failure: failure.clone(),
            wanted: 0.into(),
            ready: spares.into(),
        });
        Ok(Log {
            staging: Staging::new(end, header.mark, &settings),
            settings,
            random,
            streams,
            pending: Vec::new(),
            segments: Arc::new(segments),
            supply,
            failure,
            full_since: None,
            group: Group::default(),
        })
    }

    /// Checks one operation against all that is stored and staged before it, and stages what it changes. Nothing
    /// of it is visible before [`Log::commit`]. A refusal may be told at once, an outcome only after the commit.
    ///
    /// Room on the storage is made sure of here, so that a commit can't find it full: where a new segment is
    /// needed and none is ready, one is made now. When that fails, deletes and trims still find room in a reserve.
    pub fn stage(&mut self, operation: Operation, now: Timestamp) -> Result<Outcome, Refusal> {
        self.failure.check()?;
        let Log { settings, random, .. } = self;
        let incarnations = settings.incarnations;
        let mut decider = Decider {
            streams: &self.streams,
            settings,
            now,
            new_incarnation: &mut || match incarnations {
                Incarnations::Disk => Incarnation::of_disk(random()),
                Incarnations::Memory { boot } => Incarnation::of_memory(random(), boot),
            },
        };
        let Decision { entries, outcome, room } = decider.decide(operation)?;
        if !entries.is_empty() {
            self.encode(&entries)?;
            self.place(entries, room, now)?;
        }
        Ok(outcome)
    }

    /// How much the next commit writes.
    pub fn staged_bytes(&self) -> usize {
        self.staging.bytes()
    }

    /// Writes and syncs all that is staged, then makes it visible, and says what that is, in order.
    ///
    /// An error is final. What was staged may be stored or not; only opening the storage anew can tell.
    pub fn commit(&mut self) -> Result<Vec<Change>, StorageFailed> {
        self.failure.check()?;
        if self.settings.has(PlantedBug::VisibleBeforeStored) {
            self.pending.iter().for_each(Pending::show);
        }
        self.staging.commit(&self.failure, &self.settings)?;
        if let Some(number) = self.staging.next_segment() {
            self.supply.want(number);
        }
        let mut changes = Vec::with_capacity(self.pending.len());
        for pending in self.pending.drain(..) {
            pending.show();
            changes.extend(pending.into_change(&self.segments));
        }
        Ok(changes)
    }

    /// Writes down that the last commit is synced, if nothing says so yet and nothing is staged: one small write
    /// and sync.
    ///
    /// Without it damage to the last commit looks like a write that a crash cut short, which recovery drops. To be
    /// called when the log has been idle for a moment, and before the server ends.
    pub fn settle(&mut self) -> Result<(), StorageFailed> {
        self.failure.check()?;
        if self.pending.is_empty() {
            self.staging.vouch();
            self.staging.commit(&self.failure, &self.settings)?;
        }
        Ok(())
    }

    /// All streams as they are committed.
    pub fn streams(&self) -> impl Iterator<Item = StreamView> {
        let live = self.streams.iter().filter_map(|stream| stream.stored.view(&self.segments));
        live.chain(self.pending.iter().filter_map(|pending| pending.deleted(&self.segments)))
    }

    /// The stream of that name, as it is committed.
    pub fn find(&self, name: &str) -> Option<StreamView> {
        // A stream whose deletion is only staged is still there.
        let deleted =
            |pending: &Pending| pending.deleted(&self.segments).filter(|view| view.name.as_str() == name);
        let live = self.streams.named(name).and_then(|stream| stream.stored.view(&self.segments));
        live.or_else(|| self.pending.iter().find_map(deleted))
    }

    /// Whether there is a stream of that name once everything staged is committed.
    pub fn contains(&self, name: &str) -> bool {
        self.streams.named(name).is_some()
    }

    /// A handle that makes segments ready ahead of their need. Without it they are made while operations wait.
    pub fn filler(&self) -> SegmentFiller {
        SegmentFiller(Arc::clone(&self.supply))
    }

    /// Encodes the entries of one operation, if a segment can hold them.
    fn encode(&mut self, entries: &[Entry]) -> Result<(), Refusal> {
        let group_bytes_max = Staging::group_bytes_max(self.settings.segment_bytes);
        if group_bytes_max < entries.iter().map(Entry::message_bytes).sum::<u64>() {
            return Err(Refusal::TooLarge);
        }
        self.group.clear();
        for entry in entries {
            let previous = self.streams.stream(entry.incarnation).and_then(|stream| stream.last);
            self.group.push(entry, previous);
        }
        if group_bytes_max < self.group.bytes().len() as u64 { Err(Refusal::TooLarge) } else { Ok(()) }
    }

    /// Stages the encoded entries, and changes the streams by them.
    fn place(&mut self, entries: Vec<Entry>, room: Room, now: Timestamp) -> Result<(), Refusal> {
        let first = self.find_room(room, now)?;
        for (entry, location) in entries.into_iter().zip(self.group.locations(first)) {
            self.streams
                .apply(entry, location, &self.settings, &mut self.pending)
                .expect("the operation was checked against the same streams");
        }
        Ok(())
    }

    fn find_room(&mut self, room: Room, now: Timestamp) -> Result<Location, Refusal> {
        let tried_just_now = self.full_since.is_some_and(|since| since.0.abs_diff(now.0) < FULL_RETRY_MS);
        let placed = self.staging.place(&self.group, room, |number| {
            if tried_just_now && !self.supply.is_ready() {
                return Err(FillError::Full);
            }
            let segment = Arc::new(self.supply.take(number)?);
            self.segments.push(Arc::clone(&segment));
            Ok(segment)
        });
        match placed {
            Ok(location) => Ok(location),
            Err(FillError::Full) => {
                if !tried_just_now {
                    self.full_since = Some(now);
                }
                Err(Refusal::StorageFull)
            }
            Err(FillError::Failed(failed)) => Err(failed.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Fault, Identity, MemoryStorage, Producer, ProducerSeq, Publish, ReadLimit, SimulatedStorage,
    };
    use bytes::Bytes;
    use tidings_model::{ContentType, Lifetime, Offset, Retention, StreamConfig, StreamName};

    const NOW: Timestamp = Timestamp(1_000_000);
    const ALL: ReadLimit = ReadLimit { bytes: usize::MAX, messages: u64::MAX };

    fn open(storage: &Arc<MemoryStorage>) -> Log {
        let settings = LogSettings { segment_bytes: 64 << 10, ..LogSettings::default() };
        let mut bits = 0;
        let random = move || {
            bits += 1;
            bits
        };
        Log::open(Arc::<MemoryStorage>::clone(storage), settings, Box::new(random)).unwrap()
    }

    fn storage() -> Arc<MemoryStorage> {
        Arc::new(MemoryStorage::new(1 << 20))
    }

    fn config() -> StreamConfig {
        StreamConfig {
            content_type: ContentType::text(),
            lifetime: Lifetime::Forever,
            retention: Retention::default(),
            durability: None,
        }
    }

    fn create(name: &str, first: &[&'static str]) -> Operation {
        let first = first.iter().map(|text| Bytes::from_static(text.as_bytes())).collect();
        Operation::Create { name: StreamName::parse(name).unwrap(), config: config(), first, close: false }
    }

    fn publish(name: &str, messages: &[&'static str]) -> Publish {
        Publish {
            name: StreamName::parse(name).unwrap(),
            incarnation: None,
            create: None,
            content_type: None,
            messages: messages.iter().map(|text| Bytes::from_static(text.as_bytes())).collect(),
            seq: None,
            identity: Identity::None,
            close: false,
        }
    }

    fn producer(epoch: u64, seq: u64) -> Producer {
        Producer { id: "p".into(), epoch, seq }
    }

    fn texts(log: &Log, name: &str) -> Vec<String> {
        let view = log.find(name).unwrap();
        let batches = view.stored.read(view.earliest_index, view.tail_index, ALL).unwrap();
        let messages = batches.iter().flat_map(|batch| &batch.messages);
        messages.map(|message| String::from_utf8(message.to_vec()).unwrap()).collect()
    }

    #[test]
    fn what_is_committed_is_there_after_a_restart() {
        let storage = storage();
        let mut log = open(&storage);
        log.stage(create("a", &["one"]), NOW).unwrap();
        log.stage(Operation::Publish(publish("a", &["two", "three"])), NOW).unwrap();
        let closing = Publish { close: true, ..publish("a", &["four"]) };
        log.stage(Operation::Publish(closing), NOW).unwrap();
        assert!(log.find("a").is_none(), "nothing is visible before the commit");
        let changes = log.commit().unwrap();
        assert_eq!(changes.len(), 5);
        assert_eq!(texts(&log, "a"), ["one", "two", "three", "four"]);
        let log = open(&storage);
        let view = log.find("a").unwrap();
        assert_eq!((view.tail_index, view.bytes, view.closed), (4, 15, true));
        assert_eq!(texts(&log, "a"), ["one", "two", "three", "four"]);
        assert_eq!(log.streams().count(), 1);
    }

    #[test]
    fn a_read_stops_at_its_limits_but_returns_one_message() {
        let mut log = open(&storage());
        log.stage(create("a", &["one", "two", "three"]), NOW).unwrap();
        log.stage(Operation::Publish(publish("a", &["four"])), NOW).unwrap();
        log.commit().unwrap();
        let stored = log.find("a").unwrap().stored;
        let read = |from, to, bytes, messages| -> Vec<usize> {
            let batches = stored.read(from, to, ReadLimit { bytes, messages }).unwrap();
            batches.iter().map(|batch| batch.messages.len()).collect()
        };
        assert_eq!(read(0, 4, 100, 100), [3, 1]);
        assert_eq!(read(1, 4, 100, 100), [2, 1]);
        assert_eq!(read(1, 3, 100, 100), [2]);
        assert_eq!(read(0, 4, 1, 100), [1]);
        assert_eq!(read(0, 4, 6, 100), [2]);
        assert_eq!(read(0, 4, 100, 2), [2]);
        assert_eq!(read(4, 9, 100, 2), []);
        let sizes = stored.batch_sizes(1).unwrap();
        assert_eq!(
            sizes.iter().map(|size| (size.first_index, size.bytes)).collect::<Vec<_>>(),
            [(0, 11), (3, 4)]
        );
    }

    #[test]
    fn a_repeated_publish_is_stored_once_and_told_the_same() {
        let storage = storage();
        let mut log = open(&storage);
        log.stage(create("a", &[]), NOW).unwrap();
        let by_producer = Publish { identity: Identity::Producer(producer(0, 0)), ..publish("a", &["x"]) };
        let key = Identity::Key { key: "k".into(), body_hash: [1; 16] };
        let by_key = Publish { identity: key, ..publish("a", &["y"]) };
        let mut tails = Vec::new();
        for round in 0..3 {
            for publish in [&by_producer, &by_key] {
                let outcome = log.stage(Operation::Publish(publish.clone()), NOW).unwrap();
                let Outcome::Published { tail: Some(tail), duplicate, .. } = outcome else {
                    panic!("{outcome:?}");
                };
                assert_eq!(duplicate, 0 < round);
                tails.push(tail.index);
            }
            log.commit().unwrap();
            log = open(&storage);
        }
        assert_eq!(tails, [1, 2, 1, 2, 1, 2]);
        let other_body = Identity::Key { key: "k".into(), body_hash: [2; 16] };
        let reused = Publish { identity: other_body, ..by_key };
        assert_eq!(log.stage(Operation::Publish(reused), NOW), Err(Refusal::KeyReused));
    }

    #[test]
    fn a_closed_stream_knows_only_what_it_took() {
        let mut log = open(&storage());
        log.stage(create("a", &[]), NOW).unwrap();
        let taken = Publish { identity: Identity::Producer(producer(3, 0)), ..publish("a", &["x"]) };
        log.stage(Operation::Publish(taken.clone()), NOW).unwrap();
        let name = taken.name.clone();
        let close = |seq| Operation::Close { name: name.clone(), producer: Some(producer(3, seq)) };
        let highest = Some(ProducerSeq { epoch: 3, seq: 1 });
        let tail = Offset { incarnation: log.streams.named("a").unwrap().stored.incarnation, index: 1 };
        let closed = Outcome::Closed { tail, already: false, producer: highest };
        assert_eq!(log.stage(close(1), NOW), Ok(closed));
        let again = Outcome::Closed { tail, already: true, producer: highest };
        assert_eq!(log.stage(close(1), NOW), Ok(again));
        let repeated = Outcome::Published {
            tail: Some(Offset { index: 1, ..tail }),
            duplicate: true,
            created: false,
            closed: true,
            producer: highest,
        };
        assert_eq!(log.stage(Operation::Publish(taken.clone()), NOW), Ok(repeated));
        let publish_as = |epoch, seq| {
            Operation::Publish(Publish {
                identity: Identity::Producer(producer(epoch, seq)),
                ..taken.clone()
            })
        };
        assert_eq!(log.stage(publish_as(3, 2), NOW), Err(Refusal::Closed { tail }));
        assert_eq!(log.stage(publish_as(2, 0), NOW), Err(Refusal::ProducerStale { epoch: 3 }));
        assert_eq!(log.stage(Operation::Publish(publish("a", &["y"])), NOW), Err(Refusal::Closed { tail }));
    }

    #[test]
    fn a_name_that_is_made_again_is_another_stream() {
        let mut log = open(&storage());
        log.stage(create("a", &["old"]), NOW).unwrap();
        log.commit().unwrap();
        let old = log.find("a").unwrap();
        let delete = |incarnation| Operation::Delete { name: old.name.clone(), incarnation };
        log.stage(delete(Some(old.incarnation)), NOW).unwrap();
        assert!(log.find("a").is_some(), "the deletion is not committed");
        assert_eq!(log.streams().count(), 1);
        log.stage(create("a", &["new"]), NOW).unwrap();
        log.commit().unwrap();
        assert_eq!(texts(&log, "a"), ["new"]);
        assert_ne!(log.find("a").unwrap().incarnation, old.incarnation);
        assert_eq!(old.stored.read(0, 1, ALL).unwrap()[0].messages[0], "old");
        assert_eq!(log.stage(delete(Some(old.incarnation)), NOW), Err(Refusal::NotFound));
    }

    #[test]
    fn a_full_storage_refuses_publishes_and_takes_deletes() {
        let storage = Arc::new(MemoryStorage::new(64 << 10));
        let mut log = open(&storage);
        log.stage(create("a", &[]), NOW).unwrap();
        let large = Publish { messages: vec![vec![b'x'; 10_000].into()], ..publish("a", &[]) };
        let mut taken = 0;
        let refusal = loop {
            match log.stage(Operation::Publish(large.clone()), NOW) {
                Ok(_) => taken += 1,
                Err(refusal) => break refusal,
            }
        };
        assert_eq!((taken, refusal), (5, Refusal::StorageFull));
        let incarnation = log.commit().map(|_| log.find("a").unwrap().incarnation).unwrap();
        for earliest_index in 1..5 {
            log.stage(Operation::Trim { incarnation, earliest_index }, NOW).unwrap();
            log.commit().unwrap();
        }
        let log = open(&storage);
        let view = log.find("a").unwrap();
        assert_eq!((view.earliest_index, view.tail_index), (4, 5));
        let too_large = Publish { messages: vec![vec![b'x'; 64 << 10].into()], ..publish("a", &[]) };
        let mut log = log;
        assert_eq!(log.stage(Operation::Publish(too_large), NOW), Err(Refusal::TooLarge));
    }

    #[test]
    fn a_failure_is_final() {
        let disk = SimulatedStorage::new();
        let mut log = Log::open(Arc::new(disk.clone()), LogSettings::default(), Box::new(|| 7)).unwrap();
        log.stage(create("a", &["one"]), NOW).unwrap();
        // The write passes, the sync after it fails, and later ones would pass again.
        disk.set_fault(disk.calls_count() + 2, Fault::Io);
        let failed = log.commit().unwrap_err();
        assert!(disk.has_struck());
        assert!(log.find("a").is_none());
        assert_eq!(log.commit().unwrap_err(), failed);
        assert_eq!(log.settle(), Err(failed.clone()));
        assert_eq!(log.stage(create("b", &[]), NOW), Err(Refusal::StorageFailed(failed)));
    }

    #[test]
    fn a_log_can_move_and_its_handles_be_shared() {
        fn moves<T: Send>() {}
        fn is_shared<T: Clone + Send + Sync>() {}
        moves::<Log>();
        is_shared::<crate::StoredStream>();
        is_shared::<SegmentFiller>();
    }
}
