//! One direction of a connection: what is on its way, and when it arrives.
//!
//! Plain data that takes bytes and moments. Does not know sockets.

use std::collections::VecDeque;
use std::time::Instant;

/// What is on its way from one end to the other.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    pieces: VecDeque<Piece>,
    held_bytes: usize,
    /// How it ends, and when the other end sees that.
    end: Option<(Instant, End)>,
    /// When what was taken last arrives: nothing overtakes it.
    last: Option<Instant>,
}

/// How one direction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// In good order, behind all that was sent.
    Closed,
    /// By a reset, which overtakes what its receiver has no room for.
    Reset,
}

/// What one read found.
#[derive(Debug)]
struct Piece {
    due: Instant,
    bytes: Vec<u8>,
    /// How much of it has arrived.
    taken: usize,
}

impl Pipe {
    /// How much may be on its way at once. With 20 ms in one direction that is 52 MB a second, on each connection.
    pub(super) const HELD_BYTES_MAX: usize = 1 << 20;

    /// How many more bytes may set out.
    pub(super) fn room(&self) -> usize {
        Pipe::HELD_BYTES_MAX.saturating_sub(self.held_bytes)
    }

    /// Whether nothing is on its way, neither bytes nor an end.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.end.is_none()
    }

    /// Whether all that will ever come has set out.
    pub(super) fn has_end(&self) -> bool {
        self.end.is_some()
    }

    /// Lets bytes set out that arrive at `due`, or later where something before them does.
    pub(super) fn push(&mut self, due: Instant, bytes: &[u8]) {
        assert!(self.end.is_none(), "nothing comes after an end");
        let due = self.last.map_or(due, |last| last.max(due));
        self.last = Some(due);
        self.held_bytes += bytes.len();
        self.pieces.push_back(Piece { due, bytes: bytes.to_vec(), taken: 0 });
    }

    /// Lets an end set out. The first one counts, but a reset beats a good end.
    pub(super) fn end(&mut self, due: Instant, end: End) {
        if self.end.is_none_or(|(_, earlier)| earlier == End::Closed && end == End::Reset) {
            let due = self.last.map_or(due, |last| last.max(due));
            self.end = Some((due, end));
        }
    }

    /// What has arrived by now and is next in order.
    pub(super) fn arrived(&self, now: Instant) -> Option<&[u8]> {
        self.pieces.front().filter(|piece| piece.due <= now).map(|piece| &piece.bytes[piece.taken..])
    }

    /// The first so many bytes of what has arrived were passed on.
    pub(super) fn take(&mut self, count: usize) {
        let piece = self.pieces.front_mut().expect("only what has arrived is taken");
        piece.taken += count;
        self.held_bytes -= count;
        if piece.taken == piece.bytes.len() {
            self.pieces.pop_front();
        }
    }

    /// The end, when it is seen by now: a good one once everything before it was taken.
    pub(super) fn arrived_end(&self, now: Instant) -> Option<End> {
        let (_, end) = self.end.filter(|(due, _)| *due <= now)?;
        (end == End::Reset || self.pieces.is_empty()).then_some(end)
    }

    /// When the next thing after `now` arrives.
    pub(super) fn next_due(&self, now: Instant) -> Option<Instant> {
        let arrived = self.pieces.partition_point(|piece| piece.due <= now);
        let piece = self.pieces.get(arrived).map(|piece| piece.due);
        let end = self.end.map(|(due, _)| due).filter(|due| now < *due);
        piece.into_iter().chain(end).min()
    }

    /// Its receiver is gone: what is on its way goes nowhere.
    pub(super) fn discard(&mut self) {
        *self = Pipe::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now;
    use std::time::Duration;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn nothing_arrives_early_and_nothing_overtakes() {
        let start = now();
        let mut pipe = Pipe::default();
        pipe.push(start + 20 * MS, b"first");
        pipe.push(start + 10 * MS, b"second");
        pipe.end(start + 5 * MS, End::Closed);
        assert_eq!(pipe.arrived(start + 19 * MS), None);
        assert_eq!(pipe.next_due(start), Some(start + 20 * MS));
        assert_eq!(pipe.arrived(start + 20 * MS), Some(&b"first"[..]));
        pipe.take(2);
        assert_eq!(pipe.arrived(start + 20 * MS), Some(&b"rst"[..]));
        assert_eq!(pipe.arrived_end(start + 20 * MS), None, "there are bytes before it");
        pipe.take(3);
        assert_eq!(pipe.arrived(start + 20 * MS), Some(&b"second"[..]));
        pipe.take(6);
        assert_eq!(pipe.arrived_end(start + 20 * MS), Some(End::Closed));
    }

    #[test]
    fn a_reset_overtakes_what_nobody_takes() {
        let start = now();
        let mut pipe = Pipe::default();
        pipe.push(start, b"unread");
        pipe.end(start + 2 * MS, End::Closed);
        pipe.end(start + 3 * MS, End::Reset);
        assert_eq!(pipe.arrived_end(start + 2 * MS), None);
        assert_eq!(pipe.next_due(start), Some(start + 3 * MS));
        assert_eq!(pipe.arrived_end(start + 3 * MS), Some(End::Reset));
    }

    #[test]
    fn what_is_on_its_way_is_bounded() {
        let mut pipe = Pipe::default();
        pipe.push(now(), &vec![0; Pipe::HELD_BYTES_MAX - 1]);
        assert_eq!(pipe.room(), 1);
        pipe.take(100);
        assert_eq!(pipe.room(), 101);
        pipe.discard();
        assert!(pipe.is_empty());
        assert_eq!(pipe.room(), Pipe::HELD_BYTES_MAX);
    }
}
