//! Arithmetic on the 16-bit floats: in single precision, rounded after each operator.
//!
//! In: operands of which some are `f16` or `bf16`. Out: casts to `f32`, the operator, and a cast back.
//! Always holds: no operator that computes is ever given a 16-bit float, so none needs a rule for it: `Cast` alone
//! rounds, and what only moves elements moves these as they are.

use crate::graph::{Graph, NodeId, Op};
use crate::runtime::array::DType;

impl Graph {
    /// The 16-bit type among the operands, which are of one dtype but for conditions.
    pub(super) fn half_among(&self, args: &[NodeId]) -> Option<DType> {
        args.iter().map(|&arg| self.ty(arg).dtype).find(|dtype| dtype.is_half())
    }

    /// What `make` makes of the operands in single precision; a float is rounded to `half`.
    pub(super) fn in_single(
        &mut self,
        half: DType,
        args: &[NodeId],
        make: impl FnOnce(&mut Graph, &[NodeId]) -> NodeId,
    ) -> NodeId {
        let wide: Vec<NodeId> =
            args.iter().map(|&arg| if self.ty(arg).dtype == half { self.cast(arg, DType::F32) } else { arg }).collect();
        let result = make(self, &wide);
        if self.ty(result).dtype == DType::F32 { self.cast(result, half) } else { result }
    }

    /// A cast that needs no node of its own: back to the 16 bits that were widened exactly, or widening moved before
    /// what only rearranges, so that it stands next to the rounding that it follows.
    pub(super) fn cast_of_half(&mut self, x: NodeId, dtype: DType) -> Option<NodeId> {
        let node = self.node(x).clone();
        let inner = *node.inputs.first()?;
        let exactly_back = dtype.is_half() && node.ty.dtype.is_float() && self.ty(inner).dtype == dtype;
        if node.op == Op::Cast && exactly_back {
            return Some(inner);
        }
        if !node.ty.dtype.is_half() || !dtype.is_float() || dtype.is_half() {
            return None;
        }
        match &node.op {
            Op::Transpose { perm } => {
                let inner = self.cast(inner, dtype);
                Some(self.transpose(inner, perm))
            }
            Op::Reshape => {
                let inner = self.cast(inner, dtype);
                Some(self.reshape(inner, &node.ty.shape))
            }
            Op::Build(var) => {
                let inner = self.cast(inner, dtype);
                Some(self.build(*var, inner))
            }
            _ => None,
        }
    }

    /// The value in single precision that was rounded to 16 bits and widened again to make this node.
    pub fn unrounded(&self, id: NodeId) -> Option<NodeId> {
        let cast = |id: NodeId| match (&self.node(id).op, self.node(id).inputs.as_slice()) {
            (Op::Cast, [inner]) => Some(*inner),
            _ => None,
        };
        let half = cast(id).filter(|&half| self.ty(id).dtype == DType::F32 && self.ty(half).dtype.is_half())?;
        cast(half).filter(|&exact| self.ty(exact).dtype == DType::F32)
    }
}
