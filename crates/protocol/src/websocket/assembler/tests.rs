//! Tests of `websocket/assembler.rs`.

mod compressed;

use super::*;
use crate::websocket::frame::write_frame;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const MESSAGE_BYTES_MAX: usize = 1000;

fn rules() -> Rules {
    Rules::new(Role::Server, MESSAGE_BYTES_MAX)
}

/// A client's frame.
fn frame(opcode: Opcode, fin: Fin, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_frame(&mut out, opcode, fin, Some(MASK), payload);
    out
}

fn whole(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    frame(opcode, Fin::Last, payload)
}

/// What a server gets from these frames, in pieces of that many bytes.
fn messages_in_pieces(bytes: &[u8], piece_bytes: usize) -> Vec<Result<Message<'static>, Violation>> {
    let mut assembler = Assembler::new(Compression::None);
    let mut outcomes = Vec::new();
    for piece in bytes.chunks(piece_bytes) {
        let mut piece = piece.to_vec();
        let mut input = Input::new(&mut piece);
        while let Some(outcome) = assembler.next_message(&rules(), &mut input) {
            outcomes.push(outcome.map(owned));
        }
        assert!(input.is_empty());
    }
    outcomes
}

fn owned(message: Message<'_>) -> Message<'static> {
    match message {
        Message::Text(text) => Message::Text(Cow::Owned(text.into_owned())),
        Message::Binary(bytes) => Message::Binary(Cow::Owned(bytes.into_owned())),
        Message::Ping(bytes) => Message::Ping(Cow::Owned(bytes.into_owned())),
        Message::Pong(bytes) => Message::Pong(Cow::Owned(bytes.into_owned())),
        Message::Close { code, reason } => Message::Close { code, reason },
    }
}

/// Asserts what comes of these frames, whole and byte by byte.
fn assert_messages(frames: &[Vec<u8>], expected: &[Message<'static>]) {
    let expected: Vec<_> = expected.iter().cloned().map(Ok).collect();
    for piece_bytes in [usize::MAX, 1, 3] {
        assert_eq!(messages_in_pieces(&frames.concat(), piece_bytes), expected, "in pieces of {piece_bytes}");
    }
}

/// Asserts that these frames end the connection, whole and byte by byte.
fn assert_violation(frames: &[Vec<u8>], code: CloseCode, reason: &str) {
    for piece_bytes in [usize::MAX, 1, 3] {
        let outcomes = messages_in_pieces(&frames.concat(), piece_bytes);
        match outcomes.last() {
            Some(Err(violation)) => assert_eq!((violation.code, violation.reason), (code, reason)),
            other => panic!("{other:?} in pieces of {piece_bytes}, not: {reason}"),
        }
    }
}

fn text(text: &'static str) -> Message<'static> {
    Message::Text(text.into())
}

#[test]
fn an_idle_assembler_is_small() {
    assert!(size_of::<Assembler>() <= 32);
    assert!(size_of::<FrameDecoder>() <= 16);
}

#[test]
fn a_message_in_one_piece_is_borrowed() {
    let mut bytes = whole(Opcode::Text, "hé".as_bytes());
    let mut input = Input::new(&mut bytes);
    let mut assembler = Assembler::new(Compression::None);
    let message = assembler.next_message(&rules(), &mut input);
    assert!(matches!(message, Some(Ok(Message::Text(Cow::Borrowed("hé"))))));
    assert!(assembler.is_idle());
}

#[test]
fn it_is_idle_only_between_messages() {
    let bytes =
        [frame(Opcode::Text, Fin::More, b"a"), whole(Opcode::Ping, b"p"), whole(Opcode::Continuation, b"b")];
    let bytes = bytes.concat();
    let mut assembler = Assembler::new(Compression::None);
    assert!(assembler.is_idle());
    for (at, &byte) in bytes.iter().enumerate() {
        let mut piece = [byte];
        let mut input = Input::new(&mut piece);
        while assembler.next_message(&rules(), &mut input).is_some() {}
        assert_eq!(assembler.is_idle(), at + 1 == bytes.len());
    }
}

#[test]
fn fragments_are_joined_and_control_frames_come_between() {
    assert_messages(
        &[
            frame(Opcode::Text, Fin::More, b""),
            frame(Opcode::Continuation, Fin::More, b"Hel"),
            whole(Opcode::Ping, b"1"),
            frame(Opcode::Continuation, Fin::More, b""),
            whole(Opcode::Pong, b""),
            whole(Opcode::Continuation, b"lo"),
            whole(Opcode::Binary, b"\xff"),
            whole(Opcode::Text, b""),
            frame(Opcode::Binary, Fin::More, b"a"),
            whole(Opcode::Continuation, b""),
        ],
        &[
            Message::Ping(b"1".into()),
            Message::Pong(b"".into()),
            text("Hello"),
            Message::Binary(b"\xff".into()),
            text(""),
            Message::Binary(b"a".into()),
        ],
    );
}

#[test]
fn a_character_may_be_split_over_fragments() {
    assert_messages(
        &[
            frame(Opcode::Text, Fin::More, b"\xf0\x9f"),
            whole(Opcode::Ping, b"\xff"),
            frame(Opcode::Continuation, Fin::More, b"\x98"),
            whole(Opcode::Continuation, b"\x80!"),
        ],
        &[Message::Ping(b"\xff".into()), text("😀!")],
    );
}

#[test]
fn text_that_is_not_utf8_ends_the_connection() {
    for bad in
        [&b"\xff"[..], b"a\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xce\xba\xe1\xbd"]
    {
        assert_violation(&[whole(Opcode::Text, bad)], CloseCode::INVALID_DATA, "text that is not UTF-8");
        assert_violation(
            &[frame(Opcode::Text, Fin::More, bad), whole(Opcode::Continuation, b"")],
            CloseCode::INVALID_DATA,
            "text that is not UTF-8",
        );
    }
}

#[test]
fn text_fails_as_soon_as_it_cannot_be_utf8_any_more() {
    let bytes = whole(Opcode::Text, b"ab\xf4\x90 and more that nobody reads");
    let header_bytes = 6;
    let mut assembler = Assembler::new(Compression::None);
    for (at, &byte) in bytes.iter().enumerate() {
        let mut piece = [byte];
        let outcome = assembler.next_message(&rules(), &mut Input::new(&mut piece));
        assert_eq!(outcome.is_some(), at == header_bytes + 3, "at byte {at}");
    }
}

#[test]
fn fragments_must_be_in_order() {
    for opcode in [Opcode::Text, Opcode::Binary] {
        assert_violation(
            &[frame(Opcode::Text, Fin::More, b"a"), whole(opcode, b"b")],
            CloseCode::PROTOCOL,
            "a message begins before the last one has ended",
        );
    }
    for frames in [
        vec![whole(Opcode::Continuation, b"a")],
        vec![frame(Opcode::Continuation, Fin::More, b"a")],
        vec![whole(Opcode::Text, b"a"), whole(Opcode::Continuation, b"a")],
        vec![whole(Opcode::Ping, b"a"), whole(Opcode::Continuation, b"")],
    ] {
        assert_violation(&frames, CloseCode::PROTOCOL, "a continuation without a message to continue");
    }
}

#[test]
fn a_message_above_the_limit_is_refused_by_its_header_alone() {
    let large = vec![b'a'; MESSAGE_BYTES_MAX];
    assert_eq!(messages_in_pieces(&whole(Opcode::Text, &large), 7).len(), 1);
    let too_large = whole(Opcode::Binary, &vec![0; MESSAGE_BYTES_MAX + 1]);
    assert_violation(&[too_large[..8].to_vec()], CloseCode::TOO_LARGE, "a message above the limit");
    assert_violation(
        &[frame(Opcode::Text, Fin::More, &large), frame(Opcode::Continuation, Fin::More, b"a")[..6].to_vec()],
        CloseCode::TOO_LARGE,
        "a message above the limit",
    );
    let endless = [0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4];
    assert_violation(&[endless.to_vec()], CloseCode::TOO_LARGE, "a message above the limit");
}

#[test]
fn memory_grows_with_what_has_come_and_not_beyond_the_limit() {
    let bytes = whole(Opcode::Binary, &vec![7; MESSAGE_BYTES_MAX]);
    let mut assembler = Assembler::new(Compression::None);
    for (at, &byte) in bytes[..bytes.len() - 1].iter().enumerate() {
        let mut piece = [byte];
        assert_eq!(assembler.next_message(&rules(), &mut Input::new(&mut piece)), None);
        let held = assembler.held.as_ref().and_then(|held| held.message.as_ref());
        let capacity = held.map_or(0, |message| message.bytes.capacity());
        assert!(capacity <= MESSAGE_BYTES_MAX.min(2 * at.max(1)), "{capacity} after {at}");
    }
}

#[test]
fn a_close_has_a_code_that_may_be_sent_and_a_reason_in_utf8() {
    let close = |payload: &[u8]| whole(Opcode::Close, payload);
    let closed = |code, reason: &str| Message::Close { code, reason: reason.to_owned() };
    assert_messages(&[close(b"")], &[closed(None, "")]);
    assert_messages(&[close(b"\x03\xe8")], &[closed(Some(CloseCode::NORMAL), "")]);
    assert_messages(&[close(b"\x03\xe9go")], &[closed(Some(CloseCode::GOING_AWAY), "go")]);
    assert_violation(&[close(b"\x03")], CloseCode::PROTOCOL, "a close frame with half a code");
    for number in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000] {
        assert_violation(
            &[close(&number.to_be_bytes())],
            CloseCode::PROTOCOL,
            "a close code that may not be sent",
        );
    }
    assert_violation(&[close(b"\x03\xe8\xff")], CloseCode::INVALID_DATA, "a close reason that is not UTF-8");
}

#[test]
fn nothing_comes_after_a_close_or_a_violation() {
    let ping = whole(Opcode::Ping, b"");
    let closed = [whole(Opcode::Close, b""), ping.clone()].concat();
    assert_eq!(messages_in_pieces(&closed, usize::MAX).len(), 1);
    assert_eq!(messages_in_pieces(&closed, 1).len(), 1);
    let violated = [whole(Opcode::Continuation, b""), ping].concat();
    assert_eq!(messages_in_pieces(&violated, usize::MAX).len(), 1);
    assert_eq!(messages_in_pieces(&violated, 1).len(), 1);
}

#[test]
fn a_close_between_fragments_ends_the_message_too() {
    assert_messages(
        &[frame(Opcode::Text, Fin::More, b"a"), whole(Opcode::Close, b"")],
        &[Message::Close { code: None, reason: String::new() }],
    );
}
