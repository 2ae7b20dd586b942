//! Arithmetic written close: ranges, slices, indexes, and the bounds of contracts.
//!
//! In: expressions of the tree. Out: documents, without a place to break but in the brackets of calls.
//! Always holds: what is written close is arithmetic; comparisons, `and`, `or` and `@` keep their spaces.

use super::layout::{Doc, group, indent, many, soft, text};
use super::precedence::{Parent, Rank};
use super::text::Printer;
use crate::syntax::ast::*;

/// Which operators are written without spaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Close {
    /// Those of sums and of products.
    Sums,
    /// Those of products only.
    Products,
}

impl Printer<'_> {
    /// An item between the brackets of an index.
    pub fn index_item(&mut self, item: &IndexItem) -> Doc {
        match item {
            IndexItem::At(e) if is_plain(e) => self.compact(e, Close::Sums),
            IndexItem::At(e) => self.expression(e),
            IndexItem::Slice { start, stop, step: None, .. } => self.range(&[start.as_ref(), stop.as_ref()]),
            IndexItem::Slice { start, stop, step, .. } => self.range(&[start.as_ref(), stop.as_ref(), step.as_ref()]),
        }
    }

    /// What a loop or generator runs over.
    pub fn iterable(&mut self, iterable: &Iterable) -> Doc {
        match iterable {
            Iterable::Over(e) => self.disjunction(e),
            Iterable::Range { start, stop, step: None } => self.range(&[Some(start), Some(stop)]),
            Iterable::Range { start, stop, step } => self.range(&[Some(start), Some(stop), step.as_ref()]),
        }
    }

    /// Parts with `:` between them; with spaces around it only if some part is no arithmetic.
    fn range(&mut self, parts: &[Option<&Expr>]) -> Doc {
        let close = parts.iter().flatten().all(|e| is_arithmetic(e));
        let mut out = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                let space_before = !close && parts.get(index - 1).is_some_and(Option::is_some);
                out.push(text(if space_before { " :" } else { ":" }));
            }
            let Some(e) = part else { continue };
            if index > 0 && !close {
                out.push(text(" "));
            }
            out.push(if close { self.compact(e, Close::Sums) } else { self.disjunction(e) });
        }
        many(out)
    }

    /// Arithmetic with operators written close.
    pub fn compact(&mut self, e: &Expr, close: Close) -> Doc {
        match &e.kind {
            ExprKind::Binary(op, left, right) => {
                let spaced = Rank::of(e) < Rank::Sum || (close == Close::Products && Rank::of(e) == Rank::Sum);
                let symbol = if spaced { format!(" {} ", op.symbol()) } else { op.symbol().to_string() };
                let left = self.compact_operand(Parent::Left(*op), left, close);
                many([left, text(symbol), self.compact_operand(Parent::Right(*op), right, close)])
            }
            ExprKind::Unary(UnaryOp::Negate, inner) => {
                let parent = Parent::Prefix(UnaryOp::Negate);
                many([text("-"), self.compact_operand(parent, inner, close)])
            }
            _ => self.expression(e),
        }
    }

    fn compact_operand(&mut self, parent: Parent, e: &Expr, close: Close) -> Doc {
        if !self.needs_parentheses(parent, e) {
            return self.compact(e, close);
        }
        let first = self.gap(self.source.start(e), soft());
        let inner = self.compact(e, close);
        let last = self.closing_gap(e.span.end.saturating_sub(1), soft());
        group(many([text("("), indent(many([first, inner])), last, text(")")]))
    }
}

/// Arithmetic on names, numbers, fields, elements and results of calls.
fn is_arithmetic(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Binary(BinaryOp::MatrixProduct, ..) => false,
        ExprKind::Binary(_, left, right) => Rank::of(e) >= Rank::Sum && is_arithmetic(left) && is_arithmetic(right),
        ExprKind::Unary(UnaryOp::Negate, inner) => is_arithmetic(inner),
        ExprKind::Field(record, _) => is_arithmetic(record),
        ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Name(_) | ExprKind::Call(..) | ExprKind::Index(..) => true,
        _ => false,
    }
}

/// Arithmetic on names and integers.
fn is_plain(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Binary(BinaryOp::MatrixProduct, ..) => false,
        ExprKind::Binary(_, left, right) => Rank::of(e) >= Rank::Sum && is_plain(left) && is_plain(right),
        ExprKind::Unary(UnaryOp::Negate, inner) => is_plain(inner),
        ExprKind::Int(_) | ExprKind::Name(_) => true,
        _ => false,
    }
}
