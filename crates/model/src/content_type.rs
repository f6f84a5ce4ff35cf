//! Content types of streams.

use std::fmt;
use std::sync::Arc;

/// What kind of bytes a stream's messages are; it decides how they travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentKind {
    /// `application/json`: each message is one JSON value.
    Json,
    /// `text/*`: each message is the bytes of one publish, meant to be UTF-8.
    Text,
    /// Everything else.
    Bytes,
}

/// A stream's content type, kept exactly as it was given.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ContentType {
    text: Arc<str>,
    kind: ContentKind,
}

impl ContentType {
    /// The longest content type in bytes.
    pub const BYTES_MAX: usize = 255;

    /// What a stream is when nobody says.
    pub const DEFAULT: &str = "application/octet-stream";

    /// Checks the value of a `Content-Type` header: `type/subtype`, perhaps with parameters, visible ASCII.
    pub fn parse(text: &str) -> Result<ContentType, InvalidContentType> {
        let media_type = media_type(text);
        let parts = media_type.split_once('/');
        let whole = parts.is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype));
        let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if !whole || !printable || ContentType::BYTES_MAX < text.len() {
            return Err(InvalidContentType);
        }
        let kind = if media_type.eq_ignore_ascii_case("application/json") {
            ContentKind::Json
        } else if media_type.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("text/")) {
            ContentKind::Text
        } else {
            ContentKind::Bytes
        };
        Ok(ContentType { text: text.trim().into(), kind })
    }

    /// `application/json`.
    pub fn json() -> ContentType {
        ContentType { text: "application/json".into(), kind: ContentKind::Json }
    }

    /// `text/plain`.
    pub fn text() -> ContentType {
        ContentType { text: "text/plain".into(), kind: ContentKind::Text }
    }

    /// `application/octet-stream`.
    pub fn bytes() -> ContentType {
        ContentType { text: ContentType::DEFAULT.into(), kind: ContentKind::Bytes }
    }

    /// As it was given, with its parameters.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How messages of this type travel.
    pub fn kind(&self) -> ContentKind {
        self.kind
    }

    /// Whether two have the same media type: letter case and parameters don't count.
    pub fn matches(&self, other: &ContentType) -> bool {
        media_type(&self.text).eq_ignore_ascii_case(media_type(&other.text))
    }
}

fn media_type(text: &str) -> &str {
    text.split(';').next().unwrap_or_default().trim()
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The text is not a content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a content type is `type/subtype` with optional parameters, at most {} bytes",
    ContentType::BYTES_MAX
)]
pub struct InvalidContentType;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_ignores_case_and_parameters() {
        let kind = |text: &str| ContentType::parse(text).map(|parsed| parsed.kind());
        assert_eq!(kind("Application/JSON; charset=utf-8"), Ok(ContentKind::Json));
        assert_eq!(kind("application/json-patch+json"), Ok(ContentKind::Bytes));
        assert_eq!(kind("TEXT/plain"), Ok(ContentKind::Text));
        assert_eq!(kind("application/octet-stream"), Ok(ContentKind::Bytes));
        for bad in ["", "text", "/", "text/", "te xt/plain", "text/plain; x=\u{e9}"] {
            assert_eq!(kind(bad), Err(InvalidContentType), "{bad}");
        }
    }

    #[test]
    fn matching_is_by_media_type() {
        let parsed = |text| ContentType::parse(text).unwrap();
        assert!(parsed("text/plain; charset=utf-8").matches(&parsed("Text/Plain")));
        assert!(!parsed("text/plain").matches(&parsed("text/html")));
    }
}
