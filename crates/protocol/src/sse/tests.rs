//! Tests of `sse.rs`.

use super::control::{Control, ControlEnd, parse_reset, write_control, write_control_with_id};
use super::parser::{Event, Item, Parser};
use super::*;
use tidings_model::{Incarnation, ResetReason, Skip};

fn offset(index: u64) -> Offset {
    Offset { incarnation: Incarnation::of_disk(0xabc), index }
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

/// The only event of a text.
fn event_of(text: &str) -> Event {
    let mut input = text.as_bytes();
    let mut parser = Parser::new(10_000);
    let Some(Ok(Item::Event(event))) = parser.next_item(&mut input) else {
        panic!("no event in {text:?}");
    };
    assert_eq!(parser.next_item(&mut input), None);
    event
}

#[test]
fn a_response_reads_as_documented() {
    let control = Control {
        next_offset: offset(2),
        up_to_date: true,
        end: ControlEnd::Open { cursor: 57_201 },
        skipped_from: None,
    };
    let first = Control { next_offset: offset(0), ..control };
    let messages = [Bytes::from_static(b"{\"n\":1}"), Bytes::from_static(b"{\"n\":2}")];
    let text = written(|out| {
        write_retry(out, 2_000);
        write_control_with_id(out, &first);
        write_json_event(out, offset(2), &messages);
        write_control(out, &control);
        out.extend_from_slice(HEARTBEAT);
    });
    let expected = "\
retry: 2000
id: 0000000000000abc_0000000000000000
event: control
data:{\"streamNextOffset\":\"0000000000000abc_0000000000000000\",\"streamCursor\":\"57201\",\"upToDate\":true}

id: 0000000000000abc_0000000000000002
event: data
data:[{\"n\":1},{\"n\":2}]

event: control
data:{\"streamNextOffset\":\"0000000000000abc_0000000000000002\",\"streamCursor\":\"57201\",\"upToDate\":true}

: heartbeat

";
    assert_eq!(text, expected);
}

#[test]
fn a_control_reads_back() {
    for up_to_date in [false, true] {
        let control = Control {
            next_offset: offset(7),
            up_to_date,
            end: ControlEnd::Open { cursor: 0 },
            skipped_from: None,
        };
        let event = event_of(&written(|out| write_control_with_id(out, &control)));
        assert_eq!((&*event.name, &*event.id), (CONTROL, "0000000000000abc_0000000000000007"));
        assert_eq!(Control::parse(&event.data), Ok(control));
    }
    let closed =
        Control { next_offset: offset(7), up_to_date: true, end: ControlEnd::Closed, skipped_from: None };
    let event = event_of(&written(|out| write_control(out, &closed)));
    assert!(!event.data.contains("streamCursor"));
    assert_eq!(Control::parse(&event.data), Ok(closed));
    let skipped = Control {
        up_to_date: false,
        end: ControlEnd::Open { cursor: 1 },
        skipped_from: Some(offset(3)),
        ..closed
    };
    let event = event_of(&written(|out| write_control_with_id(out, &skipped)));
    assert_eq!(
        event.data,
        "{\"streamNextOffset\":\"0000000000000abc_0000000000000007\",\"streamCursor\":\"1\",\
         \"skippedFrom\":\"0000000000000abc_0000000000000003\",\"skippedMessages\":4}"
    );
    assert_eq!(Control::parse(&event.data), Ok(skipped));
    assert_eq!(skipped.skip(), Some(Skip { from: offset(3), to: offset(7) }));
    let back = event.data.replace("_0000000000000003", "_0000000000000007");
    for bad in ["", "{}", &*back, r#"{"streamNextOffset":"-1","streamCursor":"1"}"#] {
        assert!(Control::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_reset_reads_back() {
    for (earliest, tail) in [(Some(offset(3)), Some(offset(7))), (None, None)] {
        let reset = Reset { reason: ResetReason::Trimmed, earliest, tail };
        let event = event_of(&written(|out| write_reset(out, &reset)));
        assert_eq!(event.name, RESET);
        assert_eq!(parse_reset(&event.data), Ok(reset));
    }
    for bad in ["", "{}", r#"{"reason":"bored"}"#, r#"{"reason":"ahead","tail":"x"}"#] {
        assert!(parse_reset(bad).is_err(), "{bad}");
    }
}

#[test]
fn text_can_not_forge_a_field() {
    let forged = b"one\n\nevent: control\rid: 7\r\n\r\ndata: x\n";
    let text = written(|out| write_text_event(out, offset(7), forged));
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[..2], ["id: 0000000000000abc_0000000000000007", "event: data"]);
    let expected =
        ["data:one", "data:", "data:event: control", "data:id: 7", "data:", "data:data: x", "data:", ""];
    assert_eq!(lines[2..], expected);
    assert_eq!(event_of(&text).data, "one\n\nevent: control\nid: 7\n\ndata: x\n");
}

#[test]
fn text_keeps_its_spaces() {
    for message in ["", " ", "  two", "a\n b\n", "\u{feff}mark", ":"] {
        let event = event_of(&written(|out| write_text_event(out, offset(1), message.as_bytes())));
        assert_eq!(event.data, message);
    }
}

#[test]
fn json_with_line_breaks_stays_the_same_value() {
    let messages = [Bytes::from_static(b"{\r\n  \"a\": 1\r}"), Bytes::from_static(b"\" \\n \"")];
    let event = event_of(&written(|out| write_json_event(out, offset(2), &messages)));
    let expected = serde_json::json!([{ "a": 1 }, " \n "]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&event.data).unwrap(), expected);
}

#[test]
fn bytes_travel_as_base64() {
    let event = event_of(&written(|out| write_bytes_event(out, offset(1), b"\xff\x00\n")));
    assert_eq!(event.data, "/wAK");
}

#[test]
fn envelopes_stand_in_one_array() {
    let messages = [(offset(4), Timestamp(0), &b"a\nb"[..]), (offset(5), Timestamp(0), b"c")];
    let event = event_of(&written(|out| write_envelope_event(out, offset(5), ContentKind::Text, messages)));
    let envelopes = crate::envelope::parse_envelopes(&Bytes::from(event.data)).unwrap();
    assert_eq!(envelopes.len(), 2);
    assert_eq!(envelopes.last().map(|envelope| envelope.offset), Some(offset(5)));
}
