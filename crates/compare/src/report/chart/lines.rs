//! Lines over two axes, each with its name at its end.

use super::canvas::{Anchor, Canvas, LINE, text_width};
use super::ink::Ink;
use super::scale::Scale;

const WIDTH: f64 = 760.0;
const PLOT_HEIGHT: f64 = 300.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 50.0;
/// Between the end of the lines and their names.
const LEAD: f64 = 26.0;

/// An axis.
pub(super) struct Axis {
    /// What it shows, with its unit where the marks have none.
    pub(super) title: &'static str,
    pub(super) scale: Scale,
    /// How a value of it is written.
    pub(super) text: fn(f64) -> String,
}

/// One line.
pub(super) struct Line {
    pub(super) ink: Ink,
    /// Stands at its end.
    pub(super) label: String,
    /// What a pointer shows.
    pub(super) title: String,
    pub(super) points: Vec<(f64, f64)>,
    /// Whether its points are few, so that each has a mark.
    pub(super) is_marked: bool,
    /// Whether it is used in no verdict.
    pub(super) is_unused: bool,
}

/// A level across the plot.
pub(super) struct Level {
    pub(super) value: f64,
    pub(super) label: String,
}

/// Draws lines over two axes.
pub(super) fn draw(lines: &[Line], x: &Axis, y: &Axis, levels: &[Level]) -> Canvas {
    let plot = Plot::new(lines, x, y);
    let mut canvas = Canvas::new(WIDTH, TOP + PLOT_HEIGHT + BOTTOM);
    plot.draw_axes(&mut canvas);
    for level in levels {
        plot.draw_level(&mut canvas, level, lines);
    }
    for line in lines {
        plot.draw_line(&mut canvas, line);
    }
    plot.draw_labels(&mut canvas, lines);
    canvas
}

struct Plot<'a> {
    left: f64,
    right: f64,
    x: &'a Axis,
    y: &'a Axis,
}

impl<'a> Plot<'a> {
    fn new(lines: &[Line], x: &'a Axis, y: &'a Axis) -> Plot<'a> {
        let widest =
            |texts: &mut dyn Iterator<Item = String>| texts.map(|text| text_width(&text)).fold(0.0, f64::max);
        let left = widest(&mut y.scale.ticks().into_iter().map(y.text)) + 12.0;
        let labels = widest(&mut lines.iter().map(|line| line.label.clone()));
        Plot { left: left.max(44.0), right: WIDTH - labels - LEAD - 4.0, x, y }
    }

    fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let across = self.left + self.x.scale.place(x) * (self.right - self.left);
        (across, TOP + (1.0 - self.y.scale.place(y)) * PLOT_HEIGHT)
    }

    fn draw_axes(&self, canvas: &mut Canvas) {
        let bottom = TOP + PLOT_HEIGHT;
        canvas.text("axis-title", Anchor::Start, 0.0, 14.0, self.y.title);
        for tick in self.y.scale.ticks() {
            let (_, y) = self.at((0.0, tick));
            canvas.line("grid", (self.left, y), (self.right, y));
            canvas.text("tick", Anchor::End, self.left - 8.0, y + 4.5, &(self.y.text)(tick));
        }
        canvas.line("base", (self.left, bottom), (self.right, bottom));
        for tick in self.x.scale.ticks() {
            let (x, _) = self.at((tick, 0.0));
            canvas.line("base", (x, bottom), (x, bottom + 5.0));
            canvas.text("tick", Anchor::Middle, x, bottom + 20.0, &(self.x.text)(tick));
        }
        canvas.text("axis-title", Anchor::End, self.right, bottom + 42.0, self.x.title);
    }

    fn draw_level(&self, canvas: &mut Canvas, level: &Level, lines: &[Line]) {
        let (_, y) = self.at((0.0, level.value));
        canvas.line("level", (self.left, y), (self.right, y));
        let (x, y) = self.clear_place(y, text_width(&level.label), lines);
        canvas.text("level-name", Anchor::Start, x, y, &level.label);
    }

    /// Where a text of that width stands over or under a level and the fewest points of lines lie behind it.
    fn clear_place(&self, level: f64, width: f64, lines: &[Line]) -> (f64, f64) {
        let points: Vec<_> =
            lines.iter().flat_map(|line| &line.points).map(|point| self.at(*point)).collect();
        let room = (self.right - self.left - width - 12.0).max(0.0);
        let places = (0..=20).flat_map(|step| {
            let x = self.left + 6.0 + f64::from(step) / 20.0 * room;
            [(x, level - 6.0), (x, level + 16.0)]
        });
        let is_inside = |y: f64| TOP + LINE < y && y < TOP + PLOT_HEIGHT - 4.0;
        let behind = |(x, y): (f64, f64)| {
            let is_behind = |point: &&(f64, f64)| {
                x - 4.0 < point.0 && point.0 < x + width + 4.0 && y - LINE < point.1 && point.1 < y + 6.0
            };
            points.iter().filter(is_behind).count()
        };
        let best = places.filter(|(_, y)| is_inside(*y)).min_by_key(|place| behind(*place));
        best.unwrap_or((self.left + 6.0, level - 6.0))
    }

    fn draw_line(&self, canvas: &mut Canvas, line: &Line) {
        let points: Vec<_> = line.points.iter().map(|point| self.at(*point)).collect();
        let unused = if line.is_unused { " unused" } else { "" };
        canvas.polyline(&format!("line {}{unused}", line.ink.class), &points, &line.title);
        if line.is_marked {
            for (point, (x, y)) in points.iter().zip(&line.points) {
                let title = format!("{}: {} at {}", line.label, (self.y.text)(*y), (self.x.text)(*x));
                canvas.mark(&format!("mark {}{unused}", line.ink.class), line.ink.shape, *point, &title);
            }
        }
    }

    /// Each name beside the end of its line, or as near as the others leave room, with a thin line to it.
    fn draw_labels(&self, canvas: &mut Canvas, lines: &[Line]) {
        let ends: Vec<(f64, f64)> = lines
            .iter()
            .map(|line| line.points.last().map_or((self.right, TOP), |point| self.at(*point)))
            .collect();
        let wanted: Vec<f64> = ends.iter().map(|(_, y)| *y).collect();
        let places = spread(&wanted, LINE, TOP, TOP + PLOT_HEIGHT);
        for ((line, end), y) in lines.iter().zip(&ends).zip(places) {
            let x = self.right + LEAD;
            let unused = if line.is_unused { " unused" } else { "" };
            canvas.line(&format!("leader {}{unused}", line.ink.class), (end.0 + 6.0, end.1), (x - 5.0, y));
            canvas.text(&format!("name {}{unused}", line.ink.class), Anchor::Start, x, y + 4.5, &line.label);
        }
    }
}

/// Places as near to the wanted ones as a gap between each two and the ends allow, in the order of the wanted.
fn spread(wanted: &[f64], gap: f64, from: f64, to: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|one, two| wanted[*one].total_cmp(&wanted[*two]));
    let mut places = wanted.to_vec();
    let mut least = from;
    for &index in &order {
        places[index] = places[index].max(least);
        least = places[index] + gap;
    }
    let mut most = to;
    for &index in order.iter().rev() {
        places[index] = places[index].min(most);
        most = places[index] - gap;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn names_keep_their_order_and_a_gap() {
        assert_eq!(spread(&[10.0, 100.0], 15.0, 0.0, 200.0), [10.0, 100.0]);
        assert_eq!(spread(&[12.0, 10.0, 11.0], 15.0, 0.0, 200.0), [40.0, 10.0, 25.0]);
        assert_eq!(spread(&[199.0, 198.0, 197.0], 15.0, 0.0, 200.0), [200.0, 185.0, 170.0]);
    }
}
