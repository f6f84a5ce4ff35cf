//! Just enough of an HTTP/2 client (RFC 9113) to ask with prior knowledge and to read answers.

use crate::wire::Wire;
use std::collections::{HashMap, HashSet};
use tidings_testkit::{Deadline, Server};

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

/// The server's table of fields stays empty: every status comes as it is.
const HEADER_TABLE_SIZE_0: [u8; 6] = [0, 1, 0, 0, 0, 0];
const SETTINGS_ENABLE_CONNECT_PROTOCOL: u16 = 8;

/// What begins every connection, without the settings that follow.
pub(crate) const PREFACE: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StreamId(u32);

/// What has come on a stream.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    pub(crate) status: u16,
    pub(crate) data: Vec<u8>,
    pub(crate) is_over: bool,
    /// The reason of a reset.
    pub(crate) reset: Option<u32>,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Http2 {
    wire: Wire,
    next: u32,
    incoming: HashMap<u32, Incoming>,
    /// Streams whose windows stay as they are.
    stalled: HashSet<u32>,
    /// What may still be sent, by stream; 0 is the connection.
    windows: HashMap<u32, usize>,
    /// What came is granted again.
    grants: bool,
    /// The server takes no more requests.
    pub(crate) goes_away: bool,
    /// The server has said that it takes an extended CONNECT.
    pub(crate) has_connect_protocol: bool,
}

impl Http2 {
    pub(crate) fn connect(server: &Server) -> Http2 {
        Http2::over(Wire::connect(server))
    }

    /// The server may send as much as it likes: only TCP stops it.
    pub(crate) fn connect_without_windows(server: &Server) -> Http2 {
        const INITIAL_WINDOW_SIZE_MAX: [u8; 6] = [0, 4, 0x7f, 0xff, 0xff, 0xff];
        let settings = [HEADER_TABLE_SIZE_0, INITIAL_WINDOW_SIZE_MAX].concat();
        let mut http2 = Http2::with_settings(Wire::connect(server), &settings);
        http2.grants = false;
        http2.grant(0, 1 << 30);
        http2
    }

    /// Over a connection that is there, with TLS or without.
    pub(crate) fn over(wire: Wire) -> Http2 {
        Http2::with_settings(wire, &HEADER_TABLE_SIZE_0)
    }

    fn with_settings(mut wire: Wire, settings: &[u8]) -> Http2 {
        wire.send(PREFACE);
        wire.send(frame(SETTINGS, 0, 0, settings));
        Http2 {
            wire,
            next: 1,
            incoming: HashMap::new(),
            stalled: HashSet::new(),
            windows: HashMap::new(),
            grants: true,
            goes_away: false,
            has_connect_protocol: false,
        }
    }

    /// Asks; the answer comes later.
    pub(crate) fn get(&mut self, target: &str) -> StreamId {
        // `:method: GET` and `:scheme: http` from the static table (RFC 7541).
        self.begin(&[&[0x82, 0x86], &literal(0x04, target)[..], &literal(0x01, "t")], END_STREAM)
    }

    /// Publishes; the body comes with [`Http2::send`].
    pub(crate) fn post(&mut self, target: &str) -> StreamId {
        let fields = [
            &[0x83, 0x86],
            &literal(0x04, target)[..],
            &literal(0x01, "t"),
            &field("content-type", "application/json"),
        ];
        self.begin(&fields, 0)
    }

    /// An extended CONNECT (RFC 8441).
    pub(crate) fn extended_connect(
        &mut self,
        target: &str,
        protocol: &str,
        fields: &[(&str, &str)],
    ) -> StreamId {
        let mut block =
            [literal(0x02, "CONNECT"), vec![0x86], literal(0x04, target), literal(0x01, "t")].concat();
        block.extend(field(":protocol", protocol));
        block.extend(fields.iter().flat_map(|(name, value)| field(name, value)));
        self.begin(&[&block], 0)
    }

    /// A CONNECT as it was before there was another.
    pub(crate) fn plain_connect(&mut self, authority: &str) -> StreamId {
        self.begin(&[&literal(0x02, "CONNECT"), &literal(0x01, authority)], 0)
    }

    fn begin(&mut self, fields: &[&[u8]], flags: u8) -> StreamId {
        let stream = self.next;
        self.next += 2;
        self.wire.send(frame(HEADERS, flags | END_HEADERS, stream, &fields.concat()));
        StreamId(stream)
    }

    /// Sends, as soon as the server's windows let it.
    pub(crate) fn send(&mut self, stream: StreamId, bytes: &[u8]) {
        for piece in bytes.chunks(16 << 10) {
            let deadline = Deadline::patient();
            while *self.window(stream.0) < piece.len() || *self.window(0) < piece.len() {
                assert!(!deadline.passed(), "the server does not read");
                self.read_frame();
            }
            *self.window(stream.0) -= piece.len();
            *self.window(0) -= piece.len();
            self.wire.send(frame(DATA, 0, stream.0, piece));
        }
    }

    /// How much of a stream the server would take now.
    pub(crate) fn may_send(&mut self, stream: StreamId) -> usize {
        *self.window(stream.0)
    }

    fn window(&mut self, stream: u32) -> &mut usize {
        const INITIAL_WINDOW_BYTES: usize = 65_535;
        self.windows.entry(stream).or_insert(INITIAL_WINDOW_BYTES)
    }

    /// Nothing more comes from here on that stream.
    pub(crate) fn end(&mut self, stream: StreamId) {
        self.wire.send(frame(DATA, END_STREAM, stream.0, &[]));
    }

    pub(crate) fn cancel(&mut self, stream: StreamId) {
        const CANCEL: u32 = 8;
        self.wire.send(frame(RST_STREAM, 0, stream.0, &CANCEL.to_be_bytes()));
    }

    /// The server may send as much as it may by now on that stream, and no more.
    pub(crate) fn stall(&mut self, stream: StreamId) {
        self.stalled.insert(stream.0);
    }

    /// The server may send on: what came meanwhile counts as read.
    pub(crate) fn resume(&mut self, stream: StreamId) {
        self.stalled.remove(&stream.0);
        let come = self.incoming.get(&stream.0).map_or(0, |incoming| incoming.data.len());
        self.grant(stream.0, come);
    }

    /// The status and the whole body.
    pub(crate) fn answer(&mut self, stream: StreamId) -> (u16, Vec<u8>) {
        self.wait(stream, |incoming| incoming.is_over);
        let incoming = self.incoming.remove(&stream.0).unwrap_or_default();
        (incoming.status, incoming.data)
    }

    /// The status, as soon as it is here.
    pub(crate) fn status(&mut self, stream: StreamId) -> u16 {
        self.wait(stream, |incoming| incoming.status != 0).status
    }

    /// Waits until the body holds that text.
    pub(crate) fn data_until(&mut self, stream: StreamId, text: &str) {
        self.wait(stream, |incoming| String::from_utf8_lossy(&incoming.data).contains(text));
    }

    /// Takes that many bytes of the body.
    ///
    /// # Panics
    /// When the stream ends before.
    pub(crate) fn take(&mut self, stream: StreamId, count: usize) -> Vec<u8> {
        let incoming = self.wait(stream, |incoming| count <= incoming.data.len() || incoming.is_over);
        assert!(count <= incoming.data.len(), "the stream ended after {:?}", incoming.data);
        let rest = incoming.data.split_off(count);
        std::mem::replace(&mut incoming.data, rest)
    }

    /// Reads frames until this is so of a stream.
    pub(crate) fn wait(&mut self, stream: StreamId, is_so: impl Fn(&Incoming) -> bool) -> &mut Incoming {
        let deadline = Deadline::patient();
        while !self.incoming.get(&stream.0).is_some_and(&is_so) {
            assert!(!deadline.passed(), "it is not so: {:?}", self.incoming.get(&stream.0));
            self.read_frame();
        }
        self.incoming.entry(stream.0).or_default()
    }

    /// Waits for the server to say that it goes away, and for the end of the connection. Pings are answered.
    pub(crate) fn expect_end(&mut self) {
        let deadline = Deadline::patient();
        while !self.goes_away {
            assert!(!deadline.passed(), "it does not go away");
            self.read_frame();
        }
        while self.wire.has_more(9) {
            self.read_frame();
        }
    }

    /// Waits for the server's settings.
    pub(crate) fn expect_connect_protocol(&mut self) {
        while !self.has_connect_protocol {
            self.read_frame();
        }
    }

    fn read_frame(&mut self) {
        let head = self.wire.take(9);
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let payload = self.wire.take(length);
        match (head[3], head[4]) {
            (HEADERS, flags) => {
                let incoming = self.incoming.entry(stream).or_default();
                incoming.status = status(&payload);
                incoming.is_over |= flags & END_STREAM != 0;
            }
            (DATA, flags) => {
                let incoming = self.incoming.entry(stream).or_default();
                incoming.data.extend(&payload);
                incoming.is_over |= flags & END_STREAM != 0;
                if self.grants {
                    self.grant(0, payload.len());
                }
                if self.grants && !self.stalled.contains(&stream) {
                    self.grant(stream, payload.len());
                }
            }
            (RST_STREAM, _) => {
                let incoming = self.incoming.entry(stream).or_default();
                incoming.is_over = true;
                incoming.reset = Some(u32::from_be_bytes([payload[0], payload[1], payload[2], payload[3]]));
            }
            (SETTINGS, flags) if flags & ACK == 0 => {
                self.has_connect_protocol = payload.chunks(6).any(|setting| {
                    u16::from_be_bytes([setting[0], setting[1]]) == SETTINGS_ENABLE_CONNECT_PROTOCOL
                        && setting[5] == 1
                });
                self.wire.send(frame(SETTINGS, ACK, 0, &[]));
            }
            (PING, flags) if flags & ACK == 0 => self.wire.send(frame(PING, ACK, 0, &payload)),
            (WINDOW_UPDATE, _) => {
                let bytes = u32::from_be_bytes([payload[0], payload[1], payload[2], payload[3]]);
                *self.window(stream) += usize::try_from(bytes).expect("a window is small");
            }
            (GOAWAY, _) => self.goes_away = true,
            _ => {}
        }
    }

    fn grant(&mut self, stream: u32, bytes: usize) {
        if bytes != 0 {
            let count = u32::try_from(bytes).expect("a frame is small").to_be_bytes();
            // Who has said its last needs no room for more, and may be gone: what is missing then is missed by whoever reads.
            let _gone = self.wire.try_send(&frame(WINDOW_UPDATE, 0, stream, &count));
        }
    }
}

/// A literal whose name has that index in the static table, without Huffman.
fn literal(name_index: u8, value: &str) -> Vec<u8> {
    [&[name_index][..], &text(value)].concat()
}

/// A literal with its name.
fn field(name: &str, value: &str) -> Vec<u8> {
    [&[0][..], &text(name), &text(value)].concat()
}

/// A text with its length, an integer with a prefix of seven bits (RFC 7541, section 5.1).
fn text(value: &str) -> Vec<u8> {
    const PREFIX_MAX: usize = 127;
    let mut text = Vec::new();
    if value.len() < PREFIX_MAX {
        text.extend(u8::try_from(value.len()));
    } else {
        text.push(127);
        let mut rest = value.len() - PREFIX_MAX;
        while 128 <= rest {
            text.extend(u8::try_from(rest % 128 + 128));
            rest /= 128;
        }
        text.extend(u8::try_from(rest));
    }
    text.extend_from_slice(value.as_bytes());
    text
}

/// The status: always the first field, from the static table of RFC 7541 or as a literal, maybe behind a change of the
/// table's size.
fn status(block: &[u8]) -> u16 {
    match block {
        [0x20, rest @ ..] => status(rest),
        [0x88, ..] => 200,
        [0x89, ..] => 204,
        [0x8c, ..] => 400,
        [0x8d, ..] => 404,
        [0x08 | 0x18 | 0x48, 0x03, digits @ ..] => {
            digits[..3].iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0'))
        }
        [0x08 | 0x18 | 0x48, length, packed @ ..] => unpacked(&packed[..usize::from(length & 0x7f)]),
        other => panic!("a status that no test expects: {other:x?}"),
    }
}

/// Three digits in the Huffman code of RFC 7541: `0` to `2` have five bits, the others six.
fn unpacked(packed: &[u8]) -> u16 {
    let mut bits = packed.iter().flat_map(|byte| (0..8).rev().map(move |at| u16::from(byte >> at & 1)));
    let mut number = 0;
    for _ in 0..3 {
        let five = bits.by_ref().take(5).fold(0, |code, bit| code << 1 | bit);
        let digit = if five < 3 { five } else { (five << 1 | bits.next().unwrap_or(0)) - 0x16 };
        number = number * 10 + digit;
    }
    number
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame is small").to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}
