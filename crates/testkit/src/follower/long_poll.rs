//! Long polling: ask, and be answered when there is something.

use super::envelope::{refusal, reset_of};
use super::poll::{next_offset, on_flags, on_page};
use super::{Event, Feed, FollowError, Received, Start};
use crate::api;
use crate::clock::Deadline;
use crate::http::{Connection, Request, Response};
use std::net::SocketAddr;

/// A follower that always has one question open.
pub(super) struct LongPoll {
    connection: Connection,
    path: String,
    query: String,
    asked: Option<Request>,
}

impl LongPoll {
    pub(super) fn open(address: SocketAddr, stream: &str, start: &Start) -> Result<LongPoll, FollowError> {
        let connection = Connection::open(address)?;
        let mut long_poll =
            LongPoll { connection, path: api::path(stream), query: start.query(), asked: None };
        // Asked at once: what is published after `open` has returned races with a question that is on its way.
        long_poll.ask()?;
        Ok(long_poll)
    }

    fn ask(&mut self) -> Result<(), FollowError> {
        let request = Request::get(format!("{}?{}&live=long-poll&envelope=true", self.path, self.query));
        self.connection.send(&request)?;
        self.asked = Some(request);
        Ok(())
    }

    fn on_answer(&mut self, answer: &Response, received: &mut Received) -> Result<(), FollowError> {
        match answer.status {
            200 => on_page(answer, received)?,
            204 => {}
            410 => {
                received.event(Event::Reset(reset_of(answer)?));
                return Ok(());
            }
            _ => return Err(refusal(answer)),
        }
        let next = next_offset(answer)?;
        received.stands_at(next)?;
        let cursor = answer.header("stream-cursor").map(|cursor| format!("&cursor={cursor}"));
        self.query = format!("{}{}", Start::after(next).query(), cursor.unwrap_or_default());
        on_flags(answer, received);
        Ok(())
    }
}

impl Feed for LongPoll {
    fn read(&mut self, deadline: Deadline, received: &mut Received) -> Result<(), FollowError> {
        if self.asked.is_none() {
            self.ask()?;
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
