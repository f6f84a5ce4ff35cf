//! Follows over each transport: what is asked, what is given, and how they go on after a break.

use crate::peer::{Peer, answer, frame, frames, message_frame, messages, problem, token};
use std::time::Duration;
use tidings_client::{
    ClientOptions, Failure, Follow, FollowError, FollowEvent, FollowOptions, Status, Token, Transport, Via,
};
use tidings_model::{Offset, Reset, ResetReason, Skip, Start, StreamName};
use tidings_protocol::websocket::frame::Opcode;

fn follow(peer: &Peer, via: Via, start: Start) -> Follow {
    let options = FollowOptions { wait_for_stream: true, ..FollowOptions::from(start) };
    let client = peer.client_with(ClientOptions { via, ..ClientOptions::default() });
    client.follow(&StreamName::parse("a/b").expect("a name"), options)
}

fn after(index: u64) -> Start {
    Start::After(Offset::parse(&token(index)).expect("a token"))
}

/// What asks for the stream from there: the member `offset`, or `last`.
fn question(from: &str) -> String {
    format!(r#"{{"streams":[{{"stream":"a/b",{from}}}]}}"#)
}

fn question_after(index: u64) -> String {
    question(&format!(r#""offset":"{}""#, token(index)))
}

/// The next event that is not a status.
async fn event(follow: &mut Follow) -> FollowEvent {
    loop {
        let event = follow.next().await.expect("the follow goes on");
        if !matches!(event, FollowEvent::Status(_)) {
            return event;
        }
    }
}

/// The places after the next messages, until there are so many.
async fn given(follow: &mut Follow, count: usize) -> Vec<u64> {
    let mut places = Vec::new();
    while places.len() < count {
        if let FollowEvent::Messages(messages) = event(follow).await {
            for message in messages {
                assert_eq!(message.data.as_json(), Some(&*message.offset.index.to_string()));
                places.push(message.offset.index);
            }
        }
    }
    places
}

const SSE_HEAD: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\nretry: 100\n\n";

/// An event for each frame.
fn events(frames: &[String]) -> String {
    let event = |frame: &String| ["data:", frame, "\n\n"].concat();
    frames.iter().map(event).collect()
}

fn live(index: u64) -> String {
    frame("live", index, "")
}

/// The events of the messages between two places, up to the tail.
fn data(after: u64, to: u64) -> String {
    let messages = (after + 1..=to).map(message_frame);
    events(&messages.chain([live(to)]).collect::<Vec<_>>())
}

#[tokio::test]
async fn a_poll_goes_on_where_it_ended() {
    let peer = Peer::bind().await;
    let every = Some(Duration::from_millis(1));
    let mut follow = follow(&peer, Via::Poll { every }, Start::Last(2));
    let server = async {
        let begin = [frame("subscribed", 3, ""), message_frame(4), message_frame(5), live(5)];
        let first = peer.answer(&frames(&begin)).await;
        assert_eq!(first.line, "POST /v1/read HTTP/1.1");
        assert_eq!(first.body, question(r#""last":2"#));
        let second = peer.answer(&frames(&[])).await;
        assert_eq!(second.body, question_after(5));
        let third = peer.answer(&messages(5, 6)).await;
        assert_eq!(third.body, question_after(5));
    };
    let (places, ()) = tokio::join!(given(&mut follow, 3), server);
    assert_eq!(places, [4, 5, 6]);
}

#[tokio::test]
async fn a_long_poll_that_is_cut_is_asked_again_from_the_last_message() {
    let peer = Peer::bind().await;
    let mut follow = follow(&peer, Via::LongPoll, after(3));
    let server = async {
        let first = peer.answer(&messages(3, 5)).await;
        assert_eq!(first.line, "POST /v1/read?live=long-poll&timeout=25 HTTP/1.1");
        assert_eq!(first.body, question_after(3));
        // Half an answer.
        let whole = messages(5, 9);
        peer.answer(&whole[..whole.len() - 10]).await;
        let third = peer.answer(&messages(5, 7)).await;
        assert_eq!(third.body, question_after(5));
    };
    let (places, ()) = tokio::join!(given(&mut follow, 4), server);
    assert_eq!(places, [4, 5, 6, 7]);
}

#[tokio::test]
async fn sse_goes_on_where_it_ended() {
    let peer = Peer::bind().await;
    let mut follow = follow(&peer, Via::Sse, Start::Now);
    let server = async {
        let mut first = peer.answer(SSE_HEAD).await;
        assert_eq!(first.line, "POST /v1/read?live=sse HTTP/1.1");
        assert_eq!(first.body, question(r#""offset":"now""#));
        first.send(&events(&[frame("subscribed", 3, ""), live(3)])).await;
        first.send(": heartbeat\n\n").await;
        let event = data(3, 5);
        let (start, rest) = event.split_at(40);
        first.send(start).await;
        first.send(rest).await;
        drop(first);
        let mut second = peer.answer(SSE_HEAD).await;
        assert_eq!(second.body, question_after(5));
        second.send(&data(4, 6)).await;
        second
    };
    let (places, _open) = tokio::join!(given(&mut follow, 3), server);
    assert_eq!(places, [4, 5, 6]);
}

#[tokio::test]
async fn a_reset_in_mid_stream_can_not_be_overlooked() {
    let peer = Peer::bind().await;
    let mut follow = follow(&peer, Via::Sse, after(3));
    let reset = Reset {
        reason: ResetReason::Trimmed,
        earliest: Offset::parse(&token(50)).ok(),
        tail: Offset::parse(&token(60)).ok(),
    };
    let server = async {
        let mut first = peer.answer(SSE_HEAD).await;
        first.send(&events(&[reset_frame("trimmed", 50, 60)])).await;
        let mut second = peer.answer(SSE_HEAD).await;
        assert_eq!(second.body, question_after(50));
        second.send(&data(50, 51)).await;
        second
    };
    let user = async {
        assert_eq!(event(&mut follow).await, FollowEvent::Reset(reset));
        assert_eq!(follow.next().await, Err(FollowError::Reset(reset)));
        follow.resume_at(reset.earliest.unwrap());
        given(&mut follow, 1).await
    };
    let (places, _open) = tokio::join!(user, server);
    assert_eq!(places, [51]);
}

fn reset_frame(reason: &str, earliest: u64, tail: u64) -> String {
    let members = format!(r#""earliest":"{}","tail":"{}""#, token(earliest), token(tail));
    format!(r#"{{"type":"reset","stream":"a/b","reason":"{reason}",{members}}}"#)
}

/// What a server leaves out for a follow that stays behind.
fn skip(from: u64, to: u64) -> Skip {
    let place = |index| Offset::parse(&token(index)).expect("a token");
    Skip { from: place(from), to: place(to) }
}

#[tokio::test]
async fn a_skip_in_an_event_stream_is_told_and_gone_on_from() {
    let peer = Peer::bind().await;
    let mut follow = follow(&peer, Via::Sse, after(3));
    let server = async {
        let mut first = peer.answer(SSE_HEAD).await;
        let skipped = frame("skipped", 90, &format!(r#","from":"{}","messages":87"#, token(3)));
        first.send(&events(&[live(3), skipped])).await;
        drop(first);
        let mut second = peer.answer(SSE_HEAD).await;
        assert_eq!(second.body, question_after(90));
        second.send(&data(90, 91)).await;
        second
    };
    let user = async {
        assert_eq!(event(&mut follow).await, FollowEvent::Live { offset: skip(3, 90).from });
        assert_eq!(event(&mut follow).await, FollowEvent::Skipped(skip(3, 90)));
        given(&mut follow, 1).await
    };
    let (places, _open) = tokio::join!(user, server);
    assert_eq!(places, [91]);
}

#[tokio::test]
async fn a_skip_on_a_websocket_is_told_between_the_messages() {
    let peer = Peer::bind().await;
    let mut follow = follow(&peer, Via::WebSocket, Start::Now);
    let server = async {
        let mut socket = peer.websocket().await;
        socket.hello().await;
        socket.receive().await;
        socket.tell("subscribed", 3, "").await;
        socket.tell("live", 3, "").await;
        socket.message(4).await;
        let (from, to) = (token(4), token(90));
        let members = format!(r#""stream":"a/b","from":"{from}","offset":"{to}","messages":86"#);
        socket.send(&format!(r#"{{"type":"skipped",{members}}}"#)).await;
        socket.message(91).await;
        socket.tell("live", 91, "").await;
        socket
    };
    let user = async {
        let mut events = Vec::new();
        while events.len() < 5 {
            events.push(event(&mut follow).await);
        }
        events
    };
    let (events, _open) = tokio::join!(user, server);
    let [
        FollowEvent::Live { .. },
        FollowEvent::Messages(before),
        skipped,
        FollowEvent::Messages(after),
        live,
    ] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!((before[0].offset.index, after[0].offset.index), (4, 91));
    assert_eq!(*skipped, FollowEvent::Skipped(skip(4, 90)));
    assert_eq!(*live, FollowEvent::Live { offset: skip(4, 91).to });
}

#[tokio::test]
async fn a_refused_offset_is_a_reset_over_http() {
    let peer = Peer::bind().await;
    for via in [Via::Poll { every: None }, Via::LongPoll, Via::Sse] {
        let mut follow = follow(&peer, via, after(3));
        let reset = reset_frame("deleted", 0, 2);
        let server = async {
            if via == Via::Sse {
                let mut open = peer.answer(SSE_HEAD).await;
                open.send(&events(&[reset])).await;
            } else {
                peer.answer(&frames(&[reset])).await;
            }
        };
        let (event, ()) = tokio::join!(event(&mut follow), server);
        let FollowEvent::Reset(reset) = event else { panic!("{event:?}") };
        assert_eq!((reset.reason, reset.tail.unwrap().index), (ResetReason::Deleted, 2));
    }
}

#[tokio::test]
async fn a_websocket_says_anew_who_it_is_when_it_is_asked() {
    let peer = Peer::bind().await;
    let count = std::sync::atomic::AtomicUsize::new(0);
    let next = move || format!("t{}", count.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    let options =
        ClientOptions { via: Via::WebSocket, token: Some(Token::from_fn(next)), ..ClientOptions::default() };
    let client = peer.client_with(options);
    let from = FollowOptions { wait_for_stream: true, ..FollowOptions::from(Start::Now) };
    let mut follow = client.follow(&StreamName::parse("a/b").expect("a name"), from);
    let server = async {
        let mut socket = peer.websocket().await;
        assert_eq!(socket.header("authorization"), Some("Bearer t0"));
        socket.hello().await;
        socket.receive().await;
        socket.tell("subscribed", 3, "").await;
        socket.tell("live", 3, "").await;
        socket.send(r#"{"type":"renew","within":30}"#).await;
        assert_eq!(socket.receive().await, r#"{"type":"auth","token":"t1"}"#);
        socket.send(r#"{"type":"authenticated","expires_in":60}"#).await;
        socket.message(4).await;
        socket
    };
    let (places, _open) = tokio::join!(given(&mut follow, 1), server);
    assert_eq!(places, [4]);
}

#[tokio::test]
async fn a_websocket_subscribes_answers_pings_and_comes_back() {
    let peer = Peer::bind().await;
    let mut follow = follow(&peer, Via::WebSocket, Start::Now);
    let server = async {
        let mut first = peer.websocket().await;
        assert_eq!(first.line(), "GET /v1/ws HTTP/1.1");
        first.hello().await;
        assert_eq!(first.receive().await, r#"{"type":"subscribe","stream":"a/b","offset":"now"}"#);
        first.tell("subscribed", 3, "").await;
        first.tell("live", 3, "").await;
        first.send_frame(Opcode::Ping, b"?").await;
        assert_eq!(first.receive().await, "pong ?");
        first.message(4).await;
        first.message(5).await;
        first.send_frame(Opcode::Close, &1001_u16.to_be_bytes()).await;
        assert_eq!(first.receive().await, "close Some(1001)");
        let mut second = peer.websocket().await;
        second.hello().await;
        let expected = format!(r#"{{"type":"subscribe","stream":"a/b","offset":"{}"}}"#, token(5));
        assert_eq!(second.receive().await, expected);
        second.tell("subscribed", 5, "").await;
        second.message(6).await;
        second.send(r#"{"type":"of_the_future"}"#).await;
        second.tell("closed", 6, "").await;
        assert_eq!(second.receive().await, "close Some(1000)");
    };
    let user = async {
        let places = given(&mut follow, 3).await;
        let end = event(&mut follow).await;
        (places, end, follow.next().await)
    };
    let ((places, end, then), ()) = tokio::join!(user, server);
    assert_eq!(places, [4, 5, 6]);
    assert!(matches!(end, FollowEvent::Closed { offset } if offset.index == 6));
    assert_eq!(then, Err(FollowError::Closed));
}

#[tokio::test]
async fn auto_falls_back_where_upgrades_are_refused() {
    let peer = Peer::bind().await;
    let mut follow = follow(&peer, Via::Auto, Start::Beginning);
    let server = async {
        let mut sse = None;
        while sse.is_none() {
            let mut request = peer.request().await;
            match request.line.as_str() {
                "GET /v1/ws HTTP/1.1" => request.send(&answer("403 Forbidden", "", "no")).await,
                line if line.contains("live=sse") => {
                    request.send(SSE_HEAD).await;
                    request.send(&data(2, 4)).await;
                    sse = Some(request);
                }
                _ if request.body == question(r#""offset":"-1""#) => request.send(&messages(0, 2)).await,
                _ => request.send(&frames(&[])).await,
            }
        }
        sse
    };
    let user = async {
        let mut connected = Vec::new();
        let mut places = Vec::new();
        while places.len() < 4 {
            match follow.next().await.unwrap() {
                FollowEvent::Status(Status::Connected { transport }) => connected.push(transport),
                FollowEvent::Messages(messages) => {
                    places.extend(messages.iter().map(|message| message.offset.index));
                }
                FollowEvent::Live { .. } | FollowEvent::Status(_) => {}
                end @ (FollowEvent::Reset(_) | FollowEvent::Closed { .. } | FollowEvent::Skipped(_)) => {
                    panic!("{end:?}")
                }
            }
        }
        (places, connected.pop())
    };
    let ((places, connected), _open) = tokio::join!(user, server);
    assert_eq!(places, [1, 2, 3, 4]);
    assert_eq!(connected, Some(Transport::Sse));
}

#[tokio::test]
async fn a_stream_that_is_waited_for_is_asked_for_again() {
    let peer = Peer::bind().await;
    let mut follow = follow(&peer, Via::Sse, Start::Now);
    let missing =
        r#"{"type":"error","stream":"a/b","code":"stream_not_found","message":"no","retryable":false}"#;
    let server = async {
        let mut first = peer.answer(SSE_HEAD).await;
        first.send(&events(&[missing.to_owned()])).await;
        // What is missing is polled for: a held answer would not be.
        let second = peer.answer(&frames(&[frame("subscribed", 0, ""), message_frame(1), live(1)])).await;
        assert_eq!(second.line, "POST /v1/read HTTP/1.1");
        assert_eq!(second.body, question(r#""offset":"-1""#));
    };
    let (places, ()) = tokio::join!(given(&mut follow, 1), server);
    assert_eq!(places, [1]);
}

#[tokio::test]
async fn a_refusal_that_does_not_pass_is_given_to_the_user() {
    let peer = Peer::bind().await;
    let mut follow = follow(&peer, Via::Sse, Start::Now);
    let server = async {
        peer.answer(&problem("503 Service Unavailable", "Retry-After: 0\r\n", "too_busy")).await;
        peer.answer(&problem("403 Forbidden", "", "forbidden")).await;
    };
    let user = async {
        loop {
            if let Err(error) = follow.next().await {
                break error;
            }
        }
    };
    let (error, ()) = tokio::join!(user, server);
    assert!(matches!(error, FollowError::Failed(Failure::Refused(refusal)) if refusal.code == "forbidden"));
}
