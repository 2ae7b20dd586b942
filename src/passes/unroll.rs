//! Unrolling: loops that a gradient goes through, and whose number of iterations is known and small, become straight lines.
//!
//! In: a graph with `grad` nodes over loops. Out: the same without those loops.
//! Always holds: an iteration that the loop's condition leaves out changes nothing, and its checks pass.

use crate::diagnostic::Diagnostic;
use crate::graph::{Binder, Constant, Graph, LoopParts, NodeId, Op, reachable};
use crate::ops::elementwise::{AND, WHERE};
use rustc_hash::{FxHashMap, FxHashSet};

/// The most nodes that unrolling a loop makes. A straight line is sliced and batched like any other expression, which a loop
/// is not; beyond a few thousand nodes the loop backwards is the better program.
const LIMIT: usize = 2_000;

/// How often what was unrolled is looked at again: loops in loops whose ranges depend on the outer ones.
const ROUNDS: usize = 8;

/// Unrolls every loop between what some derivative is by and what it is of.
pub fn unroll(graph: &Graph) -> Result<Graph, Box<Diagnostic>> {
    let mut graph = graph.clone();
    for _ in 0..ROUNDS {
        let wanted = differentiated_loops(&graph);
        if wanted.is_empty() {
            return Ok(graph);
        }
        graph = unroll_once(&graph, &wanted)?;
    }
    Ok(graph)
}

fn unroll_once(graph: &Graph, wanted: &FxHashSet<NodeId>) -> Result<Graph, Box<Diagnostic>> {
    let mut lasts: FxHashMap<NodeId, Vec<NodeId>> = FxHashMap::default();
    let (mut checks, mut replaced): (Vec<NodeId>, Vec<NodeId>) = (Vec::new(), Vec::new());
    let mut next = graph.rewrite(|copier, next, id| {
        let node = graph.node(id);
        let inputs = copier.inputs(id);
        match (&node.op, node.inputs.as_slice()) {
            (Op::Loop(binder), _) if wanted.contains(&id) => {
                let values = binder.parts(&inputs).and_then(|parts| straight(next, binder, &parts, &mut checks));
                let copy = copier.copy(next, id);
                if let Some(values) = values {
                    lasts.insert(id, values);
                    replaced.push(copy);
                }
                copy
            }
            (Op::Final(position), [of]) => match lasts.get(of).and_then(|values| values.get(*position)) {
                Some(value) => *value,
                None => copier.copy(next, id),
            },
            (Op::Map(op), _) => next.map(op, &inputs),
            _ => copier.copy(next, id),
        }
    });
    next.checks.retain(|check| !replaced.contains(check));
    for check in checks {
        if next.node(check).free.is_empty() && !next.checks.contains(&check) {
            next.checks.push(check);
        }
    }
    Ok(next)
}

/// Loops between what a derivative is of and what it is by.
fn differentiated_loops(graph: &Graph) -> FxHashSet<NodeId> {
    let mut wanted = FxHashSet::default();
    for id in reachable(graph, &graph.roots()) {
        let Some((value, by)) = graph.node(id).derivative() else { continue };
        let mut active: FxHashSet<NodeId> = FxHashSet::from_iter(by);
        // A state is active if what it begins with or becomes is, so this takes as many rounds as loops nest.
        let order = reachable(graph, &[value]);
        loop {
            let before = active.len();
            for &inner in &order {
                let node = graph.node(inner);
                let frozen = matches!(node.op, Op::StopGradient);
                if !frozen && node.inputs.iter().any(|input| active.contains(input)) {
                    active.insert(inner);
                    if let Op::Loop(binder) = &node.op {
                        let states = order
                            .iter()
                            .filter(|id| matches!(graph.node(**id).op, Op::State(var) if binder.states.contains(&var)));
                        active.extend(states);
                    }
                }
            }
            if active.len() == before {
                break;
            }
        }
        let loops = order.iter().filter(|id| matches!(graph.node(**id).op, Op::Loop(_)) && active.contains(*id));
        wanted.extend(loops);
    }
    wanted
}

/// The states behind a loop, as nodes outside of it. `None` if its number of iterations is not known.
fn straight(g: &mut Graph, binder: &Binder, parts: &LoopParts<'_>, checks: &mut Vec<NodeId>) -> Option<Vec<NodeId>> {
    let limit = g.as_size(parts.limit)?.as_const()?;
    let roots = [&[parts.again], parts.next, parts.checks].concat();
    let inside = |g: &Graph, id: NodeId| binder.vars().any(|var| g.depends_on(id, var));
    let region: Vec<NodeId> = reachable(g, &roots).into_iter().filter(|id| inside(g, *id)).collect();
    let sized = region.iter().any(|id| g.size_values(*id).iter().any(|value| inside(g, *value)));
    let work = usize::try_from(limit).ok()?.checked_mul(region.len().max(1))?;
    if sized || work > LIMIT {
        return None;
    }
    // An iteration that a condition leaves out has no checks to fail.
    let conditional = g.as_constant(parts.again) != Some(Constant::Bool(true));
    if conditional && region.iter().any(|id| matches!(g.node(*id).op, Op::Check(_))) {
        return None;
    }
    let mut states = parts.first.to_vec();
    let mut goes_on: Option<NodeId> = None;
    for count in 0..limit {
        let mut map: FxHashMap<NodeId, NodeId> = FxHashMap::default();
        for &id in &region {
            let node = g.node(id).clone();
            let inputs: Vec<NodeId> = node.inputs.iter().map(|x| map.get(x).copied().unwrap_or(*x)).collect();
            let copy = match &node.op {
                Op::Var(var) if *var == binder.counter => g.int(count),
                Op::State(var) => match binder.states.iter().position(|state| state == var) {
                    Some(position) => states.get(position).copied()?,
                    None => id,
                },
                Op::Map(op) => g.map(op, &inputs),
                op => {
                    g.span = node.span;
                    g.add(op.clone(), inputs, node.ty.clone())
                }
            };
            map.insert(id, copy);
        }
        let at = |id: &NodeId| map.get(id).copied().unwrap_or(*id);
        let again = at(&parts.again);
        if g.as_constant(again) != Some(Constant::Bool(true)) {
            goes_on = Some(match goes_on {
                Some(before) => g.map(&AND, &[before, again]),
                None => again,
            });
        }
        checks.extend(parts.checks.iter().map(at));
        let next: Vec<NodeId> = parts.next.iter().map(at).collect();
        states = match goes_on {
            None => next,
            Some(condition) => next.iter().zip(&states).map(|(new, old)| kept(g, condition, *new, *old)).collect(),
        };
    }
    Some(states)
}

/// The new value where the loop goes on, else the old one.
fn kept(g: &mut Graph, condition: NodeId, new: NodeId, old: NodeId) -> NodeId {
    let shape = g.shape(new).to_vec();
    let wide = g.broadcast(condition, &[], &shape);
    g.map(&WHERE, &[wide, new, old])
}
