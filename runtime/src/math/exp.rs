//! In: a number. Out: exp, expm1, sigmoid of it, and the exponential others build on.
//! Always: below two and a half units in the last place (exp, expm1: 1.4), subnormal results included; NaN in, NaN out.
//!
//! Cody and Waite's reduction (Software Manual for the Elementary Functions, 1980): x = n·ln 2 + r with |r| ≤ ln(2)/2,
//! ln 2 in two parts, then a polynomial in r and a multiplication by 2^n.

use super::loops::Unary;
use super::real::{Real, select};

/// (`MAGIC` + n, r) with x = n·ln 2 + r.
#[inline(always)]
pub(super) fn reduce<T: Real>(x: T) -> (T, T) {
    let t = x.fma(T::LOG2_E.0, T::MAGIC);
    let n = t - T::MAGIC;
    (t, (-n).fma(T::LN_2.1, (-n).fma(T::LN_2.0, x)))
}

/// e^r − 1 for a reduced argument.
#[inline(always)]
pub(super) fn expm1_reduced<T: Real>(r: T) -> T {
    (r * r).fma(T::poly_exp(r), r)
}

/// x, limited to the range in which e^x is neither 0 nor infinite, a bit beyond on both sides. Keeps NaN.
#[inline(always)]
fn limit<T: Real>(x: T) -> T {
    let (low, high) = T::EXP_RANGE;
    let x = select(high < x, high, x);
    select(low > x, low, x)
}

/// e^x
#[inline(always)]
pub(super) fn exp<T: Real>(x: T) -> T {
    let (t, r) = reduce(limit(x));
    (T::of(1.0) + expm1_reduced(r)).scale2(t)
}

/// e^x for x ≤ 0, subnormal results included.
#[inline(always)]
pub(super) fn exp_of_negative<T: Real>(x: T) -> T {
    let low = T::EXP_RANGE.0;
    let (t, r) = reduce(select(low > x, low, x));
    (T::of(1.0) + expm1_reduced(r)).scale2(t)
}

/// e^x
pub(super) struct Exp;

impl<T: Real> Unary<T> for Exp {
    #[inline(always)]
    fn fast(x: T) -> T {
        exp(x)
    }
    #[inline]
    fn scalar(x: T) -> T {
        x.exp()
    }
}

/// e^x − 1 = 2^n(e^r − 1) + (2^n − 1), taken at half its size so that the last binade does not overflow early.
pub(super) struct Expm1;

impl<T: Real> Unary<T> for Expm1 {
    #[inline(always)]
    fn fast(x: T) -> T {
        let high = T::EXP_RANGE.1;
        let limited = select(high < x, high, x);
        let limited = select(T::EXPM1_LOW > limited, T::EXPM1_LOW, limited);
        let t = limited.fma(T::LOG2_E.0, T::MAGIC);
        let n = t - T::MAGIC;
        let first = (-n).fma(T::LN_2.0, limited);
        let r = (-n).fma(T::LN_2.1, first);
        let r_low = (-n).fma(T::LN_2.1, first - r);
        let scale = t.pow2(-1);
        let offset = scale - T::of(0.5);
        let sum = r.fma(scale, offset);
        let sum_error = r.fma(scale, offset - sum);
        let half = sum + (r * r).fma(T::poly_exp(r), r_low).fma(scale, sum_error);
        select(x.abs() < T::NEGLIGIBLE, x, half + half)
    }
    #[inline]
    fn scalar(x: T) -> T {
        x.exp_m1()
    }
}

/// 1/(1 + e^−x), from e^−|x| so that neither side loses precision.
pub(super) struct Sigmoid;

impl<T: Real> Unary<T> for Sigmoid {
    #[inline(always)]
    fn fast(x: T) -> T {
        let e = exp_of_negative(-x.abs());
        select(x < T::of(0.0), e, T::of(1.0)) / (T::of(1.0) + e)
    }
    #[inline]
    fn scalar(x: T) -> T {
        let e = (-x.abs()).exp();
        select(x < T::of(0.0), e, T::of(1.0)) / (T::of(1.0) + e)
    }
}
