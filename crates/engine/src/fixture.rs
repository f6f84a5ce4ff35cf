//! Streams and batches for unit tests, made by a real log in memory.

use crate::stream::Stream;
use std::sync::Arc;
use tidings_log::{Log, LogSettings, MemoryStorage, Operation};
use tidings_model::{
    Batch, ContentType, Durability, Lifetime, Retention, StreamConfig, StreamName, Timestamp,
};

pub(crate) const NOW: Timestamp = Timestamp(1_000_000);

/// A new stream without messages.
pub(crate) fn stream(name: &str) -> Arc<Stream> {
    living(name, Lifetime::Forever)
}

/// A new stream with that lifetime, created [`NOW`].
pub(crate) fn living(name: &str, lifetime: Lifetime) -> Arc<Stream> {
    let storage = Arc::new(MemoryStorage::new(1 << 20));
    let settings = LogSettings { segment_bytes: LogSettings::SEGMENT_BYTES_MIN, ..LogSettings::default() };
    let mut log = Log::open(storage, settings, Box::new(rand::random)).unwrap();
    let config = StreamConfig {
        content_type: ContentType::text(),
        lifetime,
        retention: Retention::default(),
        durability: None,
    };
    let name = StreamName::parse(name).unwrap();
    log.stage(Operation::Create { name: name.clone(), config, first: Vec::new(), close: false }, NOW)
        .unwrap();
    log.commit().unwrap();
    let view = log.find(name.as_str()).unwrap();
    Arc::new(Stream::new(view, Durability::Disk, Retention::default(), NOW))
}

/// Messages that stand after `first_index` others.
pub(crate) fn batch(first_index: u64, messages: &[&'static str]) -> Arc<Batch> {
    let messages = messages.iter().map(|text| (*text).into()).collect();
    Arc::new(Batch { first_index, time: NOW, messages })
}
