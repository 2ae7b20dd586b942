//! In: a number. Out: its error function.
//! Always: below two units in the last place, odd, ±1 at the infinities; NaN in, NaN out.
//!
//! Below 0.9, x·(1 + P(x²)); above, 1 − exp(Q(x − 1)), where Q fits the logarithm of erfc: the further out, the smaller
//! erfc and the less Q's error counts. (That one exponential of a polynomial serves all of the upper range is a known
//! observation of N. Juffa's; both fits are our own.)

use super::exp::{expm1_reduced, reduce};
use super::loops::Unary;
use super::real::{Real, select};

/// 2/√π ∫₀ˣ exp(−t²) dt
pub(super) struct Erf;

impl<T: Real> Unary<T> for Erf {
    const STAGED: bool = true;
    #[inline(always)]
    fn first(x: T) -> T {
        let a = x.abs();
        let limited = select(T::ERF_HIGH < a, T::ERF_HIGH, a);
        T::poly_ln_erfc(limited - T::of(1.0))
    }
    #[inline(always)]
    fn second(x: T, ln_erfc: T) -> T {
        let a = x.abs();
        let one = T::of(1.0);
        let inner = a.fma(T::poly_erf(a * a), a);
        let (t, r) = reduce(ln_erfc);
        let scale = t.pow2(0);
        let outer = one - expm1_reduced(r).fma(scale, scale);
        select(a < T::of(0.9), inner, outer).copysign(x)
    }
    #[inline]
    fn scalar(x: T) -> T {
        x.erf()
    }
}
