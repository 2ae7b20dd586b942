//! In: a number. Out: its hyperbolic sine, cosine, tangent.
//! Always: below two units in the last place, signs of zero and infinities kept, no overflow before the result's own.
//!
//! With |x| = n·ln 2 + r, A = (2^n − 2^−n)/2 and B = (2^n + 2^−n)/2, both exact or nearly so,
//! sinh |x| = A·cosh r + B·sinh r and cosh |x| = B·cosh r + A·sinh r. Polynomials give sinh r and cosh r − 1, hence no
//! cancellation and no division.

use super::exp::{expm1_reduced, reduce};
use super::loops::Unary;
use super::real::{Real, select};

/// (sinh x, cosh x) times one half, for x ≥ 0.
#[inline(always)]
fn halves<T: Real>(x: T) -> (T, T) {
    let (t, r) = reduce(x);
    let z = r * r;
    let sinh_less_r = r * z * T::poly_sinh(z);
    let cosh_less_one = (z * z).fma(T::poly_cosh(z), T::of(0.5) * z);
    let (grow, decay) = (t.pow2(-2), t.pow2_neg(2));
    let (a, b) = (grow - decay, grow + decay);
    (combine(a, b, r, cosh_less_one, sinh_less_r), combine(b, a, r, cosh_less_one, sinh_less_r))
}

/// a·cosh r + b·sinh r, the sum of its two largest terms with its rounding error.
#[inline(always)]
fn combine<T: Real>(a: T, b: T, r: T, cosh_less_one: T, sinh_less_r: T) -> T {
    let sum = b.fma(r, a);
    let error = b.fma(r, a - sum);
    sum + (error + a.fma(cosh_less_one, b * sinh_less_r))
}

/// |x|, limited to where the function has become constant. Keeps NaN.
#[inline(always)]
fn limited<T: Real>(x: T, high: T) -> T {
    let x = x.abs();
    select(high < x, high, x)
}

/// Hyperbolic sine.
pub(super) struct Sinh;

impl<T: Real> Unary<T> for Sinh {
    #[inline(always)]
    fn fast(x: T) -> T {
        let (half, _) = halves(limited(x, T::SINH_HIGH));
        select(x.abs() < T::NEGLIGIBLE, x, (half + half).copysign(x))
    }
    #[inline]
    fn scalar(x: T) -> T {
        x.sinh()
    }
}

/// Hyperbolic cosine.
pub(super) struct Cosh;

impl<T: Real> Unary<T> for Cosh {
    #[inline(always)]
    fn fast(x: T) -> T {
        let (_, half) = halves(limited(x, T::SINH_HIGH));
        half + half
    }
    #[inline]
    fn scalar(x: T) -> T {
        x.cosh()
    }
}

/// Hyperbolic tangent: e/(e + 2) with e = expm1 2|x|, which has no cancellation on either side of 0.
pub(super) struct Tanh;

impl<T: Real> Unary<T> for Tanh {
    #[inline(always)]
    fn fast(x: T) -> T {
        let a = limited(x, T::TANH_HIGH);
        let (t, r) = reduce(a + a);
        let scale = t.pow2(0);
        let e = expm1_reduced(r).fma(scale, scale - T::of(1.0));
        (e / (e + T::of(2.0))).copysign(x)
    }
    #[inline]
    fn scalar(x: T) -> T {
        x.tanh()
    }
}
