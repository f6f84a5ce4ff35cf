//! `tidings log stats`: what a log has, in numbers.

use crate::data_arguments::{DataArguments, refused};
use crate::exit::Stop;
use crate::style::{Ink, Style};
use clap::Args;
use indicatif::{BinaryBytes, HumanCount};
use serde_json::json;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use tidings_log::{
    BlockLook, DirectoryStorage, LogLook, LookError, OpenError, look_at_running, look_at_stopped,
};
use tidings_protocol::rfc3339_text;

/// `tidings log stats`.
#[derive(Debug, Args)]
pub(crate) struct StatsArguments {
    /// List the blocks too
    #[arg(long)]
    blocks: bool,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    data: DataArguments,
}

/// Of which moment the numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AsOf {
    /// Nobody writes to the log.
    Now,
    /// A server has it.
    LastManifest,
}

impl StatsArguments {
    /// Prints the numbers.
    pub(crate) fn run(self, out: &mut impl Write) -> Result<(), Stop> {
        let folder = self.data.folder()?;
        let (looked, as_of) = look(&folder).map_err(|error| refused(&folder, error, "try again"))?;
        if self.json {
            print_json(out, &looked, as_of)?;
        } else {
            let style = Style::of(&io::stdout());
            print(out, &looked, as_of, style)?;
            if self.blocks && !looked.blocks.is_empty() {
                print_blocks(out, &looked.blocks, style)?;
            }
        }
        Ok(out.flush()?)
    }
}

fn look(folder: &Path) -> Result<(LogLook, AsOf), LookError> {
    match DirectoryStorage::open_to_read(folder) {
        Ok(storage) => Ok((look_at_stopped(Arc::new(storage))?, AsOf::Now)),
        Err(OpenError::Locked { .. }) => {
            Ok((look_at_running(&DirectoryStorage::open_to_look(folder)?)?, AsOf::LastManifest))
        }
        Err(error) => Err(error.into()),
    }
}

fn print(out: &mut impl Write, looked: &LogLook, as_of: AsOf, style: Style) -> io::Result<()> {
    let stats = &looked.stats;
    if as_of == AsOf::LastManifest {
        let note = "a server runs on it: as of the last manifest; streams as of the last snapshot";
        writeln!(out, "{}", style.paint(Ink::Faint, note))?;
    }
    let oldest = looked.oldest.map_or_else(
        || "not known".to_owned(),
        |time| String::from_utf8_lossy(&rfc3339_text(time)).into_owned(),
    );
    let share = |part: u64, whole: u64| u128::from(part) * 100 / u128::from(whole.max(1));
    let written = |bytes: u64| BinaryBytes(bytes).to_string();
    for (label, value) in [
        ("streams", HumanCount(stats.streams).to_string()),
        ("live messages", written(stats.live_bytes)),
        ("oldest message", oldest),
        ("blocks", format!("{} of {}", HumanCount(stats.blocks), BinaryBytes(stats.block_bytes))),
        (
            "dead in blocks",
            format!(
                "{} of {} ({} %)",
                BinaryBytes(stats.dead_bytes),
                BinaryBytes(stats.block_message_bytes),
                share(stats.dead_bytes, stats.block_message_bytes)
            ),
        ),
        ("segments", HumanCount(stats.segments).to_string()),
        ("snapshot", written(stats.snapshot_bytes)),
        ("ever written", String::new()),
        ("  by commits", written(stats.written_frames)),
        ("  by sealing", written(stats.written_sealing)),
        ("  by merging", written(stats.written_merging)),
        ("  by snapshots", written(stats.written_snapshots)),
        ("write amplification", format!("{:.2}", stats.write_amplification())),
    ] {
        writeln!(out, "{}  {value}", style.paint(Ink::Bold, format!("{label:<19}")))?;
    }
    Ok(())
}

const HEAD: [&str; 6] = ["BLOCK", "SEGMENTS", "BYTES", "STREAMS", "MESSAGES", "DEAD"];

fn print_blocks(out: &mut impl Write, blocks: &[BlockLook], style: Style) -> io::Result<()> {
    let row = |block: &BlockLook| {
        [
            format!("{:08}", block.id),
            format!("{}..{}", block.first_segment, block.last_segment),
            BinaryBytes(block.bytes).to_string(),
            HumanCount(block.streams).to_string(),
            HumanCount(block.messages).to_string(),
            format!("{} %", u128::from(block.dead_weight) * 100 / u128::from(block.weight.max(1))),
        ]
    };
    let rows: Vec<[String; 6]> = blocks.iter().map(row).collect();
    let mut widths = HEAD.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.len());
        }
    }
    let line = |cells: [&str; 6]| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:>width$}"));
        cells.collect::<Vec<String>>().join("  ")
    };
    writeln!(out, "\n{}", style.paint(Ink::Bold, line(HEAD)))?;
    for row in &rows {
        writeln!(out, "{}", line(row.each_ref().map(String::as_str)))?;
    }
    Ok(())
}

fn print_json(out: &mut impl Write, looked: &LogLook, as_of: AsOf) -> io::Result<()> {
    let stats = &looked.stats;
    let block = |block: &BlockLook| {
        json!({
            "number": block.id,
            "first_segment": block.first_segment,
            "last_segment": block.last_segment,
            "bytes": block.bytes,
            "streams": block.streams,
            "messages": block.messages,
            "weight": block.weight,
            "dead_weight": block.dead_weight,
        })
    };
    let object = json!({
        "as_of": if as_of == AsOf::Now { "now" } else { "last_manifest" },
        "streams": stats.streams,
        "live_bytes": stats.live_bytes,
        "oldest": looked.oldest.map(|time| String::from_utf8_lossy(&rfc3339_text(time)).into_owned()),
        "block_bytes": stats.block_bytes,
        "block_message_bytes": stats.block_message_bytes,
        "dead_bytes": stats.dead_bytes,
        "snapshot_bytes": stats.snapshot_bytes,
        "segments": stats.segments,
        "written": {
            "messages_sealed": stats.sealed_message_bytes,
            "frames": stats.written_frames,
            "sealing": stats.written_sealing,
            "merging": stats.written_merging,
            "snapshots": stats.written_snapshots,
        },
        "write_amplification": stats.write_amplification(),
        "blocks": looked.blocks.iter().map(block).collect::<Vec<_>>(),
    });
    writeln!(out, "{object}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked() -> LogLook {
        let block = BlockLook {
            id: 3,
            first_segment: 1,
            last_segment: 16,
            bytes: 5 << 20,
            streams: 1_000,
            messages: 20_000,
            weight: 100,
            dead_weight: 25,
        };
        LogLook { blocks: vec![block], ..LogLook::default() }
    }

    #[test]
    fn the_table_of_blocks_is_aligned() {
        let mut out = Vec::new();
        print_blocks(&mut out, &looked().blocks, Style::Plain).unwrap();
        let expected = "
   BLOCK  SEGMENTS     BYTES  STREAMS  MESSAGES  DEAD
00000003     1..16  5.00 MiB    1,000    20,000  25 %
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn numbers_of_a_running_server_say_so() {
        let mut out = Vec::new();
        print(&mut out, &looked(), AsOf::LastManifest, Style::Plain).unwrap();
        assert!(String::from_utf8(out).unwrap().starts_with("a server runs on it: as of the last manifest;"));
        let mut out = Vec::new();
        print_json(&mut out, &looked(), AsOf::LastManifest).unwrap();
        let object: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(object["as_of"], "last_manifest");
    }
}
