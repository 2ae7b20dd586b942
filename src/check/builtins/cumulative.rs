//! Cumulative sums, products and extrema.
//!
//! In: `f(x, axis=…)`. Out: a routine along the axis.
//! Always holds: without `axis` the array is flattened first, as NumPy does; truth values are summed as integers.

use super::Builtin;
use super::along::{Along, Otherwise};
use crate::check::call::Call;
use crate::check::{Checker, Value};
use crate::diagnostic::Result;
use crate::ops::routine::{CUMMAX, CUMMIN, CUMPROD, CUMSUM, Routine};
use crate::runtime::array::DType;

pub(super) const ALL: &[Builtin] = &[
    Builtin {
        name: "cumsum",
        doc: "cumsum(x, axis=…): the sum up to each element; without axis= of the array flattened.",
        example: ("print(cumsum([1, 2, 3]))", "[1 3 6]"),
        apply: |c, call| cumulative(c, call, &CUMSUM),
    },
    Builtin {
        name: "cumprod",
        doc: "cumprod(x, axis=…): the product up to each element; without axis= of the array flattened.",
        example: ("print(cumprod([[1, 2], [3, 4]], axis=1))", "[[ 1  2]\n [ 3 12]]"),
        apply: |c, call| cumulative(c, call, &CUMPROD),
    },
    Builtin {
        name: "cummax",
        doc: "cummax(x, axis=…): the largest element so far; nan from the first nan on. Its gradient goes to the first of equals.",
        example: ("print(cummax([1.0, 3.0, 2.0]))", "[1. 3. 3.]"),
        apply: |c, call| cumulative(c, call, &CUMMAX),
    },
    Builtin {
        name: "cummin",
        doc: "cummin(x, axis=…): the smallest element so far; nan from the first nan on. Its gradient goes to the first of equals.",
        example: ("print(cummin([3.0, 1.0, 2.0]))", "[3. 1. 1.]"),
        apply: |c, call| cumulative(c, call, &CUMMIN),
    },
];

fn cumulative(c: &mut Checker<'_>, call: &Call<'_>, routine: &'static Routine) -> Result<Value> {
    call.allow(&["axis"])?;
    let [operand] = c.operands_of(call, &format!("{}(x, axis=0)", call.name))?;
    let along = Along::read(c, call, &operand, Otherwise::Flat)?;
    if c.graph.ty(along.x).dtype != DType::Bool {
        let result = c.graph.routine(routine, &[along.x]);
        return Ok(Value::array(along.back(c, result)));
    }
    let whole = c.graph.cast(along.x, DType::I64);
    let result = c.graph.routine(routine, &[whole]);
    // An extremum of truth values is one of them.
    let result = if matches!(call.name, "cummax" | "cummin") { c.graph.cast(result, DType::Bool) } else { result };
    Ok(Value::array(along.back(c, result)))
}
