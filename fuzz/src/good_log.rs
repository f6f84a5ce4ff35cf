//! A small log with one of everything that a log can say.

use crate::files::{File, dump, storage_of};
use crate::opening::open;
use std::sync::LazyLock;
use tidings_log::{Identity, Log, Operation, Producer, Publish, Trim, Upkeep};
use tidings_model::{ContentType, Lifetime, Retention, StreamConfig, StreamName, Timestamp};

const NOW: Timestamp = Timestamp(1_000);
const MESSAGE_BYTES: usize = 200;
const ROUNDS: u64 = 40;

/// Its files, the same each time: several segments, some of them sealed and merged, a snapshot, an old segment that is kept.
pub fn good_log() -> &'static [File] {
    static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
        let storage = storage_of(&[]);
        let mut log = open(&storage).expect("an empty storage can be opened");
        let mut upkeep = log.take_upkeep().expect("it is there once");
        write(&mut log, &mut upkeep);
        drop((log, upkeep));
        dump(&storage)
    });
    &FILES
}

fn write(log: &mut Log, upkeep: &mut Upkeep) {
    for round in 0..ROUNDS {
        let producer = Producer { id: "producer".into(), epoch: 1, seq: round };
        let key = Identity::Key { key: format!("key-{round}").into(), body_hash: [7; 16] };
        stage(log, publish("a", Identity::Producer(producer), round));
        stage(log, publish("b", key, round));
        stage(log, publish("deleted", Identity::None, round));
        if round % 4 == 3 {
            stage(log, Operation::Delete { name: name("deleted"), incarnation: None });
        }
        log.commit().expect("memory does not fail");
        if round + 6 < ROUNDS {
            upkeep.work(&mut |_| ()).expect("memory does not fail");
        }
    }
    let incarnation = log.find("a").expect("it was just made").incarnation;
    let trim = Trim { incarnation, earliest_index: ROUNDS / 2, freed_bytes: 0, oldest: None };
    stage(log, Operation::Trim(trim));
    stage(log, Operation::Close { name: name("b"), producer: None });
    log.commit().expect("memory does not fail");
    log.settle().expect("memory does not fail");
}

fn stage(log: &mut Log, operation: Operation) {
    log.stage(operation, NOW).expect("every operation is right, and there is room");
}

fn publish(stream: &str, identity: Identity, round: u64) -> Operation {
    let retention = Retention { count: Some(100), ..Retention::default() };
    Operation::Publish(Publish {
        name: name(stream),
        incarnation: None,
        create: Some(StreamConfig {
            content_type: ContentType::bytes(),
            lifetime: Lifetime::Forever,
            retention,
            durability: None,
        }),
        content_type: None,
        messages: vec![vec![b'x'; MESSAGE_BYTES].into(), b"short".to_vec().into()],
        seq: Some(format!("{round:03}").into()),
        identity,
        close: false,
    })
}

fn name(text: &str) -> StreamName {
    StreamName::parse(text).expect("a good name")
}
