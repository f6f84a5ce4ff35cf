//! Patterns with claims in braces: `users/{sub}/**`.
//!
//! A claim can widen nothing: a value that could be read as more than a part of one segment makes a pattern that matches nothing.

use serde_json::{Map, Value};
use std::fmt;
use tidings_model::{InvalidPattern, Pattern};

/// What a token says.
pub type Claims = Map<String, Value>;

/// A pattern of stream names, in which claims may stand in braces, within a segment.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    /// Where there is no claim: what it always is.
    plain: Option<Pattern>,
}

impl Template {
    /// The longest name of a claim in bytes.
    pub const CLAIM_BYTES_MAX: usize = 64;

    /// Checks a pattern, as it would be with some value in place of each claim.
    pub fn parse(text: &str) -> Result<Template, InvalidTemplate> {
        let mut sample = String::new();
        let mut has_claims = false;
        for part in Parts(text) {
            match part? {
                Part::Text(text) => sample.push_str(text),
                Part::Claim(_) => {
                    has_claims = true;
                    sample.push('x');
                }
            }
        }
        let pattern = Pattern::parse(&sample)?;
        Ok(Template { text: text.to_owned(), plain: (!has_claims).then_some(pattern) })
    }

    /// Whether a claim stands in it.
    pub fn has_claims(&self) -> bool {
        self.plain.is_none()
    }

    /// The pattern with the values of the claims; `None`, which matches nothing, where one of them is missing, not a text, empty,
    /// a dot segment, or holds `/`, `*`, `..` or a control character, and where it becomes too long.
    pub fn fill(&self, claims: &Claims) -> Option<Pattern> {
        if let Some(plain) = &self.plain {
            return Some(plain.clone());
        }
        let mut filled = String::with_capacity(self.text.len());
        for part in Parts(&self.text) {
            match part.ok()? {
                Part::Text(text) => filled.push_str(text),
                Part::Claim(name) => filled.push_str(value_of(claims.get(name)?)?),
            }
        }
        Pattern::parse(&filled).ok()
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

/// The value of a claim, if it can stand within a segment.
fn value_of(claim: &Value) -> Option<&str> {
    let value = claim.as_str()?;
    let widens = value.contains(['/', '*']) || value.contains("..") || value.contains(char::is_control);
    (!value.is_empty() && value != "." && !widens).then_some(value)
}

/// What a template is made of.
enum Part<'t> {
    Text(&'t str),
    Claim(&'t str),
}

/// The parts of what is left of a text.
struct Parts<'t>(&'t str);

impl<'t> Iterator for Parts<'t> {
    type Item = Result<Part<'t>, InvalidTemplate>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.0;
        match text.find(['{', '}']) {
            _ if text.is_empty() => None,
            None => {
                self.0 = "";
                Some(Ok(Part::Text(text)))
            }
            Some(0) => Some(self.claim()),
            Some(at) => {
                let (before, rest) = text.split_at(at);
                self.0 = rest;
                Some(Ok(Part::Text(before)))
            }
        }
    }
}

impl<'t> Parts<'t> {
    fn claim(&mut self) -> Result<Part<'t>, InvalidTemplate> {
        // Whatever is wrong, it is told once.
        let text = std::mem::take(&mut self.0);
        let (name, rest) =
            text.strip_prefix('{').and_then(|inner| inner.split_once('}')).ok_or(InvalidTemplate::Braces)?;
        if name.is_empty() || Template::CLAIM_BYTES_MAX < name.len() || name.contains(['{', '/', '*']) {
            return Err(InvalidTemplate::Claim);
        }
        self.0 = rest;
        Ok(Part::Claim(name))
    }
}

/// Why a text is not a pattern of rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTemplate {
    /// Not a pattern at all.
    #[error(transparent)]
    Pattern(#[from] InvalidPattern),
    /// A brace without the other one.
    #[error("`{{` and `}}` stand round the name of a claim, as in `users/{{sub}}/**`")]
    Braces,
    /// Nothing, or something else than a name.
    #[error("the name of a claim has 1 to {} bytes, without `{{`, `/` and `*`", Template::CLAIM_BYTES_MAX)]
    Claim,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn filled(template: &str, claims: &Value) -> Option<String> {
        let claims = claims.as_object().unwrap();
        Template::parse(template).unwrap().fill(claims).map(|pattern| pattern.as_str().to_owned())
    }

    #[test]
    fn claims_stand_within_segments() {
        let claims = json!({ "sub": "ann", "https://x.test/t": "t{1}" });
        let of = |template| filled(template, &claims);
        assert_eq!(of("users/{sub}/**").as_deref(), Some("users/ann/**"));
        assert_eq!(of("{sub}-{sub}*/a").as_deref(), Some("ann-ann*/a"));
        assert_eq!(of("orders/**").as_deref(), Some("orders/**"));
        assert_eq!(of("users/{name}/**"), None);
        // What a value holds is text, not the name of another claim.
        assert_eq!(filled("a/{t}", &json!({ "t": "{sub}", "sub": "ann" })).as_deref(), Some("a/{sub}"));
    }

    #[test]
    fn a_value_that_could_widen_a_pattern_matches_nothing() {
        let values = [
            json!(""),
            json!("*"),
            json!("**"),
            json!("a/b"),
            json!("/"),
            json!("."),
            json!(".."),
            json!("a..b"),
            json!("a\u{0}b"),
            json!(null),
            json!(7),
            json!(true),
            json!(["ann"]),
            json!({ "a": "b" }),
            json!("x".repeat(2_000)),
        ];
        for value in values {
            assert_eq!(filled("users/{sub}/**", &json!({ "sub": value })), None, "{value}");
        }
    }

    #[test]
    fn a_bad_template_says_why() {
        let refused = |text: &str| Template::parse(text).unwrap_err();
        for text in ["users/{sub/**", "users/sub}/a", "{", "}", "a{b}c}"] {
            assert_eq!(refused(text), InvalidTemplate::Braces, "{text}");
        }
        for text in ["users/{}/a", "{a/b}", "{*}", "{a{b}"] {
            assert_eq!(refused(text), InvalidTemplate::Claim, "{text}");
        }
        assert_eq!(refused("a//{sub}"), InvalidTemplate::Pattern(InvalidPattern::EmptySegment));
        assert_eq!(refused(""), InvalidTemplate::Pattern(InvalidPattern::Length));
    }
}
