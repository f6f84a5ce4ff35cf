//! Events in pieces of any size, and texts of any kind.

use proptest::prelude::*;
use tidings_model::{Incarnation, Offset};
use tidings_protocol::sse::parser::{EventTooLarge, Item, Parser};
use tidings_protocol::sse::write_text_event;

/// What a parser makes of a response that comes in pieces which end at these places.
fn items_in_pieces(bytes: &[u8], cuts: &[prop::sample::Index]) -> Vec<Result<Item, EventTooLarge>> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    ends.push(bytes.len());
    ends.sort_unstable();
    let mut parser = Parser::new(60);
    let mut items = Vec::new();
    let mut start = 0;
    for end in ends {
        let mut input = &bytes[start..end];
        while let Some(item) = parser.next_item(&mut input) {
            let is_over = item.is_err();
            items.push(item);
            if is_over {
                return items;
            }
        }
        assert!(input.is_empty());
        start = end;
    }
    items
}

/// A response of fields, odd lines and line ends of all kinds.
fn response() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just(b"data:".to_vec()),
        Just(b"data: ".to_vec()),
        Just(b"id:".to_vec()),
        Just(b"event: ".to_vec()),
        Just(b"retry:".to_vec()),
        Just(b":".to_vec()),
        Just(b"\xef\xbb\xbf".to_vec()),
        Just(b"\n\n".to_vec()),
        Just(b"\r\n\r\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..12),
        "[0-9a-z é]{0,8}".prop_map(String::into_bytes),
    ];
    let end = prop_oneof![Just(""), Just("\n"), Just("\r"), Just("\r\n")];
    let part = (line, end).prop_map(|(line, end)| [&line, end.as_bytes()].concat());
    prop::collection::vec(part, 0..20).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn any_chunking_parses_alike(
        bytes in response(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        prop_assert_eq!(items_in_pieces(&bytes, &[]), items_in_pieces(&bytes, &cuts));
    }

    #[test]
    fn any_text_comes_out_as_one_event_with_its_line_ends_as_lf(text in "[a-c :\r\n\u{feff}é]{0,20}") {
        let offset = Offset { incarnation: Incarnation::of_disk(7), index: 1 };
        let mut out = Vec::new();
        write_text_event(&mut out, offset, text.as_bytes());

        let mut input = &out[..];
        let mut parser = Parser::new(10_000);
        let Some(Ok(Item::Event(event))) = parser.next_item(&mut input) else {
            return Err(TestCaseError::fail("no event"));
        };
        prop_assert_eq!(parser.next_item(&mut input), None);
        prop_assert_eq!(event.data, text.replace("\r\n", "\n").replace('\r', "\n"));
        prop_assert_eq!(event.id, offset.to_string());
    }
}
