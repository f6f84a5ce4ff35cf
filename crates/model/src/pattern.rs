//! Patterns of stream names, as settings and rights use them.

use std::fmt;

/// A glob over path segments: `*` is any one segment, `**` any number of segments (also none), and inside a
/// segment `*` is any run of characters (`host-*`).
#[derive(Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// The longest pattern in bytes.
    pub const BYTES_MAX: usize = 1024;

    /// `**` may stand this often: it bounds the work of a match.
    pub const DEEP_MAX: usize = 4;

    /// Checks a pattern.
    pub fn parse(text: &str) -> Result<Pattern, InvalidPattern> {
        if text.is_empty() || Pattern::BYTES_MAX < text.len() {
            return Err(InvalidPattern::Length);
        }
        if text.split('/').any(str::is_empty) {
            return Err(InvalidPattern::EmptySegment);
        }
        if Pattern::DEEP_MAX < text.split('/').filter(|segment| *segment == "**").count() {
            return Err(InvalidPattern::TooDeep);
        }
        Ok(Pattern(text.to_owned()))
    }

    /// Whether a decoded name fits.
    pub fn matches(&self, name: &str) -> bool {
        let pattern: Vec<&str> = self.0.split('/').collect();
        let name: Vec<&str> = name.split('/').collect();
        segments_match(&pattern, &name)
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

fn segments_match(pattern: &[&str], name: &[&str]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((&"**", rest)) => (0..=name.len()).any(|skip| segments_match(rest, &name[skip..])),
        Some((first, rest)) => name
            .split_first()
            .is_some_and(|(segment, others)| segment_matches(first, segment) && segments_match(rest, others)),
    }
}

fn segment_matches(pattern: &str, segment: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == segment;
    };
    let Some(mut segment) = segment.strip_prefix(start) else {
        return false;
    };
    // Every part but the last may stand at its first place: a later one leaves less for the parts after it.
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = segment.find(part) else {
            return false;
        };
        segment = &segment[at + part.len()..];
    }
    segment.ends_with(last)
}

/// Why a text is not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// Empty, or too long.
    #[error("a pattern has 1 to {} bytes", Pattern::BYTES_MAX)]
    Length,
    /// `a//b`, `/a` or `a/`.
    #[error("a pattern can't hold an empty segment: no `//`, and no `/` at either end")]
    EmptySegment,
    /// Too many `**`.
    #[error("a pattern holds `**` at most {} times", Pattern::DEEP_MAX)]
    TooDeep,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_match_segments() {
        let matches = |pattern: &str, name: &str| Pattern::parse(pattern).unwrap().matches(name);
        assert!(matches("orders/*", "orders/42"));
        assert!(!matches("orders/*", "orders"));
        assert!(!matches("orders/*", "orders/42/items"));
        assert!(matches("orders/**", "orders"));
        assert!(matches("orders/**", "orders/42/items"));
        assert!(matches("**", "anything/at/all"));
        assert!(matches("**/log", "a/b/log"));
        assert!(matches("host-*/cpu*", "host-7/cpu0"));
        assert!(!matches("host-*/cpu", "host-7/cpu0"));
        assert!(matches("a*b*c", "axxbyyc"));
        assert!(!matches("a*b*c", "axxcyyb"));
        assert!(!matches("ab*b", "ab"));
    }

    #[test]
    fn bad_patterns_are_refused() {
        assert_eq!(Pattern::parse("").err(), Some(InvalidPattern::Length));
        assert_eq!(Pattern::parse("a//b").err(), Some(InvalidPattern::EmptySegment));
        assert_eq!(Pattern::parse("**/**/**/**/**").err(), Some(InvalidPattern::TooDeep));
    }
}
