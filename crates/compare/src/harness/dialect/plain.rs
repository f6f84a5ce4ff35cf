//! Servers that know no streams: a WebSocket that sends its messages to whoever is connected, or an SSE response that goes on.
//!
//! What is published is found by its mark in what followers get, whatever is wrapped round it. There is no offset, so who loses its
//! connection loses messages, unless events carry an `id:`; that is counted, as it is.

use super::{AnswerHead, Dialect, Event, Place, Publish, PublishWay, Reply, Told, Verdict, retry_after};
use crate::harness::origin::{Origin, field};
use crate::way::Way;
use httparse::Header;

/// A server that is followed at one URL, and published to there or at another.
#[derive(Clone, Debug)]
pub(crate) struct Plain {
    /// [`Way::WebSocket`] or [`Way::Sse`].
    pub(crate) way: Way,
    pub(crate) follow: Origin,
    pub(crate) publish: Origin,
    /// How it is published to.
    pub(crate) by: PublishWay,
}

impl Dialect for Plain {
    fn speaks(&self) -> &'static str {
        if self.way == Way::Sse { "sse" } else { "websocket" }
    }

    fn can_follow(&self, way: Way) -> bool {
        way == self.way
    }

    fn ways_to_publish(&self) -> &'static [PublishWay] {
        match self.by {
            PublishWay::Post => &[PublishWay::Post],
            PublishWay::WebSocket => &[PublishWay::WebSocket],
        }
    }

    fn acknowledges(&self, by: PublishWay) -> bool {
        by == PublishWay::Post
    }

    fn has_streams(&self) -> bool {
        false
    }

    fn create(&self, _stream: &str, _out: &mut Vec<u8>) {}

    fn start(&self, _fields: &[Header<'_>], _place: &mut Place) {}

    fn remove(&self, _stream: &str, _out: &mut Vec<u8>) {}

    fn follow(&self, _way: Way, _stream: &str, place: &Place, upgrade: &[(&str, &str)], out: &mut Vec<u8>) {
        self.follow.begin_here("GET", out);
        if self.way == Way::Sse {
            field(out, "Accept", "text/event-stream");
            if !place.offset.is_empty() {
                field(out, "Last-Event-ID", &place.offset);
            }
        }
        for (name, value) in upgrade {
            field(out, name, value);
        }
        out.extend_from_slice(b"\r\n");
    }

    fn on_head(&self, way: Way, head: &AnswerHead<'_>, _place: &mut Place) -> Verdict {
        match (head.status, way) {
            (101, Way::WebSocket) | (200, Way::Sse) => Verdict::Fine,
            (429 | 500..=599, _) => Verdict::Later(retry_after(head.fields)),
            (status, Way::WebSocket) => Verdict::Over(format!(
                "the server answered with status {status} where a WebSocket was to open: is its path in --url?"
            )),
            (status, _) => Verdict::Over(format!(
                "the server answered with status {status} where events were to begin: is their path in --url?"
            )),
        }
    }

    fn on_event(&self, event: &Event<'_>, place: &mut Place) -> Told {
        if let Ok(id) = std::str::from_utf8(event.id)
            && !id.is_empty()
        {
            place.go_on_at(id);
        }
        Told::Nothing
    }

    fn on_text(&self, _text: &[u8], _place: &mut Place) -> Told {
        Told::Nothing
    }

    fn joins_by_upgrade(&self) -> bool {
        true
    }

    fn open_publisher(&self, _stream: &str, upgrade: &[(&str, &str)], out: &mut Vec<u8>) {
        self.publish.begin_here("GET", out);
        for (name, value) in upgrade {
            field(out, name, value);
        }
        out.extend_from_slice(b"\r\n");
    }

    fn publish(&self, by: PublishWay, publish: &Publish<'_>, out: &mut Vec<u8>) {
        if by == PublishWay::Post {
            self.publish.begin_here("POST", out);
            field(out, "Content-Type", "application/json");
            field(out, "Content-Length", &publish.payload.len().to_string());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(publish.payload);
    }

    fn on_publisher_text(&self, _text: &[u8]) -> Reply {
        Reply::Nothing
    }
}
