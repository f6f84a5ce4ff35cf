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
use crate::settings::Settings;
use crate::worker::Common;
use caller::Caller;
use keys::Keys;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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
}

/// What workers see of it.
pub(crate) struct Asks {
    pub(crate) keys: Keys,
    questions: Option<mpsc::Sender<Asked>>,
    /// Questions that were asked and not answered, over all workers.
    waiting: AtomicUsize,
    waiting_max: usize,
    over: Notify,
}

/// What the thread has of it alone.
pub(crate) struct Line(Option<mpsc::Receiver<Asked>>);

impl Asks {
    /// Nothing is asked yet. Keys that were kept from earlier are believed from now on.
    pub(crate) fn new(settings: &Settings, now: Timestamp) -> (Asks, Line) {
        let waiting_max = settings.webhook_max_waiting;
        let (sender, receiver) = match settings.webhook_url {
            Some(_) => Some(mpsc::channel(waiting_max)).unzip(),
            None => (None, None),
        };
        let asks = Asks {
            keys: Keys::new(settings, now),
            questions: sender,
            waiting: AtomicUsize::new(0),
            waiting_max,
            over: Notify::new(),
        };
        (asks, Line(receiver))
    }

    /// Leaves a question; its answer comes to the door of that worker. Says whether there was room.
    pub(crate) fn ask(&self, asked: Asked) -> bool {
        let Some(questions) = &self.questions else { return false };
        // Counted first: it may be answered before this goes on.
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed);
        let is_left = waiting < self.waiting_max && questions.try_send(asked).is_ok();
        if !is_left {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        is_left
    }

    /// A question was answered.
    fn on_answered(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
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
