//! The map of a sweep for a terminal: in each cell the cheapest way that is early, and what it costs.

use crate::findings::{Run, Sweep, SweepCell};
use crate::number;
use crate::table::{Cell, Palette, Tone, write_grid};
use std::io::{self, Write};

/// Stands behind a choice that was made among fewer than all.
const AMONG_FEWER: &str = "*";

/// Writes two lines for each rate, and a column for each number of followers.
pub fn write_map(sweep: &Sweep, palette: &dyn Palette, out: &mut dyn Write) -> io::Result<()> {
    let late = number::duration(sweep.late_ms);
    let title =
        format!("The cheapest way with 99 % of deliveries within {late}, and the part of a core it takes");
    writeln!(out, "{}", palette.paint(Tone::Head, &title))?;
    writeln!(out)?;
    let columns = sweep.followers.len();
    // At least one: a cell without any is not measured.
    let ways = sweep.cells.iter().map(|cell| cell.runs.len()).max().unwrap_or(0).max(1);
    let mut grid = vec![head(&sweep.followers)];
    for (rate, cells) in sweep.messages_per_s.iter().zip(sweep.cells.chunks(columns.max(1))) {
        let name = format!("{}/s", number::plain(*rate));
        grid.push(row(Cell::new(name, Tone::Head), cells.iter().map(|cell| choice(cell, ways))));
        grid.push(row(Cell::new("", Tone::Plain), cells.iter().map(cost)));
    }
    write_grid(&grid, palette, out)?;
    if sweep.cells.iter().any(is_among_fewer) {
        let note =
            format!("{AMONG_FEWER} without runs in which something else than the server was the limit");
        writeln!(out, "{}", palette.paint(Tone::Faint, &note))?;
    }
    Ok(())
}

fn head(followers: &[usize]) -> Vec<Cell> {
    let name = |count: &usize| Cell::new(number::counted(*count as u64, "follower"), Tone::Head);
    row(Cell::new("messages", Tone::Head), followers.iter().map(name))
}

fn row(first: Cell, others: impl Iterator<Item = Cell>) -> Vec<Cell> {
    std::iter::once(first).chain(others).collect()
}

/// What is chosen among so many ways.
fn choice(cell: &SweepCell, ways: usize) -> Cell {
    let mark = if is_among_fewer(cell) { AMONG_FEWER } else { "" };
    match chosen(cell).and_then(|run| run.way) {
        Some(way) => Cell::new(format!("{}{mark}", way.short()), Tone::Way(way.simplicity())),
        None if cell.runs.len() < ways => Cell::new("not measured", Tone::Faint),
        None => Cell::new(format!("none{mark}"), Tone::Alarm),
    }
}

fn cost(cell: &SweepCell) -> Cell {
    let part = chosen(cell).and_then(Run::cpu_of_a_core);
    Cell::new(part.map_or_else(String::new, |part| number::percent(part).to_string()), Tone::Faint)
}

fn chosen(cell: &SweepCell) -> Option<&Run> {
    cell.cheapest.and_then(|index| cell.runs.get(index))
}

fn is_among_fewer(cell: &SweepCell) -> bool {
    cell.runs.iter().any(|run| run.bottleneck.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::ServerUsage;
    use crate::sample;
    use crate::table::NoColours;
    use crate::way::Way;

    fn cell(way: Way, cpu_s: f64) -> SweepCell {
        let server = Some(ServerUsage { cpu_s, followers_bytes: 0, memory_bytes: 0 });
        SweepCell { runs: vec![Run { server, ..sample::run(Some(way)) }], cheapest: Some(0) }
    }

    #[test]
    fn each_cell_names_the_choice_and_its_cost() {
        let late = SweepCell { cheapest: None, ..cell(Way::Poll { every_s: 5.0 }, 0.1) };
        let mut unsure = cell(Way::Sse, 0.02);
        unsure.runs[0].bottleneck = Some("busy".to_owned());
        let nothing = SweepCell { runs: Vec::new(), cheapest: None };
        let sweep = Sweep {
            late_ms: 1_000.0,
            followers: vec![10, 1_000],
            messages_per_s: vec![0.1, 1.0, 10.0],
            cells: vec![
                cell(Way::Poll { every_s: 1.0 }, 0.000_3),
                cell(Way::LongPoll, 0.012),
                late,
                unsure,
                cell(Way::WebSocket, 0.5),
                nothing,
            ],
        };
        let mut text = Vec::new();
        write_map(&sweep, &NoColours, &mut text).unwrap();
        let expected = "\
The cheapest way with 99 % of deliveries within 1 s, and the part of a core it takes

messages  10 followers  1,000 followers
0.1/s         poll 1 s        long poll
                0.03 %            1.2 %
1/s               none             SSE*
                                    2 %
10/s         WebSocket     not measured
                  50 %                 
* without runs in which something else than the server was the limit
";
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text.replace(' ', "·"), expected.replace(' ', "·"));
    }
}
