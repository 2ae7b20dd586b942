//! Counting values in bins, as NumPy does.
//!
//! In: values, and bins by number or by edges. Out: [`Histogram`].
//! Always holds: the counts are those of `numpy.histogram`; values that are not finite are in no bin.

/// Bars: one height between each two edges.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Ascending; one more than there are bars.
    pub edges: Vec<f64>,
    /// Counts, or densities.
    pub heights: Vec<f64>,
}

impl Histogram {
    /// Equal bins over `range`, or over the values' own (`bins > 0`, `range.0 <= range.1`, both finite).
    pub fn equal(values: &[f64], bins: usize, range: Option<(f64, f64)>) -> Histogram {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let (mut low, mut high) = range.unwrap_or_else(|| {
            finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
        });
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        if low == high {
            (low, high) = (low - 0.5, high + 0.5);
        }
        // In halves where the extent itself would be infinite; both are exact.
        let half = if (high - low).is_finite() { 1.0 } else { 0.5 };
        let extent = high * half - low * half;
        let step = extent / bins as f64 / half;
        let mut edges: Vec<f64> = (0..=bins).map(|k| low + k as f64 * step).collect();
        if let Some(last) = edges.last_mut() {
            *last = high;
        }
        let mut heights = vec![0.0; bins];
        for value in finite().filter(|&value| value >= low && value <= high) {
            let guess = ((value * half - low * half) / extent * bins as f64) as usize;
            let mut bin = guess.min(bins - 1);
            // The division rounds; the edges decide.
            if edges.get(bin).is_some_and(|&edge| value < edge) {
                bin = bin.saturating_sub(1);
            } else if bin + 1 < bins && edges.get(bin + 1).is_some_and(|&edge| value >= edge) {
                bin += 1;
            }
            if let Some(height) = heights.get_mut(bin) {
                *height += 1.0;
            }
        }
        Histogram { edges, heights }
    }

    /// Bins between the given edges, which ascend; the last bin holds its upper edge.
    pub fn between(values: &[f64], edges: Vec<f64>) -> Histogram {
        let bins = edges.len().saturating_sub(1);
        let mut heights = vec![0.0; bins];
        for &value in values.iter().filter(|value| value.is_finite()) {
            let behind = edges.partition_point(|&edge| edge <= value);
            let bin = if edges.last() == Some(&value) { bins } else { behind };
            if let Some(height) = bin.checked_sub(1).and_then(|bin| heights.get_mut(bin)) {
                *height += 1.0;
            }
        }
        Histogram { edges, heights }
    }

    /// The same as densities: the bars' area is 1.
    #[must_use]
    pub fn density(mut self) -> Histogram {
        let total: f64 = self.heights.iter().sum();
        let widths: Vec<f64> = self.bars().map(|(from, to, _)| to - from).collect();
        for (height, width) in self.heights.iter_mut().zip(widths) {
            *height = if total > 0.0 && width > 0.0 { *height / width / total } else { 0.0 };
        }
        self
    }

    /// Lower edge, upper edge and height of each bar.
    pub fn bars(&self) -> impl Iterator<Item = (f64, f64, f64)> {
        let edges = self.edges.iter().zip(self.edges.iter().skip(1));
        edges.zip(&self.heights).map(|((&from, &to), &height)| (from, to, height))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_numpys() {
        // np.histogram([0, 0.1, 0.3, 0.7, 1, nan], 10, (0, 1)) without the NaN.
        let values = [0.0, 0.1, 0.3, 0.7, 1.0, f64::NAN];
        let h = Histogram::equal(&values, 10, None);
        assert_eq!(h.heights, [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0]);
        // np.histogram([1, 2, 2, 3, 5], [1, 2, 3])
        assert_eq!(Histogram::between(&[1.0, 2.0, 2.0, 3.0, 5.0, 0.5], vec![1.0, 2.0, 3.0]).heights, [1.0, 3.0]);
        // np.histogram([], 2), np.histogram([4, 4], 2)
        assert_eq!(Histogram::equal(&[], 2, None).edges, [0.0, 0.5, 1.0]);
        assert_eq!(Histogram::equal(&[4.0, 4.0], 2, None).edges, [3.5, 4.0, 4.5]);
        // np.histogram([1, 2, 2, 4], 3, density=True)
        assert_eq!(Histogram::equal(&[1.0, 2.0, 2.0, 4.0], 3, None).density().heights, [0.25, 0.5, 0.25]);
        let far = Histogram::equal(&[-1e308, 1e308], 4, None);
        assert_eq!(far.heights, [1.0, 0.0, 0.0, 1.0]);
    }
}
