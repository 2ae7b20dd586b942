//! What a plot shows, without how.
//!
//! In: values as `f64`. Out: [`Figure`], which the renderers read.
//! Always holds: a figure is complete: the same figure gives the same file on every machine.

use super::{Histogram, Image, Terminal, page, png, svg, terminal};
use std::path::Path;

/// A plot.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Above everything.
    pub title: Option<String>,
    /// Below the horizontal axis.
    pub xlabel: Option<String>,
    /// At the vertical axis.
    pub ylabel: Option<String>,
    /// First and last value of the horizontal axis; without it, what the data need.
    pub xlim: Option<(f64, f64)>,
    /// The same for the vertical axis.
    pub ylim: Option<(f64, f64)>,
    /// Whether the horizontal axis is logarithmic.
    pub logx: bool,
    /// Whether the vertical axis is logarithmic.
    pub logy: bool,
    /// Pixels of a file, columns of a terminal.
    pub width: Option<usize>,
    /// Pixels of a file, lines of a terminal.
    pub height: Option<usize>,
    /// The data.
    pub content: Content,
}

/// The data of a plot.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Lines or points.
    Series(Vec<Series>),
    /// Bars.
    Histogram(Histogram),
    /// Pixels.
    Image(Image),
}

/// One line, or one set of points.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// As many as in `y`.
    pub x: Vec<f64>,
    /// Values.
    pub y: Vec<f64>,
    /// What the legend says.
    pub label: Option<String>,
    /// How it is drawn.
    pub style: Style,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Points joined by straight lines.
    #[default]
    Line,
    /// Points alone.
    Points,
    /// Both.
    LinePoints,
}

impl Style {
    /// Every style by its name in a program.
    pub const ALL: [(&'static str, Style); 3] =
        [("line", Style::Line), ("points", Style::Points), ("line+points", Style::LinePoints)];

    /// Whether points are joined.
    pub fn has_line(self) -> bool {
        self != Style::Points
    }

    /// Whether points are marked.
    pub fn has_points(self) -> bool {
        self != Style::Line
    }
}

/// The formats of plot files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Scalable vector graphics.
    Svg,
    /// Portable network graphics.
    Png,
}

impl Format {
    /// The format that a file's extension names.
    pub fn of(path: &Path) -> Option<Format> {
        match path.extension()?.to_string_lossy().to_ascii_lowercase().as_str() {
            "svg" => Some(Format::Svg),
            "png" => Some(Format::Png),
            _ => None,
        }
    }
}

impl Figure {
    /// A figure of that content and nothing else.
    pub fn new(content: Content) -> Figure {
        Figure {
            title: None,
            xlabel: None,
            ylabel: None,
            xlim: None,
            ylim: None,
            logx: false,
            logy: false,
            width: None,
            height: None,
            content,
        }
    }

    /// As lines of text, each with its line end.
    pub fn to_text(&self, terminal: &Terminal) -> String {
        terminal::render(self, terminal)
    }

    /// As the bytes of a file.
    ///
    /// # Errors
    /// When there is no memory for the pixels.
    pub fn to_file(&self, format: Format) -> Result<Vec<u8>, String> {
        let page = page::layout(self);
        match format {
            Format::Svg => svg::render(&page).map(String::into_bytes),
            Format::Png => png::render(&page),
        }
    }
}
