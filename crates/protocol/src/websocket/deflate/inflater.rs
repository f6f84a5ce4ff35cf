//! Inflates one message that comes in pieces.

use crate::websocket::Violation;
use crate::websocket::close_code::CloseCode;
use flate2::{Decompress, FlushDecompress, Status};

const INVALID: Violation =
    Violation { code: CloseCode::INVALID_DATA, reason: "a compressed message that can't be inflated" };

/// What the sender left out at the end of a message (RFC 7692, section 7.2.2), and an empty last block behind it: where that one ends, every
/// block before it has ended too.
const END: &[u8] = &[0x00, 0x00, 0xff, 0xff, 0x03, 0x00];

/// The state of a message of which something has come.
#[derive(Debug)]
pub(in super::super) struct Inflater {
    state: Decompress,
    /// Nothing has come since the beginning, or since a block that said that it was the last.
    is_fresh: bool,
}

/// How far it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Inflated {
    /// All input was taken, and there is no more to give.
    All,
    /// The output is full; there may be more.
    Full,
}

impl Inflater {
    /// About what one takes: the window and the tables.
    pub(in super::super) const BYTES: usize = 48 << 10;

    pub(in super::super) fn new() -> Inflater {
        Inflater { state: Decompress::new(false), is_fresh: true }
    }

    /// Begins another message.
    pub(in super::super) fn reset(&mut self) {
        self.state.reset(false);
        self.is_fresh = true;
    }

    /// Takes from the front of `input` and appends to `out`, within its capacity.
    ///
    /// After a block that says that it is the last, another one may follow in the same message (RFC 7692, section 7.2.3.4).
    pub(in super::super) fn inflate(
        &mut self,
        input: &mut &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Inflated, Violation> {
        loop {
            if out.len() == out.capacity() {
                return Ok(Inflated::Full);
            }
            let before = self.state.total_in();
            let status = self.state.decompress_vec(input, out, FlushDecompress::None);
            let status = status.map_err(|_| INVALID)?;
            let taken = usize::try_from(self.state.total_in() - before).map_err(|_| INVALID)?;
            *input = input.get(taken..).ok_or(INVALID)?;
            self.is_fresh &= taken == 0;
            if status == Status::StreamEnd {
                self.reset();
                if input.is_empty() {
                    return Ok(Inflated::All);
                }
            } else if out.len() < out.capacity() {
                // It stops before either is used up only when it can't go on.
                return if input.is_empty() { Ok(Inflated::All) } else { Err(INVALID) };
            }
        }
    }

    /// What is to be inflated last, before [`Inflater::check_end`]. A message may have ended by itself, or have nothing in it.
    pub(in super::super) fn end(&self) -> &'static [u8] {
        if self.is_fresh { &[] } else { END }
    }

    /// Whether the message has ended where its blocks do.
    pub(in super::super) fn check_end(&self) -> Result<(), Violation> {
        if self.is_fresh { Ok(()) } else { Err(INVALID) }
    }
}
