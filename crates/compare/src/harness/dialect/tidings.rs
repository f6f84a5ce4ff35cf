//! Our own protocol: `docs/protocol.md`.

use super::{
    AnswerHead, Dialect, Event, Place, Publish, PublishWay, Reply, Told, Verdict, on_page, retry_after,
};
use crate::harness::origin::{Origin, field};
use crate::harness::said::said;
use crate::way::Way;
use httparse::Header;
use memchr::memmem;
use std::io::Write as _;
use std::time::Duration;
use tidings_protocol::Headers as _;
use tidings_protocol::header_name as name;

/// A tidings server.
#[derive(Clone, Debug)]
pub(crate) struct Tidings {
    /// Its path stands before `/v1`; empty but behind a proxy that puts the server under a path.
    pub(crate) origin: Origin,
    /// `disk` or `memory`, where it is chosen.
    pub(crate) durability: Option<String>,
    /// After how many seconds without use a stream ends, should it not be removed.
    pub(crate) ttl_s: Option<u64>,
}

impl Tidings {
    fn begin(&self, method: &str, stream: &str, query: std::fmt::Arguments<'_>, out: &mut Vec<u8>) {
        self.origin.begin(method, format_args!("/v1/stream/{stream}{query}"), out);
    }
}

impl Dialect for Tidings {
    fn speaks(&self) -> &'static str {
        "tidings"
    }

    fn can_follow(&self, _way: Way) -> bool {
        true
    }

    fn ways_to_publish(&self) -> &'static [PublishWay] {
        &[PublishWay::WebSocket, PublishWay::Post]
    }

    fn acknowledges(&self, _by: PublishWay) -> bool {
        true
    }

    fn create(&self, stream: &str, out: &mut Vec<u8>) {
        self.begin("PUT", stream, format_args!(""), out);
        field(out, "Content-Type", "application/json");
        if let Some(durability) = &self.durability {
            field(out, "Stream-Durability", durability);
        }
        if let Some(ttl_s) = self.ttl_s {
            field(out, "Stream-TTL", &ttl_s.to_string());
        }
        field(out, "Content-Length", "0");
        out.extend_from_slice(b"\r\n");
    }

    fn start(&self, fields: &[Header<'_>], place: &mut Place) {
        if let Some(offset) = fields.first_text(name::STREAM_NEXT_OFFSET) {
            place.go_on_at(offset);
        }
    }

    fn remove(&self, stream: &str, out: &mut Vec<u8>) {
        self.begin("DELETE", stream, format_args!(""), out);
        out.extend_from_slice(b"\r\n");
    }

    fn follow(&self, way: Way, stream: &str, place: &Place, upgrade: &[(&str, &str)], out: &mut Vec<u8>) {
        let offset = &place.offset;
        match way {
            Way::Poll { .. } | Way::WebSocket => {
                self.begin("GET", stream, format_args!("?offset={offset}"), out);
            }
            Way::LongPoll | Way::LongPollClosing if place.cursor.is_empty() => {
                self.begin("GET", stream, format_args!("?offset={offset}&live=long-poll"), out);
            }
            Way::LongPoll | Way::LongPollClosing => {
                let query = format_args!("?offset={offset}&live=long-poll&cursor={}", place.cursor);
                self.begin("GET", stream, query, out);
            }
            Way::Sse => self.begin("GET", stream, format_args!("?offset={offset}&live=sse"), out),
        }
        if matches!(way, Way::Poll { .. }) && !place.etag.is_empty() {
            field(out, "If-None-Match", &place.etag);
        }
        if way == Way::LongPollClosing {
            field(out, "Connection", "close");
        }
        for (name, value) in upgrade {
            field(out, name, value);
        }
        out.extend_from_slice(b"\r\n");
    }

    fn on_head(&self, way: Way, head: &AnswerHead<'_>, place: &mut Place) -> Verdict {
        match (head.status, way) {
            (101, Way::WebSocket) | (200, Way::Sse) => Verdict::Fine,
            (200 | 204 | 304, Way::Poll { .. } | Way::LongPoll | Way::LongPollClosing) => {
                on_page(way, head, place)
            }
            (429 | 500..=599, _) => Verdict::Later(retry_after(head.fields)),
            (410, _) => {
                let reason = head.fields.first_text(name::STREAM_RESET).unwrap_or("without a reason");
                Verdict::Over(format!(
                    "the server answered with a reset ({reason}): the stream was changed during the run"
                ))
            }
            (status, _) => Verdict::Over(format!("the server answered a follower with status {status}")),
        }
    }

    fn on_event(&self, event: &Event<'_>, place: &mut Place) -> Told {
        if event.name == b"reset" {
            return reset(event.data);
        }
        // `id:` is the offset after the event.
        if let Ok(id) = std::str::from_utf8(event.id)
            && !id.is_empty()
        {
            place.go_on_at(id);
        }
        Told::Nothing
    }

    fn on_text(&self, text: &[u8], place: &mut Place) -> Told {
        match kind(text) {
            b"message" | b"subscribed" | b"skipped" => {
                go_on_behind(text, place);
                Told::Nothing
            }
            b"live" => {
                go_on_behind(text, place);
                Told::Joined
            }
            b"reset" => reset(text),
            b"error" | b"closed" => Told::Over(format!("the server said {}", said(text))),
            b"drain" => Told::Drain(within(text)),
            _ => Told::Nothing,
        }
    }

    fn joins_by_upgrade(&self) -> bool {
        false
    }

    fn open_publisher(&self, _stream: &str, upgrade: &[(&str, &str)], out: &mut Vec<u8>) {
        self.origin.begin("GET", format_args!("/v1/ws"), out);
        for (name, value) in upgrade {
            field(out, name, value);
        }
        out.extend_from_slice(b"\r\n");
    }

    fn publish(&self, by: PublishWay, publish: &Publish<'_>, out: &mut Vec<u8>) {
        let Publish { stream, id, payload, may_repeat } = *publish;
        match by {
            PublishWay::Post => {
                self.begin("POST", stream, format_args!(""), out);
                field(out, "Content-Type", "application/json");
                if may_repeat {
                    field(out, "Idempotency-Key", &id.to_string());
                }
                field(out, "Content-Length", &payload.len().to_string());
                out.extend_from_slice(b"\r\n");
                out.extend_from_slice(payload);
            }
            PublishWay::WebSocket => {
                // A vector takes any write.
                let _written = write!(out, r#"{{"type":"publish","id":"{id}","stream":"{stream}""#);
                if may_repeat {
                    let _written = write!(out, r#","key":"{id}""#); // As above.
                }
                out.extend_from_slice(br#","data":"#);
                out.extend_from_slice(payload);
                out.push(b'}');
            }
        }
    }

    fn on_publisher_text(&self, text: &[u8]) -> Reply {
        match kind(text) {
            b"published" => Reply::Published,
            b"error" => Reply::Refused(said(text)),
            _ => Reply::Nothing,
        }
    }
}

/// The type of a frame: our server always writes it first.
fn kind(text: &[u8]) -> &[u8] {
    value(text, br#"{"type":""#).unwrap_or_default()
}

fn go_on_behind(text: &[u8], place: &mut Place) {
    // A stream's name is ours and has no such text in it; the data comes behind the offset.
    if let Some(offset) = value(text, br#""offset":""#).and_then(|it| std::str::from_utf8(it).ok()) {
        place.go_on_at(offset);
    }
}

/// The text between that beginning and the next quotation mark.
fn value<'a>(text: &'a [u8], beginning: &[u8]) -> Option<&'a [u8]> {
    let rest = &text[memmem::find(text, beginning)? + beginning.len()..];
    memchr::memchr(b'"', rest).map(|end| &rest[..end])
}

fn within(text: &[u8]) -> Duration {
    let beginning = br#""within":"#;
    let digits = memmem::find(text, beginning).map_or(&[][..], |at| &text[at + beginning.len()..]);
    let seconds = digits.iter().take_while(|byte| byte.is_ascii_digit()).take(6);
    Duration::from_secs(seconds.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

fn reset(text: &[u8]) -> Told {
    let reason = value(text, br#""reason":""#).map_or_else(|| "without a reason".to_owned(), said);
    Told::Over(format!("the server sent a reset ({reason}): the stream was changed during the run"))
}
