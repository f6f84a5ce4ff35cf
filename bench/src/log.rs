//! `log`: durable appends to tidings' log and to other embedded stores.
//!
//! Every cell runs in a child process of its own, so that the memory and the writes that the kernel counts are those
//! of that one store.

pub(crate) mod background;
mod cell;
mod publishers;
mod store;

use crate::CampaignArguments;
use crate::campaign::{Campaign, Load};
use crate::machine;
use crate::measured::Measured;
use crate::report::Report;
use anyhow::Context;
use clap::Args;
use std::process::{Command, Stdio};
use store::Store;

pub(crate) use cell::CellArguments;

/// `tidings-bench log`.
#[derive(Debug, Args)]
pub(crate) struct LogArguments {
    #[command(flatten)]
    campaign: CampaignArguments,
    /// How many streams there are, one or more numbers
    #[arg(long, value_name = "COUNTS", value_delimiter = ',', default_value = "10,10000,1000000")]
    streams: Vec<u32>,
    /// How many appends are in flight, one or more numbers
    #[arg(long, value_name = "COUNTS", value_delimiter = ',', default_value = "1,64,1024")]
    in_flight: Vec<u32>,
    /// Which stores to compare; all without this flag
    #[arg(long, value_name = "STORES", value_delimiter = ',')]
    stores: Vec<Store>,
}

impl LogArguments {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.campaign.data).context("making the folder for the data")?;
        let stores = if self.stores.is_empty() { Store::ALL.to_vec() } else { self.stores.clone() };
        let campaign = Campaign {
            loads: Load::all(&self.streams, &self.in_flight),
            columns: stores,
            rounds: self.campaign.rounds,
            calm: self.campaign.calm,
        };
        let mut findings = campaign.run(|store, load| self.cell(*store, load));
        findings.merge_into(Store::Fjall.title(), Store::FjallTwoWriters.title());
        let facts = machine::facts(&self.campaign.data);
        let settings = campaign.columns.iter().map(|store| store.settings()).collect();
        let report = Report {
            title: "The log beside embedded stores",
            what: "Durable appends per second of 128-byte messages",
            facts,
            settings,
            findings,
        };
        report.write(&self.campaign)
    }

    /// Runs a cell in a child process over an empty folder.
    fn cell(&self, store: Store, load: Load) -> anyhow::Result<Measured> {
        let folder = tempfile::tempdir_in(&self.campaign.data).context("making a folder for the cell")?;
        let window = self.campaign.window;
        let mut command = Command::new(std::env::current_exe().context("finding this program")?);
        command.arg("cell").args(["--store", store.word()]).arg("--folder").arg(folder.path());
        command.arg(format!("--streams={}", load.streams)).arg(format!("--in-flight={}", load.in_flight));
        command.arg(format!("--seconds={}", window.seconds.as_secs_f64()));
        command.arg(format!("--warm-up={}", window.warm_up.as_secs_f64()));
        let output = command.stdin(Stdio::null()).output().context("running the cell")?;
        let told = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "{}: {}", output.status, told.trim());
        folder.close().context("removing the cell's folder")?;
        // What the disk still has to do for this cell must not fall on the next.
        rustix::fs::sync();
        serde_json::from_slice(&output.stdout).context("reading what the cell found")
    }
}
