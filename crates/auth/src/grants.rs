//! Grants: which rights somebody has on which streams.

use crate::template::{Claims, InvalidTemplate, Template};
use crate::{Right, Rights};
use serde_json::Value;
use std::sync::Arc;
use tidings_model::{Pattern, StreamName};

/// What somebody may do, ready to be asked. In parts, which many share: what anybody may do is there once, however many may do it.
#[derive(Clone, Debug, Default)]
pub struct Grants(Vec<Arc<[Grant]>>);

#[derive(Clone, Debug)]
struct Grant {
    rights: Rights,
    streams: Streams,
}

#[derive(Clone, Debug)]
enum Streams {
    Matching(Pattern),
    /// One, whatever characters its name has.
    Named(StreamName),
}

impl Grants {
    /// Whether they have that right on that stream. Looks at each pattern; allocates nothing.
    pub fn have(&self, right: Right, stream: &StreamName) -> bool {
        self.each().any(|grant| {
            grant.rights.has(right)
                && match &grant.streams {
                    Streams::Matching(pattern) => pattern.matches(stream.as_str()),
                    Streams::Named(name) => name == stream,
                }
        })
    }

    /// Whether they have that right on any stream at all.
    pub fn have_any(&self, right: Right) -> bool {
        self.each().any(|grant| grant.rights.has(right))
    }

    fn each(&self) -> impl Iterator<Item = &Grant> {
        self.0.iter().flat_map(|part| part.iter())
    }

    /// Whether they have that right on every stream there is or could be: by the pattern `**` itself.
    pub fn have_on_all(&self, right: Right) -> bool {
        self.each().any(|grant| {
            grant.rights.has(right)
                && matches!(&grant.streams, Streams::Matching(pattern) if pattern.as_str() == "**")
        })
    }

    /// Of that right: the texts with which the names begin that they have it on, as far as that can be told. Every such name begins with
    /// one of them.
    pub fn prefixes(&self, right: Right) -> Vec<&str> {
        let of_right = self.each().filter(|grant| grant.rights.has(right));
        of_right
            .map(|grant| match &grant.streams {
                Streams::Matching(pattern) => literal_start(pattern.as_str()),
                Streams::Named(name) => name.as_str(),
            })
            .collect()
    }

    /// One right on streams by their names.
    pub fn on_streams(right: Right, names: impl IntoIterator<Item = StreamName>) -> Grants {
        let grant = |name| Grant { rights: right.into(), streams: Streams::Named(name) };
        Grants(vec![names.into_iter().map(grant).collect()])
    }

    /// How much room they take, about.
    pub(crate) fn bytes(&self) -> usize {
        let text = |grant: &Grant| match &grant.streams {
            Streams::Matching(pattern) => pattern.as_str().len(),
            Streams::Named(name) => name.as_str().len(),
        };
        self.each().map(|grant| size_of::<Grant>() + text(grant)).sum()
    }

    /// All of both; nothing is copied.
    pub(crate) fn extend(&mut self, others: &Grants) {
        self.0.extend(others.0.iter().filter(|part| !part.is_empty()).map(Arc::clone));
    }
}

/// A pattern up to its first star; `a/**` matches `a` too.
fn literal_start(pattern: &str) -> &str {
    let start = pattern.split_once('*').map_or(pattern, |(start, _)| start);
    if start.len() < pattern.len() { start.strip_suffix('/').unwrap_or(start) } else { start }
}

/// Grants as they were given, with the claims not yet filled in.
#[derive(Clone, Debug, Default)]
pub struct GrantsGiven(Vec<(Rights, Template)>);

impl GrantsGiven {
    /// How many patterns a token may hold.
    pub const PATTERNS_MAX: usize = 100;

    /// One right more.
    pub fn add(&mut self, right: Right, streams: Template) {
        match self.0.iter_mut().find(|(_, known)| *known == streams) {
            Some((rights, _)) => *rights = rights.and(right),
            None => self.0.push((right.into(), streams)),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first pattern that holds a claim.
    pub fn with_claims(&self) -> Option<&Template> {
        self.0.iter().map(|(_, streams)| streams).find(|streams| streams.has_claims())
    }

    /// Reads the claim of a token: an object with a list of patterns for each right. Rights that are not known are left out, so that a
    /// token for a later server grants less here, and not nothing.
    pub(crate) fn parse(claim: &Value) -> Result<GrantsGiven, InvalidGrants> {
        let by_right = claim.as_object().ok_or(InvalidGrants::NotAnObject)?;
        let mut given = GrantsGiven::default();
        for (word, patterns) in by_right {
            let Some(right) = Right::parse(word) else { continue };
            let patterns = patterns.as_array().ok_or(InvalidGrants::NotAList { right })?;
            for pattern in patterns {
                let text = pattern.as_str().ok_or(InvalidGrants::NotAList { right })?;
                let streams =
                    Template::parse(text).map_err(|reason| InvalidGrants::Pattern { right, reason })?;
                given.add(right, streams);
                if GrantsGiven::PATTERNS_MAX < given.0.len() {
                    return Err(InvalidGrants::TooMany);
                }
            }
        }
        Ok(given)
    }

    /// Those with claims, and those without: the latter are the same for everybody.
    pub(crate) fn parted(self) -> (GrantsGiven, GrantsGiven) {
        let (with, without) = self.0.into_iter().partition(|(_, streams)| streams.has_claims());
        (GrantsGiven(with), GrantsGiven(without))
    }

    /// With the values of the claims; a pattern that can't be filled grants nothing.
    pub fn fill(&self, claims: &Claims) -> Grants {
        let filled = self.0.iter().filter_map(|(rights, streams)| {
            Some(Grant { rights: *rights, streams: Streams::Matching(streams.fill(claims)?) })
        });
        Grants(vec![filled.collect()])
    }
}

/// What is wrong with the claim that grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGrants {
    /// Not an object.
    #[error("is not an object with a list of patterns for each right")]
    NotAnObject,
    /// Not a list of texts.
    #[error("has no list of patterns for `{right}`")]
    NotAList {
        /// Where.
        right: Right,
    },
    /// A text that is not a pattern.
    #[error("has a wrong pattern for `{right}`: {reason}")]
    Pattern {
        /// Where.
        right: Right,
        /// Why not.
        reason: InvalidTemplate,
    },
    /// More than [`GrantsGiven::PATTERNS_MAX`].
    #[error("has more than {} patterns", GrantsGiven::PATTERNS_MAX)]
    TooMany,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn name(text: &str) -> StreamName {
        StreamName::parse(text).unwrap()
    }

    fn grants(claim: &Value) -> Grants {
        GrantsGiven::parse(claim).unwrap().fill(&Claims::new())
    }

    #[test]
    fn a_right_holds_for_the_streams_that_its_patterns_match() {
        let grants = grants(
            &json!({ "read": ["orders/**", "chat/*"], "publish": ["chat/*"], "fly": ["**"], "list": [] }),
        );
        assert!(grants.have(Right::Read, &name("orders/42/items")));
        assert!(grants.have(Right::Publish, &name("chat/lobby")));
        assert!(!grants.have(Right::Publish, &name("orders/42")));
        assert!(!grants.have(Right::Create, &name("chat/lobby")));
        assert!(grants.have_any(Right::Publish));
        assert!(!grants.have_any(Right::List));
        let prefixes = grants.prefixes(Right::Read);
        assert_eq!(prefixes, ["chat", "orders"]);
    }

    #[test]
    fn every_name_begins_with_the_literal_start_of_what_matches_it() {
        for (pattern, start) in [
            ("**", ""),
            ("a/**", "a"),
            ("a/*", "a"),
            ("a/b*/c", "a/b"),
            ("a/b", "a/b"),
            ("*", ""),
            ("*/a", ""),
        ] {
            assert_eq!(literal_start(pattern), start, "{pattern}");
        }
    }

    #[test]
    fn a_stream_by_its_name_is_no_pattern() {
        let grants = Grants::on_streams(Right::Read, [name("a/*")]);
        assert!(grants.have(Right::Read, &name("a/*")));
        assert!(!grants.have(Right::Read, &name("a/b")));
        assert_eq!(grants.prefixes(Right::Read), ["a/*"]);
    }

    #[test]
    fn a_claim_that_is_wrong_grants_nothing_but_says_why() {
        let refused = |claim: Value| GrantsGiven::parse(&claim).unwrap_err();
        assert_eq!(refused(json!("read")), InvalidGrants::NotAnObject);
        assert_eq!(refused(json!({ "read": "**" })), InvalidGrants::NotAList { right: Right::Read });
        assert_eq!(refused(json!({ "read": [1] })), InvalidGrants::NotAList { right: Right::Read });
        let reason = InvalidTemplate::Braces;
        assert_eq!(
            refused(json!({ "list": ["{sub"] })),
            InvalidGrants::Pattern { right: Right::List, reason }
        );
        let many: Vec<_> = (0..=GrantsGiven::PATTERNS_MAX).map(|number| format!("a/{number}")).collect();
        assert_eq!(refused(json!({ "read": many })), InvalidGrants::TooMany);
    }
}
