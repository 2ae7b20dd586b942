//! Gradients of scaled values: the scale is left out on the way back, and applied to what arrives.
//!
//! In: a value of the whole batch, `mean(costs)` say, and what it is differentiated by. Out: the gradients.
//! Always holds: a gradient of a mean is the gradient of the sum, divided by the number of examples. The sum is also what the
//! gradients of single examples add up to, so that one backward pass serves both. Where 16-bit floats are on the way the scale
//! stays: it is what keeps their gradients in range. Gradients of single examples keep it too: they are products of vectors, which are
//! cheaper to scale than what they make.

use super::reverse::{active, reverse};
use crate::diagnostic::Diagnostic;
use crate::graph::{Graph, NodeId, Op, reachable};
use crate::ops::elementwise::{DIVIDE, MAXIMUM};
use crate::ops::rules::Cotangent;
use rustc_hash::{FxHashMap, FxHashSet};

/// The gradient of `value` by each of `by` that it depends on.
pub(super) fn gradient(
    g: &mut Graph,
    value: NodeId,
    by: &[NodeId],
) -> Result<FxHashMap<NodeId, NodeId>, Box<Diagnostic>> {
    let (inner, scales) = unscaled(g, value, by);
    let seed = g.constant_like(inner, 1.0);
    let mut found = reverse(g, inner, Cotangent { node: seed, masked: false }, by)?;
    let factors: Vec<NodeId> = scales.iter().map(|scale| scale.factor(g, inner)).collect();
    let Some(factor) = factors.into_iter().reduce(|a, b| g.times(a, b)) else { return Ok(found) };
    for gradient in found.values_mut() {
        let factor = g.cast(factor, g.ty(*gradient).dtype);
        *gradient = g.times(*gradient, factor);
    }
    Ok(found)
}

/// What everything that comes back is multiplied by.
enum Scale {
    Minus,
    Times(NodeId),
    Over(NodeId),
}

impl Scale {
    /// The factor, of the type of the value.
    fn factor(&self, g: &mut Graph, like: NodeId) -> NodeId {
        match *self {
            Scale::Minus => g.constant_like(like, -1.0),
            Scale::Times(factor) => factor,
            Scale::Over(divisor) => {
                let one = g.constant_like(like, 1.0);
                let divisor = counted(g, divisor);
                g.map(&DIVIDE, &[one, divisor])
            }
        }
    }
}

/// A number of elements, or 1 where there are none: the gradient of a sum over nothing is 0, and so is that of a mean.
fn counted(g: &mut Graph, number: NodeId) -> NodeId {
    if g.as_constant(number).is_some_and(|count| count.as_f64() == 0.0) {
        return g.constant_like(number, 1.0);
    }
    let size = match (&g.node(number).op, g.node(number).inputs.as_slice()) {
        (Op::Cast, [size]) if matches!(g.node(*size).op, Op::Size(_) | Op::Const(_)) => *size,
        _ => return number,
    };
    let one = g.int(1);
    let count = g.map(&MAXIMUM, &[size, one]);
    g.cast(count, g.ty(number).dtype)
}

/// What is left of a value without its scales.
fn unscaled(g: &Graph, value: NodeId, by: &[NodeId]) -> (NodeId, Vec<Scale>) {
    let order = reachable(g, &[value]);
    let active = active(g, &order, by);
    if order.iter().any(|id| active.contains(id) && g.ty(*id).dtype.size() < 4) {
        return (value, Vec::new());
    }
    let (mut inner, mut scales) = (value, Vec::new());
    while !by.contains(&inner)
        && let Some((below, scale)) = step(g, inner, &active)
    {
        scales.push(scale);
        inner = below;
    }
    (inner, scales)
}

/// The operand that a node is a multiple of.
fn step(g: &Graph, id: NodeId, active: &FxHashSet<NodeId>) -> Option<(NodeId, Scale)> {
    let node = g.node(id);
    let Op::Map(op) = node.op else { return None };
    let divides = |x: NodeId, by: NodeId| {
        let by_zero = g.as_constant(by).is_some_and(|by| by.as_f64() == 0.0);
        !active.contains(&by) && (!by_zero || is_sum_of_none(g, x))
    };
    match (op.name, node.inputs.as_slice()) {
        ("negate", [x]) => Some((*x, Scale::Minus)),
        ("divide", [x, by]) if divides(*x, *by) => Some((*x, Scale::Over(*by))),
        ("multiply", [x, by]) | ("multiply", [by, x]) if !active.contains(by) => Some((*x, Scale::Times(*by))),
        _ => None,
    }
}

/// Whether a node is a sum of no elements, as the mean over an empty batch divides one.
fn is_sum_of_none(g: &Graph, id: NodeId) -> bool {
    let node = g.node(id);
    let over = |x: NodeId| g.ty(x).elements().as_const() == Some(0);
    matches!(&node.op, Op::Reduce { kind, .. } if kind.name == "sum") && node.inputs.iter().all(|x| over(*x))
}
