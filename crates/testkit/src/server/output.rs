//! What a process prints, kept while it runs.

use std::io::Read;
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// The captured standard output and error of one process, in the order in which they came.
#[derive(Debug)]
pub(super) struct Output {
    bytes: Arc<Mutex<Vec<u8>>>,
    captures: Vec<JoinHandle<()>>,
}

impl Output {
    /// Takes both pipes of a process. Reading them in time is also what keeps the process from blocking.
    pub(super) fn of(child: &mut Child) -> Output {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let mut captures = Vec::new();
        if let Some(pipe) = child.stdout.take() {
            captures.push(capture(pipe, Arc::clone(&bytes)));
        }
        if let Some(pipe) = child.stderr.take() {
            captures.push(capture(pipe, Arc::clone(&bytes)));
        }
        Output { bytes, captures }
    }

    /// What has come so far.
    pub(super) fn text(&self) -> String {
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Everything, of a process that has ended.
    pub(super) fn whole_text(mut self) -> String {
        for capture in self.captures.drain(..) {
            let _joined = capture.join(); // It can only have failed to read.
        }
        self.text()
    }
}

fn capture(mut pipe: impl Read + Send + 'static, bytes: Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut part = [0; 4096];
        while let Ok(count @ 1..) = pipe.read(&mut part) {
            bytes.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&part[..count]);
        }
    })
}
