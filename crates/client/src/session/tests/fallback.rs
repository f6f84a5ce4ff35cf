//! Which transport is used: falling back, coming back, and changing without a gap.

use crate::session::script::{Script, broken, hello, live, messages, offset, page};
use crate::session::{Action, AttemptId, Heard};
use crate::{FollowEvent, Refusal, Status, Transport, Unreachable, Via};
use std::time::Duration;
use tidings_model::{Skip, Start};

const SECOND: Duration = Duration::from_secs(1);

/// A follow over `auto` whose first plain read was answered; the attempts of WebSocket and poll.
fn auto_at(index: u64) -> (Script, AttemptId, AttemptId) {
    let mut script = Script::begin(Via::Auto, Start::Now);
    let started = script.started();
    let [(Transport::WebSocket, websocket), (Transport::Poll, poll)] = started[..] else {
        panic!("{started:?}");
    };
    script.hear(poll, page(index, index));
    (script, websocket, poll)
}

fn answer_polls(script: &mut Script, actions: &[Action], index: u64) {
    for action in actions {
        if let Action::Poll { id, .. } = action {
            script.hear(*id, page(index, index));
        }
    }
}

/// Lets time pass while polls are answered; gives what else was started.
fn pass_with_polls(script: &mut Script, time: Duration, index: u64) -> Vec<(Transport, AttemptId)> {
    let mut others = Vec::new();
    let steps = time.as_millis() / 50;
    for _ in 0..steps {
        let actions = script.actions();
        others.extend(actions.iter().filter_map(|action| match action {
            Action::LongPoll { id, .. } => Some((Transport::LongPoll, *id)),
            Action::Sse { id, .. } => Some((Transport::Sse, *id)),
            Action::WebSocket { id } => Some((Transport::WebSocket, *id)),
            Action::Poll { .. } | Action::Subscribe { .. } | Action::Close { .. } => None,
        }));
        answer_polls(script, &actions, index);
        script.pass(Duration::from_millis(50));
    }
    others
}

#[test]
fn a_plain_read_answers_while_the_websocket_is_dialled() {
    let (mut script, websocket, poll) = auto_at(9);
    assert_eq!(script.events(), [FollowEvent::Live { offset: offset(9) }]);
    script.hear(websocket, hello());
    let subscribe = Action::Subscribe { id: websocket, from: Start::After(offset(9)) };
    assert_eq!(script.actions(), [subscribe]);
    script.hear(websocket, live(9));
    assert_eq!(script.actions(), [Action::Close { id: poll }]);
}

#[test]
fn a_websocket_that_says_hello_first_waits_for_the_offset() {
    let mut script = Script::begin(Via::Auto, Start::Last(5));
    let [(_, websocket), (_, poll)] = script.started()[..] else { panic!("not two") };
    script.hear(websocket, hello());
    assert_eq!(script.actions(), []);
    script.hear(poll, page(3, 8));
    let from = Start::After(offset(8));
    assert!(script.actions().contains(&Action::Subscribe { id: websocket, from }));
    script.hear(poll, page(8, 9));
    script.hear(websocket, messages(8, 10));
    assert_eq!(script.given(), [4, 5, 6, 7, 8, 9, 10]);
}

#[test]
fn a_websocket_that_opens_and_swallows_gives_way_within_five_seconds() {
    let (mut script, websocket, _) = auto_at(9);
    // The handshake went through; nothing of ours ever comes.
    script.hear(websocket, Heard::Bytes);
    let started = pass_with_polls(&mut script, Duration::from_secs(3), 9);
    let [(Transport::Sse, sse)] = started[..] else { panic!("{started:?}") };
    script.hear(sse, live(9));
    assert!(script.elapsed() < Duration::from_secs(5));
    script.all_events();
    // It is given up, and does not come back soon.
    assert_eq!(pass_with_polls(&mut script, Duration::from_secs(25), 9), []);
    script.hear(sse, Heard::Bytes);
    let later = pass_with_polls(&mut script, Duration::from_secs(25), 9);
    assert!(matches!(later[..], [(Transport::WebSocket, _)]), "{later:?}");
}

#[test]
fn a_response_that_a_proxy_holds_back_gives_way_to_long_polls() {
    let (mut script, _, _) = auto_at(9);
    let started = pass_with_polls(&mut script, Duration::from_secs(6), 9);
    assert!(matches!(started[..], [(Transport::Sse, _), (Transport::LongPoll, _)]), "{started:?}");
}

#[test]
fn polls_bridge_the_time_until_something_live_works() {
    let (mut script, _, _) = auto_at(9);
    script.pass(Session::BRIDGE);
    let asked = script.actions();
    assert!(matches!(asked[..], [Action::Poll { .. }]), "{asked:?}");
    let Action::Poll { id, .. } = asked[0] else { panic!("not a poll") };
    script.hear(id, page(9, 12));
    assert_eq!(script.given(), [10, 11, 12]);
}

/// What the tests need to know of [`crate::session::Session`]'s limits.
struct Session;

impl Session {
    const BRIDGE: Duration = crate::session::Session::BRIDGE_INTERVAL_MAX;
}

#[test]
fn a_websocket_that_is_killed_again_and_again_gives_way_within_five_seconds() {
    for seed in 0..50 {
        let options = crate::FollowOptions { via: Via::Auto, start: Start::Now, wait_for_stream: false };
        let mut script = Script::with(options, seed);
        let mut lives = 0;
        let sse = 'life: loop {
            let actions = script.actions();
            answer_polls(&mut script, &actions, 9);
            for action in actions {
                match action {
                    Action::WebSocket { id } => script.hear(id, hello()),
                    Action::Subscribe { id, .. } => {
                        lives += 1;
                        script.hear(id, live(9));
                        script.pass(Duration::from_millis(300));
                        script.hear(id, broken());
                    }
                    Action::Sse { id, .. } => break 'life id,
                    Action::Poll { .. } | Action::LongPoll { .. } | Action::Close { .. } => {}
                }
            }
            script.pass(Duration::from_millis(20));
        };
        script.hear(sse, live(9));
        assert_eq!(lives, 3);
        assert!(script.elapsed() < Duration::from_secs(5), "{:?}", script.elapsed());
    }
}

#[test]
fn a_better_transport_comes_back_and_takes_over_without_a_gap() {
    let (mut script, websocket, _) = auto_at(9);
    let refusal = Refusal {
        status: 403,
        code: String::new(),
        detail: "no upgrades here".into(),
        retryable: false,
        retry_after: None,
    };
    script.hear(websocket, Heard::lost(refusal));
    let (_, sse) = script.pass_until_start(SECOND);
    script.hear(sse, live(9));
    script.all_events();

    let mut waited = Duration::ZERO;
    let again = loop {
        script.hear(sse, Heard::Bytes);
        script.pass(SECOND);
        waited += SECOND;
        if let [(Transport::WebSocket, id)] = script.started()[..] {
            break id;
        }
    };
    assert!(Duration::from_secs(20) < waited && waited < Duration::from_secs(40), "{waited:?}");
    script.hear(again, hello());
    script.hear(sse, messages(9, 11));
    script.hear(again, messages(9, 12));
    assert_eq!(script.given(), [10, 11, 12]);
    assert!(script.actions().contains(&Action::Close { id: sse }));
}

#[test]
fn a_long_poll_goes_on_while_a_better_transport_is_tried() {
    let mut script = Script::begin(Via::Auto, Start::After(offset(9)));
    let long_poll = loop {
        match script.pass_until_start(Duration::from_mins(1)) {
            (Transport::LongPoll, id) => break id,
            (Transport::Poll, id) => script.hear(id, page(9, 9)),
            (_, id) => script.hear(id, Heard::lost(Unreachable::Silent(SECOND))),
        }
    };
    script.hear(long_poll, page(9, 10));
    script.actions();
    for index in 10..100 {
        script.pass(SECOND);
        script.hear(long_poll, page(index, index + 1));
        let actions = script.actions();
        assert!(actions.iter().any(|it| matches!(it, Action::LongPoll { .. })), "{index}: {actions:?}");
    }
}

#[test]
fn a_better_transport_that_fails_again_disturbs_nobody() {
    let (mut script, websocket, _) = auto_at(9);
    script.hear(websocket, Heard::lost(Unreachable::Silent(SECOND)));
    let (_, sse) = script.pass_until_start(SECOND);
    script.hear(sse, live(9));
    script.all_events();
    let mut tries = 0;
    for _ in 0..1_200 {
        script.hear(sse, Heard::Bytes);
        script.pass(SECOND);
        for (transport, id) in script.started() {
            assert_eq!(transport, Transport::WebSocket);
            tries += 1;
            script.hear(id, broken());
        }
    }
    // After about 30 s, and 1, 2, 5 and 10 minutes more.
    assert!((4..=5).contains(&tries), "{tries}");
    assert_eq!(script.all_events(), []);
}

#[test]
fn a_server_that_is_away_is_no_reason_to_fall_back() {
    let (mut script, websocket, _) = auto_at(9);
    script.hear(websocket, hello());
    script.hear(websocket, live(9));
    script.started();
    script.hear(websocket, broken());
    let mut dials = 0;
    while script.elapsed() < Duration::from_mins(10) {
        let actions = script.actions();
        for action in actions {
            match action {
                Action::WebSocket { id } => {
                    dials += 1;
                    script.hear(id, Heard::lost(Unreachable::Connect("refused".into())));
                }
                Action::Poll { id, .. } => {
                    script.hear(id, Heard::lost(Unreachable::Connect("refused".into())));
                }
                Action::Close { .. } => {}
                Action::Sse { .. } | Action::LongPoll { .. } | Action::Subscribe { .. } => {
                    panic!("{action:?}")
                }
            }
        }
        script.pass(Duration::from_millis(100));
    }
    assert!(30 < dials, "{dials}");
    script.all_events();
}

#[test]
fn a_machine_that_slept_connects_anew_beside_what_it_had() {
    let (mut script, websocket, _) = auto_at(9);
    script.hear(websocket, hello());
    script.hear(websocket, live(9));
    script.actions();
    script.session.on_wake(script.now);
    let started = script.started();
    let [(Transport::WebSocket, again), (Transport::Poll, _)] = started[..] else { panic!("{started:?}") };
    script.hear(websocket, messages(9, 10));
    script.hear(again, hello());
    script.hear(again, messages(9, 11));
    assert_eq!(script.given(), [10, 11]);
    assert!(script.actions().contains(&Action::Close { id: websocket }));
}

#[test]
fn the_user_is_told_which_transport_it_is() {
    let (mut script, websocket, _) = auto_at(9);
    script.hear(websocket, hello());
    script.hear(websocket, live(9));
    let connected: Vec<_> = script
        .all_events()
        .into_iter()
        .filter_map(|event| match event {
            FollowEvent::Status(Status::Connected { transport }) => Some(transport),
            FollowEvent::Messages(_)
            | FollowEvent::Live { .. }
            | FollowEvent::Skipped(_)
            | FollowEvent::Reset(_)
            | FollowEvent::Closed { .. }
            | FollowEvent::Status(_) => None,
        })
        .collect();
    assert_eq!(connected, [Transport::Poll, Transport::WebSocket]);
}

#[test]
fn a_skip_is_told_once_and_what_was_given_is_not_in_it() {
    let (mut script, websocket, poll) = auto_at(9);
    script.hear(websocket, hello());
    script.hear(websocket, live(9));
    script.hear(poll, page(9, 12)); // Given up: not heard any more.
    script.hear(websocket, messages(9, 11));
    let skip = Skip { from: offset(10), to: offset(30) };
    script.hear(websocket, Heard::Skipped(skip));
    script.hear(websocket, Heard::Skipped(Skip { from: offset(10), to: offset(20) }));
    script.hear(websocket, messages(30, 31));
    script.hear(websocket, live(31));
    let events = script.events();
    let told = FollowEvent::Skipped(Skip { from: offset(11), to: offset(30) });
    let [.., FollowEvent::Messages(before), skipped, FollowEvent::Messages(after), caught_up] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!(before.last().map(|message| message.offset), Some(offset(11)));
    assert_eq!((skipped, after[0].offset), (&told, offset(31)));
    assert_eq!(*caught_up, FollowEvent::Live { offset: offset(31) });
}

#[test]
fn a_skip_from_further_on_is_a_gap() {
    let (mut script, websocket, _) = auto_at(9);
    script.hear(websocket, hello());
    script.hear(websocket, live(9));
    script.events();
    script.hear(websocket, Heard::Skipped(Skip { from: offset(10), to: offset(30) }));
    assert_eq!(script.events(), []);
    assert_eq!(script.session.offset(), Some(offset(9)));
}
