//! Compressed messages: made in any blocks, sent in any fragments, read in any pieces; and bytes that only look like them.

use flate2::{Compress, Compression as Level, FlushCompress};
use proptest::prelude::*;
use proptest::sample::Index;
use std::sync::Arc;
use tidings_protocol::websocket::assembler::{Assembler, Message, Rules};
use tidings_protocol::websocket::deflate::{Agreement, Deflater, Window};
use tidings_protocol::websocket::frame::{Fin, Opcode, write_frame};
use tidings_protocol::websocket::input::Input;
use tidings_protocol::websocket::memory::MessageMemory;
use tidings_protocol::websocket::{Compression, Role, Violation};

const MESSAGE_BYTES_MAX: usize = 2_000;
const MASK: [u8; 4] = [0x5a, 0x01, 0xff, 0x33];
const RSV1: u8 = 0x40;

/// How a compressor ends a part of a message.
#[derive(Clone, Copy, Debug)]
enum End {
    Sync,
    Full,
    /// By a block that says that it is the last; what follows knows nothing of it.
    Stream,
}

#[derive(Clone, Debug)]
struct Sent {
    payload: Vec<u8>,
    is_compressed: bool,
    level: u32,
    parts: Vec<(Index, End)>,
    cuts: Vec<Index>,
    pings: bool,
}

fn sent() -> impl Strategy<Value = Sent> {
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        ("[a-c]{0,9}", 0..60_usize).prop_map(|(word, count)| word.repeat(count).into_bytes()),
    ];
    let end = prop_oneof![Just(End::Sync), Just(End::Full), Just(End::Stream)];
    let parts = prop::collection::vec((any::<Index>(), end), 0..4);
    let cuts = prop::collection::vec(any::<Index>(), 0..4);
    (payload, any::<bool>(), 0..=9_u32, parts, cuts, any::<bool>()).prop_map(
        |(payload, is_compressed, level, parts, cuts, pings)| Sent {
            payload,
            is_compressed,
            level,
            parts,
            cuts,
            pings,
        },
    )
}

/// Places in so many bytes, in order, with the end behind them.
fn ends(cuts: impl Iterator<Item = Index>, count: usize) -> Vec<usize> {
    let mut ends: Vec<_> = cuts.map(|cut| cut.index(count + 1)).collect();
    ends.push(count);
    ends.sort_unstable();
    ends
}

impl Sent {
    fn deflated(&self) -> Vec<u8> {
        let mut compress = Compress::new(Level::new(self.level), false);
        let mut out = Vec::with_capacity(8 << 10);
        let ends = ends(self.parts.iter().map(|(cut, _)| *cut), self.payload.len());
        let flushes = self.parts.iter().map(|(_, end)| *end).chain([End::Sync]);
        let mut start = 0;
        for (end, flush) in ends.into_iter().zip(flushes) {
            let flush = match flush {
                End::Sync => FlushCompress::Sync,
                End::Full => FlushCompress::Full,
                End::Stream => FlushCompress::Finish,
            };
            compress
                .compress_vec(&self.payload[start..end], &mut out, flush)
                .expect("compressing does not fail");
            if matches!(flush, FlushCompress::Finish) {
                compress.reset();
            }
            start = end;
        }
        if !out.ends_with(&[0, 0, 0xff, 0xff]) {
            // zlib flushes nothing twice.
            out.extend([0, 0, 0, 0xff, 0xff]);
        }
        out.truncate(out.len() - 4);
        out
    }

    fn write(&self, out: &mut Vec<u8>, expected: &mut Vec<(bool, Vec<u8>)>) {
        let wire = if self.is_compressed { self.deflated() } else { self.payload.clone() };
        let ends = ends(self.cuts.iter().copied(), wire.len());
        let (mut start, mut opcode) = (0, Opcode::Binary);
        for (index, &end) in ends.iter().enumerate() {
            let fin = if index + 1 == ends.len() { Fin::Last } else { Fin::More };
            let at = out.len();
            write_frame(out, opcode, fin, Some(MASK), &wire[start..end]);
            if index == 0 && self.is_compressed {
                out[at] |= RSV1;
            }
            if fin == Fin::More && self.pings {
                write_frame(out, Opcode::Ping, Fin::Last, Some(MASK), b"between");
                expected.push((true, b"between".to_vec()));
            }
            (start, opcode) = (end, Opcode::Continuation);
        }
        expected.push((false, self.payload.clone()));
    }
}

/// What comes of these bytes in pieces of these sizes, over and over: whether it is a ping, and its bytes.
fn read(rules: &Rules, bytes: &[u8], sizes: &[usize]) -> Vec<Result<(bool, Vec<u8>), Violation>> {
    let mut assembler = Assembler::new(Compression::Deflate);
    let mut outcomes = Vec::new();
    let mut sizes = sizes.iter().copied().cycle();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(sizes.next().unwrap_or(usize::MAX).clamp(1, rest.len()));
        let mut piece = piece.to_vec();
        let mut input = Input::new(&mut piece);
        while let Some(outcome) = assembler.next_message(rules, &mut input) {
            outcomes.push(outcome.map(|message| match message {
                Message::Text(text) => (false, text.as_bytes().to_vec()),
                Message::Binary(bytes) => (false, bytes.to_vec()),
                Message::Ping(bytes) | Message::Pong(bytes) => (true, bytes.to_vec()),
                Message::Close { reason, .. } => (true, reason.into_bytes()),
            }));
        }
        rest = after;
    }
    outcomes
}

fn window(offer: &str) -> Window {
    let fields = [("sec-websocket-extensions", offer)];
    Agreement::choose(&fields[..]).expect("a good offer").window()
}

/// Frames that begin well, with payloads that often begin as DEFLATE does.
fn nearly_compressed() -> impl Strategy<Value = Vec<u8>> {
    let first =
        prop_oneof![Just(0xc1_u8), Just(0xc2), Just(0x41), Just(0x42), Just(0x80), Just(0x00), Just(0x89)];
    let beginning = prop_oneof![
        Just(b"\xf2\x48\xcd\xc9\xc9\x07\x00".to_vec()),
        Just(b"\xf3\x48\xcd\xc9\xc9\x07\x00".to_vec()),
        Just(b"\x00\x00\x00\xff\xff".to_vec()),
        Just(b"\x62\x04\x22\x00".to_vec()),
        Just(Vec::new()),
    ];
    let rest = prop::collection::vec(any::<u8>(), 0..20);
    let part = (first, beginning, rest).prop_map(|(first, beginning, rest)| {
        let payload = [beginning, rest].concat();
        let mut frame = Vec::new();
        write_frame(&mut frame, Opcode::Binary, Fin::Last, Some(MASK), &payload);
        frame[0] = first;
        frame
    });
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_blocks_in_any_fragments_and_any_pieces_are_the_same_message(
        messages in prop::collection::vec(sent(), 0..5),
        sizes in prop::collection::vec(1_usize..60, 0..6),
    ) {
        let rules = Rules::new(Role::Server, MESSAGE_BYTES_MAX);
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        for message in &messages {
            message.write(&mut bytes, &mut expected);
        }
        prop_assert_eq!(read(&rules, &bytes, &sizes), expected.into_iter().map(Ok).collect::<Vec<_>>());
        prop_assert_eq!(rules.memory.used_bytes(), 0);
    }

    #[test]
    fn what_a_server_compresses_a_client_reads(
        payload in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..2_000),
            ("[a-z]{1,20}", 0..3_000_usize).prop_map(|(word, count)| word.repeat(count).into_bytes()),
        ],
        bytes_min in prop_oneof![Just(0_usize), 0..1_000_usize],
    ) {
        let rules = Rules::new(Role::Client, 1 << 20);
        let mut deflater = Deflater::new(bytes_min);
        let mut bytes = Vec::new();
        for offer in [
            "permessage-deflate",
            "permessage-deflate; server_max_window_bits=9",
            "permessage-deflate; server_max_window_bits=12",
            "permessage-deflate",
        ] {
            let start = bytes.len();
            deflater.write_frame(&mut bytes, window(offer), Opcode::Binary, &payload);
            let is_compressed = bytes[start] & RSV1 != 0;
            prop_assert!(!is_compressed || bytes_min <= payload.len());
            let is_worth_it = bytes_min.max(200) <= payload.len() && payload.starts_with(&payload[100..200]);
            prop_assert!(is_compressed || !is_worth_it);
            prop_assert!(bytes.len() - start <= payload.len() + 10);
        }
        prop_assert_eq!(read(&rules, &bytes, &[1_000]), vec![Ok((false, payload)); 4]);
    }

    #[test]
    fn any_bytes_end_well_or_with_a_close_and_leave_nothing(
        bytes in nearly_compressed(),
        sizes in prop::collection::vec(1_usize..20, 1..6),
    ) {
        let memory = Arc::new(MessageMemory::new(usize::MAX));
        let rules = Rules { memory: Arc::clone(&memory), ..Rules::new(Role::Server, MESSAGE_BYTES_MAX) };
        let whole = read(&rules, &bytes, &[]);
        let pieces = read(&rules, &bytes, &sizes);
        prop_assert_eq!(whole.len(), pieces.len());
        for (whole, pieces) in whole.iter().zip(&pieces) {
            // In pieces one of several faults may be found first.
            prop_assert_eq!(whole.as_ref().ok(), pieces.as_ref().ok());
        }
        for (_, bytes) in whole.iter().flatten() {
            prop_assert!(bytes.len() <= MESSAGE_BYTES_MAX);
        }
        prop_assert_eq!(memory.used_bytes(), 0);
    }
}
