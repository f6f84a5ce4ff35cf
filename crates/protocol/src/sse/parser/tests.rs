//! Tests of `sse/parser.rs`.

use super::*;

fn items(bytes: &[u8]) -> Vec<Item> {
    let mut input = bytes;
    let mut parser = Parser::new(1_000);
    let mut items = Vec::new();
    while let Some(item) = parser.next_item(&mut input) {
        items.push(item.unwrap());
    }
    items
}

fn event(name: &str, data: &str, id: &str) -> Item {
    Item::Event(Event { name: name.to_owned(), data: data.to_owned(), id: id.to_owned() })
}

#[test]
fn the_examples_of_the_specification_read_as_it_says() {
    let stock = b"data: YHOO\ndata: +2\ndata: 10\n\n";
    assert_eq!(items(stock), [event("message", "YHOO\n+2\n10", "")]);
    let four =
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n";
    assert_eq!(
        items(four),
        [
            Item::Comment,
            event("message", "first event", "1"),
            event("message", "second event", ""),
            event("message", " third event", ""),
        ]
    );
    let empties = b"data\n\ndata\ndata\n\ndata:";
    assert_eq!(items(empties), [event("message", "", ""), event("message", "\n", "")]);
    assert_eq!(items(b"data:test\n\ndata: test\n\n").len(), 2);
}

#[test]
fn each_end_of_line_is_one() {
    let expected = [event("a", "b\n\nc", "")];
    for end in ["\n", "\r", "\r\n"] {
        let text = ["event:a", "data:b", "data:", "data:c", "", ""].join(end);
        assert_eq!(items(text.as_bytes()), expected, "{end:?}");
    }
    assert_eq!(items(b"data:a\r\n\rdata:b\n\r\n"), [event("message", "a", ""), event("message", "b", "")]);
}

#[test]
fn a_line_that_ends_in_cr_is_not_held_back() {
    let mut parser = Parser::new(100);
    assert_eq!(parser.next_item(&mut &b"data:a\r\r"[..]), Some(Ok(event("message", "a", ""))));
    assert_eq!(parser.next_item(&mut &b"\n"[..]), None);
    assert_eq!(parser.next_item(&mut &b"data:b\n\n"[..]), Some(Ok(event("message", "b", ""))));
}

#[test]
fn only_the_first_byte_order_mark_is_skipped() {
    let marked = b"\xef\xbb\xbfdata:a\n\n\xef\xbb\xbfdata:b\n\ndata:\xef\xbb\xbfc\n\n";
    assert_eq!(items(marked), [event("message", "a", ""), event("message", "\u{feff}c", "")]);
}

#[test]
fn an_id_stays_until_another_and_never_holds_nul() {
    let text = b"id:1\ndata:a\n\ndata:b\n\nid:2\0\ndata:c\n\nid: 3\n\ndata:d\n\n";
    assert_eq!(
        items(text),
        [
            event("message", "a", "1"),
            event("message", "b", "1"),
            event("message", "c", "1"),
            event("message", "d", "3"),
        ]
    );
}

#[test]
fn the_last_id_is_that_of_a_complete_event() {
    let mut parser = Parser::new(100);
    let mut input = &b"id:1\ndata:a\n\nid:2\ndata:b\n"[..];
    while parser.next_item(&mut input).is_some() {}
    assert_eq!(parser.last_event_id(), "1");
    assert!(parser.next_item(&mut &b"\n"[..]).is_some());
    assert_eq!(parser.last_event_id(), "2");
}

#[test]
fn retry_takes_digits_only() {
    let retry = |text: &str| items(format!("retry:{text}\n").as_bytes());
    assert_eq!(retry(" 2000"), [Item::Retry(Duration::from_secs(2))]);
    for bad in ["", "  1", "-1", "+1", "1.5", "1s", "99999999999999999999", "\u{661}"] {
        assert_eq!(retry(bad), [], "{bad}");
    }
}

#[test]
fn what_is_not_known_is_ignored() {
    assert_eq!(items(b"foo:bar\nDATA:x\n data:x\n\nevent:only\n\ndata:a\n\n"), [event("message", "a", "")]);
    assert_eq!(items(b"data:a\xffb\n\n"), [event("message", "a\u{fffd}b", "")]);
}

#[test]
fn an_event_that_is_too_large_ends_the_parser() {
    for text in ["x".repeat(101), "data:0123456789\n".repeat(11), format!(":{}", "x".repeat(100))] {
        let mut parser = Parser::new(100);
        let mut input = text.as_bytes();
        assert_eq!(parser.next_item(&mut input), Some(Err(EventTooLarge { bytes_max: 100 })));
        assert_eq!(parser.next_item(&mut &b"\n\n"[..]), Some(Err(EventTooLarge { bytes_max: 100 })));
    }
    let mut parser = Parser::new(100);
    let mut input = &*b"data:0123456789\n\n".repeat(100);
    for _ in 0..100 {
        assert!(matches!(parser.next_item(&mut input), Some(Ok(Item::Event(_)))));
    }
}
