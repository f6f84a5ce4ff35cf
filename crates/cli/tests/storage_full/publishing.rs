//! Publishing until there is no room, and whether there is some again.

use serde_json::Value;
use std::time::Duration;
use tidings_testkit::{
    Api, Deadline, Random, Reader, Request, Response, Server, ServerBuilder, Transport, eventually, pause,
};

/// Far less than a file of the log, so that the last one is filled well.
const MESSAGE_BYTES: usize = 32 << 10;
/// Longer than the server waits before it looks for room again.
const REFUSED_FOR: Duration = Duration::from_millis(2_500);
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .";
const TRY_EVERY: Duration = Duration::from_millis(50);

/// Message `n`, of letters that say nothing, so that no compression makes room.
pub(crate) fn message(n: usize) -> String {
    let mut random = Random::seeded(n as u64);
    let text: String = (0..MESSAGE_BYTES).map(|_| char::from(LETTERS[random.below(LETTERS.len())])).collect();
    format!(r#"{{"n":{n},"text":"{text}"}}"#)
}

/// Publishes message `n`, whatever the answer is.
pub(crate) fn publish(api: &mut Api, stream: &str, n: usize) -> Response {
    api.ask(&Request::post(format!("/v1/stream/{stream}")).json(message(n))).unwrap()
}

/// Publishes messages from `next` on until they are refused and stay so; which one would be next.
///
/// What the server makes ready or tidies up in the background may find room for some more.
pub(crate) fn fill(api: &mut Api, stream: &str, next: usize, bytes_max: usize) -> usize {
    fill_with(next, bytes_max, |next| publish(api, stream, next))
}

/// The same for two streams by turns, each of which has messages from 0 on. How many messages both have.
pub(crate) fn fill_by_turns(api: &mut Api, streams: [&str; 2], bytes_max: usize) -> usize {
    fill_with(0, bytes_max, |next| publish(api, streams[next % 2], next / 2))
}

fn fill_with(mut next: usize, bytes_max: usize, mut publish: impl FnMut(usize) -> Response) -> usize {
    let mut refused_until = Deadline::after(REFUSED_FOR);
    while !refused_until.passed() {
        let answer = publish(next);
        if answer.status == 204 {
            next += 1;
            refused_until = Deadline::after(REFUSED_FOR);
            assert!(next <= bytes_max / MESSAGE_BYTES, "{bytes_max} bytes have room for more");
        } else {
            assert_refused(&answer);
            pause(TRY_EVERY);
        }
    }
    next
}

/// Publishes the smallest messages until one is refused: what room is left is less than for one.
pub(crate) fn fill_the_rest(api: &mut Api, stream: &str) {
    eventually("small messages are refused too", || {
        let answer = api.ask(&Request::post(format!("/v1/stream/{stream}")).json("1")).unwrap();
        (answer.status != 204).then(|| assert_refused(&answer))
    });
}

/// The answer says that there is no room, to programs and to people.
pub(crate) fn assert_refused(answer: &Response) {
    assert_eq!((answer.status, &*answer.code()), (507, "storage_full"), "{}", answer.text());
    let problem: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(problem["retryable"], true);
    assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
    assert!(answer.header("retry-after").is_some(), "it does not say when to try again");
}

/// What `/health/ready` says.
pub(crate) fn readiness(api: &mut Api) -> (u16, Value) {
    let answer = api.ask(&Request::get("/health/ready")).unwrap();
    let health: Value = serde_json::from_slice(&answer.body).unwrap();
    (answer.status, health["reasons"].clone())
}

/// Waits until the server itself says that there is room again, without a publish that asks.
pub(crate) fn wait_until_ready(api: &mut Api) {
    eventually("it is ready again", || (readiness(api).0 == 200).then_some(()));
}

/// A reader receives messages up to but not including `end`, each as it was published.
pub(crate) fn assert_reads(reader: &mut Reader, transport: Transport, end: usize) {
    reader.follow_until_count(transport, end);
    let differs = reader.data().into_iter().enumerate().position(|(n, data)| data != message(n));
    assert_eq!(differs, None, "the first message that is not what was published, over {transport}");
}

/// Files of the smallest size, so that a small disk has room for some.
pub(crate) fn small_files() -> ServerBuilder {
    Server::builder().setting("--segment-bytes", "1MiB").setting("--max-message-bytes", "256KiB")
}
