//! `kill -9` under load, again and again: what was acknowledged is there after every restart, once, in order, at the same offsets, and what
//! was deleted or trimmed is not.
//!
//! The log has the smallest files that settings allow, so that they are filled, sealed and merged all the time. `TIDINGS_KILLS` is how often
//! it is killed, `TIDINGS_KILL_SEED` repeats the choices of a run (but not what the machine makes of them).

#![expect(clippy::unwrap_used, reason = "a test may unwrap")]

mod action;
mod audit;
mod messages;
mod place;
mod streams;
mod truth;
mod writer;

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use streams::Streams;
use tidings_testkit::{Deadline, Random, Server, pause};
use writer::Writer;

const KILLS: u64 = 50;
const WRITERS: usize = 6;
/// How long the server is under load before it is killed.
const LOAD: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(600)];
const RESTART_MAX: Duration = Duration::from_secs(5);
/// After every restart one stream of so many is read from its beginning to its end, each in its turn.
const SHARES: usize = 5;

#[test]
fn nothing_acknowledged_is_lost_doubled_moved_or_back() {
    let seed = setting("TIDINGS_KILL_SEED").unwrap_or_else(|| RandomState::new().hash_one("seed"));
    let _told = ToldOnFailure { seed };
    let mut run = Run::start(seed);
    for kill in 0..setting("TIDINGS_KILLS").unwrap_or(KILLS) {
        run.load_and_kill();
        run.restart();
        run.audit(|stream| stream % SHARES == usize::try_from(kill).unwrap() % SHARES);
    }
    run.finish();
}

/// A server and who writes to it.
struct Run {
    server: Server,
    streams: Streams,
    writers: Vec<Writer>,
    random: Random,
}

impl Run {
    fn start(seed: u64) -> Run {
        let server = Server::builder()
            .setting("--segment-bytes", "1MiB")
            .setting("--max-message-bytes", "256KiB") // A file has room for two of the largest.
            .start();
        let streams = Streams::create(server.address(), WRITERS);
        let writers = (0..WRITERS).map(|index| Writer::new(index, seed)).collect();
        Run { server, streams, writers, random: Random::seeded(seed) }
    }

    fn load_and_kill(&mut self) {
        let address = self.server.address();
        let killed = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for writer in &mut self.writers {
                scope.spawn(|| writer.write_until_killed(address, &self.streams, &killed));
            }
            pause(self.random.duration(LOAD[0], LOAD[1]));
            killed.store(true, Ordering::SeqCst);
            self.server.kill_9();
        });
    }

    fn restart(&mut self) {
        let deadline = Deadline::after(RESTART_MAX);
        self.server.restart();
        assert!(!deadline.passed(), "the restart took more than {RESTART_MAX:?}");
    }

    /// Checks all streams by what the list says of them, and the chosen ones message by message.
    fn audit(&mut self, is_read: impl Fn(usize) -> bool) {
        let under_way: Vec<_> = self.writers.iter().filter_map(Writer::under_way).collect();
        audit::audit(self.server.address(), &self.streams, &under_way, is_read);
    }

    /// Brings to an end what is under way, and checks everything after one more kill, with nothing left in doubt.
    fn finish(mut self) {
        let address = self.server.address();
        for writer in &mut self.writers {
            writer.settle(address, &self.streams);
        }
        self.server.kill_9();
        self.restart();
        self.audit(|_| true);
        audit::trimmed_as_asked(address, &self.streams);
        for writer in &mut self.writers {
            writer.repeat_all(address, &self.streams);
            eprintln!("{}", writer.report());
            assert!(10 < writer.stored_count(), "there was no load");
        }
        self.audit(|_| true);
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Names the seed when the test fails.
struct ToldOnFailure {
    seed: u64,
}

impl Drop for ToldOnFailure {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- TIDINGS_KILL_SEED={} makes the same choices", self.seed);
        }
    }
}
