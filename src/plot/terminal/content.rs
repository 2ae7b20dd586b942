//! What stands between the axes, in characters.
//!
//! In: series, bars or pixels, and a frame. Out: cells of a screen, and the lines that explain them.
//! Always holds: without colours, series are told apart by letters.

use super::ColorDepth;
use super::frame::Frame;
use super::screen::{Cell, Screen, colored, fitted};
use crate::plot::color::{Color, in_terminal};
use crate::plot::figure::Series;
use crate::plot::histogram::Histogram;
use crate::plot::image::{Image, Pixels};
use crate::plot::scale::short;
use crate::plot::series::{pieces, points};

const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];
const EIGHTHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// How often a line is marked with its letter.
const LETTERS_PER_LINE: usize = 3;

fn color(number: usize, colors: ColorDepth) -> Option<Color> {
    (colors != ColorDepth::None).then(|| in_terminal(number))
}

/// What marks the points of a series.
fn letter(number: usize, series: usize, colors: ColorDepth) -> char {
    if colors != ColorDepth::None || series < 2 { '•' } else { char::from(b'a' + (number % 26) as u8) }
}

pub(super) fn series(screen: &mut Screen, frame: &Frame, all: &[Series], colors: ColorDepth) {
    let offset = frame.left;
    for (number, series) in all.iter().enumerate() {
        let color = color(number, colors);
        let dots = frame.columns as f64 * 2.0;
        if series.style.has_line() {
            for piece in pieces(series, &frame.x, &frame.y, dots) {
                let dots: Vec<_> = piece.into_iter().map(|point| frame.dot(point)).collect();
                for pair in dots.windows(2) {
                    if let [from, to] = pair {
                        line(*from, *to, &mut |x, y| screen.dot(x + 2 * offset, y, color));
                    }
                }
                // A point between two gaps would be lost as one dot.
                if let [(x, y)] = dots.as_slice() {
                    screen.mark(x / 2 + offset, y / 4, letter(number, all.len(), colors), color);
                }
            }
        }
        if series.style.has_points() {
            let marks = points(series, &frame.x, &frame.y, (dots, frame.rows as f64 * 4.0));
            let few = marks.len() * 8 <= frame.columns * frame.rows;
            for mark in marks {
                if few {
                    let (column, row) = (frame.column(mark.0), frame.row(mark.1));
                    screen.mark(column + offset, row, letter(number, all.len(), colors), color);
                } else {
                    let (x, y) = frame.dot(mark);
                    screen.dot(x + 2 * offset, y, color);
                }
            }
        }
    }
    if colors == ColorDepth::None && all.len() > 1 {
        letters(screen, frame, all);
    }
}

/// Writes its letter on each line, at places of its own.
fn letters(screen: &mut Screen, frame: &Frame, all: &[Series]) {
    let slots = all.len() * LETTERS_PER_LINE;
    for (number, series) in all.iter().enumerate() {
        let mut cells: Vec<(usize, usize)> = Vec::new();
        let dots = frame.columns as f64 * 2.0;
        let lines = if series.style.has_line() { pieces(series, &frame.x, &frame.y, dots) } else { Vec::new() };
        for piece in lines {
            let dots: Vec<_> = piece.into_iter().map(|point| frame.dot(point)).collect();
            for pair in dots.windows(2) {
                if let [from, to] = pair {
                    line(*from, *to, &mut |x, y| cells.push((x / 2, y / 4)));
                }
            }
        }
        if !series.style.has_line() {
            let marks = points(series, &frame.x, &frame.y, (dots, frame.rows as f64 * 4.0));
            cells.extend(marks.into_iter().map(|(x, y)| (frame.column(x), frame.row(y))));
        }
        cells.dedup();
        for k in 0..LETTERS_PER_LINE {
            let at = (2 * (k * all.len() + number) + 1) * cells.len() / (2 * slots);
            if let Some((column, row)) = cells.get(at) {
                screen.mark(column + frame.left, *row, letter(number, all.len(), ColorDepth::None), None);
            }
        }
    }
}

/// The dots between two (Bresenham, 1965).
fn line((x0, y0): (usize, usize), (x1, y1): (usize, usize), set: &mut dyn FnMut(usize, usize)) {
    let (width, height) = (x0.abs_diff(x1), y0.abs_diff(y1));
    let steps = width.max(height);
    let along = |from: usize, to: usize, k: usize| {
        let moved = (2 * k * from.abs_diff(to) + steps) / (2 * steps.max(1));
        if to >= from { from + moved } else { from - moved }
    };
    for k in 0..=steps {
        set(along(x0, x1, k), along(y0, y1, k));
    }
}

/// The legend, on as many lines as it takes.
pub(super) fn legend(all: &[Series], width: usize, colors: ColorDepth) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut used = width;
    for (number, series) in all.iter().enumerate() {
        let Some(label) = &series.label else { continue };
        let sign = match (letter(number, all.len(), colors), series.style.has_line()) {
            ('•', true) => '━',
            (letter, _) => letter,
        };
        let label = fitted(label, width.saturating_sub(4));
        let length = label.chars().count() + 4;
        let text = format!("  {} {label}", colored(&sign.to_string(), color(number, colors), colors));
        match lines.last_mut() {
            Some(line) if used + length <= width => {
                line.push_str(&text);
                used += length;
            }
            _ => {
                lines.push(text);
                used = length;
            }
        }
    }
    lines
}

/// First column, last column (left out) and height in eighths of a row of each bar.
fn bar_columns(frame: &Frame, histogram: &Histogram) -> Vec<(usize, usize, usize)> {
    let column = |at: f64| (at.clamp(0.0, 1.0) * frame.columns as f64).round() as usize;
    let foot = frame.y.fraction(0.0).unwrap_or(0.0).clamp(0.0, 1.0);
    let mut all = Vec::new();
    for (from, to, height) in histogram.bars() {
        let ends = (frame.x.fraction(from), frame.x.fraction(to), frame.y.fraction(height));
        let (Some(from), Some(to), Some(height)) = ends else { continue };
        let (from, to) = (from.min(to), from.max(to));
        if to <= 0.0 || from >= 1.0 {
            continue;
        }
        let size = ((height.clamp(0.0, 1.0) - foot).max(0.0) * (frame.rows * 8) as f64).round() as usize;
        // What is there is seen.
        let size = if height > foot { size.max(1) } else { 0 };
        all.push((column(from), column(to).max(column(from) + 1), size));
    }
    all
}

pub(super) fn bars(screen: &mut Screen, frame: &Frame, histogram: &Histogram) {
    let mut eighths = vec![0usize; frame.columns];
    let bars = bar_columns(frame, histogram);
    // A blank between bars, if all are wide enough.
    let gap = usize::from(bars.iter().all(|(first, last, _)| last - first >= 4));
    for (first, last, size) in bars {
        for cell in eighths.iter_mut().take(last - gap).skip(first) {
            *cell = (*cell).max(size);
        }
    }
    for (column, &size) in eighths.iter().enumerate() {
        for row in 0..frame.rows {
            let filled = size.saturating_sub(8 * (frame.rows - 1 - row)).min(8);
            if let Some(&block) = filled.checked_sub(1).and_then(|k| EIGHTHS.get(k)) {
                screen.mark(frame.left + column, row, block, None);
            }
        }
    }
}

pub(super) fn image(screen: &mut Screen, frame: &Frame, image: &Image, colors: ColorDepth) {
    let (columns, rows) = (frame.columns, frame.rows);
    if image.width == 0 || image.height == 0 {
        return;
    }
    if colors == ColorDepth::None {
        for (k, shade) in image.shades(columns, rows).into_iter().enumerate() {
            screen.mark(frame.left + k % columns, k / columns, shaded(shade), None);
        }
        return;
    }
    let pixels = image.colors(columns, 2 * rows);
    let at = |column: usize, row: usize| pixels.get(row * columns + column).copied().flatten();
    for row in 0..rows {
        for column in 0..columns {
            let cell = match (at(column, 2 * row), at(column, 2 * row + 1)) {
                (None, None) => continue,
                (None, below) => Cell { character: '▄', color: below, behind: None },
                (above, below) => Cell { character: '▀', color: above, behind: below },
            };
            screen.put(frame.left + column, row, cell);
        }
    }
}

fn shaded(shade: Option<f64>) -> char {
    let level = shade.map_or(0, |shade| (shade * (SHADES.len() - 1) as f64).round() as usize);
    SHADES.get(level).copied().unwrap_or(' ')
}

/// What the shades of an image of values mean.
pub(super) fn color_bar(image: &Image, colors: ColorDepth) -> Vec<String> {
    let Pixels::Values { low, high, colormap, .. } = &image.pixels else { return Vec::new() };
    let cells = 20;
    let bar: String = (0..cells)
        .map(|k| {
            let at = f64::from(k) / f64::from(cells - 1);
            match colors {
                ColorDepth::None => shaded(Some(at)).to_string(),
                _ => colored("█", Some(colormap.at(at)), colors),
            }
        })
        .collect();
    vec![format!("  {} {bar} {}", short(*low), short(*high))]
}
