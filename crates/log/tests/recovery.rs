//! What opening a log says to each kind of damage, and that no bytes make it panic.

use proptest::prelude::*;
use std::sync::Arc;
use tidings_log::{
    DamageReason, Identity, Log, LogSettings, MemoryStorage, OpenError, Operation, Publish, ReadLimit,
    Storage,
};
use tidings_model::{ContentType, Lifetime, Retention, StreamConfig, StreamName, Timestamp};

const NOW: Timestamp = Timestamp(1_000);
const SEGMENT_BYTES: u64 = LogSettings::SEGMENT_BYTES_MIN;
const FIRST_FRAME_AT: u64 = 4096;

fn open(storage: &Arc<MemoryStorage>) -> Result<Log, OpenError> {
    let settings = LogSettings { segment_bytes: SEGMENT_BYTES, ..LogSettings::default() };
    let mut bits = 0x1234_5678_9abc_def0_u64;
    let random = move || {
        bits = bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        bits
    };
    Log::open(Arc::<MemoryStorage>::clone(storage), settings, Box::new(random))
}

fn publish(log: &mut Log, bytes: usize) {
    let config = StreamConfig {
        content_type: ContentType::bytes(),
        lifetime: Lifetime::Forever,
        retention: Retention::default(),
        durability: None,
    };
    let publish = Publish {
        name: StreamName::parse("a").expect("a good name"),
        incarnation: None,
        create: Some(config),
        content_type: None,
        messages: vec![vec![b'x'; bytes].into()],
        seq: None,
        identity: Identity::None,
        close: false,
    };
    log.stage(Operation::Publish(publish), NOW).expect("there is room");
    log.commit().expect("memory does not fail");
}

/// A log of several segments with 20 messages of 500 bytes, settled, and ready segments after them.
fn stored() -> Arc<MemoryStorage> {
    let storage = Arc::new(MemoryStorage::new(2 << 20));
    let mut log = open(&storage).expect("an empty storage");
    for _ in 0..20 {
        publish(&mut log, 500);
    }
    log.settle().expect("memory does not fail");
    storage
}

fn name(segment: u32) -> String {
    format!("{segment:08}.segment")
}

fn overwrite(storage: &MemoryStorage, segment: u32, at: u64, bytes: &[u8]) {
    let file = storage.open(&name(segment)).expect("the segment is there");
    file.write_at(at, bytes).expect("inside the segment");
}

fn messages_count(log: &Log) -> u64 {
    log.find("a").map_or(0, |view| view.tail_index)
}

fn damage(storage: &Arc<MemoryStorage>) -> Option<(String, DamageReason)> {
    match open(storage) {
        Err(OpenError::Damaged { file, reason, .. }) => Some((file, reason)),
        _ => None,
    }
}

/// A log whose snapshot is ahead of sealing: one segment of some is sealed. Returns how many there are.
fn with_a_snapshot_ahead() -> (Arc<MemoryStorage>, u32) {
    let storage = Arc::new(MemoryStorage::new(2 << 20));
    let mut log = open(&storage).expect("an empty storage");
    let mut upkeep = log.take_upkeep().expect("nobody has it");
    for _ in 0..40 {
        publish(&mut log, 500);
    }
    // It asks for a copy of the directory and seals a segment; the copy is begun by the next commit, and written.
    upkeep.work(&mut |_| ()).expect("there is room");
    publish(&mut log, 500);
    upkeep.work(&mut |_| ()).expect("there is room");
    log.settle().expect("memory does not fail");
    (storage, log.committed_segment())
}

#[test]
fn a_snapshot_may_be_ahead_of_what_is_sealed() {
    let (storage, segments_count) = with_a_snapshot_ahead();
    assert!(3 < segments_count);
    assert!(storage.open(&name(1)).is_err(), "it is sealed, and the snapshot has what it says");
    assert!(storage.open(&name(2)).is_ok());
    drop(open(&storage).unwrap());
    assert!(storage.open(&name(2)).is_ok(), "it is needed still");
    let log = open(&storage).unwrap();
    let view = log.find("a").unwrap();
    assert_eq!(view.tail_index, 41);
    let all = ReadLimit { bytes: usize::MAX, messages: u64::MAX };
    for from in 0..41 {
        let batches = view.stored.read(from, 41, all).unwrap();
        assert_eq!(batches.first().map(|batch| batch.first_index), Some(from));
        assert_eq!(batches.len() as u64, 41 - from);
    }
}

#[test]
fn damage_to_what_only_the_snapshot_makes_old_is_refused() {
    for (segment, reason) in [(2, DamageReason::Synced), (3, DamageReason::Synced)] {
        let (storage, _) = with_a_snapshot_ahead();
        overwrite(&storage, segment, FIRST_FRAME_AT + 100, b"?");
        let (file, found) = damage(&storage).unwrap();
        // Where the expected frame is missing: in the segment, or behind the one before.
        assert_eq!(found, reason);
        assert!(file == name(segment) || file == name(segment - 1), "{file}");
        let (storage, _) = with_a_snapshot_ahead();
        storage.remove(&name(segment)).unwrap();
        assert!(open(&storage).is_err(), "{segment} is missing");
    }
}

#[test]
fn a_torn_end_is_cut_and_the_log_goes_on() {
    let storage = Arc::new(MemoryStorage::new(2 << 20));
    let mut log = open(&storage).unwrap();
    publish(&mut log, 500);
    publish(&mut log, 500);
    drop(log);
    // The first frame takes less than 800 bytes, the second ends after more than 1,100.
    overwrite(&storage, 1, FIRST_FRAME_AT + 1_000, &[0; 100]);
    let mut log = open(&storage).unwrap();
    assert_eq!(messages_count(&log), 1);
    publish(&mut log, 400);
    assert_eq!(messages_count(&open(&storage).unwrap()), 2);
}

#[test]
fn damage_before_a_synced_frame_is_refused_and_changes_nothing() {
    let storage = stored();
    for (segment, at) in [(1, FIRST_FRAME_AT), (1, FIRST_FRAME_AT + 900), (2, FIRST_FRAME_AT + 10)] {
        let mut before = [0];
        storage.open(&name(segment)).unwrap().read_at(at, &mut before).unwrap();
        overwrite(&storage, segment, at, &[before[0] ^ 1]);
        // Where the first frame of a segment is damaged, the log ends in the segment before.
        assert!(matches!(damage(&storage), Some((_, DamageReason::Synced))));
        overwrite(&storage, segment, at, &before);
        assert_eq!(messages_count(&open(&storage).unwrap()), 20);
    }
}

#[test]
fn the_last_commit_is_vouched_for_once_the_log_is_settled() {
    let storage = Arc::new(MemoryStorage::new(2 << 20));
    let mut log = open(&storage).unwrap();
    publish(&mut log, 100);
    log.settle().unwrap();
    log.settle().unwrap();
    drop(log);
    overwrite(&storage, 1, FIRST_FRAME_AT + 200, &[0xff]);
    assert_eq!(damage(&storage), Some((name(1), DamageReason::Synced)));
}

#[test]
fn a_missing_segment_is_named() {
    let storage = stored();
    storage.rename(&name(2), "elsewhere").unwrap();
    assert_eq!(damage(&storage), Some((name(2), DamageReason::Missing)));
    storage.rename("elsewhere", &name(2)).unwrap();
    storage.rename(&name(1), "elsewhere").unwrap();
    assert_eq!(damage(&storage), Some((name(1), DamageReason::Missing)));
}

#[test]
fn a_damaged_header_is_refused_where_frames_follow() {
    for segment in [1, 2] {
        let storage = stored();
        overwrite(&storage, segment, 20, &[0xff]);
        assert_eq!(damage(&storage), Some((name(segment), DamageReason::Header)));
    }
}

#[test]
fn a_damaged_header_of_an_unused_segment_is_made_anew() {
    let storage = Arc::new(MemoryStorage::new(2 << 20));
    let mut log = open(&storage).unwrap();
    for _ in 0..5 {
        publish(&mut log, 500);
    }
    assert!(log.filler().wanted());
    log.filler().fill().unwrap();
    assert!(!log.filler().wanted());
    drop(log);
    overwrite(&storage, 2, 20, &[0xff]);
    let mut log = open(&storage).unwrap();
    for _ in 0..5 {
        publish(&mut log, 500);
    }
    assert_eq!(messages_count(&open(&storage).unwrap()), 10);
}

#[test]
fn an_unused_segment_of_another_size_is_made_anew() {
    let storage = Arc::new(MemoryStorage::new(4 << 20));
    let mut log = open(&storage).unwrap();
    for _ in 0..5 {
        publish(&mut log, 500);
    }
    log.filler().fill().unwrap();
    drop(log);
    // The segment that is ready has the old size, and no room for what the new one allows.
    let settings = LogSettings { segment_bytes: SEGMENT_BYTES * 16, ..LogSettings::default() };
    let large = usize::try_from(SEGMENT_BYTES * 4).unwrap();
    let mut log =
        Log::open(Arc::<MemoryStorage>::clone(&storage), settings, Box::new(|| 77)).expect("a larger size");
    publish(&mut log, large);
    publish(&mut log, 500);
    let read = |log: &Log| {
        let view = log.find("a").unwrap();
        let limit = ReadLimit { bytes: usize::MAX, messages: u64::MAX };
        let batches = view.stored.read(0, view.tail_index, limit).unwrap();
        batches.iter().map(tidings_model::Batch::bytes).sum::<usize>()
    };
    assert_eq!(read(&log), 6 * 500 + large);
    drop(log);
    assert_eq!(read(&open(&storage).unwrap()), 6 * 500 + large);
}

#[test]
fn a_segment_that_is_cut_is_refused() {
    for bytes in [0, 4_000, 4_096, 6_000] {
        let storage = stored();
        let last =
            storage.list().unwrap().into_iter().filter(|name| name.ends_with("segment")).max().unwrap();
        let kept = {
            let mut kept = vec![0; bytes];
            storage.open(&last).unwrap().read_at(0, &mut kept).unwrap();
            kept
        };
        storage.create(&last, 0).unwrap().write_at(0, &kept).unwrap();
        assert_eq!(damage(&storage), Some((last, DamageReason::Header)), "{bytes}");
    }
}

#[test]
fn a_later_format_is_refused_as_such() {
    let storage = stored();
    let mut header = [0; 44];
    let file = storage.open(&name(1)).unwrap();
    file.read_at(0, &mut header).unwrap();
    header[8] = 9;
    let crc = crc32c::crc32c(&header[..40]);
    header[40..].copy_from_slice(&crc.to_le_bytes());
    file.write_at(0, &header).unwrap();
    assert!(matches!(open(&storage), Err(OpenError::NewerFormat { version: 9 })));
}

#[test]
fn a_segment_of_another_log_is_not_taken() {
    let (storage, other) = (stored(), Arc::new(MemoryStorage::new(2 << 20)));
    let settings = LogSettings { segment_bytes: SEGMENT_BYTES, ..LogSettings::default() };
    let random = || 7;
    drop(Log::open(Arc::<MemoryStorage>::clone(&other), settings, Box::new(random)).unwrap());
    let mut foreign = vec![0; 4096];
    other.open(&name(1)).unwrap().read_at(0, &mut foreign).unwrap();
    foreign[12] = 2;
    let crc = crc32c::crc32c(&foreign[..40]);
    foreign[40..44].copy_from_slice(&crc.to_le_bytes());
    overwrite(&storage, 2, 0, &foreign);
    assert_eq!(damage(&storage), Some((name(2), DamageReason::Header)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever stands there, opening ends with an answer, and reading what it shows does too.
    #[test]
    fn no_bytes_make_it_panic(
        segment in 1_u32..4,
        at in 0_u64..8_000,
        bytes in prop::collection::vec(any::<u8>(), 1..192),
        sound in any::<bool>(),
    ) {
        let storage = stored();
        let file = storage.open(&name(segment)).expect("the segment is there");
        file.write_at(at, &bytes).expect("inside the segment");
        if sound {
            // Checksums are made right again, so that what they guard is looked at.
            mend(&storage, segment);
        }
        if let Ok(log) = open(&storage) {
            for view in log.catalog().list("", None, 100) {
                let limit = ReadLimit { bytes: usize::MAX, messages: u64::MAX };
                let _read = view.stored.read(0, view.tail_index, limit);
                let _sizes = view.stored.batch_sizes(0, 1_000);
            }
        }
    }
}

/// Puts right checksums into the frames and entries of a segment, as far as their lengths lead.
fn mend(storage: &MemoryStorage, segment: u32) {
    let file = storage.open(&name(segment)).expect("the segment is there");
    let mut bytes = vec![0; usize::try_from(SEGMENT_BYTES).expect("a small segment")];
    file.read_at(0, &mut bytes).expect("inside the segment");
    let u32_at = |bytes: &[u8], at: usize| {
        bytes
            .get(at..at + 4)
            .map_or(0, |found| found.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    };
    put_crc(&mut bytes, 0, 40, 40);
    let mut at = 4096;
    while at + 48 <= bytes.len() && u32_at(&bytes, at + 8) != 0 {
        let end = at + 48 + u32_at(&bytes, at + 32);
        let mut entry = at + 48;
        while entry + 56 <= end.min(bytes.len()) {
            let entry_bytes = u32_at(&bytes, entry).max(56);
            put_crc(&mut bytes, entry + 56, (entry + entry_bytes).min(end), entry + 48);
            put_masked_crc(&mut bytes, entry, entry + 52, entry + 52);
            entry += entry_bytes.next_multiple_of(8);
        }
        put_crc(&mut bytes, at + 48, end, at + 40);
        put_crc(&mut bytes, at, at + 44, at + 44);
        at = end.next_multiple_of(8);
    }
    file.write_at(0, &bytes).expect("inside the segment");
}

fn put_crc(bytes: &mut [u8], from: usize, to: usize, at: usize) {
    put(bytes, bytes.get(from..to).map(crc32c::crc32c), at);
}

fn put_masked_crc(bytes: &mut [u8], from: usize, to: usize, at: usize) {
    let mask = |crc: u32| crc.rotate_right(15).wrapping_add(0xa282_ead8);
    put(bytes, bytes.get(from..to).map(crc32c::crc32c).map(mask), at);
}

fn put(bytes: &mut [u8], crc: Option<u32>, at: usize) {
    if let Some(crc) = crc
        && let Some(place) = bytes.get_mut(at..at + 4)
    {
        place.copy_from_slice(&crc.to_le_bytes());
    }
}
