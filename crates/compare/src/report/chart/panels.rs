//! What happened in each second: a small panel for each way, all on one scale.

use super::canvas::{Anchor, Canvas};
use super::ink::Ink;
use super::scale::Scale;

const WIDTH: f64 = 760.0;
const PANELS_ACROSS: usize = 2;
const PANEL_WIDTH: f64 = 360.0;
const TOP: f64 = 34.0;
const PANEL_HEIGHT: f64 = 112.0;
const PLOT_TOP: f64 = 24.0;
const PLOT_HEIGHT: f64 = 64.0;

/// How many values a panel shows at most: of a longer run, several seconds are one.
const VALUES_MAX: usize = 120;

/// The panel of one way.
pub(super) struct Panel {
    pub(super) ink: Ink,
    pub(super) label: String,
    /// Stands beside the label.
    pub(super) note: String,
    /// In each second, above the base.
    pub(super) above: Vec<f64>,
    /// In each second: a part of what is above, or what goes below the base.
    pub(super) other: Vec<f64>,
    pub(super) is_unused: bool,
}

/// Where the other values stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Other {
    /// They are a part of those above, and are hatched.
    Part,
    /// They go the other way, and are lighter.
    Below,
}

/// Draws panels; `what` says what they show, and `text` writes the value of the line at their top.
pub(super) fn draw(what: &str, panels: &[Panel], other: Other, text: fn(f64) -> String) -> Canvas {
    let rows = panels.len().div_ceil(PANELS_ACROSS);
    let mut canvas = Canvas::new(WIDTH, TOP + super::whole(rows) * PANEL_HEIGHT);
    let seconds = panels.iter().map(|panel| panel.above.len()).max().unwrap_or(0);
    let panels: Vec<Panel> = panels.iter().map(Panel::binned).collect();
    let most =
        |values: &dyn Fn(&Panel) -> &Vec<f64>| panels.iter().flat_map(values).copied().fold(0.0, f64::max);
    let (_, above) = Scale::linear(most(&|panel| &panel.above)).ends();
    let below = if other == Other::Below { most(&|panel| &panel.other) } else { 0.0 };
    let title = format!("{what}, over {seconds} s; the line at the top is {}", text(above));
    canvas.text("axis-title", Anchor::Start, 0.0, 14.0, &title);
    let frame = Frame { per_unit: PLOT_HEIGHT / (above + below), above, other };
    for (index, panel) in panels.iter().enumerate() {
        let x = super::whole(index % PANELS_ACROSS) * (WIDTH - PANEL_WIDTH);
        let y = TOP + super::whole(index / PANELS_ACROSS) * PANEL_HEIGHT;
        frame.draw(&mut canvas, panel, (x, y));
    }
    canvas
}

impl Panel {
    fn binned(&self) -> Panel {
        Panel {
            label: self.label.clone(),
            note: self.note.clone(),
            above: binned(&self.above),
            other: binned(&self.other),
            ..*self
        }
    }
}

/// The mean of so many neighbours that no more than the limit are left.
pub(super) fn binned(values: &[f64]) -> Vec<f64> {
    let width = values.len().div_ceil(VALUES_MAX).max(1);
    values.chunks(width).map(|bin| bin.iter().sum::<f64>() / super::whole(bin.len())).collect()
}

/// What all panels share.
struct Frame {
    per_unit: f64,
    above: f64,
    other: Other,
}

impl Frame {
    fn draw(&self, canvas: &mut Canvas, panel: &Panel, (x, y): (f64, f64)) {
        let unused = if panel.is_unused { " unused" } else { "" };
        let class = panel.ink.class;
        let top = y + PLOT_TOP;
        let base = top + self.above * self.per_unit;
        canvas.text(&format!("name {class}{unused}"), Anchor::Start, x, y + 12.0, &panel.label);
        canvas.text("note", Anchor::End, x + PANEL_WIDTH - 3.0, y + 12.0, &panel.note);
        canvas.line("grid", (x, top), (x + PANEL_WIDTH, top));
        let title = format!("{}: {}", panel.label, panel.note);
        let steps = |values: &[f64], sign: f64| self.steps(values, sign, x, base);
        canvas.area(&format!("area {class}{unused}"), &steps(&panel.above, 1.0), base, &title);
        match self.other {
            Other::Part => canvas.area("hatched", &steps(&panel.other, 1.0), base, &title),
            Other::Below => {
                canvas.area(&format!("area below {class}{unused}"), &steps(&panel.other, -1.0), base, &title);
            }
        }
        canvas.line("base", (x, base), (x + PANEL_WIDTH, base));
    }

    /// A value stays for its whole second.
    fn steps(&self, values: &[f64], sign: f64, x: f64, base: f64) -> Vec<(f64, f64)> {
        let width = PANEL_WIDTH / super::whole(values.len().max(1));
        let both_ends = |(index, value): (usize, &f64)| {
            let y = base - sign * value * self.per_unit;
            [(x + super::whole(index) * width, y), (x + super::whole(index + 1) * width, y)]
        };
        values.iter().enumerate().flat_map(both_ends).collect()
    }
}
