//! What was revoked, for all workers, and the file that keeps it over a restart.
//!
//! A change holds at once; it is answered when the file is synced. The file is written whole, by a thread that lives as long as there is
//! something to write: no turn of a worker waits for the disk.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tidings_auth::Revocations;

/// The name of the file with what was revoked, in the data folder.
pub const FILE_NAME: &str = "revocations.json";

/// The revocations, and how far they are stored.
#[derive(Debug)]
pub(crate) struct Revoking {
    path: PathBuf,
    state: Mutex<State>,
    /// That of the state, to be asked without its lock.
    version: AtomicU64,
}

#[derive(Debug)]
struct State {
    all: Arc<Revocations>,
    /// How often they were changed.
    version: u64,
    /// The newest version that was tried to be stored, and the newest that was.
    tried: u64,
    stored: u64,
    is_writing: bool,
}

/// How far a version is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// It outlives a restart.
    Yes,
    /// Soon.
    NotYet,
    /// It could not be written: it holds for as long as the process runs.
    Failed,
}

impl Revoking {
    /// Reads what a folder keeps. A file that can't be understood is an error: what was revoked must not be believed again.
    pub(crate) fn open(folder: &Path) -> Result<Revoking, String> {
        let path = folder.join(FILE_NAME);
        let all = match std::fs::read(&path) {
            Ok(bytes) => Revocations::decode(&bytes).map_err(|invalid| invalid.to_string())?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Revocations::default(),
            Err(error) => return Err(format!("can't be read: {error}")),
        };
        let state = State { all: Arc::new(all), version: 0, tried: 0, stored: 0, is_writing: false };
        Ok(Revoking { path, state: Mutex::new(state), version: AtomicU64::new(0) })
    }

    /// How often they were changed. Hot: asked for each request.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// All of them, and their version.
    pub(crate) fn all(&self) -> (Arc<Revocations>, u64) {
        let state = self.lock();
        (Arc::clone(&state.all), state.version)
    }

    /// Changes them, and has them stored. Which version that is.
    pub(crate) fn change<T, E>(
        self: &Arc<Revoking>,
        change: impl FnOnce(&mut Revocations) -> Result<T, E>,
    ) -> Result<(T, u64), E> {
        let mut state = self.lock();
        let changed = change(Arc::make_mut(&mut state.all))?;
        state.version += 1;
        let version = state.version;
        self.version.store(version, Ordering::Release);
        if !std::mem::replace(&mut state.is_writing, true) {
            let revoking = Arc::clone(self);
            let thread = std::thread::Builder::new().name("revocations".to_owned());
            if let Err(error) = thread.spawn(move || revoking.store()) {
                log::error!("the revocations can't be stored: {error}");
                state.is_writing = false;
                state.tried = version;
            }
        }
        Ok((changed, version))
    }

    /// How far that version is.
    pub(crate) fn stored(&self, version: u64) -> Stored {
        let state = self.lock();
        match version {
            version if version <= state.stored => Stored::Yes,
            version if version <= state.tried => Stored::Failed,
            _ => Stored::NotYet,
        }
    }

    /// Writes until the newest version was tried.
    fn store(&self) {
        loop {
            let (all, version) = {
                let mut state = self.lock();
                if state.tried == state.version {
                    state.is_writing = false;
                    return;
                }
                (Arc::clone(&state.all), state.version)
            };
            let written = write(&self.path, &all.encode());
            let mut state = self.lock();
            state.tried = version;
            match written {
                Ok(()) => state.stored = version,
                Err(error) => {
                    log::error!("the revocations can't be stored in {}: {error}", self.path.display());
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The old file or the new one, whatever happens meanwhile.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("json.new");
    // It names people: nobody else has to read it.
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_auth::{Revocation, RevokedBy, TooManyRevocations};
    use tidings_model::Timestamp;

    fn revoke(revoking: &Arc<Revoking>, name: &str) -> u64 {
        let revocation = Revocation { since: Timestamp(1), end: None, issued_before: None };
        let add = |all: &mut Revocations| all.add((RevokedBy::Subject, name), revocation, 100);
        revoking.change(add).map(|((), version)| version).unwrap()
    }

    fn wait(revoking: &Revoking, version: u64) -> Stored {
        loop {
            match revoking.stored(version) {
                Stored::NotYet => std::thread::yield_now(),
                stored @ (Stored::Yes | Stored::Failed) => return stored,
            }
        }
    }

    #[test]
    fn what_was_stored_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let revoking = Arc::new(Revoking::open(folder.path()).unwrap());
        let versions: Vec<u64> = (0..20).map(|number| revoke(&revoking, &number.to_string())).collect();
        assert_eq!(wait(&revoking, versions[19]), Stored::Yes);
        let again = Revoking::open(folder.path()).unwrap();
        assert_eq!(again.all().0, revoking.all().0);
        assert_eq!(again.all().0.len(), 20);
        let refused = revoking.change(|_all| Err::<(), _>(TooManyRevocations));
        assert!(refused.is_err() && revoking.version() == versions[19]);
    }

    #[test]
    fn what_can_not_be_stored_or_read_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let revoking = Arc::new(Revoking::open(&folder.path().join("gone")).unwrap());
        let version = revoke(&revoking, "ann");
        assert_eq!(wait(&revoking, version), Stored::Failed);
        std::fs::write(folder.path().join(FILE_NAME), "{").unwrap();
        assert_eq!(Revoking::open(folder.path()).unwrap_err(), "is damaged at line 1");
    }
}
