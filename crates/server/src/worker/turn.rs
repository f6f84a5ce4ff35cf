//! The loop of a worker. Read it with `docs/decisions/` at hand: each line of its order was paid for.

use super::ready::Next;
use super::{Shared, Worker, odd, poller};
use crate::metrics::HeldBy;
use crate::worker::accept::Entrance;
use crate::worker::core::Core;
use crate::worker::poller::Ready;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tidings_engine::{News, Reply, Stream};
use tokio::io::unix::AsyncFdReadyGuard;

/// A turn goes on for as long as the rest of the worker took since the last yield, within these bounds: less would
/// starve the fan-out, more would starve hyper.
const TURN_MIN: Duration = Duration::from_micros(500);
const TURN_MAX: Duration = Duration::from_millis(5);

/// When what is ready takes longer than this to hear, news is looked at in between.
pub(super) const NEWS_EVERY: Duration = Duration::from_micros(500);

/// How often a turn looks at what is ready.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Whoever comes next looks before it sleeps.
    Once,
    /// Until a look finds nothing.
    UntilNothing,
}

/// How a turn ended.
enum Turn {
    /// Nothing is ready any more: sleep.
    Idle,
    /// Its time was up.
    Cut,
    /// The worker has drained.
    Over,
}

/// Turns until the worker has drained. This is the root future, never a task: a task would wait for a whole round of
/// the run queue before each turn.
pub(super) async fn run(worker: Shared) -> std::io::Result<()> {
    let readiness = tidings_sys::readable(worker.borrow().poller.descriptor())?;
    let pace = Rc::clone(&worker.borrow().pace);
    let mut rest = Duration::ZERO;
    loop {
        if worker.borrow_mut().is_alone() {
            if let Turn::Over = turn_alone(&worker)? {
                return Ok(());
            }
            continue;
        }
        let has_left = worker.borrow().has_left();
        let mut guard = tokio::select! {
            // All arms may be dropped: what is ready stays so, and who waits for the next round is remembered.
            biased;
            guard = readiness.readable() => Some(guard?),
            () = pace.wanted() => None,
            // The last turn was one without tokio.
            () = std::future::ready(()), if has_left => None,
        };
        loop {
            let now = now();
            let turn = worker.borrow_mut().turn(now, rest.clamp(TURN_MIN, TURN_MAX), Look::UntilNothing)?;
            odd::start_tasks(&worker);
            pace.next_round();
            match turn {
                // Only after a look that found nothing: tokio registers the epoll edge-triggered, and what became
                // ready before that look would never be told again.
                Turn::Idle => {
                    guard.iter_mut().for_each(AsyncFdReadyGuard::clear_ready);
                    break;
                }
                Turn::Cut => {
                    let before = self::now();
                    tokio::task::yield_now().await;
                    rest = self::now().saturating_duration_since(before);
                }
                Turn::Over => return Ok(()),
            }
        }
    }
}

/// A turn of a worker without tasks: it sleeps in its own poller, and leaves tokio out.
fn turn_alone(worker: &Shared) -> std::io::Result<Turn> {
    worker.borrow_mut().sleep()?;
    let turn = worker.borrow_mut().turn(now(), TURN_MAX, Look::Once)?;
    odd::start_tasks(worker);
    Ok(turn)
}

#[allow(clippy::disallowed_methods, reason = "the one place where a worker asks for the time, once a turn")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

impl Worker {
    /// Whether no task of tokio's is there that could want to run, nor was one a moment ago.
    fn is_alone(&mut self) -> bool {
        /// hyper has tasks of its own, which end soon after the connection.
        const AFTER_MS: u64 = 1_000;
        if !self.tasks.is_empty() || !self.handed_over.is_empty() {
            self.alone_from_ms = self.core.now_ms + AFTER_MS;
        }
        self.alone_from_ms <= self.core.now_ms && self.poller.can_sleep()
    }

    /// Whether the last turn has left something to do.
    fn has_left(&self) -> bool {
        let is_all_heard = self.heard == self.ready.len() && self.heard_behind == self.behind.len();
        !is_all_heard || !self.core.ready.is_empty() || self.hand_left != 0
    }

    /// Sleeps until something is ready, unless something is left to do.
    fn sleep(&mut self) -> std::io::Result<()> {
        if !self.has_left() {
            self.poller.sleep(&mut self.ready)?;
            self.heard = 0;
        }
        Ok(())
    }

    fn turn(&mut self, began: Instant, budget: Duration, look: Look) -> std::io::Result<Turn> {
        self.core.on_turn(began);
        let mut ready = std::mem::take(&mut self.ready);
        let turn = loop {
            if self.heard == ready.len() {
                self.poller.take(&mut ready)?;
                self.heard = 0;
            }
            if self.heard_behind == self.behind.len() {
                self.poller.take_behind(&mut self.behind)?;
                self.heard_behind = 0;
            }
            self.ready_count = ready.len() + self.behind.len();
            let was_ready = self.ready_count != 0;
            let all_heard = self.hear(&ready, began, budget);
            self.move_hand();
            let all_heard = self.hear_behind(began, budget) && all_heard && self.hand_left == 0;
            let finished = self.advance_ready(began, budget) && all_heard;
            if self.is_drained() {
                break Turn::Over;
            }
            if look == Look::Once && !finished || budget <= now().saturating_duration_since(began) {
                break Turn::Cut;
            }
            if look == Look::Once || finished && !was_ready {
                break Turn::Idle;
            }
        };
        self.ready = ready;
        self.core.go_on_fetching();
        if self.core.ready.is_empty() {
            self.core.on_passed_on();
        }
        self.core.forms.forget();
        self.core.slices.forget_found();
        self.common.doors[self.index].tell(self.connection_count());
        let now_ms = self.core.now_ms;
        self.core.load.on_turn(now().saturating_duration_since(began), now_ms);
        Ok(turn)
    }

    /// Attends to what is ready, until all is done or the time is up. What is left comes first in the next turn: taken
    /// anew, it would stand behind all others. Says whether nothing is left.
    fn hear(&mut self, ready: &[Ready], began: Instant, budget: Duration) -> bool {
        let mut looked = began;
        while let Some(event) = ready.get(self.heard) {
            self.on_ready(*event);
            self.heard += 1;
            // One of them may bring as much as fits into the buffer, so the time is looked at after each.
            let now = now();
            if NEWS_EVERY <= now.saturating_duration_since(looked) {
                looked = now;
                self.look_for_news();
                self.advance_ready(began, budget);
            }
            if budget <= now.saturating_duration_since(began) {
                break;
            }
        }
        self.send_together();
        self.heard == ready.len()
    }

    /// The same for those who come behind, for a moment only: who comes first may have something to say again. They have that moment in each
    /// turn, however many others there are. Says whether nothing is left.
    fn hear_behind(&mut self, began: Instant, budget: Duration) -> bool {
        if self.heard_behind == self.behind.len() {
            return true;
        }
        self.advance_ready(began, budget);
        let began = now();
        while let Some(event) = self.behind.get(self.heard_behind) {
            self.on_ready(*event);
            self.heard_behind += 1;
            if NEWS_EVERY <= now().saturating_duration_since(began) {
                break;
            }
        }
        self.send_together();
        self.heard_behind == self.behind.len()
    }

    /// Followers don't wait for all who ask: what was committed meanwhile is about to go out.
    fn look_for_news(&mut self) {
        self.send_together();
        let news = self.core.take_news();
        self.hear_news(news);
    }

    fn on_ready(&mut self, event: Ready) {
        match event.key {
            poller::LISTENER => self.accept(Entrance::Plain),
            poller::SECURED_LISTENER => self.accept(Entrance::Secured),
            poller::WAKE => {
                // What it brings may concern whoever is about to be answered.
                self.send_together();
                self.poller.clear_wake();
                self.on_news();
            }
            poller::CLOCK => {
                self.send_together();
                self.poller.clear_clock();
                self.on_tick();
            }
            key => self.on_socket(key, event),
        }
    }

    /// Something was committed or answered elsewhere.
    fn on_news(&mut self) {
        self.take_arrivals();
        self.core.look_for_settings(&self.common.settings);
        self.take_decisions();
        self.take_notes();
        if self.common.draining.load(Ordering::Relaxed) {
            self.drain();
        }
        self.revisit();
        let news = self.core.take_news();
        self.hear_news(news);
    }

    /// Whoever it concerns can go on.
    fn hear_news(&mut self, News { changed, replies, .. }: News) {
        for (token, reply) in replies {
            self.on_reply(token, reply);
        }
        for stream in changed {
            self.on_changed(&stream);
        }
    }

    /// Whoever follows the stream can go on.
    fn on_changed(&mut self, stream: &Stream) {
        let Core { followers, ready, .. } = &mut self.core;
        for (owner, number) in followers.of(stream) {
            if let Some(task) = owner.task() {
                self.tasks.on_changed(task, number);
                self.tasks.wake(task);
            } else if let Some(slot) = self.slots.get(owner.0) {
                if let Some(exchange) = &mut slot.exchange {
                    exchange.on_changed(number);
                }
                if !std::mem::replace(&mut slot.queued, true) {
                    ready.push(owner);
                }
            }
        }
    }

    /// Those who had to wait for room look again whether there is.
    fn go_on_postponed(&mut self) {
        /// Where there is no room they look only whether their time is up.
        const WITHOUT_ROOM_EVERY: usize = 8;
        if !self.core.has_room() && !self.tick.is_multiple_of(WITHOUT_ROOM_EVERY) {
            return;
        }
        let mut seen = HashSet::new();
        for (owner, number) in std::mem::take(&mut self.core.postponed) {
            // News may have had it look in between. Who came first is first.
            if !seen.insert((owner, number)) {
                continue;
            }
            if let Some(task) = owner.task() {
                self.tasks.on_changed(task, number);
            } else if let Some(exchange) = self.slots.get(owner.0).and_then(|slot| slot.exchange.as_mut()) {
                exchange.on_changed(number);
            }
            self.queue(owner);
        }
    }

    fn on_reply(&mut self, token: u64, reply: Reply) {
        if let Reply::Fetched(Err(error)) = &reply {
            log::error!("{error}");
        }
        let Some((owner, number)) = self.core.asker(token) else { return };
        match owner.task() {
            Some(task) => self.tasks.on_reply(task, number, reply),
            None => {
                let exchange = self.slots.get(owner.0).and_then(|slot| slot.exchange.as_mut());
                if let Some(exchange) = exchange {
                    exchange.on_reply(number, reply);
                }
            }
        }
        self.queue(owner);
    }

    /// Those who can go on do, one step each, until all have or the time is up. Says whether all have.
    fn advance_ready(&mut self, began: Instant, budget: Duration) -> bool {
        const LOOK_AT_THE_TIME_EVERY: usize = 8;
        let mut looked = began;
        for step in 1.. {
            let Some(Next { owner, wants_more }) = self.core.ready.take() else {
                // Who has more to say is ready again once this is sent, and so is who published.
                self.send_together();
                let news = self.core.commit_in_memory();
                self.hear_news(news);
                if self.core.ready.is_empty() {
                    break;
                }
                continue;
            };
            if let Some(slot) = self.slots.get(owner.0) {
                slot.queued = false;
                self.advance(owner.0);
            }
            if !wants_more && step % LOOK_AT_THE_TIME_EVERY != 0 {
                continue;
            }
            let now = now();
            if budget <= now.saturating_duration_since(began) {
                break;
            }
            if NEWS_EVERY <= now.saturating_duration_since(looked) {
                looked = now;
                self.look_for_news();
            }
        }
        self.send_together();
        let news = self.core.commit_in_memory();
        self.hear_news(news);
        self.core.ready.is_empty()
    }

    fn on_tick(&mut self) {
        self.count_connections();
        self.core.on_tick();
        self.common.doors[self.index].tick();
        self.tick = self.tick.wrapping_add(1);
        self.resume_accepting();
        self.tell_window();
        self.shed();
        self.go_on_postponed();
        self.revisit();
        if !self.hand_rests() {
            let places = self.slots.places();
            let share = places.div_ceil(Worker::HAND_TICKS).clamp(256, Worker::HAND_SHARE);
            self.hand_left = (self.hand_left + share).min(places);
        }
    }

    /// The hand of the clock goes on, for a moment: of a thousand connections that came together the time is up together, and to end each takes
    /// longer than to look at it.
    fn move_hand(&mut self) {
        if self.hand_left == 0 {
            return;
        }
        let began = now();
        let mut keys = std::mem::take(&mut self.under_the_hand);
        while self.hand_left != 0 && now().saturating_duration_since(began) < NEWS_EVERY {
            let part = self.hand_left.min(Worker::HAND_AT_ONCE);
            self.hand_left -= part;
            self.slots.under_the_hand(part, &mut keys);
            for key in &keys {
                self.on_hand(*key);
            }
            self.lagging.on_looked(part, self.slots.places(), &self.core.metrics);
        }
        self.send_together();
        self.under_the_hand = keys;
    }

    /// Tells how many connections there are, and what is held for them.
    fn count_connections(&self) {
        let connections = &self.core.metrics.connections;
        connections.of(HeldBy::Worker).set(self.slots.len() as u64);
        connections.of(HeldBy::Task).set((self.handed_over.len() + self.tasks.connections) as u64);
        self.core.metrics.unsent.set(self.core.unsent_bytes() as u64);
    }

    /// Whether the hand of the clock has gone round, and it is too early for another round.
    fn hand_rests(&self) -> bool {
        let in_one_round = Worker::HAND_SHARE * Worker::HAND_TICKS;
        let rests = Worker::HAND_RESTS_ABOVE < self.slots.len() && self.slots.places() <= in_one_round;
        rests && Worker::HAND_TICKS <= self.tick % Worker::HAND_ROUND_TICKS
    }
}
