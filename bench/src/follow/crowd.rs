//! A server with all its followers and a publisher, driven by one thread.
//!
//! Cost of a delivery: one `read`, a share of one `epoll_wait`, one look at the clock, and a search for the mark.

use super::follower::{Follower, Tally};
use super::payload::{Epoch, Marked, Payloads};
use super::publisher::Publisher;
use super::target::Target;
use super::usage::Usage;
use crate::clock;
use crate::http::server::{Server, free_address};
use crate::latency::Latency;
use anyhow::Context;
use mio::{Events, Interest, Poll, Token};
use std::io::ErrorKind;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(super) struct Crowd<'a> {
    target: &'a dyn Target,
    server: Server,
    usage: Usage,
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    payloads: Payloads,
    epoch: Epoch,
    followers: Vec<Follower>,
    /// The last to connect.
    publisher: Option<Publisher>,
    tally: Tally,
    latency: Latency,
    /// The number of the newest message, and how many followers have it.
    newest: u64,
    at_newest: usize,
    /// The last, so that the server is gone before its folder is removed.
    _folder: TempDir,
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
}

impl<'a> Crowd<'a> {
    const EVENTS_MAX: usize = 1_024;
    /// Connections whose answers are awaited before more are opened.
    const JOINING_AT_ONCE: usize = 64;
    /// What was not delivered by then never will be.
    const SILENCE_MAX: Duration = Duration::from_secs(10);
    /// The server must have begun to follow for everybody by then.
    const LOOK_EVERY: Duration = Duration::from_millis(50);

    /// Starts the server, and connects everybody.
    pub(super) fn start(target: &'a dyn Target, followers: usize) -> anyhow::Result<Crowd<'a>> {
        let folder = tempfile::tempdir().context("making a folder for the server")?;
        let path = folder.path().canonicalize().context("finding the folder of the server")?;
        let address = free_address()?;
        let server = Server::start(target.command(&path, address.port())?, address, &path)?;
        let poll = Poll::new().context("making a poll")?;
        Publisher::prepare(target, address)?;
        let mut crowd = Crowd {
            target,
            usage: Usage::of(server.process_id())?,
            server,
            poll,
            events: Events::with_capacity(Crowd::EVENTS_MAX),
            buffer: vec![0; 64 << 10],
            payloads: Payloads::new(),
            epoch: Epoch::new(clock::now()),
            followers: Vec::new(),
            publisher: None,
            tally: Tally::default(),
            latency: Latency::new()?,
            newest: 0,
            at_newest: 0,
            _folder: folder,
        };
        crowd.join(followers)?;
        crowd.publisher = Some(Publisher::new(target, address, &crowd.poll, Token(followers))?);
        crowd.meet()?;
        Ok(crowd)
    }

    fn join(&mut self, count: usize) -> anyhow::Result<()> {
        while self.followers.len() < count {
            let first = self.followers.len();
            for token in first..count.min(first + Crowd::JOINING_AT_ONCE) {
                let socket = super::publisher::connect(self.server.address())?;
                let mut follower = Follower::new(socket, self.target)?;
                let watched =
                    self.poll.registry().register(follower.socket(), Token(token), Interest::READABLE);
                watched.context("watching a follower")?;
                self.followers.push(follower);
            }
            let until = clock::now() + Crowd::SILENCE_MAX;
            while !self.followers[first..].iter().all(Follower::has_joined) {
                anyhow::ensure!(clock::now() < until, "{}: a follower was not answered", self.target.title());
                self.turn(Crowd::LOOK_EVERY)?;
            }
        }
        Ok(())
    }

    /// Publishes until everybody got the same message: some servers answer before they follow.
    fn meet(&mut self) -> anyhow::Result<()> {
        let until = clock::now() + Crowd::SILENCE_MAX;
        while self.at_newest < self.followers.len() {
            anyhow::ensure!(clock::now() < until, "{}: not everybody gets messages", self.target.title());
            let now = clock::now();
            self.publish(1, now)?;
            let look = now + Crowd::LOOK_EVERY;
            while clock::now() < look && self.at_newest < self.followers.len() {
                self.turn(Crowd::LOOK_EVERY)?;
            }
        }
        Ok(())
    }

    /// Publishes for so long, and measures.
    pub(super) fn run(&mut self, pace: Pace, time: Duration) -> anyhow::Result<Slice> {
        self.tally = Tally::default();
        self.latency = Latency::new()?;
        let (began, cpu) = (clock::now(), self.usage.cpu()?);
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
                    self.turn_until(due)?;
                }
                self.settle()?;
            }
        }
        Ok(Slice {
            seconds: clock::now().duration_since(began).as_secs_f64(),
            cpu: self.usage.cpu()?.saturating_sub(cpu),
            tally: self.tally,
            latency: std::mem::replace(&mut self.latency, Latency::new()?),
        })
    }

    /// Publishes the next messages, which should go out at that moment.
    fn publish(&mut self, count: usize, at: Instant) -> anyhow::Result<()> {
        let sent_ns = self.epoch.ns(at);
        let payloads: Vec<_> =
            (1..=count as u64).map(|add| Marked { number: self.newest + add, sent_ns }.encode()).collect();
        self.newest += count as u64;
        self.at_newest = 0;
        let publisher = self.publisher.as_mut().context("nobody publishes yet")?;
        publisher.publish(self.target, &payloads)
    }

    /// Waits until everybody has the newest message, and the publisher its answers.
    fn settle(&mut self) -> anyhow::Result<()> {
        let mut until = None;
        while self.at_newest < self.followers.len() || self.publisher.as_ref().is_some_and(Publisher::waits) {
            if self.turn(Crowd::LOOK_EVERY)? == 0 {
                let until = *until.get_or_insert_with(|| clock::now() + Crowd::SILENCE_MAX);
                anyhow::ensure!(
                    clock::now() < until,
                    "{}: {} followers miss the newest message",
                    self.target.title(),
                    self.followers.len().saturating_sub(self.at_newest),
                );
            }
        }
        Ok(())
    }

    /// Goes on until that moment.
    fn turn_until(&mut self, moment: Instant) -> anyhow::Result<()> {
        loop {
            let left = moment.saturating_duration_since(clock::now());
            if left.is_zero() {
                return Ok(());
            }
            // A wait is rounded up to whole milliseconds: the last one is spent looking.
            self.turn(left.saturating_sub(Duration::from_millis(1)))?;
        }
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
            let read = follower.on_readable(&mut self.buffer, &self.payloads, &mut self.tally, found);
            read.with_context(|| self.target.title())?;
        }
        Ok(count)
    }
}
