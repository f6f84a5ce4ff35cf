//! The wire of tidings, encoded and decoded: targets, headers, queries, problems, responses, JSON, SSE, WebSocket.
//!
//! Knows `docs/protocol.md`, for the server and for clients. Does not know sockets, tasks, the source of time
//! (`now` is a parameter) or the log.

mod admin_path;
mod admin_query;
mod cache_control;
mod cache_cursor;
mod civil;
mod cors;
mod create_request;
mod digits;
pub mod envelope;
mod error_code;
mod etag;
mod forwarded;
pub mod header_name;
mod header_value;
mod headers;
mod http1_request;
mod http_date;
pub mod json;
mod list_request;
mod method;
mod offset_text;
mod percent;
mod problem;
mod proxy_header;
mod publish_request;
mod query;
mod read_request;
mod response;
mod revoke_request;
mod rfc3339;
pub mod sse;
mod target;
mod ticket;
pub mod websocket;

pub use self::proxy_header::ProxyHeader;
pub use admin_path::AdminPath;
pub use admin_query::{AdminQuery, StreamOrder};
pub use cache_control::{CacheControl, PageLife};
pub use cache_cursor::CacheCursor;
pub use cors::Cors;
pub use create_request::{CreateRequest, lifetime_header, retention_headers};
pub use digits::{INTEGER_MAX, write_decimal};
pub use error_code::ErrorCode;
pub use etag::{ETag, IfNoneMatch, PageEnd, none_match_names};
pub use forwarded::{ForwardedClient, ForwardedField, forwarded_client};
pub use header_value::HeaderValue;
pub use headers::Headers;
pub use http_date::HttpDate;
pub use http1_request::{
    BodyLength, CHUNK_LINE_BYTES_MAX, ChunkScanner, FIELDS_MAX, FieldSlots, HTTP2_PREFACE, Head, RequestHead,
    Scanned, TRAILER_BYTES_MAX, Version, parse_head,
};
pub use list_request::ListRequest;
pub use method::Method;
pub use offset_text::offset_text;
pub use problem::{Challenge, LimitReached, Problem, ProblemFacts, ProblemView};
pub use publish_request::{
    ContentTypeGiven, Producer, PublishIdentity, PublishRequest, check_key, check_producer_id,
    check_stream_seq,
};
pub use read_request::{Live, ReadManyRequest, ReadRequest, StartGiven, StartKind, parse_upgrade_start};
pub use response::{Connection, Http1Form, OpenBody, Response, reason_phrase};
pub use revoke_request::{RevokeRequest, RevokedName};
pub use rfc3339::{RFC3339_BYTES, parse_rfc3339, rfc3339_text};
pub use target::{READ_PATH, Route, Target, stream_path, target_path};
pub use ticket::{TICKET_PATH, TicketRequest, has_token, ticket_of};
