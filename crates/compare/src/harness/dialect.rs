//! How a server is spoken to: what is sent to follow and to publish, and what the answers mean. One file each, of the same shape.
//!
//! Knows texts. Does not know sockets, time, or who follows.

mod durable_streams;
mod plain;
mod tidings;

pub(crate) use durable_streams::DurableStreams;
pub(crate) use plain::Plain;
pub(crate) use tidings::Tidings;

use crate::way::Way;
use httparse::Header;
use std::time::Duration;
use tidings_protocol::Headers as _;
use tidings_protocol::header_name as name;

/// A server's language.
pub(crate) trait Dialect: Send + Sync + std::fmt::Debug {
    /// Its name in [`ServerFacts::speaks`](crate::ServerFacts::speaks).
    fn speaks(&self) -> &'static str;

    /// Whether it can be followed so.
    fn can_follow(&self, way: Way) -> bool;

    /// Whether it can be published to so; of all that it can, the first is used for a run.
    fn ways_to_publish(&self) -> &'static [PublishWay];

    /// Whether each publish is answered.
    fn acknowledges(&self, by: PublishWay) -> bool;

    /// Whether it keeps many streams apart. Else all messages go to everybody.
    fn has_streams(&self) -> bool {
        true
    }

    /// Writes the request that makes a stream; nothing where streams need not be made.
    fn create(&self, stream: &str, out: &mut Vec<u8>);

    /// Where followers of a new stream begin, from the answer to [`Dialect::create`].
    fn start(&self, fields: &[Header<'_>], place: &mut Place);

    /// Writes the request that removes a stream from a server that goes on; nothing where there is none.
    fn remove(&self, stream: &str, out: &mut Vec<u8>);

    /// Writes the request by which a follower goes on from its place. For a WebSocket with these fields of the upgrade.
    fn follow(&self, way: Way, stream: &str, place: &Place, upgrade: &[(&str, &str)], out: &mut Vec<u8>);

    /// The head of an answer to a follower came, and moves its place.
    fn on_head(&self, way: Way, head: &AnswerHead<'_>, place: &mut Place) -> Verdict;

    /// An event of an SSE response came, and moves its place.
    fn on_event(&self, event: &Event<'_>, place: &mut Place) -> Told;

    /// A text of a WebSocket came, and moves the place of its follower.
    fn on_text(&self, text: &[u8], place: &mut Place) -> Told;

    /// Whether a follower over WebSocket has joined as soon as the connection is upgraded; else when it is [`Told::Joined`].
    fn joins_by_upgrade(&self) -> bool;

    /// Writes what opens a WebSocket to publish over, with these fields of the upgrade.
    fn open_publisher(&self, stream: &str, upgrade: &[(&str, &str)], out: &mut Vec<u8>);

    /// Writes a publish: a whole request, or the text of a WebSocket message. Where `key` is given, the same message may come twice and
    /// must be stored once.
    fn publish(&self, by: PublishWay, publish: &Publish<'_>, out: &mut Vec<u8>);

    /// A text came over the WebSocket of a publisher.
    fn on_publisher_text(&self, text: &[u8]) -> Reply;
}

/// A way to publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PublishWay {
    /// A request for each message, over a connection that is kept.
    Post,
    /// One connection in both directions.
    WebSocket,
}

impl PublishWay {
    /// Its name in [`Publishing::how`](crate::Publishing::how).
    pub(crate) fn name(self) -> &'static str {
        match self {
            PublishWay::Post => "POST",
            PublishWay::WebSocket => "WebSocket",
        }
    }
}

/// One message to publish.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Publish<'a> {
    pub(crate) stream: &'a str,
    /// What the answer is known by.
    pub(crate) id: u64,
    /// Whether it may be sent again: then it is known by its id on the server, too.
    pub(crate) may_repeat: bool,
    pub(crate) payload: &'a [u8],
}

/// Where a follower goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The token after the last message that it has.
    pub(crate) offset: String,
    /// What the last answer from this very place may be validated with. Empty where there is nothing.
    pub(crate) etag: String,
    /// What the server wants to be sent back by a long poll. Empty where there is nothing.
    pub(crate) cursor: String,
}

impl Place {
    /// Goes on after that token. No allocation, once a token of its length was held.
    pub(crate) fn go_on_at(&mut self, offset: &str) {
        if self.offset != offset {
            replace(&mut self.offset, offset);
            self.etag.clear();
        }
    }

    /// Becomes as another one. No allocation, once texts of their length were held.
    pub(crate) fn copy_from(&mut self, other: &Place) {
        replace(&mut self.offset, &other.offset);
        replace(&mut self.etag, &other.etag);
        replace(&mut self.cursor, &other.cursor);
    }

    pub(crate) fn keep_etag(&mut self, etag: &str) {
        replace(&mut self.etag, etag);
    }

    pub(crate) fn keep_cursor(&mut self, cursor: &str) {
        replace(&mut self.cursor, cursor);
    }
}

fn replace(held: &mut String, new: &str) {
    held.clear();
    held.push_str(new);
}

/// The head of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnswerHead<'a> {
    pub(crate) status: u16,
    pub(crate) fields: &'a [Header<'a>],
}

/// An event of an SSE response, or one line of it where it has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    /// Empty where it has no name.
    pub(crate) name: &'a [u8],
    /// The last `id:`; empty where none came.
    pub(crate) id: &'a [u8],
    pub(crate) data: &'a [u8],
}

/// What an answer means to its follower.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All is well.
    Fine,
    /// All is well, and there is more: worth asking again at once.
    HasMore,
    /// Come again, no sooner than that.
    Later(Option<Duration>),
    /// The run can't go on: why, and what to do.
    Over(String),
}

/// What a part of a response that goes on means to its follower.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Nothing beyond what it holds.
    Nothing,
    /// What it holds counts when the offset behind it has come: until then a client that is interrupted gets it again.
    NotYet,
    /// From now on everything that is published comes.
    Joined,
    /// The server ends soon: come again within that time.
    Drain(Duration),
    /// The run can't go on: why, and what to do.
    Over(String),
}

/// What a text means to the publisher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Nothing.
    Nothing,
    /// One message is stored.
    Published,
    /// One was refused: why.
    Refused(String),
}

/// The answer to a poll or a long poll.
fn on_page(way: Way, head: &AnswerHead<'_>, place: &mut Place) -> Verdict {
    // An ETag stands for one URL: that of a page with messages is forgotten at the next offset, which has another.
    if matches!(way, Way::Poll { .. })
        && let Some(etag) = head.fields.first_text(name::ETAG)
    {
        place.keep_etag(etag);
    }
    if let Some(offset) = head.fields.first_text(name::STREAM_NEXT_OFFSET) {
        place.go_on_at(offset);
    }
    if let Some(cursor) = head.fields.first_text(name::STREAM_CURSOR) {
        place.keep_cursor(cursor);
    }
    if head.fields.says_true(name::STREAM_UP_TO_DATE) { Verdict::Fine } else { Verdict::HasMore }
}

fn retry_after(fields: &[Header<'_>]) -> Option<Duration> {
    let seconds = fields.first_text(name::RETRY_AFTER)?.parse::<u64>().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The text of that field in a flat JSON object whose texts have nothing that is escaped.
fn text_of<'a>(object: &'a [u8], field: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(object).ok()?;
    let (_, rest) = text.split_once(&format!("\"{field}\""))?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    rest.split_once('"').map(|(text, _)| text)
}
