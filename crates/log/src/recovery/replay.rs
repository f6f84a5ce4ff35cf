//! Puts the streams together again from the entries of frames.

use crate::LogSettings;
use crate::format::{Body, Entry, EntryHeader, Location, aligned};
use crate::pending::Pending;
use crate::settings::PlantedBug;
use crate::streams::{Contradiction, Streams};
use bytes::Bytes;

/// The streams as the frames so far leave them.
pub(super) struct Replay<'a> {
    settings: &'a LogSettings,
    streams: Streams,
    pending: Vec<Pending>,
}

impl<'a> Replay<'a> {
    pub(super) fn new(settings: &'a LogSettings) -> Replay<'a> {
        Replay { settings, streams: Streams::default(), pending: Vec::new() }
    }

    /// Applies the entries of a frame, the first of which is at `first`.
    pub(super) fn frame(
        &mut self,
        entries: &Bytes,
        count: u32,
        first: Location,
    ) -> Result<(), Contradiction> {
        let mut rest = entries.clone();
        let mut location = first;
        for _ in 0..count {
            let (header, entry, bytes) = self.decode(&rest).ok_or(Contradiction)?;
            let known = self.streams.stream(entry.incarnation);
            if matches!(entry.body, Body::Append { .. })
                && known.is_none_or(|stream| stream.last != header.previous)
            {
                return Err(Contradiction);
            }
            self.streams.apply(entry, location, self.settings, &mut self.pending)?;
            rest = rest.slice(bytes..);
            location.at += u32::try_from(bytes).map_err(|_| Contradiction)?;
        }
        for pending in self.pending.drain(..) {
            pending.show();
        }
        if rest.is_empty() { Ok(()) } else { Err(Contradiction) }
    }

    pub(super) fn into_streams(self) -> Streams {
        self.streams
    }

    /// The first entry of `bytes`, and how many of them it takes.
    fn decode(&self, bytes: &Bytes) -> Option<(EntryHeader, Entry, usize)> {
        let header = EntryHeader::decode(bytes.first_chunk()?)?;
        let end = EntryHeader::BYTES.checked_add(header.body_bytes()?)?;
        let whole = aligned(end);
        if bytes.len() < whole {
            return None;
        }
        let body = bytes.slice(EntryHeader::BYTES..end);
        let sound = header.is_sound(&body) || self.settings.has(PlantedBug::NoChecksum);
        let entry = header.entry(&body).filter(|_| sound)?;
        Some((header, entry, whole))
    }
}
