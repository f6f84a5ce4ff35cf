//! One store under one load, in this process.

use super::publishers::{Publishers, Share};
use super::store::{Committer, Store};
use crate::WindowArguments;
use crate::clock;
use crate::disk::Disk;
use crate::latency::Latency;
use crate::measured::{Measured, Moment, Window};
use crate::messages::Messages;
use crate::process::Process;
use anyhow::Context;
use clap::Args;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

/// `tidings-bench cell`.
#[derive(Debug, Args)]
pub(crate) struct CellArguments {
    /// Which store
    #[arg(long)]
    store: Store,
    /// An empty folder for it
    #[arg(long, value_name = "PATH")]
    folder: PathBuf,
    /// How many streams there are
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    streams: u32,
    /// How many appends are in flight
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    in_flight: u32,
    #[command(flatten)]
    window: WindowArguments,
}

/// Which part of a cell it is. The threads look at it after every commit.
struct Phase(AtomicU8);

impl Phase {
    const WARM_UP: u8 = 0;
    const COUNTS: u8 = 1;
    const OVER: u8 = 2;

    fn set(&self, phase: u8) {
        self.0.store(phase, Ordering::Release);
    }

    fn is(&self, phase: u8) -> bool {
        self.0.load(Ordering::Acquire) == phase
    }
}

impl CellArguments {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let committers = self.store.open(&self.folder, self.streams).context("opening the store")?;
        let measured = self.measure(committers)?;
        let line = serde_json::to_string(&measured).context("writing down what was found")?;
        writeln!(io::stdout(), "{line}").context("telling what was found")
    }

    fn measure(&self, committers: Vec<Box<dyn Committer>>) -> anyhow::Result<Measured> {
        let messages = Messages::new();
        let phase = Phase(AtomicU8::new(Phase::WARM_UP));
        let threads = u32::try_from(committers.len()).context("counting threads")?;
        anyhow::ensure!(threads <= self.in_flight.min(self.streams), "a thread would have nothing to do");
        thread::scope(|scope| {
            let mut running = Vec::new();
            for (thread, committer) in (0..).zip(committers) {
                let share = Share { thread, threads };
                let publishers = Publishers::new(&messages, share, self.streams, self.in_flight);
                let phase = &phase;
                running.push(scope.spawn(move || commit_until_over(committer, publishers, phase)));
            }
            let window = self.wait(&phase);
            // Also when the window could not be read: the threads must end.
            phase.set(Phase::OVER);
            let mut latency = Latency::new()?;
            let mut kept_open = Vec::new();
            for thread in running {
                let (committer, part) = thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))??;
                latency.add(&part)?;
                kept_open.push(committer);
            }
            // Before the stores are closed, which may take memory of its own.
            Measured::of(&latency, &window?, Process::Own)
        })
    }

    fn wait(&self, phase: &Phase) -> anyhow::Result<Window> {
        thread::sleep(self.window.warm_up);
        let disk = Disk::under(&self.folder)?;
        let began = Moment::now(Process::Own, &disk)?;
        phase.set(Phase::COUNTS);
        thread::sleep(self.window.seconds);
        phase.set(Phase::OVER);
        Ok(Window { began, ended: Moment::now(Process::Own, &disk)? })
    }
}

/// The closed loop. What was committed while the phase counts is counted.
fn commit_until_over(
    mut committer: Box<dyn Committer>,
    mut publishers: Publishers<'_>,
    phase: &Phase,
) -> anyhow::Result<(Box<dyn Committer>, Latency)> {
    let mut latency = Latency::new()?;
    let mut batch = Vec::new();
    let mut submitted = clock::now();
    while !phase.is(Phase::OVER) {
        publishers.submit(&mut batch);
        committer.commit(&batch)?;
        let durable = clock::now();
        if phase.is(Phase::COUNTS) {
            latency.record(durable.duration_since(submitted), batch.len() as u64);
        }
        submitted = durable;
    }
    Ok((committer, latency))
}
