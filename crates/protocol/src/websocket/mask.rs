//! The mask of a client's frames.

/// Masks or unmasks, which is the same, a part of a payload. Returns the mask of the part that follows.
pub(super) fn apply_mask(payload: &mut [u8], mask: [u8; 4]) -> [u8; 4] {
    let [a, b, c, d] = mask;
    let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut chunks = payload.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let plain = u64::from_ne_bytes((&*chunk).try_into().expect("a chunk has eight bytes")) ^ word;
        chunk.copy_from_slice(&plain.to_ne_bytes());
    }
    for (byte, key) in chunks.into_remainder().iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= key;
    }
    let mut following = mask;
    following.rotate_left(payload.len() % 4);
    following
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_cut_of_a_payload_is_masked_alike() {
        let mask = [0x11, 0x22, 0x43, 0x87];
        let plain: Vec<u8> = (0..100).collect();
        let masked: Vec<u8> =
            plain.iter().zip(mask.into_iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        for cut in 0..plain.len() {
            let mut cut_masked = plain.clone();
            let (head, tail) = cut_masked.split_at_mut(cut);
            let following = apply_mask(head, mask);
            apply_mask(tail, following);
            assert_eq!(cut_masked, masked, "{cut}");
        }
    }
}
