//! Forms: messages as bytes for the wire, encoded once for everybody who stands at the same place.
//!
//! Hot path: commit → fan-out. Budget: one encoding a form and page, one look-up and one reference count a follower.
//! Nothing is kept beyond the turn of the worker: what is asked for again later is rare, and costs memory.

mod wrapping;

pub(crate) use wrapping::{LAST_CHUNK, Wrapping, chunk, heartbeat};

use crate::settings::Settings;
use bytes::Bytes;
use std::collections::HashMap;
use tidings_engine::{Page, Part, Stream};
use tidings_model::{ContentKind, Incarnation, Offset, Timestamp};
use tidings_protocol::envelope::write_envelopes;
use tidings_protocol::sse::control::{Control, ControlEnd, write_control};
use tidings_protocol::websocket::deflate::Deflater;
use tidings_protocol::websocket::server_message::writer::write_message;
use tidings_protocol::{json, sse};

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// The body of a poll or long poll.
    Body {
        /// Wrapped, each with its offset and time.
        envelope: bool,
    },
    /// Data events, each with its control.
    Sse {
        /// Wrapped, each with its offset and time.
        envelope: bool,
        /// Whether it is one chunk of a chunked response.
        chunked: bool,
        /// The cache key that the controls carry.
        cursor: u64,
    },
    /// One frame of `tidings.v1` a message, wrapped so.
    Frames(Wrapping),
}

/// Which messages, in which form: stream, first and last index, whether it ends at the tail.
type Key = (Incarnation, u64, u64, bool, Form);

/// What was encoded in this turn.
pub(crate) struct Forms {
    encoded: HashMap<Key, Bytes>,
    /// The one that was asked for last: most often the next follower asks for the same.
    last: Option<(Key, Bytes)>,
    /// Compresses for all connections of the worker.
    pub(crate) deflater: Deflater,
}

impl Forms {
    pub(crate) fn new(settings: &Settings) -> Forms {
        let deflater = Deflater::new(settings.websocket_compression_min_bytes);
        Forms { encoded: HashMap::new(), last: None, deflater }
    }

    pub(crate) fn on_settings(&mut self, settings: &Settings) {
        self.deflater.set_bytes_min(settings.websocket_compression_min_bytes);
    }

    /// A page in that form.
    pub(crate) fn encode(&mut self, form: Form, stream: &Stream, page: &Page) -> Bytes {
        let key = (stream.incarnation(), page.start, page.end, page.at_tail, form);
        if let Some((_, bytes)) = self.last.as_ref().filter(|(last, _)| *last == key) {
            return bytes.clone();
        }
        let bytes = self.find_or_encode(key, form, stream, page);
        self.last = Some((key, bytes.clone()));
        bytes
    }

    fn find_or_encode(&mut self, key: Key, form: Form, stream: &Stream, page: &Page) -> Bytes {
        if let Some(bytes) = self.encoded.get(&key) {
            return bytes.clone();
        }
        let kind = stream.config().content_type.kind();
        let mut bytes = match form {
            Form::Body { envelope: true } => envelopes(stream, kind, page),
            Form::Body { envelope: false } => body(kind, page),
            Form::Sse { envelope, chunked, cursor } => {
                let events = events(stream, kind, page, envelope, cursor);
                if chunked { chunk(&events) } else { events }
            }
            Form::Frames(wrapping) => frames(&mut self.deflater, wrapping, stream, kind, page),
        };
        // It may stay with followers that stop reading: without the room that it has grown into.
        bytes.shrink_to_fit();
        let bytes = Bytes::from(bytes);
        self.encoded.insert(key, bytes.clone());
        bytes
    }

    /// The turn is over.
    pub(crate) fn forget(&mut self) {
        self.encoded.clear();
        self.last = None;
    }
}

fn messages(page: &Page) -> impl Iterator<Item = (u64, &Bytes)> {
    page.parts.iter().flat_map(Part::messages)
}

fn body(kind: ContentKind, page: &Page) -> Vec<u8> {
    let mut out = Vec::with_capacity(messages(page).map(|(_, data)| data.len() + 1).sum::<usize>() + 2);
    match kind {
        ContentKind::Json => json::write_array(&mut out, messages(page).map(|(_, data)| data)),
        ContentKind::Text | ContentKind::Bytes => {
            messages(page).for_each(|(_, data)| out.extend_from_slice(data));
        }
    }
    out
}

/// The messages with what stands in their envelopes.
fn enveloped<'p>(stream: &'p Stream, page: &'p Page) -> impl Iterator<Item = (Offset, Timestamp, &'p [u8])> {
    page.parts.iter().flat_map(move |part| {
        let messages = part.messages();
        messages.map(move |(index, data)| (stream.offset(index), part.time(), data.as_ref()))
    })
}

fn envelopes(stream: &Stream, kind: ContentKind, page: &Page) -> Vec<u8> {
    let mut out = Vec::new();
    write_envelopes(&mut out, kind, enveloped(stream, page));
    out
}

fn events(stream: &Stream, kind: ContentKind, page: &Page, envelope: bool, cursor: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let control = |out: &mut Vec<u8>, index: u64| {
        let is_last = index == page.end;
        let end = if is_last && page.closed { ControlEnd::Closed } else { ControlEnd::Open { cursor } };
        let up_to_date = is_last && page.at_tail;
        write_control(
            out,
            &Control { next_offset: stream.offset(index), up_to_date, end, skipped_from: None },
        );
    };
    if envelope {
        sse::write_envelope_event(&mut out, stream.offset(page.end), kind, enveloped(stream, page));
        control(&mut out, page.end);
        return out;
    }
    match kind {
        ContentKind::Json => {
            let all = messages(page).map(|(_, data)| data);
            sse::write_json_event(&mut out, stream.offset(page.end), all);
            control(&mut out, page.end);
        }
        ContentKind::Text | ContentKind::Bytes => {
            for (index, data) in messages(page) {
                match kind {
                    ContentKind::Text => sse::write_text_event(&mut out, stream.offset(index), data),
                    ContentKind::Json | ContentKind::Bytes => {
                        sse::write_bytes_event(&mut out, stream.offset(index), data);
                    }
                }
                control(&mut out, index);
            }
        }
    }
    out
}

fn frames(
    deflater: &mut Deflater,
    wrapping: Wrapping,
    stream: &Stream,
    kind: ContentKind,
    page: &Page,
) -> Vec<u8> {
    let mut out = Vec::new();
    for (offset, time, data) in enveloped(stream, page) {
        wrapping.write_shared(deflater, &mut out, |text| {
            write_message(text, stream.name(), kind, offset, time, data);
        });
    }
    wrapping.close(out)
}
