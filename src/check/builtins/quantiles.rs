//! The median and other quantiles.
//!
//! In: `f(x, axis=…, keepdims=…)`. Out: elements of the sorted rows, and values between them.
//! Always holds: a row with a NaN gives NaN, and a row of no elements is a run-time error.

use super::Builtin;
use crate::check::call::Call;
use crate::check::operators::Operand;
use crate::check::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{CheckKind, NodeId, Size};
use crate::ops::elementwise::{
    ADD, AND, DIVIDE, EQUAL, FLOOR_DIVIDE, GREATER_EQUAL, ISFINITE, LESS_EQUAL, MINIMUM, MULTIPLY, NOT, OR, SUBTRACT,
    WHERE, find,
};
use crate::ops::routine::SORT;
use crate::runtime::array::DType;

pub(super) const ALL: &[Builtin] = &[
    Builtin {
        name: "median",
        doc: "median(x, axis=…): the middle element, or the mean of the two in the middle; nan if any is nan.",
        example: ("print(median([5.0, 1.0, 2.0, 3.0]))", "2.5"),
        apply: |c, call| {
            call.allow(&["axis", "keepdims"])?;
            let [operand] = c.operands_of(call, "median(x, axis=0)")?;
            let rows = Rows::read(c, call, operand)?;
            let middle = rows.median(c);
            let result = rows.or_nan(c, middle);
            Ok(Value::array(rows.kept(c, result, 0)))
        },
    },
    Builtin {
        name: "quantile",
        doc: "quantile(x, q, axis=…): the value below which the part q of the elements lies, linear between elements; an array of q gives a leading axis.",
        example: ("print(quantile([1.0, 2.0, 4.0], [0.5, 0.75]))", "[2. 3.]"),
        apply: |c, call| {
            call.allow(&["axis", "keepdims"])?;
            let [x, q] = c.operands_of(call, "quantile(x, q, axis=0)")?;
            let rows = Rows::read(c, call, x)?;
            let q = part(c, &q)?;
            let result = rows.quantile(c, q);
            let result = rows.or_nan(c, result);
            let lead = c.graph.ty(q).rank();
            Ok(Value::array(rows.kept(c, result, lead)))
        },
    },
];

/// Sorted rows: what is reduced over is flattened into the last axis.
struct Rows {
    sorted: NodeId,
    /// The length of a row.
    length: Size,
    /// The operand's shape with ones for what is reduced over, if it is to be kept.
    kept: Option<Vec<Size>>,
}

impl Rows {
    /// Reads `axis=` and `keepdims=`.
    fn read(c: &mut Checker<'_>, call: &Call<'_>, operand: Operand) -> Result<Rows> {
        let ty = c.graph.ty(operand.id).clone();
        let rank = ty.rank();
        let axes = call.named("axis").map_or(Ok((0..rank).collect()), |expr| c.axes(expr, rank))?;
        let keep = call.named("keepdims").map_or(Ok(false), |expr| c.literal_bool(expr, "keepdims"))?;
        let is_reduced = |axis: usize| axes.contains(&axis);
        let (mut outer, mut reduced, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        for (axis, size) in ty.shape.iter().enumerate() {
            if is_reduced(axis) { &mut reduced } else { &mut outer }.push(size.clone());
            kept.push(if is_reduced(axis) { Size::one() } else { size.clone() });
        }
        let length = Size::product(&reduced);
        let message = format!("`{}` of no elements", call.name);
        c.require_nonnegative(&length.minus(&Size::one()), &message, call.span)?;
        c.graph.span = call.span;
        let dtype = if ty.dtype.is_float() { ty.dtype } else { DType::F64 };
        let x = c.graph.cast(operand.id, dtype);
        let perm: Vec<usize> = (0..rank).filter(|&axis| !is_reduced(axis)).chain(axes.iter().copied()).collect();
        let x = c.graph.transpose(x, &perm);
        let shape: Vec<Size> = outer.into_iter().chain([length.clone()]).collect();
        let x = c.graph.reshape(x, &shape);
        let sorted = c.graph.routine(&SORT, &[x]);
        Ok(Rows { sorted, length, kept: keep.then_some(kept) })
    }

    /// The elements at a place, or at several: those come first.
    fn at(&self, c: &mut Checker<'_>, place: NodeId) -> NodeId {
        let last = c.graph.ty(self.sorted).rank() - 1;
        c.graph.gather(self.sorted, &[last], &[place])
    }

    fn median(&self, c: &mut Checker<'_>) -> NodeId {
        let (length, two) = (c.graph.size_value(&self.length), c.graph.int(2));
        let before = c.graph.size_value(&self.length.minus(&Size::one()));
        let low = c.graph.map(&FLOOR_DIVIDE, &[before, two]);
        let high = c.graph.map(&FLOOR_DIVIDE, &[length, two]);
        let (a, b) = (self.at(c, low), self.at(c, high));
        let sum = c.graph.plus(a, b);
        let halves = c.graph.constant_like(sum, 2.0);
        let mean = c.graph.map(&DIVIDE, &[sum, halves]);
        let single = c.graph.map(&EQUAL, &[low, high]);
        let shape = c.graph.shape(a).to_vec();
        let single = c.graph.broadcast(single, &[], &shape);
        c.graph.map(&WHERE, &[single, a, mean])
    }

    /// NumPy's linear method: `a + (b - a)·t` between the elements around the place `(length - 1)·q`, from `b` if `t` is
    /// one half or more.
    fn quantile(&self, c: &mut Checker<'_>, q: NodeId) -> NodeId {
        let last = c.graph.size_value(&self.length.minus(&Size::one()));
        let steps = c.graph.cast(last, c.graph.ty(q).dtype);
        let place = c.graph.map(&MULTIPLY, &[steps, q]);
        let below = c.graph.cast(place, DType::I64);
        let one = c.graph.int(1);
        let next = c.graph.plus(below, one);
        let above = c.graph.map(&MINIMUM, &[next, last]);
        let whole = c.graph.cast(below, c.graph.ty(q).dtype);
        let t = c.graph.map(&SUBTRACT, &[place, whole]);
        let (a, b) = (self.at(c, below), self.at(c, above));
        let shape = c.graph.shape(a).to_vec();
        let t = c.graph.cast(t, c.graph.ty(a).dtype);
        let axes: Vec<usize> = (0..c.graph.ty(t).rank()).collect();
        let t = c.graph.broadcast(t, &axes, &shape);
        between(c, a, b, t)
    }

    /// NaN where a row has one: it is sorted to the end.
    fn or_nan(&self, c: &mut Checker<'_>, result: NodeId) -> NodeId {
        let last = c.graph.size_value(&self.length.minus(&Size::one()));
        let last = self.at(c, last);
        let Some(isnan) = find("isnan") else { return result };
        let is_nan = c.graph.map(isnan, &[last]);
        let shape = c.graph.shape(result).to_vec();
        let lead = shape.len() - c.graph.ty(last).rank();
        let axes: Vec<usize> = (lead..shape.len()).collect();
        let is_nan = c.graph.broadcast(is_nan, &axes, &shape);
        let nan = c.graph.full_like(result, f64::NAN);
        c.graph.map(&WHERE, &[is_nan, nan, result])
    }

    /// The result with axes of size 1 for what was reduced over, behind `lead` axes of its own.
    fn kept(&self, c: &mut Checker<'_>, result: NodeId, lead: usize) -> NodeId {
        let Some(kept) = &self.kept else { return result };
        let shape: Vec<Size> = c.graph.shape(result).iter().take(lead).chain(kept).cloned().collect();
        c.graph.reshape(result, &shape)
    }
}

/// Between `a` and `b`, at `t` from 0 to 1. Infinities that are not asked for do not make a NaN.
fn between(c: &mut Checker<'_>, a: NodeId, b: NodeId, t: NodeId) -> NodeId {
    let g = &mut c.graph;
    let (zero, one, half) = (g.full_like(t, 0.0), g.full_like(t, 1.0), g.full_like(t, 0.5));
    let distance = g.map(&SUBTRACT, &[b, a]);
    let forth = g.map(&MULTIPLY, &[distance, t]);
    let from_a = g.map(&ADD, &[a, forth]);
    let rest = g.map(&SUBTRACT, &[one, t]);
    let back = g.map(&MULTIPLY, &[distance, rest]);
    let from_b = g.map(&SUBTRACT, &[b, back]);
    let nearer_b = g.map(&GREATER_EQUAL, &[t, half]);
    let value = g.map(&WHERE, &[nearer_b, from_b, from_a]);
    let finite = g.map(&ISFINITE, &[distance]);
    let infinite = g.map(&NOT, &[finite]);
    let (exact, equal) = (g.map(&EQUAL, &[t, zero]), g.map(&EQUAL, &[a, b]));
    let is_a = g.map(&OR, &[exact, equal]);
    let is_a = g.map(&AND, &[infinite, is_a]);
    g.map(&WHERE, &[is_a, a, value])
}

/// The parts: a scalar or a vector, from 0 to 1. Places in a row are counted in double precision, whatever its elements.
fn part(c: &mut Checker<'_>, q: &Operand) -> Result<NodeId> {
    let ty = c.graph.ty(q.id).clone();
    if ty.rank() > 1 || ty.dtype == DType::Bool {
        return Err(Diagnostic::error(codes::TYPE, q.span, "the part of a quantile is a number, or a vector of them")
            .at(format!("this is {ty}")));
    }
    let part = c.graph.cast(q.id, DType::F64);
    let (zero, one) = (c.graph.full_like(part, 0.0), c.graph.full_like(part, 1.0));
    let above = c.graph.map(&GREATER_EQUAL, &[part, zero]);
    let below = c.graph.map(&LESS_EQUAL, &[part, one]);
    let holds = c.graph.map(&AND, &[above, below]);
    let message = "the part of a quantile is a number from 0 to 1".to_string();
    c.check(CheckKind::Assert { message: Some(message) }, holds, None, q.span);
    Ok(part)
}
