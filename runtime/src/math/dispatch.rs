//! In: the kernels as types. Out: one table of entry points per level of hardware, and the table of this machine.
//! Always: [`table`] returns entry points this machine can run, the same ones throughout the process.
#![allow(unsafe_code)]

use super::exp::{Exp, Expm1, Sigmoid};
use super::hyperbolic::{Cosh, Sinh, Tanh};
use super::inverse::{Acos, Asin, Atan, Atan2};
use super::log::{Log, Log1p, Log2, Log10, Softplus};
use super::loops::{self, Binary, Unary};
use super::power::{Hypot, Pow};
use super::real::Real;
use super::special::Erf;
use super::trig::{Cos, Sin, Tan};
use super::{Entry, Kernel};
use std::sync::OnceLock;

/// One row: a function of one number, its loops compiled with the given attributes.
macro_rules! unary {
    ($name:literal, $kernel:ident, $ulp_f64:literal, $ulp_f32:literal, $run:ident, $($attribute:meta)?) => {{
        $(#[$attribute])?
        unsafe extern "C" fn entry<T: Real>(out: *mut T, x: *const T, len: usize)
        where
            $kernel: Unary<T>,
        {
            // SAFETY: the promise of this function's own caller.
            unsafe { loops::$run::<T, $kernel>(out, x, len) }
        }
        Kernel {
            name: $name,
            arity: 1,
            f64: Entry::unary(entry::<f64>),
            f32: Entry::unary(entry::<f32>),
            ulp_f64: $ulp_f64,
            ulp_f32: $ulp_f32,
        }
    }};
}

/// One row: a function of two numbers.
macro_rules! binary {
    ($name:literal, $kernel:ident, $ulp_f64:literal, $ulp_f32:literal, $run:ident, $($attribute:meta)?) => {{
        $(#[$attribute])?
        unsafe extern "C" fn entry<T: Real>(out: *mut T, x: *const T, y: *const T, len: usize)
        where
            $kernel: Binary<T>,
        {
            // SAFETY: the promise of this function's own caller.
            unsafe { loops::$run::<T, $kernel>(out, x, y, len) }
        }
        Kernel {
            name: $name,
            arity: 2,
            f64: Entry::binary(entry::<f64>),
            f32: Entry::binary(entry::<f32>),
            ulp_f64: $ulp_f64,
            ulp_f32: $ulp_f32,
        }
    }};
}

/// All kernels: name, type, measured error bounds for `f64` and `f32`.
macro_rules! kernels {
    ($unary:ident, $binary:ident $(, $attribute:meta)?) => {
        [
            unary!("exp", Exp, 1.2, 1.2, $unary, $($attribute)?),
            unary!("expm1", Expm1, 1.3, 1.4, $unary, $($attribute)?),
            unary!("log", Log, 0.9, 0.9, $unary, $($attribute)?),
            unary!("log1p", Log1p, 1.2, 1.5, $unary, $($attribute)?),
            unary!("log2", Log2, 0.9, 0.9, $unary, $($attribute)?),
            unary!("log10", Log10, 0.9, 0.9, $unary, $($attribute)?),
            unary!("sin", Sin, 0.9, 0.9, $unary, $($attribute)?),
            unary!("cos", Cos, 0.9, 0.9, $unary, $($attribute)?),
            unary!("tan", Tan, 2.5, 2.5, $unary, $($attribute)?),
            unary!("asin", Asin, 1.3, 1.3, $unary, $($attribute)?),
            unary!("acos", Acos, 1.3, 1.3, $unary, $($attribute)?),
            unary!("atan", Atan, 1.5, 1.6, $unary, $($attribute)?),
            unary!("sinh", Sinh, 1.4, 1.5, $unary, $($attribute)?),
            unary!("cosh", Cosh, 1.4, 1.7, $unary, $($attribute)?),
            unary!("tanh", Tanh, 2.8, 2.6, $unary, $($attribute)?),
            unary!("sigmoid", Sigmoid, 2.4, 2.5, $unary, $($attribute)?),
            unary!("softplus", Softplus, 1.9, 1.9, $unary, $($attribute)?),
            unary!("erf", Erf, 1.5, 1.6, $unary, $($attribute)?),
            binary!("atan2", Atan2, 1.7, 1.9, $binary, $($attribute)?),
            binary!("pow", Pow, 0.9, 0.6, $binary, $($attribute)?),
            binary!("hypot", Hypot, 1.1, 1.2, $binary, $($attribute)?),
        ]
    };
}

/// Number of kernels.
const COUNT: usize = 21;

/// For x86 without FMA, where a fused operation would be a call: the scalar library.
#[cfg(all(target_arch = "x86_64", not(target_feature = "fma")))]
static PORTABLE: [Kernel; COUNT] = kernels!(unary_scalar, binary_scalar);

/// For targets whose every machine has fused operations, as the compiler finds it.
#[cfg(any(target_arch = "aarch64", all(target_arch = "x86_64", target_feature = "fma")))]
static PORTABLE: [Kernel; COUNT] = kernels!(unary, binary);

/// For all others: the scalar library.
#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
static PORTABLE: [Kernel; COUNT] = kernels!(unary_scalar, binary_scalar);

#[cfg(target_arch = "x86_64")]
static AVX2: [Kernel; COUNT] = kernels!(unary, binary, target_feature(enable = "avx2,fma"));

#[cfg(target_arch = "x86_64")]
static AVX512: [Kernel; COUNT] =
    kernels!(unary, binary, target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"));

/// The kernels of this machine.
pub(super) fn table() -> &'static [Kernel] {
    static TABLE: OnceLock<&[Kernel]> = OnceLock::new();
    TABLE.get_or_init(chosen)
}

fn chosen() -> &'static [Kernel] {
    #[cfg(target_arch = "x86_64")]
    {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        if avx2 && avx512 {
            return &AVX512;
        }
        if avx2 {
            return &AVX2;
        }
    }
    &PORTABLE
}

/// Every table this machine can run, for the tests.
#[cfg(test)]
pub(super) fn runnable() -> Vec<&'static [Kernel]> {
    vec![table(), &PORTABLE]
}
