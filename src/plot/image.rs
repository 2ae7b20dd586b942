//! Images: pixels by value or by colour, at any size.
//!
//! In: rows of values or colours. Out: colours, or brightness, of as many rows and columns as are wanted.
//! Always holds: a smaller image shows means, a larger one repeats pixels; a value that is not finite has no colour.

use super::color::{Color, Colormap, brightness};
use std::ops::Range;

/// Pixels in rows from the top.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `height * width` of them.
    pub pixels: Pixels,
}

/// What a pixel is.
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    /// Values, coloured by a map from `low` to `high`.
    Values {
        /// Row by row.
        values: Vec<f64>,
        /// The value of the map's first colour.
        low: f64,
        /// The value of the map's last colour.
        high: f64,
        /// The map.
        colormap: Colormap,
    },
    /// Red, green and blue in 0..1, one after the other.
    Rgb(Vec<f64>),
}

impl Image {
    /// Values in a colormap; its ends are those of the values where they are not given.
    pub fn of_values(
        (height, width): (usize, usize),
        values: Vec<f64>,
        (vmin, vmax): (Option<f64>, Option<f64>),
        colormap: Colormap,
    ) -> Image {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let low = vmin.unwrap_or_else(|| finite().fold(f64::INFINITY, f64::min));
        let high = vmax.unwrap_or_else(|| finite().fold(f64::NEG_INFINITY, f64::max));
        let (low, high) = match (low.is_finite(), high.is_finite()) {
            (true, true) => (low, high),
            (true, false) => (low, low),
            (false, true) => (high, high),
            (false, false) => (0.0, 1.0),
        };
        Image { height, width, pixels: Pixels::Values { values, low, high, colormap } }
    }

    /// The image as `rows` rows of `columns` colours; `None` where there is nothing to see.
    pub fn colors(&self, columns: usize, rows: usize) -> Vec<Option<Color>> {
        match &self.pixels {
            Pixels::Values { values, low, high, colormap } => self
                .means(values, 1, columns, rows)
                .into_iter()
                .map(|value| value.is_finite().then(|| colormap.at(position(value, *low, *high))))
                .collect(),
            Pixels::Rgb(parts) => {
                let byte = |part: &f64| (part.clamp(0.0, 1.0) * 255.0).round() as u8;
                let means = self.means(parts, 3, columns, rows);
                let color = |rgb: &[f64]| match rgb {
                    [r, g, b] if rgb.iter().all(|part| part.is_finite()) => Some([byte(r), byte(g), byte(b)]),
                    _ => None,
                };
                means.chunks(3).map(color).collect()
            }
        }
    }

    /// The image as `rows` rows of `columns` shades in 0..1.
    pub fn shades(&self, columns: usize, rows: usize) -> Vec<Option<f64>> {
        match &self.pixels {
            Pixels::Values { values, low, high, .. } => self
                .means(values, 1, columns, rows)
                .into_iter()
                .map(|value| value.is_finite().then(|| position(value, *low, *high)))
                .collect(),
            Pixels::Rgb(_) => self.colors(columns, rows).into_iter().map(|color| color.map(brightness)).collect(),
        }
    }

    /// Means over the pixels under each cell, for each of `parts` parts of a pixel.
    fn means(&self, values: &[f64], parts: usize, columns: usize, rows: usize) -> Vec<f64> {
        let mut out = Vec::with_capacity(columns * rows * parts);
        for row in 0..rows {
            let under = covered(self.height, rows, row);
            for column in 0..columns {
                let across = covered(self.width, columns, column);
                for part in 0..parts {
                    let (mut sum, mut count) = (0.0, 0.0);
                    for y in under.clone() {
                        let line = across.clone().filter_map(|x| values.get((y * self.width + x) * parts + part));
                        for value in line.filter(|value| value.is_finite()) {
                            sum += value;
                            count += 1.0;
                        }
                    }
                    out.push(sum / count);
                }
            }
        }
        out
    }
}

/// Where a value is between two.
fn position(value: f64, low: f64, high: f64) -> f64 {
    if high > low { ((value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)).clamp(0.0, 1.0) } else { 0.0 }
}

/// Which of `size` pixels lie under cell `k` of `cells`.
fn covered(size: usize, cells: usize, k: usize) -> Range<usize> {
    let from = k * size / cells;
    from..((k + 1) * size).div_ceil(cells).max(from + 1).min(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_change_by_repetition_and_by_means() {
        let image = Image::of_values((2, 2), vec![0.0, 1.0, f64::NAN, 3.0], (None, None), Colormap::Gray);
        let shades = image.shades(4, 2);
        assert_eq!(shades.get(..4), Some(&[Some(0.0), Some(0.0), Some(1.0 / 3.0), Some(1.0 / 3.0)][..]));
        assert_eq!(shades.get(4..), Some(&[None, None, Some(1.0), Some(1.0)][..]));
        assert_eq!(image.colors(1, 1), [Some([113, 113, 113])]);
        let rgb = Image { height: 1, width: 2, pixels: Pixels::Rgb(vec![1.0, 0.0, 0.0, 0.0, 2.0, f64::NAN]) };
        assert_eq!(rgb.colors(2, 1), [Some([255, 0, 0]), None]);
    }
}
