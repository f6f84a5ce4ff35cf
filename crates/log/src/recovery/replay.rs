//! Puts the streams together again from the entries of frames.

use crate::LogSettings;
use crate::contents::Contents;
use crate::format::{Body, Entry, EntryHeader, Location, aligned};
use crate::index::Checkpoint;
use crate::pending::Pending;
use crate::settings::PlantedBug;
use crate::streams::{Contradiction, Staged, Streams};
use bytes::Bytes;
use std::sync::Arc;

/// The streams as the frames so far leave them.
pub(super) struct Replay<'a> {
    settings: &'a LogSettings,
    contents: Arc<Contents>,
    streams: Streams,
    pending: Vec<Pending>,
}

impl<'a> Replay<'a> {
    /// Goes on from the streams of a snapshot.
    pub(super) fn new(settings: &'a LogSettings, contents: Arc<Contents>) -> Replay<'a> {
        let streams = Streams::new(Arc::clone(&contents));
        Replay { settings, contents, streams, pending: Vec::new() }
    }

    /// Takes note of where the entries of a frame are that the snapshot contains already.
    pub(super) fn index_frame(
        &mut self,
        entries: &Bytes,
        count: u32,
        first: Location,
    ) -> Result<(), Contradiction> {
        let mut rest = entries.clone();
        let mut location = first;
        let mut directory = self.contents.directory_mut();
        for _ in 0..count {
            let (header, _, bytes) = decode(self.settings, &rest).ok_or(Contradiction)?;
            if header.is_append()
                && let Some(id) = directory.of(header.incarnation)
            {
                let first_index = header.first_index;
                directory.record_mut(id).on_known_entry(Checkpoint { first_index, location });
            }
            rest = rest.slice(bytes..);
            location.at += u32::try_from(bytes).map_err(|_| Contradiction)?;
        }
        if rest.is_empty() { Ok(()) } else { Err(Contradiction) }
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
            let (header, entry, bytes) = decode(self.settings, &rest).ok_or(Contradiction)?;
            let place = |streams: Staged<'_>| streams.stream(entry.incarnation).map(|it| it.place());
            let stream = self.streams.look(place);
            if matches!(entry.body, Body::Append { .. })
                && stream.is_none_or(|stream| stream.last() != header.previous)
            {
                return Err(Contradiction);
            }
            self.streams.apply(entry, stream, location, self.settings, &mut self.pending)?;
            rest = rest.slice(bytes..);
            location.at += u32::try_from(bytes).map_err(|_| Contradiction)?;
        }
        let mut directory = self.contents.directory_mut();
        for pending in self.pending.drain(..) {
            pending.show(&mut directory, &self.contents);
        }
        drop(directory);
        self.streams.on_shown();
        if rest.is_empty() { Ok(()) } else { Err(Contradiction) }
    }

    pub(super) fn into_streams(self) -> Streams {
        self.streams
    }
}

/// The first entry of `bytes`, and how many of them it takes.
fn decode(settings: &LogSettings, bytes: &Bytes) -> Option<(EntryHeader, Entry, usize)> {
    let header = EntryHeader::decode(bytes.first_chunk()?)?;
    let end = EntryHeader::BYTES.checked_add(header.body_bytes()?)?;
    let whole = aligned(end);
    if bytes.len() < whole {
        return None;
    }
    let body = bytes.slice(EntryHeader::BYTES..end);
    let sound = header.is_sound(&body) || settings.has(PlantedBug::NoChecksum);
    let entry = header.entry(&body).filter(|_| sound)?;
    Some((header, entry, whole))
}
