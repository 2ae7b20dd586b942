//! In: two numbers. Out: the power, and the length of the hypotenuse.
//! Always: below two units in the last place. The power treats signs, zeros, infinities and NaN as C's `pow` does; the
//! hypotenuse neither overflows nor underflows on the way, and is infinite when a side is, even beside a NaN.
//!
//! x^y = exp(y·log x) needs log x with eleven bits more than the result has. For `f64` it is a double-double number:
//! s = f/(2 + f) with its error, and atanh's series with the first terms in two parts (the operations are Dekker's and
//! Knuth's two-sum and the fused two-product). For `f32` all is done in `f64`.

use super::constants::{Constants, poly_exp_for_f32, poly_log_for_f32, poly_log_tail};
use super::loops::Binary;
use super::real::{Real, select};

/// 1/3 and ln 2 (the first part in 40 bits, so that its products with exponents are exact).
const THIRD: (f64, f64) = (0.3333333333333333, 1.850371707708594e-17);
const LN_2: (f64, f64) = (0.6931471805592082, 7.371002565167799e-13);

/// Sum of two numbers, the first the larger or zero, and the rounding error.
#[inline(always)]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    (sum, (a - sum) + b)
}

/// Product of two numbers and its rounding error.
#[inline(always)]
fn two_product(a: f64, b: f64) -> (f64, f64) {
    let product = a * b;
    (product, a.mul_add(b, -product))
}

/// log x in two parts, for a positive normal number.
#[inline(always)]
fn log_pair(x: f64) -> (f64, f64) {
    let (e, m) = x.split();
    let f = m - 1.0;
    let (d, d_low) = two_sum(2.0, f);
    let inverse = 1.0 / d;
    let s = f * inverse;
    let s_low = inverse * (-s).mul_add(d_low, (-s).mul_add(d, f));
    let (z, z_error) = two_product(s, s);
    let z_low = (s + s).mul_add(s_low, z_error);
    let (c, c_error) = two_sum(THIRD.0, z * poly_log_tail(z));
    let c_low = c_error + THIRD.1;
    let (w, w_error) = two_product(z, c);
    let w_low = z.mul_add(c_low, z_low.mul_add(c, w_error));
    let (v, v_error) = two_product(s, w);
    let v_low = s.mul_add(w_low, s_low.mul_add(w, v_error));
    let (sum, first) = two_sum(e * LN_2.0, s + s);
    let (sum, second) = two_sum(sum, v + v);
    let tail = s_low + v_low;
    (sum, second + (first + e.mul_add(LN_2.1, tail + tail)))
}

/// x^y from |x|^y, for finite x ≠ 0 and finite y: negative for negative x and odd y, NaN for negative x and y not
/// an integer.
#[inline(always)]
fn signed(x: f64, y: f64, magnitude: f64) -> f64 {
    let half = 0.5 * y;
    let integer = y.round_ties_even() == y;
    let even = half.round_ties_even() == half;
    let result = select(even, magnitude, magnitude.xorsign(x));
    select(x < 0.0 && !integer, f64::NAN, result)
}

/// x^y
pub(super) struct Pow;

impl Binary<f64> for Pow {
    const HAS_RARE: bool = true;
    type Between = f64;
    #[inline(always)]
    fn first(x: f64, _: f64) -> (f64, f64) {
        log_pair(x.abs())
    }
    #[inline(always)]
    fn second(x: f64, y: f64, (log, log_low): (f64, f64)) -> f64 {
        let (p, p_error) = two_product(y, log);
        let p_low = y.mul_add(log_low, p_error);
        let (low, high) = <f64 as Constants>::EXP_RANGE;
        let limited = select(high < p, high, select(low > p, low, p));
        let p_low = select(limited == p, p_low, 0.0);
        let t = limited.mul_add(std::f64::consts::LOG2_E, <f64 as Real>::MAGIC);
        let n = t - <f64 as Real>::MAGIC;
        let ln_2 = <f64 as Constants>::LN_2;
        let r = (-n).mul_add(ln_2.0, limited) + (-n).mul_add(ln_2.1, p_low);
        let (sum, sum_error) = two_sum(1.0, r);
        let power = sum + (r * r).mul_add(<f64 as Constants>::poly_exp(r), sum_error);
        signed(x, y, power.scale2(t))
    }
    #[inline(always)]
    fn rare(x: f64, y: f64) -> bool {
        let a = x.abs();
        // Plain comparisons: bounds at the ends of the normal range would become a slow classification by bits.
        let usual = (1e-307..1e308).contains(&a) && y.abs() < 3e19;
        !usual
    }
    #[inline]
    fn scalar(x: f64, y: f64) -> f64 {
        x.powf(y)
    }
}

impl Binary<f32> for Pow {
    const HAS_RARE: bool = true;
    type Between = f64;
    #[inline(always)]
    fn first(x: f32, y: f32) -> (f64, f64) {
        let (x, y) = (f64::from(x), f64::from(y));
        let (e, m) = x.abs().split();
        let s = (m - 1.0) / (m + 1.0);
        let z = s * s;
        let log = e.mul_add(std::f64::consts::LN_2, (s + s) * z.mul_add(poly_log_for_f32(z), 1.0));
        (y * log, 0.0)
    }
    #[inline(always)]
    fn second(x: f32, y: f32, (p, _): (f64, f64)) -> f32 {
        let (x, y) = (f64::from(x), f64::from(y));
        let limited = select(100.0 < p, 100.0, select(-110.0 > p, -110.0, p));
        let t = limited.mul_add(std::f64::consts::LOG2_E, <f64 as Real>::MAGIC);
        let r = (-(t - <f64 as Real>::MAGIC)).mul_add(std::f64::consts::LN_2, limited);
        let expm1 = (r * r).mul_add(poly_exp_for_f32(r), r);
        let scale = t.pow2(0);
        signed(x, y, expm1.mul_add(scale, scale)) as f32
    }
    #[inline(always)]
    fn rare(x: f32, y: f32) -> bool {
        let a = x.abs();
        let usual = (1e-44..3e38).contains(&a) && y.abs() < 3e38;
        !usual
    }
    #[inline]
    fn scalar(x: f32, y: f32) -> f32 {
        x.powf(y)
    }
}

/// √(x² + y²), both scaled by a power of two where a square would leave the range.
pub(super) struct Hypot;

impl<T: Real> Binary<T> for Hypot {
    type Between = ();
    #[inline(always)]
    fn first(_: T, _: T) -> ((), ()) {
        ((), ())
    }
    #[inline(always)]
    fn second(x: T, y: T, _: ((), ())) -> T {
        let (ax, ay) = (x.abs(), y.abs());
        let less = select(ax > ay, ay, ax);
        let more = select(ax > ay, ax, ay);
        let (one, (down, up)) = (T::of(1.0), T::SQUARE_SCALE);
        let (large, small) = (more > T::SQUARE_HIGH, more < one / T::SQUARE_HIGH);
        let scale = select(large, down, select(small, up, one));
        let back = select(large, up, select(small, down, one));
        let (less, more) = (less * scale, more * scale);
        let length = more.fma(more, less * less).sqrt() * back;
        select(ax == T::INF || ay == T::INF, T::INF, length)
    }
    #[inline]
    fn scalar(x: T, y: T) -> T {
        x.hypot(y)
    }
}
