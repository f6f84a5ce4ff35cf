//! `space`: retention at work. What is written for each byte of message, what the folder takes for each byte that lives,
//! and what the upkeep costs the commits beside it.

mod commits;
mod folder;
mod load;

use crate::RunArguments;
use crate::aims::{Aim, Figure, Unit, float};
use crate::disk::Disk;
use crate::part::Part;
use crate::progress::Progress;
use crate::report::account::Account;
use crate::rig::{self, Rig};
use clap::Args;
use folder::FolderUse;
use load::{Load, Sent};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::ExitCode;
use tidings_log::LogStats;
use tidings_model::Retention;

const WRITTEN_PER_MESSAGE_BYTE: Aim = Aim::LessThan(3.0);
const USED_PER_LIVE_BYTE: Aim = Aim::LessThan(1.5);
const FILES: Aim = Aim::AtMost(300.0);

/// `tidings-bench space`.
#[derive(Debug, Args)]
pub(crate) struct SpaceArguments {
    #[command(flatten)]
    run: RunArguments,
    /// How many gigabytes of messages are published
    #[arg(long, value_name = "GB", default_value_t = 4.0)]
    gigabytes: f64,
    /// How many streams there are; every tenth is deleted halfway
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    streams: u32,
    /// How many messages a stream keeps
    #[arg(long, value_name = "COUNT", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    keep: u32,
    /// How many publishes one commit holds
    #[arg(long, value_name = "COUNT", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..))]
    in_flight: u32,
    /// How often commits are timed with the upkeep and without it
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long they are timed in each round, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 4.0)]
    seconds: f64,
}

/// The part that does it all.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Space {
    pub(crate) gigabytes: f64,
    pub(crate) streams: u32,
    pub(crate) keep: u32,
    pub(crate) in_flight: u32,
    pub(crate) rounds: u32,
    pub(crate) seconds: f64,
}

impl SpaceArguments {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let SpaceArguments { gigabytes, streams, keep, in_flight, rounds, seconds, .. } = self;
        let figures = Part::Space(Space { gigabytes, streams, keep, in_flight, rounds, seconds })
            .run_in_child(&self.run)?;
        let settings = vec![
            rig::SETTINGS.to_owned(),
            format!(
                "{streams} streams that keep {keep} messages each; {in_flight} publishes for each commit, to any of them; every publish to a full stream stages a trim, as the engine does; every tenth stream is deleted halfway"
            ),
        ];
        Account { title: "Retention at work", figures, settings }.write(&self.run)
    }
}

impl Space {
    pub(crate) fn run(self, folder: &Path) -> anyhow::Result<Vec<Figure>> {
        let progress = Progress::new(self.bytes() / 1_000_000, "MB");
        let retention = Retention { count: Some(self.keep.into()), ..Retention::default() };
        let mut rig = Rig::open(folder, self.streams, retention)?;
        let mut load = Load::new(self);
        let disk = Disk::under(folder)?;
        rustix::fs::sync();
        let (disk_before, stats_before) = (disk.written_bytes(), rig.stats());
        progress.begin("publishing");
        load.publish(&mut rig, folder, self.bytes() / 2, &progress)?;
        load.delete_some(&mut rig)?;
        load.publish(&mut rig, folder, self.bytes(), &progress)?;
        progress.begin("waiting for the upkeep");
        rig.finish()?;
        rustix::fs::sync();
        let disk = disk.written_bytes().zip(disk_before).map(|(after, before)| after - before);
        let written = Written { sent: load.sent(), disk, before: stats_before, after: rig.stats() };
        let mut figures = written.figures();
        figures.extend(load.peak().figures_of_peak());
        figures.extend(FolderUse::of(folder)?.figures(rig.stats().live_bytes));
        figures.extend(commits::compare(self, &mut rig, &mut load, &progress)?);
        progress.finish();
        for figure in &figures {
            progress.tell(&figure.to_string());
        }
        Ok(figures)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some gigabytes")]
    fn bytes(self) -> u64 {
        (self.gigabytes * 1e9) as u64
    }
}

/// What was written, and for what.
struct Written {
    sent: Sent,
    /// By the counts of the disk, if it has some.
    disk: Option<u64>,
    before: LogStats,
    after: LogStats,
}

impl Written {
    fn figures(&self) -> Vec<Figure> {
        let Written { sent, before, after, .. } = self;
        let sealing = after.written_sealing - before.written_sealing;
        let merging = after.written_merging - before.written_merging;
        let snapshots = after.written_snapshots - before.written_snapshots;
        let all = float(sent.frame_bytes + sealing + merging + snapshots);
        let per = |what: &str, bytes: f64, of| Figure::new(what, bytes / float(of), Unit::Ratio);
        let mut figures = vec![
            Figure::bytes("Messages published, of 128 and 1,000 bytes", sent.message_bytes),
            Figure::bytes("Written: frames", sent.frame_bytes),
            Figure::bytes("Written: sealing", sealing),
            Figure::bytes("Written: merging and rewriting", merging),
            Figure::bytes("Written: snapshots", snapshots),
            per("Written for each byte of messages", all, sent.message_bytes).aim(WRITTEN_PER_MESSAGE_BYTE),
            per("Written for each byte of frames", all, sent.frame_bytes),
        ];
        if let Some(disk) = self.disk {
            let what = "Written by the counts of the disk for each byte of messages";
            figures.push(per(what, float(disk), sent.message_bytes).aim(WRITTEN_PER_MESSAGE_BYTE));
        }
        figures
    }
}
