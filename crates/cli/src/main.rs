//! The binary `tidings`: runs the server, publishes, reads, follows and looks after streams.
//!
//! Owns the words of the command line and what is printed. Does not know how a follow falls back or resumes (the
//! client does), nor what the server does with its settings.

mod arguments;
mod command;
mod data_arguments;
mod examples;
mod exit;
mod follow_output;
mod hints;
mod lines;
mod message_output;
mod output_watch;
mod parent;
mod patience;
mod progress_bar;
mod server_arguments;
mod settings_flags;
mod status_line;
mod style;
mod values;
mod wall_clock;

use arguments::Arguments;
use clap::Parser;
use std::io::{self, Write};
use std::process::ExitCode;
use style::{Ink, Style};

/// Counts what is in use: the server goes by it when memory becomes scarce.
#[global_allocator]
static HEAP: tidings_server::CountingHeap = tidings_server::CountingHeap;

fn main() -> ExitCode {
    match Arguments::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            if !stop.is_quiet() {
                let mut out = io::stderr().lock();
                let label = Style::of(&out).paint(Ink::Alarm, "tidings:");
                let _nobody_listens = writeln!(out, "{label} {stop}");
            }
            stop.code()
        }
    }
}
