//! Builtins that depend on the order of elements.
//!
//! In: `f(x, axis=…)`. Out: routines over rows, and what is made of them.
//! Always holds: NaN comes after every number, ascending or descending, and what is equal keeps its order.

use super::Builtin;
use super::along::{Along, Otherwise};
use crate::check::call::Call;
use crate::check::{Checker, Value};
use crate::diagnostic::Result;
use crate::graph::NodeId;
use crate::ops::elementwise::{NEGATE, NOT, SUBTRACT};
use crate::ops::routine::{ARGSORT, Routine, SORT};
use crate::runtime::array::DType;

pub(super) const ALL: &[Builtin] = &[
    Builtin {
        name: "sort",
        doc: "sort(x, axis=-1, descending=false): the elements in order, nan last; equal ones keep their order.",
        example: ("print(sort([3.0, nan, 1.0]))", "[ 1.  3. nan]"),
        apply: |c, call| {
            let (along, descending) = ordered(c, call)?;
            let result = sorted(c, &SORT, along.x, descending);
            let result = if descending { mirrored(c, result) } else { result };
            Ok(Value::array(along.back(c, result)))
        },
    },
    Builtin {
        name: "argsort",
        doc: "argsort(x, axis=-1, descending=false): the indexes of the elements in order; x[argsort(x)] is sort(x).",
        example: ("print(argsort([3, 1, 2]))", "[1 2 0]"),
        apply: |c, call| {
            let (along, descending) = ordered(c, call)?;
            let result = sorted(c, &ARGSORT, along.x, descending);
            Ok(Value::array(along.back(c, result)))
        },
    },
];

/// `f(x, axis=…, descending=…)`.
fn ordered(c: &mut Checker<'_>, call: &Call<'_>) -> Result<(Along, bool)> {
    call.allow(&["axis", "descending"])?;
    let [operand] = c.operands_of(call, &format!("{}(x, axis=-1)", call.name))?;
    let descending = call.named("descending").map_or(Ok(false), |expr| c.literal_bool(expr, "descending"))?;
    Ok((Along::read(c, call, &operand, Otherwise::Last)?, descending))
}

/// A routine that sorts, applied to rows or to their mirror image.
fn sorted(c: &mut Checker<'_>, routine: &'static Routine, x: NodeId, descending: bool) -> NodeId {
    let x = if descending { mirrored(c, x) } else { x };
    c.graph.routine(routine, &[x])
}

/// Elements whose order is the opposite; done twice it gives the elements back. NaN stays NaN, so it stays last.
fn mirrored(c: &mut Checker<'_>, x: NodeId) -> NodeId {
    match c.graph.ty(x).dtype {
        DType::Bool => c.graph.map(&NOT, &[x]),
        DType::I64 => {
            let ones = c.graph.constant_like(x, -1.0);
            c.graph.map(&SUBTRACT, &[ones, x])
        }
        _ => c.graph.map(&NEGATE, &[x]),
    }
}
