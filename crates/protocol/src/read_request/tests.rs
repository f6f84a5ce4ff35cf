//! Tests of `read_request.rs`.

use super::*;
use tidings_model::{Incarnation, Offset};

const NO_HEADERS: &[(&str, &str)] = &[];

fn token() -> Offset {
    Offset { incarnation: Incarnation::of_disk(0xabc), index: 9 }
}

fn parsed(query: &str) -> Result<ReadRequest, ErrorCode> {
    ReadRequest::parse(query, NO_HEADERS).map_err(|problem| problem.code)
}

fn start(query: &str) -> Result<StartGiven, ErrorCode> {
    parsed(query).map(|request| request.start)
}

#[test]
fn every_start_is_known_by_how_it_was_given() {
    assert_eq!(start(""), Ok(StartGiven::Absent));
    assert_eq!(start("offset=-1"), Ok(StartGiven::Beginning));
    assert_eq!(start("offset=now"), Ok(StartGiven::Now));
    assert_eq!(start("last=0"), Ok(StartGiven::Now));
    assert_eq!(start("last=10"), Ok(StartGiven::Last(10)));
    assert_eq!(start("last=99999999999999999999"), Ok(StartGiven::Last(u64::MAX)));
    assert_eq!(start(&format!("offset={}", token())), Ok(StartGiven::Token(token())));
}

#[test]
fn a_malformed_start_is_never_from_now() {
    let both = format!("offset={}&last=1", token());
    for query in [
        "offset=",
        "offset",
        "offset=-1%20",
        "offset=-1%0A",
        "offset=%20-1",
        "offset=-1+",
        "offset=NOW",
        "offset=0",
        "offset=a,b",
        "offset=../x",
        "offset=%00",
        "offset=%zz",
        "offset=-1&offset=-1",
        "last=",
        "last=-1",
        "last=+1",
        "last=1.5",
        "last=x",
        "last=1&last=1",
        &both,
    ] {
        assert_eq!(start(query), Err(ErrorCode::InvalidOffset), "{query}");
    }
}

#[test]
fn last_event_id_beats_the_url() {
    let given = |value: &str, query: &str| {
        ReadRequest::parse(query, &[("Last-Event-ID", value)][..])
            .map(|request| request.start)
            .map_err(|problem| problem.code)
    };
    let id = token().to_string();
    for query in ["", "offset=-1", "last=4", "offset=now&live=sse", "live=sse"] {
        assert_eq!(given(&id, query), Ok(StartGiven::LastEventId(token())), "{query}");
    }
    for bad in ["", "-1", "now", "x", &id[1..]] {
        assert_eq!(given(bad, ""), Err(ErrorCode::InvalidOffset), "{bad}");
    }
    assert_eq!(given(&id, "offset=x"), Err(ErrorCode::InvalidOffset));
    let twice = [("last-event-id", &id), ("last-event-id", &id)];
    assert_eq!(ReadRequest::parse("", &twice[..]).unwrap_err().code, ErrorCode::InvalidOffset);
}

#[test]
fn a_live_read_says_where_it_begins() {
    assert_eq!(parsed("live=sse").unwrap_err(), ErrorCode::InvalidOffset);
    assert_eq!(parsed("live=long-poll").unwrap_err(), ErrorCode::InvalidOffset);
    assert_eq!(parsed("live=sse&last=1").unwrap().live, Live::SSE);
    assert_eq!(parsed("live=long-poll&offset=now").unwrap().live, Live::LONG_POLL);
}

#[test]
fn wrong_parameters_are_refused_and_unknown_ones_ignored() {
    for query in [
        "live=",
        "live=Web Socket",
        "limit=",
        "limit=0",
        "limit=10001",
        "limit=-1",
        "limit=1e3",
        "envelope=1",
        "envelope=",
        "envelope=TRUE",
        "timeout=x",
        "timeout=",
        "limit=1&limit=1",
        "cursor=1&cursor=1",
        "envelope=true&envelope=true",
        "limit=%zz",
    ] {
        assert_eq!(parsed(query).unwrap_err(), ErrorCode::InvalidParameter, "{query}");
    }
    assert_eq!(parsed("x=1&x=2&y&%zz=%zz&Offset=7"), Ok(ReadRequest::poll(StartGiven::Absent)));
}

#[test]
fn everything_that_can_be_asked_is_read() {
    let query = "offset=now&live=long-poll&limit=10000&envelope=true&timeout=0.5&cursor=57201";
    let request = ReadRequest {
        start: StartGiven::Now,
        live: Live::LONG_POLL,
        limit: Some(10_000),
        envelope: true,
        timeout: Some(Duration::from_millis(500)),
        cursor: Some(57_201),
        if_none_match: IfNoneMatch::Nothing,
    };
    assert_eq!(parsed(query), Ok(request.clone()));
    assert_eq!(
        request.to_query(),
        "cursor=57201&envelope=true&limit=10000&live=long-poll&offset=now&timeout=0.500"
    );
    assert_eq!(parsed("cursor=abc").unwrap().cursor, None);
    assert!(!parsed("envelope=false").unwrap().envelope);
}

#[test]
fn an_upgrade_without_a_start_begins_at_the_tail() {
    assert_eq!(parse_upgrade_start("live=sse&x=1"), Ok(Start::Now));
    assert_eq!(parse_upgrade_start("last=3"), Ok(Start::Last(3)));
    assert_eq!(parse_upgrade_start("offset=-1"), Ok(Start::Beginning));
    assert!(parse_upgrade_start("offset=-1&last=3").is_err());
}
