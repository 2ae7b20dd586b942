//! Reductions that are written as straight code, without a loop over what is reduced: see `codegen::unroll`.
//!
//! In: the sizes that a reduction goes over, and what it reduces. Out: whether they are few and simple.
//! Always holds: whatever the answer is, the result is right; it decides in which form a reduction is lowered.

use crate::graph::{Graph, NodeId, Op, Size};
use crate::ops::Code;
use rustc_hash::FxHashSet;

/// Reductions of more elements stay loops.
pub const STRAIGHT: i64 = 32;

/// Whether loops of these sizes have together a known number of iterations, and a small one.
pub(super) fn is_few<'s>(mut sizes: impl Iterator<Item = &'s Size>) -> bool {
    let iterations = sizes.try_fold(1i64, |product, size| product.checked_mul(size.as_const()?));
    iterations.is_some_and(|iterations| (1..=STRAIGHT).contains(&iterations))
}

/// Whether the loop that needs a node computes it, from what is stored, without calls and checks, in 32 bits or more.
pub(super) fn is_inline(graph: &Graph, stored: &[bool], id: NodeId) -> bool {
    let mut seen: FxHashSet<NodeId> = FxHashSet::default();
    let mut open = vec![id];
    while let Some(id) = open.pop() {
        if stored.get(id.0 as usize) == Some(&true) || !seen.insert(id) {
            continue;
        }
        let node = graph.node(id);
        match &node.op {
            Op::Map(op) if !matches!(op.code, Code::Inline(_)) => return false,
            Op::Map(_) | Op::Cast | Op::Const(_) | Op::Size(_) | Op::Iota => {}
            Op::Broadcast { .. } | Op::Transpose { .. } | Op::Slice { .. } | Op::Reshape => {}
            _ => return false,
        }
        open.extend(&node.inputs);
    }
    !graph.ty(id).dtype.is_half()
}
