//! A server that is a child process over a temporary folder of its own.

use anyhow::Context as _;
use std::io::{self, BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;

/// How long a server may take until it listens.
const START_MAX: Duration = Duration::from_secs(30);

/// How much of what it writes to standard error is kept.
const ERRORS_BYTES_MAX: usize = 16 << 10;

/// What the server prints before its address.
const LISTENS: &str = "listens on http://";

/// How to run a server of one's own.
#[derive(Clone, Debug)]
pub struct Program {
    /// The executable `tidings`.
    pub path: PathBuf,
    /// More arguments of `tidings serve`.
    pub arguments: Vec<String>,
}

/// A running server. Ends with the value.
#[derive(Debug)]
pub(crate) struct Child {
    process: std::process::Child,
    address: SocketAddr,
    errors: Errors,
    program: Program,
    /// Removed when the process has ended.
    folder: TempDir,
}

/// The end of what a process writes to standard error, and the thread that reads it.
#[derive(Debug)]
struct Errors {
    kept: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Child {
    /// Starts it on a free port, and waits until it listens.
    pub(crate) fn start(program: &Program) -> anyhow::Result<Child> {
        let folder = tempfile::tempdir().context("making a temporary folder for the server")?;
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let (process, errors, starting) = spawn(program, &folder, address)?;
        let mut child = Child { process, address, errors, program: program.clone(), folder };
        child.address = starting.wait().map_err(|error| child.why(error))?;
        Ok(child)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// The end of what it wrote to standard error.
    pub(crate) fn errors(&self) -> String {
        let errors = self.errors.kept.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&errors).into_owned()
    }

    /// It does not listen: ends it, and adds what it said.
    pub(crate) fn why(&mut self, error: anyhow::Error) -> anyhow::Error {
        self.kill();
        let _read_to_the_end = self.errors.thread.take().map(JoinHandle::join); // It can only have failed to read.
        error.context(format!("starting a server; it said:\n{}", self.errors()))
    }

    /// Ends it at once, as a power cut does. Its folder stays.
    pub(crate) fn kill(&mut self) {
        // Either may fail only because it has ended by itself.
        let _killed = self.process.kill();
        let _ended = self.process.wait();
    }

    /// Ends it at once, as a power cut does, and starts it again over the same folder and on the same port.
    pub(crate) fn restart(&mut self) -> anyhow::Result<Starting> {
        self.kill();
        let (process, errors, starting) = spawn(&self.program, &self.folder, self.address)?;
        (self.process, self.errors) = (process, errors);
        Ok(starting)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A server that does not listen yet.
#[derive(Debug)]
pub(crate) struct Starting {
    address: Receiver<String>,
}

impl Starting {
    /// Waits until it listens. Returns where.
    pub(crate) fn wait(&self) -> anyhow::Result<SocketAddr> {
        match self.address.recv_timeout(START_MAX) {
            Ok(text) => parse(&text),
            Err(RecvTimeoutError::Timeout) => anyhow::bail!("the server did not listen within {START_MAX:?}"),
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!(ENDED),
        }
    }

    /// Where it listens, once it does.
    pub(crate) fn look(&self) -> anyhow::Result<Option<SocketAddr>> {
        match self.address.try_recv() {
            Ok(text) => parse(&text).map(Some),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => anyhow::bail!(ENDED),
        }
    }
}

const ENDED: &str = "the server ended before it listened";

fn parse(text: &str) -> anyhow::Result<SocketAddr> {
    text.parse().with_context(|| format!("the server listens on {text}, which is no address"))
}

fn spawn(
    program: &Program,
    folder: &TempDir,
    listen: SocketAddr,
) -> anyhow::Result<(std::process::Child, Errors, Starting)> {
    // It runs in another folder than this process.
    let path =
        program.path.canonicalize().with_context(|| format!("looking for {}", program.path.display()))?;
    let mut command = Command::new(path);
    // The server takes what begins with `TIDINGS_` for settings: the measured one has the defaults.
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"TIDINGS_") {
            command.env_remove(name);
        }
    }
    // In a folder of its own there are no settings of the user. In a process group of its own it is not the terminal that ends it.
    command.current_dir(folder.path()).process_group(0);
    // But with this process it ends, also where that has no time to clean up.
    command.arg("serve").arg("--end-with-parent").arg(std::process::id().to_string());
    command.arg("--data").arg(folder.path()).arg("--listen").arg(listen.to_string());
    command.args(&program.arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let kept = Arc::new(Mutex::new(Vec::new()));
    let (spawned, thread) = spawn_for_good(command, Arc::clone(&kept));
    let mut process = spawned.with_context(|| format!("starting {}", program.path.display()))?;
    let stdout = process.stdout.take().context("the server has no standard output")?;
    let errors = Errors { kept, thread: Some(thread) };
    Ok((process, errors, Starting { address: hear_address(stdout) }))
}

/// Starts a process, and keeps the end of what it writes to standard error, in a thread that lives as long as it: to the kernel the parent
/// that a child ends with is the thread that started it.
fn spawn_for_good(
    mut command: Command,
    errors: Arc<Mutex<Vec<u8>>>,
) -> (io::Result<std::process::Child>, JoinHandle<()>) {
    let (started, process) = sync_channel(1);
    let thread = std::thread::spawn(move || {
        let mut spawned = command.spawn();
        let pipe = spawned.as_mut().ok().and_then(|process| process.stderr.take());
        let _received = started.send(spawned); // Whoever asked for it waits.
        if let Some(pipe) = pipe {
            keep_end(pipe, &errors);
        }
    });
    let spawned =
        process.recv().unwrap_or_else(|_| Err(io::Error::other("the thread that starts it is gone")));
    (spawned, thread)
}

/// Reads until the server says where it listens, and goes on reading in a thread, so that it is never held up.
fn hear_address(stdout: impl Read + Send + 'static) -> Receiver<String> {
    let (found, address) = sync_channel(1);
    std::thread::spawn(move || {
        let lines = BufReader::new(stdout).lines().map_while(Result::ok);
        for line in lines {
            if let Some((_, address)) = line.split_once(LISTENS) {
                let _full = found.try_send(address.trim().to_owned()); // The first is enough.
            }
        }
    });
    address
}

fn keep_end(mut pipe: impl Read, errors: &Mutex<Vec<u8>>) {
    let mut part = [0; 4096];
    while let Ok(count @ 1..) = pipe.read(&mut part) {
        let mut errors = errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.extend_from_slice(&part[..count]);
        let excess = errors.len().saturating_sub(ERRORS_BYTES_MAX);
        errors.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Pid, test_kill_process};
    use std::net::TcpStream;

    fn program() -> Program {
        Program { path: tidings_testkit::tidings_binary(), arguments: Vec::new() }
    }

    fn is_running(child: u32) -> bool {
        test_kill_process(Pid::from_raw(i32::try_from(child).unwrap()).unwrap()).is_ok()
    }

    #[test]
    fn a_server_comes_back_at_its_address_and_ends_with_its_value() {
        let mut child = Child::start(&program()).unwrap();
        let (first, address) = (child.process_id(), child.address());
        TcpStream::connect(address).unwrap();
        child.restart().unwrap().wait().unwrap();
        let second = child.process_id();
        assert!(!is_running(first) && is_running(second));
        assert_eq!(child.address(), address);
        TcpStream::connect(address).unwrap();
        let folder = child.folder.path().to_owned();
        drop(child);
        assert!(!is_running(second) && !folder.exists());
    }

    #[test]
    fn a_server_outlives_the_thread_that_wanted_it() {
        let child = std::thread::spawn(|| Child::start(&program()).unwrap()).join().unwrap();
        // The kernel would have ended it with the thread, before that could be joined.
        TcpStream::connect(child.address()).unwrap();
    }

    #[test]
    fn why_a_server_does_not_start_is_told() {
        let program = Program { arguments: vec!["--no-such-flag".to_owned()], ..program() };
        let told = format!("{:#}", Child::start(&program).unwrap_err());
        assert!(told.contains("--no-such-flag"), "{told}");
        let program = Program { path: "no/such/program".into(), ..program };
        let told = format!("{:#}", Child::start(&program).unwrap_err());
        assert!(told.contains("no/such/program"), "{told}");
    }
}
