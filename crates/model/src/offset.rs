//! Offsets: where a reader stands in a stream.

use std::fmt;

/// The random identity of a stream from its creation to its deletion. Never zero.
///
/// A `memory` stream's carries, in its upper half, the mark of the process that made it, so that an offset
/// that outlived the process can be told apart from one of a deleted stream (reset `lost`, not `deleted`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(u64);

impl Incarnation {
    const MEMORY_BIT: u64 = 1 << 63;
    const BOOT_MASK: u64 = 0x7fff_ffff << 32;

    /// The identity of a `disk` stream, from 64 random bits.
    pub fn of_disk(random: u64) -> Incarnation {
        Incarnation((random & !Incarnation::MEMORY_BIT).max(1))
    }

    /// The identity of a `memory` stream, from 64 random bits and the random mark of this process.
    pub fn of_memory(random: u64, boot: u32) -> Incarnation {
        let boot = (u64::from(boot) << 32) & Incarnation::BOOT_MASK;
        Incarnation(Incarnation::MEMORY_BIT | boot | (random & 0xffff_ffff))
    }

    /// Whether this names a `memory` stream.
    pub fn is_of_memory(self) -> bool {
        self.0 & Incarnation::MEMORY_BIT != 0
    }

    /// Whether this names a `memory` stream that another process than the one marked `boot` had.
    pub fn is_lost_to(self, boot: u32) -> bool {
        let boot = (u64::from(boot) << 32) & Incarnation::BOOT_MASK;
        self.is_of_memory() && self.0 & Incarnation::BOOT_MASK != boot
    }

    /// The stored form.
    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// From the stored form; `None` for zero.
    pub fn from_bits(bits: u64) -> Option<Incarnation> {
        (bits != 0).then_some(Incarnation(bits))
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A place in one stream, between messages: `index` messages lie before it.
///
/// Written as `<16 hex digits>_<16 digits>`, fixed width, so that the text sorts as the offset does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset {
    /// Which life of the stream.
    pub incarnation: Incarnation,
    /// How many messages were ever stored before this place.
    pub index: u64,
}

impl Offset {
    /// The length of the text.
    pub const TEXT_BYTES: usize = 33;

    /// The largest index that can be written.
    pub const INDEX_MAX: u64 = 9_999_999_999_999_999;

    /// Reads the text that [`Offset`]'s `Display` writes, and nothing else.
    pub fn parse(text: &str) -> Result<Offset, InvalidOffset> {
        let bytes = text.as_bytes();
        if bytes.len() != Offset::TEXT_BYTES || bytes[16] != b'_' {
            return Err(InvalidOffset);
        }
        let mut bits = 0_u64;
        for &byte in &bytes[..16] {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                _ => return Err(InvalidOffset),
            };
            bits = bits << 4 | u64::from(digit);
        }
        let mut index = 0_u64;
        for &byte in &bytes[17..] {
            if !byte.is_ascii_digit() {
                return Err(InvalidOffset);
            }
            index = index * 10 + u64::from(byte - b'0');
        }
        let incarnation = Incarnation::from_bits(bits).ok_or(InvalidOffset)?;
        Ok(Offset { incarnation, index })
    }

    /// The same life of the stream, at another place.
    #[must_use]
    pub fn at(self, index: u64) -> Offset {
        Offset { index, ..self }
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{:016}", self.incarnation, self.index)
    }
}

impl fmt::Debug for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an offset is `-1`, `now`, or a token that this server gave")]
pub struct InvalidOffset;

/// Where a reader asks to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Before the first message that retention keeps (`-1`).
    Beginning,
    /// At the tail (`now`).
    Now,
    /// That many messages before the tail, or at the beginning when there are fewer. `Last(0)` is `Now`.
    Last(u64),
    /// After a place that the server named before.
    After(Offset),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_reads_back_and_sorts_as_text() {
        let low = Offset { incarnation: Incarnation::of_disk(0xabc), index: 9 };
        let high = low.at(10);
        assert_eq!(low.to_string(), "0000000000000abc_0000000000000009");
        assert_eq!(Offset::parse(&low.to_string()), Ok(low));
        assert!(low.to_string() < high.to_string());
    }

    #[test]
    fn nothing_else_is_an_offset() {
        let good = "0000000000000abc_0000000000000009";
        for bad in [
            "",
            "-1",
            "now",
            &good[1..],
            "0000000000000ABC_0000000000000009",
            "0000000000000000_0000000000000009",
            "0000000000000abc-0000000000000009",
            "0000000000000abc_000000000000000x",
            "0000000000000abc_+000000000000009",
            " 000000000000abc_0000000000000009",
            "0000000000000abc_00000000000000090",
        ] {
            assert_eq!(Offset::parse(bad), Err(InvalidOffset), "{bad}");
        }
    }

    #[test]
    fn a_memory_incarnation_knows_its_process() {
        let memory = Incarnation::of_memory(u64::MAX, 7);
        assert!(!memory.is_lost_to(7));
        assert!(memory.is_lost_to(8));
        assert!(!Incarnation::of_disk(u64::MAX).is_lost_to(8));
    }
}
