//! What an exchange may use of its worker: the engine, who follows what, the encoded forms, the time.

use crate::authorise::Access;
use crate::decision::Decisions;
use crate::forms::Forms;
use crate::live_settings::LiveSettings;
use crate::metrics::{Metrics, Registry};
use crate::settings::Settings;
use crate::slices::Slices;
use crate::worker::Common;
use crate::worker::followers::{Followers, Following, Owner};
use crate::worker::load::Load;
use crate::worker::survey::Colleagues;
use slab::Slab;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidings_engine::{
    Engine, Fetch, FollowerKind, Inbox, News, Operation, PageLimit, Reader, Reply, Stream, Token, TooBusy,
};
use tidings_model::Timestamp;
use tidings_protocol::websocket::memory::MessageMemory;

/// The part of a worker that has no connections.
pub(crate) struct Core {
    pub(crate) engine: Arc<Engine>,
    pub(crate) settings: Arc<Settings>,
    /// Which of those that the process had.
    settings_generation: usize,
    pub(crate) access: Access,
    /// What the application has decided.
    pub(crate) decisions: Decisions,
    /// What this worker counts.
    pub(crate) metrics: Arc<Metrics>,
    /// What all workers count.
    pub(crate) registry: Arc<Registry>,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) followers: Followers,
    pub(crate) colleagues: Colleagues,
    pub(crate) forms: Forms,
    /// What WebSocket messages take that have not fully arrived, over all workers.
    pub(crate) message_memory: Arc<MessageMemory>,
    pub(crate) slices: Slices,
    pub(crate) load: Load,
    /// The time of day of this turn.
    pub(crate) now: Timestamp,
    /// The worker's own clock, in milliseconds: it never goes back.
    pub(crate) now_ms: u64,
    /// Set once the server drains.
    pub(crate) draining: bool,
    /// This worker is the test listener, which sends every WebSocket message back.
    pub(crate) echoes: bool,
    /// Those who can go on.
    pub(crate) ready: VecDeque<Owner>,
    started: Instant,
    asked: Slab<(Owner, u32)>,
    /// Publishes to `memory` streams, in the order in which they came: committed by this worker itself, before the turn ends.
    in_memory: Vec<(Operation, Token)>,
    /// Operations that the commit thread has and has not answered.
    submitted: usize,
    /// When the first of those messages was committed that this worker has not yet passed on, by the engine's clock.
    passing_on: Option<Duration>,
    refetch: Vec<(Reader, PageLimit, usize)>,
    random: u64,
}

impl Core {
    pub(crate) fn new(common: &Common, index: usize, inbox: Arc<Inbox>, now: Instant) -> Core {
        let Common { engine, registry, message_memory, tickets, revoking, asks, .. } = common;
        let metrics = registry.of_worker(index);
        let time = engine.now();
        let mut settings_generation = 0;
        let newer = common.settings.newer_than(&mut settings_generation);
        let settings = newer.unwrap_or_else(|| common.settings.get());
        Core {
            followers: Followers::new(inbox.worker(), Arc::clone(&metrics)),
            metrics,
            registry: Arc::clone(registry),
            colleagues: Colleagues::new(&common.doors, index, common.serving, time),
            forms: Forms::new(&settings),
            message_memory: Arc::clone(message_memory),
            slices: Slices::default(),
            load: Load::default(),
            now: time,
            now_ms: 0,
            draining: false,
            ready: VecDeque::new(),
            started: now,
            asked: Slab::new(),
            in_memory: Vec::new(),
            submitted: 0,
            passing_on: None,
            refetch: Vec::new(),
            random: std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), time.0),
            echoes: false,
            access: Access::new(
                &settings.access,
                Arc::clone(asks),
                Arc::clone(tickets),
                Arc::clone(revoking),
            ),
            decisions: Decisions::new(asks, &settings, index),
            engine: Arc::clone(engine),
            settings,
            settings_generation,
            inbox,
        }
    }

    /// Takes settings that are newer than these, if there are any.
    pub(crate) fn look_for_settings(&mut self, newest: &LiveSettings) {
        if let Some(settings) = newest.newer_than(&mut self.settings_generation) {
            self.on_settings(settings);
        }
    }

    /// Other settings count from now on, in whatever begins after this. What follows from them follows from the new ones.
    fn on_settings(&mut self, settings: Arc<Settings>) {
        self.forms.on_settings(&settings);
        self.access.on_policy(&settings.access);
        self.settings = settings;
    }

    /// The time of this turn, taken once.
    pub(crate) fn on_turn(&mut self, now: Instant) {
        self.now = self.engine.now();
        self.now_ms = millis(now.saturating_duration_since(self.started));
    }

    /// When a duration from now is over.
    pub(crate) fn ms_after(&self, duration: Duration) -> u64 {
        self.now_ms.saturating_add(millis(duration))
    }

    /// How much one answer may hold.
    pub(crate) fn page_limit(&self, messages: Option<u64>) -> PageLimit {
        PageLimit { bytes: self.settings.page_bytes, messages: messages.unwrap_or(u64::MAX) }
    }

    /// Asks for an operation; its outcome comes to `Exchange::on_reply` with `number`.
    pub(crate) fn submit(&mut self, operation: Operation, owner: Owner, number: u32) -> Result<(), TooBusy> {
        let token = self.asked.insert((owner, number));
        // A task runs beside the turns: nobody would commit what it leaves.
        let submitted = if owner.task().is_none() && self.engine.is_in_memory(&operation) {
            self.keep_in_memory(operation, token as u64)
        } else {
            self.submit_to_engine(operation, token as u64)
        };
        if submitted.is_err() {
            self.asked.remove(token);
        }
        submitted
    }

    fn keep_in_memory(&mut self, operation: Operation, token: Token) -> Result<(), TooBusy> {
        if self.settings.max_pending_publishes <= self.in_memory.len() {
            return Err(TooBusy(Box::new(operation)));
        }
        self.in_memory.push((operation, token));
        Ok(())
    }

    fn submit_to_engine(&mut self, operation: Operation, token: Token) -> Result<(), TooBusy> {
        self.engine.submit(operation, self.inbox.worker(), token)?;
        self.submitted += 1;
        Ok(())
    }

    /// Commits what was published to `memory` streams. While the commit thread is at work, or has something that came before, it
    /// gets these too; what it has no room for waits for the next turn.
    pub(crate) fn commit_in_memory(&mut self) -> News {
        if self.in_memory.is_empty() {
            return News::default();
        }
        self.slices.forget_found();
        if self.submitted == 0
            && let Some(news) = self.engine.commit_in_memory(self.inbox.worker(), &mut self.in_memory)
        {
            self.on_changes(&news);
            return news;
        }
        let mut waiting = std::mem::take(&mut self.in_memory).into_iter();
        while let Some((operation, token)) = waiting.next() {
            if let Err(TooBusy(operation)) = self.submit_to_engine(operation, token) {
                self.in_memory.push((*operation, token));
                self.in_memory.extend(waiting);
                break;
            }
        }
        News::default()
    }

    /// Asks for what the reader needs from the disk; it comes to `Exchange::on_reply` with `number`.
    pub(crate) fn fetch(&mut self, reader: &Reader, limit: PageLimit, owner: Owner, number: u32) {
        let token = self.asked.insert((owner, number));
        self.fetch_as(reader.clone(), limit, token);
    }

    fn fetch_as(&mut self, reader: Reader, limit: PageLimit, token: usize) {
        let fetch = Fetch::new(&reader, limit, &self.inbox, token as u64);
        if self.engine.fetch(fetch).is_err() {
            // Too many wait for the disk: asked again at the next tick. One a follower at most, so this is bounded.
            self.refetch.push((reader, limit, token));
        }
    }

    /// A clock tick: what the disk was too busy for is asked again.
    pub(crate) fn on_tick(&mut self) {
        self.slices.on_tick();
        for (reader, limit, token) in std::mem::take(&mut self.refetch) {
            self.fetch_as(reader, limit, token);
        }
    }

    /// From here on the owner hears of every change of the stream. To be called before the step that may find the tail.
    pub(crate) fn follow(
        &mut self,
        stream: &Stream,
        owner: Owner,
        number: u32,
        kind: FollowerKind,
    ) -> Following {
        self.slices.forget_found();
        self.followers.follow(stream, owner, number, kind)
    }

    /// Looks at what happened elsewhere; whoever it concerns is told by `tell` and put among the ready.
    pub(crate) fn take_news(&mut self) -> News {
        self.slices.forget_found();
        let news = self.inbox.take();
        self.on_changes(&news);
        let is_answer = |(_, reply): &&(Token, Reply)| matches!(reply, Reply::Operation(_));
        self.submitted -= news.replies.iter().filter(is_answer).count();
        news
    }

    fn on_changes(&mut self, news: &News) {
        if !news.changed.is_empty() && self.passing_on.is_none() {
            self.passing_on = Some(news.since);
        }
    }

    /// Nobody is left who could go on: what was committed is with the sockets, as far as they took it.
    pub(crate) fn on_passed_on(&mut self) {
        if let Some(since) = self.passing_on.take() {
            self.metrics.fan_out.observe(self.engine.elapsed().saturating_sub(since));
        }
    }

    /// Who asked under that token, and under which number of its own.
    pub(crate) fn asker(&mut self, token: u64) -> Option<(Owner, u32)> {
        self.asked.try_remove(usize::try_from(token).ok()?)
    }

    /// 64 bits that nobody can call secret: for spreading load.
    pub(crate) fn random(&mut self) -> u64 {
        // splitmix64
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.random;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
