//! In: nothing. Out: [`Real`], the arithmetic a kernel may use, for `f64` and `f32` alike.
//! Always: every operation here is branch-free and of a kind the loop vectoriser turns into one or two vector
//! instructions, so a kernel written with them is vector code once its loop is compiled for a target with FMA.
//!
//! The bit tricks are the classical ones. Adding [`Real::MAGIC`] = 1.5·2^p (p: fraction bits) to a number rounds it to
//! an integer and leaves that integer in the low bits of the sum, which replaces the conversions between floats and
//! 64-bit integers that AVX2 lacks.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::constants::Constants;
use super::scalar::Scalar;

/// A floating-point type the kernels are written over.
pub(super) trait Real:
    Copy
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + Scalar
    + Constants
    + 'static
{
    /// 1.5·2^p.
    const MAGIC: Self;
    /// Smallest positive normal number.
    const TINY: Self;
    /// Positive infinity.
    const INF: Self;
    /// A quiet NaN.
    const NAN: Self;

    /// A constant, rounded to this type.
    fn of(value: f64) -> Self;
    /// `self * a + b` in one rounding.
    fn fma(self, a: Self, b: Self) -> Self;
    /// |self|
    fn abs(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// |self| with the sign of `sign`.
    fn copysign(self, sign: Self) -> Self;
    /// `self`, negated where the sign bit of `sign` is set.
    fn xorsign(self, sign: Self) -> Self;
    /// 2^(n + k) for `self` = `MAGIC` + n; the exponent must be that of a normal number.
    fn pow2(self, k: i32) -> Self;
    /// 2^(−n − k), or 0 where that underflows, for `self` = `MAGIC` + n.
    fn pow2_neg(self, k: i32) -> Self;
    /// `self`·2^n for `t` = `MAGIC` + n, in two steps, so that subnormal and infinite results come out right.
    fn scale2(self, t: Self) -> Self;
    /// Whether the sign bit is set.
    fn negative(self) -> bool;
    /// Whether n is odd, for `self` = `MAGIC` + n.
    fn odd(self) -> bool;
    /// A number whose sign bit is bit 1 of n + k, for `self` = `MAGIC` + n.
    fn sign_of_half(self, k: i32) -> Self;
    /// (e, m) with `self` = 2^e·m and m in [√½, √2), for a positive normal number.
    fn split(self) -> (Self, Self);
    /// 2^54 (2^25) and its negated exponent: the factor that makes subnormal numbers normal.
    fn lift() -> (Self, Self);
    /// 2^−e for the `split` of this number; unspecified for the largest binade.
    fn split_scale(self) -> Self;
}

/// `if condition { yes } else { no }`, as a blend.
#[inline(always)]
pub(super) fn select<T: Copy>(condition: bool, yes: T, no: T) -> T {
    if condition { yes } else { no }
}

macro_rules! real {
    ($t:ident, $bits:ident, $signed:ident, $fraction:literal, $bias:literal) => {
        impl Real for $t {
            const MAGIC: $t = 1.5 * (1u64 << $fraction) as $t;
            const TINY: $t = $t::MIN_POSITIVE;
            const INF: $t = $t::INFINITY;
            const NAN: $t = $t::NAN;

            #[inline(always)]
            fn of(value: f64) -> $t {
                value as $t
            }
            #[inline(always)]
            fn fma(self, a: $t, b: $t) -> $t {
                self.mul_add(a, b)
            }
            #[inline(always)]
            fn abs(self) -> $t {
                $t::abs(self)
            }
            #[inline(always)]
            fn sqrt(self) -> $t {
                $t::sqrt(self)
            }
            #[inline(always)]
            fn copysign(self, sign: $t) -> $t {
                $t::copysign(self, sign)
            }
            #[inline(always)]
            fn xorsign(self, sign: $t) -> $t {
                $t::from_bits(self.to_bits() ^ (sign.to_bits() & (-0.0 as $t).to_bits()))
            }
            #[inline(always)]
            fn pow2(self, k: i32) -> $t {
                $t::from_bits(self.to_bits().wrapping_add(($bias + k) as $bits) << $fraction)
            }
            #[inline(always)]
            fn pow2_neg(self, k: i32) -> $t {
                let exponent = (Self::MAGIC.to_bits() + ($bias - k) as $bits).wrapping_sub(self.to_bits());
                $t::from_bits(select((exponent as $signed) > 0, exponent, 0) << $fraction)
            }
            #[inline(always)]
            fn scale2(self, t: $t) -> $t {
                let both = t.to_bits().wrapping_sub(Self::MAGIC.to_bits() - 2 * $bias);
                let first = both >> 1;
                let second = both.wrapping_sub(first);
                self * $t::from_bits(first << $fraction) * $t::from_bits(second << $fraction)
            }
            #[inline(always)]
            fn negative(self) -> bool {
                (self.to_bits() as $signed) < 0
            }
            #[inline(always)]
            fn odd(self) -> bool {
                ((self.to_bits() << ($bits::BITS - 1)) as $signed) < 0
            }
            #[inline(always)]
            fn sign_of_half(self, k: i32) -> $t {
                $t::from_bits(self.to_bits().wrapping_add(k as $bits) << ($bits::BITS - 2))
            }
            #[inline(always)]
            fn split(self) -> ($t, $t) {
                let root = std::$t::consts::FRAC_1_SQRT_2.to_bits();
                let shifted = self.to_bits().wrapping_add((1.0 as $t).to_bits() - root);
                let integer = (1u64 << $fraction) as $t;
                let e = $t::from_bits((shifted >> $fraction) | integer.to_bits()) - (integer + $bias as $t);
                let m = $t::from_bits((shifted & ((1 << $fraction) - 1)) + root);
                (e, m)
            }
            #[inline(always)]
            fn lift() -> ($t, $t) {
                (((1u64 << ($fraction + 2)) as $t), -(($fraction + 2) as $t))
            }
            #[inline(always)]
            fn split_scale(self) -> $t {
                let root = std::$t::consts::FRAC_1_SQRT_2.to_bits();
                let shifted = self.to_bits().wrapping_add((1.0 as $t).to_bits() - root);
                let exponent = (2 * $bias as $bits).wrapping_sub(shifted >> $fraction);
                $t::from_bits(exponent << $fraction)
            }
        }
    };
}

real!(f64, u64, i64, 52, 1023);
real!(f32, u32, i32, 23, 127);
