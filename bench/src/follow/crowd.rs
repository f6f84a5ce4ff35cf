//! A server with all its followers and a publisher, driven by one thread.
//!
//! Cost of a delivery: one `read`, a share of one `epoll_wait`, one look at the clock, and a search for the mark.

use super::follower::{Follower, Reading, Tally};
use super::payload::{Epoch, Marked, Payloads};
use super::publisher::{Publisher, connect};
use super::running::{ANSWER_MAX, Running};
use super::target::Target;
use crate::clock;
use crate::latency::Latency;
use crate::process::{self, Process};
use anyhow::Context;
use mio::{Events, Interest, Poll, Token};
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

pub(super) struct Crowd<'a> {
    pub(super) running: Running,
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    reading: Reading<'a>,
    epoch: Epoch,
    followers: Vec<Follower>,
    /// When they began to connect.
    joined: Instant,
    /// The last to connect.
    publisher: Option<Publisher>,
    tally: Tally,
    latency: Latency,
    /// The number of the newest message, and how many followers have it.
    newest: u64,
    at_newest: usize,
}

/// How messages are published.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Pace {
    /// So many at once, and the next when everybody has the last of them.
    AsDelivered { at_once: usize },
    /// One after the other, each so long after the one before.
    Every(Duration),
}

/// What one slice of time found.
pub(super) struct Slice {
    pub(super) seconds: f64,
    /// Of the server.
    pub(super) cpu: Duration,
    pub(super) tally: Tally,
    pub(super) latency: Latency,
    /// How many processors others were using meanwhile.
    pub(super) others_cpus: f64,
}

impl<'a> Crowd<'a> {
    const EVENTS_MAX: usize = 1_024;
    /// Connections whose answers are awaited before more are opened.
    const JOINING_AT_ONCE: usize = 64;
    const LOOK_EVERY: Duration = Duration::from_millis(50);

    /// Starts the server. Nobody is connected yet.
    pub(super) fn start(target: &'a dyn Target, data: &Path) -> anyhow::Result<Crowd<'a>> {
        let running = Running::start(data, |folder, port| target.command(folder, port))?;
        let mut request = Vec::new();
        target.prepare(&mut request);
        if !request.is_empty() {
            running.ask(&request).context("preparing")?;
        }
        Ok(Crowd {
            running,
            poll: Poll::new().context("making a poll")?,
            events: Events::with_capacity(Crowd::EVENTS_MAX),
            buffer: vec![0; 64 << 10],
            reading: Reading { payloads: Payloads::new(), target },
            epoch: Epoch::new(clock::now()),
            followers: Vec::new(),
            joined: clock::now(),
            publisher: None,
            tally: Tally::default(),
            latency: Latency::new()?,
            newest: 0,
            at_newest: 0,
        })
    }

    /// Starts the server, connects everybody, and sees that all get messages.
    pub(super) fn gather(target: &'a dyn Target, data: &Path, followers: usize) -> anyhow::Result<Crowd<'a>> {
        let mut crowd = Crowd::start(target, data)?;
        crowd.join(followers)?;
        crowd.meet()?;
        Ok(crowd)
    }

    /// Connects everybody anew if that is due.
    pub(super) fn renew(&mut self) -> anyhow::Result<()> {
        let age = clock::now().duration_since(self.joined);
        if self.reading.target.follows_for().is_none_or(|time| age < time) {
            return Ok(());
        }
        let count = self.followers.len();
        self.followers.clear();
        self.publisher = None;
        self.join(count)?;
        self.meet()
    }

    /// Connects so many followers.
    pub(super) fn join(&mut self, count: usize) -> anyhow::Result<()> {
        self.joined = clock::now();
        while self.followers.len() < count {
            let first = self.followers.len();
            for token in first..count.min(first + Crowd::JOINING_AT_ONCE) {
                let mut follower = Follower::new(connect(self.running.address())?, self.reading.target)?;
                let watched =
                    self.poll.registry().register(follower.socket(), Token(token), Interest::READABLE);
                watched.context("watching a follower")?;
                self.followers.push(follower);
            }
            let until = clock::now() + ANSWER_MAX;
            while !self.followers[first..].iter().all(Follower::has_joined) {
                anyhow::ensure!(clock::now() < until, "a follower was not answered");
                self.turn(Crowd::LOOK_EVERY)?;
            }
        }
        Ok(())
    }

    /// Publishes until everybody got the same message: some servers answer before they follow.
    pub(super) fn meet(&mut self) -> anyhow::Result<()> {
        let token = Token(self.followers.len());
        let (target, address) = (self.reading.target, self.running.address());
        self.publisher = Some(Publisher::new(target, address, &self.poll, token)?);
        let until = clock::now() + ANSWER_MAX;
        while self.at_newest < self.followers.len() {
            let now = clock::now();
            anyhow::ensure!(now < until, "only {} get messages", self.at_newest);
            self.publish(1, now)?;
            self.turn_until(now + 10 * Crowd::LOOK_EVERY, |crowd| crowd.followers.len() <= crowd.at_newest)?;
        }
        self.settle()
    }

    /// Publishes for so long, and measures.
    pub(super) fn run(&mut self, pace: Pace, time: Duration) -> anyhow::Result<Slice> {
        self.tally = Tally::default();
        self.latency = Latency::new()?;
        let others = cpu_of_others()?;
        let (began, cpu) = (clock::now(), self.running.usage.cpu()?);
        match pace {
            Pace::AsDelivered { at_once } => {
                while clock::now() < began + time {
                    self.publish(at_once, clock::now())?;
                    self.settle()?;
                }
            }
            Pace::Every(interval) => {
                let mut due = began;
                while due < began + time {
                    self.publish(1, due)?;
                    due += interval;
                    self.turn_until(due, |_| false)?;
                }
                self.settle()?;
            }
        }
        let seconds = clock::now().duration_since(began).as_secs_f64();
        let cpu = self.running.usage.cpu()?.saturating_sub(cpu);
        let others = cpu_of_others()?.saturating_sub(others).saturating_sub(cpu);
        Ok(Slice {
            seconds,
            cpu,
            others_cpus: others.as_secs_f64() / seconds,
            tally: self.tally,
            latency: std::mem::replace(&mut self.latency, Latency::new()?),
        })
    }

    /// Publishes the next messages, which should go out at that moment.
    fn publish(&mut self, count: usize, at: Instant) -> anyhow::Result<()> {
        let sent_ns = self.epoch.ns(at);
        let marked = |add| Marked { number: self.newest + add, sent_ns };
        let payloads: Vec<_> = (1..=count as u64).map(|add| marked(add).encode()).collect();
        self.newest += count as u64;
        self.at_newest = 0;
        let publisher = self.publisher.as_mut().context("nobody publishes yet")?;
        publisher.publish(self.reading.target, &self.poll, &payloads)
    }

    /// Waits until everybody has the newest message, and the publisher its answers.
    fn settle(&mut self) -> anyhow::Result<()> {
        let mut silent_since = None;
        while self.at_newest < self.followers.len() || self.publisher.as_ref().is_some_and(Publisher::waits) {
            if 0 < self.turn(Crowd::LOOK_EVERY)? {
                silent_since = None;
                continue;
            }
            let now = clock::now();
            let silence = now.saturating_duration_since(*silent_since.get_or_insert(now));
            let missing = self.followers.len().saturating_sub(self.at_newest);
            anyhow::ensure!(silence < ANSWER_MAX, "{missing} followers miss the newest message");
        }
        Ok(())
    }

    /// Takes what comes for so long.
    pub(super) fn rest(&mut self, time: Duration) -> anyhow::Result<()> {
        self.turn_until(clock::now() + time, |_| false)
    }

    /// Goes on until that moment, or until `is_done`.
    fn turn_until(&mut self, moment: Instant, is_done: impl Fn(&Self) -> bool) -> anyhow::Result<()> {
        while !is_done(self) {
            let left = moment.saturating_duration_since(clock::now());
            if left.is_zero() {
                break;
            }
            // A wait is rounded up to whole milliseconds: the last one is spent looking.
            self.turn(left.saturating_sub(Duration::from_millis(1)))?;
        }
        Ok(())
    }

    /// Takes what has come, or waits for it. Returns of how many connections.
    pub(super) fn turn(&mut self, wait: Duration) -> anyhow::Result<usize> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(0),
            polled => polled.context("waiting for messages")?,
        }
        let mut count = 0;
        for event in &self.events {
            count += 1;
            let Token(token) = event.token();
            let Some(follower) = self.followers.get_mut(token) else {
                let publisher = self.publisher.as_mut().context("nobody publishes yet")?;
                publisher.on_readable(&mut self.buffer)?;
                continue;
            };
            let (epoch, newest) = (self.epoch, self.newest);
            let (latency, at_newest) = (&mut self.latency, &mut self.at_newest);
            let found = |marked: Marked| {
                latency.record(marked.age(epoch.ns(clock::now())), 1);
                *at_newest += usize::from(marked.number == newest);
            };
            follower.on_readable(&mut self.buffer, &self.reading, &mut self.tally, found)?;
        }
        Ok(count)
    }
}

/// What all but this process used.
fn cpu_of_others() -> anyhow::Result<Duration> {
    Ok(process::cpu_of_all()?.saturating_sub(Process::Own.cpu()?))
}

impl Slice {
    /// Microseconds of the server for each delivery.
    #[expect(clippy::cast_precision_loss, reason = "counts of one slice are far below 2^53")]
    pub(super) fn cpu_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.tally.delivered as f64
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of one slice are far below 2^53")]
    pub(super) fn per_second(&self) -> f64 {
        self.tally.delivered as f64 / self.seconds
    }

    pub(super) fn p99_us(&self) -> f64 {
        self.latency.microseconds_at(0.99)
    }

    /// An error if anybody missed a message, or got one twice or out of order.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let Tally { lost, repeated, .. } = self.tally;
        anyhow::ensure!(lost == 0 && repeated == 0, "{lost} messages were lost, {repeated} came again");
        Ok(())
    }
}
