//! The messages of a follow, one by one.

use super::{Follow, FollowError, FollowEvent};
use crate::Message;
use futures_core::Stream;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tidings_model::Offset;

/// The messages of a follow, one by one: each once, in order. It ends when the stream is closed, and after an error.
///
/// What is missing can't be overlooked: a reset is an error, [`FollowError::Reset`], after which
/// [`Messages::resume_at`] goes on; and messages that the server left out, where its settings let it, are one too,
/// [`FollowError::Skipped`], after which it goes on by itself. May be cancelled: nothing is lost.
#[derive(Debug)]
pub struct Messages {
    follow: Follow,
    waiting: VecDeque<Message>,
    /// The place after the last message that was taken.
    offset: Option<Offset>,
}

impl Messages {
    pub(super) fn new(follow: Follow) -> Messages {
        let offset = follow.offset();
        Messages { follow, waiting: VecDeque::new(), offset }
    }

    /// The next message; `None` when the stream is closed, and after an error.
    pub async fn next(&mut self) -> Option<Result<Message, FollowError>> {
        poll_fn(|context| self.poll_message(context)).await
    }

    /// The place after the last message that was taken: following from there goes on with the next one.
    pub fn offset(&self) -> Option<Offset> {
        self.offset
    }

    /// Goes on from `offset`, after a reset for example.
    pub fn resume_at(&mut self, offset: Offset) {
        self.waiting.clear();
        self.offset = Some(offset);
        self.follow.resume_at(offset);
    }

    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Message, FollowError>>> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                self.offset = Some(message.offset);
                return Poll::Ready(Some(Ok(message)));
            }
            match ready!(Pin::new(&mut self.follow).poll_next(context)) {
                Some(Ok(FollowEvent::Messages(messages))) => self.waiting = messages.into(),
                Some(Ok(FollowEvent::Live { offset })) => self.offset = Some(offset),
                Some(Ok(FollowEvent::Skipped(skip))) => {
                    self.offset = Some(skip.to);
                    return Poll::Ready(Some(Err(FollowError::Skipped(skip))));
                }
                // The error that tells it comes next.
                Some(Ok(FollowEvent::Reset(_) | FollowEvent::Status(_))) => {}
                Some(Ok(FollowEvent::Closed { .. })) | None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            }
        }
    }
}

impl Stream for Messages {
    type Item = Result<Message, FollowError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_message(context)
    }
}
