//! The search for what is special in a string, eight bytes at a time.

/// How many bytes stand before the first quote, backslash or control character; all where there is none.
pub(super) fn plain_bytes(text: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    let mut chunks = text.chunks_exact(8);
    let mut count = 0;
    for chunk in &mut chunks {
        let word = u64::from_le_bytes(chunk.try_into().expect("a chunk has eight bytes"));
        // The lowest marked byte is exact: a subtraction borrows only from bytes above one that is marked.
        let below_space = word.wrapping_sub(ONES * 0x20) & !word;
        let quote = word ^ (ONES * u64::from(b'"'));
        let backslash = word ^ (ONES * u64::from(b'\\'));
        let is_quote = quote.wrapping_sub(ONES) & !quote;
        let is_backslash = backslash.wrapping_sub(ONES) & !backslash;
        let marked = (below_space | is_quote | is_backslash) & HIGHS;
        if marked != 0 {
            return count + (marked.trailing_zeros() / 8) as usize;
        }
        count += 8;
    }
    let is_plain = |byte: &&u8| b' ' <= **byte && **byte != b'"' && **byte != b'\\';
    count + chunks.remainder().iter().take_while(is_plain).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_special_byte_is_found_at_each_place() {
        for len in 0..40 {
            for special in (0..b' ').chain([b'"', b'\\']) {
                for at in 0..len {
                    // Neighbours that a careless subtraction would borrow from, or mark by mistake.
                    let mut text: Vec<u8> = [b'!', b'#', b' ', 0x7f, 0x80, 0xff, b'[', b']']
                        .into_iter()
                        .cycle()
                        .take(len)
                        .collect();
                    text[at] = special;
                    assert_eq!(plain_bytes(&text), at, "{special} at {at} of {len}");
                    assert_eq!(plain_bytes(&text[..at]), at);
                }
            }
        }
    }
}
