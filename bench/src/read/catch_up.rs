//! Catching up: one long stream that is sealed, from its beginning to its end.

use crate::aims::{Aim, Figure, Unit, float};
use crate::clock;
use crate::messages::{MESSAGE_BYTES, Messages};
use crate::progress::Progress;
use crate::random::Random;
use crate::rig::Rig;
use crate::spread::Spread;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::path::Path;
use tidings_log::ReadLimit;
use tidings_model::Retention;

const BYTES_PER_SECOND: Aim = Aim::AtLeast(500e6);
const PAGE: ReadLimit = ReadLimit { bytes: 1 << 20, messages: u64::MAX };
/// The first one is not counted.
const PASSES: u32 = 6;
const PUBLISHES_AT_ONCE: u32 = 4_096;

/// The part of `read`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct CatchUp {
    pub(crate) gigabytes: f64,
}

impl CatchUp {
    pub(crate) fn run(self, folder: &Path) -> anyhow::Result<Vec<Figure>> {
        let messages = self.messages();
        let progress = Progress::new(u64::from(messages), "messages");
        let mut rig = Rig::open(folder, 1, Retention::default())?;
        write(&mut rig, messages, &progress)?;
        progress.begin("sealing");
        rig.seal_all()?;
        let mut rates = Vec::new();
        for pass in 0..PASSES {
            progress.begin(&format!("pass {pass}"));
            let began = clock::now();
            let bytes = read_all(&rig)?;
            let rate = float(bytes) / clock::now().duration_since(began).as_secs_f64();
            anyhow::ensure!(
                bytes == u64::from(messages) * MESSAGE_BYTES as u64,
                "only {bytes} bytes are there"
            );
            if 0 < pass {
                rates.push(rate);
            }
        }
        progress.finish();
        let spread = Spread::of(rates.into_iter()).context("no pass")?;
        let of = |what: &str, rate| Figure::new(what, rate, Unit::BytesPerSecond);
        let figures = vec![
            Figure::bytes(
                "Catching up in pages of 1 MiB with one stream of 128-byte messages, each published alone",
                u64::from(messages) * MESSAGE_BYTES as u64,
            ),
            of("Bytes of messages read, median of 5 passes", spread.median).aim(BYTES_PER_SECOND),
            of("The slowest pass", spread.min),
        ];
        for figure in &figures {
            progress.tell(&figure.to_string());
        }
        Ok(figures)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few gigabytes")]
    fn messages(self) -> u32 {
        (self.gigabytes * 1e9 / float(MESSAGE_BYTES as u64)) as u32
    }
}

fn write(rig: &mut Rig, count: u32, progress: &Progress) -> anyhow::Result<()> {
    progress.begin("publishing");
    let (messages, mut random) = (Messages::new(), Random::new(0));
    let mut left = count;
    while 0 < left {
        let at_once = left.min(PUBLISHES_AT_ONCE);
        let now = clock::wall();
        for _ in 0..at_once {
            rig.publish(0, vec![messages.pick(&mut random).clone()], now)?;
        }
        rig.log.commit()?;
        progress.add(at_once.into());
        left -= at_once;
    }
    Ok(())
}

fn read_all(rig: &Rig) -> anyhow::Result<u64> {
    let view = rig.log.find(rig.names[0].as_str()).context("the stream is gone")?;
    let (mut next, mut bytes) = (view.earliest_index, 0);
    while next < view.tail_index {
        let batches = view.stored.read(next, view.tail_index, PAGE)?;
        bytes += batches.iter().map(|batch| batch.bytes() as u64).sum::<u64>();
        next = batches.last().context("a page without messages")?.end_index();
    }
    Ok(bytes)
}
