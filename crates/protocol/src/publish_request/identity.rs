//! How a publish that is repeated is known: by a producer's sequence or by a key, never by both.

use crate::digits::parse_integer;
use crate::headers::Headers;
use crate::{ErrorCode, Problem, header_name};
use std::sync::Arc;

/// The longest producer id and `Stream-Seq` in bytes: both are kept with the stream.
const KEPT_BYTES_MAX: usize = 255;

/// The longest key in bytes.
const KEY_BYTES_MAX: usize = 255;

/// How a repetition is told from a second publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublishIdentity {
    /// Not at all.
    None,
    /// By `Producer-Id`, `Producer-Epoch` and `Producer-Seq`.
    Producer(Producer),
    /// By `Idempotency-Key`.
    Key(Arc<str>),
}

/// An idempotent producer and the place of a publish in its sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    /// Who.
    pub id: Arc<str>,
    /// Which life of it; at most 2^53 − 1.
    pub epoch: u64,
    /// Counts its publishes from 0; at most 2^53 − 1.
    pub seq: u64,
}

impl PublishIdentity {
    /// Reads the headers.
    pub(super) fn parse(headers: &(impl Headers + ?Sized)) -> Result<PublishIdentity, Problem> {
        let id = headers.single_text(header_name::PRODUCER_ID)?;
        let epoch = headers.single(header_name::PRODUCER_EPOCH)?;
        let seq = headers.single(header_name::PRODUCER_SEQ)?;
        let key = headers.single_text(header_name::IDEMPOTENCY_KEY)?;
        match (id, epoch, seq, key) {
            (None, None, None, None) => Ok(PublishIdentity::None),
            (None, None, None, Some(key)) => Ok(PublishIdentity::Key(check_key(key)?.into())),
            (Some(id), Some(epoch), Some(seq), None) => Ok(PublishIdentity::Producer(Producer {
                id: check_producer_id(id)?.into(),
                epoch: parse_number(header_name::PRODUCER_EPOCH, epoch)?,
                seq: parse_number(header_name::PRODUCER_SEQ, seq)?,
            })),
            (_, _, _, Some(_)) => Err(invalid("use `Idempotency-Key` or `Producer-*`, not both".to_owned())),
            (_, _, _, None) => {
                Err(invalid("send `Producer-Id`, `Producer-Epoch` and `Producer-Seq` together".to_owned()))
            }
        }
    }
}

/// Checks a key: 1 to 255 bytes of visible ASCII.
pub fn check_key(key: &str) -> Result<&str, Problem> {
    let is_visible = key.bytes().all(|byte| byte.is_ascii_graphic());
    if key.is_empty() || KEY_BYTES_MAX < key.len() || !is_visible {
        return Err(invalid("an idempotency key has 1 to 255 bytes of visible ASCII".to_owned()));
    }
    Ok(key)
}

/// Checks the id of a producer: 1 to 255 bytes of UTF-8 without control characters.
pub fn check_producer_id(id: &str) -> Result<&str, Problem> {
    check_kept("a producer's id", id)
}

/// Checks a `Stream-Seq`: 1 to 255 bytes of UTF-8 without control characters.
pub fn check_stream_seq(seq: &str) -> Result<&str, Problem> {
    check_kept("`Stream-Seq`", seq)
}

fn check_kept<'t>(what: &str, text: &'t str) -> Result<&'t str, Problem> {
    if text.is_empty() || KEPT_BYTES_MAX < text.len() || text.contains(char::is_control) {
        return Err(invalid(format!("{what} has 1 to 255 bytes of UTF-8, no control characters")));
    }
    Ok(text)
}

fn parse_number(name: &str, value: &[u8]) -> Result<u64, Problem> {
    parse_integer(value).ok_or_else(|| invalid(format!("`{name}` is a whole number, at most 2^53 - 1")))
}

fn invalid(detail: String) -> Problem {
    Problem::new(ErrorCode::InvalidHeader, detail)
}
