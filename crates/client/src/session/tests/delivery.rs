//! What the user is given: each message once, resets, the end, and the place to resume from.

use crate::session::script::{
    Script, broken, hello, last_page, live, message, messages, offset, other_incarnation, page,
};
use crate::session::{Action, Heard};
use crate::{FollowError, FollowEvent, FollowOptions, Malformed, Page, Refusal, Transport, Via};
use std::time::Duration;
use tidings_model::{Reset, ResetReason, Start};

const SECOND: Duration = Duration::from_secs(1);

fn trimmed() -> Reset {
    Reset { reason: ResetReason::Trimmed, earliest: Some(offset(50)), tail: Some(offset(60)) }
}

fn not_found_waiting(via: Via, start: Start) -> Script {
    Script::with(FollowOptions { via, start, wait_for_stream: true }, 3)
}

#[test]
fn a_follower_that_received_nothing_resumes_from_where_now_was() {
    for via in [Via::Sse, Via::WebSocket] {
        let mut script = Script::begin(via, Start::Now);
        let (transport, first) = script.started()[0];
        if transport == Transport::WebSocket {
            script.hear(first, hello());
            assert!(matches!(script.actions()[..], [Action::Subscribe { from: Start::Now, .. }]));
        }
        script.hear(first, live(9));
        script.hear(first, broken());
        script.actions();
        script.pass(SECOND);
        let from = script.actions().into_iter().find_map(|action| match action {
            Action::Sse { from, .. } => Some(from),
            Action::WebSocket { id } => {
                script.hear(id, hello());
                match script.actions()[..] {
                    [Action::Subscribe { from, .. }] => Some(from),
                    ref other => panic!("{other:?}"),
                }
            }
            Action::Poll { .. }
            | Action::LongPoll { .. }
            | Action::Subscribe { .. }
            | Action::Close { .. } => None,
        });
        assert_eq!(from, Some(Start::After(offset(9))), "{via:?}");
    }
}

#[test]
fn a_long_poll_first_asks_plainly_what_offset_now_is() {
    let mut script = Script::begin(Via::LongPoll, Start::Now);
    let poll = script.started_one(Transport::Poll);
    script.hear(poll, page(9, 9));
    let actions = script.actions();
    assert!(
        actions
            .iter()
            .any(|it| matches!(it, Action::LongPoll { from: Start::After(at), .. } if *at == offset(9)))
    );
    assert!(actions.contains(&Action::Close { id: poll }));
}

#[test]
fn a_repeated_answer_is_given_once() {
    let mut script = Script::begin(Via::LongPoll, Start::After(offset(0)));
    let first = script.started_one(Transport::LongPoll);
    script.hear(first, page(0, 3));
    script.hear(first, page(0, 3));
    script.hear(first, page(2, 5));
    assert_eq!(script.given(), [1, 2, 3, 4, 5]);
}

#[test]
fn a_gap_is_asked_for_again_and_never_given() {
    let mut script = Script::begin(Via::Sse, Start::After(offset(3)));
    let first = script.started_one(Transport::Sse);
    script.hear(first, Heard::Messages(vec![message(4), message(6)]));
    assert!(script.given().is_empty());
    script.pass(SECOND);
    let again = script.actions();
    assert!(again.contains(&Action::Close { id: first }));
    assert!(
        again.iter().any(|it| matches!(it, Action::Sse { from: Start::After(at), .. } if *at == offset(3)))
    );
}

#[test]
fn another_incarnation_is_never_taken_for_news() {
    let mut script = Script::begin(Via::Sse, Start::After(offset(3)));
    let first = script.started_one(Transport::Sse);
    script.hear(first, Heard::At { offset: other_incarnation(3), up_to_date: true });
    assert_eq!(script.events(), []);
    assert_eq!(script.session.offset(), Some(offset(3)));
}

#[test]
fn a_reset_ends_the_follow_until_the_user_says_where_to_go_on() {
    let mut script = Script::begin(Via::Sse, Start::After(offset(3)));
    let first = script.started_one(Transport::Sse);
    script.hear(first, Heard::Reset(trimmed()));
    assert_eq!(script.events(), [FollowEvent::Reset(trimmed())]);
    assert_eq!(script.session.end(), Some(&FollowError::Reset(trimmed())));
    script.actions();
    script.pass(Duration::from_hours(1));
    assert_eq!(script.actions(), []);

    script.session.resume_at(offset(50), script.now);
    assert_eq!(script.session.end(), None);
    script.pass(Duration::ZERO);
    assert!(matches!(script.actions()[..], [Action::Sse { from: Start::After(at), .. }] if at == offset(50)));
}

#[test]
fn a_reset_of_a_place_that_was_left_is_asked_again() {
    let mut script = Script::begin(Via::Auto, Start::After(offset(3)));
    let [(_, websocket), (_, poll)] = script.started()[..] else { panic!("not two") };
    script.hear(websocket, hello());
    script.hear(poll, page(3, 60));
    script.hear(websocket, Heard::Reset(trimmed()));
    assert_eq!(script.session.end(), None);
    let again = script.started_one(Transport::WebSocket);
    script.hear(again, hello());
    assert!(
        matches!(script.actions()[..], [Action::Subscribe { from: Start::After(at), .. }] if at == offset(60))
    );
    script.hear(again, Heard::Reset(trimmed()));
    assert_eq!(script.session.end(), Some(&FollowError::Reset(trimmed())));
}

#[test]
fn a_missing_stream_is_an_error_unless_one_waits_for_it() {
    for via in [Via::Auto, Via::LongPoll, Via::Sse, Via::Poll { every: None }] {
        let mut script = Script::begin(via, Start::Now);
        let (_, last) = script.started().pop().unwrap();
        script.hear(last, Heard::Missing);
        assert_eq!(script.session.end(), Some(&FollowError::StreamNotFound), "{via:?}");
    }
}

#[test]
fn a_stream_that_was_waited_for_is_read_from_its_first_message() {
    let mut script = not_found_waiting(Via::Poll { every: None }, Start::Now);
    for _ in 0..20 {
        let poll = script.started_one(Transport::Poll);
        script.hear(poll, Heard::Missing);
        script.actions();
        script.pass(Duration::from_secs(2));
    }
    let asked = script.actions();
    assert!(asked.iter().any(|it| matches!(it, Action::Poll { from: Start::Beginning, .. })), "{asked:?}");
}

#[test]
fn a_stream_that_is_gone_is_a_reset() {
    let gone = Reset { reason: ResetReason::Deleted, earliest: None, tail: None };
    let mut script = not_found_waiting(Via::LongPoll, Start::After(offset(3)));
    let first = script.started_one(Transport::LongPoll);
    script.hear(first, page(3, 4));
    script.hear(first, Heard::Missing);
    assert_eq!(script.events().pop(), Some(FollowEvent::Reset(gone)));
}

#[test]
fn the_end_of_a_closed_stream_comes_after_its_last_message() {
    let mut script = Script::begin(Via::Poll { every: None }, Start::Beginning);
    let poll = script.started_one(Transport::Poll);
    script.hear(poll, Heard::Page(Page { closed: true, ..last_page(0, 2) }));
    let events = script.events();
    assert!(matches!(events[0], FollowEvent::Messages(_)));
    assert_eq!(events[1], FollowEvent::Closed { offset: offset(2) });
    assert_eq!(script.session.end(), Some(&FollowError::Closed));
}

#[test]
fn live_is_told_once_for_each_time_that_one_fell_behind() {
    let mut script = Script::begin(Via::Sse, Start::After(offset(0)));
    let first = script.started_one(Transport::Sse);
    for index in 1..4 {
        script.hear(first, messages(index - 1, index));
        script.hear(first, live(index));
    }
    script.hear(first, broken());
    let (_, second) = script.pass_until_start(SECOND);
    script.hear(second, live(3));
    let lives = script.events().into_iter().filter(|event| matches!(event, FollowEvent::Live { .. }));
    assert_eq!(lives.count(), 2);
}

#[test]
fn what_asking_again_does_not_mend_is_an_error() {
    let refusal = Refusal {
        status: 400,
        code: "invalid_offset".into(),
        detail: "no".into(),
        retryable: false,
        retry_after: None,
    };
    let mut script = Script::begin(Via::Sse, Start::After(offset(0)));
    let first = script.started_one(Transport::Sse);
    script.hear(first, Heard::lost(refusal.clone()));
    assert_eq!(script.session.end(), Some(&FollowError::Failed(refusal.into())));
}

#[test]
fn a_foreign_page_is_an_error_only_before_the_server_has_spoken() {
    let foreign = || Heard::lost(Malformed("<html>".into()));
    let mut script = Script::begin(Via::Sse, Start::Now);
    let first = script.started_one(Transport::Sse);
    script.hear(first, foreign());
    assert!(script.session.end().is_some());

    let mut script = Script::begin(Via::Sse, Start::Now);
    let first = script.started_one(Transport::Sse);
    script.hear(first, live(3));
    script.hear(first, broken());
    let (_, second) = script.pass_until_start(SECOND);
    script.hear(second, foreign());
    script.pass_until_start(SECOND);
    assert_eq!(script.session.end(), None);
}
