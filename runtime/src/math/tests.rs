//! In: the tables of kernels. Out: tests of accuracy, special values, and independence of place and length.
//! Always: references are `std` and `libm` in double precision; the bounds tested are those the table states, plus what
//! the reference itself may be off.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::{Kernel, Misuse, dispatch, find};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// A deterministic stream of 64-bit numbers (xorshift).
struct Stream(u64);

impl Stream {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn reference(name: &str, x: f64) -> f64 {
    match name {
        "exp" => x.exp(),
        "expm1" => x.exp_m1(),
        "log" => x.ln(),
        "log1p" => x.ln_1p(),
        "log2" => x.log2(),
        "log10" => x.log10(),
        "sin" => x.sin(),
        "cos" => x.cos(),
        "tan" => x.tan(),
        "asin" => x.asin(),
        "acos" => x.acos(),
        "atan" => x.atan(),
        "sinh" => x.sinh(),
        "cosh" => x.cosh(),
        "tanh" => x.tanh(),
        "sigmoid" if x < 0.0 => x.exp() / (1.0 + x.exp()),
        "sigmoid" => 1.0 / (1.0 + (-x).exp()),
        "softplus" if x > 0.0 => x + (-x).exp().ln_1p(),
        "softplus" => x.exp().ln_1p(),
        "erf" => libm::erf(x),
        _ => unreachable!("{name}"),
    }
}

fn reference2(name: &str, x: f64, y: f64) -> f64 {
    match name {
        "atan2" => x.atan2(y),
        "pow" => x.powf(y),
        "hypot" => x.hypot(y),
        _ => unreachable!("{name}"),
    }
}

/// Where the results are neither constant nor infinite.
fn domain(name: &str) -> (f64, f64) {
    match name {
        "exp" | "sinh" | "cosh" => (-85.0, 85.0),
        "expm1" => (-20.0, 85.0),
        "log" | "log2" | "log10" | "pow" => (1e-9, 30.0),
        "log1p" => (-0.999, 30.0),
        "asin" | "acos" => (-1.0, 1.0),
        "sin" | "cos" | "tan" => (-1000.0, 1000.0),
        "erf" => (-5.0, 5.0),
        _ => (-30.0, 30.0),
    }
}

/// Arguments over the domain, a third of them small.
fn arguments(name: &str, count: usize, stream: &mut Stream) -> Vec<f64> {
    let (low, high) = domain(name);
    let near = if low > 0.0 { (0.5, 2.0) } else { (-0.9, 0.9) };
    (0..count).map(|i| if i % 3 == 0 { stream.between(near.0, near.1) } else { stream.between(low, high) }).collect()
}

/// Distance in units in the last place of a type with `bits` bits and smallest subnormal 2^`floor`.
fn ulps(got: f64, want: f64, bits: i32, floor: i32) -> f64 {
    if got == want || (got.is_nan() && want.is_nan()) {
        return 0.0;
    }
    let exponent = ((want.to_bits() >> 52) & 0x7ff) as i32 - 1023;
    (got - want).abs() / 2f64.powi((exponent - bits + 1).max(floor))
}

fn same<T: Into<f64>>(a: T, b: T) -> bool {
    let (a, b) = (a.into(), b.into());
    (a.is_nan() && b.is_nan()) || a.to_bits() == b.to_bits()
}

fn run64(kernel: &Kernel, x: &[f64], y: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; x.len()];
    if kernel.arity == 1 { kernel.f64.map(&mut out, x) } else { kernel.f64.zip(&mut out, x, y) }.unwrap();
    out
}

fn run32(kernel: &Kernel, x: &[f32], y: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    if kernel.arity == 1 { kernel.f32.map(&mut out, x) } else { kernel.f32.zip(&mut out, x, y) }.unwrap();
    out
}

#[test]
fn errors_stay_within_the_stated_bounds() {
    let mut stream = Stream(0x9E37_79B9_7F4A_7C15);
    for (index, kernel) in dispatch::runnable().into_iter().flatten().enumerate() {
        // The first table is this machine's; the second may be the platform's library, whose errors are its own.
        let bound = |stated: f64| if index < dispatch::table().len() { stated } else { stated.max(4.0) };
        let x = arguments(kernel.name, 100_000, &mut stream);
        let y: Vec<f64> = x.iter().map(|_| stream.between(-20.0, 20.0)).collect();
        let got = run64(kernel, &x, &y);
        for ((&x, &y), &got) in x.iter().zip(&y).zip(&got) {
            let want = if kernel.arity == 1 { reference(kernel.name, x) } else { reference2(kernel.name, x, y) };
            let error = ulps(got, want, 53, -1074);
            assert!(error <= bound(kernel.ulp_f64) + 2.0, "{} f64 at {x:e}, {y:e}: {got:e}, not {want:e}", kernel.name);
        }
        let x: Vec<f32> = x.iter().map(|&x| x as f32).collect();
        let y: Vec<f32> = y.iter().map(|&y| y as f32).collect();
        let got = run32(kernel, &x, &y);
        for ((&x, &y), &got) in x.iter().zip(&y).zip(&got) {
            let (x, y) = (f64::from(x), f64::from(y));
            let want = if kernel.arity == 1 { reference(kernel.name, x) } else { reference2(kernel.name, x, y) };
            let want = if want.abs() > f64::from(f32::MAX) { f64::INFINITY.copysign(want) } else { want };
            let error = ulps(f64::from(got), want, 24, -149);
            assert!(
                error <= bound(kernel.ulp_f32) + 0.001,
                "{} f32 at {x:e}, {y:e}: {got:e}, not {want:e}",
                kernel.name
            );
        }
    }
}

/// Every f32 there is, for every function of one number: what `docs/accuracy.md` says. Half an hour:
/// `cargo test --release -p microtome-runtime every_f32 -- --ignored --nocapture`
#[test]
#[ignore = "takes half an hour"]
fn every_f32_stays_within_the_stated_bounds() {
    const PIECE: u64 = 1 << 16;
    let mut wrong = Vec::new();
    for kernel in dispatch::table().iter().filter(|kernel| kernel.arity == 1) {
        let next = AtomicU64::new(0);
        let worst = Mutex::new((0.0f64, 0.0f32));
        let work = || {
            let mut own = (0.0f64, 0.0f32);
            loop {
                let first = next.fetch_add(PIECE, Ordering::Relaxed);
                if first > u64::from(u32::MAX) {
                    break;
                }
                let x: Vec<f32> = (first..first + PIECE).map(|bits| f32::from_bits(bits as u32)).collect();
                for (&x, &got) in x.iter().zip(&run32(kernel, &x, &x)) {
                    let want = reference(kernel.name, f64::from(x));
                    // Beyond the largest number by half a unit everything is infinite.
                    let want = if want.abs() > f64::from(f32::MAX) { f64::from(want as f32) } else { want };
                    let error = ulps(f64::from(got), want, 24, -149);
                    if error.is_nan() || error > own.0 {
                        own = (error, x);
                    }
                }
            }
            let mut worst = worst.lock().unwrap();
            if own.0.is_nan() || own.0 > worst.0 {
                *worst = own;
            }
        };
        std::thread::scope(|scope| {
            let helpers = std::thread::available_parallelism().map_or(1, |count| count.get());
            (0..helpers).for_each(|_| {
                scope.spawn(work);
            });
        });
        let (error, x) = *worst.lock().unwrap();
        println!("{:9} {error:.4} at {x:e}, stated {}", kernel.name, kernel.ulp_f32);
        wrong.extend((error.is_nan() || error > kernel.ulp_f32).then_some(kernel.name));
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

const SPECIALS: [f64; 26] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    2.0,
    -2.0,
    3.0,
    -3.0,
    1e-320,
    -1e-320,
    1e-40,
    -1e-40,
    1e-12,
    -1e-12,
    1e17,
    -1e17,
    1e30,
    -1e30,
    f64::MAX,
    f64::MIN,
    f64::MIN_POSITIVE,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

/// Bitwise where the exact value is representable or special, within four units elsewhere.
fn agrees(got: f64, want: f64, bits: i32, floor: i32) -> bool {
    if want.is_nan() || want.is_infinite() || want == 0.0 {
        same(got, want)
    } else {
        got.is_sign_negative() == want.is_sign_negative() && ulps(got, want, bits, floor) <= 4.0
    }
}

#[test]
fn special_values_are_those_of_c() {
    for kernel in dispatch::runnable().into_iter().flatten() {
        let pairs: Vec<(f64, f64)> = if kernel.arity == 1 {
            SPECIALS.iter().map(|&x| (x, 0.0)).collect()
        } else {
            SPECIALS.iter().flat_map(|&x| SPECIALS.iter().map(move |&y| (x, y))).collect()
        };
        let x: Vec<f64> = pairs.iter().map(|p| p.0).collect();
        let y: Vec<f64> = pairs.iter().map(|p| p.1).collect();
        for ((&x, &y), got) in x.iter().zip(&y).zip(run64(kernel, &x, &y)) {
            let want = if kernel.arity == 1 { reference(kernel.name, x) } else { reference2(kernel.name, x, y) };
            assert!(agrees(got, want, 53, -1074), "{} f64 of {x:e}, {y:e}: {got:e}, not {want:e}", kernel.name);
        }
        let x: Vec<f32> = x.iter().map(|&x| x as f32).collect();
        let y: Vec<f32> = y.iter().map(|&y| y as f32).collect();
        for ((&x, &y), got) in x.iter().zip(&y).zip(run32(kernel, &x, &y)) {
            let (wide, wide_y) = (f64::from(x), f64::from(y));
            let want =
                if kernel.arity == 1 { reference(kernel.name, wide) } else { reference2(kernel.name, wide, wide_y) };
            let want = f64::from(want as f32);
            let got = f64::from(got);
            assert!(agrees(got, want, 24, -149), "{} f32 of {x:e}, {y:e}: {got:e}, not {want:e}", kernel.name);
        }
    }
}

#[test]
fn powers_of_two_have_exact_logarithms_and_tens_too() {
    for e in -1074..1024 {
        let x = if e < -1022 { f64::from_bits(1 << (e + 1074)) } else { 2f64.powi(e) };
        assert_eq!(run64(find("log2").unwrap(), &[x], &[])[0], f64::from(e));
    }
    for e in 0..23 {
        let x: f64 = format!("1e{e}").parse().unwrap();
        assert_eq!(run64(find("log10").unwrap(), &[x], &[])[0], f64::from(e));
    }
}

#[test]
fn results_do_not_depend_on_place_or_length() {
    let mut stream = Stream(0xD1B5_4A32_D192_ED03);
    for kernel in dispatch::runnable().into_iter().flatten() {
        let mut x = arguments(kernel.name, 700, &mut stream);
        let mut y: Vec<f64> = x.iter().map(|_| stream.between(-20.0, 20.0)).collect();
        x[33] = f64::INFINITY;
        x[300] = 1e12;
        x[500] = -0.0;
        y[501] = f64::NEG_INFINITY;
        let x32: Vec<f32> = x.iter().map(|&x| x as f32).collect();
        let y32: Vec<f32> = y.iter().map(|&y| y as f32).collect();
        let (whole, whole32) = (run64(kernel, &x, &y), run32(kernel, &x32, &y32));
        for (start, end) in [(0, 1), (1, 2), (33, 34), (0, 31), (5, 38), (7, 263), (300, 301), (1, 700), (499, 650)] {
            let part = run64(kernel, &x[start..end], &y[start..end]);
            assert!(part.iter().zip(&whole[start..end]).all(|(&a, &b)| same(a, b)), "{} f64", kernel.name);
            let part = run32(kernel, &x32[start..end], &y32[start..end]);
            assert!(part.iter().zip(&whole32[start..end]).all(|(&a, &b)| same(a, b)), "{} f32", kernel.name);
        }
        if kernel.arity == 1 {
            kernel.f64.map_in_place(&mut x).unwrap();
            assert!(x.iter().zip(&whole).all(|(&a, &b)| same(a, b)), "{} f64 in place", kernel.name);
        }
    }
}

#[test]
fn misuse_is_reported() {
    let mut out = [0.0; 2];
    assert_eq!(find("exp").unwrap().f64.zip(&mut out, &[1.0, 2.0], &[1.0, 2.0]), Err(Misuse::Arity));
    assert_eq!(find("pow").unwrap().f64.map(&mut out, &[1.0, 2.0]), Err(Misuse::Arity));
    assert_eq!(find("exp").unwrap().f64.map(&mut out, &[1.0]), Err(Misuse::Length));
    assert!(find("erfc").is_none());
}
