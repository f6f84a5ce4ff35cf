//! What it costs to look at the token of a request: the fast path stays fast.
//!
//! CI runs it small. `TIDINGS_COST=1000` makes enough polls for figures; see docs/benchmarks.md.

use super::tokens::Kind;
use super::{builder, create};
use crate::process::processor_ns;
use crate::wire::Wire;
use std::time::Duration;
use tidings_testkit::{Api, Server};

/// Polls of a round where nobody says how many.
const POLLS: usize = 1_000;
const ROUNDS: usize = 15;
/// So many times the processor time of a server without rules, which does not look at the token of the same request.
const TIMES_MAX: f64 = 1.25;
/// The same of polls that are not waited for: they take a tenth of one that is, and the look at the token takes what it takes.
const TIMES_MAX_PIPELINED: f64 = 1.5;
/// The same in a small run, on a machine that is busy with other tests. Without what is remembered of a token it takes several times.
const TIMES_MAX_IN_A_SMALL_RUN: f64 = 2.0;

/// Who polls over one connection.
struct Poller<'s> {
    server: &'s Server,
    wire: Wire,
    /// As many as are sent in one go.
    polls: String,
    pipelined: usize,
}

impl<'s> Poller<'s> {
    fn new(server: &'s Server, fields: &str, pipelined: usize) -> Poller<'s> {
        let poll = format!("GET /v1/stream/mine/there?offset=now HTTP/1.1\r\nHost: t\r\n{fields}\r\n");
        Poller { server, wire: Wire::connect(server), polls: poll.repeat(pipelined), pipelined }
    }

    /// What a poll takes of the server's processor, in nanoseconds.
    fn round(&mut self, polls: usize) -> f64 {
        let before = processor_ns(self.server);
        for _ in 0..polls / self.pipelined {
            self.wire.send(&self.polls);
            for _ in 0..self.pipelined {
                assert_eq!(self.wire.answer().status, 200);
            }
        }
        let taken = Duration::from_nanos(processor_ns(self.server) - before);
        taken.as_secs_f64() * 1e9 / f64::from(u32::try_from(polls).expect("they are few"))
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
fn a_poll_with_a_token_that_is_known_costs_little_more() {
    let told: Option<usize> = std::env::var("TIDINGS_COST").ok().and_then(|count| count.parse().ok());
    let at_most = |times_max| if told.is_some() { times_max } else { TIMES_MAX_IN_A_SMALL_RUN };
    let ways = [("one after the other", 1, TIMES_MAX), ("250 on their way", 250, TIMES_MAX_PIPELINED)];
    let (with_rules, _secret) = builder("");
    let with_rules = with_rules.setting("--workers", "1").start();
    create(&with_rules, "mine/there");
    let without = Server::builder().setting("--workers", "1").start();
    Api::new(without.address()).create("mine/there", &[]);
    let token = Kind::Full.field();
    let mut failures = Vec::new();
    for (how, pipelined, times_max) in ways {
        let polls = told.map_or(POLLS, |count| 5 * count);
        let mut open = Poller::new(&without, &token, pipelined);
        let mut checked = Poller::new(&with_rules, &token, pipelined);
        let rounds = (0..ROUNDS).map(|_| (open.round(polls), checked.round(polls)));
        let (open, checked): (Vec<f64>, Vec<f64>) = rounds.unzip();
        let times = median(open.iter().zip(&checked).map(|(open, checked)| checked / open).collect());
        let (open, checked) = (median(open), median(checked));
        eprintln!("{how}: {open:.0} ns a poll without rules, {checked:.0} ns with a token: {times:.2} times");
        if at_most(times_max) < times {
            failures.push(format!("{how}: {times:.2} times"));
        }
    }
    assert!(failures.is_empty(), "{failures:?}");
}
