//! The head of an HTTP/1.x request, as the server's narrow front reads it: borrowed from the buffer, nothing copied.
//!
//! Strict wherever two readers of the same bytes could disagree about where a request ends (request smuggling).
//! Knows one head and no connection. What is legal but rare is left to the full implementation.

mod chunked;
mod framing;

pub use chunked::{CHUNK_LINE_BYTES_MAX, ChunkScanner, Scanned, TRAILER_BYTES_MAX};
pub use framing::BodyLength;

use crate::headers::Headers;
use crate::{ErrorCode, Method, Problem, header_name};
use std::mem::MaybeUninit;

/// The most header fields of a request.
pub const FIELDS_MAX: usize = 64;

/// What a client that speaks HTTP/2 sends first (RFC 9113, section 3.4).
pub const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Room for the fields of one head, on the caller's stack.
pub struct FieldSlots<'b>([MaybeUninit<httparse::Header<'b>>; FIELDS_MAX]);

impl FieldSlots<'_> {
    /// Empty room; costs nothing.
    pub fn new() -> Self {
        FieldSlots([const { MaybeUninit::uninit() }; FIELDS_MAX])
    }
}

impl Default for FieldSlots<'_> {
    fn default() -> Self {
        FieldSlots::new()
    }
}

/// What a buffer begins with.
#[derive(Debug)]
pub enum Head<'h, 'b> {
    /// The beginning of a head: read more.
    Partial,
    /// A whole head.
    Complete(RequestHead<'h, 'b>),
    /// Legal, but not HTTP/1: the whole of [`HTTP2_PREFACE`].
    Rare,
    /// Not a request that is answered; close after telling.
    Invalid(Problem),
}

/// The head of a request.
#[derive(Debug)]
pub struct RequestHead<'h, 'b> {
    /// The method.
    pub method: Method,
    /// The target, as it stands in the request line.
    pub target: &'b str,
    /// The version.
    pub version: Version,
    /// The header fields.
    pub fields: &'h [httparse::Header<'b>],
    /// How many bytes the head has; the body begins behind them.
    pub bytes: usize,
    /// How long the body is.
    pub body: BodyLength,
    /// Whether the client can send another request on this connection.
    pub keep_alive: bool,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// Whether the client asks for a WebSocket.
    pub upgrades_to_websocket: bool,
}

/// A version of HTTP/1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

/// Reads the head that `buffer` begins with. `bytes_max` bounds the whole head.
pub fn parse_head<'h, 'b>(buffer: &'b [u8], slots: &'h mut FieldSlots<'b>, bytes_max: usize) -> Head<'h, 'b> {
    if buffer.starts_with(HTTP2_PREFACE) {
        return Head::Rare;
    }
    // Half of it is a beginning as every other, which has a limit of time.
    if HTTP2_PREFACE.starts_with(buffer) {
        return Head::Partial;
    }
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(buffer, &mut slots.0) {
        Ok(httparse::Status::Complete(bytes)) if bytes_max < bytes => too_large(buffer, bytes_max),
        Ok(httparse::Status::Complete(bytes)) => match complete(request, &buffer[..bytes]) {
            Ok(head) => Head::Complete(head),
            Err(problem) => Head::Invalid(problem),
        },
        Ok(httparse::Status::Partial) if bytes_max < buffer.len() => too_large(buffer, bytes_max),
        Ok(httparse::Status::Partial) => Head::Partial,
        // Refused as it is, whole or not: a head that goes to and fro between two readers has no limit of time.
        Err(httparse::Error::TooManyHeaders) => Head::Invalid(Problem::new(
            ErrorCode::HeadersTooLarge,
            format!("a request has at most {FIELDS_MAX} header fields"),
        )),
        Err(httparse::Error::Version) if names_a_version(buffer) => {
            Head::Invalid(Problem::new(ErrorCode::VersionNotSupported, "speak HTTP/1.1, HTTP/1.0 or HTTP/2"))
        }
        Err(reason) => Head::Invalid(invalid(explain(reason))),
    }
}

/// Whether the request line has three words of which the last is `HTTP/x.y`, or begins like that.
fn names_a_version(buffer: &[u8]) -> bool {
    let line =
        buffer.trim_ascii_start().split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let version = words.nth(2).and_then(|word| word.strip_prefix(b"HTTP/"));
    let is_version = version.is_some_and(|version| match version {
        [major] | [major, b'.'] => major.is_ascii_digit(),
        [major, b'.', minor] => major.is_ascii_digit() && minor.is_ascii_digit(),
        _ => false,
    });
    is_version && words.next().is_none()
}

fn too_large<'h, 'b>(buffer: &[u8], bytes_max: usize) -> Head<'h, 'b> {
    let has_whole_line = memchr::memchr(b'\n', &buffer[..bytes_max.min(buffer.len())]).is_some();
    Head::Invalid(if has_whole_line {
        Problem::new(ErrorCode::HeadersTooLarge, format!("a request's head has at most {bytes_max} bytes"))
    } else {
        Problem::new(ErrorCode::UriTooLong, format!("a request's head has at most {bytes_max} bytes"))
    })
}

fn complete<'h, 'b>(
    request: httparse::Request<'h, 'b>,
    head: &'b [u8],
) -> Result<RequestHead<'h, 'b>, Problem> {
    // httparse takes a lone LF as the end of a line; a proxy before us may not.
    let has_lone_lf = memchr::memchr_iter(b'\n', head).any(|at| at == 0 || head[at - 1] != b'\r');
    if has_lone_lf {
        return Err(invalid("lines end with CR LF"));
    }
    let httparse::Request { method, path, version, headers } = request;
    let version = match version {
        Some(0) => Version::Http10,
        Some(_) | None => Version::Http11,
    };
    let fields: &'h [httparse::Header<'b>] = headers;
    check_host(fields, version)?;
    Ok(RequestHead {
        method: Method::parse(method.unwrap_or_default()),
        target: path.unwrap_or_default(),
        version,
        fields,
        bytes: head.len(),
        body: BodyLength::parse(fields, version)?,
        keep_alive: keeps_alive(fields, version),
        // HTTP/1.0 knows neither; RFC 9110 says to ignore both there.
        expects_continue: version == Version::Http11 && fields.lists(header_name::EXPECT, "100-continue"),
        upgrades_to_websocket: version == Version::Http11
            && fields.lists(header_name::CONNECTION, "upgrade")
            && fields.lists(header_name::UPGRADE, "websocket"),
    })
}

/// RFC 9112, section 3.2: exactly one `Host` in HTTP/1.1, at most one in HTTP/1.0.
fn check_host(fields: &[httparse::Header<'_>], version: Version) -> Result<(), Problem> {
    let mut count = 0;
    fields.each(header_name::HOST, &mut |_| count += 1);
    match (count, version) {
        (1, _) | (0, Version::Http10) => Ok(()),
        (0, Version::Http11) => Err(invalid("HTTP/1.1 needs a `Host` header")),
        (_, _) => Err(invalid("send `Host` only once")),
    }
}

fn keeps_alive(fields: &[httparse::Header<'_>], version: Version) -> bool {
    let says_close = fields.lists(header_name::CONNECTION, "close");
    match version {
        Version::Http11 => !says_close,
        Version::Http10 => !says_close && fields.lists(header_name::CONNECTION, "keep-alive"),
    }
}

fn explain(reason: httparse::Error) -> &'static str {
    match reason {
        httparse::Error::HeaderName => "a header's name is malformed, or a header goes over several lines",
        httparse::Error::HeaderValue => "a header's value has a control character",
        httparse::Error::NewLine => "lines end with CR LF",
        httparse::Error::Token | httparse::Error::Status | httparse::Error::Version => {
            "the request line is malformed"
        }
        httparse::Error::TooManyHeaders => "too many headers",
    }
}

fn invalid(detail: &'static str) -> Problem {
    Problem::new(ErrorCode::InvalidRequest, detail)
}

#[cfg(test)]
mod tests;
