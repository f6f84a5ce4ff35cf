//! Reads files of a disk that fails: what can't be read is zeros, which nothing is taken for.

use crate::storage::StorageFile;
use std::io;

/// What a failing disk is asked for at once, where a larger read failed.
const PIECE_BYTES: usize = 4096;

/// All bytes of a file.
pub(super) fn read_all(file: &dyn StorageFile) -> io::Result<Vec<u8>> {
    let bytes = usize::try_from(file.bytes()?).map_err(io::Error::other)?;
    Ok(read(file, 0, bytes))
}

/// So many bytes from a position.
pub(super) fn read(file: &dyn StorageFile, at: u64, bytes: usize) -> Vec<u8> {
    let mut buffer = vec![0; bytes];
    if file.read_at(at, &mut buffer).is_err() {
        for (piece_at, piece) in (at..).step_by(PIECE_BYTES).zip(buffer.chunks_mut(PIECE_BYTES)) {
            if file.read_at(piece_at, piece).is_err() {
                piece.fill(0);
            }
        }
    }
    buffer
}
