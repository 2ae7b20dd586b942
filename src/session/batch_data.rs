//! Where a batch's data are: the arrays in which each example has a row of its own.
//!
//! In: the costs of a batch, in the graph of a program's statements. Out: arrays with the axis along which examples lie.
//! Always holds: an axis is followed through operators that keep rows apart; where one does not, what it has made is data itself.

use super::examples::Gradient;
use super::script::Runner;
use crate::graph::{CheckKind, Graph, NodeId, Op, Size, VarId, reachable};
use rustc_hash::FxHashSet;

/// An array that has the examples along an axis.
pub(super) type Along = (NodeId, usize);

/// Stack for one level; deep programs get more on the way.
const STACK: (usize, usize) = (128 * 1024, 4 * 1024 * 1024);

/// The data of the examples whose costs these are: inputs, loaded arrays, and names of what is made of neither.
pub(super) fn data(runner: &Runner<'_, '_>, gradient: Gradient) -> Vec<Along> {
    let graph = &runner.checker.graph;
    let nodes = runner.checker.scope.bindings().flat_map(|binding| binding.value.nodes());
    let names = nodes.map(|id| graph.unmarked(id)).collect();
    let mut inner: FxHashSet<NodeId> = FxHashSet::from_iter([gradient.by]);
    for id in graph.ids() {
        let node = graph.node(id);
        if matches!(node.op, Op::Input(_)) || node.inputs.iter().any(|x| inner.contains(x)) {
            inner.insert(id);
        }
    }
    let mut follower = Follower { graph, by: gradient.by, names, inner, seen: FxHashSet::default(), found: Vec::new() };
    if !follower.follow(gradient.cost, 0) {
        return Vec::new();
    }
    follower.found
}

struct Follower<'g> {
    graph: &'g Graph,
    by: NodeId,
    /// What names stand for.
    names: FxHashSet<NodeId>,
    /// What is computed from inputs, from loaded arrays or from what is differentiated by: no data, even if it has a name.
    inner: FxHashSet<NodeId>,
    seen: FxHashSet<Along>,
    found: Vec<Along>,
}

impl Follower<'_> {
    /// Follows an axis; whether data were found along it.
    fn follow(&mut self, id: NodeId, axis: usize) -> bool {
        if id == self.by {
            return false;
        }
        if !self.seen.insert((id, axis)) {
            return true;
        }
        let is_end = matches!(self.graph.node(id).op, Op::Input(_));
        let named = !self.inner.contains(&id) && self.names.contains(&id) && self.varies(id);
        if is_end || named {
            self.found.push((id, axis));
            return true;
        }
        stacker::maybe_grow(STACK.0, STACK.1, || self.inward(id, axis))
    }

    /// Whether elements differ from each other.
    fn varies(&self, id: NodeId) -> bool {
        !matches!(self.graph.node(id).op, Op::Broadcast { .. } | Op::Const(_) | Op::Size(_))
    }

    fn inward(&mut self, id: NodeId, axis: usize) -> bool {
        let node = self.graph.node(id).clone();
        let Some(next) = self.operands(id, axis) else {
            // Rows are not kept apart any further in.
            self.found.push((id, axis));
            return true;
        };
        let all: Vec<(Along, bool)> = next.into_iter().map(|at| (at, self.follow(at.0, at.1))).collect();
        if !all.iter().any(|(_, found)| *found) {
            return false;
        }
        // What is made of nothing given, beside something that is data.
        for ((inner, axis), found) in all {
            if !found
                && inner != self.by
                && self.varies(inner)
                && !node.free.iter().any(|var| self.graph.depends_on(inner, *var))
            {
                self.found.push((inner, axis));
            }
        }
        true
    }

    /// The operands that have the rows of an axis, with their axes. `None` if the operator mixes rows.
    fn operands(&self, id: NodeId, axis: usize) -> Option<Vec<Along>> {
        let node = self.graph.node(id);
        let inputs = node.inputs.as_slice();
        let rank = node.ty.rank();
        Some(match (&node.op, inputs) {
            (Op::Const(_) | Op::Size(_) | Op::Iota | Op::Var(_), _) => Vec::new(),
            (Op::Map(_), _) => inputs.iter().map(|x| (*x, axis)).collect(),
            (Op::Cast | Op::Mark(_) | Op::StopGradient | Op::Checkpoint | Op::Check(_), [x, ..])
                if self.graph.ty(*x).rank() == rank =>
            {
                vec![(*x, axis)]
            }
            (Op::Broadcast { axes }, &[x]) => {
                axes.iter().position(|to| *to == axis).map(|at| (x, at)).into_iter().collect()
            }
            (Op::Transpose { perm }, &[x]) => vec![(x, *perm.get(axis)?)],
            (Op::Reshape, &[x]) => vec![(x, self.before_reshape(id, x, axis)?)],
            (Op::Slice { starts, steps }, &[x]) => {
                let whole = self.graph.shape(id).get(axis) == self.graph.shape(x).get(axis);
                let same = starts.get(axis)?.as_const() == Some(0) && steps.get(axis) == Some(&1);
                (whole && same).then(|| vec![(x, axis)])?
            }
            (Op::Reduce { axes, .. }, &[x]) => {
                let kept = (0..self.graph.ty(x).rank()).filter(|axis| !axes.contains(axis));
                vec![(x, kept.into_iter().nth(axis)?)]
            }
            (Op::Concat { axis: along }, _) if *along != axis => inputs.iter().map(|x| (*x, axis)).collect(),
            (Op::Contract { operands, result }, _) => {
                let label = result.get(axis)?;
                let places = inputs.iter().zip(operands);
                places.filter_map(|(x, labels)| Some((*x, labels.iter().position(|l| l == label)?))).collect()
            }
            (Op::Gather { axes }, [x, indexes @ ..]) => {
                let lead = indexes.first().map_or(0, |index| self.graph.ty(*index).rank());
                if axis < lead {
                    indexes.iter().map(|index| (*index, axis)).collect()
                } else {
                    let mut kept = (0..self.graph.ty(*x).rank()).filter(|axis| !axes.contains(axis));
                    vec![(*x, kept.nth(axis - lead)?)]
                }
            }
            (Op::Routine(_), _) if axis < self.graph.batch_axes(id) => {
                inputs.iter().filter(|x| self.graph.ty(**x).rank() == rank).map(|x| (*x, axis)).collect()
            }
            (Op::Build(var), &[body]) if axis == 0 => self.rows_of(body, *var),
            (Op::Build(_), &[body]) => vec![(body, axis - 1)],
            _ => return None,
        })
    }

    /// The arrays of which a comprehension's element takes the row of its variable.
    fn rows_of(&self, body: NodeId, var: VarId) -> Vec<Along> {
        let mut found = Vec::new();
        for id in reachable(self.graph, &[body]) {
            let node = self.graph.node(id);
            let (Op::Gather { axes }, [x, indexes @ ..]) = (&node.op, node.inputs.as_slice()) else { continue };
            for (axis, index) in axes.iter().zip(indexes) {
                let is_row = self.graph.node(self.unchecked(*index)).op == Op::Var(var);
                if is_row && !self.graph.depends_on(*x, var) && !found.contains(&(*x, *axis)) {
                    found.push((*x, *axis));
                }
            }
        }
        found
    }

    fn unchecked(&self, index: NodeId) -> NodeId {
        let node = self.graph.node(index);
        match (&node.op, node.inputs.first()) {
            (Op::Check(CheckKind::Index { .. }), Some(inner)) => self.unchecked(*inner),
            _ => index,
        }
    }

    /// Where an axis was before a reshape, if it was one of its own.
    fn before_reshape(&self, id: NodeId, x: NodeId, axis: usize) -> Option<usize> {
        let (own, inner) = (self.graph.shape(id), self.graph.shape(x));
        let before = Size::product(own.get(..axis)?);
        let size = own.get(axis)?;
        inner
            .iter()
            .enumerate()
            .position(|(at, other)| other == size && Size::product(inner.get(..at).unwrap_or_default()) == before)
    }
}
