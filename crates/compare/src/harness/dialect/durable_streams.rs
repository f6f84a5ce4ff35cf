//! The base Durable Streams protocol, as servers of others speak it: create, append, read, long poll, SSE. No WebSocket.
//!
//! Offsets are opaque here. Nothing of our own additions is used.

use super::{
    AnswerHead, Dialect, Event, Place, Publish, PublishWay, Reply, Told, Verdict, on_page, retry_after,
    text_of,
};
use crate::harness::origin::{Origin, field};
use crate::way::Way;
use httparse::Header;
use tidings_protocol::Headers as _;
use tidings_protocol::header_name as name;

/// A server of others that keeps streams.
#[derive(Clone, Debug)]
pub(crate) struct DurableStreams {
    /// Its path is the root of all streams.
    pub(crate) origin: Origin,
    /// After how many seconds without use a stream ends, should it not be removed.
    pub(crate) ttl_s: u64,
}

impl Dialect for DurableStreams {
    fn speaks(&self) -> &'static str {
        "durable-streams"
    }

    fn can_follow(&self, way: Way) -> bool {
        way != Way::WebSocket
    }

    fn ways_to_publish(&self) -> &'static [PublishWay] {
        &[PublishWay::Post]
    }

    fn acknowledges(&self, _by: PublishWay) -> bool {
        true
    }

    fn create(&self, stream: &str, out: &mut Vec<u8>) {
        self.origin.begin("PUT", format_args!("/{stream}"), out);
        field(out, "Content-Type", "application/json");
        field(out, "Stream-TTL", &self.ttl_s.to_string());
        field(out, "Content-Length", "0");
        out.extend_from_slice(b"\r\n");
    }

    fn start(&self, fields: &[Header<'_>], place: &mut Place) {
        // A server may leave it out; the stream is new, so its beginning is its end.
        place.go_on_at(fields.first_text(name::STREAM_NEXT_OFFSET).unwrap_or("-1"));
    }

    fn remove(&self, stream: &str, out: &mut Vec<u8>) {
        self.origin.begin("DELETE", format_args!("/{stream}"), out);
        out.extend_from_slice(b"\r\n");
    }

    fn follow(&self, way: Way, stream: &str, place: &Place, _upgrade: &[(&str, &str)], out: &mut Vec<u8>) {
        let Place { offset, etag, cursor } = place;
        let live = match way {
            Way::LongPoll | Way::LongPollClosing => "&live=long-poll",
            Way::Sse => "&live=sse",
            Way::Poll { .. } | Way::WebSocket => "",
        };
        match cursor.as_str() {
            cursor if live.is_empty() || cursor.is_empty() => {
                self.origin.begin("GET", format_args!("/{stream}?offset={offset}{live}"), out);
            }
            cursor => {
                let target = format_args!("/{stream}?offset={offset}{live}&cursor={cursor}");
                self.origin.begin("GET", target, out);
            }
        }
        if live.is_empty() && !etag.is_empty() {
            field(out, "If-None-Match", etag);
        }
        if way == Way::LongPollClosing {
            field(out, "Connection", "close");
        }
        out.extend_from_slice(b"\r\n");
    }

    fn on_head(&self, way: Way, head: &AnswerHead<'_>, place: &mut Place) -> Verdict {
        match (head.status, way) {
            // An answer that nothing has changed need not repeat that this is up to date.
            (200, Way::Sse) | (304, Way::Poll { .. }) => Verdict::Fine,
            (200 | 204, Way::Poll { .. } | Way::LongPoll | Way::LongPollClosing) => on_page(way, head, place),
            (429 | 500..=599, _) => Verdict::Later(retry_after(head.fields)),
            (status, _) => Verdict::Over(format!(
                "the server answered a follower with status {status}, which the Durable Streams protocol has not for an open stream"
            )),
        }
    }

    fn on_event(&self, event: &Event<'_>, place: &mut Place) -> Told {
        if event.name != b"control" {
            return Told::NotYet;
        }
        if let Some(offset) = text_of(event.data, "streamNextOffset") {
            place.go_on_at(offset);
        }
        if let Some(cursor) = text_of(event.data, "streamCursor") {
            place.keep_cursor(cursor);
        }
        Told::Nothing
    }

    fn on_text(&self, _text: &[u8], _place: &mut Place) -> Told {
        Told::Nothing
    }

    fn joins_by_upgrade(&self) -> bool {
        true
    }

    fn open_publisher(&self, _stream: &str, _upgrade: &[(&str, &str)], _out: &mut Vec<u8>) {}

    fn publish(&self, _by: PublishWay, publish: &Publish<'_>, out: &mut Vec<u8>) {
        self.origin.begin("POST", format_args!("/{}", publish.stream), out);
        field(out, "Content-Type", "application/json");
        field(out, "Content-Length", &publish.payload.len().to_string());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(publish.payload);
    }

    fn on_publisher_text(&self, _text: &[u8]) -> Reply {
        Reply::Nothing
    }
}
