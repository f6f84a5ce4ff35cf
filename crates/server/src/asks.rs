//! What the server asks of others: an issuer for its keys, and the application whether somebody may do something.
//!
//! All of it happens on one thread of its own, so that nobody who is slow to answer holds up a worker. Workers leave questions here and
//! are woken with the answers. Does not know requests, connections, or what an answer is good for.

mod answering;
mod breaker;
mod caller;
mod key_file;
mod keys;
mod webhook;

use crate::decision::question::Question;
use crate::limits::place_of;
use crate::metrics::ServerMetrics;
use crate::settings::Settings;
use crate::worker::Common;
use caller::Caller;
use keys::Keys;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::net::Ipv6Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use tidings_auth::Principal;
use tidings_model::Timestamp;
use tokio::sync::{Notify, mpsc};

/// A question of a worker, and about whom.
pub(crate) struct Asked {
    pub(crate) question: Question,
    pub(crate) principal: Principal,
    /// Which worker is to be told.
    pub(crate) worker: usize,
    /// What counts as the address of whom it concerns.
    place: Ipv6Addr,
}

impl Asked {
    pub(crate) fn new(question: Question, principal: Principal, worker: usize) -> Asked {
        Asked { question, principal, worker, place: Ipv6Addr::UNSPECIFIED }
    }
}

/// What came of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The application has said so.
    Given {
        /// Whether it is permitted.
        allow: bool,
        /// For how many seconds that holds for equal questions too, where it was said.
        max_age_s: Option<u64>,
    },
    /// There was no answer, or none that can be understood.
    Nothing,
    /// It stood in the line for too long, and was not asked.
    Late,
}

/// What workers see of it.
pub(crate) struct Asks {
    pub(crate) keys: Keys,
    questions: Option<mpsc::Sender<Asked>>,
    waiting: Mutex<Counts>,
    over: Notify,
}

/// Questions that were asked and not answered, over all workers.
#[derive(Default)]
struct Counts {
    all: usize,
    /// Those that concern one address.
    of_place: HashMap<Ipv6Addr, usize>,
}

/// What the thread has of it alone.
pub(crate) struct Line(Option<mpsc::Receiver<Asked>>);

impl Asks {
    /// Nothing is asked yet. Keys that were kept from earlier are believed from now on.
    pub(crate) fn new(settings: &Settings, now: Timestamp) -> (Asks, Line) {
        let (sender, receiver) = match settings.webhook_url {
            Some(_) => Some(mpsc::channel(settings.webhook_max_waiting)).unzip(),
            None => (None, None),
        };
        let asks = Asks {
            keys: Keys::new(settings, now),
            questions: sender,
            waiting: Mutex::default(),
            over: Notify::new(),
        };
        (asks, Line(receiver))
    }

    /// Leaves a question; its answer comes to the door of that worker. Says whether there was room.
    pub(crate) fn ask(&self, asked: Asked, settings: &Settings) -> bool {
        let Some(questions) = &self.questions else { return false };
        let place = place_of(asked.question.address, settings.limit_ipv6_prefix);
        let is_unlimited = [&settings.unlimited_addresses, &settings.trusted_proxies]
            .into_iter()
            .any(|networks| networks.contain(asked.question.address));
        let place_max = if is_unlimited { usize::MAX } else { settings.webhook_max_waiting_per_address };
        // Counted first: it may be answered before this goes on.
        if !self.counts().add(place, settings.webhook_max_waiting, place_max) {
            return false;
        }
        let is_left = questions.try_send(Asked { place, ..asked }).is_ok();
        if !is_left {
            self.counts().remove(place);
        }
        is_left
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says how much waits, and how old the keys are.
    pub(crate) fn report(&self, metrics: &ServerMetrics, now: Timestamp) {
        metrics.undecided.set(self.counts().all as u64);
        self.keys.report(metrics, now);
    }

    /// A question that concerned somebody there was answered.
    fn on_answered(&self, place: Ipv6Addr) {
        self.counts().remove(place);
    }
}

impl Counts {
    /// Another one; says whether there is room.
    fn add(&mut self, place: Ipv6Addr, all_max: usize, place_max: usize) -> bool {
        if all_max <= self.all || place_max <= self.of_place.get(&place).copied().unwrap_or_default() {
            return false;
        }
        self.all += 1;
        *self.of_place.entry(place).or_default() += 1;
        true
    }

    fn remove(&mut self, place: Ipv6Addr) {
        self.all -= 1;
        if let Entry::Occupied(mut entry) = self.of_place.entry(place) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

/// The thread, if there is anything to ask.
pub(crate) struct Asking {
    asks: Arc<Asks>,
    thread: Option<JoinHandle<()>>,
}

impl Asking {
    /// The workers have ended: nobody waits for an answer any more.
    pub(crate) fn end(self) {
        self.asks.over.notify_one();
        if let Some(thread) = self.thread {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    }
}

/// Starts the thread, if there is anything to ask. It ends with [`Asking::end`].
pub(crate) fn start(common: &Arc<Common>, Line(questions): Line) -> io::Result<Asking> {
    let settings = common.settings.get();
    let asks = Arc::clone(&common.asks);
    let urls = [&settings.token_keys_url, &settings.webhook_url];
    if urls.iter().all(|url| url.is_none()) {
        return Ok(Asking { asks, thread: None });
    }
    let needs_tls = urls.into_iter().flatten().any(crate::settings::AskUrl::is_tls);
    let caller = Caller::new(needs_tls).map_err(io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let common = Arc::clone(common);
    let thread = std::thread::Builder::new().name("asks".to_owned());
    let run = move || {
        runtime.block_on(async {
            tokio::select! {
                // Nothing is kept of what is under way: the process ends.
                () = common.asks.over.notified() => {}
                () = keys::keep_current(&common, &caller) => {}
                () = answering::answer_all(&common, &caller, questions) => {}
            }
        });
    };
    Ok(Asking { asks, thread: Some(thread.spawn(run)?) })
}
