//! Scenario 29: `/health/ready` is red whenever a publish would not reach a follower, within the limit, and green again by itself.
//!
//! A whole server with real sockets, in this process: so its disk and one of its threads can be held up.

use std::io;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, LazyLock, Mutex};
use std::thread;
use std::time::Duration;
use tidings_engine::{Storage, StorageFile, open_folder};
use tidings_server::run_on;
use tidings_server::settings::{Origin, SettingsInput, SettingsSource};
use tidings_testkit::{Api, Request, eventually};

/// Holds up whoever passes, while it is shut.
#[derive(Default)]
struct Barrier {
    is_shut: Mutex<bool>,
    changed: Condvar,
}

impl Barrier {
    fn set(&self, shut: bool) {
        *self.is_shut.lock().expect("nobody panics with it") = shut;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let is_shut = self.is_shut.lock().expect("nobody panics with it");
        drop(self.changed.wait_while(is_shut, |is_shut| *is_shut).expect("nobody panics with it"));
    }
}

/// A folder whose files are not synced while a barrier is shut.
struct Paused {
    folder: Arc<dyn Storage>,
    barrier: Arc<Barrier>,
}

struct PausedFile {
    file: Arc<dyn StorageFile>,
    barrier: Arc<Barrier>,
}

impl Paused {
    fn file(&self, file: Arc<dyn StorageFile>) -> Arc<dyn StorageFile> {
        Arc::new(PausedFile { file, barrier: Arc::clone(&self.barrier) })
    }
}

impl Storage for Paused {
    fn list(&self) -> io::Result<Vec<String>> {
        self.folder.list()
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn StorageFile>> {
        Ok(self.file(self.folder.create(name, bytes)?))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        Ok(self.file(self.folder.open(name)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.folder.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.folder.remove(name)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.folder.sync_directory()
    }
}

impl StorageFile for PausedFile {
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_at(at, buffer)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(at, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.barrier.pass();
        self.file.sync()
    }

    fn bytes(&self) -> io::Result<u64> {
        self.file.bytes()
    }
}

/// A log that nobody reads: whoever writes a line of access waits while its barrier is shut, as with a full pipe. The first one only: the other
/// worker has to answer.
#[derive(Default)]
struct FullPipe {
    barrier: Barrier,
    has_stuck: Mutex<bool>,
}

static LOG: LazyLock<FullPipe> = LazyLock::new(FullPipe::default);

impl log::Log for &'static FullPipe {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.target() != "tidings::access" {
            return;
        }
        let set_stuck =
            |stuck| std::mem::replace(&mut *self.has_stuck.lock().expect("nobody panics with it"), stuck);
        if !set_stuck(true) {
            self.barrier.pass();
            set_stuck(false);
        }
    }

    fn flush(&self) {}
}

#[test]
fn scenario_29_readiness_is_red_while_a_publish_would_not_reach_a_follower() {
    log::set_logger(Box::leak(Box::new(&*LOG))).expect("there is no other logger here");
    log::set_max_level(log::LevelFilter::Info);
    let data = tempfile::tempdir().expect("a temporary folder can be made");
    let mut input = SettingsInput::default();
    for (key, value) in [
        ("data", data.path().to_str().expect("its path is text")),
        ("listen", "127.0.0.1:0"),
        ("workers", "2"),
        ("access_log", "true"),
        ("ready_timeout", "400ms"),
        ("ready_interval", "100ms"),
        ("drain_timeout", "2s"),
    ] {
        input.set(key, value, Origin::Flag).expect("these settings are good");
    }
    let settings = SettingsSource::new(input, None).load().expect("these settings are good");
    let disk = Arc::new(Barrier::default());
    let folder = open_folder(data.path()).expect("the folder is new");
    let storage = Arc::new(Paused { folder, barrier: Arc::clone(&disk) });
    let (ready, address) = sync_channel(1);
    let server = thread::spawn(move || {
        run_on(storage, settings, |listens| ready.send(listens.plain).expect("the test waits for it"))
    });
    let address = address.recv_timeout(Duration::from_secs(20)).expect("the server starts");
    let look = || readiness(address);
    let green = || eventually("it is green", || (look() == Some((200, String::new()))).then_some(()));
    green();

    disk.set(true);
    eventually("a paused disk is told", || (look() == Some((503, "not_stored".to_owned()))).then_some(()));
    disk.set(false);
    green();

    // A connection that ends makes its worker write a line: the first that looks does.
    LOG.barrier.set(true);
    eventually("a stuck worker is told", || (look() == Some((503, "not_heard".to_owned()))).then_some(()));
    LOG.barrier.set(false);
    green();

    let mut api = Api::new(address);
    assert_eq!(
        api.expect(200, &Request::get("/v1/streams")).text(),
        r#"{"streams":[]}"#,
        "it is in no stream"
    );
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM)
        .expect("a process may signal itself");
    server.join().expect("the server does not panic").expect("it ends in order");
}

/// What is answered on a fresh connection, if anything: the kernel may give it to a worker that is stuck.
fn readiness(address: std::net::SocketAddr) -> Option<(u16, String)> {
    use std::io::{Read, Write};
    let mut socket = std::net::TcpStream::connect(address).ok()?;
    socket.set_read_timeout(Some(Duration::from_millis(700))).ok()?;
    socket.write_all(b"GET /health/ready HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let health: serde_json::Value = serde_json::from_str(body).ok()?;
    let reasons = health["reasons"].as_array()?.iter().filter_map(|reason| reason.as_str());
    Some((status, reasons.collect::<Vec<_>>().join(",")))
}
