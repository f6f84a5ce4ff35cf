//! A large block that is damaged in one page loses the messages of that page, whatever it is that is damaged.

#![expect(
    clippy::unwrap_used,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "the helpers here belong to one test each, and a failure shows its line"
)]

use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;
use tidings_log::{
    Dropped, Identity, Log, LogSettings, MemoryStorage, Operation, Publish, ReadLimit, Salvaged, Storage,
    Verified, salvage, verify,
};
use tidings_model::{ContentType, Lifetime, Retention, StreamConfig, StreamName, Timestamp};

const MESSAGES: u64 = 1_500;
const MESSAGE_BYTES: usize = 1_000;
/// A page ends with the message that makes it 32 KiB.
const PAGE_MESSAGES: u64 = 33;

fn settings() -> LogSettings {
    LogSettings { segment_bytes: 2 << 20, snapshot_segments: 1, ..LogSettings::default() }
}

/// The message of an index. It does not compress.
fn message(index: u64) -> Bytes {
    let mut bits = index + 1;
    let mut next = || {
        bits = bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (bits >> 29);
        bits.to_le_bytes()[3]
    };
    std::iter::repeat_with(&mut next).take(MESSAGE_BYTES).collect()
}

/// A log with one block of many pages.
fn stored() -> Arc<MemoryStorage> {
    let storage = Arc::new(MemoryStorage::new(64 << 20));
    let mut bits = 5;
    let random = move || {
        bits += 1;
        bits
    };
    let mut log = Log::open(Arc::<MemoryStorage>::clone(&storage), settings(), Box::new(random)).unwrap();
    for index in 0..MESSAGES + 1_000 {
        let config = StreamConfig {
            content_type: ContentType::bytes(),
            lifetime: Lifetime::Forever,
            retention: Retention::default(),
            durability: None,
        };
        let publish = Publish {
            name: StreamName::parse(if index < MESSAGES { "a" } else { "b" }).unwrap(),
            incarnation: None,
            create: Some(config),
            content_type: None,
            messages: vec![message(index)],
            seq: None,
            identity: Identity::None,
            close: false,
        };
        log.stage(Operation::Publish(publish), Timestamp(1_000 + index)).unwrap();
        if index % 100 == 0 {
            log.commit().unwrap();
        }
    }
    log.commit().unwrap();
    log.settle().unwrap();
    // With a snapshot, so that the sealed segment is not needed, and nothing is found there.
    let mut upkeep = log.take_upkeep().unwrap();
    upkeep.work_off().unwrap();
    log.commit().unwrap();
    upkeep.work_off().unwrap();
    let names = storage.list().unwrap();
    assert!(!names.iter().any(|name| name == "00000001.segment"));
    for spare in names.iter().filter(|name| name.ends_with(".spare")) {
        storage.remove(spare).unwrap();
    }
    storage
}

fn block(storage: &MemoryStorage) -> String {
    storage.list().unwrap().into_iter().find(|name| name.ends_with(".block")).unwrap()
}

fn flip(storage: &MemoryStorage, at: u64) {
    let file = storage.open(&block(storage)).unwrap();
    let mut byte = [0];
    file.read_at(at, &mut byte).unwrap();
    file.write_at(at, &[byte[0] ^ 4]).unwrap();
}

fn verified(storage: &Arc<MemoryStorage>) -> Verified {
    verify(Arc::<MemoryStorage>::clone(storage), &mut |_| ()).unwrap()
}

/// What became of it, and the indexes that were dropped.
fn salvaged(storage: &Arc<MemoryStorage>) -> (Salvaged, Vec<Range<u64>>, Log) {
    let to = Arc::new(MemoryStorage::new(64 << 20));
    let mut dropped = Vec::new();
    let mut next = 0;
    let keep = &mut |it: Dropped<'_>| {
        match it {
            Dropped::Run(restore, end_index) => {
                next = restore.first_index;
                dropped.push(next..end_index);
            }
            Dropped::Batch(batch) => {
                assert_eq!((batch.first_index, &batch.messages), (next, &vec![message(next)]));
                assert_eq!(batch.time, Timestamp(1_000 + next));
                next += 1;
            }
        }
        Ok(())
    };
    let random = Box::new(|| 6);
    let to_storage = || Ok(Arc::<MemoryStorage>::clone(&to) as Arc<dyn Storage>);
    let salvaged = salvage(&**storage, to_storage, (settings(), random), keep, &mut |_| ()).unwrap();
    let log = Log::open(to, settings(), Box::new(|| 7)).unwrap();
    (salvaged, dropped, log)
}

#[test]
fn a_damaged_page_costs_its_own_messages() {
    let storage = stored();
    assert_eq!(verified(&storage).damage, []);
    flip(&storage, 700_000);
    let damage = verified(&storage).damage;
    assert_eq!(damage.len(), 1, "{damage:?}");
    assert!((600_000..=700_000).contains(&damage[0].at), "{damage:?}");
    let (salvaged, dropped, log) = salvaged(&storage);
    let [stream] = salvaged.incomplete.as_slice() else { panic!("{salvaged:?}") };
    let [missing] = stream.missing.as_slice() else { panic!("{stream:?}") };
    assert!(missing.contains(&690) && missing.end - missing.start <= PAGE_MESSAGES, "{missing:?}");
    assert_eq!(dropped, stream.dropped);
    assert_eq!(dropped, std::iter::once(0..missing.start).collect::<Vec<_>>());
    assert_eq!((stream.earliest_index, stream.tail_index), (missing.end, MESSAGES));
    let view = log.find("a").unwrap();
    assert_eq!((view.earliest_index, view.tail_index), (missing.end, MESSAGES));
    let limit = ReadLimit { bytes: usize::MAX, messages: u64::MAX };
    for batch in view.stored.read(missing.end, MESSAGES, limit).unwrap() {
        assert_eq!(batch.messages, [message(batch.first_index)]);
        assert_eq!(batch.time, Timestamp(1_000 + batch.first_index));
    }
    assert_eq!(log.find("b").unwrap().tail_index, 1_000);
}

#[test]
fn pages_are_found_without_header_index_and_footer() {
    let storage = stored();
    let bytes = storage.open(&block(&storage)).unwrap().bytes().unwrap();
    // The header, the top with the index, and the footer.
    for at in (0..40).chain(bytes - 2_000..bytes) {
        flip(&storage, at);
    }
    assert!(!verified(&storage).damage.is_empty());
    let (salvaged, dropped, _) = salvaged(&storage);
    assert!(salvaged.is_complete(), "{salvaged:?}");
    assert_eq!((salvaged.messages, dropped.len()), (MESSAGES + 1_000, 0));
}
