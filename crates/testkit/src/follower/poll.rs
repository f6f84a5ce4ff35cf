//! Polling: ask, and ask again later.

use super::envelope::{messages, refusal, reset_of};
use super::{Event, Feed, FollowError, Received, Start};
use crate::api;
use crate::clock::{Deadline, pause};
use crate::http::{Connection, Request, Response};
use std::net::SocketAddr;
use std::time::Duration;

/// How long to wait after an answer without messages: shorter than the server advises, so that tests are short.
const INTERVAL: Duration = Duration::from_millis(5);

/// A follower that polls, with `If-None-Match` as long as its question stays the same.
pub(super) struct Poll {
    connection: Connection,
    path: String,
    query: String,
    etag: Option<String>,
    asked: Option<Request>,
    waits: bool,
}

impl Poll {
    pub(super) fn open(address: SocketAddr, stream: &str, start: &Start) -> Result<Poll, FollowError> {
        Ok(Poll {
            connection: Connection::open(address)?,
            path: api::path(stream),
            query: start.query(),
            etag: None,
            asked: None,
            waits: false,
        })
    }

    fn request(&self) -> Request {
        let request = Request::get(format!("{}?{}&envelope=true", self.path, self.query));
        match &self.etag {
            Some(etag) => request.header("If-None-Match", etag),
            None => request,
        }
    }

    fn on_answer(&mut self, answer: &Response, received: &mut Received) -> Result<(), FollowError> {
        match answer.status {
            200 => on_page(answer, received)?,
            304 if self.etag.is_some() && answer.body.is_empty() => {}
            410 => {
                received.event(Event::Reset(reset_of(answer)?));
                return Ok(());
            }
            _ => return Err(refusal(answer)),
        }
        let next = next_offset(answer)?;
        received.stands_at(next)?;
        let query = Start::after(next).query();
        self.waits = query == self.query;
        // An ETag stands for one URL, so it is of use only when the next question is the same one.
        self.etag = answer.header("etag").filter(|_| self.waits).map(str::to_owned);
        self.query = query;
        on_flags(answer, received);
        Ok(())
    }
}

impl Feed for Poll {
    fn read(&mut self, deadline: Deadline, received: &mut Received) -> Result<(), FollowError> {
        if self.asked.is_none() {
            if self.waits {
                pause(INTERVAL);
            }
            let request = self.request();
            self.connection.send(&request)?;
            self.asked = Some(request);
        }
        if let Some(request) = self.asked.take() {
            match self.connection.answer(&request, deadline)? {
                Some(answer) => self.on_answer(&answer, received)?,
                None => self.asked = Some(request),
            }
        }
        Ok(())
    }
}

/// The messages of a `200`.
pub(super) fn on_page(answer: &Response, received: &mut Received) -> Result<(), FollowError> {
    if answer.header("content-type") != Some("application/json") {
        let kind = answer.header("content-type");
        return Err(FollowError::Violation(format!("envelopes of the content type {kind:?}")));
    }
    received.messages(messages(&answer.text())?)
}

/// What the flags of an answer say about the place after its messages.
pub(super) fn on_flags(answer: &Response, received: &mut Received) {
    let is_set = |name| answer.header(name) == Some("true");
    if is_set("stream-closed") {
        received.event(Event::Closed);
    } else if is_set("stream-up-to-date") {
        received.event(Event::Live);
    }
}

/// Where the answer says that the next question should begin.
pub(super) fn next_offset(answer: &Response) -> Result<&str, FollowError> {
    answer
        .header("stream-next-offset")
        .ok_or_else(|| FollowError::Violation(format!("a {} without Stream-Next-Offset", answer.status)))
}
