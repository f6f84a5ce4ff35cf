//! What it costs to be asked with a token: the fast path stays fast.
//!
//! CI runs it small. `TIDINGS_COST=1000` makes enough polls for figures; see docs/benchmarks.md.

use super::tokens::Kind;
use super::{builder, create};
use crate::process::processor_ns;
use crate::wire::Wire;
use std::time::{Duration, Instant};
use tidings_testkit::{Api, Server};

/// Polls of a round where nobody says how many.
const POLLS: usize = 4_000;
/// Sent in one go.
const PIPELINED: usize = 250;
const ROUNDS: usize = 7;
/// In how many times the processor time of a server without rules.
const TIMES_MAX: f64 = 1.25;
/// In a small run, on a machine that is busy with other tests. Without what is remembered of a token it takes several times.
const TIMES_MAX_IN_A_SMALL_RUN: f64 = 2.0;

/// Who polls, one request after the other over one connection, many on their way.
struct Poller<'s> {
    server: &'s Server,
    wire: Wire,
    polls: String,
}

impl<'s> Poller<'s> {
    fn new(server: &'s Server, fields: &str) -> Poller<'s> {
        let poll = format!("GET /v1/stream/mine/there?offset=now HTTP/1.1\r\nHost: t\r\n{fields}\r\n");
        Poller { server, wire: Wire::connect(server), polls: poll.repeat(PIPELINED) }
    }

    /// What a poll takes, in nanoseconds of the server's processor, and of everybody's time.
    #[expect(clippy::disallowed_methods, reason = "how long it takes is what this test is about")]
    fn round(&mut self, polls: usize) -> (f64, f64) {
        let (busy, began) = (processor_ns(self.server), Instant::now());
        for _ in 0..polls / PIPELINED {
            self.wire.send(&self.polls);
            for _ in 0..PIPELINED {
                assert_eq!(self.wire.answer().status, 200);
            }
        }
        let busy = Duration::from_nanos(processor_ns(self.server) - busy);
        let each = |time: Duration| time.as_secs_f64() * 1e9 / f64::from(u32::try_from(polls).expect("few"));
        (each(busy), each(began.elapsed()))
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
fn a_poll_with_a_token_that_is_known_costs_little_more() {
    let told: Option<usize> = std::env::var("TIDINGS_COST").ok().and_then(|count| count.parse().ok());
    let (polls, times_max) = match told {
        Some(count) => (250 * count, TIMES_MAX),
        None => (POLLS, TIMES_MAX_IN_A_SMALL_RUN),
    };
    let (with_rules, _secret) = builder("");
    let with_rules = with_rules.setting("--workers", "1").start();
    create(&with_rules, "mine/there");
    let without = Server::builder().setting("--workers", "1").start();
    Api::new(without.address()).create("mine/there", &[]);
    let mut pollers = [Poller::new(&without, ""), Poller::new(&with_rules, &Kind::Full.field())];
    let mut rounds = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (poller, rounds) in pollers.iter_mut().zip(&mut rounds) {
            rounds.push(poller.round(polls));
        }
    }
    let medians = |rounds: &Vec<(f64, f64)>| {
        [
            median(rounds.iter().map(|round| round.0).collect()),
            median(rounds.iter().map(|round| round.1).collect()),
        ]
    };
    let [open, checked] = rounds.each_ref().map(medians);
    let times = [checked[0] / open[0], checked[1] / open[1]];
    eprintln!(
        "a poll: {:.0} ns of the processor without rules, {:.0} ns with a token: {:.2} times; {:.2} times the time",
        open[0], checked[0], times[0], times[1],
    );
    assert!(times[0] <= times_max, "{:.2} times the processor", times[0]);
}
