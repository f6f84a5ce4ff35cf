//! Whether each stream has all of its messages, once, in blocks and in segments that are not sealed.

use super::super::Damage;
use super::blocks::Run;
use crate::contents::Contents;
use crate::format::BlockMeta;
use crate::segments::Segment;
use crate::{Catalog, ReadError, StreamView};
use std::collections::HashMap;
use std::sync::Arc;
use tidings_model::Incarnation;

/// What was found of the streams of a log. Blocks come by age, then what is not sealed.
pub(super) struct Coverage {
    contents: Arc<Contents>,
    seen: HashMap<Incarnation, Seen>,
    /// Where something can't be read or does not fit, what comes later can't be judged.
    broken: bool,
}

/// What the blocks so far have of a stream.
#[derive(Clone, Copy)]
struct Seen {
    /// The index behind the last message.
    next: u64,
    /// The segments of the last block with messages of the stream.
    segments: (u32, u32),
}

/// Batches that are looked at at once.
const BATCHES: usize = 10_000;

impl Coverage {
    pub(super) fn new(contents: Arc<Contents>) -> Coverage {
        Coverage { contents, seen: HashMap::new(), broken: false }
    }

    /// The next run of a block. An error says what is wrong with it.
    pub(super) fn on_run(&mut self, run: Run, meta: &BlockMeta) -> Result<(), String> {
        let directory = self.contents.directory();
        let Some(record) = directory.of(run.incarnation).map(|id| directory.record(id)) else {
            return Ok(());
        };
        let (earliest, tail) = (record.earliest_index, record.tail_index);
        if run.end_index <= earliest {
            return Ok(());
        }
        let segments = (meta.first_segment, meta.last_segment);
        let seen = self.seen.insert(run.incarnation, Seen { next: run.end_index, segments });
        let name = &record.name;
        if tail < run.end_index {
            return Err(format!("`{name}` ends at index {tail}, but here it goes on to {}", run.end_index));
        }
        let Some(seen) = seen else {
            return match run.first_index {
                first if first <= earliest => Ok(()),
                first => Err(format!("`{name}` begins at index {earliest}, but here at {first}")),
            };
        };
        if run.first_index != seen.next {
            return Err(format!("`{name}` goes on at index {}, but here at {}", seen.next, run.first_index));
        }
        let previous = run.previous_segment;
        if segments != seen.segments && (previous < seen.segments.0 || seen.segments.1 < previous) {
            return Err(format!("the messages of `{name}` before these are not where this says"));
        }
        Ok(())
    }

    /// Looks at what is not sealed, if all before it was sound. Returns how many streams and messages there are, and the
    /// bytes of these.
    pub(super) fn finish(mut self, sealed: u32, damage: &mut Vec<Damage>) -> (u64, u64, u64) {
        self.broken = !damage.is_empty();
        let (mut streams, mut messages, mut bytes) = (0, 0, 0);
        Catalog(Arc::clone(&self.contents)).for_each(|view| {
            streams += 1;
            messages += view.tail_index - view.earliest_index;
            bytes += view.bytes;
            if !self.broken
                && let Err(fault) = self.check(&view, sealed)
            {
                damage.push(fault);
            }
        });
        (streams, messages, bytes)
    }

    fn check(&self, view: &StreamView, sealed: u32) -> Result<(), Damage> {
        let StreamView { name, earliest_index, tail_index, stored, .. } = view;
        if earliest_index == tail_index {
            return Ok(());
        }
        let last = {
            let directory = self.contents.directory();
            directory.record_of(stored.id, stored.incarnation).and_then(|record| record.last)
        };
        let segment = last.map_or(0, |last| last.segment);
        let fault =
            |what: String| Damage::new(Segment::name(segment), last.map_or(0, |it| u64::from(it.at)), what);
        let seen = self.seen.get(&view.incarnation);
        let mut next = seen.map_or(*earliest_index, |seen| seen.next);
        if segment <= sealed {
            let right = seen.is_some_and(|it| it.segments.0 <= segment && segment <= it.segments.1);
            return if right && next == *tail_index {
                Ok(())
            } else {
                Err(fault(format!("`{name}` ends at index {tail_index}, but blocks have it up to {next}")))
            };
        }
        let read = |error: ReadError| match error {
            ReadError::Damaged { file, at } => {
                Damage::new(file, at, format!("the messages of `{name}` can't be followed from here"))
            }
            other @ (ReadError::Gone | ReadError::Trimmed { .. } | ReadError::Storage(_)) => {
                fault(format!("`{name}`: {other}"))
            }
        };
        if let Some(before) = next.checked_sub(1).filter(|before| earliest_index <= before) {
            // From what is not sealed back into the last block, as a reader goes.
            stored.batch_sizes(before, 1).map_err(read)?;
        }
        let mut may_straddle = seen.is_none();
        while next < *tail_index {
            let sizes = stored.batch_sizes(next, BATCHES).map_err(read)?;
            for size in &sizes {
                let fits = size.first_index == next || (may_straddle && size.first_index < next);
                if !fits {
                    let first = size.first_index;
                    return Err(fault(format!("`{name}` goes on at index {next}, but the log at {first}")));
                }
                (next, may_straddle) = (size.first_index + u64::from(size.count), false);
            }
            if sizes.is_empty() {
                return Err(fault(format!(
                    "`{name}` ends at index {tail_index}, but the log has it up to {next}"
                )));
            }
        }
        Ok(())
    }
}
