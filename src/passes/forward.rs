//! Forward mode: how a value changes with what it was computed from.
//!
//! In: a value, and tangents of the nodes to differentiate by. Out: the value's tangent.
//! Always holds: a tangent has the type of its node, and costs a fixed small multiple of the value's own graph. Each operator
//! has one declaration of its derivative: what has no rule for tangents is its rule for cotangents, transposed.

use super::reverse::{active, not_differentiable, reverse};
use crate::diagnostic::Diagnostic;
use crate::graph::{Graph, NodeId, reachable};
use crate::ops::rules::{self, Cotangent, Forward, Tangent};
use rustc_hash::FxHashMap;

/// The tangent of `value`, where those of some nodes are `seeds`. `None` if it depends on none of them.
pub(super) fn forward(
    g: &mut Graph,
    value: NodeId,
    seeds: &[(NodeId, Tangent)],
) -> Result<Option<NodeId>, Box<Diagnostic>> {
    let order = reachable(g, &[value]);
    let by: Vec<NodeId> = seeds.iter().map(|(id, _)| *id).collect();
    let active = active(g, &order, &by);
    let mut tangents: FxHashMap<NodeId, Tangent> = FxHashMap::default();
    for &id in order.iter().filter(|id| active.contains(id)) {
        let node = g.node(id);
        let operands: Vec<Option<Tangent>> = node.inputs.iter().map(|x| tangents.get(x).copied()).collect();
        g.span = node.span;
        let mut tangent = match operands.iter().any(Option::is_some) {
            true => pushed(g, id, &operands)?,
            false => None,
        };
        for (_, seed) in seeds.iter().filter(|(by, _)| *by == id) {
            tangent = rules::sum_of_tangents(g, tangent, Some(*seed));
        }
        if let Some(tangent) = tangent {
            tangents.insert(id, tangent);
        }
    }
    Ok(tangents.get(&value).map(|tangent| tangent.node))
}

/// The tangent of a node from those of its operands.
fn pushed(g: &mut Graph, id: NodeId, operands: &[Option<Tangent>]) -> Result<Option<Tangent>, Box<Diagnostic>> {
    match rules::jvp(g, id, operands).map_err(|reason| not_differentiable(g, id, reason))? {
        Forward::Tangent(tangent) => Ok(tangent),
        Forward::Transpose => transposed(g, id, operands),
    }
}

/// The rule for cotangents, which is linear in the cotangent, transposed: differentiated by the cotangent, backwards.
fn transposed(g: &mut Graph, id: NodeId, operands: &[Option<Tangent>]) -> Result<Option<Tangent>, Box<Diagnostic>> {
    let ty = g.ty(id).clone();
    let zeros = g.zeros(&ty);
    let cotangent = g.mark(zeros);
    let seed = Cotangent { node: cotangent, masked: false };
    let parts = rules::vjp(g, id, seed).map_err(|reason| not_differentiable(g, id, reason))?;
    let mut sum = None;
    for (part, operand) in parts.into_iter().zip(operands) {
        if let (Some(part), Some(tangent)) = (part, operand) {
            let found = reverse(g, part.node, *tangent, &[cotangent])?;
            let found = found.get(&cotangent).map(|node| Tangent { node: *node, masked: tangent.masked });
            sum = rules::sum_of_tangents(g, sum, found);
        }
    }
    Ok(sum)
}
