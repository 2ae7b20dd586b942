//! Reductions, windows, matrix products and batches of them.
//!
//! In: benches/arrays.tome. Out: figures of the groups `reductions`, `windows`, `matrix products` and `batches`.
//! Always holds: a figure of windows counts taps as elements, one of matrix products multiplications with additions, one of
//! batches matrices or, for attention, scores.

use super::{Case, Options, double, measure, single};
use microtome::{Array, Error, Session};
use ndarray::{Ix2, Ix3};

const ARRAYS: &str = include_str!("../arrays.tome");

/// A matrix of doubles.
fn matrix(rows: usize, columns: usize, low: f64, high: f64) -> Array {
    match double(rows * columns, low, high) {
        Array::F64(flat) => {
            Array::F64(flat.into_shape_with_order(Ix2(rows, columns)).expect("as many elements").into_dyn())
        }
        other => other,
    }
}

/// Sums, softmax and the like over 2000 × 1000 doubles.
pub fn reductions(options: &Options) -> Result<(), Error> {
    let module = Session::with_threads(options.threads).compile("arrays.tome", ARRAYS)?;
    let (rows, columns) = if options.quick { (500, 400) } else { (2000, 1000) };
    let x = matrix(rows, columns, -3.0, 3.0);
    let functions = [
        ("sums of rows", "row_sums"),
        ("sums of columns", "column_sums"),
        ("softmax of rows", "softmax_rows"),
        ("logsumexp of rows", "logsumexp_rows"),
        ("standardised rows", "standardised"),
        ("largest of each row", "largest"),
    ];
    let mut cases = Vec::new();
    for (name, function) in functions {
        let (kernel, x) = (module.kernel(function)?, &x);
        cases.push(Case { name, call: Box::new(move || kernel.call(x.view())) });
    }
    measure("reductions", rows * columns, "f64", options, &cases)
}

/// Windows, stencils and moving means.
pub fn windows(options: &Options) -> Result<(), Error> {
    let module = Session::with_threads(options.threads).compile("arrays.tome", ARRAYS)?;
    let side = if options.quick { 128 } else { 512 };
    let (image, weights) = (matrix(side, side, 0.0, 1.0), matrix(11, 11, -1.0, 1.0));
    let taps = (side - 10) * (side - 10) * 121;
    let mut cases = Vec::new();
    for (name, function) in [("windows of 11 × 11", "window_of_eleven"), ("windows of a × b", "correlated")] {
        let (kernel, image, weights) = (module.kernel(function)?, &image, &weights);
        cases.push(Case { name, call: Box::new(move || kernel.call((image.view(), weights.view()))) });
    }
    measure("windows", taps, "f64", options, &cases)?;
    let side = if options.quick { 256 } else { 2048 };
    let (field, diffused) = (matrix(side, side, 0.0, 1.0), module.kernel("diffused")?);
    let stencil = [Case { name: "stencil of 5 points", call: Box::new(|| diffused.call(field.view())) }];
    measure("windows", (side - 2) * (side - 2) * 5, "f64", options, &stencil)?;
    let n = if options.quick { 100_000 } else { 1_000_000 };
    let (series, moving) = (double(n, -1.0, 1.0), module.kernel("moving_mean")?);
    let mean = [Case { name: "moving mean of 25", call: Box::new(|| moving.call(series.view())) }];
    measure("windows", (n - 24) * 25, "f64", options, &mean)
}

/// Small matrices in large numbers, and attention.
pub fn batches(options: &Options) -> Result<(), Error> {
    let module = Session::with_threads(options.threads).compile("arrays.tome", ARRAYS)?;
    for (side, function) in [(4, "products_of_4"), (8, "products_of_8")] {
        let count = if options.quick { 1000 } else { 20_000 };
        let batch = |low: f64, high: f64| match double(count * side * side, low, high) {
            Array::F64(flat) => {
                let shape = Ix3(count, side, side);
                Array::F64(flat.into_shape_with_order(shape).expect("as many elements").into_dyn())
            }
            other => other,
        };
        let (kernel, a, b) = (module.kernel(function)?, batch(-1.0, 1.0), batch(0.0, 1.0));
        let name = format!("products of {side} × {side}");
        let case = [Case { name: &name, call: Box::new(|| kernel.call((a.view(), b.view()))) }];
        measure("batches", count, "f64", options, &case)?;
    }
    let kernel = module.kernel("attention")?;
    for (heads, length, width) in [(64, 128, 32), (16, 512, 64)] {
        let shape = [heads, length, width];
        let (q, k, v) = (single(&shape, -1.0, 1.0), single(&shape, -0.5, 1.0), single(&shape, 0.0, 1.0));
        let name = format!("attention, {heads} of {length} × {width}");
        let case = [Case { name: &name, call: Box::new(|| kernel.call((q.view(), k.view(), v.view()))) }];
        measure("batches", heads * length * length, "f32", options, &case)?;
    }
    Ok(())
}

/// Square matrices, and the shape of a layer.
pub fn products(options: &Options) -> Result<(), Error> {
    let module = Session::with_threads(options.threads).compile("arrays.tome", ARRAYS)?;
    let (double_kernel, single_kernel) = (module.kernel("product")?, module.kernel("product_single")?);
    let shapes = [(64, 64, 64), (256, 256, 256), (256, 784, 128), (1024, 1024, 1024)];
    for (n, k, m) in if options.quick { &shapes[..2] } else { &shapes[..] } {
        let name = format!("{n} × {k} × {m}");
        let (a, b) = (matrix(*n, *k, -1.0, 1.0), matrix(*k, *m, -1.0, 1.0));
        let doubles = [Case { name: &name, call: Box::new(|| double_kernel.call((a.view(), b.view()))) }];
        measure("matrix products", n * k * m, "f64", options, &doubles)?;
        let (a, b) = (single(&[*n, *k], -1.0, 1.0), single(&[*k, *m], -1.0, 1.0));
        let singles = [Case { name: &name, call: Box::new(|| single_kernel.call((a.view(), b.view()))) }];
        measure("matrix products", n * k * m, "f32", options, &singles)?;
    }
    Ok(())
}
