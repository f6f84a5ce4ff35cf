//! What the tests of the client have in common: a server, clients of it, streams of numbers.

use crate::front::Front;
use std::time::Duration;
use tidings_client::{
    Client, ClientOptions, Follow, FollowEvent, FollowOptions, Publisher, PublisherOptions, Standpoint,
    Timing, Transport, Via,
};
use tidings_model::{ContentType, StreamName};
use tidings_testkit::{PATIENCE, Server};

/// All ways to follow, with polls that don't make a test wait.
pub(crate) const VIAS: [Via; 5] = [
    Via::Auto,
    Via::Poll { every: Some(Duration::from_millis(20)) },
    Via::LongPoll,
    Via::Sse,
    Via::WebSocket,
];

/// A stream.
pub(crate) fn name(text: &str) -> StreamName {
    StreamName::parse(text).unwrap()
}

/// A client of a server.
pub(crate) fn client(server: &Server, via: Via) -> Client {
    client_at(&format!("http://{}", server.address()), via)
}

/// A client of a server behind a front that counts.
pub(crate) fn client_behind(front: &Front, via: Via) -> Client {
    client_at(&format!("http://{}", front.address()), via)
}

fn client_at(url: &str, via: Via) -> Client {
    Client::with_options(url, ClientOptions { via, ..ClientOptions::default() }).unwrap()
}

/// The numbers of a session, shortened, so that what takes half a minute otherwise takes a second.
pub(crate) fn quick_timing() -> Timing {
    let ms = Duration::from_millis;
    Timing {
        sse_after: ms(500),
        long_poll_after: ms(600),
        dial_max: ms(2_000),
        answer_max: ms(3_000),
        hold: ms(2_000),
        hold_slack: ms(1_000),
        held_min: ms(100),
        poll_interval: Some(ms(100)),
        short_life: ms(1_000),
        bars: vec![ms(1_000), ms(2_000)],
        backoff_base: ms(100),
        backoff_cap: ms(1_000),
        missing_max: ms(500),
        ..Timing::default()
    }
}

/// A publisher of numbers, which makes the stream.
pub(crate) fn publisher(client: &Client, stream: &str) -> Publisher {
    let options = PublisherOptions { create: true, ..PublisherOptions::new(ContentType::json()) };
    client.publisher(&name(stream), options)
}

/// Publishes the numbers of a range, each alone, and waits until they are stored.
pub(crate) async fn publish(publisher: &Publisher, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        publisher.publish(vec![number.to_string().into()]).await.unwrap();
    }
}

/// A follow that waits for its stream.
pub(crate) fn follow(client: &Client, stream: &str, options: FollowOptions) -> Follow {
    client.follow(&name(stream), FollowOptions { wait_for_stream: true, ..options })
}

/// The next numbers of a follow, so many of them.
pub(crate) async fn numbers(follow: &mut Follow, count: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        match within(follow.next()).await.unwrap() {
            FollowEvent::Messages(messages) => {
                numbers.extend(messages.iter().map(|it| it.data.as_json().unwrap().parse::<u64>().unwrap()));
            }
            FollowEvent::Live { .. } | FollowEvent::Status(_) => {}
            other @ (FollowEvent::Skipped(_) | FollowEvent::Reset(_) | FollowEvent::Closed { .. }) => {
                panic!("{other:?}")
            }
        }
    }
    numbers
}

/// Waits until the follow has everything.
pub(crate) async fn live(follow: &mut Follow) {
    while !matches!(within(follow.next()).await.unwrap(), FollowEvent::Live { .. }) {}
}

/// Waits until messages come over this transport.
pub(crate) async fn over(client: &Client, transport: Transport) {
    let is_over = async {
        while client.standpoint() != Standpoint::Over(transport) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(is_over).await;
}

/// Lets something run that does not end by itself, until it has done what is waited for.
pub(crate) async fn run_until<T: std::fmt::Debug>(
    running: impl Future<Output = T>,
    is_done: impl Fn() -> bool,
) {
    let done = async {
        while !is_done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        ended = running => panic!("it goes on until it is stopped, and ended: {ended:?}"),
        () = within(done) => {}
    }
}

/// What does not come in this time does not come.
pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it comes within the patience of the tests")
}
