//! Values of response headers: typed, so that the common ones need no allocation and none can split a response.

use crate::cache_control::CacheControl;
use crate::cache_cursor::CacheCursor;
use crate::digits::write_decimal;
use crate::etag::ETag;
use crate::offset_text::offset_text;
use tidings_model::{ContentType, Offset};

/// The value of a header. No value can carry a line break or another control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderValue(Value);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Static(&'static str),
    Owned(Box<str>),
    ContentType(ContentType),
    Offset(Offset),
    Number(u64),
    ETag(ETag),
    MaxAge(u32),
}

impl HeaderValue {
    /// `true`.
    pub const TRUE: HeaderValue = HeaderValue(Value::Static("true"));

    /// Any text; control characters come out as spaces.
    pub fn text(text: &str) -> HeaderValue {
        let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        HeaderValue(Value::Owned(clean.collect()))
    }

    /// Appends the value.
    pub fn write(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Value::Static(text) => out.extend_from_slice(text.as_bytes()),
            Value::Owned(text) => out.extend_from_slice(text.as_bytes()),
            Value::ContentType(content_type) => out.extend_from_slice(content_type.as_str().as_bytes()),
            Value::Offset(offset) => out.extend_from_slice(&offset_text(*offset)),
            Value::Number(number) => write_decimal(*number, out),
            Value::ETag(tag) => tag.write(out),
            Value::MaxAge(seconds) => {
                out.extend_from_slice(b"public, max-age=");
                write_decimal(u64::from(*seconds), out);
            }
        }
    }
}

/// A text of the program. Such texts hold no control characters; a debug build checks it.
impl From<&'static str> for HeaderValue {
    fn from(text: &'static str) -> HeaderValue {
        debug_assert!(!text.contains(char::is_control), "a control character in {text:?}");
        HeaderValue(Value::Static(text))
    }
}

impl From<&ContentType> for HeaderValue {
    fn from(content_type: &ContentType) -> HeaderValue {
        HeaderValue(Value::ContentType(content_type.clone()))
    }
}

impl From<Offset> for HeaderValue {
    fn from(offset: Offset) -> HeaderValue {
        HeaderValue(Value::Offset(offset))
    }
}

impl From<u64> for HeaderValue {
    fn from(number: u64) -> HeaderValue {
        HeaderValue(Value::Number(number))
    }
}

impl From<ETag> for HeaderValue {
    fn from(tag: ETag) -> HeaderValue {
        HeaderValue(Value::ETag(tag))
    }
}

impl From<CacheCursor> for HeaderValue {
    fn from(cursor: CacheCursor) -> HeaderValue {
        HeaderValue(Value::Number(cursor.to_number()))
    }
}

impl From<CacheControl> for HeaderValue {
    fn from(control: CacheControl) -> HeaderValue {
        HeaderValue(match control {
            CacheControl::NoStore => Value::Static("no-store"),
            CacheControl::NoCache => Value::Static("no-cache"),
            CacheControl::PrivateNoCache => Value::Static("private, no-cache"),
            CacheControl::Public { max_age_s } => Value::MaxAge(max_age_s),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_model::Incarnation;

    fn written(value: impl Into<HeaderValue>) -> String {
        let mut out = Vec::new();
        value.into().write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_text_can_not_split_a_response() {
        assert_eq!(written(HeaderValue::text("a\r\nx-evil: 1\0\u{85}")), "a  x-evil: 1  ");
    }

    #[test]
    fn typed_values_are_written_as_their_texts() {
        let offset = Offset { incarnation: Incarnation::of_disk(7), index: 2 };
        assert_eq!(written(offset), offset.to_string());
        assert_eq!(written(12), "12");
        assert_eq!(written("x"), "x");
        assert_eq!(written(&ContentType::json()), "application/json");
        assert_eq!(written(CacheControl::NoCache), "no-cache");
        assert_eq!(written(CacheControl::NoStore), "no-store");
        assert_eq!(written(CacheControl::Public { max_age_s: 60 }), "public, max-age=60");
    }
}
