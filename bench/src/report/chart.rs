//! The chart: panels of bars, each panel in its own scale.

use crate::campaign::Findings;
use crate::progress::whole;
use std::fmt::{self, Write};

/// Some bars that compare.
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) bars: Vec<Bar>,
}

/// One bar.
pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) value: f64,
    /// The value as it is told.
    pub(crate) text: String,
    /// Whether it is tidings.
    pub(crate) is_ours: bool,
}

const BAR_STEP: usize = 24;
const BAR_HEIGHT: usize = 16;
const BAR_WIDTH_MAX: f64 = 190.0;
/// What the bars and their values take beside the labels.
const BARS_WIDTH: usize = 280;
const LABEL_WIDTH_MIN: usize = 120;
/// Nearly the width of a letter of this size.
const LETTER_WIDTH: usize = 7;
const TITLE_HEIGHT: usize = 40;
const MARGIN: usize = 16;
const OURS: &str = "#1f6feb";
const OTHERS: &str = "#9aa4b2";

/// An SVG image with its own white ground, so that it can be read on a dark page too: a panel for each load.
pub(crate) fn draw(title: &str, findings: &Findings) -> String {
    let panel = |(at, load): (usize, &_)| Panel { title: format!("{load}"), bars: bars(findings, at) };
    let panels: Vec<_> = findings.loads.iter().enumerate().map(panel).collect();
    draw_panels(title, panels_across(findings), &panels.iter().collect::<Vec<_>>())
}

/// The same of any panels, so many in a line.
pub(crate) fn draw_panels(title: &str, across: usize, panels: &[&Panel]) -> String {
    let mut svg = String::new();
    write_image(&mut svg, title, across, panels).expect("a text takes any write");
    svg
}

fn write_image(svg: &mut String, title: &str, across: usize, panels: &[&Panel]) -> fmt::Result {
    let bars = panels.iter().map(|panel| panel.bars.len()).max().unwrap_or(0);
    let labels = panels.iter().flat_map(|panel| &panel.bars).map(|bar| bar.label.chars().count());
    let label_width = ((labels.max().unwrap_or(0) + 2) * LETTER_WIDTH).max(LABEL_WIDTH_MIN);
    let (panel_width, panel_height) = (label_width + BARS_WIDTH, TITLE_HEIGHT + bars * BAR_STEP);
    let width = across * panel_width + 2 * MARGIN;
    let height = TITLE_HEIGHT + panels.len().div_ceil(across) * panel_height + MARGIN;
    writeln!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13" fill="#1b1f24">
<rect width="{width}" height="{height}" fill="#ffffff"/>
<text x="{MARGIN}" y="28" font-size="16" font-weight="bold">{title}</text>"##
    )?;
    for (at, panel) in panels.iter().enumerate() {
        let (x, y) = (MARGIN + at % across * panel_width, TITLE_HEIGHT + at / across * panel_height);
        let title = &panel.title;
        writeln!(svg, r#"<g transform="translate({x} {y})"><text y="24" font-weight="bold">{title}</text>"#)?;
        write_bars(svg, label_width, &panel.bars)?;
        writeln!(svg, "</g>")?;
    }
    writeln!(svg, "</svg>")
}

/// As many panels in a line as there are loads of the same number of streams.
fn panels_across(findings: &Findings) -> usize {
    let first = findings.loads.first().map(|load| load.streams);
    findings.loads.iter().take_while(|load| Some(load.streams) == first).count().max(1)
}

/// The first of the compared is tidings.
fn bars(findings: &Findings, load: usize) -> Vec<Bar> {
    let bar = |(column, label): (usize, &String)| {
        let spread = findings.spread(load, column, |run| run.per_second);
        let value = spread.map_or(0.0, |spread| spread.median);
        Bar { label: label.clone(), value, text: whole(value), is_ours: column == 0 }
    };
    findings.columns.iter().enumerate().map(bar).collect()
}

fn write_bars(svg: &mut String, label_width: usize, bars: &[Bar]) -> fmt::Result {
    let most = bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
    for (at, bar) in bars.iter().enumerate() {
        let colour = if bar.is_ours { OURS } else { OTHERS };
        let y = TITLE_HEIGHT - 4 + at * BAR_STEP;
        let text_y = y + 13;
        let width = bar.value / most * BAR_WIDTH_MAX;
        #[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
        let value_x = label_width as f64 + width + 6.0;
        writeln!(
            svg,
            r#"<text x="{}" y="{text_y}" text-anchor="end">{}</text><rect x="{label_width}" y="{y}" width="{width:.1}" height="{BAR_HEIGHT}" fill="{colour}"/><text x="{value_x:.1}" y="{text_y}">{}</text>"#,
            label_width - 6,
            bar.label,
            bar.text,
        )?;
    }
    Ok(())
}
