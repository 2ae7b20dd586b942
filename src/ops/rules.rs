//! The rules of every operator, looked up by family: derivative, indexing, batching.
//!
//! In: a node and what is asked of it. Out: new nodes of the same graph.
//! Always holds: a pass that needs a rule asks here, and knows no operator by name.

use super::elementwise::{self, Derivative, Partial};
use super::{contraction, indexing, movement, reduction, routine};
use crate::graph::{Graph, NodeId, Op, Size};

/// The cotangent of a value: what multiplies its change in the result.
#[derive(Clone, Copy, Debug)]
pub struct Cotangent {
    /// The array, of the value's shape.
    pub node: NodeId,
    /// Whether zeros in it are cuts made by `where`, which no infinity behind them may undo.
    pub masked: bool,
}

/// Asks for an operand at an index of one of its axes.
pub type IndexRule<'a> = dyn FnMut(&mut Graph, NodeId, usize, NodeId) -> NodeId + 'a;

/// An operand of a node that is being batched.
#[derive(Clone, Copy, Debug)]
pub enum Batched {
    /// One value for every example.
    Shared(NodeId),
    /// A value per example, along a new leading axis.
    Stacked(NodeId),
}

impl Batched {
    /// With the leading axis, in either case.
    pub fn repeated(&self, g: &mut Graph, n: &Size) -> NodeId {
        match *self {
            Batched::Stacked(id) => id,
            Batched::Shared(id) => {
                let mut shape = vec![n.clone()];
                shape.extend(g.shape(id).iter().cloned());
                let axes: Vec<usize> = (1..shape.len()).collect();
                g.broadcast(id, &axes, &shape)
            }
        }
    }

    /// Whether it has a value per example.
    pub fn is_stacked(&self) -> bool {
        matches!(self, Batched::Stacked(_))
    }
}

/// Why a node cannot be differentiated.
pub struct NoDerivative(pub String);

/// The cotangents of a node's operands, given the node's own; `None` for an operand with no influence.
pub fn vjp(g: &mut Graph, id: NodeId, ct: Cotangent) -> Result<Vec<Option<Cotangent>>, NoDerivative> {
    let node = g.node(id).clone();
    Ok(match &node.op {
        Op::Map(op) => match op.derivative {
            Derivative::Zero => vec![None; node.inputs.len()],
            Derivative::None(reason) => return Err(NoDerivative(format!("`{}` {reason}", op.name))),
            Derivative::Rule(rule) => {
                let partials = rule(g, &node.inputs, id);
                partials.into_iter().map(|partial| elementwise_vjp(g, partial, ct)).collect()
            }
        },
        Op::Cast => {
            let x = node.inputs[0];
            let dtype = g.ty(x).dtype;
            let back = (dtype.is_float() && node.ty.dtype.is_float()).then(|| g.cast(ct.node, dtype));
            vec![back.map(|node| Cotangent { node, ..ct })]
        }
        Op::Mark(_) => vec![Some(ct)],
        Op::Reduce { .. } => reduction::vjp(g, id, ct),
        Op::Contract { .. } => contraction::vjp(g, id, ct),
        Op::Gather { .. } | Op::ScatterAdd { .. } | Op::Build(_) => indexing::vjp(g, id, ct),
        Op::Update { .. } => indexing::update_vjp(g, id, ct),
        Op::Loop(_) | Op::Final(_) => return Err(NoDerivative("a loop has no derivative in this version".into())),
        Op::Routine(_) => routine::vjp(g, id, ct).map_err(NoDerivative)?,
        Op::Broadcast { .. }
        | Op::Transpose { .. }
        | Op::Reshape
        | Op::Slice { .. }
        | Op::Place { .. }
        | Op::Concat { .. } => movement::vjp(g, id, ct),
        Op::Input(_)
        | Op::Const(_)
        | Op::Size(_)
        | Op::Var(_)
        | Op::State(_)
        | Op::Iota
        | Op::Check(_)
        | Op::Grad
        | Op::StopGradient => {
            vec![None; node.inputs.len()]
        }
    })
}

fn elementwise_vjp(g: &mut Graph, partial: Partial, ct: Cotangent) -> Option<Cotangent> {
    use elementwise::{MULTIPLY, NEGATE, STRONG_MULTIPLY, WHERE};
    let product = if ct.masked { &STRONG_MULTIPLY } else { &MULTIPLY };
    match partial {
        Partial::Zero => None,
        Partial::One => Some(ct),
        Partial::MinusOne => Some(Cotangent { node: g.map(&NEGATE, &[ct.node]), ..ct }),
        Partial::Times(factor) => Some(Cotangent { node: g.map(product, &[ct.node, factor]), ..ct }),
        Partial::Where(condition) => {
            let zero = g.constant_like(ct.node, 0.0);
            Some(Cotangent { node: g.map(&WHERE, &[condition, ct.node, zero]), masked: true })
        }
        Partial::WhereNot(condition) => {
            let zero = g.constant_like(ct.node, 0.0);
            Some(Cotangent { node: g.map(&WHERE, &[condition, zero, ct.node]), masked: true })
        }
    }
}

/// The node at `index` (a scalar) of its `axis`, made from operands at an index, for which `rule` is asked.
/// `None` when the operator mixes the axis, or is a leaf.
pub fn index(g: &mut Graph, id: NodeId, axis: usize, index: NodeId, rule: &mut IndexRule<'_>) -> Option<NodeId> {
    let node = g.node(id).clone();
    match &node.op {
        Op::Map(op) => {
            let args: Vec<NodeId> = node.inputs.iter().map(|&x| rule(g, x, axis, index)).collect();
            Some(g.map(op, &args))
        }
        Op::Cast => {
            let inner = rule(g, node.inputs[0], axis, index);
            Some(g.cast(inner, node.ty.dtype))
        }
        Op::StopGradient => {
            let inner = rule(g, node.inputs[0], axis, index);
            let ty = g.ty(inner).clone();
            Some(g.add(Op::StopGradient, vec![inner], ty))
        }
        Op::Reduce { kind, axes } => {
            let from = (0..=node.ty.rank() + axes.len()).filter(|a| !axes.contains(a)).nth(axis)?;
            let inner = rule(g, node.inputs[0], from, index);
            let rest: Vec<usize> = axes.iter().map(|&a| a - usize::from(a > from)).collect();
            Some(g.reduce(kind, inner, &rest))
        }
        Op::Contract { .. } => Some(contraction::index(g, id, axis, index, rule)),
        Op::Gather { .. } | Op::ScatterAdd { .. } | Op::Build(_) | Op::Iota | Op::Check(_) => {
            indexing::index(g, id, axis, index, rule)
        }
        Op::Broadcast { .. }
        | Op::Transpose { .. }
        | Op::Reshape
        | Op::Slice { .. }
        | Op::Place { .. }
        | Op::Concat { .. } => movement::index(g, id, axis, index, rule),
        Op::Input(_) | Op::Const(_) | Op::Size(_) | Op::Var(_) | Op::State(_) | Op::Grad | Op::Mark(_) => None,
        Op::Update { .. } | Op::Loop(_) | Op::Final(_) => None,
        Op::Routine(_) => routine::index(g, id, axis, index, rule),
    }
}

/// The node for all values of an index variable at once: `operands` are its operands, at least one of them stacked.
/// `None` for an operator that has no such rule.
pub fn batch(g: &mut Graph, id: NodeId, n: &Size, operands: &[Batched]) -> Option<NodeId> {
    let node = g.node(id).clone();
    match &node.op {
        Op::Map(op) => {
            let args: Vec<NodeId> = operands.iter().map(|operand| operand.repeated(g, n)).collect();
            Some(g.map(op, &args))
        }
        Op::Cast => {
            let inner = operands[0].repeated(g, n);
            Some(g.cast(inner, node.ty.dtype))
        }
        Op::Reduce { kind, axes } => {
            let inner = operands[0].repeated(g, n);
            let axes: Vec<usize> = axes.iter().map(|a| a + 1).collect();
            Some(g.reduce(kind, inner, &axes))
        }
        Op::Contract { .. } => Some(contraction::batch(g, id, operands)),
        Op::Gather { .. } | Op::ScatterAdd { .. } | Op::Check(_) | Op::Build(_) => indexing::batch(g, id, n, operands),
        Op::Broadcast { .. }
        | Op::Transpose { .. }
        | Op::Reshape
        | Op::Slice { .. }
        | Op::Place { .. }
        | Op::Concat { .. } => Some(movement::batch(g, id, n, operands)),
        Op::Routine(_) => routine::batch(g, id, n, operands),
        Op::StopGradient | Op::Mark(_) => Some(operands[0].repeated(g, n)),
        Op::Input(_) | Op::Const(_) | Op::Size(_) | Op::Var(_) | Op::State(_) | Op::Iota | Op::Grad => None,
        Op::Update { .. } | Op::Loop(_) | Op::Final(_) => None,
    }
}
