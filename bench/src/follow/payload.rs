//! What is published to followers: 128 bytes that say which message it is and when it was sent.
//!
//! A JSON object with a mark that no protocol escapes, so that it is found in whatever a server wraps round it.

use memchr::memmem::Finder;
use std::time::{Duration, Instant};

/// The size of a message.
pub(super) const PAYLOAD_BYTES: usize = 128;

const MARK: &[u8] = b"~mark~";
const BEFORE_MARK: &[u8] = b"{\"m\":\"";
const DIGITS: usize = 16;
/// The mark and its two numbers.
const MARKED_BYTES: usize = MARK.len() + 2 * DIGITS;

/// The moments of one run, all counted from its beginning.
#[derive(Clone, Copy)]
pub(super) struct Epoch(Instant);

/// What a payload says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marked {
    /// The number of the message; one after another has the next number.
    pub(super) number: u64,
    /// When it was sent.
    pub(super) sent_ns: u64,
}

/// Finds payloads in what a server sent.
pub(super) struct Payloads(Finder<'static>);

impl Epoch {
    pub(super) fn new(now: Instant) -> Epoch {
        Epoch(now)
    }

    /// Nanoseconds from the beginning to that moment, of the monotonic clock.
    pub(super) fn ns(self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.0).as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Marked {
    /// How long ago it was sent.
    pub(super) fn age(self, now_ns: u64) -> Duration {
        Duration::from_nanos(now_ns.saturating_sub(self.sent_ns))
    }

    pub(super) fn encode(self) -> [u8; PAYLOAD_BYTES] {
        let mut payload = [b'x'; PAYLOAD_BYTES];
        payload[..BEFORE_MARK.len()].copy_from_slice(BEFORE_MARK);
        let marked = &mut payload[BEFORE_MARK.len()..][..MARKED_BYTES];
        marked[..MARK.len()].copy_from_slice(MARK);
        write_hexadecimal(self.number, &mut marked[MARK.len()..][..DIGITS]);
        write_hexadecimal(self.sent_ns, &mut marked[MARK.len() + DIGITS..]);
        payload[PAYLOAD_BYTES - 2..].copy_from_slice(b"\"}");
        payload
    }
}

impl Payloads {
    pub(super) fn new() -> Payloads {
        Payloads(Finder::new(MARK))
    }

    /// Calls `found` for each payload of the input. Returns how many bytes at its end may be the beginning of another,
    /// and must be looked at again with what follows.
    pub(super) fn find(&self, input: &[u8], mut found: impl FnMut(Marked)) -> anyhow::Result<usize> {
        let mut rest = input;
        while let Some(at) = self.0.find(rest) {
            let Some(marked) = rest[at..].get(..MARKED_BYTES) else {
                return Ok(rest.len() - at);
            };
            let (number, sent_ns) = marked[MARK.len()..].split_at(DIGITS);
            found(Marked { number: read_hexadecimal(number)?, sent_ns: read_hexadecimal(sent_ns)? });
            rest = &rest[at + MARKED_BYTES..];
        }
        // At most the beginning of a mark is left.
        let longest = rest.len().min(MARK.len() - 1);
        Ok((0..=longest).rev().find(|&bytes| MARK.starts_with(&rest[rest.len() - bytes..])).unwrap_or(0))
    }
}

fn write_hexadecimal(number: u64, digits: &mut [u8]) {
    for (at, digit) in digits.iter_mut().rev().enumerate() {
        *digit = b"0123456789abcdef"[(number >> (4 * at) & 15) as usize];
    }
}

fn read_hexadecimal(digits: &[u8]) -> anyhow::Result<u64> {
    digits.iter().try_fold(0, |number, &digit| match char::from(digit).to_digit(16) {
        Some(value) => Ok(number << 4 | u64::from(value)),
        None => anyhow::bail!("a torn message: {}", String::from_utf8_lossy(digits)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(input: &[u8]) -> (Vec<u64>, usize) {
        let mut numbers = Vec::new();
        let left = Payloads::new().find(input, |marked| numbers.push(marked.number)).unwrap();
        (numbers, left)
    }

    #[test]
    fn a_payload_is_json_and_says_what_it_is() {
        let marked = Marked { number: 0xabc, sent_ns: u64::MAX };
        let payload = marked.encode();
        assert!(serde_json::from_slice::<serde_json::Value>(&payload).unwrap().is_object());
        let mut all = Vec::new();
        assert_eq!(Payloads::new().find(&payload, |it| all.push(it)).unwrap(), 0);
        assert_eq!(all, [marked]);
    }

    #[test]
    fn a_payload_is_found_wherever_it_is_torn() {
        let two = [1, 2].map(|number| Marked { number, sent_ns: 7 }.encode()).concat();
        for cut in 0..=two.len() {
            let (mut numbers, left) = found(&two[..cut]);
            numbers.extend(found(&two[cut - left..]).0);
            assert_eq!(numbers, [1, 2], "cut at {cut}");
        }
    }
}
