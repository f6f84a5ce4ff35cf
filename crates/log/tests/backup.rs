//! A backup of a log that is written to and tidied up all the time opens, is sound, and has what was acknowledged before.

#![expect(
    clippy::unwrap_used,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "the helpers here belong to one test each, and a failure shows its line"
)]

use bytes::Bytes;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tidings_log::{
    BackupError, DirectoryStorage, Identity, Log, LogSettings, LookError, Operation, Outcome, Producer,
    Publish, ReadLimit, Storage, Trim, Upkeep, Worked, backup, look_at_running, look_at_stopped, verify,
};
use tidings_model::{ContentType, Incarnation, Lifetime, Retention, StreamConfig, StreamName, Timestamp};

const STREAMS: usize = 5;
const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn settings() -> LogSettings {
    LogSettings {
        segment_bytes: LogSettings::SEGMENT_BYTES_MIN,
        frame_bytes: 500,
        merge_blocks: 3,
        snapshot_segments: 1,
        ..LogSettings::default()
    }
}

fn open(folder: &Path) -> Log {
    let storage = Arc::new(DirectoryStorage::open(folder).unwrap());
    let mut bits = 7_u64;
    let random = move || {
        bits = bits.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
        bits
    };
    Log::open(storage, settings(), Box::new(random)).unwrap()
}

fn name(stream: usize) -> StreamName {
    StreamName::parse(&format!("s/{stream}")).unwrap()
}

/// The message of an index; of every length up to some hundred bytes.
fn message(stream: usize, index: u64) -> Bytes {
    let text = format!("{stream}:{index};");
    let bytes = usize::try_from(index * 37 % 300).unwrap() + text.len();
    text.into_bytes().into_iter().cycle().take(bytes).collect()
}

fn publish(stream: usize, index: u64) -> Operation {
    let config = StreamConfig {
        content_type: ContentType::bytes(),
        lifetime: Lifetime::Forever,
        retention: Retention::default(),
        durability: None,
    };
    Operation::Publish(Publish {
        name: name(stream),
        incarnation: None,
        create: Some(config),
        content_type: None,
        messages: vec![message(stream, index)],
        seq: None,
        identity: Identity::Producer(Producer { id: "p".into(), epoch: 0, seq: index }),
        close: false,
    })
}

/// What was acknowledged of each stream: earliest and tail. Both only rise.
type Acknowledged = [(u64, u64); STREAMS];

/// A server without the server: one thread that commits, one that tidies up.
struct Worker {
    log: Log,
    tails: Acknowledged,
    round: u64,
}

impl Worker {
    fn new(folder: &Path) -> Worker {
        Worker { log: open(folder), tails: Acknowledged::default(), round: 0 }
    }

    fn commit(&mut self) {
        self.round += 1;
        let stream = usize::try_from(self.round % STREAMS as u64).unwrap();
        for _ in 0..=self.round % 3 {
            let index = self.tails[stream].1;
            let outcome = self.log.stage(publish(stream, index), NOW).unwrap();
            let Outcome::Published { tail: Some(tail), duplicate: false, .. } = outcome else { panic!() };
            assert_eq!(tail.index, index + 1);
            self.tails[stream].1 += 1;
        }
        if self.round.is_multiple_of(7)
            && let Some(incarnation) = self.incarnation(stream)
        {
            let (earliest, tail) = &mut self.tails[stream];
            *earliest = tail.saturating_sub(40).max(*earliest);
            let trim = Trim { incarnation, earliest_index: *earliest, freed_bytes: 0, oldest: Some(NOW) };
            self.log.stage(Operation::Trim(trim), NOW).unwrap();
        }
        self.log.commit().unwrap();
    }

    fn incarnation(&self, stream: usize) -> Option<Incarnation> {
        self.log.find(name(stream).as_str()).map(|view| view.incarnation)
    }
}

fn work_until(stop: &AtomicBool, upkeep: &mut Upkeep) {
    while !stop.load(Ordering::Relaxed) {
        if upkeep.work(&mut |_| ()).unwrap() == Worked::Nothing {
            std::thread::yield_now();
        }
    }
}

/// The folder holds at least what was acknowledged, and every message is the one that was published.
fn check(folder: &Path, acknowledged: Acknowledged) {
    let storage = Arc::new(DirectoryStorage::open(folder).unwrap());
    assert_eq!(verify(Arc::<DirectoryStorage>::clone(&storage), &mut |_| ()).unwrap().damage, []);
    drop(storage);
    let mut log = open(folder);
    for (stream, (earliest, tail)) in acknowledged.into_iter().enumerate().filter(|(_, it)| it.1 != 0) {
        let view = log.find(name(stream).as_str()).unwrap();
        assert!(
            earliest <= view.earliest_index && tail <= view.tail_index,
            "{stream}: {view:?}, {earliest}..{tail}"
        );
        let limit = ReadLimit { bytes: usize::MAX, messages: u64::MAX };
        let mut next = view.earliest_index;
        for batch in view.stored.read(next, view.tail_index, limit).unwrap() {
            assert_eq!(batch.first_index, next);
            for found in batch.messages {
                assert_eq!(found, message(stream, next));
                next += 1;
            }
        }
        assert_eq!(next, view.tail_index);
        // A retry is known, and the log goes on.
        let again = log.stage(publish(stream, next - 1), NOW).unwrap();
        assert!(matches!(again, Outcome::Published { duplicate: true, .. }));
        log.stage(publish(stream, next), NOW).unwrap();
    }
    log.commit().unwrap();
    log.take_upkeep().unwrap().work_off().unwrap();
}

#[test]
fn a_backup_of_a_running_log_has_what_was_acknowledged() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let mut worker = Worker::new(&folder);
    worker.commit();
    let mut upkeep = worker.log.take_upkeep().unwrap();
    let stop = AtomicBool::new(false);
    let acknowledged = Mutex::new(worker.tails);
    let (tries, sealed) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                worker.commit();
                *acknowledged.lock().unwrap() = worker.tails;
            }
        });
        scope.spawn(|| work_until(&stop, &mut upkeep));
        let backups = || {
            for round in 0..60 {
                let before = *acknowledged.lock().unwrap();
                let to = parent.path().join(format!("backup-{round}"));
                let mut seen = 0;
                let done = backup(&folder, &to, &[], &mut |progress| {
                    assert!(progress.done <= progress.total);
                    seen += 1;
                });
                let done = done.unwrap();
                tries.fetch_add(done.tries, Ordering::Relaxed);
                sealed.fetch_add(done.blocks, Ordering::Relaxed);
                assert!(0 < seen && 0 < done.segments);
                check(&to, before);
                let looked = look_at_running(&DirectoryStorage::open_to_look(&folder).unwrap()).unwrap();
                assert!(looked.stats.segments != 0);
                std::fs::remove_dir_all(to).unwrap();
            }
        };
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(backups));
        stop.store(true, Ordering::Relaxed);
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
    let (tries, sealed) = (tries.into_inner(), sealed.into_inner());
    eprintln!("{tries} tries for 60 backups, with {sealed} blocks");
    assert!(60 < sealed, "there was nothing to link");
}

/// A log with segments of several pieces, one large message at a time.
struct LargeWorker {
    log: Log,
    upkeep: Upkeep,
    tail: u64,
}

impl LargeWorker {
    fn new(folder: &Path) -> LargeWorker {
        let storage = Arc::new(DirectoryStorage::open(folder).unwrap());
        let settings = LogSettings { segment_bytes: 3 << 19, ..settings() };
        let mut log = Log::open(storage, settings, Box::new(|| 5)).unwrap();
        let upkeep = log.take_upkeep().unwrap();
        LargeWorker { log, upkeep, tail: 0 }
    }

    fn message(index: u64) -> Bytes {
        Bytes::from(vec![u8::try_from(index % 251).unwrap(); 180_000])
    }

    fn work(&mut self, count: u64) {
        for _ in 0..count {
            let Operation::Publish(small) = publish(0, self.tail) else { panic!() };
            let large = Publish { messages: vec![LargeWorker::message(self.tail)], ..small };
            self.log.stage(Operation::Publish(large), NOW).unwrap();
            self.log.commit().unwrap();
            self.tail += 1;
            self.upkeep.work_off().unwrap();
        }
    }

    fn check(folder: &Path, tail: u64) {
        let storage = Arc::new(DirectoryStorage::open(folder).unwrap());
        assert_eq!(verify(Arc::<DirectoryStorage>::clone(&storage), &mut |_| ()).unwrap().damage, []);
        let log = Log::open(storage, settings(), Box::new(|| 5)).unwrap();
        let view = log.find(name(0).as_str()).unwrap();
        assert!(tail <= view.tail_index, "{} of {tail}", view.tail_index);
        let limit = ReadLimit { bytes: usize::MAX, messages: u64::MAX };
        for batch in view.stored.read(0, view.tail_index, limit).unwrap() {
            assert_eq!(batch.messages, [LargeWorker::message(batch.first_index)]);
        }
    }
}

/// The server works exactly between two pieces: frames appear behind what was read, and segments are used again.
#[test]
fn what_happens_between_two_pieces_does_no_harm() {
    let mut tries = 0;
    for (count, call) in (2..8).flat_map(|count| (2..6).map(move |call| (count, call))) {
        let parent = tempfile::tempdir().unwrap();
        let (folder, to) = (parent.path().join("data"), parent.path().join("copy"));
        let mut worker = LargeWorker::new(&folder);
        worker.work(12);
        let mut calls = 0;
        let copied = backup(&folder, &to, &[], &mut |_| {
            if calls == call {
                worker.work(count);
            }
            calls += 1;
        });
        tries += copied.unwrap().tries;
        LargeWorker::check(&to, 12);
    }
    assert!(6 * 4 < tries, "no segment was used again");
}

#[test]
fn a_server_that_always_tidies_up_in_between_is_told() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, to) = (parent.path().join("data"), parent.path().join("copy"));
    let mut worker = Worker::new(&folder);
    let mut upkeep = worker.log.take_upkeep().unwrap();
    let mut work = |count| {
        for _ in 0..count {
            worker.commit();
            upkeep.work_off().unwrap();
        }
    };
    work(100);
    let copied = backup(&folder, &to, &[], &mut |_| work(40));
    assert!(matches!(copied, Err(BackupError::Busy { tries: 100 })), "{copied:?}");
    assert_eq!(DirectoryStorage::open(&to).unwrap().list().unwrap(), ["lock"]);
}

#[test]
fn a_backup_of_a_stopped_log_is_the_same_log() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let mut worker = Worker::new(&folder);
    let mut upkeep = worker.log.take_upkeep().unwrap();
    for _ in 0..300 {
        worker.commit();
        upkeep.work(&mut |_| ()).unwrap();
    }
    let tails = worker.tails;
    drop((worker, upkeep));
    let to = parent.path().join("copy");
    backup(&folder, &to, &[], &mut |_| ()).unwrap();
    let look =
        |folder: &Path| look_at_stopped(Arc::new(DirectoryStorage::open_to_read(folder).unwrap())).unwrap();
    let looked = look(&folder);
    assert_eq!(looked, look(&to));
    assert!(!looked.blocks.is_empty() && looked.oldest == Some(NOW));
    check(&to, tails);
    check(&folder, tails);
    assert!(matches!(backup(&folder, &to, &[], &mut |_| ()), Err(BackupError::NotEmpty { .. })));
    let (nothing, other) = (parent.path().join("nothing"), parent.path().join("other"));
    std::fs::create_dir(&nothing).unwrap();
    assert!(matches!(backup(&nothing, &other, &[], &mut |_| ()), Err(BackupError::Look(LookError::NoLog))));
    assert!(!other.exists());
}

#[test]
fn a_folder_that_is_damaged_is_told_and_nothing_is_left_of_its_copy() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let mut worker = Worker::new(&folder);
    let mut upkeep = worker.log.take_upkeep().unwrap();
    for _ in 0..300 {
        worker.commit();
        upkeep.work(&mut |_| ()).unwrap();
    }
    drop((worker, upkeep));
    let storage = DirectoryStorage::open(&folder).unwrap();
    let block = storage.list().unwrap().into_iter().find(|name| name.ends_with(".block")).unwrap();
    storage.remove(&block).unwrap();
    let to = parent.path().join("copy");
    assert!(matches!(backup(&folder, &to, &[], &mut |_| ()), Err(BackupError::Look(_))));
    assert_eq!(DirectoryStorage::open(&to).unwrap().list().unwrap(), ["lock"]);
}
