//! What the compiler says a function costs, and what it does cost.
//!
//! In: functions. Out: the polynomials of their time and memory; the memory that a call of them plans.
//! Always holds: the plan of a call never needs less than what is said to be live, and not much more.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use microtome::graph::{SizeEnv, parse, polynomial};
use microtome::loops::{self, Cost, Kernel};
use microtome::runtime::memory::plan;
use microtome::{Session, Stage, pipeline};

/// The loops of the function `f`.
fn kernel(source: &str) -> Kernel {
    let module = Session::with_threads(1).compile("cost.tome", source).unwrap_or_else(|error| panic!("{error}"));
    let text = module.emit(&Stage::Graph, Some("f")).unwrap_or_else(|error| panic!("{error}"));
    let graph = parse(&text).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    let planned = pipeline::run(&graph, &mut pipeline::Context::default(), None, |_, _| {}).unwrap();
    loops::lower(&planned).unwrap()
}

#[test]
fn costs_are_what_they_are_by_hand() {
    for (source, time, peaks) in [
        ("fn f(x: f64[n, d], w: f64[d, k]) = x @ w", "2*d*k*n", "8*d*k + 8*d*n + 8*k*n"),
        ("fn f(x: f32[n]) = x + 1.0", "n", "8*n"),
        ("fn f(x: f64[n]) = sum(x^2)", "2*n", "8*n + 8"),
        ("fn f(x: f64[n, d]) = [sum(x[i]) for i in 0:n]", "d*n", "8*d*n + 8*n"),
        ("fn f(x: f64[n], k: i64) = x[0:min(k, n)] * 2.0", "2*n + 11", "16*n + 24 or 24*n + 16"),
    ] {
        let cost = Cost::of(&kernel(source));
        assert_eq!(polynomial(&cost.time), time, "{source}");
        let found: Vec<String> = cost.peaks.iter().map(polynomial).collect();
        assert_eq!(found.join(" or "), peaks, "{source}");
    }
}

const FUNCTIONS: &[&str] = &[
    "fn f(x: f64[n, d], w: f64[d, k]) = sum(tanh(tanh(x @ w) @ w.T), axis=0)",
    "fn f(x: f64[n, d], w: f64[d, k]) {
        let c = sum(tanh(x @ w)^2, axis=1)
        mean(grad(c[i], w)^2 for i in 0:n)
    }",
    "fn f(x: f64[n, d], w: f64[d, k]) {
        let c = sum(tanh(tanh(x @ w) @ w.T), axis=1)
        ([sum(grad(c[i], w)^2) for i in 0:n], grad(sum(c), w))
    }",
    "fn f(x: f64[n, d], w: f64[d, d]) {
        var h = zeros(n, d)
        for t in 0:k {
            h = tanh(h @ w + x)
        }
        sum(h)
    }
    fn unused(x: f64[k]) = x",
    "fn f(x: f64[n, d], y: f64[k]) = sort(x, axis=0) * sum(cumsum(y))",
];

#[test]
fn a_call_plans_what_is_said_to_be_live() {
    for source in FUNCTIONS {
        let source = source.replace("for t in 0:k", "for t in 0:d");
        let kernel = kernel(&source);
        let cost = Cost::of(&kernel);
        for (n, d, k) in [(100, 30, 20), (7, 300, 11), (5, 6, 400), (1, 1, 1)] {
            let sizes: SizeEnv = [("n", n), ("d", d), ("k", k)].map(|(name, value)| (name.into(), value)).into();
            let inputs: i64 = kernel
                .buffers
                .iter()
                .filter(|buffer| matches!(buffer.role, loops::Role::Input(_)))
                .map(|buffer| buffer.elements.eval(&sizes).unwrap() * buffer.dtype.size() as i64)
                .sum();
            let plan = plan(&kernel.layout(), &sizes, None).unwrap();
            let (planned, live) = ((plan.arena + plan.results) as i64 + inputs, cost.peak(&sizes).unwrap());
            assert!(planned >= live, "{source}\nat {sizes:?}: planned {planned}, live {live}");
            // First fit wastes a little, and small buffers are aligned.
            let slack = live / 2 + 64 * kernel.buffers.len() as i64;
            assert!(planned <= live + slack, "{source}\nat {sizes:?}: planned {planned}, live {live}");
        }
    }
}
