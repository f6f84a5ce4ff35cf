//! The course of one run.

use super::bottleneck::Signs;
use super::crowd::{Addresses, Crowd};
use super::follower;
use super::open_files;
use super::payload::{MESSAGE_BYTES_MAX, MESSAGE_BYTES_MIN, Marks};
use super::publisher::{self, Pace, Publisher};
use super::site::Site;
use super::tally::Window;
use super::usage;
use super::{Ending, Interrupted, Live, Load, Watch};
use crate::clock::{Clock, nanoseconds, seconds};
use crate::findings::{Distribution, Harness, Run, ServerUsage, Workload};
use crate::proxy::Proxy;
use crate::way::Way;
use anyhow::Context as _;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use std::sync::Arc;
use std::time::Duration;

/// How long all followers together may take to join.
const JOIN_MAX: Duration = Duration::from_mins(1);

/// How long is waited for a server to become idle, before its memory is looked at.
const QUIET_MAX: Duration = Duration::from_secs(3);

/// Over which time a server is idle when it used less than [`QUIET_CPU_MAX`].
const QUIET_SLICE: Duration = Duration::from_millis(100);
const QUIET_CPU_MAX: Duration = Duration::from_millis(2);

/// For how long messages are published before anything is measured, where no interval is longer.
const WARM_UP: Duration = Duration::from_millis(500);

/// How long is waited for the last messages, beside an interval.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// How long is waited for the server's part of closing handshakes.
const CLOSE_MAX: Duration = Duration::from_millis(500);

/// How often is told how the run is going, and is looked at how many connections are held.
const LIVE_EVERY: Duration = Duration::from_millis(200);

/// Phases and waits are the same in each run, so that runs can be compared.
const SEED: u64 = 7;

/// Over which time polls are spread when everybody polls once more at the end.
const FINAL_POLL: Duration = Duration::from_millis(500);

/// The most streams of a run.
const STREAMS_MAX: usize = 10_000;

/// Follows a server in one way, publishes, and measures. Without a way it is published to nobody.
///
/// `watch` is called at least four times a second, also while followers join and while the last messages are awaited.
///
/// # Errors
/// [`Interrupted`] when `watch` says so. Otherwise when the server can't be spoken to, answers with an error or a reset, or the system does
/// not give what is needed.
pub(crate) fn measure(
    site: &mut Site,
    way: Option<Way>,
    load: &Load,
    watch: Watch<'_>,
) -> anyhow::Result<Run> {
    check(&load.workload, way, site)?;
    let course = Course::prepare(site, way, load)?;
    let streams = Arc::clone(&course.streams);
    let measured = course.run(site, watch);
    let removed = site.remove(&streams);
    let measured = measured.and_then(|run| removed.map(|()| run));
    measured.map_err(|error| match &site.child {
        _ if error.is::<Interrupted>() => error,
        // What the server says of itself is often the reason.
        Some(child) if !child.errors().is_empty() => {
            error.context(format!("the server said:\n{}", child.errors()))
        }
        _ => error,
    })
}

fn check(load: &Workload, way: Option<Way>, site: &Site) -> anyhow::Result<()> {
    let Workload { followers, streams, messages_per_s, message_bytes, duration_s, .. } = *load;
    anyhow::ensure!(
        (MESSAGE_BYTES_MIN..=MESSAGE_BYTES_MAX).contains(&message_bytes),
        "a message has {MESSAGE_BYTES_MIN} to {MESSAGE_BYTES_MAX} bytes, since it says which one it is and when it was due"
    );
    anyhow::ensure!((1..=STREAMS_MAX).contains(&streams), "there are 1 to {STREAMS_MAX} streams");
    anyhow::ensure!(
        streams == 1 || site.dialect.has_streams(),
        "a server that speaks {} has one stream",
        site.dialect.speaks()
    );
    anyhow::ensure!(
        messages_per_s.is_finite() && 0.0 < messages_per_s,
        "messages are published at more than 0 a second"
    );
    anyhow::ensure!(duration_s.is_finite() && 0.0 < duration_s, "a run takes more than 0 seconds");
    let interval = way.and_then(Way::interval);
    anyhow::ensure!(
        interval.is_none_or(|it| Duration::from_millis(1) <= it),
        "the shortest interval is 1 ms"
    );
    let files_each = 1 + site.proxy.as_ref().map_or(0, |_| Proxy::FILES_PER_CONNECTION);
    open_files::allow(if way.is_some() { followers } else { 0 }, files_each)
}

/// A run that is going on.
struct Course {
    way: Option<Way>,
    load: Workload,
    ending: Ending,
    followers: usize,
    crowd: Crowd,
    streams: Arc<[String]>,
    publisher: Option<Publisher>,
    began_ns: u64,
    live_due_ns: u64,
    /// Of the requests at the last look: how many, and when.
    last_requests: (u64, u64),
    /// Sum and number of looks at the open connections in the measured time.
    held: (u64, u64),
}

/// What is used, at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    server: Option<Duration>,
    thread: Option<Duration>,
    process: Option<Duration>,
    proxy: Duration,
    all: Option<Duration>,
    waited_ns: u64,
}

impl Course {
    fn prepare(site: &Site, way: Option<Way>, load: &Load) -> anyhow::Result<Course> {
        let Load { workload: load, ending } = load;
        let clock = Clock::start();
        let run: u16 = rand::random();
        let unique: u64 = rand::random();
        let streams = (0..load.streams).map(|number| format!("compare/{unique:016x}/{number}"));
        let streams: Arc<[String]> = streams.collect();
        let places = site.create(&streams)?;
        let dialect = &site.dialect;
        let followers = if way.is_some() { load.followers } else { 0 };
        let way_or_any = way.unwrap_or(Way::WebSocket);
        anyhow::ensure!(
            dialect.can_follow(way_or_any),
            "{} can't be followed by {way_or_any}",
            dialect.speaks()
        );
        let course = follower::Course {
            dialect: Arc::clone(dialect),
            way: way_or_any,
            streams: Arc::clone(&streams),
            run,
            marks: Marks::new(),
        };
        let from_many = way == Some(Way::LongPollClosing) && needs_sources(site, load);
        let addresses =
            Addresses { followers: site.followers.clone(), publisher: site.publisher.clone(), from_many };
        let by = dialect.ways_to_publish().first().context("nothing can be published to this server")?;
        let publisher = Publisher::new(publisher::Course {
            dialect: Arc::clone(dialect),
            by: *by,
            streams: Arc::clone(&streams),
            run,
            message_bytes: load.message_bytes,
            repeats: load.trouble && site.child.is_some(),
        })?;
        Ok(Course {
            way,
            load: load.clone(),
            ending: *ending,
            followers,
            crowd: Crowd::new(clock, course, &places, followers, addresses, SEED)?,
            streams,
            publisher: Some(publisher),
            began_ns: clock.now_ns(),
            live_due_ns: 0,
            last_requests: (0, clock.now_ns()),
            held: (0, 0),
        })
    }

    fn run(mut self, site: &Site, watch: Watch<'_>) -> anyhow::Result<Run> {
        let publisher = self.publisher.take().context("a run has a publisher")?;
        self.crowd.open_publisher(publisher)?;
        let join_until_ns = self.now_ns() + nanoseconds(JOIN_MAX);
        let is_open = |crowd: &Crowd| crowd.publisher.as_ref().is_some_and(Publisher::is_open);
        let is_in_time = self.turn_until_or(join_until_ns, watch, is_open)?;
        anyhow::ensure!(is_in_time, "nothing could be published to within {JOIN_MAX:?}");
        self.wait_for_quiet(site, watch)?;
        let memory_before = site.memory_bytes();
        self.join(watch)?;
        self.wait_for_quiet(site, watch)?;
        let memory_joined = site.memory_bytes();

        let (pace, window) = self.plan();
        self.begin(pace, window);
        self.turn_until(window.begin_ns, watch)?;
        let before = self.used(site);
        self.held = (0, 0);
        self.turn_until(window.end_ns, watch)?;
        let after = self.used(site);
        let memory_end = site.memory_bytes();

        let all = pace.counts(Window { begin_ns: 0, end_ns: u64::MAX }, self.streams.len());
        self.drain(window, &all, watch)?;
        self.close(watch)?;
        let memory = Memory { before: memory_before, joined: memory_joined, end: memory_end };
        Ok(self.into_run(pace, window, &all, &before, &after, memory))
    }

    fn now_ns(&self) -> u64 {
        self.crowd.clock.now_ns()
    }

    /// Everybody joins.
    fn join(&mut self, watch: Watch<'_>) -> anyhow::Result<()> {
        let until_ns = self.now_ns() + nanoseconds(JOIN_MAX);
        let mut begun = 0;
        while !self.crowd.join_more(&mut begun)? {
            let joined = self.crowd.joined();
            anyhow::ensure!(
                self.now_ns() < until_ns,
                "only {joined} followers could join within {JOIN_MAX:?}"
            );
            self.turn(until_ns, watch)?;
        }
        Ok(())
    }

    /// Goes on until the server is idle, so that its memory is that of those who wait.
    fn wait_for_quiet(&mut self, site: &Site, watch: Watch<'_>) -> anyhow::Result<()> {
        let until_ns = self.now_ns() + nanoseconds(QUIET_MAX);
        let mut last = site.cpu();
        loop {
            self.turn_until(self.now_ns() + nanoseconds(QUIET_SLICE), watch)?;
            let now = site.cpu();
            let used = now.zip(last).map(|(now, last)| now.saturating_sub(last));
            if used.is_none_or(|used| used < QUIET_CPU_MAX) || until_ns < self.now_ns() {
                return Ok(());
            }
            last = now;
        }
    }

    /// When messages are published, and what of it is measured.
    fn plan(&self) -> (Pace, Window) {
        let start_ns = self.now_ns() + 10_000_000;
        let begin_ns = start_ns + nanoseconds(self.warm_up());
        let end_ns = begin_ns + nanoseconds(Duration::from_secs_f64(self.load.duration_s));
        (Pace::Fixed { start_ns, end_ns, per_s: self.load.messages_per_s }, Window { begin_ns, end_ns })
    }

    /// After an interval each poll brings as much as any later one. A run that is to be short is content with less.
    fn warm_up(&self) -> Duration {
        let interval = self.way.and_then(Way::interval).unwrap_or_default();
        let most = match self.ending {
            Ending::Natural => Duration::MAX,
            Ending::FinalPoll => Duration::from_secs_f64(self.load.duration_s),
        };
        interval.min(most).max(WARM_UP)
    }

    /// Whether polls after the last message come sooner than their schedule says.
    fn polls_once_more(&self) -> bool {
        let interval = self.way.and_then(Way::interval).unwrap_or_default();
        self.ending == Ending::FinalPoll && FINAL_POLL < interval
    }

    /// For how long is waited for polls after the last message.
    fn last_interval(&self) -> Duration {
        let interval = self.way.and_then(Way::interval).unwrap_or_default();
        match self.ending {
            Ending::Natural => interval,
            Ending::FinalPoll => interval.min(FINAL_POLL),
        }
    }

    fn begin(&mut self, pace: Pace, window: Window) {
        if let (Some(interval), Pace::Fixed { start_ns, .. }) = (self.way.and_then(Way::interval), pace) {
            let mut random = SmallRng::seed_from_u64(SEED);
            let interval_ns = nanoseconds(interval).max(1);
            let phases: Vec<u64> = (0..self.followers).map(|_| random.random_range(0..interval_ns)).collect();
            self.crowd.begin_polling(start_ns, &phases);
        }
        self.crowd.begin_publishing(pace, Some(window));
    }

    /// Waits until everybody has everything.
    fn drain(&mut self, window: Window, all: &[u64], watch: Watch<'_>) -> anyhow::Result<()> {
        let interval = self.last_interval();
        if self.polls_once_more() {
            self.crowd.poll_once_more(window.end_ns, nanoseconds(FINAL_POLL));
        }
        let rtt = Duration::from_secs_f64(self.load.rtt_ms.max(0.0) / 1e3);
        let until_ns = window.end_ns + nanoseconds(interval + DRAIN_MAX + 4 * rtt);
        let expected = self.expected(all);
        let is_done = |crowd: &Crowd| {
            let is_published = crowd.publisher.as_ref().is_none_or(|it| it.is_done(crowd.clock.now_ns()));
            is_published && expected <= crowd.tally.delivered_ever
        };
        // What is missing then is counted.
        self.turn_until_or(until_ns, watch, is_done).map(|_is_whole| ())
    }

    fn close(&mut self, watch: Watch<'_>) -> anyhow::Result<()> {
        if 0 < self.crowd.close()? {
            let until_ns = self.now_ns() + nanoseconds(CLOSE_MAX);
            while 0 < self.crowd.open() && self.now_ns() < until_ns {
                self.turn(until_ns, watch)?;
            }
        }
        Ok(())
    }

    /// How many deliveries that many messages of each stream make.
    fn expected(&self, counts: &[u64]) -> u64 {
        let streams = counts.len();
        let followers_of = |stream: usize| (self.followers + streams - 1 - stream) / streams;
        counts.iter().enumerate().map(|(stream, count)| count * followers_of(stream) as u64).sum()
    }

    fn turn_until(&mut self, until_ns: u64, watch: Watch<'_>) -> anyhow::Result<()> {
        while self.now_ns() < until_ns {
            self.turn(until_ns, watch)?;
        }
        Ok(())
    }

    /// Goes on until `is_done`, or until that moment. Returns whether it was done.
    fn turn_until_or(
        &mut self,
        until_ns: u64,
        watch: Watch<'_>,
        is_done: impl Fn(&Crowd) -> bool,
    ) -> anyhow::Result<bool> {
        while !is_done(&self.crowd) {
            if until_ns <= self.now_ns() {
                return Ok(false);
            }
            self.turn(until_ns, watch)?;
        }
        Ok(true)
    }

    fn turn(&mut self, until_ns: u64, watch: Watch<'_>) -> anyhow::Result<()> {
        let now_ns = self.now_ns();
        if self.live_due_ns <= now_ns {
            self.live_due_ns = now_ns + nanoseconds(LIVE_EVERY);
            self.held = (self.held.0 + self.crowd.open() as u64, self.held.1 + 1);
            if watch(&self.live(now_ns)).is_break() {
                return Err(Interrupted.into());
            }
        }
        self.crowd.turn(until_ns.min(self.live_due_ns))
    }

    fn live(&mut self, now_ns: u64) -> Live {
        let tally = &self.crowd.tally;
        let (requests, at_ns) = std::mem::replace(&mut self.last_requests, (tally.requests_ever, now_ns));
        let since_s = seconds(now_ns.saturating_sub(at_ns)).max(1e-3);
        let published = self.crowd.publisher.as_ref().map_or(0, Publisher::due_count);
        let per_message = self.followers as u64 / self.streams.len() as u64;
        Live {
            elapsed_s: seconds(now_ns - self.began_ns),
            total_s: self.total_s(now_ns),
            joined: self.crowd.joined(),
            delivered: tally.delivered_ever,
            requests_per_s: as_f64(tally.requests_ever - requests) / since_s,
            p50_ms: tally.latency.at_ms(0.5),
            behind: (published * per_message).saturating_sub(tally.delivered_ever),
        }
    }

    /// How long the whole run takes: joining as it was or a guess, warm-up, the measured time, draining.
    fn total_s(&self, now_ns: u64) -> f64 {
        let interval = self.last_interval();
        let later_s = self.warm_up().as_secs_f64() + self.load.duration_s + interval.as_secs_f64();
        match self.crowd.tally.window() {
            Some(window) => seconds(window.end_ns - self.began_ns) + interval.as_secs_f64(),
            None => seconds(now_ns - self.began_ns) + later_s,
        }
    }

    fn used(&self, site: &Site) -> Used {
        Used {
            server: site.cpu(),
            thread: usage::thread_cpu(),
            process: usage::own_cpu(),
            proxy: site.proxy_cpu(),
            all: usage::cpu_of_all(),
            waited_ns: self.crowd.waited_ns(),
        }
    }

    fn into_run(
        self,
        pace: Pace,
        window: Window,
        all: &[u64],
        before: &Used,
        after: &Used,
        memory: Memory,
    ) -> Run {
        let measured_s = seconds(window.end_ns - window.begin_ns);
        let expected = self.expected(&pace.counts(window, self.streams.len()));
        let expected_ever = self.expected(all);
        let (held_sum, held_looks) = self.held;
        let polls_once_more = self.polls_once_more();
        let tally = self.crowd.tally;
        // Messages that a last poll brought early would be early only because the run was over.
        let latency = if polls_once_more { Distribution::default() } else { tally.latency.distribution() };
        let used = before.until(after, measured_s);
        let harness = Harness {
            cpu_s: used.thread_s,
            proxy_cpu_s: used.proxy_s,
            busy: used.busy,
            late_p99_ms: tally.lateness.at_ms(0.99),
            others_cpus: used.others_cpus,
        };
        let publisher = self.crowd.publisher.as_ref();
        let signs = Signs {
            busy: harness.busy,
            late_p99_ms: harness.late_p99_ms,
            all_cpus: used.all_cpus,
            others_cpus: harness.others_cpus,
            skipped: as_f64(tally.skipped_polls) / as_f64((tally.requests + tally.skipped_polls).max(1)),
            publisher_hit_bound: publisher.is_some_and(Publisher::hit_bound),
            is_unacknowledged: publisher.is_some_and(|it| it.acknowledged() < all.iter().sum()),
            ..Signs::default()
        };
        Run {
            way: self.way,
            followers: self.followers,
            messages_per_s: self.load.messages_per_s,
            measured_s,
            published: publisher.map_or(0, Publisher::acknowledged_measured),
            expected,
            delivered: tally.delivered,
            lost: expected_ever.saturating_sub(tally.delivered_ever),
            repeated: tally.repeated,
            reordered: tally.reordered,
            requests: tally.requests,
            empty_requests: tally.empty_requests,
            sent_bytes: tally.sent_bytes,
            received_bytes: tally.received_bytes,
            connections_opened: tally.connections_opened,
            connections_held: as_f64(held_sum) / as_f64(held_looks.max(1)),
            server: used.server_s.zip(memory.of_server()).map(|(cpu_s, (followers_bytes, memory_bytes))| {
                ServerUsage { cpu_s, followers_bytes, memory_bytes }
            }),
            harness,
            seconds: tally.into_seconds(),
            trouble: None,
            bottleneck: signs.with_latency(&latency).bottleneck(),
            latency,
        }
    }
}

/// The server's memory, where it is known.
#[derive(Clone, Copy, Debug)]
struct Memory {
    before: Option<u64>,
    joined: Option<u64>,
    end: Option<u64>,
}

impl Memory {
    /// What the followers added, and what there is at the end.
    fn of_server(self) -> Option<(i64, u64)> {
        let added = i128::from(self.joined?) - i128::from(self.before?);
        Some((i64::try_from(added).ok()?, self.end?))
    }
}

/// What was used between two moments.
struct Spent {
    server_s: Option<f64>,
    thread_s: f64,
    proxy_s: f64,
    busy: f64,
    others_cpus: f64,
    all_cpus: Option<f64>,
}

impl Used {
    fn until(&self, after: &Used, measured_s: f64) -> Spent {
        let between = |before: Option<Duration>, after: Option<Duration>| {
            before.zip(after).map(|(before, after)| after.saturating_sub(before).as_secs_f64())
        };
        let (server_s, process_s) =
            (between(self.server, after.server), between(self.process, after.process));
        let all_s = between(self.all, after.all);
        let ours_s = server_s.unwrap_or(0.0) + process_s.unwrap_or(0.0);
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        // A server that others run is one of the others, and its machine is not known.
        let others_cpus =
            all_s.zip(server_s).map_or(0.0, |(all_s, _)| (all_s - ours_s).max(0.0) / measured_s);
        Spent {
            server_s,
            thread_s: between(self.thread, after.thread).unwrap_or(0.0),
            proxy_s: after.proxy.saturating_sub(self.proxy).as_secs_f64(),
            busy: (1.0 - seconds(after.waited_ns - self.waited_ns) / measured_s).clamp(0.0, 1.0),
            others_cpus,
            all_cpus: all_s.map(|all_s| all_s / measured_s / as_f64(processors as u64)),
        }
    }
}

/// Whether the ports of one address could run out: followers of the loopback open a connection for each answer.
fn needs_sources(site: &Site, load: &Workload) -> bool {
    const PORTS_FEW: f64 = 10_000.0;
    /// How long the system keeps a port after its connection has ended.
    const KEPT_S: f64 = 60.0;
    let address = site.followers.address;
    let per_s = as_f64(load.followers as u64) * load.messages_per_s / as_f64(load.streams as u64);
    let used = as_f64(load.followers as u64) + per_s * KEPT_S.min(load.duration_s);
    cfg!(target_os = "linux") && address.ip().is_loopback() && address.is_ipv4() && PORTS_FEW < used
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^52")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
