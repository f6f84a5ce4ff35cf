//! What is published: JSON of an exact size that says which message it is and when it should have been sent.
//!
//! A mark that no protocol escapes makes it findable in whatever a server wraps round it, without reading that.

use anyhow::Context as _;
use memchr::memmem::Finder;

/// The smallest message that can be measured.
pub(crate) const MESSAGE_BYTES_MIN: usize = 64;

/// The largest; larger ones say nothing about the ways that this does not.
pub(crate) const MESSAGE_BYTES_MAX: usize = 1 << 20;

const MARK: &[u8] = b"~tidings~";
const BEFORE_MARK: &[u8] = b"{\"m\":\"";
const AFTER_MARK: &[u8] = b"\",\"text\":\"";
const END: &[u8] = b"\"}";

/// Hexadecimal digits of each number behind the mark: the run, the stream, the number in it, nanoseconds.
const DIGITS: [usize; 4] = [4, 6, 10, 14];
const MARKED_BYTES: usize = MARK.len() + DIGITS[0] + DIGITS[1] + DIGITS[2] + DIGITS[3];

/// Words of many lengths, so that a message is about as compressible as text is.
const FILLER: &[u8] = b"The harbour office reports three ships at anchor, wind from the north-west at 14 knots, visibility good; \
    berth 7 is free from 16:45, pilot ordered, customs cleared, 1,280 t of grain and 96 containers to unload before the evening tide. ";

/// What a message says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marked {
    /// Which run it belongs to: a server that others use too may carry messages of theirs.
    pub(crate) run: u16,
    /// The index of its stream.
    pub(crate) stream: u32,
    /// Its number in the stream, from 0.
    pub(crate) number: u64,
    /// When it should have been sent, by the clock of the run.
    pub(crate) due_ns: u64,
}

impl Marked {
    /// Writes the message, `message_bytes` long.
    ///
    /// # Panics
    /// Where that is less than [`MESSAGE_BYTES_MIN`].
    pub(crate) fn write(self, message_bytes: usize, out: &mut Vec<u8>) {
        assert!(MESSAGE_BYTES_MIN <= message_bytes, "the size of messages is checked before a run");
        let begin = out.len();
        out.extend_from_slice(BEFORE_MARK);
        out.extend_from_slice(MARK);
        let numbers = [u64::from(self.run), u64::from(self.stream), self.number, self.due_ns];
        for (number, digits) in numbers.into_iter().zip(DIGITS) {
            write_hexadecimal(number, digits, out);
        }
        out.extend_from_slice(AFTER_MARK);
        let end = begin + message_bytes - END.len();
        while out.len() < end {
            let bytes = FILLER.len().min(end - out.len());
            out.extend_from_slice(&FILLER[..bytes]);
        }
        out.extend_from_slice(END);
    }
}

/// Finds messages in what a server sent.
#[derive(Clone, Debug)]
pub(crate) struct Marks {
    finder: Finder<'static>,
}

impl Marks {
    pub(crate) fn new() -> Marks {
        Marks { finder: Finder::new(MARK) }
    }

    /// Calls `found` for each message of the input. Returns how many bytes at its end may be the beginning of another mark: they are
    /// to be looked at again with what follows.
    pub(crate) fn find(&self, input: &[u8], mut found: impl FnMut(Marked)) -> anyhow::Result<usize> {
        let mut rest = input;
        while let Some(at) = self.finder.find(rest) {
            let Some(marked) = rest[at..].get(..MARKED_BYTES) else {
                return Ok(rest.len() - at);
            };
            found(parse(&marked[MARK.len()..])?);
            rest = &rest[at + MARKED_BYTES..];
        }
        let longest = rest.len().min(MARK.len() - 1);
        Ok((0..=longest).rev().find(|&bytes| MARK.starts_with(&rest[rest.len() - bytes..])).unwrap_or(0))
    }
}

fn parse(mut digits: &[u8]) -> anyhow::Result<Marked> {
    let mut next = |count| {
        let (number, rest) = digits.split_at(count);
        digits = rest;
        read_hexadecimal(number)
    };
    let [run, stream, number, due_ns] =
        [next(DIGITS[0])?, next(DIGITS[1])?, next(DIGITS[2])?, next(DIGITS[3])?];
    let run = u16::try_from(run).context("a run of four digits")?;
    Ok(Marked { run, stream: u32::try_from(stream).context("a stream of six digits")?, number, due_ns })
}

fn write_hexadecimal(number: u64, digits: usize, out: &mut Vec<u8>) {
    out.extend((0..digits).rev().map(|at| b"0123456789abcdef"[(number >> (4 * at) & 15) as usize]));
}

fn read_hexadecimal(digits: &[u8]) -> anyhow::Result<u64> {
    digits.iter().try_fold(0, |number, &digit| match char::from(digit).to_digit(16) {
        Some(value) => Ok(number << 4 | u64::from(value)),
        None => anyhow::bail!("a damaged message: {}", String::from_utf8_lossy(digits)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u64, bytes: usize) -> Vec<u8> {
        let mut out = Vec::new();
        Marked { run: 7, stream: 3, number, due_ns: 0x12_3456_789a }.write(bytes, &mut out);
        out
    }

    #[test]
    fn a_message_has_its_size_and_is_json() {
        for bytes in [MESSAGE_BYTES_MIN, 65, 200, 5_000] {
            let message = message(1, bytes);
            assert_eq!(message.len(), bytes);
            assert!(serde_json::from_slice::<serde_json::Value>(&message).unwrap().is_object());
        }
    }

    #[test]
    fn a_message_is_found_wherever_it_is_cut() {
        let two = [message(1, 64), message(2, 64)].concat();
        let marks = Marks::new();
        for cut in 0..=two.len() {
            let mut all = Vec::new();
            let left = marks.find(&two[..cut], |marked| all.push(marked)).unwrap();
            marks.find(&two[cut - left..], |marked| all.push(marked)).unwrap();
            let expected = [1, 2].map(|number| Marked { run: 7, stream: 3, number, due_ns: 0x12_3456_789a });
            assert_eq!(all, expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_damaged_message_is_told() {
        let mut message = message(1, 64);
        message[20] = b'x';
        assert!(Marks::new().find(&message, |_| {}).is_err());
    }
}
