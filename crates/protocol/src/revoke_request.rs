//! What is asked of `/v1/admin/revoke`.

use crate::query::{invalid, parameters};
use crate::{ErrorCode, Problem};
use serde::Deserialize;
use std::borrow::Cow;

/// Whom or what a revocation names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevokedName {
    /// Every token of that `sub`.
    Subject(String),
    /// The token of that `jti`.
    TokenId(String),
    /// The API key of that name.
    Key(String),
}

/// What shall be revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokeRequest {
    /// Whom or what.
    pub name: RevokedName,
    /// For how many seconds; `None` until it is taken back.
    pub expires_in_s: Option<u64>,
    /// Of a subject: only tokens whose `iat`, in seconds since 1970, is less, or missing.
    pub issued_before_s: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    subject: Option<String>,
    token_id: Option<String>,
    key: Option<String>,
    expires_in: Option<u64>,
    issued_before: Option<u64>,
}

impl RevokeRequest {
    /// Reads the body of a `POST`. A member that is not known is refused: misspelt, it would revoke more than was meant, or less.
    pub fn parse(body: &[u8]) -> Result<RevokeRequest, Problem> {
        let body: Body = serde_json::from_slice(body).map_err(|error| {
            let code = if error.is_data() { ErrorCode::InvalidParameter } else { ErrorCode::InvalidJson };
            Problem::new(code, format!("the body is not what it should be: {error}"))
        })?;
        let name = RevokedName::one_of(body.subject, body.token_id, body.key)?;
        if body.issued_before.is_some() && !matches!(name, RevokedName::Subject(_)) {
            return Err(invalid("`issued_before` goes with `subject` only"));
        }
        Ok(RevokeRequest { name, expires_in_s: body.expires_in, issued_before_s: body.issued_before })
    }
}

impl RevokedName {
    /// The longest in bytes.
    pub const BYTES_MAX: usize = 1_024;

    /// Reads the query of a `DELETE`: `subject=ann`.
    pub fn parse(query: &str) -> Result<RevokedName, Problem> {
        let (mut subject, mut token_id, mut key) = (None, None, None);
        for parameter in parameters(query) {
            let place = match &*parameter.name {
                "subject" => &mut subject,
                "token_id" => &mut token_id,
                "key" => &mut key,
                _ => continue,
            };
            parameter.keep(place, ErrorCode::InvalidParameter)?;
        }
        let [subject, token_id, key] = [subject, token_id, key].map(|text| text.map(Cow::into_owned));
        RevokedName::one_of(subject, token_id, key)
    }

    fn one_of(
        subject: Option<String>,
        token_id: Option<String>,
        key: Option<String>,
    ) -> Result<RevokedName, Problem> {
        let name = match (subject, token_id, key) {
            (Some(subject), None, None) => RevokedName::Subject(subject),
            (None, Some(token_id), None) => RevokedName::TokenId(token_id),
            (None, None, Some(key)) => RevokedName::Key(key),
            _ => {
                let detail = "name one: `subject` (the `sub` of tokens), `token_id` (the `jti` of a token) or `key` (the name of an API key)";
                return Err(invalid(detail));
            }
        };
        if (1..=RevokedName::BYTES_MAX).contains(&name.as_str().len()) {
            Ok(name)
        } else {
            Err(invalid(format!("a name has 1 to {} bytes", RevokedName::BYTES_MAX)))
        }
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        match self {
            RevokedName::Subject(name) | RevokedName::TokenId(name) | RevokedName::Key(name) => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revocation_names_one_thing() {
        let asked = RevokeRequest::parse(br#"{"subject":"ann","expires_in":60,"issued_before":5}"#).unwrap();
        assert_eq!(asked.name, RevokedName::Subject("ann".to_owned()));
        assert_eq!((asked.expires_in_s, asked.issued_before_s), (Some(60), Some(5)));
        let forever = RevokeRequest::parse(br#"{"key":"backend"}"#).unwrap();
        assert_eq!((forever.name.as_str(), forever.expires_in_s), ("backend", None));
        let long = format!(r#"{{"subject":"{}"}}"#, "x".repeat(1_025));
        for (body, code) in [
            (&b"{"[..], ErrorCode::InvalidJson),
            (b"{}", ErrorCode::InvalidParameter),
            (b"[]", ErrorCode::InvalidParameter),
            (br#"{"subject":""}"#, ErrorCode::InvalidParameter),
            (br#"{"subject":1}"#, ErrorCode::InvalidParameter),
            (br#"{"subject":"a","key":"b"}"#, ErrorCode::InvalidParameter),
            (br#"{"subject":"a","expire_in":5}"#, ErrorCode::InvalidParameter),
            (br#"{"subject":"a","expires_in":-5}"#, ErrorCode::InvalidParameter),
            (br#"{"key":"a","issued_before":5}"#, ErrorCode::InvalidParameter),
            (long.as_bytes(), ErrorCode::InvalidParameter),
        ] {
            let refused = RevokeRequest::parse(body).map_err(|problem| problem.code);
            assert_eq!(refused, Err(code), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn a_query_names_one_thing() {
        let name = RevokedName::parse("token_id=a%2Fb&x=1");
        assert_eq!(name, Ok(RevokedName::TokenId("a/b".to_owned())));
        assert!(RevokedName::parse("").is_err());
        assert!(RevokedName::parse("subject=a&subject=b").is_err());
        assert!(RevokedName::parse("subject=a&key=b").is_err());
    }
}
