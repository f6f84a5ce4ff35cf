//! A data folder as it is checked in, and all that a log holds as text.
//!
//! Files are kept without the zeros at their ends, which most of them have; `sizes.txt` says how long they were.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers here belong to one test each, and a failure shows its line"
)]

use std::fmt::Write as _;
use tidings_log::{Log, ReadLimit};

/// The sizes of the files.
pub(crate) const SIZES: &str = "sizes.txt";

/// What the log holds.
pub(crate) const STREAMS: &str = "streams.txt";

/// All that readers and publishers can tell.
pub(crate) fn describe(log: &Log) -> String {
    let mut text = String::new();
    for view in log.catalog().list("", None, usize::MAX) {
        writeln!(text, "{} {}", view.name, view.incarnation).unwrap();
        writeln!(text, "  {:?}", view.config).unwrap();
        let (earliest, tail, closed) = (view.earliest_index, view.tail_index, view.closed);
        writeln!(text, "  created {} from {earliest} to {tail} closed {closed}", view.created.0).unwrap();
        writeln!(text, "  {:?}", log.remembered(view.incarnation).unwrap()).unwrap();
        let all = ReadLimit { bytes: usize::MAX, messages: u64::MAX };
        for batch in view.stored.read(earliest, tail, all).unwrap() {
            for (index, message) in (batch.first_index..).zip(&batch.messages) {
                let start = String::from_utf8_lossy(&message[..message.len().min(11)]).into_owned();
                let (bytes, crc) = (message.len(), crc32c::crc32c(message));
                writeln!(text, "  {index} at {}: {bytes} bytes, {crc:08x}, {start:?}", batch.time.0).unwrap();
            }
        }
    }
    text
}
