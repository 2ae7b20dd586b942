//! Figures as text: braille dots for lines, blocks for bars and pixels.
//!
//! In: a figure, and what the terminal can show. Out: lines of text.
//! Always holds: no line is wider than the figure; without colours there is no escape sequence.

mod content;
mod frame;
mod screen;

use super::figure::{Content, Figure};
use frame::Frame;

/// What is known of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Columns.
    pub width: usize,
    /// Which colours it shows.
    pub colors: ColorDepth,
}

/// Which colours a terminal shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorDepth {
    /// None: a file, a pipe, or `NO_COLOR`.
    #[default]
    None,
    /// The 256 of xterm.
    Indexed,
    /// 24 bits.
    Full,
}

impl Default for Terminal {
    fn default() -> Terminal {
        Terminal { width: 80, colors: ColorDepth::None }
    }
}

/// Narrower than this there is no room for an axis.
const LEAST_WIDTH: usize = 20;

/// Draws the figure.
pub(super) fn render(figure: &Figure, terminal: &Terminal) -> String {
    let width = figure.width.unwrap_or(terminal.width).clamp(LEAST_WIDTH, 1000);
    let colors = terminal.colors;
    let mut lines: Vec<String> = Vec::new();
    let legend = match &figure.content {
        Content::Series(all) => content::legend(all, width, colors),
        Content::Image(image) => content::color_bar(image, colors),
        Content::Histogram(_) => Vec::new(),
    };
    let frame = Frame::of(figure, width, rows(figure, width, legend.len()), colors);
    if let Some(title) = &figure.title {
        lines.push(frame.centered(title));
    }
    if let Some(label) = &figure.ylabel {
        lines.push(screen::fitted(label, width));
    }
    let mut screen = frame.draw();
    match &figure.content {
        Content::Series(all) => content::series(&mut screen, &frame, all, colors),
        Content::Histogram(histogram) => content::bars(&mut screen, &frame, histogram),
        Content::Image(image) => content::image(&mut screen, &frame, image, colors),
    }
    lines.extend(screen.lines(colors));
    if let Some(label) = &figure.xlabel {
        lines.push(frame.centered(label));
    }
    lines.extend(legend);
    lines.into_iter().map(|line| line + "\n").collect()
}

/// How many rows there are between the axes.
fn rows(figure: &Figure, width: usize, legend: usize) -> usize {
    let written = [&figure.title, &figure.ylabel, &figure.xlabel].iter().filter(|text| text.is_some()).count();
    match figure.height {
        // Two more rows are the axis and its labels.
        Some(height) => height.saturating_sub(written + legend + 2).max(3),
        None => (width / 4).clamp(6, 20),
    }
}
