//! Slicing: the index of an example is pushed from the cost to the inputs, under every derivative.
//!
//! In: a graph with derivatives of `c[i]`. Out: the same graph, where they see a clone of `c`'s graph for example `i` alone.
//! Always holds: only indexes made of generator variables are pushed, never an index read from data.

mod looping;

pub(super) use looping::SlicedVars;

use super::merge::merge;
use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{CheckKind, Graph, NodeId, Op, VarId, reachable};
use crate::ops::reduction::SUM;
use crate::ops::rules;
use looping::Slicing;
use rustc_hash::{FxHashMap, FxHashSet};

/// Stack for one level of pushing; deep programs get more on the way.
const STACK: (usize, usize) = (128 * 1024, 4 * 1024 * 1024);

/// How often the result of pushing is pushed again (an index can uncover another one).
const ROUNDS: usize = 64;

/// Slices what every derivative is of. Warns where examples are tied together.
pub fn slice(graph: &Graph, warnings: &mut Vec<Box<Diagnostic>>) -> Graph {
    let mut vars = SlicedVars::default();
    let siblings = siblings(graph);
    graph.rewrite(|copier, next, id| {
        let node = graph.node(id);
        let Some((cost, by)) = node.derivative() else { return copier.copy(next, id) };
        let by: Vec<NodeId> = by.into_iter().filter_map(|by| copier.get(by)).collect();
        let others: Vec<NodeId> =
            siblings.get(&cost).into_iter().flatten().filter_map(|other| copier.get(*other)).collect();
        let (Some(cost), mut inputs) = (copier.get(cost), copier.inputs(id)) else { return copier.copy(next, id) };
        let sliced = slice_cost(next, cost, &by, &others, &mut vars);
        let warning = tie(next, sliced, &by).map(|tie| tied(next, tie));
        warnings.extend(warning.filter(|warning| !warnings.contains(warning)));
        if let Some(cost) = inputs.first_mut() {
            *cost = sliced;
        }
        next.span = node.span;
        next.add(node.op.clone(), inputs, node.ty.clone())
    })
}

/// Whatever a cost through a loop is differentiated by. Its derivatives share one loop backwards, if all are of one value.
fn siblings(graph: &Graph) -> FxHashMap<NodeId, Vec<NodeId>> {
    let mut siblings: FxHashMap<NodeId, Vec<NodeId>> = FxHashMap::default();
    for id in reachable(graph, &graph.roots()) {
        let Some((cost, by)) = graph.node(id).derivative() else { continue };
        siblings.entry(cost).or_default().extend(by);
    }
    let through_loop = |cost: &NodeId| reachable(graph, &[*cost]).iter().any(|id| is_loop(graph, *id));
    siblings.retain(|cost, by| by.len() > 1 && through_loop(cost));
    siblings
}

fn is_loop(g: &Graph, id: NodeId) -> bool {
    matches!(g.node(id).op, Op::Loop(_))
}

/// The value that ties one example of a derivative to the others, in a graph whose derivatives are sliced.
pub fn tied_by(graph: &Graph, derivative: NodeId) -> Option<NodeId> {
    let (value, by) = graph.node(derivative).derivative()?;
    tie(graph, value, &by)
}

/// The cost with the indexes of examples pushed to the inputs, as far as it depends on `by` or what `others` are made to
/// be differentiated by.
pub(super) fn slice_cost(
    g: &mut Graph,
    cost: NodeId,
    by: &[NodeId],
    others: &[NodeId],
    vars: &mut SlicedVars,
) -> NodeId {
    let constants = constant_index(g, cost);
    let mut cost = cost;
    for _ in 0..ROUNDS {
        let mut pusher = Pusher::new(g, cost, (by, others), &constants, vars);
        let next = pusher.rewrite(g, cost);
        if next == cost {
            break;
        }
        cost = next;
    }
    // Two results of one loop were sliced one after the other.
    merge(g, &[cost]).first().copied().unwrap_or(cost)
}

/// The value that ties examples together: it depends on the parameter and on the whole of an array of which the cost
/// otherwise takes one example.
fn tie(g: &Graph, cost: NodeId, by: &[NodeId]) -> Option<NodeId> {
    let outer = &g.node(cost).free;
    if outer.is_empty() {
        return None;
    }
    let order = reachable(g, &[cost]);
    let sliced = |id: &NodeId| g.node(*id).free.iter().any(|var| outer.contains(var));
    let (mut active, mut whole) = (FxHashSet::default(), FxHashSet::default());
    let mut examples = FxHashSet::default();
    for id in order.iter().filter(|id| sliced(id)) {
        if let (Op::Gather { .. }, Some(&x)) = (&g.node(*id).op, g.node(*id).inputs.first()) {
            examples.extend((!sliced(&x)).then_some(x));
        }
    }
    for &id in order.iter().filter(|id| !sliced(id)) {
        // Where the parameter came from does not matter: a gradient ends there.
        if by.contains(&id) {
            active.insert(id);
            continue;
        }
        let inputs = &g.node(id).inputs;
        let frozen = matches!(g.node(id).op, Op::StopGradient);
        if !frozen && inputs.iter().any(|x| active.contains(x)) {
            active.insert(id);
        }
        if examples.contains(&id) && !active.contains(&id) || inputs.iter().any(|x| whole.contains(x)) {
            whole.insert(id);
        }
    }
    // A loop that an example's index could not be pushed through.
    let through = order.iter().filter(|id| sliced(id)).find_map(|id| {
        let (Op::Gather { .. }, [x, indexes @ ..]) = (&g.node(*id).op, g.node(*id).inputs.as_slice()) else {
            return None;
        };
        let example = indexes.iter().any(|index| is_example(g, *index, outer));
        let looped = matches!(g.node(*x).op, Op::Final(_)) && active.contains(x) && !sliced(x);
        (example && looped).then_some(*x)
    });
    if let Some(last) = through {
        return g.node(last).inputs.first().copied();
    }
    let ties = |id: &NodeId| active.contains(id) && whole.contains(id);
    let tie = order.iter().filter(|id| sliced(id)).flat_map(|id| g.node(*id).inputs.clone()).find(ties)?;
    Some(mixing(g, tie, &ties))
}

/// The operator that mixes examples, below what only passes on what it made.
fn mixing(g: &Graph, tie: NodeId, ties: &dyn Fn(&NodeId) -> bool) -> NodeId {
    let mut at = tie;
    loop {
        let node = g.node(at);
        let below = node.inputs.iter().copied().find(ties);
        let passes = match &node.op {
            Op::Map(_)
            | Op::Cast
            | Op::Broadcast { .. }
            | Op::Transpose { .. }
            | Op::Reshape
            | Op::Slice { .. }
            | Op::Check(_)
            | Op::Mark(_)
            | Op::Checkpoint => true,
            Op::Gather { .. } => below.is_some_and(|x| matches!(g.node(x).op, Op::Routine(_))),
            _ => false,
        };
        match below.filter(|_| passes) {
            Some(below) => at = below,
            None => return at,
        }
    }
}

fn tied(g: &Graph, tie: NodeId) -> Box<Diagnostic> {
    // What comes back to a sum is the same for every summand.
    let once = match &g.node(tie).op {
        Op::Reduce { kind, .. } => **kind == SUM,
        Op::Contract { .. } => true,
        _ => false,
    };
    let cost = match once {
        true => {
            "the result is right; the derivative of this sum is formed once for the batch, and what each example makes of it \
             is added to its own gradient"
        }
        false => {
            "the result is right; but each example's gradient is a pass through the whole batch, so time and memory grow \
             with the square of its size"
        }
    };
    Diagnostic::warning(codes::TIED_EXAMPLES, g.node(tie).span, "examples are tied together by this value")
        .at("it is computed from the whole batch, so one example's gradient passes through every example")
        .note(cost)
        .help("write stop_gradient(…) around it if the statistic is meant to count as constant")
}

/// `grad(c[3], p)`: the constant indexes of the cost itself name an example too.
fn constant_index(g: &Graph, cost: NodeId) -> FxHashSet<NodeId> {
    match &g.node(cost).op {
        Op::Checkpoint => g.node(cost).inputs.first().map_or_else(FxHashSet::default, |cost| constant_index(g, *cost)),
        Op::Gather { .. } => {
            let indexes = &g.node(cost).inputs[1..];
            indexes.iter().copied().filter(|&index| g.as_extent(index).is_some()).collect()
        }
        _ => FxHashSet::default(),
    }
}

/// Whether a scalar is made of the generators' variables alone, without reading data.
fn is_example(g: &Graph, index: NodeId, outer: &[VarId]) -> bool {
    let free = &g.node(index).free;
    let pure = |id: &NodeId| {
        let op = &g.node(*id).op;
        matches!(op, Op::Var(_) | Op::Const(_) | Op::Size(_) | Op::Map(_) | Op::Check(CheckKind::Index { .. }))
    };
    g.ty(index).rank() == 0
        && !free.is_empty()
        && free.iter().all(|var| outer.contains(var))
        && reachable(g, &[index]).iter().all(pure)
}

struct Pusher<'a> {
    /// Nodes that depend on what is differentiated by: only these are worth slicing.
    active: FxHashSet<NodeId>,
    /// The variables of the generators around the derivative.
    outer: Vec<VarId>,
    constants: FxHashSet<NodeId>,
    memo: FxHashMap<(NodeId, usize, NodeId), NodeId>,
    /// The loops that are being sliced, innermost last.
    loops: Vec<Slicing>,
    vars: &'a mut SlicedVars,
}

impl<'a> Pusher<'a> {
    fn new(
        g: &Graph,
        cost: NodeId,
        (by, others): (&[NodeId], &[NodeId]),
        constants: &FxHashSet<NodeId>,
        vars: &'a mut SlicedVars,
    ) -> Pusher<'a> {
        let order = reachable(g, &[cost]);
        let mut active = FxHashSet::default();
        for &id in &order {
            let target = by.contains(&id) || others.contains(&id);
            if target || g.node(id).inputs.iter().any(|input| active.contains(input)) {
                active.insert(id);
            }
        }
        active.retain(|id| !by.contains(id));
        let (outer, constants) = (g.node(cost).free.clone(), constants.clone());
        Pusher { active, outer, constants, memo: FxHashMap::default(), loops: Vec::new(), vars }
    }

    /// Whether a node is in the body of a loop that is being sliced.
    fn is_inside(&self, g: &Graph, id: NodeId) -> bool {
        self.loops.iter().any(|slicing| slicing.holds(g, id))
    }

    /// Whether a scalar names an example: made of outer generator variables, without reading data.
    fn names_example(&self, g: &Graph, index: NodeId) -> bool {
        if self.constants.contains(&index) {
            return true;
        }
        is_example(g, index, &self.outer)
    }

    /// Rebuilds the cost, pushing at every gather by an example's index.
    fn rewrite(&mut self, g: &mut Graph, cost: NodeId) -> NodeId {
        self.rebuilt(
            g,
            cost,
            |pusher, _, id| pusher.active.contains(&id),
            |pusher, new| {
                pusher.active.insert(new);
            },
        )
    }

    /// Rebuilds some of the nodes that a root needs, pushing at every gather; says which of them are new.
    fn rebuilt(
        &mut self,
        g: &mut Graph,
        root: NodeId,
        which: impl Fn(&Self, &Graph, NodeId) -> bool,
        is_new: impl Fn(&mut Self, NodeId),
    ) -> NodeId {
        let mut map: FxHashMap<NodeId, NodeId> = FxHashMap::default();
        for id in reachable(g, &[root]) {
            if !which(self, g, id) {
                continue;
            }
            let node = g.node(id).clone();
            g.span = node.span;
            let inputs: Vec<NodeId> = node.inputs.iter().map(|x| map.get(x).copied().unwrap_or(*x)).collect();
            let new = match &node.op {
                Op::Gather { axes } => self.gather(g, axes, &inputs),
                Op::Map(op) => g.map(op, &inputs),
                op => g.add(op.clone(), inputs, node.ty),
            };
            if new != id {
                is_new(self, new);
            }
            map.insert(id, new);
        }
        map.get(&root).copied().unwrap_or(root)
    }

    fn gather(&mut self, g: &mut Graph, axes: &[usize], inputs: &[NodeId]) -> NodeId {
        let (mut x, mut left) = (inputs[0], Vec::new());
        let scalar = g.ty(inputs[1]).rank() == 0;
        // From the last axis on, so that dropping one does not move the others.
        for (&axis, &index) in axes.iter().zip(&inputs[1..]).rev() {
            let pushed = self.active.contains(&x) || self.is_inside(g, x);
            if scalar && pushed && self.names_example(g, index) {
                x = self.push(g, x, axis, index);
                for (later, _) in &mut left {
                    *later -= 1;
                }
                self.active.insert(x);
            } else {
                left.push((axis, index));
            }
        }
        left.reverse();
        if left.is_empty() {
            return x;
        }
        let (axes, indexes): (Vec<usize>, Vec<NodeId>) = left.into_iter().unzip();
        g.gather(x, &axes, &indexes)
    }

    /// The node at `index` of `axis`, as near to the inputs as the operators allow.
    fn push(&mut self, g: &mut Graph, id: NodeId, axis: usize, index: NodeId) -> NodeId {
        let key = (id, axis, index);
        if let Some(&known) = self.memo.get(&key) {
            return known;
        }
        let span = g.span;
        g.span = g.node(id).span;
        let pushed = if self.active.contains(&id) || self.is_inside(g, id) {
            stacker::maybe_grow(STACK.0, STACK.1, || self.through(g, id, axis, index))
        } else {
            None
        };
        let result = match pushed {
            Some(node) => node,
            None => match &g.node(id).op {
                // Data that is repeated, not read: no need for a gather.
                Op::Broadcast { .. } => {
                    rules::index(g, id, axis, index, &mut |g, x, axis, index| g.gather(x, &[axis], &[index]))
                        .unwrap_or_else(|| g.gather(id, &[axis], &[index]))
                }
                _ => g.gather(id, &[axis], &[index]),
            },
        };
        g.span = span;
        self.memo.insert(key, result);
        result
    }

    fn through(&mut self, g: &mut Graph, id: NodeId, axis: usize, index: NodeId) -> Option<NodeId> {
        match g.node(id).op {
            Op::State(_) => self.sliced_state(g, id, axis, index),
            Op::Final(_) => self.behind_loop(g, id, axis, index),
            _ => rules::index(g, id, axis, index, &mut |g, x, axis, index| self.push(g, x, axis, index)),
        }
    }
}
