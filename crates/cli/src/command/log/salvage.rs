//! `tidings log salvage`: writes what is left of a damaged log to a new folder.

use super::stream_lines::{MessageLine, StreamLine};
use crate::data_arguments::{DataArguments, log_settings, refused};
use crate::exit::Stop;
use crate::progress_bar::ProgressBar;
use crate::style::{Ink, Style};
use clap::Args;
use indicatif::HumanCount;
use rand::Rng as _;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{self, BufWriter, IntoInnerError, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tidings_log::{DirectoryStorage, Dropped, IncompleteStream, SalvageError, Salvaged, Storage, salvage};
use tidings_model::{ContentKind, Incarnation, Offset};

/// `tidings log salvage`. The damaged folder is only read. Ends with code 6 where something is missing.
#[derive(Debug, Args)]
pub(crate) struct SalvageArguments {
    /// The folder to make. It must not exist, or be empty
    #[arg(long, value_name = "DIR")]
    to: PathBuf,

    /// Write messages that lie before a gap to `DIR.dropped.jsonl`, in the form of an export
    #[arg(long)]
    keep_all: bool,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    data: DataArguments,
}

const INSTEAD: &str = "stop it first";

impl SalvageArguments {
    /// Prints what is missing.
    pub(crate) fn run(self, out: &mut impl Write) -> Result<(), Stop> {
        let settings = self.data.settings()?;
        let from = DirectoryStorage::open_to_read(&settings.data)
            .map_err(|error| refused(&settings.data, error.into(), INSTEAD))?;
        let is_new = fs::read_dir(&self.to).map_or(true, |mut entries| entries.next().is_none());
        if !is_new {
            let folder = self.to.display();
            return Err(Stop::Usage(format!("{folder} is not empty; name a folder that does not exist yet")));
        }
        let mut kept = if self.keep_all { Some(Kept::beside(&self.to)?) } else { None };
        let to = || Ok(Arc::new(DirectoryStorage::open(&self.to)?) as Arc<dyn Storage>);
        let random = Box::new(|| rand::rng().next_u64());
        let keep = &mut |dropped: Dropped<'_>| kept.as_mut().map_or(Ok(()), |kept| kept.take(dropped));
        let bar = ProgressBar::on_stderr("reading");
        let salvaged =
            salvage(&from, to, (log_settings(&settings), random), keep, &mut |progress| bar.show(progress));
        drop(bar);
        let salvaged = salvaged.map_err(|error| match error {
            SalvageError::Look(error) => refused(&settings.data, error, INSTEAD),
            error @ (SalvageError::Open(_)
            | SalvageError::Restore { .. }
            | SalvageError::Failed(_)
            | SalvageError::Upkeep(_)
            | SalvageError::Keep(_)) => Stop::Failed(error.into()),
        })?;
        if let Some(kept) = kept {
            kept.finish()?;
        }
        if self.json {
            print_json(out, &salvaged)?;
        } else {
            print(out, &salvaged, Style::of(&io::stdout()))?;
        }
        out.flush()?;
        if salvaged.is_complete() { Ok(()) } else { Err(Stop::Damaged) }
    }
}

/// The file for messages that the new log can't hold. Made when there is one.
struct Kept {
    path: PathBuf,
    out: Option<BufWriter<File>>,
    stream: Option<(Incarnation, ContentKind)>,
}

impl Kept {
    fn beside(folder: &Path) -> Result<Kept, Stop> {
        let mut path = folder.as_os_str().to_owned();
        path.push(".dropped.jsonl");
        let path = PathBuf::from(path);
        if path.exists() {
            return Err(Stop::Usage(format!("{} exists already", path.display())));
        }
        Ok(Kept { path, out: None, stream: None })
    }

    fn take(&mut self, dropped: Dropped<'_>) -> io::Result<()> {
        let out = match &mut self.out {
            Some(out) => out,
            None => self.out.insert(BufWriter::new(File::create_new(&self.path)?)),
        };
        match dropped {
            Dropped::Run(restore, tail_index) => {
                self.stream = Some((restore.incarnation, restore.config.content_type.kind()));
                let line = StreamLine { restore: restore.clone(), tail_index, closed: false };
                out.write_all(line.write().as_bytes())
            }
            Dropped::Batch(batch) => {
                let Some((incarnation, kind)) = self.stream else { return Ok(()) };
                let mut lines = Vec::new();
                for (index, data) in (batch.first_index + 1..).zip(&batch.messages) {
                    let offset = Offset { incarnation, index };
                    MessageLine { offset, time: batch.time, data: data.clone() }.write(kind, &mut lines);
                }
                out.write_all(&lines)
            }
        }
    }

    fn finish(self) -> io::Result<()> {
        match self.out {
            Some(out) => out.into_inner().map_err(IntoInnerError::into_error)?.sync_all(),
            None => Ok(()),
        }
    }
}

fn print(out: &mut impl Write, salvaged: &Salvaged, style: Style) -> io::Result<()> {
    for stream in &salvaged.incomplete {
        print_stream(out, stream, style)?;
    }
    if !salvaged.has_snapshot {
        writeln!(out, "the snapshot is lost, and with it names and configs of streams that are older")?;
    }
    for name in &salvaged.cut_segments {
        writeln!(out, "{name} is cut; what was at its end is not known")?;
    }
    if !salvaged.missing_frames.is_empty() {
        let frames = ranges(&salvaged.missing_frames);
        writeln!(
            out,
            "lost frames: {frames}. The last messages of a stream may be missing, or its end, trim or deletion"
        )?;
    }
    let (ink, word) =
        if salvaged.is_complete() { (Ink::Bold, "complete") } else { (Ink::Alarm, "incomplete") };
    writeln!(
        out,
        "{}: salvaged {} streams with {} messages",
        style.paint(ink, word),
        HumanCount(salvaged.streams),
        HumanCount(salvaged.messages)
    )
}

fn print_stream(out: &mut impl Write, stream: &IncompleteStream, style: Style) -> io::Result<()> {
    let mut told = Vec::new();
    if !stream.is_named {
        told.push("name and config are lost".to_owned());
    }
    if !stream.begin_known {
        told.push(format!("nothing is known of what came before {}", first(stream)));
    }
    if !stream.missing.is_empty() {
        told.push(format!("missing {}", ranges(&stream.missing)));
    }
    if !stream.dropped.is_empty() {
        told.push(format!("dropped, because they lie before a gap, {}", ranges(&stream.dropped)));
    }
    let range = format!("{}..{}", stream.earliest_index, stream.tail_index);
    writeln!(out, "{} has {range}: {}", style.paint(Ink::Name, &stream.name), told.join("; "))
}

/// The first index that anything is known of.
fn first(stream: &IncompleteStream) -> u64 {
    let starts = stream.missing.iter().chain(&stream.dropped).map(|range| range.start);
    starts.chain([stream.earliest_index]).min().unwrap_or_default()
}

fn ranges(ranges: &[Range<u64>]) -> String {
    let texts = ranges.iter().map(|range| format!("{}..{}", range.start, range.end));
    texts.collect::<Vec<String>>().join(", ")
}

fn print_json(out: &mut impl Write, salvaged: &Salvaged) -> io::Result<()> {
    let pairs = |ranges: &[Range<u64>]| -> Vec<Value> {
        ranges.iter().map(|range| json!([range.start, range.end])).collect()
    };
    let stream = |it: &IncompleteStream| {
        json!({
            "stream": it.name.as_str(),
            "incarnation": it.incarnation.to_string(),
            "named": it.is_named,
            "begin_known": it.begin_known,
            "earliest": it.earliest_index,
            "tail": it.tail_index,
            "missing": pairs(&it.missing),
            "dropped": pairs(&it.dropped),
        })
    };
    let object = json!({
        "complete": salvaged.is_complete(),
        "streams": salvaged.streams,
        "messages": salvaged.messages,
        "incomplete": salvaged.incomplete.iter().map(stream).collect::<Vec<_>>(),
        "missing_frames": pairs(&salvaged.missing_frames),
        "has_snapshot": salvaged.has_snapshot,
        "cut_segments": salvaged.cut_segments,
    });
    writeln!(out, "{object}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_model::StreamName;

    #[test]
    fn what_is_missing_is_told_as_ranges() {
        let stream = IncompleteStream {
            name: StreamName::parse("a").unwrap(),
            incarnation: Incarnation::of_disk(1),
            is_named: true,
            begin_known: true,
            earliest_index: 9,
            tail_index: 12,
            missing: vec![3..5, 8..9],
            dropped: vec![0..3, 5..8],
        };
        let salvaged = Salvaged {
            streams: 2,
            messages: 3,
            incomplete: vec![stream],
            has_snapshot: true,
            ..Salvaged::default()
        };
        let mut out = Vec::new();
        print(&mut out, &salvaged, Style::Plain).unwrap();
        let expected = "\
a has 9..12: missing 3..5, 8..9; dropped, because they lie before a gap, 0..3, 5..8
incomplete: salvaged 2 streams with 3 messages
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        let mut out = Vec::new();
        print_json(&mut out, &salvaged).unwrap();
        let object: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(object["incomplete"][0]["missing"], json!([[3, 5], [8, 9]]));
    }
}
