//! Just enough of an HTTP/2 client (RFC 9113) to ask with prior knowledge and to read answers.

use crate::wire::Wire;
use std::collections::HashMap;
use tidings_testkit::Server;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// A stream of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StreamId(u32);

/// What has come on a stream.
#[derive(Debug, Default)]
struct Incoming {
    status: u16,
    data: Vec<u8>,
    is_over: bool,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Http2 {
    wire: Wire,
    next: u32,
    incoming: HashMap<u32, Incoming>,
    /// The server takes no more requests.
    pub(crate) goes_away: bool,
}

impl Http2 {
    pub(crate) fn connect(server: &Server) -> Http2 {
        let mut wire = Wire::connect(server);
        wire.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        wire.send(frame(SETTINGS, 0, 0, &[]));
        Http2 { wire, next: 1, incoming: HashMap::new(), goes_away: false }
    }

    /// Asks; the answer comes later.
    pub(crate) fn get(&mut self, target: &str) -> StreamId {
        let stream = self.next;
        self.next += 2;
        // `:method: GET` and `:scheme: http` from the static table, then literals without Huffman (RFC 7541).
        let mut block = vec![0x82, 0x86];
        for (name_index, value) in [(0x04, target), (0x01, "t")] {
            block.push(name_index);
            block.push(u8::try_from(value.len()).expect("targets of tests are short"));
            block.extend(value.as_bytes());
        }
        self.wire.send(frame(HEADERS, END_STREAM | END_HEADERS, stream, &block));
        StreamId(stream)
    }

    pub(crate) fn cancel(&mut self, stream: StreamId) {
        const CANCEL: u32 = 8;
        self.wire.send(frame(RST_STREAM, 0, stream.0, &CANCEL.to_be_bytes()));
    }

    /// The status and the whole body.
    pub(crate) fn answer(&mut self, stream: StreamId) -> (u16, Vec<u8>) {
        while !self.incoming.get(&stream.0).is_some_and(|incoming| incoming.is_over) {
            self.read_frame();
        }
        let incoming = self.incoming.remove(&stream.0).unwrap_or_default();
        (incoming.status, incoming.data)
    }

    /// Waits until the body holds that text.
    pub(crate) fn data_until(&mut self, stream: StreamId, text: &str) {
        let has_it = |incoming: &Incoming| String::from_utf8_lossy(&incoming.data).contains(text);
        while !self.incoming.get(&stream.0).is_some_and(has_it) {
            self.read_frame();
        }
    }

    /// Waits for the server to say that it goes away, and for the end of the connection.
    pub(crate) fn expect_end(&mut self) {
        while !self.goes_away {
            self.read_frame();
        }
        let _frames = self.wire.rest();
    }

    fn read_frame(&mut self) {
        let head = self.wire.take(9);
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let payload = self.wire.take(length);
        match (head[3], head[4]) {
            (HEADERS, flags) => {
                let incoming = self.incoming.entry(stream).or_default();
                incoming.status = status(payload[0]);
                incoming.is_over |= flags & END_STREAM != 0;
            }
            (DATA, flags) => {
                let incoming = self.incoming.entry(stream).or_default();
                incoming.data.extend(&payload);
                incoming.is_over |= flags & END_STREAM != 0;
                if !payload.is_empty() {
                    let count = u32::try_from(payload.len()).expect("a frame is small").to_be_bytes();
                    self.wire.send(frame(WINDOW_UPDATE, 0, 0, &count));
                }
            }
            (SETTINGS, flags) if flags & ACK == 0 => self.wire.send(frame(SETTINGS, ACK, 0, &[])),
            (PING, flags) if flags & ACK == 0 => self.wire.send(frame(PING, ACK, 0, &payload)),
            (GOAWAY, _) => self.goes_away = true,
            _ => {}
        }
    }
}

/// The status, when it is one of the static table of RFC 7541, as the first field always is here.
fn status(first: u8) -> u16 {
    match first {
        0x88 => 200,
        0x89 => 204,
        0x8c => 400,
        0x8d => 404,
        other => panic!("a status that no test expects: {other:#x}"),
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame is small").to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}
