//! Division of integers as Python has it: quotients rounded down, remainders with the sign of the divisor.
//!
//! In: dividend and divisor in registers, and the divisor's value if it is a constant. Out: quotient or remainder.
//! Always holds: nothing traps; a divisor of zero gives 0, and whoever means it to be an error has checked before.

use super::writer::Writer;
use crate::ops::elementwise::Floored;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};

/// `x // d` or `x % d`.
pub(super) fn floored(w: &mut Writer, part: Floored, x: Value, divisor: (Value, Option<i64>)) -> Value {
    let (d, known) = divisor;
    match known {
        Some(0) => w.integer(0),
        Some(1 | -1) if part == Floored::Remainder => w.integer(0),
        Some(1) => x,
        Some(-1) => w.ins().ineg(x),
        Some(known @ 2..) if known & (known - 1) == 0 => by_power(w, part, x, known),
        Some(known @ 2..) => {
            let quotient = by_constant(w, x, known);
            if part == Floored::Quotient {
                return quotient;
            }
            let whole = w.ins().imul(quotient, d);
            w.ins().isub(x, whole)
        }
        _ => by_variable(w, part, x, d),
    }
}

/// By a power of two: a shift that keeps the sign rounds down.
fn by_power(w: &mut Writer, part: Floored, x: Value, d: i64) -> Value {
    let amount = match part {
        Floored::Quotient => i64::from(d.trailing_zeros()),
        Floored::Remainder => d - 1,
    };
    let amount = w.integer(amount);
    match part {
        Floored::Quotient => w.ins().sshr(x, amount),
        Floored::Remainder => w.ins().band(x, amount),
    }
}

/// The quotient by a constant from 3 on that is no power of two, as the high half of a product (Granlund and
/// Montgomery, "Division by invariant integers using multiplication", 1994, theorem 4.2).
///
/// With `2^(l-1) < d < 2^l` and `m = ceil(2^(63+l) / d)`, which fits in 64 bits, `floor(t / d)` is `t m / 2^(63+l)` for
/// every `t` of 63 bits, since `t (m d - 2^(63+l)) < 2^63 2^l`. Below zero, `floor(x / d)` is `not floor(not x / d)`.
fn by_constant(w: &mut Writer, x: Value, d: i64) -> Value {
    let bits = 64 - d.leading_zeros();
    let magic = (1u128 << (63 + bits)).div_ceil(d as u128) as u64;
    let [sign_bit, shift, magic] = [63, i64::from(bits) - 1, magic as i64].map(|value| w.integer(value));
    let sign = w.ins().sshr(x, sign_bit);
    let positive = w.ins().bxor(x, sign);
    let high = w.ins().umulhi(positive, magic);
    let quotient = w.ins().ushr(high, shift);
    w.ins().bxor(quotient, sign)
}

/// By something not known when compiling. Where neither is negative the machine's division rounds down; everything else
/// is rare.
fn by_variable(w: &mut Writer, part: Floored, x: Value, d: Value) -> Value {
    let less = w.plus(d, -1);
    let signs = w.ins().bor(x, d);
    let signs = w.ins().bor(signs, less);
    let plain = w.ins().icmp_imm_s(IntCC::SignedGreaterThanOrEqual, signs, 0);
    let (common, rare, join) = (w.block(&[]), w.cold_block(), w.block(&[types::I64]));
    w.branch(plain, (common, &[]), (rare, &[]));
    w.start(common);
    let result = match part {
        Floored::Quotient => w.ins().sdiv(x, d),
        Floored::Remainder => w.ins().srem(x, d),
    };
    w.jump(join, &[result]);
    w.start(rare);
    let name = match part {
        Floored::Quotient => "floor_divide_i64",
        Floored::Remainder => "remainder_i64",
    };
    let result = w.call(name, &[x, d], &[types::I64]).unwrap_or(x);
    w.jump(join, &[result]);
    w.start(join);
    w.params(join).first().copied().unwrap_or(x)
}
