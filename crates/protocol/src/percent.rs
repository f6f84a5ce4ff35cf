//! Percent-encoding (RFC 3986, section 2.1), once and strictly.

use std::borrow::Cow;

/// The text holds `%` without two hex digits behind it, or decodes to what is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`%` must be followed by two hex digits, and the bytes must be UTF-8")]
pub(crate) struct InvalidEncoding;

/// What `+` stands for: itself in a path, a space in a query (which is a form).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plus {
    Plus,
    Space,
}

/// The decoded text; borrowed where nothing was encoded.
pub(crate) fn decode(text: &str, plus: Plus) -> Result<Cow<'_, str>, InvalidEncoding> {
    let is_encoded = |byte: u8| byte == b'%' || byte == b'+' && plus == Plus::Space;
    if !text.bytes().any(is_encoded) {
        return Ok(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        match rest {
            [] => break,
            [b'%', high, low, after @ ..] => {
                let (high, low) = (hex(*high).ok_or(InvalidEncoding)?, hex(*low).ok_or(InvalidEncoding)?);
                decoded.push(high << 4 | low);
                rest = after;
            }
            [b'%', ..] => return Err(InvalidEncoding),
            [b'+', after @ ..] if plus == Plus::Space => {
                decoded.push(b' ');
                rest = after;
            }
            [byte, after @ ..] => {
                decoded.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8(decoded).map(Cow::Owned).map_err(|_| InvalidEncoding)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Appends `text` so that it stands in a path: everything but the unreserved characters and `/` is encoded.
pub(crate) fn encode_path(text: &str, out: &mut String) {
    encode(text, |byte| byte == b'/', out);
}

/// Appends `text` so that it stands as a value of a query: everything but the unreserved characters is encoded.
pub(crate) fn encode_query(text: &str, out: &mut String) {
    encode(text, |_| false, out);
}

fn encode(text: &str, is_kept: fn(u8) -> bool, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || is_kept(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_happens_once() {
        assert_eq!(decode("a%2Fb%252F", Plus::Plus).unwrap(), "a/b%2F");
        assert_eq!(decode("a+b%2B", Plus::Plus).unwrap(), "a+b+");
        assert_eq!(decode("a+b%2b", Plus::Space).unwrap(), "a b+");
        assert!(matches!(decode("plain", Plus::Space), Ok(Cow::Borrowed("plain"))));
    }

    #[test]
    fn half_an_escape_is_refused() {
        for bad in ["%", "%2", "%zz", "%+1", "a%f", "%ff", "%c3%28", "%ed%a0%80"] {
            assert_eq!(decode(bad, Plus::Plus), Err(InvalidEncoding), "{bad}");
        }
    }

    #[test]
    fn only_unreserved_characters_stay() {
        let mut out = String::new();
        encode_path("a-._~/ü?#%+ ", &mut out);
        assert_eq!(out, "a-._~/%C3%BC%3F%23%25%2B%20");
        out.clear();
        encode_query("a/b&=", &mut out);
        assert_eq!(out, "a%2Fb%26%3D");
    }
}
