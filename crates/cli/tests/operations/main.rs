//! How a server is run: what a supervisor is told, settings that change, the doctor, and the files of `deploy`.

#![expect(clippy::unwrap_used, reason = "a test may unwrap")]

mod deploy;
mod doctor;
mod files;
mod supervisor;
mod words;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tidings_testkit::tidings_binary;

/// The binary in that folder, with nothing of ours in its environment.
fn tidings(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(tidings_binary());
    let ours = |name: &std::ffi::OsString| name.as_encoded_bytes().starts_with(b"TIDINGS_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    command
}

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
