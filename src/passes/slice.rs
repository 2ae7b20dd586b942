//! Slicing: the index of an example is pushed from the cost to the inputs, under every derivative.
//!
//! In: a graph with derivatives of `c[i]`. Out: the same graph, where they see a clone of `c`'s graph for example `i` alone.
//! Always holds: only indexes made of generator variables are pushed, never an index read from data.

use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{Graph, NodeId, Op, reachable};
use crate::ops::rules;
use rustc_hash::{FxHashMap, FxHashSet};

/// Stack for one level of pushing; deep programs get more on the way.
const STACK: (usize, usize) = (128 * 1024, 4 * 1024 * 1024);

/// How often the result of pushing is pushed again (an index can uncover another one).
const ROUNDS: usize = 64;

/// Slices what every derivative is of. Warns where examples are tied together.
pub fn slice(graph: &Graph, warnings: &mut Vec<Box<Diagnostic>>) -> Graph {
    graph.rewrite(|copier, next, id| {
        let node = graph.node(id);
        let Some((cost, by)) = node.derivative() else { return copier.copy(next, id) };
        let by: Vec<NodeId> = by.into_iter().filter_map(|by| copier.get(by)).collect();
        let (Some(cost), mut inputs) = (copier.get(cost), copier.inputs(id)) else { return copier.copy(next, id) };
        let sliced = slice_cost(next, cost, &by);
        let warning = tie(next, sliced, &by).map(|tie| tied(next, tie));
        warnings.extend(warning.filter(|warning| !warnings.contains(warning)));
        if let Some(cost) = inputs.first_mut() {
            *cost = sliced;
        }
        next.span = node.span;
        next.add(node.op.clone(), inputs, node.ty.clone())
    })
}

/// The value that ties one example of a derivative to the others, in a graph whose derivatives are sliced.
pub fn tied_by(graph: &Graph, derivative: NodeId) -> Option<NodeId> {
    let (value, by) = graph.node(derivative).derivative()?;
    tie(graph, value, &by)
}

/// The cost with the indexes of examples pushed to the inputs, as far as it depends on `by`.
pub(super) fn slice_cost(g: &mut Graph, cost: NodeId, by: &[NodeId]) -> NodeId {
    let constants = constant_index(g, cost);
    let mut cost = cost;
    for _ in 0..ROUNDS {
        let mut pusher = Pusher::new(g, cost, by, &constants);
        let next = pusher.rewrite(g, cost);
        if next == cost {
            break;
        }
        cost = next;
    }
    cost
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
    let ties = |id: &NodeId| active.contains(id) && whole.contains(id);
    order.iter().filter(|id| sliced(id)).flat_map(|id| g.node(*id).inputs.clone()).find(ties)
}

fn tied(g: &Graph, tie: NodeId) -> Box<Diagnostic> {
    Diagnostic::warning(codes::TIED_EXAMPLES, g.node(tie).span, "examples are tied together by this value")
        .at("it is computed from the whole batch, so one example's gradient passes through every example")
        .note("the result is right; it costs one more pass over the batch, in time and memory, for each such value")
        .help("write stop_gradient(…) around it if the statistic is meant to count as constant")
}

/// `grad(c[3], p)`: the constant indexes of the cost itself name an example too.
fn constant_index(g: &Graph, cost: NodeId) -> FxHashSet<NodeId> {
    match &g.node(cost).op {
        Op::Checkpoint => g.node(cost).inputs.first().map_or_else(FxHashSet::default, |cost| constant_index(g, *cost)),
        Op::Gather { .. } => {
            let indexes = &g.node(cost).inputs[1..];
            indexes.iter().copied().filter(|&index| g.as_size(index).is_some()).collect()
        }
        _ => FxHashSet::default(),
    }
}

struct Pusher {
    /// Nodes that depend on what is differentiated by: only these are worth slicing.
    active: FxHashSet<NodeId>,
    /// The variables of the generators around the derivative.
    outer: Vec<crate::graph::VarId>,
    constants: FxHashSet<NodeId>,
    memo: FxHashMap<(NodeId, usize, NodeId), NodeId>,
}

impl Pusher {
    fn new(g: &Graph, cost: NodeId, by: &[NodeId], constants: &FxHashSet<NodeId>) -> Pusher {
        let mut active = FxHashSet::default();
        for id in reachable(g, &[cost]) {
            if by.contains(&id) || g.node(id).inputs.iter().any(|input| active.contains(input)) {
                active.insert(id);
            }
        }
        active.retain(|id| !by.contains(id));
        Pusher { active, outer: g.node(cost).free.clone(), constants: constants.clone(), memo: FxHashMap::default() }
    }

    /// Whether a scalar names an example: made of outer generator variables, without reading data.
    fn names_example(&self, g: &Graph, index: NodeId) -> bool {
        if self.constants.contains(&index) {
            return true;
        }
        let free = &g.node(index).free;
        let pure = |id: &NodeId| matches!(g.node(*id).op, Op::Var(_) | Op::Const(_) | Op::Size(_) | Op::Map(_));
        g.ty(index).rank() == 0
            && !free.is_empty()
            && free.iter().all(|var| self.outer.contains(var))
            && reachable(g, &[index]).iter().all(pure)
    }

    /// Rebuilds the cost, pushing at every gather by an example's index.
    fn rewrite(&mut self, g: &mut Graph, cost: NodeId) -> NodeId {
        let mut map: FxHashMap<NodeId, NodeId> = FxHashMap::default();
        for id in reachable(g, &[cost]) {
            if !self.active.contains(&id) {
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
                self.active.insert(new);
            }
            map.insert(id, new);
        }
        map.get(&cost).copied().unwrap_or(cost)
    }

    fn gather(&mut self, g: &mut Graph, axes: &[usize], inputs: &[NodeId]) -> NodeId {
        let (mut x, mut left) = (inputs[0], Vec::new());
        let scalar = g.ty(inputs[1]).rank() == 0;
        // From the last axis on, so that dropping one does not move the others.
        for (&axis, &index) in axes.iter().zip(&inputs[1..]).rev() {
            if scalar && self.active.contains(&x) && self.names_example(g, index) {
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
        let pushed = if self.active.contains(&id) {
            stacker::maybe_grow(STACK.0, STACK.1, || {
                rules::index(g, id, axis, index, &mut |g, x, axis, index| self.push(g, x, axis, index))
            })
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
}
