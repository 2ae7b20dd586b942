//! The 16-bit floats: every bit pattern, every rounding, and the way in and out.
//!
//! In: arrays of `f16` and `bf16`, through machine code and the interpreter. Out: the nearest of their numbers, of two
//! equally near the even one.
//! Always holds: what is expected is made from the bits, or by the `half` crate, not by what is tested.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, clippy::indexing_slicing)]

use half::{bf16, f16};
use microtome::{Array, ArrayView, DType, InputSource, Kernel, RunOptions, Session};
use ndarray::{Array1, array};

fn kernel(source: &str) -> Kernel {
    let module = Session::with_threads(1).compile("half.tome", source).unwrap_or_else(|error| panic!("{error}"));
    module.kernel("f").unwrap()
}

/// What machine code gives, and what the interpreter gives.
fn both(source: &str, arguments: &[&Array]) -> [Vec<Array>; 2] {
    let kernel = kernel(source);
    let views: Vec<ArrayView<'_>> = arguments.iter().map(|array| array.view()).collect();
    [kernel.call(&views).unwrap(), kernel.interpret(&views).unwrap()]
}

/// The bits of an array of 16-bit floats; every NaN as the same one.
fn bits(array: &Array) -> Vec<u16> {
    match array {
        Array::F16(a) => a.iter().map(|v| if v.is_nan() { 0x7e00 } else { v.to_bits() }).collect(),
        Array::BF16(a) => a.iter().map(|v| if v.is_nan() { 0x7fc0 } else { v.to_bits() }).collect(),
        other => panic!("{other:?}"),
    }
}

/// Every pattern of the type, in order.
fn patterns(dtype: DType) -> Array {
    let all = (0..=u16::MAX).collect::<Array1<u16>>();
    match dtype {
        DType::F16 => all.mapv(f16::from_bits).into(),
        _ => all.mapv(bf16::from_bits).into(),
    }
}

const HALVES: [DType; 2] = [DType::F16, DType::BF16];

#[test]
fn every_pattern_widens_exactly_and_comes_back() {
    for dtype in HALVES {
        let all = patterns(dtype);
        // Two signs change between the conversions. What is read backwards is converted one by one.
        let source = format!(
            "fn f(x: {dtype}[n]) -> (f32[n], {dtype}[n], {dtype}[n]) = (f32(x), {dtype}(-f32(-x)), -(-x[::-1])[::-1])"
        );
        for results in both(&source, &[&all]) {
            let Array::F32(wide) = &results[0] else { panic!("not f32") };
            for (found, expected) in wide.iter().zip(all.to_f64_vec()) {
                assert!(f64::from(*found).to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()));
            }
            assert_eq!(bits(&results[1]), bits(&all), "{dtype}");
            assert_eq!(bits(&results[2]), bits(&all), "{dtype}, one by one");
        }
    }
}

/// Every finite number that is not negative, with the first power of two beyond, and what it is rounded to.
fn magnitudes(dtype: DType) -> Vec<(u16, f64)> {
    let (infinity, beyond) = if dtype == DType::F16 { (0x7c00, 65536.0) } else { (0x7f80, 2f64.powi(128)) };
    let values = patterns(dtype).to_f64_vec();
    (0..infinity).map(|k| (k, values[usize::from(k)])).chain([(infinity, beyond)]).collect()
}

#[test]
fn rounding_is_to_nearest_and_ties_go_to_even() {
    for dtype in HALVES {
        let (mut numbers, mut expected) = (Vec::new(), Vec::new());
        for pair in magnitudes(dtype).windows(2) {
            let ((low, a), (high, b)) = (pair[0], pair[1]);
            let middle = 0.5 * (a + b);
            let even = if low % 2 == 0 { low } else { high };
            for sign in [1.0, -1.0] {
                let marked = |bits: u16| if sign < 0.0 { bits | 0x8000 } else { bits };
                numbers.extend([middle, middle.next_down(), middle.next_up(), a].map(|x| sign * x));
                expected.extend([even, low, high, low].map(marked));
            }
        }
        let doubles = Array::from(Array1::from(numbers.clone()));
        let source = format!("fn f(x: f64[n]) = {dtype}(x)");
        for results in both(&source, &[&doubles]) {
            assert_eq!(bits(&results[0]), expected, "{dtype} from f64");
        }
        let singles: Array1<f32> = numbers.iter().flat_map(|&x| [x as f32, (x as f32).next_up()]).collect();
        let wanted: Vec<u16> = match dtype {
            DType::F16 => singles.iter().map(|&x| f16::from_f32(x).to_bits()).collect(),
            _ => singles.iter().map(|&x| bf16::from_f32(x).to_bits()).collect(),
        };
        let source = format!("fn f(x: f32[n]) = ({dtype}(x), {dtype}(x[::-1]))");
        for results in both(&source, &[&singles.clone().into()]) {
            assert_eq!(bits(&results[0]), wanted, "{dtype} from f32");
            let backwards: Vec<u16> = bits(&results[1]).into_iter().rev().collect();
            assert_eq!(backwards, wanted, "{dtype} from f32, one by one");
        }
    }
}

#[test]
fn conversions_between_all_types() {
    let numbers = [0.0, -0.0, 1.0, -2.5, 0.1, 300.7, 65519.9, 70000.0, -1e30, 1e-7, 3e-8, f64::INFINITY];
    for from in DType::ALL {
        for to in DType::ALL {
            let source = format!("fn f(x: f64[n]) = {to}({from}(x))");
            let [compiled, interpreted] = both(&source, &[&Array1::from(numbers.to_vec()).into()]);
            assert_eq!(compiled[0].dtype(), to);
            assert_eq!(compiled, interpreted, "{from} to {to}");
        }
    }
}

#[test]
fn types_meet_where_neither_loses() {
    let cases = [
        ("f16", "f16", "f16"),
        ("f16", "f32", "f32"),
        ("bf16", "f32", "f32"),
        ("f16", "f64", "f64"),
        ("f16", "bf16", "f32"),
        ("i64", "f16", "f16"),
        ("bf16", "i64", "bf16"),
        ("bool", "bf16", "bf16"),
    ];
    for (a, b, result) in cases {
        let kernel = kernel(&format!("fn f(a: {a}[n], b: {b}[n]) = (a + b, where(true, b, a), 2 * (a * b) + 0.5)"));
        let one = |name: &str| -> Array {
            match name {
                "f16" => array![f16::ONE].into(),
                "bf16" => array![bf16::ONE].into(),
                "f32" => array![1f32].into(),
                "f64" => array![1f64].into(),
                "i64" => array![1i64].into(),
                _ => array![true].into(),
            }
        };
        let results = kernel.call(&[one(a).view(), one(b).view()]).unwrap();
        assert_eq!(results.iter().map(|r| r.dtype().to_string()).collect::<Vec<_>>(), [result; 3], "{a} and {b}");
        assert_eq!(results.iter().map(|r| r.to_f64_vec()[0]).collect::<Vec<_>>(), [2.0, 1.0, 2.5]);
    }
}

#[test]
fn a_gradient_has_the_type_of_what_it_is_by() {
    let source = "
        fn f(x: f16[n, d], y: bf16[n], W: f16[d]) {
            let c = (tanh(x @ W) - y)^2
            (grad(sum(c), W), grad(sum(c), y), mean(grad(c[i], W)^2 for i in 0:n))
        }";
    let x = ndarray::Array2::from_shape_fn((9, 5), |(i, j)| f16::from_f32(((i * 5 + j) as f32 * 0.37).sin()));
    let y = Array1::from_shape_fn(9, |i| bf16::from_f32(i as f32 * 0.125));
    let w = Array1::from_shape_fn(5, |j| f16::from_f32(0.25 * j as f32 - 0.5));
    let (wide_x, wide_y, wide_w) = (x.mapv(f64::from), y.mapv(f64::from), w.mapv(f64::from));
    let z = wide_x.dot(&wide_w).mapv(f64::tanh);
    let outer = 2.0 * (&z - &wide_y);
    let inner = &outer * &(1.0 - &z * &z);
    let each = &wide_x * &inner.insert_axis(ndarray::Axis(1));
    let exact = [each.sum_axis(ndarray::Axis(0)), -outer, each.mapv(|g| g * g).mean_axis(ndarray::Axis(0)).unwrap()];
    for results in both(source, &[&x.into(), &y.into(), &w.into()]) {
        assert_eq!(results.iter().map(Array::dtype).collect::<Vec<_>>(), [DType::F16, DType::BF16, DType::F16]);
        for ((result, exact), unit) in results.iter().zip(&exact).zip([2e-3, 8e-3, 2e-3]) {
            for (found, exact) in result.to_f64_vec().into_iter().zip(exact) {
                // Each of the handful of operators rounds; values are of the order of 1.
                assert!((found - exact).abs() <= 4.0 * unit * exact.abs().max(1.0), "{found} {exact}");
            }
        }
    }
}

#[test]
fn a_sum_is_rounded_once() {
    // Partial sums beyond 2048 would lose every 1 in f16, and beyond 256 in bf16.
    let ones = Array1::from_elem(5000, f16::ONE);
    for results in both("fn f(x: f16[n]) = (sum(x), mean(x), sum(x * x), x @ x)", &[&ones.into()]) {
        assert_eq!(results.iter().map(|r| r.to_f64_vec()[0]).collect::<Vec<_>>(), [5000.0, 1.0, 5000.0, 5000.0]);
    }
    // 100000 is no f16: the mean divides in single precision.
    let many = Array1::from_elem(100_000, bf16::from_f32(0.5));
    let source = "fn f(x: bf16[n]) = (mean(x), mean(f16(x)), sum(x), var(f16(x)))";
    for results in both(source, &[&many.into()]) {
        assert_eq!(results.iter().map(|r| r.to_f64_vec()[0]).collect::<Vec<_>>(), [0.5, 0.5, 49920.0, 0.0]);
    }
}

#[test]
fn arguments_are_taken_and_given_as_they_are() {
    let kernel = kernel("fn f(x: f16[n, m], k: bf16) = (x.T, k + 1)");
    let x = array![[f16::from_f32(1.5), f16::NAN], [f16::INFINITY, f16::from_bits(1)]];
    let strided = x.slice(ndarray::s![.., ..;-1]);
    let k = Array::from(bf16::from_f32(2.0));
    let results = kernel.call(&[ArrayView::from(strided), k.view()]).unwrap();
    assert_eq!(bits(&results[0]), [0x7e00, 1, 0x3e00, 0x7c00]);
    assert_eq!(results[1], bf16::from_f32(3.0).into());
    let wrong = Array::from(array![[1.0f32]]);
    let text = kernel.call(&[wrong.view(), k.view()]).unwrap_err().to_string();
    assert!(text.contains("is f16[n, m], the argument is f32"), "{text}");
}

fn run(source: &str, inputs: Vec<InputSource>) -> Result<String, String> {
    let (mut out, mut warnings) = (Vec::new(), Vec::new());
    let module = Session::with_threads(1).compile("half.tome", source).map_err(|error| error.to_string())?;
    let options = RunOptions { inputs, ..RunOptions::default() };
    module
        .run(&options, &mut out, &mut |warning| warnings.push(warning.render(false)))
        .map_err(|error| error.to_string())?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn files_and_inputs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npz");
    let named = |name: &str, value: &str| InputSource::Named(name.to_string(), value.to_string());
    let save = format!("save({:?}, h=f16([0.1, 65504.0]), b=bf16([0.1, 3.0]))", path.to_str().unwrap());
    run(&save, Vec::new()).unwrap();
    // NumPy has no bfloat16: it is stored as f32, and an input declared bf16 takes it back.
    let back = "input h: f16[n]\ninput b: bf16[n]\nprint(h * 1, b * 1, h == f16(0.1), b == bf16(0.1))";
    let text = run(back, vec![InputSource::All(path.clone())]).unwrap();
    assert_eq!(text, "[1.00e-01 6.55e+04] [0.1 3. ] [ true false] [ true false]\n");
    let wide = "input h: f32[n]\ninput b: f32[n]\nprint(h + b)";
    assert_eq!(run(wide, vec![InputSource::All(path.clone())]).unwrap(), "[2.0007324e-01 6.5507000e+04]\n");
    let loaded = format!("let d = load({:?})\nprint(d.h + d.h)", path.to_str().unwrap());
    assert_eq!(run(&loaded, Vec::new()).unwrap(), "[0.2 inf]\n");
    let scalars = "input a: f16\ninput b: bf16\nprint(a, b, a + 1)";
    assert_eq!(run(scalars, vec![named("a", "0.1"), named("b", "1e39")]).unwrap(), "0.1 inf 1.1\n");
    let single = folder.path().join("b.npy");
    run(&format!("save({:?}, f32([0.1]))", single.to_str().unwrap()), Vec::new()).unwrap();
    let inexact = run("input b: bf16[n]\nprint(b)", vec![named("b", single.to_str().unwrap())]).unwrap_err();
    assert!(inexact.contains("declared bf16[n], what is given is f32[1]"), "{inexact}");
}
