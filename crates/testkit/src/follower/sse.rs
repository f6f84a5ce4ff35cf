//! SSE: one response that never ends.

use super::envelope::{ResetBody, messages, refusal, reset_of};
use super::{Event, Feed, FollowError, Received, Skipped, Start};
use crate::api;
use crate::clock::Deadline;
use crate::http::{BodyDecoder, Connection, Filled, Request};
use serde::Deserialize;
use std::io;
use std::net::SocketAddr;

/// A follower of an event stream.
pub(super) struct Sse {
    connection: Connection,
    request: Request,
    body: Option<BodyDecoder>,
    text: Vec<u8>,
    /// A `data` event came and its `control` did not yet.
    owes_control: bool,
}

/// One event block.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) data: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Control {
    stream_next_offset: String,
    #[serde(default)]
    up_to_date: bool,
    #[serde(default)]
    stream_closed: bool,
    skipped_from: Option<String>,
    skipped_messages: Option<u64>,
}

impl Sse {
    pub(super) fn open(address: SocketAddr, stream: &str, start: &Start) -> Result<Sse, FollowError> {
        let path = api::path(stream);
        let request = Request::get(format!("{path}?{}&live=sse&envelope=true", start.query()));
        let mut connection = Connection::open(address)?;
        connection.send(&request)?;
        Ok(Sse { connection, request, body: None, text: Vec::new(), owes_control: false })
    }

    /// Reads the head; afterwards there is a body to read, unless the deadline passed or the answer is a reset.
    fn begin(&mut self, deadline: Deadline, received: &mut Received) -> Result<(), FollowError> {
        let Some(head) = self.connection.head(deadline)? else { return Ok(()) };
        let mut body = BodyDecoder::of(&head, &self.request);
        if head.status == 200 && head.header("content-type") == Some("text/event-stream") {
            self.body = Some(body);
            return Ok(());
        }
        let mut bytes = Vec::new();
        while !body.is_done() {
            let used = body.decode(self.connection.wire().unread(), &mut bytes)?;
            self.connection.wire().consume(used);
            if !body.is_done() && self.connection.wire().fill(Deadline::patient())? != Filled::More {
                break;
            }
        }
        let answer = head.into_response(bytes);
        if answer.status != 410 {
            return Err(refusal(&answer));
        }
        received.event(Event::Reset(reset_of(&answer)?));
        Ok(())
    }

    fn on_block(&mut self, block: &Block, received: &mut Received) -> Result<(), FollowError> {
        let data = block.data.join("\n");
        match block.name.as_deref() {
            Some("data") if !self.owes_control => {
                received.messages(messages(&data)?)?;
                self.owes_control = true;
            }
            Some("control") => self.on_control(&data, received)?,
            Some("reset") => {
                received.event(Event::Reset(ResetBody::parse(&data)?));
                return Ok(());
            }
            None if block.data.is_empty() && block.id.is_none() => return Ok(()), // Only `retry:`, or a comment.
            Some(_) | None => return Err(FollowError::Violation(format!("an unexpected event: {block:?}"))),
        }
        match &block.id {
            Some(id) => received.stands_at(id),
            None if self.owes_control => Err(FollowError::Violation("a data event without an id".to_owned())),
            None => Ok(()),
        }
    }

    fn on_control(&mut self, data: &str, received: &mut Received) -> Result<(), FollowError> {
        let control: Control = serde_json::from_str(data)
            .map_err(|error| FollowError::Violation(format!("no control ({error}): {data}")))?;
        if let (Some(from), Some(messages)) = (control.skipped_from, control.skipped_messages) {
            if self.owes_control {
                return Err(FollowError::Violation(format!("a skip in place of a control: {data}")));
            }
            let to = control.stream_next_offset.clone();
            received.skipped(Skipped { from, to, messages })?;
        }
        received.stands_at(&control.stream_next_offset)?;
        self.owes_control = false;
        if control.stream_closed {
            received.event(Event::Closed);
        } else if control.up_to_date {
            received.event(Event::Live);
        }
        Ok(())
    }
}

impl Feed for Sse {
    fn read(&mut self, deadline: Deadline, received: &mut Received) -> Result<(), FollowError> {
        let Some(body) = &mut self.body else {
            return self.begin(deadline, received);
        };
        let used = body.decode(self.connection.wire().unread(), &mut self.text)?;
        self.connection.wire().consume(used);
        let is_done = body.is_done();
        let mut any = false;
        while let Some(block) = Block::take(&mut self.text)? {
            self.on_block(&block, received)?;
            any = true;
        }
        if any {
            return Ok(());
        }
        if is_done {
            return Err(FollowError::Connection(io::ErrorKind::UnexpectedEof.into()));
        }
        match self.connection.wire().fill(deadline)? {
            Filled::More | Filled::Nothing => Ok(()),
            Filled::End => Err(FollowError::Connection(io::ErrorKind::UnexpectedEof.into())),
        }
    }
}

impl Block {
    /// The next whole block of a text, if it is here.
    pub(super) fn take(text: &mut Vec<u8>) -> Result<Option<Block>, FollowError> {
        let Some(end) = text.windows(2).position(|two| two == b"\n\n") else { return Ok(None) };
        let bytes: Vec<u8> = text.drain(..end + 2).collect();
        let text = String::from_utf8(bytes)
            .map_err(|error| FollowError::Violation(format!("an event that is not UTF-8: {error}")))?;
        Block::parse(&text).map(Some)
    }

    fn parse(text: &str) -> Result<Block, FollowError> {
        let mut block = Block::default();
        for line in text.split_terminator('\n').filter(|line| !line.is_empty() && !line.starts_with(':')) {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => block.id = Some(value.to_owned()),
                "event" => block.name = Some(value.to_owned()),
                "data" => block.data.push(value.to_owned()),
                "retry" if value.parse::<u32>().is_ok() => {}
                _ => return Err(FollowError::Violation(format!("an unknown line of an event: {line}"))),
            }
        }
        Ok(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_keeps_its_lines() {
        let block = Block::parse("retry: 5\nid: x\nevent: data\ndata:[1,\ndata: 2]\n\n").unwrap();
        let data = vec!["[1,".to_owned(), "2]".to_owned()];
        assert_eq!(block, Block { id: Some("x".to_owned()), name: Some("data".to_owned()), data });
        assert_eq!(Block::parse(": heartbeat\n\n").unwrap(), Block::default());
        assert!(Block::parse("surprise: 1\n\n").is_err());
    }
}
