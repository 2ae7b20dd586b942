//! Rows that a loop writes one after the other, as `scan` does: each place is written once.
//!
//! In: a loop, and the cotangents of what it leaves. Out: the cotangents of the values that its iterations write.
//! Always holds: what is written once need not be cleared behind the way back through its writing; where nobody in the loop
//! reads the array, no cotangent of the array is carried from iteration to iteration.

use super::Reversal;
use super::looping::Parts;
use super::region::Region;
use crate::graph::{Constant, Graph, NodeId, Op};
use crate::ops::rules::Cotangent;

/// The arrays of rows among a loop's states.
pub(super) struct Rows {
    /// Those that nobody in the loop reads.
    unread: Vec<Row>,
    /// Updates of the others.
    pub once: Vec<NodeId>,
}

struct Row {
    position: usize,
    values: NodeId,
    axes: Vec<usize>,
    indexes: Vec<NodeId>,
    /// The cotangent of the whole array; `None` if nobody asks for it.
    ct: Option<Cotangent>,
}

impl Rows {
    pub(super) fn of(
        outer: &Reversal<'_>,
        g: &mut Graph,
        parts: &Parts,
        region: &Region,
        cts: &[(usize, Cotangent)],
    ) -> Rows {
        let mut rows = Rows { unread: Vec::new(), once: Vec::new() };
        for (position, (&next, first)) in parts.next.iter().zip(&parts.first).enumerate() {
            let (state, counter) = (parts.state(g, position), g.var_value(parts.binder.counter));
            let node = g.node(next);
            let Op::Update { axes, adds: false } = &node.op else { continue };
            let [array, values, guard, indexes @ ..] = node.inputs.as_slice() else { continue };
            let sure = g.as_constant(*guard) == Some(Constant::Bool(true));
            let once = indexes.iter().any(|index| counts(g, parts, counter, *index));
            // What the loop begins with would get the cotangents of what it is overwritten with.
            if *array != state || !sure || !once || outer.active.contains(first) {
                continue;
            }
            let uses = |of: NodeId| {
                let inside = region.inside.iter().filter(|id| g.node(**id).inputs.contains(&of)).count();
                inside + parts.next.iter().filter(|next| **next == of).count()
            };
            if uses(next) != 1 {
                continue;
            }
            if uses(state) != 1 || *values == state || indexes.contains(&state) {
                rows.once.push(next);
                continue;
            }
            let ct = cts.iter().find(|(at, _)| *at == position).map(|(_, ct)| *ct);
            rows.unread.push(Row { position, values: *values, axes: axes.clone(), indexes: indexes.to_vec(), ct });
        }
        rows
    }

    /// Whether the state of that position is such an array.
    pub(super) fn has(&self, position: usize) -> bool {
        self.unread.iter().any(|row| row.position == position)
    }

    /// Hands the cotangents to the values of an iteration.
    pub(super) fn seed(&self, g: &mut Graph, reversal: &mut Reversal<'_>) {
        for row in &self.unread {
            let (Some(ct), true) = (row.ct, reversal.active.contains(&row.values)) else { continue };
            let node = g.gather(ct.node, &row.axes, &row.indexes);
            reversal.join(row.values, Cotangent { node, masked: ct.masked });
        }
    }
}

/// Whether an index is another one in each iteration: the counter, or so far from it.
fn counts(g: &Graph, parts: &Parts, counter: NodeId, index: NodeId) -> bool {
    let fixed = |id: NodeId| !parts.binder.vars().any(|var| g.depends_on(id, var));
    let node = g.node(index);
    match (&node.op, node.inputs.as_slice()) {
        _ if index == counter => g.ty(index).rank() == 0,
        (Op::Map(op), &[a, b]) if matches!(op.name, "add" | "subtract") => {
            (a == counter && fixed(b)) || (b == counter && fixed(a))
        }
        _ => false,
    }
}

/// The cotangents of the operands of an update that writes a place for the only time: those of the array are left as they are.
pub(super) fn through(g: &mut Graph, id: NodeId, ct: Cotangent) -> Vec<Option<Cotangent>> {
    let node = g.node(id).clone();
    let (Op::Update { axes, .. }, [_, _, guard, indexes @ ..]) = (&node.op, node.inputs.as_slice()) else {
        return Vec::new();
    };
    let taken = g.gather(ct.node, axes, indexes);
    let others = std::iter::once(guard).chain(indexes).map(|_| None);
    [Some(ct), Some(Cotangent { node: taken, ..ct })].into_iter().chain(others).collect()
}
