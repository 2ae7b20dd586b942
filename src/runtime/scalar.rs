//! Functions of single elements that generated code calls.
//!
//! In: one or two numbers. Out: a number of the same type.
//! Always holds: no argument makes them trap or unwind.

use crate::ops::elementwise::{floor_divide, remainder};
use crate::ops::elementwise::{int_floor_divide, int_power, int_remainder};
use crate::runtime::random;

/// The function behind the name `<operator>_<dtype>`.
pub(crate) fn symbol(name: &str) -> Option<*const u8> {
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

extern "C" fn random_bits(key: i64, counter: i64) -> i64 {
    random::bits(key, counter)
}

extern "C" fn bits_below(bits: i64, n: i64) -> i64 {
    random::below(bits, n)
}

extern "C" fn bits_to_uniform(bits: i64) -> f64 {
    random::uniform(bits)
}

extern "C" fn bits_to_normal(bits: i64) -> f64 {
    random::normal(bits)
}

extern "C" fn pow_i64(base: i64, exponent: i64) -> i64 {
    int_power(base, exponent)
}

/// The truncated quotient; 0 for a zero divisor.
extern "C" fn divide_i64(a: i64, b: i64) -> i64 {
    if b == 0 { 0 } else { a.wrapping_div(b) }
}

/// The remainder of the truncated quotient; 0 for a zero divisor.
extern "C" fn modulo_i64(a: i64, b: i64) -> i64 {
    if b == 0 { 0 } else { a.wrapping_rem(b) }
}

extern "C" fn floor_divide_i64(a: i64, b: i64) -> i64 {
    if b == 0 { 0 } else { int_floor_divide(a, b) }
}

extern "C" fn remainder_i64(a: i64, b: i64) -> i64 {
    if b == 0 { 0 } else { int_remainder(a, b) }
}

extern "C" fn floor_divide_f64(a: f64, b: f64) -> f64 {
    floor_divide(a, b)
}

extern "C" fn remainder_f64(a: f64, b: f64) -> f64 {
    remainder(a, b)
}

// Single precision is computed in double and rounded once, as the reference evaluation does.

extern "C" fn floor_divide_f32(a: f32, b: f32) -> f32 {
    floor_divide(f64::from(a), f64::from(b)) as f32
}

extern "C" fn remainder_f32(a: f32, b: f32) -> f32 {
    remainder(f64::from(a), f64::from(b)) as f32
}
