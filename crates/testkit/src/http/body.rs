//! Bodies: how long they are, and what is in them.

use super::answer::invalid;
use super::{Head, Request};
use std::io;

/// Takes the framing off a body, however it arrives in parts.
#[derive(Debug)]
pub(crate) enum BodyDecoder {
    /// So many bytes more.
    Length {
        /// What is left.
        left: usize,
    },
    /// Chunks; stands before the size of one.
    ChunkSize,
    /// Inside a chunk.
    Chunk {
        /// What is left of it.
        left: usize,
    },
    /// Behind the bytes of a chunk, before its line end.
    ChunkEnd,
    /// Behind the last chunk.
    Trailer,
    /// Until the connection ends.
    UntilEnd,
}

impl BodyDecoder {
    /// The decoder for the body that follows this head.
    pub(crate) fn of(head: &Head, request: &Request) -> BodyDecoder {
        if request.wants_no_body() || head.status == 204 || head.status == 304 {
            return BodyDecoder::Length { left: 0 };
        }
        if head.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            return BodyDecoder::ChunkSize;
        }
        match head.header("content-length").and_then(|value| value.parse().ok()) {
            Some(left) => BodyDecoder::Length { left },
            None => BodyDecoder::UntilEnd,
        }
    }

    /// Whether the body is complete.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self, BodyDecoder::Length { left: 0 })
    }

    /// Whether the end of the connection completes the body.
    pub(crate) fn ends_with_connection(&self) -> bool {
        matches!(self, BodyDecoder::UntilEnd)
    }

    /// Appends what `input` holds of the body to `body`; how much of `input` was used.
    pub(crate) fn decode(&mut self, input: &[u8], body: &mut Vec<u8>) -> io::Result<usize> {
        let mut used = 0;
        while !self.is_done() {
            let rest = &input[used..];
            let Some((step, next)) = self.step(rest, body)? else { break };
            used += step;
            *self = next;
        }
        Ok(used)
    }

    /// One piece: its length and the state after it; `None` when `rest` holds no whole one.
    fn step(&self, rest: &[u8], body: &mut Vec<u8>) -> io::Result<Option<(usize, BodyDecoder)>> {
        let mut take = |left: usize| {
            let count = left.min(rest.len());
            body.extend_from_slice(&rest[..count]);
            count
        };
        Ok(match *self {
            BodyDecoder::Length { .. } | BodyDecoder::Chunk { .. } | BodyDecoder::UntilEnd
                if rest.is_empty() =>
            {
                None
            }
            BodyDecoder::Length { left } => {
                let count = take(left);
                Some((count, BodyDecoder::Length { left: left - count }))
            }
            BodyDecoder::Chunk { left } => {
                let count = take(left);
                let chunk = BodyDecoder::Chunk { left: left - count };
                Some((count, if count == left { BodyDecoder::ChunkEnd } else { chunk }))
            }
            BodyDecoder::UntilEnd => Some((take(rest.len()), BodyDecoder::UntilEnd)),
            BodyDecoder::ChunkSize => match line(rest) {
                None => None,
                Some(line) => match chunk_size(line)? {
                    0 => Some((line.len() + 2, BodyDecoder::Trailer)),
                    left => Some((line.len() + 2, BodyDecoder::Chunk { left })),
                },
            },
            BodyDecoder::ChunkEnd => match line(rest) {
                None => None,
                Some(b"") => Some((2, BodyDecoder::ChunkSize)),
                Some(_) => return Err(invalid("a chunk is longer than its size says")),
            },
            BodyDecoder::Trailer => match line(rest) {
                None => None,
                Some(b"") => Some((2, BodyDecoder::Length { left: 0 })),
                Some(line) => Some((line.len() + 2, BodyDecoder::Trailer)),
            },
        })
    }
}

/// The first line, without its end.
fn line(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.windows(2).position(|two| two == b"\r\n")?;
    Some(&bytes[..end])
}

fn chunk_size(line: &[u8]) -> io::Result<usize> {
    let digits = line.split(|&byte| byte == b';').next().unwrap_or_default();
    let digits = str::from_utf8(digits).map_err(|_| invalid("a chunk size that is not text"))?;
    usize::from_str_radix(digits.trim(), 16).map_err(|_| invalid("a chunk size that is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_decode_alike_however_they_arrive() {
        let wire = b"5\r\nhello\r\n1;x=y\r\n \r\n5\r\nworld\r\n0\r\nTrailer: x\r\n\r\nnext";
        for cut in 0..wire.len() {
            let mut decoder = BodyDecoder::ChunkSize;
            let mut body = Vec::new();
            let used = decoder.decode(&wire[..cut], &mut body).unwrap();
            let used = used + decoder.decode(&wire[used..], &mut body).unwrap();
            assert_eq!(body, b"hello world");
            assert_eq!(&wire[used..], b"next");
            assert!(decoder.is_done());
        }
    }

    #[test]
    fn a_length_is_exact() {
        let mut decoder = BodyDecoder::Length { left: 3 };
        let mut body = Vec::new();
        assert_eq!(decoder.decode(b"ab", &mut body).unwrap(), 2);
        assert!(!decoder.is_done());
        assert_eq!(decoder.decode(b"cd", &mut body).unwrap(), 1);
        assert!(decoder.is_done());
        assert_eq!(body, b"abc");
    }
}
