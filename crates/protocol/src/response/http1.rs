//! Responses as bytes of HTTP/1.1, written into a buffer of the caller.

use super::{COMMON, Response, has_body};
use crate::digits::write_decimal;
use crate::header_name;
use crate::http_date::HttpDate;
use crate::http1_request::Version;

/// What the request and the connection make of a response.
#[derive(Clone, Copy, Debug)]
pub struct Http1Form {
    /// What the request spoke.
    pub version: Version,
    /// Whether another request may follow.
    pub connection: Connection,
    /// Whether the request was `HEAD`: the head is the same, the body is not sent.
    pub is_head: bool,
    /// The text of `Date`.
    pub date: HttpDate,
}

/// What becomes of a connection after a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// It waits for another request.
    KeepAlive,
    /// It is closed.
    Close,
}

impl Connection {
    /// The `Connection` header of a response of that status, where the version's default says something else.
    pub fn header(self, status: u16, version: Version) -> Option<&'static str> {
        match (status, self, version) {
            // Who sends `Upgrade` must name it here (RFC 9110, section 7.8).
            (101, _, _) | (426, Connection::KeepAlive, _) => Some("upgrade"),
            (426, Connection::Close, _) => Some("close, upgrade"),
            (_, Connection::Close, _) => Some("close"),
            (_, Connection::KeepAlive, Version::Http10) => Some("keep-alive"),
            (_, Connection::KeepAlive, Version::Http11) => None,
        }
    }
}

/// How a body of unknown length ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenBody {
    /// By an empty chunk (HTTP/1.1 only).
    Chunked,
    /// By the end of the connection.
    UntilClose,
}

impl Response {
    /// Appends the whole response. Its length is known, so a reader can tell where it ends.
    pub fn write_http1(&self, form: &Http1Form, out: &mut Vec<u8>) {
        self.write_http1_head(form, out);
        if has_body(self.status) && !form.is_head {
            out.extend_from_slice(&self.body);
        }
    }

    /// Appends the same without its body, which the caller sends behind it: one that is large need not be copied.
    pub fn write_http1_head(&self, form: &Http1Form, out: &mut Vec<u8>) {
        self.write_head(form, out);
        if has_body(self.status) {
            write_name(header_name::CONTENT_LENGTH, out);
            write_decimal(self.body.len() as u64, out);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Appends only the head of a response whose body follows without a known length (SSE).
    pub fn write_http1_open(&self, form: &Http1Form, body: OpenBody, out: &mut Vec<u8>) {
        match body {
            OpenBody::Chunked => {
                self.write_head(form, out);
                write_header(header_name::TRANSFER_ENCODING, "chunked", out);
            }
            OpenBody::UntilClose => {
                self.write_head(&Http1Form { connection: Connection::Close, ..*form }, out);
            }
        }
        out.extend_from_slice(b"\r\n");
    }

    fn write_head(&self, form: &Http1Form, out: &mut Vec<u8>) {
        out.extend_from_slice(b"HTTP/1.1 ");
        write_decimal(u64::from(self.status), out);
        out.push(b' ');
        out.extend_from_slice(reason_phrase(self.status).as_bytes());
        out.extend_from_slice(b"\r\n");
        for (name, value) in &self.headers {
            write_name(name, out);
            value.write(out);
            out.extend_from_slice(b"\r\n");
        }
        for (name, value) in COMMON {
            write_header(name, value, out);
        }
        self.cors.each(&mut |name, value| write_header(name, value, out));
        write_name(header_name::DATE, out);
        out.extend_from_slice(form.date.as_bytes());
        out.extend_from_slice(b"\r\n");
        // The answer to an upgrade brings its own.
        let has_own = self.headers.iter().any(|(name, _)| *name == header_name::CONNECTION);
        let connection = form.connection.header(self.status, form.version).filter(|_| !has_own);
        if let Some(value) = connection {
            write_header(header_name::CONNECTION, value, out);
        }
    }
}

fn write_header(name: &str, value: &str, out: &mut Vec<u8>) {
    write_name(name, out);
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn write_name(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
}

/// The words after a status that this server uses; they mean nothing to a program.
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        304 => "Not Modified",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorCode, Problem};
    use tidings_model::Timestamp;

    fn form(version: Version, connection: Connection) -> Http1Form {
        Http1Form { version, connection, is_head: false, date: HttpDate::at(Timestamp(0)) }
    }

    fn kept() -> Http1Form {
        form(Version::Http11, Connection::KeepAlive)
    }

    fn whole(response: &Response, form: &Http1Form) -> String {
        let mut out = Vec::new();
        response.write_http1(form, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_whole_response_reads_back() {
        let response = Response::new(200).with("stream-up-to-date", "true").with_body("text/plain", "hello");
        let text = whole(&response, &kept());
        let mut slots = [httparse::EMPTY_HEADER; 16];
        let mut parsed = httparse::Response::new(&mut slots);
        let head_bytes = parsed.parse(text.as_bytes()).unwrap().unwrap();
        assert_eq!((parsed.code, parsed.reason), (Some(200), Some("OK")));
        assert_eq!(&text[head_bytes..], "hello");
        assert!(text.contains("\r\ncontent-length: 5\r\n"));
        assert!(text.contains("\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"));
        assert!(text.contains("\r\nx-content-type-options: nosniff\r\n"));
        assert!(!text.contains("connection:"));
    }

    #[test]
    fn a_status_without_a_body_has_no_length() {
        for status in [101, 204, 304] {
            let text = whole(&Response::new(status).with_body("text/plain", "x"), &kept());
            assert!(!text.contains("content-length"), "{text}");
            assert!(text.ends_with("\r\n\r\n"), "{text}");
        }
    }

    #[test]
    fn a_head_request_gets_the_length_and_no_body() {
        let response = Response::new(200).with_body("text/plain", "hello");
        let text = whole(&response, &Http1Form { is_head: true, ..kept() });
        assert!(text.contains("\r\ncontent-length: 5\r\n"));
        assert!(text.ends_with("\r\n\r\n"));
    }

    #[test]
    fn the_connection_is_named_where_the_version_says_otherwise() {
        let response = Response::new(200);
        let close = whole(&response, &form(Version::Http11, Connection::Close));
        assert!(close.contains("\r\nconnection: close\r\n"));
        let old = whole(&response, &form(Version::Http10, Connection::KeepAlive));
        assert!(old.contains("\r\nconnection: keep-alive\r\n"));
        let upgrade = whole(&Response::new(101), &kept());
        assert!(upgrade.contains("\r\nconnection: upgrade\r\n"));
        let upgrade = whole(&Response::new(101).with(header_name::CONNECTION, "Upgrade"), &kept());
        assert_eq!(upgrade.matches("onnection: ").count(), 1);
        let required = whole(&Response::new(426), &form(Version::Http11, Connection::Close));
        assert!(required.contains("\r\nconnection: close, upgrade\r\n"));
    }

    #[test]
    fn an_open_body_says_how_it_ends() {
        let response = Response::new(200).with("content-type", "text/event-stream");
        let mut out = Vec::new();
        response.write_http1_open(&kept(), OpenBody::Chunked, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\r\ntransfer-encoding: chunked\r\n") && !text.contains("content-length"));

        let mut out = Vec::new();
        response.write_http1_open(&kept(), OpenBody::UntilClose, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\r\nconnection: close\r\n") && !text.contains("transfer-encoding"));
    }

    #[test]
    fn every_status_of_an_error_has_its_words() {
        for &code in ErrorCode::ALL {
            let text = whole(&Response::problem(&Problem::new(code, "x")), &kept());
            assert!(!reason_phrase(code.status()).is_empty(), "{text}");
        }
    }
}
