//! The chart: a panel of bars for each load, each panel in its own scale.

use crate::campaign::Findings;
use crate::progress::whole;
use std::fmt::{self, Write};

/// One bar.
struct Bar<'a> {
    label: &'a str,
    per_second: f64,
}

const PANEL_WIDTH: usize = 400;
const BAR_STEP: usize = 24;
const BAR_HEIGHT: usize = 16;
const LABEL_WIDTH: usize = 120;
const BAR_WIDTH_MAX: f64 = 190.0;
const TITLE_HEIGHT: usize = 40;
const MARGIN: usize = 16;
/// The first of the compared, which is tidings, and the others.
const COLOURS: [&str; 2] = ["#1f6feb", "#9aa4b2"];

/// An SVG image with its own white ground, so that it can be read on a dark page too.
pub(crate) fn draw(title: &str, findings: &Findings) -> String {
    let mut svg = String::new();
    write_image(&mut svg, title, findings).expect("a text takes any write");
    svg
}

fn write_image(svg: &mut String, title: &str, findings: &Findings) -> fmt::Result {
    let across = panels_across(findings);
    let panel_height = TITLE_HEIGHT + findings.columns.len() * BAR_STEP;
    let width = across * PANEL_WIDTH + 2 * MARGIN;
    let height = TITLE_HEIGHT + findings.loads.len().div_ceil(across) * panel_height + MARGIN;
    writeln!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13" fill="#1b1f24">
<rect width="{width}" height="{height}" fill="#ffffff"/>
<text x="{MARGIN}" y="28" font-size="16" font-weight="bold">{title}</text>"##
    )?;
    for (at, load) in findings.loads.iter().enumerate() {
        let (x, y) = (MARGIN + at % across * PANEL_WIDTH, TITLE_HEIGHT + at / across * panel_height);
        writeln!(svg, r#"<g transform="translate({x} {y})"><text y="24" font-weight="bold">{load}</text>"#)?;
        write_bars(svg, &bars(findings, at))?;
        writeln!(svg, "</g>")?;
    }
    writeln!(svg, "</svg>")
}

/// As many panels in a line as there are loads of the same number of streams.
fn panels_across(findings: &Findings) -> usize {
    let first = findings.loads.first().map(|load| load.streams);
    findings.loads.iter().take_while(|load| Some(load.streams) == first).count().max(1)
}

fn bars(findings: &Findings, load: usize) -> Vec<Bar<'_>> {
    let bar = |(column, label)| {
        let spread = findings.spread(load, column, |run| run.per_second);
        Bar { label, per_second: spread.map_or(0.0, |spread| spread.median) }
    };
    findings.columns.iter().map(String::as_str).enumerate().map(bar).collect()
}

fn write_bars(svg: &mut String, bars: &[Bar<'_>]) -> fmt::Result {
    let most = bars.iter().map(|bar| bar.per_second).fold(1.0, f64::max);
    for (at, bar) in bars.iter().enumerate() {
        let colour = COLOURS[at.min(1)];
        let y = TITLE_HEIGHT - 4 + at * BAR_STEP;
        let text_y = y + 13;
        let width = bar.per_second / most * BAR_WIDTH_MAX;
        #[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
        let value_x = LABEL_WIDTH as f64 + width + 6.0;
        writeln!(
            svg,
            r#"<text x="{}" y="{text_y}" text-anchor="end">{}</text><rect x="{LABEL_WIDTH}" y="{y}" width="{width:.1}" height="{BAR_HEIGHT}" fill="{colour}"/><text x="{value_x:.1}" y="{text_y}">{}</text>"#,
            LABEL_WIDTH - 6,
            bar.label,
            whole(bar.per_second),
        )?;
    }
    Ok(())
}
