//! Surveys: what one worker asks another about its connections, for an administrator.
//!
//! A question is a note at the door of the worker that is asked. It looks at what it has between two turns, at a bounded part of it,
//! leaves the answer on the slip that came with the question, and wakes the worker that has asked. Nobody waits, and nothing stops.

use super::Worker;
use super::arrivals::Door;
use super::followers::Owner;
use super::slots::{Phase, Slot};
use crate::about::About;
use crate::exchange::Exchange;
use std::cmp::Reverse;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tidings_engine::Stream;
use tidings_model::Timestamp;

/// Connections that are looked at for one answer.
const CONNECTIONS_LOOKED_AT: usize = 4_096;

/// Followers of one stream that are looked at for one answer: less than half of a long turn.
const FOLLOWERS_LOOKED_AT: usize = 10_000;

/// What a worker is asked.
pub(crate) enum Question {
    /// Who is connected.
    Connections {
        /// From this place on.
        from: u64,
        /// At most so many.
        limit: usize,
        /// Only those that do not take what they are sent.
        only_behind: bool,
    },
    /// Who follows that stream.
    Followers {
        stream: Arc<Stream>,
        /// At most so many: those that are furthest behind.
        limit: usize,
    },
    /// The live streams of one part, whoever uses them: any worker may be asked.
    LiveStreams { part: usize },
}

/// What it answers.
pub(crate) enum Answer {
    Connections(Connections),
    Followers(Followers),
    LiveStreams(Vec<Arc<Stream>>),
}

/// Some connections of a worker.
pub(crate) struct Connections {
    pub(crate) rows: Vec<ConnectionRow>,
    /// From where on there may be more.
    pub(crate) next: Option<u64>,
}

/// One connection; of HTTP/2 and of what hyper has, one request.
pub(crate) struct ConnectionRow {
    pub(crate) owner: Owner,
    /// Behind a proxy that is trusted, that of the proxy.
    pub(crate) address: IpAddr,
    pub(crate) state: State,
    /// How long it is there, and how long nothing was heard from the peer; milliseconds.
    pub(crate) age_ms: Option<u64>,
    pub(crate) silent_ms: Option<u64>,
    /// Bytes that wait for the socket to take them.
    pub(crate) queued: usize,
    pub(crate) about: About,
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It waits for a request.
    Idle,
    /// It is answered, or follows.
    Open,
    /// It is about to be closed.
    Closing,
}

/// The followers of a stream on one worker.
#[derive(Default)]
pub(crate) struct Followers {
    /// How many were looked at.
    pub(crate) looked_at: usize,
    /// How many are how far behind: see [`Followers::LAGS`].
    pub(crate) lags: [usize; Followers::LAGS.len() + 1],
    /// The furthest behind, the furthest first.
    pub(crate) furthest: Vec<FollowerRow>,
}

/// One follower.
pub(crate) struct FollowerRow {
    pub(crate) worker: usize,
    /// Messages that it has not been sent.
    pub(crate) lag: u64,
    pub(crate) connection: ConnectionRow,
}

impl Followers {
    /// A follower is counted at the first of these that its lag is not above, in messages; else at the end.
    pub(crate) const LAGS: [u64; 4] = [0, 10, 100, 1_000];

    fn count_lag(&mut self, lag: u64) {
        let place = Followers::LAGS.iter().position(|most| lag <= *most);
        self.lags[place.unwrap_or(Followers::LAGS.len())] += 1;
    }

    /// Those of another worker too.
    pub(crate) fn add(&mut self, other: Followers, limit: usize) {
        self.looked_at += other.looked_at;
        for (sum, count) in self.lags.iter_mut().zip(other.lags) {
            *sum += count;
        }
        self.furthest.extend(other.furthest);
        self.furthest.sort_by_key(|row| Reverse(row.lag));
        self.furthest.truncate(limit);
    }
}

/// Where an answer is left.
type Slip = Mutex<Option<Answer>>;

/// A question that was asked.
pub(crate) struct Inquiry(Arc<Slip>);

impl Inquiry {
    /// The answer, once it is there.
    pub(crate) fn take(&self) -> Option<Answer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What lies at the door of a worker.
enum Note {
    Question {
        question: Question,
        slip: Arc<Slip>,
        asker: usize,
        owner: Owner,
    },
    /// What that owner has asked is answered.
    Answered(Owner),
}

/// The notes at one door. An exchange has one question at a time, so they are bounded by the requests of administrators.
#[derive(Default)]
pub(crate) struct Notes {
    /// Whether there is any: most of the time there is none, and no lock is taken.
    waiting: AtomicBool,
    all: Mutex<Vec<Note>>,
}

impl Notes {
    fn put(&self, note: Note) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(note);
        self.waiting.store(true, Ordering::Release);
    }

    fn take(&self) -> Vec<Note> {
        if !self.waiting.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.store(false, Ordering::Release);
        std::mem::take(&mut *all)
    }
}

/// The workers that serve streams, as an exchange sees them.
pub(crate) struct Colleagues {
    doors: Arc<[Door]>,
    own: usize,
    serving: usize,
    started: Timestamp,
}

impl Colleagues {
    pub(super) fn new(doors: &Arc<[Door]>, own: usize, serving: usize, started: Timestamp) -> Colleagues {
        Colleagues { doors: Arc::clone(doors), own, serving, started }
    }

    /// When they began.
    pub(crate) fn started(&self) -> Timestamp {
        self.started
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.serving
    }

    /// How many connections each has, as it has told.
    pub(crate) fn connections(&self) -> impl Iterator<Item = usize> {
        self.doors[..self.serving].iter().map(Door::connections)
    }

    /// Asks one of them, who may be the asker itself. When the answer is there, the owner goes on.
    pub(crate) fn ask(&self, worker: usize, question: Question, owner: Owner) -> Inquiry {
        let slip = Arc::default();
        let note = Note::Question { question, slip: Arc::clone(&slip), asker: self.own, owner };
        self.leave(worker, note);
        Inquiry(slip)
    }

    fn leave(&self, worker: usize, note: Note) {
        if let Some(door) = self.doors.get(worker) {
            door.notes.put(note);
            door.wake();
        }
    }
}

impl Worker {
    /// Reads what others have left here.
    pub(super) fn take_notes(&mut self) {
        for note in self.common.doors[self.index].notes.take() {
            match note {
                Note::Answered(owner) => self.queue(owner),
                Note::Question { question, slip, asker, owner } => {
                    let answer = self.answer(question);
                    *slip.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
                    self.core.colleagues.leave(asker, Note::Answered(owner));
                }
            }
        }
    }

    fn answer(&self, question: Question) -> Answer {
        match question {
            Question::Connections { from, limit, only_behind } => {
                Answer::Connections(self.connections(from, limit, only_behind))
            }
            Question::Followers { stream, limit } => Answer::Followers(self.followers_behind(&stream, limit)),
            Question::LiveStreams { part } => Answer::LiveStreams(self.core.engine.live_part(part)),
        }
    }

    /// Parked connections first, then the requests of hyper's: the places of the latter are above all of the former.
    fn connections(&self, from: u64, limit: usize, only_behind: bool) -> Connections {
        let parked = self.slots.keys_from(from).map(Owner);
        let with_hyper = self.tasks.owners_from(from);
        let mut rows = Vec::new();
        for (looked_at, owner) in parked.chain(with_hyper).enumerate() {
            if looked_at == CONNECTIONS_LOOKED_AT || rows.len() == limit {
                return Connections { rows, next: Some(owner.place()) };
            }
            let is_wanted = |row: &ConnectionRow| !only_behind || row.queued != 0;
            rows.extend(self.connection(owner).filter(is_wanted));
        }
        Connections { rows, next: None }
    }

    fn connection(&self, owner: Owner) -> Option<ConnectionRow> {
        let mut about = About::default();
        if let Some(task) = owner.task() {
            self.tasks.look_at(task, |exchange| exchange.describe(&mut about))?;
            let address = self.tasks.peer(task)?.address();
            return Some(ConnectionRow {
                owner,
                address,
                state: State::Open,
                age_ms: None,
                silent_ms: None,
                queued: 0,
                about,
            });
        }
        let slot = self.slots.peek(owner.0)?;
        if let Some(exchange) = &slot.exchange {
            exchange.describe(&mut about);
        }
        Some(ConnectionRow {
            owner,
            address: slot.peer.address(),
            state: state_of(slot),
            age_ms: Some(self.core.now_ms.saturating_sub(u64::from(slot.opened_s) * 1_000)),
            silent_ms: Some(self.core.now_ms.saturating_sub(slot.seen_ms)),
            queued: slot.rare.as_ref().map_or(0, |rare| rare.output.len()),
            about,
        })
    }

    fn followers_behind(&self, stream: &Arc<Stream>, limit: usize) -> Followers {
        let (tail, _) = stream.tail();
        let mut found = Followers::default();
        let mut lags = Vec::new();
        for (owner, number) in self.core.followers.of(stream) {
            if found.looked_at == FOLLOWERS_LOOKED_AT {
                break;
            }
            if let Some(next) = self.look_at(owner, |exchange| exchange.place(number)).flatten() {
                found.looked_at += 1;
                found.count_lag(tail.saturating_sub(next));
                lags.push((tail.saturating_sub(next), owner));
            }
        }
        lags.sort_unstable_by_key(|(lag, ..)| Reverse(*lag));
        lags.truncate(limit);
        found.furthest = lags
            .into_iter()
            .filter_map(|(lag, owner)| {
                let connection = self.connection(owner)?;
                Some(FollowerRow { worker: self.index, lag, connection })
            })
            .collect();
        found
    }

    fn look_at<T>(&self, owner: Owner, look: impl FnOnce(&dyn Exchange) -> T) -> Option<T> {
        match owner.task() {
            Some(task) => self.tasks.look_at(task, look),
            None => self.slots.peek(owner.0)?.exchange.as_deref().map(look),
        }
    }
}

fn state_of(slot: &Slot) -> State {
    match slot.phase {
        Phase::ProxyHeader | Phase::Handshake | Phase::Request => State::Idle,
        Phase::Answer | Phase::Duplex => State::Open,
        Phase::Last => State::Closing,
    }
}
