//! In: an angle. Out: its sine, cosine, tangent.
//! Always: below two and a half units in the last place for every angle (sine and cosine below one); angles beyond
//! [`Constants::TRIG_HIGH`] and infinities go to the scalar library.
//!
//! Cody and Waite's reduction with fused operations: x − n·π/2 with π/2 in three parts. The first product cancels
//! exactly, the second leaves its rounding error in a second number, which the polynomials take in to first order, as in
//! fdlibm's k_sin.c and k_cos.c.
//!
//! [`Constants::TRIG_HIGH`]: super::constants::Constants::TRIG_HIGH

use super::loops::Unary;
use super::real::{Real, select};

/// (`MAGIC` + n, sin r, cos r) with |x| = n·π/2 + r.
#[inline(always)]
fn sin_cos<T: Real>(x: T) -> (T, T, T) {
    let x = x.abs();
    let t = x.fma(T::TWO_OVER_PI, T::MAGIC);
    let n = t - T::MAGIC;
    let first = (-n).fma(T::HALF_PI.0, x);
    let product = n * T::HALF_PI.1;
    let product_error = n.fma(T::HALF_PI.1, -product);
    let r = first - product;
    // Two-sum: either of the two may be the larger.
    let back = r - first;
    let sum_error = (first - (r - back)) - (product + back);
    let low = sum_error - n.fma(T::HALF_PI.2, product_error);

    let z = r * r;
    let one = T::of(1.0);
    let half = T::of(0.5) * z;
    let most = one - half;
    let sin = r + (r * z).fma(T::poly_sin(z), low * most);
    let cos = most + (((one - most) - half) + (z * z).fma(T::poly_cos(z), -(r * low)));
    (t, sin, cos)
}

/// Whether the reduction does not hold: large angles, infinities and NaN.
#[inline(always)]
fn out_of_range<T: Real>(x: T) -> bool {
    let within = x.abs() <= T::TRIG_HIGH;
    !within
}

/// Sine.
pub(super) struct Sin;

impl<T: Real> Unary<T> for Sin {
    const HAS_RARE: bool = true;
    #[inline(always)]
    fn fast(x: T) -> T {
        let (t, sin, cos) = sin_cos(x);
        select(t.odd(), cos, sin).xorsign(t.sign_of_half(0)).xorsign(x)
    }
    #[inline(always)]
    fn rare(x: T) -> bool {
        out_of_range(x)
    }
    #[inline]
    fn scalar(x: T) -> T {
        x.sin()
    }
}

/// Cosine.
pub(super) struct Cos;

impl<T: Real> Unary<T> for Cos {
    const HAS_RARE: bool = true;
    #[inline(always)]
    fn fast(x: T) -> T {
        let (t, sin, cos) = sin_cos(x);
        select(t.odd(), sin, cos).xorsign(t.sign_of_half(1))
    }
    #[inline(always)]
    fn rare(x: T) -> bool {
        out_of_range(x)
    }
    #[inline]
    fn scalar(x: T) -> T {
        x.cos()
    }
}

/// Tangent: sin/cos, or −cos/sin in odd quadrants.
pub(super) struct Tan;

impl<T: Real> Unary<T> for Tan {
    const HAS_RARE: bool = true;
    #[inline(always)]
    fn fast(x: T) -> T {
        let (t, sin, cos) = sin_cos(x);
        let odd = t.odd();
        (select(odd, -cos, sin) / select(odd, sin, cos)).xorsign(x)
    }
    #[inline(always)]
    fn rare(x: T) -> bool {
        out_of_range(x)
    }
    #[inline]
    fn scalar(x: T) -> T {
        x.tan()
    }
}
