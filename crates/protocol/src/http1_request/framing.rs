//! How long the body of a request is (RFC 9112, section 6), without any of the readings that proxies differ in.

use super::{Version, invalid};
use crate::digits::parse_decimal;
use crate::headers::Headers;
use crate::{ErrorCode, Problem, header_name};

/// How long the body of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// There is none.
    Empty,
    /// That many bytes, above 0.
    Known(u64),
    /// Told chunk by chunk; the narrow front leaves it to the full implementation.
    Chunked,
}

impl BodyLength {
    /// Decides by `Content-Length` and `Transfer-Encoding`; both at once, or either twice, is refused.
    pub(super) fn parse(fields: &[httparse::Header<'_>], version: Version) -> Result<BodyLength, Problem> {
        let twice = |_| invalid("send `Content-Length` and `Transfer-Encoding` only once");
        let length = fields.single(header_name::CONTENT_LENGTH).map_err(twice)?;
        let encoding = fields.single(header_name::TRANSFER_ENCODING).map_err(twice)?;
        match (length, encoding) {
            (None, None) => Ok(BodyLength::Empty),
            (Some(_), Some(_)) => Err(invalid("send `Content-Length` or `Transfer-Encoding`, not both")),
            (Some(length), None) => match parse_decimal(length) {
                Some(0) => Ok(BodyLength::Empty),
                Some(bytes) => Ok(BodyLength::Known(bytes)),
                None => Err(invalid("`Content-Length` is a whole number")),
            },
            (None, Some(_)) if version == Version::Http10 => {
                Err(invalid("HTTP/1.0 has no `Transfer-Encoding`"))
            }
            (None, Some(encoding)) if encoding.eq_ignore_ascii_case(b"chunked") => Ok(BodyLength::Chunked),
            // RFC 9112, section 6.1: what is not understood is 501.
            (None, Some(_)) => Err(Problem::new(
                ErrorCode::EncodingNotSupported,
                "the only `Transfer-Encoding` is `chunked`, alone",
            )),
        }
    }
}
