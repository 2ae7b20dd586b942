//! Reading through updates: an element of a changed array is the new value or an element of the array as it was.
//!
//! In: a loop's body, where elements are read behind updates of the same iteration. Out: the same, where they are read
//! from the array as it was when the iteration began.
//! Always holds: behind an iteration the array may be changed back in place, since nobody reads what was in between.

use super::region::Region;
use crate::graph::{Graph, NodeId, Op};
use crate::ops::elementwise::{AND, EQUAL, WHERE};
use rustc_hash::FxHashMap;

/// The roots with elements read before the updates.
pub(super) fn read_through(g: &mut Graph, roots: &[NodeId], region: &Region) -> Vec<NodeId> {
    let mut by: FxHashMap<NodeId, NodeId> = FxHashMap::default();
    for &id in &region.inside {
        let node = g.node(id).clone();
        if let (Op::Gather { axes }, [array, indexes @ ..]) = (&node.op, node.inputs.as_slice())
            && let Some(read) = element(g, *array, axes, indexes)
        {
            by.insert(id, read);
        }
    }
    if by.is_empty() {
        return roots.to_vec();
    }
    // What is read instead may itself be made of elements that are read otherwise: until nothing changes.
    let mut roots = roots.to_vec();
    for _ in 0..=by.len() {
        let next = g.replace(&roots, &by);
        if next == roots {
            break;
        }
        roots = next;
    }
    roots
}

/// An element of an array behind updates at single places. `None` if it is not one.
fn element(g: &mut Graph, array: NodeId, axes: &[usize], indexes: &[NodeId]) -> Option<NodeId> {
    let node = g.node(array).clone();
    let Op::Update { axes: changed, adds } = &node.op else { return None };
    let [before, values, guard, places @ ..] = node.inputs.as_slice() else { return None };
    let single = |g: &Graph, ids: &[NodeId]| ids.iter().all(|id| g.ty(*id).rank() == 0);
    if !single(g, places) || !single(g, indexes) || !changed.iter().all(|axis| axes.contains(axis)) {
        return None;
    }
    let older = element(g, *before, axes, indexes).unwrap_or_else(|| g.gather(*before, axes, indexes));
    let (mut here, mut rest) = (*guard, Vec::new());
    for (axis, index) in axes.iter().zip(indexes) {
        match changed.iter().position(|other| other == axis).and_then(|at| places.get(at)) {
            Some(place) => {
                let same = g.map(&EQUAL, &[*index, *place]);
                here = g.map(&AND, &[here, same]);
            }
            None => rest.push((axis - changed.iter().filter(|other| *other < axis).count(), *index)),
        }
    }
    let (rest_axes, rest_indexes): (Vec<usize>, Vec<NodeId>) = rest.into_iter().unzip();
    let new = if rest_axes.is_empty() { *values } else { g.gather(*values, &rest_axes, &rest_indexes) };
    let new = if *adds { g.plus(older, new) } else { new };
    let shape = g.shape(older).to_vec();
    let here = g.broadcast(here, &[], &shape);
    Some(g.map(&WHERE, &[here, new, older]))
}
