//! Regions: which loop each node belongs to.
//!
//! In: a graph with loops and builders that no pass has turned into whole-array operations. Out: a tree of regions.
//! Always holds: a node belongs to the innermost loop that binds a variable it depends on, so what does not change in a
//! loop stands outside of it.

use crate::graph::{Graph, NodeId, Op, VarId, reachable};
use rustc_hash::{FxHashMap, FxHashSet};

/// A region, by number; 0 is outside of all loops.
pub(super) type RegionId = usize;

struct Region {
    /// The loop or builder.
    node: Option<NodeId>,
    parent: RegionId,
    depth: usize,
}

/// The regions of a graph.
pub(super) struct Regions {
    all: Vec<Region>,
    of_var: FxHashMap<VarId, RegionId>,
    of_node: Vec<RegionId>,
}

impl Regions {
    pub(super) fn new(graph: &Graph) -> Regions {
        let order = reachable(graph, &graph.roots());
        let outermost = Region { node: None, parent: 0, depth: 0 };
        let mut regions = Regions { all: vec![outermost], of_var: FxHashMap::default(), of_node: vec![0; graph.len()] };
        // Whoever binds a variable has a larger id than what depends on it, and what binds inside has a smaller one.
        for &id in order.iter().rev() {
            let vars = bound(&graph.node(id).op);
            if vars.is_empty() {
                continue;
            }
            let parent = regions.innermost(graph, id);
            regions.all.push(Region { node: Some(id), parent, depth: regions.all[parent].depth + 1 });
            regions.of_var.extend(vars.into_iter().map(|var| (var, regions.all.len() - 1)));
        }
        for &id in &order {
            regions.of_node[id.0 as usize] = regions.innermost(graph, id);
        }
        regions
    }

    fn innermost(&self, graph: &Graph, id: NodeId) -> RegionId {
        let regions = graph.node(id).free.iter().filter_map(|var| self.of_var.get(var).copied());
        regions.max_by_key(|region| self.all[*region].depth).unwrap_or(0)
    }

    /// Whether there is no loop at all.
    pub(super) fn is_flat(&self) -> bool {
        self.all.len() == 1
    }

    /// The region that a node belongs to.
    pub(super) fn of(&self, id: NodeId) -> RegionId {
        self.of_node[id.0 as usize]
    }

    /// The region of a loop's or builder's body.
    pub(super) fn inside(&self, id: NodeId) -> Option<RegionId> {
        self.all.iter().position(|region| region.node == Some(id))
    }

    /// What stands for a node in an outer region: itself, or the loop around it there.
    pub(super) fn ancestor(&self, id: NodeId, region: RegionId) -> Option<NodeId> {
        let mut at = (self.of(id), id);
        while at.0 != region {
            let own = &self.all[at.0];
            at = (own.parent, own.node?);
        }
        Some(at.1)
    }

    /// Whether `inner` is `outer` or lies in it.
    pub(super) fn contains(&self, outer: RegionId, inner: RegionId) -> bool {
        let mut at = inner;
        loop {
            if at == outer {
                return true;
            }
            if at == 0 {
                return false;
            }
            at = self.all[at].parent;
        }
    }
}

fn bound(op: &Op) -> Vec<VarId> {
    match op {
        Op::Loop(binder) => binder.vars().collect(),
        Op::Build(var) => vec![*var],
        _ => Vec::new(),
    }
}

/// Who reads each node that the roots need.
pub(super) fn users(graph: &Graph) -> Vec<Vec<NodeId>> {
    let mut users = vec![Vec::new(); graph.len()];
    for id in reachable(graph, &graph.roots()) {
        for input in &graph.node(id).inputs {
            let known: &mut Vec<NodeId> = &mut users[input.0 as usize];
            if known.last() != Some(&id) {
                known.push(id);
            }
        }
    }
    users
}

/// The graph with a variable of its own for every loop and builder, if two of them share one (copies do).
pub(super) fn with_own_variables(graph: &Graph) -> Option<Graph> {
    let mut own: Option<Graph> = None;
    // A copy of a loop shares the loops inside with the original: these come next.
    while let Some(next) = with_fewer_shared(own.as_ref().unwrap_or(graph)) {
        own = Some(next);
    }
    own
}

fn with_fewer_shared(graph: &Graph) -> Option<Graph> {
    let mut taken: FxHashSet<VarId> = FxHashSet::default();
    let mut shared = false;
    for id in reachable(graph, &graph.roots()) {
        shared |= bound(&graph.node(id).op).into_iter().any(|var| !taken.insert(var));
    }
    if !shared {
        return None;
    }
    taken.clear();
    Some(graph.rewrite(|copier, next, id| {
        let node = graph.node(id);
        let fresh = bound(&node.op).into_iter().all(|var| taken.insert(var));
        let inputs = copier.inputs(id);
        match &node.op {
            Op::Loop(binder) if !fresh => {
                let (binder, inputs) = next.renamed_loop(binder, &inputs);
                next.add_loop(binder, inputs)
            }
            Op::Build(var) if !fresh => {
                let info = next.var(*var).clone();
                let new = next.new_var(info.name, info.extent);
                let value = next.var_value(new);
                let body = next.substitute(inputs[0], *var, value);
                next.build(new, body)
            }
            _ => copier.copy(next, id),
        }
    }))
}
