//! The findings as a table for a terminal of 100 columns.

use crate::columns::{COLUMNS, wrongs};
use crate::findings::{Findings, Publishing, Run};
use crate::number;
use crate::verdict::by_reason;
use std::io::{self, Write};

/// What a piece of the table is, so that a terminal can show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    Plain,
    /// The head of a column.
    Head,
    /// The best of its column.
    Best,
    /// As it should be.
    Good,
    /// Beside what matters: a run that is used in no verdict, a note.
    Faint,
    /// What went wrong.
    Alarm,
    /// The name of a way in a map: 0 is the simplest, 4 the last. Colours help to see where they meet.
    Way(u8),
}

/// How tones look. A `fn(Tone, &str) -> String` is one.
pub trait Palette {
    /// The text in that tone; nothing is added that takes room.
    fn paint(&self, tone: Tone, text: &str) -> String;
}

impl<F: Fn(Tone, &str) -> String> Palette for F {
    fn paint(&self, tone: Tone, text: &str) -> String {
        self(tone, text)
    }
}

/// Text as it is, for a pipe or a file.
#[derive(Clone, Copy, Debug)]
pub struct NoColours;

impl Palette for NoColours {
    fn paint(&self, _: Tone, text: &str) -> String {
        text.to_owned()
    }
}

/// A piece of the table.
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    pub(crate) fn new(text: impl Into<String>, tone: Tone) -> Cell {
        // Findings may come from elsewhere: nothing in them is a command for a terminal.
        Cell { text: text.into().replace(char::is_control, " "), tone }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// Writes a row for each way, and below it what is to be said of single ones; then publishing and trouble, where there was.
/// A sweep is a map, not a table: it is not written here.
pub fn write_table(findings: &Findings, palette: &dyn Palette, out: &mut dyn Write) -> io::Result<()> {
    if !findings.runs.is_empty() {
        write_runs(&findings.runs, palette, out)?;
        write_notes(&findings.runs, palette, out)?;
    }
    if !findings.publishing.is_empty() {
        writeln!(out)?;
        write_grid(&publishing(&findings.publishing), palette, out)?;
    }
    if !findings.troubled.is_empty() {
        writeln!(out)?;
        write_grid(&trouble(&findings.troubled), palette, out)?;
        write_notes(&findings.troubled, palette, out)?;
    }
    Ok(())
}

fn write_runs(runs: &[Run], palette: &dyn Palette, out: &mut dyn Write) -> io::Result<()> {
    let grid = grid_of(runs);
    let mut widths = widths(&grid);
    let mut line = " ".repeat(widths[0]);
    // A group stands over its columns, which are wide enough for it.
    for columns in COLUMNS.chunk_by(|one, two| one.group == two.group) {
        let from = 1 + COLUMNS.iter().position(|column| column.group == columns[0].group).unwrap_or(0);
        let upto = from + columns.len();
        let (name, gaps) = (short(columns[0].group), 2 * columns.len());
        let width = widths[from..upto].iter().sum::<usize>() + gaps;
        let more = (name.len() + 2).saturating_sub(width);
        widths[upto - 1] += more;
        line += &" ".repeat((width + more).saturating_sub(name.len()));
        line += name;
    }
    writeln!(out, "{}", palette.paint(Tone::Faint, &line))?;
    write_lines(&grid, &widths, palette, out)
}

fn grid_of(runs: &[Run]) -> Vec<Vec<Cell>> {
    let names = ["way"].into_iter().chain(COLUMNS.iter().map(|column| short(column.name))).chain(["whole"]);
    let mut grid = vec![heads(names)];
    let best: Vec<_> = COLUMNS.iter().map(|column| column.best(runs)).collect();
    let reasons = by_reason(runs.iter());
    for run in runs {
        let Some(way) = run.way else { continue };
        let note =
            (1..).zip(&reasons).find(|(_, (_, unused))| unused.iter().any(|other| std::ptr::eq(*other, run)));
        let is_unused = note.is_some();
        let tone = if is_unused { Tone::Faint } else { Tone::Plain };
        let mark = note.map_or_else(String::new, |(number, _)| raised(number));
        let mut row = vec![Cell::new(format!("{}{mark}", way.short()), tone)];
        for (column, best) in COLUMNS.iter().zip(&best) {
            let figure = column.text(run);
            let is_best = !is_unused && figure.is_some() && figure == *best;
            let text = figure.map_or_else(|| "–".to_owned(), |figure| figure.to_string());
            row.push(Cell::new(text, if is_best { Tone::Best } else { tone }));
        }
        row.push(whole(run));
        grid.push(row);
    }
    grid
}

/// The names of the report, cut to what a narrow column bears.
fn short(name: &'static str) -> &'static str {
    match name {
        "a second" => "/s",
        "a message" => "/msg",
        "of a core" => "core",
        "a follower" => "each",
        "connections" => "held",
        "held" => "conns",
        other => other,
    }
}

fn heads<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Cell> {
    names.into_iter().map(|name| Cell::new(name, Tone::Head)).collect()
}

/// A tick; what went wrong stands under the table.
fn whole(run: &Run) -> Cell {
    if wrongs(run).is_some() { Cell::new("NO", Tone::Alarm) } else { Cell::new("✓", Tone::Good) }
}

/// The number of a note.
fn raised(number: u32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let digits = number.to_string();
    digits.chars().filter_map(|digit| DIGITS.get(digit.to_digit(10)? as usize)).collect()
}

fn publishing(all: &[Publishing]) -> Vec<Vec<Cell>> {
    let mut grid = vec![heads(["publishing by", "p50", "p99", "CPU", "sent", "received"])];
    for publishing in all {
        let cpu = publishing
            .server_cpu_us
            .map_or_else(|| "–".to_owned(), |cpu| number::duration(cpu / 1e3).to_string());
        let figures = [
            number::duration(publishing.round_trip.p50_ms).to_string(),
            number::duration(publishing.round_trip.p99_ms).to_string(),
            cpu,
            number::size(publishing.sent_bytes).to_string(),
            number::size(publishing.received_bytes).to_string(),
        ];
        let figures = figures.into_iter().map(|figure| Cell::new(figure, Tone::Plain));
        grid.push([Cell::new(&publishing.how, Tone::Plain)].into_iter().chain(figures).collect());
    }
    grid
}

fn trouble(troubled: &[Run]) -> Vec<Vec<Cell>> {
    let mut grid = vec![heads(["whole again after", "half", "99 %", "all", "peak", "never", "whole"])];
    for run in troubled {
        let (Some(way), Some(trouble)) = (run.way, &run.trouble) else { continue };
        let after = &trouble.whole_after;
        let tone = if run.bottleneck.is_some() { Tone::Faint } else { Tone::Plain };
        let never = if 0 < trouble.never_whole { Tone::Alarm } else { tone };
        grid.push(vec![
            Cell::new(way.short(), tone),
            Cell::new(number::duration(after.p50_ms).to_string(), tone),
            Cell::new(number::duration(after.p99_ms).to_string(), tone),
            Cell::new(number::duration(after.max_ms).to_string(), tone),
            Cell::new(format!("{}/s", number::plain(trouble.requests_peak_per_s)), tone),
            Cell::new(number::count(trouble.never_whole), never),
            whole(run),
        ]);
    }
    grid
}

fn widths(grid: &[Vec<Cell>]) -> Vec<usize> {
    let columns = grid.iter().map(Vec::len).max().unwrap_or(0);
    let width = |index| grid.iter().filter_map(|cells| cells.get(index)).map(Cell::width).max().unwrap_or(0);
    (0..columns).map(width).collect()
}

pub(crate) fn write_grid(grid: &[Vec<Cell>], palette: &dyn Palette, out: &mut dyn Write) -> io::Result<()> {
    write_lines(grid, &widths(grid), palette, out)
}

/// The first column stands left, the others right.
fn write_lines(
    grid: &[Vec<Cell>],
    widths: &[usize],
    palette: &dyn Palette,
    out: &mut dyn Write,
) -> io::Result<()> {
    for cells in grid {
        for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
            let text = palette.paint(cell.tone, &cell.text);
            let gap = " ".repeat(width.saturating_sub(cell.width()));
            match index {
                0 => write!(out, "{text}{gap}")?,
                _ => write!(out, "  {gap}{text}")?,
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

fn write_notes(runs: &[Run], palette: &dyn Palette, out: &mut dyn Write) -> io::Result<()> {
    for (way, wrongs) in runs.iter().filter_map(|run| Some((run.way?, wrongs(run)?))) {
        writeln!(out, "{}", palette.paint(Tone::Alarm, &format!("{way}: {wrongs}")))?;
    }
    for (number, (reason, _)) in (1..).zip(by_reason(runs.iter())) {
        let note = Cell::new(format!("{} used in no verdict: {reason}", raised(number)), Tone::Faint);
        writeln!(out, "{}", palette.paint(note.tone, &note.text))?;
    }
    if runs.iter().any(|run| run.server.is_none()) {
        writeln!(
            out,
            "{}",
            palette.paint(
                Tone::Faint,
                "– not measured: CPU and memory are known of a server that compare starts by itself"
            )
        )?;
    }
    Ok(())
}
