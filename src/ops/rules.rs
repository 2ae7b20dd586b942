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

/// The tangent of a value: how it changes. Zeros are cuts or not as in a cotangent.
pub type Tangent = Cotangent;

/// What forward mode makes of a node.
pub enum Forward {
    /// The node's tangent; `None` for zero.
    Tangent(Option<Tangent>),
    /// The node has a rule for cotangents only, whose transpose this is.
    Transpose,
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

/// The cotangents of a node's operands, given the node's own; `None` for an operand with no influence. Loops are gone
/// through by the passes that differentiate.
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
        Op::Mark(_) | Op::Checkpoint => vec![Some(ct)],
        Op::Reduce { .. } => reduction::vjp(g, id, ct),
        Op::Contract { .. } => contraction::vjp(g, id, ct),
        Op::Gather { .. } | Op::ScatterAdd { .. } | Op::Build(_) => indexing::vjp(g, id, ct),
        Op::Update { .. } => indexing::update_vjp(g, id, ct),
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
        | Op::Loop(_)
        | Op::Final(_)
        | Op::Iota
        | Op::Check(_)
        | Op::Grad
        | Op::Vjp
        | Op::Jvp
        | Op::Jacobian
        | Op::StopGradient => {
            vec![None; node.inputs.len()]
        }
    })
}

/// The tangent of a node, given those of its operands; `None` for an operand that does not change. Loops as above.
pub fn jvp(g: &mut Graph, id: NodeId, tangents: &[Option<Tangent>]) -> Result<Forward, NoDerivative> {
    let node = g.node(id).clone();
    Ok(Forward::Tangent(match &node.op {
        Op::Map(op) => match op.derivative {
            Derivative::Zero => None,
            Derivative::None(reason) => return Err(NoDerivative(format!("`{}` {reason}", op.name))),
            Derivative::Rule(rule) => {
                let partials = rule(g, &node.inputs, id);
                elementwise_jvp(g, &partials, tangents)
            }
        },
        Op::Cast => {
            let back = tangents.first().copied().flatten().filter(|_| node.ty.dtype.is_float());
            back.map(|t| Tangent { node: g.cast(t.node, node.ty.dtype), ..t })
        }
        Op::Mark(_) | Op::Checkpoint => tangents.first().copied().flatten(),
        Op::Reduce { .. } => tangents.first().copied().flatten().and_then(|t| reduction::jvp(g, id, t)),
        Op::Contract { .. } => contraction::jvp(g, id, tangents),
        Op::Build(var) => tangents.first().copied().flatten().map(|t| Tangent { node: g.build(*var, t.node), ..t }),
        Op::Gather { .. }
        | Op::ScatterAdd { .. }
        | Op::Update { .. }
        | Op::Broadcast { .. }
        | Op::Transpose { .. }
        | Op::Reshape
        | Op::Slice { .. }
        | Op::Place { .. }
        | Op::Concat { .. } => moved(g, id, tangents),
        Op::Routine(_) => return Ok(Forward::Transpose),
        Op::Input(_)
        | Op::Const(_)
        | Op::Size(_)
        | Op::Var(_)
        | Op::State(_)
        | Op::Loop(_)
        | Op::Final(_)
        | Op::Iota
        | Op::Check(_)
        | Op::Grad
        | Op::Vjp
        | Op::Jvp
        | Op::Jacobian
        | Op::StopGradient => None,
    }))
}

/// What only moves its floats does the same with their tangents.
fn moved(g: &mut Graph, id: NodeId, tangents: &[Option<Tangent>]) -> Option<Tangent> {
    let node = g.node(id).clone();
    let masked = tangents.iter().flatten().any(|tangent| tangent.masked);
    let mut inputs = Vec::new();
    for (&x, tangent) in node.inputs.iter().zip(tangents) {
        inputs.push(match tangent {
            Some(tangent) => tangent.node,
            None if g.ty(x).dtype.is_float() => g.full_like(x, 0.0),
            None => x,
        });
    }
    Some(Tangent { node: g.add(node.op, inputs, node.ty), masked })
}

/// The sum of two tangents of one node.
pub fn sum_of_tangents(g: &mut Graph, a: Option<Tangent>, b: Option<Tangent>) -> Option<Tangent> {
    match (a, b) {
        (Some(a), Some(b)) => Some(Tangent { node: g.plus_sharing(a.node, b.node), masked: a.masked || b.masked }),
        (a, b) => a.or(b),
    }
}

fn elementwise_jvp(g: &mut Graph, partials: &[Partial], tangents: &[Option<Tangent>]) -> Option<Tangent> {
    let chosen: Vec<(Partial, Tangent)> =
        partials.iter().zip(tangents).filter_map(|(partial, t)| t.map(|t| (*partial, t))).collect();
    // Both branches of one condition: the tangent of the branch taken.
    if let [(Partial::Where(c), a), (Partial::WhereNot(not), b)] = chosen.as_slice()
        && c == not
    {
        let node = g.map(&elementwise::WHERE, &[*c, a.node, b.node]);
        return Some(Tangent { node, masked: a.masked || b.masked });
    }
    let mut sum = None;
    for (partial, tangent) in chosen {
        let part = elementwise_vjp(g, partial, tangent);
        sum = sum_of_tangents(g, sum, part);
    }
    sum
}

/// What a partial derivative makes of a cotangent of the result, or of a tangent of the operand.
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
        Partial::Gate(condition) => {
            let zero = g.constant_like(ct.node, 0.0);
            Some(Cotangent { node: g.map(&WHERE, &[condition, ct.node, zero]), ..ct })
        }
        Partial::Unless { cut, factor } => {
            let zero = g.constant_like(ct.node, 0.0);
            let node = g.map(product, &[ct.node, factor]);
            Some(Cotangent { node: g.map(&WHERE, &[cut, zero, node]), masked: true })
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
        Op::StopGradient | Op::Checkpoint => {
            let inner = rule(g, node.inputs[0], axis, index);
            let ty = g.ty(inner).clone();
            Some(g.add(node.op, vec![inner], ty))
        }
        Op::Reduce { kind, axes } => {
            let from = (0..=node.ty.rank() + axes.len()).filter(|a| !axes.contains(a)).nth(axis)?;
            let inner = rule(g, node.inputs[0], from, index);
            let rest: Vec<usize> = axes.iter().map(|&a| a - usize::from(a > from)).collect();
            Some(g.reduce(kind, inner, &rest))
        }
        Op::Contract { .. } => Some(contraction::index(g, id, axis, index, rule)),
        Op::Gather { .. } | Op::ScatterAdd { .. } | Op::Update { .. } | Op::Build(_) | Op::Iota | Op::Check(_) => {
            indexing::index(g, id, axis, index, rule)
        }
        Op::Broadcast { .. }
        | Op::Transpose { .. }
        | Op::Reshape
        | Op::Slice { .. }
        | Op::Place { .. }
        | Op::Concat { .. } => movement::index(g, id, axis, index, rule),
        Op::Input(_) | Op::Const(_) | Op::Size(_) | Op::Var(_) | Op::State(_) | Op::Mark(_) => None,
        Op::Grad | Op::Vjp | Op::Jvp | Op::Jacobian => None,
        Op::Loop(_) | Op::Final(_) => None,
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
        Op::Gather { .. } | Op::ScatterAdd { .. } | Op::Update { .. } | Op::Check(_) | Op::Build(_) => {
            indexing::batch(g, id, n, operands)
        }
        Op::Broadcast { .. }
        | Op::Transpose { .. }
        | Op::Reshape
        | Op::Slice { .. }
        | Op::Place { .. }
        | Op::Concat { .. } => Some(movement::batch(g, id, n, operands)),
        Op::Routine(_) => routine::batch(g, id, n, operands),
        Op::StopGradient | Op::Checkpoint | Op::Mark(_) => Some(operands[0].repeated(g, n)),
        Op::Input(_) | Op::Const(_) | Op::Size(_) | Op::Var(_) | Op::State(_) | Op::Iota => None,
        Op::Grad | Op::Vjp | Op::Jvp | Op::Jacobian => None,
        Op::Loop(_) | Op::Final(_) => None,
    }
}
