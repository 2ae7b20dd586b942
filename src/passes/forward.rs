//! Forward mode: how a value changes with what it was computed from.
//!
//! In: a value, and tangents of the nodes to differentiate by. Out: the value's tangent.
//! Always holds: a tangent has the type of its node, and costs a fixed small multiple of the value's own graph. Each operator
//! has one declaration of its derivative: what has no rule for tangents is its rule for cotangents, transposed.

use super::reverse::{Carried, Parts, Region, active, fresh_state, not_differentiable, reverse};
use crate::diagnostic::Diagnostic;
use crate::graph::{Graph, NodeId, Op, VarId, reachable};
use crate::ops::rules::{self, Cotangent, Forward, Tangent};
use rustc_hash::{FxHashMap, FxHashSet};

/// The tangent of `value`, where those of some nodes are `seeds`. `None` if it depends on none of them.
pub(super) fn forward(
    g: &mut Graph,
    value: NodeId,
    seeds: &[(NodeId, Tangent)],
) -> Result<Option<NodeId>, Box<Diagnostic>> {
    let order = reachable(g, &[value]);
    let by: Vec<NodeId> = seeds.iter().map(|(id, _)| *id).collect();
    let active = active(g, &order, &by);
    let mut pushing = Pushing { active: &active, seeds, tangents: FxHashMap::default(), loops: FxHashMap::default() };
    let inner = in_loops(g, &order);
    pushing.over(g, order.into_iter().filter(|id| !inner.contains(id)))?;
    Ok(pushing.tangents.get(&value).map(|tangent| tangent.node))
}

/// Nodes that change with the variables of a loop: they have tangents inside of it only.
fn in_loops(g: &Graph, order: &[NodeId]) -> FxHashSet<NodeId> {
    let mut bound: FxHashSet<VarId> = FxHashSet::default();
    for &id in order {
        if let Op::Loop(binder) = &g.node(id).op {
            bound.extend(binder.vars());
        }
    }
    order.iter().copied().filter(|id| g.node(*id).free.iter().any(|var| bound.contains(var))).collect()
}

/// A walk from what is differentiated by to the value.
struct Pushing<'a> {
    active: &'a FxHashSet<NodeId>,
    seeds: &'a [(NodeId, Tangent)],
    tangents: FxHashMap<NodeId, Tangent>,
    /// Loops with the tangents of their states: where each is carried.
    loops: FxHashMap<NodeId, (NodeId, FxHashMap<usize, usize>)>,
}

impl Pushing<'_> {
    fn over(&mut self, g: &mut Graph, order: impl Iterator<Item = NodeId>) -> Result<(), Box<Diagnostic>> {
        for id in order {
            if !self.active.contains(&id) {
                continue;
            }
            let node = g.node(id).clone();
            g.span = node.span;
            let mut tangent = match (&node.op, node.inputs.as_slice()) {
                (Op::Loop(_), _) => {
                    self.through_loop(g, id)?;
                    None
                }
                (Op::Final(position), [of]) => self.last(g, *of, *position),
                (_, inputs) => {
                    let operands: Vec<Option<Tangent>> = inputs.iter().map(|x| self.tangents.get(x).copied()).collect();
                    if operands.iter().any(Option::is_some) { pushed(g, id, &operands)? } else { None }
                }
            };
            for (_, seed) in self.seeds.iter().filter(|(by, _)| *by == id) {
                tangent = rules::sum_of_tangents(g, tangent, Some(*seed));
            }
            if let Some(tangent) = tangent {
                self.tangents.insert(id, tangent);
            }
        }
        Ok(())
    }

    fn last(&self, g: &mut Graph, of: NodeId, position: usize) -> Option<Tangent> {
        let (run, carried) = self.loops.get(&of)?;
        let at = carried.get(&position)?;
        Some(Tangent { node: g.last(*run, *at), masked: true })
    }

    /// A loop carries the tangents of its states beside them.
    fn through_loop(&mut self, g: &mut Graph, id: NodeId) -> Result<(), Box<Diagnostic>> {
        let Some(parts) = Parts::of(g, id) else { return Ok(()) };
        let region = Region::new(g, &parts.next, parts.binder.vars());
        let outside = std::mem::take(&mut self.tangents);
        self.tangents = outside.iter().filter(|(id, _)| region.outside.contains(id)).map(|(id, t)| (*id, *t)).collect();
        let mut states = Vec::new();
        for position in 0..parts.first.len() {
            let state = parts.state(g, position);
            if self.active.contains(&state) {
                let ty = g.ty(state).clone();
                let (var, tangent) = fresh_state(g, "tangent", &ty);
                self.tangents.insert(state, Tangent { node: tangent, masked: true });
                states.push((position, var));
            }
        }
        let own: FxHashSet<NodeId> = (0..parts.first.len()).map(|position| parts.state(g, position)).collect();
        let inner = in_loops(g, &region.inside);
        self.over(g, region.inside.into_iter().filter(|id| !own.contains(id) && !inner.contains(id)))?;
        let (mut run, mut carried) = (parts.clone(), FxHashMap::default());
        for (position, var) in states {
            let zeros = g.full_like(parts.first[position], 0.0);
            let first = outside.get(&parts.first[position]).map_or(zeros, |tangent| tangent.node);
            let next = self.tangents.get(&parts.next[position]).map_or(zeros, |tangent| tangent.node);
            carried.insert(position, run.carry(Carried { var, first, next }));
        }
        self.tangents = outside;
        let run = run.node(g);
        self.loops.insert(id, (run, carried));
        Ok(())
    }
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
