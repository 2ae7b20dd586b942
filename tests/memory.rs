//! How much memory calls hold: the plan, against what the program needs.
//!
//! In: functions over arrays of n or n × n elements. Out: how many such arrays a call holds beyond its inputs.
//! Always holds: what is planned before a call is what the call holds; scalars and alignment are less than a page.
#![allow(clippy::unwrap_used, clippy::panic)]

use microtome::{Array, ArrayView, Session};
use ndarray::{Array1, Array2};
use std::time::Duration;

const N: usize = 1000;
/// Rows and columns of matrices: the interpreter copies one for each element that is assigned.
const SIDE: usize = 64;
const PAGE: u64 = 4096;

/// Calls `f` with as many of the inputs as it takes: vectors of n elements, a matrix, a vector of positions. Gives planned and held
/// bytes.
fn held(source: &str, n: usize) -> (u64, u64) {
    let module = Session::with_threads(1).compile("t", source).unwrap_or_else(|error| panic!("{source}\n{error}"));
    let kernel = module.kernel("f").unwrap();
    let x = Array1::from_shape_fn(n, |i| (i * 37 % 101) as f64);
    let m = Array2::from_shape_fn((n, n), |(i, j)| (i * 37 % 101 + j) as f64);
    let k = Array1::from_shape_fn(n, |i| (i * 37 % n) as i64);
    let views: Vec<ArrayView<'_>> = kernel
        .parameters()
        .map(|(name, _)| match name {
            "x" | "y" => ArrayView::from(&x),
            "m" => ArrayView::from(&m),
            _ => ArrayView::from(&k),
        })
        .collect();
    let planned = kernel.peak_bytes(&views).unwrap_or_else(|error| panic!("{source}\n{error}"));
    let measured = kernel.measure(&views, Duration::ZERO).unwrap_or_else(|error| panic!("{source}\n{error}"));
    let (fast, slow) = (kernel.call(&views).unwrap(), kernel.interpret(&views).unwrap());
    for (a, b) in fast.iter().flat_map(Array::to_f64_vec).zip(slow.iter().flat_map(Array::to_f64_vec)) {
        assert!((a - b).abs() <= 1e-9 * b.abs().max(1.0), "{source}: {a} {b}");
    }
    (planned, measured.peak_bytes.unwrap())
}

fn check(cases: &[(&str, u64)], n: usize, array: usize) {
    let array = array as u64;
    for (body, arrays) in cases {
        let (planned, held) = held(body, n);
        assert_eq!(planned, held, "{body}");
        let (low, high) = (arrays * array, arrays * array + PAGE);
        assert!((low..high).contains(&held), "{body}\nholds {held} bytes, {:.3} arrays", held as f64 / array as f64);
    }
}

#[test]
fn what_dies_gives_its_memory_to_what_comes() {
    check(
        &[
            ("fn f(x: f64[n]) = sum(exp(x) * 2.0 + x)", 0),
            ("fn f(x: f64[n]) = exp(x) * 2.0 + x", 1),
            ("fn f(x: f64[n]) = (x + 1, x * 2)", 2),
            // The quotient is written over the exponentials, in the result's own memory.
            ("fn f(x: f64[n]) { let e = exp(x - max(x)); e / sum(e) }", 1),
            // Each sort reads the last result: two arrays take turns, the result is the third.
            ("fn f(x: f64[n]) = sort(-sort(-sort(-sort(-sort(x)))))", 3),
            ("fn f(x: f64[n]) = sum(sort(-sort(-sort(-sort(-sort(x))))))", 2),
        ],
        N,
        8 * N,
    );
}

#[test]
fn a_variable_that_is_owned_is_changed_in_place() {
    check(
        &[
            ("fn f(k: i64[n]) { var a = zeros(n); for i in 0:n { a[i] = 1.0 * i }; a }", 1),
            ("fn f(k: i64[n]) { var a = zeros(n); for i in 0:n { a[k[i]] += 1.0 }; a }", 1),
            ("fn f(k: i64[n]) { var a = zeros(n); for i in 0:n { a[k[i]] += 1.0 }; sum(a) }", 1),
            ("fn f(x: f64[n]) { var a = x; for i in 1:n { a[i] = a[i-1] * 0.5 + x[i] }; a }", 1),
            ("fn f(x: f64[n]) { var a = x; for i in 0:100 { a = a * 0.5 + 1 }; a }", 1),
            ("fn f(x: f64[n]) { var a = x; for i in 0:100 { a[2:] = 1.0; a[0] = a[5] }; a }", 1),
            ("fn f(x: f64[n]) { var a = x; var i = 0; while i < n { a[i] = -a[i]; i += 3 }; a }", 1),
            // A second name for what is changed afterwards needs an array of its own.
            ("fn f(x: f64[n]) { var a = x; a[0] = 5.0; let b = a; for i in 0:n { a[i] = 1.0 }; a + b }", 2),
        ],
        N,
        8 * N,
    );
    check(
        &[
            (
                "fn f(x: f64[n], y: f64[n]) {
                    var D = full(9.0, n, n)
                    D[0, 0] = 0
                    for i in 1:n { for j in 1:n { D[i, j] = abs(x[i] - y[j]) + min(D[i-1, j], D[i, j-1]) } }
                    D[n-1, n-1]
                }",
                1,
            ),
            ("fn f(m: f64[n, n]) { var a = m; for i in 1:n { a[i] = a[i-1] + a[i] }; a }", 1),
            ("fn f(m: f64[n, n]) { var a = m; for i in 0:n { a[:, i] = a[:, i] * 2 }; sum(a) }", 1),
            ("fn f(m: f64[n, n], x: f64[n]) { var v = x; for i in 0:10 { v = m @ v; v = v / norm(v) }; v }", 0),
        ],
        SIDE,
        8 * SIDE * SIDE,
    );
}

#[test]
fn per_example_statistics_hold_nothing_of_batch_times_parameters() {
    let source = "
        fn f(m: f64[n, d], x: f64[d], y: f64[n]) -> f64[d] {
            let c = [(tanh(sum(m[i] * x)) - y[i])^2 for i in 0:n]
            mean(grad(c[i], x)^2 for i in 0:n)
        }";
    let side = 2 * SIDE;
    let (planned, held) = held(source, side);
    assert_eq!(planned, held);
    // The sum over examples has partial results in memory of the same size for all matrices.
    let partial = 8 * microtome::runtime::columns::PARTIAL as u64;
    assert!(held < partial + PAGE && partial + PAGE < (8 * side * side) as u64, "holds {held} bytes");
}

#[test]
fn an_argument_that_is_not_in_c_order_is_copied() {
    let module = Session::with_threads(1).compile("t", "fn f(m: f64[n, k]) = m + 1").unwrap();
    let kernel = module.kernel("f").unwrap();
    let m = Array2::<f64>::ones((30, 20));
    assert_eq!(kernel.peak_bytes(&[ArrayView::from(&m)]).unwrap(), 4800);
    assert_eq!(kernel.peak_bytes(&[ArrayView::from(m.t())]).unwrap(), 9600);
}

#[test]
fn a_session_refuses_what_is_beyond_its_limit() {
    let session = Session::with_threads(1).with_max_memory(10_000);
    let kernel = session.compile("t", "fn f(x: f64[n]) = (x + 1, x * 2)").unwrap().kernel("f").unwrap();
    let small = Array1::<f64>::ones(600);
    kernel.call(&[ArrayView::from(&small)]).unwrap();
    let large = Array1::<f64>::ones(700);
    let text = kernel.call(&[ArrayView::from(&large)]).unwrap_err().to_string();
    assert!(text.contains("E0504") && text.contains("10.9 KiB are needed, 9.8 KiB are allowed"), "{text}");
    kernel.call(&[ArrayView::from(&small)]).unwrap();
}
