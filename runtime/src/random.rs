//! Random numbers that are functions of a key and a counter.
//!
//! In: a key and a counter, or 64 random bits. Out: 64 random bits, or a number made of them.
//! Always holds: integer arithmetic and correctly rounded float operations only, in a fixed order, so that every machine
//! gets the same bits.
//!
//! The generator is Philox4x32-10 of J. Salmon, M. Moraes, R. Dror and D. Shaw, "Parallel random numbers: as easy as
//! 1, 2, 3", SC'11, section 3.3.
#![allow(clippy::excessive_precision, reason = "coefficients stand as they were published")]

/// Philox4x32-10: four random words for a counter of four words under a key of two.
pub fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
    const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
    let wide = |a: u32, b: u32| {
        let product = u64::from(a) * u64::from(b);
        ((product >> 32) as u32, product as u32)
    };
    let ([mut c0, mut c1, mut c2, mut c3], [mut k0, mut k1]) = (counter, key);
    for _ in 0..10 {
        let (high0, low0) = wide(MULTIPLIERS[0], c0);
        let (high1, low1) = wide(MULTIPLIERS[1], c2);
        [c0, c1, c2, c3] = [high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0];
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [c0, c1, c2, c3]
}

/// 64 random bits for each counter under a key: the first two words of the Philox block of (counter, 0), low word first.
pub fn bits(key: i64, counter: i64) -> i64 {
    let halves = |x: i64| [x as u32, (x >> 32) as u32];
    let [low, high] = halves(counter);
    let [first, second, ..] = philox4x32([low, high, 0, 0], halves(key));
    (u64::from(second) << 32 | u64::from(first)) as i64
}

/// A whole number in `0..n`: the high half of the 128-bit product of the bits and `n`, both taken without sign
/// (D. Lemire, "Fast random integer generation in an interval", TOMACS 2019, without its rejection). The probability
/// of each number is off by less than 2^-64.
pub fn below(bits: i64, n: i64) -> i64 {
    ((u128::from(bits as u64) * u128::from(n as u64)) >> 64) as i64
}

/// A float in [0, 1): the upper 53 bits, times 2^-53.
pub fn uniform(bits: i64) -> f64 {
    const UNIT: f64 = 1.0 / (1u64 << 53) as f64;
    ((bits as u64) >> 11) as f64 * UNIT
}

/// A standard normal float: the quantile of the upper 52 bits, taken as the midpoint of their interval of [0, 1).
/// It lies within ±8.21.
pub fn normal(bits: i64) -> f64 {
    const UNIT: f64 = 1.0 / (1u64 << 52) as f64;
    normal_quantile((((bits as u64) >> 12) as f64 + 0.5) * UNIT)
}

/// A polynomial by Horner's rule, constant term first. No fused operations: they would round differently.
fn polynomial<const N: usize>(coefficients: [f64; N], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

/// The quantile of the standard normal distribution at 0 < p < 1, with a relative error of about 1e-16: M. Wichura,
/// "Algorithm AS 241: the percentage points of the normal distribution", Applied Statistics 37 (1988), PPND16.
pub fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180625 - q * q;
        return q * polynomial(CENTRE.0, r) / polynomial(CENTRE.1, r);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    // The logarithm is a program of basic operations (`libm`), not the platform's: its bits are the same everywhere.
    let r = (-libm::log(tail)).sqrt();
    let z = if r <= 5.0 {
        polynomial(NEAR.0, r - 1.6) / polynomial(NEAR.1, r - 1.6)
    } else {
        polynomial(FAR.0, r - 5.0) / polynomial(FAR.1, r - 5.0)
    };
    if q < 0.0 { -z } else { z }
}

type Ratio = ([f64; 8], [f64; 8]);

/// For |p - 1/2| <= 0.425, in 0.180625 - (p - 1/2)^2.
const CENTRE: Ratio = (
    [
        3.387_132_872_796_366_608,
        1.331_416_678_917_843_774_5e2,
        1.971_590_950_306_551_442_7e3,
        1.373_169_376_550_946_112_5e4,
        4.592_195_393_154_987_145_7e4,
        6.726_577_092_700_870_085_3e4,
        3.343_057_558_358_812_810_5e4,
        2.509_080_928_730_122_672_7e3,
    ],
    [
        1.0,
        4.231_333_070_160_091_125_2e1,
        6.871_870_074_920_579_083e2,
        5.394_196_021_424_751_107_7e3,
        2.121_379_430_158_659_586_7e4,
        3.930_789_580_009_271_061e4,
        2.872_908_573_572_194_267_4e4,
        5.226_495_278_852_854_561e3,
    ],
);

/// For tails above e^-25, in sqrt(-log(tail)) - 1.6.
const NEAR: Ratio = (
    [
        1.423_437_110_749_683_577_34,
        4.630_337_846_156_545_295_9,
        5.769_497_221_460_691_405_5,
        3.647_848_324_763_204_605_04,
        1.270_458_252_452_368_382_58,
        2.417_807_251_774_506_117_7e-1,
        2.272_384_498_926_918_458_33e-2,
        7.745_450_142_783_414_076_4e-4,
    ],
    [
        1.0,
        2.053_191_626_637_758_821_87,
        1.676_384_830_183_803_849_4,
        6.897_673_349_851_000_045_5e-1,
        1.481_039_764_274_800_745_9e-1,
        1.519_866_656_361_645_719_66e-2,
        5.475_938_084_995_344_946e-4,
        1.050_750_071_644_416_843_24e-9,
    ],
);

/// For the tails beyond, in sqrt(-log(tail)) - 5.
const FAR: Ratio = (
    [
        6.657_904_643_501_103_777_2,
        5.463_784_911_164_114_369_9,
        1.784_826_539_917_291_335_8,
        2.965_605_718_285_048_912_3e-1,
        2.653_218_952_657_612_309_3e-2,
        1.242_660_947_388_078_438_6e-3,
        2.711_555_568_743_487_578_15e-5,
        2.010_334_399_292_288_132_65e-7,
    ],
    [
        1.0,
        5.998_322_065_558_879_376_9e-1,
        1.369_298_809_227_358_053_1e-1,
        1.487_536_129_085_061_485_25e-2,
        7.868_691_311_456_132_591e-4,
        1.846_318_317_510_054_681_8e-5,
        1.421_511_758_316_445_888_7e-7,
        2.044_263_103_389_939_785_64e-15,
    ],
);

#[cfg(test)]
mod tests;
