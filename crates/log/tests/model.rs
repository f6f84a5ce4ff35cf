//! Any operations, with reopening in between, against plain lists of messages.

use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use tidings_log::{
    Change, Identity, Log, LogSettings, MemoryStorage, Operation, Outcome, Producer, Publish, ReadError,
    ReadLimit, Refusal, Remembered, RememberedProducer, Restore, RestoreError, StreamView, Trim, Upkeep,
};
use tidings_model::{ContentType, Incarnation, Lifetime, Retention, StreamConfig, StreamName, Timestamp};

const NOW: Timestamp = Timestamp(1_000);

/// What a test does next.
#[derive(Clone, Debug)]
enum Step {
    Create { name: u8, messages: Vec<u16> },
    Publish { name: u8, messages: Vec<u16>, close: bool },
    PublishNext { name: u8, producer: u8, repeat: bool },
    Restore { name: u8, first_index: u64 },
    Delete { name: u8 },
    Trim { name: u8, earliest_index: u64 },
    Commit,
    Upkeep,
    Reopen,
    Read { name: u8, from: u64, to: u64, bytes: usize, messages: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let name = || 0_u8..3;
    let sizes = || prop::collection::vec(0_u16..600, 1..4);
    prop_oneof![
        2 => (name(), prop::collection::vec(0_u16..600, 0..3))
            .prop_map(|(name, messages)| Step::Create { name, messages }),
        8 => (name(), sizes(), prop::bool::weighted(0.05))
            .prop_map(|(name, messages, close)| Step::Publish { name, messages, close }),
        4 => (name(), 0_u8..2, any::<bool>())
            .prop_map(|(name, producer, repeat)| Step::PublishNext { name, producer, repeat }),
        1 => (name(), 0_u64..20).prop_map(|(name, first_index)| Step::Restore { name, first_index }),
        1 => name().prop_map(|name| Step::Delete { name }),
        1 => (name(), 0_u64..20).prop_map(|(name, earliest_index)| Step::Trim { name, earliest_index }),
        4 => Just(Step::Commit),
        6 => Just(Step::Upkeep),
        1 => Just(Step::Reopen),
        4 => (name(), 0_u64..30, 0_u64..40, 0_usize..2_000, 0_u64..20)
            .prop_map(|(name, from, to, bytes, messages)| Step::Read { name, from, to, bytes, messages }),
    ]
}

/// One stream as it should be.
#[derive(Clone, Default)]
struct Expected {
    messages: Vec<Bytes>,
    earliest_index: u64,
    closed: bool,
    /// The next sequence of each producer.
    next_seqs: BTreeMap<u8, u64>,
}

struct Test {
    storage: Arc<MemoryStorage>,
    log: Log,
    upkeep: Upkeep,
    opened_count: u64,
    /// As staged, and as committed.
    staged: BTreeMap<u8, Expected>,
    committed: BTreeMap<u8, Expected>,
    /// Tail and closed state of each stream, from changes alone.
    followed: BTreeMap<Incarnation, (u64, bool)>,
    /// Where streams that came from another log began: whoever is told changes only can't know.
    restored: BTreeMap<Incarnation, u64>,
    published_count: usize,
}

/// Incarnations come once: `opened_count` is how often the log was opened before.
fn open(storage: &Arc<MemoryStorage>, opened_count: u64) -> (Log, Upkeep) {
    let settings = LogSettings {
        segment_bytes: 16 << 10,
        frame_bytes: 1_000,
        merge_blocks: 2,
        snapshot_segments: 1,
        ..LogSettings::default()
    };
    let mut bits = opened_count << 32;
    let random = move || {
        bits += 1;
        bits
    };
    let mut log =
        Log::open(Arc::<MemoryStorage>::clone(storage), settings, Box::new(random)).expect("the log opens");
    let upkeep = log.take_upkeep().expect("it is there once");
    (log, upkeep)
}

fn streams(log: &Log) -> Vec<StreamView> {
    log.catalog().list("", None, 100)
}

fn stream_name(name: u8) -> StreamName {
    StreamName::parse(&format!("stream/{name}")).expect("a good name")
}

fn config() -> StreamConfig {
    StreamConfig {
        content_type: ContentType::bytes(),
        lifetime: Lifetime::Ttl { seconds: 9 },
        retention: Retention { count: Some(5), ..Retention::default() },
        durability: None,
    }
}

impl Test {
    fn new() -> Test {
        let storage = Arc::new(MemoryStorage::new(64 << 20));
        let (log, upkeep) = open(&storage, 0);
        let (staged, committed, followed) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (opened_count, restored, published_count) = (0, BTreeMap::new(), 0);
        Test { storage, log, upkeep, opened_count, staged, committed, followed, restored, published_count }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Create { name, messages } => self.create(name, &messages),
            Step::Publish { name, messages, close } => self.publish(name, &messages, Identity::None, close),
            Step::PublishNext { name, producer, repeat } => self.publish_next(name, producer, repeat),
            Step::Delete { name } => {
                let deleted = Operation::Delete { name: stream_name(name), incarnation: None };
                let known = self.staged.remove(&name).is_some();
                assert_eq!(self.log.stage(deleted, NOW).is_ok(), known);
            }
            Step::Restore { name, first_index } => self.restore(name, first_index),
            Step::Trim { name, earliest_index } => self.trim(name, earliest_index),
            Step::Commit => self.commit(),
            Step::Upkeep => {
                self.upkeep.work(&mut |_| ()).expect("memory does not fail");
            }
            Step::Reopen => {
                self.reopen();
                self.staged = self.committed.clone();
            }
            Step::Read { name, from, to, bytes, messages } => {
                self.read(name, (from, to), ReadLimit { bytes, messages });
            }
        }
    }

    fn reopen(&mut self) {
        self.opened_count += 1;
        (self.log, self.upkeep) = open(&self.storage, self.opened_count);
    }

    fn messages(&mut self, sizes: &[u16]) -> Vec<Bytes> {
        let message = |size: &u16| {
            self.published_count += 1;
            let text = format!("{}.", self.published_count);
            Bytes::from(text.into_bytes().into_iter().cycle().take(usize::from(*size)).collect::<Vec<u8>>())
        };
        sizes.iter().map(message).collect()
    }

    fn create(&mut self, name: u8, sizes: &[u16]) {
        let first = self.messages(sizes);
        let operation = Operation::Create {
            name: stream_name(name),
            config: config(),
            first: first.clone(),
            close: false,
        };
        match (self.log.stage(operation, NOW), self.staged.get(&name)) {
            (Ok(Outcome::Created { .. }), None) => {
                self.staged.insert(name, Expected { messages: first, ..Expected::default() });
            }
            (Ok(Outcome::Existed { .. }), Some(known)) if !known.closed => {}
            (Err(Refusal::ConfigDiffers), Some(known)) if known.closed => {}
            (other, _) => panic!("{other:?}"),
        }
    }

    fn restore(&mut self, name: u8, first_index: u64) {
        self.published_count += 1;
        let incarnation = Incarnation::of_disk(1 << 60 | self.published_count as u64);
        let restore = Restore {
            name: stream_name(name),
            incarnation,
            config: config(),
            created: NOW,
            first_index,
            remembered: Remembered {
                producers: vec![RememberedProducer {
                    id: "0".into(),
                    epoch: 7,
                    seq: 2,
                    end_indexes: vec![first_index; 3],
                }],
                ..Remembered::default()
            },
        };
        match (self.log.restore(restore), self.staged.get(&name)) {
            (Ok(()), None) => {
                let gone = usize::try_from(first_index).expect("small");
                let expected = Expected {
                    messages: vec![Bytes::new(); gone],
                    earliest_index: first_index,
                    next_seqs: BTreeMap::from([(0, 3)]),
                    ..Expected::default()
                };
                self.staged.insert(name, expected);
                self.restored.insert(incarnation, first_index);
            }
            (Err(RestoreError::NameTaken), Some(_)) => {}
            (other, _) => panic!("{other:?}"),
        }
    }

    fn publish(&mut self, name: u8, sizes: &[u16], identity: Identity, close: bool) {
        let messages = self.messages(sizes);
        let publish = Publish {
            name: stream_name(name),
            incarnation: None,
            create: None,
            content_type: None,
            messages: messages.clone(),
            seq: None,
            identity,
            close,
        };
        match (self.log.stage(Operation::Publish(publish), NOW), self.staged.get_mut(&name)) {
            (Err(Refusal::NotFound), None) | (Ok(Outcome::Published { duplicate: true, .. }), Some(_)) => {}
            (Err(Refusal::Closed { .. }), Some(known)) if known.closed => {}
            (Ok(Outcome::Published { tail: Some(tail), duplicate: false, .. }), Some(known))
                if !known.closed =>
            {
                known.messages.extend(messages);
                known.closed = close;
                assert_eq!(tail.index, known.messages.len() as u64);
            }
            (other, _) => panic!("{other:?}"),
        }
    }

    fn publish_next(&mut self, name: u8, producer: u8, repeat: bool) {
        let known = self.staged.get(&name).and_then(|stream| stream.next_seqs.get(&producer));
        let next = known.copied().unwrap_or(0);
        let seq = if repeat { next.saturating_sub(1) } else { next };
        let count = |test: &Test| test.staged.get(&name).map(|stream| stream.messages.len());
        let before = count(self);
        let identity = Producer { id: producer.to_string().into(), epoch: 7, seq };
        self.publish(name, &[9, 10], Identity::Producer(identity), false);
        if count(self) != before
            && let Some(stream) = self.staged.get_mut(&name)
        {
            assert_eq!(seq, next, "a repetition was stored");
            stream.next_seqs.insert(producer, next + 1);
        }
    }

    fn trim(&mut self, name: u8, earliest_index: u64) {
        let view = self.log.find(stream_name(name).as_str());
        let staged = self.staged.get_mut(&name).filter(|_| self.committed.contains_key(&name));
        let (Some(view), Some(known)) = (view, staged) else {
            return;
        };
        let gone = known.messages.iter().take(usize::try_from(earliest_index).unwrap_or(usize::MAX));
        let skipped = usize::try_from(known.earliest_index).unwrap_or(usize::MAX);
        let freed_bytes = gone.skip(skipped).map(|message| message.len() as u64).sum();
        let trim = Trim { incarnation: view.incarnation, earliest_index, freed_bytes, oldest: None };
        let operation = Operation::Trim(trim);
        match self.log.stage(operation, NOW) {
            Ok(Outcome::Trimmed) => {
                let earliest_index = earliest_index.min(known.messages.len() as u64);
                known.earliest_index = known.earliest_index.max(earliest_index);
            }
            // The stream was deleted and made again since the last commit.
            Err(Refusal::NotFound) => {}
            other => panic!("{other:?}"),
        }
    }

    fn commit(&mut self) {
        for change in self.log.commit().expect("memory does not fail") {
            self.follow(change);
        }
        self.committed = self.staged.clone();
        assert_eq!(self.log.staged_bytes(), 0);
        self.check();
        let seen =
            streams(&self.log).into_iter().map(|view| (view.incarnation, (view.tail_index, view.closed)));
        assert_eq!(seen.collect::<BTreeMap<_, _>>(), self.followed);
    }

    /// What somebody knows who is told changes only.
    fn follow(&mut self, change: Change) {
        match change {
            Change::Created(view) => {
                let begins = self.restored.get(&view.incarnation).copied().unwrap_or(0);
                let new = self.followed.insert(view.incarnation, (begins, false));
                assert!(new.is_none() && view.tail_index == 0);
            }
            Change::Appended { incarnation, batch } => {
                let known = self.followed.get_mut(&incarnation).expect("its creation was told");
                assert_eq!(batch.first_index, known.0);
                known.0 = batch.end_index();
            }
            Change::Closed { incarnation } => {
                self.followed.get_mut(&incarnation).expect("its creation was told").1 = true;
            }
            Change::Deleted { incarnation, .. } => {
                self.followed.remove(&incarnation).expect("its creation was told");
            }
            Change::Trimmed { .. } => {}
        }
    }

    fn check(&self) {
        assert_eq!(streams(&self.log).len(), self.committed.len());
        for (name, expected) in &self.committed {
            let view = self.log.find(stream_name(*name).as_str()).expect("it is committed");
            assert_eq!(view.tail_index, expected.messages.len() as u64);
            let kept =
                expected.messages.iter().skip(usize::try_from(expected.earliest_index).expect("small"));
            assert_eq!(view.bytes, kept.map(|message| message.len() as u64).sum::<u64>());
            assert_eq!((view.earliest_index, view.closed), (expected.earliest_index, expected.closed));
            let sizes = view.stored.batch_sizes(view.earliest_index, 1_000).expect("it is stored");
            let kept = sizes.iter().map(|size| u64::from(size.count)).sum::<u64>();
            assert!(view.tail_index - view.earliest_index <= kept);
        }
    }

    fn read(&self, name: u8, (from, to): (u64, u64), limit: ReadLimit) {
        let (Some(view), Some(expected)) =
            (self.log.find(stream_name(name).as_str()), self.committed.get(&name))
        else {
            return;
        };
        let to = to.min(view.tail_index);
        if from < expected.earliest_index && from < to {
            let read = view.stored.read(from, to, limit);
            assert!(
                matches!(read, Err(ReadError::Trimmed { earliest_index }) if earliest_index == expected.earliest_index)
            );
            return;
        }
        let batches = view.stored.read(from, to, limit).expect("it is stored");
        let mut next = from;
        let (mut bytes, mut count) = (0, 0);
        let message_at = |index: u64| expected.messages.get(usize::try_from(index).unwrap_or(usize::MAX));
        for batch in &batches {
            assert_eq!(batch.first_index, next, "{from}..{to}");
            for message in &batch.messages {
                assert_eq!(Some(message), message_at(next));
                next += 1;
                count += 1;
                bytes += message.len();
            }
        }
        assert!(count <= 1 || (bytes <= limit.bytes && count <= limit.messages));
        let full = count == limit.messages.max(1) || next >= to;
        let over = message_at(next).is_some_and(|message| limit.bytes <= bytes + message.len());
        assert!(full || over, "{count} messages from {from} up to {to} are fewer than {limit:?} allows");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_log_is_lists_of_messages(steps in prop::collection::vec(step(), 1..400)) {
        let mut test = Test::new();
        for step in steps {
            test.run(step);
        }
        test.commit();
        test.reopen();
        test.check();
        test.upkeep.work_off().expect("memory does not fail");
        test.check();
    }
}
