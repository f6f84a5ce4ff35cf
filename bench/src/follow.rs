//! `follow`: what followers and requests cost a server, beside its peers and a loop that does nothing but send.
//!
//! One thread of this process is all followers and the publisher; it is the same for every server. The servers are
//! processes of their own, and what they use is asked of the kernel.

mod churn;
mod crowd;
mod fan_out;
mod follower;
mod idle;
mod kernel;
mod payload;
mod publisher;
mod report;
mod requests;
mod running;
mod section;
mod socket;
mod stalled;
mod target;
mod usage;

pub(crate) use target::bare::BareArguments;

use crate::http::allow_many_files;
use crate::progress::Progress;
use anyhow::Context;
use clap::{Args, ValueEnum};
use section::Section;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use target::nginx::Nginx;
use target::tidings::Binary;
use target::{Peers, Target};

/// `tidings-bench follow`.
#[derive(Debug, Args)]
pub(crate) struct FollowArguments {
    /// The Markdown file to write; the chart goes beside it, with the extension `svg`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A tidings to measure: a name, its binary and its flags, as `NAME=BIN FLAG…`. Given several times, all are compared
    /// in `fan-out`; the other parts take the first
    #[arg(long, value_name = "OURS", default_value = "tidings=target/release/tidings", value_parser = Binary::parse)]
    ours: Vec<Binary>,
    /// What to measure; all without this flag
    #[arg(long, value_name = "PARTS", value_delimiter = ',')]
    parts: Vec<Part>,
    /// Leave the peers out, but nginx where an aim needs it
    #[arg(long)]
    alone: bool,
    /// Compare only with peers whose name has one of these words in it
    #[arg(long, value_name = "WORDS", value_delimiter = ',')]
    only: Vec<String>,
    /// How many follow each server
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    followers: usize,
    /// How many connections are held idle
    #[arg(long, value_name = "COUNT", default_value_t = 10_000)]
    idle: usize,
    /// How many connections come and go
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000)]
    churn: u64,
    /// How often each cell is run; medians are reported
    #[arg(long, value_name = "COUNT", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long a cell is measured in each round, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = crate::seconds)]
    seconds: Duration,
    /// How long to wait, before each round, for the rest of the machine to be quiet
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = crate::seconds)]
    calm: Duration,
    /// A folder on the disk that `disk` streams are on; what is written there is removed again
    #[arg(long, value_name = "PATH", default_value = "bench/data")]
    data: PathBuf,
    /// Where `bench/setup.sh` put the other servers
    #[arg(long, value_name = "PATH", default_value = "bench/.peers")]
    peers: PathBuf,
    /// Where the servers are that run on Node, with what npm installed for them
    #[arg(long, value_name = "PATH", default_value = "bench/peers-npm")]
    node: PathBuf,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// CPU and latency of a delivery
    FanOut,
    /// Memory and CPU of connections that wait
    Idle,
    /// CPU of polls, long polls and publishes
    Requests,
    /// Followers that stop reading
    Stalled,
    /// Connections that come and go
    Churn,
}

/// What all parts need to know.
struct Campaign {
    ours: Vec<Binary>,
    followers: usize,
    idle: usize,
    churn: u64,
    rounds: u32,
    /// How long a cell is measured in each round.
    slice: Duration,
    calm: Duration,
    data: PathBuf,
    peers: Peers,
    alone: bool,
    only: Vec<String>,
    progress: Progress,
}

impl FollowArguments {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        std::fs::create_dir_all(&self.data).context("making the folder for the data")?;
        allow_many_files()?;
        let parts = if self.parts.is_empty() { Part::value_variants().to_vec() } else { self.parts };
        let campaign = Campaign {
            ours: self.ours,
            followers: self.followers,
            idle: self.idle,
            churn: self.churn,
            rounds: self.rounds,
            slice: self.seconds,
            calm: self.calm,
            data: self.data,
            peers: Peers { programs: self.peers, node: self.node },
            alone: self.alone,
            only: self.only,
            progress: Progress::new(parts.len() as u64, "parts"),
        };
        let mut sections = Vec::new();
        for part in parts {
            let section = part.run(&campaign).unwrap_or_else(|error| Section::failed(part.title(), &error));
            for line in section.text.lines() {
                campaign.progress.tell(line);
            }
            for figure in &section.figures {
                campaign.tell(&figure.to_string());
            }
            campaign.progress.add(1);
            sections.push((part.title(), section));
        }
        campaign.progress.finish();
        report::write(&campaign, &sections, self.out.as_deref())
    }
}

impl Part {
    fn title(self) -> &'static str {
        match self {
            Part::FanOut => "Fan-out",
            Part::Idle => "Idle connections",
            Part::Requests => "Requests",
            Part::Stalled => "Followers that stop reading",
            Part::Churn => "Connections that come and go",
        }
    }

    fn run(self, campaign: &Campaign) -> anyhow::Result<Section> {
        match self {
            Part::FanOut => fan_out::run(campaign),
            Part::Idle => idle::run(campaign),
            Part::Requests => requests::run(campaign),
            Part::Stalled => stalled::run(campaign),
            Part::Churn => churn::run(campaign),
        }
    }
}

impl Campaign {
    fn peers(&self) -> Vec<Box<dyn Target>> {
        let mut peers = if self.alone { Vec::new() } else { self.peers.all() };
        let is_wanted =
            |title: &str| self.only.is_empty() || self.only.iter().any(|word| title.contains(word));
        peers.retain(|peer| is_wanted(&peer.title()));
        peers
    }

    fn nginx(&self) -> Nginx {
        self.peers.nginx()
    }

    fn tell(&self, line: &str) {
        self.progress.begin(line);
        self.progress.tell(line);
    }

    /// What fails is told, and left out.
    fn attempt<T>(&self, title: &str, act: impl FnOnce() -> anyhow::Result<T>) -> Option<T> {
        act().inspect_err(|error| self.tell(&format!("{title} failed: {error:#}"))).ok()
    }
}
