//! Matrix products and loop nests that run together, in blocks of rows or of matrices.
//!
//! In: functions whose products and nests follow each other, with as many rows as are run one by one, in one block, in several and
//! with a rest. Out: their results, and what is planned to be held.
//! Always holds: the results are the interpreter's, and the same bits for every number of threads.
#![allow(clippy::unwrap_used, clippy::panic)]

use microtome::{Array, ArrayView, Session};
use ndarray::{Array1, Array2, Array3};

/// Numbers of rows: fewer than are cut, at the bounds of blocks, and between.
const ROWS: [usize; 8] = [0, 1, 17, 63, 64, 129, 192, 500];

/// Functions of a batch, of weights that stay below 1, and of labels.
const LAYERS: &[&str] = &[
    // A product and what is behind it, and before it.
    "max(x @ w + b, 0.0)",
    "tanh(x * 2.0) @ w",
    "0.5 * (x @ w)",
    "softmax(x @ w + b, axis=1)",
    "logsumexp(x @ w, axis=1)",
    // Several layers; what each was given is needed again, or is not.
    "tanh(tanh(tanh(x @ w) @ v) @ w) @ v",
    "{ let h = tanh(x @ w + b); let g = tanh(h @ v); (h, g, g @ w + h) }",
    "(tanh(x @ w), exp(x @ w + b))",
    // Not row by row: a later product needs all rows of an earlier one, columns, or rows of another order.
    "{ let h = tanh(x @ w); h.T @ h }",
    "{ let h = tanh(x @ w); h @ h.T }",
    "{ let h = tanh(x @ w); h[::-1] @ v }",
    "{ let h = tanh(x @ w); h - mean(h, axis=0) @ v @ w }",
    "{ let h = tanh(x @ w); (h[:, :2] @ v[:2], h[:, 1:] @ v[1:]) }",
    "(x @ w)^2 @ v",
    // Back again, with a column for each row that data choose.
    "grad(mean(logsumexp(tanh(x @ w + b) @ v, axis=1) - [x[i, y[i]] for i in 0:n]), (w, b, v))",
    "{
        let z = tanh(x @ w) @ v
        grad(mean(logsumexp(z, axis=1) - [z[i, y[i]] for i in 0:n]), (w, v, x))
    }",
    "{
        let z = tanh(x @ w) @ v
        let c = logsumexp(z, axis=1) - [z[i, y[i]] for i in 0:n]
        (mean(grad(c[i], w)^2 for i in 0:n), [sum(grad(c[i], v)^2) for i in 0:n])
    }",
    // States of a loop.
    "{
        var h = x @ w
        for t in 0:3 {
            h = tanh(h @ v @ w + b)
        }
        h
    }",
];

/// Functions of batches of matrices.
const BATCHES: &[&str] = &[
    "{
        let s = [q[i] @ k[i].T for i in 0:b]
        let e = exp(s - max(s, axis=2)[:, :, newaxis])
        let w = e / sum(e, axis=2)[:, :, newaxis]
        [w[i] @ v[i] for i in 0:b]
    }",
    "[tanh(q[i] @ k[i].T) @ v[i] + q[i] for i in 0:b]",
    "[tanh(q[i].T @ k[i]) for i in 0:b]",
    "grad(sum(tanh([q[i] @ k[i].T for i in 0:b])), (q, k))",
];

fn bits(results: &[Array]) -> Vec<u64> {
    results.iter().flat_map(Array::to_f64_vec).map(f64::to_bits).collect()
}

fn check(source: &str, arguments: &[ArrayView<'_>], what: &str) {
    let call = |threads: usize| {
        let module =
            Session::with_threads(threads).compile("t", source).unwrap_or_else(|error| panic!("{source}\n{error}"));
        let kernel = module.kernel("f").unwrap();
        let fast = kernel.call(arguments).unwrap_or_else(|error| panic!("{source}\n{error}"));
        (kernel, fast)
    };
    let (kernel, alone) = call(1);
    let slow = kernel.interpret(arguments).unwrap();
    for (fast, slow) in alone.iter().zip(&slow) {
        assert_eq!(fast.shape(), slow.shape(), "{source}\n{what}");
        for (a, b) in fast.to_f64_vec().into_iter().zip(slow.to_f64_vec()) {
            let close = (a - b).abs() <= 1e-9 * b.abs().max(1.0) || (a.is_nan() && b.is_nan());
            assert!(close, "{source}\n{what}: {a} {b}");
        }
    }
    for threads in [2, 3] {
        assert_eq!(bits(&alone), bits(&call(threads).1), "{source}\n{what} on {threads} threads");
    }
}

#[test]
fn layers_give_the_same_in_blocks() {
    // Of 64 columns, so that products of few rows are worth several threads.
    let (d, h) = (64, 320);
    let w = Array2::from_shape_fn((d, h), |(i, j)| ((i * 37 + j * 11) % 101) as f64 / 800.0 - 0.06);
    let v = Array2::from_shape_fn((h, d), |(i, j)| ((i * 13 + j * 29) % 103) as f64 / 800.0 - 0.06);
    let b = Array1::from_shape_fn(h, |j| (j % 7) as f64 / 10.0);
    for n in ROWS {
        let x = Array2::from_shape_fn((n, d), |(i, j)| ((i * 31 + j * 17) % 97) as f64 / 97.0 - 0.4);
        let y = Array1::from_shape_fn(n, |i| (i * 7 % d) as i64);
        let arguments =
            [ArrayView::from(&x), ArrayView::from(&w), ArrayView::from(&v), ArrayView::from(&b), ArrayView::from(&y)];
        for body in LAYERS {
            let body = if body.starts_with('{') { (*body).to_string() } else { format!("= {body}") };
            let source = format!("fn f(x: f64[n, d], w: f64[d, h], v: f64[h, d], b: f64[h], y: i64[n]) {body}");
            check(&source, &arguments, &format!("{n} rows"));
        }
    }
}

#[test]
fn batches_give_the_same_in_blocks() {
    for (b, t, d) in [(0, 3, 2), (1, 40, 24), (5, 7, 3), (16, 33, 20), (40, 64, 8)] {
        let part = |k: usize| {
            Array3::from_shape_fn((b, t, d), |(i, j, l)| ((i * 7 + j * 31 + l * k) % 97) as f64 / 97.0 - 0.4)
        };
        let (q, k, v) = (part(17), part(5), part(29));
        for body in BATCHES {
            let body = if body.starts_with('{') { (*body).to_string() } else { format!("= {body}") };
            let source = format!("fn f(q: f64[b, t, d], k: f64[b, t, d], v: f64[b, t, d]) {body}");
            let arguments = [ArrayView::from(&q), ArrayView::from(&k), ArrayView::from(&v)];
            check(&source, &arguments, &format!("{b} of {t} x {d}"));
        }
    }
}

/// The bytes of `f` beside its inputs, in arrays of n × n elements.
fn arrays(body: &str) -> u64 {
    let n = 256;
    let source = format!("fn f(x: f64[n, n], w: f64[n, n]) = {body}");
    let module = Session::with_threads(1).compile("t", &source).unwrap_or_else(|error| panic!("{source}\n{error}"));
    let x = Array2::<f64>::zeros((n, n));
    module.kernel("f").unwrap().peak_bytes(&[ArrayView::from(&x), ArrayView::from(&x)]).unwrap() / (8 * n * n) as u64
}

#[test]
fn layers_that_nobody_goes_back_through_give_their_memory_to_the_next_ones() {
    let layers = |count: usize| (0..count).fold("x".to_string(), |x, _| format!("tanh({x} @ w)"));
    assert_eq!([1, 2, 3, 12].map(|count| arrays(&layers(count))), [1, 2, 3, 3]);
}
