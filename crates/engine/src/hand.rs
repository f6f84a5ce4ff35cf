//! The hand that goes round over the live streams and drops those that nobody uses any more.

use crate::live_streams::{LiveStreams, Use};
use std::collections::VecDeque;
use std::time::Duration;
use tidings_model::{Incarnation, Timestamp};

/// Owned by the commit thread.
pub(crate) struct Hand {
    rotation: VecDeque<Incarnation>,
    /// How many of the rotation are left of this round.
    left: usize,
    /// Idle streams that were left alone in this round.
    idle: usize,
    idle_max: usize,
}

impl Hand {
    /// So long after its last use a stream may stay live: the polls of the last full minute are counted in it.
    const IDLE_FOR: Duration = Duration::from_mins(2);
    /// Streams looked at in one tick, beside two for each that has become live: so the hand goes faster than they come.
    const VISITS: usize = 4_096;

    /// At most about `idle_max` streams that nobody uses stay live.
    pub(crate) fn new(idle_max: usize) -> Hand {
        Hand { rotation: VecDeque::new(), left: 0, idle: 0, idle_max }
    }

    pub(crate) fn on_tick(&mut self, live: &LiveStreams, now: Timestamp) {
        let arrived = live.take_arrived();
        let visits = Hand::VISITS + 2 * arrived.len();
        self.rotation.extend(arrived);
        for _ in 0..visits.min(self.rotation.len()) {
            self.visit_next(live, now);
        }
        if self.rotation.len() < self.rotation.capacity() / 4 {
            self.rotation.shrink_to(self.rotation.len() * 2);
        }
    }

    fn visit_next(&mut self, live: &LiveStreams, now: Timestamp) {
        if self.left == 0 {
            (self.left, self.idle) = (self.rotation.len(), 0);
        }
        let Some(incarnation) = self.rotation.pop_front() else { return };
        self.left -= 1;
        let may_idle = if self.idle < self.idle_max { Hand::IDLE_FOR } else { Duration::ZERO };
        match live.drop_unused(incarnation, now, may_idle) {
            Use::Gone => return,
            Use::Idle => self.idle += 1,
            Use::Used => {}
        }
        self.rotation.push_back(incarnation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{NOW, made};
    use crate::stream::Stream;
    use std::sync::Arc;

    fn later(seconds: u64) -> Timestamp {
        Timestamp(NOW.0 + seconds * 1_000)
    }

    /// Some live streams.
    fn live(count: usize) -> (LiveStreams, Vec<Arc<Stream>>) {
        let live = LiveStreams::new(NOW);
        let streams = (0..count).map(|index| {
            let stream = made(&index.to_string());
            live.find_or_make(stream.incarnation(), |_| Some(stream)).unwrap()
        });
        let streams = streams.collect();
        (live, streams)
    }

    fn found(live: &LiveStreams, incarnations: &[Incarnation]) -> usize {
        incarnations.iter().filter(|incarnation| live.of(**incarnation).is_some()).count()
    }

    #[test]
    fn a_stream_is_live_while_it_is_held_and_for_two_minutes() {
        let (live, mut streams) = live(2);
        let incarnations: Vec<_> = streams.iter().map(|stream| stream.incarnation()).collect();
        let mut hand = Hand::new(10);
        streams.pop();
        hand.on_tick(&live, later(119));
        assert_eq!(found(&live, &incarnations), 2);
        hand.on_tick(&live, later(120));
        assert_eq!(found(&live, &incarnations), 1);
        assert!(live.find(streams[0].name()).is_some());
        drop(streams);
        hand.on_tick(&live, later(121));
        assert_eq!((found(&live, &incarnations), hand.rotation.len()), (0, 0));
    }

    #[test]
    fn only_so_many_idle_streams_are_kept() {
        let (live, streams) = live(9);
        let incarnations: Vec<_> = streams.iter().map(|stream| stream.incarnation()).collect();
        let mut hand = Hand::new(3);
        hand.on_tick(&live, NOW);
        assert_eq!(found(&live, &incarnations), 9);
        drop(streams);
        hand.on_tick(&live, NOW);
        assert_eq!(found(&live, &incarnations), 3);
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nothing_live() {
        let (live, streams) = live(1);
        let incarnation = streams[0].incarnation();
        drop(streams);
        Hand::new(10).on_tick(&live, Timestamp(0));
        assert_eq!(found(&live, &[incarnation]), 0);
    }
}
