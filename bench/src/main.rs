//! Compares tidings with rivals, in the same run, on the same disk, and with what it aims at.
//!
//! `log` compares the durable log with embedded stores, `http` the server with other servers. Both are campaigns of
//! cells; a cell is one rival under one load. `million`, `read` and `space` measure tidings alone, and fail where an aim
//! is missed. `README.md` says what is measured and how.

mod aims;
mod calm;
mod campaign;
mod clock;
mod disk;
mod follow;
mod http;
mod latency;
mod log;
mod machine;
mod measured;
mod messages;
mod million;
mod part;
mod process;
mod progress;
mod random;
mod read;
mod report;
mod rig;
mod space;
mod spread;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Compares tidings with rivals, in the same run, on the same disk, and with what it aims at.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compare the log with other embedded stores, and with a bare loop of write and fdatasync
    Log(log::LogArguments),
    /// Compare the server with other servers
    Http(http::HttpArguments),
    /// A server with a million streams: creates, memory, files, and the start after a kill
    Million(million::MillionArguments),
    /// Reads of what is sealed: catching up with a long stream, and pages of a million streams
    Read(read::ReadArguments),
    /// Retention at work: what is written for each byte of message, and what the folder takes for each byte that lives
    Space(space::SpaceArguments),
    /// What followers cost the server, beside a loop that does nothing but send
    Follow(follow::FollowArguments),
    /// Be the loop that does nothing but send
    Bare(follow::BareArguments),
    /// Run one cell of `log` in this process, and print what was found as one line of JSON
    Cell(log::CellArguments),
    /// Run one part of `read` or `space` in this process, and print its figures as one line of JSON
    Part(part::PartArguments),
}

/// What both comparisons have in common.
#[derive(Clone, Debug, Args)]
struct CampaignArguments {
    /// The Markdown file to write; the chart goes beside it, with the extension `svg`
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// How often each cell is run; medians are reported
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    #[command(flatten)]
    window: WindowArguments,
    /// How long to wait, before each cell, for the rest of the machine to be quiet
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    calm: Duration,
    /// A folder on the disk to measure; what is written there is removed again
    #[arg(long, value_name = "PATH", default_value = "bench/data")]
    data: PathBuf,
}

/// What the commands have in common that measure tidings alone.
#[derive(Clone, Debug, Args)]
struct RunArguments {
    /// The Markdown file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// How long to wait, before each part, for the rest of the machine to be quiet
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    calm: Duration,
    /// A folder on the disk to measure; what is written there is removed again
    #[arg(long, value_name = "PATH", default_value = "bench/data")]
    data: PathBuf,
}

/// When a cell counts.
#[derive(Clone, Copy, Debug, Args)]
struct WindowArguments {
    /// How long a cell is measured, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    seconds: Duration,
    /// How long a cell runs before it is measured, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    warm_up: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().command {
        Command::Log(arguments) => arguments.run().map(|()| ExitCode::SUCCESS),
        Command::Http(arguments) => arguments.run().map(|()| ExitCode::SUCCESS),
        Command::Million(arguments) => arguments.run(),
        Command::Read(arguments) => arguments.run(),
        Command::Space(arguments) => arguments.run(),
        Command::Follow(arguments) => arguments.run(),
        Command::Bare(arguments) => arguments.run().map(|()| ExitCode::SUCCESS),
        Command::Cell(arguments) => arguments.run().map(|()| ExitCode::SUCCESS),
        Command::Part(arguments) => arguments.run().map(|()| ExitCode::SUCCESS),
    }
}
