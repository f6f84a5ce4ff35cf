//! What a run found, made of what was counted and used.

use super::trouble::Done;
use super::{Course, as_f64};
use crate::clock::seconds;
use crate::findings::{Distribution, Harness, Run, ServerUsage};
use crate::harness::bottleneck::Signs;
use crate::harness::crowd::Crowd;
use crate::harness::publisher::{Pace, Publisher};
use crate::harness::site::Site;
use crate::harness::tally::Window;
use crate::harness::usage;
use std::time::Duration;

/// What is known of a run beside what was counted.
pub(super) struct Measured {
    pub(super) pace: Pace,
    pub(super) window: Window,
    /// How many messages each stream got, warm-up included.
    pub(super) all: Vec<u64>,
    /// At the beginning of the measured time.
    pub(super) before: Used,
    /// At its end.
    pub(super) after: Used,
    pub(super) memory: Memory,
    /// What was done in the middle.
    pub(super) trouble: Option<Done>,
}

/// The server's memory, where it is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    /// Before the first follower joined.
    pub(super) before: Option<u64>,
    /// When all had joined.
    pub(super) joined: Option<u64>,
    /// At the end of the measured time.
    pub(super) end: Option<u64>,
}

/// What was used up to one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Used {
    server: Option<Duration>,
    /// The thread of followers and publisher.
    thread: Option<Duration>,
    /// This process.
    process: Option<Duration>,
    proxy: Duration,
    /// All processors.
    all: Option<usage::OfAll>,
    waited_ns: u64,
}

/// What was used between two moments.
struct Spent {
    server_s: Option<f64>,
    thread_s: f64,
    proxy_s: f64,
    measured_s: f64,
    busy: f64,
    others_cpus: Option<f64>,
    /// Which part of all processors, or of those that this process may use, whichever is more.
    all_cpus: Option<f64>,
    processors: usize,
}

impl Course {
    pub(super) fn into_run(self, measured: &Measured) -> Run {
        let window = measured.window;
        let measured_s = seconds(window.end_ns - window.begin_ns);
        let expected = self.expected(&measured.pace.counts(window, self.streams.len()));
        // What nobody stored, nobody can lose: that the server did not keep up is told by the signs.
        let stored = self.crowd.publisher.as_ref().map_or(0, |publisher| self.expected(publisher.stored()));
        let spent = measured.before.until(&measured.after, measured_s);
        let latency = self.latency();
        let bottleneck = self.signs(measured, &spent).with_latency(&latency).bottleneck();
        let publisher = self.crowd.publisher.as_ref();
        let trouble = measured.trouble.map(|done| self.came_of(done));
        let tally = self.crowd.tally;
        let server = spent.server_s.zip(measured.memory.of_server());
        Run {
            way: self.way,
            followers: self.followers,
            messages_per_s: self.load.messages_per_s,
            measured_s,
            published: publisher.map_or(0, Publisher::acknowledged_measured),
            expected,
            delivered: tally.delivered,
            lost: stored.saturating_sub(tally.delivered_ever),
            repeated: tally.repeated,
            reordered: tally.reordered,
            latency,
            requests: tally.requests,
            empty_requests: tally.empty_requests,
            sent_bytes: tally.sent_bytes,
            received_bytes: tally.received_bytes,
            connections_opened: tally.connections_opened,
            connections_held: as_f64(self.held.0) / as_f64(self.held.1.max(1)),
            server: server.map(|(cpu_s, (followers_bytes, memory_bytes))| ServerUsage {
                cpu_s,
                followers_bytes,
                memory_bytes,
            }),
            harness: Harness {
                cpu_s: spent.thread_s,
                proxy_cpu_s: spent.proxy_s,
                busy: spent.busy,
                late_p99_ms: tally.lateness.at_ms(0.99).max(tally.unread.at_ms(0.99)),
                others_cpus: spent.others_cpus,
            },
            seconds: tally.into_seconds(),
            trouble,
            bottleneck,
        }
    }

    /// What a last poll brought was early only because the run was over: then there are no latencies.
    fn latency(&self) -> Distribution {
        if self.polls_once_more() { Distribution::default() } else { self.crowd.tally.latency.distribution() }
    }

    fn signs(&self, measured: &Measured, spent: &Spent) -> Signs {
        let tally = &self.crowd.tally;
        let publisher = self.crowd.publisher.as_ref();
        let due: u64 = measured.all.iter().sum();
        Signs {
            busy: spent.busy,
            late_p99_ms: tally.lateness.at_ms(0.99),
            unread_p99_ms: tally.unread.at_ms(0.99),
            all_cpus: spent.all_cpus,
            others_cpus: spent.others_cpus,
            processors: as_f64(spent.processors as u64),
            proxy_busy: spent.proxy_s / spent.measured_s,
            skipped: as_f64(tally.skipped_polls) / as_f64((tally.requests + tally.skipped_polls).max(1)),
            publisher_hit_bound: publisher.is_some_and(Publisher::hit_bound),
            is_unacknowledged: publisher.is_some_and(|it| it.acknowledged() < due),
            is_out_of_ports: self.crowd.is_out_of_ports(),
            late_bound_ms: self.late_ms,
            interval_ms: 1e3 * as_f64(self.load.streams as u64) / self.load.messages_per_s,
            ..Signs::default()
        }
    }
}

impl Memory {
    /// What the followers added, and what there is at the end.
    fn of_server(self) -> Option<(i64, u64)> {
        let added = i128::from(self.joined?) - i128::from(self.before?);
        Some((i64::try_from(added).ok()?, self.end?))
    }
}

impl Used {
    pub(super) fn now(site: &Site, crowd: &Crowd) -> Used {
        Used {
            server: site.cpu(),
            thread: usage::thread_cpu(),
            process: usage::own_cpu(),
            proxy: site.proxy_cpu(),
            all: usage::cpu_of_all(),
            waited_ns: crowd.waited_ns(),
        }
    }

    fn until(&self, after: &Used, measured_s: f64) -> Spent {
        let between = |before: Option<Duration>, after: Option<Duration>| {
            before.zip(after).map(|(before, after)| after.saturating_sub(before).as_secs_f64())
        };
        let (server_s, process_s) =
            (between(self.server, after.server), between(self.process, after.process));
        let of_all = |time: fn(usage::OfAll) -> Duration| between(self.all.map(time), after.all.map(time));
        let ours_s = server_s.unwrap_or(0.0) + process_s.unwrap_or(0.0);
        let allowed = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let processors = after.all.map_or(allowed, |all| all.processors);
        let part = |used_s: f64, of: usize| used_s / measured_s / as_f64(of as u64);
        // A server that was not started here may run on this machine: what it uses is not told from what others do.
        let others_s = of_all(|all| all.programs).zip(server_s).map(|(all_s, _)| (all_s - ours_s).max(0.0));
        Spent {
            server_s,
            thread_s: between(self.thread, after.thread).unwrap_or(0.0),
            proxy_s: after.proxy.saturating_sub(self.proxy).as_secs_f64(),
            busy: (1.0 - seconds(after.waited_ns - self.waited_ns) / measured_s).clamp(0.0, 1.0),
            measured_s,
            others_cpus: others_s.map(|others_s| others_s / measured_s),
            all_cpus: of_all(|all| all.busy).map(|all_s| part(all_s, processors).max(part(ours_s, allowed))),
            processors,
        }
    }
}
