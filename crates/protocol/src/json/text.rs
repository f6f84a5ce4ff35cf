//! Small pieces of JSON, written straight into a buffer.

use super::plain::plain_bytes;
use crate::digits::{fill_decimal, write_decimal};
use crate::offset_text::offset_text;
use crate::rfc3339::rfc3339_text;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::time::Duration;
use tidings_model::{Offset, Timestamp};

/// Appends a string in quotes.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (plain, special) = rest.split_at(plain_bytes(rest));
        out.extend_from_slice(plain);
        let [first, after @ ..] = special else {
            break;
        };
        write_escape(out, *first);
        rest = after;
    }
    out.push(b'"');
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Appends an offset as a string.
pub fn write_offset(out: &mut Vec<u8>, offset: Offset) {
    out.push(b'"');
    out.extend_from_slice(&offset_text(offset));
    out.push(b'"');
}

/// Appends an offset as a string, or `null`.
pub fn write_offset_or_null(out: &mut Vec<u8>, offset: Option<Offset>) {
    match offset {
        Some(offset) => write_offset(out, offset),
        None => out.extend_from_slice(b"null"),
    }
}

/// Appends a point in time as a string.
pub fn write_time(out: &mut Vec<u8>, time: Timestamp) {
    out.push(b'"');
    out.extend_from_slice(&rfc3339_text(time));
    out.push(b'"');
}

/// Appends a span of time as a number of seconds, with milliseconds where it has some.
pub fn write_seconds(out: &mut Vec<u8>, span: Duration) {
    write_decimal(span.as_secs(), out);
    if span.subsec_millis() != 0 {
        let mut fraction = *b".000";
        fill_decimal(u64::from(span.subsec_millis()), &mut fraction[1..]);
        out.extend_from_slice(&fraction);
    }
}

/// Appends `true` or `false`.
pub fn write_truth(out: &mut Vec<u8>, is_true: bool) {
    out.extend_from_slice(if is_true { b"true" } else { b"false" });
}

/// Appends standard base64 with padding, without quotes.
pub fn write_base64(out: &mut Vec<u8>, data: &[u8]) {
    let start = out.len();
    out.resize(start + data.len().div_ceil(3) * 4, 0);
    let written = BASE64_STANDARD.encode_slice(data, &mut out[start..]);
    debug_assert_eq!(written.ok(), Some(out.len() - start), "the length of base64 is known beforehand");
}
