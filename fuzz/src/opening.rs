//! What is done with files: they are opened as a log, read, and gone on with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tidings_log::{Identity, Log, LogSettings, MemoryStorage, OpenError, Operation, Publish, ReadLimit};
use tidings_model::{ContentType, Lifetime, Retention, StreamConfig, StreamName, Timestamp};

const AFTER: &str = "fuzz/after";

pub(crate) fn open(storage: &Arc<MemoryStorage>) -> Result<Log, OpenError> {
    let settings = LogSettings {
        segment_bytes: LogSettings::SEGMENT_BYTES_MIN,
        merge_blocks: 2,
        snapshot_segments: 1,
        ..LogSettings::default()
    };
    Log::open(Arc::<MemoryStorage>::clone(storage), settings, Box::new(random))
}

/// Opens the log that the storage holds and reads all its streams, if it is one.
pub fn read_all(storage: &Arc<MemoryStorage>) -> Option<Log> {
    let log = open(storage).ok()?;
    let limit = ReadLimit { bytes: usize::MAX, messages: u64::MAX };
    for view in log.catalog().list("", None, usize::MAX) {
        // What is damaged may be refused here too.
        let _read = view.stored.read(view.earliest_index, view.tail_index, limit);
        let _from_zero = view.stored.read(0, u64::MAX, limit);
        let _sizes = view.stored.batch_sizes(view.earliest_index, 1_000);
    }
    Some(log)
}

/// Seals, merges and gives back all that there is; damage may be found by it.
pub fn tidy(log: &mut Log) {
    if let Some(mut upkeep) = log.take_upkeep() {
        let _damaged = upkeep.work_off();
    }
}

/// Publishes to an opened log, and opens it once more. Returns whether the message is there.
pub fn publish_and_open_again(mut log: Log, storage: &Arc<MemoryStorage>) -> bool {
    let published = log.stage(publish(), Timestamp(2_000)).is_ok() && log.commit().is_ok();
    drop(log);
    let again = read_all(storage);
    published && again.is_some_and(|log| log.find(AFTER).is_some_and(|view| 0 < view.tail_index))
}

fn publish() -> Operation {
    Operation::Publish(Publish {
        name: StreamName::parse(AFTER).expect("a good name"),
        incarnation: None,
        create: Some(StreamConfig {
            content_type: ContentType::text(),
            lifetime: Lifetime::Forever,
            retention: Retention::default(),
            durability: None,
        }),
        content_type: None,
        messages: vec![b"after".to_vec().into()],
        seq: None,
        identity: Identity::None,
        close: false,
    })
}

/// Never the same twice in a process, as the incarnations of streams must be.
fn random() -> u64 {
    static CALLS: AtomicU64 = AtomicU64::new(1);
    CALLS.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1
}
