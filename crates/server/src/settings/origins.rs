//! Which pages of other origins may use the server: the tables `[[origins]]` of the file.

use super::suggestion::nearest;
use super::{InvalidValue, Origin, SettingsError};
use std::fmt;
use std::sync::Arc;
use tidings_model::Pattern;

/// The tables, in the order of the file. Of those that list an origin the first one counts.
#[derive(Clone, Debug, Default)]
pub struct Origins(Vec<Listed>);

/// One table: some origins, and what their pages may use.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    allow: Vec<OriginPattern>,
    /// Which streams; all where it is `None`.
    pub(crate) streams: Option<Arc<[Pattern]>>,
    /// Whether the cookie counts that comes from these pages.
    pub(crate) cookie: bool,
    /// Where it begins, for errors.
    begin: String,
}

/// One origin, or many.
#[derive(Clone, PartialEq, Eq)]
enum OriginPattern {
    /// `*`
    Any,
    /// `https://app.example.com`
    One(String),
    /// `https://*.example.com`: any number of labels in place of the star.
    Subdomains { scheme: String, end: String },
}

/// What can stand in a table, for documentation: the key, an example as in TOML, and what it means.
pub(super) const ORIGINS_KEYS: [(&str, &str, &str); 3] = [
    (
        "allow",
        "[\"https://app.example.com\"]",
        "The origins whose pages may use the server: scheme, host and, unless it is the usual one, port. `https://*.example.com` is every \
         host below, `*` every page there is. Once there is such a table, pages of origins that stand in none are refused.",
    ),
    (
        "streams",
        "[\"orders/**\"]",
        "Which streams they may use, beside what tokens and rules permit; without it all.",
    ),
    (
        "cookie",
        "true",
        "Whether the cookie `token_cookie` counts that comes from these pages; `false` without it. From pages of this server it always does.",
    ),
];

impl Origins {
    /// Whether there is no table.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The table that lists an origin, as `Origin` has it.
    pub(crate) fn of(&self, origin: &str) -> Option<&Listed> {
        self.0.iter().find(|listed| listed.allow.iter().any(|pattern| pattern.matches(origin)))
    }

    /// Whether a host is that of an origin that is listed by its name.
    pub(crate) fn has_host(&self, host: &str) -> bool {
        let patterns = self.0.iter().flat_map(|listed| &listed.allow);
        patterns.filter(|pattern| **pattern != OriginPattern::Any).any(|pattern| {
            ["http", "https"].into_iter().any(|scheme| pattern.matches(&format!("{scheme}://{host}")))
        })
    }

    /// The first table that lets a cookie count: where it begins.
    pub(super) fn cookie_origin(&self) -> Option<&str> {
        self.0.iter().find(|listed| listed.cookie).map(|listed| listed.begin.as_str())
    }

    pub(super) fn add(&mut self, table: OriginsInput, begin: &Origin) -> Result<(), SettingsError> {
        let OriginsInput { allow, streams, cookie } = table;
        if allow.is_empty() {
            return Err(SettingsError::UnknownName {
                place: format!("{begin}: this `[[origins]]` is not complete"),
                advice: "write whose pages it is for: `allow = [\"https://app.example.com\"]`".to_owned(),
            });
        }
        if cookie && allow.contains(&OriginPattern::Any) {
            return Err(SettingsError::UnknownName {
                place: format!(
                    "{begin}: this `[[origins]]` gives every page there is the cookie of whoever looks at it"
                ),
                advice: "name the origins, or leave `cookie` out".to_owned(),
            });
        }
        self.0.push(Listed { allow, streams: streams.map(Arc::from), cookie, begin: begin.to_string() });
        Ok(())
    }
}

/// A table while its keys are read.
#[derive(Default)]
pub(super) struct OriginsInput {
    allow: Vec<OriginPattern>,
    streams: Option<Vec<Pattern>>,
    cookie: bool,
}

impl OriginsInput {
    /// Whether the value of that key is a list of texts.
    pub(super) fn is_list(key: &str) -> bool {
        matches!(key, "allow" | "streams")
    }

    /// Takes a key whose value is a list.
    pub(super) fn list(&mut self, key: &str, texts: &[String], origin: &Origin) -> Result<(), SettingsError> {
        for text in texts {
            let wrong = |reason: String, advice| SettingsError::InvalidValue {
                place: origin.place_of(key),
                text: text.clone(),
                invalid: InvalidValue::new(reason),
                advice,
            };
            if key == "allow" {
                let pattern = OriginPattern::parse(text).ok_or_else(|| {
                    let advice = "scheme, host and port without a path, such as `https://app.example.com`";
                    wrong("is not an origin".to_owned(), advice)
                })?;
                self.allow.push(pattern);
            } else {
                let pattern = Pattern::parse(text).map_err(|reason| {
                    let advice =
                        "stream names in which `*` is one segment and `**` any number, such as `orders/*`";
                    wrong(format!("is no pattern ({reason})"), advice)
                })?;
                self.streams.get_or_insert_default().push(pattern);
            }
        }
        Ok(())
    }

    /// Takes any other key.
    pub(super) fn set(&mut self, key: &str, text: &str, origin: &Origin) -> Result<(), SettingsError> {
        match (key, text) {
            ("cookie", "true") => self.cookie = true,
            ("cookie", "false") => self.cookie = false,
            ("cookie", _) => {
                return Err(SettingsError::InvalidValue {
                    place: origin.place_of(key),
                    text: text.to_owned(),
                    invalid: InvalidValue::new("is neither"),
                    advice: "`true` or `false`",
                });
            }
            _ => {
                let keys = ORIGINS_KEYS.map(|(key, ..)| key);
                let advice = match nearest(key, keys) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the keys are {}", keys.join(", ")),
                };
                let place = format!("{origin}: unknown key `{key}` of a `[[origins]]` table");
                return Err(SettingsError::UnknownName { place, advice });
            }
        }
        Ok(())
    }
}

impl OriginPattern {
    fn parse(text: &str) -> Option<OriginPattern> {
        if text == "*" {
            return Some(OriginPattern::Any);
        }
        let text = text.to_ascii_lowercase();
        let (scheme, host) = text.split_once("://")?;
        let is_scheme = !scheme.is_empty()
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        let (is_wild, host) = host.strip_prefix("*.").map_or((false, host), |end| (true, end));
        let is_host = !host.is_empty()
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte))
            && !host.starts_with(['.', ':']);
        if !is_scheme || !is_host {
            return None;
        }
        // As a browser writes it: without the port that the scheme has anyway.
        let usual = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => "",
        };
        let host = host.strip_suffix(usual).unwrap_or(host);
        Some(if is_wild {
            OriginPattern::Subdomains { scheme: scheme.to_owned(), end: format!(".{host}") }
        } else {
            OriginPattern::One(format!("{scheme}://{host}"))
        })
    }

    fn matches(&self, origin: &str) -> bool {
        match self {
            OriginPattern::Any => true,
            OriginPattern::One(one) => one.eq_ignore_ascii_case(origin),
            OriginPattern::Subdomains { scheme, end } => {
                let Some((own, host)) = origin.split_once("://") else { return false };
                let start = host.len().saturating_sub(end.len());
                let is_below = host.get(start..).is_some_and(|found| found.eq_ignore_ascii_case(end));
                own.eq_ignore_ascii_case(scheme) && 0 < start && is_below
            }
        }
    }
}

impl fmt::Debug for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OriginPattern::Any => f.write_str("*"),
            OriginPattern::One(one) => f.write_str(one),
            OriginPattern::Subdomains { scheme, end } => write!(f, "{scheme}://*{end}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::SettingsInput;
    use super::*;

    fn resolved(text: &str) -> Result<Arc<Origins>, String> {
        let input = SettingsInput::parse_toml(text, "t.toml").and_then(SettingsInput::resolve);
        input.map(|settings| settings.origins).map_err(|error| error.to_string())
    }

    #[test]
    fn an_origin_is_one_or_all_below() {
        let text = "[[origins]]\nallow = [\"https://App.example.com:443\", \"http://*.example.com:8080\"]\n\
            streams = [\"orders/**\"]\n[[origins]]\nallow = \"*\"\n";
        let origins = resolved(text).unwrap();
        let first = |origin: &str| origins.of(origin).is_some_and(|listed| listed.streams.is_some());
        for origin in ["https://app.example.com", "HTTPS://APP.example.com", "http://a.b.example.com:8080"] {
            assert!(first(origin), "{origin}");
        }
        for origin in [
            "http://app.example.com",
            "https://app.example.com.evil.test",
            "https://evil-app.example.com",
            "http://example.com:8080",
            "http://.example.com",
            "http://evilexample.com:8080",
            "https://a.example.com:8080",
            "null",
            "",
        ] {
            assert!(!first(origin) && origins.of(origin).is_some(), "{origin}");
        }
        assert!(origins.has_host("app.example.com") && origins.has_host("x.example.com:8080"));
        assert!(!origins.has_host("evil.test"));
    }

    #[test]
    fn what_is_wrong_in_a_table_is_named() {
        for (text, message) in [
            (
                "[[origins]]\nstreams = [\"**\"]",
                "t.toml:1: this `[[origins]]` is not complete; write whose pages it is for: `allow = [\"https://app.example.com\"]`",
            ),
            (
                "[[origins]]\nallow = [\"https://a.test/\"]",
                "t.toml:2: `allow`: `https://a.test/` is not an origin; write scheme, host and port without a path, such as \
                 `https://app.example.com`",
            ),
            (
                "[[origins]]\nallow = \"*\"\ncookie = true",
                "t.toml:1: this `[[origins]]` gives every page there is the cookie of whoever looks at it; name the origins, or \
                 leave `cookie` out",
            ),
            (
                "[[origins]]\nallow = \"null\"",
                "t.toml:2: `allow`: `null` is not an origin; write scheme, host and port without a path, such as \
                 `https://app.example.com`",
            ),
            (
                "[[origins]]\nalow = \"*\"",
                "t.toml:2: unknown key `alow` of a `[[origins]]` table; did you mean `allow`?",
            ),
            (
                "[[origins]]\nallow = \"http://a\"\ncookie = true",
                "t.toml:1: this `[[origins]]` lets a cookie count, and none is named; name it by token_cookie, or leave `cookie` out",
            ),
        ] {
            assert_eq!(resolved(text).err().unwrap_or_default(), message, "{text}");
        }
    }
}
