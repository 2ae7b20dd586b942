//! What `plot`, `hist` and `imshow` ask for.
//!
//! In: a statement's arguments, read by `read`. Out: a [`Plot`]: the nodes to be computed and everything that is known already.
//! Always holds: what is wrong whatever the values is reported when checking; what depends on values, when they are
//! there, by the same rule.

mod read;

use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::NodeId;
use crate::plot::{Colormap, Content, Figure, Style};
use crate::syntax::span::Span;
use std::path::PathBuf;

/// A plot that has been asked for.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Which, and its data.
    pub data: PlotData,
    /// Everything else.
    pub settings: Settings,
    /// The statement.
    pub span: Span,
}

/// The data of a plot.
#[derive(Clone, Debug)]
pub enum PlotData {
    /// `plot`: each pair is one line for each column of `y`.
    Lines {
        /// `x`, where it is given, and `y`.
        pairs: Vec<(Option<NodeId>, NodeId)>,
        /// One for each line, or none.
        labels: Vec<String>,
        /// One for each line, or one for all.
        styles: Vec<Style>,
        /// Where labels and styles are written.
        spans: (Span, Span),
    },
    /// `hist`.
    Histogram {
        /// The values.
        x: NodeId,
        /// A number, or an array of edges.
        bins: Option<Number>,
        /// `range=(a, b)`.
        range: Option<(Number, Number)>,
        /// `density=true`.
        density: bool,
    },
    /// `imshow`.
    Image {
        /// Values, or colours along the last of three axes.
        a: NodeId,
        /// The value of the first colour.
        vmin: Option<Number>,
        /// The value of the last colour.
        vmax: Option<Number>,
        /// The colours.
        colormap: Colormap,
    },
}

/// A number that may depend on data.
#[derive(Clone, Copy, Debug)]
pub struct Number {
    /// What it is.
    pub id: NodeId,
    /// Where it is written.
    pub span: Span,
}

/// What all plots can be told.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    title: Option<String>,
    xlabel: Option<String>,
    ylabel: Option<String>,
    xlim: Option<(Number, Number)>,
    ylim: Option<(Number, Number)>,
    logx: bool,
    logy: bool,
    width: Option<Number>,
    height: Option<Number>,
    /// The file to draw into; without one, the terminal.
    pub file: Option<PathBuf>,
}

/// What is known of a node's value.
pub type Lookup<'a> = &'a dyn Fn(NodeId) -> Option<f64>;

const SIZE_IN_FILE: (f64, f64) = (100.0, 5000.0);
const SIZE_IN_TERMINAL: (f64, f64) = (5.0, 1000.0);
const MOST_BINS: f64 = 100_000.0;

/// The names of the builtins that draw.
pub const PLOTS: [&str; 3] = ["plot", "hist", "imshow"];

impl Plot {
    /// The nodes that have to be computed before it can be drawn.
    pub fn nodes(&self) -> Vec<NodeId> {
        let of = |numbers: &[Option<Number>]| numbers.iter().flatten().map(|n| n.id).collect::<Vec<_>>();
        let pair = |pair: Option<(Number, Number)>| [pair.map(|p| p.0), pair.map(|p| p.1)];
        let mut nodes = match &self.data {
            PlotData::Lines { pairs, .. } => pairs.iter().flat_map(|(x, y)| x.iter().copied().chain([*y])).collect(),
            PlotData::Histogram { x, bins, range, .. } => {
                let mut nodes = vec![*x];
                nodes.extend(of(&[*bins]));
                nodes.extend(of(&pair(*range)));
                nodes
            }
            PlotData::Image { a, vmin, vmax, .. } => [vec![*a], of(&[*vmin, *vmax])].concat(),
        };
        let s = &self.settings;
        nodes.extend(of(&pair(s.xlim)));
        nodes.extend(of(&pair(s.ylim)));
        nodes.extend(of(&[s.width, s.height]));
        nodes
    }

    /// Checks the numbers that are known.
    fn check_numbers(&self, look: Lookup<'_>) -> Result<()> {
        match &self.data {
            PlotData::Lines { .. } => {}
            PlotData::Histogram { bins, range, .. } => {
                bins.map(|bins| bin_count(bins, look)).transpose()?;
                range.map(|range| bounds(range, "range", look)).transpose()?;
            }
            PlotData::Image { vmin, vmax, .. } => color_ends(*vmin, *vmax, look)?,
        }
        let mut figure = Figure::new(Content::Series(Vec::new()));
        self.settings.apply(&mut figure, look)
    }
}

impl Settings {
    /// Puts the settings into a figure; numbers that are not known are left out.
    ///
    /// # Errors
    /// When a number is outside what it may be.
    pub fn apply(&self, figure: &mut Figure, look: Lookup<'_>) -> Result<()> {
        figure.title.clone_from(&self.title);
        figure.xlabel.clone_from(&self.xlabel);
        figure.ylabel.clone_from(&self.ylabel);
        (figure.logx, figure.logy) = (self.logx, self.logy);
        let limits = |limits: Option<(Number, Number)>, name: &str, log: bool| -> Result<Option<(f64, f64)>> {
            let Some(pair) = limits else { return Ok(None) };
            let known = bounds(pair, name, look)?;
            match known {
                Some((from, to)) if from == to => Err(wrong(pair.0, format!("`{name}` begins and ends at {from}"))
                    .help("an axis needs two different ends")),
                Some((from, to)) if log && (from <= 0.0 || to <= 0.0) => {
                    Err(wrong(pair.0, format!("`{name}` reaches {}", from.min(to)))
                        .help("a logarithmic axis has positive numbers only"))
                }
                known => Ok(known),
            }
        };
        figure.xlim = limits(self.xlim, "xlim", self.logx)?;
        figure.ylim = limits(self.ylim, "ylim", self.logy)?;
        figure.width = self.size(self.width, "width", look)?;
        figure.height = self.size(self.height, "height", look)?;
        Ok(())
    }

    fn size(&self, number: Option<Number>, name: &str, look: Lookup<'_>) -> Result<Option<usize>> {
        let Some(number) = number else { return Ok(None) };
        let Some(value) = look(number.id) else { return Ok(None) };
        let ((least, most), unit) = match (&self.file, name) {
            (Some(_), _) => (SIZE_IN_FILE, "pixels of a file"),
            (None, "width") => (SIZE_IN_TERMINAL, "columns of a terminal"),
            (None, _) => (SIZE_IN_TERMINAL, "lines of a terminal"),
        };
        if !(least..=most).contains(&value) || value.fract() != 0.0 {
            let text = format!("`{name}` is {value}");
            return Err(wrong(number, text).help(format!("it counts {unit}: {least} to {most}")));
        }
        Ok(Some(value as usize))
    }
}

fn wrong(number: Number, text: String) -> Box<Diagnostic> {
    Diagnostic::error(codes::ARGUMENTS, number.span, text)
}

/// Two finite numbers, the ends of something.
fn bounds(pair: (Number, Number), name: &str, look: Lookup<'_>) -> Result<Option<(f64, f64)>> {
    let (Some(from), Some(to)) = (look(pair.0.id), look(pair.1.id)) else { return Ok(None) };
    for (value, number) in [(from, pair.0), (to, pair.1)] {
        if value.is_nan() || value.abs() > 1e300 {
            let help = "it is finite, and not beyond 1e300";
            return Err(wrong(number, format!("an end of `{name}` is {value}")).help(help));
        }
    }
    Ok(Some((from, to)))
}

/// `range=(a, b)`: NumPy's rule.
///
/// # Errors
/// When an end is not finite, or the range is upside down.
pub fn histogram_range(pair: (Number, Number), look: Lookup<'_>) -> Result<Option<(f64, f64)>> {
    match bounds(pair, "range", look)? {
        Some((from, to)) if from > to => {
            Err(wrong(pair.0, format!("`range` goes from {from} down to {to}")).help("write the smaller end first"))
        }
        known => Ok(known),
    }
}

/// `bins=30`.
///
/// # Errors
/// When there would be none, or too many.
pub fn bin_count(bins: Number, look: Lookup<'_>) -> Result<Option<usize>> {
    match look(bins.id) {
        Some(count) if !(1.0..=MOST_BINS).contains(&count) => {
            Err(wrong(bins, format!("`bins` is {count}")).help(format!("there are 1 to {MOST_BINS} bins")))
        }
        count => Ok(count.map(|count| count as usize)),
    }
}

/// Checks `vmin=` and `vmax=`.
///
/// # Errors
/// When one is not finite, or they are the wrong way round.
pub fn color_ends(vmin: Option<Number>, vmax: Option<Number>, look: Lookup<'_>) -> Result<()> {
    let value = |number: Option<Number>| number.and_then(|number| Some((number, look(number.id)?)));
    for (number, value) in [value(vmin), value(vmax)].into_iter().flatten() {
        if !value.is_finite() {
            return Err(wrong(number, format!("a colour's value is {value}")).help("it is a finite number"));
        }
    }
    match (value(vmin), value(vmax)) {
        (Some((number, low)), Some((_, high))) if low > high => {
            Err(wrong(number, format!("`vmin` is {low}, above `vmax`, {high}")).help("exchange them"))
        }
        _ => Ok(()),
    }
}

/// Checks that there is a label for every line or none, and a style for every line, for all, or none.
///
/// # Errors
/// When there is not; with both numbers.
pub fn check_counts(lines: usize, labels: usize, styles: usize, (label, style): (Span, Span)) -> Result<()> {
    let error = |span, text| Err(Diagnostic::error(codes::ARGUMENTS, span, text));
    let plural = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    if labels > 0 && labels != lines {
        let text = format!("there are {} for {}", plural(labels, "label"), plural(lines, "line"));
        return error(label, text).map_err(|e| e.help("write one for each line: label=(\"a\", \"b\")"));
    }
    if styles > 1 && styles != lines {
        let text = format!("there are {} for {}", plural(styles, "style"), plural(lines, "line"));
        return error(style, text).map_err(|e| e.help("write one for all lines, or one for each"));
    }
    Ok(())
}
