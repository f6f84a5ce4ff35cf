//! The messages of a server as text, written straight into a buffer.
//!
//! Nothing of a `message` is particular to one connection: it is written once for all followers of a stream. Frame
//! headers are added by [`write_text_frame`](crate::websocket::frame::write_text_frame).

use super::Hello;
use crate::envelope::write_time_and_data;
use crate::json::text::{write_offset, write_offset_or_null, write_seconds, write_string, write_truth};
use crate::{ErrorCode, Problem, ProblemFacts, write_decimal};
use std::time::Duration;
use tidings_model::{ContentKind, Offset, Reset, Skip, StreamName, Timestamp};

/// Said when nothing else was for the heartbeat interval: pages can't see ping frames.
pub const HEARTBEAT: &[u8] = br#"{"type":"heartbeat"}"#;

/// Appends the first message of every connection.
pub fn write_hello(out: &mut Vec<u8>, hello: &Hello) {
    out.extend_from_slice(br#"{"type":"hello","heartbeat":"#);
    write_seconds(out, hello.heartbeat);
    out.extend_from_slice(br#","max_message_bytes":"#);
    write_decimal(hello.max_message_bytes, out);
    out.extend_from_slice(br#","max_streams":"#);
    write_decimal(hello.max_streams, out);
    out.push(b'}');
}

/// Appends that the client is believed, and for how long; `None` is for ever.
pub fn write_authenticated(out: &mut Vec<u8>, expires_in: Option<Duration>) {
    out.extend_from_slice(br#"{"type":"authenticated","expires_in":"#);
    match expires_in {
        Some(left) => write_decimal(left.as_secs(), out),
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
}

/// Appends that the client has to say within that time who it is.
pub fn write_renew(out: &mut Vec<u8>, within: Duration) {
    out.extend_from_slice(br#"{"type":"renew","within":"#);
    write_decimal(within.as_secs(), out);
    out.push(b'}');
}

/// Appends where a subscription begins.
pub fn write_subscribed(out: &mut Vec<u8>, stream: &StreamName, offset: Offset) {
    begin(out, "subscribed", stream);
    end_with_offset(out, offset);
}

/// Appends one message of a stream. `offset` is the one after it.
pub fn write_message(
    out: &mut Vec<u8>,
    stream: &StreamName,
    kind: ContentKind,
    offset: Offset,
    time: Timestamp,
    data: &[u8],
) {
    begin(out, "message", stream);
    out.extend_from_slice(br#","offset":"#);
    write_offset(out, offset);
    write_time_and_data(out, kind, time, data);
    out.push(b'}');
}

/// Appends that everything stored was sent.
pub fn write_live(out: &mut Vec<u8>, stream: &StreamName, offset: Offset) {
    begin(out, "live", stream);
    end_with_offset(out, offset);
}

/// Appends that the client stayed behind, and what it was skipped over.
pub fn write_skipped(out: &mut Vec<u8>, stream: &StreamName, skip: &Skip) {
    begin(out, "skipped", stream);
    out.extend_from_slice(br#","from":"#);
    write_offset(out, skip.from);
    out.extend_from_slice(br#","offset":"#);
    write_offset(out, skip.to);
    out.extend_from_slice(br#","messages":"#);
    write_decimal(skip.messages(), out);
    out.push(b'}');
}

/// Appends that the offset can't be continued.
pub fn write_reset(out: &mut Vec<u8>, stream: &StreamName, reset: &Reset) {
    begin(out, "reset", stream);
    out.extend_from_slice(br#","reason":"#);
    write_string(out, reset.reason.as_str());
    out.extend_from_slice(br#","earliest":"#);
    write_offset_or_null(out, reset.earliest);
    out.extend_from_slice(br#","tail":"#);
    write_offset_or_null(out, reset.tail);
    out.push(b'}');
}

/// Appends that the stream is closed and everything was sent.
pub fn write_closed(out: &mut Vec<u8>, stream: &StreamName, offset: Offset) {
    begin(out, "closed", stream);
    end_with_offset(out, offset);
}

/// Appends that a subscription has ended as it was asked.
pub fn write_unsubscribed(out: &mut Vec<u8>, stream: &StreamName) {
    begin(out, "unsubscribed", stream);
    out.push(b'}');
}

/// That a publish is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedFrame<'a> {
    /// Of the publish.
    pub id: &'a str,
    /// Where it went.
    pub stream: &'a StreamName,
    /// The one after it; `None` for an old duplicate of a producer.
    pub offset: Option<Offset>,
    /// Whether it was stored before.
    pub duplicate: bool,
}

/// Appends that a publish is stored.
pub fn write_published(out: &mut Vec<u8>, published: &PublishedFrame<'_>) {
    out.extend_from_slice(br#"{"type":"published","id":"#);
    write_string(out, published.id);
    out.extend_from_slice(br#","stream":"#);
    write_string(out, published.stream.as_str());
    out.extend_from_slice(br#","offset":"#);
    write_offset_or_null(out, published.offset);
    out.extend_from_slice(br#","duplicate":"#);
    write_truth(out, published.duplicate);
    out.push(b'}');
}

/// That a message of the client can't be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorFrame<'a> {
    /// Of the publish, where it is known.
    pub id: Option<&'a str>,
    /// Which stream it is about, where it is known; not always a name.
    pub stream: Option<&'a str>,
    /// What went wrong; says too whether it may be tried again.
    pub code: ErrorCode,
    /// What to do about it.
    pub message: &'a str,
}

/// Appends that a message of the client can't be followed.
pub fn write_error(out: &mut Vec<u8>, error: &ErrorFrame<'_>) {
    out.extend_from_slice(br#"{"type":"error""#);
    if let Some(id) = error.id {
        out.extend_from_slice(br#","id":"#);
        write_string(out, id);
    }
    if let Some(stream) = error.stream {
        out.extend_from_slice(br#","stream":"#);
        write_string(out, stream);
    }
    out.extend_from_slice(br#","code":"#);
    write_string(out, error.code.as_str());
    out.extend_from_slice(br#","message":"#);
    write_string(out, error.message);
    out.extend_from_slice(br#","retryable":"#);
    write_truth(out, error.code.is_retryable());
    out.push(b'}');
}

/// Appends a refusal with what a program needs beside its code: which limit was reached, and when to ask again.
pub fn write_problem(out: &mut Vec<u8>, id: Option<&str>, stream: Option<&str>, problem: &Problem) {
    write_error(out, &ErrorFrame { id, stream, code: problem.code, message: &problem.detail });
    let ProblemFacts::Limit(reached) = &problem.facts else { return };
    let brace = out.pop();
    out.extend_from_slice(br#","limit":"#);
    write_string(out, reached.limit);
    out.extend_from_slice(br#","amount":"#);
    write_decimal(reached.amount, out);
    out.extend_from_slice(br#","scope":"#);
    write_string(out, reached.scope);
    out.extend_from_slice(br#","retry_after":"#);
    write_decimal(reached.retry_after_s, out);
    out.extend(brace);
}

/// Appends that the server is about to end.
pub fn write_drain(out: &mut Vec<u8>, within: Duration) {
    out.extend_from_slice(br#"{"type":"drain","within":"#);
    write_seconds(out, within);
    out.push(b'}');
}

/// Appends within which time to come back, should the server be lost without a word.
pub fn write_return(out: &mut Vec<u8>, within: Duration) {
    out.extend_from_slice(br#"{"type":"return","within":"#);
    write_seconds(out, within);
    out.push(b'}');
}

fn begin(out: &mut Vec<u8>, kind: &str, stream: &StreamName) {
    out.extend_from_slice(br#"{"type":""#);
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(br#"","stream":"#);
    write_string(out, stream.as_str());
}

fn end_with_offset(out: &mut Vec<u8>, offset: Offset) {
    out.extend_from_slice(br#","offset":"#);
    write_offset(out, offset);
    out.push(b'}');
}
