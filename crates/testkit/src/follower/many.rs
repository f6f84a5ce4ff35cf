//! Many streams at once, over one request or one connection at a time: the frames as they come.

use super::envelope::refusal;
use super::sse::Block;
use super::{FollowError, Start, Transport};
use crate::clock::{Deadline, pause};
use crate::http::{BodyDecoder, Connection, Filled, Request, Response};
use crate::socket::{Frame, Socket, Upgrade};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// How long a poller waits after an answer that was up to date.
const POLL_EVERY: Duration = Duration::from_millis(20);

/// Follows many streams. Blocks its thread.
pub struct ManyFollower {
    carrier: Carrier,
    /// Where to go on after the frames that were given.
    places: Vec<(String, Start)>,
    /// Where to go on after those that have arrived.
    asked: Vec<(String, Start)>,
    frames: VecDeque<Value>,
}

/// What brings the frames.
enum Carrier {
    Polls { connection: Connection },
    LongPolls { connection: Connection, open: Option<Request> },
    Events { connection: Connection, request: Request, body: Option<BodyDecoder>, text: Vec<u8> },
    Socket(Socket),
}

impl fmt::Debug for ManyFollower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManyFollower").field("places", &self.places).finish_non_exhaustive()
    }
}

impl ManyFollower {
    /// Connects, and asks for these streams.
    pub fn open(
        transport: Transport,
        address: SocketAddr,
        streams: &[(String, Start)],
    ) -> Result<ManyFollower, FollowError> {
        let carrier = match transport {
            Transport::Poll => Carrier::Polls { connection: Connection::open(address)? },
            Transport::LongPoll => Carrier::LongPolls { connection: Connection::open(address)?, open: None },
            Transport::Sse => {
                let request = question("?live=sse", streams);
                let mut connection = Connection::open(address)?;
                connection.send(&request)?;
                Carrier::Events { connection, request, body: None, text: Vec::new() }
            }
            Transport::WebSocket => Carrier::Socket(subscribe(address, streams)?),
        };
        let (places, asked) = (streams.to_vec(), streams.to_vec());
        Ok(ManyFollower { carrier, places, asked, frames: VecDeque::new() })
    }

    /// The next frame; `None` when there is none by the deadline.
    pub fn next(&mut self, deadline: Deadline) -> Result<Option<Value>, FollowError> {
        while self.frames.is_empty() && !deadline.passed() {
            let before = self.frames.len();
            self.carrier.read(&self.asked, deadline, &mut self.frames)?;
            for frame in self.frames.range(before..) {
                go_on(&mut self.asked, frame);
            }
        }
        let frame = self.frames.pop_front();
        if let Some(frame) = &frame {
            go_on(&mut self.places, frame);
        }
        Ok(frame)
    }

    /// The streams that have not ended, and where another follower may go on after the frames that [`ManyFollower::next`] has given.
    pub fn places(&self) -> &[(String, Start)] {
        &self.places
    }
}

/// Takes note of what a frame says of a place.
fn go_on(places: &mut Vec<(String, Start)>, frame: &Value) {
    let Some(at) = places.iter().position(|(name, _)| frame["stream"] == **name) else { return };
    match (frame["type"].as_str(), frame["offset"].as_str()) {
        (Some("reset" | "closed" | "error"), _) => {
            places.remove(at);
        }
        (_, Some(offset)) => places[at].1 = Start::after(offset),
        _ => {}
    }
}

/// The request that reads these streams.
fn question(query: &str, streams: &[(String, Start)]) -> Request {
    let entry = |(name, start): &(String, Start)| match start {
        Start::Offset(offset) => json!({ "stream": name, "offset": offset }),
        Start::Last(count) => json!({ "stream": name, "last": count }),
    };
    let body = json!({ "streams": streams.iter().map(entry).collect::<Vec<_>>() });
    Request::post(format!("/v1/read{query}")).body(body.to_string())
}

fn subscribe(address: SocketAddr, streams: &[(String, Start)]) -> Result<Socket, FollowError> {
    let mut socket = match Socket::open(address, "/v1/ws")? {
        Upgrade::Open(socket) => socket,
        Upgrade::Refused(answer) => return Err(refusal(&answer)),
    };
    for (name, start) in streams {
        let mut subscribe = json!({ "type": "subscribe", "stream": name });
        match start {
            Start::Offset(offset) => subscribe["offset"] = json!(offset),
            Start::Last(count) => subscribe["last"] = json!(count),
        }
        socket.send_text(&subscribe.to_string())?;
    }
    Ok(socket)
}

impl Carrier {
    /// Waits until the deadline for at least one frame.
    fn read(
        &mut self,
        asked: &[(String, Start)],
        deadline: Deadline,
        frames: &mut VecDeque<Value>,
    ) -> Result<(), FollowError> {
        match self {
            Carrier::Polls { connection } => {
                let answer = connection.ask(&question("", asked), deadline)?;
                on_answer(&answer, frames)?;
                if answer.header("stream-up-to-date").is_some() && frames.is_empty() {
                    pause(POLL_EVERY.min(deadline.left().unwrap_or_default()));
                }
                Ok(())
            }
            Carrier::LongPolls { connection, open } => {
                let request = open.take().map_or_else(
                    || {
                        let request = question("?live=long-poll", asked);
                        connection.send(&request).map(|()| request)
                    },
                    Ok,
                )?;
                match connection.answer(&request, deadline)? {
                    Some(answer) => on_answer(&answer, frames)?,
                    None => *open = Some(request),
                }
                Ok(())
            }
            Carrier::Events { connection, request, body, text } => {
                let Some(body) = body else {
                    *body = begin(connection, request, deadline)?;
                    return Ok(());
                };
                let used = body.decode(connection.wire().unread(), text)?;
                connection.wire().consume(used);
                while let Some(block) = Block::take(text)? {
                    frames.extend(frame_of(&block)?);
                }
                if frames.is_empty() && (body.is_done() || connection.wire().fill(deadline)? == Filled::End) {
                    return Err(FollowError::Connection(io::ErrorKind::UnexpectedEof.into()));
                }
                Ok(())
            }
            Carrier::Socket(socket) => match socket.next(deadline)? {
                Some(Frame::Text(text)) => {
                    frames.push_back(parse(&text)?);
                    Ok(())
                }
                Some(Frame::Close(_)) => {
                    Err(FollowError::Connection(io::ErrorKind::ConnectionAborted.into()))
                }
                Some(Frame::Pong(_)) | None => Ok(()),
                Some(Frame::Binary(_)) => Err(FollowError::Violation("a binary message".to_owned())),
            },
        }
    }
}

fn on_answer(answer: &Response, frames: &mut VecDeque<Value>) -> Result<(), FollowError> {
    match answer.status {
        200 => {
            let array: Vec<Value> = serde_json::from_slice(&answer.body)
                .map_err(|error| FollowError::Violation(format!("{error}: {}", answer.text())))?;
            frames.extend(array);
            Ok(())
        }
        204 => Ok(()),
        _ => Err(refusal(answer)),
    }
}

/// The head of an event stream; `None` when it is not here by the deadline.
fn begin(
    connection: &mut Connection,
    request: &Request,
    deadline: Deadline,
) -> Result<Option<BodyDecoder>, FollowError> {
    let Some(head) = connection.head(deadline)? else { return Ok(None) };
    let body = BodyDecoder::of(&head, request);
    if head.status == 200 && head.header("content-type") == Some("text/event-stream") {
        return Ok(Some(body));
    }
    Err(refusal(&head.into_response(Vec::new())))
}

/// What an event without a name and an id says.
fn frame_of(block: &Block) -> Result<Option<Value>, FollowError> {
    match (&block.id, &block.name, &*block.data) {
        // Only `retry:`, or a comment.
        (None, None, []) => Ok(None),
        (None, None, lines) => parse(&lines.join("\n")).map(Some),
        _ => Err(FollowError::Violation(format!("an event with a name or an id: {block:?}"))),
    }
}

fn parse(text: &str) -> Result<Value, FollowError> {
    serde_json::from_str(text).map_err(|error| FollowError::Violation(format!("{error}: {text}")))
}
