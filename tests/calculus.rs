//! Derivatives of five models against JAX in double precision.
//!
//! In: tests/reference/calculus.txt, which tests/reference/calculus.py writes. Out: agreement of every element to ten digits,
//! compiled and interpreted.
//! Always holds: the reference comes from JAX, never from a run of this program; the file is kept, so the test runs without JAX.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use microtome::{Array, ArrayView, Session};
use ndarray::{ArrayD, IxDyn};
use std::collections::BTreeMap;
use std::path::Path;

/// What is computed of every cost, by the names of the reference.
const QUANTITIES: [(&str, &str); 15] = [
    ("costs", "c"),
    ("gradient", "grad(mean(c), p)"),
    ("gradient by q", "grad(mean(c), q)"),
    ("jacobian", "jacobian(c, p)"),
    ("hessian", "hessian(mean(c), p)"),
    ("mixed hessian", "hessian(mean(c), (p, q))[0][1]"),
    ("jvp", "jvp(c, p, dp)"),
    ("vjp", "vjp(c, p, ct)"),
    ("second moment", "mean(grad(c[i], p)^2 for i in 0:n)"),
    ("norms", "norms"),
    ("clipped sum", "sum(min(1.0, 0.5 / norms[i]) * grad(c[i], p) for i in 0:n)"),
    ("gram", "[sum(grad(c[i], p) * grad(c[j], p)) for i in 0:n, j in 0:n]"),
    ("third along", "jvp(jvp(grad(mean(c), p), p, dp), p, dp)"),
    ("third", "third(x, p, q, dp, 0.0)"),
    ("gradient of the second moment", "grad(sum(mean(grad(c[i], p)^2 for i in 0:n)), p)"),
];

struct Model {
    name: &'static str,
    /// The types of x, p and q.
    types: [&'static str; 3],
    /// The costs.
    body: &'static str,
    /// Seeds and sizes of x, p and q.
    arrays: [(f64, &'static [usize]); 3],
}

const MODELS: [Model; 5] = [
    Model {
        name: "dense",
        types: ["f64[n, d]", "f64[d, h]", "f64[h, k]"],
        body: "let y = [0, 2, 1, 2]
    let z = tanh(x @ p) @ q
    logsumexp(z, axis=1) - [z[i, y[i]] for i in 0:n]",
        arrays: [(0.1, &[4, 3]), (0.2, &[3, 2]), (0.3, &[2, 3])],
    },
    Model {
        name: "windows",
        types: ["f64[n, t]", "f64[3, h]", "f64[h]"],
        body: "let h = [tanh(x[i, s:s+3] @ p) for i in 0:n, s in 0:t-2]
    mean((h @ q)^2, axis=1)",
        arrays: [(0.4, &[4, 6]), (0.5, &[3, 2]), (0.6, &[2])],
    },
    Model {
        name: "attention",
        types: ["f64[n, t, d]", "f64[d, d]", "f64[d]"],
        body: "let s = einsum(\"ntd,de,nse->nts\", x, p, x)
    let a = softmax(s, axis=2)
    sum(tanh((a @ x) @ q)^2, axis=1)",
        arrays: [(0.7, &[4, 3, 2]), (0.8, &[2, 2]), (0.9, &[2])],
    },
    Model {
        name: "layer norm",
        types: ["f64[n, d]", "f64[d, h]", "f64[h]"],
        body: "let h = x @ p
    let z = (h - mean(h, axis=1, keepdims=true)) / sqrt(var(h, axis=1, keepdims=true) + 1e-5)
    sum(sin(z * q)^2, axis=1)",
        arrays: [(1.0, &[4, 2]), (1.1, &[2, 3]), (1.2, &[3])],
    },
    Model {
        name: "embedding",
        types: ["f64[n, d]", "f64[v, d]", "f64[d]"],
        body: "let words = [[0, 1, 1], [3, 0, 2], [2, 2, 2], [1, 3, 0]]
    softplus([sum(p[words[i]], axis=0) / 3 * x[i] for i in 0:n] @ q)",
        arrays: [(1.3, &[4, 2]), (1.4, &[4, 2]), (1.5, &[2])],
    },
];

/// Numbers that look random: sin(1.7 k + seed) for element k.
fn waves(seed: f64, shape: &[usize]) -> Array {
    let count: usize = shape.iter().product();
    let elements = (0..count).map(|k| (1.7 * k as f64 + seed).sin()).collect();
    ArrayD::from_shape_vec(IxDyn(shape), elements).expect("as many as the shape says").into()
}

fn source(model: &Model) -> String {
    let [x, p, q] = model.types;
    let results: Vec<&str> = QUANTITIES.iter().map(|(_, expression)| *expression).collect();
    format!(
        "fn cost(x: {x}, p: {p}, q: {q}) -> f64[n] {{
    {}
}}
fn third(x: {x}, p: {p}, q: {q}, dp: {p}, t: f64) -> f64 =
    grad(grad(grad(mean(cost(x, p + t * dp, q)), t), t), t)
fn quantities(x: {x}, p: {p}, q: {q}, dp: {p}, ct: f64[n]) {{
    let c = cost(x, p, q)
    let norms = [sqrt(sum(grad(c[i], p)^2) + sum(grad(c[i], q)^2)) for i in 0:n]
    ({})
}}
",
        model.body,
        results.join(",\n     ")
    )
}

/// The reference: (model, quantity) to sizes and elements.
fn reference() -> BTreeMap<(String, String), (Vec<usize>, Vec<f64>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/calculus.txt");
    let text = std::fs::read_to_string(path).expect("the reference");
    let (mut model, mut all) = (String::new(), BTreeMap::new());
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("model ") {
            model = name.to_string();
            continue;
        }
        let (name, rest) = line.split_once(" [").expect("sizes");
        let (sizes, elements) = rest.split_once(']').expect("elements");
        let sizes = sizes.split_whitespace().map(|word| word.parse().expect("a size")).collect();
        let elements = elements.split_whitespace().map(|word| word.parse().expect("a number")).collect();
        all.insert((model.clone(), name.to_string()), (sizes, elements));
    }
    all
}

#[test]
fn every_quantity_of_every_model_is_what_jax_has() {
    let reference = reference();
    assert_eq!(reference.len(), MODELS.len() * QUANTITIES.len(), "every quantity of every model is kept");
    let mut problems = Vec::new();
    for model in &MODELS {
        let source = source(model);
        let module = Session::with_threads(1).compile("calculus.tome", &source);
        let module = module.unwrap_or_else(|error| panic!("{source}\n{error}"));
        let kernel = module.kernel("quantities").expect("a kernel");
        let mut arguments: Vec<Array> = model.arrays.iter().map(|(seed, shape)| waves(*seed, shape)).collect();
        arguments.extend([waves(2.1, model.arrays[1].1), waves(2.2, &[4])]);
        let views: Vec<ArrayView<'_>> = arguments.iter().map(Array::view).collect();
        let compiled = kernel.call(&views).unwrap_or_else(|error| panic!("{}: {error}", model.name));
        let interpreted = kernel.interpret(&views).unwrap_or_else(|error| panic!("{}: {error}", model.name));
        for (how, results) in [("compiled", compiled), ("interpreted", interpreted)] {
            for ((name, _), found) in QUANTITIES.iter().zip(&results) {
                let (sizes, expected) = &reference[&(model.name.to_string(), name.to_string())];
                let elements = found.to_f64_vec();
                assert_eq!(found.shape(), sizes, "{} of {}, {how}", name, model.name);
                let largest = expected.iter().fold(1e-3f64, |largest, e| largest.max(e.abs()));
                let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-10 * largest;
                if !elements.iter().zip(expected).all(close) {
                    problems.push(format!("{name} of {}, {how}: {elements:?}, not {expected:?}", model.name));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
