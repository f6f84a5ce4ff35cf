//! The list of streams, page by page.

use crate::{Client, Failure, Malformed};
use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use tidings_model::{Durability, Offset, Timestamp};
use tidings_protocol::{ListRequest, parse_rfc3339};

/// One stream in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEntry {
    /// Its name.
    pub name: String,
    /// What its messages are.
    pub content_type: String,
    /// What an acknowledgement means.
    pub durability: Durability,
    /// Whether it is closed.
    pub closed: bool,
    /// When it was created.
    pub created: Timestamp,
    /// The offset before the first message that it keeps.
    pub earliest: Offset,
    /// The offset after its last message.
    pub tail: Offset,
    /// How many messages it keeps.
    pub messages: u64,
    /// How many bytes of messages it keeps.
    pub bytes: u64,
    /// Who follows it.
    pub followers: FollowerCounts,
}

/// The followers of a stream, by transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct FollowerCounts {
    /// Polls of the last full minute.
    pub poll: u64,
    /// Long polls that are held.
    pub long_poll: u64,
    /// SSE responses that are open.
    pub sse: u64,
    /// Subscriptions over a WebSocket.
    pub websocket: u64,
}

/// Why streams could not be listed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// The exchange failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl ListError {
    /// Whether listing may work later.
    pub fn is_retryable(&self) -> bool {
        match self {
            ListError::Failed(failure) => failure.is_retryable(),
        }
    }
}

/// The list of streams, read page by page. It is of the moment when each page is read.
#[derive(Clone, Debug)]
pub struct StreamPages {
    client: Client,
    /// `None` after the last page.
    request: Option<ListRequest>,
}

impl Client {
    /// The streams whose names begin with `prefix`, by name; all of them when it is empty.
    pub fn list(&self, prefix: &str) -> StreamPages {
        let request = ListRequest { prefix: prefix.to_owned(), ..ListRequest::default() };
        StreamPages { client: self.clone(), request: Some(request) }
    }
}

impl StreamPages {
    /// The next page; `None` after the last one. After an error the same page may be asked for again.
    pub async fn next(&mut self) -> Result<Option<Vec<StreamEntry>>, ListError> {
        let Some(request) = &mut self.request else { return Ok(None) };
        let http = &self.client.inner.http;
        let target = format!("/v1/streams?{}", request.to_query());
        let answer = http.ask(http.request(Method::GET, &target, &[], Bytes::new())).await?;
        if answer.status != 200 {
            return Err(ListError::Failed(answer.into_failure()));
        }
        let page = StreamsPage::parse(&answer.body).map_err(Failure::from)?;
        match page.next {
            Some(next) => request.after = Some(next),
            None => self.request = None,
        }
        Ok(Some(page.streams))
    }
}

struct StreamsPage {
    streams: Vec<StreamEntry>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct PageMembers {
    streams: Vec<EntryMembers>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct EntryMembers {
    name: String,
    content_type: String,
    durability: String,
    closed: bool,
    created: String,
    earliest: String,
    tail: String,
    messages: u64,
    bytes: u64,
    #[serde(default)]
    followers: FollowerCounts,
}

impl StreamsPage {
    fn parse(body: &[u8]) -> Result<StreamsPage, Malformed> {
        let members: PageMembers = serde_json::from_slice(body)
            .map_err(|error| Malformed(format!("its list of streams: {error}")))?;
        let streams = members.streams.into_iter().map(EntryMembers::read).collect::<Option<_>>();
        let streams =
            streams.ok_or_else(|| Malformed("a stream in its list has a wrong member".to_owned()))?;
        Ok(StreamsPage { streams, next: members.next })
    }
}

impl EntryMembers {
    fn read(self) -> Option<StreamEntry> {
        Some(StreamEntry {
            durability: Durability::parse(&self.durability)?,
            created: parse_rfc3339(&self.created)?,
            earliest: Offset::parse(&self.earliest).ok()?,
            tail: Offset::parse(&self.tail).ok()?,
            name: self.name,
            content_type: self.content_type,
            closed: self.closed,
            messages: self.messages,
            bytes: self.bytes,
            followers: self.followers,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_reads_as_documented() {
        let body = br#"{"streams":[{"name":"orders/42","content_type":"application/json","durability":"disk",
            "closed":false,"created":"2026-11-23T10:00:00.000Z","earliest":"0000000000000abc_0000000000000003",
            "tail":"0000000000000abc_0000000000000015","messages":12,"bytes":3400,
            "followers":{"poll":4,"long-poll":1,"sse":2,"websocket":9}}],"next":"orders/42"}"#;
        let page = StreamsPage::parse(body).unwrap();
        assert_eq!(page.next.as_deref(), Some("orders/42"));
        let entry = &page.streams[0];
        assert_eq!((entry.tail.index, entry.messages), (15, 12));
        assert_eq!(entry.followers, FollowerCounts { poll: 4, long_poll: 1, sse: 2, websocket: 9 });
        assert!(StreamsPage::parse(b"[]").is_err());
    }
}
