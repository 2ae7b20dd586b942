//! Numbers of two bytes: IEEE 754 binary16, and bfloat16.
//!
//! In: their bits. Out: the same numbers in single precision.
//! Always holds: the result is exact, as binary32 has every number of both. Every reader widens here and nowhere else.

/// Which of the two a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    /// Five bits of exponent, ten of fraction.
    Binary16,
    /// The upper half of a binary32.
    Brain,
}

impl Half {
    /// The number that the bits stand for.
    pub(super) fn widen(self, bits: u16) -> f32 {
        match self {
            Half::Binary16 => widen_binary16(bits),
            Half::Brain => f32::from_bits(u32::from(bits) << 16),
        }
    }
}

fn widen_binary16(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let exponent = u32::from(bits >> 10 & 0x1f);
    let fraction = u32::from(bits & 0x3ff);
    match exponent {
        // Zero and subnormals: a multiple of 2^-24.
        0 => f32::from_bits(sign | (fraction as f32 / 16_777_216.0).to_bits()),
        0x1f => f32::from_bits(sign | 0xff << 23 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}
