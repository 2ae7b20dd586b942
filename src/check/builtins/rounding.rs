//! Elementwise functions with arguments that may be left out: clip and round.
//!
//! In: numbers. Out: numbers of the same type, limited or rounded.
//! Always holds: what they are made of are operators of the table.

use super::Builtin;
use crate::check::call::Call;
use crate::check::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::Constant;
use crate::ops::elementwise::{DIVIDE, MAXIMUM, MINIMUM, MULTIPLY, ROUND};
use crate::runtime::array::DType;

pub(super) const ALL: &[Builtin] = &[
    Builtin {
        name: "clip",
        doc: "clip(x, lo, hi): x, but not below lo and not above hi; clip(x, lo=0) and clip(x, hi=1) limit one side.",
        example: ("print(clip([1, 5, 9], 2, 6))", "[2 5 6]"),
        apply: clip,
    },
    Builtin {
        name: "round",
        doc: "round(x): the nearest whole number, ties to even; round(x, d): the nearest with d decimals.",
        example: ("print(round([-1.5, 0.4, 2.5]), round(3.14159, 2))", "[-2.  0.  2.] 3.14"),
        apply: round,
    },
];

fn clip(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&["lo", "hi"])?;
    let form = "clip(x, lo, hi), clip(x, lo=0) or clip(x, hi=1)";
    let (x, rest) = call.first_and_rest(1..=3, form)?;
    let (low, high) = match rest.as_slice() {
        [] => (call.named("lo"), call.named("hi")),
        [low] if call.named("lo").is_none() && call.named("hi").is_some() => (Some(*low), call.named("hi")),
        [low, high] if call.named("lo").or(call.named("hi")).is_none() => (Some(*low), Some(*high)),
        _ => return Err(call.miscounted(form)),
    };
    if low.is_none() && high.is_none() {
        return Err(
            Diagnostic::error(codes::ARGUMENTS, call.span, "`clip` needs a bound").help(format!("write {form}"))
        );
    }
    let mut limited = c.operand(x)?;
    let low = low.map(|expr| c.operand(expr)).transpose()?;
    let high = high.map(|expr| c.operand(expr)).transpose()?;
    for (bound, op) in [(low, &MAXIMUM), (high, &MINIMUM)] {
        if let Some(bound) = bound {
            let value = c.elementwise(op, &[limited, bound], call.span)?;
            limited = c.as_operand(&value, call.span)?;
        }
    }
    Ok(Value::Array { id: limited.id, literal: limited.literal })
}

/// `round(x * 10^d) / 10^d`, as NumPy has it; whole numbers stay whole numbers.
fn round(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&["decimals"])?;
    let (x, rest) = call.first_and_rest(1..=2, "round(x) or round(x, decimals)")?;
    let operand = c.operand(x)?;
    let decimals = rest.first().copied().or(call.named("decimals"));
    let decimals = decimals.map_or(Ok(0), |expr| c.literal_int(expr, "the number of decimals"))?;
    c.graph.span = call.span;
    let dtype = c.graph.ty(operand.id).dtype;
    if decimals == 0 || (decimals > 0 && !dtype.is_float()) {
        return c.elementwise(&ROUND, &[operand], call.span);
    }
    let power = i32::try_from(decimals.unsigned_abs()).ok().filter(|power| *power <= 308).ok_or_else(|| {
        Diagnostic::error(codes::ARGUMENTS, call.span, format!("a number has no {decimals} decimals"))
    })?;
    let float = if dtype.is_float() { dtype } else { DType::F64 };
    let x = c.graph.cast(operand.id, float);
    let scale = c.graph.constant(Constant::float(10f64.powi(power)), float);
    let (there, back) = if decimals > 0 { (&MULTIPLY, &DIVIDE) } else { (&DIVIDE, &MULTIPLY) };
    let scaled = c.graph.map(there, &[x, scale]);
    let rounded = c.graph.map(&ROUND, &[scaled]);
    let result = c.graph.map(back, &[rounded, scale]);
    Ok(Value::array(c.graph.cast(result, if dtype == DType::Bool { DType::I64 } else { dtype })))
}
