//! The log itself: stages operations, commits them, and is the only one to know where it ends.

use crate::catalog::Catalog;
use crate::contents::Contents;
use crate::decision::{Decider, Decision};
use crate::directory::{Directory, LOOK_AHEAD};
use crate::failure::Failure;
use crate::filler::{FillError, Reserve, SegmentFiller, SegmentSupply};
use crate::format::{Body, Entry, Location};
use crate::group::Group;
use crate::handover::Handover;
use crate::pending::Pending;
use crate::recovery::{self, Recovered};
use crate::settings::PlantedBug;
use crate::staging::{Room, Staging};
use crate::storage::{ReadOnly, Storage};
use crate::streams::{Place, Stream, Streams};
use crate::upkeep::{Upkeep, UpkeepParts};
use crate::{
    Change, Incarnations, LogSettings, LookError, OpenError, Operation, Outcome, Refusal, Remembered,
    Restore, RestoreError, StagedStream, StorageFailed, StreamView,
};
use std::sync::{Arc, Mutex};
use tidings_model::{Incarnation, Offset, StreamName, Timestamp};

/// The source of 64 random bits, a seam so that a simulation is the same each time.
pub type Random = Box<dyn FnMut() -> u64 + Send>;

/// The durable log: one write-ahead log for all streams.
///
/// It has one owner, who stages operations and commits many of them at once. What is committed is found in its
/// [`Catalog`] and read through [`StoredStream`](crate::StoredStream) handles, on any thread. Its [`Upkeep`] seals and
/// tidies on a thread of its own; without it the log only grows.
pub struct Log {
    settings: LogSettings,
    random: Random,
    contents: Arc<Contents>,
    /// The streams as the staged operations leave them.
    streams: Streams,
    staging: Staging,
    /// What the next commit makes visible.
    pending: Vec<Pending>,
    supply: Arc<SegmentSupply>,
    handover: Arc<Handover>,
    upkeep: Option<Upkeep>,
    failure: Failure,
    /// When the storage was last found full.
    full_since: Option<Timestamp>,
    /// The entries of one operation while they are encoded.
    group: Group,
}

/// How long a full storage is not asked again for room: making a segment writes until it fails.
const FULL_RETRY_MS: u64 = 1_000;

/// How much of what a stream remembers is restored with one entry.
const RESTORE_PART_BYTES: u64 = 256 << 10;

/// How many changes are shown before readers may look in between.
const SHOWN_AT_ONCE: usize = 512;

impl Log {
    /// Opens the log that a storage holds, or makes a new one. All that it shows is synced.
    ///
    /// Takes as long as reading the last snapshot, and the few segments after it.
    pub fn open(
        storage: Arc<dyn Storage>,
        settings: LogSettings,
        mut random: Random,
    ) -> Result<Log, OpenError> {
        let bounds = LogSettings::SEGMENT_BYTES_MIN..=LogSettings::SEGMENT_BYTES_MAX;
        if !bounds.contains(&settings.segment_bytes) {
            return Err(OpenError::SegmentBytes { bytes: settings.segment_bytes });
        }
        let Recovered { contents, streams, end, header, manifest, retired, ready, spares, reserved } =
            recovery::recover(&*storage, &settings, &mut random)?;
        let failure = Failure::default();
        let supply = Arc::new(SegmentSupply {
            storage: Arc::clone(&storage),
            header,
            failure: failure.clone(),
            wanted: 0.into(),
            full: false.into(),
            // The segment in use may be the last one that there is room for. The first one of a log is not.
            last_taken: (ready.is_empty() && end.segment.header.number != 1).into(),
            ready: ready.into(),
            spares: spares.into(),
            reserve: Mutex::new(if reserved { Reserve::There } else { Reserve::Absent }),
        });
        let handover = Arc::new(Handover::default());
        let upkeep = Upkeep::new(UpkeepParts {
            settings: settings.clone(),
            storage,
            contents: Arc::clone(&contents),
            handover: Arc::clone(&handover),
            supply: Arc::clone(&supply),
            failure: failure.clone(),
            manifest,
            retired,
        });
        Ok(Log {
            staging: Staging::new(end, header.mark, &settings),
            settings,
            random,
            contents,
            streams,
            pending: Vec::new(),
            supply,
            handover,
            upkeep: Some(upkeep),
            failure,
            full_since: None,
            group: Group::default(),
        })
    }

    /// Opens a log only to read it. Nothing is changed; whatever is staged can't be committed.
    pub fn open_to_read(storage: Arc<dyn Storage>) -> Result<Log, LookError> {
        let storage = ReadOnly::new(storage);
        if !crate::tools::is_log(&storage.list()?) {
            return Err(LookError::NoLog);
        }
        Ok(Log::open(Arc::new(storage), LogSettings::default(), Box::new(|| 1))?)
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
        let Decision { entries, stream, outcome, room } = self.streams.look(|streams| {
            let mut decider = Decider {
                streams,
                settings,
                now,
                new_incarnation: &mut || match incarnations {
                    Incarnations::Disk => Incarnation::of_disk(random()),
                    Incarnations::Memory { boot } => Incarnation::of_memory(random(), boot),
                },
            };
            decider.decide(operation)
        })?;
        if !entries.is_empty() {
            self.encode(&entries, stream)?;
            self.place(entries, stream, room, now)?;
        }
        Ok(outcome)
    }

    /// Says which streams are going to be staged to, many at once: their records are fetched from memory side by side, where
    /// [`Log::stage`] would wait for one after another. Changes nothing. Returns how many of them there are.
    pub fn look_ahead<'a>(&self, names: impl IntoIterator<Item = &'a StreamName>) -> usize {
        let mut names = names.into_iter().map(StreamName::as_str).peekable();
        let directory = self.contents.directory();
        let mut count = 0;
        while names.peek().is_some() {
            count += directory.look_ahead(names.by_ref().take(LOOK_AHEAD));
        }
        count
    }

    /// Stages a stream that comes from another log, and goes on at the index where it was there, with its incarnation: so that
    /// the offsets of its readers stay good. Its messages are published after that, each with the time that it had.
    ///
    /// For tools that have the log to themselves: followers are not told where it begins. What is remembered of
    /// publishes may be staged in parts, so that a crash before the next commit can leave the stream without some of it.
    pub fn restore(&mut self, restore: Restore) -> Result<(), RestoreError> {
        self.failure.check()?;
        let Restore { name, incarnation, config, created, first_index, remembered } = restore;
        self.streams.look(|streams| match (streams.named(name.as_str()), streams.has(incarnation)) {
            (Some(_), _) => Err(RestoreError::NameTaken),
            (None, true) => Err(RestoreError::IncarnationTaken),
            (None, false) if Offset::INDEX_MAX < first_index => Err(RestoreError::Impossible),
            (None, false) => Ok(()),
        })?;
        let entry = |body| Entry { incarnation, time: created, body };
        let begin = |remembered| entry(Body::Restore { first_index, remembered });
        let create = entry(Body::Create { name, config });
        self.stage_entries(vec![create, begin(Remembered::default())], created)?;
        // Half of it: an entry has a header, and one producer or key too many may be what is over.
        let part_bytes = (Staging::group_bytes_max(self.settings.segment_bytes) / 2).min(RESTORE_PART_BYTES);
        for part in remembered.parts(part_bytes) {
            self.stage_entries(vec![begin(part)], created)?;
        }
        Ok(())
    }

    /// What a stream remembers of publishes, with what is staged.
    pub fn remembered(&self, incarnation: Incarnation) -> Option<Remembered> {
        let directory = self.contents.directory();
        directory.of(incarnation).map(|id| directory.record(id).remembered())
    }

    /// Makes sure that the next commit writes and syncs, whatever else is staged, and that a message would find room now: a frame
    /// without entries, which says nothing to whoever reads the log. To find out whether a publish would be stored.
    pub fn stage_probe(&mut self, now: Timestamp) -> Result<(), Refusal> {
        self.failure.check()?;
        self.group.clear();
        self.find_room(Room::Open, now)?;
        Ok(())
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
        let mut changes = Vec::with_capacity(self.pending.len());
        if self.settings.has(PlantedBug::VisibleBeforeStored) {
            self.show(&mut changes);
        }
        self.handover.add_frame_bytes(self.staging.bytes() as u64);
        self.staging.commit(&self.failure, &self.settings)?;
        if let Some(number) = self.staging.next_segment() {
            self.supply.want(number);
        }
        self.show(&mut changes);
        self.contents.set_committed_segment(self.staging.segment());
        self.begin_copy_if_wanted();
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

    /// Looks up what is committed, from any thread.
    pub fn catalog(&self) -> Catalog {
        Catalog(Arc::clone(&self.contents))
    }

    /// The stream of that name, as it is committed.
    pub fn find(&self, name: &str) -> Option<StreamView> {
        self.catalog().find(name)
    }

    /// Whether there is a stream of that name once everything staged is committed.
    pub fn contains(&self, name: &str) -> bool {
        self.contents.directory().named(name).is_some()
    }

    /// The stream of that incarnation once everything staged is committed.
    pub fn staged(&self, incarnation: Incarnation) -> Option<StagedStream> {
        self.streams.look(|streams| {
            let Stream { record, state, .. } = streams.stream(incarnation)?;
            Some(StagedStream {
                config: Arc::clone(&record.config),
                earliest_index: state.earliest_index,
                tail_index: state.tail_index,
                bytes: state.bytes,
            })
        })
    }

    /// The number of the segment with the end of what is committed. When it rises there is one more to be sealed.
    pub fn committed_segment(&self) -> u32 {
        self.contents.committed_segment()
    }

    /// Whether a copy of the directory was begun that its upkeep has not taken yet.
    pub fn has_begun_copy(&self) -> bool {
        self.handover.has_begun()
    }

    /// A handle that makes segments ready ahead of their need. Without it they are made while operations wait.
    pub fn filler(&self) -> SegmentFiller {
        SegmentFiller(Arc::clone(&self.supply))
    }

    /// The work beside the commits, for whoever has a thread for it. There is one of it: the second time, and later,
    /// `None`.
    pub fn take_upkeep(&mut self) -> Option<Upkeep> {
        self.upkeep.take()
    }

    fn stage_entries(&mut self, entries: Vec<Entry>, now: Timestamp) -> Result<(), Refusal> {
        self.encode(&entries, None)?;
        self.place(entries, None, Room::Open, now)
    }

    fn show(&mut self, changes: &mut Vec<Change>) {
        let mut pending = self.pending.drain(..).peekable();
        while pending.peek().is_some() {
            let mut directory = self.contents.directory_mut();
            let directory: &mut Directory = &mut directory;
            let shown = pending.by_ref().take(SHOWN_AT_ONCE);
            changes.extend(shown.filter_map(|pending| pending.show(directory, &self.contents)));
        }
        drop(pending);
        self.streams.on_shown();
    }

    /// Between two commits the directory is what the log says up to its end.
    fn begin_copy_if_wanted(&mut self) {
        if self.handover.is_copy_wanted() {
            self.contents.directory_mut().begin_copy(&self.settings);
            self.handover.copy_begun(self.staging.point());
        }
    }

    /// Encodes the entries of one operation, if a segment can hold them.
    fn encode(&mut self, entries: &[Entry], stream: Option<Place>) -> Result<(), Refusal> {
        let group_bytes_max = Staging::group_bytes_max(self.settings.segment_bytes);
        if group_bytes_max < entries.iter().map(Entry::message_bytes).sum::<u64>() {
            return Err(Refusal::TooLarge);
        }
        self.group.clear();
        // A stream that the first entry makes has no messages before the second one.
        let previous = stream.and_then(|stream| stream.last());
        for entry in entries {
            self.group.push(entry, previous);
        }
        if group_bytes_max < self.group.bytes().len() as u64 { Err(Refusal::TooLarge) } else { Ok(()) }
    }

    /// Stages the encoded entries, and changes the streams by them.
    fn place(
        &mut self,
        entries: Vec<Entry>,
        mut stream: Option<Place>,
        room: Room,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let first = self.find_room(room, now)?;
        for (entry, location) in entries.into_iter().zip(self.group.locations(first)) {
            stream = self
                .streams
                .apply(entry, stream, location, &self.settings, &mut self.pending)
                .expect("the operation was checked against the same streams");
        }
        Ok(())
    }

    fn find_room(&mut self, room: Room, now: Timestamp) -> Result<Location, Refusal> {
        let tried_just_now = self.full_since.is_some_and(|since| since.0.abs_diff(now.0) < FULL_RETRY_MS);
        let allowed = match room {
            Room::Open if tried_just_now && self.supply.is_for_deletes() => Err(FillError::Full),
            Room::Open => self.supply.allow_publishing(self.staging.segment() + 1),
            Room::Reserve => Ok(()),
        };
        let mut place = || {
            self.staging.place(&self.group, room, |number| {
                if tried_just_now && !self.supply.is_ready() {
                    return Err(FillError::Full);
                }
                let segment = Arc::new(self.supply.take(number)?);
                self.contents.push_segment(Arc::clone(&segment));
                Ok(segment)
            })
        };
        match allowed.and_then(|()| place()) {
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
        Fault, Identity, MemoryStorage, Producer, ProducerSeq, Publish, ReadError, ReadLimit,
        SimulatedStorage, Trim,
    };
    use bytes::Bytes;
    use tidings_model::{ContentType, Lifetime, Retention, StreamConfig, StreamName};

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
        Arc::new(MemoryStorage::new(2 << 20))
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
        assert_eq!(log.catalog().list("", None, 10).len(), 1);
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
        let sizes = stored.batch_sizes(1, 10).unwrap();
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
        let tail = Offset {
            incarnation: log.streams.look(|streams| streams.named("a").unwrap().record.incarnation),
            index: 1,
        };
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
        assert_eq!(log.catalog().list("", None, 10).len(), 1);
        log.stage(create("a", &["new"]), NOW).unwrap();
        log.commit().unwrap();
        assert_eq!(texts(&log, "a"), ["new"]);
        assert_ne!(log.find("a").unwrap().incarnation, old.incarnation);
        assert!(matches!(old.stored.read(0, 1, ALL), Err(ReadError::Gone)));
        assert_eq!(log.stage(delete(Some(old.incarnation)), NOW), Err(Refusal::NotFound));
    }

    #[test]
    fn a_probe_is_written_and_says_nothing() {
        let storage = storage();
        let mut log = open(&storage);
        log.stage(create("a", &["one"]), NOW).unwrap();
        log.commit().unwrap();
        let before = log.committed_segment();
        // More than a segment of them, and upkeep beside: what is sealed has no messages at all.
        let mut upkeep = log.take_upkeep().unwrap();
        for _ in 0..3_000 {
            log.stage_probe(NOW).unwrap();
            assert_ne!(log.staged_bytes(), 0, "it is written");
            assert!(log.commit().unwrap().is_empty(), "it changes nothing");
            upkeep.work_off().unwrap();
        }
        assert!(before + 1 < log.committed_segment());
        log.stage(Operation::Publish(publish("a", &["two"])), NOW).unwrap();
        log.commit().unwrap();
        assert_eq!(texts(&log, "a"), ["one", "two"]);
        drop((log, upkeep));
        let log = open(&storage);
        assert_eq!(texts(&log, "a"), ["one", "two"]);
        assert_eq!(log.catalog().list("", None, 10).len(), 1);
    }

    #[test]
    fn a_full_storage_refuses_probes_too() {
        let storage = Arc::new(MemoryStorage::new((64 << 10) + (512 << 10)));
        let mut log = open(&storage);
        log.stage(create("a", &[]), NOW).unwrap();
        let large = Publish { messages: vec![vec![b'x'; 10_000].into()], ..publish("a", &[]) };
        while log.stage(Operation::Publish(large.clone()), NOW).is_ok() {}
        log.commit().unwrap();
        let mut probes = 0;
        while log.stage_probe(NOW).is_ok() {
            log.commit().unwrap();
            probes += 1;
        }
        assert!(probes < 1_000, "what is left of the segment is for deletes: {probes}");
        assert_eq!(log.stage_probe(NOW), Err(Refusal::StorageFull));
    }

    #[test]
    fn a_full_storage_refuses_publishes_and_takes_deletes() {
        let storage = Arc::new(MemoryStorage::new((64 << 10) + (512 << 10)));
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
            let trim = Trim { incarnation, earliest_index, freed_bytes: 10_000, oldest: None };
            log.stage(Operation::Trim(trim), NOW).unwrap();
            log.commit().unwrap();
        }
        let log = open(&storage);
        let view = log.find("a").unwrap();
        assert_eq!((view.earliest_index, view.tail_index, view.bytes), (4, 5, 10_000));
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
