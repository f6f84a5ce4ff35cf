//! What frames behind the end of a log say about it.

use crate::format::{ALIGN, FrameHeader};
use crate::segments::Segment;
use std::io;

/// What the headers of frames in a part of the log say. The frames themselves may be torn: a header has a checksum
/// of its own, and what it says was true when it was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    /// How many headers there are.
    pub(super) frames_count: u64,
    /// The greatest number of a frame that was synced.
    pub(super) durable_upto: u64,
    /// The greatest epoch. A new one must be greater, so that none of these frames can ever follow a new one.
    pub(super) epoch_max: u64,
}

impl Evidence {
    /// How much is read at once.
    const READ_BYTES: usize = 1 << 20;

    /// Searches a segment from a position on, at every place where a frame may begin. Needs time for each byte once.
    pub(super) fn search(segment: &Segment, from: u32, mark: u64) -> io::Result<Evidence> {
        let mut found = Evidence::default();
        let mut bytes = vec![0; Evidence::READ_BYTES];
        let (mut at, end) = (u64::from(from), u64::from(segment.end()));
        // Blocks overlap by a header, so that one that lies across two is found in the second.
        while at + FrameHeader::BYTES as u64 <= end {
            let count = usize::try_from(end - at).unwrap_or(usize::MAX).min(bytes.len());
            let block = &mut bytes[..count];
            segment.file.read_at(at, block)?;
            let starts = count - FrameHeader::BYTES + 1;
            for start in (0..starts).step_by(ALIGN) {
                if block[start..start + ALIGN] == mark.to_le_bytes() {
                    found.look(&block[start..], mark);
                }
            }
            at += starts.next_multiple_of(ALIGN) as u64;
        }
        Ok(found)
    }

    /// Both of them.
    pub(super) fn and(self, other: Evidence) -> Evidence {
        Evidence {
            frames_count: self.frames_count + other.frames_count,
            durable_upto: self.durable_upto.max(other.durable_upto),
            epoch_max: self.epoch_max.max(other.epoch_max),
        }
    }

    fn look(&mut self, bytes: &[u8], mark: u64) {
        let header = bytes.first_chunk().and_then(|bytes| FrameHeader::decode(bytes, mark));
        if let Some(header) = header {
            let durable_upto = header.durable_upto;
            *self = self.and(Evidence { frames_count: 1, durable_upto, epoch_max: header.epoch });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::SegmentHeader;
    use crate::{MemoryStorage, storage::Storage};

    #[test]
    fn a_header_is_found_at_every_place() {
        let bytes = Evidence::READ_BYTES as u64 * 2 + 4096;
        let header = SegmentHeader { number: 1, bytes, log_id: 1, mark: 77 };
        let frame = FrameHeader {
            number: 9,
            durable_upto: 8,
            epoch: 5,
            entries_bytes: 8,
            entries_count: 1,
            entries_crc: 0,
        };
        let expected = Evidence { frames_count: 1, durable_upto: 8, epoch_max: 5 };
        let block = 4096 + Evidence::READ_BYTES as u64;
        for at in [4096, 4104, block - 48, block - 40, block - 8, block, bytes - 48] {
            let file = MemoryStorage::new(bytes).create("a", bytes).unwrap();
            file.write_at(at, &frame.encode(77)).unwrap();
            let segment = Segment { header, file };
            assert_eq!(Evidence::search(&segment, 4096, 77).unwrap(), expected, "{at}");
            assert_eq!(Evidence::search(&segment, 4096, 78).unwrap(), Evidence::default());
        }
    }
}
