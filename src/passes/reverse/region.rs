//! The nodes of a loop's body, and those that it reads from outside.
//!
//! In: roots in the body and the variables that the loop binds. Out: both sets, in the order of data flow.
//! Always holds: what is outside depends on no variable that is bound inside.

use crate::graph::{Graph, NodeId, Op, VarId};
use rustc_hash::FxHashSet;

/// A loop's body.
pub(in crate::passes) struct Region {
    /// Nodes that change with the variables, those of loops and comprehensions inside too.
    pub inside: Vec<NodeId>,
    /// Operands of these, and roots, that do not.
    pub outside: Vec<NodeId>,
}

impl Region {
    pub(in crate::passes) fn new(g: &Graph, roots: &[NodeId], vars: impl IntoIterator<Item = VarId>) -> Region {
        let mut bound: FxHashSet<VarId> = vars.into_iter().collect();
        let mut seen: FxHashSet<NodeId> = FxHashSet::default();
        let (mut inside, mut outside) = (Vec::new(), Vec::new());
        let mut pending = roots.to_vec();
        while let Some(id) = pending.pop() {
            if !seen.insert(id) {
                continue;
            }
            let node = g.node(id);
            if !node.free.iter().any(|var| bound.contains(var)) {
                outside.push(id);
                continue;
            }
            inside.push(id);
            match &node.op {
                Op::Build(var) => bound.extend([*var]),
                Op::Loop(binder) => bound.extend(binder.vars()),
                _ => {}
            }
            pending.extend(&node.inputs);
            pending.extend(g.size_values(id));
        }
        // A variable of a binder that is met later may be free in what was met before.
        outside.retain(|id| !g.node(*id).free.iter().any(|var| bound.contains(var)));
        inside.sort_unstable();
        outside.sort_unstable();
        Region { inside, outside }
    }
}
