//! Rounding to the 16-bit floats.
//!
//! In: numbers in double precision. Out: the nearest [`struct@f16`] or [`bf16`], of two equally near the even one.
//! Always holds: rounded once; overflow gives an infinity, subnormals are kept, a NaN stays a quiet NaN.

use half::{bf16, f16};

/// The nearest binary16.
pub fn f16_from_f64(x: f64) -> f16 {
    f16::from_f32(to_odd(x))
}

/// The nearest bfloat16.
pub fn bf16_from_f64(x: f64) -> bf16 {
    bf16::from_f32(to_odd(x))
}

/// Single precision, rounded to odd: of the two neighbours of an inexact number the one whose last bit is set. Rounding
/// that to the nearest of fewer digits is as good as rounding the number itself, which twice to nearest is not.
/// Boldo and Melquiond, "Emulation of a FMA and correctly rounded sums: proved algorithms using rounding to odd",
/// IEEE Transactions on Computers 57(4), 2008.
fn to_odd(x: f64) -> f32 {
    let nearest = x as f32;
    let back = f64::from(nearest);
    let bits = nearest.to_bits();
    if back == x || x.is_nan() || bits & 1 == 1 {
        return nearest;
    }
    f32::from_bits(if back.abs() > x.abs() { bits - 1 } else { bits + 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tie_is_broken_by_what_single_precision_would_lose() {
        let tie = 1.0 + 2f64.powi(-11);
        assert_eq!(f16_from_f64(tie).to_bits(), 0x3c00);
        assert_eq!(f16_from_f64(tie + 2f64.powi(-52)).to_bits(), 0x3c01);
        assert_eq!(f16_from_f64(tie - 2f64.powi(-52)).to_bits(), 0x3c00);
        let tie = 1.0 + 3.0 * 2f64.powi(-8);
        assert_eq!(bf16_from_f64(tie).to_bits(), 0x3f82);
        assert_eq!(bf16_from_f64(tie - 2f64.powi(-52)).to_bits(), 0x3f81);
    }

    #[test]
    fn the_ends_of_the_range() {
        assert_eq!(f16_from_f64(65519.999).to_bits(), 0x7bff);
        assert_eq!(f16_from_f64(65520.0), f16::INFINITY);
        assert_eq!(f16_from_f64(1e300), f16::INFINITY);
        assert_eq!(f16_from_f64(-1e300), f16::NEG_INFINITY);
        assert_eq!(bf16_from_f64(1e300), bf16::INFINITY);
        assert_eq!(f16_from_f64(2f64.powi(-25)).to_bits(), 0);
        assert_eq!(f16_from_f64(2f64.powi(-25) * 1.000_000_000_1).to_bits(), 1);
        assert_eq!(f16_from_f64(-1e-300).to_bits(), 0x8000);
        assert_eq!(bf16_from_f64(2f64.powi(-134) * 1.000_000_000_1).to_bits(), 1);
        assert!(f16_from_f64(f64::NAN).is_nan() && bf16_from_f64(f64::NAN).is_nan());
    }
}
