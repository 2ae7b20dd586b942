//! Accumulation: what a loop only adds up, or only puts in its place, becomes a reduction over a builder or the builder.
//!
//! In: a graph with loops such as `for i in 0:n { g += grad(c[i], W)^2 }` and `fold((s, i) -> s + …, init, …)`. Out: the
//! same graph, where sums and extrema of derivatives are written as `mean(grad(c[i], W)^2 for i in 0:n)` is.
//! Always holds: a loop whose iterations depend on each other is left as it is; so is one of plain numbers, whose order of
//! summation the program has chosen.

use crate::graph::{Binder, Constant, Graph, NodeId, Op, VarId};
use crate::ops::Reduction;
use crate::ops::elementwise::{NEGATE, WHERE};
use crate::ops::reduction::{MAX, MIN};
use rustc_hash::{FxHashMap, FxHashSet};

/// Rewrites every loop over derivatives whose states are sums, extrema or rows, each by itself.
pub fn accumulate(graph: &Graph) -> Graph {
    let derived = derived(graph);
    if !graph.ids().any(|id| matches!(graph.node(id).op, Op::Loop(_)) && derived.contains(&id)) {
        return graph.clone();
    }
    // What each loop that is gone has left behind: its states, and its checks as builders.
    let mut states: FxHashMap<NodeId, Vec<NodeId>> = FxHashMap::default();
    let mut checks: FxHashMap<NodeId, Vec<NodeId>> = FxHashMap::default();
    let mut is_derived: FxHashSet<NodeId> = FxHashSet::default();
    let mut next = graph.rewrite(|copier, next, id| {
        let inputs = copier.inputs(id);
        let made = match (&graph.node(id).op, graph.node(id).inputs.as_slice()) {
            (Op::Loop(binder), _) => {
                let inputs = with_checks(binder, &inputs, &checks);
                let gone = if derived.contains(&id) { Sums::of(next, binder, &inputs, &is_derived) } else { None };
                match gone {
                    Some(gone) => {
                        states.insert(id, gone.states);
                        checks.insert(gone.count, gone.checks);
                        gone.count
                    }
                    None => next.add_loop(binder.clone(), inputs),
                }
            }
            (Op::Final(position), [of]) => match states.get(of).and_then(|states| states.get(*position)) {
                Some(state) => *state,
                None => copier.copy(next, id),
            },
            (Op::Map(op), _) => next.map(op, &inputs),
            (Op::Gather { axes }, _) => next.gather(inputs[0], axes, &inputs[1..]),
            _ => copier.copy(next, id),
        };
        if derived.contains(&id) {
            is_derived.insert(made);
        }
        made
    });
    let kept = std::mem::take(&mut next.checks);
    next.checks = kept.into_iter().flat_map(|check| checks.get(&check).cloned().unwrap_or(vec![check])).collect();
    next
}

/// Nodes that are made of derivatives.
fn derived(graph: &Graph) -> FxHashSet<NodeId> {
    let mut derived: FxHashSet<NodeId> = FxHashSet::default();
    for id in graph.ids() {
        let node = graph.node(id);
        if node.derivative().is_some() || node.inputs.iter().any(|x| derived.contains(x)) {
            derived.insert(id);
        }
    }
    derived
}

/// The operands of a loop, where the checks of loops inside that are gone stand for these.
fn with_checks(binder: &Binder, inputs: &[NodeId], gone: &FxHashMap<NodeId, Vec<NodeId>>) -> Vec<NodeId> {
    let at = inputs.len().min(2 + 2 * binder.states.len());
    let (parts, checks) = inputs.split_at(at);
    let checks = checks.iter().flat_map(|check| gone.get(check).cloned().unwrap_or(vec![*check]));
    parts.iter().copied().chain(checks).collect()
}

/// What stands for a loop: the number of its iterations, its states behind it, its checks.
struct Sums {
    count: NodeId,
    states: Vec<NodeId>,
    checks: Vec<NodeId>,
}

/// How a state changes from one iteration to the next.
enum Change {
    /// Nothing, or by addends; a sign is minus if it is true.
    Sum(Vec<(bool, NodeId)>),
    /// To the larger or smaller of itself and a value.
    Extremum(&'static Reduction, NodeId),
    /// Row by row, in their order.
    Rows(NodeId),
}

impl Sums {
    /// `None` for a loop that has to stay.
    fn of(g: &mut Graph, binder: &Binder, inputs: &[NodeId], derived: &FxHashSet<NodeId>) -> Option<Sums> {
        let parts = binder.parts(inputs)?;
        if g.as_constant(parts.again) != Some(Constant::Bool(true)) || !runs_over(g, binder.counter, parts.limit) {
            return None;
        }
        let apart = |g: &Graph, id: NodeId| !binder.states.iter().any(|state| g.depends_on(id, *state));
        if !parts.checks.iter().all(|check| apart(g, *check)) {
            return None;
        }
        let changes: Vec<Change> = binder
            .states
            .iter()
            .zip(parts.next)
            .map(|(state, next)| Change::of(g, binder, *state, *next))
            .collect::<Option<_>>()?;
        if !changes.iter().flat_map(Change::values).any(|value| derived.contains(&value)) {
            return None;
        }
        let counter = binder.counter;
        let states = changes.iter().zip(parts.first).map(|(change, first)| change.behind(g, *first, counter)).collect();
        let checks = parts.checks.iter().map(|check| g.build(counter, *check)).collect();
        Some(Sums { count: parts.limit, states, checks })
    }
}

/// Whether the limit is the extent that the counter is known to have, if there are iterations at all.
fn runs_over(g: &mut Graph, counter: VarId, limit: NodeId) -> bool {
    let extent = g.var(counter).extent.clone();
    let count = g.size_value(&extent);
    let node = g.node(limit);
    limit == count || matches!(&node.op, Op::Map(op) if op.name == "maximum" && node.inputs.contains(&count))
}

impl Change {
    fn of(g: &mut Graph, binder: &Binder, state: VarId, next: NodeId) -> Option<Change> {
        let known = |g: &Graph, id: NodeId| matches!(g.node(id).op, Op::State(var) if var == state);
        let apart = |g: &Graph, id: NodeId| !binder.states.iter().any(|other| g.depends_on(id, *other));
        let node = g.node(next).clone();
        match (&node.op, node.inputs.as_slice()) {
            (Op::Map(op), &[a, b]) if matches!(op.name, "maximum" | "minimum") => {
                let value = if known(g, a) { b } else { a };
                let kind = if op.name == "maximum" { &MAX } else { &MIN };
                let fits = (known(g, a) || known(g, b)) && apart(g, value);
                fits.then_some(Change::Extremum(kind, value))
            }
            (Op::Update { axes, adds: false }, &[array, values, guard, index]) => {
                let whole = g.as_constant(guard) == Some(Constant::Bool(true))
                    && axes == &[0]
                    && g.node(index).op == Op::Var(binder.counter)
                    && g.shape(array).first() == Some(&g.var(binder.counter).extent);
                (whole && known(g, array) && apart(g, values)).then_some(Change::Rows(values))
            }
            _ => {
                let mut addends = Vec::new();
                addends_of(g, next, &known, &apart, &mut addends).then_some(Change::Sum(addends))
            }
        }
    }

    fn values(&self) -> Vec<NodeId> {
        match self {
            Change::Sum(addends) => addends.iter().map(|(_, addend)| *addend).collect(),
            Change::Extremum(_, value) | Change::Rows(value) => vec![*value],
        }
    }

    /// The state behind the loop.
    fn behind(&self, g: &mut Graph, first: NodeId, counter: VarId) -> NodeId {
        match self {
            Change::Sum(addends) => {
                let signed = |g: &mut Graph, (minus, addend): (bool, NodeId)| {
                    if minus { g.map(&NEGATE, &[addend]) } else { addend }
                };
                let Some((&one, more)) = addends.split_first() else { return first };
                let mut total = signed(g, one);
                for &addend in more {
                    let addend = signed(g, addend);
                    total = g.plus(total, addend);
                }
                let all = g.build(counter, total);
                let sum = g.sum(all, &[0]);
                // Zeros that a sum begins with are no addend.
                if g.as_constant(first).is_some_and(|zero| zero.as_f64() == 0.0) { sum } else { g.plus(first, sum) }
            }
            Change::Extremum(kind, value) => {
                let all = g.build(counter, *value);
                let best = g.reduce(kind, all, &[0]);
                g.map(kind.combine, &[first, best])
            }
            Change::Rows(value) => g.build(counter, *value),
        }
    }
}

/// The addends by which a value differs from the state; false if it is no such sum.
fn addends_of(
    g: &mut Graph,
    id: NodeId,
    known: &dyn Fn(&Graph, NodeId) -> bool,
    apart: &dyn Fn(&Graph, NodeId) -> bool,
    addends: &mut Vec<(bool, NodeId)>,
) -> bool {
    if known(g, id) {
        return true;
    }
    let node = g.node(id).clone();
    let Op::Map(op) = node.op else { return false };
    match (op.name, node.inputs.as_slice()) {
        ("add", &[a, b]) => {
            let (state, addend) = if apart(g, b) { (a, b) } else { (b, a) };
            addends.push((false, addend));
            apart(g, addend) && addends_of(g, state, known, apart, addends)
        }
        ("subtract", &[a, b]) => {
            addends.push((true, b));
            apart(g, b) && addends_of(g, a, known, apart, addends)
        }
        // A branch that adds nothing.
        ("where", &[condition, a, b]) if apart(g, condition) && (known(g, a) || known(g, b)) => {
            let (changed, kept_where) = if known(g, b) { (a, false) } else { (b, true) };
            let mut inner = Vec::new();
            let fits = addends_of(g, changed, known, apart, &mut inner);
            for (minus, addend) in inner {
                let zero = g.full_like(addend, 0.0);
                let branches = if kept_where { [condition, zero, addend] } else { [condition, addend, zero] };
                addends.push((minus, g.map(&WHERE, &branches)));
            }
            fits
        }
        _ => false,
    }
}
