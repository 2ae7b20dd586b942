//! Folds: an accumulator carried along the leading axis of arrays.
//!
//! In: a function of the accumulator and a row, a first accumulator, arrays. Out: the last accumulator, or all of them.
//! Always holds: a fold over nothing is its first accumulator.

use super::Builtin;
use crate::check::call::Call;
use crate::check::zip::Source;
use crate::check::{Checker, Value};
use crate::diagnostic::Result;
use crate::syntax::span::Span;

pub(super) const ALL: &[Builtin] = &[
    Builtin {
        name: "fold",
        doc: "fold((acc, v) -> e, init, x): e for the accumulator so far and each row of x in turn; the last one. with zip(x, y), or a tuple of arrays, v is a tuple.",
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
    let (function, start) = (c.expression(function)?, c.expression(start)?);
    let source = match c.zipped(over)? {
        // Arrays in a tuple are run along together, as in `zip`.
        Source::One(Value::Tuple(parts), span) => {
            Source::Together(parts.into_iter().map(|part| Source::One(part, span)).collect())
        }
        source => source,
    };
    let span = call.span;
    if source.has_list() {
        let items = c.items_together(&source, over.span)?;
        return folded_items(c, &function, start, items, all, span);
    }
    c.accumulate(start, &source, all, span, &mut |c, acc, row| c.apply_function(&function, vec![acc, row], span))
}

/// A fold over the items of a list, whose types may differ: the function once for each.
fn folded_items(
    c: &mut Checker<'_>,
    function: &Value,
    start: Value,
    items: Vec<Value>,
    all: bool,
    span: Span,
) -> Result<Value> {
    let (mut accumulator, mut accumulators) = (start, Vec::new());
    for item in items {
        accumulator = c.apply_function(function, vec![accumulator, item], span)?;
        accumulators.push(accumulator.clone());
    }
    if all { c.gathered(accumulators, span) } else { Ok(accumulator.settled()) }
}
