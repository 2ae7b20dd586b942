//! Batching: builders over an index variable become operators on whole arrays.
//!
//! In: a graph with `build` nodes. Out: the same without them, wherever every operator of the body has a batching rule.
//! Always holds: sums over examples are pushed into the operators first, so that what is linear is never stacked.

mod looping;

use crate::graph::{Graph, NodeId, Op, VarId};
use crate::ops::indexing::sum_of_scatters;
use crate::ops::reduction::SUM;
use crate::ops::rules::Batched;
use looping::Loops;
use rustc_hash::FxHashMap;

const STACK: (usize, usize) = (128 * 1024, 4 * 1024 * 1024);

/// Batches every builder, innermost first.
pub fn batch(graph: &Graph) -> Graph {
    let mut batcher = Batcher::default();
    graph.rewrite(|copier, next, id| {
        let node = graph.node(id);
        let inputs = copier.inputs(id);
        match &node.op {
            Op::Build(var) => batcher.stacked(next, inputs[0], *var).unwrap_or_else(|| copier.copy(next, id)),
            Op::Reduce { kind, axes } if **kind == SUM && axes == &[0] => match graph.node(node.inputs[0]).op {
                Op::Build(var) => {
                    let body = graph.node(node.inputs[0]).inputs[0];
                    let body = copier.get(body).unwrap_or(inputs[0]);
                    batcher.summed(next, body, var).unwrap_or_else(|| next.sum(inputs[0], axes))
                }
                _ => next.sum(inputs[0], axes),
            },
            Op::Map(op) => next.map(op, &inputs),
            _ => copier.copy(next, id),
        }
    })
}

/// Makes operators on whole arrays of what depends on an index variable.
#[derive(Default)]
pub(super) struct Batcher {
    memo: FxHashMap<(VarId, NodeId), Batched>,
    loops: Loops,
}

impl Batcher {
    /// The values of `body` for every value of the variable, along a new leading axis.
    pub(super) fn stacked(&mut self, g: &mut Graph, body: NodeId, var: VarId) -> Option<NodeId> {
        let n = g.var(var).extent.clone();
        let batched = self.batched(g, body, var)?;
        Some(batched.repeated(g, &n))
    }

    fn batched(&mut self, g: &mut Graph, body: NodeId, var: VarId) -> Option<Batched> {
        if !g.depends_on(body, var) {
            return Some(Batched::Shared(body));
        }
        self.visit(g, &[body], var)?;
        self.memo.get(&(var, body)).copied()
    }

    fn operand(&self, g: &Graph, id: NodeId, var: VarId) -> Batched {
        if g.depends_on(id, var) || self.loops.varies(g, id) {
            self.memo.get(&(var, id)).copied().unwrap_or(Batched::Shared(id))
        } else {
            Batched::Shared(id)
        }
    }

    /// The sum of `body` over every value of the variable.
    fn summed(&mut self, g: &mut Graph, body: NodeId, var: VarId) -> Option<NodeId> {
        stacker::maybe_grow(STACK.0, STACK.1, || self.summed_inner(g, body, var))
    }

    fn summed_inner(&mut self, g: &mut Graph, body: NodeId, var: VarId) -> Option<NodeId> {
        let n = g.var(var).extent.clone();
        if !g.depends_on(body, var) {
            let count = g.size_value(&n);
            let count = g.cast(count, g.ty(body).dtype);
            return Some(g.times(count, body));
        }
        let node = g.node(body).clone();
        match (&node.op, node.inputs.as_slice()) {
            (Op::Map(op), [a, b]) if matches!(op.name, "add" | "subtract") => {
                let (a, b) = (self.summed(g, *a, var)?, self.summed(g, *b, var)?);
                Some(g.map(op, &[a, b]))
            }
            (Op::Map(op), [a]) if op.name == "negate" => {
                let a = self.summed(g, *a, var)?;
                Some(g.map(op, &[a]))
            }
            (Op::Broadcast { axes }, [x]) => {
                let x = self.summed(g, *x, var)?;
                Some(g.broadcast(x, axes, &node.ty.shape))
            }
            (Op::Transpose { perm }, [x]) => {
                let x = self.summed(g, *x, var)?;
                Some(g.transpose(x, perm))
            }
            (Op::Reshape, [x]) => {
                let x = self.summed(g, *x, var)?;
                Some(g.reshape(x, &node.ty.shape))
            }
            // A linear operator on one example rounds to 16 bits what the sum over all takes exactly.
            (Op::Cast, _) if g.unrounded(body).is_some_and(|exact| is_pushed_through(g, exact)) => {
                let exact = g.unrounded(body)?;
                self.summed(g, exact, var)
            }
            (Op::ScatterAdd { axes }, inputs) => {
                self.batched(g, body, var)?;
                let operands: Vec<Batched> = inputs.iter().map(|x| self.operand(g, *x, var)).collect();
                Some(sum_of_scatters(g, &node.ty.shape, &n, axes, &operands))
            }
            _ => {
                let stacked = self.stacked(g, body, var)?;
                Some(g.sum(stacked, &[0]))
            }
        }
    }
}

/// Whether a sum over examples is pushed into the operator, so that its values per example are never stacked.
fn is_pushed_through(g: &Graph, id: NodeId) -> bool {
    matches!(g.node(id).op, Op::Broadcast { .. } | Op::Transpose { .. } | Op::Reshape | Op::ScatterAdd { .. })
}
