//! One follower with a made-up clock: what it asks, and what it makes of what comes.

use super::super::dialect::{DurableStreams, Tidings};
use super::super::tally::Window;
use super::*;
use crate::harness::origin::Origin;
use rand::SeedableRng as _;
use tidings_protocol::websocket::handshake::accept_key;

const S: u64 = 1_000_000_000;
const A: &str = "0123456789abcdef_0000000000000000";
const B: &str = "0123456789abcdef_0000000000000002";

/// A follower with all that it needs.
struct Stage {
    course: Course,
    tally: Tally,
    random: SmallRng,
    now_ns: u64,
    follower: Follower,
    /// What it said last.
    said: Vec<u8>,
}

/// The first bytes of frames of a client.
const PONG: u8 = 0x8a;
const CLOSE: u8 = 0x88;

impl Stage {
    fn new(way: Way) -> Stage {
        let origin = Origin::at("host".to_owned());
        Stage::speaking(Arc::new(Tidings { origin, durability: None, ttl_s: None }), way)
    }

    fn speaking(dialect: Arc<dyn Dialect>, way: Way) -> Stage {
        let course =
            Course { dialect, way, streams: Arc::new(["s".to_owned()]), run: 7, marks: Marks::new() };
        let mut tally = Tally::new().unwrap();
        tally.measure(Window { begin_ns: 10 * S, end_ns: 20 * S });
        let place = Place { offset: A.to_owned(), ..Place::default() };
        let follower = Follower::new(0, place);
        Stage {
            course,
            tally,
            random: SmallRng::seed_from_u64(1),
            now_ns: 11 * S,
            follower,
            said: Vec::new(),
        }
    }

    fn with<T>(&mut self, call: impl FnOnce(&mut Follower, &mut Turn<'_>) -> T) -> (T, String) {
        let Stage { course, tally, random, now_ns, follower, said } = self;
        said.clear();
        let mut turn = Turn { course, tally, random, now_ns: *now_ns, out: said };
        let result = call(follower, &mut turn);
        (result, String::from_utf8_lossy(said).into_owned())
    }

    /// Connects. Returns what it asks.
    fn connect(&mut self) -> String {
        self.with(Follower::on_connected).1
    }

    /// Something came. Returns what becomes of the connection, and what it says.
    fn hear(&mut self, bytes: impl AsRef<[u8]>) -> (Step, String) {
        let (step, out) = self.with(|follower, turn| follower.on_bytes(bytes.as_ref(), turn));
        (step.unwrap(), out)
    }

    fn hear_error(&mut self, bytes: &str) -> String {
        self.with(|follower, turn| follower.on_bytes(bytes.as_bytes(), turn)).0.unwrap_err().to_string()
    }

    /// A poll is due. Returns whether it wants a connection, and what it asks.
    fn poll(&mut self, has_connection: bool) -> (bool, String) {
        let now_ns = self.now_ns;
        self.with(|follower, turn| follower.on_poll_due(has_connection, now_ns, turn))
    }

    fn join_websocket(&mut self) {
        let request = self.connect();
        let key = request.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap();
        let accept = accept_key(key.as_bytes());
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        assert_eq!(self.hear(head), (Step::Stay, String::new()));
        self.hear(text(&format!(r#"{{"type":"live","stream":"s","offset":"{A}"}}"#)));
        assert!(self.follower.has_joined());
    }
}

fn message(number: u64) -> String {
    let mut out = Vec::new();
    Marked { run: 7, stream: 0, number, due_ns: 10 * S }.write(64, &mut out);
    String::from_utf8(out).unwrap()
}

fn answer(status: &str, fields: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// A page up to that offset, at the tail.
fn page(offset: &str, body: &str) -> String {
    answer(
        "200 OK",
        &format!("Stream-Next-Offset: {offset}\r\nStream-Up-To-Date: true\r\nETag: \"e\"\r\n"),
        body,
    )
}

/// A frame of the server.
fn frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_frame(&mut out, opcode, Fin::Last, None, payload);
    out
}

fn text(payload: &str) -> Vec<u8> {
    frame(Opcode::Text, payload.as_bytes())
}

const EVERY_SECOND: Way = Way::Poll { every_s: 1.0 };

#[test]
fn a_poll_goes_on_at_the_offset_of_the_last_answer_and_validates_it() {
    let mut stage = Stage::new(EVERY_SECOND);
    assert!(
        stage.connect().starts_with(&format!("GET /v1/stream/s?offset={A} HTTP/1.1\r\nHost: host\r\n\r\n"))
    );
    assert_eq!(stage.hear(page(A, "[]")), (Step::Stay, String::new()));
    assert!(stage.follower.has_joined());
    let (wants, request) = stage.poll(true);
    assert!(!wants && request.contains("If-None-Match: \"e\"\r\n"), "{request}");
    let (step, _) = stage.hear(page(B, &format!("[{},{}]", message(0), message(1))));
    assert_eq!((step, stage.tally.delivered), (Step::Stay, 2));
    let (_, request) = stage.poll(true);
    assert!(
        request.contains(B) && !request.contains("If-None-Match"),
        "an ETag is of another URL: {request}"
    );
    assert_eq!((stage.tally.requests, stage.tally.empty_requests), (3, 1));
}

#[test]
fn a_poll_that_leaves_more_is_followed_by_another_at_once() {
    let mut stage = Stage::new(EVERY_SECOND);
    stage.connect();
    let (step, request) = stage.hear(answer("200 OK", &format!("Stream-Next-Offset: {B}\r\n"), "[]"));
    assert!(step == Step::Stay && request.contains(B), "{request}");
}

#[test]
fn a_poll_whose_answer_is_late_is_not_sent_and_counted() {
    let mut stage = Stage::new(EVERY_SECOND);
    stage.connect();
    assert_eq!(stage.poll(true), (false, String::new()));
    assert_eq!((stage.tally.skipped_polls, stage.tally.requests), (1, 1));
}

#[test]
fn a_poll_opens_a_connection_when_the_server_closed_an_idle_one() {
    let mut stage = Stage::new(EVERY_SECOND);
    stage.connect();
    stage.hear(page(A, "[]"));
    assert_eq!(stage.with(Follower::on_lost).0, Step::Close);
    assert_eq!(stage.poll(false), (true, String::new()));
    assert!(stage.connect().contains(A));
}

#[test]
fn a_long_poll_asks_again_at_once_over_the_same_connection() {
    let mut stage = Stage::new(Way::LongPoll);
    assert!(stage.connect().contains("&live=long-poll HTTP"));
    let fields = format!("Stream-Next-Offset: {B}\r\nStream-Cursor: 5\r\nStream-Up-To-Date: true\r\n");
    let (step, request) = stage.hear(answer("200 OK", &fields, &format!("[{}]", message(0))));
    assert!(
        step == Step::Stay && request.contains(&format!("?offset={B}&live=long-poll&cursor=5 ")),
        "{request}"
    );
    let (step, request) = stage.hear(format!("HTTP/1.1 204 No Content\r\n{fields}\r\n"));
    assert!(step == Step::Stay && request.contains(B), "{request}");
    assert_eq!((stage.tally.requests, stage.tally.empty_requests), (3, 1));
}

#[test]
fn a_closing_long_poll_asks_again_over_another_connection() {
    let mut stage = Stage::new(Way::LongPollClosing);
    assert!(stage.connect().contains("Connection: close\r\n"));
    let closing = format!("Stream-Next-Offset: {B}\r\nStream-Up-To-Date: true\r\nConnection: close\r\n");
    let (step, request) = stage.hear(answer("200 OK", &closing, &format!("[{}]", message(0))));
    assert_eq!((step, request), (Step::Reconnect { at_ns: stage.now_ns }, String::new()));
    assert!(stage.connect().contains(B));
}

#[test]
fn sse_goes_on_at_the_last_id_after_the_time_that_the_server_named() {
    let mut stage = Stage::new(Way::Sse);
    assert!(stage.connect().contains("&live=sse "));
    stage.hear("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert!(stage.follower.has_joined());
    let event = format!("retry: 2000\n\nid: {B}\nevent: data\ndata:[{},{}]\n\n", message(0), message(1));
    for byte in format!("{:x}\r\n{event}\r\n", event.len()).bytes() {
        assert_eq!(stage.hear([byte]), (Step::Stay, String::new()));
    }
    assert_eq!(stage.tally.delivered, 2);
    let (step, _) = stage.with(Follower::on_lost);
    let Step::Reconnect { at_ns } = step else { panic!("{step:?}") };
    assert!((2 * S..=2 * S + S / 4).contains(&(at_ns - stage.now_ns)), "{at_ns}");
    assert!(stage.connect().contains(B));
}

#[test]
fn a_websocket_delivers_answers_pings_and_closes_with_a_handshake() {
    let mut stage = Stage::new(Way::WebSocket);
    stage.join_websocket();
    let message =
        format!(r#"{{"type":"message","stream":"s","offset":"{B}","time":"t","data":{}}}"#, message(0));
    for byte in text(&message) {
        stage.hear([byte]);
    }
    assert_eq!((stage.tally.delivered, stage.follower.place.offset.as_str()), (1, B));
    assert_eq!(stage.hear(frame(Opcode::Ping, b"x")).0, Step::Stay);
    assert_eq!((stage.said[0], stage.said.len()), (PONG, 2 + 4 + 1));
    assert!(stage.with(Follower::close).0, "the server's part is awaited");
    assert_eq!(stage.said[0], CLOSE);
    assert_eq!(stage.hear(frame(Opcode::Close, &[3, 232])).0, Step::Close);
}

#[test]
fn a_websocket_that_the_server_closes_is_opened_again_at_its_offset() {
    let mut stage = Stage::new(Way::WebSocket);
    stage.join_websocket();
    stage.hear(text(&format!(r#"{{"type":"message","stream":"s","offset":"{B}","time":"t","data":1}}"#)));
    let (step, _) = stage.hear(frame(Opcode::Close, &[3, 233]));
    assert!(matches!(step, Step::Reconnect { at_ns } if at_ns - stage.now_ns <= S / 4), "{step:?}");
    assert_eq!(stage.said[0], CLOSE, "the close is answered");
    assert!(stage.connect().contains(B));
}

#[test]
fn a_server_that_drains_is_come_back_to_within_its_time() {
    let mut stage = Stage::new(Way::WebSocket);
    stage.join_websocket();
    let (step, _) = stage.hear(text(r#"{"type":"drain","within":30}"#));
    assert!(matches!(step, Step::Reconnect { at_ns } if at_ns - stage.now_ns <= 30 * S), "{step:?}");
}

#[test]
fn who_is_told_to_come_later_does() {
    for way in [EVERY_SECOND, Way::LongPoll, Way::Sse, Way::WebSocket] {
        let mut stage = Stage::new(way);
        stage.connect();
        let (step, _) = stage.hear(answer("503 Service Unavailable", "Retry-After: 3\r\n", ""));
        assert!(
            matches!(step, Step::Reconnect { at_ns } if 3 * S <= at_ns - stage.now_ns),
            "{way}: {step:?}"
        );
        assert!(stage.connect().contains(A), "{way}");
    }
}

#[test]
fn a_lost_connection_is_opened_again_later_and_later() {
    let mut stage = Stage::new(Way::LongPoll);
    let mut longest = 0;
    for _ in 0..50 {
        stage.connect();
        let Step::Reconnect { at_ns } = stage.with(Follower::on_lost).0 else { panic!("it gave up") };
        longest = longest.max(at_ns - stage.now_ns);
    }
    assert!((S..=15 * S).contains(&longest), "{longest}");
}

#[test]
fn loss_repetition_and_disorder_are_found_in_what_comes() {
    let mut stage = Stage::new(EVERY_SECOND);
    stage.connect();
    let body = [0, 1, 1, 4, 3, 5].map(message).join(",");
    stage.hear(page(B, &format!("[{body}]")));
    let Tally { delivered, delivered_ever, repeated, reordered, .. } = stage.tally;
    assert_eq!((delivered, delivered_ever, repeated, reordered), (5, 5, 1, 1));
    assert!(stage.follower.has_all_below(2) && !stage.follower.has_all_below(3), "2 never came");
}

#[test]
fn messages_of_other_runs_and_streams_are_not_its_own() {
    let mut stage = Stage::new(EVERY_SECOND);
    stage.connect();
    let mut body = Vec::new();
    Marked { run: 8, stream: 0, number: 0, due_ns: 10 * S }.write(64, &mut body);
    Marked { run: 7, stream: 1, number: 0, due_ns: 10 * S }.write(64, &mut body);
    stage.hear(page(B, &String::from_utf8(body).unwrap()));
    assert_eq!((stage.tally.delivered_ever, stage.tally.empty_requests), (0, 1));
}

#[test]
fn a_reset_ends_the_run_with_its_reason() {
    let mut polling = Stage::new(EVERY_SECOND);
    polling.connect();
    let told = polling.hear_error("HTTP/1.1 410 Gone\r\nStream-Reset: trimmed\r\nContent-Length: 0\r\n\r\n");
    assert!(told.contains("reset (trimmed)"), "{told}");

    let mut events = Stage::new(Way::Sse);
    events.connect();
    let told = events.hear_error("HTTP/1.1 200 OK\r\n\r\nevent: reset\ndata:{\"reason\":\"deleted\"}\n\n");
    assert!(told.contains("reset (deleted)"), "{told}");

    let mut stage = Stage::new(Way::WebSocket);
    stage.join_websocket();
    let reset = text(r#"{"type":"reset","stream":"s","reason":"lost"}"#);
    let told = stage.with(|follower, turn| follower.on_bytes(&reset, turn)).0.unwrap_err().to_string();
    assert!(told.contains("reset (lost)"), "{told}");
}

#[test]
fn a_refusal_ends_the_run_with_its_status() {
    let mut stage = Stage::new(EVERY_SECOND);
    stage.connect();
    let told = stage.hear_error("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    assert!(told.contains("status 404"), "{told}");
}

#[test]
fn an_answer_that_is_torn_neither_counts_nor_moves_the_offset() {
    for way in [EVERY_SECOND, Way::LongPoll, Way::LongPollClosing] {
        let mut stage = Stage::new(way);
        stage.connect();
        let whole = page(B, &format!("[{},{}]", message(0), message(1)));
        let cut = whole.len() - 20;
        assert_eq!(stage.hear(&whole[..cut]).0, Step::Stay);
        assert_eq!(stage.tally.delivered, 0, "{way}: the client has no whole answer yet");
        assert!(matches!(stage.with(Follower::on_lost).0, Step::Reconnect { .. }), "{way}");
        let request = stage.connect();
        assert!(request.contains(A) && !request.contains(B), "{way}: {request}");
        stage.hear(whole);
        assert_eq!((stage.tally.delivered, stage.tally.repeated), (2, 0), "{way}");
    }
}

#[test]
fn an_answer_without_a_length_ends_with_its_connection() {
    let mut stage = Stage::new(EVERY_SECOND);
    stage.connect();
    let head = format!("HTTP/1.1 200 OK\r\nStream-Next-Offset: {B}\r\nStream-Up-To-Date: true\r\n\r\n");
    stage.hear(format!("{head}[{}]", message(0)));
    assert_eq!((stage.with(Follower::on_lost).0, stage.tally.delivered), (Step::Close, 1));
    assert_eq!(stage.poll(false), (true, String::new()));
    assert!(stage.connect().contains(B));
}

#[test]
fn an_event_of_the_base_protocol_counts_when_its_control_has_come() {
    let dialect = DurableStreams { origin: Origin::at("host".to_owned()), ttl_s: 60 };
    let mut stage = Stage::speaking(Arc::new(dialect), Way::Sse);
    assert!(stage.connect().contains(&format!("/s?offset={A}&live=sse")));
    stage.hear("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    let data = format!("event: data\ndata:[{}]\n\n", message(0));
    stage.hear(&data);
    assert_eq!(stage.tally.delivered, 0, "it will be asked for again");
    assert!(matches!(stage.with(Follower::on_lost).0, Step::Reconnect { .. }));
    assert!(stage.connect().contains(A));
    stage.hear("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    stage.hear(data);
    stage.hear(format!("event: control\ndata:{{\"streamNextOffset\":\"{B}\",\"streamCursor\":\"9\"}}\n\n"));
    assert_eq!((stage.tally.delivered, stage.tally.repeated), (1, 0));
    stage.with(Follower::on_lost);
    let request = stage.connect();
    assert!(request.contains(&format!("/s?offset={B}&live=sse&cursor=9")), "{request}");
}

#[test]
fn why_a_server_is_not_followed_is_told() {
    let mut stage = Stage::new(Way::Sse);
    stage.connect();
    let told = stage.hear_error("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n");
    assert!(told.contains("compresses what it sends (gzip)"), "{told}");
    let mut stage = Stage::new(Way::Sse);
    stage.connect();
    stage.hear(answer("503 Service Unavailable", "", ""));
    assert_eq!(stage.tally.refused_status, Some(503));
}
