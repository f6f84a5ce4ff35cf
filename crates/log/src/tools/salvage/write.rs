//! Writes the streams that were found to a new log, each from behind its last gap.

use super::frames::Frames;
use super::lives::Life;
use super::pages::{PageAt, PageFile};
use super::source::Found;
use super::{Dropped, IncompleteStream, KeepDropped, Piece, SalvageError, Salvaged, Source};
use crate::format::{Body, Page};
use crate::storage::Storage;
use crate::{
    Identity, Log, LogSettings, Operation, Publish, Random, Refusal, Restore, RestoreError, Upkeep, Worked,
};
use std::ops::Range;
use std::sync::Arc;
use tidings_model::{
    Batch, ContentType, Incarnation, Lifetime, Retention, StreamConfig, StreamName, Timestamp,
};

/// A commit for about so much.
const COMMIT_BYTES: usize = 1 << 20;

/// Where what was found is.
struct Reader {
    frames: Frames,
    blocks: Vec<PageFile>,
    /// The page that was read last: streams are read in the order in which blocks have them.
    page: Option<(usize, PageAt, Page)>,
}

/// The new log.
struct Target {
    log: Log,
    upkeep: Upkeep,
    salvaged: Salvaged,
}

/// What there is of a stream.
struct Extent {
    pieces: Vec<Piece>,
    missing: Vec<Range<u64>>,
    found: Vec<Range<u64>>,
    earliest_index: u64,
}

/// Writes all streams that are not known to be deleted.
pub(super) fn write(
    found: Found,
    to: Arc<dyn Storage>,
    (settings, random): (LogSettings, Random),
    keep: &mut KeepDropped<'_>,
) -> Result<Salvaged, SalvageError> {
    let settings = LogSettings { streams_max: usize::MAX, producers_max: usize::MAX, ..settings };
    let mut log = Log::open(to, settings, random).map_err(SalvageError::Open)?;
    let upkeep = log.take_upkeep().expect("a log that was just opened has its upkeep");
    let mut target = Target { log, upkeep, salvaged: Salvaged::default() };
    target.salvaged.missing_frames = found.missing_frames;
    target.salvaged.has_snapshot = found.has_snapshot;
    target.salvaged.cut_segments = found.cut_segments;
    let mut reader = Reader { frames: found.frames, blocks: found.blocks, page: None };
    let mut lives: Vec<(Incarnation, Life)> = found.lives.of.into_iter().collect();
    lives.sort_unstable_by_key(|(incarnation, _)| *incarnation);
    for (incarnation, life) in lives.into_iter().filter(|(_, life)| !life.deleted) {
        target.stream(incarnation, life, &mut reader, keep)?;
    }
    target.commit()?;
    target.log.settle()?;
    Ok(target.salvaged)
}

impl Target {
    fn stream(
        &mut self,
        incarnation: Incarnation,
        mut life: Life,
        reader: &mut Reader,
        keep: &mut KeepDropped<'_>,
    ) -> Result<(), SalvageError> {
        let Extent { pieces, missing, found, earliest_index } = extent(&mut life);
        let is_named = life.creation.is_some();
        let remembered = life.remembered();
        let (name, config, created) = life.creation.take().unwrap_or_else(|| unnamed(incarnation));
        let first_index = missing.last().map_or(earliest_index, |last| last.end);
        let config = Arc::unwrap_or_clone(config);
        let restore = Restore { name, incarnation, config, created, first_index, remembered };
        let is_before = |run: &Range<u64>| run.end <= first_index;
        let dropped: Vec<Range<u64>> = found.into_iter().filter(is_before).collect();
        for run in &dropped {
            let beginning = Restore { first_index: run.start, ..restore.clone() };
            keep(Dropped::Run(&beginning, run.end)).map_err(SalvageError::Keep)?;
            reader.read(&pieces, run.clone(), &mut |batch| {
                keep(Dropped::Batch(&batch)).map_err(SalvageError::Keep)
            })?;
        }
        self.restore(restore.clone())?;
        reader.read(&pieces, first_index..life.tail_index, &mut |batch| self.publish(&restore, batch))?;
        if life.closed {
            let close = Operation::Close { name: restore.name.clone(), producer: None };
            self.stage(&restore, close, created)?;
        }
        self.salvaged.streams += 1;
        self.salvaged.messages += life.tail_index - first_index;
        if !missing.is_empty() || !is_named || !life.begin_known {
            self.salvaged.incomplete.push(IncompleteStream {
                name: restore.name,
                incarnation,
                is_named,
                begin_known: life.begin_known,
                earliest_index: first_index,
                tail_index: life.tail_index,
                missing,
                dropped,
            });
        }
        Ok(())
    }

    fn restore(&mut self, restore: Restore) -> Result<(), SalvageError> {
        let name = restore.name.clone();
        self.log.restore(restore).map_err(|error| SalvageError::Restore { name, error })?;
        self.commit_if_large()
    }

    fn publish(&mut self, restore: &Restore, batch: Batch) -> Result<(), SalvageError> {
        let publish = Publish {
            name: restore.name.clone(),
            incarnation: Some(restore.incarnation),
            create: None,
            content_type: None,
            messages: batch.messages,
            seq: None,
            identity: Identity::None,
            close: false,
        };
        self.stage(restore, Operation::Publish(publish), batch.time)
    }

    fn stage(
        &mut self,
        restore: &Restore,
        operation: Operation,
        time: Timestamp,
    ) -> Result<(), SalvageError> {
        let refused = |refusal: Refusal| {
            let error = RestoreError::Refused(refusal);
            SalvageError::Restore { name: restore.name.clone(), error }
        };
        self.log.stage(operation, time).map_err(refused)?;
        self.commit_if_large()
    }

    fn commit_if_large(&mut self) -> Result<(), SalvageError> {
        if COMMIT_BYTES <= self.log.staged_bytes() { self.commit() } else { Ok(()) }
    }

    fn commit(&mut self) -> Result<(), SalvageError> {
        self.log.commit()?;
        while self.upkeep.work(&mut |_| ())? == Worked::Something {}
        Ok(())
    }
}

/// Sorts what was found of a stream, and says what is missing.
fn extent(life: &mut Life) -> Extent {
    let mut pieces = std::mem::take(&mut life.pieces);
    pieces.sort_unstable_by_key(|piece| (piece.first_index, std::cmp::Reverse(piece.end_index)));
    let first_found = pieces.first().map_or(life.tail_index, |piece| piece.first_index);
    let earliest_index =
        if life.begin_known { life.earliest_index } else { life.earliest_index.max(first_found) };
    let (mut missing, mut found) = (Vec::new(), Vec::<Range<u64>>::new());
    let mut next = earliest_index;
    for piece in &pieces {
        if piece.end_index <= next {
            continue;
        }
        if next < piece.first_index {
            missing.push(next..piece.first_index);
        }
        let start = piece.first_index.max(next);
        match found.last_mut().filter(|last| last.end == start) {
            Some(last) => last.end = piece.end_index,
            None => found.push(start..piece.end_index),
        }
        next = piece.end_index;
    }
    if next < life.tail_index {
        missing.push(next..life.tail_index);
    }
    Extent { pieces, missing, found, earliest_index }
}

/// What a stream is called of which only messages are left.
fn unnamed(incarnation: Incarnation) -> (StreamName, Arc<StreamConfig>, Timestamp) {
    let name = StreamName::parse(&format!("salvaged/{incarnation}")).expect("hexadecimal digits are a name");
    let config = StreamConfig {
        content_type: ContentType::bytes(),
        lifetime: Lifetime::Forever,
        retention: Retention::default(),
        durability: None,
    };
    (name, Arc::new(config), Timestamp(0))
}

impl Reader {
    /// Hands over the messages of a range that was found.
    fn read(
        &mut self,
        pieces: &[Piece],
        range: Range<u64>,
        take: &mut dyn FnMut(Batch) -> Result<(), SalvageError>,
    ) -> Result<(), SalvageError> {
        let mut next = range.start;
        for piece in pieces {
            if range.end <= next || range.end <= piece.first_index {
                break;
            }
            if piece.end_index <= next {
                continue;
            }
            for batch in self.batches(piece) {
                let Some(batch) = behind(batch, next) else { continue };
                next = batch.end_index();
                take(batch)?;
            }
        }
        Ok(())
    }

    /// The batches of a piece. It was read before, and is as it was.
    fn batches(&mut self, piece: &Piece) -> Vec<Batch> {
        match piece.source {
            Source::Entry(place) => {
                let Some((header, body)) = self.frames.entry(place) else { return Vec::new() };
                match header.entry(&body).map(|entry| entry.body) {
                    Some(Body::Append { first_index, messages, .. }) => {
                        vec![Batch { first_index, time: header.time, messages }]
                    }
                    _ => Vec::new(),
                }
            }
            Source::Part { block, page: place, part } => {
                if self.page.as_ref().is_none_or(|(known, at, _)| (*known, *at) != (block, place)) {
                    self.page = self.blocks[block].page(place).map(|page| (block, place, page));
                }
                let Some((_, _, page)) = &self.page else { return Vec::new() };
                let Some(part) = page.parts().nth(part).flatten() else { return Vec::new() };
                page.batches(&part).map_while(|batch| batch.map(|batch| page.batch(&batch))).collect()
            }
        }
    }
}

/// The messages of a batch from an index on.
fn behind(batch: Batch, next: u64) -> Option<Batch> {
    if batch.end_index() <= next {
        return None;
    }
    let skipped = usize::try_from(next.saturating_sub(batch.first_index)).unwrap_or(usize::MAX);
    let first_index = batch.first_index.max(next);
    Some(Batch {
        first_index,
        time: batch.time,
        messages: batch.messages.into_iter().skip(skipped).collect(),
    })
}
