//! Offsets as text, without allocation: every answer carries some.

use crate::digits::fill_decimal;
use tidings_model::{Incarnation, Offset};

/// The text of an offset, as its `Display` writes it.
pub fn offset_text(offset: Offset) -> [u8; Offset::TEXT_BYTES] {
    let mut text = [b'_'; Offset::TEXT_BYTES];
    let (incarnation, index) = text.split_at_mut(16);
    incarnation.copy_from_slice(&incarnation_text(offset.incarnation));
    fill_decimal(offset.index, &mut index[1..]);
    text
}

/// The 16 hex digits of an incarnation.
pub(crate) fn incarnation_text(incarnation: Incarnation) -> [u8; 16] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let bits = incarnation.to_bits().to_be_bytes();
    let mut text = [0; 16];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bits) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_that_of_display() {
        for bits in [1, 0xabc, 0x0123_4567_89ab_cdef, u64::MAX] {
            for index in [0, 9, 1_234_567_890, Offset::INDEX_MAX] {
                let offset = Offset { incarnation: Incarnation::from_bits(bits).unwrap(), index };
                assert_eq!(offset_text(offset), offset.to_string().as_bytes());
            }
        }
    }
}
