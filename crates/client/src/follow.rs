//! Follows: what a user holds of a stream that is followed.

mod error;
mod event;
mod messages;
mod options;

pub use error::FollowError;
pub use event::{FollowEvent, Status};
pub use messages::Messages;
pub use options::FollowOptions;

use crate::Client;
use crate::hub::FollowerId;
use futures_core::Stream;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tidings_model::{Offset, StreamName};

/// A stream that is followed, from the place where this one stands. Dropping it ends it, and what nobody else needs.
///
/// Its events come by [`Follow::next`], or as a [`Stream`] of them; [`Follow::into_messages`] is a `Stream` of bare
/// messages. All of them may be cancelled at any time: an event that was not taken comes the next time.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use tidings_client::{Client, FollowEvent, FollowOptions};
/// use tidings_model::StreamName;
///
/// let client = Client::new("http://127.0.0.1:4437")?;
/// let mut follow = client.follow(&StreamName::parse("orders/42")?, FollowOptions::default());
/// loop {
///     match follow.next().await? {
///         FollowEvent::Messages(messages) => println!("{messages:?}"),
///         FollowEvent::Reset(reset) => match reset.earliest {
///             Some(earliest) => follow.resume_at(earliest),
///             None => break,
///         },
///         FollowEvent::Closed { .. } => break,
///         FollowEvent::Live { .. } | FollowEvent::Skipped(_) | FollowEvent::Status(_) => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Follow {
    client: Client,
    stream: StreamName,
    id: FollowerId,
    /// As a [`Stream`]: that it has ended was told.
    is_end_told: bool,
}

impl Follow {
    pub(crate) fn new(client: Client, stream: StreamName, options: &FollowOptions) -> Follow {
        let id = client.inner.shared.add(stream.clone(), options);
        client.start_hub();
        Follow { client, stream, id, is_end_told: false }
    }

    /// What is followed.
    pub fn stream(&self) -> &StreamName {
        &self.stream
    }

    /// The next event. Reconnects and resumes by itself, for ever; an error is final, and given again.
    ///
    /// After a [`FollowEvent::Reset`] or [`FollowEvent::Closed`] the next call is an error, so that neither
    /// can be overlooked; [`Follow::resume_at`] goes on. May be cancelled: nothing is lost.
    pub async fn next(&mut self) -> Result<FollowEvent, FollowError> {
        poll_fn(|context| self.poll_event(context)).await
    }

    /// Its messages as a [`Stream`].
    pub fn into_messages(self) -> Messages {
        Messages::new(self)
    }

    /// Goes on from `offset`, after a reset for example. Messages that were not taken yet are dropped.
    pub fn resume_at(&mut self, offset: Offset) {
        self.is_end_told = false;
        self.client.inner.shared.resume_at(self.id, offset);
    }

    /// The place after the last message that was taken; `None` before the first answer.
    pub fn offset(&self) -> Option<Offset> {
        self.client.inner.shared.offset(self.id)
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Result<FollowEvent, FollowError>> {
        let polled = self.client.inner.shared.poll_next(self.id, context);
        if polled.is_pending() {
            self.client.start_hub();
        }
        polled
    }
}

/// Ends after a close, and after an error.
impl Stream for Follow {
    type Item = Result<FollowEvent, FollowError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_end_told {
            return Poll::Ready(None);
        }
        let item = ready!(self.poll_event(context));
        self.is_end_told = matches!(item, Ok(FollowEvent::Closed { .. }) | Err(_));
        Poll::Ready(Some(item))
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        self.client.inner.shared.remove(self.id);
    }
}
