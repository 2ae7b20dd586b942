//! Sums of products behind the loop: what a gradient adds up step by step is kept for all steps and multiplied at once.
//!
//! In: what an iteration backwards adds to the sum for a value outside. Out: what is left to add in the iteration, and what
//! is added behind the loop: contractions over all iterations of what the iteration multiplied.
//! Always holds: what is kept of an iteration is smaller than the product that it makes; values that a loop reads row by
//! row are not kept again.

use super::looping::{Carried, Parts};
use super::record;
use crate::graph::{Constant, Graph, NodeId, Op, Size, Type, VarId};
use crate::ops::Labels;
use crate::passes::contract::expands;
use rustc_hash::FxHashMap;

/// How deep a sum is searched for products.
const DEPTH: usize = 16;

/// The iterations backwards.
pub(super) struct Iterations {
    /// The number of the iteration forwards that is gone back through.
    pub at: NodeId,
    /// How many there are.
    pub size: Size,
    /// Whether the loop is run for one of many examples.
    pub of_example: bool,
    /// Arrays of what was kept, by what they are made of: their position among the states.
    kept: FxHashMap<NodeId, usize>,
}

/// An operand for all iterations.
#[derive(Clone, Copy)]
enum Source {
    /// An array, and its axis of iterations if it has one.
    Outside(NodeId, Option<usize>),
    /// A state of the loop backwards, which has the iterations in front.
    Kept(usize),
}

/// What is added behind a loop.
enum Addend {
    /// A contraction over the iterations, or one for each of them.
    Product { sources: Vec<Source>, operands: Vec<Labels>, result: Labels, each: bool },
    /// Values put at places.
    Scattered { sources: Vec<Source>, axes: Vec<usize> },
}

/// Something that is added behind a loop, and how it is moved then: operators and types, the innermost first.
pub(super) struct Postponed {
    addend: Addend,
    moves: Vec<(Op, Type)>,
}

impl Iterations {
    pub(super) fn new(at: NodeId, size: Size, of_example: bool) -> Iterations {
        Iterations { at, size, of_example, kept: FxHashMap::default() }
    }

    /// What an iteration still adds to `sum` if it is to be `next`, without what is postponed.
    pub(super) fn postpone(
        &mut self,
        g: &mut Graph,
        back: &mut Parts,
        (sum, next): (NodeId, NodeId),
        postponed: &mut Vec<Postponed>,
    ) -> NodeId {
        self.without(g, back, (sum, next), postponed, DEPTH).unwrap_or(next)
    }

    fn without(
        &mut self,
        g: &mut Graph,
        back: &mut Parts,
        (sum, next): (NodeId, NodeId),
        postponed: &mut Vec<Postponed>,
        depth: usize,
    ) -> Option<NodeId> {
        if depth == 0 {
            return None;
        }
        let node = g.node(next).clone();
        match (&node.op, node.inputs.as_slice()) {
            (Op::Map(op), &[a, b]) if op.name == "add" => {
                let (total, part) = if holds(g, a, sum) { (a, b) } else { (b, a) };
                if !holds(g, total, sum) || holds(g, part, sum) {
                    return None;
                }
                let total = self.without(g, back, (sum, total), postponed, depth - 1).unwrap_or(total);
                match self.product(g, back, part, Vec::new()) {
                    Some(more) => postponed.push(more),
                    None => return Some(g.plus(total, part)),
                }
                Some(total)
            }
            (Op::Update { axes, adds: true }, [total, values, guard, indexes @ ..]) => {
                let sure = g.as_constant(*guard) == Some(Constant::Bool(true));
                if !sure || [&[*values], indexes].concat().iter().any(|id| holds(g, *id, sum)) {
                    return None;
                }
                let rows = axes == &[0] && *indexes == [self.at] && g.shape(sum).first() == Some(&self.size);
                let total = self.without(g, back, (sum, *total), postponed, depth - 1).unwrap_or(*total);
                let more = match rows {
                    true => self.row(g, back, *values),
                    false => self.scattered(g, back, *values, indexes, axes),
                };
                match more {
                    Some(more) => postponed.push(more),
                    None => return Some(g.update_add(total, *values, axes, indexes)),
                }
                Some(total)
            }
            _ => None,
        }
    }

    /// An outer product, moved in some way or not.
    fn product(
        &mut self,
        g: &mut Graph,
        back: &mut Parts,
        part: NodeId,
        mut moves: Vec<(Op, Type)>,
    ) -> Option<Postponed> {
        let node = g.node(part).clone();
        match (&node.op, node.inputs.as_slice()) {
            (Op::Transpose { .. } | Op::Reshape | Op::Place { .. }, [x]) => {
                if g.size_values(part).iter().any(|size| changes(g, back, *size)) {
                    return None;
                }
                moves.insert(0, (node.op.clone(), node.ty.clone()));
                self.product(g, back, *x, moves)
            }
            (Op::Contract { operands, result }, inputs) if expands(operands, result) && result.len() > 1 => {
                if !inputs.iter().any(|x| changes(g, back, *x)) {
                    return None;
                }
                let sources = inputs.iter().map(|x| self.source(g, back, *x)).collect::<Option<_>>()?;
                let addend =
                    Addend::Product { sources, operands: operands.clone(), result: result.clone(), each: false };
                Some(Postponed { addend, moves })
            }
            _ => None,
        }
    }

    /// An outer product that each iteration adds to the row of its own number.
    fn row(&mut self, g: &mut Graph, back: &mut Parts, values: NodeId) -> Option<Postponed> {
        if !matches!(g.node(values).op, Op::Contract { .. }) {
            return None;
        }
        let mut row = self.product(g, back, values, Vec::new())?;
        if let Addend::Product { each, .. } = &mut row.addend {
            *each = true;
        }
        Some(row)
    }

    /// Values that each iteration puts at places of its own, for one of many examples. Where the places are counted, they
    /// are put there at once.
    fn scattered(
        &mut self,
        g: &mut Graph,
        back: &mut Parts,
        values: NodeId,
        indexes: &[NodeId],
        axes: &[usize],
    ) -> Option<Postponed> {
        let counted = indexes.contains(&self.at);
        if !self.of_example || counted || !indexes.iter().any(|index| changes(g, back, *index)) {
            return None;
        }
        let all: Vec<NodeId> = indexes.iter().copied().chain([values]).collect();
        let sources = all.iter().map(|x| self.source(g, back, *x)).collect::<Option<_>>()?;
        Some(Postponed { addend: Addend::Scattered { sources, axes: axes.to_vec() }, moves: Vec::new() })
    }

    /// A value of an iteration, for all of them.
    fn source(&mut self, g: &mut Graph, back: &mut Parts, value: NodeId) -> Option<Source> {
        if !changes(g, back, value) {
            return Some(Source::Outside(value, None));
        }
        if g.size_values(value).iter().any(|size| changes(g, back, *size)) {
            return None;
        }
        let node = g.node(value);
        if let (Op::Gather { axes }, &[x, index]) = (&node.op, node.inputs.as_slice())
            && let (&[axis], true, false) = (axes.as_slice(), index == self.at, changes(g, back, x))
            && g.shape(x).get(axis) == Some(&self.size)
        {
            return Some(Source::Outside(x, Some(axis)));
        }
        if let Some(position) = self.kept.get(&value) {
            return Some(Source::Kept(*position));
        }
        let ty = g.ty(value).clone();
        let (var, before, first) = record::log(g, "kept", &ty, &self.size);
        let next = record::append(g, before, value, self.at);
        let position = back.carry(Carried { var, first, next });
        self.kept.insert(value, position);
        Some(Source::Kept(position))
    }
}

impl Postponed {
    /// The sum with this, behind the loop.
    pub(super) fn added(&self, g: &mut Graph, looped: NodeId, size: &Size, total: NodeId) -> NodeId {
        let part = match &self.addend {
            Addend::Product { sources, operands, result, each } => {
                let over = operands.iter().flatten().max().map_or(0, |label| label.saturating_add(1));
                let mut factors = Vec::new();
                for (source, labels) in sources.iter().zip(operands) {
                    let (node, axis) = source.node(g, looped);
                    let mut labels = labels.clone();
                    if let Some(axis) = axis {
                        labels.insert(axis.min(labels.len()), over);
                    }
                    factors.push((node, labels));
                }
                let mut kept = if *each { vec![over] } else { Labels::new() };
                kept.extend(result);
                g.contract(&factors, &kept)
            }
            Addend::Scattered { sources, axes } => {
                let mut all: Vec<NodeId> = sources.iter().map(|source| source.repeated(g, looped, size)).collect();
                let Some(values) = all.pop() else { return total };
                if is_zero(g, total) {
                    let shape = g.shape(total).to_vec();
                    return g.scatter_add(&shape, axes, &all, values);
                }
                return g.update_add(total, values, axes, &all);
            }
        };
        let moved = self.moves.iter().fold(part, |x, (op, ty)| g.add(op.clone(), vec![x], ty.clone()));
        if is_zero(g, total) { moved } else { g.plus_sharing(total, moved) }
    }
}

impl Source {
    fn node(&self, g: &mut Graph, looped: NodeId) -> (NodeId, Option<usize>) {
        match *self {
            Source::Outside(id, axis) => (id, axis),
            Source::Kept(position) => (g.last(looped, position), Some(0)),
        }
    }

    /// With the axis of iterations in front in any case.
    fn repeated(&self, g: &mut Graph, looped: NodeId, size: &Size) -> NodeId {
        match self.node(g, looped) {
            (id, Some(axis)) => g.move_axis(id, axis, 0),
            (id, None) => {
                let shape: Vec<Size> = std::iter::once(size.clone()).chain(g.shape(id).iter().cloned()).collect();
                let axes: Vec<usize> = (1..shape.len()).collect();
                g.broadcast(id, &axes, &shape)
            }
        }
    }
}

fn is_zero(g: &Graph, id: NodeId) -> bool {
    g.as_constant(id).is_some_and(|value| value.as_f64() == 0.0)
}

/// Whether a node is made of the state.
fn holds(g: &Graph, id: NodeId, sum: NodeId) -> bool {
    let Op::State(var) = g.node(sum).op else { return false };
    g.depends_on(id, var)
}

/// Whether a node changes from one iteration to the next.
fn changes(g: &Graph, back: &Parts, id: NodeId) -> bool {
    let free: &[VarId] = &g.node(id).free;
    back.binder.vars().any(|var| free.contains(&var))
}
