//! Messages that are compressed.

use super::*;
use crate::websocket::deflate::Inflater;
use crate::websocket::frame::write_compressed_header;
use crate::websocket::mask::apply_mask;
use flate2::{Compress, Compression as Level, FlushCompress};

/// A client's frame that begins a compressed message.
fn compressed(opcode: Opcode, fin: Fin, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_compressed_header(&mut out, opcode, payload.len());
    if fin == Fin::More {
        out[0] &= 0x7f;
    }
    out[1] |= 0x80;
    out.extend_from_slice(&MASK);
    let start = out.len();
    out.extend_from_slice(payload);
    apply_mask(&mut out[start..], MASK);
    out
}

fn whole_compressed(payload: &[u8]) -> Vec<u8> {
    compressed(Opcode::Text, Fin::Last, payload)
}

/// What stands on the wire for a message.
fn deflated(plain: &[u8]) -> Vec<u8> {
    let mut out = flushed(plain);
    out.truncate(out.len() - 4);
    out
}

fn flushed(plain: &[u8]) -> Vec<u8> {
    let mut compress = Compress::new(Level::new(6), false);
    let mut out = Vec::with_capacity(plain.len() + 1_024);
    compress.compress_vec(plain, &mut out, FlushCompress::Sync).unwrap();
    assert_eq!(compress.total_in(), plain.len() as u64);
    out
}

fn outcomes(rules: &Rules, bytes: &[u8], piece_bytes: usize) -> Vec<Result<Message<'static>, Violation>> {
    let mut assembler = Assembler::new(Compression::Deflate);
    let mut outcomes = Vec::new();
    for piece in bytes.chunks(piece_bytes) {
        let mut piece = piece.to_vec();
        let mut input = Input::new(&mut piece);
        while let Some(outcome) = assembler.next_message(rules, &mut input) {
            outcomes.push(outcome.map(owned));
        }
    }
    outcomes
}

fn assert_texts(frames: &[Vec<u8>], expected: &[&'static str]) {
    let expected: Vec<_> = expected.iter().map(|expected| Ok(text(expected))).collect();
    let rules = rules();
    for piece_bytes in [usize::MAX, 1, 3] {
        assert_eq!(outcomes(&rules, &frames.concat(), piece_bytes), expected, "in pieces of {piece_bytes}");
    }
    assert_eq!(rules.memory.used_bytes(), 0);
}

fn assert_refused(frames: &[Vec<u8>], code: CloseCode) {
    let rules = rules();
    for piece_bytes in [usize::MAX, 1, 3] {
        let outcomes = outcomes(&rules, &frames.concat(), piece_bytes);
        let found = outcomes.last().map(|outcome| outcome.as_ref().map_err(|violation| violation.code));
        assert_eq!(found, Some(Err(code)), "in pieces of {piece_bytes}");
    }
    assert_eq!(rules.memory.used_bytes(), 0);
}

#[test]
fn messages_read_as_in_the_specification() {
    // RFC 7692, section 7.2.3, and with it what it says of blocks that end a stream.
    for payload in [
        &b"\xf2\x48\xcd\xc9\xc9\x07\x00"[..],
        b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
        b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
        b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
        b"\xf3\x48\xcd\xc9\xc9\x07\x00",
    ] {
        assert_texts(&[whole_compressed(payload), whole_compressed(payload)], &["Hello", "Hello"]);
    }
    let fragments = [
        compressed(Opcode::Text, Fin::More, b"\xf2\x48\xcd"),
        whole(Opcode::Continuation, b"\xc9\xc9\x07\x00"),
        whole(Opcode::Text, b"plain"),
    ];
    assert_texts(&fragments, &["Hello", "plain"]);
}

#[test]
fn an_empty_message_has_one_of_several_forms() {
    for payload in [&b"\x00"[..], b"\x02\x00", b"\x03\x00", b"", b"\x00\x00\x00\xff\xff\x00"] {
        assert_texts(&[whole_compressed(payload)], &[""]);
    }
    assert_texts(&[compressed(Opcode::Text, Fin::More, b""), whole(Opcode::Continuation, b"\x00")], &[""]);
}

#[test]
fn blocks_that_end_a_stream_may_be_followed_by_others() {
    let ended = b"\xf3\x48\xcd\xc9\xc9\x07\x00";
    assert_texts(&[whole_compressed(&[&ended[..], ended].concat())], &["HelloHello"]);
    assert_texts(&[whole_compressed(&[ended, &deflated(b" there")[..]].concat())], &["Hello there"]);
}

#[test]
fn control_frames_come_between_compressed_fragments() {
    let frames = [
        compressed(Opcode::Text, Fin::More, b"\xf2"),
        whole(Opcode::Ping, b"\x48"),
        frame(Opcode::Continuation, Fin::More, b"\x48\xcd\xc9"),
        frame(Opcode::Continuation, Fin::More, b""),
        whole(Opcode::Pong, b""),
        whole(Opcode::Continuation, b"\xc9\x07\x00"),
    ];
    let expected = [Ok(Message::Ping(b"\x48".into())), Ok(Message::Pong(b"".into())), Ok(text("Hello"))];
    for piece_bytes in [usize::MAX, 1, 3] {
        assert_eq!(outcomes(&rules(), &frames.concat(), piece_bytes), expected);
    }
}

#[test]
fn what_cannot_be_inflated_ends_the_connection() {
    let good = deflated(b"Hello, hello, hello, all of you");
    let mut damaged = good.clone();
    damaged[0] |= 0x06; // A kind of block that there is none of.
    let of_an_earlier_message = {
        let mut compress = Compress::new(Level::new(6), false);
        let mut out = Vec::with_capacity(1_000);
        compress.compress_vec(b"the same words again", &mut out, FlushCompress::Sync).unwrap();
        out.clear();
        compress.compress_vec(b"the same words again", &mut out, FlushCompress::Sync).unwrap();
        out.truncate(out.len() - 4);
        out
    };
    for torn in 1..good.len() {
        assert_refused(&[whole_compressed(&good[..torn])], CloseCode::INVALID_DATA);
    }
    for bad in [&damaged[..], &of_an_earlier_message, b"\x00\x05\x00\xfa\xffHel", b"\xff\xff\xff"] {
        assert_refused(&[whole_compressed(&good), whole_compressed(bad)], CloseCode::INVALID_DATA);
    }
    // A block of bytes as they are, of which 6 or more are missing: whatever is fed at the end must not be taken for them.
    for bad in [&b"\x00\x09\x00\xf6\xffHel"[..], b"\x00\x40\x00\xbf\xffHel"] {
        assert_refused(&[compressed(Opcode::Binary, Fin::Last, bad)], CloseCode::INVALID_DATA);
    }
}

#[test]
fn text_is_checked_as_it_is_inflated() {
    let bad =
        [b"a".repeat(100), b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80".to_vec()].concat();
    assert_refused(&[whole_compressed(&deflated(&bad))], CloseCode::INVALID_DATA);
    assert_refused(&[whole_compressed(&deflated("é".as_bytes().split_at(1).0))], CloseCode::INVALID_DATA);
    let mut assembler = Assembler::new(Compression::Deflate);
    let mut early = compressed(Opcode::Text, Fin::More, &flushed(&bad));
    let outcome = assembler.next_message(&rules(), &mut Input::new(&mut early));
    assert_eq!(outcome, Some(Err(NOT_UTF8)), "before the message has ended");
    let character = ["é".as_bytes(), b"!"].concat();
    for cut in 1..3 {
        let (first, second) = character.split_at(cut);
        let frames = [
            compressed(Opcode::Text, Fin::More, &flushed(first)),
            whole(Opcode::Continuation, &deflated(second)),
        ];
        assert_texts(&frames, &["é!"]);
    }
}

#[test]
fn the_limit_is_that_of_the_inflated_message() {
    let most = vec![b'a'; MESSAGE_BYTES_MAX];
    assert_eq!(outcomes(&rules(), &whole_compressed(&deflated(&most)), usize::MAX).len(), 1);
    assert!(outcomes(&rules(), &whole_compressed(&deflated(&most)), 1)[0].is_ok());
    let one_more = [&most[..], b"a"].concat();
    assert_refused(&[whole_compressed(&deflated(&one_more))], CloseCode::TOO_LARGE);
    let half = &most[..600];
    let frames =
        [compressed(Opcode::Binary, Fin::More, &flushed(half)), whole(Opcode::Continuation, &deflated(half))];
    assert_refused(&frames, CloseCode::TOO_LARGE);
}

#[test]
fn a_message_of_empty_blocks_has_an_end_too() {
    let nothing = b"\x00\x00\x00\xff\xff".repeat(1_000);
    assert_refused(&[whole_compressed(&nothing)[..8].to_vec()], CloseCode::TOO_LARGE);
    let blocks = [
        vec![compressed(Opcode::Text, Fin::More, b"")],
        vec![frame(Opcode::Continuation, Fin::More, &nothing[..500]); 5],
    ];
    assert_refused(&blocks.concat(), CloseCode::TOO_LARGE);
}

#[test]
fn a_compressed_message_between_fragments_is_out_of_order() {
    let frames = [frame(Opcode::Text, Fin::More, b"a"), whole_compressed(b"\x00")];
    assert_refused(&frames, CloseCode::PROTOCOL);
    let continued =
        [compressed(Opcode::Text, Fin::More, b""), compressed(Opcode::Continuation, Fin::Last, b"")];
    assert_refused(&continued, CloseCode::PROTOCOL);
}

#[test]
fn a_bomb_is_cut_while_it_is_inflated() {
    const ZEROS_BYTES: usize = 1 << 30;
    const BLOCK_BYTES: usize = 1 << 20;
    let rules = Rules::new(Role::Server, 4 << 20);
    let mut compress = Compress::new(Level::new(9), false);
    let mut block = Vec::with_capacity(BLOCK_BYTES);
    compress.compress_vec(&vec![0; BLOCK_BYTES], &mut block, FlushCompress::Full).unwrap();
    // Blocks that were flushed in full know nothing of each other.
    let mut bomb = block.repeat(ZEROS_BYTES / BLOCK_BYTES);
    bomb.truncate(bomb.len() - 4);
    let mut bytes = compressed(Opcode::Binary, Fin::Last, &bomb);
    let mut assembler = Assembler::new(Compression::Deflate);
    let (mut most, mut read) = (0, 0);
    let outcome = bytes.chunks_mut(100).find_map(|piece| {
        read += piece.len();
        let outcome = assembler.next_message(&rules, &mut Input::new(piece));
        most = most.max(rules.memory.used_bytes());
        outcome.map(|outcome| outcome.map(owned))
    });
    assert_eq!(outcome, Some(Err(TOO_LARGE)));
    assert!(most <= (4 << 20) + 1 + Inflater::BYTES, "{most}");
    assert!(read < 8 << 10, "a few thousand bytes hold more than 4 MiB: {read}");
    assert_eq!(rules.memory.used_bytes(), 0);
}

#[test]
fn all_unfinished_messages_share_one_memory() {
    let memory = Arc::new(MessageMemory::new(2_000));
    let rules = Rules { memory: Arc::clone(&memory), ..rules() };
    let mut begun = Vec::new();
    for _ in 0..2 {
        let mut assembler = Assembler::new(Compression::None);
        let mut bytes = frame(Opcode::Binary, Fin::More, &[1; 900]);
        assert_eq!(assembler.next_message(&rules, &mut Input::new(&mut bytes)), None);
        begun.push(assembler);
    }
    assert_eq!(memory.used_bytes(), 1_800);
    let mut third = Assembler::new(Compression::None);
    let mut bytes = frame(Opcode::Binary, Fin::More, &[1; 900]);
    let refused = third.next_message(&rules, &mut Input::new(&mut bytes));
    assert_eq!(refused.map(|refused| refused.map_err(|it| it.code)), Some(Err(CloseCode::TRY_AGAIN_LATER)));
    assert_eq!(memory.used_bytes(), 1_800);
    let mut alone = whole(Opcode::Binary, &[1; 900]);
    let mut fourth = Assembler::new(Compression::None);
    assert!(
        matches!(fourth.next_message(&rules, &mut Input::new(&mut alone)), Some(Ok(_))),
        "needs no memory"
    );
    let mut end = whole(Opcode::Continuation, &[1; 100]);
    let ended = begun[0].next_message(&rules, &mut Input::new(&mut end));
    assert!(matches!(ended, Some(Ok(Message::Binary(bytes))) if bytes.len() == 1_000));
    begun.pop();
    assert_eq!(memory.used_bytes(), 0);
}
