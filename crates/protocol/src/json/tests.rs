//! Tests of `json.rs`.

use super::*;

fn split(text: &str) -> Result<Vec<Bytes>, InvalidJson> {
    split_messages(&Bytes::copy_from_slice(text.as_bytes()))
}

fn wrong_at(text: &[u8]) -> usize {
    split_messages(&Bytes::copy_from_slice(text)).unwrap_err().at
}

#[test]
fn an_array_is_flattened_one_level_and_anything_else_is_one_message() {
    for (body, messages) in [
        ("[]", &[][..]),
        (" [ \t\r\n] ", &[]),
        ("[1]", &["1"]),
        (" [ {\"a\": [1, 2]} ,\n[3] , [] ] ", &["{\"a\": [1, 2]}", "[3]", "[]"]),
        ("{\"a\":\n1}\n", &["{\"a\":\n1}"]),
        (" \"[1,2]\" ", &["\"[1,2]\""]),
        ("-0.5e+10", &["-0.5e+10"]),
        ("null", &["null"]),
    ] {
        assert_eq!(split(body).unwrap(), messages, "{body}");
    }
}

#[test]
fn messages_share_the_memory_of_the_body() {
    let body = Bytes::from_static(b"[1, \"two\"]");
    let messages = split_messages(&body).unwrap();
    assert_eq!(messages[1].as_ptr(), body[4..].as_ptr());
}

#[test]
fn an_error_says_where() {
    for (text, at) in [
        (&b""[..], 0),
        (b"  ", 2),
        (b"[1,]", 3),
        (b"[1 2]", 3),
        (b"[1", 2),
        (b"{\"a\":1,}", 7),
        (b"{\"a\" 1}", 5),
        (b"{a:1}", 1),
        (b"{}}", 2),
        (b"[]]", 2),
        (b"[}", 1),
        (b"{]", 1),
        (b"[1}", 2),
        (b"{\"a\":1]", 6),
        (b"[{\"a\":[]]", 8),
        (b"01", 1),
        (b"-", 1),
        (b"1.", 2),
        (b"1e", 2),
        (b".5", 0),
        (b"+1", 0),
        (b"tru", 0),
        (b"NaN", 0),
        (b"\"a", 2),
        (b"\"\\", 2),
        (b"\"\\x\"", 1),
        (b"\"\\u12g4\"", 1),
        (b"\"a\nb\"", 2),
        (b"\"12345678\x1f\"", 9),
        (b"[\"\\ud800\"]", 2),
        (b"\"\\ud800\\u0041\"", 1),
        (b"\"\\udc00\\ud800\"", 1),
        (b"\xef\xbb\xbf1", 0),
        (b"\"\xff\"", 1),
        (b"1\x00", 1),
    ] {
        assert_eq!(wrong_at(text), at, "{}", text.escape_ascii());
    }
}

#[test]
fn a_surrogate_pair_is_one_character() {
    assert!(check(br#""\ud83d\ude00 \uFFFF \u0000""#).is_ok());
}

#[test]
fn a_number_has_any_size_and_precision() {
    for number in
        ["1e999", "-0", "-0.0E-0", "0.1000000000000000000000000000000001", "123456789012345678901234567890"]
    {
        assert_eq!(split(number).unwrap(), [number]);
    }
}

#[test]
fn a_message_nests_128_deep_and_no_deeper() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(check(nested(DEPTH_MAX).as_bytes()).is_ok());
    assert_eq!(check(nested(DEPTH_MAX + 1).as_bytes()).unwrap_err().at, DEPTH_MAX);
    // The array that holds the messages is not part of one.
    assert!(split(&nested(DEPTH_MAX + 1)).is_ok());
    assert!(split(&nested(DEPTH_MAX + 2)).is_err());
    let mixed = format!("{}1{}", "{\"a\":[".repeat(64), "]}".repeat(64));
    assert!(check(mixed.as_bytes()).is_ok());
    assert!(check(mixed.replace("]}]}", "]}}]").as_bytes()).is_err());
}

#[test]
fn too_many_messages_are_refused_before_they_are_kept() {
    let body = Bytes::from_static(b"[1,2,3]");
    assert_eq!(split_messages_within(&body, 3).unwrap().len(), 3);
    assert_eq!(split_messages_within(&body, 2), Err(SplitError::TooMany { count_max: 2 }));
}

#[test]
fn an_array_is_written_from_its_messages() {
    let written = |messages: &[Bytes]| {
        let mut out = Vec::new();
        write_array(&mut out, messages);
        out
    };
    assert_eq!(written(&[]), b"[]");
    assert_eq!(written(&[Bytes::from_static(b"1"), Bytes::from_static(b"{}")]), b"[1,{}]");
}

#[test]
fn a_string_is_borrowed_where_it_can_be() {
    assert!(matches!(parse_string("\"abc\""), Some(Cow::Borrowed("abc"))));
    assert_eq!(parse_string("\"\"").as_deref(), Some(""));
    assert_eq!(parse_string(r#""a\n\"b\"""#).as_deref(), Some("a\n\"b\""));
    for bad in ["", "\"", "1", "null", "\"a\"b\"", "\"a\\\"", "\"a\nb\""] {
        assert_eq!(parse_string(bad), None, "{bad}");
    }
}
