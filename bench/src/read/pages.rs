//! Pages of random streams, each of which lies in many blocks.

use crate::aims::{Aim, Figure, Unit, float};
use crate::clock;
use crate::latency::Latency;
use crate::messages::{MESSAGE_BYTES, Messages};
use crate::progress::Progress;
use crate::random::{Random, scattered};
use crate::rig::{LOOK_AHEAD, Rig};
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io;
use std::path::Path;
use tidings_log::{DirectoryStorage, ReadLimit, look_at_running};
use tidings_model::Retention;

const READ_US: Aim = Aim::LessThan(1_000.0);
const ROUNDS: u32 = 10;
const MESSAGES_OF_ROUND: u32 = 10;
const PUBLISHES_AT_ONCE: usize = 1_024;
const PAGE: ReadLimit = ReadLimit { bytes: 1 << 20, messages: (ROUNDS * MESSAGES_OF_ROUND) as u64 };

/// The part of `read`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Pages {
    pub(crate) streams: u32,
    pub(crate) reads: u32,
}

impl Pages {
    pub(crate) fn run(self, folder: &Path) -> anyhow::Result<Vec<Figure>> {
        let progress = Progress::new(u64::from(self.streams) * u64::from(ROUNDS), "publishes");
        progress.begin("creating");
        let mut rig = Rig::open(folder, self.streams, Retention::default())?;
        self.write(&mut rig, &progress)?;
        progress.begin("sealing and merging");
        rig.seal_all()?;
        progress.begin("warming up");
        warm(folder)?;
        progress.begin("reading");
        let latency = self.read(&rig)?;
        progress.finish();
        let mut figures = vec![Figure::count(
            "Streams of 100 messages of 128 bytes, published in 10 rounds of 10",
            u64::from(self.streams),
        )];
        figures.extend(blocks(folder, self.streams)?);
        let what = "Read of all 100 messages of a random stream";
        figures.extend(Figure::quantiles(what, &latency, &[("p50", 0.5)]));
        let p99 = Figure::quantiles(what, &latency, &[("p99", 0.99)]);
        figures.extend(p99.into_iter().map(|figure| figure.aim(READ_US)));
        figures.extend(Figure::quantiles(what, &latency, &[("p99.9", 0.999)]));
        for figure in &figures {
            progress.tell(&figure.to_string());
        }
        Ok(figures)
    }

    fn write(self, rig: &mut Rig, progress: &Progress) -> anyhow::Result<()> {
        let (messages, mut random) = (Messages::new(), Random::new(0));
        let order: Vec<u32> = (0..self.streams).map(|at| scattered(at, self.streams)).collect();
        for round in 1..=ROUNDS {
            progress.begin(&format!("round {round}"));
            for streams in order.chunks(PUBLISHES_AT_ONCE) {
                let now = clock::wall();
                for ahead in streams.chunks(LOOK_AHEAD) {
                    rig.log.look_ahead(ahead.iter().map(|stream| &rig.names[*stream as usize]));
                    for stream in ahead {
                        let batch = (0..MESSAGES_OF_ROUND).map(|_| messages.pick(&mut random).clone());
                        rig.publish(*stream, batch.collect(), now)?;
                    }
                }
                rig.log.commit()?;
                progress.add(streams.len() as u64);
            }
        }
        Ok(())
    }

    fn read(self, rig: &Rig) -> anyhow::Result<Latency> {
        let (mut latency, mut random) = (Latency::new()?, Random::new(1));
        for _ in 0..self.reads {
            let name = &rig.names[random.below(self.streams) as usize];
            let began = clock::now();
            let view = rig.log.find(name.as_str()).context("a stream is gone")?;
            let batches = view.stored.read(view.earliest_index, view.tail_index, PAGE)?;
            latency.record(clock::now().duration_since(began), 1);
            let bytes: usize = batches.iter().map(tidings_model::Batch::bytes).sum();
            anyhow::ensure!(bytes == 100 * MESSAGE_BYTES, "only {bytes} bytes of {name} are there");
        }
        Ok(latency)
    }
}

/// Brings all files into the page cache, as far as they fit.
fn warm(folder: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).context("listing the files")? {
        let path = entry.context("listing the files")?.path();
        let mut file = File::open(&path).with_context(|| format!("opening {}", path.display()))?;
        io::copy(&mut file, &mut io::sink()).with_context(|| format!("reading {}", path.display()))?;
    }
    Ok(())
}

/// How many blocks there are, and in how many of them a stream lies.
fn blocks(folder: &Path, streams: u32) -> anyhow::Result<[Figure; 3]> {
    let look = look_at_running(&DirectoryStorage::open_to_look(folder)?)?;
    let streams_of_all: u64 = look.blocks.iter().map(|block| block.streams).sum();
    let mean = float(streams_of_all) / float(streams.into());
    Ok([
        Figure::bytes("All blocks", look.stats.block_bytes),
        Figure::count("Blocks", look.stats.blocks),
        Figure::new("Blocks in which a stream lies, on average", mean, Unit::Ratio),
    ])
}
