//! Bounds of integers: how many iterations a loop has at most, and how large a size that only running tells can be.
//!
//! In: an integer of a graph. Out: polynomials in the size variables between which it lies, where that is known.
//! Always holds: a bound holds for every element of an array, for all data, as long as no check fails; sizes are at least 0.

use crate::graph::{CheckKind, Constant, Graph, NodeId, Op, Size, SizeVar, envelope};
use crate::ops::looping::UNBOUNDED;
use crate::runtime::array::DType;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Stack for one level; deep expressions get more on the way.
const STACK: (usize, usize) = (128 * 1024, 4 * 1024 * 1024);

/// What an integer is at most.
pub(super) fn upper(graph: &Graph, id: NodeId) -> Option<Size> {
    let high = Bounds::new(graph).range(id).high?;
    (high.as_const() != Some(UNBOUNDED)).then_some(high)
}

/// What those of the sizes that have a bound are at most.
pub(super) fn of_sizes(graph: &Graph, names: &[SizeVar]) -> BTreeMap<SizeVar, Size> {
    let mut bounds = Bounds::new(graph);
    let bound = |name: &SizeVar| Some((name.clone(), bounds.range(graph.dynamic_value(name)?).high?));
    names.iter().filter_map(bound).collect()
}

/// A size with those variables replaced that have a bound, so that it is no less.
pub(super) fn bounded(size: &Size, bounds: &BTreeMap<SizeVar, Size>) -> Size {
    if bounds.is_empty() || !size.vars().iter().any(|var| bounds.contains_key(var)) {
        return size.clone();
    }
    let mut sum = Size::default();
    for (vars, coefficient) in size.monomials() {
        let found = vars.iter().any(|var| bounds.contains_key(var));
        // What is subtracted may be as little as nothing.
        if found && coefficient < 0 {
            continue;
        }
        let factors = vars.iter().map(|var| bounds.get(var).cloned().unwrap_or_else(|| Size::var(var)));
        sum = sum.plus(&factors.fold(Size::from(coefficient), |product, factor| product.times(&factor)));
    }
    sum
}

/// What a value lies between.
#[derive(Clone, Debug, Default, PartialEq)]
struct Range {
    low: Option<Size>,
    high: Option<Size>,
}

impl Range {
    fn between(low: impl Into<Size>, high: Size) -> Range {
        Range { low: Some(low.into()), high: Some(high) }
    }

    fn exactly(size: Size) -> Range {
        Range { low: Some(size.clone()), high: Some(size) }
    }

    fn truth() -> Range {
        Range::between(0, Size::one())
    }

    fn is_nonnegative(&self) -> bool {
        self.low.as_ref().is_some_and(Size::is_nonnegative)
    }

    /// Positions along an axis.
    fn positions(extent: &Size) -> Range {
        Range::between(0, extent.minus(&Size::one()))
    }
}

/// `a >= b` whatever the sizes are.
fn at_least(a: &Size, b: &Size) -> bool {
    a.minus(b).is_nonnegative()
}

/// Something no greater than both.
fn lesser(a: &Size, b: &Size) -> Option<Size> {
    match (at_least(a, b), at_least(b, a)) {
        (true, _) => Some(b.clone()),
        (_, true) => Some(a.clone()),
        _ if a.is_nonnegative() && b.is_nonnegative() => Some(Size::default()),
        _ => None,
    }
}

/// Something no less than both.
fn greater(a: &Size, b: &Size) -> Size {
    match (at_least(a, b), at_least(b, a)) {
        (true, _) => a.clone(),
        (_, true) => b.clone(),
        _ => envelope(a, b),
    }
}

/// The one that bounds more: of two that cannot be compared the one with fewer variables.
fn tighter(a: Size, b: Size) -> Size {
    let weight = |size: &Size| size.monomials().map(|(vars, _)| vars.len()).max().unwrap_or(0);
    if at_least(&a, &b) || (!at_least(&b, &a) && weight(&b) < weight(&a)) { b } else { a }
}

/// Whatever either may be.
fn union(a: &Range, b: &Range) -> Range {
    Range {
        low: a.low.as_ref().zip(b.low.as_ref()).and_then(|(a, b)| lesser(a, b)),
        high: a.high.as_ref().zip(b.high.as_ref()).map(|(a, b)| greater(a, b)),
    }
}

struct Bounds<'g> {
    graph: &'g Graph,
    known: FxHashMap<NodeId, Range>,
}

impl<'g> Bounds<'g> {
    fn new(graph: &'g Graph) -> Bounds<'g> {
        Bounds { graph, known: FxHashMap::default() }
    }

    fn range(&mut self, id: NodeId) -> Range {
        if let Some(known) = self.known.get(&id) {
            return known.clone();
        }
        let found = stacker::maybe_grow(STACK.0, STACK.1, || self.compute(id));
        self.known.insert(id, found.clone());
        found
    }

    fn compute(&mut self, id: NodeId) -> Range {
        let node = self.graph.node(id);
        match node.ty.dtype {
            DType::Bool => return Range::truth(),
            DType::I64 => {}
            DType::F16 | DType::BF16 | DType::F32 | DType::F64 => return Range::default(),
        }
        let first = node.inputs.first().copied();
        match (&node.op, first) {
            (Op::Const(Constant::Int(value)), _) => Range::exactly(Size::from(*value)),
            (Op::Size(size), _) => self.of_size(size),
            (Op::Iota, _) => node.ty.shape.first().map_or_else(Range::truth, |extent| self.axis(extent)),
            (Op::Var(var), _) => {
                let extent = self.graph.var(*var).extent.clone();
                match extent.as_const() {
                    Some(UNBOUNDED) => Range { low: Some(Size::default()), high: None },
                    _ => self.axis(&extent),
                }
            }
            (Op::Loop(_), Some(limit)) => Range { low: Some(Size::default()), high: self.range(limit).high },
            (Op::Map(op), _) => {
                let operands: Vec<Range> = node.inputs.iter().map(|x| self.range(*x)).collect();
                map(op.name, &operands)
            }
            (Op::Check(CheckKind::Index { .. }), Some(index)) => {
                let (index, extent) = (self.range(index), node.inputs.get(1).map(|x| self.range(*x)));
                let last = extent.and_then(|extent| extent.high).map(|extent| extent.minus(&Size::one()));
                let high = match (index.high, last) {
                    (Some(a), Some(b)) => Some(tighter(a, b)),
                    (a, b) => a.or(b),
                };
                Range { low: Some(Size::default()), high }
            }
            (Op::Reduce { kind, axes }, Some(x)) => {
                let extents: Vec<Size> =
                    axes.iter().filter_map(|axis| self.graph.shape(x).get(*axis)).cloned().collect();
                let count = self.most(&Size::product(&extents));
                let inner = self.range(x);
                match kind.name {
                    "argmax" | "argmin" => Range::positions(&count),
                    "max" | "min" => inner,
                    "sum" if inner.is_nonnegative() => {
                        Range { low: Some(Size::default()), high: inner.high.map(|high| high.times(&count)) }
                    }
                    _ => Range::default(),
                }
            }
            (Op::Routine(routine), Some(x)) => {
                let length = self.graph.shape(x).last().cloned().unwrap_or_else(Size::one);
                match routine.name {
                    "argsort" | "compact" => self.axis(&length),
                    "searchsorted_left" | "searchsorted_right" => Range::between(0, self.most(&length)),
                    "sort" | "cummax" | "cummin" => self.range(x),
                    "cumsum" if self.range(x).is_nonnegative() => {
                        let high = self.range(x).high.map(|high| high.times(&self.most(&length)));
                        Range { low: Some(Size::default()), high }
                    }
                    _ => Range::default(),
                }
            }
            // What lies outside of the operand, or is not meant, is 0.
            (Op::Place { .. } | Op::Gather { .. }, Some(x)) => union(&self.range(x), &Range::exactly(Size::default())),
            (Op::Cast, Some(x)) => self.range(x),
            (
                Op::Broadcast { .. }
                | Op::Transpose { .. }
                | Op::Reshape
                | Op::Slice { .. }
                | Op::Build(_)
                | Op::Check(_)
                | Op::Mark(_)
                | Op::StopGradient
                | Op::Checkpoint,
                Some(x),
            ) => self.range(x),
            (Op::Concat { .. }, Some(x)) => {
                let rest: Vec<Range> = node.inputs.iter().skip(1).map(|x| self.range(*x)).collect();
                rest.iter().fold(self.range(x), |all, part| union(&all, part))
            }
            (Op::Update { adds: false, .. }, Some(x)) => match node.inputs.get(1) {
                Some(values) => union(&self.range(x), &self.range(*values)),
                None => Range::default(),
            },
            _ => Range::default(),
        }
    }

    fn of_size(&mut self, size: &Size) -> Range {
        let found = size.vars().iter().any(|var| self.graph.dynamic_value(var).is_some());
        if !found {
            return Range::exactly(size.clone());
        }
        let low = size.is_nonnegative().then(Size::default);
        Range { low, high: Some(self.most(size)) }
    }

    /// Positions along an axis whose extent may be found when running.
    fn axis(&mut self, extent: &Size) -> Range {
        Range::positions(&self.most(extent))
    }

    /// The most that a size can be; sizes that are found when running and have no bound stay.
    fn most(&mut self, size: &Size) -> Size {
        let mut bounds = BTreeMap::new();
        for var in size.vars() {
            let bound = self.graph.dynamic_value(&var).and_then(|value| self.range(value).high);
            bounds.extend(bound.map(|bound| (var, bound)));
        }
        bounded(size, &bounds)
    }
}

/// The result of an elementwise operator over integers.
fn map(name: &str, operands: &[Range]) -> Range {
    let both = |a: &Option<Size>, b: &Option<Size>, f: &dyn Fn(&Size, &Size) -> Size| {
        a.as_ref().zip(b.as_ref()).map(|(a, b)| f(a, b))
    };
    let minus = |size: &Size| size.times(&Size::from(-1));
    match (name, operands) {
        ("add", [a, b]) => {
            Range { low: both(&a.low, &b.low, &|a, b| a.plus(b)), high: both(&a.high, &b.high, &|a, b| a.plus(b)) }
        }
        ("subtract", [a, b]) => {
            Range { low: both(&a.low, &b.high, &|a, b| a.minus(b)), high: both(&a.high, &b.low, &|a, b| a.minus(b)) }
        }
        ("negate", [a]) => Range { low: a.high.as_ref().map(minus), high: a.low.as_ref().map(minus) },
        ("multiply", [a, b]) if a.is_nonnegative() && b.is_nonnegative() => {
            Range { low: both(&a.low, &b.low, &|a, b| a.times(b)), high: both(&a.high, &b.high, &|a, b| a.times(b)) }
        }
        // A divisor of 0 is an error.
        ("floor_divide", [a, b]) if a.is_nonnegative() && b.is_nonnegative() => {
            let exact =
                |high: Size| b.high.as_ref().filter(|_| b.low == b.high).and_then(|by| high.divide(by)).unwrap_or(high);
            Range { low: Some(Size::default()), high: a.high.clone().map(exact) }
        }
        ("remainder", [a, b]) if b.is_nonnegative() => {
            let below = b.high.as_ref().map(|b| b.minus(&Size::one()));
            let high = match (below, a.high.clone().filter(|_| a.is_nonnegative())) {
                (Some(a), Some(b)) => Some(tighter(a, b)),
                (a, b) => a.or(b),
            };
            Range { low: Some(Size::default()), high }
        }
        ("minimum", [a, b]) => Range {
            low: a.low.as_ref().zip(b.low.as_ref()).and_then(|(a, b)| lesser(a, b)),
            high: match (&a.high, &b.high) {
                (Some(a), Some(b)) => Some(tighter(a.clone(), b.clone())),
                (a, b) => a.clone().or_else(|| b.clone()),
            },
        },
        ("maximum", [a, b]) => Range {
            low: match (&a.low, &b.low) {
                (Some(a), Some(b)) if at_least(b, a) => Some(b.clone()),
                (Some(a), _) if a.is_nonnegative() => Some(a.clone()),
                (_, Some(b)) if b.is_nonnegative() => Some(b.clone()),
                (a, b) => a.clone().or_else(|| b.clone()),
            },
            high: both(&a.high, &b.high, &greater),
        },
        ("abs", [a]) if a.is_nonnegative() => a.clone(),
        ("abs", [Range { low: Some(low), high: Some(high) }]) => Range::between(0, greater(&minus(low), high)),
        ("where", [_, a, b]) => union(a, b),
        ("sign", [_]) => Range::between(-1, Size::one()),
        _ => Range::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::polynomial;

    /// The bound of the first output of a function's body.
    fn bound(body: &str) -> Option<String> {
        let source = format!("fn f(x: f64[n, d], y: i64[n], k: i64) = {body}\n");
        let module = crate::Session::with_threads(1).compile("bound.tome", &source).ok()?;
        let graph = crate::graph::parse(&module.emit(&crate::Stage::Graph, Some("f")).ok()?).ok()?;
        upper(&graph, *graph.outputs.first()?).map(|size| polynomial(&size))
    }

    #[test]
    fn integers_lie_within_their_bounds() {
        for (body, expected) in [
            ("n - 1", Some("n - 1")),
            ("min(k, n)", Some("n")),
            ("len(x[x[:, 0] > 0.0])", Some("n")),
            ("count(x > 0.0)", Some("d*n")),
            ("k", None),
            ("k % n", Some("n - 1")),
            ("argmax(x[:, 0])", Some("n - 1")),
            ("shape(x[:, 0:k])[1]", Some("d")),
            ("len(unique(y))", Some("n")),
            ("y[0]", None),
        ] {
            assert_eq!(bound(body).as_deref(), expected, "{body}");
        }
    }
}
