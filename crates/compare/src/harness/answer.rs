//! Reads HTTP/1.1 answers in pieces of any size, without copying what is whole.
//!
//! Knows where heads and bodies end. Does not know what they mean.

use super::dialect::AnswerHead;
use anyhow::Context as _;
use httparse::{EMPTY_HEADER, Header, Status};
use tidings_protocol::Headers as _;
use tidings_protocol::header_name as name;

/// The longest head of an answer.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// The most fields of a head.
pub(super) const FIELDS_MAX: usize = 64;

/// The longest line before a chunk.
const CHUNK_LINE_BYTES_MAX: usize = 256;

/// Room for the fields of a head.
pub(super) fn room<'a>() -> [Header<'a>; FIELDS_MAX] {
    [EMPTY_HEADER; FIELDS_MAX]
}

/// Reads the answers of one connection, one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnswerReader {
    state: State,
    keeps: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    /// So many bytes of the body are to come.
    Length(u64),
    ChunkLine,
    /// So many bytes of a chunk are to come.
    Chunk(u64),
    AfterChunk,
    Trailers,
    /// The body goes on until the connection ends.
    ToEnd,
    /// The connection is something else from here on.
    Upgraded,
}

/// A part of an answer.
#[derive(Debug)]
pub(super) enum Part<'h, 'i> {
    /// The head, whole.
    Head(AnswerHead<'h>),
    /// Some of the body.
    Body(&'i [u8]),
    /// The answer is over.
    End {
        /// Whether the connection may be used for another.
        keeps: bool,
    },
    /// What follows is no longer HTTP.
    Upgraded,
}

impl AnswerReader {
    pub(super) fn new() -> AnswerReader {
        AnswerReader { state: State::Head, keeps: true }
    }

    /// Whether an answer has begun and is not over.
    pub(super) fn is_within(&self) -> bool {
        self.state != State::Head
    }

    /// Whether the end of the connection is the end of the answer.
    pub(super) fn is_to_end(&self) -> bool {
        self.state == State::ToEnd
    }

    /// The next part, taken from the front of `input`; `None` when more must come.
    pub(super) fn next_part<'h, 'i: 'h>(
        &mut self,
        input: &mut &'i [u8],
        fields: &'h mut [Header<'i>; FIELDS_MAX],
    ) -> anyhow::Result<Option<Part<'h, 'i>>> {
        loop {
            match self.state {
                State::Head => return self.head(input, fields),
                State::Upgraded => return Ok(Some(Part::Upgraded)),
                State::Length(0) => return Ok(Some(self.end())),
                State::Length(left) => {
                    let (body, left) = take(input, left);
                    self.state = State::Length(left);
                    return Ok(body.map(Part::Body));
                }
                State::Chunk(0) => self.state = State::AfterChunk,
                State::Chunk(left) => {
                    let (body, left) = take(input, left);
                    self.state = State::Chunk(left);
                    return Ok(body.map(Part::Body));
                }
                State::ToEnd => return Ok(take(input, u64::MAX).0.map(Part::Body)),
                State::ChunkLine => match line(input)? {
                    None => return Ok(None),
                    Some(line) => self.state = chunk(line)?,
                },
                State::AfterChunk => match line(input)? {
                    None => return Ok(None),
                    Some(line) => {
                        anyhow::ensure!(line.is_empty(), "a chunk that is longer than it says");
                        self.state = State::ChunkLine;
                    }
                },
                State::Trailers => match line(input)? {
                    None => return Ok(None),
                    Some([]) => return Ok(Some(self.end())),
                    Some(_) => {}
                },
            }
        }
    }

    fn end<'h, 'i>(&mut self) -> Part<'h, 'i> {
        self.state = State::Head;
        Part::End { keeps: self.keeps }
    }

    fn head<'h, 'i: 'h>(
        &mut self,
        input: &mut &'i [u8],
        fields: &'h mut [Header<'i>; FIELDS_MAX],
    ) -> anyhow::Result<Option<Part<'h, 'i>>> {
        if input.is_empty() {
            return Ok(None);
        }
        let mut answer = httparse::Response::new(fields);
        let parsed = answer.parse(input).with_context(|| {
            let beginning = String::from_utf8_lossy(&input[..input.len().min(80)]);
            format!("what the server sent is no answer of HTTP/1.1: it begins with {beginning:?}")
        })?;
        let Status::Complete(bytes) = parsed else {
            anyhow::ensure!(
                input.len() <= HEAD_BYTES_MAX,
                "the head of an answer is longer than {HEAD_BYTES_MAX} bytes"
            );
            return Ok(None);
        };
        *input = &input[bytes..];
        let head =
            AnswerHead { status: answer.code.context("an answer without a status")?, fields: answer.headers };
        self.keeps = answer.version == Some(1) && !head.fields.lists(name::CONNECTION, "close");
        self.state = body(&head)?;
        Ok(Some(Part::Head(head)))
    }
}

/// What comes behind a head (RFC 9112, section 6.3).
fn body(head: &AnswerHead<'_>) -> anyhow::Result<State> {
    match head.status {
        101 => return Ok(State::Upgraded),
        100..=199 | 204 | 304 => return Ok(State::Length(0)),
        _ => {}
    }
    if head.fields.lists(name::TRANSFER_ENCODING, "chunked") {
        return Ok(State::ChunkLine);
    }
    match head.fields.first_text(name::CONTENT_LENGTH) {
        Some(length) => {
            Ok(State::Length(length.trim().parse().context("a Content-Length that is no number")?))
        }
        None => Ok(State::ToEnd),
    }
}

/// Takes at most `left` bytes. Returns them, if there are any, and how many are left then.
fn take<'i>(input: &mut &'i [u8], left: u64) -> (Option<&'i [u8]>, u64) {
    let bytes = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
    let (body, rest) = input.split_at(bytes);
    *input = rest;
    (Some(body).filter(|body| !body.is_empty()), left - bytes as u64)
}

/// Takes a line without its end.
fn line<'i>(input: &mut &'i [u8]) -> anyhow::Result<Option<&'i [u8]>> {
    let Some(end) = memchr::memchr(b'\n', input) else {
        anyhow::ensure!(input.len() <= CHUNK_LINE_BYTES_MAX, "a line between chunks is too long");
        return Ok(None);
    };
    let line = &input[..end];
    *input = &input[end + 1..];
    Ok(Some(line.strip_suffix(b"\r").unwrap_or(line)))
}

/// The size of a chunk; its extensions are ignored.
fn chunk(line: &[u8]) -> anyhow::Result<State> {
    let digits = line.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
    let digits = std::str::from_utf8(digits).unwrap_or_default();
    match u64::from_str_radix(digits, 16).context("a chunk without a size")? {
        0 => Ok(State::Trailers),
        size => Ok(State::Chunk(size)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    /// Reads all in pieces of a size, and returns what was found as text.
    fn read(input: &str, piece: usize) -> String {
        let (mut reader, mut held, mut found) = (AnswerReader::new(), Vec::new(), String::new());
        for bytes in input.as_bytes().chunks(piece) {
            held.extend_from_slice(bytes);
            let input = std::mem::take(&mut held);
            let mut rest = &input[..];
            loop {
                let mut fields = room();
                match reader.next_part(&mut rest, &mut fields).unwrap() {
                    None => break,
                    Some(Part::Head(head)) => write!(found, "<{}>", head.status).unwrap(),
                    Some(Part::Body(body)) => found += std::str::from_utf8(body).unwrap(),
                    Some(Part::End { keeps }) => found += if keeps { "." } else { "!" },
                    Some(Part::Upgraded) => return found + "^" + std::str::from_utf8(rest).unwrap(),
                }
            }
            held = rest.to_vec();
        }
        found
    }

    #[test]
    fn answers_are_read_in_pieces_of_any_size() {
        let input = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbodyHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n\
             HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nb\r\ndefghijklmn\r\n0\r\nx: y\r\n\r\n\
             HTTP/1.1 204 No Content\r\nConnection: Close\r\n\r\n";
        for piece in 1..=input.len() {
            assert_eq!(read(input, piece), "<200>body.<304>.<200>abcdefghijklmn.<204>!", "pieces of {piece}");
        }
    }

    #[test]
    fn a_body_without_a_length_goes_on() {
        assert_eq!(read("HTTP/1.1 200 OK\r\n\r\nabc", 5), "<200>abc");
    }

    #[test]
    fn what_follows_an_upgrade_is_left_alone() {
        assert_eq!(
            read("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\u{1}x", 99),
            "<101>^\u{1}x"
        );
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let mut fields = room();
        let error = AnswerReader::new().next_part(&mut &b"SSH-2.0-x\r\n"[..], &mut fields).unwrap_err();
        assert!(error.to_string().contains("SSH-2.0"), "{error}");
    }
}
