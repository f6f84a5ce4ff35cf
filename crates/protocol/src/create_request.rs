//! What a `PUT` asks for: the configuration of a stream.
//!
//! Knows "Create" in `docs/protocol.md`. Does not know the settings that fill in what is absent.

use crate::digits::{parse_canonical, parse_integer};
use crate::header_value::HeaderValue;
use crate::headers::Headers;
use crate::publish_request::ContentTypeGiven;
use crate::rfc3339::parse_rfc3339;
use crate::{ErrorCode, Problem, header_name};
use std::time::Duration;
use tidings_model::{ContentType, Durability, Lifetime, Retention, StreamConfig};

/// The creation of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateRequest {
    /// What the stream is made with.
    pub config: StreamConfig,
    /// Whether it is closed from the beginning, after the messages in the body.
    pub closed: bool,
}

impl CreateRequest {
    /// Reads the headers of a `PUT`.
    pub fn parse(headers: &(impl Headers + ?Sized)) -> Result<CreateRequest, Problem> {
        // A fork that came out as an empty stream would lose its messages in silence.
        if headers.first_text(header_name::STREAM_FORKED_FROM).is_some() {
            return Err(invalid("this server has no forks: leave `Stream-Forked-From` out"));
        }
        let content_type = match ContentTypeGiven::parse(headers) {
            ContentTypeGiven::Valid(content_type) => content_type,
            ContentTypeGiven::Absent | ContentTypeGiven::Invalid => ContentType::bytes(),
        };
        let config = StreamConfig {
            content_type,
            lifetime: parse_lifetime(headers)?,
            retention: Retention {
                age: parse_positive(headers, header_name::STREAM_RETENTION_AGE)?.map(Duration::from_secs),
                bytes: parse_positive(headers, header_name::STREAM_RETENTION_BYTES)?,
                count: parse_positive(headers, header_name::STREAM_RETENTION_COUNT)?,
            },
            durability: parse_durability(headers)?,
        };
        Ok(CreateRequest { config, closed: headers.says_true(header_name::STREAM_CLOSED) })
    }

    /// The headers that ask for this.
    pub fn to_headers(&self) -> Vec<(&'static str, HeaderValue)> {
        let config = &self.config;
        let mut headers = vec![(header_name::CONTENT_TYPE, HeaderValue::from(&config.content_type))];
        headers.extend(lifetime_header(&config.lifetime));
        headers.extend(retention_headers(config.retention));
        if let Some(durability) = config.durability {
            headers.push((header_name::STREAM_DURABILITY, durability.as_str().into()));
        }
        if self.closed {
            headers.push((header_name::STREAM_CLOSED, HeaderValue::TRUE));
        }
        headers
    }
}

/// The header that tells how long a stream lives, as `PUT` takes it and `HEAD` answers it.
pub fn lifetime_header(lifetime: &Lifetime) -> Option<(&'static str, HeaderValue)> {
    match lifetime {
        Lifetime::Forever => None,
        Lifetime::Ttl { seconds } => Some((header_name::STREAM_TTL, (*seconds).into())),
        Lifetime::Until { text, .. } => Some((header_name::STREAM_EXPIRES_AT, HeaderValue::text(text))),
    }
}

/// The headers that tell what a stream keeps, as `PUT` takes them and `HEAD` answers them.
pub fn retention_headers(retention: Retention) -> impl Iterator<Item = (&'static str, HeaderValue)> {
    let limits = [
        (header_name::STREAM_RETENTION_AGE, retention.age.map(|age| age.as_secs())),
        (header_name::STREAM_RETENTION_BYTES, retention.bytes),
        (header_name::STREAM_RETENTION_COUNT, retention.count),
    ];
    limits.into_iter().filter_map(|(name, limit)| Some((name, limit?.into())))
}

fn parse_lifetime(headers: &(impl Headers + ?Sized)) -> Result<Lifetime, Problem> {
    let ttl = headers.single(header_name::STREAM_TTL)?;
    let expires_at = headers.single_text(header_name::STREAM_EXPIRES_AT)?;
    match (ttl, expires_at) {
        (None, None) => Ok(Lifetime::Forever),
        (Some(_), Some(_)) => Err(invalid("give `Stream-TTL` or `Stream-Expires-At`, not both")),
        (Some(ttl), None) => match parse_canonical(ttl) {
            Some(seconds) => Ok(Lifetime::Ttl { seconds }),
            None => Err(invalid("`Stream-TTL` is a whole number of seconds, without zeros in front")),
        },
        (None, Some(text)) => match parse_rfc3339(text) {
            Some(at) => Ok(Lifetime::Until { at, text: text.into() }),
            None => Err(invalid("`Stream-Expires-At` is a time such as 2026-11-23T10:00:00Z")),
        },
    }
}

fn parse_positive(headers: &(impl Headers + ?Sized), name: &'static str) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.single(name)? else {
        return Ok(None);
    };
    match parse_integer(value) {
        None | Some(0) => Err(Problem::new(
            ErrorCode::InvalidHeader,
            format!("`{name}` is a whole number above 0; leave it out for no limit"),
        )),
        positive => Ok(positive),
    }
}

fn parse_durability(headers: &(impl Headers + ?Sized)) -> Result<Option<Durability>, Problem> {
    let Some(word) = headers.single_text(header_name::STREAM_DURABILITY)? else {
        return Ok(None);
    };
    match Durability::parse(word) {
        None => Err(invalid("`Stream-Durability` is `disk` or `memory`")),
        durability => Ok(durability),
    }
}

fn invalid(detail: &'static str) -> Problem {
    Problem::new(ErrorCode::InvalidHeader, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_model::Timestamp;

    fn parsed(pairs: &[(&str, &str)]) -> Result<CreateRequest, ErrorCode> {
        CreateRequest::parse(pairs).map_err(|problem| problem.code)
    }

    #[test]
    fn without_headers_a_stream_of_bytes_lives_for_ever() {
        let config = StreamConfig {
            content_type: ContentType::bytes(),
            lifetime: Lifetime::Forever,
            retention: Retention::default(),
            durability: None,
        };
        let plain = CreateRequest { config, closed: false };
        assert_eq!(parsed(&[]), Ok(plain.clone()));
        assert_eq!(parsed(&[("Content-Type", "nonsense"), ("Stream-Closed", "yes")]), Ok(plain));
    }

    #[test]
    fn everything_that_can_be_asked_is_read_and_written() {
        let pairs = [
            ("content-type", "Text/Plain; charset=utf-8"),
            ("stream-expires-at", "2026-11-22T11:00:00+01:00"),
            ("stream-retention-age", "60"),
            ("stream-retention-bytes", "1048576"),
            ("stream-retention-count", "100"),
            ("stream-durability", "memory"),
            ("stream-closed", "true"),
        ];
        let request = parsed(&pairs).unwrap();
        assert_eq!(request.config.content_type.as_str(), "Text/Plain; charset=utf-8");
        assert!(matches!(request.config.lifetime, Lifetime::Until { at: Timestamp(1_795_341_600_000), .. }));
        assert_eq!(request.config.retention.age, Some(Duration::from_mins(1)));
        assert_eq!(request.config.durability, Some(Durability::Memory));
        assert!(request.closed);

        let written = request.to_headers().into_iter().map(|(name, value)| {
            let mut bytes = Vec::new();
            value.write(&mut bytes);
            (name, String::from_utf8(bytes).unwrap())
        });
        let expected = pairs.map(|(name, value)| (name, value.to_owned()));
        assert_eq!(written.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_ttl_is_seconds_without_decoration() {
        let ttl = |text| parsed(&[("Stream-TTL", text)]).map(|request| request.config.lifetime);
        assert_eq!(ttl("0"), Ok(Lifetime::Ttl { seconds: 0 }));
        assert_eq!(ttl("3600"), Ok(Lifetime::Ttl { seconds: 3600 }));
        for bad in ["", "060", "+60", "60.5", "1e3", "-1", "abc", "9007199254740992", "60 60"] {
            assert_eq!(ttl(bad), Err(ErrorCode::InvalidHeader), "{bad}");
        }
    }

    #[test]
    fn wrong_headers_are_refused() {
        for pairs in [
            &[("Stream-TTL", "1"), ("Stream-Expires-At", "2026-11-22T11:00:00Z")][..],
            &[("Stream-TTL", "1"), ("Stream-TTL", "1")],
            &[("Stream-Expires-At", "tomorrow")],
            &[("Stream-Retention-Age", "0")],
            &[("Stream-Retention-Bytes", "-1")],
            &[("Stream-Retention-Count", "1.5")],
            &[("Stream-Durability", "ram")],
            &[("Stream-Forked-From", "/v1/stream/x")],
        ] {
            assert_eq!(parsed(pairs), Err(ErrorCode::InvalidHeader), "{pairs:?}");
        }
    }
}
