//! The first 4,096 bytes of a segment file.

use super::fields::{u32_at, u64_at};

/// What a segment file says about itself. Written and synced before the file gets its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// The number of the segment, from 1.
    pub(crate) number: u32,
    /// The size of the whole file.
    pub(crate) bytes: u64,
    /// Random identity of the log that the segment belongs to.
    pub(crate) log_id: u64,
    /// Random bits that begin every frame of this log. Publishers don't know them, so that no message can be
    /// taken for a frame.
    pub(crate) mark: u64,
}

/// Why a segment header is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormatError {
    /// It is sound, but of a later version of the format.
    Newer { version: u32 },
    /// It is sound, but of an earlier version of the format.
    Older { version: u32 },
    /// It is not what was written.
    Damaged,
}

impl FormatError {
    /// Of a sound header of another version.
    pub(super) fn of_version(version: u32) -> FormatError {
        if super::VERSION < version { FormatError::Newer { version } } else { FormatError::Older { version } }
    }
}

impl SegmentHeader {
    /// The space it takes: one page, so that frames begin on a page of their own.
    pub(crate) const BYTES: usize = 4096;

    const MAGIC: [u8; 8] = *b"TIDINGS\n";
    const VERSION: u32 = super::VERSION;
    /// The fields with their checksum; the rest is zero.
    const FIELDS_BYTES: usize = 44;
    const CRC_AT: usize = 40;

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SegmentHeader::BYTES);
        out.extend_from_slice(&SegmentHeader::MAGIC);
        out.extend_from_slice(&SegmentHeader::VERSION.to_le_bytes());
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&self.bytes.to_le_bytes());
        out.extend_from_slice(&self.log_id.to_le_bytes());
        out.extend_from_slice(&self.mark.to_le_bytes());
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out.resize(SegmentHeader::BYTES, 0);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<SegmentHeader, FormatError> {
        let fields: &[u8; SegmentHeader::FIELDS_BYTES] = bytes.first_chunk().ok_or(FormatError::Damaged)?;
        let sound = fields.starts_with(&SegmentHeader::MAGIC)
            && u32_at(fields, SegmentHeader::CRC_AT) == crc32c::crc32c(&fields[..SegmentHeader::CRC_AT]);
        if !sound {
            return Err(FormatError::Damaged);
        }
        // Later versions keep the magic, the version and the checksum where they are.
        match u32_at(fields, 8) {
            SegmentHeader::VERSION => {}
            version => return Err(FormatError::of_version(version)),
        }
        Ok(SegmentHeader {
            number: u32_at(fields, 12),
            bytes: u64_at(fields, 16),
            log_id: u64_at(fields, 24),
            mark: u64_at(fields, 32),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_and_a_flipped_bit_is_seen() {
        let header = SegmentHeader { number: 7, bytes: 1 << 20, log_id: 3, mark: u64::MAX };
        let good = header.encode();
        assert_eq!(good.len(), SegmentHeader::BYTES);
        assert_eq!(SegmentHeader::decode(&good), Ok(header));
        for bit in 0..SegmentHeader::FIELDS_BYTES * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentHeader::decode(&bad), Err(FormatError::Damaged), "{bit}");
        }
        assert_eq!(SegmentHeader::decode(&good[..43]), Err(FormatError::Damaged));
    }

    #[test]
    fn another_version_is_told_apart_from_damage() {
        let mut bytes = SegmentHeader { number: 1, bytes: 8192, log_id: 3, mark: 4 }.encode();
        for (version, error) in
            [(3, FormatError::Newer { version: 3 }), (1, FormatError::Older { version: 1 })]
        {
            bytes[8] = version;
            let crc = crc32c::crc32c(&bytes[..40]);
            bytes[40..44].copy_from_slice(&crc.to_le_bytes());
            assert_eq!(SegmentHeader::decode(&bytes), Err(error));
        }
    }
}
