//! Patterns of stream names, as settings and rights use them.

use std::fmt;

/// A glob over path segments: `*` is any one segment, `**` any number of segments (also none), and inside a
/// segment `*` is any run of characters (`host-*`).
#[derive(Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// The longest pattern in bytes.
    pub const BYTES_MAX: usize = 1024;

    /// `**` may stand this often: a pattern with more means nothing that one with fewer can't say.
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

    /// Whether a decoded name fits. Allocates nothing; at worst it looks at every segment of the name for every segment of the
    /// pattern.
    pub fn matches(&self, name: &str) -> bool {
        segments_match(&self.0, name)
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

/// The segments from some place on; `None` behind the last one.
type Rest<'t> = Option<&'t str>;

fn segments_match(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut name): (Rest<'_>, Rest<'_>) = (Some(pattern), Some(name));
    // What is behind the last `**`, and where the name goes on if that takes one segment more. An earlier one never has to
    // take more: the last can take what it would.
    let mut retry: Option<(Rest<'_>, &str)> = None;
    loop {
        let step = match (pattern, name) {
            (None, None) => return true,
            (None, Some(_)) => None,
            (Some(pattern), _) => match (split(pattern), name.map(split)) {
                (("**", rest), _) => {
                    retry = name.map(|name| (rest, name));
                    Some((rest, name))
                }
                ((first, rest), Some((segment, others))) if segment_matches(first, segment) => {
                    Some((rest, others))
                }
                _ => None,
            },
        };
        (pattern, name) = match (step, retry) {
            (Some(step), _) => step,
            (None, None) => return false,
            (None, Some((behind, from))) => {
                let (_, others) = split(from);
                retry = others.map(|others| (behind, others));
                (behind, others)
            }
        };
    }
}

fn split(segments: &str) -> (&str, Rest<'_>) {
    segments.split_once('/').map_or((segments, None), |(first, rest)| (first, Some(rest)))
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
    use crate::StreamName;

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

    /// The definition, without a thought of cost.
    fn fits(pattern: &[&str], name: &[&str]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((&"**", rest)) => (0..=name.len()).any(|skip| fits(rest, &name[skip..])),
            Some((first, rest)) => name
                .split_first()
                .is_some_and(|(segment, others)| segment_matches(first, segment) && fits(rest, others)),
        }
    }

    #[test]
    fn every_short_pattern_matches_what_its_definition_says() {
        let all = |words: &[&'static str], count: u32| -> Vec<Vec<&'static str>> {
            let mut found: Vec<Vec<&'static str>> = vec![vec![]];
            let mut longest = found.clone();
            for _ in 0..count {
                longest = longest
                    .iter()
                    .flat_map(|some| words.iter().map(|word| [&some[..], &[*word]].concat()))
                    .collect();
                found.extend(longest.clone());
            }
            found.retain(|some| !some.is_empty());
            found
        };
        let names = all(&["a", "b", "ab"], 4);
        for pattern in all(&["**", "*", "a", "*b"], 4) {
            let parsed = Pattern::parse(&pattern.join("/")).unwrap();
            for name in &names {
                assert_eq!(parsed.matches(&name.join("/")), fits(&pattern, name), "{pattern:?} {name:?}");
            }
        }
    }

    #[test]
    fn a_long_name_costs_little() {
        let pattern = Pattern::parse("**/a/**/a/**/a/**/b").unwrap();
        let name = vec!["a"; StreamName::BYTES_MAX / 2].join("/");
        // With one branch for each way to cut it, this would take minutes.
        assert!(!pattern.matches(&name));
    }

    #[test]
    fn bad_patterns_are_refused() {
        assert_eq!(Pattern::parse("").err(), Some(InvalidPattern::Length));
        assert_eq!(Pattern::parse("a//b").err(), Some(InvalidPattern::EmptySegment));
        assert_eq!(Pattern::parse("**/**/**/**/**").err(), Some(InvalidPattern::TooDeep));
    }
}
