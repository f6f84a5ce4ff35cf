//! A picture while it is drawn: SVG elements with classes, whose colours the style sheet says.

use super::super::escape::escaped;
use std::fmt::Write as _;

/// The height of a line of text.
pub(super) const LINE: f64 = 17.0;

/// The size of the text.
const LETTERS: f64 = 13.0;

/// The mean width of a bold letter in the widest of the usual system fonts, in parts of its size.
const LETTER_WIDTH: f64 = 0.73;

/// How wide a text is at most, about.
pub(super) fn text_width(text: &str) -> f64 {
    super::whole(text.chars().count()) * LETTERS * LETTER_WIDTH
}

/// A picture of that size, in units that are pixels at its natural size.
#[derive(Clone, Debug)]
pub(super) struct Canvas {
    pub(super) width: f64,
    pub(super) height: f64,
    body: String,
}

/// Which side of a text stands at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Canvas {
    pub(super) fn new(width: f64, height: f64) -> Canvas {
        Canvas { width, height, body: String::new() }
    }

    /// A text whose base line is at `y`.
    pub(super) fn text(&mut self, class: &str, anchor: Anchor, x: f64, y: f64, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let text = escaped(text);
        self.add(format_args!("<text class=\"{class}\"{anchor} x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>"));
    }

    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.add(format_args!(
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        ));
    }

    /// A rectangle; `title` is what a pointer over it shows.
    pub(super) fn rect(&mut self, class: &str, corner: (f64, f64), size: (f64, f64), title: &str) {
        let ((x, y), (width, height)) = (corner, size);
        let title = titled(title);
        self.add(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\">{title}</rect>"
        ));
    }

    /// A line through points.
    pub(super) fn polyline(&mut self, class: &str, points: &[(f64, f64)], title: &str) {
        let (path, title) = (path(points), titled(title));
        self.add(format_args!("<path class=\"{class}\" d=\"{path}\">{title}</path>"));
    }

    /// What lies between a line through points and a level.
    pub(super) fn area(&mut self, class: &str, points: &[(f64, f64)], level: f64, title: &str) {
        let (Some((first, _)), Some((last, _))) = (points.first(), points.last()) else { return };
        let (path, title) = (path(points), titled(title));
        self.add(format_args!(
            "<path class=\"{class}\" d=\"{path}L{last:.1} {level:.1}L{first:.1} {level:.1}Z\">{title}</path>"
        ));
    }

    /// A mark at a point: each way has its shape.
    pub(super) fn mark(&mut self, class: &str, shape: usize, at: (f64, f64), title: &str) {
        const SHAPES: [&str; 7] = [
            "M-4 0A4 4 0 1 0 4 0A4 4 0 1 0 -4 0Z",
            "M-3.6 -3.6H3.6V3.6H-3.6Z",
            "M0 -4.8L4.6 3.4H-4.6Z",
            "M0 -5L5 0L0 5L-5 0Z",
            "M0 4.8L4.6 -3.4H-4.6Z",
            "M-5 -1.6H-1.6V-5H1.6V-1.6H5V1.6H1.6V5H-1.6V1.6H-5Z",
            "M-4.4 -2.4L4.4 -2.4L4.4 2.4L-4.4 2.4Z",
        ];
        let (x, y) = at;
        let (shape, title) = (SHAPES[shape % SHAPES.len()], titled(title));
        self.add(format_args!(
            "<path class=\"{class}\" transform=\"translate({x:.1} {y:.1})\" d=\"{shape}\">{title}</path>"
        ));
    }

    /// The elements.
    pub(super) fn body(&self) -> &str {
        &self.body
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        self.body.write_fmt(element).expect("a text takes any write");
        self.body.push('\n');
    }
}

fn titled(title: &str) -> String {
    if title.is_empty() { String::new() } else { format!("<title>{}</title>", escaped(title)) }
}

fn path(points: &[(f64, f64)]) -> String {
    let mut path = String::with_capacity(points.len() * 12);
    for (index, (x, y)) in points.iter().enumerate() {
        let step = if index == 0 { 'M' } else { 'L' };
        write!(path, "{step}{x:.1} {y:.1}").expect("a text takes any write");
    }
    path
}
