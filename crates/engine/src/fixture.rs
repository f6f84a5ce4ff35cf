//! Streams and batches for unit tests, made by a real log in memory.

use crate::stream::Stream;
use std::sync::Arc;
use tidings_log::{Identity, Log, LogSettings, MemoryStorage, Operation, Publish};
use tidings_model::{Batch, ContentType, Lifetime, Retention, StreamConfig, StreamName, Timestamp};

pub(crate) const NOW: Timestamp = Timestamp(1_000_000);

/// A new stream without messages.
pub(crate) fn stream(name: &str) -> Arc<Stream> {
    living(name, Lifetime::Forever)
}

/// A new stream with that lifetime, created [`NOW`].
pub(crate) fn living(name: &str, lifetime: Lifetime) -> Arc<Stream> {
    Arc::new(with_lifetime(name, lifetime))
}

/// A new stream that nobody shares yet.
pub(crate) fn made(name: &str) -> Stream {
    with_lifetime(name, Lifetime::Forever)
}

fn with_lifetime(name: &str, lifetime: Lifetime) -> Stream {
    let mut log = log();
    let name = StreamName::parse(name).unwrap();
    let config = StreamConfig { lifetime, ..config() };
    log.stage(Operation::Create { name: name.clone(), config, first: Vec::new(), close: false }, NOW)
        .unwrap();
    log.commit().unwrap();
    let view = log.find(name.as_str()).unwrap();
    Stream::new(view, Retention::default(), NOW)
}

/// A log with one stream that has some batches.
pub(crate) fn logged(name: &str, batches: &[&[&'static str]]) -> (Log, String) {
    let mut log = log();
    for messages in batches {
        let publish = Publish {
            name: StreamName::parse(name).unwrap(),
            incarnation: None,
            create: Some(config()),
            content_type: None,
            messages: messages.iter().map(|text| (*text).into()).collect(),
            seq: None,
            identity: Identity::None,
            close: false,
        };
        log.stage(Operation::Publish(publish), NOW).unwrap();
    }
    log.commit().unwrap();
    (log, name.to_owned())
}

fn log() -> Log {
    let storage = Arc::new(MemoryStorage::new(1 << 20));
    let settings = LogSettings { segment_bytes: LogSettings::SEGMENT_BYTES_MIN, ..LogSettings::default() };
    Log::open(storage, settings, Box::new(rand::random)).unwrap()
}

fn config() -> StreamConfig {
    StreamConfig {
        content_type: ContentType::text(),
        lifetime: Lifetime::Forever,
        retention: Retention::default(),
        durability: None,
    }
}

/// Messages that stand after `first_index` others.
pub(crate) fn batch(first_index: u64, messages: &[&'static str]) -> Arc<Batch> {
    let messages = messages.iter().map(|text| (*text).into()).collect();
    Arc::new(Batch { first_index, time: NOW, messages })
}

/// So many messages that stand after `first_index` others; each is its own index as text.
pub(crate) fn numbered(first_index: u64, count: u64) -> Arc<Batch> {
    let messages = (first_index..first_index + count).map(|index| index.to_string().into()).collect();
    Arc::new(Batch { first_index, time: NOW, messages })
}
