//! What the application has decided, as a worker knows it: which questions there are, what was answered, and who waits for an answer.
//!
//! Rules come first: what they forbid is not asked. Does not know how the application is asked; that is [`crate::asks`].

pub(crate) mod check;
pub(crate) mod followed;
pub(crate) mod permits;
pub(crate) mod question;
mod remembered;
pub(crate) mod waiting;

use crate::asks::{Answer, Asked, Asks};
use crate::settings::{Events, Settings, WhenDown};
use crate::worker::followers::Owner;
use question::Question;
use remembered::Remembered;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tidings_auth::Principal;
use tidings_protocol::Problem;
use tidings_protocol::websocket::memory::{Lease, MessageMemory};

/// What an answer means, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Permitted; who follows is asked about again when that time of the worker's clock has come.
    Yes {
        /// Milliseconds.
        until_ms: u64,
    },
    /// Forbidden.
    No,
    /// Nobody could say.
    Nobody,
}

/// The decisions that a worker knows.
pub(crate) struct Decisions {
    asks: Arc<Asks>,
    /// Its own place among the doors.
    worker: usize,
    rules: Rules,
    remembered: Remembered,
    waiting: HashMap<Question, Vec<Owner>>,
    /// What the requests take together that wait here.
    memory: Arc<MessageMemory>,
    /// Who waits for the end of a fetch of the issuer's keys.
    for_keys: Vec<Owner>,
    /// How many fetches it has seen the end of.
    keys_seen: u64,
}

/// What the settings say of it.
struct Rules {
    is_asked: bool,
    events: Events,
    when_down: WhenDown,
    max_age: Duration,
    recheck: Duration,
    pause: Duration,
    timeout: Duration,
}

impl Decisions {
    pub(crate) fn new(asks: &Arc<Asks>, settings: &Settings, worker: usize) -> Decisions {
        Decisions {
            keys_seen: asks.keys.news(),
            asks: Arc::clone(asks),
            worker,
            rules: Rules {
                is_asked: settings.webhook_url.is_some(),
                events: settings.webhook_events,
                when_down: settings.webhook_when_down,
                max_age: settings.webhook_max_age,
                recheck: settings.webhook_recheck,
                pause: settings.webhook_pause,
                timeout: settings.webhook_timeout,
            },
            remembered: Remembered::new(settings.webhook_max_remembered),
            waiting: HashMap::new(),
            memory: Arc::new(MessageMemory::new(waiting_bytes_max(settings))),
            for_keys: Vec::new(),
        }
    }

    /// Who asks others.
    pub(crate) fn asks(&self) -> &Asks {
        &self.asks
    }

    /// Whether an application is asked at all: the one branch that a request pays for where it is not.
    pub(crate) fn are_asked_for(&self) -> bool {
        self.rules.is_asked
    }

    /// Whether the application is asked that kind of question.
    pub(crate) fn concern(&self, question: &Question) -> bool {
        self.rules.is_asked
            && match question.event() {
                question::CONNECT => self.rules.events.connect,
                question::READ => self.rules.events.read,
                _ => self.rules.events.publish,
            }
    }

    /// What is known of a question.
    pub(crate) fn known(&mut self, question: &Question, now_ms: u64) -> Option<Verdict> {
        self.remembered.find(question, now_ms)
    }

    /// Asks; the owner's exchange is told the verdict. Whoever asks the same meanwhile is told with it.
    pub(crate) fn ask(
        &mut self,
        question: &Question,
        principal: &Principal,
        owner: Owner,
        settings: &Settings,
    ) -> Result<(), Problem> {
        if let Some(owners) = self.waiting.get_mut(question) {
            // Who is told twice hears nothing new; to look for them among thousands would cost more.
            if owners.last() != Some(&owner) {
                owners.push(owner);
            }
            return Ok(());
        }
        let question = question.clone();
        let asked = Asked::new(question.clone(), principal.clone(), self.worker);
        if !self.asks.ask(asked, settings) {
            return Err(Problem::too_busy(1));
        }
        self.waiting.insert(question, vec![owner]);
        Ok(())
    }

    /// An answer has come: what it means, and who waits for it. It is remembered for as long as it says that it holds.
    pub(crate) fn on_answer(
        &mut self,
        question: &Question,
        answer: Answer,
        now_ms: u64,
    ) -> (Verdict, Vec<Owner>) {
        let after =
            |span: Duration| now_ms.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
        let verdict = match answer {
            Answer::Given { allow, max_age_s } => {
                let holds = max_age_s.map(|seconds| Duration::from_secs(seconds).min(self.rules.max_age));
                let until_ms = after(holds.unwrap_or(self.rules.recheck));
                let verdict = if allow { Verdict::Yes { until_ms } } else { Verdict::No };
                if holds.is_some() {
                    self.remembered.insert(question.clone(), verdict, until_ms);
                }
                verdict
            }
            // It is the server that is busy: that opens nothing.
            Answer::Late => Verdict::Nobody,
            Answer::Nothing => match self.rules.when_down {
                WhenDown::Refuse => Verdict::Nobody,
                WhenDown::Allow => Verdict::Yes { until_ms: after(self.rules.pause) },
            },
        };
        (verdict, self.waiting.remove(question).unwrap_or_default())
    }

    /// The owner's exchange is told when a fetch of keys has ended.
    pub(crate) fn await_keys(&mut self, owner: Owner) {
        self.for_keys.push(owner);
    }

    /// Whether a fetch has ended since this was asked last: what is published now, and who waits for it.
    pub(crate) fn take_key_news(&mut self) -> Option<(tidings_auth::Published, Vec<Owner>)> {
        let news = self.asks.keys.news();
        if std::mem::replace(&mut self.keys_seen, news) == news {
            return None;
        }
        Some((self.asks.keys.published(), std::mem::take(&mut self.for_keys)))
    }

    /// Nobody can decide at the moment.
    pub(crate) fn unavailable(&self) -> Problem {
        Problem::authority_unavailable(self.rules.pause.as_secs().max(1))
    }

    /// Room for one that waits.
    pub(crate) fn lease(&self) -> Lease {
        Lease::new(&self.memory)
    }

    /// How long whoever waits for answers waits at most. Far more than it takes: questions stand in a line.
    pub(crate) fn patience(&self) -> Duration {
        self.rules.timeout + Duration::from_secs(15)
    }
}

/// What the requests of one worker may take that wait for others: its share of what bodies may take.
fn waiting_bytes_max(settings: &Settings) -> usize {
    settings.request_memory_bytes / settings.workers.max(1)
}
