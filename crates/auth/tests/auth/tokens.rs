//! Every kind of token in every way to sign it: what is believed and what is not, as one table.

use crate::signing::{SECRET, WAYS, Way, hmac, unsigned};
use serde_json::{Value, json};
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::Duration;
use tidings_auth::{
    ApiKey, Checks, Claims, ClientCertificate, Digest, GrantsGiven, InvalidKeys, KeySet, Policy, PolicyInput,
    Principal, PrincipalKind, Published, RefusedToken, Right, Template, TokenCache, TokenRules,
};
use tidings_model::{StreamName, Timestamp};

const NOW_S: u64 = 1_800_000_000;
const NOW: Timestamp = Timestamp(NOW_S * 1_000);
const LEEWAY: Duration = Duration::from_secs(30);

/// Where Ann sends from.
const ANN: Ipv6Addr = Ipv6Addr::LOCALHOST;

/// Where nobody sends right tokens from.
const MALLORY: Ipv6Addr = Ipv6Addr::UNSPECIFIED;

fn rules(keys: KeySet) -> TokenRules {
    TokenRules {
        published: Published::Nowhere,
        keys,
        issuer: Some("https://issuer.test/".to_owned()),
        audience: Some("tidings".to_owned()),
        claim: "tidings".to_owned(),
        leeway: LEEWAY,
    }
}

/// Claims that are right, with one of them otherwise; `null` takes it away.
fn claims(name: &str, value: Value) -> Value {
    let mut claims = json!({
        "iss": "https://issuer.test/", "aud": "tidings", "sub": "ann", "exp": NOW_S + 600,
        "tidings": { "read": ["orders/**", "users/{sub}/**"] },
    });
    let all = claims.as_object_mut().expect("the tests write what is right");
    if value.is_null() {
        all.remove(name);
    } else {
        all.insert(name.to_owned(), value);
    }
    claims
}

fn right() -> Value {
    claims("sub", json!("ann"))
}

type Outcome = Result<(), RefusedToken>;

/// What a claim makes of a token that is right but for it.
fn claim_cases() -> Vec<(&'static str, Value, Outcome)> {
    use RefusedToken::{Audience, Expired, Issuer, NoExpiry, NotYet, Time};
    let leeway_s = LEEWAY.as_secs();
    vec![
        ("exp", json!(NOW_S + 1), Ok(())),
        ("exp", json!(NOW_S - leeway_s + 1), Ok(())),
        ("exp", json!(NOW_S - leeway_s), Err(Expired)),
        ("exp", json!(0), Err(Expired)),
        ("exp", json!(-1), Err(Expired)),
        ("exp", json!(1e300), Ok(())),
        ("exp", json!(1_800_000_005.5), Ok(())),
        ("exp", Value::Null, Err(NoExpiry)),
        ("exp", json!("tomorrow"), Err(Time)),
        ("exp", json!((NOW_S + 600).to_string()), Err(Time)),
        ("exp", json!([NOW_S + 600]), Err(RefusedToken::Malformed)),
        ("nbf", json!(NOW_S + leeway_s), Ok(())),
        ("nbf", json!(NOW_S + leeway_s + 1), Err(NotYet)),
        ("nbf", json!("x"), Err(Time)),
        ("iss", json!("https://issuer.test"), Err(Issuer)),
        ("iss", Value::Null, Err(Issuer)),
        ("iss", json!(["https://issuer.test/"]), Err(Issuer)),
        ("aud", json!(["other", "tidings"]), Ok(())),
        ("aud", json!("other"), Err(Audience)),
        ("aud", json!([]), Err(Audience)),
        ("aud", json!(["tidings."]), Err(Audience)),
        ("aud", Value::Null, Err(Audience)),
        ("sub", Value::Null, Ok(())),
        ("sub", json!({ "a": 1 }), Err(RefusedToken::Malformed)),
        ("tidings", Value::Null, Ok(())),
    ]
}

#[test]
fn claims_decide_alike_however_a_token_is_signed() {
    for way in WAYS {
        let rules = rules(way.key_set());
        for (name, value, expected) in claim_cases() {
            let token = way.token(&claims(name, value.clone()));
            let found = rules.verify(&token, NOW).map(drop);
            assert_eq!(found, expected, "{way:?} {name}: {value}");
        }
        for wrong in [json!("read"), json!({ "read": "**" }), json!({ "read": ["a//b"] }), json!([])] {
            let found = rules.verify(&way.token(&claims("tidings", wrong.clone())), NOW).map(drop);
            assert!(matches!(found, Err(RefusedToken::Grants(_))), "{way:?} {wrong}: {found:?}");
        }
    }
}

/// Tokens that nobody has signed who may, each made of one that is right.
fn forgeries(way: Way) -> Vec<(&'static str, String, RefusedToken)> {
    use RefusedToken::{Critical, Malformed, NoKey, Signature, TooLong};
    let good = way.token(&right());
    let (message, signature) = good.rsplit_once('.').expect("the tests write what is right");
    let (head, payload) = message.split_once('.').expect("the tests write what is right");
    let none = |name: &str| unsigned(&json!({ "alg": name }), &right());
    let other_claims = unsigned(&json!({ "alg": way.name() }), &claims("sub", json!("bob")));
    let confused = unsigned(&json!({ "alg": "HS256" }), &right());
    let by_public_key = {
        use base64::Engine as _;
        let signature = hmac(way.public(), confused.as_bytes());
        base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(signature)
    };
    let mut all = vec![
        ("no signature", format!("{message}."), Signature),
        ("a short signature", format!("{message}.{}", &signature[..signature.len() / 8 * 4]), Signature),
        ("other claims", format!("{other_claims}.{signature}"), Signature),
        ("two parts", message.to_owned(), Malformed),
        ("four parts", format!("{good}.{signature}"), Malformed),
        ("five parts, as of an encrypted one", format!("{good}.a.b"), Malformed),
        ("no token", String::new(), Malformed),
        ("dots", "..".to_owned(), Malformed),
        ("no JSON in its head", format!("e30x.{payload}.{signature}"), Malformed),
        ("no base64", format!("{head}.{payload}!.{signature}"), Signature),
        ("alg none", format!("{}.", none("none")), Malformed),
        ("alg none, with a signature", format!("{}.{signature}", none("none")), Malformed),
        ("alg None", format!("{}.", none("None")), Malformed),
        ("no alg", way.token_with(&json!({ "typ": "JWT" }), &right()), Malformed),
        ("another hash", way.token_with(&json!({ "alg": "HS512" }), &right()), NoKey),
        ("PS256", way.token_with(&json!({ "alg": "PS256" }), &right()), NoKey),
        ("crit", way.token_with(&json!({ "alg": way.name(), "crit": ["exp"] }), &right()), Critical),
        ("a long one", way.token(&claims("x", json!("x".repeat(9_000)))), TooLong),
        ("claims that are no object", way.token_with(&json!({ "alg": way.name() }), &json!([1])), Malformed),
    ];
    if way != Way::Hs256 {
        // The public key as the secret of HS256: what libraries fell for that let the token choose.
        all.push(("HS256 with the public key", format!("{confused}.{by_public_key}"), NoKey));
    }
    all
}

#[test]
fn what_is_not_signed_by_the_key_is_not_believed() {
    for way in WAYS {
        let rules = rules(way.key_set());
        for (what, token, expected) in forgeries(way) {
            assert_eq!(rules.verify(&token, NOW).map(drop), Err(expected), "{way:?}: {what}");
        }
    }
}

#[test]
fn a_key_believes_its_own_way_only() {
    for own in WAYS {
        for way in WAYS {
            let found = rules(own.key_set()).verify(&way.token(&right()), NOW).map(drop);
            let expected = if own == way { Ok(()) } else { Err(RefusedToken::NoKey) };
            assert_eq!(found, expected, "keys {own:?}, token {way:?}");
        }
    }
    let all = WAYS.into_iter().map(Way::key_set).reduce(KeySet::and).unwrap();
    for way in WAYS {
        assert!(rules(all.clone()).verify(&way.token(&right()), NOW).is_ok(), "{way:?}");
    }
}

fn octet_key(id: &str, secret: &[u8]) -> Value {
    use base64::Engine as _;
    json!({ "kty": "oct", "kid": id, "k": base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(secret) })
}

#[test]
fn a_token_that_names_its_key_is_checked_with_that_one() {
    let secrets = [&b"the first secret has 32 bytes also"[..], SECRET];
    let set = json!({ "keys": [octet_key("old", secrets[0]), octet_key("new", secrets[1])] });
    let rules = rules(KeySet::parse(set.to_string().as_bytes()).unwrap());
    let verify = |head: Value| rules.verify(&Way::Hs256.token_with(&head, &right()), NOW).map(drop);
    assert_eq!(verify(json!({ "alg": "HS256", "kid": "new" })), Ok(()));
    assert_eq!(verify(json!({ "alg": "HS256", "kid": "old" })), Err(RefusedToken::Signature));
    assert_eq!(verify(json!({ "alg": "HS256", "kid": "gone" })), Err(RefusedToken::NoKey));
    assert_eq!(verify(json!({ "alg": "HS256" })), Ok(()));
}

/// A set as issuers publish it. RFC 7517 and RFC 8037 give the examples of keys.
#[test]
fn of_a_set_of_keys_those_that_can_be_used_are() {
    let ed = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    let ec = json!({ "kty": "EC", "crv": "P-256", "use": "sig", "kid": "1",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM" });
    let with = |key: &Value, name: &str, value: Value| {
        let mut key = key.clone();
        key[name] = value;
        key
    };
    let parse = |keys: Vec<Value>| KeySet::parse(json!({ "keys": keys }).to_string().as_bytes());
    for good in [&ed, &ec] {
        assert!(parse(vec![good.clone()]).is_ok(), "{good}");
    }
    let unusable = [
        with(&ec, "use", json!("enc")),
        with(&ec, "alg", json!("ES384")),
        with(&ec, "crv", json!("P-384")),
        with(&ed, "alg", json!("HS256")),
        json!({ "kty": "new" }),
        octet_key("1", b"short"),
    ];
    for key in unusable {
        assert_eq!(parse(vec![key.clone()]).unwrap_err(), InvalidKeys::NoneUsable, "{key}");
        assert!(parse(vec![key.clone(), ed.clone()]).is_ok(), "beside one that is good: {key}");
    }
    assert_eq!(parse(vec![]).unwrap_err(), InvalidKeys::NoneUsable);
    assert_eq!(parse(vec![ed; KeySet::KEYS_MAX + 1]).unwrap_err(), InvalidKeys::TooMany);
}

#[test]
fn bytes_that_are_no_keys_are_told_apart() {
    let refused = |bytes: &[u8]| KeySet::parse(bytes).unwrap_err();
    assert_eq!(refused(b"{\"keys\":1}"), InvalidKeys::Json);
    assert_eq!(refused(b"secret"), InvalidKeys::Pem);
    assert_eq!(refused(b""), InvalidKeys::Pem);
    assert_eq!(refused(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), InvalidKeys::Pem);
    assert_eq!(refused(include_bytes!("keys/ec-private.pem")), InvalidKeys::Private);
    assert_eq!(refused(include_bytes!("keys/ec-p384-public.pem")), InvalidKeys::NoneUsable);
    assert_eq!(KeySet::from_secret(b"short\n").unwrap_err(), InvalidKeys::ShortSecret { bytes: 5 });
    let shown = format!("{:?}", Way::Hs256.key_set());
    assert_eq!(shown, "[(None, HS256)]");
}

fn given(right: Right, pattern: &str) -> GrantsGiven {
    let mut given = GrantsGiven::default();
    given.add(right, Template::parse(pattern).expect("the tests write what is right"));
    given
}

const KEY: &str = "tidings_0123456789abcdef";

fn policy() -> Policy {
    let key = ApiKey {
        name: "backend".to_owned(),
        hash: Digest::of(KEY.as_bytes()),
        grants: given(Right::Publish, "**"),
    };
    Policy::new(PolicyInput {
        keeps_claims: false,
        anybody: given(Right::Read, "news/**"),
        with_token: given(Right::Publish, "inbox/{sub}"),
        keys: vec![key],
        tokens: Some(rules(Way::EdDsa.key_set())),
        with_certificate: given(Right::Read, "of/{sub}/**"),
        certificates: [("ann".to_owned(), given(Right::Publish, "from/ann"))].into(),
        is_ruled: true,
    })
}

fn may(principal: &Principal, right: Right, stream: &str) -> bool {
    principal.may(right, &StreamName::parse(stream).expect("the tests write what is right"))
}

#[test]
fn each_principal_has_its_own_rights_and_those_of_anybody() {
    let policy = policy();
    let mut cache = TokenCache::default();
    let anybody = policy.anybody();
    assert!(may(anybody, Right::Read, "news/today"));
    assert!(!may(anybody, Right::Read, "orders/42"));

    let key = policy.identify(KEY, ANN, &mut cache, NOW).unwrap();
    assert_eq!((key.kind(), key.subject(), key.expires()), (PrincipalKind::Key, Some("backend"), None));
    assert!(may(&key, Right::Publish, "orders/42") && may(&key, Right::Read, "news/today"));
    assert!(!may(&key, Right::Read, "orders/42"));
    assert!(cache.is_empty());

    let ann = policy.identify(&Way::EdDsa.token(&right()), ANN, &mut cache, NOW).unwrap();
    assert_eq!((ann.kind(), ann.subject()), (PrincipalKind::Token, Some("ann")));
    assert_eq!(ann.expires(), Some(Timestamp((NOW_S + 600) * 1_000).after(LEEWAY)));
    for (right, stream) in [
        (Right::Read, "orders/42"),
        (Right::Read, "users/ann/x"),
        (Right::Read, "news"),
        (Right::Publish, "inbox/ann"),
    ] {
        assert!(may(&ann, right, stream), "{right} {stream}");
    }
    for (right, stream) in
        [(Right::Read, "users/bob/x"), (Right::Publish, "inbox/bob"), (Right::Create, "inbox/ann")]
    {
        assert!(!may(&ann, right, stream), "{right} {stream}");
    }

    let ticket = ann.with_ticket(given(Right::Read, "orders/42").fill(&Claims::new()));
    assert!(may(&ticket, Right::Read, "orders/42") && !may(&ticket, Right::Read, "orders/43"));
    assert_eq!(ticket.expires(), ann.expires());
}

fn certificate(subject: &str) -> ClientCertificate {
    let end = NOW.after(Duration::from_mins(1));
    ClientCertificate::new(subject.as_bytes(), subject, (Timestamp(1), end)).expect("it is a name")
}

#[test]
fn a_certificate_has_the_rights_of_all_and_of_its_subject_until_it_ends() {
    let policy = policy();
    let mut cache = TokenCache::default();
    let [ann, bob] =
        ["ann", "bob"].map(|name| policy.identify_certificate(&certificate(name), &mut cache, NOW).unwrap());
    assert_eq!((ann.kind(), ann.subject()), (PrincipalKind::Certificate, Some("ann")));
    assert!(may(&ann, Right::Read, "of/ann/1") && may(&ann, Right::Publish, "from/ann"));
    assert!(may(&bob, Right::Read, "of/bob/1") && may(&bob, Right::Read, "news/today"));
    for (right, stream) in
        [(Right::Read, "of/ann/1"), (Right::Publish, "from/ann"), (Right::Publish, "inbox/bob")]
    {
        assert!(!may(&bob, right, stream), "{right} {stream}");
    }
    let end = NOW.after(Duration::from_mins(1));
    for certificate in [certificate("ann"), certificate("new")] {
        let late = policy.identify_certificate(&certificate, &mut cache, end);
        assert_eq!(late.unwrap_err(), RefusedToken::CertificateExpired);
    }
    // Where there are other rules they are known all the same, and have the rights that those give.
    let others = Policy::new(PolicyInput {
        with_certificate: given(Right::List, "{sub}"),
        is_ruled: true,
        ..PolicyInput::default()
    });
    let renewed = others.renewed(&ann).unwrap();
    assert!(may(&renewed, Right::List, "ann") && !may(&renewed, Right::Publish, "from/ann"));
    assert_eq!((renewed.subject(), renewed.expires()), (ann.subject(), ann.expires()));
    assert!(!policy.is_like(&others));
}

#[test]
fn a_name_that_nobody_can_have_is_nobodys() {
    let times = (Timestamp(0), Timestamp(1));
    let long = "a".repeat(ClientCertificate::SUBJECT_BYTES_MAX + 1);
    for name in ["", "a\nb", "a\u{7f}", &long] {
        assert_eq!(ClientCertificate::new(b"x", name, times), None, "{name:?}");
    }
}

#[test]
fn a_known_token_is_not_verified_again_and_ends_all_the_same() {
    let policy = policy();
    let mut cache = TokenCache::default();
    let token = Way::EdDsa.token(&right());
    policy.identify(&token, ANN, &mut cache, NOW).unwrap();
    assert_eq!(cache.len(), 1);
    let later = NOW.after(Duration::from_secs(629));
    assert!(policy.identify(&token, ANN, &mut cache, later).is_ok());
    let end = NOW.after(Duration::from_secs(630));
    assert_eq!(policy.identify(&token, ANN, &mut cache, end).unwrap_err(), RefusedToken::Expired);
    let (message, _) = token.rsplit_once('.').unwrap();
    let (_, signature) = Way::EdDsa
        .token(&claims("sub", json!("bob")))
        .rsplit_once('.')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let changed = format!("{message}.{signature}");
    assert!(policy.identify(&changed, ANN, &mut cache, NOW).is_err());
    assert!(cache.is_empty());
}

#[test]
fn what_others_may_know_is_no_secret() {
    let public = include_bytes!("keys/ec-public.pem");
    assert_eq!(KeySet::from_secret(public).err(), Some(InvalidKeys::NotASecret));
    let set = br#"{"keys":[{"kty":"RSA","n":"0123456789abcdef0123456789abcdef","e":"AQAB"}]}"#;
    assert_eq!(KeySet::from_secret(set).err(), Some(InvalidKeys::NotASecret));
    // Random bytes may begin like JSON.
    assert!(KeySet::from_secret(b"{123456789abcdef0123456789abcdef").is_ok());
}

#[test]
fn without_rules_everybody_may_do_everything_and_with_keys_alone_nobody_may() {
    let open = Policy::new(PolicyInput::default());
    assert!(!open.has_rules());
    assert!(Right::ALL.into_iter().all(|right| may(open.anybody(), right, "a/b")));
    let keys = vec![ApiKey { name: "k".to_owned(), hash: Digest::of(b"k"), grants: GrantsGiven::default() }];
    let closed = Policy::new(PolicyInput { keys, ..PolicyInput::default() });
    assert!(closed.has_rules());
    assert!(!Right::ALL.into_iter().any(|right| may(closed.anybody(), right, "a/b")));
    let refused = closed.identify("a.b.c", ANN, &mut TokenCache::default(), NOW).unwrap_err();
    assert_eq!(refused, RefusedToken::Malformed);
}

#[test]
fn what_an_issuer_publishes_is_believed_and_what_it_may_publish_is_waited_for() {
    let head = |id: Value| json!({ "alg": "EdDSA", "kid": id });
    let verify = |published: Published, id: Value| {
        let rules = TokenRules { published, ..rules(KeySet::default()) };
        rules.verify(&Way::EdDsa.token_with(&head(id), &right()), NOW).map(drop)
    };
    let there = |way: Way, is_current| Published::There { keys: Arc::new(way.key_set()), is_current };
    assert_eq!(verify(there(Way::EdDsa, true), json!("a")), Ok(()));
    assert_eq!(verify(there(Way::EdDsa, false), json!("a")), Ok(()));
    assert_eq!(verify(Published::Nowhere, json!("a")), Err(RefusedToken::NoKey));
    assert_eq!(verify(Published::Awaited, json!("a")), Err(RefusedToken::KeysAwaited));
    assert_eq!(verify(there(Way::Es256, true), json!("a")), Err(RefusedToken::UnknownKey));
    assert_eq!(verify(there(Way::Es256, false), json!("a")), Err(RefusedToken::KeysAwaited));
    // One that names no key is not worth another fetch.
    assert_eq!(verify(there(Way::Es256, true), Value::Null), Err(RefusedToken::NoKey));
}

#[test]
fn a_published_secret_is_none() {
    let secret = json!({ "kty": "oct", "k": "a".repeat(64) });
    let set = |keys: Value| json!({ "keys": keys }).to_string().into_bytes();
    assert_eq!(KeySet::parse_published(&set(json!([secret]))).err(), Some(InvalidKeys::NoneUsable));
    assert!(KeySet::parse(&set(json!([secret]))).is_ok());
    let public =
        json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    assert_eq!(KeySet::parse_published(&set(json!([secret, public]))).map(|keys| keys.len()), Ok(1));
    assert_eq!(KeySet::parse_published(include_bytes!("keys/ed-public.pem")).err(), Some(InvalidKeys::Json));
}

#[test]
fn a_file_may_hold_the_old_key_and_the_new_one() {
    let [rsa, ec, ed] = [Way::Rs256, Way::Es256, Way::EdDsa].map(Way::public);
    let rules = rules(KeySet::parse(&[ec, b"\n", rsa, ed].concat()).expect("three keys"));
    for way in [Way::Rs256, Way::Es256, Way::EdDsa] {
        assert!(rules.verify(&way.token(&right()), NOW).is_ok(), "{way:?}");
    }
    let many = ed.repeat(KeySet::TRIED_MAX + 1);
    assert_eq!(KeySet::parse(&many).unwrap_err(), InvalidKeys::TooManyUnnamed);
    let broken = [ed, b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"].concat();
    assert_eq!(KeySet::parse(&broken).unwrap_err(), InvalidKeys::Pem);
}

#[test]
fn an_rsa_key_that_verifies_nothing_is_told_at_the_start() {
    let short = include_bytes!("keys/rsa-1024-public.pem");
    assert_eq!(KeySet::parse(short).unwrap_err(), InvalidKeys::ShortRsa);
}

#[test]
fn a_token_that_names_no_key_is_tried_with_few() {
    let keys: Vec<Value> = (0..20_u8).map(|byte| octet_key(&byte.to_string(), &[byte; 32])).collect();
    let rules = rules(KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).expect("a set of keys"));
    let by = |byte: u8, head: &Value| {
        let message = unsigned(head, &right());
        let signature = base64::Engine::encode(
            &base64::prelude::BASE64_URL_SAFE_NO_PAD,
            hmac(&[byte; 32], message.as_bytes()),
        );
        rules.verify(&format!("{message}.{signature}"), NOW).map(|_verified| ())
    };
    assert_eq!(by(19, &json!({ "alg": "HS256" })), Err(RefusedToken::Signature));
    assert_eq!(by(19, &json!({ "alg": "HS256", "kid": "19" })), Ok(()));
    assert_eq!(by(0, &json!({ "alg": "HS256" })), Ok(()));
}

#[test]
fn what_was_refused_is_not_verified_again() {
    let policy = policy();
    let mut cache = TokenCache::default();
    let (message, _) = forged(0);
    let wrong = format!("{message}.AAAA");
    for _ in 0..3 * Checks::FAILED_MAX {
        assert_eq!(policy.identify(&wrong, MALLORY, &mut cache, NOW).unwrap_err(), RefusedToken::Signature);
    }
}

/// A token that looks right and is signed by nobody, and what is left of it without its signature.
fn forged(number: u32) -> (String, String) {
    let message = unsigned(&json!({ "alg": "EdDSA" }), &claims("jti", json!(number)));
    let signature = base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, [7; 64]);
    (message.clone(), format!("{message}.{signature}"))
}

#[test]
fn who_makes_up_tokens_keeps_nobody_elses_from_being_checked() {
    let policy = policy();
    let mut cache = TokenCache::default();
    let refusals = |tokens: &mut dyn Iterator<Item = String>, cache: &mut TokenCache| {
        tokens
            .map(|token| policy.identify(&token, MALLORY, cache, NOW).unwrap_err())
            .collect::<Vec<RefusedToken>>()
    };
    let known = Way::EdDsa.token(&right());
    assert!(policy.identify(&known, MALLORY, &mut cache, NOW).is_ok());
    // What costs no check is no matter.
    let garbage = refusals(&mut (0..5_000).map(|number| format!("garbage {number}")), &mut cache);
    assert!(garbage.iter().all(|refused| *refused == RefusedToken::Malformed));
    let made_up = refusals(&mut (0..5_000).map(|number| forged(number).1), &mut cache);
    let checked = made_up.iter().filter(|refused| **refused == RefusedToken::Signature).count();
    assert_eq!(checked, Checks::FAILED_MAX as usize);
    assert!(made_up[checked..].iter().all(|refused| *refused == RefusedToken::Busy));
    let new = Way::EdDsa.token(&claims("jti", json!("new")));
    assert_eq!(policy.identify(&new, MALLORY, &mut cache, NOW).unwrap_err(), RefusedToken::Busy);
    assert!(policy.identify(&known, MALLORY, &mut cache, NOW).is_ok());
    assert!(policy.identify(KEY, MALLORY, &mut cache, NOW).is_ok());
    assert!(policy.identify(&new, ANN, &mut cache, NOW).is_ok(), "somebody else's is checked");
}
