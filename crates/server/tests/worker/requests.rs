//! Requests as texts, all of one stream.

/// A poll from the beginning.
pub(crate) const POLL: &str = "GET /v1/stream/a?offset=-1 HTTP/1.1\r\nHost: t\r\n\r\n";

/// A long poll at the tail, held for the half second that the harness sets.
pub(crate) const LONG_POLL: &str = "GET /v1/stream/a?offset=now&live=long-poll HTTP/1.1\r\nHost: t\r\n\r\n";

/// A long poll at the tail, held for longer than any test takes.
pub(crate) const HELD_POLL: &str =
    "GET /v1/stream/a?offset=now&live=long-poll&timeout=100 HTTP/1.1\r\nHost: t\r\n\r\n";

/// An SSE response from the tail.
pub(crate) const SSE: &str = "GET /v1/stream/a?offset=now&live=sse HTTP/1.1\r\nHost: t\r\n\r\n";

/// Odd: hyper answers it.
pub(crate) const OPTIONS: &str = "OPTIONS /v1/stream/a HTTP/1.1\r\nHost: t\r\n\r\n";

/// The target of a WebSocket that follows the stream from its beginning.
pub(crate) const FOLLOW: &str = "/v1/stream/a?offset=-1";

pub(crate) fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: t\r\n\r\n")
}

pub(crate) fn put(stream: &str) -> String {
    format!(
        "PUT /v1/stream/{stream} HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

pub(crate) fn delete(stream: &str) -> String {
    format!("DELETE /v1/stream/{stream} HTTP/1.1\r\nHost: t\r\n\r\n")
}

pub(crate) fn head(stream: &str) -> String {
    format!("HEAD /v1/stream/{stream} HTTP/1.1\r\nHost: t\r\n\r\n")
}

pub(crate) fn publish(stream: &str, json: &str) -> String {
    format!(
        "POST /v1/stream/{stream} HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{json}",
        json.len()
    )
}

/// The body cut into two chunks.
pub(crate) fn publish_chunked(stream: &str, json: &str) -> String {
    let (first, second) = json.split_at(1);
    format!(
        "POST /v1/stream/{stream} HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
        first.len(),
        second.len()
    )
}

pub(crate) fn close(stream: &str) -> String {
    format!(
        "POST /v1/stream/{stream} HTTP/1.1\r\nHost: t\r\nStream-Closed: true\r\nContent-Length: 0\r\n\r\n"
    )
}

pub(crate) fn upgrade(target: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// A read of many streams: what stands in its list.
pub(crate) fn read_many(query: &str, entries: &str) -> String {
    let body = format!("{{\"streams\":[{entries}]}}");
    format!("POST /v1/read{query} HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}
