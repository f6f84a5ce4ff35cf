//! When something is tried again: intervals, backoff, windows, silence.

use crate::session::script::{Script, broken, hello, last_page, live, offset, page};
use crate::session::{Action, Heard, Session};
use crate::{FollowEvent, FollowOptions, Page, Refusal, Status, Transport, Unreachable, Via};
use std::time::Duration;
use tidings_model::Start;

const SECOND: Duration = Duration::from_secs(1);

fn sse(seed: u64) -> Script {
    let options = FollowOptions { via: Via::Sse, start: Start::After(offset(0)), wait_for_stream: false };
    Script::with(options, seed)
}

/// How long from now until something starts.
fn wait(script: &mut Script) -> Duration {
    let before = script.now;
    script.pass_until_start(Duration::from_mins(10));
    script.now - before
}

#[test]
fn a_poll_takes_the_interval_of_the_user_then_the_advice_of_the_server() {
    let cases = [
        (Some(SECOND * 7), Some(SECOND * 20), SECOND * 7),
        (None, Some(SECOND * 20), SECOND * 20),
        (None, None, Session::POLL_INTERVAL),
        (Some(Duration::ZERO), None, Session::POLL_INTERVAL_MIN),
        (None, Some(Duration::ZERO), Session::POLL_INTERVAL_MIN),
    ];
    for (every, poll_interval, expected) in cases {
        let mut script = Script::begin(Via::Poll { every }, Start::Beginning);
        let poll = script.started_one(Transport::Poll);
        script.hear(poll, Heard::Page(Page { poll_interval, ..last_page(0, 1) }));
        assert_eq!(wait(&mut script), expected);
    }
}

#[test]
fn a_page_that_is_not_the_last_is_followed_by_the_next_at_once() {
    let mut script = Script::begin(Via::Poll { every: None }, Start::Beginning);
    let poll = script.started_one(Transport::Poll);
    script.hear(poll, Heard::Page(Page { up_to_date: false, ..last_page(0, 5) }));
    assert_eq!(script.actions(), [Action::Poll { id: poll, from: Start::After(offset(5)), etag: None }]);
}

#[test]
fn a_poll_at_the_tail_is_conditional() {
    let etag = Some("\"x\"".to_owned());
    let mut script = Script::begin(Via::Poll { every: Some(SECOND) }, Start::After(offset(4)));
    let poll = script.started_one(Transport::Poll);
    script.hear(poll, Heard::Page(Page { etag: etag.clone(), ..last_page(4, 5) }));
    script.pass(SECOND);
    let from = Start::After(offset(5));
    assert_eq!(script.actions(), [Action::Poll { id: poll, from, etag: None }]);
    script.hear(poll, Heard::Page(Page { etag: etag.clone(), ..last_page(5, 5) }));
    script.pass(SECOND);
    assert_eq!(script.actions(), [Action::Poll { id: poll, from, etag }]);
}

#[test]
fn a_long_poll_is_asked_again_at_once_but_not_in_a_storm() {
    let mut script = Script::begin(Via::LongPoll, Start::After(offset(0)));
    let long_poll = script.started_one(Transport::LongPoll);
    script.pass(SECOND * 20);
    script.hear(long_poll, page(0, 0));
    assert!(matches!(script.actions()[..], [Action::LongPoll { .. }]));
    // Answered without having been held.
    script.hear(long_poll, page(0, 0));
    assert_eq!(script.actions(), []);
    assert_eq!(wait(&mut script), Session::HELD_MIN);
}

#[test]
fn a_server_that_stays_away_is_asked_for_ever_and_not_too_often() {
    for seed in 0..50 {
        let mut script = sse(seed);
        let (_, mut id) = script.started()[0];
        let mut waits = Vec::new();
        for _ in 0..60 {
            script.hear(id, Heard::lost(Unreachable::Connect("refused".into())));
            let before = script.now;
            id = script.pass_until_start(SECOND * 15).1;
            waits.push(script.now - before);
        }
        assert!(waits[0] <= Duration::from_millis(250));
        assert!(waits[1] <= Duration::from_millis(500));
        let late: Duration = waits[10..].iter().sum();
        assert!(SECOND * 4 * 50 < late && late < SECOND * 11 * 50, "{late:?}");
    }
}

#[test]
fn a_life_that_was_of_use_starts_the_backoff_again() {
    let mut script = sse(1);
    let (_, mut id) = script.started()[0];
    for _ in 0..10 {
        script.hear(id, broken());
        id = script.pass_until_start(SECOND * 15).1;
    }
    script.hear(id, live(0));
    script.pass(SECOND * 11);
    script.hear(id, broken());
    assert!(wait(&mut script) <= Duration::from_millis(250));
}

#[test]
fn retry_after_is_honoured() {
    let refusal = Refusal {
        status: 503,
        code: "too_busy".into(),
        detail: String::new(),
        retryable: true,
        retry_after: Some(SECOND * 8),
    };
    let mut script = sse(1);
    let (_, id) = script.started()[0];
    script.hear(id, Heard::lost(refusal));
    let wait = wait(&mut script);
    assert!(SECOND * 8 <= wait && wait <= SECOND * 10, "{wait:?}");
}

#[test]
fn the_retry_of_sse_is_a_window_to_come_back_in() {
    let waits: Vec<Duration> = (0..100)
        .map(|seed| {
            let mut script = sse(seed);
            let (_, id) = script.started()[0];
            script.hear(id, Heard::Retry(SECOND * 20));
            script.hear(id, Heard::lost(Unreachable::Ended));
            wait(&mut script)
        })
        .collect();
    assert!(waits.iter().all(|wait| *wait <= SECOND * 20));
    assert!(waits.iter().any(|wait| SECOND * 15 < *wait));
    assert!(waits.iter().any(|wait| *wait < SECOND * 5));
}

#[test]
fn a_drained_websocket_comes_back_spread_over_the_window() {
    let waits: Vec<Duration> = (0..100)
        .map(|seed| {
            let options =
                FollowOptions { via: Via::Auto, start: Start::After(offset(0)), wait_for_stream: false };
            let mut script = Script::with(options, seed);
            let (_, id) = script.started()[0];
            script.hear(id, hello());
            script.hear(id, live(0));
            script.started();
            script.hear(id, Heard::Drain { within: SECOND * 30 });
            script.hear(id, broken());
            wait(&mut script)
        })
        .collect();
    assert!(waits.iter().all(|wait| *wait <= SECOND * 30));
    assert!(waits.iter().any(|wait| SECOND * 25 < *wait));
    assert!(waits.iter().any(|wait| *wait < SECOND * 5));
}

#[test]
fn a_drained_websocket_that_stays_open_is_replaced_before_it_is_closed() {
    let mut script = Script::begin(Via::WebSocket, Start::After(offset(0)));
    let (_, id) = script.started()[0];
    script.hear(id, hello());
    script.hear(id, live(0));
    script.started();
    script.hear(id, Heard::Drain { within: SECOND * 10 });
    let (transport, again) = script.pass_until_start(SECOND * 10);
    assert_eq!(transport, Transport::WebSocket);
    script.hear(again, hello());
    assert!(!script.actions().contains(&Action::Close { id }));
    script.hear(again, live(0));
    assert!(script.actions().contains(&Action::Close { id }));
}

#[test]
fn silence_of_two_and_a_half_heartbeats_is_a_loss() {
    let mut script = Script::begin(Via::WebSocket, Start::After(offset(0)));
    let (_, id) = script.started()[0];
    script.hear(id, Heard::Hello { heartbeat: SECOND * 2 });
    script.hear(id, live(0));
    script.started();
    for _ in 0..20 {
        script.pass(SECOND * 4);
        script.hear(id, Heard::Bytes);
    }
    assert_eq!(script.started(), []);
    script.pass(Duration::from_millis(4_900));
    assert_eq!(script.started(), []);
    let lost = wait(&mut script);
    assert!(lost <= Duration::from_millis(350), "{lost:?}");
    let told = script.all_events().into_iter().any(|event| {
        matches!(event, FollowEvent::Status(Status::Retrying { failure, .. })
            if failure == Unreachable::Silent(SECOND * 5).into())
    });
    assert!(told);
}

#[test]
fn an_answer_that_does_not_come_is_asked_for_again() {
    let mut script = Script::begin(Via::Poll { every: None }, Start::Beginning);
    script.started();
    assert!(wait(&mut script) <= SECOND * 16);
    let mut script = Script::begin(Via::LongPoll, Start::After(offset(0)));
    script.started();
    let waited = wait(&mut script);
    assert!(SECOND * 35 <= waited && waited <= SECOND * 36, "{waited:?}");
}
