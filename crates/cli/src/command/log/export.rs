//! `tidings log export`: prints what a log holds, so that `import` can put it into another one.

use super::stream_lines::{MessageLine, StreamLine};
use crate::data_arguments::{DataArguments, refused};
use crate::exit::Stop;
use crate::progress_bar::ProgressBar;
use anyhow::Context as _;
use clap::Args;
use std::fs::File;
use std::io::{BufWriter, IntoInnerError, Write};
use std::path::PathBuf;
use std::sync::Arc;
use tidings_log::{DirectoryStorage, Log, LookError, Progress, ReadLimit, StreamView};
use tidings_model::{Offset, StreamName};

/// `tidings log export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// The stream [default: all streams]
    #[arg(value_parser = StreamName::parse)]
    stream: Option<StreamName>,

    /// Write to a new file [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    #[command(flatten)]
    data: DataArguments,
}

const INSTEAD: &str =
    "stop it, or export from a copy: `tidings log backup --to DIR`, then `tidings log export --data DIR`";

/// What is read at once.
const PAGE: ReadLimit = ReadLimit { bytes: 1 << 20, messages: 10_000 };

/// How many streams are looked up at once.
const STREAMS: usize = 1_000;

impl ExportArguments {
    /// Prints the streams by name.
    pub(crate) fn run(self, out: &mut impl Write) -> Result<(), Stop> {
        let folder = self.data.folder()?;
        let log = DirectoryStorage::open_to_read(&folder)
            .map_err(LookError::from)
            .and_then(|storage| Log::open_to_read(Arc::new(storage)))
            .map_err(|error| refused(&folder, error, INSTEAD))?;
        let mut file = match &self.out {
            Some(path) => {
                let file = File::create_new(path).with_context(|| path.display().to_string())?;
                Some(BufWriter::new(file))
            }
            None => None,
        };
        let out: &mut dyn Write = match &mut file {
            Some(file) => file,
            None => out,
        };
        let mut export = Export::new(&log, out);
        match self.stream {
            Some(name) => match log.find(name.as_str()) {
                Some(view) => export.one(&view)?,
                None => return Err(Stop::NotInLog(name)),
            },
            None => export.all()?,
        }
        drop(export);
        out.flush()?;
        if let Some(file) = file {
            file.into_inner().map_err(IntoInnerError::into_error)?.sync_all()?;
        }
        Ok(())
    }
}

struct Export<'a> {
    log: &'a Log,
    out: &'a mut dyn Write,
    bar: ProgressBar,
    progress: Progress,
}

impl<'a> Export<'a> {
    fn new(log: &'a Log, out: &'a mut dyn Write) -> Export<'a> {
        let mut total = 0;
        log.catalog().for_each(|view| total += view.bytes);
        Export { log, out, bar: ProgressBar::on_stderr("exporting"), progress: Progress { done: 0, total } }
    }

    fn all(&mut self) -> Result<(), Stop> {
        let catalog = self.log.catalog();
        let mut after: Option<StreamName> = None;
        loop {
            let views = catalog.list("", after.as_ref().map(StreamName::as_str), STREAMS);
            for view in &views {
                self.one(view)?;
            }
            match views.last() {
                Some(view) => after = Some(view.name.clone()),
                None => return Ok(()),
            }
        }
    }

    fn one(&mut self, view: &StreamView) -> Result<(), Stop> {
        let remembered = self.log.remembered(view.incarnation).unwrap_or_default();
        self.out.write_all(StreamLine::of(view, remembered).write().as_bytes())?;
        let (incarnation, kind) = (view.incarnation, view.config.content_type.kind());
        let mut next = view.earliest_index;
        let mut lines = Vec::new();
        while next < view.tail_index {
            let batches = view.stored.read(next, view.tail_index, PAGE);
            for batch in batches.with_context(|| format!("`{}`", view.name))? {
                for data in batch.messages {
                    next += 1;
                    self.progress.done += data.len() as u64;
                    let offset = Offset { incarnation, index: next };
                    MessageLine { offset, time: batch.time, data }.write(kind, &mut lines);
                }
            }
            self.out.write_all(&lines)?;
            lines.clear();
            self.bar.show(self.progress);
        }
        Ok(())
    }
}
