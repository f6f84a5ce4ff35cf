//! The map of a sweep: a cell for each load, with the cheapest way and its cost.

use super::canvas::{Anchor, Canvas, text_width};
use super::ink::Ink;

const LEFT: f64 = 96.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 52.0;
const CELL_HEIGHT: f64 = 58.0;
const CELL_WIDTH_MIN: f64 = 96.0;
const WIDTH_MIN: f64 = 760.0;
const SEAM: f64 = 3.0;

/// What a cell says.
pub(super) struct Cell {
    /// None where no way suits.
    pub(super) ink: Option<Ink>,
    pub(super) name: String,
    pub(super) cost: String,
    /// What a pointer shows.
    pub(super) title: String,
}

/// Draws the rows from the bottom to the top, as an axis goes.
pub(super) fn draw(columns: &[String], rows: &[String], cells: &[Cell]) -> Canvas {
    let widest = cells.iter().map(|cell| text_width(&cell.name)).fold(CELL_WIDTH_MIN, f64::max) + 14.0;
    let width = (LEFT + super::whole(columns.len()) * widest).max(WIDTH_MIN);
    let cell_width = (width - LEFT) / super::whole(columns.len().max(1));
    let height = super::whole(rows.len()) * CELL_HEIGHT;
    let mut canvas = Canvas::new(width, TOP + height + BOTTOM);
    canvas.text("axis-title", Anchor::Start, 0.0, 14.0, "messages a second");
    for (index, row) in rows.iter().enumerate() {
        let y = TOP + height - super::whole(index + 1) * CELL_HEIGHT;
        canvas.text("tick", Anchor::End, LEFT - 12.0, y + CELL_HEIGHT / 2.0 + 4.5, row);
        for (column, cell) in cells.iter().skip(index * columns.len()).take(columns.len()).enumerate() {
            draw_cell(&mut canvas, cell, (LEFT + super::whole(column) * cell_width, y), cell_width);
        }
    }
    for (index, column) in columns.iter().enumerate() {
        let x = LEFT + (super::whole(index) + 0.5) * cell_width;
        canvas.text("tick", Anchor::Middle, x, TOP + height + 20.0, column);
    }
    canvas.text("axis-title", Anchor::End, width, TOP + height + 44.0, "followers");
    canvas
}

fn draw_cell(canvas: &mut Canvas, cell: &Cell, (x, y): (f64, f64), width: f64) {
    let class = cell.ink.map_or("cell hatched".to_owned(), |ink| format!("cell {}", ink.class));
    let size = (width - SEAM, CELL_HEIGHT - SEAM);
    canvas.rect(&class, (x, y), size, &cell.title);
    let (middle, centre) = (x + size.0 / 2.0, y + size.1 / 2.0);
    if let Some(ink) = cell.ink {
        canvas.mark(&format!("mark {}", ink.class), ink.shape, (x + 11.0, y + 11.0), "");
    }
    canvas.text("cell-name", Anchor::Middle, middle, centre - 3.0, &cell.name);
    canvas.text("note", Anchor::Middle, middle, centre + 14.0, &cell.cost);
}
