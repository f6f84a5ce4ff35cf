//! `million`: a server with a million streams. How fast they are made, what they cost, and how soon they are there again
//! after a `kill -9`.

mod each;

use crate::RunArguments;
use crate::aims::{Aim, Figure, Unit, float};
use crate::calm::{self, Watch};
use crate::clock;
use crate::http::connections::Connections;
use crate::http::peer::{Peer, PeerName, Programs};
use crate::http::server::{Server, free_address};
use crate::http::wire::Wire;
use crate::http::wire::http1::Http1;
use crate::http::{allow_many_files, settings};
use crate::latency::Latency;
use crate::messages::{MESSAGE_BYTES, Messages};
use crate::part::others_figure;
use crate::process::Process;
use crate::progress::Progress;
use crate::random::{Random, scattered};
use crate::report::account::Account;
use anyhow::Context;
use clap::Args;
use each::Each;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

const CREATES_PER_SECOND: Aim = Aim::AtLeast(50_000.0);
const MEMORY_BYTES: Aim = Aim::AtMost(250e6);
const OPEN_FILES: Aim = Aim::AtMost(300.0);
const START_SECONDS: Aim = Aim::AtMost(5.0);
/// Looks so often whether the server is ready again.
const READY_LOOKS_EVERY: Duration = Duration::from_millis(10);
const READY_MAX: Duration = Duration::from_mins(1);

/// `tidings-bench million`.
#[derive(Debug, Args)]
pub(crate) struct MillionArguments {
    #[command(flatten)]
    run: RunArguments,
    /// How many streams there are
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    streams: u32,
    /// How many connections make the streams and publish
    #[arg(long, value_name = "COUNT", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// How many requests each of them has in flight
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    depth: u32,
    /// How many random streams are read at the end, one after another
    #[arg(long, value_name = "COUNT", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    reads: u32,
    /// The binary of tidings, as `cargo build --release` makes it
    #[arg(long, value_name = "BIN", default_value = "target/release/tidings")]
    tidings: PathBuf,
}

impl MillionArguments {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        std::fs::create_dir_all(&self.run.data).context("making the folder for the data")?;
        allow_many_files()?;
        // Of the programs only one is run.
        let programs = Programs { tidings: self.tidings.clone(), peers: PathBuf::new() };
        let peer = PeerName::Tidings.peer(&programs);
        let settings = vec![
            settings(&*peer)?,
            format!(
                "{} connections with {} requests in flight each make the streams in the order of their names; the publishes go to them in an order without locality",
                self.connections, self.depth
            ),
            "The page cache outlives a kill: the start reads from memory what a start after a power cut reads from the disk".to_owned(),
        ];
        let folder = tempfile::tempdir_in(&self.run.data).context("making a folder for the server")?;
        let path = folder.path().canonicalize().context("finding the folder of the server")?;
        calm::wait(self.run.calm)?;
        let progress = Progress::new(u64::from(self.streams) * 2 + u64::from(self.reads), "requests");
        let mut bench = Bench { arguments: &self, peer: &*peer, progress, figures: Vec::new() };
        bench.first_life(&path)?;
        bench.second_life(&path)?;
        bench.progress.finish();
        let figures = bench.figures;
        folder.close().context("removing the folder of the server")?;
        Account { title: "A server with a million streams", figures, settings }.write(&self.run)
    }
}

/// The run, as far as it is.
struct Bench<'a> {
    arguments: &'a MillionArguments,
    peer: &'a dyn Peer,
    progress: Progress,
    figures: Vec<Figure>,
}

impl Bench<'_> {
    /// Makes the streams, publishes, and kills the server with this function.
    fn first_life(&mut self, folder: &Path) -> anyhow::Result<()> {
        let MillionArguments { streams, connections, depth, .. } = *self.arguments;
        let server = self.start(folder)?;
        let process = Process::Child(server.process_id());
        let watch = Watch::begin(&[Process::Own, process])?;
        self.note(Figure::bytes("Memory (RSS) of a server without streams", process.memory_bytes()?));

        // Others for each kind of request, so that none begins in the state that another left.
        let mut creating = Connections::open(&Http1, server.address(), connections)?.pipelined(depth);
        let (per_second, _) = self.time(&mut creating, "creates", streams, &mut Http1::create)?;
        self.note(Figure::new("Creates", per_second, Unit::PerSecond).aim(CREATES_PER_SECOND));
        self.note_memory("after the creates", process)?;
        drop(creating);

        let (messages, mut random) = (Messages::new(), Random::new(0));
        let mut publishing = Connections::open(&Http1, server.address(), connections)?.pipelined(depth);
        let publish = &mut |at, output: &mut Vec<u8>| {
            Http1.publish(0, scattered(at, streams), messages.pick(&mut random), output);
        };
        let (per_second, _) = self.time(&mut publishing, "publishes", streams, publish)?;
        self.note(Figure::new("Publishes of 128 bytes, one to each", per_second, Unit::PerSecond));
        self.note_memory("after the publishes", process)?;
        self.note(Figure::bytes("Its peak up to then", process.peak_memory_bytes()?).aim(MEMORY_BYTES));
        self.note_files("after the publishes", process)?;
        let others = watch.others_cpus(&[Process::Own, process])?;
        self.note(others_figure("up to then", others));
        Ok(())
    }

    /// Starts the server once more, and reads.
    fn second_life(&mut self, folder: &Path) -> anyhow::Result<()> {
        let MillionArguments { streams, reads, .. } = *self.arguments;
        let began = clock::now();
        let server = self.start(folder)?;
        let ready = clock::now().duration_since(began).as_secs_f64();
        let process = Process::Child(server.process_id());
        let watch = Watch::begin(&[Process::Own, process])?;
        self.note(Figure::new("Start after kill -9, until ready", ready, Unit::Seconds).aim(START_SECONDS));
        self.note_memory("after that start", process)?;
        let mut random = Random::new(1);
        let mut reading = Connections::open(&Http1, server.address(), 1)?;
        let read = &mut |_, output: &mut Vec<u8>| Http1::read(random.below(streams), output);
        let (_, latency) = self.time(&mut reading, "reads", reads, read)?;
        let what = "GET of a random stream with one message";
        for figure in Figure::quantiles(what, &latency, &[("p50", 0.5), ("p99", 0.99)]) {
            self.note(figure);
        }
        self.note(
            Figure::bytes("Peak of its memory since that start", process.peak_memory_bytes()?)
                .aim(MEMORY_BYTES),
        );
        self.note_files("after the reads", process)?;
        let others = watch.others_cpus(&[Process::Own, process])?;
        self.note(others_figure("during the reads", others));
        Ok(())
    }

    /// Starts the server and waits until it is ready.
    fn start(&self, folder: &Path) -> anyhow::Result<Server> {
        self.progress.begin("starting the server");
        let address = free_address()?;
        let server = Server::start(self.peer.command(folder, address.port())?, address, folder)?;
        let until = clock::now() + READY_MAX;
        while let Err(error) = ask_ready(address) {
            anyhow::ensure!(clock::now() < until, "the server is not ready: {error:#}");
            thread::sleep(READY_LOOKS_EVERY);
        }
        Ok(server)
    }

    /// Sends so many requests. How many were answered in a second, and how long each took.
    fn time(
        &self,
        connections: &mut Connections<'_>,
        what: &str,
        count: u32,
        write: &mut dyn FnMut(u32, &mut Vec<u8>),
    ) -> anyhow::Result<(f64, Latency)> {
        self.progress.begin(what);
        let mut each = Each::new(count, write, &self.progress)?;
        let began = clock::now();
        connections.run(&mut each)?;
        let seconds = clock::now().duration_since(began).as_secs_f64();
        if what == "reads" {
            let least = u64::from(count) * MESSAGE_BYTES as u64;
            anyhow::ensure!(least < each.answer_bytes, "the answers are too short to have the messages");
        }
        Ok((float(count.into()) / seconds, each.latency))
    }

    fn note(&mut self, figure: Figure) {
        self.progress.tell(&figure.to_string());
        self.figures.push(figure);
    }

    fn note_memory(&mut self, when: &str, process: Process) -> anyhow::Result<()> {
        self.note(Figure::bytes(format!("Memory {when}"), process.memory_bytes()?).aim(MEMORY_BYTES));
        Ok(())
    }

    fn note_files(&mut self, when: &str, process: Process) -> anyhow::Result<()> {
        let count = process.open_files()? as u64;
        self.note(Figure::count(format!("Open files apart from sockets, {when}"), count).aim(OPEN_FILES));
        Ok(())
    }
}

/// One request, which is answered with success by a server that is ready.
fn ask_ready(address: SocketAddr) -> anyhow::Result<()> {
    let silent = Progress::new(0, "");
    let ask = &mut |_, output: &mut Vec<u8>| Http1::ask_ready(output);
    let mut once = Each::new(1, ask, &silent)?;
    Connections::open(&Http1, address, 1)?.run(&mut once)
}
