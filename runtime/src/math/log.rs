//! In: a number. Out: its logarithms, log(1 + x) and log(1 + e^x).
//! Always: below two units in the last place; log of 0 is −∞, of a negative number NaN; powers of two have an exact log2.
//!
//! The method of fdlibm's e_log.c: x = 2^e·(1 + f) with 1 + f in [√½, √2), s = f/(2 + f), and
//! log(1 + f) = f − f²/2 + s·(f²/2 + R(s²)) with a polynomial R.

use super::exp::exp_of_negative;
use super::loops::Unary;
use super::real::{Real, select};

/// (f²/2, s·(f²/2 + R)) with log(1 + f) = f − (the first − the second).
#[inline(always)]
fn series<T: Real>(f: T) -> (T, T) {
    let s = f / (T::of(2.0) + f);
    let z = s * s;
    let square = f * T::of(0.5) * f;
    (square, s * z.fma(T::poly_log(z), square))
}

/// e·ln 2 + log(1 + f)
#[inline(always)]
fn assemble<T: Real>(e: T, f: T) -> T {
    let (square, rest) = series(f);
    e.fma(T::LN_2.0, f - (square - e.fma(T::LN_2.1, rest)))
}

/// (e, f) with x = 2^e·(1 + f) for positive finite x, subnormal or not.
#[inline(always)]
fn split<T: Real>(x: T) -> (T, T) {
    let (factor, exponent) = T::lift();
    let subnormal = x < T::TINY;
    let (e, m) = select(subnormal, x * factor, x).split();
    (e + select(subnormal, exponent, T::of(0.0)), m - T::of(1.0))
}

/// The result where x is positive and finite, and the limits elsewhere.
#[inline(always)]
fn guard<T: Real>(x: T, result: T) -> T {
    // One comparison per case: their conjunction would become a classification by bits, which is slow.
    let result = select(x < T::INF, result, x);
    let result = select(x == T::of(0.0), -T::INF, result);
    select(x < T::of(0.0), T::NAN, result)
}

/// log(1 + x) for x > −1, infinity excluded.
#[inline(always)]
fn log1p<T: Real>(x: T) -> T {
    let one = T::of(1.0);
    let sum = one + x;
    let lost = select(x > one, one - (sum - x), x - (sum - one));
    let (e, m) = sum.split();
    let correction = select(x > T::MAGIC, T::of(0.0), lost * sum.split_scale());
    assemble(e, (m - one) + correction)
}

/// Natural logarithm.
pub(super) struct Log;

impl<T: Real> Unary<T> for Log {
    #[inline(always)]
    fn fast(x: T) -> T {
        let (e, f) = split(x);
        guard(x, assemble(e, f))
    }
    #[inline]
    fn scalar(x: T) -> T {
        x.ln()
    }
}

/// log(1 + x), with what the sum 1 + x rounds away carried along.
pub(super) struct Log1p;

impl<T: Real> Unary<T> for Log1p {
    #[inline(always)]
    fn fast(x: T) -> T {
        let minus = T::of(-1.0);
        let result = select(x < T::INF, log1p(x).copysign(x), x);
        let result = select(x == minus, -T::INF, result);
        select(x < minus, T::NAN, result)
    }
    #[inline]
    fn scalar(x: T) -> T {
        x.ln_1p()
    }
}

/// log(1 + f)·(factor) + offset, the product in two parts.
#[inline(always)]
fn scaled<T: Real>(f: T, factor: (T, T), offset: (T, T)) -> T {
    let (square, rest) = series(f);
    let high = f - square;
    let low = ((f - high) - square) + rest;
    let product = high * factor.0;
    let error = high.fma(factor.0, -product);
    let small = low.fma(factor.0, high.fma(factor.1, error)) + offset.1;
    let sum = offset.0 + product;
    // Fast two-sum: the offset is zero or at least as large as the product.
    sum + (((offset.0 - sum) + product) + small)
}

/// Logarithm to base 2.
pub(super) struct Log2;

impl<T: Real> Unary<T> for Log2 {
    #[inline(always)]
    fn fast(x: T) -> T {
        let (e, f) = split(x);
        guard(x, scaled(f, T::LOG2_E, (e, T::of(0.0))))
    }
    #[inline]
    fn scalar(x: T) -> T {
        x.log2()
    }
}

/// Logarithm to base 10.
pub(super) struct Log10;

impl<T: Real> Unary<T> for Log10 {
    #[inline(always)]
    fn fast(x: T) -> T {
        let (e, f) = split(x);
        let high = e * T::LOG10_2.0;
        let low = e.fma(T::LOG10_2.1, e.fma(T::LOG10_2.0, -high));
        guard(x, scaled(f, T::LOG10_E, (high, low)))
    }
    #[inline]
    fn scalar(x: T) -> T {
        x.log10()
    }
}

/// log(1 + e^x) = max(x, 0) + log(1 + e^−|x|).
pub(super) struct Softplus;

impl<T: Real> Unary<T> for Softplus {
    const STAGED: bool = true;
    #[inline(always)]
    fn first(x: T) -> T {
        exp_of_negative(-x.abs())
    }
    #[inline(always)]
    fn second(x: T, small: T) -> T {
        let one = T::of(1.0);
        // log(1 + small) as in `log1p`, with the exponent, 0 or 1, from one comparison.
        let sum = one + small;
        let upper = sum > T::of(std::f64::consts::SQRT_2);
        let scale = select(upper, T::of(0.5), one);
        let f = sum.fma(scale, -one) + (small - (sum - one)) * scale;
        let (high, low) = T::LN_2;
        let (square, rest) = series(f);
        let zero = T::of(0.0);
        let log = select(upper, high, zero) + (f - (square - (rest + select(upper, low, zero))));
        select(x > zero, x, zero) + log
    }
    #[inline]
    fn scalar(x: T) -> T {
        select(x > T::of(0.0), x, T::of(0.0)) + (-x.abs()).exp().ln_1p()
    }
}
