//! `read`: what is sealed is read through the log's public API, from the page cache.

mod catch_up;
mod pages;

use crate::RunArguments;
use crate::part::Part;
use crate::report::account::Account;
use crate::rig;
use clap::Args;
use std::process::ExitCode;

pub(crate) use catch_up::CatchUp;
pub(crate) use pages::Pages;

/// `tidings-bench read`.
#[derive(Debug, Args)]
pub(crate) struct ReadArguments {
    #[command(flatten)]
    run: RunArguments,
    /// How many gigabytes the stream has that is caught up with
    #[arg(long, value_name = "GB", default_value_t = 1.0)]
    gigabytes: f64,
    /// How many streams there are of which pages are read; each has 100 messages
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    streams: u32,
    /// How many of these pages are read
    #[arg(long, value_name = "COUNT", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    reads: u32,
}

impl ReadArguments {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let ReadArguments { gigabytes, streams, reads, .. } = self;
        let mut figures = Part::CatchUp(CatchUp { gigabytes }).run_in_child(&self.run)?;
        figures.extend(Part::Pages(Pages { streams, reads }).run_in_child(&self.run)?);
        let settings = vec![
            rig::SETTINGS.to_owned(),
            "Read by one thread, through the page cache, after the upkeep had nothing left to do".to_owned(),
        ];
        Account { title: "Reads of the log", figures, settings }.write(&self.run)
    }
}
