//! A worker: one thread, one event loop, and every connection that was accepted on it, from first byte to last.
//!
//! The loop is plain code over an epoll of its own; tokio turns around it for what is rare (hyper, in `odd`). See
//! ARCHITECTURE.md for the rules that this order of things keeps.

pub(crate) mod accept;
mod answers;
pub(crate) mod arrivals;
mod connection;
pub(crate) mod core;
mod decided;
mod drain;
mod fetching;
pub(crate) mod followers;
mod handshakes;
mod held;
mod lagging;
mod liveness;
mod load;
mod odd;
mod output;
mod pace;
mod pages;
mod parking;
pub(crate) mod poller;
mod pressure;
mod proxied;
mod ready;
mod requests;
mod returning;
mod revisit;
pub(crate) mod secured;
mod shedding;
mod slots;
pub(crate) mod survey;
mod time_limits;
mod tls;
mod turn;

use crate::asks::Asks;
use crate::limits::Limits;
use crate::live_settings::LiveSettings;
use crate::memory::Memory;
use crate::metrics::Registry;
use crate::pulse::Pulse;
use crate::revoking::Revoking;
use crate::settings::Settings;
use crate::tls::Tls;
use crate::traces::Collector;
use crate::transport::websocket;
use crate::worker::accept::Listening;
use crate::worker::arrivals::Door;
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use crate::worker::handshakes::Strangers;
use crate::worker::held::HeldBytes;
use crate::worker::lagging::Lagging;
use crate::worker::odd::Tasks;
use crate::worker::output::Together;
use crate::worker::pace::Pace;
use crate::worker::poller::{Poller, Ready};
use crate::worker::shedding::Untaken;
use crate::worker::slots::Slots;
use bytes::Bytes;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tidings_auth::Tickets;
use tidings_engine::Engine;
use tidings_model::Timestamp;
use tidings_protocol::HttpDate;
use tidings_protocol::websocket::memory::MessageMemory;

/// What all workers share.
pub(crate) struct Common {
    pub(crate) engine: Arc<Engine>,
    /// What all workers count.
    pub(crate) registry: Arc<Registry>,
    /// Where traces go, if anywhere.
    pub(crate) collector: Option<Collector>,
    /// Whether a publish would reach followers.
    pub(crate) pulse: Arc<Pulse>,
    /// Those of the moment; a worker has them in its `Core`.
    pub(crate) settings: Arc<LiveSettings>,
    /// What WebSocket messages take that have not fully arrived.
    pub(crate) message_memory: Arc<MessageMemory>,
    /// How much memory is in use, of how much.
    pub(crate) memory: Arc<Memory>,
    /// Tickets that were not used yet.
    pub(crate) tickets: Arc<Mutex<Tickets>>,
    /// What is asked of others.
    pub(crate) asks: Arc<Asks>,
    /// What one address, subject or stream has and does, over all workers.
    pub(crate) limits: Arc<Limits>,
    /// What those who come through the secured entrance get, if there is one.
    pub(crate) tls: Option<Arc<Tls>>,
    /// How many connections the system allows, over all workers.
    pub(crate) descriptors: usize,
    /// What is not believed any more.
    pub(crate) revoking: Arc<Revoking>,
    /// Every worker as the others see it.
    pub(crate) doors: Arc<[Door]>,
    /// How many of these serve streams: the first ones.
    pub(crate) serving: usize,
    /// Bytes of bodies that hyper has read of requests that are not answered yet, over all workers.
    pub(crate) body_bytes: AtomicUsize,
    /// Bodies that hyper reads, over all workers.
    pub(crate) body_count: AtomicUsize,
    /// How many connections there were when the server was asked to end.
    pub(crate) drained_connections: AtomicUsize,
    /// Set once, when the server is asked to end.
    pub(crate) draining: AtomicBool,
}

/// Everything of one worker.
pub(crate) struct Worker {
    core: Core,
    common: Arc<Common>,
    poller: Poller,
    listeners: Vec<Listening>,
    strangers: Strangers,
    /// What it holds of requests that have not fully arrived.
    held_bytes: HeldBytes,
    untaken: Untaken,
    /// The system has no descriptor for another connection: asked again at the next tick.
    accepting_paused: bool,
    /// Its own place in `Common::doors`.
    index: usize,
    slots: Slots,
    tasks: Tasks,
    pace: Rc<Pace>,
    /// What every read goes into, and what is parsed in place.
    buffer: Vec<u8>,
    /// What was decrypted of it: kept for its capacity only.
    plain: Vec<u8>,
    date: (u64, HttpDate),
    ready: Vec<Ready>,
    /// What the exchanges say in a step is sent in one go, if the system can.
    together: Together,
    /// What one exchange says in one step: kept for its capacity only.
    said: Vec<Bytes>,
    /// How many of `ready` were attended to.
    heard: usize,
    /// Those that come behind, and how many of them were attended to.
    behind: Vec<Ready>,
    heard_behind: usize,
    /// How many there were of both.
    ready_count: usize,
    under_the_hand: Vec<u64>,
    /// Slots that the hand has still to look at, of those that were due at the last tick.
    hand_left: usize,
    lagging: Lagging,
    /// How many ticks there were.
    tick: usize,
    /// Connections that hyper is to have; the loop starts a task for each.
    handed_over: Vec<odd::HandedOver>,
    drain_until_ms: Option<u64>,
    /// Those who are still to be told of another time to come back within.
    untold: Vec<u64>,
    revisit: revisit::Revisit,
    /// From when on it may sleep without tokio, unless tasks come.
    alone_from_ms: u64,
}

impl Worker {
    /// How often the clock of a worker ticks: the grain of timeouts.
    const TICK_MS: u32 = 50;
    /// Slots looked at in one tick, at most.
    const HAND_SHARE: usize = 8_192;
    /// After so many the time is looked at.
    const HAND_AT_ONCE: usize = 64;
    /// Every slot is looked at within that many ticks while there are few.
    const HAND_TICKS: usize = 2;
    /// With more slots than this the hand goes round in as many ticks, and then rests: a look at each of thousands costs
    /// more than all else that idle connections need. Heartbeats leave together then, and what answers them comes together.
    const HAND_RESTS_ABOVE: usize = 2_000;
    /// From one beginning of a round to the next. It is how late a time limit may be.
    const HAND_ROUND_TICKS: usize = 8;
    /// What is read from one connection in one go, at most.
    const BUFFER_BYTES: usize = 64 << 10;

    fn new(
        common: Arc<Common>,
        listeners: Vec<Listening>,
        index: usize,
        now: Instant,
    ) -> std::io::Result<Worker> {
        let settings = common.settings.get();
        let mut poller = Poller::new(settings.event_loop, Worker::TICK_MS)?;
        let together = Together::new(settings.sends).map_err(|error| {
            let detail = format!("io_uring can't be had ({error}); write `sends = \"auto\"`");
            std::io::Error::new(error.kind(), detail)
        })?;
        if index == 0 {
            log::info!("event loop: {}; sends: {}", poller.name(), together.name());
        }
        let waker = poller.waker();
        common.doors[index].open(Arc::clone(&waker));
        let inbox = common.engine.register(Box::new(move || waker()));
        let inbox = inbox.ok_or_else(|| std::io::Error::other("too many workers"))?;
        common.pulse.on_begun(index);
        for Listening { socket, entrance } in &listeners {
            poller.add(socket, entrance.key(), poller::Interest::Read, poller::Rank::Behind)?;
        }
        let core = Core::new(&common, index, inbox, now);
        Ok(Worker {
            date: (0, HttpDate::at(Timestamp(0))),
            core,
            common,
            poller,
            listeners,
            strangers: Strangers::default(),
            held_bytes: HeldBytes::default(),
            untaken: Untaken::default(),
            accepting_paused: false,
            index,
            slots: Slots::default(),
            tasks: Tasks::default(),
            buffer: vec![0; Worker::BUFFER_BYTES],
            plain: Vec::new(),
            ready: Vec::new(),
            together,
            said: Vec::new(),
            heard: 0,
            behind: Vec::new(),
            heard_behind: 0,
            ready_count: 0,
            pace: Rc::default(),
            under_the_hand: Vec::new(),
            hand_left: 0,
            lagging: Lagging::default(),
            tick: 0,
            handed_over: Vec::new(),
            drain_until_ms: None,
            untold: Vec::new(),
            revisit: revisit::Revisit::default(),
            alone_from_ms: 0,
        })
    }

    /// Puts the owner among those who can go on, once.
    fn queue(&mut self, owner: Owner) {
        match owner.task() {
            Some(task) => self.tasks.wake(task),
            None => {
                if self.marks_queued(owner.0) {
                    self.core.ready.push(owner);
                }
            }
        }
    }

    /// The same of a connection that was just served and has more to do: behind all others.
    fn queue_later(&mut self, key: u64) {
        if self.marks_queued(key) {
            self.core.ready.push_later(Owner(key));
        }
    }

    /// Whether it does not stand in the queue yet. From here on it does.
    fn marks_queued(&mut self, key: u64) -> bool {
        self.slots.get(key).is_some_and(|slot| !std::mem::replace(&mut slot.queued, true))
    }

    /// Connections in the hands of this worker, parked or with hyper.
    fn connection_count(&self) -> usize {
        self.slots.len() + self.handed_over.len() + self.tasks.connections
    }
}

impl Common {
    /// Connections of all workers, as far as they have told.
    pub(crate) fn connections(&self) -> usize {
        self.doors.iter().map(Door::connections).sum()
    }

    /// Other settings count from now on.
    pub(crate) fn on_settings(&self, settings: Settings) {
        crate::logging::set_level(settings.log);
        crate::server::shout_if_insecure(&settings);
        self.message_memory.set_bytes_max(websocket::unfinished_bytes_max(&settings));
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        tickets.set_limits(settings.ticket_timeout, settings.max_tickets);
        drop(tickets);
        self.settings.replace(settings);
        self.engine.wake_workers();
    }

    /// Connections of all workers but one, as far as they have told.
    fn connections_of_others(&self, index: usize) -> usize {
        let others = self.doors.iter().enumerate().filter(|(other, _)| *other != index);
        others.map(|(_, door)| door.connections()).sum()
    }
}

pub(crate) use turn::now;

/// A worker as its tasks see it: borrowed for a moment at a time, never across an await.
pub(crate) type Shared = Rc<RefCell<Worker>>;

/// What a worker's connections are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Streams.
    Serve,
    /// The test listener.
    Echo,
}

/// Runs a worker until it has drained. Blocks the thread.
pub(crate) fn run(
    common: Arc<Common>,
    listeners: Vec<Listening>,
    index: usize,
    purpose: Purpose,
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async move {
        let mut worker = Worker::new(common, listeners, index, turn::now())?;
        worker.core.echoes = purpose == Purpose::Echo;
        // Others may have begun earlier, and could not wake this one.
        worker.take_arrivals();
        turn::run(Rc::new(RefCell::new(worker))).await
    })
}
