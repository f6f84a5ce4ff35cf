//! Makes a data folder of the format that is written now, to be opened by every later version:
//! `cargo run -p tidings-log --example make_golden -- crates/log/tests/golden/v2-NAME`.
//!
//! Run it once for each version of the format that is released, and never again for that one.

#[path = "../tests/golden/folder.rs"]
mod folder;

use bytes::Bytes;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tidings_log::{
    DirectoryStorage, Identity, Log, LogSettings, Operation, Producer, Publish, Remembered, Restore, Storage,
    Trim, Upkeep,
};
use tidings_model::{
    ContentType, Durability, Incarnation, Lifetime, Retention, StreamConfig, StreamName, Timestamp,
};

const START: u64 = 1_795_428_000_000;

fn main() {
    let packed = std::env::args().nth(1).expect("the folder to make");
    let packed = Path::new(&packed);
    fs::create_dir(packed).expect("a folder that does not exist yet");
    let data = tempfile::tempdir().expect("a temporary folder can be made");
    let mut maker = Maker::new(data.path());
    maker.make();
    let text = folder::describe(&maker.log);
    drop(maker);
    pack(data.path(), packed);
    fs::write(packed.join(folder::STREAMS), text).expect("the folder can be written");
    let settings = LogSettings { segment_bytes: LogSettings::SEGMENT_BYTES_MIN, ..LogSettings::default() };
    let storage = Arc::new(DirectoryStorage::open(data.path()).expect("nobody has it"));
    Log::open(storage, settings, Box::new(|| 1)).expect("it opens");
}

struct Maker {
    log: Log,
    upkeep: Upkeep,
    now: u64,
    count: u64,
}

impl Maker {
    fn new(data: &Path) -> Maker {
        let settings = LogSettings {
            segment_bytes: LogSettings::SEGMENT_BYTES_MIN,
            frame_bytes: 600,
            merge_blocks: 3,
            snapshot_segments: 1,
            ..LogSettings::default()
        };
        let mut bits = 0x5eed_u64;
        let random = move || {
            bits = bits.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5679);
            bits
        };
        let storage = Arc::new(DirectoryStorage::open(data).expect("an empty folder"));
        let mut log = Log::open(storage, settings, Box::new(random)).expect("a new log");
        let upkeep = log.take_upkeep().expect("it is there once");
        Maker { log, upkeep, now: START, count: 0 }
    }

    fn stage(&mut self, operation: Operation) {
        self.now += 1_234;
        self.log.stage(operation, Timestamp(self.now)).expect("it is accepted");
    }

    fn commit(&mut self) {
        self.log.commit().expect("the disk does not fail");
    }

    fn create(&mut self, name: &str, config: StreamConfig) {
        self.stage(Operation::Create { name: stream(name), config, first: Vec::new(), close: false });
        self.commit();
    }

    fn publish(&mut self, name: &str, count: usize, identity: Identity, close: bool) {
        let messages = (0..count).map(|_| self.message()).collect();
        let seq = matches!(name, "seq").then(|| format!("{:08}", self.count).into());
        self.stage(Operation::Publish(Publish {
            name: stream(name),
            incarnation: None,
            create: None,
            content_type: None,
            messages,
            seq,
            identity,
            close,
        }));
    }

    /// Some compress, some don't, one in ten is long.
    fn message(&mut self) -> Bytes {
        self.count += 1;
        let count = self.count;
        let bytes = if count.is_multiple_of(10) { 1_500 } else { count * 37 % 160 };
        let mut bits = count;
        let mut next = || {
            bits = bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (bits >> 31);
            if count.is_multiple_of(2) { bits.to_le_bytes()[3] } else { b'x' }
        };
        let text = format!("message {count} ");
        let rest = std::iter::repeat_with(&mut next).take(usize::try_from(bytes).unwrap_or(0));
        text.into_bytes().into_iter().chain(rest).collect()
    }

    fn trim(&mut self, name: &str, earliest_index: u64) {
        let incarnation = self.log.find(name).expect("it is there").incarnation;
        let trim = Trim { incarnation, earliest_index, freed_bytes: 10, oldest: Some(Timestamp(START)) };
        self.stage(Operation::Trim(trim));
        self.commit();
    }

    fn make(&mut self) {
        self.streams();
        for round in 0..60_u64 {
            self.publish("plain", 2, Identity::None, false);
            let producer = Producer { id: "producer-1".into(), epoch: 3, seq: round };
            self.publish("identities", 1, Identity::Producer(producer), false);
            let key = Identity::Key { key: format!("key-{round}").into(), body_hash: [9; 16] };
            self.publish("identities", 1, key, false);
            self.publish("trimmed", 1, Identity::None, false);
            self.publish("seq", 1, Identity::None, round == 59);
            self.commit();
            if round == 20 {
                self.publish("closed", 3, Identity::None, true);
                self.stage(Operation::Delete { name: stream("made/again"), incarnation: None });
                self.create("made/again", config());
            }
            if round % 9 == 8 {
                self.publish("made/again", 1, Identity::None, false);
                self.trim("trimmed", round / 2);
            }
            if round < 58 {
                self.upkeep.work_off().expect("the disk does not fail");
            }
        }
        self.stage(Operation::Delete { name: stream("deleted"), incarnation: None });
        self.commit();
        self.log.settle().expect("the disk does not fail");
    }

    fn streams(&mut self) {
        self.create("plain", config());
        self.create("identities", StreamConfig { content_type: ContentType::json(), ..config() });
        let limits =
            Retention { age: Some(Duration::from_millis(90_500)), bytes: Some(1 << 20), count: Some(99) };
        self.create("trimmed", StreamConfig { retention: limits, ..config() });
        let ttl = Lifetime::Ttl { seconds: 86_400 };
        self.create("seq", StreamConfig { lifetime: ttl, durability: Some(Durability::Disk), ..config() });
        let until = Lifetime::Until { at: Timestamp(START), text: "2026-11-23T10:00:00Z".into() };
        self.create("closed", StreamConfig { lifetime: until, ..config() });
        self.create("made/again", config());
        self.create("deleted", config());
        self.create("empty", config());
        let restore = Restore {
            name: stream("restored"),
            incarnation: Incarnation::of_disk(0xabc),
            config: config(),
            created: Timestamp(START),
            first_index: 1_000,
            remembered: Remembered { seq: Some("00000007".into()), ..Remembered::default() },
        };
        self.log.restore(restore).expect("its name is free");
        self.publish("restored", 3, Identity::None, false);
        self.commit();
    }
}

fn stream(name: &str) -> StreamName {
    StreamName::parse(name).expect("a good name")
}

fn config() -> StreamConfig {
    StreamConfig {
        content_type: ContentType::text(),
        lifetime: Lifetime::Forever,
        retention: Retention::default(),
        durability: None,
    }
}

/// Writes a data folder into one that can be checked in.
fn pack(data: &Path, packed: &Path) {
    let mut names = DirectoryStorage::open_to_look(data)
        .expect("the folders can be read and written")
        .list()
        .expect("the folders can be read and written");
    names.sort();
    let mut sizes = String::new();
    for name in names {
        let bytes = fs::read(data.join(&name)).expect("the folders can be read and written");
        let kept = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        writeln!(sizes, "{name} {}", bytes.len()).expect("the folders can be read and written");
        fs::write(packed.join(&name), &bytes[..kept]).expect("the folders can be read and written");
    }
    fs::write(packed.join(folder::SIZES), sizes).expect("the folders can be read and written");
}
