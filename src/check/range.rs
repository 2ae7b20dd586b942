//! Ranges: their bounds, their steps, and how many numbers they have.
//!
//! In: `a:b:s` of a loop, a generator or `arange`. Out: first number, count and step, as numbers and as sizes.
//! Always holds: a range that ends before it starts has no numbers, or a check says so before anything is made of it.

use super::Checker;
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{CheckKind, Constant, NodeId, Op, Size, SizeVar};
use crate::ops::elementwise::{FLOOR_DIVIDE, NEGATE, SUBTRACT};
use crate::runtime::array::DType;
use crate::syntax::ast::Expr;
use crate::syntax::span::Span;

impl Checker<'_> {
    /// First value, number of values and stride of a range.
    pub(super) fn range(
        &mut self,
        start: &Expr,
        stop: &Expr,
        step: Option<&Expr>,
        span: Span,
    ) -> Result<(NodeId, Size, i64)> {
        let [start, stop] = [start, stop].map(|bound| self.range_bound(bound, "the bound of a range"));
        let bounds = [start?, stop?];
        let stride = match step {
            None => 1,
            Some(step) => {
                let size = self.size_of(step, "the step of a range")?;
                size.as_const().filter(|&s| s != 0).ok_or_else(|| {
                    Diagnostic::error(codes::NOT_A_CONSTANT, step.span, "the step of a range is a literal, not 0")
                })?
            }
        };
        let count = self.range_length(bounds, stride, span)?;
        Ok((bounds[0], count, stride))
    }

    /// A bound of a range, which may be negative. At the top level it is computed now, if it can be.
    pub(super) fn range_bound(&mut self, bound: &Expr, what: &str) -> Result<NodeId> {
        let id = self.whole(bound, what)?;
        match self.graph.as_size(id) {
            Some(size) => Ok(self.graph.size_value(&size)),
            None => self.concrete(id, bound.span).map(|()| id),
        }
    }

    /// How many numbers a range has; none if it ends before it starts.
    pub(super) fn range_length(&mut self, [first, last]: [NodeId; 2], stride: i64, span: Span) -> Result<Size> {
        let sizes = self.graph.as_size(first).zip(self.graph.as_size(last));
        if let (Some((from, to)), 1) = (&sizes, stride) {
            let message = format!(
                "the range {from}:{to} ends before it starts: write max({from}, {to}) as its end to have it empty"
            );
            return self.length_of(to.minus(from), &message, span);
        }
        if stride == 1 {
            let size = self.distance(first, last, span)?;
            return self.length_of(size, "the range ends before it starts", span);
        }
        let step = self.graph.int(stride);
        let (count, _) = self.range_count(first, last, step);
        self.found_size(count, span)
    }

    /// How far it is from one integer to another, which may be found only when running. Nothing if it is the other way round; where sizes
    /// of parameters say how far, they go on saying it.
    fn distance(&mut self, first: NodeId, last: NodeId, span: Span) -> Result<Size> {
        let node = self.graph.node(last);
        let length = match (&node.op, node.inputs.as_slice()) {
            (Op::Map(op), &[a, b]) if op.name == "add" && a == first => b,
            (Op::Map(op), &[a, b]) if op.name == "add" && b == first => a,
            _ => self.graph.map(&SUBTRACT, &[last, first]),
        };
        let g = &mut self.graph;
        let keeps = |size: &Size| {
            let of_parameters = size.vars().iter().any(|var| g.dynamic_value(var).is_none());
            of_parameters || (size.is_nonnegative() && g.needed_nonnegative(size).is_empty())
        };
        match g.size_polynomial(length) {
            Some(size) if !keeps(&size) => {
                let length = g.no_less_than_nothing(length);
                Ok(g.dynamic_size(length))
            }
            _ => self.dynamic_size(length, span),
        }
    }

    /// A whole number.
    pub(super) fn whole(&mut self, expr: &Expr, what: &str) -> Result<NodeId> {
        let operand = self.operand(expr)?;
        let ty = self.graph.ty(operand.id).clone();
        if ty.dtype == DType::I64 && ty.rank() == 0 {
            return Ok(operand.id);
        }
        Err(Diagnostic::error(codes::TYPE, expr.span, format!("{what} is a whole number"))
            .at(format!("this is {ty}"))
            .help("convert with i64(x)"))
    }

    /// A step, which is not 0: now if it is known, else when running.
    pub(super) fn checked_step(&mut self, id: NodeId, span: Span) -> Result<NodeId> {
        match self.graph.as_constant(id) {
            Some(Constant::Int(0)) => {
                Err(Diagnostic::error(codes::NOT_A_CONSTANT, span, "the step of a range is not 0"))
            }
            Some(_) => Ok(id),
            None => Ok(self.check(CheckKind::Step, id, None, span)),
        }
    }

    /// How many numbers a range has, `max(0, ceil((last - first) / step))`, and the same as a size that holds whenever
    /// there is at least one.
    pub(super) fn range_count(&mut self, first: NodeId, last: NodeId, step: NodeId) -> (NodeId, Option<Size>) {
        let [first_size, last_size, step_size] = [first, last, step].map(|id| self.graph.as_size(id));
        let length = first_size.zip(last_size).map(|(first, last)| last.minus(&first));
        let step_size = step_size.and_then(|size| size.as_const());
        if let (Some(length), Some(step)) = (length.as_ref().and_then(Size::as_const), step_size) {
            let count = length.saturating_neg().div_euclid(step.max(1)).saturating_neg();
            let count = if step > 0 { count } else { length.div_euclid(step.saturating_neg()).saturating_neg() };
            let count = Size::from(count.max(0));
            return (self.graph.size_value(&count), Some(count));
        }
        let g = &mut self.graph;
        let span = g.map(&SUBTRACT, &[last, first]);
        let count = if step_size == Some(1) {
            match length.clone().filter(Size::is_nonnegative) {
                Some(length) => g.size_value(&length),
                None => g.no_less_than_nothing(span),
            }
        } else {
            // Rounded up: -(-length // step).
            let negative = g.map(&NEGATE, &[span]);
            let rounded = g.map(&FLOOR_DIVIDE, &[negative, step]);
            let count = g.map(&NEGATE, &[rounded]);
            g.no_less_than_nothing(count)
        };
        let length = length.or_else(|| self.most(first, last));
        (count, length.filter(|_| step_size == Some(1)))
    }

    /// No less than how long a range is whose bounds are computed from sizes.
    fn most(&self, first: NodeId, last: NodeId) -> Option<Size> {
        let g = &self.graph;
        let length = g.size_polynomial(last)?.minus(&g.size_polynomial(first)?);
        let doubtful: Vec<SizeVar> =
            g.possibly_negative(&length).into_iter().filter_map(|value| g.dynamic_name(value).cloned()).collect();
        // A size that is 0 instead of negative makes the whole larger.
        let grows = length.monomials().all(|(vars, factor)| {
            let many = vars.iter().filter(|var| doubtful.contains(var)).count();
            many == 0 || (many == 1 && factor > 0)
        });
        grows.then_some(length)
    }
}
