//! Segment files: how they are named, made, opened, and used again.

use crate::format::{FormatError, SegmentHeader};
use crate::storage::{Storage, StorageFile};
use std::io;
use std::sync::Arc;

/// One segment file.
pub(crate) struct Segment {
    pub(crate) header: SegmentHeader,
    pub(crate) file: Arc<dyn StorageFile>,
}

/// A segment that was, whose file is going to be one again.
pub(crate) struct Spare {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) file: Arc<dyn StorageFile>,
}

impl Spare {
    pub(crate) const SUFFIX: &str = ".spare";
}

/// Why a segment can't be opened.
pub(crate) enum SegmentError {
    Storage(io::Error),
    Format(FormatError),
}

impl Segment {
    /// Makes a segment that is ready for frames. It has its final name only when it is whole and synced, so that
    /// whoever finds the name may rely on the header.
    pub(crate) fn make(storage: &dyn Storage, header: SegmentHeader) -> io::Result<Segment> {
        let unfinished = format!("{:08}.filling", header.number);
        let file = storage.create(&unfinished, header.bytes)?;
        Segment::finish(storage, header, file, &unfinished)
    }

    /// Makes a segment of an old one, which has its space already.
    pub(crate) fn make_of(storage: &dyn Storage, header: SegmentHeader, spare: Spare) -> io::Result<Segment> {
        Segment::finish(storage, SegmentHeader { bytes: spare.bytes, ..header }, spare.file, &spare.name)
    }

    fn finish(
        storage: &dyn Storage,
        header: SegmentHeader,
        file: Arc<dyn StorageFile>,
        unfinished: &str,
    ) -> io::Result<Segment> {
        file.write_at(0, &header.encode())?;
        file.sync()?;
        storage.rename(unfinished, &Segment::name(header.number))?;
        // The name too: on ext4 that of a new file can be lost although its bytes are safe.
        storage.sync_directory()?;
        Ok(Segment { header, file })
    }

    /// Opens a segment and checks its header. A file that is shorter than its header says is damaged.
    pub(crate) fn open(storage: &dyn Storage, number: u32) -> Result<Segment, SegmentError> {
        let damaged = SegmentError::Format(FormatError::Damaged);
        let file = storage.open(&Segment::name(number)).map_err(SegmentError::Storage)?;
        let bytes = file.bytes().map_err(SegmentError::Storage)?;
        if bytes < SegmentHeader::BYTES as u64 {
            return Err(damaged);
        }
        let mut buffer = [0; SegmentHeader::BYTES];
        file.read_at(0, &mut buffer).map_err(SegmentError::Storage)?;
        let header = SegmentHeader::decode(&buffer).map_err(SegmentError::Format)?;
        let sound = header.number == number && header.bytes <= bytes && u32::try_from(header.bytes).is_ok();
        if sound { Ok(Segment { header, file }) } else { Err(damaged) }
    }

    /// Turns a segment that nothing needs into a spare one. From here on its old number means nothing.
    pub(crate) fn into_spare(self, storage: &dyn Storage) -> io::Result<Spare> {
        let name = format!("{:08}{}", self.header.number, Spare::SUFFIX);
        storage.rename(&Segment::name(self.header.number), &name)?;
        Ok(Spare { name, bytes: self.header.bytes, file: self.file })
    }

    /// The name of the file of a segment.
    pub(crate) fn name(number: u32) -> String {
        format!("{number:08}.segment")
    }

    /// The number of the segment that has this name, if it is the name of one.
    pub(crate) fn number(name: &str) -> Option<u32> {
        let number = name.strip_suffix(".segment")?.parse().ok()?;
        (number != 0 && Segment::name(number) == name).then_some(number)
    }

    /// Where its last frame must end. A header that was opened fits 32 bits.
    pub(crate) fn end(&self) -> u32 {
        u32::try_from(self.header.bytes).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStorage;

    #[test]
    fn only_names_of_segments_are_segments() {
        assert_eq!(Segment::number(&Segment::name(7)), Some(7));
        for other in ["lock", "00000001.filling", "1.segment", "00000000.segment", "+0000001.segment"] {
            assert_eq!(Segment::number(other), None, "{other}");
        }
    }

    #[test]
    fn a_segment_of_another_number_or_size_is_damaged() {
        let storage = MemoryStorage::new(1 << 20);
        let header = SegmentHeader { number: 1, bytes: 8192, log_id: 1, mark: 2 };
        Segment::make(&storage, header).map(drop).unwrap();
        assert!(Segment::open(&storage, 1).is_ok());
        storage.rename("00000001.segment", "00000002.segment").unwrap();
        assert!(matches!(Segment::open(&storage, 2), Err(SegmentError::Format(FormatError::Damaged))));
        storage.create("00000003.segment", 4096).unwrap().write_at(0, &header.encode()).unwrap();
        assert!(matches!(Segment::open(&storage, 3), Err(SegmentError::Format(FormatError::Damaged))));
    }
}
