//! The server that is attacked, and the memory that it has.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tidings_testkit::{Api, Deadline, Request, Server};

/// The stream that the well-behaved follow.
pub(crate) const STREAM: &str = "a";

/// A stream for attackers, who publish to it.
pub(crate) const FLOODED: &str = "b";

/// A stream with so much in it that no socket takes it all.
pub(crate) const LARGE: &str = "c";

pub(crate) struct Victim {
    server: Server,
    watched: Arc<Watched>,
    watch: Option<JoinHandle<()>>,
}

/// What was seen of its memory, at most.
#[derive(Default)]
struct Watched {
    own: AtomicUsize,
    resident: AtomicUsize,
    in_use: AtomicUsize,
    is_over: AtomicBool,
}

/// The most memory that it had.
#[derive(Clone, Copy)]
pub(crate) struct Most {
    /// Of its own: in no file.
    own: usize,
    /// With the program itself.
    resident: usize,
    /// By the server's own count.
    in_use: usize,
}

impl Most {
    /// What of it is over a budget.
    pub(crate) fn over(&self, budget: usize) -> Option<String> {
        let is_over = budget < self.own || budget < self.in_use;
        is_over.then(|| format!("the budget is {} MiB: {self}", budget >> 20))
    }
}

impl fmt::Display for Most {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Most { own, resident, in_use } = self;
        let (own, resident, in_use) = (own >> 20, resident >> 20, in_use >> 20);
        write!(f, "at most {own} MiB held, {in_use} MiB in use, {resident} MiB resident with its program")
    }
}

impl Victim {
    pub(crate) fn start(budget_mib: usize) -> Victim {
        let server = Server::builder()
            .argument("--memory-budget-bytes")
            .argument(format!("{budget_mib}MiB"))
            .setting("--long-poll-timeout", "20s")
            // As docs/operating.md advises for the internet: nobody publishes more than this, but those who are known.
            .setting("--unlimited-addresses", "127.0.0.1/32")
            .setting("--publish-rate-per-address", "100")
            .setting("--publish-byte-rate-per-address", "1MiB")
            .setting("--max-connections", "1000000")
            .setting("--workers", "1")
            .secured()
            .start();
        let mut api = Api::new(server.address());
        for stream in [STREAM, FLOODED, LARGE] {
            api.create(stream, &[]);
        }
        let filler = "x".repeat(512 << 10);
        for _ in 0..8 {
            api.publish(LARGE, &format!("[\"{filler}\"]"));
        }
        let watched = Arc::new(Watched::default());
        let watch = watch(&server, Arc::clone(&watched));
        Victim { server, watched, watch: Some(watch) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub(crate) fn secured_address(&self) -> SocketAddr {
        self.server.secured_address()
    }

    /// What it had so far does not count.
    pub(crate) fn forget_most(&self) {
        for amount in [&self.watched.own, &self.watched.resident, &self.watched.in_use] {
            amount.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn most(&self) -> Most {
        let Watched { own, resident, in_use, .. } = &*self.watched;
        let [own, resident, in_use] = [own, resident, in_use].map(|amount| amount.load(Ordering::Relaxed));
        Most { own, resident, in_use }
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.server.process_id()
    }

    /// Waits until it has ended what the attackers left behind, and holds nothing back from anybody.
    pub(crate) async fn until_calm(&self) {
        const CONNECTIONS_LEFT: u64 = 200;
        let deadline = Deadline::patient();
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let page = metrics(&mut Api::new(self.address()));
            let held_by = |by: &str| metric(&page, &format!("tidings_connections{{held_by=\"{by}\"}}"));
            let connections = held_by("worker") + held_by("task");
            if metric(&page, "tidings_ladder_step") == 0 && connections < CONNECTIONS_LEFT {
                return;
            }
            assert!(!deadline.passed(), "it does not calm down: {connections} connections\n{page}");
        }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.watched.is_over.store(true, Ordering::Relaxed);
        if let Some(watch) = self.watch.take() {
            let _it_panicked = watch.join();
        }
    }
}

/// Looks at the memory all the time; at what the server says of it now and then.
fn watch(server: &Server, watched: Arc<Watched>) -> JoinHandle<()> {
    const EVERY: Duration = Duration::from_millis(5);
    const ASKED_EVERY: usize = 20;
    let (process, address) = (process(server), server.address());
    std::thread::spawn(move || {
        let mut api = Api::new(address);
        for number in 0_usize.. {
            if watched.is_over.load(Ordering::Relaxed) {
                return;
            }
            let status = fs::read_to_string(process.join("status")).unwrap_or_default();
            watched.own.fetch_max(kilobytes(&status, "RssAnon:") << 10, Ordering::Relaxed);
            watched.resident.fetch_max(kilobytes(&status, "VmRSS:") << 10, Ordering::Relaxed);
            if number % ASKED_EVERY == 0 {
                let in_use = metric(&metrics(&mut api), "tidings_memory_used_bytes");
                watched.in_use.fetch_max(usize::try_from(in_use).unwrap_or(usize::MAX), Ordering::Relaxed);
            }
            tidings_testkit::pause(EVERY);
        }
    })
}

/// The page of metrics; empty where the server has no connection left for it.
fn metrics(api: &mut Api) -> String {
    let answer = api.ask(&Request::get("/metrics"));
    answer.ok().filter(|answer| answer.status == 200).map_or_else(String::new, |answer| answer.text())
}

/// What stands behind that name and its labels.
fn metric(page: &str, name: &str) -> u64 {
    let mut values = page.lines().filter_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    values.next().unwrap_or(0)
}

fn kilobytes(status: &str, name: &str) -> usize {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}

/// Its folder in `/proc`.
fn process(server: &Server) -> PathBuf {
    PathBuf::from(format!("/proc/{}", server.process_id()))
}
