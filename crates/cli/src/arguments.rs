//! The command line as a whole: its commands, and what each runs in.

use crate::command::close::CloseArguments;
use crate::command::compare::CompareArguments;
use crate::command::completions::CompletionsArguments;
use crate::command::config::ConfigArguments;
use crate::command::create::CreateArguments;
use crate::command::delete::DeleteArguments;
use crate::command::doctor::DoctorArguments;
use crate::command::follow::FollowArguments;
use crate::command::key::KeyArguments;
use crate::command::log::LogArguments;
use crate::command::man::ManArguments;
use crate::command::publish::PublishArguments;
use crate::command::read::ReadArguments;
use crate::command::serve::ServeArguments;
use crate::command::streams::StreamsArguments;
use crate::exit::{EXIT_CODES, Stop};
use clap::{Parser, Subcommand};
use std::io::{self, BufWriter};

/// Named streams of messages, followed by polling, long polling, SSE and WebSocket, all from one offset.
#[derive(Debug, Parser)]
#[command(name = "tidings", version, long_version = env!("VERSION_AND_BUILD"), after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a server
    Serve(Box<ServeArguments>),
    /// Publish a message, or each line of standard input
    Publish(PublishArguments),
    /// Print what is stored in a stream
    Read(ReadArguments),
    /// Print what is stored in streams and go on with what is published
    Follow(FollowArguments),
    /// List streams
    Streams(StreamsArguments),
    /// Create a stream
    Create(CreateArguments),
    /// Close a stream: nothing can be published to it any more
    Close(CloseArguments),
    /// Delete a stream and its messages
    Delete(DeleteArguments),
    /// Measure the ways to follow beside each other: polling, long polling, SSE, WebSocket
    Compare(Box<CompareArguments>),
    /// Check or print the settings of a server
    Config(ConfigArguments),
    /// Look at the machine, the settings and the way to a server, and say what would hurt
    Doctor(Box<DoctorArguments>),
    /// Make an API key
    Key(KeyArguments),
    /// Verify, back up, salvage, export, import or measure the log in a data folder
    Log(LogArguments),
    /// Print what a shell needs to complete command lines
    Completions(CompletionsArguments),
    /// Print or write the manual pages
    Man(ManArguments),
}

impl Arguments {
    /// Runs the command to its end.
    pub(crate) fn run(self) -> Result<(), Stop> {
        let mut out = BufWriter::new(io::stdout().lock());
        match self.command {
            // The server has its own threads and runtimes, and prints by itself.
            Command::Serve(arguments) => {
                drop(out);
                arguments.run()
            }
            Command::Compare(arguments) => arguments.run(&mut out),
            Command::Config(arguments) => arguments.run(&mut out),
            Command::Doctor(arguments) => arguments.run(&mut out),
            Command::Key(arguments) => arguments.run(&mut out),
            Command::Log(arguments) => arguments.run(&mut out),
            Command::Completions(arguments) => arguments.run(&mut out),
            Command::Man(arguments) => arguments.run(&mut out),
            Command::Publish(arguments) => until_interrupted(arguments.run(&mut out)),
            Command::Read(arguments) => until_interrupted(arguments.run(&mut out)),
            Command::Follow(arguments) => until_interrupted(arguments.run(&mut out)),
            Command::Streams(arguments) => until_interrupted(arguments.run(&mut out)),
            Command::Create(arguments) => until_interrupted(arguments.run(&mut out)),
            Command::Close(arguments) => until_interrupted(arguments.run(&mut out)),
            Command::Delete(arguments) => until_interrupted(arguments.run()),
        }
    }
}

/// Runs a client command on this thread, until it is done or Ctrl-C comes.
pub(crate) fn until_interrupted<T>(command: impl Future<Output = Result<T, Stop>>) -> Result<T, Stop> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = command => outcome,
            _interrupted = tokio::signal::ctrl_c() => Err(Stop::Interrupted),
        }
    });
    // A thread may still wait for a line of standard input; it ends with the process.
    runtime.shutdown_background();
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_names_that_scripts_rely_on_are_there() {
        for line in [
            "tidings serve --data d --listen 127.0.0.1:0 --long-poll-timeout 30s --default-durability disk",
            "tidings serve --ws-echo 127.0.0.1:0 --max-message-bytes 16777216",
            "tidings publish host/vmstat --lines --url http://127.0.0.1:1",
            "tidings publish demo {} --content-type application/json --key k --no-create --close",
            "tidings read demo --from -1 --limit 3 --json",
            "tidings follow a b --via poll --every 2s --from last:10 --json --count 3",
            "tidings follow a --via auto --on-reset earliest --from now",
            "tidings streams --prefix orders/ --json",
            "tidings config check --config x.toml",
            "tidings config default",
            "tidings key new --name backend",
            "tidings completions bash",
            "tidings man --to d",
            "tidings doctor --config x.toml --json",
            "tidings doctor --url https://updates.example.com --token t --quiet 70s --data d",
            "tidings log verify --data d --json",
            "tidings log stats --blocks --config x.toml",
            "tidings log backup --to d",
            "tidings log export orders/42 --out x.jsonl",
            "tidings log salvage --to d --keep-all --json",
            "tidings log import x.jsonl --skip-existing",
            "tidings compare --followers 500 --messages 2/s --bytes 200 --poll-every 1s,5s,30s --duration 30s --rtt 40ms",
            "tidings compare --sweep --late 1s --json=x.json --report x.html",
        ] {
            let parsed = Arguments::try_parse_from(line.split(' '));
            assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
        }
    }

    #[test]
    fn what_makes_no_sense_is_wrong_usage() {
        for line in [
            "tidings publish demo x --lines",
            "tidings publish demo --lines --key k",
            "tidings follow",
            "tidings follow demo --every 0s --via poll",
            "tidings follow demo --via carrier-pigeon",
            "tidings read a//b",
            "tidings read demo --limit 0",
        ] {
            let code = Arguments::try_parse_from(line.split(' ')).err().map(|error| error.exit_code());
            assert_eq!(code, Some(2), "{line}");
        }
    }
}
