//! In: a sine, cosine, tangent, or the two sides of a right angle. Out: the angle.
//! Always: below two units in the last place; arguments outside [−1, 1] of asin and acos give NaN; atan2 treats zeros and
//! infinities as C does.
//!
//! asin and acos go through asin(x) = π/2 − 2·asin(√((1 − x)/2)) above 1/2 (fdlibm's e_asin.c), atan through
//! atan(x) = π/2 − atan(1/x) above 1; the remaining ranges are one polynomial each.

use super::loops::{Binary, Unary};
use super::real::{Real, select};

/// (|x| < 1/2, y, p) with asin |x| = y + p there, and π/2 − 2(y + p) above.
#[inline(always)]
fn asin_parts<T: Real>(x: T) -> (bool, T, T) {
    let a = x.abs();
    let small = a < T::of(0.5);
    let z = select(small, a * a, T::of(-0.5).fma(a, T::of(0.5)));
    let y = select(small, a, z.sqrt());
    (small, y, y * z * T::poly_asin(z))
}

/// `base` + (`y` + `p`), where |`base`| ≥ |`y`| or `base` = 0, and `p` is small.
#[inline(always)]
fn add_to<T: Real>(base: (T, T), y: T, p: T) -> T {
    let sum = base.0 + y;
    sum + (((base.0 - sum) + y) + (p + base.1))
}

/// Inverse sine.
pub(super) struct Asin;

impl<T: Real> Unary<T> for Asin {
    #[inline(always)]
    fn fast(x: T) -> T {
        let (small, y, p) = asin_parts(x);
        let two = T::of(-2.0);
        let large = add_to((T::HALF_PI.0, T::HALF_PI.1), two * y, two * p);
        select(small, y + p, large).copysign(x)
    }
    #[inline]
    fn scalar(x: T) -> T {
        x.asin()
    }
}

/// Inverse cosine: π/2 − asin x, 2(y + p) or π − 2(y + p).
pub(super) struct Acos;

impl<T: Real> Unary<T> for Acos {
    #[inline(always)]
    fn fast(x: T) -> T {
        let (small, y, p) = asin_parts(x);
        let zero = T::of(0.0);
        let factor = select(small, T::of(-1.0), T::of(2.0)).xorsign(x);
        let negative = x < zero;
        let high = select(small, T::HALF_PI.0, select(negative, T::PI.0, zero));
        let low = select(small, T::HALF_PI.1, select(negative, T::PI.1, zero));
        add_to((high, low), factor * y, factor * p)
    }
    #[inline]
    fn scalar(x: T) -> T {
        x.acos()
    }
}

/// Inverse tangent.
pub(super) struct Atan;

impl<T: Real> Unary<T> for Atan {
    #[inline(always)]
    fn fast(x: T) -> T {
        let a = x.abs();
        let one = T::of(1.0);
        let large = a > one;
        let q = select(large, -one, a) / select(large, a, one);
        let z = q * q;
        let p = q * z * T::poly_atan(z);
        let zero = T::of(0.0);
        let base = (select(large, T::HALF_PI.0, zero), select(large, T::HALF_PI.1, zero));
        add_to(base, q, p).copysign(x)
    }
    #[inline]
    fn scalar(x: T) -> T {
        x.atan()
    }
}

/// atan2(y, x): the angle of the point (x, y), the ordinate first as in C.
pub(super) struct Atan2;

impl<T: Real> Binary<T> for Atan2 {
    type Between = ();
    #[inline(always)]
    fn first(_: T, _: T) -> ((), ()) {
        ((), ())
    }
    #[inline(always)]
    fn second(y: T, x: T, _: ((), ())) -> T {
        let (ax, ay) = (x.abs(), y.abs());
        let zero = T::of(0.0);
        let steep = ay > ax;
        let (less, more) = (select(steep, ax, ay), select(steep, ay, ax));
        let ratio = less / more;
        let ratio = select(less == T::INF && more == T::INF, T::of(1.0), ratio);
        // Beside a zero, the lesser is a zero or NaN.
        let ratio = select(more == zero, less, ratio);
        let z = ratio * ratio;
        let p = ratio * z * T::poly_atan(z);
        // The quadrant's multiple of π/2: 0 or π on the flat side, π/2 on the steep side.
        let left = x.negative();
        let high = select(steep, T::HALF_PI.0, select(left, T::PI.0, zero));
        let low = select(steep, T::HALF_PI.1, select(left, T::PI.1, zero));
        let sign = select(steep != left, -T::of(1.0), T::of(1.0));
        add_to((high, low), sign * ratio, sign * p).copysign(y)
    }
    #[inline]
    fn scalar(y: T, x: T) -> T {
        y.atan2(x)
    }
}
