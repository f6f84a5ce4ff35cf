//! A full storage has room for publishing again after deletes and trims: whatever was published, in what sizes, and
//! however far sealing and merging had come.

use std::sync::Arc;
use tidings_log::{
    Identity, Incarnations, Log, LogSettings, MemoryStorage, Operation, Publish, ReadLimit, Refusal, Storage,
    Trim, Upkeep, UpkeepError, Worked,
};
use tidings_model::{ContentType, Lifetime, Retention, StreamConfig, StreamName, Timestamp};

/// What both slots of the manifest take.
const MANIFESTS_BYTES: u64 = 2 * (256 << 10);

/// Longer than a full storage is left alone.
const A_WHILE_MS: u64 = 2_000;

/// What is published, where to, and what is done beside it.
#[derive(Clone, Copy, Debug)]
struct Case {
    room_bytes: u64,
    segment_bytes: u64,
    message_bytes: usize,
    compressible: bool,
    streams_count: u64,
    /// How many messages one gets before the next. With one what lives and what is gone are side by side.
    in_a_row: u64,
    /// After so many publishes there is a piece of upkeep; with 0 only when it is full.
    upkeep_every: u64,
}

const CASE: Case = Case {
    room_bytes: 1 << 20,
    segment_bytes: 64 << 10,
    message_bytes: 10_000,
    compressible: false,
    streams_count: 2,
    in_a_row: 1,
    upkeep_every: 0,
};

/// A log that can be full, with its upkeep in the hand of the test.
struct Store {
    case: Case,
    storage: Arc<MemoryStorage>,
    log: Log,
    upkeep: Upkeep,
    now: Timestamp,
    published_count: u64,
    random: u64,
}

fn next_random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn open(storage: &Arc<MemoryStorage>, case: Case) -> Log {
    let settings = LogSettings {
        segment_bytes: case.segment_bytes,
        incarnations: Incarnations::Memory { boot: 1 },
        snapshot_segments: 1,
        merge_bytes_max: case.segment_bytes,
        ..LogSettings::default()
    };
    let mut state = 7;
    Log::open(Arc::<MemoryStorage>::clone(storage), settings, Box::new(move || next_random(&mut state)))
        .expect("it is sound")
}

fn stream(number: u64) -> StreamName {
    StreamName::parse(&format!("s{number}")).expect("a good name")
}

impl Store {
    fn new(case: Case) -> Store {
        let storage = Arc::new(MemoryStorage::new(case.room_bytes + MANIFESTS_BYTES));
        let mut log = open(&storage, case);
        let upkeep = log.take_upkeep().expect("nobody has it");
        Store { case, storage, log, upkeep, now: Timestamp(1_000_000), published_count: 0, random: 99 }
    }

    fn message(&mut self) -> Vec<u8> {
        let bytes = self.case.message_bytes;
        let words = (0..bytes.div_ceil(8)).flat_map(|_| next_random(&mut self.random).to_le_bytes());
        let mut message: Vec<u8> = words.take(bytes).collect();
        if self.case.compressible {
            message[bytes / 4..].fill(b'x');
        }
        message
    }

    fn publish(&mut self) -> Result<(), Refusal> {
        let config = StreamConfig {
            content_type: ContentType::bytes(),
            lifetime: Lifetime::Forever,
            retention: Retention::default(),
            durability: None,
        };
        let publish = Publish {
            name: stream(self.published_count / self.case.in_a_row % self.case.streams_count),
            incarnation: None,
            create: Some(config),
            content_type: None,
            messages: vec![self.message().into()],
            seq: None,
            identity: Identity::None,
            close: false,
        };
        self.stage(Operation::Publish(publish))?;
        self.published_count += 1;
        Ok(())
    }

    fn stage(&mut self, operation: Operation) -> Result<(), Refusal> {
        self.log.stage(operation, self.now)?;
        self.log.commit().expect("memory does not fail");
        Ok(())
    }

    fn work(&mut self) -> Result<Worked, UpkeepError> {
        let worked = self.upkeep.work(&mut |_| ());
        assert!(matches!(worked, Ok(_) | Err(UpkeepError::Full)), "{worked:?}");
        worked
    }

    /// Publishes until there is no room. How often there was.
    fn fill_up(&mut self) -> u64 {
        let before = self.published_count;
        loop {
            match self.publish() {
                Ok(()) => {}
                Err(Refusal::StorageFull) => return self.published_count - before,
                Err(other) => panic!("{other:?}"),
            }
            let every = self.case.upkeep_every;
            if every != 0 && self.published_count.is_multiple_of(every) {
                let _worked = self.work(); // Full or not is told by the next publish.
            }
        }
    }

    /// Does all upkeep that there is room for.
    fn tidy(&mut self) {
        let mut idle = 0;
        while idle < 3 {
            idle = if self.work() == Ok(Worked::Something) { 0 } else { idle + 1 };
            // A snapshot is begun between two commits.
            self.log.commit().expect("memory does not fail");
        }
        self.now = Timestamp(self.now.0 + A_WHILE_MS);
    }

    /// Fills the storage until tidying makes no more room.
    fn fill_for_good(&mut self) {
        while 0 < self.fill_up() {
            self.tidy();
        }
    }

    /// Deletes every so manieth stream.
    fn delete_every(&mut self, step: usize) {
        for number in (0..self.case.streams_count).step_by(step) {
            match self.stage(Operation::Delete { name: stream(number), incarnation: None }) {
                Ok(()) | Err(Refusal::NotFound) => {}
                Err(Refusal::StorageFull) => {
                    self.tidy();
                    let again = self.stage(Operation::Delete { name: stream(number), incarnation: None });
                    assert_eq!(again, Ok(()), "deletes go on, {:?}", self.case);
                }
                Err(other) => panic!("{other:?}"),
            }
            self.publish_if_possible();
        }
    }

    /// Somebody publishes all the time.
    fn publish_if_possible(&mut self) {
        let published = self.publish();
        assert!(matches!(published, Ok(()) | Err(Refusal::StorageFull)), "{published:?}");
    }

    /// Keeps the newest half of each stream.
    fn trim_each(&mut self) {
        for number in 0..self.case.streams_count {
            let Some(view) = self.log.find(stream(number).as_str()) else { continue };
            let earliest_index = view.earliest_index.midpoint(view.tail_index);
            let freed_bytes = (earliest_index - view.earliest_index) * self.case.message_bytes as u64;
            let trim = Trim { incarnation: view.incarnation, earliest_index, freed_bytes, oldest: None };
            if self.stage(Operation::Trim(trim)) == Err(Refusal::StorageFull) {
                self.tidy();
                assert_eq!(self.stage(Operation::Trim(trim)), Ok(()), "trims go on, {:?}", self.case);
            }
            self.publish_if_possible();
        }
    }

    /// How many messages can be read.
    fn messages_count(log: &Log, case: Case) -> u64 {
        let all = ReadLimit { bytes: usize::MAX, messages: u64::MAX };
        let views = (0..case.streams_count).filter_map(|number| log.find(stream(number).as_str()));
        let count = |view: tidings_log::StreamView| {
            let batches = view.stored.read(view.earliest_index, view.tail_index, all).expect("it is there");
            let count: u64 = batches.iter().map(|batch| batch.messages.len() as u64).sum();
            assert!(view.tail_index - view.earliest_index <= count);
            count
        };
        views.map(count).sum()
    }
}

/// What makes room, after which a part of what was stored is gone.
type Free = fn(&mut Store);

fn room_comes_back(case: Case, free: Free) {
    let mut store = Store::new(case);
    for _ in 0..2 {
        store.fill_for_good();
        let before = store.published_count;
        free(&mut store);
        store.tidy();
        store.fill_up();
        assert!(before < store.published_count, "{case:?} {:?}", store.upkeep);
    }
    let Store { storage, log, .. } = store;
    let count = Store::messages_count(&log, case);
    drop(log);
    assert_eq!(Store::messages_count(&open(&storage, case), case), count);
}

const WAYS: [Free; 3] =
    [|store| store.delete_every(1), |store| store.delete_every(2), |store| store.trim_each()];

#[test]
fn in_a_small_storage_whatever_the_messages() {
    for (message_bytes, streams_count) in [(100, 2), (1_000, 2), (1_000, 200), (10_000, 2), (10_000, 20)] {
        for upkeep_every in [0, 7] {
            for free in WAYS {
                room_comes_back(Case { message_bytes, streams_count, upkeep_every, ..CASE }, free);
            }
        }
    }
}

#[test]
fn where_messages_compress() {
    for upkeep_every in [0, 7] {
        for free in WAYS {
            room_comes_back(Case { compressible: true, upkeep_every, ..CASE }, free);
        }
    }
}

#[test]
fn where_streams_are_many_and_small() {
    for (room_bytes, streams_count) in [(1 << 20, 1_000), (1 << 20, 1_500)] {
        for free in WAYS {
            room_comes_back(Case { room_bytes, message_bytes: 100, streams_count, ..CASE }, free);
        }
    }
}

#[test]
fn where_an_eighth_of_all_is_deleted() {
    let free: Free = |store| store.delete_every(7);
    room_comes_back(Case { room_bytes: 4 << 20, streams_count: 21, ..CASE }, free);
}

#[test]
fn where_somebody_else_has_taken_the_reserve() {
    // A segment is live or dead as a whole, mostly: those that are sealed, and those that can't be.
    let mut store = Store::new(Case { streams_count: 40, in_a_row: 5, ..CASE });
    store.fill_up();
    store.tidy();
    assert_ne!(store.fill_up(), 0, "some segments are to be sealed");
    let Store { case, storage, log, upkeep, .. } = store;
    drop((log, upkeep));
    // As if the process had ended while it used the reserve.
    storage.remove("reserve").expect("nobody needs it now");
    let take_all = |bytes: u64| {
        (0..10_000).take_while(|n| storage.create(&format!("ballast{bytes}.{n}"), bytes).is_ok()).count()
    };
    assert_ne!([case.segment_bytes / 2, 1_000, 10, 1].map(take_all), [0; 4]);
    let mut log = open(&storage, case);
    let upkeep = log.take_upkeep().expect("nobody has it");
    let mut store = Store { log, upkeep, ..Store { storage, ..Store::new(case) } };
    store.delete_every(2);
    store.tidy();
    assert_ne!(store.fill_up(), 0, "what is dead as a whole goes without any room");
}

#[test]
fn where_little_is_deleted_that_lies_together() {
    let free: Free = |store| store.delete_every(30);
    room_comes_back(Case { room_bytes: 4 << 20, streams_count: 30, in_a_row: 15, ..CASE }, free);
}

#[test]
fn in_larger_storages() {
    for (room_bytes, segment_bytes) in
        [(2 << 20, 64 << 10), (4 << 20, 64 << 10), (1 << 20, 128 << 10), (4 << 20, 512 << 10)]
    {
        for upkeep_every in [0, 7] {
            for free in WAYS {
                room_comes_back(Case { room_bytes, segment_bytes, upkeep_every, ..CASE }, free);
            }
        }
    }
}
