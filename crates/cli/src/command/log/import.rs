//! `tidings log import`: puts streams that were exported into a log, as they were.

use super::stream_lines::{MessageLine, StreamLine};
use crate::data_arguments::{DataArguments, log_settings, refused};
use crate::exit::Stop;
use crate::progress_bar::ProgressBar;
use crate::wall_clock::wall_now;
use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use clap::Args;
use rand::Rng as _;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tidings_log::{
    DirectoryStorage, Identity, Log, Operation, Progress, Publish, RestoreError, Upkeep, Worked,
};
use tidings_model::{Incarnation, Offset, Timestamp};

/// `tidings log import`. Streams get the incarnations, offsets and times that they had; a retry of what was published before is known.
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// What `tidings log export` wrote
    file: PathBuf,

    /// Leave out streams that exist already
    #[arg(long)]
    skip_existing: bool,

    #[command(flatten)]
    data: DataArguments,
}

const INSTEAD: &str = "stop it first";

/// A commit for about so much.
const COMMIT_BYTES: usize = 1 << 20;

/// Messages of one time become one batch of at most so many.
const BATCH_MESSAGES: usize = 1_000;
const BATCH_BYTES: usize = 64 << 10;

impl ImportArguments {
    /// Reads the file twice: first to see whether all of it can be imported.
    pub(crate) fn run(self, out: &mut impl Write) -> Result<(), Stop> {
        let settings = self.data.settings()?;
        let storage = DirectoryStorage::open(&settings.data)
            .map_err(|error| refused(&settings.data, error.into(), INSTEAD))?;
        let random = Box::new(|| rand::rng().next_u64());
        let mut log = Log::open(Arc::new(storage), log_settings(&settings), random)
            .map_err(|error| refused(&settings.data, error.into(), INSTEAD))?;
        let checking = ProgressBar::on_stderr("checking");
        let skipped = self.check(&log, &checking)?;
        drop(checking);
        let upkeep = log.take_upkeep().context("the upkeep of a log is there once")?;
        let mut import = Import { log, upkeep, stream: None, skipped, streams: 0, messages: 0 };
        let bar = ProgressBar::on_stderr("importing");
        let ended = each_line(&self.file, &mut |line, progress| {
            bar.show(progress);
            import.line(line)
        });
        drop(bar);
        ended.and_then(|()| import.finish())?;
        let skipped = match import.skipped.len() {
            0 => String::new(),
            count => format!("; {count} streams existed and were left out"),
        };
        writeln!(out, "imported {} streams with {} messages{skipped}", import.streams, import.messages)?;
        Ok(out.flush()?)
    }

    /// Whether the whole file can be imported. Nothing is changed before. Returns the streams to leave out.
    fn check(&self, log: &Log, bar: &ProgressBar) -> anyhow::Result<HashSet<Incarnation>> {
        let mut check = Check { stream: None, seen: HashSet::new(), existing: HashSet::new() };
        each_line(&self.file, &mut |line, progress| {
            bar.show(progress);
            if line.starts_with(StreamLine::START) {
                check.end()?;
                let stream = StreamLine::parse(line)?;
                let name = &stream.restore.name;
                if !check.seen.insert(stream.restore.incarnation) {
                    bail!("`{name}` is in the file twice");
                }
                if log.contains(name.as_str()) || log.remembered(stream.restore.incarnation).is_some() {
                    if !self.skip_existing {
                        bail!(
                            "the stream `{name}` exists (--skip-existing leaves it out); nothing was imported"
                        );
                    }
                    check.existing.insert(stream.restore.incarnation);
                }
                check.stream = Some((stream.restore.first_index, stream));
            } else {
                check.message(line)?;
            }
            Ok(())
        })?;
        check.end()?;
        Ok(check.existing)
    }
}

/// What a file says before anything of it is imported.
struct Check {
    /// The stream, and the index that comes next.
    stream: Option<(u64, StreamLine)>,
    seen: HashSet<Incarnation>,
    existing: HashSet<Incarnation>,
}

impl Check {
    fn message(&mut self, line: &[u8]) -> anyhow::Result<()> {
        let (next, stream) = self.stream.as_mut().context("there is no stream before this line")?;
        let message = parse(line, stream, *next)?;
        *next = message.offset.index;
        Ok(())
    }

    fn end(&mut self) -> anyhow::Result<()> {
        match self.stream.take() {
            Some((next, stream)) if next != stream.tail_index => {
                bail!(
                    "messages of `{}` from index {next} to {} are missing",
                    stream.restore.name,
                    stream.tail_index
                )
            }
            _ => Ok(()),
        }
    }
}

/// The message that comes next in a stream.
fn parse(line: &[u8], stream: &StreamLine, next: u64) -> anyhow::Result<MessageLine> {
    let message = MessageLine::parse(line, stream.restore.config.content_type.kind())?;
    let expected = Offset { incarnation: stream.restore.incarnation, index: next + 1 };
    if message.offset != expected || stream.tail_index <= next {
        bail!("the offset {} is not the next one of `{}`", message.offset, stream.restore.name);
    }
    Ok(message)
}

/// Reads a file line by line. An error is told with the place.
fn each_line(path: &Path, take: &mut dyn FnMut(&[u8], Progress) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let open = || -> io::Result<(u64, File)> {
        let file = File::open(path)?;
        Ok((file.metadata()?.len(), file))
    };
    let (total, file) = open().with_context(|| path.display().to_string())?;
    let mut file = BufReader::with_capacity(1 << 20, file);
    let mut progress = Progress { done: 0, total };
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let place = || format!("{}:{number}", path.display());
        let bytes = file.read_until(b'\n', &mut line).with_context(place)?;
        if bytes == 0 {
            break;
        }
        progress.done += bytes as u64;
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        if !text.is_empty() {
            take(text, progress).with_context(place)?;
        }
    }
    Ok(())
}

/// A log that takes what was exported.
struct Import {
    log: Log,
    upkeep: Upkeep,
    /// The stream whose messages come; `None` also while one is left out.
    stream: Option<Open>,
    skipped: HashSet<Incarnation>,
    streams: u64,
    messages: u64,
}

struct Open {
    line: StreamLine,
    next: u64,
    /// Messages of one time that are not staged.
    time: Timestamp,
    messages: Vec<Bytes>,
    bytes: usize,
}

impl Import {
    fn line(&mut self, line: &[u8]) -> anyhow::Result<()> {
        if line.starts_with(StreamLine::START) {
            self.end_stream()?;
            let line = StreamLine::parse(line)?;
            if !self.skipped.contains(&line.restore.incarnation) {
                self.begin(line)?;
            }
            return Ok(());
        }
        let Some(open) = &mut self.stream else { return Ok(()) };
        let message = parse(line, &open.line, open.next)?;
        let full = BATCH_MESSAGES <= open.messages.len() || BATCH_BYTES < open.bytes + message.data.len();
        if message.time != open.time || full {
            self.stage_messages()?;
        }
        if let Some(open) = &mut self.stream {
            open.next = message.offset.index;
            open.time = message.time;
            open.bytes += message.data.len();
            open.messages.push(message.data);
        }
        Ok(())
    }

    fn begin(&mut self, line: StreamLine) -> anyhow::Result<()> {
        let name = &line.restore.name;
        self.log.restore(line.restore.clone()).map_err(|error| match error {
            RestoreError::IncarnationTaken => anyhow!("`{name}` exists under another name"),
            error @ (RestoreError::NameTaken | RestoreError::Impossible | RestoreError::Refused(_)) => {
                anyhow!("`{name}`: {error}")
            }
        })?;
        self.streams += 1;
        let (next, time) = (line.restore.first_index, Timestamp(0));
        self.stream = Some(Open { line, next, time, messages: Vec::new(), bytes: 0 });
        Ok(())
    }

    fn stage_messages(&mut self) -> anyhow::Result<()> {
        let Some(open) = &mut self.stream else { return Ok(()) };
        if open.messages.is_empty() {
            return Ok(());
        }
        let messages = std::mem::take(&mut open.messages);
        open.bytes = 0;
        self.messages += messages.len() as u64;
        let publish = Publish {
            name: open.line.restore.name.clone(),
            incarnation: Some(open.line.restore.incarnation),
            create: None,
            content_type: None,
            messages,
            seq: None,
            identity: Identity::None,
            close: false,
        };
        let name = publish.name.clone();
        let staged = self.log.stage(Operation::Publish(publish), open.time);
        staged.map_err(|refusal| anyhow!("`{name}`: {refusal}"))?;
        if COMMIT_BYTES <= self.log.staged_bytes() { self.commit() } else { Ok(()) }
    }

    fn end_stream(&mut self) -> anyhow::Result<()> {
        self.stage_messages()?;
        let Some(open) = self.stream.take() else { return Ok(()) };
        if open.line.closed {
            let close = Operation::Close { name: open.line.restore.name, producer: None };
            self.log.stage(close, wall_now())?;
        }
        Ok(())
    }

    fn commit(&mut self) -> anyhow::Result<()> {
        self.log.commit()?;
        // What a server does beside its commits: else a large import would leave as many segments to be sealed later.
        while self.upkeep.work(&mut |_| ())? == Worked::Something {}
        Ok(())
    }

    fn finish(&mut self) -> anyhow::Result<()> {
        self.end_stream()?;
        self.commit()?;
        self.log.settle()?;
        Ok(())
    }
}
