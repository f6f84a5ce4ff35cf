//! What an exchange may use of its worker: the engine, who follows what, the encoded forms, the time.

use crate::authorise::{Access, Principal};
use crate::decision::Decisions;
use crate::forms::Forms;
use crate::limits::{Account, Amount, Client, Limits};
use crate::live_settings::LiveSettings;
use crate::memory::Memory;
use crate::metrics::{Metrics, Registry, Transport};
use crate::pulse::{Pulse, Rhythm};
use crate::return_window::ReturnWindow;
use crate::settings::Settings;
use crate::slices::Slices;
use crate::story::Notes;
use crate::traces::{Trace, Tracer};
use crate::worker::Common;
use crate::worker::fetching::{Fetching, Wanted};
use crate::worker::followers::{Followers, Following, Owner};
use crate::worker::held::HeldBytes;
use crate::worker::load::Load;
use crate::worker::odd::Owed;
use crate::worker::pressure::Postponed;
use crate::worker::ready::Ready;
use crate::worker::survey::Colleagues;
use bytes::Bytes;
use slab::Slab;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidings_engine::{
    Engine, Fetch, FollowerKind, Inbox, News, Operation, PageLimit, Reader, Reply, Stream, Token, TooBusy,
};
use tidings_model::{Batch, StreamName, Timestamp};
use tidings_protocol::Problem;
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
    pub(crate) limits: Arc<Limits>,
    /// That of the WebSocket which is being attended to, where anything is counted or a token may come.
    pub(crate) account: Option<Box<Account>>,
    /// What this worker counts.
    pub(crate) metrics: Arc<Metrics>,
    /// What all workers count.
    pub(crate) registry: Arc<Registry>,
    pub(crate) pulse: Arc<Pulse>,
    /// Traces of publishes, if anybody wants them.
    pub(crate) tracer: Option<Box<Tracer>>,
    /// When the last commit that was heard of began, and was synced, by the engine's clock.
    committed: (Duration, Duration),
    index: usize,
    /// What happens in this step, for who tells of connections.
    pub(crate) notes: Notes,
    /// A message of the server to itself that this worker has yet to pass on.
    probe: Option<u64>,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) followers: Followers,
    pub(crate) colleagues: Colleagues,
    pub(crate) forms: Forms,
    /// What WebSocket messages take that have not fully arrived, over all workers.
    pub(crate) message_memory: Arc<MessageMemory>,
    pub(crate) slices: Slices,
    pub(crate) load: Load,
    pub(crate) memory: Arc<Memory>,
    /// Over which time followers shall come back that are lost without a word.
    pub(crate) return_window: ReturnWindow,
    /// Over which time those shall come back who are told that the server is about to end.
    pub(super) drain_window: Duration,
    /// The time of day of this turn.
    pub(crate) now: Timestamp,
    /// The worker's own clock, in milliseconds: it never goes back.
    pub(crate) now_ms: u64,
    /// Set once the server drains.
    pub(crate) draining: bool,
    /// This worker is the test listener, which sends every WebSocket message back.
    pub(crate) echoes: bool,
    /// Those who can go on.
    pub(super) ready: Ready,
    /// What sockets did not take, of parked connections and of hyper's.
    pub(super) held_output: HeldBytes,
    pub(super) owed: Owed,
    /// Those who wait for room in memory until the next tick; one for each stream that is followed at most.
    pub(super) postponed: Vec<Postponed>,
    started: Instant,
    asked: Slab<Asked>,
    /// Bytes of the messages that were published and are not stored yet.
    publishing_bytes: usize,
    /// Publishes to `memory` streams, in the order in which they came: committed by this worker itself, before the turn ends.
    in_memory: Vec<(Operation, Token)>,
    /// Operations that the commit thread has and has not answered.
    submitted: usize,
    fetching: Fetching,
    /// When the first of those messages was committed that this worker has not yet passed on, by the engine's clock.
    passing_on: Option<Duration>,
    random: u64,
}

impl Core {
    pub(crate) fn new(common: &Common, index: usize, inbox: Arc<Inbox>, now: Instant) -> Core {
        let Common { engine, registry, message_memory, tickets, memory, revoking, limits, asks, .. } = common;
        let metrics = registry.of_worker(index);
        let tracer = common.collector.clone().map(|collector| {
            let now = Duration::from_millis(engine.now().0);
            Box::new(Tracer::new(collector, Arc::clone(&metrics), now, engine.elapsed()))
        });
        let time = engine.now();
        let mut settings_generation = 0;
        let newer = common.settings.newer_than(&mut settings_generation);
        let settings = newer.unwrap_or_else(|| common.settings.get());
        Core {
            followers: Followers::new(inbox.worker(), Arc::clone(&metrics)),
            metrics,
            registry: Arc::clone(registry),
            pulse: Arc::clone(&common.pulse),
            tracer,
            committed: (Duration::ZERO, Duration::ZERO),
            index,
            notes: Notes::new(settings.access_log),
            probe: None,
            colleagues: Colleagues::new(&common.doors, index, common.serving, time),
            forms: Forms::new(&settings),
            message_memory: Arc::clone(message_memory),
            slices: Slices::default(),
            load: Load::default(),
            memory: Arc::clone(memory),
            return_window: ReturnWindow::default(),
            drain_window: settings.drain_window,
            now: time,
            now_ms: 0,
            draining: false,
            ready: Ready::default(),
            held_output: HeldBytes::default(),
            owed: Owed::default(),
            postponed: Vec::new(),
            started: now,
            asked: Slab::new(),
            publishing_bytes: 0,
            in_memory: Vec::new(),
            submitted: 0,
            fetching: Fetching::default(),
            passing_on: None,
            random: std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), time.0),
            echoes: false,
            limits: Arc::clone(limits),
            account: None,
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
        // Where the rules are what they were, nobody is looked at anew.
        if !settings.access.is_like(&self.settings.access) {
            self.access.on_policy(&settings.access);
        }
        self.notes.is_on = settings.access_log;
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

    /// That client is about to publish these messages: whether it may, as far as it is limited. What is refused counts nowhere.
    pub(crate) fn count_publish(
        &self,
        client: Client<'_>,
        stream: &StreamName,
        messages: &[Bytes],
    ) -> Result<(), Problem> {
        let bytes = || messages.iter().map(|message| message.len() as u64).sum();
        let amount = || Amount { messages: messages.len() as u64, bytes: bytes() };
        self.limits.publish(client, stream, amount, &self.settings, self.now_ms)
    }

    /// The WebSocket that is being attended to is about to publish this message.
    pub(crate) fn count_message(
        &self,
        principal: &Principal,
        stream: &StreamName,
        message: &Bytes,
    ) -> Result<(), Problem> {
        let Some(account) = &self.account else { return Ok(()) };
        let client = Client { peer: account.peer, principal };
        self.count_publish(client, stream, std::slice::from_ref(message))
    }

    /// The WebSocket that is being attended to is about to follow one stream more.
    pub(crate) fn count_follow(&mut self) -> Result<(), Problem> {
        match self.account.as_mut().and_then(|account| account.follows.as_mut()) {
            None => Ok(()),
            Some(follows) => follows.add(1, &self.settings),
        }
    }

    /// Whether one more may follow the stream. Each worker counts by itself at this moment, so it may be one more for each of them.
    pub(crate) fn count_follower(&self, stream: &Stream) -> Result<(), Problem> {
        match self.settings.max_follows_per_stream {
            0 => Ok(()),
            most if stream.follower_count() < most => Ok(()),
            _ => Err(self.limits.stream_is_full(&self.settings)),
        }
    }

    /// Asks for an operation; its outcome comes to `Exchange::on_reply` with `number`.
    pub(crate) fn submit(&mut self, operation: Operation, owner: Owner, number: u32) -> Result<(), TooBusy> {
        let bytes = message_bytes(&operation);
        if self.publishing_bytes != 0 && self.publishing_bytes_max() < self.publishing_bytes + bytes {
            return Err(TooBusy(Box::new(operation)));
        }
        self.publishing_bytes += bytes;
        let token = self.asked.insert(Asked { owner, number, bytes });
        // A task runs beside the turns: nobody would commit what it leaves.
        let submitted = if owner.task().is_none() && self.engine.is_in_memory(&operation) {
            self.keep_in_memory(operation, token as u64)
        } else {
            self.submit_to_engine(operation, token as u64)
        };
        if submitted.is_err() {
            self.asked.remove(token);
            self.publishing_bytes -= bytes;
        }
        submitted
    }

    /// What the publishes of one worker may take until they are stored: its share of what bodies may take.
    fn publishing_bytes_max(&self) -> usize {
        self.settings.request_memory_bytes / self.settings.workers.max(1)
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
        let token = self.asked.insert(Asked { owner, number, bytes: 0 });
        let wanted = Wanted { reader: reader.clone(), limit, token };
        if self.fetching.is_free(self.ladder()) {
            self.fetch_as(wanted);
        } else {
            self.fetching.wait(wanted);
        }
    }

    /// Says whether it has begun. Else too many wait for the disk, of all workers: it is asked again at the next tick.
    fn fetch_as(&mut self, wanted: Wanted) -> bool {
        let Wanted { reader, limit, token } = &wanted;
        let fetch = Fetch::new(reader, *limit, &self.inbox, *token as u64);
        let has_begun = self.engine.fetch(fetch).is_ok();
        if has_begun {
            self.fetching.on_begun();
        } else {
            self.fetching.wait_first(wanted);
        }
        has_begun
    }

    /// Those who wait for the disk ask it, as many as may.
    pub(crate) fn go_on_fetching(&mut self) {
        while let Some(wanted) = self.fetching.next(self.ladder()) {
            if !self.fetch_as(wanted) {
                return;
            }
        }
    }

    /// A clock tick: what the disk was too busy for is asked again.
    pub(crate) fn on_tick(&mut self) {
        self.pulse.on_tick(&*self.engine, Rhythm::of(&self.settings), self.engine.elapsed());
        self.slices.on_tick();
        self.go_on_fetching();
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
        self.notes.on_followed();
        self.followers.follow(stream, owner, number, kind)
    }

    /// Looks at what happened elsewhere; whoever it concerns is told by `tell` and put among the ready.
    pub(crate) fn take_news(&mut self) -> News {
        self.slices.forget_found();
        let news = self.inbox.take();
        self.on_changes(&news);
        for (_, reply) in &news.replies {
            match reply {
                Reply::Operation(_) => self.submitted -= 1,
                Reply::Fetched(Ok(batches)) => {
                    self.fetching.on_fetched(batches.iter().map(Batch::bytes).sum());
                }
                Reply::Fetched(Err(_)) => self.fetching.on_fetched(0),
            }
        }
        news
    }

    /// So many messages go to a reader.
    pub(crate) fn on_delivered(&mut self, transport: Transport, messages: u64) {
        self.metrics.deliveries.of(transport).add(messages);
        self.notes.on_delivered(transport, messages);
    }

    /// A publish that is traced is about to be answered.
    pub(crate) fn on_traced(&mut self, trace: Trace, is_stored: bool) {
        if let Some(tracer) = &mut self.tracer {
            tracer.on_answered(trace, is_stored, self.committed, self.engine.elapsed());
        }
    }

    fn on_changes(&mut self, news: &News) {
        self.committed = news.committed.unwrap_or(self.committed);
        if !news.changed.is_empty() && self.passing_on.is_none() {
            self.passing_on = Some(news.since);
        }
        self.probe = news.probe.or(self.probe);
    }

    /// Nobody is left who could go on: what was committed is with the sockets, as far as they took it.
    pub(crate) fn on_passed_on(&mut self) {
        let since = self.passing_on.take();
        if let Some(since) = since {
            self.metrics.fan_out.observe(self.engine.elapsed().saturating_sub(since));
        }
        if let Some(tracer) = &mut self.tracer {
            tracer.on_passed_on(since, self.engine.elapsed());
        }
        if let Some(number) = self.probe.take() {
            self.pulse.on_heard(self.index, number);
        }
    }

    /// Who asked under that token, and under which number of its own.
    pub(crate) fn asker(&mut self, token: u64) -> Option<(Owner, u32)> {
        let asked = self.asked.try_remove(usize::try_from(token).ok()?)?;
        self.publishing_bytes -= asked.bytes;
        Some((asked.owner, asked.number))
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

/// Somebody who waits for a reply.
struct Asked {
    owner: Owner,
    number: u32,
    /// Of messages that are to be stored.
    bytes: usize,
}

fn message_bytes(operation: &Operation) -> usize {
    let messages = match operation {
        Operation::Publish(publish) => &publish.messages,
        Operation::Create { first, .. } => first,
        Operation::Close { .. } | Operation::Delete { .. } | Operation::Trim(_) => return 0,
    };
    messages.iter().map(Bytes::len).sum()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
