//! Blocks: what is as large as the batch times the parameters is made for a few examples at a time, and reduced at once.
//!
//! In: a planned graph, and sizes to expect. Out: the same, where gradients of single examples that are only reduced are
//! made in a loop over blocks of examples, which carries the reductions.
//! Always holds: an array of all examples' gradients that the program asks for, or that an operator needs whole, stays. So do products
//! of a batch of matrices where no derivative of an example is asked for: what is made of them twice would be computed twice.

use super::batch::Batcher;
use super::plan::expected_size;
use super::region::{BLOCK, Region, behind, regions};
use crate::graph::{Binder, Graph, NodeId, Op, Size, SizeEnv, VarId, reachable};
use crate::ops::Reduction;
use crate::ops::elementwise::{FLOOR_DIVIDE, SUBTRACT};
use crate::ops::rules;
use rustc_hash::{FxHashMap, FxHashSet};

/// How often the graph is looked at again: reductions that need the results of others.
const ROUNDS: usize = 64;

const STACK: (usize, usize) = (128 * 1024, 4 * 1024 * 1024);

/// Whether there is a derivative for each element of a comprehension.
pub fn has_derivatives_of_examples(graph: &Graph) -> bool {
    let is_derivative = |op: &Op| matches!(op, Op::Grad | Op::Vjp | Op::Jvp | Op::Jacobian);
    let all = reachable(graph, &graph.roots());
    all.into_iter().map(|id| graph.node(id)).any(|node| is_derivative(&node.op) && !node.free.is_empty())
}

/// Blocks what comprehensions make and is only reduced, and the gradients of single examples, if there are some.
pub fn block(graph: &Graph, expected: &SizeEnv, per_example: bool) -> Graph {
    let mut blocked = graph.clone();
    let mut refused: FxHashSet<NodeId> = FxHashSet::default();
    let mut changed = false;
    for _ in 0..ROUNDS {
        let found = regions(&blocked, (expected, per_example), &refused);
        let Some(group) = Group::first(&blocked, found) else { break };
        let Some(values) = group.blocked(&mut blocked, expected) else {
            refused.extend(group.regions.iter().map(|region| region.large));
            continue;
        };
        let by = group.ends.iter().map(|end| end.node).zip(values).collect();
        let roots = blocked.roots();
        let replaced = blocked.replace(&roots, &by);
        let outputs = replaced.len() - blocked.outputs.len();
        blocked.checks = replaced[..outputs].to_vec();
        blocked.outputs = replaced[outputs..].to_vec();
        changed = true;
    }
    if !changed {
        return graph.clone();
    }
    blocked.rewrite(|copier, next, id| copier.copy(next, id))
}

/// What ends a region.
#[derive(Clone, Copy)]
struct End {
    node: NodeId,
    carried: Carried,
}

/// How a loop over examples carries it.
#[derive(Clone, Copy)]
enum Carried {
    /// Reduced over the operand's axis of examples.
    Reduced(&'static Reduction, usize),
    /// A part for each example, along this axis.
    Kept(usize),
}

/// Reductions over the same examples that do not need each other.
struct Group {
    regions: Vec<Region>,
    ends: Vec<End>,
}

impl Group {
    /// The first group, if there is any.
    fn first(g: &Graph, found: Vec<Region>) -> Option<Group> {
        let all: FxHashSet<NodeId> = found.iter().flat_map(|region| region.ends.iter().copied()).collect();
        let leader = found.iter().find(|region| region.ends.iter().any(|end| needs_none(g, *end, &all)))?;
        let (extent, one_by_one) = (leader.extent.clone(), leader.one_by_one);
        let free = g.node(leader.large).free.clone();
        let alike = |region: &Region| {
            region.extent == extent && region.one_by_one == one_by_one && g.node(region.large).free == free
        };
        let regions: Vec<Region> = found.into_iter().filter(alike).collect();
        let mut ends: Vec<End> = Vec::new();
        for region in &regions {
            for &node in region.ends.iter().filter(|end| needs_none(g, **end, &all)) {
                if ends.iter().any(|known| known.node == node) {
                    continue;
                }
                ends.push(End::of(g, region, node)?);
            }
        }
        Some(Group { regions, ends })
    }

    /// What the reductions are, from a loop. `None` if an operator does not let an example's index through.
    fn blocked(&self, g: &mut Graph, expected: &SizeEnv) -> Option<Vec<NodeId>> {
        let extent = self.regions.first()?.extent.clone();
        let each: f64 = self.regions.iter().map(|region| region.each).sum();
        let rows = (BLOCK / each).min(expected_size(&extent, expected)).floor() as i64;
        let first: Vec<NodeId> = self.ends.iter().map(|end| end.start(g)).collect();
        let all = g.size_value(&extent);
        // A product is one of matrices, if only of one row.
        let products = self.ends.iter().any(|end| matches!(g.node(end.node).op, Op::Contract { .. }));
        let single = products.then_some(1);
        if self.regions.iter().any(|region| region.one_by_one) || rows < 2 {
            return self.run(g, all, first, &extent, single, None);
        }
        let size = g.int(rows);
        let blocks = g.map(&FLOOR_DIVIDE, &[all, size]);
        let states = self.run(g, blocks, first, &extent, Some(rows), None)?;
        let done = g.times(blocks, size);
        let rest = g.map(&SUBTRACT, &[all, done]);
        self.run(g, rest, states, &extent, single, Some(done))
    }

    /// A loop over blocks of so many rows, or over single rows, behind some.
    fn run(
        &self,
        g: &mut Graph,
        limit: NodeId,
        first: Vec<NodeId>,
        extent: &Size,
        rows: Option<i64>,
        behind: Option<NodeId>,
    ) -> Option<Vec<NodeId>> {
        let counter = g.new_var("block", extent.clone());
        let count = g.var_value(counter);
        let mut pusher = Pusher { regions: &self.regions, memo: FxHashMap::default(), failed: false };
        let (mut states, mut next) = (Vec::new(), Vec::new());
        let row = rows.map(|rows| g.new_var("example", Size::from(rows)));
        let rows = g.int(rows.unwrap_or(1));
        let mut index = g.times(count, rows);
        for part in [behind, row.map(|row| g.var_value(row))].into_iter().flatten() {
            index = g.plus(index, part);
        }
        let mut batcher = Batcher::default();
        for (end, start) in self.ends.iter().zip(&first) {
            g.span = g.node(end.node).span;
            let var = g.new_var("reduced", extent.clone());
            let ty = g.ty(*start).clone();
            let state = g.state(var, ty);
            states.push(var);
            next.push(end.step(g, state, index, row, &mut pusher, &mut batcher)?);
        }
        if pusher.failed {
            return None;
        }
        let again = g.truth(true);
        let parts = [limit, again].into_iter().chain(first).chain(next).collect();
        let run = g.add_loop(Binder { counter, states }, parts);
        Some((0..self.ends.len()).map(|position| g.last(run, position)).collect())
    }
}

/// Whether a reduction needs none of the others.
fn needs_none(g: &Graph, end: NodeId, all: &FxHashSet<NodeId>) -> bool {
    let below = reachable(g, &[end]);
    below.iter().all(|id| *id == end || !all.contains(id))
}

impl End {
    fn of(g: &Graph, region: &Region, node: NodeId) -> Option<End> {
        let inside = g.node(node).inputs.iter().find_map(|x| region.axes.get(x).map(|axis| (*x, *axis)));
        let (operand, axis) = inside?;
        let carried = match &g.node(node).op {
            Op::Reduce { kind, axes } if axes.contains(&axis) => Carried::Reduced(kind, axis),
            _ => Carried::Kept(behind(g, node, operand, axis)?),
        };
        Some(End { node, carried })
    }

    /// What the loop begins with: the result for no examples, or a place for each example's.
    fn start(&self, g: &mut Graph) -> NodeId {
        let identity = match self.carried {
            Carried::Reduced(kind, _) => kind.identity,
            Carried::Kept(_) => 0.0,
        };
        g.full_like(self.node, identity)
    }

    /// The state behind the examples at `index`: one of them, or as many as `row` runs over.
    fn step(
        &self,
        g: &mut Graph,
        state: NodeId,
        index: NodeId,
        row: Option<VarId>,
        pusher: &mut Pusher<'_>,
        batcher: &mut Batcher,
    ) -> Option<NodeId> {
        match self.carried {
            Carried::Reduced(kind, axis) => {
                let Op::Reduce { axes, .. } = &g.node(self.node).op else { return None };
                let others = axes.iter().filter(|a| **a != axis).map(|a| a - usize::from(*a > axis));
                let others: Vec<usize> = others.collect();
                let x = g.node(self.node).inputs[0];
                let own = pusher.push(g, x, axis, index);
                let part = match row {
                    None => g.reduce(kind, own, &others),
                    Some(row) => {
                        let rows = batcher.stacked(g, own, row)?;
                        let axes: Vec<usize> = std::iter::once(0).chain(others.iter().map(|a| a + 1)).collect();
                        g.reduce(kind, rows, &axes)
                    }
                };
                Some(g.map(kind.combine, &[state, part]))
            }
            Carried::Kept(axis) => {
                let part =
                    rules::index(g, self.node, axis, index, &mut |g, x, axis, index| pusher.push(g, x, axis, index))?;
                let (values, at) = match row {
                    None => (part, index),
                    Some(row) => (batcher.stacked(g, part, row)?, batcher.stacked(g, index, row)?),
                };
                let yes = g.truth(true);
                Some(g.update(state, values, yes, &[axis], &[at]))
            }
        }
    }
}

/// Takes single examples of a region's nodes; what they are made of is indexed.
struct Pusher<'a> {
    regions: &'a [Region],
    memo: FxHashMap<(NodeId, usize, NodeId), NodeId>,
    failed: bool,
}

impl Pusher<'_> {
    fn push(&mut self, g: &mut Graph, id: NodeId, axis: usize, index: NodeId) -> NodeId {
        let key = (id, axis, index);
        if let Some(&known) = self.memo.get(&key) {
            return known;
        }
        let inside = self.regions.iter().any(|region| region.axes.get(&id) == Some(&axis));
        // Repeated data is not stored to be indexed, nor is what is as large as the gradients.
        let through = inside || matches!(g.node(id).op, Op::Broadcast { .. }) || self.is_large(g, id);
        let pushed = if through {
            stacker::maybe_grow(STACK.0, STACK.1, || {
                rules::index(g, id, axis, index, &mut |g, x, axis, index| self.push(g, x, axis, index))
            })
        } else {
            None
        };
        self.failed |= inside && pushed.is_none();
        let result = pushed.unwrap_or_else(|| g.gather(id, &[axis], &[index]));
        self.memo.insert(key, result);
        result
    }

    fn is_large(&self, g: &Graph, id: NodeId) -> bool {
        let fused = matches!(g.node(id).op, Op::Map(_) | Op::Cast | Op::Transpose { .. } | Op::Place { .. });
        fused && self.regions.iter().any(|region| g.ty(region.large).elements() == g.ty(id).elements())
    }
}
