//! Tests of `websocket/frame_decoder.rs`.

use super::*;
use crate::websocket::close_code::CloseCode;
use crate::websocket::{Compression, Role};

const SERVER: FrameRules = FrameRules::plain(Role::Server);
const CLIENT: FrameRules = FrameRules::plain(Role::Client);

/// Why a header is refused, and after how many of its bytes.
fn refusal(bytes: &[u8], rules: FrameRules) -> (usize, &'static str) {
    let mut decoder = FrameDecoder::new();
    for (at, &byte) in bytes.iter().enumerate() {
        let mut piece = [byte];
        if let Some(Err(violation)) = decoder.next_part(rules, &mut Input::new(&mut piece)) {
            assert_eq!(violation.code, CloseCode::PROTOCOL);
            return (at + 1, violation.reason);
        }
    }
    panic!("{bytes:x?} is not refused");
}

/// The header of a frame that a server reads.
fn header(bytes: &[u8]) -> FrameHeader {
    match FrameHeader::parse(bytes, SERVER) {
        Ok(Some((header, count))) => {
            assert_eq!(count, bytes.len());
            header
        }
        other => panic!("{other:?} from {bytes:x?}"),
    }
}

#[test]
fn a_length_has_one_of_three_forms() {
    let mask = [1, 2, 3, 4];
    for (start, payload_bytes) in [
        (vec![0x82, 0x80], 0),
        (vec![0x82, 0xfd], 125),
        (vec![0x82, 0xfe, 0, 126], 126),
        (vec![0x82, 0xfe, 0xff, 0xff], 65_535),
        (vec![0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0], 65_536),
    ] {
        let bytes = [start, mask.to_vec()].concat();
        let expected = FrameHeader {
            fin: Fin::Last,
            opcode: Opcode::Binary,
            compression: Compression::None,
            mask: Some(mask),
            payload_bytes,
        };
        assert_eq!(header(&bytes), expected);
        for cut in 0..bytes.len() {
            assert_eq!(FrameHeader::parse(&bytes[..cut], SERVER), Ok(None));
        }
    }
}

#[test]
fn a_length_must_be_in_its_shortest_form() {
    let longer = "a length is not in its shortest form";
    assert_eq!(refusal(&[0x82, 0xfe, 0, 125], SERVER), (4, longer));
    assert_eq!(refusal(&[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff], SERVER), (10, longer));
    let highest = "the highest bit of a length is set";
    assert_eq!(refusal(&[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], SERVER), (10, highest));
}

#[test]
fn reserved_bits_and_opcodes_are_refused_by_the_first_byte() {
    for bit in [0x40, 0x20, 0x10] {
        assert_eq!(refusal(&[0x81 | bit], SERVER), (1, "a reserved bit is set"));
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        assert_eq!(refusal(&[0x80 | opcode], SERVER), (1, "a reserved opcode"));
    }
}

#[test]
fn only_the_first_frame_of_a_message_says_that_it_is_compressed_where_that_was_agreed() {
    let deflate = FrameRules { compression: Compression::Deflate, ..SERVER };
    for (first, compression) in [
        (0xc1, Compression::Deflate),
        (0x42, Compression::Deflate),
        (0x81, Compression::None),
        (0x00, Compression::None),
    ] {
        let parsed = FrameHeader::parse(&[first, 0x80, 1, 2, 3, 4], deflate);
        assert_eq!(parsed.map(|parsed| parsed.map(|(header, _)| header.compression)), Ok(Some(compression)));
    }
    for first in [0xc0, 0x40, 0xc8, 0xc9, 0xca] {
        let reason = "only the first frame of a message says that it is compressed";
        assert_eq!(refusal(&[first], deflate), (1, reason));
    }
    for first in [0xa1, 0x91, 0xe1, 0xd1, 0xf1, 0xa9] {
        assert_eq!(refusal(&[first], deflate), (1, "a reserved bit is set"));
    }
}

#[test]
fn control_frames_are_short_and_whole() {
    for opcode in [8, 9, 10] {
        assert_eq!(refusal(&[opcode], SERVER), (1, "a control frame is fragmented"));
        for length in [126, 127] {
            let reason = "a control frame is longer than 125 bytes";
            assert_eq!(refusal(&[0x80 | opcode, 0x80 | length], SERVER), (2, reason));
        }
    }
    assert_eq!(header(&[0x89, 0xfd, 0, 0, 0, 0]).payload_bytes, 125);
}

#[test]
fn clients_mask_and_servers_do_not() {
    assert_eq!(refusal(&[0x81, 0x00], SERVER), (2, "a client's frame is not masked"));
    assert_eq!(refusal(&[0x81, 0x80], CLIENT), (2, "a server's frame is masked"));
    let parsed = FrameHeader::parse(&[0x81, 0x02], CLIENT);
    let expected = FrameHeader {
        fin: Fin::Last,
        opcode: Opcode::Text,
        compression: Compression::None,
        mask: None,
        payload_bytes: 2,
    };
    assert_eq!(parsed, Ok(Some((expected, 2))));
}

#[test]
fn a_payload_is_given_as_it_comes_and_unmasked_in_place() {
    // The masked "Hello" of RFC 6455, section 5.7.
    let mut bytes = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    let (first, second) = bytes.split_at_mut(8);
    let mut decoder = FrameDecoder::new();
    let mut input = Input::new(first);
    assert!(matches!(decoder.next_part(SERVER, &mut input), Some(Ok(FramePart::Header(_)))));
    let mut parts = Vec::new();
    for input in [&mut input, &mut Input::new(second)] {
        while let Some(Ok(FramePart::Payload { bytes, rest, .. })) = decoder.next_part(SERVER, input) {
            parts.push((bytes.to_vec(), rest));
        }
    }
    assert_eq!(parts, [(b"He".to_vec(), Rest::More), (b"llo".to_vec(), Rest::None)]);
    assert!(decoder.is_idle());
    assert_eq!(&bytes[6..], b"Hello");
}

#[test]
fn an_empty_payload_is_given_too() {
    let mut bytes = [0x8a, 0x00];
    let mut input = Input::new(&mut bytes);
    let mut decoder = FrameDecoder::new();
    assert!(matches!(decoder.next_part(CLIENT, &mut input), Some(Ok(FramePart::Header(_)))));
    let part = decoder.next_part(CLIENT, &mut input);
    assert!(matches!(part, Some(Ok(FramePart::Payload { bytes: [], rest: Rest::None, .. }))));
    assert_eq!(decoder.next_part(CLIENT, &mut input), None);
}
