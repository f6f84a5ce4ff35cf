//! Snapshots: the directory at one point of the log, in chunks.

use super::fields::{u32_at, u64_at};
use super::manifest::{put_u32s, put_u64s};
use super::page::PageKind;
use super::{FormatError, VERSION};

/// What stands at the beginning of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SnapshotHeader {
    pub(crate) id: u32,
    pub(crate) log_id: u64,
    /// The first frame that is not in it.
    pub(crate) next_frame: u64,
    pub(crate) streams_count: u64,
    pub(crate) chunks_count: u64,
}

impl SnapshotHeader {
    pub(crate) const BYTES: usize = 64;

    const MAGIC: [u8; 8] = *b"TIDSNAP\n";

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SnapshotHeader::BYTES);
        out.extend_from_slice(&SnapshotHeader::MAGIC);
        put_u32s(&mut out, &[VERSION, self.id]);
        put_u64s(&mut out, &[self.log_id, self.next_frame, self.streams_count, self.chunks_count]);
        out.resize(SnapshotHeader::BYTES - 4, 0);
        let crc = crc32c::crc32c(&out);
        put_u32s(&mut out, &[crc]);
        out
    }

    pub(crate) fn decode(bytes: &[u8; SnapshotHeader::BYTES]) -> Result<SnapshotHeader, FormatError> {
        let crc = crc32c::crc32c(&bytes[..SnapshotHeader::BYTES - 4]);
        if !bytes.starts_with(&SnapshotHeader::MAGIC) || u32_at(bytes, SnapshotHeader::BYTES - 4) != crc {
            return Err(FormatError::Damaged);
        }
        match u32_at(bytes, 8) {
            VERSION => Ok(SnapshotHeader {
                id: u32_at(bytes, 12),
                log_id: u64_at(bytes, 16),
                next_frame: u64_at(bytes, 24),
                streams_count: u64_at(bytes, 32),
                chunks_count: u64_at(bytes, 40),
            }),
            version => Err(FormatError::of_version(version)),
        }
    }
}

/// Some streams of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) number: u64,
    pub(crate) streams_count: u32,
    /// The streams, one after another.
    pub(crate) bytes: Vec<u8>,
}

impl Chunk {
    /// The size of what stands before the body.
    pub(crate) const HEADER_BYTES: usize = 32;

    /// No chunk that is written is larger, unless one stream is.
    const BYTES_MAX: usize = 1 << 30;

    pub(crate) fn encode(&self) -> Vec<u8> {
        let (kind, body) = super::page::compressed(&self.bytes);
        let mut out = vec![0; 4];
        let length = |bytes: usize| u32::try_from(bytes).expect("a chunk is small");
        put_u32s(&mut out, &[length(body.len()), length(self.bytes.len()), self.streams_count]);
        put_u64s(&mut out, &[self.number, kind as u64]);
        out.extend_from_slice(&body);
        let crc = crc32c::crc32c(&out[4..]);
        out[..4].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// How long the body of a chunk with that header is.
    pub(crate) fn body_bytes(header: &[u8; Chunk::HEADER_BYTES]) -> usize {
        u32_at(header, 4) as usize
    }

    /// The chunk of that number.
    pub(crate) fn decode(header: &[u8; Chunk::HEADER_BYTES], body: &[u8], number: u64) -> Option<Chunk> {
        let crc = crc32c::crc32c_append(crc32c::crc32c(&header[4..]), body);
        let sound = u32_at(header, 0) == crc && u64_at(header, 16) == number;
        let raw_bytes =
            Some(u32_at(header, 8) as usize).filter(|bytes| sound && *bytes <= Chunk::BYTES_MAX)?;
        let kind = match u64_at(header, 24) {
            0 => PageKind::Stored,
            1 => PageKind::Lz4,
            _ => return None,
        };
        let bytes = super::page::expanded(kind, body, raw_bytes)?;
        Some(Chunk { number, streams_count: u32_at(header, 12), bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_and_a_flipped_bit_is_seen() {
        let header = SnapshotHeader { id: 4, log_id: 5, next_frame: 6, streams_count: 7, chunks_count: 8 };
        let good = header.encode();
        assert_eq!(SnapshotHeader::decode(good.first_chunk().unwrap()), Ok(header));
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SnapshotHeader::decode(bad.first_chunk().unwrap()), Err(FormatError::Damaged));
        }
    }

    #[test]
    fn a_chunk_reads_back_and_a_flipped_bit_is_seen() {
        for bytes in [vec![7; 300], (0..255).collect()] {
            let chunk = Chunk { number: 3, streams_count: 2, bytes };
            let good = chunk.encode();
            let decode = |bytes: &[u8], number| {
                let (header, body) = bytes.split_first_chunk().unwrap();
                Chunk::decode(header, body, number)
            };
            assert_eq!(decode(&good, 3), Some(chunk));
            assert_eq!(decode(&good, 4), None);
            for bit in 0..good.len() * 8 {
                let mut bad = good.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(decode(&bad, 3), None);
            }
        }
    }
}
