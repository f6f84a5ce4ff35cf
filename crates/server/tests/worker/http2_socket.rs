//! A WebSocket over one stream of HTTP/2, as its client sees it.

use crate::http2::{Http2, StreamId};
use crate::wire::{CLOSE, PING, PONG, TEXT, frame};
use serde_json::Value;
use tidings_testkit::Deadline;

/// One WebSocket; its connection is lent to each call, since others share it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Socket {
    pub(crate) stream: StreamId,
}

impl Socket {
    /// Opens one; the target names the stream and where to begin.
    pub(crate) fn open(http2: &mut Http2, target: &str) -> Socket {
        http2.expect_connect_protocol();
        let stream = http2.extended_connect(target, "websocket", &[("sec-websocket-version", "13")]);
        assert_eq!(http2.status(stream), 200);
        Socket { stream }
    }

    pub(crate) fn send_frame(self, http2: &mut Http2, opcode: u8, payload: &[u8]) {
        http2.send(self.stream, &frame(opcode, payload));
    }

    pub(crate) fn send(self, http2: &mut Http2, message: &Value) {
        self.send_frame(http2, TEXT, message.to_string().as_bytes());
    }

    /// The next frame: its opcode and payload.
    pub(crate) fn frame(self, http2: &mut Http2) -> (u8, Vec<u8>) {
        let head = http2.take(self.stream, 2);
        assert_eq!(head[0] & 0xf0, 0x80, "whole frames only, no reserved bits");
        let long = match head[1] {
            126 => 2,
            127 => 8,
            short => return (head[0] & 0x0f, http2.take(self.stream, usize::from(short))),
        };
        let length = http2.take(self.stream, long).into_iter();
        let length = length.fold(0, |length, byte| length << 8 | usize::from(byte));
        (head[0] & 0x0f, http2.take(self.stream, length))
    }

    /// The next text that is no heartbeat; pings are answered on the way.
    pub(crate) fn text(self, http2: &mut Http2) -> Value {
        let deadline = Deadline::patient();
        loop {
            assert!(!deadline.passed(), "nothing but heartbeats comes");
            match self.frame(http2) {
                (TEXT, text) => {
                    let value: Value = serde_json::from_slice(&text).expect("texts are JSON");
                    if value["type"] != "heartbeat" {
                        return value;
                    }
                }
                (PING, payload) => self.send_frame(http2, PONG, &payload),
                (CLOSE, payload) => panic!("closed: {payload:?}"),
                _ => {}
            }
        }
    }

    /// Texts until one with that `type`.
    pub(crate) fn message(self, http2: &mut Http2, kind: &str) -> Value {
        let deadline = Deadline::patient();
        loop {
            assert!(!deadline.passed(), "no {kind} comes");
            let value = self.text(http2);
            if value["type"] == kind {
                return value;
            }
        }
    }

    /// Waits for a heartbeat; pings are answered on the way.
    pub(crate) fn heartbeat(self, http2: &mut Http2) {
        let deadline = Deadline::patient();
        loop {
            assert!(!deadline.passed(), "no heartbeat comes");
            match self.frame(http2) {
                (PING, payload) => self.send_frame(http2, PONG, &payload),
                (TEXT, text) if text == br#"{"type":"heartbeat"}"# => return,
                (CLOSE, payload) => panic!("closed: {payload:?}"),
                _ => {}
            }
        }
    }

    /// Frames until the close; its code, and how many pings came before it, to which nobody answers.
    pub(crate) fn close_code(self, http2: &mut Http2) -> (u16, usize) {
        let mut pings = 0;
        let deadline = Deadline::patient();
        loop {
            assert!(!deadline.passed(), "no close comes");
            match self.frame(http2) {
                (CLOSE, payload) => return (u16::from_be_bytes([payload[0], payload[1]]), pings),
                (PING, _) => pings += 1,
                _ => {}
            }
        }
    }

    /// Answers a close, and waits for the end of the stream from the other side: in order, without a reset.
    pub(crate) fn close(self, http2: &mut Http2, code: u16) {
        self.send_frame(http2, CLOSE, &code.to_be_bytes());
        http2.wait(self.stream, |incoming| incoming.is_over);
        http2.end(self.stream);
    }
}
