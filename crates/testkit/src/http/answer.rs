//! Answers.

use std::io;

/// How large a head may get before it is taken for something else.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Status and headers of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
}

impl Head {
    /// The head at the start of `bytes` and its length; `None` when it is not complete.
    pub(crate) fn parse(bytes: &[u8]) -> io::Result<Option<(Head, usize)>> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            return if bytes.len() <= HEAD_BYTES_MAX {
                Ok(None)
            } else {
                Err(invalid("the head never ends"))
            };
        };
        let text = str::from_utf8(&bytes[..end]).map_err(|_| invalid("a head that is not text"))?;
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(parse_status).ok_or_else(|| invalid("no status line"))?;
        let headers: Option<Vec<_>> = lines.map(parse_header).collect();
        let headers = headers.ok_or_else(|| invalid("a header line without a colon"))?;
        Ok(Some((Head { status, headers }, end + 4)))
    }

    /// The value of the first header of that name, in any letter case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        Some(&found.1)
    }

    pub(crate) fn into_response(self, body: Vec<u8>) -> Response {
        Response { status: self.status, head: self, body }
    }
}

fn parse_status(line: &str) -> Option<u16> {
    let rest = line.strip_prefix("HTTP/1.1 ").or_else(|| line.strip_prefix("HTTP/1.0 "))?;
    rest.get(..3)?.parse().ok()
}

fn parse_header(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    Some((name.to_owned(), value.trim().to_owned()))
}

pub(super) fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    head: Head,
    /// The body, without its framing.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of the first header of that name, in any letter case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The `code` of a problem; empty when the answer is none.
    pub fn code(&self) -> String {
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        problem["code"].as_str().unwrap_or_default().to_owned()
    }
}
