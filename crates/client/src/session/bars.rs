//! Which transports are not tried for now: who plainly does not work here, or whose lives were short.
//!
//! Does not know what is tried, or why.

use crate::{Timing, Transport};
use std::time::Instant;

/// The bars of a session.
#[derive(Debug, Default)]
pub(crate) struct Bars {
    known: Vec<Bar>,
}

#[derive(Debug)]
struct Bar {
    transport: Transport,
    /// Lives that ended soon, one after another.
    short_lives: u32,
    /// How often it was barred since it last worked well.
    count: usize,
    barred: Option<Barred>,
}

/// Since when, and until when.
#[derive(Clone, Copy, Debug)]
struct Barred {
    since: Instant,
    until: Instant,
}

impl Bars {
    /// It plainly does not work: nothing of ours came through, or something before the server refused it. `spread` (0 to
    /// 1) moves the next try by up to a quarter.
    pub(crate) fn add(&mut self, transport: Transport, timing: &Timing, now: Instant, spread: f64) {
        let bar = self.of(transport);
        let wait = timing.bar(bar.count).mul_f64(0.75 + spread / 2.0);
        bar.barred = Some(Barred { since: now, until: now + wait });
        bar.count += 1;
        bar.short_lives = 0;
    }

    /// It worked, but not for long. One that was barred before is on probation: one short life is enough.
    pub(crate) fn add_short_life(
        &mut self,
        transport: Transport,
        timing: &Timing,
        now: Instant,
        spread: f64,
    ) {
        let bar = self.of(transport);
        bar.short_lives += 1;
        if bar.count != 0 || timing.short_lives <= bar.short_lives {
            self.add(transport, timing, now, spread);
        }
    }

    /// A life lasted: whatever was before is forgotten.
    pub(crate) fn forget(&mut self, transport: Transport) {
        self.known.retain(|bar| bar.transport != transport);
    }

    /// Whether it is not to be tried. While nobody looks, bars that end are not tried either.
    pub(crate) fn is_barred(&self, transport: Transport, now: Instant, is_hidden: bool) -> bool {
        let bar = self.known.iter().find(|bar| bar.transport == transport);
        bar.and_then(|bar| bar.barred).is_some_and(|barred| is_hidden || now < barred.until)
    }

    /// Not even a plain read works, and the server was last heard at `heard`: it is away, and what failed
    /// since then says nothing about the transports.
    pub(crate) fn on_server_away(&mut self, heard: Instant) {
        self.known.retain(|bar| bar.barred.is_none_or(|barred| barred.since < heard));
        for bar in &mut self.known {
            bar.short_lives = 0;
        }
    }

    /// All may be tried now, on probation.
    pub(crate) fn end_all(&mut self) {
        for bar in &mut self.known {
            bar.barred = None;
        }
    }

    /// As if nothing had ever failed.
    pub(crate) fn clear(&mut self) {
        self.known.clear();
    }

    /// When each bar ends, past or to come.
    pub(crate) fn ends(&self) -> impl Iterator<Item = Instant> {
        self.known.iter().filter_map(|bar| bar.barred).map(|barred| barred.until)
    }

    /// What is barred at `now`, and for how long.
    #[cfg(test)]
    pub(crate) fn barred(&self, now: Instant) -> Vec<(Transport, std::time::Duration)> {
        let left = |bar: &Bar| {
            let left = bar.barred?.until.saturating_duration_since(now);
            (!left.is_zero()).then_some((bar.transport, left))
        };
        self.known.iter().filter_map(left).collect()
    }

    fn of(&mut self, transport: Transport) -> &mut Bar {
        let at = self.known.iter().position(|bar| bar.transport == transport).unwrap_or_else(|| {
            self.known.push(Bar { transport, short_lives: 0, count: 0, barred: None });
            self.known.len() - 1
        });
        &mut self.known[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::script::start_of_time;
    use Transport::{Sse, WebSocket};
    use std::time::Duration;

    fn after(seconds: u64) -> Instant {
        start_of_time() + Duration::from_secs(seconds)
    }

    #[test]
    fn three_short_lives_bar_a_transport_and_two_do_not() {
        let (mut bars, timing) = (Bars::default(), Timing::default());
        bars.add_short_life(WebSocket, &timing, after(0), 0.5);
        bars.add_short_life(WebSocket, &timing, after(0), 0.5);
        assert!(!bars.is_barred(WebSocket, after(0), false));
        bars.add_short_life(WebSocket, &timing, after(0), 0.5);
        assert!(bars.is_barred(WebSocket, after(29), false) && !bars.is_barred(Sse, after(0), false));
        assert!(!bars.is_barred(WebSocket, after(30), false));
        assert!(bars.is_barred(WebSocket, after(30), true));
    }

    #[test]
    fn a_barred_transport_is_tried_less_and_less_often() {
        let (mut bars, timing, mut now) = (Bars::default(), Timing::default(), after(0));
        for seconds in [30, 60, 120, 300, 600, 600] {
            bars.add(WebSocket, &timing, now, 0.5);
            assert_eq!(bars.barred(now), [(WebSocket, Duration::from_secs(seconds))]);
            now += Duration::from_secs(seconds);
        }
        bars.forget(WebSocket);
        bars.add(WebSocket, &timing, now, 0.0);
        assert_eq!(bars.barred(now), [(WebSocket, Duration::from_millis(22_500))]);
    }

    #[test]
    fn a_server_that_is_away_bars_nobody() {
        let (mut bars, timing) = (Bars::default(), Timing::default());
        bars.add(Sse, &timing, after(0), 0.5);
        bars.add(WebSocket, &timing, after(2), 0.5);
        bars.on_server_away(after(1));
        assert!(bars.is_barred(Sse, after(2), false) && !bars.is_barred(WebSocket, after(2), false));
    }
}
