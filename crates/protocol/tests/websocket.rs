//! Frames in pieces of any size, messages in fragments of any size, and bytes of any kind.

use proptest::prelude::*;
use std::borrow::Cow;
use tidings_protocol::websocket::assembler::{Assembler, Message, Rules};
use tidings_protocol::websocket::close_code::CloseCode;
use tidings_protocol::websocket::frame::{Fin, Opcode, close_payload, write_frame};
use tidings_protocol::websocket::input::Input;
use tidings_protocol::websocket::{Compression, Role, Violation};

const MESSAGE_BYTES_MAX: usize = 2_000;

/// A message whose fragments end at these places, with pings between them.
#[derive(Clone, Debug)]
struct Sent {
    opcode: Opcode,
    payload: Vec<u8>,
    cuts: Vec<prop::sample::Index>,
    pings: bool,
}

fn sent() -> impl Strategy<Value = Sent> {
    let content = prop_oneof![
        "[a-zé😀]{0,80}".prop_map(|text| (Opcode::Text, text.into_bytes())),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| (Opcode::Binary, bytes)),
        prop::collection::vec(any::<u8>(), 0..=125).prop_map(|bytes| (Opcode::Ping, bytes)),
        prop::collection::vec(any::<u8>(), 0..=125).prop_map(|bytes| (Opcode::Pong, bytes)),
    ];
    let cuts = prop::collection::vec(any::<prop::sample::Index>(), 0..4);
    (content, cuts, any::<bool>()).prop_map(|((opcode, payload), cuts, pings)| Sent {
        opcode,
        payload,
        cuts,
        pings,
    })
}

impl Sent {
    /// Appends the frames, and what must come of them.
    fn write(&self, mask: Option<[u8; 4]>, out: &mut Vec<u8>, expected: &mut Vec<Message<'static>>) {
        let ends = if self.opcode.is_control() { vec![self.payload.len()] } else { self.ends() };
        let (mut start, mut opcode) = (0, self.opcode);
        for (index, &end) in ends.iter().enumerate() {
            let fin = if index + 1 == ends.len() { Fin::Last } else { Fin::More };
            write_frame(out, opcode, fin, mask, &self.payload[start..end]);
            if fin == Fin::More && self.pings {
                write_frame(out, Opcode::Ping, Fin::Last, mask, b"between");
                expected.push(Message::Ping(Cow::Borrowed(b"between")));
            }
            (start, opcode) = (end, Opcode::Continuation);
        }
        let payload = self.payload.clone();
        expected.push(match self.opcode {
            Opcode::Text => Message::Text(String::from_utf8(payload).expect("it was made from text").into()),
            Opcode::Ping => Message::Ping(payload.into()),
            Opcode::Pong => Message::Pong(payload.into()),
            Opcode::Binary | Opcode::Continuation | Opcode::Close => Message::Binary(payload.into()),
        });
    }

    fn ends(&self) -> Vec<usize> {
        let mut ends: Vec<_> = self.cuts.iter().map(|cut| cut.index(self.payload.len() + 1)).collect();
        ends.push(self.payload.len());
        ends.sort_unstable();
        ends
    }
}

/// What an assembler makes of bytes in pieces of these sizes, over and over.
fn messages_in_pieces(
    reader: Role,
    bytes: &[u8],
    sizes: &[usize],
) -> (Vec<Result<Message<'static>, Violation>>, Assembler) {
    let rules = Rules::new(reader, MESSAGE_BYTES_MAX);
    let mut assembler = Assembler::new(Compression::None);
    let mut outcomes = Vec::new();
    let mut sizes = sizes.iter().copied().cycle();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(sizes.next().unwrap_or(usize::MAX).clamp(1, rest.len()));
        let mut piece = piece.to_vec();
        let mut input = Input::new(&mut piece);
        while let Some(outcome) = assembler.next_message(&rules, &mut input) {
            outcomes.push(outcome.map(owned));
        }
        assert!(input.is_empty());
        rest = after;
    }
    (outcomes, assembler)
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

fn message_bytes(message: &Message<'_>) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Close { reason, .. } => reason.len(),
    }
}

/// Bytes that are often nearly frames.
fn nearly_frames() -> impl Strategy<Value = Vec<u8>> {
    let first =
        prop_oneof![Just(0x81_u8), Just(0x01), Just(0x80), Just(0x00), Just(0x88), Just(0x89), any::<u8>()];
    let second = prop_oneof![0x80_u8..=0x90, Just(0xfe), Just(0xff), 0_u8..=4, any::<u8>()];
    let rest = prop_oneof![
        prop::collection::vec(Just(0_u8), 0..16),
        prop::collection::vec(any::<u8>(), 0..16),
        "[a-zé]{4,8}".prop_map(String::into_bytes),
    ];
    let part = (first, second, rest).prop_map(|(first, second, rest)| [&[first, second][..], &rest].concat());
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn messages_read_back_in_any_fragments_and_any_pieces(
        messages in prop::collection::vec(sent(), 0..8),
        mask in any::<[u8; 4]>(),
        sizes in prop::collection::vec(1_usize..40, 0..6),
        ends_with_close in any::<bool>(),
    ) {
        for (reader, mask) in [(Role::Server, Some(mask)), (Role::Client, None)] {
            let (mut bytes, mut expected) = (Vec::new(), Vec::new());
            for message in &messages {
                message.write(mask, &mut bytes, &mut expected);
            }
            if ends_with_close {
                let payload = close_payload(CloseCode::GOING_AWAY, "bye");
                write_frame(&mut bytes, Opcode::Close, Fin::Last, mask, &payload);
                expected.push(Message::Close { code: Some(CloseCode::GOING_AWAY), reason: "bye".to_owned() });
            }
            let (outcomes, assembler) = messages_in_pieces(reader, &bytes, &sizes);
            prop_assert_eq!(outcomes, expected.into_iter().map(Ok).collect::<Vec<_>>());
            prop_assert_eq!(assembler.is_idle(), !ends_with_close);
        }
    }

    #[test]
    fn any_bytes_in_any_pieces_come_to_the_same_end(
        bytes in nearly_frames(),
        sizes in prop::collection::vec(1_usize..20, 1..6),
        reader in prop_oneof![Just(Role::Server), Just(Role::Client)],
    ) {
        let (whole, _) = messages_in_pieces(reader, &bytes, &[]);
        let (pieces, _) = messages_in_pieces(reader, &bytes, &sizes);
        prop_assert_eq!(&whole, &pieces);
        for message in whole.iter().flatten() {
            prop_assert!(message_bytes(message) <= MESSAGE_BYTES_MAX);
        }
        prop_assert!(whole.iter().rev().skip(1).all(Result::is_ok), "a violation is the last of all");
    }
}
