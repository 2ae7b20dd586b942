//! Axes in characters.
//!
//! In: a figure and the room there is. Out: [`Frame`], which knows where each place of the axes is.
//! Always holds: labels do not run into each other.

use super::ColorDepth;
use super::screen::{Screen, fitted};
use crate::plot::axes;
use crate::plot::figure::{Content, Figure};
use crate::plot::image::Image;
use crate::plot::scale::{Scale, Tick};

/// The axes, and the cells between them.
pub(super) struct Frame {
    pub x: Scale,
    pub y: Scale,
    /// Columns to the left of the cells: labels and the axis.
    pub left: usize,
    pub columns: usize,
    pub rows: usize,
    width: usize,
    xticks: Vec<Tick>,
    yticks: Vec<Tick>,
}

impl Frame {
    pub fn of(figure: &Figure, width: usize, rows: usize, colors: ColorDepth) -> Frame {
        let (x, y) = axes::scales(figure, 0.0);
        let yticks = axes::ticks(figure, &y, (rows / 3).max(2));
        let widest = yticks.iter().map(|tick| tick.label.chars().count()).max().unwrap_or(0);
        let left = (widest + 2).min(width / 2);
        let (columns, rows) = match &figure.content {
            Content::Image(image) => image_cells(image, width - left, rows, colors),
            _ => (width - left, rows),
        };
        let apart = if matches!(figure.content, Content::Image(_)) { 6 } else { 10 };
        let xticks = axes::ticks(figure, &x, (columns / apart).max(2));
        let yticks = axes::ticks(figure, &y, (rows / 3).max(2));
        Frame { x, y, left, columns, rows, width, xticks, yticks }
    }

    /// A text over or under the cells.
    pub fn centered(&self, text: &str) -> String {
        let text = fitted(text, self.width);
        let length = text.chars().count();
        let start = (self.left + self.columns / 2).saturating_sub(length / 2).min(self.width - length);
        " ".repeat(start) + &text
    }

    /// The column of cells at a fraction of the horizontal axis.
    pub fn column(&self, at: f64) -> usize {
        self.dot((at, 0.0)).0 / 2
    }

    /// The row at a fraction of the vertical axis.
    pub fn row(&self, at: f64) -> usize {
        self.dot((0.0, at)).1 / 4
    }

    /// The dot, 2 × 4 to a cell, counted from the upper left cell between the axes.
    pub fn dot(&self, (x, y): (f64, f64)) -> (usize, usize) {
        let last = |cells: usize, dots: usize| (cells * dots).saturating_sub(1) as f64;
        let along = |at: f64, last: f64| (at.clamp(0.0, 1.0) * last).round() as usize;
        (along(x, last(self.columns, 2)), along(1.0 - y, last(self.rows, 4)))
    }

    /// The axes with their ticks and labels.
    pub fn draw(&self) -> Screen {
        let mut screen = Screen::new(self.width, self.rows + 2);
        let axis = self.left - 1;
        for row in 0..self.rows {
            screen.mark(axis, row, '│', None);
        }
        for tick in &self.yticks {
            let Some(at) = self.y.fraction(tick.at) else { continue };
            let (row, label) = (self.row(at), fitted(&tick.label, axis.saturating_sub(1)));
            if screen.is_blank(row, 0..axis) {
                screen.write(axis.saturating_sub(1 + label.chars().count()), row, &label);
                screen.mark(axis, row, '┤', None);
            }
        }
        screen.mark(axis, self.rows, '└', None);
        for column in 0..self.columns {
            screen.mark(self.left + column, self.rows, '─', None);
        }
        for tick in &self.xticks {
            let Some(at) = self.x.fraction(tick.at) else { continue };
            let (column, length) = (self.left + self.column(at), tick.label.chars().count());
            screen.mark(column, self.rows, '┬', None);
            let start = column.saturating_sub(length / 2).min(self.width.saturating_sub(length));
            let around = start.saturating_sub(1)..(start + length + 1).min(self.width);
            if screen.is_blank(self.rows + 1, around) {
                screen.write(start, self.rows + 1, &tick.label);
            }
        }
        screen
    }
}

/// How many cells an image gets, so that its pixels are about square: half a cell each in colours (a cell is twice as
/// high as wide), two cells side by side without.
fn image_cells(image: &Image, columns: usize, rows: usize, colors: ColorDepth) -> (usize, usize) {
    let (across, down) = if colors == ColorDepth::None { (2, 1) } else { (1, 2) };
    let (width, height) = (image.width.max(1), image.height.max(1));
    let enlarged = (columns / across / width).min(rows * down / height);
    let (wide, high) = if enlarged >= 1 {
        (width * enlarged, height * enlarged)
    } else {
        let factor = ((columns / across) as f64 / width as f64).min((rows * down) as f64 / height as f64);
        let shrunk = |size: usize| ((size as f64 * factor).round() as usize).max(1);
        (shrunk(width), shrunk(height))
    };
    ((wide * across).min(columns), high.div_ceil(down).min(rows))
}
