//! Number 7: all twelve ordered pairs of transports, switched every 50 to 500 ms under load, while the server is killed five times.

use crate::workload::{STREAM, assert_same, batch, messages, stored};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tidings_testkit::{Api, Deadline, Producer, Random, Reader, Server, Start, Transport, eventually, pause};

const MESSAGES: usize = 20_000;
const KILLS: usize = 5;
const BATCH_MAX: usize = 40;
/// Between two publishes, so that the load lasts for many switches.
const BREATH_MAX: Duration = Duration::from_millis(25);
const TIME_MAX: Duration = Duration::from_mins(3);

/// 20,000 messages; each reader's sequence is byte for byte the log.
pub(crate) fn all_twelve_pairs() {
    let mut server = Server::start();
    let address = server.address();
    Api::new(address).create(STREAM, &[]);
    let mut runs = Vec::new();
    for (index, (first, second)) in pairs().into_iter().enumerate() {
        let reader = Reader::new(address, STREAM, Start::beginning());
        runs.push(Run { reader, pair: [first, second], random: Random::seeded(index as u64), switches: 0 });
    }
    let published = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for run in &mut runs {
            scope.spawn(|| run.follow());
        }
        scope.spawn(|| publish_all(Producer::new(address, STREAM, "load"), &published));
        for kill in 1..=KILLS {
            let due = kill * MESSAGES / (KILLS + 1);
            wait_until_published(&published, due);
            server.kill_9();
            server.restart();
        }
    });
    let log = stored(&server, STREAM);
    assert_eq!(log.data(), messages(0, MESSAGES), "the log is what was published");
    for run in &runs {
        let [first, second] = run.pair;
        let who = format!("{first} ⇄ {second}");
        eprintln!("{who}: {} switches, {} connections", run.switches, run.reader.connections());
        assert_same(&who, &run.reader, &log);
        assert!(10 < run.switches, "{who}: only {} switches", run.switches);
    }
}

/// One reader and how it changes its transport.
struct Run {
    reader: Reader,
    pair: [Transport; 2],
    random: Random,
    switches: usize,
}

impl Run {
    fn follow(&mut self) {
        let deadline = Deadline::after(TIME_MAX);
        let is_done = |reader: &Reader| MESSAGES <= reader.messages().len();
        while !is_done(&self.reader) && !deadline.passed() {
            let transport = self.pair[self.switches % 2];
            let length = self.random.duration(Duration::from_millis(50), Duration::from_millis(500));
            // Often it leaves in the midst of messages that have arrived already.
            let leave_at = self.reader.messages().len() + 1 + self.random.below(1_000);
            self.reader.follow_while(transport, Deadline::after(length).or_sooner(deadline), |reader| {
                is_done(reader) || leave_at <= reader.messages().len()
            });
            self.switches += 1;
        }
    }
}

fn pairs() -> Vec<(Transport, Transport)> {
    let all = Transport::ALL;
    let pairs = all.into_iter().flat_map(|first| all.map(|second| (first, second)));
    pairs.filter(|(first, second)| first != second).collect()
}

fn publish_all(mut producer: Producer, published: &AtomicUsize) {
    let mut random = Random::seeded(7);
    let mut next = 0;
    while next < MESSAGES {
        let end = MESSAGES.min(next + 1 + random.below(BATCH_MAX));
        producer.publish(&batch(next, end));
        next = end;
        published.store(next, Ordering::SeqCst);
        pause(random.duration(Duration::ZERO, BREATH_MAX));
    }
}

fn wait_until_published(published: &AtomicUsize, due: usize) {
    eventually("the load goes on", || (due <= published.load(Ordering::SeqCst)).then_some(()));
}
