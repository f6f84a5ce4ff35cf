//! The kinds of tokens.

use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

pub(crate) const SECRET: &str = "a secret of the tests, 32 bytes or more";
pub(crate) const FULL_KEY: &str = "tidings_full_0123456789abcdef0123456789abcdef";
pub(crate) const NARROW_KEY: &str = "tidings_narrow_0123456789abcdef0123456789abcdef";

pub(crate) const REVOKED_KEY: &str = "tidings_revoked_0123456789abcdef0123456789abcdef";
/// The `jti` of the token that every server of these tests has revoked.
pub(crate) const REVOKED_ID: &str = "the one that was revoked";

/// What a request says of who sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Nothing,
    Garbage,
    Unsigned,
    Expired,
    NotYet,
    NoEnd,
    WrongKey,
    WrongAudience,
    UnknownKey,
    Revoked,
    RevokedKey,
    Narrow,
    NarrowKey,
    Full,
    FullKey,
}

pub(crate) const KINDS: [Kind; 15] = [
    Kind::Nothing,
    Kind::Garbage,
    Kind::Unsigned,
    Kind::Expired,
    Kind::NotYet,
    Kind::NoEnd,
    Kind::WrongKey,
    Kind::WrongAudience,
    Kind::UnknownKey,
    Kind::Revoked,
    Kind::RevokedKey,
    Kind::Narrow,
    Kind::NarrowKey,
    Kind::Full,
    Kind::FullKey,
];

/// How what is asked for on `mine/**` has to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// 401: say who you are.
    Unnamed,
    /// 401: that is not believed.
    Refused,
    /// 403.
    Forbidden,
    Permitted,
}

impl Kind {
    pub(crate) fn verdict(self) -> Verdict {
        match self {
            Kind::Nothing => Verdict::Unnamed,
            Kind::Narrow | Kind::NarrowKey => Verdict::Forbidden,
            Kind::Full | Kind::FullKey => Verdict::Permitted,
            Kind::Garbage
            | Kind::Unsigned
            | Kind::Expired
            | Kind::NotYet
            | Kind::NoEnd
            | Kind::WrongKey
            | Kind::WrongAudience
            | Kind::UnknownKey
            | Kind::Revoked
            | Kind::RevokedKey => Verdict::Refused,
        }
    }

    /// The code of a refusal, where it is not believed or nothing was sent.
    pub(crate) fn code(self) -> &'static str {
        if matches!(self, Kind::Revoked | Kind::RevokedKey) { "revoked" } else { "unauthenticated" }
    }

    /// The code of a refusal on what is asked of `mine/**`.
    pub(crate) fn refusal(self) -> String {
        if self.verdict() == Verdict::Forbidden { "forbidden".to_owned() } else { self.code().to_owned() }
    }

    pub(crate) fn token(self) -> Option<String> {
        let all = json!({ "read": ["mine/**"], "publish": ["mine/**"], "create": ["mine/**"], "delete": ["mine/**"],
            "list": ["mine/**"] });
        let claims = |name: &str, value: Value| {
            let mut claims = json!({ "sub": "ann", "aud": "tidings", "exp": now_s() + 600, "tidings": all });
            claims[name] = value;
            claims
        };
        let full = claims("sub", json!("ann"));
        let narrow = json!({ "read": ["mine", "mine-not/**", "other/**"], "list": ["other/**"] });
        Some(match self {
            Kind::Nothing => return None,
            Kind::Garbage => "garbage".to_owned(),
            Kind::Unsigned => format!("{}.", message(&json!({ "alg": "none" }), &full)),
            Kind::Expired => sign(SECRET, &claims("exp", json!(now_s() - 1))),
            Kind::NotYet => sign(SECRET, &claims("nbf", json!(now_s() + 600))),
            Kind::NoEnd => sign(SECRET, &claims("exp", Value::Null)),
            Kind::WrongKey => sign("another secret, of 32 bytes or more too", &full),
            Kind::WrongAudience => sign(SECRET, &claims("aud", json!("others"))),
            Kind::Revoked => sign(SECRET, &claims("jti", json!(REVOKED_ID))),
            Kind::RevokedKey => REVOKED_KEY.to_owned(),
            Kind::UnknownKey => "tidings_none_0123456789abcdef0123456789abcdef".to_owned(),
            Kind::Narrow => sign(SECRET, &claims("tidings", narrow)),
            Kind::NarrowKey => NARROW_KEY.to_owned(),
            Kind::Full => sign(SECRET, &full),
            Kind::FullKey => FULL_KEY.to_owned(),
        })
    }

    /// The header that carries it, with its line break; nothing for nothing.
    pub(crate) fn field(self) -> String {
        self.token().map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"))
    }
}

/// A token with everything on `mine/**`, and these claims beside.
pub(crate) fn with_claims(more: &Value) -> String {
    let mut claims = json!({ "aud": "tidings", "exp": now_s() + 600,
        "tidings": { "read": ["mine/**"], "publish": ["mine/**"] } });
    for (name, value) in more.as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    sign(SECRET, &claims)
}

/// A token that reads and publishes these streams and ends so many seconds from now.
pub(crate) fn ends_in(seconds: u64, read: &[&str]) -> String {
    ends_at(now_s() + seconds, read)
}

/// The same, which ends at that second since 1970.
pub(crate) fn ends_at(end_s: u64, read: &[&str]) -> String {
    let grants = json!({ "read": read, "publish": read });
    sign(SECRET, &json!({ "sub": "ann", "aud": "tidings", "exp": end_s, "tidings": grants }))
}

/// Until a few milliseconds after that second began.
pub(crate) fn pause_until(at_s: u64) {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(at_s * 1_000 + 3);
    #[expect(
        clippy::disallowed_methods,
        reason = "the server that is tested goes by the clock of the system"
    )]
    let now = SystemTime::now();
    tidings_testkit::pause(at.duration_since(now).unwrap_or_default());
}

#[expect(clippy::disallowed_methods, reason = "the server that is tested goes by the clock of the system")]
pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970").as_secs()
}

fn sign(secret: &str, claims: &Value) -> String {
    let message = message(&json!({ "alg": "HS256", "typ": "JWT" }), claims);
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    let signature = ring::hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", base64_url(signature.as_ref()))
}

fn message(head: &Value, claims: &Value) -> String {
    let part = |value: &Value| base64_url(value.to_string().as_bytes());
    format!("{}.{}", part(head), part(claims))
}

fn base64_url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// SHA-256 in hex.
pub(crate) fn hash(key: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, key.as_bytes());
    let digits = digest.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

/// The header with a token that has these rights on these streams.
pub(crate) fn with_rights(rights: &[&str], streams: &str) -> String {
    let grants: serde_json::Map<_, _> =
        rights.iter().map(|right| ((*right).to_owned(), json!([streams]))).collect();
    let claims = json!({ "aud": "tidings", "exp": now_s() + 600, "tidings": grants });
    format!("Authorization: Bearer {}\r\n", sign(SECRET, &claims))
}
