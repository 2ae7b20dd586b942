//! What loops, generators and folds run over: an array's leading axis, a list, or several of them together in `zip`.
//!
//! In: an expression behind `in`. Out: its [`Source`], and what it gives in each round.
//! Always holds: what runs together has one length.

use super::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{NodeId, Size};
use crate::syntax::ast::{Argument, Expr, ExprKind};
use crate::syntax::span::Span;

/// What is run over.
pub(super) enum Source {
    /// An array or a list, and where it is written.
    One(Value, Span),
    /// Several together: each round gives a tuple.
    Together(Vec<Source>),
}

impl Source {
    /// Whether a list is in it.
    pub fn has_list(&self) -> bool {
        match self {
            Source::One(value, _) => matches!(value, Value::List(_)),
            Source::Together(parts) => parts.iter().any(Source::has_list),
        }
    }

    /// The arrays and lists in it, in order.
    fn leaves(&self) -> Vec<(&Value, Span)> {
        match self {
            Source::One(value, span) => vec![(value, *span)],
            Source::Together(parts) => parts.iter().flat_map(Source::leaves).collect(),
        }
    }
}

/// The arguments of `zip(x, y)`.
fn zip_arguments(expr: &Expr) -> Option<&[Argument]> {
    match &expr.kind {
        ExprKind::Call(callee, args) if matches!(&callee.kind, ExprKind::Name(name) if name == "zip") => Some(args),
        _ => None,
    }
}

impl Checker<'_> {
    /// Reads what is run over.
    pub(super) fn zipped(&mut self, expr: &Expr) -> Result<Source> {
        match zip_arguments(expr).filter(|_| self.scope.get("zip").is_none()) {
            Some([]) => Err(Diagnostic::error(codes::ARGUMENTS, expr.span, "`zip` needs something to run over")
                .help("for (a, b) in zip(x, y)")),
            Some(args) => {
                let parts = args.iter().map(|arg| self.zipped(&arg.value));
                Ok(Source::Together(parts.collect::<Result<_>>()?))
            }
            None => Ok(Source::One(self.expression(expr)?, expr.span)),
        }
    }

    /// The length that all arrays of a source have.
    pub(super) fn common_length(&mut self, source: &Source, span: Span) -> Result<Size> {
        let mut first: Option<(Size, NodeId, Span)> = None;
        for (value, place) in source.leaves() {
            let operand = self.as_operand(value, place)?;
            let own = self.leading((operand.id, place))?;
            match &first {
                Some((length, by, at)) if *length != own => {
                    let text = format!("`zip` runs over sizes {length} and {own}");
                    let error = Diagnostic::error(codes::SIZES, span, text)
                        .label(*at, format!("this is {}", self.graph.ty(*by)))
                        .label(place, format!("this is {}", self.graph.ty(operand.id)));
                    return Err(self.origins(error, &[length, &own]));
                }
                Some(_) => {}
                None => first = Some((own, operand.id, place)),
            }
        }
        first
            .map_or_else(|| Err(Diagnostic::error(codes::ARGUMENTS, span, "there is nothing to run over")), |f| Ok(f.0))
    }

    /// What a source of arrays gives at an index.
    pub(super) fn row_of(&mut self, source: &Source, at: NodeId) -> Result<Value> {
        match source {
            Source::One(value, span) => {
                let operand = self.as_operand(value, *span)?;
                Ok(Value::array(self.graph.gather(operand.id, &[0], &[at])))
            }
            Source::Together(parts) => {
                let rows = parts.iter().map(|part| self.row_of(part, at));
                Ok(Value::Tuple(rows.collect::<Result<_>>()?))
            }
        }
    }

    /// What a source with lists gives in its rounds.
    pub(super) fn items_together(&mut self, source: &Source, span: Span) -> Result<Vec<Value>> {
        let parts = match source {
            Source::One(Value::List(items), _) => return Ok(items.clone()),
            Source::One(value, place) => return self.rows(value, *place),
            Source::Together(parts) => parts,
        };
        let mut columns: Vec<Vec<Value>> = Vec::new();
        for part in parts {
            let column = self.items_together(part, span)?;
            if let Some(first) = columns.first()
                && first.len() != column.len()
            {
                let text = format!(
                    "`zip` runs over {} and {}",
                    super::list::counted(first.len()),
                    super::list::counted(column.len())
                );
                let error = Diagnostic::error(codes::SIZES, span, text);
                return Err(match part {
                    Source::One(value, place) => {
                        error.label(*place, format!("this is {}", value.describe(&self.graph)))
                    }
                    Source::Together(_) => error,
                });
            }
            columns.push(column);
        }
        let count = columns.first().map_or(0, Vec::len);
        let tuple = |k: usize| Value::Tuple(columns.iter().filter_map(|column| column.get(k)).cloned().collect());
        Ok((0..count).map(tuple).collect())
    }

    pub(super) fn leading(&self, (id, span): (NodeId, Span)) -> Result<Size> {
        self.graph.shape(id).first().cloned().ok_or_else(|| {
            Diagnostic::error(codes::RANK, span, "a generator runs over an array's leading axis")
                .at(format!("this is {}", self.graph.ty(id)))
                .help("run over a range: for i in 0:n")
        })
    }
}
