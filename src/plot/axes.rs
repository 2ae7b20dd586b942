//! The two axes of a figure.
//!
//! In: a figure. Out: its horizontal and vertical scale.
//! Always holds: limits that the user gave are taken as they are; an image is shown whole.

use super::figure::{Content, Figure};
use super::scale::{Scale, Tick};

/// The horizontal and the vertical scale; `margin` is the share of the data's extent left free around lines.
pub(super) fn scales(figure: &Figure, margin: f64) -> (Scale, Scale) {
    let horizontal =
        |values: &mut dyn Iterator<Item = f64>, margin| Scale::fit(values, figure.xlim, figure.logx, margin);
    match &figure.content {
        Content::Series(all) => {
            let x = horizontal(&mut all.iter().flat_map(|s| s.x.iter().copied()), margin);
            let y = all.iter().flat_map(|s| s.y.iter().copied());
            (x, Scale::fit(y, figure.ylim, figure.logy, margin))
        }
        Content::Histogram(histogram) => {
            let x = horizontal(&mut histogram.edges.iter().copied(), 0.0);
            (x, heights(figure, &histogram.heights))
        }
        Content::Image(image) => {
            // Pixel k reaches from k - 0.5 to k + 0.5, and row 0 is at the top.
            let last = |size: usize| size.max(1) as f64 - 0.5;
            let x = Scale { from: -0.5, to: last(image.width), log: false };
            (x, Scale { from: last(image.height), to: -0.5, log: false })
        }
    }
}

/// The vertical scale of bars: they stand on 0, or on a logarithmic axis on half of the lowest.
fn heights(figure: &Figure, heights: &[f64]) -> Scale {
    let shown = heights.iter().copied().filter(|height| *height > 0.0);
    let lowest = shown.clone().fold(f64::INFINITY, f64::min);
    let highest = shown.fold(0.0, f64::max);
    let limits = match (figure.ylim, highest > 0.0) {
        (Some(limits), _) => limits,
        (None, false) if figure.logy => (1.0, 10.0),
        (None, false) => (0.0, 1.0),
        (None, true) if figure.logy => (lowest / 2.0, highest * 1.5),
        (None, true) => (0.0, highest * 1.05),
    };
    Scale { from: limits.0, to: limits.1, log: figure.logy }
}

/// The ticks of an axis; an image's are whole numbers.
pub(super) fn ticks(figure: &Figure, scale: &Scale, count: usize) -> Vec<Tick> {
    match figure.content {
        Content::Image(_) => scale.whole_ticks(count),
        _ => scale.ticks(count),
    }
}
