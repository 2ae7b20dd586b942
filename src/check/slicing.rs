//! Slices: the part of an axis that `a:b:s` is, clipped at its ends as NumPy does it.
//!
//! In: the bounds of a slice and the size of the axis. Out: the item of an index that selects the part.
//! Always holds: a part whose size is given as a polynomial has that size, or a check fails before anything reads it.

use super::Checker;
use super::index::Item;
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{CheckKind, NodeId, Op, Size, VarId};
use crate::ops::elementwise;
use crate::syntax::ast::Expr;
use crate::syntax::span::Span;
use std::collections::BTreeMap;

/// `Σ factor · variable + constant`; no factor is zero.
struct Linear {
    vars: BTreeMap<VarId, Size>,
    constant: Size,
}

impl Linear {
    fn times(&self, factor: &Size) -> Linear {
        let vars = self.vars.iter().map(|(var, own)| (*var, own.times(factor)));
        Linear {
            vars: vars.filter(|(_, size)| size.as_const() != Some(0)).collect(),
            constant: self.constant.times(factor),
        }
    }

    fn plus(self, other: &Linear, sign: i64) -> Linear {
        let other = other.times(&Size::from(sign));
        let mut vars = self.vars;
        for (var, factor) in other.vars {
            let sum = vars.get(&var).map_or(factor.clone(), |own| own.plus(&factor));
            vars.insert(var, sum);
        }
        vars.retain(|_, factor| factor.as_const() != Some(0));
        Linear { vars, constant: self.constant.plus(&other.constant) }
    }
}

/// A bound of a slice, as a size too if it is one.
type Bound = (NodeId, Option<Size>);

impl Checker<'_> {
    /// One slice of an index: the part of an axis of an array.
    pub(super) fn slice_item(
        &mut self,
        [start, stop, step]: [Option<&Expr>; 3],
        (array, axis): (NodeId, usize),
        span: Span,
    ) -> Result<Item> {
        let extent = &self.graph.shape(array).get(axis).cloned().unwrap_or_else(Size::one);
        let step = match step {
            None => 1,
            Some(expr) => {
                let id = self.whole(expr, "the step of a slice")?;
                match self.graph.as_size(id).and_then(|size| size.as_const()) {
                    Some(0) => {
                        return Err(Diagnostic::error(
                            codes::NOT_A_CONSTANT,
                            expr.span,
                            "the step of a slice is not 0",
                        ));
                    }
                    Some(step) => step,
                    None => {
                        let stride = self.checked_step(id, expr.span)?;
                        let bounds = self.slice_bounds(start, stop)?.map(|bound| bound.map(|(id, _)| id));
                        return self.strided_slice(bounds, stride, extent, span);
                    }
                }
            }
        };
        if let Some(window) = self.window(start, stop, step, extent, axis)? {
            return Ok(window);
        }
        let bounds = self.slice_bounds(start, stop)?;
        let running = bounds.clone().map(|bound| bound.map(|(id, _)| id));
        if bounds.iter().flatten().any(|(_, size)| size.is_none()) {
            return self.running_slice(running, step, extent, span);
        }
        let [start, stop] = bounds.map(|bound| bound.and_then(|(_, size)| size));
        if let Some(known) = known_slice(start.as_ref(), stop.as_ref(), step, extent) {
            return Ok(known);
        }
        if step == -1 && start.is_none() && stop.is_none() {
            return Ok(Item::Slice(extent.minus(&Size::one()), -1, extent.clone()));
        }
        if step != 1 {
            return self.running_slice(running, step, extent, span);
        }
        self.forward_slice([start, stop], running, (array, extent), span)
    }

    /// The bounds of a slice, as sizes too if they are some.
    fn slice_bounds(&mut self, start: Option<&Expr>, stop: Option<&Expr>) -> Result<[Option<Bound>; 2]> {
        let bound = |c: &mut Self, e: &Expr| c.whole(e, "the bound of a slice").map(|id| (id, c.graph.as_size(id)));
        Ok([start.map(|e| bound(self, e)).transpose()?, stop.map(|e| bound(self, e)).transpose()?])
    }

    /// A slice of step 1 whose bounds are sizes. Where it may leave the axis it is clipped when running if its sizes are
    /// found then, or if it stands under a condition. Of parameters' sizes it is taken as written, and what that assumes of
    /// them is noted, and checked when running.
    fn forward_slice(
        &mut self,
        written: [Option<Size>; 2],
        running: [Option<NodeId>; 2],
        (array, extent): (NodeId, &Size),
        span: Span,
    ) -> Result<Item> {
        let [first, last] = ends(&written, extent);
        let length = last.minus(&first);
        if length.as_const().is_some_and(|length| length <= 0) {
            return Ok(Item::Slice(Size::from(0), 1, Size::from(0)));
        }
        let (shown, rest) = (format!("{first}:{last}"), extent.minus(&last));
        if [&first, &length, &rest].into_iter().all(Size::is_nonnegative) {
            return Ok(Item::Slice(first, 1, length));
        }
        let found = [&first, &last, extent].into_iter().any(|size| self.is_found(size));
        if found || self.is_conditional(&[array]) {
            return self.clipped_part(&written, running, extent, span);
        }
        for (size, message) in [
            (&first, format!("the slice {shown} starts before the axis: write max({first}, 0) to have it cut off")),
            (
                &length,
                format!("the slice {shown} ends before it starts: write min({first}, {last}) to have it cut off"),
            ),
            (
                &rest,
                format!(
                    "the slice {shown} ends behind the axis of size {extent}: write min({last}, {extent}) to have it cut off"
                ),
            ),
        ] {
            self.assume_nonnegative(size, &message, span)?;
        }
        Ok(Item::Slice(first, 1, length))
    }

    /// A slice of step 1 that is clipped when running.
    fn clipped_part(
        &mut self,
        written: &[Option<Size>; 2],
        running: [Option<NodeId>; 2],
        extent: &Size,
        span: Span,
    ) -> Result<Item> {
        let [first, last] = ends(written, extent);
        // A bound whose sign is not known may count from the end; one before the last element is only -1 if there is none.
        let certain =
            |bound: &Size| bound.as_const().is_some() || bound.is_nonnegative() || extent.minus(bound).is_one();
        let certain = written.iter().flatten().all(certain);
        let inside = extent.minus(&last).is_nonnegative();
        let g = &mut self.graph;
        let size = g.size_value(extent);
        // Parts of one length should have one size: x[1:] and x[:-1], x[:2] and x[-2:].
        let (from, count) = if certain && first.is_nonnegative() {
            let count = match inside {
                true => g.size_value(&last.minus(&first)),
                false => {
                    let (last, first) = (g.size_value(&last), g.size_value(&first));
                    let end = g.map(&elementwise::MINIMUM, &[last, size]);
                    g.map(&elementwise::SUBTRACT, &[end, first])
                }
            };
            (g.size_value(&first), count)
        } else if certain && last == *extent {
            let (first, most) = (g.size_value(&first), g.size_value(&extent.minus(&first)));
            (g.no_less_than_nothing(first), g.map(&elementwise::MINIMUM, &[most, size]))
        } else {
            let (from, to) = self.clipped_bounds(running, true, extent);
            (from, self.graph.map(&elementwise::SUBTRACT, &[to, from]))
        };
        let count = self.graph.no_less_than_nothing(count);
        Ok(Item::Slice(self.found_size(from, span)?, 1, self.found_size(count, span)?))
    }

    /// A slice whose bounds are found out when running, clipped as NumPy does it: the indexes along the axis.
    fn running_slice(&mut self, bounds: [Option<NodeId>; 2], step: i64, extent: &Size, span: Span) -> Result<Item> {
        let (from, to) = self.clipped_bounds(bounds, step > 0, extent);
        let stride = self.graph.int(step);
        self.positions_between(from, to, stride, step.abs() == 1, span)
    }

    /// The same with a step that is found out when running.
    fn strided_slice(
        &mut self,
        bounds: [Option<NodeId>; 2],
        stride: NodeId,
        extent: &Size,
        span: Span,
    ) -> Result<Item> {
        let (up_from, up_to) = self.clipped_bounds(bounds, true, extent);
        let (down_from, down_to) = self.clipped_bounds(bounds, false, extent);
        let g = &mut self.graph;
        let zero = g.int(0);
        let up = g.map(&elementwise::GREATER, &[stride, zero]);
        let from = g.map(&elementwise::WHERE, &[up, up_from, down_from]);
        let to = g.map(&elementwise::WHERE, &[up, up_to, down_to]);
        self.positions_between(from, to, stride, false, span)
    }

    /// Where a slice begins and ends after clipping.
    fn clipped_bounds(&mut self, bounds: [Option<NodeId>; 2], up: bool, extent: &Size) -> (NodeId, NodeId) {
        let g = &mut self.graph;
        let (size, zero, one) = (g.size_value(extent), g.int(0), g.int(1));
        // Where counting forwards and backwards may begin and end.
        let (lowest, highest) =
            if up { (zero, size) } else { (g.int(-1), g.map(&elementwise::SUBTRACT, &[size, one])) };
        let clip = |g: &mut crate::graph::Graph, bound: NodeId| {
            let negative = g.map(&elementwise::LESS, &[bound, zero]);
            let from_end = g.map(&elementwise::ADD, &[bound, size]);
            let counted = g.map(&elementwise::WHERE, &[negative, from_end, bound]);
            let low = g.map(&elementwise::MAXIMUM, &[counted, lowest]);
            g.map(&elementwise::MINIMUM, &[low, highest])
        };
        let (first, last) = if up { (lowest, highest) } else { (highest, lowest) };
        let [start, stop] = bounds;
        (start.map_or(first, |bound| clip(g, bound)), stop.map_or(last, |bound| clip(g, bound)))
    }

    /// `from, from + stride, …` up to `to`, which is left out.
    fn positions_between(&mut self, from: NodeId, to: NodeId, stride: NodeId, unit: bool, span: Span) -> Result<Item> {
        let g = &mut self.graph;
        let distance = g.map(&elementwise::SUBTRACT, &[to, from]);
        let count = match g.as_constant(stride) {
            Some(crate::graph::Constant::Int(1)) => distance,
            Some(crate::graph::Constant::Int(-1)) if unit => g.map(&elementwise::SUBTRACT, &[from, to]),
            // Rounded up: -(-distance // stride).
            _ => {
                let negative = g.map(&elementwise::NEGATE, &[distance]);
                let rounded = g.map(&elementwise::FLOOR_DIVIDE, &[negative, stride]);
                g.map(&elementwise::NEGATE, &[rounded])
            }
        };
        let count = g.no_less_than_nothing(count);
        let length = self.found_size(count, span)?;
        let g = &mut self.graph;
        let (iota, shape) = (g.iota(&length), [length]);
        let (first, stride) = (g.broadcast(from, &[], &shape), g.broadcast(stride, &[], &shape));
        let scaled = g.times(stride, iota);
        Ok(Item::Window(g.plus(first, scaled)))
    }

    /// `x[i:i+3]` with a generator's index: both bounds move together, so the length is a size.
    fn window(
        &mut self,
        start: Option<&Expr>,
        stop: Option<&Expr>,
        step: i64,
        extent: &Size,
        axis: usize,
    ) -> Result<Option<Item>> {
        let (Some(start), Some(stop)) = (start, stop) else { return Ok(None) };
        let (first, last) = (self.operand(start)?, self.operand(stop)?);
        let span = start.span.to(stop.span);
        let (Some(from), Some(to)) = (self.linear(first.id), self.linear(last.id)) else { return Ok(None) };
        if from.vars.is_empty() && to.vars.is_empty() {
            return Ok(None);
        }
        if from.vars != to.vars || step != 1 {
            return Ok(None);
        }
        let length = to.constant.minus(&from.constant);
        let length = self.length_of(length, "the slice ends before it starts", span)?;
        let iota = self.graph.iota(&length);
        let at = self.graph.plus(first.id, iota);
        let proved = |(low, _): (Size, Size), (_, high): (Size, Size)| {
            low.is_nonnegative() && extent.minus(&high).is_nonnegative()
        };
        let inside = self.bounds(first.id).zip(self.bounds(last.id)).is_some_and(|(a, b)| proved(a, b));
        if inside {
            return Ok(Some(Item::Window(at)));
        }
        let size = self.graph.size_value(extent);
        Ok(Some(Item::Window(self.check(CheckKind::Index { axis }, at, Some(size), span))))
    }

    /// An integer as a sum of index variables with factors, and a size.
    fn linear(&self, id: NodeId) -> Option<Linear> {
        let node = self.graph.node(id);
        match (&node.op, node.inputs.as_slice()) {
            (Op::Const(_) | Op::Size(_), _) => {
                self.graph.as_size(id).map(|constant| Linear { vars: BTreeMap::new(), constant })
            }
            (Op::Var(var), _) => Some(Linear { vars: BTreeMap::from([(*var, Size::one())]), constant: Size::from(0) }),
            (Op::Map(op), [a, b]) => {
                let (a, b) = (self.linear(*a)?, self.linear(*b)?);
                match op.name {
                    "add" => Some(a.plus(&b, 1)),
                    "subtract" => Some(a.plus(&b, -1)),
                    "multiply" if a.vars.is_empty() => Some(b.times(&a.constant)),
                    "multiply" if b.vars.is_empty() => Some(a.times(&b.constant)),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// First position and end of a slice of step 1, before it is clipped; literals below 0 count from the end.
fn ends(written: &[Option<Size>; 2], extent: &Size) -> [Size; 2] {
    let from_front = |bound: &Size| match bound.as_const() {
        Some(value) if value < 0 => extent.plus(bound),
        _ => bound.clone(),
    };
    let [start, stop] = written;
    let last = stop.as_ref().map(from_front).filter(|last| extent.minus(last).as_const().is_none_or(|rest| rest >= 0));
    [start.as_ref().map_or(Size::from(0), from_front), last.unwrap_or_else(|| extent.clone())]
}

/// NumPy's slice rules, when everything is a literal.
fn known_slice(start: Option<&Size>, stop: Option<&Size>, step: i64, extent: &Size) -> Option<Item> {
    let literal = |bound: Option<&Size>| bound.map_or(Some(None), |size| size.as_const().map(Some));
    let (first, count) = clipped(literal(start)?, literal(stop)?, step, extent.as_const()?);
    Some(Item::Slice(Size::from(first), step, Size::from(count)))
}

/// First position and number of positions of a slice over `n`, by NumPy's rules.
fn clipped(start: Option<i64>, stop: Option<i64>, step: i64, n: i64) -> (i64, i64) {
    let clip = |bound: i64| {
        let from_front = if bound < 0 { bound + n } else { bound };
        if step > 0 { from_front.clamp(0, n) } else { from_front.clamp(-1, n - 1) }
    };
    let (low, high) = if step > 0 { (0, n) } else { (n - 1, -1) };
    let (first, last) = (start.map_or(low, clip), stop.map_or(high, clip));
    let distance = if step > 0 { last - first } else { first - last };
    let count = if distance <= 0 { 0 } else { (distance - 1) / step.abs() + 1 };
    (if count == 0 { 0 } else { first }, count)
}

/// The positions of a slice over `n`.
pub(super) fn known_positions(start: Option<i64>, stop: Option<i64>, step: i64, n: i64) -> impl Iterator<Item = usize> {
    let (first, count) = clipped(start, stop, step, n);
    (0..count).filter_map(move |k| usize::try_from(first + k * step).ok())
}
