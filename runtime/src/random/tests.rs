//! The generator against published vectors, and the numbers made of it against their distributions.

use super::*;

/// Marsaglia and Thompson's bound would do as well: beyond this the chance of a right generator failing is below 1e-6,
/// and the keys are fixed.
const KOLMOGOROV: f64 = 2.7;

#[test]
fn philox_gives_the_published_vectors() {
    // Random123 1.14, `kat_vectors`: philox4x32 with 10 rounds.
    assert_eq!(philox4x32([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
    assert_eq!(philox4x32([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
    assert_eq!(
        philox4x32([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
        [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
    );
    assert_eq!(bits(0, 0) as u64, 0xe169_c58d_6627_e8d5);
}

#[test]
fn the_ends_of_the_intervals() {
    let (least, greatest) = (0i64, -1i64);
    assert_eq!(uniform(least), 0.0);
    assert_eq!(uniform(greatest), 1.0 - f64::EPSILON / 2.0);
    assert_eq!(normal(least), -normal(greatest));
    assert!(normal(greatest) > 8.2 && normal(greatest) < 8.21);
    assert_eq!((below(least, 6), below(greatest, 6)), (0, 5));
    assert_eq!(below(greatest, i64::MAX), i64::MAX - 1);
    assert_eq!(below(greatest, 0), 0);
}

#[test]
fn the_normal_quantile_is_accurate() {
    // SciPy 1.17, scipy.special.ndtri.
    let table = [
        (0.3, -0.524_400_512_708_040_9),
        (0.075, -1.439_531_470_938_456_3),
        (0.07, -1.475_791_028_179_170_6),
        (0.9, 1.281_551_565_544_600_4),
        (0.99, 2.326_347_874_040_840_8),
        (0.999_999, 4.753_424_308_817_087),
        (1e-5, -4.264_890_793_922_825),
        (1e-10, -6.361_340_902_404_056),
        (1e-12, -7.034_483_825_301_131),
        (1.110_223_024_625_156_5e-16, -8.209_536_151_601_387),
        (0.925_000_01, 1.439_531_541_582_168_1),
    ];
    for (p, z) in table {
        let found = normal_quantile(p);
        assert!((found - z).abs() <= 1e-15 * z.abs(), "{p}: {found}, not {z}");
    }
    assert_eq!(normal_quantile(0.5), 0.0);
}

/// sqrt(n) times the largest distance between the empirical and the true distribution function.
fn kolmogorov(mut sample: Vec<f64>, distribution: impl Fn(f64) -> f64) -> f64 {
    sample.sort_by(f64::total_cmp);
    let n = sample.len() as f64;
    let distances = sample.iter().enumerate().map(|(k, x)| {
        let p = distribution(*x);
        (p - k as f64 / n).abs().max((p - (k + 1) as f64 / n).abs())
    });
    distances.fold(0.0, f64::max) * n.sqrt()
}

fn normal_distribution(z: f64) -> f64 {
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

/// The keys and counters that the tests walk: counters under one key, and keys at one counter.
fn walks() -> Vec<Vec<i64>> {
    const COUNT: i64 = 100_000;
    let mut walks: Vec<Vec<i64>> =
        [0, 1, 42, -7, i64::MIN].iter().map(|&key| (0..COUNT).map(|counter| bits(key, counter)).collect()).collect();
    walks.push((0..COUNT).map(|key| bits(key, 0)).collect());
    walks.push((0..COUNT).map(|key| bits(key << 32, 3)).collect());
    walks.push((0..COUNT).map(|counter| bits(5, -1 - counter)).collect());
    walks
}

#[test]
fn uniform_and_normal_numbers_follow_their_distributions() {
    for walk in walks() {
        let uniforms: Vec<f64> = walk.iter().map(|b| uniform(*b)).collect();
        assert!(uniforms.iter().all(|u| (0.0..1.0).contains(u)));
        let statistic = kolmogorov(uniforms, |u| u);
        assert!(statistic < KOLMOGOROV, "uniform: {statistic}");
        let statistic = kolmogorov(walk.iter().map(|b| normal(*b)).collect(), normal_distribution);
        assert!(statistic < KOLMOGOROV, "normal: {statistic}");
    }
}

#[test]
fn the_moments_of_normal_numbers_are_right() {
    for walk in walks() {
        let n = walk.len() as f64;
        let moment = |power: i32| walk.iter().map(|b| normal(*b).powi(power)).sum::<f64>() / n;
        // Five standard errors: the variances of z, z^2, z^3, z^4 are 1, 2, 15, 96.
        for (power, wanted, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
            let error = (moment(power) - wanted).abs();
            assert!(error < 5.0 * f64::sqrt(variance / n), "moment {power} is off by {error}");
        }
    }
}

#[test]
fn neighbours_are_not_correlated() {
    let correlation = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>() / (a.len() as f64).sqrt();
    let walks: Vec<Vec<f64>> = walks().iter().map(|walk| walk.iter().map(|b| normal(*b)).collect()).collect();
    for walk in &walks {
        for lag in [1, 2, 3, 4, 64] {
            let c = correlation(&walk[lag..], &walk[..walk.len() - lag]);
            assert!(c.abs() < 5.0, "lag {lag}: {c} standard errors");
        }
    }
    for (first, second) in walks.iter().zip(&walks[1..]) {
        let c = correlation(first, second);
        assert!(c.abs() < 5.0, "between keys: {c} standard errors");
    }
}

#[test]
fn every_bit_is_set_half_of_the_time() {
    for walk in walks() {
        for bit in 0..64 {
            let ones = walk.iter().filter(|b| *b >> bit & 1 == 1).count() as f64;
            let error = (ones - walk.len() as f64 / 2.0).abs() / (walk.len() as f64 / 4.0).sqrt();
            assert!(error < 5.0, "bit {bit}: {error} standard errors");
        }
    }
}

#[test]
fn whole_numbers_are_even() {
    // Chi-squared with 9 degrees of freedom: 50 is passed with probability 1e-7.
    for walk in walks() {
        let mut counts = [0f64; 10];
        walk.iter().for_each(|b| counts[below(*b, 10) as usize] += 1.0);
        let mean = walk.len() as f64 / 10.0;
        let chi: f64 = counts.iter().map(|count| (count - mean).powi(2) / mean).sum();
        assert!(chi < 50.0, "{chi}");
    }
}
