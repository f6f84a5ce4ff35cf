//! Server-sent events: how a stream is written as `text/event-stream`, and read again.
//!
//! Knows the events of `docs/protocol.md` and the line rules of the WHATWG specification. Does not know when an
//! event is due.

pub mod control;
pub mod parser;

use crate::digits::write_decimal;
use crate::envelope::write_envelopes;
use crate::json::text::{write_base64, write_offset_or_null};
use crate::json::write_array;
use crate::offset_text::offset_text;
use bytes::Bytes;
use tidings_model::{ContentKind, Offset, Reset, Timestamp};

/// The media type of the response.
pub const CONTENT_TYPE: &str = "text/event-stream";

/// A comment that keeps a silent connection alive.
pub const HEARTBEAT: &[u8] = b": heartbeat\n\n";

/// The name of an event with messages.
pub const DATA: &str = "data";
/// The name of an event that tells where the reader stands.
pub const CONTROL: &str = "control";
/// The name of the event that ends a response whose offset can't be continued.
pub const RESET: &str = "reset";

/// Appends how long a browser waits before it comes back. A field alone, without an event.
pub fn write_retry(out: &mut Vec<u8>, wait_ms: u64) {
    out.extend_from_slice(b"retry: ");
    write_decimal(wait_ms, out);
    out.push(b'\n');
}

/// Appends an event that has neither a name nor an id, with JSON that is built in place.
pub fn write_plain_event(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    write_payload(out, write);
}

/// Appends a data event with these JSON messages in one array. `id` is the offset after the last one.
pub fn write_json_event<'a>(out: &mut Vec<u8>, id: Offset, messages: impl IntoIterator<Item = &'a Bytes>) {
    write_payload_event(out, id, |out| write_array(out, messages));
}

/// Appends a data event with these messages in envelopes, each with the offset after it and its time.
pub fn write_envelope_event<'a>(
    out: &mut Vec<u8>,
    id: Offset,
    kind: ContentKind,
    messages: impl IntoIterator<Item = (Offset, Timestamp, &'a [u8])>,
) {
    write_payload_event(out, id, |out| write_envelopes(out, kind, messages));
}

/// Appends a data event with one message of a text stream, its lines as lines.
pub fn write_text_event(out: &mut Vec<u8>, id: Offset, message: &[u8]) {
    write_data_event(out, id, message);
}

/// Appends a data event with one message of a stream of bytes, in base64.
pub fn write_bytes_event(out: &mut Vec<u8>, id: Offset, message: &[u8]) {
    begin_data_event(out, id);
    out.extend_from_slice(b"data:");
    write_base64(out, message);
    out.extend_from_slice(b"\n\n");
}

/// Appends a data event with a payload that is built already. `id` is the offset after it.
pub fn write_data_event(out: &mut Vec<u8>, id: Offset, payload: &[u8]) {
    begin_data_event(out, id);
    write_lines(out, payload);
    out.push(b'\n');
}

/// Appends the event that ends a response whose offset can't be continued.
pub fn write_reset(out: &mut Vec<u8>, reset: &Reset) {
    out.extend_from_slice(b"event: reset\ndata:{\"reason\":\"");
    out.extend_from_slice(reset.reason.as_str().as_bytes());
    out.extend_from_slice(b"\",\"earliest\":");
    write_offset_or_null(out, reset.earliest);
    out.extend_from_slice(b",\"tail\":");
    write_offset_or_null(out, reset.tail);
    out.extend_from_slice(b"}\n\n");
}

/// Appends a data event whose payload is built in place.
fn write_payload_event(out: &mut Vec<u8>, id: Offset, write: impl FnOnce(&mut Vec<u8>)) {
    begin_data_event(out, id);
    write_payload(out, write);
}

/// Appends a payload that is built in place, and ends the event.
///
/// A line break in JSON can only be white space between its parts (in strings it is escaped), so it may become a
/// break between `data:` lines. Pretty-printed messages are rare: only for them the payload is moved.
fn write_payload(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let line_start = out.len();
    out.extend_from_slice(b"data:");
    let payload_start = out.len();
    write(out);
    if memchr::memchr2(b'\r', b'\n', &out[payload_start..]).is_none() {
        out.push(b'\n');
    } else {
        let payload = out.split_off(payload_start);
        out.truncate(line_start);
        write_lines(out, &payload);
    }
    out.push(b'\n');
}

fn begin_data_event(out: &mut Vec<u8>, id: Offset) {
    write_id(out, id);
    out.extend_from_slice(b"event: data\n");
}

fn write_id(out: &mut Vec<u8>, id: Offset) {
    out.extend_from_slice(b"id: ");
    out.extend_from_slice(&offset_text(id));
    out.push(b'\n');
}

/// Appends a payload as `data:` lines, split at CRLF, CR and LF, so that no message can forge a field.
///
/// A parser takes one space after the colon away: a line that begins with one gets another.
fn write_lines(out: &mut Vec<u8>, payload: &[u8]) {
    let mut rest = payload;
    loop {
        let end = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        out.extend_from_slice(b"data:");
        if line.starts_with(b" ") {
            out.push(b' ');
        }
        out.extend_from_slice(line);
        out.push(b'\n');
        rest = match after {
            [] => return,
            [b'\r', b'\n', next @ ..] | [_, next @ ..] => next,
        };
    }
}

#[cfg(test)]
mod tests;
