//! The server: starts the engine and the workers, waits for the signal to end, and ends in order.

use crate::asks::{self, Asks};
use crate::limits::Limits;
use crate::live_settings::LiveSettings;
use crate::memory::Memory;
use crate::metrics::Registry;
use crate::pulse::Pulse;
use crate::reloading::Reloading;
use crate::revoking::{self, Revoking};
use crate::settings::{LoadedSettings, Settings};
use crate::supervisor;
use crate::tls::{Tls, TlsError};
use crate::traces::Collector;
use crate::transport::websocket;
use crate::worker::accept::{Entrance, Listening};
use crate::worker::arrivals::Door;
use crate::worker::{self, Common, Purpose};
use rustix::net::{
    AddressFamily, SocketAddrAny, SocketFlags, SocketType, bind, ipproto, listen, socket_with, sockopt,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use tidings_auth::Tickets;
use tidings_engine::{Engine, EngineSettings, StartError, Storage, SystemClock};
use tidings_protocol::websocket::memory::MessageMemory;

/// Why a server did not start, or ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The log could not be opened.
    #[error("the data folder {}: {source}", folder.display())]
    Data {
        /// Which folder.
        folder: PathBuf,
        /// Why not.
        source: Box<StartError>,
    },
    /// What was revoked can't be told, and must not be believed again.
    #[error("{}: {reason}; restore the file, or remove it and revoke again", path.display())]
    Revocations {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The address can't be listened on.
    #[error("can't listen on {address}: {source}; choose another with --listen")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// No connection could be opened.
    #[error(
        "the system lets this process open {allowed} files, and it needs {least} at least: raise that, as with `ulimit -n`, or \
         `LimitNOFILE=` of systemd"
    )]
    Descriptors {
        /// How many there may be.
        allowed: usize,
        /// With fewer it does not start.
        least: usize,
    },
    /// A certificate, its key or an authority can't be used.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// The system has no thread, descriptor or signal to give.
    #[error("the system refuses what a server needs: {0}")]
    System(#[from] io::Error),
}

/// Where a server listens.
#[derive(Clone, Copy, Debug)]
pub struct Listens {
    /// In plain text.
    pub plain: SocketAddr,
    /// With TLS, if it does.
    pub secured: Option<SocketAddr>,
}

impl Listens {
    fn tell(&self, workers: usize) {
        log::info!("listening on {} with {workers} workers", self.plain);
        if let Some(address) = self.secured {
            log::info!("listening on {address} for TLS");
        }
    }
}

/// Runs a server until SIGTERM or SIGINT. `on_ready` is called with the bound addresses once they can be used. On SIGHUP, and when their file
/// changes, it takes settings anew.
///
/// Blocks. When the storage fails, the process ends at once with [`STORAGE_FAILED_EXIT_CODE`]: what is stored then is
/// decided by recovery at the next start, not by a process that has lost its disk.
pub fn run(loaded: LoadedSettings, on_ready: impl FnOnce(Listens)) -> Result<(), RunError> {
    let settings = loaded.settings();
    crate::logging::start(settings);
    let storage = tidings_engine::open_folder(&settings.data)
        .map_err(|source| RunError::Data { folder: settings.data.clone(), source: Box::new(source) })?;
    run_on(storage, loaded, on_ready)
}

/// The same over that storage, which a test may hold up.
#[doc(hidden)]
pub fn run_on(
    storage: Arc<dyn Storage>,
    loaded: LoadedSettings,
    on_ready: impl FnOnce(Listens),
) -> Result<(), RunError> {
    let settings = loaded.settings();
    let tls = Tls::new(settings)?.map(Arc::new);
    let live = Arc::new(LiveSettings::new(settings.clone()));
    let engine = Arc::new(start_engine(storage, settings, &live)?);
    shout_if_insecure(settings);
    log::info!("the streams in {} are ready", settings.data.display());
    let workers = settings.workers;
    let descriptors = descriptors_for_connections(settings)?;
    let (listens, places) = listen_all(settings)?;
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let draining = AtomicBool::new(false);
    let memory = Memory::new(settings.memory_budget_bytes);
    let _watch = memory.watch(worker::now)?;
    let registry = Arc::new(Registry::new(places.len(), engine.now()));
    let collector = Collector::start(settings, &registry)?;
    let (asks, line) = Asks::new(settings, engine.now());
    let common = Arc::new(Common {
        asks: Arc::new(asks),
        engine: Arc::clone(&engine),
        pulse: Arc::new(Pulse::new(workers)),
        registry,
        collector,
        memory: Arc::clone(&memory),
        message_memory: Arc::new(MessageMemory::new(websocket::unfinished_bytes_max(settings))),
        revoking: Arc::new(open_revocations(&settings.data)?),
        tickets: Arc::new(Mutex::new(Tickets::new(settings.ticket_timeout, settings.max_tickets))),
        limits: Arc::new(Limits::new(settings.max_limited)),
        settings: live,
        tls,
        descriptors,
        doors: places.iter().map(|_| Door::default()).collect(),
        serving: workers,
        body_bytes: AtomicUsize::new(0),
        body_count: AtomicUsize::new(0),
        drained_connections: AtomicUsize::new(0),
        draining,
    });
    let asking = asks::start(&common, line)?;
    let mut threads = start_workers(places, &common, &signals)?;
    listens.tell(workers);
    let keeper = crate::tls::keeper::start(&common)?;
    let reloading = Reloading::start(loaded, Arc::clone(&common))?;
    on_ready(listens);
    supervisor::tell_ready(&format!("serves on {}", listens.plain));
    signals.forever().take_while(|signal| *signal == SIGHUP).for_each(|_| reloading.ask());
    log::info!("draining: asked to end");
    common.drained_connections.store(common.connections(), Ordering::Relaxed);
    reloading.stop();
    supervisor::tell_stopping(common.settings.get().drain_timeout);
    common.draining.store(true, Ordering::Relaxed);
    engine.wake_workers();
    if let Some(keeper) = keeper {
        keeper.thread().unpark();
        threads.push(keeper);
    }
    // All of them, also where one has failed.
    let ended: Vec<_> = threads.into_iter().map(JoinHandle::join).collect();
    asking.end();
    drop(common);
    if let Some(engine) = Arc::into_inner(engine) {
        engine.stop();
    }
    for ended in ended {
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    }
    log::info!("ended");
    Ok(())
}

fn start_workers(
    places: Vec<Place>,
    common: &Arc<Common>,
    signals: &Signals,
) -> io::Result<Vec<JoinHandle<io::Result<()>>>> {
    let start = |(index, (listeners, purpose))| {
        let (common, end) = (Arc::clone(common), EndOfServer(signals.handle()));
        thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
            // Also where it panics: the others end in order, and a supervisor starts the server again.
            let _end = end;
            worker::run(common, listeners, index, purpose)
        })
    };
    places.into_iter().enumerate().map(start).collect()
}

/// When this is dropped the server ends, as if it had been asked to.
struct EndOfServer(Handle);

impl Drop for EndOfServer {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn open_revocations(folder: &Path) -> Result<Revoking, RunError> {
    Revoking::open(folder)
        .map_err(|reason| RunError::Revocations { path: folder.join(revoking::FILE_NAME), reason })
}

/// Others can reach a server that has no rules: whoever reads its log shall know.
pub(crate) fn shout_if_insecure(settings: &Settings) {
    if let Some(address) = settings.reachable_address().filter(|_| !settings.access.has_rules()) {
        // As an error, so that no `log` setting hides it.
        log::error!(
            "INSECURE: there are no rules, so whoever reaches {address} may read, publish and delete everything"
        );
    }
}

/// The exit code of a process whose storage has failed.
pub const STORAGE_FAILED_EXIT_CODE: i32 = 74;

fn start_engine(
    storage: Arc<dyn Storage>,
    settings: &Settings,
    live: &Arc<LiveSettings>,
) -> Result<Engine, RunError> {
    /// Each worker has a hundred under way, so more are never asked for; the queue takes room for all that it may hold.
    const PENDING_FETCHES_MAX: usize = 4_096;
    Engine::start(EngineSettings {
        storage,
        segment_bytes: settings.segment_bytes as u64,
        memory_bytes: settings.memory_bytes as u64,
        message_bytes_max: settings.max_message_bytes as u64,
        streams_max: settings.max_streams,
        producers_max: settings.max_producers,
        tail_cache_bytes: settings.tail_cache_bytes,
        pending_operations_max: settings.max_pending_publishes,
        pending_fetches_max: settings.max_connections.min(PENDING_FETCHES_MAX),
        policy: Arc::<LiveSettings>::clone(live),
        clock: Arc::new(SystemClock),
        on_failed: Box::new(|detail| {
            log::error!("the storage has failed, and the server ends: {detail}");
            std::process::exit(STORAGE_FAILED_EXIT_CODE);
        }),
    })
    .map_err(|source| RunError::Data { folder: settings.data.clone(), source: Box::new(source) })
}

/// How many connections the system lets this process have, after it was asked for as many as it may give.
fn descriptors_for_connections(settings: &Settings) -> Result<usize, RunError> {
    /// For segments, listeners, the workers' own, and what a library opens for a moment.
    const OTHERS: usize = 256;
    /// Some systems allow this much and no limit at all, which is more.
    const OPEN_MAX: u64 = 10_240;
    let limit = getrlimit(Resource::Nofile);
    let raise = |current| setrlimit(Resource::Nofile, Rlimit { current, maximum: limit.maximum }).is_ok();
    let finite = limit.maximum.map_or(OPEN_MAX, |maximum| maximum.min(OPEN_MAX));
    let current = if raise(limit.maximum) {
        limit.maximum
    } else if limit.current.is_some_and(|current| current < finite) && raise(Some(finite)) {
        Some(finite)
    } else {
        limit.current
    };
    let allowed = current.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
    let descriptors = match allowed.checked_sub(OTHERS) {
        None | Some(0) => return Err(RunError::Descriptors { allowed, least: OTHERS + 1 }),
        Some(descriptors) => descriptors,
    };
    if descriptors < settings.max_connections {
        log::warn!("the system allows {descriptors} connections, fewer than `max_connections`");
    }
    Ok(descriptors)
}

/// What one worker listens on, and what for.
type Place = (Vec<Listening>, Purpose);

/// The listeners of each worker that serves streams, and of the one that echoes.
fn listen_all(settings: &Settings) -> Result<(Listens, Vec<Place>), RunError> {
    let (plain, listeners) = listen_for(settings.listen, settings.workers, Entrance::Plain)?;
    let mut listens = Listens { plain, secured: None };
    let mut places: Vec<_> = listeners.into_iter().map(|one| (vec![one], Purpose::Serve)).collect();
    if let Some(address) = settings.tls_listen {
        let (address, listeners) = listen_for(address, settings.workers, Entrance::Secured)?;
        listens.secured = Some(address);
        for ((place, _), listener) in places.iter_mut().zip(listeners) {
            place.push(listener);
        }
    }
    if let Some(echo) = settings.ws_echo {
        let (_, listeners) = listen_for(echo, 1, Entrance::Plain)?;
        places.push((listeners, Purpose::Echo));
    }
    Ok((listens, places))
}

/// So many listeners on one address, and the address that it came to.
fn listen_for(
    address: SocketAddr,
    count: usize,
    entrance: Entrance,
) -> Result<(SocketAddr, Vec<Listening>), RunError> {
    let refused = |source| RunError::Listen { address, source };
    let listeners = listen_on(address, count).map_err(refused)?;
    let bound = listeners.first().map_or(Ok(address), TcpListener::local_addr)?;
    Ok((bound, listeners.into_iter().map(|socket| Listening { socket, entrance }).collect()))
}

/// One listener a worker, all on one address; the kernel spreads connections over them.
fn listen_on(address: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    if address.port() != 0 {
        // Two servers of one user could share a port without a word; this finds the other one.
        drop(listener(address, false)?);
    }
    let first = listener(address, true)?;
    let address = first.local_addr()?;
    let others = (1..count).map(|_| listener(address, true));
    std::iter::once(Ok(first)).chain(others).collect()
}

fn listener(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    const BACKLOG: i32 = 4_096;
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_socket_reuseport(&socket, shared)?;
    bind(&socket, &SocketAddrAny::from(address))?;
    listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_fails_ends_the_server() {
        let mut signals = Signals::new([signal_hook::consts::SIGUSR2]).unwrap();
        let end = EndOfServer(signals.handle());
        let worker = thread::spawn(move || {
            let _end = end;
            panic!("as a worker may");
        });
        assert_eq!(signals.forever().next(), None);
        worker.join().unwrap_err();
    }
}
