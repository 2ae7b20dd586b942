//! Plots: lines and points, histograms and images, as text in a terminal, `.svg` or `.png`.
//!
//! In: a [`Figure`], which is data only. Out: text or the bytes of a file.
//! Always holds: every figure can be drawn, whatever its values; what is not finite leaves a gap.
#![deny(clippy::indexing_slicing)]

mod axes;
mod color;
mod figure;
mod font;
mod histogram;
mod image;
mod page;
mod png;
mod scale;
mod series;
mod svg;
mod terminal;

pub use color::{Color, Colormap};
pub use figure::{Content, Figure, Format, Series, Style};
pub use histogram::Histogram;
pub use image::{Image, Pixels};
pub use terminal::{ColorDepth, Terminal};
