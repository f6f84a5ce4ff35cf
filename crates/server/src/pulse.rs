//! The pulse: the server publishes to itself, and looks whether that comes back from every worker in time.
//!
//! Only while somebody asks, and once in an interval for all who ask. Plain data: who calls says what time it is, on the
//! engine's clock.

use crate::settings::Settings;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The way there and back, as the last message of the server to itself found it. One for all workers.
pub(crate) struct Pulse {
    /// The last number that each worker has heard, and after which it had nothing left to pass on.
    heard: Box<[AtomicU64]>,
    /// When somebody asked last, in milliseconds: one above it, so that 0 is never.
    asked_ms: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The number of the last one.
    number: u64,
    /// The one that is under way.
    under_way: Option<UnderWay>,
    /// When the last one that came back was sent.
    good: Option<Duration>,
    /// When the last one was sent, whatever became of it.
    sent: Option<Duration>,
}

#[derive(Clone, Copy)]
struct UnderWay {
    /// The first number that did not come back; those after it were sent since it may be lost.
    first: u64,
    since: Duration,
    /// Whether the engine has it, which may have too much to do.
    taken: bool,
}

/// Where messages go: the engine, as far as this needs it.
pub(crate) trait Heart {
    /// Sends one; whether it was taken.
    fn send(&self, number: u64) -> bool;
    /// The last number that was stored, and the last that was refused.
    fn answers(&self) -> (u64, u64);
}

impl Heart for tidings_engine::Engine {
    fn send(&self, number: u64) -> bool {
        self.probe(number)
    }

    fn answers(&self) -> (u64, u64) {
        self.probes()
    }
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beat {
    /// A message came back lately.
    Regular,
    /// One is under way, and has some time left; nothing is known of late.
    Awaited,
    /// It is not stored in time.
    NotStored,
    /// A worker does not hear of it in time.
    NotHeard,
}

/// How often, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rhythm {
    pub(crate) interval: Duration,
    pub(crate) limit: Duration,
}

impl Rhythm {
    pub(crate) fn of(settings: &Settings) -> Rhythm {
        Rhythm { interval: settings.ready_interval, limit: settings.ready_timeout }
    }
}

impl Pulse {
    /// For so many workers.
    pub(crate) fn new(workers: usize) -> Pulse {
        Pulse {
            heard: (0..workers).map(|_| AtomicU64::new(0)).collect(),
            asked_ms: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    /// A worker begins: what was sent before it was there it does not hear of.
    pub(crate) fn on_begun(&self, worker: usize) {
        let number = self.state().number;
        self.on_heard(worker, number);
    }

    /// A worker has heard of that one, and has nothing left to pass on.
    pub(crate) fn on_heard(&self, worker: usize, number: u64) {
        if let Some(heard) = self.heard.get(worker) {
            heard.store(number, Ordering::Relaxed);
        }
    }

    /// Somebody asks how it stands.
    pub(crate) fn ask(&self, heart: &impl Heart, rhythm: Rhythm, now: Duration) -> Beat {
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX - 1);
        self.asked_ms.store(now_ms + 1, Ordering::Relaxed);
        self.state().look(self, heart, rhythm, now)
    }

    /// Some worker's clock ticks: while somebody asks now and then, the answer is there before the question.
    pub(crate) fn on_tick(&self, heart: &impl Heart, rhythm: Rhythm, now: Duration) {
        let Some(asked_ms) = self.asked_ms.load(Ordering::Relaxed).checked_sub(1) else { return };
        let lately = rhythm.interval * Pulse::INTERVALS_UNASKED;
        if now <= Duration::from_millis(asked_ms) + lately
            && let Ok(mut state) = self.state.try_lock()
        {
            let _for_who_asks_next = state.look(self, heart, rhythm, now);
        }
    }

    /// For how many intervals it goes on after the last question.
    const INTERVALS_UNASKED: u32 = 12;

    fn is_heard(&self, number: u64) -> bool {
        self.heard.iter().all(|heard| number <= heard.load(Ordering::Relaxed))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn look(&mut self, pulse: &Pulse, heart: &impl Heart, rhythm: Rhythm, now: Duration) -> Beat {
        let (stored, refused) = heart.answers();
        while let Some(UnderWay { first, since, taken }) = self.under_way
            && first <= stored
            && pulse.is_heard(first)
        {
            self.good = Some(since);
            let later = || UnderWay { first: self.number, since: self.sent.unwrap_or(now), taken };
            self.under_way = (first < self.number).then(later);
        }
        if let Some(under_way) = &mut self.under_way {
            if self.number <= refused {
                self.under_way = None;
            } else if !under_way.taken {
                under_way.taken = heart.send(self.number);
            }
        }
        let is_late = |under_way: &UnderWay| under_way.since + rhythm.limit < now;
        // What is stored and not heard in time may be lost: to a worker that was not there yet, for one.
        let may_send = self.under_way.as_ref().is_none_or(|it| is_late(it) && self.number <= stored);
        if may_send && self.sent.is_none_or(|sent| sent + rhythm.interval <= now) {
            self.number += 1;
            self.sent = Some(now);
            let taken = heart.send(self.number);
            let (first, since) = self.under_way.map_or((self.number, now), |it| (it.first, it.since));
            self.under_way = Some(UnderWay { first, since, taken });
        }
        if let Some(late) = self.under_way.filter(is_late) {
            return if late.first <= stored { Beat::NotHeard } else { Beat::NotStored };
        }
        // The next one may be under way for as long as it is allowed to.
        let is_recent = self.good.is_some_and(|good| now <= good + rhythm.interval + rhythm.limit);
        match self.under_way {
            _ if is_recent => Beat::Regular,
            Some(_) => Beat::Awaited,
            None => Beat::NotStored,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[derive(Default)]
    struct Hand {
        takes: Cell<bool>,
        sent: Cell<u64>,
        stored: Cell<u64>,
        refused: Cell<u64>,
    }

    impl Heart for Hand {
        fn send(&self, number: u64) -> bool {
            if self.takes.get() {
                self.sent.set(number);
            }
            self.takes.get()
        }

        fn answers(&self) -> (u64, u64) {
            (self.stored.get(), self.refused.get())
        }
    }

    const RHYTHM: Rhythm = Rhythm { interval: Duration::from_secs(5), limit: Duration::from_secs(2) };

    fn taking() -> Hand {
        let hand = Hand::default();
        hand.takes.set(true);
        hand
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn it_is_regular_once_every_worker_has_heard() {
        let (pulse, hand) = (Pulse::new(2), taking());
        assert_eq!(pulse.ask(&hand, RHYTHM, ms(0)), Beat::Awaited);
        assert_eq!(hand.sent.get(), 1);
        hand.stored.set(1);
        pulse.on_heard(0, 1);
        assert_eq!(pulse.ask(&hand, RHYTHM, ms(10)), Beat::Awaited);
        pulse.on_heard(1, 1);
        assert_eq!(pulse.ask(&hand, RHYTHM, ms(20)), Beat::Regular);
        assert_eq!(pulse.ask(&hand, RHYTHM, ms(4_999)), Beat::Regular);
        assert_eq!(hand.sent.get(), 1, "once in an interval, whoever asks");
        assert_eq!(pulse.ask(&hand, RHYTHM, ms(5_000)), Beat::Regular, "the next one has its time");
        assert_eq!(hand.sent.get(), 2);
    }

    #[test]
    fn what_does_not_come_back_in_time_is_told_until_it_does() {
        let (pulse, hand) = (Pulse::new(1), taking());
        assert_eq!(pulse.ask(&hand, RHYTHM, ms(0)), Beat::Awaited);
        assert_eq!(pulse.ask(&hand, RHYTHM, ms(2_000)), Beat::Awaited);
        assert_eq!(pulse.ask(&hand, RHYTHM, ms(2_001)), Beat::NotStored);
        hand.stored.set(1);
        assert_eq!(pulse.ask(&hand, RHYTHM, ms(60_000)), Beat::NotHeard);
        pulse.on_heard(0, 1);
        // What came back so late says nothing of now.
        assert_eq!(pulse.ask(&hand, RHYTHM, ms(60_010)), Beat::Awaited);
        assert_eq!(hand.sent.get(), 2);
        hand.stored.set(2);
        pulse.on_heard(0, 2);
        assert_eq!(pulse.ask(&hand, RHYTHM, ms(60_020)), Beat::Regular);
    }

    #[test]
    fn what_a_worker_has_missed_is_made_good_by_the_next_one() {
        let (pulse, hand) = (Pulse::new(2), taking());
        assert_eq!(pulse.ask(&hand, RHYTHM, ms(0)), Beat::Awaited);
        hand.stored.set(1);
        pulse.on_heard(0, 1);
        assert_eq!(pulse.ask(&hand, RHYTHM, ms(3_000)), Beat::NotHeard);
        assert_eq!(hand.sent.get(), 1, "once in an interval");
        assert_eq!(pulse.ask(&hand, RHYTHM, ms(5_000)), Beat::NotHeard);
        assert_eq!(hand.sent.get(), 2);
        hand.stored.set(2);
        pulse.on_heard(0, 2);
        pulse.on_heard(1, 2);
        assert_eq!(pulse.ask(&hand, RHYTHM, ms(5_010)), Beat::Regular);
    }

    #[test]
    fn a_worker_that_begins_while_one_is_under_way_need_not_hear_of_it() {
        let (pulse, hand) = (Pulse::new(2), taking());
        assert_eq!(pulse.ask(&hand, RHYTHM, ms(0)), Beat::Awaited);
        hand.stored.set(1);
        pulse.on_heard(0, 1);
        pulse.on_begun(1);
        assert_eq!(pulse.ask(&hand, RHYTHM, ms(10)), Beat::Regular);
    }

    #[test]
    fn a_queue_that_takes_nothing_counts_as_the_disk_behind_it() {
        let (pulse, hand) = (Pulse::new(1), Hand::default());
        assert_eq!(pulse.ask(&hand, RHYTHM, ms(0)), Beat::Awaited);
        assert_eq!(pulse.ask(&hand, RHYTHM, ms(2_001)), Beat::NotStored);
        hand.takes.set(true);
        assert_eq!(pulse.ask(&hand, RHYTHM, ms(2_100)), Beat::NotStored, "it is on its way only now");
        assert_eq!(hand.sent.get(), 1);
        hand.stored.set(1);
        pulse.on_heard(0, 1);
        assert_eq!(pulse.ask(&hand, RHYTHM, ms(2_200)), Beat::Regular);
    }

    #[test]
    fn what_was_refused_is_not_waited_for() {
        let (pulse, hand) = (Pulse::new(1), taking());
        assert_eq!(pulse.ask(&hand, RHYTHM, ms(0)), Beat::Awaited);
        hand.refused.set(1);
        assert_eq!(pulse.ask(&hand, RHYTHM, ms(10)), Beat::NotStored);
        assert_eq!(pulse.ask(&hand, RHYTHM, ms(5_000)), Beat::Awaited, "it is tried again");
    }

    #[test]
    fn nothing_is_sent_while_nobody_asks() {
        let (pulse, hand) = (Pulse::new(0), taking());
        pulse.on_tick(&hand, RHYTHM, ms(0));
        assert_eq!(hand.sent.get(), 0);
        assert_eq!(pulse.ask(&hand, RHYTHM, ms(1_000)), Beat::Awaited);
        for second in 1..1_000 {
            pulse.on_tick(&hand, RHYTHM, ms(second * 1_000));
            hand.stored.set(hand.sent.get());
        }
        assert!((12..=14).contains(&hand.sent.get()), "{} were sent", hand.sent.get());
    }
}
