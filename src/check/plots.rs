//! Calls of `plot`, `hist` and `imshow`.
//!
//! In: a statement's arguments. Out: a [`Plot`]: the nodes to be computed and everything that is known already.
//! Always holds: what is wrong whatever the values is reported here; what depends on values, when they are there, by
//! the same rule.

use super::call::Call;
use super::{Checker, Value};
use crate::diagnostic::{Code, Diagnostic, Result, codes, nearest};
use crate::graph::{Graph, NodeId, Op, Size};
use crate::plot::{Colormap, Figure, Format, Style};
use crate::syntax::ast::{Argument, Expr, ExprKind};
use crate::syntax::span::Span;
use std::path::{Path, PathBuf};

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

const COMMON: [&str; 6] = ["title", "xlabel", "ylabel", "width", "height", "file"];
const AXES: [&str; 4] = ["xlim", "ylim", "logx", "logy"];
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
        let mut figure = Figure::new(crate::plot::Content::Series(Vec::new()));
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

/// The value of a node that is a constant.
fn constant(graph: &Graph, id: NodeId) -> Option<f64> {
    match &graph.node(id).op {
        Op::Const(constant) => Some(constant.as_f64()),
        Op::Size(size) => size.as_const().map(|size| size as f64),
        _ => None,
    }
}

impl Checker<'_> {
    /// The statement `plot(…)`, `hist(…)` or `imshow(…)`.
    ///
    /// # Errors
    /// When the arguments do not fit.
    pub fn plot(&mut self, name: &str, args: &[Argument], span: Span) -> Result<Plot> {
        let call = Call { name, args, span };
        let plot = match name {
            "plot" => {
                call.allow(&[&["label", "style"], &AXES[..], &COMMON[..]].concat())?;
                self.lines(&call)?
            }
            "hist" => {
                call.allow(&[&["bins", "range", "density"], &AXES[..], &COMMON[..]].concat())?;
                self.histogram(&call)?
            }
            _ => {
                call.allow(&[&["vmin", "vmax", "colormap"], &COMMON[..]].concat())?;
                self.image(&call)?
            }
        };
        let plot = Plot { data: plot, settings: self.plot_settings(&call)?, span };
        plot.check_numbers(&|id| constant(&self.graph, id))?;
        Ok(plot)
    }

    fn lines(&mut self, call: &Call<'_>) -> Result<PlotData> {
        const FORMS: &str = "plot(y), plot(x, y) or plot(x1, y1, x2, y2, …)";
        let exprs = call.positional(1..=usize::MAX, FORMS)?;
        if let Some(text) = exprs.iter().find(|expr| matches!(expr.kind, ExprKind::Str(_))) {
            return Err(Diagnostic::error(codes::TYPE, text.span, "a plot takes arrays, and the rest by name")
                .help("write style=\"points\" for points, label=\"…\" for the legend, file=\"p.svg\" for a file"));
        }
        if exprs.len() > 1 && exprs.len() % 2 == 1 {
            return Err(call.miscounted(FORMS));
        }
        let mut pairs = Vec::new();
        let mut count = Some(0);
        for pair in exprs.chunks(2) {
            let (x, y) = match pair {
                [x, y] => (Some(self.plotted(x, 0..=2, "plot")?), (self.plotted(y, 0..=2, "plot")?, *y)),
                [y] => (None, (self.plotted(y, 0..=2, "plot")?, *y)),
                _ => continue,
            };
            let (y, written) = y;
            let x = x.zip(pair.first());
            if let Some((x, at)) = x {
                self.same_length((x, at.span), (y, written.span))?;
            }
            let columns = [Some(y), x.map(|(x, _)| x)].into_iter().flatten().map(|id| self.columns(id));
            count = columns
                .fold(Some(1), |most: Option<i64>, size| Some(most?.max(size.as_const()?)))
                .and_then(|n| Some(count? + n));
            pairs.push((x.map(|(x, _)| x), y));
        }
        let (labels, label_span) = self.texts(call.named("label"), "a label")?;
        let (styles, style_span) = self.texts(call.named("style"), "a style")?;
        let styles = styles.iter().map(|s| one_of(s, &Style::ALL, "style", style_span)).collect::<Result<Vec<_>>>()?;
        let spans = (label_span, style_span);
        if let Some(count) = count {
            check_counts(count as usize, labels.len(), styles.len(), spans)?;
        }
        Ok(PlotData::Lines { pairs, labels, styles, spans })
    }

    /// The number of lines that an array draws.
    fn columns(&self, id: NodeId) -> Size {
        self.graph.shape(id).get(1).cloned().unwrap_or_else(Size::one)
    }

    fn same_length(&mut self, (x, at): (NodeId, Span), (y, written): (NodeId, Span)) -> Result<()> {
        let length = |id| self.graph.shape(id).first().cloned().unwrap_or_else(Size::one);
        let mismatch = |code: Code, text: String| {
            Diagnostic::error(code, written, text)
                .at(format!("this is {}", self.graph.ty(y)))
                .label(at, format!("this is {}", self.graph.ty(x)))
        };
        let (a, b) = (length(x), length(y));
        if a != b {
            let error = mismatch(codes::SIZES, format!("`x` has {a} points, `y` has {b}"));
            return Err(self.origins(error, &[&a, &b]).help("each point has one x and one y"));
        }
        let (a, b) = (self.columns(x), self.columns(y));
        if a != b && !a.is_one() && !b.is_one() {
            return Err(mismatch(codes::SIZES, format!("`x` has {a} columns, `y` has {b}"))
                .help("each column is a line; `x` has one column, or as many as `y`"));
        }
        Ok(())
    }

    fn histogram(&mut self, call: &Call<'_>) -> Result<PlotData> {
        let [x] = call.exactly("hist(x), hist(x, bins=30)")?;
        let x = self.plotted(x, 0..=usize::MAX, "hist")?;
        let bins = match call.named("bins") {
            None => None,
            Some(expr) => {
                let id = self.plotted(expr, 0..=1, "bins")?;
                let ty = self.graph.ty(id);
                if ty.rank() == 0 && ty.dtype.is_float() {
                    return Err(Diagnostic::error(
                        codes::TYPE,
                        expr.span,
                        "`bins` is a whole number, or an array of edges",
                    )
                    .at(format!("this is {ty}")));
                }
                Some(Number { id, span: expr.span })
            }
        };
        let range = self.pair(call, "range")?;
        let density = self.switch(call, "density")?;
        if let Some(range) = range {
            histogram_range(range, &|id| constant(&self.graph, id))?;
        }
        Ok(PlotData::Histogram { x, bins, range, density })
    }

    fn image(&mut self, call: &Call<'_>) -> Result<PlotData> {
        let [expr] = call.exactly("imshow(a)")?;
        let a = self.plotted(expr, 2..=3, "imshow")?;
        let ty = self.graph.ty(a);
        if let Some(parts) = ty.shape.get(2).and_then(Size::as_const)
            && parts != 3
        {
            return Err(Diagnostic::error(
                codes::SIZES,
                expr.span,
                format!("the last axis of an image in colours has size 3, not {parts}"),
            )
            .at(format!("this is {ty}"))
            .help("imshow takes [h, w] values, or [h, w, 3] red, green and blue"));
        }
        let (names, span) = self.texts(call.named("colormap"), "a colormap")?;
        let colormap = names.first().map(|name| one_of(name, &Colormap::ALL, "colormap", span)).transpose()?;
        let number = |c: &mut Self, name| call.named(name).map(|expr| c.number(expr, name)).transpose();
        let (vmin, vmax) = (number(self, "vmin")?, number(self, "vmax")?);
        Ok(PlotData::Image { a, vmin, vmax, colormap: colormap.unwrap_or_default() })
    }

    fn plot_settings(&mut self, call: &Call<'_>) -> Result<Settings> {
        let text = |c: &mut Self, name: &str| -> Result<Option<String>> {
            let (mut texts, span) = c.texts(call.named(name), &format!("`{name}`"))?;
            match texts.len() {
                0 | 1 => Ok(texts.pop()),
                _ => Err(Diagnostic::error(codes::TYPE, span, format!("`{name}` is one string"))),
            }
        };
        let number = |c: &mut Self, name| call.named(name).map(|expr| c.number(expr, name)).transpose();
        Ok(Settings {
            title: text(self, "title")?,
            xlabel: text(self, "xlabel")?,
            ylabel: text(self, "ylabel")?,
            xlim: self.pair(call, "xlim")?,
            ylim: self.pair(call, "ylim")?,
            logx: self.switch(call, "logx")?,
            logy: self.switch(call, "logy")?,
            width: number(self, "width")?,
            height: number(self, "height")?,
            file: self.plot_file(call)?,
        })
    }

    fn plot_file(&mut self, call: &Call<'_>) -> Result<Option<PathBuf>> {
        let Some(expr) = call.named("file") else { return Ok(None) };
        let ExprKind::Str(path) = &expr.kind else {
            return Err(Diagnostic::error(codes::TYPE, expr.span, "`file` is a path in quotes"));
        };
        let path = Path::new(path);
        if Format::of(path).is_some() {
            return Ok(Some(path.to_path_buf()));
        }
        let cause = match path.extension() {
            Some(extension) => {
                format!("the extension `.{}` is not one of `.svg` and `.png`", extension.to_string_lossy())
            }
            None => "its name has no extension, which would tell the format".into(),
        };
        let text = format!("cannot draw into `{}`: {cause}", path.display());
        Err(Diagnostic::error(codes::FILE, expr.span, text).help("plots are written to `.svg` and `.png`"))
    }

    /// An array of numbers or truth values.
    fn plotted(&mut self, expr: &Expr, ranks: std::ops::RangeInclusive<usize>, taker: &str) -> Result<NodeId> {
        let operand = self.operand(expr)?;
        let rank = self.graph.ty(operand.id).rank();
        if ranks.contains(&rank) {
            return Ok(operand.id);
        }
        let text = match taker {
            "plot" => format!("`plot` draws vectors and the columns of matrices, not an array of {rank} axes"),
            "imshow" => format!("`imshow` shows arrays of 2 axes, or of 3 with a last size of 3, not of {rank}"),
            name => format!("`{name}` has at most 1 axis, not {rank}"),
        };
        let error =
            Diagnostic::error(codes::RANK, expr.span, text).at(format!("this is {}", self.graph.ty(operand.id)));
        Err(match taker {
            "plot" => error.help("take a part of it, x[0], or reshape it"),
            "imshow" if rank < 2 => error.help("reshape it to rows and columns: reshape(a, h, w)"),
            _ => error,
        })
    }

    fn number(&mut self, expr: &Expr, name: &str) -> Result<Number> {
        let operand = self.operand(expr)?;
        let ty = self.graph.ty(operand.id);
        if ty.rank() != 0 {
            return Err(
                Diagnostic::error(codes::TYPE, expr.span, format!("`{name}` is a number")).at(format!("this is {ty}"))
            );
        }
        Ok(Number { id: operand.id, span: expr.span })
    }

    /// `name=(a, b)`.
    fn pair(&mut self, call: &Call<'_>, name: &str) -> Result<Option<(Number, Number)>> {
        let Some(expr) = call.named(name) else { return Ok(None) };
        match &expr.kind {
            ExprKind::Tuple(parts) if parts.len() == 2 => {
                let mut ends =
                    parts.iter().map(|part| self.number(part, name)).collect::<Result<Vec<_>>>()?.into_iter();
                Ok(ends.next().zip(ends.next()))
            }
            _ => Err(Diagnostic::error(codes::TYPE, expr.span, format!("`{name}` is a pair of numbers"))
                .help(format!("write {name}=(a, b)"))),
        }
    }

    fn switch(&mut self, call: &Call<'_>, name: &str) -> Result<bool> {
        call.named(name).map_or(Ok(false), |expr| self.literal_bool(expr, &format!("`{name}`")))
    }

    /// A string, or a tuple of strings.
    fn texts(&mut self, expr: Option<&Expr>, what: &str) -> Result<(Vec<String>, Span)> {
        let Some(expr) = expr else { return Ok((Vec::new(), Span::default())) };
        let parts = match &expr.kind {
            ExprKind::Tuple(parts) => parts.as_slice(),
            _ => std::slice::from_ref(expr),
        };
        let mut texts = Vec::new();
        for part in parts {
            match self.expression(part)? {
                Value::Text(text) => texts.push(text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()),
                other => {
                    return Err(Diagnostic::error(codes::TYPE, part.span, format!("{what} is a string"))
                        .at(format!("this is {}", other.describe(&self.graph))));
                }
            }
        }
        Ok((texts, expr.span))
    }
}

/// The item of that name.
fn one_of<T: Copy>(name: &str, known: &[(&'static str, T)], what: &str, span: Span) -> Result<T> {
    if let Some((_, item)) = known.iter().find(|(known, _)| *known == name) {
        return Ok(*item);
    }
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    let error = Diagnostic::error(codes::ARGUMENTS, span, format!("there is no {what} \"{name}\""));
    Err(match nearest(name, names.iter().copied()) {
        Some(near) => error.help(format!("did you mean {what}=\"{near}\"?")),
        None => error.help(format!("use one of \"{}\"", names.join("\", \""))),
    })
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
