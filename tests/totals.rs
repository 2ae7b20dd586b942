//! Reductions that share a loop, and sums of columns in blocks of rows.
//!
//! In: functions of vectors and matrices. Out: the bits of their results.
//! Always holds: a reduction gives the same bits beside others as alone, and for every number of threads.
#![allow(clippy::unwrap_used, clippy::panic)]

use microtome::{Array, ArrayView, Session};
use ndarray::{Array1, Array2};

/// What is reduced: some share a loop, others differ in lanes, in work, or need each other.
const TOTALS: [&str; 14] = [
    "sum(x)",
    "sum(x * x)",
    "max(x)",
    "min(x)",
    "mean(x)",
    "sum(x * y)",
    "sum(exp(x))",
    "max(exp(x))",
    "sum(x * exp(x))",
    "count(x > y)",
    "any(x > 1.99)",
    "var(x)",
    "sum(x[:, newaxis] * y[newaxis, :4])",
    "sum(f32(x))",
];

/// The bits of all results.
fn bits(threads: usize, source: &str, arguments: &[ArrayView<'_>]) -> Vec<Vec<u64>> {
    let module =
        Session::with_threads(threads).compile("t", source).unwrap_or_else(|error| panic!("{source}\n{error}"));
    let results = module.kernel("f").unwrap().call(arguments).unwrap_or_else(|error| panic!("{source}\n{error}"));
    results.iter().map(|result| Array::to_f64_vec(result).into_iter().map(f64::to_bits).collect()).collect()
}

#[test]
fn a_reduction_gives_the_same_bits_beside_others_as_alone() {
    for n in [5, 63, 4099, 70_001, 300_007, 2_200_003] {
        let x = Array1::from_shape_fn(n, |i| (i * 7919 % 10_007) as f64 / 5003.0 - 0.3);
        let y = Array1::from_shape_fn(n, |i| (i * 31 % 1009) as f64 / 1009.0);
        let arguments = [ArrayView::from(&x), ArrayView::from(&y)];
        let source = |body: &str| format!("fn f(x: f64[n], y: f64[n]) = ({body}, 0.0 * y[0])");
        let alone: Vec<Vec<u64>> =
            TOTALS.iter().map(|total| bits(1, &source(total), &arguments).swap_remove(0)).collect();
        for threads in [1, 2, 3] {
            let together = bits(threads, &source(&TOTALS.join(", ")), &arguments);
            for (total, (alone, together)) in TOTALS.iter().zip(alone.iter().zip(&together)) {
                assert_eq!(alone, together, "{total} of {n} on {threads} threads");
            }
        }
    }
}

#[test]
fn rows_give_the_same_bits_beside_others_as_alone() {
    let rows = [
        "sum(x, axis=1)",
        "max(x, axis=1)",
        "mean(x, axis=1)",
        "sum(x * x, axis=1)",
        "min(x, axis=1)",
        "sum(x * y, axis=1)",
        "sum(exp(x), axis=1)",
        "argmax(x, axis=1)",
        "sum(f32(x), axis=1)",
        "any(x > 0.99, axis=1)",
        "softmax(x, axis=1)",
        "sum(x[:, :3], axis=1)",
    ];
    for (n, m) in [(0, 4), (1, 7), (3, 1000), (20, 5), (17, 70_001), (5000, 10), (2000, 129)] {
        let x = Array2::from_shape_fn((n, m), |(i, j)| ((i * 7919 + j * 31) % 10_007) as f64 / 10_007.0);
        let y = Array1::from_shape_fn(m, |j| (j * 31 % 1009) as f64 / 1009.0);
        let arguments = [ArrayView::from(&x), ArrayView::from(&y)];
        let source = |body: &str| format!("fn f(x: f64[n, m], y: f64[m]) = ({body}, 0.0 * y[0])");
        let alone: Vec<Vec<u64>> = rows.iter().map(|row| bits(1, &source(row), &arguments).swap_remove(0)).collect();
        for threads in [1, 2, 3] {
            let together = bits(threads, &source(&rows.join(", ")), &arguments);
            for (row, (alone, together)) in rows.iter().zip(alone.iter().zip(&together)) {
                assert_eq!(alone, together, "{row} of {n} × {m} on {threads} threads");
            }
        }
    }
}

#[test]
fn rows_of_nothing_have_identities() {
    let source = "fn f(x: f64[n, m]) = (sum(x, axis=1), prod(x, axis=1), any(x > 0.0, axis=1))";
    let results = bits(1, source, &[ArrayView::from(&Array2::<f64>::zeros((3, 0)))]);
    let values: Vec<Vec<f64>> = results.into_iter().map(|all| all.into_iter().map(f64::from_bits).collect()).collect();
    assert_eq!(values, [[0.0; 3], [1.0; 3], [0.0; 3]]);
}

#[test]
fn sums_of_columns_have_the_same_bits_on_all_threads() {
    let source = "fn f(x: f64[n, m]) = (sum(x, axis=0), max(x, axis=0), sum(f32(x), axis=0), any(x > 0.99, axis=0), sum(i64(x * 9), axis=0))";
    for (n, m) in [(1, 3), (3, 1), (100_003, 1), (100_003, 10), (5000, 64), (1000, 1000), (20, 5000), (4, 100_000)] {
        let x = Array2::from_shape_fn((n, m), |(i, j)| ((i * 7919 + j * 31) % 10_007) as f64 / 10_007.0);
        let arguments = [ArrayView::from(&x)];
        let alone = bits(1, source, &arguments);
        for threads in [2, 3] {
            assert_eq!(alone, bits(threads, source, &arguments), "{n} × {m} on {threads} threads");
        }
        for (j, sum) in alone.first().unwrap().iter().enumerate() {
            let exact = x.column(j).sum();
            assert!((f64::from_bits(*sum) - exact).abs() <= 1e-12 * exact.abs().max(1.0), "column {j} of {n} × {m}");
        }
    }
}
