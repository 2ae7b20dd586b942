//! Drawing what `plot`, `hist` and `imshow` ask for.
//!
//! In: a checked [`Plot`] and the values of its nodes. Out: a figure, in the terminal or in a file.
//! Always holds: a figure is drawn only when everything about it is right.

use crate::check::plots::{self, Number, Plot, PlotData};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::NodeId;
use crate::io;
use crate::plot::{Content, Figure, Format, Histogram, Image, Pixels, Series, Style, Terminal};
use crate::runtime::array::Array;
use crate::syntax::span::Span;
use rustc_hash::FxHashMap;
use std::io::Write;

type Values = FxHashMap<NodeId, Array>;

/// Draws a plot on `out`, or into its file.
pub(super) fn draw(plot: &Plot, values: &Values, terminal: &Terminal, out: &mut dyn Write) -> Result<()> {
    let figure = figure(plot, values)?;
    let Some((path, format)) = plot.settings.file.as_ref().and_then(|path| Some((path, Format::of(path)?))) else {
        // A reader that has gone away is no error of the program's.
        let _ = out.write_all(figure.to_text(terminal).as_bytes());
        return Ok(());
    };
    let bytes = figure.to_file(format).map_err(|cause| {
        Diagnostic::error(codes::MEMORY, plot.span, format!("cannot draw `{}`: {cause}", path.display()))
    })?;
    io::save_bytes(path, &bytes).map_err(|error| error.diagnostic(Some(plot.span)))
}

/// The figure that a plot asks for.
fn figure(plot: &Plot, values: &Values) -> Result<Figure> {
    let look = |id: NodeId| values.get(&id).filter(|array| array.shape().is_empty())?.to_f64_vec().first().copied();
    let content = match &plot.data {
        PlotData::Lines { pairs, labels, styles, spans } => {
            let series = series(pairs, values, plot.span)?;
            plots::check_counts(series.len(), labels.len(), styles.len(), *spans)?;
            Content::Series(dressed(series, labels, styles))
        }
        PlotData::Histogram { x, bins, range, density } => {
            let x = numbers(values, *x);
            let range = range.map(|range| plots::histogram_range(range, &look)).transpose()?.flatten();
            let histogram = match bins.and_then(|bins| Some((bins, values.get(&bins.id)?))) {
                Some((bins, array)) if array.shape().len() == 1 => Histogram::between(&x, edges(bins, array)?),
                Some((bins, _)) => Histogram::equal(&x, plots::bin_count(bins, &look)?.unwrap_or(10), range),
                None => Histogram::equal(&x, 10, range),
            };
            Content::Histogram(if *density { histogram.density() } else { histogram })
        }
        PlotData::Image { a, vmin, vmax, colormap } => {
            plots::color_ends(*vmin, *vmax, &look)?;
            let known = |number: &Option<Number>| number.and_then(|number| look(number.id));
            let pixels = numbers(values, *a);
            let array = values.get(a);
            Content::Image(match array.map_or(&[][..], Array::shape) {
                [height, width, 3] => Image { height: *height, width: *width, pixels: colors(array, pixels) },
                [height, width] => Image::of_values((*height, *width), pixels, (known(vmin), known(vmax)), *colormap),
                shape => {
                    let text = format!("`imshow` shows [h, w] or [h, w, 3], not {shape:?}");
                    return Err(Diagnostic::error(codes::SIZES, plot.span, text));
                }
            })
        }
    };
    let mut figure = Figure::new(content);
    plot.settings.apply(&mut figure, &look)?;
    Ok(figure)
}

fn numbers(values: &Values, id: NodeId) -> Vec<f64> {
    values.get(&id).map(Array::to_f64_vec).unwrap_or_default()
}

/// Floats are in 0..1; whole numbers in 0..255, as in matplotlib.
fn colors(array: Option<&Array>, parts: Vec<f64>) -> Pixels {
    match array {
        Some(Array::I64(_)) => Pixels::Rgb(parts.into_iter().map(|part| part / 255.0).collect()),
        _ => Pixels::Rgb(parts),
    }
}

/// The edges of bins, which must ascend.
fn edges(bins: Number, array: &Array) -> Result<Vec<f64>> {
    let edges = array.to_f64_vec();
    let wrong = |text: String| Err(Diagnostic::error(codes::ARGUMENTS, bins.span, text));
    if edges.len() < 2 {
        return wrong(format!("{} edges make no bin; it takes 2", edges.len()));
    }
    if let Some(bad) = edges.iter().find(|edge| !edge.is_finite() || edge.abs() > 1e300) {
        return wrong(format!("an edge of a bin is {bad}"));
    }
    let falling = edges.iter().zip(edges.iter().skip(1)).find(|(a, b)| a > b);
    match falling {
        Some((a, b)) => wrong(format!("the edges of bins ascend, but behind {a} comes {b}")),
        None => Ok(edges),
    }
}

/// A series for each column.
fn series(pairs: &[(Option<NodeId>, NodeId)], values: &Values, span: Span) -> Result<Vec<Series>> {
    let mut all = Vec::new();
    for (x, y) in pairs {
        let y = columns(values, *y);
        let x = match x {
            Some(x) => columns(values, *x),
            None => vec![y.first().map_or(Vec::new(), |y| (0..y.len()).map(|k| k as f64).collect())],
        };
        let lines = if x.is_empty() || y.is_empty() { 0 } else { x.len().max(y.len()) };
        for k in 0..lines {
            // A single column goes with all of the other's.
            let column = |columns: &[Vec<f64>]| columns.get(if columns.len() == 1 { 0 } else { k }).cloned();
            let (x, y) = (column(&x).unwrap_or_default(), column(&y).unwrap_or_default());
            if x.len() != y.len() {
                let text = format!("`x` has {} points, `y` has {}", x.len(), y.len());
                return Err(Diagnostic::error(codes::SIZES, span, text).help("each point has one x and one y"));
            }
            all.push(Series { x, y, label: None, style: Style::Line });
        }
    }
    Ok(all)
}

/// The columns of a matrix; a vector is one column, a scalar one of length 1.
fn columns(values: &Values, id: NodeId) -> Vec<Vec<f64>> {
    let numbers = numbers(values, id);
    match values.get(&id).map_or(&[][..], Array::shape) {
        [_, 0] => Vec::new(),
        [_, width] => (0..*width).map(|k| numbers.iter().skip(k).step_by(*width).copied().collect()).collect(),
        _ => vec![numbers],
    }
}

/// Series with their labels and styles.
fn dressed(mut all: Vec<Series>, labels: &[String], styles: &[Style]) -> Vec<Series> {
    for (k, series) in all.iter_mut().enumerate() {
        series.label = labels.get(k).cloned();
        series.style = styles.get(k).or(styles.first()).copied().unwrap_or_default();
    }
    all
}
