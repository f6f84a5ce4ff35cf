//! The gate before hyper: what a peer sends, let through one odd request at a time.
//!
//! hyper is laxer than the narrow front about where lines end and bodies begin, and two readers that disagree about
//! the end of a request are what request smuggling lives on. So hyper reads no byte that the narrow front's own parser
//! has not read before it: a head comes through whole or not at all, its body as far as it goes, and what follows is
//! looked at anew. Plain data; knows no socket.

use crate::worker::requests::is_odd;
use bytes::{Buf, Bytes, BytesMut};
use tidings_protocol::{BodyLength, ChunkScanner, FieldSlots, Head, RequestHead, Version, parse_head};

/// Bytes on their way to hyper.
#[derive(Debug)]
pub(super) struct Gate {
    /// Looked at, for hyper.
    ready: BytesMut,
    /// Not yet looked at.
    input: BytesMut,
    place: Place,
    /// No request may follow: the connection closes, or is something else from there on.
    is_last: bool,
    head_bytes_max: usize,
    /// The largest body that the narrow front reads.
    narrow_bytes_max: u64,
    admitted: Option<Admitted>,
}

/// What is known of a request that was let through, and that hyper is not asked for.
#[derive(Clone, Debug)]
pub(super) struct Admitted {
    /// The target as it stood in the request line. hyper gets `/`: it takes other targets than we, and cuts them.
    pub(super) target: String,
    pub(super) version: Version,
    pub(super) keep_alive: bool,
    /// The client asks for a WebSocket.
    pub(super) upgrades: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub(super) expects_continue: bool,
}

/// Where the next byte belongs.
#[derive(Debug)]
enum Place {
    Head,
    Body {
        left: u64,
    },
    Chunks(ChunkScanner),
    /// A body that has two readings; a text for the client.
    Broken(&'static str),
}

/// What the gate says when it is asked for bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// These, as many as were asked for at most.
    Through(Bytes),
    /// None before more has come from the peer.
    More,
    /// None any more. What has come since is for the narrow front: a request of its own, the beginning of one, or
    /// what is none.
    Stop,
    /// The body of the request is malformed.
    Broken(&'static str),
}

impl Gate {
    pub(super) fn new(head_bytes_max: usize, narrow_bytes_max: u64) -> Gate {
        Gate {
            ready: BytesMut::new(),
            input: BytesMut::new(),
            place: Place::Head,
            is_last: false,
            head_bytes_max,
            narrow_bytes_max,
            admitted: None,
        }
    }

    /// More has come from the peer.
    pub(super) fn fill(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// Asks for at most `room` bytes, above 0.
    pub(super) fn pass(&mut self, room: usize) -> Pass {
        if self.ready.is_empty()
            && matches!(self.place, Place::Head)
            && !self.input.is_empty()
            && !self.admit()
        {
            return Pass::Stop;
        }
        if !self.ready.is_empty() {
            let count = room.min(self.ready.len());
            return Pass::Through(self.ready.split_to(count).freeze());
        }
        self.pass_body(room)
    }

    fn pass_body(&mut self, room: usize) -> Pass {
        let here = room.min(self.input.len());
        let count = match &mut self.place {
            Place::Head => 0,
            Place::Broken(reason) => return Pass::Broken(reason),
            Place::Body { left } => {
                let count = usize::try_from(*left).map_or(here, |left| left.min(here));
                *left -= count as u64;
                if *left == 0 {
                    self.place = Place::Head;
                }
                count
            }
            Place::Chunks(scanner) => match scanner.scan(&self.input[..here]) {
                Ok(scanned) => {
                    if scanned.is_over {
                        self.place = Place::Head;
                    }
                    scanned.bytes
                }
                Err(reason) => {
                    self.place = Place::Broken(reason);
                    return Pass::Broken(reason);
                }
            },
        };
        if count == 0 { Pass::More } else { Pass::Through(self.input.split_to(count).freeze()) }
    }

    /// Lets the head through that the input begins with, if it is whole and odd. Says whether it was.
    fn admit(&mut self) -> bool {
        if self.is_last {
            return false;
        }
        let mut fields = FieldSlots::new();
        let Head::Complete(head) = parse_head(&self.input, &mut fields, self.head_bytes_max) else {
            return false;
        };
        if !is_odd(&head, self.narrow_bytes_max) {
            return false;
        }
        self.is_last = !head.keep_alive || head.upgrades_to_websocket;
        self.place = match head.body {
            BodyLength::Empty => Place::Head,
            BodyLength::Known(left) => Place::Body { left },
            BodyLength::Chunked => Place::Chunks(ChunkScanner::default()),
        };
        self.admitted = Some(Admitted {
            target: head.target.to_owned(),
            version: head.version,
            keep_alive: head.keep_alive,
            upgrades: head.upgrades_to_websocket,
            expects_continue: head.expects_continue,
        });
        let head_bytes = head.bytes;
        write_without_target(&self.input[..head_bytes], &head, &mut self.ready);
        self.input.advance(head_bytes);
        true
    }

    /// What is known of the request that was let through last. Once.
    pub(super) fn take_admitted(&mut self) -> Option<Admitted> {
        self.admitted.take()
    }

    /// Whether all of the last request has gone through, and nothing of another one.
    pub(super) fn is_between_requests(&self) -> bool {
        self.ready.is_empty() && matches!(self.place, Place::Head)
    }

    /// What has come and was not let through.
    pub(super) fn take_input(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.input).into()
    }
}

/// Appends the head with `/` for its target.
fn write_without_target(head: &[u8], parsed: &RequestHead<'_, '_>, out: &mut BytesMut) {
    // A method follows the empty lines that a head may begin with, one space follows it, and then the target.
    let line_at = head.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or_default();
    let line = &head[line_at..];
    let target_at = line.iter().position(|byte| *byte == b' ').map_or(0, |space| space + 1);
    out.extend_from_slice(&line[..target_at]);
    out.extend_from_slice(b"/");
    out.extend_from_slice(&line[target_at + parsed.target.len()..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUT: &str = "PUT /v1/stream/a#b HTTP/1.1\r\nHost: h\r\n\r\n";
    const PUT_THROUGH: &str = "PUT / HTTP/1.1\r\nHost: h\r\n\r\n";
    const GET: &str = "GET /v1/stream/a HTTP/1.1\r\nHost: h\r\n\r\n";
    const CHUNKED: &str = "POST /v1/stream/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    const CHUNKED_THROUGH: &str = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    const CHUNKS: &str = "1\r\n1\r\n0\r\n\r\n";

    fn gate(input: &str) -> Gate {
        let mut gate = Gate::new(1024, 100);
        gate.fill(input.as_bytes());
        gate
    }

    /// Everything that comes through, `room` bytes at a time, and what the gate says then.
    fn passed(gate: &mut Gate, room: usize) -> (String, Pass) {
        let mut through = Vec::new();
        loop {
            match gate.pass(room) {
                Pass::Through(bytes) => through.extend_from_slice(&bytes),
                other @ (Pass::More | Pass::Stop | Pass::Broken(_)) => {
                    return (String::from_utf8(through).unwrap(), other);
                }
            }
        }
    }

    #[test]
    fn odd_requests_come_through_and_a_narrow_one_stays() {
        for room in [1, 7, 4096] {
            let mut gate = gate(&[PUT, CHUNKED, CHUNKS, PUT, GET, PUT].concat());
            let (through, then) = passed(&mut gate, room);
            assert_eq!(through, [PUT_THROUGH, CHUNKED_THROUGH, CHUNKS, PUT_THROUGH].concat());
            assert_eq!(then, Pass::Stop);
            assert!(gate.is_between_requests());
            assert_eq!(gate.take_input(), [GET, PUT].concat().into_bytes());
        }
    }

    #[test]
    fn a_head_comes_through_whole_or_not_at_all() {
        for bytes in 1..PUT.len() {
            let mut gate = gate(&PUT[..bytes]);
            assert_eq!(gate.pass(4096), Pass::Stop, "{bytes}");
        }
        assert_eq!(gate("").pass(4096), Pass::More);
    }

    #[test]
    fn what_is_malformed_stays() {
        for bad in ["PUT / HTTP/1.1\nHost: h\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\0", "\r\n"] {
            let mut gate = gate(&[PUT, bad].concat());
            assert_eq!(passed(&mut gate, 4096), (PUT_THROUGH.to_owned(), Pass::Stop), "{bad:?}");
            assert_eq!(gate.take_input(), bad.as_bytes());
        }
    }

    #[test]
    fn a_body_comes_through_to_its_end_and_no_further() {
        let head = "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n";
        let mut gate = gate(&[head, "12"].concat());
        assert_eq!(passed(&mut gate, 4096), ([&head.replace("/x", "/"), "12"].concat(), Pass::More));
        assert!(!gate.is_between_requests());
        gate.fill(b"345GET");
        assert_eq!(passed(&mut gate, 4096), ("345".to_owned(), Pass::Stop));
        assert!(gate.is_between_requests());
    }

    #[test]
    fn a_malformed_body_is_not_passed_on() {
        let mut gate = gate(&[CHUNKED, "1\r\n1\n0\r\n\r\n", PUT].concat());
        let (through, then) = passed(&mut gate, 4096);
        assert_eq!(through, CHUNKED_THROUGH);
        assert!(matches!(then, Pass::Broken(_)));
        assert!(matches!(gate.pass(4096), Pass::Broken(_)));
        assert!(!gate.is_between_requests());
    }

    #[test]
    fn nothing_comes_through_behind_the_last_request() {
        for field in
            ["Connection: close", "Connection: Upgrade\r\nUpgrade: websocket\r\nExpect: 100-continue"]
        {
            let last = format!("PUT / HTTP/1.1\r\nHost: h\r\n{field}\r\n\r\n");
            let mut gate = gate(&[&last, PUT].concat());
            assert_eq!(passed(&mut gate, 4096), (last, Pass::Stop));
            assert_eq!(gate.take_input(), PUT.as_bytes());
        }
    }

    #[test]
    fn the_target_goes_beside_the_head() {
        for before in ["", "\r\n", "\r\n\r\n"] {
            let mut gate = gate(&[before, PUT].concat());
            assert_eq!(passed(&mut gate, 4096), (PUT_THROUGH.to_owned(), Pass::More));
            let admitted = gate.take_admitted().unwrap();
            assert_eq!(admitted.target, "/v1/stream/a#b");
            assert!(admitted.keep_alive && !admitted.expects_continue && admitted.version == Version::Http11);
        }
    }
}
