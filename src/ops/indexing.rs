//! Indexing: gather and scatter-add, index variables and the arrays built over them, and run-time checks.
//!
//! In: arrays and integer indexes that are in range (a `Check` stands in front where that is not proved). Out: elements, by place.
//! Always holds: indexing an array built by a comprehension is putting the index into its body.

use super::rules::{Batched, Cotangent, IndexRule};
use crate::graph::{CheckKind, Constant, Graph, NodeId, Op, Size, Type, VarId};

impl Graph {
    /// The value of an index variable.
    pub fn var_value(&mut self, var: VarId) -> NodeId {
        self.add(Op::Var(var), Vec::new(), Type::scalar(crate::runtime::array::DType::I64))
    }

    /// A new leading axis along an index variable.
    pub fn build(&mut self, var: VarId, body: NodeId) -> NodeId {
        let mut shape = vec![self.var(var).extent.clone()];
        shape.extend(self.shape(body).iter().cloned());
        if !self.depends_on(body, var) {
            let axes: Vec<usize> = (1..shape.len()).collect();
            return self.broadcast(body, &axes, &shape);
        }
        let ty = Type::array(self.ty(body).dtype, shape);
        self.add(Op::Build(var), vec![body], ty)
    }

    /// Elements of `x` where the axes `axes` are at `indexes` (all of one shape): their axes first, then the other axes of `x`.
    pub fn gather(&mut self, x: NodeId, axes: &[usize], indexes: &[NodeId]) -> NodeId {
        if let Some(part) = self.concat_part(x, axes, indexes).or_else(|| self.term(x, indexes)) {
            return part;
        }
        let mut shape = self.shape(indexes[0]).to_vec();
        let rest = self.shape(x).iter().enumerate().filter(|(axis, _)| !axes.contains(axis));
        shape.extend(rest.map(|(_, size)| size.clone()));
        let ty = Type::array(self.ty(x).dtype, shape);
        let inputs = std::iter::once(x).chain(indexes.iter().copied()).collect();
        self.add(Op::Gather { axes: axes.to_vec() }, inputs, ty)
    }

    /// The part of a concatenation of single elements (an array literal, say) that a constant index picks.
    fn concat_part(&mut self, x: NodeId, axes: &[usize], indexes: &[NodeId]) -> Option<NodeId> {
        let node = self.node(x);
        let (Op::Concat { axis }, [at], [index]) = (&node.op, axes, indexes) else { return None };
        let position = usize::try_from(self.as_size(*index)?.as_const()?).ok()?;
        let single = node.inputs.iter().all(|&part| self.shape(part)[*axis].is_one());
        let (axis, part) = (*axis, *node.inputs.get(position)?);
        (single && axis == *at).then(|| self.squeeze(part, &[axis]))
    }

    /// The element of an arithmetic progression at a scalar index.
    fn term(&mut self, x: NodeId, indexes: &[NodeId]) -> Option<NodeId> {
        let &[index] = indexes else { return None };
        if self.ty(x).rank() != 1 || self.ty(index).rank() != 0 {
            return None;
        }
        let (start, step) = self.as_progression(x)?;
        let (start, step) = (self.size_value(&start), self.int(step));
        let scaled = self.times(index, step);
        Some(self.plus(scaled, start))
    }

    /// The transpose of [`Graph::gather`]: `values` added up at their places in zeros of `shape`.
    pub fn scatter_add(&mut self, shape: &[Size], axes: &[usize], indexes: &[NodeId], values: NodeId) -> NodeId {
        if let Some(half) = self.half_among(&[values]) {
            return self.in_single(half, &[values], |g, wide| g.scatter_add(shape, axes, indexes, wide[0]));
        }
        let ty = Type::array(self.ty(values).dtype, shape.to_vec());
        let inputs = indexes.iter().copied().chain(std::iter::once(values)).collect();
        self.add(Op::ScatterAdd { axes: axes.to_vec() }, inputs, ty)
    }

    /// Start and stride, if the node is `start + stride * (0, 1, …)` along its only axis.
    pub fn as_progression(&self, id: NodeId) -> Option<(Size, i64)> {
        let node = self.node(id);
        match (&node.op, node.inputs.as_slice()) {
            (Op::Iota, _) => Some((Size::from(0), 1)),
            (Op::Map(op), [a, b]) => {
                let scalar = |x: NodeId| match (&self.node(x).op, self.node(x).inputs.as_slice()) {
                    (Op::Broadcast { .. }, [inner]) => self.as_size(*inner),
                    _ => None,
                };
                let (sides, shift) = match (self.as_progression(*a), scalar(*b)) {
                    (Some(progression), Some(shift)) => (progression, shift),
                    _ if op.name == "subtract" => return None,
                    _ => (self.as_progression(*b)?, scalar(*a)?),
                };
                match op.name {
                    "add" => Some((sides.0.plus(&shift), sides.1)),
                    "subtract" => Some((sides.0.minus(&shift), sides.1)),
                    "multiply" => {
                        let factor = shift.as_const().filter(|f| *f != 0)?;
                        Some((sides.0.times(&shift), sides.1.checked_mul(factor)?))
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

fn indexed(node_inputs: &[NodeId]) -> (NodeId, &[NodeId]) {
    (node_inputs[0], &node_inputs[1..])
}

/// The cotangents of the operands of a gather, a scatter-add or a builder.
pub(super) fn vjp(g: &mut Graph, id: NodeId, ct: Cotangent) -> Vec<Option<Cotangent>> {
    let node = g.node(id).clone();
    match &node.op {
        Op::Gather { axes } => {
            let (x, indexes) = indexed(&node.inputs);
            let shape = g.shape(x).to_vec();
            let back = g.scatter_add(&shape, axes, indexes, ct.node);
            let mut all = vec![Some(Cotangent { node: back, ..ct })];
            all.extend(indexes.iter().map(|_| None));
            all
        }
        Op::ScatterAdd { axes } => {
            let indexes = &node.inputs[..node.inputs.len() - 1];
            let back = g.gather(ct.node, axes, indexes);
            let mut all: Vec<Option<Cotangent>> = indexes.iter().map(|_| None).collect();
            all.push(Some(Cotangent { node: back, ..ct }));
            all
        }
        Op::Build(var) => {
            let at = g.var_value(*var);
            vec![Some(Cotangent { node: g.gather(ct.node, &[0], &[at]), ..ct })]
        }
        _ => Vec::new(),
    }
}

/// The cotangents of an update: what was overwritten had no influence, what was added to has all of it.
pub(super) fn update_vjp(g: &mut Graph, id: NodeId, ct: Cotangent) -> Vec<Option<Cotangent>> {
    let node = g.node(id).clone();
    let ([_, values, guard, indexes @ ..], Op::Update { axes, adds }) = (node.inputs.as_slice(), &node.op) else {
        return Vec::new();
    };
    let zeros = g.full_like(*values, 0.0);
    let kept = if *adds { ct.node } else { g.update(ct.node, zeros, *guard, axes, indexes) };
    let taken = g.gather(ct.node, axes, indexes);
    let shape = g.shape(taken).to_vec();
    let taken = match g.as_constant(*guard) {
        Some(Constant::Bool(true)) => Cotangent { node: taken, ..ct },
        _ => {
            let meant = g.broadcast(*guard, &[], &shape);
            Cotangent { node: g.map(&super::elementwise::WHERE, &[meant, taken, zeros]), masked: true }
        }
    };
    let mut all = vec![Some(Cotangent { node: kept, masked: true }), Some(taken)];
    all.extend(node.inputs.iter().skip(2).map(|_| None));
    all
}

/// The result at `index` of `axis`. `None` when that needs the whole axis of an operand.
pub(super) fn index(g: &mut Graph, id: NodeId, axis: usize, index: NodeId, rule: &mut IndexRule<'_>) -> Option<NodeId> {
    let node = g.node(id).clone();
    match &node.op {
        Op::Iota => Some(index),
        Op::Build(var) if axis == 0 => Some(g.substitute(node.inputs[0], *var, index)),
        Op::Build(var) => {
            if g.depends_on(index, *var) {
                return None;
            }
            let body = rule(g, node.inputs[0], axis - 1, index);
            Some(g.build(*var, body))
        }
        Op::Check(kind) => {
            let mut inputs = node.inputs.clone();
            inputs[0] = rule(g, inputs[0], axis, index);
            let of_example = if let CheckKind::Equal { .. } = kind { 1 } else { 2 };
            if let Some(other) = inputs.get_mut(of_example).filter(|other| g.ty(**other).rank() > 0) {
                *other = rule(g, *other, axis, index);
            }
            let ty = g.ty(inputs[0]).clone();
            Some(g.add(Op::Check(kind.clone()), inputs, ty))
        }
        Op::Gather { axes } => {
            let (x, indexes) = indexed(&node.inputs);
            let leading = g.ty(indexes[0]).rank();
            if axis < leading {
                let at: Vec<NodeId> = indexes.iter().map(|&i| rule(g, i, axis, index)).collect();
                return Some(g.gather(x, axes, &at));
            }
            let from = (0..g.ty(x).rank()).filter(|a| !axes.contains(a)).nth(axis - leading)?;
            let inner = rule(g, x, from, index);
            let lower: Vec<usize> = axes.iter().map(|&a| a - usize::from(a > from)).collect();
            Some(g.gather(inner, &lower, indexes))
        }
        Op::ScatterAdd { axes } if !axes.contains(&axis) => {
            let (indexes, values) = (&node.inputs[..node.inputs.len() - 1], *node.inputs.last()?);
            let position = (0..axis).filter(|a| !axes.contains(a)).count();
            let inner = rule(g, values, g.ty(indexes[0]).rank() + position, index);
            let lower: Vec<usize> = axes.iter().map(|&a| a - usize::from(a > axis)).collect();
            let mut shape = node.ty.shape.clone();
            shape.remove(axis);
            Some(g.scatter_add(&shape, &lower, indexes, inner))
        }
        Op::ScatterAdd { axes } => own_row(g, id, axes, axis, index, rule),
        Op::Update { axes, adds } if !axes.contains(&axis) => {
            let (indexes, array, values) = (node.inputs.get(3..)?, *node.inputs.first()?, *node.inputs.get(1)?);
            let leading = g.ty(*indexes.first()?).rank();
            let position = (0..axis).filter(|a| !axes.contains(a)).count();
            let array = rule(g, array, axis, index);
            let values = rule(g, values, leading + position, index);
            let lower: Vec<usize> = axes.iter().map(|&a| a - usize::from(a > axis)).collect();
            let ty = g.ty(array).clone();
            let inputs = [array, values].into_iter().chain(node.inputs.iter().skip(2).copied()).collect();
            Some(g.add(Op::Update { axes: lower, adds: *adds }, inputs, ty))
        }
        _ => None,
    }
}

/// A row of a scatter-add that puts each row of its values into the row of the same number.
fn own_row(
    g: &mut Graph,
    id: NodeId,
    axes: &[usize],
    axis: usize,
    index: NodeId,
    rule: &mut IndexRule<'_>,
) -> Option<NodeId> {
    let node = g.node(id).clone();
    let (values, indexes) = node.inputs.split_last()?;
    let at = axes.iter().position(|&a| a == axis)?;
    let counts = match (&g.node(*indexes.get(at)?).op, g.node(indexes[at]).inputs.as_slice()) {
        (Op::Iota, _) => true,
        (Op::Broadcast { axes }, [x]) => axes == &[0] && g.node(*x).op == Op::Iota,
        _ => false,
    };
    if !counts || g.shape(indexes[at]).first() != node.ty.shape.get(axis) {
        return None;
    }
    let leading = g.ty(indexes[at]).rank();
    let inner = rule(g, *values, 0, index);
    let mut others: Vec<NodeId> = indexes.to_vec();
    others.remove(at);
    let others: Vec<NodeId> = others.into_iter().map(|x| rule(g, x, 0, index)).collect();
    if others.is_empty() {
        return (leading == 1).then_some(inner);
    }
    let lower: Vec<usize> = axes.iter().filter(|&&a| a != axis).map(|&a| a - usize::from(a > axis)).collect();
    let mut shape = node.ty.shape.clone();
    shape.remove(axis);
    Some(g.scatter_add(&shape, &lower, &others, inner))
}

/// Stacks the index arrays: all with the leading axis.
fn stacked_indexes(g: &mut Graph, n: &Size, operands: &[Batched]) -> Vec<NodeId> {
    operands.iter().map(|operand| operand.repeated(g, n)).collect()
}

fn iota_like(g: &mut Graph, n: &Size, like: NodeId) -> NodeId {
    let (iota, shape) = (g.iota(n), g.shape(like).to_vec());
    g.broadcast(iota, &[0], &shape)
}

fn raised(axes: &[usize]) -> Vec<usize> {
    axes.iter().map(|a| a + 1).collect()
}

/// The node with a leading batch axis.
pub(super) fn batch(g: &mut Graph, id: NodeId, n: &Size, operands: &[Batched]) -> Option<NodeId> {
    let node = g.node(id).clone();
    match &node.op {
        Op::Check(kind) => {
            let mut inputs = vec![operands[0].repeated(g, n)];
            match kind {
                CheckKind::Index { .. } => inputs.push(node.inputs[1]),
                CheckKind::Equal { .. } => inputs.push(operands[1].repeated(g, n)),
                CheckKind::NonZero | CheckKind::Step | CheckKind::Assert { .. } => {}
            }
            if let (Some(guard), Some(&own)) = (operands.get(2), node.inputs.get(2)) {
                let shape = g.shape(inputs[0]).to_vec();
                let inner: Vec<usize> = (1..shape.len()).collect();
                inputs.push(match guard {
                    // A guard of the example, over an index of several axes.
                    Batched::Stacked(id) if g.ty(own).rank() == 0 => g.broadcast(*id, &[0], &shape),
                    Batched::Stacked(id) => *id,
                    Batched::Shared(id) if g.ty(own).rank() == 0 => *id,
                    Batched::Shared(id) => g.broadcast(*id, &inner, &shape),
                });
            }
            let ty = g.ty(inputs[0]).clone();
            Some(g.add(Op::Check(kind.clone()), inputs, ty))
        }
        Op::Gather { axes } => Some(batch_gather(g, n, axes, operands)),
        Op::ScatterAdd { axes } => Some(batch_scatter(g, &node.ty.shape, n, axes, operands)),
        Op::Update { axes, adds } => batch_update(g, n, axes, *adds, operands),
        Op::Build(var) => match operands[0] {
            Batched::Stacked(body) => {
                let built = g.build(*var, body);
                Some(g.move_axis(built, 1, 0))
            }
            Batched::Shared(_) => None,
        },
        _ => None,
    }
}

fn batch_gather(g: &mut Graph, n: &Size, axes: &[usize], operands: &[Batched]) -> NodeId {
    match operands[0] {
        Batched::Shared(x) => {
            let indexes = stacked_indexes(g, n, &operands[1..]);
            if let ([axis], [at]) = (axes, indexes.as_slice())
                && let Some(moved) = gather_progression(g, x, *axis, *at)
            {
                return moved;
            }
            g.gather(x, axes, &indexes)
        }
        Batched::Stacked(x) if operands[1..].iter().any(Batched::is_stacked) => {
            let mut indexes = stacked_indexes(g, n, &operands[1..]);
            indexes.insert(0, iota_like(g, n, indexes[0]));
            let mut all = vec![0];
            all.extend(raised(axes));
            g.gather(x, &all, &indexes)
        }
        Batched::Stacked(x) => {
            let indexes: Vec<NodeId> = operands[1..].iter().map(unstacked).collect();
            let leading = g.ty(indexes[0]).rank();
            let gathered = g.gather(x, &raised(axes), &indexes);
            g.move_axis(gathered, leading, 0)
        }
    }
}

fn unstacked(operand: &Batched) -> NodeId {
    match operand {
        Batched::Shared(id) | Batched::Stacked(id) => *id,
    }
}

/// A gather along an arithmetic progression is a slice.
fn gather_progression(g: &mut Graph, x: NodeId, axis: usize, at: NodeId) -> Option<NodeId> {
    let (start, step) = g.as_progression(at)?;
    let mut shape = g.shape(x).to_vec();
    let (mut starts, mut steps) = (vec![Size::from(0); shape.len()], vec![1; shape.len()]);
    starts[axis] = start;
    steps[axis] = step;
    shape[axis] = g.shape(at).first()?.clone();
    let sliced = g.slice(x, &starts, &steps, &shape);
    Some(g.move_axis(sliced, axis, 0))
}

fn batch_scatter(g: &mut Graph, shape: &[Size], n: &Size, axes: &[usize], operands: &[Batched]) -> NodeId {
    let mut result = vec![n.clone()];
    result.extend(shape.iter().cloned());
    let (indexes, values) = operands.split_at(operands.len() - 1);
    let values = values[0].repeated(g, n);
    if indexes.iter().any(Batched::is_stacked) {
        let mut indexes = stacked_indexes(g, n, indexes);
        indexes.insert(0, iota_like(g, n, indexes[0]));
        let mut all = vec![0];
        all.extend(raised(axes));
        return g.scatter_add(&result, &all, &indexes, values);
    }
    let indexes: Vec<NodeId> = indexes.iter().map(unstacked).collect();
    let leading = g.ty(indexes[0]).rank();
    let values = g.move_axis(values, 0, leading);
    g.scatter_add(&result, &raised(axes), &indexes, values)
}

/// Arrays changed in place, one for each example. `None` where only some examples' are changed.
fn batch_update(g: &mut Graph, n: &Size, axes: &[usize], adds: bool, operands: &[Batched]) -> Option<NodeId> {
    let [array, values, Batched::Shared(guard), indexes @ ..] = operands else { return None };
    let (array, values) = (array.repeated(g, n), values.repeated(g, n));
    let (values, axes, indexes) = if indexes.iter().any(Batched::is_stacked) {
        let mut indexes = stacked_indexes(g, n, indexes);
        indexes.insert(0, iota_like(g, n, *indexes.first()?));
        (values, std::iter::once(0).chain(raised(axes)).collect(), indexes)
    } else {
        let indexes: Vec<NodeId> = indexes.iter().map(unstacked).collect();
        let leading = g.ty(*indexes.first()?).rank();
        (g.move_axis(values, 0, leading), raised(axes), indexes)
    };
    let ty = g.ty(array).clone();
    let inputs = [array, values, *guard].into_iter().chain(indexes).collect();
    Some(g.add(Op::Update { axes, adds }, inputs, ty))
}

/// The sum over all examples of a scatter-add: the examples become part of the index arrays.
pub(crate) fn sum_of_scatters(g: &mut Graph, shape: &[Size], n: &Size, axes: &[usize], operands: &[Batched]) -> NodeId {
    let (indexes, values) = operands.split_at(operands.len() - 1);
    if !indexes.iter().any(Batched::is_stacked) {
        let indexes: Vec<NodeId> = indexes.iter().map(unstacked).collect();
        let values = values[0].repeated(g, n);
        let summed = g.sum(values, &[0]);
        return g.scatter_add(shape, axes, &indexes, summed);
    }
    let indexes = stacked_indexes(g, n, indexes);
    let values = values[0].repeated(g, n);
    if let ([axis], [at]) = (axes, indexes.as_slice())
        && let Some((start, step)) = g.as_progression(*at)
    {
        let values = g.move_axis(values, 0, *axis);
        let (mut starts, mut steps) = (vec![Size::from(0); shape.len()], vec![1; shape.len()]);
        starts[*axis] = start;
        steps[*axis] = step;
        if g.shape(values) == shape && steps[*axis] == 1 && starts[*axis].as_const() == Some(0) {
            return values;
        }
        return g.place(values, &starts, &steps, shape);
    }
    g.scatter_add(shape, axes, &indexes, values)
}
