//! Functions of single elements, for generated code and the interpreter.
//!
//! In: one or two numbers. Out: a number of the same type.
//! Always holds: no argument makes them trap or unwind.
#![allow(unsafe_code, reason = "names of symbols")]

use crate::random;
use crate::symbols::symbol;

/// The function behind the name `<operator>_<dtype>`.
pub fn symbol(name: &str) -> Option<*const u8> {
    Some(match name {
        "pow_i64" => pow_i64 as *const u8,
        "divide_i64" => divide_i64 as *const u8,
        "modulo_i64" => modulo_i64 as *const u8,
        "floor_divide_i64" => floor_divide_i64 as *const u8,
        "floor_divide_f64" => floor_divide_f64 as *const u8,
        "floor_divide_f32" => floor_divide_f32 as *const u8,
        "remainder_i64" => remainder_i64 as *const u8,
        "remainder_f64" => remainder_f64 as *const u8,
        "remainder_f32" => remainder_f32 as *const u8,
        "random_bits_i64" => random_bits as *const u8,
        "bits_below_i64" => bits_below as *const u8,
        "bits_to_uniform_i64" => bits_to_uniform as *const u8,
        "bits_to_normal_i64" => bits_to_normal as *const u8,
        _ => return None,
    })
}

#[unsafe(export_name = symbol!("random_bits_i64"))]
extern "C" fn random_bits(key: i64, counter: i64) -> i64 {
    random::bits(key, counter)
}

#[unsafe(export_name = symbol!("bits_below_i64"))]
extern "C" fn bits_below(bits: i64, n: i64) -> i64 {
    random::below(bits, n)
}

#[unsafe(export_name = symbol!("bits_to_uniform_i64"))]
extern "C" fn bits_to_uniform(bits: i64) -> f64 {
    random::uniform(bits)
}

#[unsafe(export_name = symbol!("bits_to_normal_i64"))]
extern "C" fn bits_to_normal(bits: i64) -> f64 {
    random::normal(bits)
}

#[unsafe(export_name = symbol!("pow_i64"))]
extern "C" fn pow_i64(base: i64, exponent: i64) -> i64 {
    int_power(base, exponent)
}

/// The truncated quotient; 0 for a zero divisor.
#[unsafe(export_name = symbol!("divide_i64"))]
extern "C" fn divide_i64(a: i64, b: i64) -> i64 {
    if b == 0 { 0 } else { a.wrapping_div(b) }
}

/// The remainder of the truncated quotient; 0 for a zero divisor.
#[unsafe(export_name = symbol!("modulo_i64"))]
extern "C" fn modulo_i64(a: i64, b: i64) -> i64 {
    if b == 0 { 0 } else { a.wrapping_rem(b) }
}

#[unsafe(export_name = symbol!("floor_divide_i64"))]
extern "C" fn floor_divide_i64(a: i64, b: i64) -> i64 {
    if b == 0 { 0 } else { int_floor_divide(a, b) }
}

#[unsafe(export_name = symbol!("remainder_i64"))]
extern "C" fn remainder_i64(a: i64, b: i64) -> i64 {
    if b == 0 { 0 } else { int_remainder(a, b) }
}

#[unsafe(export_name = symbol!("floor_divide_f64"))]
extern "C" fn floor_divide_f64(a: f64, b: f64) -> f64 {
    floor_divide(a, b)
}

#[unsafe(export_name = symbol!("remainder_f64"))]
extern "C" fn remainder_f64(a: f64, b: f64) -> f64 {
    remainder(a, b)
}

// Single precision is computed in double and rounded once, as the reference evaluation does.

#[unsafe(export_name = symbol!("floor_divide_f32"))]
extern "C" fn floor_divide_f32(a: f32, b: f32) -> f32 {
    floor_divide(f64::from(a), f64::from(b)) as f32
}

#[unsafe(export_name = symbol!("remainder_f32"))]
extern "C" fn remainder_f32(a: f32, b: f32) -> f32 {
    remainder(f64::from(a), f64::from(b)) as f32
}

/// Python's float remainder: the sign of the divisor.
pub fn remainder(a: f64, b: f64) -> f64 {
    let r = a % b;
    if r == 0.0 {
        0.0f64.copysign(b)
    } else if (r < 0.0) != (b < 0.0) {
        r + b
    } else {
        r
    }
}

/// Python's float floor division; `a / 0` is an infinity or NaN as NumPy has it.
pub fn floor_divide(a: f64, b: f64) -> f64 {
    if b == 0.0 {
        return a / b;
    }
    let rest = a % b;
    let crosses = rest != 0.0 && (rest < 0.0) != (b < 0.0);
    let quotient = (a - rest) / b - f64::from(u8::from(crosses));
    if quotient == 0.0 {
        return 0.0f64.copysign(a / b);
    }
    let floor = quotient.floor();
    if quotient - floor > 0.5 { floor + 1.0 } else { floor }
}

/// Integer quotient rounded down; wraps at `i64::MIN // -1`. The divisor is not zero.
pub fn int_floor_divide(a: i64, b: i64) -> i64 {
    let quotient = a.wrapping_div(b);
    if a.wrapping_rem(b) != 0 && (a < 0) != (b < 0) { quotient - 1 } else { quotient }
}

/// Integer remainder with the sign of the divisor. The divisor is not zero.
pub fn int_remainder(a: i64, b: i64) -> i64 {
    let r = a.wrapping_rem(b);
    if r != 0 && (r < 0) != (b < 0) { r + b } else { r }
}

/// `a ^ b` for integers: wraps; a negative exponent gives 0, or ±1 for bases ±1.
pub fn int_power(base: i64, exponent: i64) -> i64 {
    match (base, exponent) {
        (_, 0..) => base.wrapping_pow(u32::try_from(exponent).unwrap_or(u32::MAX)),
        (1, _) => 1,
        (-1, _) => 1 - 2 * (exponent & 1),
        _ => 0,
    }
}
