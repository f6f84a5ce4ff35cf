//! HTTP/1.1 with connections that are kept.

use super::{Incoming, What, Wire, line};
use anyhow::Context;
use std::io::Write;

/// Streams at `/v1/stream/…`, as Durable Streams has them.
pub(crate) struct Http1;

impl Http1 {
    /// The request that makes a stream.
    pub(crate) fn create(stream: u32, output: &mut Vec<u8>) {
        write!(
            output,
            "PUT /v1/stream/bench/{stream:07} HTTP/1.1\r\nHost: localhost\r\n\
             Content-Type: application/octet-stream\r\nContent-Length: 0\r\n\r\n"
        )
        .expect("a vector takes any write");
    }

    /// The request that reads a stream from its beginning.
    pub(crate) fn read(stream: u32, output: &mut Vec<u8>) {
        let path = format_args!("/v1/stream/bench/{stream:07}?offset=-1");
        write!(output, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a vector takes any write");
    }

    /// The request that asks whether the server is ready.
    pub(crate) fn ask_ready(output: &mut Vec<u8>) {
        output.extend_from_slice(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
}

impl Wire for Http1 {
    fn greet(&self, _connection: usize, _output: &mut Vec<u8>) {}

    fn publish(&self, _connection: usize, stream: u32, message: &[u8], output: &mut Vec<u8>) {
        write!(
            output,
            "POST /v1/stream/bench/{stream:07} HTTP/1.1\r\nHost: localhost\r\n\
             Content-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
            message.len()
        )
        .expect("a vector takes any write");
        output.extend_from_slice(message);
    }

    fn parse(&self, input: &[u8]) -> anyhow::Result<Option<Incoming>> {
        let Some(head_bytes) = input.windows(4).position(|bytes| bytes == b"\r\n\r\n").map(|at| at + 4)
        else {
            return Ok(None);
        };
        let head = &input[..head_bytes];
        let body_bytes =
            if matches!(head.get(9..12), Some(b"204" | b"304")) { 0 } else { content_length(head)? };
        if input.len() < head_bytes + body_bytes {
            return Ok(None);
        }
        let answer = &input[..head_bytes + body_bytes];
        // A 304 comes only to who asked for it.
        let is_success = head.get(9) == Some(&b'2') || head.get(9..12) == Some(b"304");
        anyhow::ensure!(is_success, "refused: {}", String::from_utf8_lossy(answer));
        Ok(Some(Incoming { bytes: answer.len(), what: What::Done }))
    }
}

fn content_length(head: &[u8]) -> anyhow::Result<usize> {
    const NAME: &[u8] = b"content-length:";
    let mut rest = head;
    while let Some(field) = line(rest) {
        if field.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)) {
            let digits = str::from_utf8(&field[NAME.len()..]).context("a length that is not text")?;
            return digits.trim().parse().context("a length that is not a number");
        }
        rest = &rest[(rest.iter().position(|&byte| byte == b'\n').unwrap_or(0) + 1).min(rest.len())..];
    }
    anyhow::bail!("no length in {}", String::from_utf8_lossy(head))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(bytes: usize) -> Incoming {
        Incoming { bytes, what: What::Done }
    }

    #[test]
    fn an_answer_is_whole_with_its_body() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 2\r\n\r\nokHTTP";
        assert_eq!(Http1.parse(&answer[..38]).unwrap(), None);
        assert_eq!(Http1.parse(answer).unwrap(), Some(done(40)));
        assert_eq!(Http1.parse(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap(), Some(done(27)));
        assert_eq!(Http1.parse(b"HTTP/1.1 204 No Con").unwrap(), None);
    }

    #[test]
    fn a_refusal_is_an_error() {
        assert!(Http1.parse(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").is_err());
        assert!(Http1.parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
