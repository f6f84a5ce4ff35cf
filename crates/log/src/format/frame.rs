//! Frames: what a commit writes, one or more of them, each with entries that are there together or not at all.

use super::fields::{u32_at, u64_at};

/// What stands before the entries of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Counts all frames of the log, from 1, without a gap.
    pub(crate) number: u64,
    /// The last frame that was known to be synced when this one was written.
    pub(crate) durable_upto: u64,
    /// Which opening of the log wrote it; each opening has a greater one than all before.
    pub(crate) epoch: u64,
    /// The bytes of all entries.
    pub(crate) entries_bytes: u32,
    /// How many entries there are.
    pub(crate) entries_count: u32,
    /// The CRC32C of all entries.
    pub(crate) entries_crc: u32,
}

impl FrameHeader {
    /// Its size.
    pub(crate) const BYTES: usize = 48;

    /// The same, for positions.
    pub(crate) const BYTES_U32: u32 = 48;

    /// What a disk writes whole or not at all.
    const SECTOR_BYTES: u32 = 512;

    const CRC_AT: usize = 44;

    /// Where the frame after one that ends at `end` begins: there, or where the next sector does.
    ///
    /// A header is never in two sectors. Else the first half of one that was torn and the second half of another
    /// that an earlier crash cut could make a whole one, of a frame that recovery did not see and so did not rule out.
    pub(crate) fn start_after(end: u32) -> u32 {
        let used = end % FrameHeader::SECTOR_BYTES;
        if FrameHeader::SECTOR_BYTES < used + FrameHeader::BYTES_U32 {
            end.next_multiple_of(FrameHeader::SECTOR_BYTES)
        } else {
            end
        }
    }

    pub(crate) fn encode(&self, mark: u64) -> [u8; FrameHeader::BYTES] {
        let mut out = [0; FrameHeader::BYTES];
        out[0..8].copy_from_slice(&mark.to_le_bytes());
        out[8..16].copy_from_slice(&self.number.to_le_bytes());
        out[16..24].copy_from_slice(&self.durable_upto.to_le_bytes());
        out[24..32].copy_from_slice(&self.epoch.to_le_bytes());
        out[32..36].copy_from_slice(&self.entries_bytes.to_le_bytes());
        out[36..40].copy_from_slice(&self.entries_count.to_le_bytes());
        out[40..44].copy_from_slice(&self.entries_crc.to_le_bytes());
        let crc = crc32c::crc32c(&out[..FrameHeader::CRC_AT]);
        out[FrameHeader::CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// The header that these bytes are, if they are one of this log. It has a checksum of its own, apart from that
    /// of the entries: what it says holds even when the entries behind it were torn.
    pub(crate) fn decode(bytes: &[u8; FrameHeader::BYTES], mark: u64) -> Option<FrameHeader> {
        let sound = u64_at(bytes, 0) == mark
            && u32_at(bytes, FrameHeader::CRC_AT) == crc32c::crc32c(&bytes[..FrameHeader::CRC_AT]);
        sound.then(|| FrameHeader {
            number: u64_at(bytes, 8),
            durable_upto: u64_at(bytes, 16),
            epoch: u64_at(bytes, 24),
            entries_bytes: u32_at(bytes, 32),
            entries_count: u32_at(bytes, 36),
            entries_crc: u32_at(bytes, 40),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_header_is_in_one_sector() {
        for (end, start) in [(4096, 4096), (4560, 4560), (4568, 4608), (4600, 4608), (4608, 4608)] {
            assert_eq!(FrameHeader::start_after(end), start);
        }
    }

    #[test]
    fn a_frame_header_reads_back_and_a_flipped_bit_is_seen() {
        let header = FrameHeader {
            number: 5,
            durable_upto: 3,
            epoch: 2,
            entries_bytes: 56,
            entries_count: 1,
            entries_crc: 0xdead_beef,
        };
        let good = header.encode(42);
        assert_eq!(FrameHeader::decode(&good, 42), Some(header));
        assert_eq!(FrameHeader::decode(&good, 43), None);
        for bit in 0..FrameHeader::BYTES * 8 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(FrameHeader::decode(&bad, 42), None, "{bit}");
        }
    }
}
