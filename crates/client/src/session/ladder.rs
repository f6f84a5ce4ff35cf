//! Which live transports may be tried, best first: who is barred after bad lives, and when it may try again.

use crate::{Transport, Via};
use std::time::{Duration, Instant};

/// The live transports of a follow, best first. Polling needs no place here: it is what is left.
#[derive(Debug)]
pub(crate) struct Ladder {
    rungs: Vec<Rung>,
    /// A follow over one transport has nothing to fall back to: nothing is ever barred.
    is_fixed: bool,
}

#[derive(Debug)]
struct Rung {
    transport: Transport,
    /// Lives that ended soon, one after another.
    short_lives: u32,
    /// How often it was barred since it last worked well.
    bars: usize,
    barred: Option<Bar>,
}

/// Why a rung is not tried: since when, and until when.
#[derive(Clone, Copy, Debug)]
struct Bar {
    since: Instant,
    until: Instant,
}

impl Ladder {
    /// A life shorter than this says that the transport does not last here.
    pub(crate) const SHORT_LIFE: Duration = Duration::from_secs(10);

    /// So many short lives, and it is barred.
    pub(crate) const SHORT_LIVES_MAX: u32 = 3;

    /// How long it is barred: the first time, the second time, and so on; the last one for ever after.
    pub(crate) const BARS: [Duration; 5] = [
        Duration::from_secs(30),
        Duration::from_mins(1),
        Duration::from_mins(2),
        Duration::from_mins(5),
        Duration::from_mins(10),
    ];

    /// The ladder of a follow.
    pub(crate) fn new(via: Via) -> Ladder {
        let transports: &[Transport] = match via {
            Via::Auto => &[Transport::WebSocket, Transport::Sse, Transport::LongPoll],
            Via::Poll { .. } => &[],
            Via::LongPoll => &[Transport::LongPoll],
            Via::Sse => &[Transport::Sse],
            Via::WebSocket => &[Transport::WebSocket],
        };
        let rung = |&transport| Rung { transport, short_lives: 0, bars: 0, barred: None };
        Ladder { rungs: transports.iter().map(rung).collect(), is_fixed: via != Via::Auto }
    }

    /// Whether there is something else when `transport` does not work.
    pub(crate) fn can_do_without(&self, transport: Transport) -> bool {
        !self.is_fixed && transport != Transport::Poll
    }

    /// What may be tried, best first.
    pub(crate) fn open(&self, now: Instant) -> Vec<Transport> {
        let is_open = |rung: &&Rung| rung.barred.is_none_or(|bar| bar.until <= now);
        self.rungs.iter().filter(is_open).map(|rung| rung.transport).collect()
    }

    /// When the next barred transport may try again.
    pub(crate) fn next_open(&self, now: Instant) -> Option<Instant> {
        self.rungs
            .iter()
            .filter_map(|rung| rung.barred)
            .map(|bar| bar.until)
            .filter(|until| now < *until)
            .min()
    }

    /// A life ended before [`Ladder::SHORT_LIFE`]. `spread` (0 to 1) moves the next try by up to a quarter.
    pub(crate) fn on_short_life(&mut self, transport: Transport, now: Instant, spread: f64) {
        let Some(rung) = self.rung(transport) else { return };
        rung.short_lives += 1;
        // One that was barred before is on probation: one bad life is enough.
        if rung.bars != 0 || Ladder::SHORT_LIVES_MAX <= rung.short_lives {
            self.on_blocked(transport, now, spread);
        }
    }

    /// It plainly does not work here: nothing of ours came through, or something before the server refused
    /// it.
    pub(crate) fn on_blocked(&mut self, transport: Transport, now: Instant, spread: f64) {
        if self.is_fixed {
            return;
        }
        let Some(rung) = self.rung(transport) else { return };
        let wait = Ladder::BARS[rung.bars.min(Ladder::BARS.len() - 1)];
        rung.barred = Some(Bar { since: now, until: now + wait.mul_f64(0.75 + spread / 2.0) });
        rung.bars += 1;
        rung.short_lives = 0;
    }

    /// A life lasted: whatever was before is forgotten.
    pub(crate) fn on_long_life(&mut self, transport: Transport) {
        if let Some(rung) = self.rung(transport) {
            rung.forgive();
        }
    }

    /// Not even a plain read works, and the server was last heard at `heard`: it is away, and what failed
    /// since then says nothing about the transports.
    pub(crate) fn on_server_away(&mut self, heard: Instant) {
        for rung in &mut self.rungs {
            match rung.barred {
                Some(bar) if heard <= bar.since => rung.forgive(),
                Some(_) | None => rung.short_lives = 0,
            }
        }
    }

    fn rung(&mut self, transport: Transport) -> Option<&mut Rung> {
        self.rungs.iter_mut().find(|rung| rung.transport == transport)
    }
}

impl Rung {
    fn forgive(&mut self) {
        self.short_lives = 0;
        self.bars = 0;
        self.barred = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::script::start_of_time;

    const ALL: [Transport; 3] = [Transport::WebSocket, Transport::Sse, Transport::LongPoll];

    #[test]
    fn three_short_lives_bar_a_transport_and_two_do_not() {
        let now = start_of_time();
        let mut ladder = Ladder::new(Via::Auto);
        ladder.on_short_life(Transport::WebSocket, now, 0.5);
        ladder.on_short_life(Transport::WebSocket, now, 0.5);
        assert_eq!(ladder.open(now), ALL);
        ladder.on_short_life(Transport::WebSocket, now, 0.5);
        assert_eq!(ladder.open(now), ALL[1..]);
        assert_eq!(ladder.next_open(now), Some(now + Duration::from_secs(30)));
        assert_eq!(ladder.open(now + Duration::from_secs(30)), ALL);
    }

    #[test]
    fn a_barred_transport_is_tried_less_and_less_often() {
        let mut now = start_of_time();
        let mut ladder = Ladder::new(Via::Auto);
        for seconds in [30, 60, 120, 300, 600, 600] {
            ladder.on_blocked(Transport::WebSocket, now, 0.5);
            assert_eq!(ladder.next_open(now), Some(now + Duration::from_secs(seconds)));
            now += Duration::from_secs(seconds);
        }
        ladder.on_long_life(Transport::WebSocket);
        ladder.on_blocked(Transport::WebSocket, now, 0.0);
        assert_eq!(ladder.next_open(now), Some(now + Duration::from_millis(22_500)));
    }

    #[test]
    fn a_server_that_is_away_bars_nobody() {
        let now = start_of_time();
        let mut ladder = Ladder::new(Via::Auto);
        ladder.on_blocked(Transport::Sse, now, 0.5);
        let heard = now + Duration::from_secs(1);
        ladder.on_blocked(Transport::WebSocket, now + Duration::from_secs(2), 0.5);
        ladder.on_server_away(heard);
        assert_eq!(ladder.open(now), [Transport::WebSocket, Transport::LongPoll]);
    }

    #[test]
    fn the_only_transport_is_never_barred() {
        let now = start_of_time();
        let mut ladder = Ladder::new(Via::Sse);
        for _ in 0..10 {
            ladder.on_short_life(Transport::Sse, now, 0.5);
        }
        ladder.on_blocked(Transport::Sse, now, 0.5);
        assert_eq!(ladder.open(now), [Transport::Sse]);
    }
}
