//! Snapshots: the directory at one point of the log, written while the log goes on, and loaded at the start.

use crate::OpenError;
use crate::block::{Paced, making_name};
use crate::contents::Contents;
use crate::directory::Directory;
use crate::format::{Chunk, FormatError, Manifest, SnapshotHeader, decode_record};
use crate::open_error::DamageReason;
use crate::storage::{Storage, StorageFile};
use std::io;
use std::sync::Arc;

/// The name of the file of a snapshot.
pub(crate) fn snapshot_name(id: u32) -> String {
    format!("{id:08}.snapshot")
}

/// Writes the copy of the directory that was begun. Returns how long the file is; its name is not synced.
pub(crate) fn write(
    storage: &dyn Storage,
    contents: &Contents,
    header: SnapshotHeader,
    pace: &mut dyn Paced,
) -> io::Result<u64> {
    let file = storage.create(&making_name(header.id), 0)?;
    let mut header = SnapshotHeader { streams_count: 0, chunks_count: 0, ..header };
    let mut out = Output { file, at: 0, buffer: header.encode(), pace };
    loop {
        // The lock is taken anew for each chunk, so that commits go on in between.
        let copied = contents.directory_mut().copy_chunk();
        let Some(copied) = copied else { break };
        if copied.streams_count == 0 {
            continue;
        }
        let chunk =
            Chunk { number: header.chunks_count, streams_count: copied.streams_count, bytes: copied.bytes };
        out.put(&chunk.encode())?;
        header.chunks_count += 1;
        header.streams_count += u64::from(chunk.streams_count);
    }
    out.flush()?;
    out.file.write_at(0, &header.encode())?;
    out.file.sync()?;
    storage.rename(&making_name(header.id), &snapshot_name(header.id))?;
    Ok(out.at)
}

/// A file that is written in order, and synced a little at a time.
struct Output<'a> {
    file: Arc<dyn StorageFile>,
    at: u64,
    buffer: Vec<u8>,
    pace: &'a mut dyn Paced,
}

impl Output<'_> {
    const WRITE_BYTES: usize = 1 << 20;

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(bytes);
        if Output::WRITE_BYTES <= self.buffer.len() { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_at(self.at, &self.buffer)?;
        self.file.sync()?;
        self.pace.wrote(self.buffer.len());
        self.at += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

/// Reads a snapshot front to back.
pub(crate) struct SnapshotReader {
    id: u32,
    file: Arc<dyn StorageFile>,
    pub(crate) header: SnapshotHeader,
    bytes: u64,
    at: u64,
    next_chunk: u64,
}

impl SnapshotReader {
    /// Opens the snapshot that the manifest names.
    pub(crate) fn open(storage: &dyn Storage, manifest: &Manifest) -> Result<SnapshotReader, OpenError> {
        let id = manifest.snapshot;
        let file = storage.open(&snapshot_name(id)).map_err(|error| {
            let missing = error.kind() == io::ErrorKind::NotFound;
            if missing { damaged(id, 0, DamageReason::Missing) } else { error.into() }
        })?;
        let bytes = file.bytes()?;
        let mut header = [0; SnapshotHeader::BYTES];
        if bytes != manifest.snapshot_bytes || bytes < header.len() as u64 {
            return Err(damaged(id, 0, DamageReason::Content));
        }
        file.read_at(0, &mut header)?;
        let header = match SnapshotHeader::decode(&header) {
            Ok(header) => header,
            Err(FormatError::Newer { version }) => return Err(OpenError::NewerFormat { version }),
            Err(FormatError::Older { version }) => return Err(OpenError::OlderFormat { version }),
            Err(FormatError::Damaged) => return Err(damaged(id, 0, DamageReason::Content)),
        };
        let right = header.id == id
            && header.log_id == manifest.log_id
            && header.next_frame == manifest.replay.next_frame;
        if !right {
            return Err(damaged(id, 0, DamageReason::Content));
        }
        Ok(SnapshotReader { id, file, header, bytes, at: SnapshotHeader::BYTES as u64, next_chunk: 0 })
    }

    /// The next chunk, checked; `None` at the end.
    pub(crate) fn next_chunk(&mut self) -> Result<Option<Chunk>, OpenError> {
        if self.next_chunk == self.header.chunks_count {
            let at_end = self.at == self.bytes;
            return if at_end { Ok(None) } else { Err(damaged(self.id, self.at, DamageReason::Content)) };
        }
        let damaged = || damaged(self.id, self.at, DamageReason::Content);
        let left = self.bytes - self.at;
        let mut header = [0; Chunk::HEADER_BYTES];
        if left < header.len() as u64 {
            return Err(damaged());
        }
        self.file.read_at(self.at, &mut header)?;
        let body_bytes = Chunk::body_bytes(&header);
        let end = header.len() as u64 + body_bytes as u64;
        if left < end {
            return Err(damaged());
        }
        let mut body = vec![0; body_bytes];
        self.file.read_at(self.at + header.len() as u64, &mut body)?;
        let chunk = Chunk::decode(&header, &body, self.next_chunk).ok_or_else(damaged)?;
        self.at += end;
        self.next_chunk += 1;
        Ok(Some(chunk))
    }

    /// Where the next chunk begins.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }
}

/// Loads the snapshot that the manifest names.
pub(crate) fn load(storage: &dyn Storage, manifest: &Manifest) -> Result<Directory, OpenError> {
    let mut directory = Directory::default();
    if manifest.snapshot == 0 {
        return Ok(directory);
    }
    let mut reader = SnapshotReader::open(storage, manifest)?;
    let mut count = 0;
    while let Some(chunk) = reader.next_chunk()? {
        let damaged = || damaged(manifest.snapshot, reader.at(), DamageReason::Content);
        count += u64::from(chunk.streams_count);
        add_chunk(&mut directory, &chunk).ok_or_else(damaged)?;
    }
    if count == reader.header.streams_count {
        Ok(directory)
    } else {
        Err(damaged(manifest.snapshot, 0, DamageReason::Content))
    }
}

/// Adds the streams of a chunk; `None` if they are not what a snapshot holds.
pub(crate) fn add_chunk(directory: &mut Directory, chunk: &Chunk) -> Option<()> {
    let mut rest = chunk.bytes.as_slice();
    for _ in 0..chunk.streams_count {
        let record = decode_record(&mut rest, directory)?;
        directory.add_recovered(record).ok()?;
    }
    rest.is_empty().then_some(())
}

fn damaged(id: u32, at: u64, reason: DamageReason) -> OpenError {
    OpenError::Damaged { file: snapshot_name(id), at, frame: 0, reason }
}
