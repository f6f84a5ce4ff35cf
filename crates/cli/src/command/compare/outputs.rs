//! Where findings go: a table or JSON on standard output, files.

use super::arguments::OutputArguments;
use super::summary;
use crate::exit::Stop;
use crate::style::Style;
use anyhow::Context as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};
use tidings_compare::{Chart, Findings, write_chart, write_report};

/// The largest file that is read as findings; a sweep of all cells takes a few megabytes.
const FINDINGS_BYTES_MAX: u64 = 64 << 20;

/// Where findings go, looked at before anything is measured.
#[derive(Debug)]
pub(super) struct Outputs {
    json_on_stdout: bool,
    json: Option<PathBuf>,
    report: Option<PathBuf>,
    charts: Option<PathBuf>,
}

impl Outputs {
    /// Complains of a place that can't be written to now, and not after minutes.
    pub(super) fn of(arguments: &OutputArguments) -> Result<Outputs, Stop> {
        let json = arguments.json.clone().flatten();
        for (flag, file) in [("--json", &json), ("--report", &arguments.report)] {
            if let Some(file) = file {
                check_file(flag, file)?;
            }
        }
        if let Some(folder) = arguments.charts.as_deref().filter(|path| path.exists() && !path.is_dir()) {
            return Err(Stop::Usage(format!("--charts: {} is a file; name a folder", folder.display())));
        }
        if let Some(folder) = &arguments.charts {
            let made = fs::create_dir_all(folder);
            made.map_err(|error| Stop::Usage(format!("--charts: {}: {error}", folder.display())))?;
        }
        Ok(Outputs {
            json_on_stdout: arguments.json == Some(None),
            json,
            report: arguments.report.clone(),
            charts: arguments.charts.clone(),
        })
    }

    /// Whether nobody asked for a report.
    pub(super) fn lacks_report(&self) -> bool {
        self.report.is_none()
    }

    /// Writes files first, then standard output. One that can't be written keeps no other from being: measuring took minutes.
    pub(super) fn write(&self, findings: &Findings, out: &mut impl Write) -> Result<(), Stop> {
        let files = [
            self.json.as_deref().map(|file| to_file(file, |out| write_json(findings, out))),
            self.report.as_deref().map(|file| to_file(file, |out| write_report(findings, out))),
            self.charts.as_deref().map(|folder| write_charts(findings, folder)),
        ];
        let wrongs: Vec<String> =
            files.into_iter().flatten().filter_map(Result::err).map(|error| format!("{error:#}")).collect();
        if self.json_on_stdout {
            write_json(findings, out)?;
        } else {
            summary::write(findings, Style::of(&io::stdout()), out)?;
        }
        out.flush()?;
        if wrongs.is_empty() { Ok(()) } else { Err(Stop::Failed(anyhow::Error::msg(wrongs.join("; ")))) }
    }
}

/// Reads findings that were written before.
pub(super) fn read(file: &Path) -> Result<Findings, Stop> {
    let wrong = |error: String| Stop::Usage(format!("--from: {}: {error}", file.display()));
    // What says nothing of its size, such as a pipe, has one too.
    let mut bytes = Vec::new();
    let opened = File::open(file).and_then(|file| file.take(FINDINGS_BYTES_MAX + 1).read_to_end(&mut bytes));
    opened.map_err(|error| wrong(error.to_string()))?;
    if FINDINGS_BYTES_MAX < bytes.len() as u64 {
        return Err(wrong(format!("it is longer than findings are ({FINDINGS_BYTES_MAX} bytes at most)")));
    }
    let text = String::from_utf8(bytes).map_err(|error| wrong(error.to_string()))?;
    Findings::from_json(&text).map_err(|error| wrong(error.to_string()))
}

fn check_file(flag: &str, file: &Path) -> Result<(), Stop> {
    let folder = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if file.is_dir() {
        return Err(Stop::Usage(format!("{flag}: {} is a folder; name a file", file.display())));
    }
    if !folder.is_dir() {
        return Err(Stop::Usage(format!("{flag}: there is no folder {}", folder.display())));
    }
    try_file(file).map_err(|error| Stop::Usage(format!("{flag}: {}: {error}", file.display())))
}

/// Whether it can be written to: an attempt says more than permissions. What is there stays as it is; a pipe is left alone, since whoever
/// reads it would take the attempt for all.
fn try_file(file: &Path) -> io::Result<()> {
    let is_new = match fs::metadata(file) {
        Ok(found) if !found.is_file() => return Ok(()),
        found => found.is_err(),
    };
    OpenOptions::new().append(true).create(true).open(file)?;
    if is_new { fs::remove_file(file) } else { Ok(()) }
}

fn to_file(file: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> anyhow::Result<()> {
    let place = || file.display().to_string();
    let mut out = BufWriter::new(File::create(file).with_context(place)?);
    write(&mut out).and_then(|()| out.flush()).with_context(place)
}

fn write_json(findings: &Findings, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, findings)?;
    writeln!(out)
}

/// A file for each chart that these findings have.
fn write_charts(findings: &Findings, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    for chart in Chart::ALL.into_iter().filter(|chart| chart.is_in(findings)) {
        to_file(&folder.join(format!("{}.svg", chart.name())), |out| write_chart(findings, chart, out))?;
    }
    Ok(())
}
