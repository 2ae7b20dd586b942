//! Movement: broadcast, transpose, reshape, slice and its transpose `Place`, concat.
//!
//! In: an array. Out: its elements elsewhere, repeated, or among zeros.
//! Always holds: no arithmetic, so every rule here is exact, and each operator's transpose is another one of these or a sum.

use super::rules::{Batched, Cotangent, IndexRule};
use crate::graph::{Graph, NodeId, Op, Size, Type};

impl Graph {
    /// Axis `k` of `x` becomes axis `axes[k]` of `shape`; the others are repeated.
    pub fn broadcast(&mut self, x: NodeId, axes: &[usize], shape: &[Size]) -> NodeId {
        if axes.len() == shape.len() {
            return x;
        }
        let node = self.node(x);
        if let (Op::Broadcast { axes: inner_axes }, [inner]) = (&node.op, node.inputs.as_slice()) {
            let composed: Vec<usize> = inner_axes.iter().map(|&axis| axes[axis]).collect();
            return self.broadcast(*inner, &composed, shape);
        }
        let ty = Type::array(node.ty.dtype, shape.to_vec());
        self.add(Op::Broadcast { axes: axes.to_vec() }, vec![x], ty)
    }

    /// Axis `k` of the result is axis `perm[k]` of `x`.
    pub fn transpose(&mut self, x: NodeId, perm: &[usize]) -> NodeId {
        if perm.iter().copied().eq(0..perm.len()) {
            return x;
        }
        let node = self.node(x);
        if let (Op::Transpose { perm: first }, [inner]) = (&node.op, node.inputs.as_slice()) {
            let composed: Vec<usize> = perm.iter().map(|&axis| first[axis]).collect();
            return self.transpose(*inner, &composed);
        }
        let ty = Type::array(node.ty.dtype, perm.iter().map(|&axis| node.ty.shape[axis].clone()).collect());
        self.add(Op::Transpose { perm: perm.to_vec() }, vec![x], ty)
    }

    /// Moves one axis to the place `to`, the others keeping their order.
    pub fn move_axis(&mut self, x: NodeId, from: usize, to: usize) -> NodeId {
        let mut perm: Vec<usize> = (0..self.ty(x).rank()).filter(|&axis| axis != from).collect();
        perm.insert(to, from);
        self.transpose(x, &perm)
    }

    /// The same elements in C order under another shape.
    pub fn reshape(&mut self, x: NodeId, shape: &[Size]) -> NodeId {
        let node = self.node(x);
        if node.ty.shape == shape {
            return x;
        }
        if let (Op::Reshape, [inner]) = (&node.op, node.inputs.as_slice()) {
            return self.reshape(*inner, shape);
        }
        let ty = Type::array(node.ty.dtype, shape.to_vec());
        self.add(Op::Reshape, vec![x], ty)
    }

    /// The node behind reshapes, which has the same elements in the same order.
    pub(crate) fn unshaped(&self, id: NodeId) -> NodeId {
        let mut id = id;
        while let (Op::Reshape, [inner]) = (&self.node(id).op, self.node(id).inputs.as_slice()) {
            id = *inner;
        }
        id
    }

    /// Drops axes of size 1.
    pub fn squeeze(&mut self, x: NodeId, axes: &[usize]) -> NodeId {
        let kept = self.shape(x).iter().enumerate().filter(|(axis, _)| !axes.contains(axis));
        let shape: Vec<Size> = kept.map(|(_, size)| size.clone()).collect();
        self.reshape(x, &shape)
    }

    /// Adds an axis of size 1 in front of axis `at`.
    pub fn expand(&mut self, x: NodeId, at: usize) -> NodeId {
        let mut shape = self.shape(x).to_vec();
        shape.insert(at, Size::one());
        self.reshape(x, &shape)
    }

    /// Elements `starts + steps * i`, `i < shape`, along each axis.
    pub fn slice(&mut self, x: NodeId, starts: &[Size], steps: &[i64], shape: &[Size]) -> NodeId {
        let whole = self.shape(x) == shape
            && starts.iter().all(|start| start.as_const() == Some(0))
            && steps.iter().all(|&step| step == 1);
        if whole {
            return x;
        }
        let ty = Type::array(self.ty(x).dtype, shape.to_vec());
        self.add(Op::Slice { starts: starts.to_vec(), steps: steps.to_vec() }, vec![x], ty)
    }

    /// Reverses one axis.
    pub fn flip(&mut self, x: NodeId, axis: usize) -> NodeId {
        let shape = self.shape(x).to_vec();
        let (mut starts, mut steps) = (vec![Size::from(0); shape.len()], vec![1; shape.len()]);
        starts[axis] = shape[axis].minus(&Size::one());
        steps[axis] = -1;
        self.slice(x, &starts, &steps, &shape)
    }

    /// The transpose of [`Graph::slice`]: `x` among zeros.
    pub fn place(&mut self, x: NodeId, starts: &[Size], steps: &[i64], shape: &[Size]) -> NodeId {
        let ty = Type::array(self.ty(x).dtype, shape.to_vec());
        self.add(Op::Place { starts: starts.to_vec(), steps: steps.to_vec() }, vec![x], ty)
    }

    /// Arrays one after the other along an axis.
    pub fn concat(&mut self, parts: &[NodeId], axis: usize) -> NodeId {
        if let [only] = parts {
            return *only;
        }
        let mut shape = self.shape(parts[0]).to_vec();
        shape[axis] = parts.iter().fold(Size::from(0), |sum, &part| sum.plus(&self.shape(part)[axis]));
        let ty = Type::array(self.ty(parts[0]).dtype, shape);
        self.add(Op::Concat { axis }, parts.to_vec(), ty)
    }

    /// Zeros of a type.
    pub fn zeros(&mut self, ty: &Type) -> NodeId {
        let zero = self.constant(crate::graph::Constant::float(0.0), ty.dtype);
        self.broadcast(zero, &[], &ty.shape)
    }
}

/// The cotangents of the operands of a movement.
pub(super) fn vjp(g: &mut Graph, id: NodeId, ct: Cotangent) -> Vec<Option<Cotangent>> {
    let node = g.node(id).clone();
    let x = node.inputs[0];
    let shape = g.shape(x).to_vec();
    let back = match &node.op {
        Op::Broadcast { axes } => {
            let repeated: Vec<usize> = (0..node.ty.rank()).filter(|axis| !axes.contains(axis)).collect();
            g.sum(ct.node, &repeated)
        }
        Op::Transpose { perm } => {
            let mut inverse = vec![0; perm.len()];
            for (to, &from) in perm.iter().enumerate() {
                inverse[from] = to;
            }
            g.transpose(ct.node, &inverse)
        }
        Op::Reshape => g.reshape(ct.node, &shape),
        Op::Slice { starts, steps } => g.place(ct.node, starts, steps, &shape),
        Op::Place { starts, steps } => g.slice(ct.node, starts, steps, &shape),
        Op::Concat { axis } => return concat_vjp(g, &node.inputs, *axis, ct),
        _ => return Vec::new(),
    };
    vec![Some(Cotangent { node: back, ..ct })]
}

fn concat_vjp(g: &mut Graph, parts: &[NodeId], axis: usize, ct: Cotangent) -> Vec<Option<Cotangent>> {
    let mut offset = Size::from(0);
    let mut result = Vec::new();
    for &part in parts {
        let shape = g.shape(part).to_vec();
        let mut starts = vec![Size::from(0); shape.len()];
        starts[axis] = offset.clone();
        offset = offset.plus(&shape[axis]);
        let node = g.slice(ct.node, &starts, &vec![1; shape.len()], &shape);
        result.push(Some(Cotangent { node, ..ct }));
    }
    result
}

fn without<T: Clone>(items: &[T], position: usize) -> Vec<T> {
    items.iter().enumerate().filter(|(k, _)| *k != position).map(|(_, item)| item.clone()).collect()
}

/// The result at `index` of `axis`, from operands at an index. `None` when the axis is mixed.
pub(super) fn index(g: &mut Graph, id: NodeId, axis: usize, index: NodeId, rule: &mut IndexRule<'_>) -> Option<NodeId> {
    let node = g.node(id).clone();
    let x = node.inputs[0];
    let shape = without(&node.ty.shape, axis);
    match &node.op {
        Op::Broadcast { axes } => {
            let lower = |kept: &[usize]| kept.iter().map(|&a| a - usize::from(a > axis)).collect::<Vec<_>>();
            match axes.iter().position(|&a| a == axis) {
                None => Some(g.broadcast(x, &lower(axes), &shape)),
                Some(from) => {
                    let inner = rule(g, x, from, index);
                    Some(g.broadcast(inner, &lower(&without(axes, from)), &shape))
                }
            }
        }
        Op::Transpose { perm } => {
            let from = perm[axis];
            let inner = rule(g, x, from, index);
            let rest: Vec<usize> = without(perm, axis).iter().map(|&a| a - usize::from(a > from)).collect();
            Some(g.transpose(inner, &rest))
        }
        Op::Reshape => {
            let from = reshape_axis(&node.ty.shape, g.shape(x), axis)?;
            let inner = rule(g, x, from, index);
            Some(g.reshape(inner, &shape))
        }
        Op::Slice { starts, steps } => {
            let (start, step) = (g.size_value(&starts[axis]), g.int(steps[axis]));
            let scaled = g.times(step, index);
            let moved = g.plus(start, scaled);
            let inner = rule(g, x, axis, moved);
            Some(g.slice(inner, &without(starts, axis), &without(steps, axis), &shape))
        }
        Op::Place { starts, steps } => {
            let whole = g.shape(x)[axis] == node.ty.shape[axis] && steps[axis] == 1;
            if !whole {
                return None;
            }
            let inner = rule(g, x, axis, index);
            Some(g.place(inner, &without(starts, axis), &without(steps, axis), &shape))
        }
        Op::Concat { axis: along } if *along != axis => {
            let parts: Vec<NodeId> = node.inputs.iter().map(|&part| rule(g, part, axis, index)).collect();
            Some(g.concat(&parts, along - usize::from(*along > axis)))
        }
        _ => None,
    }
}

/// The operand's axis that a reshape leaves as the result's `axis`.
fn reshape_axis(result: &[Size], operand: &[Size], axis: usize) -> Option<usize> {
    let before = Size::product(&result[..axis]);
    let candidates = operand.iter().enumerate().filter(|(_, size)| **size == result[axis]);
    candidates.map(|(from, _)| from).find(|&from| Size::product(&operand[..from]) == before)
}

/// The movement with a leading batch axis of size `n` on each batched operand.
pub(super) fn batch(g: &mut Graph, id: NodeId, n: &Size, operands: &[Batched]) -> NodeId {
    let node = g.node(id).clone();
    let mut shape = vec![n.clone()];
    shape.extend(node.ty.shape.iter().cloned());
    let front = |axes: &[usize]| std::iter::once(0).chain(axes.iter().map(|a| a + 1)).collect::<Vec<_>>();
    let head = |starts: &[Size]| std::iter::once(Size::from(0)).chain(starts.iter().cloned()).collect::<Vec<_>>();
    let unit = |steps: &[i64]| std::iter::once(1).chain(steps.iter().copied()).collect::<Vec<_>>();
    let parts: Vec<NodeId> = operands.iter().map(|operand| operand.repeated(g, n)).collect();
    let x = parts[0];
    match &node.op {
        Op::Broadcast { axes } => g.broadcast(x, &front(axes), &shape),
        Op::Transpose { perm } => g.transpose(x, &front(perm)),
        Op::Reshape => g.reshape(x, &shape),
        Op::Slice { starts, steps } => g.slice(x, &head(starts), &unit(steps), &shape),
        Op::Place { starts, steps } => g.place(x, &head(starts), &unit(steps), &shape),
        Op::Concat { axis } => g.concat(&parts, axis + 1),
        _ => x,
    }
}
