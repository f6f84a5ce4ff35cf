//! Bars from the left, each with its name before it and its value behind it.

use super::canvas::{Anchor, Canvas, text_width};
use super::ink::Ink;

const WIDTH: f64 = 760.0;
const STEP: f64 = 30.0;
const HEIGHT: f64 = 18.0;
const TOP: f64 = 30.0;
const GAP: f64 = 10.0;

/// One bar, perhaps of two parts.
pub(super) struct Bar {
    pub(super) ink: Ink,
    pub(super) label: String,
    /// The value of its solid part.
    pub(super) solid: f64,
    /// The value at which its light part ends; none where it has only a solid one.
    pub(super) light: Option<f64>,
    /// The value as it is told.
    pub(super) text: String,
    pub(super) is_unused: bool,
}

/// Draws bars on one scale that begins at 0; `title` says what they show.
pub(super) fn draw(title: &str, bars: &[Bar]) -> Canvas {
    let widest =
        |texts: &mut dyn Iterator<Item = &String>| texts.map(|text| text_width(text)).fold(0.0, f64::max);
    let left = widest(&mut bars.iter().map(|bar| &bar.label)) + GAP;
    let right = WIDTH - widest(&mut bars.iter().map(|bar| &bar.text)) - GAP;
    let end = |bar: &Bar| bar.light.unwrap_or(0.0).max(bar.solid);
    let most = bars.iter().map(end).fold(f64::MIN_POSITIVE, f64::max);
    let mut canvas = Canvas::new(WIDTH, TOP + super::whole(bars.len()) * STEP + 4.0);
    canvas.text("axis-title", Anchor::Start, 0.0, 14.0, title);
    for (index, bar) in bars.iter().enumerate() {
        let y = TOP + super::whole(index) * STEP;
        let unused = if bar.is_unused { " unused" } else { "" };
        let class = bar.ink.class;
        let width = |value: f64| (value / most * (right - left)).max(1.5);
        let title = format!("{}: {}", bar.label, bar.text);
        canvas.text(&format!("name {class}{unused}"), Anchor::End, left - GAP, y + 13.5, &bar.label);
        if let Some(light) = bar.light {
            canvas.rect(&format!("light {class}{unused}"), (left, y), (width(light), HEIGHT), &title);
        }
        canvas.rect(&format!("bar {class}{unused}"), (left, y), (width(bar.solid), HEIGHT), &title);
        if bar.is_unused {
            canvas.rect("hatched", (left, y), (width(end(bar)), HEIGHT), &title);
        }
        canvas.text("value", Anchor::Start, left + width(end(bar)) + GAP - 2.0, y + 13.5, &bar.text);
    }
    canvas.line("base", (left, TOP - 6.0), (left, TOP + super::whole(bars.len()) * STEP - 6.0));
    canvas
}
