//! Little-endian integers and short texts, one after another.

/// Takes fields from the front of bytes that nobody has checked. `None` is "cut short", or not what it should be.
pub(super) struct FieldReader<'a>(pub(super) &'a [u8]);

impl<'a> FieldReader<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A number in LEB128, of at most 64 bits.
    pub(super) fn varint(&mut self) -> Option<u64> {
        // Most numbers have one byte.
        let first = self.u8()?;
        let mut value = u64::from(first & 0x7f);
        let mut more = 0x80 <= first;
        let mut shift = 7;
        while more {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if 63 < shift || (shift == 63 && 1 < bits) {
                return None;
            }
            value |= bits << shift;
            more = 0x80 <= byte;
            shift += 7;
        }
        Some(value)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let bytes = self.u16()?;
        std::str::from_utf8(self.bytes(usize::from(bytes))?).ok()
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }
}

/// Appends a text after its length. The caller has checked that it is short.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    let bytes =
        u16::try_from(text.len()).expect("texts are checked against TEXT_BYTES_MAX when they are staged");
    out.extend_from_slice(&bytes.to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Appends a number in LEB128.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while 0x80 <= value {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// The little-endian `u32` at a position inside a header of fixed size.
pub(super) fn u32_at<const N: usize>(header: &[u8; N], at: usize) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&header[at..at + 4]);
    u32::from_le_bytes(bytes)
}

/// The little-endian `u64` at a position inside a header of fixed size.
pub(super) fn u64_at<const N: usize>(header: &[u8; N], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&header[at..at + 8]);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_and_too_long_ones_do_not() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            let mut fields = FieldReader(&bytes);
            assert_eq!((fields.varint(), fields.is_at_end()), (Some(value), true));
            assert_eq!(FieldReader(&bytes[..bytes.len() - 1]).varint(), None);
        }
        assert_eq!(FieldReader(&[0xff; 10]).varint(), None);
        assert_eq!(FieldReader(&[0x80; 11]).varint(), None);
    }
}
