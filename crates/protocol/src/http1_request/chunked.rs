//! Where a chunked body ends (RFC 9112, section 7.1), without any of the readings that proxies differ in.
//!
//! Knows only ends: the data is taken out of the chunks by the full implementation, which reads no byte that was not
//! scanned before.

use super::FIELDS_MAX;

/// The most bytes of the line with a chunk's size, extensions included.
pub const CHUNK_LINE_BYTES_MAX: usize = 256;

/// The most bytes of all trailer fields of a body.
pub const TRAILER_BYTES_MAX: usize = 4 << 10;

/// Reads a chunked body piece by piece. Holds no bytes.
#[derive(Clone, Debug)]
pub struct ChunkScanner {
    place: Place,
    /// Bytes of the line with the size, or of the trailers.
    line_bytes: usize,
    fields: usize,
}

/// What was found in a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scanned {
    /// So many bytes of the piece belong to the body.
    pub bytes: usize,
    /// Whether the body ends behind them; what follows is the next request.
    pub is_over: bool,
}

/// What comes next.
#[derive(Clone, Copy, Debug)]
enum Place {
    Size {
        size: u64,
        digits: u32,
    },
    /// White space behind the size, which only an extension may follow.
    SizeSpace {
        size: u64,
    },
    Extension {
        size: u64,
    },
    SizeLineFeed {
        size: u64,
    },
    Data {
        left: u64,
    },
    DataReturn,
    DataLineFeed,
    /// The beginning of a trailer field, or the end.
    Trailers,
    TrailerName,
    TrailerValue,
    TrailerLineFeed,
    LastLineFeed,
    Over,
}

impl Default for ChunkScanner {
    fn default() -> Self {
        ChunkScanner { place: Place::Size { size: 0, digits: 0 }, line_bytes: 0, fields: 0 }
    }
}

impl ChunkScanner {
    /// Goes on with the next piece. An error is for good, and is a text for the client.
    pub fn scan(&mut self, piece: &[u8]) -> Result<Scanned, &'static str> {
        let mut at = 0;
        while at < piece.len() && !matches!(self.place, Place::Over) {
            if let Place::Data { left } = self.place {
                let here = left.min((piece.len() - at) as u64);
                at += usize::try_from(here).expect("it is at most the length of the piece");
                let left = left - here;
                self.place = if left == 0 { Place::DataReturn } else { Place::Data { left } };
                continue;
            }
            self.place = self.next(piece[at])?;
            at += 1;
        }
        Ok(Scanned { bytes: at, is_over: matches!(self.place, Place::Over) })
    }

    fn next(&mut self, byte: u8) -> Result<Place, &'static str> {
        self.line_bytes += 1;
        match self.place {
            Place::Size { .. } | Place::SizeSpace { .. } | Place::Extension { .. } => self.in_size_line(byte),
            Place::SizeLineFeed { size } if byte == b'\n' => {
                self.line_bytes = 0;
                Ok(if size == 0 { Place::Trailers } else { Place::Data { left: size } })
            }
            Place::DataReturn if byte == b'\r' => Ok(Place::DataLineFeed),
            Place::DataLineFeed if byte == b'\n' => {
                self.line_bytes = 0;
                Ok(Place::Size { size: 0, digits: 0 })
            }
            Place::DataReturn | Place::DataLineFeed => {
                Err("a chunk is as long as it says, and CR LF follows it")
            }
            Place::Trailers | Place::TrailerName | Place::TrailerValue => self.in_trailers(byte),
            Place::TrailerLineFeed if byte == b'\n' => Ok(Place::Trailers),
            Place::LastLineFeed if byte == b'\n' => Ok(Place::Over),
            Place::SizeLineFeed { .. } | Place::TrailerLineFeed | Place::LastLineFeed => {
                Err("lines of a chunked body end with CR LF")
            }
            Place::Data { .. } | Place::Over => unreachable!("`scan` takes no single byte here"),
        }
    }

    fn in_size_line(&self, byte: u8) -> Result<Place, &'static str> {
        if CHUNK_LINE_BYTES_MAX < self.line_bytes {
            return Err("the line with a chunk's size is too long");
        }
        match (self.place, byte) {
            (Place::Size { size, digits }, _) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16).expect("it is a hex digit");
                // 16 digits are all that 64 bits have.
                if digits == u64::BITS / 4 {
                    return Err("a chunk's size has too many digits");
                }
                Ok(Place::Size { size: size << 4 | u64::from(digit), digits: digits + 1 })
            }
            (Place::Size { digits: 0, .. }, _) => Err("a chunk begins with its size in hex digits"),
            (Place::Size { size, .. } | Place::Extension { size }, b'\r') => Ok(Place::SizeLineFeed { size }),
            (Place::Size { size, .. } | Place::SizeSpace { size }, b';') => Ok(Place::Extension { size }),
            (Place::Size { size, .. } | Place::SizeSpace { size }, b' ' | b'\t') => {
                Ok(Place::SizeSpace { size })
            }
            (Place::Extension { size }, _) if is_text(byte) => Ok(Place::Extension { size }),
            _ => Err("a chunk's size is hex digits alone"),
        }
    }

    fn in_trailers(&mut self, byte: u8) -> Result<Place, &'static str> {
        if TRAILER_BYTES_MAX < self.line_bytes {
            return Err("the trailer fields are too long");
        }
        match (self.place, byte) {
            (Place::Trailers, b'\r') => Ok(Place::LastLineFeed),
            (Place::Trailers, _) if self.fields == FIELDS_MAX => Err("there are too many trailer fields"),
            (Place::Trailers, _) if is_token(byte) => {
                self.fields += 1;
                Ok(Place::TrailerName)
            }
            (Place::TrailerName, b':') => Ok(Place::TrailerValue),
            (Place::TrailerName, _) if is_token(byte) => Ok(Place::TrailerName),
            (Place::TrailerValue, b'\r') => Ok(Place::TrailerLineFeed),
            (Place::TrailerValue, _) if is_text(byte) => Ok(Place::TrailerValue),
            _ => Err("a trailer field is malformed"),
        }
    }
}

/// What the value of a field may hold.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || b' ' <= byte && byte != 0x7f
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many bytes belong to the body; `None` when it is not yet over.
    fn end_of(text: &str) -> Result<Option<usize>, &'static str> {
        let scanned = ChunkScanner::default().scan(text.as_bytes())?;
        Ok(scanned.is_over.then_some(scanned.bytes))
    }

    #[test]
    fn a_body_ends_behind_its_trailers() {
        for body in [
            "0\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "00005\r\n0\r\n\r\n\r\n000\r\n\r\n",
            "a;x\r\n0123456789\r\nA;b=\"c;d\"\r\n0123456789\r\n0;last\r\n\r\n",
            "1 ;x\r\n!\r\n1\t;\r\n!\r\n0\r\n\r\n",
            "0\r\nX-Sum: 12\r\nY:\r\nZ: \u{e9}\t\r\n\r\n",
        ] {
            assert_eq!(end_of(&format!("{body}GET /")), Ok(Some(body.len())), "{body:?}");
            for bytes in 0..body.len() {
                let beginning = &body.as_bytes()[..bytes];
                let scanned = ChunkScanner::default().scan(beginning);
                assert_eq!(scanned, Ok(Scanned { bytes, is_over: false }), "{body:?}, {bytes}");
            }
        }
    }

    #[test]
    fn pieces_of_any_size_are_read_alike() {
        let body = b"5;x=y\r\nhello\r\n1 ;z\r\n\n\r\n0\r\nX: y\r\n\r\n";
        for size in 1..body.len() {
            let mut scanner = ChunkScanner::default();
            let pieces: Vec<_> = body.chunks(size).collect();
            for (index, piece) in pieces.iter().enumerate() {
                let expected = Scanned { bytes: piece.len(), is_over: index + 1 == pieces.len() };
                assert_eq!(scanner.scan(piece), Ok(expected), "pieces of {size}");
            }
        }
    }

    #[test]
    fn what_has_two_readings_is_refused() {
        for body in [
            "\r\n",
            ";x\r\n",
            " 1\r\n!\r\n",
            "+1\r\n!\r\n",
            "-1\r\n!\r\n",
            "0x1\r\n!\r\n",
            "1_0\r\n",
            "1g\r\n",
            "1 \r\n!\r\n",
            "1 1\r\n!\r\n",
            "1\n!\r\n",
            "1\r!\r\n",
            "1\r\n!\n",
            "1\r\n!!\r\n",
            "1\r\n!\r0",
            "2\r\n!\r\n0\r\n\r\n",
            "1;\0\r\n!\r\n",
            "1;x\n!\r\n",
            "1;x\ry\r\n",
            "00000000000000001\r\n!\r\n",
            "10000000000000000\r\n!\r\n",
            "0\r\n\n",
            "0\r\n\r\r",
            "0\n\r\n",
            "0\r\nX\r\n\r\n",
            "0\r\nX : y\r\n\r\n",
            "0\r\n X: y\r\n\r\n",
            "0\r\nX: y\n\r\n",
            "0\r\nX: y\r\n z\r\n\r\n",
            "0\r\nX: \0\r\n\r\n",
            "0\r\n: y\r\n\r\n",
        ] {
            assert!(end_of(body).is_err(), "{body:?}");
        }
    }

    #[test]
    fn lines_and_trailers_have_limits() {
        let extension = |bytes: usize| format!("0;{}\r\n\r\n", "x".repeat(bytes - "0;\r\n".len()));
        assert!(end_of(&extension(CHUNK_LINE_BYTES_MAX)).is_ok_and(|end| end.is_some()));
        assert!(end_of(&extension(CHUNK_LINE_BYTES_MAX + 2)).is_err());
        assert!(end_of(&format!("0\r\nX: {}", "y".repeat(TRAILER_BYTES_MAX))).is_err());
        let fields = |count: usize| format!("0\r\n{}\r\n", "X: y\r\n".repeat(count));
        assert!(end_of(&fields(FIELDS_MAX)).is_ok_and(|end| end.is_some()));
        assert!(end_of(&fields(FIELDS_MAX + 1)).is_err());
        let size = format!("{:x}\r\n", u64::MAX);
        assert_eq!(end_of(&size), Ok(None));
    }
}
