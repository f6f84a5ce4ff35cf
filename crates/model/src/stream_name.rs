//! Names of streams.

use smol_str::SmolStr;
use std::fmt;

/// The name of a stream: one or more segments joined by `/`, such as `orders/42`, in decoded form.
///
/// Invariant: 1 to [`StreamName::BYTES_MAX`] bytes; no segment is empty, `.` or `..`; no control character.
/// Cloning shares the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(SmolStr);

impl StreamName {
    /// The longest name in bytes of UTF-8.
    pub const BYTES_MAX: usize = 1024;

    /// First segments that the protocol keeps for itself.
    pub const RESERVED: &str = "__ds";

    /// Checks a decoded name.
    pub fn parse(text: &str) -> Result<StreamName, InvalidName> {
        if text.is_empty() {
            return Err(InvalidName::Empty);
        }
        if StreamName::BYTES_MAX < text.len() {
            return Err(InvalidName::TooLong { bytes: text.len() });
        }
        if let Some(at) = text.find(|c: char| c.is_control()) {
            return Err(InvalidName::ControlCharacter { at });
        }
        for (index, segment) in text.split('/').enumerate() {
            match segment {
                "" => return Err(InvalidName::EmptySegment),
                "." | ".." => return Err(InvalidName::DotSegment),
                StreamName::RESERVED if index == 0 => return Err(InvalidName::Reserved),
                _ => {}
            }
        }
        Ok(StreamName(text.into()))
    }

    /// The decoded name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// Lets a map keyed by name be asked with a plain text.
impl std::borrow::Borrow<str> for StreamName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Why a text is not a stream name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing there.
    #[error("a stream name can't be empty")]
    Empty,
    /// Longer than [`StreamName::BYTES_MAX`].
    #[error("a stream name has at most {} bytes, this one has {bytes}", StreamName::BYTES_MAX)]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// A control character, such as a line feed.
    #[error("a stream name can't hold a control character (byte {at})")]
    ControlCharacter {
        /// Where, in bytes.
        at: usize,
    },
    /// `a//b`, `/a` or `a/`.
    #[error("a stream name can't hold an empty segment: no `//`, and no `/` at either end")]
    EmptySegment,
    /// A segment `.` or `..`.
    #[error("a stream name can't hold a segment `.` or `..`")]
    DotSegment,
    /// The first segment is `__ds`.
    #[error("stream names that begin with `__ds` are reserved by the protocol")]
    Reserved,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_paths_without_tricks() {
        for good in ["a", "orders/42", "a/b/c", "ü", "a b", "x/__ds", "..a", "%2F"] {
            assert_eq!(StreamName::parse(good).map(|name| name.to_string()), Ok(good.to_owned()));
        }
        assert_eq!(StreamName::parse(""), Err(InvalidName::Empty));
        for bad in ["/a", "a/", "a//b", "/"] {
            assert_eq!(StreamName::parse(bad), Err(InvalidName::EmptySegment), "{bad}");
        }
        for bad in [".", "..", "a/../b", "a/."] {
            assert_eq!(StreamName::parse(bad), Err(InvalidName::DotSegment), "{bad}");
        }
        assert_eq!(StreamName::parse("a\nb"), Err(InvalidName::ControlCharacter { at: 1 }));
        assert_eq!(StreamName::parse("__ds/x"), Err(InvalidName::Reserved));
        let long = "x".repeat(StreamName::BYTES_MAX + 1);
        assert_eq!(StreamName::parse(&long), Err(InvalidName::TooLong { bytes: 1025 }));
        assert!(StreamName::parse(&long[1..]).is_ok());
    }
}
