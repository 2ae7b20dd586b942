//! Plans of per-example statistics: every spelling has the same one, and none holds batch × parameters.
//!
//! In: statistics of per-example gradients, of a net with and without a shared time axis. Out: the planned graphs, and the
//! memory that a call would need.
//! Always holds: memory is what the plan says before anything runs, so nothing here is timed or large.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use microtome::graph::{Graph, Op, SizeEnv, parse, reachable};
use microtome::{Module, Session, Stage, loops, pipeline, runtime};

/// Per-example costs `c` of a net with weights `W`, a bias `b` and weights `V`.
const NET: &str = "
fn cost(x: f64[n, d], W: f64[d, h], b: f64[h], V: f64[h, k]) -> f64[n] = logsumexp(tanh(x @ W + b) @ V, axis=1)
fn statistic(x: f64[n, d], W: f64[d, h], b: f64[h], V: f64[h, k], key: i64) {
    let c = cost(x, W, b, V)
    RESULT
}
";

/// The same over a time axis that shares the weights.
const OVER_TIME: &str = "
fn cost(x: f64[n, t, d], W: f64[d, h], b: f64[h], V: f64[h, k]) -> f64[n] =
    sum(logsumexp(tanh(x @ W + b) @ V, axis=2), axis=1)
fn statistic(x: f64[n, t, d], W: f64[d, h], b: f64[h], V: f64[h, k], key: i64) {
    let c = cost(x, W, b, V)
    RESULT
}
";

fn graph_of(net: &str, result: &str) -> Graph {
    let source = net.replace("RESULT", result);
    let module: Module =
        Session::with_threads(1).compile("statistic.tome", &source).unwrap_or_else(|error| panic!("{source}\n{error}"));
    let text = module.emit(&Stage::Graph, Some("statistic")).unwrap_or_else(|error| panic!("{error}"));
    parse(&text).unwrap_or_else(|error| panic!("{error:?}\n{text}"))
}

fn planned(net: &str, result: &str, sizes: &SizeEnv) -> Graph {
    let mut context = pipeline::Context { expected: sizes.clone(), ..pipeline::Context::default() };
    let graph = graph_of(net, result);
    pipeline::run(&graph, &mut context, None, |_, _| {}).unwrap_or_else(|error| panic!("{result}\n{error:?}"))
}

fn sizes(n: i64, t: i64) -> SizeEnv {
    [("n", n), ("t", t), ("d", 64), ("h", 32), ("k", 5)].map(|(name, value)| (name.into(), value)).into()
}

const SPELLINGS: &[&str] = &[
    "sum(grad(c[i], W)^2 for i in 0:n)",
    "sum([grad(c[i], W)^2 for i in 0:n], axis=0)",
    "sum(grad(v, W)^2 for v in c)",
    "sum(grad(c[i], W)^2 for i in arange(n))",
    "var g = zeros_like(W)
    for i in 0:n {
        g += grad(c[i], W)^2
    }
    g",
    "var g = zeros_like(W)
    for v in c {
        let own = grad(v, W)
        g = own * own + g
    }
    g",
    "fold((s, i) -> s + grad(c[i], W)^2, zeros_like(W), arange(n))",
    "fold((s, v) -> s + grad(v, W)^2, zeros_like(W), c)",
];

#[test]
fn every_spelling_has_the_same_plan() {
    for net in [NET, OVER_TIME] {
        let first = planned(net, SPELLINGS[0], &sizes(100, 8)).to_string();
        for spelling in &SPELLINGS[1..] {
            let other = planned(net, spelling, &sizes(100, 8)).to_string();
            assert_eq!(other, first, "{spelling}");
        }
    }
}

#[test]
fn loops_that_do_more_keep_what_depends_on_the_iteration_before() {
    let running = "var g = zeros_like(W)
    for i in 0:n {
        g = 0.9 * g + grad(c[i], W)
    }
    g";
    let several = "var g = zeros_like(W)
    var largest = zeros_like(b)
    var norms = zeros(n)
    var used = 0
    for i in 0:n {
        let own = grad(c[i], W)
        g -= own^2
        largest = max(largest, abs(grad(c[i], b)))
        norms[i] = sum(own^2)
        if norms[i] > 1.0 {
            used += 1
        }
    }
    (g, largest, norms)";
    let loops = |result: &str| {
        let graph = planned(NET, result, &sizes(100, 1));
        let all = reachable(&graph, &graph.roots());
        all.into_iter().filter(|id| matches!(graph.node(*id).op, Op::Loop(_))).count()
    };
    assert_eq!(loops(running), 1);
    assert_eq!(loops(&several.replace("norms[i] > 1.0", "sum(own^2) > 1.0")), 0);
}

/// Statistics that hold no array of batch × parameters, whatever the net.
const STATISTICS: &[(&str, &str)] = &[
    ("second moment", "mean(grad(c[i], W)^2 for i in 0:n)"),
    ("variance", "var(grad(c[i], W) for i in 0:n)"),
    (
        "norms over three parameters",
        "[sqrt(sum(grad(c[i], W)^2) + sum(grad(c[i], b)^2) + sum(grad(c[i], V)^2)) for i in 0:n]",
    ),
    (
        "clipped sum with noise",
        "let s = [min(1.0, 0.5 / sqrt(sum(grad(c[i], W)^2) + sum(grad(c[i], V)^2))) for i in 0:n]
    (
        sum(s[i] * grad(c[i], W) for i in 0:n) + 0.1 * random.normal(key, d, h),
        sum(s[i] * grad(c[i], V) for i in 0:n) + 0.1 * random.normal(key + 1, h, k),
    )",
    ),
    ("inner products with a given vector", "[sum(grad(c[i], W) * cos(W)) for i in 0:n]"),
    (
        "noise scale",
        "let whole = sum(grad(mean(c), W)^2)
    let single = mean(sum(grad(c[i], W)^2) for i in 0:n)
    (single - whole) / whole",
    ),
    ("third moment", "mean(grad(c[i], W)^3 for i in 0:n)"),
    ("fourth moment", "mean(grad(c[i], W)^4 for i in 0:n)"),
    ("sum of magnitudes", "sum(abs(grad(c[i], W)) for i in 0:n)"),
    ("largest magnitude", "max(abs(grad(c[i], W)) for i in 0:n)"),
    ("smallest and largest", "(min(grad(c[i], W) for i in 0:n), max(grad(c[i], W) for i in 0:n))"),
    ("largest of one example", "[max(abs(grad(c[i], W))) for i in 0:n]"),
    (
        "centred variance",
        "let m = mean(grad(c[i], W) for i in 0:n)
    mean((grad(c[i], W) - m)^2 for i in 0:n)",
    ),
    (
        "cosine to the mean",
        "let m = mean(grad(c[i], W) for i in 0:n)
    [sum(grad(c[i], W) * m) / (norm(grad(c[i], W)) * norm(m)) for i in 0:n]",
    ),
    ("no contraction", "mean(tanh(grad(c[i], W)) for i in 0:n)"),
    ("a share of each gradient", "mean((grad(c[i], W) / norm(grad(c[i], W)))^2 for i in 0:n)"),
    ("signs", "sum(sign(grad(c[i], W)) for i in 0:n)"),
    ("the gradient of a statistic", "grad(sum(mean(grad(c[i], W)^2 for i in 0:n)), W)"),
    (
        "a loop with everything",
        "var g = zeros_like(W)
    var m = zeros_like(W)
    var s = zeros(n)
    for i in 0:n {
        let own = grad(c[i], W)
        g += abs(own)^3
        m = max(m, abs(own))
        s[i] = norm(own)
    }
    (g, m, s)",
    ),
];

/// Bytes of scratch memory and results that a call at these sizes needs.
fn memory(net: &str, result: &str, sizes: &SizeEnv) -> usize {
    let graph = planned(net, result, sizes);
    let kernel = loops::lower(&graph).unwrap_or_else(|error| panic!("{result}\n{error:?}"));
    let plan =
        runtime::memory::plan(&kernel.layout(), sizes, None).unwrap_or_else(|failure| panic!("{result}\n{failure:?}"));
    plan.arena + plan.results
}

#[test]
fn no_statistic_holds_batch_times_parameters() {
    let (n, parameters) = (4000, 64 * 32);
    let limit = n as usize * parameters * 8;
    let mut problems = Vec::new();
    for (kind, net, t) in [("net", NET, 1), ("net over time", OVER_TIME, 4)] {
        for (name, result) in STATISTICS {
            let needed = memory(net, result, &sizes(n, t));
            println!("{kind}: {name}: {needed} of {limit}");
            if needed >= limit {
                problems.push(format!("{kind}: {name}: {needed} bytes, all gradients are {limit}"));
            }
        }
        let result = "[sum(grad(c[i], W) * grad(c[j], W)) for i in 0:n, j in 0:n]";
        let mut sizes = sizes(100, t);
        sizes.extend([("d", 512), ("h", 256)].map(|(name, value)| (name.into(), value)));
        let needed = memory(net, result, &sizes);
        println!("{kind}: gram matrix: {needed}");
        if needed >= 100 * 512 * 256 * 8 {
            problems.push(format!("{kind}: gram matrix: {needed} bytes"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Costs that a statistic of the whole batch ties together.
const TIED: &[(&str, &str)] = &[
    (
        "a mean",
        "let z = tanh(x @ W)
    let c = sum((z - mean(z, axis=0))^2, axis=1)",
    ),
    (
        "batch normalisation",
        "let z = x @ W
    let u = (z - mean(z, axis=0)) / (std(z, axis=0) + 0.1)
    let c = sum(tanh(u + b)^2, axis=1)",
    ),
    (
        "a softmax over the batch",
        "let z = tanh(x @ W) @ b
    let c = log_softmax(z)",
    ),
];

/// A statistic that is a sum is differentiated once for the batch, not once for each example.
#[test]
fn sums_over_the_batch_cost_no_square_of_it() {
    let mut problems = Vec::new();
    for (name, cost) in TIED {
        for statistic in ["mean(grad(c[i], W)^2 for i in 0:n)", "[sum(grad(c[i], W)^2) for i in 0:n]"] {
            let net = "fn statistic(x: f64[n, d], W: f64[d, h], b: f64[h]) {
    RESULT
}
";
            let needed = memory(net, &format!("{cost}\n    {statistic}"), &sizes(4000, 1));
            println!("{name}: {statistic}: {needed}");
            if needed >= 4000 * 4000 * 8 {
                problems.push(format!("{name}: {statistic}: {needed} bytes"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
