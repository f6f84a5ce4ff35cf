//! A wall clock that a test sets, for the server process alone.
//!
//! A small C library stands before `clock_gettime` in the process (`LD_PRELOAD`) and adds what a file says to the wall clock; the
//! monotonic clock stays. It is compiled by the same `cc` that links every Rust program on this machine.

use crate::ServerBuilder;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

const SOURCE: &str = include_str!("wall_clock/shift.c");

/// The wall clock of a server that is started with it.
#[derive(Debug)]
pub struct WallClock {
    folder: TempDir,
}

impl WallClock {
    /// A clock that is right.
    ///
    /// # Panics
    /// When the library can't be compiled; the message says why.
    pub fn new() -> WallClock {
        let clock = WallClock { folder: tempfile::tempdir().expect("a temporary folder can be made") };
        clock.shift(0);
        let source = clock.folder.path().join("shift.c");
        fs::write(&source, SOURCE).expect("a temporary file can be written");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .arg(clock.library())
            .arg(source)
            .output()
            .expect("`cc` can be run: Rust links with it");
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        clock
    }

    /// Sets it so many seconds after (or, below zero, before) the right time, also for a process that runs.
    ///
    /// # Panics
    /// When the file can't be written.
    pub fn shift(&self, seconds: i64) {
        // Renamed into place, so that the process never sees half of it.
        let new = self.folder.path().join("seconds.new");
        fs::write(&new, format!("{seconds}\n")).expect("a temporary file can be written");
        fs::rename(new, self.seconds()).expect("a temporary file can be renamed");
    }

    /// A server that goes by this clock.
    #[must_use]
    pub fn wound_into(&self, server: ServerBuilder) -> ServerBuilder {
        server.variable("LD_PRELOAD", self.library()).variable("CLOCK_SHIFT_FILE", self.seconds())
    }

    fn library(&self) -> PathBuf {
        self.folder.path().join("shift.so")
    }

    fn seconds(&self) -> PathBuf {
        self.folder.path().join("seconds")
    }
}

impl Default for WallClock {
    fn default() -> WallClock {
        WallClock::new()
    }
}
