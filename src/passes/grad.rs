//! Reverse-mode differentiation: `grad` nodes become the graph of the gradient.
//!
//! In: a graph with `grad`, `mark` and `stop_gradient` nodes. Out: a graph without them, and warnings.
//! Always holds: a gradient has the type of what it is by, and costs a fixed small multiple of the cost's own graph.

use super::reverse::reverse;
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{Graph, NodeId, Op, reachable};
use rustc_hash::FxHashMap;

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
            let one = next.constant_like(new_cost, 1.0);
            reverse(next, &[(new_cost, one)], &all, false).unwrap_or_else(|diagnostic| {
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
