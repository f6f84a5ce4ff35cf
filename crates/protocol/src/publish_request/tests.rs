//! Tests of `publish_request.rs`.

use super::*;

fn parsed(query: &str, pairs: &[(&str, &str)]) -> Result<PublishRequest, ErrorCode> {
    PublishRequest::parse(query, pairs).map_err(|problem| problem.code)
}

fn identity(pairs: &[(&str, &str)]) -> Result<PublishIdentity, ErrorCode> {
    parsed("", pairs).map(|request| request.identity)
}

fn producer<'a>(id: &'a str, epoch: &'a str, seq: &'a str) -> [(&'static str, &'a str); 3] {
    [("Producer-Id", id), ("Producer-Epoch", epoch), ("Producer-Seq", seq)]
}

#[test]
fn a_bare_publish_asks_for_nothing() {
    let bare = PublishRequest {
        content_type: ContentTypeGiven::Absent,
        close: false,
        seq: None,
        identity: PublishIdentity::None,
        create: false,
    };
    assert_eq!(parsed("", &[]), Ok(bare.clone()));
    assert_eq!(parsed("offset=7&create=false", &[("Stream-Closed", "1")]), Ok(bare));
}

#[test]
fn everything_that_can_be_asked_is_read_and_written() {
    let pairs = [
        ("content-type", "application/json"),
        ("producer-id", "worker 1"),
        ("producer-epoch", "0"),
        ("producer-seq", "9007199254740991"),
        ("stream-closed", "true"),
        ("stream-seq", "a1"),
    ];
    let request = parsed("create=true", &pairs).unwrap();
    assert!(request.create && request.close);
    let written = request.to_headers().into_iter().map(|(name, value)| {
        let mut bytes = Vec::new();
        value.write(&mut bytes);
        (name, String::from_utf8(bytes).unwrap())
    });
    assert_eq!(written.collect::<Vec<_>>(), pairs.map(|(name, value)| (name, value.to_owned())));
    assert_eq!(request.to_query(), "create=true");
}

#[test]
fn a_producer_sends_all_three_headers() {
    let whole = producer("p", "1", "007");
    let expected = Producer { id: "p".into(), epoch: 1, seq: 7 };
    assert_eq!(identity(&whole), Ok(PublishIdentity::Producer(expected)));
    for missing in 0..3 {
        let mut two = whole.to_vec();
        two.remove(missing);
        assert_eq!(identity(&two), Err(ErrorCode::InvalidHeader));
    }
    for [id, epoch, seq] in [
        ["", "1", "1"],
        ["p", "1abc", "1"],
        ["p", "1", "1e3"],
        ["p", "-1", "1"],
        ["p", "1", ""],
        ["p", "1", "9007199254740992"],
        ["p", "1.0", "1"],
    ] {
        assert_eq!(identity(&producer(id, epoch, seq)), Err(ErrorCode::InvalidHeader), "{id} {epoch} {seq}");
    }
    let long = "x".repeat(256);
    assert_eq!(identity(&producer(&long, "1", "1")), Err(ErrorCode::InvalidHeader));
}

#[test]
fn a_key_is_visible_ascii_and_stands_alone() {
    let key = |text| identity(&[("Idempotency-Key", text)]);
    let long = "k".repeat(256);
    assert_eq!(key("order-7"), Ok(PublishIdentity::Key("order-7".into())));
    assert_eq!(key(&long[1..]), Ok(PublishIdentity::Key(long[1..].into())));
    for bad in ["", "a b", "ü", "a\tb", &long] {
        assert_eq!(key(bad), Err(ErrorCode::InvalidHeader), "{bad}");
    }
    for with in 1..=3 {
        let mut both = producer("p", "0", "0")[..with].to_vec();
        both.push(("Idempotency-Key", "k"));
        assert_eq!(identity(&both), Err(ErrorCode::InvalidHeader));
    }
    let twice = [("Idempotency-Key", "k"), ("Idempotency-Key", "k")];
    assert_eq!(identity(&twice), Err(ErrorCode::InvalidHeader));
}

#[test]
fn wrong_parameters_are_refused() {
    for query in ["create=1", "create=", "create=true&create=true", "create=%zz"] {
        assert_eq!(parsed(query, &[]).unwrap_err(), ErrorCode::InvalidParameter, "{query}");
    }
    assert_eq!(parsed("", &[("Stream-Seq", "")]).unwrap_err(), ErrorCode::InvalidHeader);
}

#[test]
fn a_content_type_is_needed_and_a_form_makes_no_stream() {
    let given = |pairs: &[(&str, &str)]| parsed("", pairs).unwrap().content_type;
    let absent = given(&[]);
    assert_eq!(absent.required().unwrap_err().code, ErrorCode::ContentTypeRequired);
    let invalid = given(&[("Content-Type", "json")]);
    assert_eq!(invalid.required().unwrap_err().code, ErrorCode::InvalidHeader);
    let form = given(&[("Content-Type", "application/X-www-form-urlencoded; charset=utf-8")]);
    assert!(form.required().is_ok());
    assert_eq!(form.for_creation().unwrap_err().code, ErrorCode::ContentTypeRefused);
    let json = given(&[("Content-Type", "application/json")]);
    assert_eq!(json.for_creation(), Ok(&ContentType::json()));
}
