//! What holds of every pattern, claim and token.

use crate::signing::Way;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::time::Duration;
use tidings_auth::{Grants, GrantsGiven, Policy, PolicyInput, Right, Template, TokenCache, TokenRules};
use tidings_model::{Pattern, StreamName, Timestamp};

fn claims_of(value: &str) -> Map<String, Value> {
    json!({ "sub": value }).as_object().expect("the tests write what is right").clone()
}

fn on(right: Right, pattern: &str) -> Grants {
    let mut given = GrantsGiven::default();
    given.add(right, Template::parse(pattern).expect("the tests write what is right"));
    given.fill(&Map::new())
}

/// Names and patterns of few characters, so that they often meet.
fn name() -> impl Strategy<Value = String> {
    "[ab.]{1,3}(/[ab]{1,2}){0,3}"
}

fn pattern() -> impl Strategy<Value = String> {
    "(a|b|\\*|\\*\\*|a\\*|\\*b)(/(a|b|\\*|\\*\\*|b\\*)){0,3}"
}

proptest! {
    #[test]
    fn a_claim_never_gives_more_than_a_star_in_its_place(value in "[ab/.*{}]{0,4}|\\PC{0,8}", name in name()) {
        let Ok(name) = StreamName::parse(&name) else { return Ok(()) };
        for (template, star) in [("a/{sub}/**", "a/*/**"), ("{sub}", "*"), ("{sub}b/a", "*b/a")] {
            if let Some(filled) = Template::parse(template).expect("the tests write what is right").fill(&claims_of(&value))
                && filled.matches(name.as_str())
            {
                prop_assert!(Pattern::parse(star).expect("the tests write what is right").matches(name.as_str()), "{template} {value:?} {name}");
            }
        }
    }

    #[test]
    fn a_claim_stands_for_itself(value in "[a-zA-Z0-9_@:|-]{1,20}", other in "[a-zA-Z0-9_@:|-]{1,20}") {
        let filled = Template::parse("users/{sub}/**").unwrap().fill(&claims_of(&value)).unwrap();
        let own = format!("users/{value}/inbox");
        let others = format!("users/{other}/inbox");
        prop_assert!(filled.matches(&own));
        prop_assert_eq!(filled.matches(&others), value == other);
    }

    #[test]
    fn every_name_with_a_right_begins_with_one_of_its_prefixes(pattern in pattern(), name in name()) {
        let Ok(name) = StreamName::parse(&name) else { return Ok(()) };
        let grants = on(Right::List, &pattern);
        if grants.have(Right::List, &name) {
            let begins = grants.prefixes(Right::List).iter().any(|prefix| name.as_str().starts_with(prefix));
            prop_assert!(begins, "{} {}", pattern, name);
        }
    }

    #[test]
    fn no_text_is_a_token(text in "\\PC{0,60}|[A-Za-z0-9_-]{0,30}\\.[A-Za-z0-9_-]{0,30}\\.[A-Za-z0-9_-]{0,30}") {
        let rules = TokenRules {
            published: tidings_auth::Published::Nowhere,
            keys: Way::Hs256.key_set(),
            issuer: None,
            audience: None,
            claim: "tidings".to_owned(),
            leeway: Duration::ZERO,
        };
        let policy = Policy::new(PolicyInput { tokens: Some(rules), ..PolicyInput::default() });
        prop_assert!(policy.identify(&text, std::net::Ipv6Addr::LOCALHOST, &mut TokenCache::default(), Timestamp(0)).is_err());
    }

    #[test]
    fn one_changed_character_makes_it_no_token(at in 0_usize..200, to in "[A-Za-z0-9_.-]") {
        let token = Way::Hs256.token(&json!({ "exp": 1_000, "tidings": { "read": ["**"] } }));
        let at = at % (token.len() - 1);
        let changed = format!("{}{to}{}", &token[..at], &token[at + 1..]);
        let rules = TokenRules {
            published: tidings_auth::Published::Nowhere,
            keys: Way::Hs256.key_set(),
            issuer: None,
            audience: None,
            claim: "tidings".to_owned(),
            leeway: Duration::ZERO,
        };
        prop_assert_eq!(rules.verify(&changed, Timestamp(0)).is_ok(), changed == token);
    }
}
