//! The manifest: what belongs to the log.

use super::fields::{FieldReader, u32_at};
use super::{FormatError, VERSION};

/// Everything that belongs to a log but the segments after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// The greater one counts.
    pub(crate) number: u64,
    pub(crate) log_id: u64,
    pub(crate) mark: u64,
    /// Where the log goes on after the snapshot.
    pub(crate) replay: Point,
    /// The messages of all segments up to this one are in blocks.
    pub(crate) sealed: u32,
    /// The number of the next block or snapshot.
    pub(crate) next_id: u32,
    /// The number of the snapshot; 0 for none.
    pub(crate) snapshot: u32,
    pub(crate) snapshot_bytes: u64,
    pub(crate) written: Written,
    /// By age.
    pub(crate) blocks: Vec<BlockMeta>,
}

/// A place between two frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Point {
    /// The number of the frame behind it.
    pub(crate) next_frame: u64,
    /// Of the frame before it.
    pub(crate) epoch: u64,
    /// The `durable_upto` of the frame before it.
    pub(crate) vouched_upto: u64,
    /// The last frame before it that has entries.
    pub(crate) last_with_entries: u64,
    pub(crate) segment: u32,
    pub(crate) at: u32,
}

/// What was ever written, in bytes: for write amplification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    /// Messages that were sealed.
    pub(crate) messages: u64,
    pub(crate) frames: u64,
    pub(crate) sealed_blocks: u64,
    pub(crate) merged_blocks: u64,
    pub(crate) snapshots: u64,
}

/// What the manifest says of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockMeta {
    pub(crate) id: u32,
    pub(crate) first_segment: u32,
    pub(crate) last_segment: u32,
    pub(crate) footer_crc: u32,
    /// Of the file.
    pub(crate) bytes: u64,
    /// Bytes of its messages, and [`BlockMeta::MESSAGE_WEIGHT`] for each: so no message that lives weighs nothing.
    pub(crate) weight: u64,
    /// Of that, what is known to be trimmed or deleted.
    pub(crate) dead_weight: u64,
}

impl BlockMeta {
    /// What a message weighs beside its bytes.
    pub(crate) const MESSAGE_WEIGHT: u64 = 8;

    /// About how much of the file would be written again.
    pub(crate) fn live_bytes(&self) -> u64 {
        let live = u128::from(self.weight.saturating_sub(self.dead_weight));
        let share = u128::from(self.bytes) * live / u128::from(self.weight.max(1));
        u64::try_from(share).unwrap_or(self.bytes)
    }
}

impl Manifest {
    /// The size of a slot, and so the most that a manifest may have.
    pub(crate) const SLOT_BYTES: u64 = 256 << 10;

    const MAGIC: [u8; 8] = *b"TIDMANI\n";
    const FIXED_BYTES: usize = 144;
    const BLOCK_BYTES: usize = 40;

    /// How many blocks a slot has room for.
    pub(crate) const BLOCKS_MAX: usize = 6_000;

    /// The first segment that is needed: for its messages if it is not sealed, or for what the snapshot has not.
    pub(crate) fn first_segment(&self) -> u32 {
        self.replay.segment.min(self.sealed + 1)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let bytes = Manifest::FIXED_BYTES + self.blocks.len() * Manifest::BLOCK_BYTES + 4;
        let mut out = Vec::with_capacity(bytes);
        out.extend_from_slice(&Manifest::MAGIC);
        let count = |count: usize| u32::try_from(count).expect("blocks are limited");
        let Written { messages, frames, sealed_blocks, merged_blocks, snapshots } = self.written;
        put_u32s(&mut out, &[VERSION, count(bytes)]);
        let Point { next_frame, epoch, vouched_upto, last_with_entries, segment, at } = self.replay;
        let fixed = [self.number, self.log_id, self.mark, next_frame, epoch, vouched_upto, last_with_entries];
        put_u64s(&mut out, &fixed);
        put_u32s(
            &mut out,
            &[segment, at, self.sealed, self.next_id, self.snapshot, count(self.blocks.len())],
        );
        let written = [self.snapshot_bytes, messages, frames, sealed_blocks, merged_blocks, snapshots];
        put_u64s(&mut out, &written);
        for block in &self.blocks {
            put_u32s(&mut out, &[block.id, block.first_segment, block.last_segment, block.footer_crc]);
            put_u64s(&mut out, &[block.bytes, block.weight, block.dead_weight]);
        }
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    /// The manifest at the beginning of a slot.
    pub(crate) fn decode(slot: &[u8]) -> Result<Manifest, FormatError> {
        let fixed: &[u8; Manifest::FIXED_BYTES] = slot.first_chunk().ok_or(FormatError::Damaged)?;
        let bytes = u32_at(fixed, 12) as usize;
        let (body, crc) = slot
            .get(..bytes)
            .and_then(<[u8]>::split_last_chunk::<4>)
            .filter(|(body, _)| body.starts_with(&Manifest::MAGIC) && Manifest::FIXED_BYTES <= body.len())
            .ok_or(FormatError::Damaged)?;
        if u32::from_le_bytes(*crc) != crc32c::crc32c(body) {
            return Err(FormatError::Damaged);
        }
        match u32_at(fixed, 8) {
            VERSION => Manifest::fields(&mut FieldReader(&body[16..])).ok_or(FormatError::Damaged),
            version => Err(FormatError::of_version(version)),
        }
    }

    fn fields(fields: &mut FieldReader<'_>) -> Option<Manifest> {
        let (number, log_id, mark) = (fields.u64()?, fields.u64()?, fields.u64()?);
        let (next_frame, epoch, vouched_upto, last_with_entries) =
            (fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?);
        let (segment, at, sealed, next_id, snapshot, blocks_count) =
            (fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?);
        let snapshot_bytes = fields.u64()?;
        let written = Written {
            messages: fields.u64()?,
            frames: fields.u64()?,
            sealed_blocks: fields.u64()?,
            merged_blocks: fields.u64()?,
            snapshots: fields.u64()?,
        };
        let mut blocks: Vec<BlockMeta> = Vec::new();
        for _ in 0..blocks_count {
            let block = BlockMeta {
                id: fields.u32()?,
                first_segment: fields.u32()?,
                last_segment: fields.u32()?,
                footer_crc: fields.u32()?,
                bytes: fields.u64()?,
                weight: fields.u64()?,
                dead_weight: fields.u64()?,
            };
            let follows = blocks.last().is_none_or(|before| before.last_segment < block.first_segment);
            if !follows || block.last_segment < block.first_segment || sealed < block.last_segment {
                return None;
            }
            blocks.push(block);
        }
        let replay = Point { next_frame, epoch, vouched_upto, last_with_entries, segment, at };
        let sound = fields.is_at_end() && segment != 0 && sealed != u32::MAX && next_frame != 0;
        sound.then_some(Manifest {
            number,
            log_id,
            mark,
            replay,
            sealed,
            next_id,
            snapshot,
            snapshot_bytes,
            written,
            blocks,
        })
    }
}

pub(super) fn put_u32s(out: &mut Vec<u8>, values: &[u32]) {
    for value in values {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

pub(super) fn put_u64s(out: &mut Vec<u8>, values: &[u64]) {
    for value in values {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_reads_back_and_a_flipped_bit_is_seen() {
        let block = |id: u32| BlockMeta {
            id,
            first_segment: id * 2,
            last_segment: id * 2 + 1,
            footer_crc: 9,
            bytes: 10,
            weight: 11,
            dead_weight: 12,
        };
        let point =
            Point { next_frame: 5, epoch: 2, vouched_upto: 3, last_with_entries: 4, segment: 4, at: 4096 };
        let written = Written { messages: 1, frames: 2, sealed_blocks: 3, merged_blocks: 4, snapshots: 5 };
        let manifest = Manifest {
            number: 7,
            log_id: 1,
            mark: 2,
            replay: point,
            sealed: 6,
            next_id: 9,
            snapshot: 8,
            snapshot_bytes: 100,
            written,
            blocks: vec![block(1), block(2)],
        };
        let good = manifest.encode();
        assert_eq!(Manifest::decode(&[good.as_slice(), &[0; 9]].concat()), Ok(manifest.clone()));
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Manifest::decode(&bad), Err(FormatError::Damaged), "{bit}");
        }
        assert_eq!(Manifest::decode(&good[..good.len() - 1]), Err(FormatError::Damaged));
        let blocks = vec![block(1); Manifest::BLOCKS_MAX];
        assert!(Manifest { blocks, ..manifest }.encode().len() as u64 <= Manifest::SLOT_BYTES);
    }
}
