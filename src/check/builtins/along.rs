//! The axis that a builtin works along.
//!
//! In: `f(x, …, axis=…)`. Out: the operand with that axis at the back, and the way back.
//! Always holds: the axis is counted from the front of the operand as written.

use crate::check::Checker;
use crate::check::call::Call;
use crate::check::operators::Operand;
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{NodeId, Size};

/// What is meant when no axis is given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Otherwise {
    /// The last axis.
    Last,
    /// The array flattened.
    Flat,
}

/// An operand with the axis that is worked along at the back.
pub(super) struct Along {
    /// The operand.
    pub x: NodeId,
    /// The axis.
    axis: usize,
}

impl Along {
    /// Reads `axis=` for an operand.
    pub fn read(c: &mut Checker<'_>, call: &Call<'_>, operand: &Operand, otherwise: Otherwise) -> Result<Along> {
        let ty = c.graph.ty(operand.id).clone();
        let axis = match call.named("axis") {
            None if otherwise == Otherwise::Flat => {
                let flat = c.graph.reshape(operand.id, &[ty.elements()]);
                return Ok(Along { x: flat, axis: 0 });
            }
            _ if ty.rank() == 0 => {
                return Err(Diagnostic::error(codes::RANK, operand.span, format!("`{}` takes an array", call.name))
                    .at("this is a scalar"));
            }
            None => ty.rank() - 1,
            Some(expr) => c.axis(expr, ty.rank())?,
        };
        c.graph.span = call.span;
        Ok(Along { x: c.graph.move_axis(operand.id, axis, ty.rank() - 1), axis })
    }

    /// The size of the axis.
    pub fn size(&self, c: &Checker<'_>) -> Size {
        c.graph.shape(self.x).last().cloned().unwrap_or_else(Size::one)
    }

    /// A result whose last axis takes the place of the operand's.
    pub fn back(&self, c: &mut Checker<'_>, result: NodeId) -> NodeId {
        let last = c.graph.ty(result).rank().saturating_sub(1);
        c.graph.move_axis(result, last, self.axis)
    }
}
