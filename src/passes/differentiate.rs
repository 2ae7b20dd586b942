//! Differentiation: derivatives become graphs of what they are, innermost first.
//!
//! In: a graph with `grad`, `vjp`, `jvp`, `jacobian`, `mark` and `stop_gradient` nodes. Out: a graph without them, and warnings.
//! Always holds: a derivative of a derivative sees the graph of the inner one, sliced like any other.

use super::forward::forward;
use super::jacobian::jacobian;
use super::merge::{merge, without_idle_states};
use super::reverse::reverse;
use super::scale::gradient;
use super::slice::{SlicedVars, slice_cost};
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{Copier, Graph, NodeId, Op, SizeEnv, VarId, reachable};
use crate::ops::rules::{Cotangent, Tangent};
use rustc_hash::{FxHashMap, FxHashSet};

/// Expands every derivative. Warnings go to `warnings`.
pub fn differentiate(
    graph: &Graph,
    expected: &SizeEnv,
    warnings: &mut Vec<Box<Diagnostic>>,
) -> Result<Graph, Box<Diagnostic>> {
    let mut expander = Expander::new(graph, expected);
    let mut failure = None;
    let expanded = graph.rewrite(|copier, next, id| {
        if graph.node(id).derivative().is_none() {
            return copier.copy(next, id);
        }
        match expander.expanded(copier, next, id) {
            Ok(Some(node)) => node,
            Ok(None) => {
                // A block of zeros in a matrix of second derivatives is no mistake.
                if graph.node(id).op != Op::Jacobian || !expander.nested.contains(&id) {
                    warnings.push(no_dependence(graph, id));
                }
                next.zeros(&graph.node(id).ty)
            }
            Err(diagnostic) => {
                failure.get_or_insert(diagnostic);
                next.zeros(&graph.node(id).ty)
            }
        }
    });
    match failure {
        Some(diagnostic) => Err(diagnostic),
        None => Ok(without_marks(&with_merged_loops(expanded))),
    }
}

/// What a loop saves for the way back is saved by the loop itself, not by another one that does the same again.
fn with_merged_loops(graph: Graph) -> Graph {
    let mut graph = graph;
    let roots = graph.roots();
    let roots = merge(&mut graph, &roots);
    let roots = without_idle_states(&mut graph, &roots);
    let (checks, outputs) = roots.split_at(graph.checks.len());
    (graph.checks, graph.outputs) = (checks.to_vec(), outputs.to_vec());
    graph
}

fn no_dependence(graph: &Graph, id: NodeId) -> Box<Diagnostic> {
    let what = if graph.node(id).op == Op::Grad { "gradient" } else { "derivative" };
    Diagnostic::warning(codes::ZERO_GRADIENT, graph.node(id).span, format!("this {what} is zero everywhere"))
        .at("what is differentiated does not depend on what it is differentiated by")
        .note(format!("the result is zeros of type {}", graph.ty(id)))
        .help("leave it out, or differentiate by a value that the expression was computed from")
}

/// Marks and `stop_gradient` have done their work.
fn without_marks(graph: &Graph) -> Graph {
    graph.rewrite(|copier, next, id| match graph.node(id).op {
        Op::Mark(_) | Op::StopGradient | Op::Checkpoint => copier.inputs(id)[0],
        Op::Map(op) => {
            let inputs = copier.inputs(id);
            next.map(op, &inputs)
        }
        _ => copier.copy(next, id),
    })
}

/// What one backward pass is for: a value and its cotangent, if that is not 1.
type Pass = (NodeId, Option<NodeId>);

struct Expander<'a> {
    graph: &'a Graph,
    expected: &'a SizeEnv,
    /// Derivatives of what holds other derivatives.
    nested: FxHashSet<NodeId>,
    /// What is differentiated by in each backward pass, so that one serves all.
    wanted: FxHashMap<Pass, Vec<NodeId>>,
    /// The cotangents that a backward pass has found, in the new graph.
    done: FxHashMap<Pass, FxHashMap<NodeId, NodeId>>,
    sliced: SlicedVars,
    /// The index variables of comprehensions.
    built: FxHashSet<VarId>,
}

impl<'a> Expander<'a> {
    fn new(graph: &'a Graph, expected: &'a SizeEnv) -> Expander<'a> {
        let (mut nested, mut above) = (FxHashSet::default(), FxHashSet::default());
        let mut wanted: FxHashMap<Pass, Vec<NodeId>> = FxHashMap::default();
        let mut built = FxHashSet::default();
        for id in reachable(graph, &graph.roots()) {
            let node = graph.node(id);
            if let Op::Build(var) = node.op {
                built.insert(var);
            }
            if node.inputs.iter().any(|x| above.contains(x)) {
                above.insert(id);
            }
            let Some((value, by)) = node.derivative() else { continue };
            if above.contains(&value) {
                nested.insert(id);
            }
            above.insert(id);
            wanted.entry((value, node.inputs.get(2).copied())).or_default().extend(by);
        }
        Expander { graph, expected, nested, wanted, done: FxHashMap::default(), sliced: SlicedVars::default(), built }
    }

    /// The graph of a derivative. `None` for zero.
    fn expanded(
        &mut self,
        copier: &Copier<'_>,
        next: &mut Graph,
        id: NodeId,
    ) -> Result<Option<NodeId>, Box<Diagnostic>> {
        let node = self.graph.node(id);
        let inputs = copier.inputs(id);
        let (Some((&value, rest)), Some((_, by))) = (inputs.split_first(), node.derivative()) else { return Ok(None) };
        let by: Vec<NodeId> = by.into_iter().filter_map(|by| copier.get(by)).collect();
        // What the inner derivatives have become was not there when slicing came by.
        let value = if self.nested.contains(&id) { slice_cost(next, value, &by, &[], &mut self.sliced) } else { value };
        match node.op {
            Op::Jvp => {
                let pair = |pair: &[NodeId]| (pair[0], Tangent { node: pair[1], masked: false });
                forward(next, value, &rest.chunks_exact(2).map(pair).collect::<Vec<_>>())
            }
            Op::Jacobian => jacobian(next, value, by[0], self.expected),
            _ => self.pulled_back(copier, next, id, value, by[0]),
        }
    }

    /// The cotangent of `by`, from the backward pass that it shares with others.
    fn pulled_back(
        &mut self,
        copier: &Copier<'_>,
        next: &mut Graph,
        id: NodeId,
        value: NodeId,
        by: NodeId,
    ) -> Result<Option<NodeId>, Box<Diagnostic>> {
        let inputs = &self.graph.node(id).inputs;
        let seed = inputs.get(2).copied();
        let pass = (value, seed.and_then(|seed| copier.get(seed)));
        let known = self.done.get(&pass).filter(|known| known.contains_key(&by) || !self.nested.contains(&id));
        if let Some(known) = known {
            return Ok(known.get(&by).copied());
        }
        let all: Vec<NodeId> = match self.wanted.get(&(inputs[0], seed)) {
            Some(all) if !self.nested.contains(&id) => all.iter().filter_map(|by| copier.get(*by)).collect(),
            _ => vec![by],
        };
        let of_whole = self.graph.node(inputs[0]).free.iter().all(|var| !self.built.contains(var));
        let found = match pass.1 {
            None if of_whole => gradient(next, value, &all)?,
            seed => {
                let seed = seed.unwrap_or_else(|| next.constant_like(value, 1.0));
                reverse(next, value, Cotangent { node: seed, masked: false }, &all)?
            }
        };
        let cotangent = found.get(&by).copied();
        self.done.entry(pass).or_default().extend(found);
        Ok(cotangent)
    }
}
