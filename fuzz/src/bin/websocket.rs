//! Whatever a client sends over a WebSocket, in whatever pieces: it comes to messages within their limit or to a close, the same in one piece as in
//! many; unfinished messages are charged for, never with more than one message may take; and nothing is left when they are given up.
//!
//! ```text
//! 'F' agreed, pieces, bytes     frames as they are; an odd `agreed` allows compression
//! 'D' pieces, bytes             what a compressed message holds
//! 'O' text                      what a client offers
//! ```

#![no_main]

use std::sync::Arc;
use tidings_protocol::websocket::assembler::{Assembler, Message, Rules};
use tidings_protocol::websocket::deflate::Agreement;
use tidings_protocol::websocket::frame::{Fin, Opcode, write_frame};
use tidings_protocol::websocket::input::Input;
use tidings_protocol::websocket::memory::MessageMemory;
use tidings_protocol::websocket::{Compression, Role};

const MESSAGE_BYTES_MAX: usize = 64 << 10;
const RSV1: u8 = 0x40;

/// What inflating takes beside the message.
const INFLATER_BYTES: usize = 64 << 10;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    match bytes {
        [b'F', agreed, pieces, frames @ ..] => {
            let compression = if agreed % 2 == 1 { Compression::Deflate } else { Compression::None };
            read_both_ways(compression, usize::from(*pieces), frames);
        }
        [b'D', pieces, payload @ ..] => {
            let mut frame = Vec::new();
            write_frame(&mut frame, Opcode::Binary, Fin::Last, Some([0; 4]), payload);
            frame[0] |= RSV1;
            read_both_ways(Compression::Deflate, usize::from(*pieces), &frame);
        }
        [b'O', text @ ..] => {
            if let Ok(text) = str::from_utf8(text) {
                let _agreement = Agreement::choose(&[("sec-websocket-extensions", text)][..]);
            }
        }
        _ => {}
    }
});

fn read_both_ways(compression: Compression, piece_bytes: usize, bytes: &[u8]) {
    let whole = read(compression, usize::MAX, bytes);
    let pieces = read(compression, piece_bytes.max(1), bytes);
    assert_eq!(whole, pieces);
}

/// The lengths of the messages that come, and `None` for a close with a fault: which of several is found first depends on the pieces.
fn read(compression: Compression, piece_bytes: usize, bytes: &[u8]) -> Vec<Option<usize>> {
    let memory = Arc::new(MessageMemory::new(usize::MAX));
    let rules = Rules { memory: Arc::clone(&memory), ..Rules::new(Role::Server, MESSAGE_BYTES_MAX) };
    let mut assembler = Assembler::new(compression);
    let mut lengths = Vec::new();
    for piece in bytes.chunks(piece_bytes) {
        let mut piece = piece.to_vec();
        let mut input = Input::new(&mut piece);
        while let Some(outcome) = assembler.next_message(&rules, &mut input) {
            lengths.push(outcome.ok().map(|message| length(&message)));
        }
        assert!(memory.used_bytes() <= MESSAGE_BYTES_MAX + 1 + INFLATER_BYTES, "{}", memory.used_bytes());
    }
    assert!(lengths.iter().flatten().all(|length| *length <= MESSAGE_BYTES_MAX));
    drop(assembler);
    assert_eq!(memory.used_bytes(), 0);
    lengths
}

fn length(message: &Message<'_>) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Close { reason, .. } => reason.len(),
    }
}
