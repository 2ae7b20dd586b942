//! Per-example gradients of recurrent networks over any number of steps.
//!
//! In: costs with a loop over time, written over the batch and for one example, and statistics of their gradients. Out: their
//! values and plans.
//! Always holds: compiled code, the interpreter, the loop with a literal number of steps, the whole batch differentiated
//! without slicing, and differences agree.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use microtome::diagnostic::codes;
use microtome::graph::{Graph, Op, SizeEnv, parse, reachable};
use microtome::loops::Cost;
use microtome::{Array, Module, Session, Stage, interp, loops, pipeline, runtime};
use ndarray::Dimension;

/// Costs `c` of `n` sequences of `T` steps: with a loop over the batch, or one for each example.
const NETS: &[(&str, &str)] = &[
    (
        "vanilla, the last state",
        "var s = zeros(n, h)
    for t in 0:T { s = tanh(x[:, t] @ U + s @ W + b) }
    let c = sum((s @ V)^2, axis=1)",
    ),
    ("vanilla, one example", "let c = [one(x[i], U, W, b, V) for i in 0:n]"),
    (
        "vanilla, summed over the steps",
        "var s = zeros(n, h)
    var c = zeros(n)
    for t in 0:T {
        s = tanh(x[:, t] @ U + s @ W + b)
        c += sum((s @ V)^2, axis=1)
    }",
    ),
    (
        "summed before the step",
        "var s = x[:, 0] @ U
    var c = zeros(n)
    for t in 0:T {
        c += logsumexp(s @ V, axis=1)
        s = tanh(x[:, t] @ U + s @ W + b)
    }",
    ),
    (
        "gates",
        "var s = zeros(n, h)
    for t in 0:T {
        let p = x[:, t] @ U
        let z = sigmoid(p + s @ W + b)
        let q = tanh(p + (z * s) @ W)
        s = (1 - z) * s + z * q
    }
    let c = logsumexp(s @ V, axis=1) - sum(s, axis=1)",
    ),
    (
        "two states",
        "var s = zeros(n, h)
    var m = zeros(n, h)
    for t in 0:T {
        let z = x[:, t] @ U + s @ W + b
        m = sigmoid(z) * m + (1 - sigmoid(z)) * tanh(z)
        s = sigmoid(z + 1) * tanh(m)
    }
    let c = sum((s @ V)^2, axis=1) + sum(m, axis=1)",
    ),
    (
        "fold",
        "let s = fold((s, row) -> tanh(row @ U + s @ W + b), zeros(n, h), transpose(x, 1, 0, 2))
    let c = sum((s @ V)^2, axis=1)",
    ),
    (
        "scan",
        "let s = scan((s, row) -> tanh(row @ U + s @ W + b), zeros(n, h), transpose(x, 1, 0, 2))
    let c = sum(sum(tanh(s @ V), axis=2), axis=0)",
    ),
    (
        "scan, one example",
        "let c = [sum(tanh(scan((s, row) -> tanh(row @ U + s @ W + b), zeros(h), x[i]) @ V)) for i in 0:n]",
    ),
    (
        "all states",
        "var s = zeros(n, T + 1, h)
    for t in 0:T { s[:, t + 1] = tanh(x[:, t] @ U + s[:, t] @ W + b) }
    let c = sum(sum(tanh(s @ V), axis=2), axis=1)",
    ),
    (
        "embedded",
        "var s = zeros(n, h)
    for t in 0:T { s = tanh(U[word[:, t]] + s @ W + b) }
    let c = logsumexp(s @ V, axis=1)",
    ),
    ("embedded, one example", "let c = [embedded(word[i], U, W, b, V) for i in 0:n]"),
    (
        "with weights of each step, transposed and sliced",
        "var s = zeros(n, h)
    for t in 0:T { s = tanh(x[:, t] @ U * f64(t + 1) + s @ W.T + s[:, 0:2] @ W[0:2] + b) }
    let c = sum((s @ V)^2, axis=1)",
    ),
    (
        "with a branch",
        "var s = zeros(n, h)
    for t in 0:T {
        let p = x[:, t] @ U + s @ W
        s = where(p > 0.1, tanh(p), 0.2 * p) + b
        if t == 2 { s = s * 0.5 }
    }
    let c = sum((s @ V)^2, axis=1)",
    ),
    (
        "with weights of their own at each step",
        "let Ws = [W * (1.0 + 0.1 * f64(t)) for t in 0:T]
    var s = zeros(n, h)
    for t in 0:T { s = tanh(x[:, t] @ U + s @ Ws[t] + b) }
    let c = sum((s @ V)^2, axis=1)",
    ),
    (
        "a step of two loops",
        "var s = zeros(n, h)
    for t in 0:T {
        for r in 0:2 { s = tanh(x[:, t] @ U + s @ W + b) }
    }
    let c = sum((s @ V)^2, axis=1)",
    ),
    ("each as long as it says", "let c = [until(x[i], word[i], U, W, b, V) for i in 0:n]"),
    (
        "tied by a mean",
        "var s = zeros(n, h)
    for t in 0:T { s = tanh(x[:, t] @ U + (s - mean(s, axis=0)) @ W + b) }
    let c = sum((s @ V)^2, axis=1)",
    ),
    (
        "a statistic that is constant",
        "var s = zeros(n, h)
    for t in 0:T { s = tanh((x[:, t] - mean(x[:, t], axis=0)) @ U + (s - stop_gradient(mean(s, axis=0))) @ W + b) }
    let c = sum((s @ V)^2, axis=1)",
    ),
];

const ONE: &str = "
fn one(x: f64[T, d], U: f64[d, h], W: f64[h, h], b: f64[h], V: f64[h, k]) -> f64 {
    var s = zeros(h)
    for t in 0:T { s = tanh(x[t] @ U + s @ W + b) }
    sum((s @ V)^2)
}
fn embedded(word: i64[T], U: f64[d, h], W: f64[h, h], b: f64[h], V: f64[h, k]) -> f64 {
    var s = zeros(h)
    for t in 0:T { s = tanh(U[word[t]] + s @ W + b) }
    logsumexp(s @ V)
}
fn until(x: f64[T, d], word: i64[T], U: f64[d, h], W: f64[h, h], b: f64[h], V: f64[h, k]) -> f64 {
    var s = zeros(h)
    var t = 0
    while t < T and sum(word[0:t]) < 5 {
        s = tanh(x[t] @ U + s @ W + b)
        t += 1
    }
    sum((s @ V)^2)
}
";

const STATISTICS: &[(&str, &str)] = &[
    ("second moments", "tuple(mean(grad(c[i], W)^2 for i in 0:n), mean(grad(c[i], U)^2 for i in 0:n))"),
    ("second moments of b, V", "tuple(mean(grad(c[i], b)^2 for i in 0:n), mean(grad(c[i], V)^2 for i in 0:n))"),
    ("norms", "[norm(grad(c[i], W)) + sum(grad(c[i], U)^2) + sum(grad(c[i], b)^2) for i in 0:n]"),
    (
        "a clipped sum",
        "let r = [min(1.0, 0.01 / sqrt(sum(grad(c[i], W)^2) + sum(grad(c[i], U)^2) + 1e-9)) for i in 0:n]
    tuple(sum(r[i] * grad(c[i], W) for i in 0:n), sum(r[i] * grad(c[i], U) for i in 0:n))",
    ),
    ("a variance", "var(grad(c[i], W) for i in 0:n)"),
    ("magnitudes", "max(abs(grad(c[i], W)) for i in 0:n)"),
    ("gradients", "[grad(c[i], W) for i in 0:n]"),
    ("inner products", "[sum(grad(c[i], W) * grad(c[j], W)) for i in 0:n, j in 0:n]"),
    ("the gradient", "tuple(grad(sum(c), W), grad(sum(c), U))"),
];

fn source(net: &str, statistic: &str, steps: &str) -> String {
    let result = statistic.replace("tuple(", "(");
    let net = net.replace("0:T", &format!("0:{steps}")).replace("T + 1", &format!("{steps} + 1"));
    format!(
        "{ONE}fn statistic(x: f64[n, T, d], word: i64[n, T], U: f64[d, h], W: f64[h, h], b: f64[h], V: f64[h, k]) {{
    {net}
    {result}
}}
"
    )
}

fn module(source: &str) -> Module {
    Session::with_threads(1).compile("statistic.tome", source).unwrap_or_else(|error| panic!("{source}\n{error}"))
}

fn fill(shape: &[usize], step: f64) -> Array {
    ndarray::ArrayD::from_shape_fn(shape, |index| {
        let flat = index.slice().iter().fold(1.0, |sum, &k| sum * 7.0 + k as f64);
        (flat * step).sin() * 0.8
    })
    .into()
}

fn inputs(n: usize, t: usize) -> Vec<Array> {
    let word = ndarray::ArrayD::from_shape_fn(vec![n, t], |index| ((index[0] * 5 + index[1] * 3) % 4) as i64);
    vec![
        fill(&[n, t, 4], 0.37),
        word.into(),
        fill(&[4, 3], 0.71),
        fill(&[3, 3], 0.53),
        fill(&[3], 0.91),
        fill(&[3, 2], 0.3),
    ]
}

fn sizes(n: usize, t: usize) -> SizeEnv {
    [("n", n), ("T", t), ("d", 4), ("h", 3), ("k", 2)].map(|(name, value)| (name.into(), value as i64)).into()
}

fn graph(module: &Module) -> Graph {
    let text = module.emit(&Stage::Graph, Some("statistic")).unwrap_or_else(|error| panic!("{error}"));
    parse(&text).unwrap_or_else(|error| panic!("{error:?}\n{text}"))
}

fn interpreted(graph: &Graph, passes: &[&str], inputs: &[Array], sizes: &SizeEnv) -> Vec<Array> {
    let behind = pipeline::run_only(graph, &mut pipeline::Context::default(), passes).unwrap();
    interp::evaluate(&behind, inputs, sizes).unwrap_or_else(|error| panic!("{error:?}"))
}

fn compare(what: &str, found: &[Array], expected: &[Array], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (a, b) in found.iter().zip(expected) {
        assert_eq!(a.shape(), b.shape(), "{what}");
        for (x, y) in a.to_f64_vec().into_iter().zip(b.to_f64_vec()) {
            let near = (x - y).abs() <= tolerance * y.abs().max(1e-3) || (x.is_nan() && y.is_nan());
            assert!(near, "{what}: {x}, expected {y}");
        }
    }
}

/// Batches and numbers of steps; a net that starts with a step has at least one.
const CASES: &[(usize, usize)] = &[(5, 7), (5, 1), (1, 7), (1, 1), (5, 0), (0, 7), (1, 0), (0, 0)];

#[test]
fn every_way_to_compute_a_statistic_gives_the_same() {
    for (net_name, net) in NETS {
        for (name, statistic) in STATISTICS {
            let module = module(&source(net, statistic, "T"));
            let kernel = module.kernel("statistic").unwrap_or_else(|error| panic!("{net_name}: {name}: {error:?}"));
            let graph = graph(&module);
            for &(n, t) in CASES {
                let starts = net.contains("x[:, 0]") && t == 0;
                let largest = name == &"magnitudes" && n == 0;
                if starts || largest {
                    continue;
                }
                let what = format!("{net_name}: {name}, n = {n}, T = {t}");
                let (inputs, sizes) = (inputs(n, t), sizes(n, t));
                let views: Vec<_> = inputs.iter().map(Array::view).collect();
                let found = kernel.call(&views).unwrap_or_else(|error| panic!("{what}: {error:?}"));
                compare(&what, &found, &interpreted(&graph, &["differentiated"], &inputs, &sizes), 1e-10);
                compare(&what, &found, &interpreted(&graph, pipeline::REFERENCE, &inputs, &sizes), 1e-10);
            }
        }
    }
}

#[test]
fn a_symbolic_number_of_steps_is_as_good_as_a_literal_one() {
    for (net_name, net) in NETS.iter().filter(|(_, net)| net.contains("0:T")) {
        for (name, statistic) in STATISTICS {
            let symbolic = module(&source(net, statistic, "T"));
            for steps in [1, 7] {
                let literal = module(&source(net, statistic, &steps.to_string()));
                let inputs = inputs(5, steps);
                let views: Vec<_> = inputs.iter().map(Array::view).collect();
                let call = |module: &Module| module.kernel("statistic").unwrap().call(&views).unwrap();
                compare(&format!("{net_name}: {name}, T = {steps}"), &call(&symbolic), &call(&literal), 1e-10);
            }
        }
    }
}

#[test]
fn gradients_agree_with_differences() {
    const STEP: f64 = 1e-5;
    for (name, net) in NETS.iter().filter(|(name, _)| !name.contains("constant")) {
        let gradients = module(&source(net, "[grad(c[i], W) for i in 0:n]", "T"));
        let costs = module(&source(net, "c", "T"));
        let inputs = inputs(3, 4);
        let call = |module: &Module, inputs: &[Array]| {
            let views: Vec<_> = inputs.iter().map(Array::view).collect();
            module.kernel("statistic").unwrap().call(&views).unwrap().remove(0).to_f64_vec()
        };
        let found = call(&gradients, &inputs);
        for entry in 0..9 {
            let moved = |by: f64| {
                let mut weights = inputs[3].to_f64_vec();
                weights[entry] += by;
                let mut inputs = inputs.clone();
                inputs[3] = ndarray::ArrayD::from_shape_vec(vec![3, 3], weights).unwrap().into();
                call(&costs, &inputs)
            };
            for (i, (above, below)) in moved(STEP).iter().zip(moved(-STEP)).enumerate() {
                let (own, expected) = (found[i * 9 + entry], (above - below) / (2.0 * STEP));
                assert!(
                    (own - expected).abs() < 1e-6,
                    "{name}, example {i}, entry {entry}: {own}, differences {expected}"
                );
            }
        }
    }
}

fn planned(net: &str, statistic: &str, sizes: &SizeEnv) -> (Graph, usize) {
    let mut context = pipeline::Context { expected: sizes.clone(), ..pipeline::Context::default() };
    let graph = graph(&module(&source(net, statistic, "T")));
    let graph = pipeline::run(&graph, &mut context, None, |_, _| {}).unwrap_or_else(|error| panic!("{error:?}"));
    assert!(context.warnings.is_empty(), "{net}: {:?}", context.warnings);
    (graph, context.warnings.len())
}

/// Nets whose steps are products over the batch. Where a cotangent may be zero because of a cut, or because nothing follows
/// the last step, each example has its own zeros in the weights, and its own loop.
fn batched() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    let apart = [
        "each as long as it says",
        "tied by a mean",
        "a statistic that is constant",
        "with a branch",
        "summed before the step",
    ];
    NETS.iter().filter(move |(name, _)| !apart.contains(name))
}

#[test]
fn no_statistic_holds_batch_times_parameters() {
    let sizes: SizeEnv =
        [("n", 4000), ("T", 4), ("d", 64), ("h", 64), ("k", 5)].map(|(name, value)| (name.into(), value)).into();
    let limit = 4000 * 64 * 64 * 8;
    let mut problems = Vec::new();
    for (net_name, net) in batched() {
        for (name, statistic) in STATISTICS.iter().filter(|(name, _)| !["gradients", "inner products"].contains(name)) {
            let (graph, _) = planned(net, statistic, &sizes);
            let kernel = loops::lower(&graph).unwrap();
            let plan = runtime::memory::plan(&kernel.layout(), &sizes, None).unwrap();
            let needed = plan.arena + plan.results;
            println!("{net_name}: {name}: {needed} of {limit}");
            // The variance of what is put together of several products holds one of them.
            if needed >= limit && !(net_name.contains("sliced") && name.contains("variance")) {
                problems.push(format!("{net_name}: {name}: {needed} bytes, all gradients are {limit}"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// One loop over time forwards and one backwards, and no loop of builders over examples around them.
#[test]
fn steps_are_taken_for_the_whole_batch() {
    for (name, net) in batched() {
        for statistic in ["[sum(grad(c[i], W)^2) for i in 0:n]", "sum(grad(c[i], W)^2 for i in 0:n)"] {
            let (graph, _) = planned(net, statistic, &sizes(100, 20));
            let over_time = |id: &microtome::graph::NodeId| match &graph.node(*id).op {
                // One without states is left for its checks.
                Op::Loop(binder) => !binder.states.is_empty() && !graph.var(binder.counter).name.starts_with("block"),
                _ => false,
            };
            let order = reachable(&graph, &graph.roots());
            let found = order.iter().filter(|id| over_time(id)).count();
            // A step of two loops has an inner one each way, and one for the states within a step.
            // Words are checked where the costs are computed.
            let expected = match *name {
                "a step of two loops" => 5,
                "embedded, one example" => 3,
                _ => 2,
            };
            assert!(found <= expected, "{name}: {statistic}: {found} loops\n{graph}");
            let builders = order.iter().filter(|id| matches!(graph.node(**id).op, Op::Build(_))).count();
            assert_eq!(builders, 0, "{name}: {statistic}\n{graph}");
        }
    }
}

/// Operations grow with the number of examples, not with its square; examples are apart.
#[test]
fn the_work_is_linear_in_the_batch() {
    for (name, net) in NETS.iter().filter(|(name, _)| !name.contains("mean") && !name.contains("statistic")) {
        let text = source(net, "[sum(grad(c[i], W)^2) for i in 0:n]", "T");
        let promised = text.replace("V: f64[h, k]) {\n    v", "V: f64[h, k]) where independent(n) {\n    v");
        let promised = promised.replace("V: f64[h, k]) {\n    l", "V: f64[h, k]) where independent(n) {\n    l");
        assert!(promised.contains("independent"), "{name}\n{promised}");
        let found = module(&promised).warnings().len();
        assert_eq!(found, 0, "{name}");
        if name.contains("as it says") {
            continue;
        }
        let (graph, _) = planned(net, "[sum(grad(c[i], W)^2) for i in 0:n]", &sizes(100, 20));
        let time = Cost::of(&loops::lower(&graph).unwrap()).time;
        let [once, twice] = [100, 200].map(|n| time.eval(&sizes(n, 20)).unwrap_or_else(|| panic!("{name}: {time}")));
        assert!(twice <= 2 * once, "{name}: {once} for 100 examples, {twice} for 200: {time}");
    }
}

#[test]
fn a_loop_that_ties_examples_is_pointed_at() {
    let (_, net) = NETS.iter().find(|(name, _)| name.contains("tied")).unwrap();
    let module = module(&source(net, "[sum(grad(c[i], W)^2) for i in 0:n]", "T"));
    let graph = graph(&module);
    let mut context = pipeline::Context::default();
    pipeline::run(&graph, &mut context, None, |_, _| {}).unwrap();
    assert!(context.warnings.iter().any(|warning| warning.code == codes::TIED_EXAMPLES), "{:?}", context.warnings);
}
