//! JSON against `serde_json`, on texts that are made to be nearly valid.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;
use tidings_protocol::json::{check, parse_string, split_messages, text::write_string, write_array};

/// What `serde_json` says of a text: valid, but for numbers that no `f64` holds, which only its `Value` refuses.
fn is_valid_to_serde(text: &[u8]) -> bool {
    match serde_json::from_slice::<Value>(text) {
        Ok(_) => true,
        Err(error) if error.to_string().starts_with("number out of range") => {
            serde_json::from_slice::<&RawValue>(text).is_ok()
        }
        Err(_) => false,
    }
}

/// JSON texts with odd spacing and odd forms of the same values.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,2})?",
        any::<String>().prop_map(|text| Value::String(text).to_string()),
        r#""(\\["\\/bfnrt]|\\u[0-9a-fA-F]{4}|[ -!#-\[\]-~]|é|\u{1f600}){0,12}""#,
    ];
    let spaced = leaf.prop_flat_map(|value| ("[ \n\r\t]{0,2}", Just(value), "[ \n\r\t]{0,2}"));
    let spaced = spaced.prop_map(|(before, value, after)| before + &value + &after);
    spaced.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|values| format!("[{}]", values.join(","))),
            prop::collection::vec(("[a-c\"]{0,3}", inner), 0..6).prop_map(|members| {
                let members =
                    members.into_iter().map(|(name, value)| format!("{}:{value}", Value::String(name)));
                format!(" {{{}}}\n", members.collect::<Vec<_>>().join(" , "))
            }),
        ]
    })
}

/// A text with a few bytes changed, added or taken away.
fn damaged(text: &str, changes: &[(prop::sample::Index, u8, u8)]) -> Vec<u8> {
    const BYTES: &[u8] = b"{}[]\",:\\ud8DC0019-+.eE \n\x00\x1f\xff\x80\xc3\xa9tfn";
    let mut bytes = text.as_bytes().to_vec();
    for (place, how, byte) in changes {
        let byte = BYTES[usize::from(*byte) % BYTES.len()];
        let at = place.index(bytes.len() + 1);
        match how % 3 {
            0 => bytes.insert(at, byte),
            1 if at < bytes.len() => bytes[at] = byte,
            2 if at < bytes.len() => drop(bytes.remove(at)),
            _ => {}
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn what_serde_takes_is_taken(text in json()) {
        prop_assert_eq!(check(text.as_bytes()).is_ok(), is_valid_to_serde(text.as_bytes()), "{}", text);
    }

    #[test]
    fn what_serde_refuses_is_refused(
        text in json(),
        changes in prop::collection::vec(any::<(prop::sample::Index, u8, u8)>(), 1..4),
    ) {
        let text = damaged(&text, &changes);
        prop_assert_eq!(check(&text).is_ok(), is_valid_to_serde(&text), "{}", text.escape_ascii());
    }

    #[test]
    fn arbitrary_bytes_are_judged_as_serde_does(text in prop::collection::vec(any::<u8>(), 0..40)) {
        prop_assert_eq!(check(&text).is_ok(), is_valid_to_serde(&text), "{}", text.escape_ascii());
    }

    #[test]
    fn messages_are_the_elements_byte_for_byte(text in json()) {
        prop_assume!(is_valid_to_serde(text.as_bytes()));
        let messages = split_messages(&Bytes::from(text.clone())).unwrap();
        let expected = match serde_json::from_str::<Vec<&RawValue>>(&text) {
            Ok(elements) => elements.into_iter().map(RawValue::get).collect(),
            Err(_) => vec![text.trim_ascii()],
        };
        prop_assert_eq!(&messages, &expected);

        let mut array = Vec::new();
        write_array(&mut array, &messages);
        prop_assert_eq!(split_messages(&Bytes::from(array)).unwrap(), messages);
    }

    #[test]
    fn a_string_reads_back(text in any::<String>()) {
        let mut out = Vec::new();
        write_string(&mut out, &text);
        let out = String::from_utf8(out).unwrap();
        prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text.clone());
        prop_assert_eq!(parse_string(&out).unwrap(), text);
    }
}
