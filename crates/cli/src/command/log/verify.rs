//! `tidings log verify`: whether a log is what was written.

use crate::data_arguments::{DataArguments, refused};
use crate::exit::Stop;
use crate::progress_bar::ProgressBar;
use crate::style::{Ink, Style};
use clap::Args;
use indicatif::{BinaryBytes, HumanCount};
use serde_json::json;
use std::io::{self, Write};
use std::sync::Arc;
use tidings_log::{Damage, DirectoryStorage, LookError, Verified, verify};

/// `tidings log verify`. Ends with code 6 where the log is damaged.
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// Print one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    data: DataArguments,
}

const INSTEAD: &str =
    "stop it, or verify a copy: `tidings log backup --to DIR`, then `tidings log verify --data DIR`";

impl VerifyArguments {
    /// Reads the whole log.
    pub(crate) fn run(self, out: &mut impl Write) -> Result<(), Stop> {
        let folder = self.data.folder()?;
        let bar = ProgressBar::on_stderr("verifying");
        let verified = DirectoryStorage::open_to_read(&folder)
            .map_err(LookError::from)
            .and_then(|storage| verify(Arc::new(storage), &mut |progress| bar.show(progress)))
            .map_err(|error| refused(&folder, error, INSTEAD))?;
        drop(bar);
        if self.json {
            print_json(out, &verified)?;
        } else {
            print(out, &verified, Style::of(&io::stdout()))?;
        }
        out.flush()?;
        if verified.damage.is_empty() { Ok(()) } else { Err(Stop::Damaged) }
    }
}

fn print(out: &mut impl Write, verified: &Verified, style: Style) -> io::Result<()> {
    for remark in &verified.remarks {
        writeln!(out, "{}: {}", style.paint(Ink::Name, &remark.file), remark.what)?;
    }
    for Damage { file, at, what } in &verified.damage {
        writeln!(out, "{}, byte {at}: {what}", style.paint(Ink::Alarm, file))?;
    }
    let Verified { streams, messages, message_bytes, blocks, pages, segments, frames, .. } = verified;
    if verified.damage.is_empty() {
        return writeln!(
            out,
            "{}: {} streams with {} messages ({}); {} blocks of {} pages; {} segments with {} frames after the snapshot",
            style.paint(Ink::Bold, "sound"),
            HumanCount(*streams),
            HumanCount(*messages),
            BinaryBytes(*message_bytes),
            HumanCount(*blocks),
            HumanCount(*pages),
            HumanCount(*segments),
            HumanCount(*frames),
        );
    }
    let count = verified.damage.len();
    let places = if count == 1 { "place" } else { "places" };
    writeln!(
        out,
        "{} in {count} {places}. Nothing was changed. `tidings log salvage --to DIR` writes what is left to a new folder",
        style.paint(Ink::Alarm, "damaged")
    )
}

fn print_json(out: &mut impl Write, verified: &Verified) -> io::Result<()> {
    let places = |places: &[Damage]| -> Vec<serde_json::Value> {
        places.iter().map(|it| json!({"file": it.file, "at": it.at, "what": it.what})).collect()
    };
    let object = json!({
        "sound": verified.damage.is_empty(),
        "streams": verified.streams,
        "messages": verified.messages,
        "message_bytes": verified.message_bytes,
        "blocks": verified.blocks,
        "pages": verified.pages,
        "segments": verified.segments,
        "frames": verified.frames,
        "damage": places(&verified.damage),
        "remarks": places(&verified.remarks),
    });
    writeln!(out, "{object}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_named() {
        let at = |at| Damage { file: "00000001.block".into(), at, what: "gone".into() };
        let damaged = Verified { damage: vec![at(4096), at(8192)], ..Verified::default() };
        let mut out = Vec::new();
        print(&mut out, &damaged, Style::Plain).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with(
            "00000001.block, byte 4096: gone\n00000001.block, byte 8192: gone\ndamaged in 2 places."
        ));
        let mut out = Vec::new();
        print_json(&mut out, &damaged).unwrap();
        let object: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!((&object["sound"], &object["damage"][1]["at"]), (&json!(false), &json!(8192)));
    }

    #[test]
    fn a_sound_log_is_told_in_one_line() {
        let sound = Verified { streams: 1_200, message_bytes: 3 << 20, ..Verified::default() };
        let mut out = Vec::new();
        print(&mut out, &sound, Style::Plain).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("sound: 1,200 streams with 0 messages (3.00 MiB); "), "{text}");
    }
}
