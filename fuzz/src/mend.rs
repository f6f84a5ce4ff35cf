//! Right checksums for wrong bytes. Knows `docs/format.md`, and follows its lengths as far as they lead.

const SEGMENT_HEADER_BYTES: usize = 4096;
const FRAME_HEADER_BYTES: usize = 48;
const ENTRY_HEADER_BYTES: usize = 56;
const ALIGN: usize = 8;

/// Puts right checksums into a file of a log, by what it begins with.
pub fn mend(file: &mut [u8]) {
    match file.first_chunk() {
        Some(b"TIDMANI\n") => mend_manifest(file),
        Some(b"TIDBLCK\n") => mend_block(file),
        Some(b"TIDSNAP\n") => mend_snapshot(file),
        _ => mend_segment(file),
    }
}

fn mend_manifest(slot: &mut [u8]) {
    let end = number_at(slot, 12).saturating_sub(4);
    put_crc(slot, 0..end, end);
}

/// Puts right checksums into the pages of a block. Its footer is left alone: the manifest knows the checksum of that.
pub fn mend_block(block: &mut [u8]) {
    const HEADER_BYTES: usize = 4096;
    const FOOTER_BYTES: usize = 128;
    put_crc(block, 0..24, 24);
    let Some(footer) = block.len().checked_sub(FOOTER_BYTES) else { return };
    let top = number_at(block, footer + 24).min(footer);
    mend_bodies(block, HEADER_BYTES, top, 24);
    put_crc(block, top..footer - 4, footer - 4);
}

fn mend_snapshot(snapshot: &mut [u8]) {
    put_crc(snapshot, 0..60, 60);
    mend_bodies(snapshot, 64, snapshot.len(), 32);
}

/// Pages or chunks: checksum, bytes of the body, other fields, body.
fn mend_bodies(bytes: &mut [u8], from: usize, to: usize, header_bytes: usize) {
    let mut at = from;
    while at + header_bytes <= to {
        let end = (at + header_bytes).saturating_add(number_at(bytes, at + 4)).min(to);
        put_crc(bytes, at + 4..end, at);
        at = end;
    }
}

fn mend_segment(segment: &mut [u8]) {
    put_crc(segment, 0..40, 40);
    let mut at = SEGMENT_HEADER_BYTES;
    // A frame with the number 0 is none.
    while at + FRAME_HEADER_BYTES <= segment.len() && number_at(segment, at + 8) != 0 {
        let entries = at + FRAME_HEADER_BYTES;
        let end = entries + number_at(segment, at + 32);
        mend_entries(segment, entries, end.min(segment.len()));
        put_crc(segment, entries..end, at + 40);
        put_crc(segment, at..at + 44, at + 44);
        at = frame_after(end);
    }
}

fn mend_entries(segment: &mut [u8], mut at: usize, end: usize) {
    while at + ENTRY_HEADER_BYTES <= end {
        let bytes = number_at(segment, at).max(ENTRY_HEADER_BYTES);
        put_crc(segment, at + ENTRY_HEADER_BYTES..(at + bytes).min(end), at + 48);
        put_masked_crc(segment, at..at + 52, at + 52);
        at += bytes.next_multiple_of(ALIGN);
    }
}

/// Where a frame begins that follows one with this end: a header does not lie across two sectors.
fn frame_after(end: usize) -> usize {
    const SECTOR_BYTES: usize = 512;
    let at = end.next_multiple_of(ALIGN);
    let sector_left = SECTOR_BYTES - at % SECTOR_BYTES;
    if sector_left < FRAME_HEADER_BYTES { at + sector_left } else { at }
}

/// The number of 4 bytes at this place; 0 where there is none.
fn number_at(bytes: &[u8], at: usize) -> usize {
    let found = bytes.get(at..).and_then(<[u8]>::first_chunk);
    found.map_or(0, |found| u32::from_le_bytes(*found) as usize)
}

fn put_crc(bytes: &mut [u8], of: std::ops::Range<usize>, at: usize) {
    put(bytes, bytes.get(of).map(crc32c::crc32c), at);
}

fn put_masked_crc(bytes: &mut [u8], of: std::ops::Range<usize>, at: usize) {
    let mask = |crc: u32| crc.rotate_right(15).wrapping_add(0xa282_ead8);
    put(bytes, bytes.get(of).map(crc32c::crc32c).map(mask), at);
}

fn put(bytes: &mut [u8], crc: Option<u32>, at: usize) {
    if let Some(crc) = crc
        && let Some(place) = bytes.get_mut(at..at + 4)
    {
        place.copy_from_slice(&crc.to_le_bytes());
    }
}
