//! Reverse-mode differentiation: `grad` nodes become the graph of the gradient.
//!
//! In: a graph with `grad`, `mark` and `stop_gradient` nodes. Out: a graph without them, and warnings.
//! Always holds: a gradient has the type of what it is by, and costs a fixed small multiple of the cost's own graph.

use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{Graph, NodeId, Op, VarId, reachable};
use crate::ops::rules::{self, Cotangent};
use rustc_hash::{FxHashMap, FxHashSet};

/// Expands every `grad`, innermost first. Warnings go to `warnings`.
pub fn grad(graph: &Graph, warnings: &mut Vec<Box<Diagnostic>>) -> Result<Graph, Box<Diagnostic>> {
    let mut wanted: FxHashMap<NodeId, Vec<NodeId>> = FxHashMap::default();
    for id in reachable(graph, &graph.roots()) {
        let node = graph.node(id);
        if let (Op::Grad, [cost, by]) = (&node.op, node.inputs.as_slice()) {
            wanted.entry(*cost).or_default().push(*by);
        }
    }
    let mut failure = None;
    let mut gradients: FxHashMap<NodeId, FxHashMap<NodeId, NodeId>> = FxHashMap::default();
    let expanded = graph.rewrite(|copier, next, id| {
        let node = graph.node(id);
        let (Op::Grad, [cost, by]) = (&node.op, node.inputs.as_slice()) else {
            return copier.copy(next, id);
        };
        let copies: Vec<NodeId> = copier.inputs(id);
        let (new_cost, new_by) = (copies[0], copies[1]);
        let known = gradients.entry(*cost).or_insert_with(|| {
            let all: Vec<NodeId> = wanted[cost].iter().filter_map(|by| copier.get(*by)).collect();
            reverse(next, new_cost, &all).unwrap_or_else(|diagnostic| {
                failure.get_or_insert(diagnostic);
                FxHashMap::default()
            })
        });
        if let Some(&gradient) = known.get(&new_by) {
            return gradient;
        }
        warnings.push(no_dependence(graph, id, *by));
        next.zeros(&node.ty)
    });
    match failure {
        Some(diagnostic) => Err(diagnostic),
        None => Ok(without_marks(&expanded)),
    }
}

fn no_dependence(graph: &Graph, id: NodeId, by: NodeId) -> Box<Diagnostic> {
    Diagnostic::warning(codes::ZERO_GRADIENT, graph.node(id).span, "this gradient is zero everywhere")
        .at("what is differentiated does not depend on what it is differentiated by")
        .note(format!("the result is zeros of type {}", graph.ty(by)))
        .help("leave it out, or differentiate by a value that the expression was computed from")
}

/// Marks and `stop_gradient` have done their work.
fn without_marks(graph: &Graph) -> Graph {
    graph.rewrite(|copier, next, id| match graph.node(id).op {
        Op::Mark(_) | Op::StopGradient => copier.inputs(id)[0],
        Op::Map(op) => {
            let inputs = copier.inputs(id);
            next.map(op, &inputs)
        }
        _ => copier.copy(next, id),
    })
}

/// The gradients of `cost` by each of `by` that it depends on.
fn reverse(g: &mut Graph, cost: NodeId, by: &[NodeId]) -> Result<FxHashMap<NodeId, NodeId>, Box<Diagnostic>> {
    let order = reachable(g, &[cost]);
    let targets: FxHashSet<NodeId> = by.iter().copied().collect();
    let mut active: FxHashSet<NodeId> = FxHashSet::default();
    for &id in &order {
        let node = g.node(id);
        let differentiable = node.ty.dtype.is_float() && !matches!(node.op, Op::StopGradient);
        let reached = targets.contains(&id) || node.inputs.iter().any(|x| active.contains(x));
        if differentiable && reached {
            active.insert(id);
        }
    }
    let outer = g.node(cost).free.clone();
    let mut cotangents: FxHashMap<NodeId, Cotangent> = FxHashMap::default();
    if active.contains(&cost) {
        let one = g.constant_like(cost, 1.0);
        cotangents.insert(cost, Cotangent { node: one, masked: false });
    }
    for &id in order.iter().rev() {
        let Some(&ct) = cotangents.get(&id) else { continue };
        let inputs = g.node(id).inputs.clone();
        if !inputs.iter().any(|x| active.contains(x)) {
            continue;
        }
        g.span = g.node(id).span;
        let parts = rules::vjp(g, id, ct).map_err(|reason| {
            Diagnostic::error(codes::NOT_DIFFERENTIABLE, g.node(id).span, reason.0)
                .at("a gradient passes through here")
                .help("write stop_gradient(…) around it if it is meant to count as constant")
        })?;
        for (&input, part) in inputs.iter().zip(parts) {
            if let (Some(part), true) = (part, active.contains(&input)) {
                let part = Cotangent { node: sum_inner(g, part.node, input, &outer), ..part };
                accumulate(g, &mut cotangents, input, part);
            }
        }
    }
    Ok(by.iter().filter_map(|id| cotangents.get(id).map(|ct| (*id, ct.node))).collect())
}

/// Sums over the index variables that the operand does not know: those bound inside the cost.
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
