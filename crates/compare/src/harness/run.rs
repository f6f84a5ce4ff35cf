//! The course of one run.

mod figures;
mod trouble;

use super::crowd::{Addresses, Crowd};
use super::follower;
use super::open_files;
use super::patience::Patience;
use super::payload::{MESSAGE_BYTES_MAX, MESSAGE_BYTES_MIN, Marks};
use super::publisher::{self, Pace, Publisher};
use super::site::Site;
use super::tally::Window;
use super::{Ending, Interrupted, Live, Load, Phase, Watch};
use crate::clock::{Clock, nanoseconds, seconds};
use crate::findings::{Run, Workload};
use crate::proxy::{Network, Proxy};
use crate::way::Way;
use anyhow::Context as _;
use figures::{Measured, Memory, Used};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use std::sync::Arc;
use std::time::Duration;

/// How long all followers together may take to join, and how many round trips beside that.
const JOIN_MAX: Duration = Duration::from_mins(1);
const JOIN_TRIPS_MAX: u32 = 30;

/// How long is waited for a server to become idle, before its memory is looked at.
const QUIET_MAX: Duration = Duration::from_secs(3);

/// Over which time a server is idle when it used less than [`QUIET_CPU_MAX`].
const QUIET_SLICE: Duration = Duration::from_millis(100);
const QUIET_CPU_MAX: Duration = Duration::from_millis(2);

/// For how long messages are published before anything is measured, where no interval is longer.
const WARM_UP: Duration = Duration::from_millis(500);

/// How long is waited for the last messages, beside an interval, when nothing moves: longer than a follower whose connection was lost pauses.
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
    if load.workload.trouble && site.proxy.is_none() {
        site.through(Network::default())?;
    }
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
    let forgets = load.durability.as_deref() == Some("memory") && site.child.is_some();
    anyhow::ensure!(
        !(load.trouble && forgets),
        "a stream in memory loses its messages when the server is restarted: compare trouble with --durability disk"
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
pub(super) struct Course {
    way: Option<Way>,
    load: Workload,
    ending: Ending,
    late_ms: f64,
    followers: usize,
    crowd: Crowd,
    streams: Arc<[String]>,
    publisher: Option<Publisher>,
    /// When in an interval each follower polls; empty where nobody polls.
    pub(super) phases: Vec<u64>,
    began_ns: u64,
    phase: Phase,
    live_due_ns: u64,
    /// Of the requests at the last look: how many, and when.
    last_requests: (u64, u64),
    /// Sum and number of looks at the open connections in the measured time.
    held: (u64, u64),
}

impl Course {
    pub(super) fn prepare(site: &Site, way: Option<Way>, load: &Load) -> anyhow::Result<Course> {
        let Load { workload: load, ending, late_ms } = load;
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
            way.is_none_or(|way| dialect.can_follow(way)),
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
            late_ms: *late_ms,
            followers,
            crowd: Crowd::new(clock, course, &places, followers, addresses, SEED)?,
            streams,
            publisher: Some(publisher),
            phases: phases(way, followers),
            began_ns: clock.now_ns(),
            phase: Phase::Joining,
            live_due_ns: 0,
            last_requests: (0, clock.now_ns()),
            held: (0, 0),
        })
    }

    pub(super) fn run(mut self, site: &mut Site, watch: Watch<'_>) -> anyhow::Result<Run> {
        let publisher = self.publisher.take().context("a run has a publisher")?;
        self.crowd.open_publisher(publisher)?;
        let join_until_ns = self.now_ns() + nanoseconds(JOIN_MAX);
        let is_open = |crowd: &Crowd| crowd.publisher.as_ref().is_some_and(Publisher::is_open);
        let is_in_time = self.turn_until_or(join_until_ns, watch, is_open)?;
        anyhow::ensure!(is_in_time, "nothing could be published to within {JOIN_MAX:?}");
        self.wait_for_quiet(site, watch)?;
        let before_joining = site.memory_bytes();
        self.join(watch)?;
        self.wait_for_quiet(site, watch)?;
        let joined = site.memory_bytes();

        let (pace, window) = self.plan();
        self.begin(pace, window);
        self.enter(Phase::WarmingUp, watch)?;
        self.turn_until(window.begin_ns, watch)?;
        let before = Used::now(site, &self.crowd);
        self.enter(Phase::Measuring, watch)?;
        let trouble =
            if self.load.trouble { Some(self.make_trouble(site, pace, window, watch)?) } else { None };
        self.turn_until(window.end_ns, watch)?;
        let after = Used::now(site, &self.crowd);
        self.enter(Phase::Draining, watch)?;
        let memory = Memory { before: before_joining, joined, end: site.memory_bytes() };

        let all = pace.counts(Window { begin_ns: 0, end_ns: u64::MAX }, self.streams.len());
        self.drain(window, &all, watch)?;
        self.close(watch)?;
        Ok(self.into_run(&Measured { pace, window, all, before, after, memory, trouble }))
    }

    fn now_ns(&self) -> u64 {
        self.crowd.clock.now_ns()
    }

    /// Everybody joins.
    fn join(&mut self, watch: Watch<'_>) -> anyhow::Result<()> {
        let rtt = self.rtt();
        let until_ns = self.now_ns() + nanoseconds(JOIN_MAX + JOIN_TRIPS_MAX * rtt);
        let mut begun = 0;
        let at_once = if rtt.is_zero() { Crowd::JOINING_AT_ONCE } else { Crowd::JOINING_AT_ONCE_AFAR };
        while !self.crowd.join_more(&mut begun, at_once)? {
            let joined = self.crowd.joined();
            let status = self.crowd.tally.refused_status;
            let refused = status.map(|status| format!(": the server answered with status {status}"));
            anyhow::ensure!(
                self.now_ns() < until_ns,
                "only {joined} followers could join within {JOIN_MAX:?}{}",
                refused.unwrap_or_default()
            );
            self.turn(until_ns, watch)?;
        }
        // What was asked last may be on its way.
        self.turn_until(self.now_ns() + nanoseconds(rtt), watch)
    }

    /// The round trip that the proxy adds.
    fn rtt(&self) -> Duration {
        Duration::from_secs_f64(self.load.rtt_ms.max(0.0) / 1e3)
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
        if let Pace::Fixed { start_ns, .. } = pace {
            self.crowd.begin_polling(start_ns, &self.phases);
        }
        self.crowd.begin_publishing(pace, Some(window));
    }

    /// Waits until everybody has everything, or nothing moves any more.
    fn drain(&mut self, window: Window, all: &[u64], watch: Watch<'_>) -> anyhow::Result<()> {
        let interval = self.last_interval();
        if self.polls_once_more() {
            self.crowd.poll_once_more(window.end_ns, nanoseconds(FINAL_POLL));
        }
        let each = interval + DRAIN_MAX + 4 * self.rtt();
        let mut patience = Patience::new(window.end_ns, each, self.moved());
        let expected = self.expected(all);
        let is_done = |crowd: &Crowd| {
            let is_published = crowd.publisher.as_ref().is_none_or(|it| it.is_done(crowd.clock.now_ns()));
            is_published && expected <= crowd.tally.delivered_ever
        };
        while !is_done(&self.crowd) {
            let now_ns = self.now_ns();
            let until_ns = patience.until_ns(now_ns, self.moved());
            if until_ns <= now_ns {
                break; // What is missing is counted.
            }
            self.turn(until_ns, watch)?;
        }
        Ok(())
    }

    /// What has happened so far that may bring a message: deliveries, acknowledgements, and followers that came again. Polls go on in any
    /// case.
    fn moved(&self) -> u64 {
        let tally = &self.crowd.tally;
        let is_polling = self.way.and_then(Way::interval).is_some();
        let requests = if is_polling { 0 } else { tally.requests_ever };
        tally.delivered_ever + requests + self.crowd.publisher.as_ref().map_or(0, Publisher::acknowledged)
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
        self.look(watch)?;
        self.crowd.turn(until_ns.min(self.live_due_ns))
    }

    /// The next phase begins; `watch` gets to know of it at once.
    fn enter(&mut self, phase: Phase, watch: Watch<'_>) -> anyhow::Result<()> {
        self.phase = phase;
        self.live_due_ns = 0;
        self.look(watch)
    }

    /// Looks at how it is going, if that is due.
    fn look(&mut self, watch: Watch<'_>) -> anyhow::Result<()> {
        let now_ns = self.now_ns();
        if self.live_due_ns <= now_ns {
            self.live_due_ns = now_ns + nanoseconds(LIVE_EVERY);
            if self.phase == Phase::Measuring {
                self.held = (self.held.0 + self.crowd.open() as u64, self.held.1 + 1);
            }
            if watch(&self.live(now_ns)).is_break() {
                return Err(Interrupted.into());
            }
        }
        Ok(())
    }

    fn live(&mut self, now_ns: u64) -> Live {
        let tally = &self.crowd.tally;
        let (requests, at_ns) = std::mem::replace(&mut self.last_requests, (tally.requests_ever, now_ns));
        let since_s = seconds(now_ns.saturating_sub(at_ns)).max(1e-3);
        let published = self.crowd.publisher.as_ref().map_or(0, Publisher::due_count);
        let per_message = self.followers as u64 / self.streams.len() as u64;
        Live {
            phase: self.phase,
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
}

/// When in its interval each follower polls: drawn evenly, the same in each run.
fn phases(way: Option<Way>, followers: usize) -> Vec<u64> {
    let Some(interval) = way.and_then(Way::interval) else { return Vec::new() };
    let (mut random, interval_ns) = (SmallRng::seed_from_u64(SEED), nanoseconds(interval).max(1));
    (0..followers).map(|_| random.random_range(0..interval_ns)).collect()
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
