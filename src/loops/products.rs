//! Contractions of two operands as matrix products.
//!
//! In: a contraction, each of whose labels is a batch, a row, a column, or summed. Out: a product of strided memory, times a
//! scalar if that is all that it is for.
//! Always holds: the labels say what is multiplied with what; in which order they come does not matter.

use super::ir::{BufferId, Matrix, Product, Role, Step};
use super::lower::{Body, Lowering, row_major};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{Graph, NodeId, Op, Size};
use crate::ops::Labels;
use crate::runtime::array::DType;
use crate::syntax::span::Span;

/// A node in memory.
struct View {
    buffer: BufferId,
    offset: Size,
    /// From one element to the next, by axis.
    strides: Vec<Size>,
    /// Whether the node is the square of what is there.
    squared: bool,
}

/// One of the three matrices: its memory, and its axes by label.
struct Labelled<'l> {
    view: View,
    labels: &'l [u8],
}

impl Labelled<'_> {
    /// The distance along a label; 0 if the matrix does not have it.
    fn stride(&self, label: Option<u8>) -> Size {
        let axis = label.and_then(|label| self.labels.iter().position(|own| *own == label));
        axis.and_then(|axis| self.view.strides.get(axis).cloned()).unwrap_or_else(|| Size::from(0))
    }

    fn matrix(&self, batch: Option<u8>, row: u8, column: u8) -> Matrix {
        Matrix {
            buffer: self.view.buffer,
            offset: self.view.offset.clone(),
            batch: self.stride(batch),
            row: self.stride(Some(row)),
            column: self.stride(Some(column)),
            squared: self.view.squared,
        }
    }
}

impl Lowering<'_> {
    /// A contraction of two operands, multiplied by a scalar if that is all that it is for: the value of `to`.
    pub(super) fn emit_product(&mut self, to: NodeId, id: NodeId, scale: Option<NodeId>) -> Result<()> {
        let node = self.graph.node(id).clone();
        let wrong = || Diagnostic::error(codes::BUG, node.span, "a contraction is left that is no matrix product");
        let Op::Contract { operands, result } = &node.op else { return Err(wrong()) };
        let ([x, y], [first, second]) = (node.inputs.as_slice(), operands.as_slice()) else { return Err(wrong()) };
        let both = |label: &&u8| first.contains(label) && second.contains(label);
        let batch = result.iter().find(both).copied();
        let kept: Labels = result.iter().filter(|label| !both(label)).copied().collect();
        let inner = first.iter().find(|label| both(label) && !result.contains(label)).copied();
        let (&[row, column], Some(inner)) = (kept.as_slice(), inner) else { return Err(wrong()) };
        // The operand with the rows comes first.
        let ((a, a_labels), (b, b_labels)) = match first.contains(&row) {
            true => ((*x, first), (*y, second)),
            false => ((*y, second), (*x, first)),
        };
        let own = self.graph.shape(id).to_vec();
        let extent = |shape: &[Size], labels: &[u8], label: u8| {
            labels.iter().position(|own| *own == label).and_then(|axis| shape.get(axis).cloned()).ok_or_else(wrong)
        };
        let (m, n) = (extent(&own, result, row)?, extent(&own, result, column)?);
        let k = extent(self.graph.shape(a), a_labels, inner)?;
        let size = batch.map(|label| extent(&own, result, label)).transpose()?;
        let c = View { buffer: self.target(to), offset: Size::from(0), strides: row_major(&own), squared: false };
        let left = Labelled { view: self.view(a)?, labels: a_labels };
        let right = Labelled { view: self.view(b)?, labels: b_labels };
        let c = Labelled { view: c, labels: result };
        let scale = scale.map(|scale| self.scalar(scale)).transpose()?;
        self.steps.push(Step::Product(Product {
            dtype: node.ty.dtype,
            batch: size.unwrap_or_else(Size::one),
            m,
            n,
            k,
            a: left.matrix(batch, row, inner),
            b: right.matrix(batch, inner, column),
            c: c.matrix(batch, row, column),
            scale,
            span: self.span,
        }));
        Ok(())
    }

    /// A scalar in memory.
    fn scalar(&mut self, id: NodeId) -> Result<BufferId> {
        if self.stored[id.0 as usize] {
            return self.held(id);
        }
        let mut body = Body::default();
        let value = self.value(&mut body, id, &[])?;
        let buffer = self.new_buffer(id, Role::Scratch);
        self.store_nest(id, body, value, buffer, &[]);
        Ok(buffer)
    }

    /// A node as strided memory.
    fn view(&mut self, id: NodeId) -> Result<View> {
        if self.stored[id.0 as usize] {
            let buffer = self.held(id)?;
            let strides = row_major(self.graph.shape(id));
            return Ok(View { buffer, offset: Size::from(0), strides, squared: false });
        }
        let node = self.graph.node(id).clone();
        let inner = node.inputs.first().copied();
        match (&node.op, inner) {
            (Op::Transpose { perm }, Some(inner)) => {
                let view = self.view(inner)?;
                Ok(View { strides: perm.iter().map(|&axis| view.strides[axis].clone()).collect(), ..view })
            }
            (Op::Slice { starts, steps }, Some(inner)) => {
                let mut view = self.view(inner)?;
                for axis in 0..starts.len() {
                    view.offset = view.offset.plus(&starts[axis].times(&view.strides[axis]));
                    view.strides[axis] = view.strides[axis].times(&Size::from(steps[axis]));
                }
                Ok(view)
            }
            (Op::Map(_), Some(inner)) if is_square(self.graph, id) => {
                let view = self.view(inner)?;
                if view.squared { Err(not_there(node.span)) } else { Ok(View { squared: true, ..view }) }
            }
            (Op::Reshape, Some(inner)) if self.stored[inner.0 as usize] => {
                let view = self.view(inner)?;
                Ok(View { strides: row_major(&node.ty.shape), ..view })
            }
            _ => Err(not_there(node.span)),
        }
    }
}

fn not_there(span: Span) -> Box<Diagnostic> {
    Diagnostic::error(codes::BUG, span, "an operand of a matrix product is not in memory")
}

/// The contraction and the scalar of which a node is the product.
pub(super) fn scaled(graph: &Graph, id: NodeId) -> Option<(NodeId, NodeId)> {
    let node = graph.node(id);
    let (Op::Map(op), &[a, b]) = (&node.op, node.inputs.as_slice()) else { return None };
    let scalar = |id: NodeId| match (&graph.node(id).op, graph.node(id).inputs.as_slice()) {
        (Op::Broadcast { axes }, &[x]) if axes.is_empty() => Some(x),
        _ => None,
    };
    let is_product = |id: NodeId| matches!(graph.node(id).op, Op::Contract { .. });
    match op.name {
        "multiply" if is_product(a) => Some((a, scalar(b)?)),
        "multiply" if is_product(b) => Some((b, scalar(a)?)),
        _ => None,
    }
}

/// Whether a node is a square that a matrix product can take of its operand.
pub(super) fn is_square(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    let float = matches!(node.ty.dtype, DType::F32 | DType::F64);
    float && matches!((&node.op, node.inputs.as_slice()), (Op::Map(op), [a, b]) if op.name == "multiply" && a == b)
}
