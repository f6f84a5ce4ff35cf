//! `follow`: what followers cost a server, beside a loop that does nothing but send.
//!
//! One thread of this process is all followers and the publisher; it is the same for every server. The servers are
//! processes of their own, and what they use is asked of the kernel.

mod crowd;
mod fan_out;
mod follower;
mod payload;
mod publisher;
mod target;
mod usage;

pub(crate) use target::bare::BareArguments;

use crate::http::allow_many_files;
use anyhow::Context;
use clap::Args;
use fan_out::FanOut;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use target::bare::Bare;
use target::tidings::Tidings;
use target::{Framing, Target};

/// `tidings-bench follow`.
#[derive(Debug, Args)]
pub(crate) struct FollowArguments {
    /// A tidings to measure: a name, its binary and its flags, as `NAME=BIN FLAG…`; can be given several times
    #[arg(long, value_name = "OURS", default_value = "tidings=target/release/tidings")]
    ours: Vec<String>,
    /// How many follow each server
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    followers: usize,
    /// How often each cell is run; medians are reported
    #[arg(long, value_name = "COUNT", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long a cell is measured in each round, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = crate::seconds)]
    seconds: Duration,
}

impl FollowArguments {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        allow_many_files()?;
        let mut targets: Vec<Box<dyn Target>> = vec![Box::new(Bare)];
        for ours in &self.ours {
            for framing in [Framing::WebSocket, Framing::Text] {
                targets.push(Box::new(tidings(ours, framing)?));
            }
        }
        let FollowArguments { followers, rounds, seconds: time, .. } = self;
        let costs = FanOut { followers, rounds, time }.run(&targets)?;
        costs.print(io::stderr()).context("printing what was found")
    }
}

fn tidings(text: &str, framing: Framing) -> anyhow::Result<Tidings> {
    let (name, command) = text.split_once('=').with_context(|| format!("no `=` in `{text}`"))?;
    let mut words = command.split_ascii_whitespace().map(str::to_owned);
    let program = PathBuf::from(words.next().with_context(|| format!("no binary in `{text}`"))?);
    Ok(Tidings { name: name.to_owned(), program, flags: words.collect(), framing })
}
