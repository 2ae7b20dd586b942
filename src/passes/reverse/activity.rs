//! Activity: which nodes change with what is differentiated by, and which of them carry derivatives.
//!
//! In: nodes in the order of data flow, and targets. Out: the floats between, and the loops that carry them.
//! Always holds: a state is active if what it begins with or what it becomes is.

use crate::graph::{Graph, NodeId, Op, VarId};
use rustc_hash::FxHashSet;

/// The targets among `order`, and whatever a derivative by them passes through.
pub(in crate::passes) fn active(g: &Graph, order: &[NodeId], by: &[NodeId]) -> FxHashSet<NodeId> {
    among(g, order, &by.iter().copied().collect())
}

/// The same for a set.
pub(super) fn among(g: &Graph, order: &[NodeId], targets: &FxHashSet<NodeId>) -> FxHashSet<NodeId> {
    let mut activity = Activity { nodes: FxHashSet::default(), states: FxHashSet::default() };
    // A state's next value comes behind the state, so this takes as many rounds as loops nest.
    loop {
        let before = (activity.nodes.len(), activity.states.len());
        for &id in order {
            if targets.contains(&id) || activity.reaches(g, id) {
                activity.nodes.insert(id);
            }
        }
        if before == (activity.nodes.len(), activity.states.len()) {
            return activity.nodes;
        }
    }
}

struct Activity {
    nodes: FxHashSet<NodeId>,
    states: FxHashSet<VarId>,
}

impl Activity {
    fn reaches(&mut self, g: &Graph, id: NodeId) -> bool {
        let node = g.node(id);
        match &node.op {
            Op::StopGradient => false,
            Op::State(var) => self.states.contains(var),
            Op::Final(position) => node.inputs.iter().any(|of| match &g.node(*of).op {
                Op::Loop(binder) => binder.states.get(*position).is_some_and(|state| self.states.contains(state)),
                _ => false,
            }),
            Op::Loop(binder) => {
                let Some(parts) = binder.parts(&node.inputs) else { return false };
                let carried = parts.first.iter().zip(parts.next);
                for (state, (first, next)) in binder.states.iter().zip(carried) {
                    if self.nodes.contains(first) || self.nodes.contains(next) {
                        self.states.insert(*state);
                    }
                }
                binder.states.iter().any(|state| self.states.contains(state))
            }
            _ => node.ty.dtype.is_float() && node.inputs.iter().any(|x| self.nodes.contains(x)),
        }
    }
}
