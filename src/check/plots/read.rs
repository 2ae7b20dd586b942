//! Reading the calls of `plot`, `hist` and `imshow`.
//!
//! In: a statement's arguments. Out: a [`Plot`].
//! Always holds: ranks, lengths and names are right in what comes out, wherever sizes are known.

use super::{Number, Plot, PlotData, Settings, check_counts, histogram_range};
use crate::check::call::Call;
use crate::check::{Checker, Value};
use crate::diagnostic::{Code, Diagnostic, Result, codes, nearest};
use crate::graph::{Graph, NodeId, Op, Size};
use crate::plot::{Colormap, Format, Style};
use crate::syntax::ast::{Argument, Expr, ExprKind};
use crate::syntax::span::Span;
use std::path::{Path, PathBuf};

const COMMON: [&str; 6] = ["title", "xlabel", "ylabel", "width", "height", "file"];
const AXES: [&str; 4] = ["xlim", "ylim", "logx", "logy"];

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
            let mut columns = [Some(y), x.map(|(x, _)| x)].into_iter().flatten().map(|id| self.columns(id));
            count =
                columns.try_fold(1, |most: i64, size| Some(most.max(size.as_const()?))).and_then(|n| Some(count? + n));
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
