//! What chance decides: waits that spread, and bounds that hold however it falls.

use crate::backoff::Chance;
use crate::session::script::{Script, hello, message, name, offset, page};
use crate::session::{Action, AttemptId, Heard};
use crate::{Timing, Transport, Unreachable, Via};
use std::time::Duration;
use tidings_model::Start;
use tidings_protocol::websocket::server_message::ServerMessage;

const SECOND: Duration = Duration::from_secs(1);

fn following(via: Via, seed: u64) -> Script {
    let mut script = Script::new(via, Timing::default(), Chance::new(seed));
    script.session.on_want(name("a"), Start::After(offset(9)), false);
    script.pass(Duration::ZERO);
    script
}

fn live() -> Heard {
    Heard::Frames(vec![ServerMessage::Live { stream: name("a"), offset: offset(9) }])
}

fn unreachable() -> Heard {
    Heard::Lost(Unreachable::Connect("refused".into()).into())
}

/// Lets time pass until an attempt is opened, at most `limit`: after how long, and which.
fn opened(script: &mut Script, limit: Duration) -> (Duration, Transport, AttemptId) {
    let (before, step) = (script.now, Duration::from_millis(5));
    while script.now <= before + limit {
        for action in script.actions() {
            if let Action::Open { id, transport, .. } = action {
                return (script.now - before, transport, id);
            }
        }
        script.pass(step);
    }
    panic!("nothing is opened within {limit:?}")
}

#[test]
fn a_websocket_that_is_killed_again_and_again_gives_way_within_five_seconds() {
    for seed in 0..50 {
        let mut script = following(Via::Auto, seed);
        let (begin, mut lives) = (script.now, 0);
        let sse = 'life: loop {
            for action in script.actions() {
                match action {
                    Action::Open { id, transport: Transport::WebSocket, .. } => {
                        script.hear(id, Heard::Frames(vec![hello(25 * SECOND)]));
                    }
                    Action::Open { id, transport: Transport::Sse, .. } => break 'life id,
                    Action::Open { id, transport: Transport::Poll, .. } | Action::Ask { id, .. } => {
                        script.hear(id, page(Vec::new()));
                    }
                    Action::Subscribe { id, .. } => {
                        lives += 1;
                        script.hear(id, live());
                        script.pass(Duration::from_millis(300));
                        script.hear(id, Heard::Lost(Unreachable::Ended.into()));
                    }
                    Action::Open { .. }
                    | Action::Unsubscribe { .. }
                    | Action::Ping { .. }
                    | Action::Close { .. } => {}
                }
            }
            script.pass(Duration::from_millis(20));
        };
        script.hear(sse, live());
        assert_eq!(lives, 3);
        assert!(script.now - begin < 5 * SECOND, "seed {seed}: {:?}", script.now - begin);
    }
}

#[test]
fn a_server_that_stays_away_is_asked_for_ever_and_not_too_often() {
    for seed in 0..50 {
        let mut script = following(Via::Sse, seed);
        let (_, _, mut id) = opened(&mut script, Duration::ZERO);
        let mut waits = Vec::new();
        for _ in 0..60 {
            script.hear(id, unreachable());
            let (wait, _, next) = opened(&mut script, 16 * SECOND);
            waits.push(wait);
            id = next;
        }
        assert!(waits[0] <= Duration::from_millis(255));
        assert!(waits[1] <= Duration::from_millis(505));
        let late: Duration = waits[10..].iter().sum();
        assert!(SECOND * 4 * 50 < late && late < SECOND * 11 * 50, "{late:?}");
    }
}

#[test]
fn a_server_that_is_away_is_no_reason_to_fall_back() {
    let mut script = following(Via::Auto, 3);
    let begin = script.now;
    let mut dials = 0;
    while script.now < begin + 600 * SECOND {
        for action in script.actions() {
            if let Action::Open { id, transport, .. } = action {
                assert!(matches!(transport, Transport::Poll | Transport::WebSocket), "{transport}");
                dials += u32::from(transport == Transport::WebSocket);
                script.hear(id, unreachable());
            }
        }
        script.pass(Duration::from_millis(100));
    }
    assert!(30 < dials, "{dials}");
}

#[test]
fn drained_websockets_come_back_spread_over_the_window() {
    let waits: Vec<Duration> = (0..100)
        .map(|seed| {
            let mut script = following(Via::WebSocket, seed);
            let (_, _, id) = opened(&mut script, Duration::ZERO);
            script.hear(id, Heard::Frames(vec![hello(25 * SECOND)]));
            script.hear(id, live());
            script.hear(id, Heard::Frames(vec![ServerMessage::Drain { within: 30 * SECOND }]));
            script.hear(id, Heard::Lost(Unreachable::Ended.into()));
            opened(&mut script, 31 * SECOND).0
        })
        .collect();
    assert!(waits.iter().all(|wait| *wait <= SECOND * 30 + Duration::from_millis(5)));
    assert!(waits.iter().any(|wait| SECOND * 25 < *wait));
    assert!(waits.iter().any(|wait| *wait < SECOND * 5));
}

#[test]
fn what_is_heard_does_not_put_off_what_is_due() {
    let mut script = following(Via::WebSocket, 1);
    let (_, _, id) = opened(&mut script, Duration::ZERO);
    script.hear(id, Heard::Frames(vec![hello(25 * SECOND)]));
    script.hear(id, live());
    script.session.on_want(name("b"), Start::Now, true);
    script.pass(Duration::ZERO);
    let missing = ServerMessage::Error {
        id: None,
        stream: Some("b".to_owned()),
        code: "stream_not_found".to_owned(),
        message: String::new(),
        retryable: false,
        retry_after: None,
    };
    script.hear(id, Heard::Frames(vec![missing]));
    script.actions();
    // The driver is late: it hears a message before it takes the turn in which `b` is asked for again.
    script.now += SECOND;
    script.hear(id, Heard::Frames(vec![message("a", offset(10))]));
    script.pass(Duration::ZERO);
    assert!(matches!(&script.actions()[..], [Action::Subscribe { stream, .. }] if *stream == name("b")));
}
