//! Regions of a graph that are as large as the batch times the parameters, from what makes them to what reduces them.
//!
//! In: a planned graph, and sizes to expect. Out: [`Region`]s.
//! Always holds: every way out of a region leads through a reduction; the axis of examples is known at each of its nodes.

use super::plan::expected_size;
use crate::graph::{Graph, NodeId, Op, Size, SizeEnv, reachable};
use crate::ops::reduction::SUM;
use rustc_hash::{FxHashMap, FxHashSet};

/// How many elements of gradients are held at a time: what fits into the second-level cache.
pub(super) const BLOCK: f64 = 65_536.0;

/// From so many elements for each example on they are worth a loop.
const EACH: f64 = 256.0;

/// A part of a graph.
pub(super) struct Region {
    /// The node that has to be held whole: a gradient for each example.
    pub large: NodeId,
    /// How many examples there are.
    pub extent: Size,
    /// The elements for one example.
    pub each: f64,
    /// Whether no operator does several examples at once.
    pub one_by_one: bool,
    /// The nodes, with the axis of examples.
    pub axes: FxHashMap<NodeId, usize>,
    /// The reductions.
    pub ends: Vec<NodeId>,
}

/// All regions but those of refused nodes.
pub(super) fn regions(
    g: &Graph,
    (expected, per_example): (&SizeEnv, bool),
    refused: &FxHashSet<NodeId>,
) -> Vec<Region> {
    let order = reachable(g, &g.roots());
    let mut users: FxHashMap<NodeId, Vec<NodeId>> = FxHashMap::default();
    for &id in &order {
        for input in &g.node(id).inputs {
            users.entry(*input).or_default().push(id);
        }
    }
    let wanted: FxHashSet<NodeId> = g.roots().into_iter().collect();
    let found = |&id: &NodeId| {
        let large = !refused.contains(&id) && is_whole(g, id, (expected, per_example));
        if large { region(g, id, &users, &wanted, expected) } else { None }
    };
    order.iter().filter_map(found).collect()
}

/// Whether a node is held in memory as a whole, and large for each example.
fn is_whole(g: &Graph, id: NodeId, (expected, per_example): (&SizeEnv, bool)) -> bool {
    let node = g.node(id);
    let made = match &node.op {
        Op::Contract { operands, .. } => per_example && operands.iter().all(|labels| labels.len() == 3),
        Op::ScatterAdd { .. } => per_example,
        // A loop over examples anyway: nothing is gained by keeping what it makes.
        Op::Build(_) => return node.ty.rank() > 1,
        _ => false,
    };
    // What is known to be small needs no blocks, and is one perhaps.
    let known = node.ty.shape.first().and_then(Size::as_const);
    let each = each(g, id, expected);
    made && node.ty.rank() > 1 && each >= EACH && known.is_none_or(|count| count as f64 * each > BLOCK)
}

fn each(g: &Graph, id: NodeId, expected: &SizeEnv) -> f64 {
    expected_size(&Size::product(g.shape(id).iter().skip(1)), expected)
}

/// What is made of a node, up to reductions. `None` if it is needed whole.
fn region(
    g: &Graph,
    large: NodeId,
    users: &FxHashMap<NodeId, Vec<NodeId>>,
    wanted: &FxHashSet<NodeId>,
    expected: &SizeEnv,
) -> Option<Region> {
    let mut axes: FxHashMap<NodeId, usize> = FxHashMap::from_iter([(large, 0)]);
    let mut ends: Vec<NodeId> = Vec::new();
    let mut pending = vec![large];
    while let Some(id) = pending.pop() {
        if wanted.contains(&id) {
            return None;
        }
        let axis = axes.get(&id).copied()?;
        for &user in users.get(&id).into_iter().flatten() {
            if g.node(user).free != g.node(large).free {
                return None;
            }
            if is_end(g, user, id, axis) {
                ends.extend((!ends.contains(&user)).then_some(user));
                continue;
            }
            let on = behind(g, user, id, axis)?;
            match axes.insert(user, on) {
                None => pending.push(user),
                Some(before) if before == on => {}
                Some(_) => return None,
            }
        }
    }
    ends.sort_unstable();
    // A product of examples with each other needs all of them.
    let halves = |end: &NodeId| {
        let product = matches!(g.node(*end).op, Op::Contract { .. });
        product && g.node(*end).inputs.iter().filter(|x| axes.contains_key(*x)).count() != 1
    };
    if ends.iter().any(halves) {
        return None;
    }
    let (extent, each) = (g.shape(large).first()?.clone(), each(g, large, expected));
    let one_by_one = matches!(g.node(large).op, Op::Build(_));
    (!ends.is_empty()).then_some(Region { large, extent, each, one_by_one, axes, ends })
}

/// Whether a node reduces its operand, examples or what belongs to one, in a way that a loop can do piece by piece.
fn is_end(g: &Graph, id: NodeId, operand: NodeId, axis: usize) -> bool {
    let node = g.node(id);
    match &node.op {
        Op::Reduce { kind, axes } => {
            !axes.contains(&axis) || (!kind.positional && (node.ty.dtype.is_float() || **kind == SUM))
        }
        Op::Contract { .. } => !matches!(g.node(operand).op, Op::Build(_)) && behind(g, id, operand, axis).is_some(),
        _ => false,
    }
}

/// The axis of examples behind an operator that keeps them apart. `None` if it is not known to.
pub(super) fn behind(g: &Graph, id: NodeId, operand: NodeId, axis: usize) -> Option<usize> {
    let node = g.node(id);
    match &node.op {
        Op::Map(_) | Op::Cast => Some(axis),
        Op::Broadcast { axes } => axes.get(axis).copied(),
        Op::Reduce { axes, .. } if !axes.contains(&axis) => {
            Some(axis - axes.iter().filter(|other| **other < axis).count())
        }
        Op::Slice { starts, steps } | Op::Place { starts, steps } => {
            let whole = node.ty.shape.get(axis) == g.shape(operand).get(axis);
            let same = starts.get(axis)?.as_const() == Some(0) && steps.get(axis) == Some(&1);
            (whole && same).then_some(axis)
        }
        Op::Transpose { perm } => perm.iter().position(|from| *from == axis),
        Op::Reshape => {
            let before = Size::product(&g.shape(operand)[..axis]);
            let same = |at: &usize| {
                node.ty.shape[*at] == g.shape(operand)[axis] && Size::product(&node.ty.shape[..*at]) == before
            };
            (0..node.ty.rank()).find(same)
        }
        Op::Contract { operands, result } => {
            let label = |labels: &Vec<u8>| labels.get(axis).copied();
            let own: Vec<u8> = node
                .inputs
                .iter()
                .zip(operands)
                .filter(|(x, _)| **x == operand)
                .filter_map(|(_, l)| label(l))
                .collect();
            let first = own.first()?;
            let one = own.iter().all(|other| other == first);
            result.iter().position(|kept| kept == first).filter(|_| one)
        }
        _ => None,
    }
}
