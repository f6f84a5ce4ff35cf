//! Whatever stands in a token, in a file of keys, or in a pattern with claims: it is believed for a reason, or refused, never with a panic.
//!
//! ```text
//! 'T' bytes                     a token: nobody has signed it
//! 'C' head LF claims            a token that is signed, whatever it says
//! 'K' bytes                     a file of keys
//! 'P' template LF value LF name a pattern with the claim `sub`, and what it may match
//! ```

#![no_main]

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;
use std::sync::LazyLock;
use std::time::Duration;
use tidings_auth::{Claims, KeySet, Policy, PolicyInput, Published, Template, TokenCache, TokenRules};
use tidings_model::{Pattern, StreamName, Timestamp};

const SECRET: &[u8] = b"a secret of the fuzzer, of 32 bytes";
const NOW: Timestamp = Timestamp(1_800_000_000_000);

static RULES: LazyLock<TokenRules> = LazyLock::new(|| TokenRules {
    keys: KeySet::from_secret(SECRET).expect("it is long enough"),
    published: Published::Nowhere,
    issuer: None,
    audience: Some("tidings".to_owned()),
    claim: "tidings".to_owned(),
    leeway: Duration::from_secs(30),
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    match bytes.split_first() {
        Some((b'T', token)) => check_stranger(token),
        Some((b'C', parts)) => check_signed(parts),
        Some((b'K', keys)) => check_keys(keys),
        Some((b'P', parts)) => check_pattern(parts),
        _ => {}
    }
});

fn check_stranger(token: &[u8]) {
    let Ok(token) = std::str::from_utf8(token) else { return };
    let policy = Policy::new(PolicyInput { tokens: Some(RULES.clone()), ..PolicyInput::default() });
    let mut cache = TokenCache::default();
    assert!(policy.identify(token, std::net::Ipv6Addr::LOCALHOST, &mut cache, NOW).is_err(), "nobody has signed it");
    assert!(cache.is_empty(), "what is refused is not kept");
}

fn check_signed(parts: &[u8]) {
    let Some(at) = parts.iter().position(|byte| *byte == b'\n') else { return };
    let (head, claims) = (&parts[..at], &parts[at + 1..]);
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let message = format!("{}.{}", encode(head), encode(claims));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET);
    let signature = encode(ring::hmac::sign(&key, message.as_bytes()).as_ref());
    let Ok(verified) = RULES.verify(&format!("{message}.{signature}"), NOW) else { return };
    let head: Value = serde_json::from_slice(head).expect("the head of a token that is believed is JSON");
    assert_eq!(head["alg"], "HS256");
    assert!(NOW < verified.expires);
    let exp = verified.claims["exp"].as_f64().expect("such a token has an end");
    assert!(1_800_000_000.0 < exp + 30.0);
    let _grants = verified.grants.fill(&verified.claims);
}

fn check_keys(keys: &[u8]) {
    let _told = format!("{:?}", KeySet::parse(keys));
    let _told = format!("{:?}", KeySet::from_secret(keys));
    // What an issuer publishes is read alike, but for secrets.
    let published = KeySet::parse_published(keys);
    assert!(published.is_err() || KeySet::parse(keys).is_ok());
}

fn check_pattern(parts: &[u8]) {
    let Ok(text) = std::str::from_utf8(parts) else { return };
    let mut parts = text.split('\n');
    let (Some(template), Some(value), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
        return;
    };
    let Ok(parsed) = Template::parse(template) else { return };
    let Ok(name) = StreamName::parse(name) else { return };
    let claims = Claims::from_iter([("sub".to_owned(), Value::String(value.to_owned()))]);
    let Some(filled) = parsed.fill(&claims) else { return };
    if filled.matches(name.as_str()) {
        let wide = template.replace("{sub}", "*");
        let wide = Pattern::parse(&wide).expect("a claim stands where a star may");
        assert!(
            wide.matches(name.as_str()),
            "a claim never matches more than a star: {template} {value:?} {name}"
        );
    }
}
