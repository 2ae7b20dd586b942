//! Reverse mode: the cotangents of what a value was computed from, given the value's own.
//!
//! In: a value, its cotangent, and the nodes to differentiate by. Out: the cotangent of each that the value depends on.
//! Always holds: a cotangent has the type of its node, and all together cost a fixed small multiple of the value's own graph.

use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{Graph, NodeId, Op, VarId, reachable};
use crate::ops::rules::{self, Cotangent, NoDerivative};
use rustc_hash::{FxHashMap, FxHashSet};

/// The nodes of `order` that a change of `by` changes, `by` included.
pub(super) fn active(g: &Graph, order: &[NodeId], by: &[NodeId]) -> FxHashSet<NodeId> {
    let mut active: FxHashSet<NodeId> = FxHashSet::default();
    for &id in order {
        let node = g.node(id);
        let differentiable = node.ty.dtype.is_float() && !matches!(node.op, Op::StopGradient);
        if differentiable && (by.contains(&id) || node.inputs.iter().any(|x| active.contains(x))) {
            active.insert(id);
        }
    }
    active
}

/// The error that a node cannot be differentiated.
pub(super) fn not_differentiable(g: &Graph, id: NodeId, reason: NoDerivative) -> Box<Diagnostic> {
    Diagnostic::error(codes::NOT_DIFFERENTIABLE, g.node(id).span, reason.0)
        .at("a gradient passes through here")
        .help("write stop_gradient(…) around it if it is meant to count as constant")
}

/// The cotangents of each of `by` that `value` depends on, where that of `value` is `seed`.
pub(super) fn reverse(
    g: &mut Graph,
    value: NodeId,
    seed: Cotangent,
    by: &[NodeId],
) -> Result<FxHashMap<NodeId, NodeId>, Box<Diagnostic>> {
    let order = reachable(g, &[value]);
    let active = active(g, &order, by);
    let outer = [g.node(value).free.as_slice(), &g.node(seed.node).free].concat();
    let mut cotangents: FxHashMap<NodeId, Cotangent> = FxHashMap::default();
    if active.contains(&value) {
        cotangents.insert(value, seed);
    }
    for &id in order.iter().rev() {
        let Some(&ct) = cotangents.get(&id) else { continue };
        let inputs = g.node(id).inputs.clone();
        if !inputs.iter().any(|x| active.contains(x)) {
            continue;
        }
        g.span = g.node(id).span;
        let parts = rules::vjp(g, id, ct).map_err(|reason| not_differentiable(g, id, reason))?;
        for (&input, part) in inputs.iter().zip(parts) {
            if let (Some(part), true) = (part, active.contains(&input)) {
                let part = Cotangent { node: sum_inner(g, part.node, input, &outer), ..part };
                accumulate(g, &mut cotangents, input, part);
            }
        }
    }
    Ok(by.iter().filter_map(|id| cotangents.get(id).map(|ct| (*id, ct.node))).collect())
}

/// Sums over the index variables that the operand does not know: those bound inside the value.
fn sum_inner(g: &mut Graph, part: NodeId, operand: NodeId, outer: &[VarId]) -> NodeId {
    let mut part = part;
    loop {
        let inner = |var: &&VarId| !outer.contains(var) && !g.depends_on(operand, **var);
        let Some(&var) = g.node(part).free.iter().find(inner) else { return part };
        let built = g.build(var, part);
        part = g.sum(built, &[0]);
    }
}

fn accumulate(g: &mut Graph, cotangents: &mut FxHashMap<NodeId, Cotangent>, id: NodeId, part: Cotangent) {
    let sum = match cotangents.get(&id) {
        None => part,
        Some(&before) => {
            Cotangent { node: g.plus_sharing(before.node, part.node), masked: before.masked || part.masked }
        }
    };
    cotangents.insert(id, sum);
}
