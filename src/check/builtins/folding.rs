//! Folds: an accumulator carried along the leading axis of arrays.
//!
//! In: a function of the accumulator and a row, a first accumulator, arrays. Out: the last accumulator, or all of them.
//! Always holds: a fold over nothing is its first accumulator.

use super::Builtin;
use crate::check::call::Call;
use crate::check::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::NodeId;

pub(super) const ALL: &[Builtin] = &[
    Builtin {
        name: "fold",
        doc: "fold((acc, v) -> e, init, x): e for the accumulator so far and each row of x in turn; the last one. x may be a tuple of arrays of one length, v is then a tuple.",
        example: ("print(fold((s, v) -> 0.5 * s + v, 0.0, [1.0, 2.0, 3.0]))", "4.25"),
        apply: |c, call| fold(c, call, false),
    },
    Builtin {
        name: "scan",
        doc: "scan((acc, v) -> e, init, x): as fold, but every accumulator, along a new leading axis.",
        example: ("print(scan((s, v) -> s + v, 0.0, [1.0, 2.0, 3.0]))", "[1. 3. 6.]"),
        apply: |c, call| fold(c, call, true),
    },
];

fn fold(c: &mut Checker<'_>, call: &Call<'_>, all: bool) -> Result<Value> {
    call.allow(&[])?;
    let form = format!("{}((acc, v) -> e, init, x)", call.name);
    let [function, start, over] = call.exactly::<3>(&form)?;
    let (function, start, over_value) = (c.expression(function)?, c.expression(start)?, c.expression(over)?);
    let rows = match &over_value {
        Value::Tuple(parts) => {
            parts.iter().map(|part| c.as_operand(part, over.span).map(|o| o.id)).collect::<Result<Vec<_>>>()?
        }
        one => vec![c.as_operand(one, over.span)?.id],
    };
    if let Some(wrong) = uneven(c, &rows) {
        return Err(Diagnostic::error(
            codes::SIZES,
            over.span,
            format!("`{}` runs along axes of one length", call.name),
        )
        .at(wrong));
    }
    let tuple = matches!(over_value, Value::Tuple(_));
    let span = call.span;
    c.accumulate(start, rows, all, span, &mut |c, acc, rows| {
        let row = match (tuple, rows.as_slice()) {
            (false, [row]) => Value::array(*row),
            _ => Value::Tuple(rows.into_iter().map(Value::array).collect()),
        };
        c.apply_function(&function, vec![acc, row], span)
    })
}

/// What is wrong with the lengths of arrays that are run along together.
fn uneven(c: &Checker<'_>, rows: &[NodeId]) -> Option<String> {
    let shown: Vec<String> = rows.iter().map(|row| c.graph.ty(*row).to_string()).collect();
    let first = rows.first().map(|row| c.graph.shape(*row).first().cloned())?;
    let same = rows.iter().all(|row| c.graph.shape(*row).first() == first.as_ref());
    (!same || first.is_none()).then(|| format!("these are {}", shown.join(" and ")))
}
