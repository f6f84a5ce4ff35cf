//! Reading one page of what is stored.

use crate::answer::Answer;
use crate::http_client::HttpClient;
use crate::{Client, Failure, Malformed, Message};
use bytes::Bytes;
use http::Method;
use std::time::Duration;
use tidings_model::{Offset, Reset, Start, StreamName};
use tidings_protocol::envelope::parse_envelopes;
use tidings_protocol::{ReadRequest, StartGiven, header_name, stream_path};

/// One page of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// What stands there, in order; empty at the tail.
    pub messages: Vec<Message>,
    /// Where to go on.
    pub next: Offset,
    /// Whether `next` is the tail.
    pub up_to_date: bool,
    /// Whether the stream is closed and `next` its end: nothing will ever follow.
    pub closed: bool,
    /// How long the server advises to wait before the next poll.
    pub poll_interval: Option<Duration>,
    /// The earliest offset.
    pub earliest: Option<Offset>,
}

/// Why a stream could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There is no such stream.
    #[error("there is no such stream")]
    StreamNotFound,
    /// The offset can't be continued.
    #[error("the offset can't be continued: {}", .0.reason)]
    Reset(Reset),
    /// The exchange failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl ReadError {
    /// Whether the same read may work later.
    pub fn is_retryable(&self) -> bool {
        match self {
            ReadError::StreamNotFound | ReadError::Reset(_) => false,
            ReadError::Failed(failure) => failure.is_retryable(),
        }
    }
}

impl From<Malformed> for ReadError {
    fn from(malformed: Malformed) -> ReadError {
        ReadError::Failed(malformed.into())
    }
}

impl Client {
    /// Reads what is stored from `start` on, at most `limit` messages (1 to 10,000), at most a page of the
    /// server.
    pub async fn read(&self, name: &StreamName, start: Start, limit: Option<u64>) -> Result<Page, ReadError> {
        read_page(&self.inner.http, name, start, limit).await
    }
}

/// Reads a page of one stream.
pub(crate) async fn read_page(
    http: &HttpClient,
    name: &StreamName,
    start: Start,
    limit: Option<u64>,
) -> Result<Page, ReadError> {
    let request = page_request(start, limit);
    let target = format!("{}?{}", stream_path(name), request.to_query());
    Page::from_answer(http.ask(http.request(Method::GET, &target, &[], Bytes::new())).await?)
}

/// A read with envelopes.
fn page_request(start: Start, limit: Option<u64>) -> ReadRequest {
    let start = match start {
        Start::Beginning => StartGiven::Beginning,
        Start::Now => StartGiven::Now,
        Start::Last(count) => StartGiven::Last(count),
        Start::After(offset) => StartGiven::Token(offset),
    };
    ReadRequest { limit, envelope: true, ..ReadRequest::poll(start) }
}

impl Page {
    /// Reads the answer to a poll.
    pub(crate) fn from_answer(answer: Answer) -> Result<Page, ReadError> {
        if answer.is_stream_missing() {
            return Err(ReadError::StreamNotFound);
        }
        if let Some(reset) = answer.reset() {
            return Err(ReadError::Reset(reset));
        }
        let messages = match answer.status {
            200 => parse_envelopes(&answer.body)
                .map_err(|invalid| Malformed(invalid.to_string()))?
                .into_iter()
                .map(Message::from)
                .collect(),
            204 => Vec::new(),
            _ => return Err(ReadError::Failed(answer.into_failure())),
        };
        let up_to_date = answer.says_true(header_name::STREAM_UP_TO_DATE);
        let closed = answer.says_true(header_name::STREAM_CLOSED);
        Ok(Page {
            messages,
            next: answer.required_offset(header_name::STREAM_NEXT_OFFSET)?,
            up_to_date: up_to_date || closed,
            closed,
            poll_interval: answer.seconds(header_name::STREAM_POLL_INTERVAL),
            earliest: answer.offset(header_name::STREAM_EARLIEST_OFFSET),
        })
    }
}
