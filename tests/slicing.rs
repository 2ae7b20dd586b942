//! What the passes leave of per-example statistics: whole-array operations, and nothing of size batch × parameters.
//!
//! In: statistics of per-example gradients of a two-layer net. Out: the graphs behind the passes.
//! Always holds: what is shown here is what `microtome emit` shows. MICROTOME_UPDATE=1 rewrites `tests/golden`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod harness;

use harness::{compare_with_file, folder};
use microtome::graph::{Graph, Op, parse, reachable};
use microtome::{Module, Session, Stage, pipeline};

const NET: &str = "
fn cost(x: f64[n, d], y: i64[n], W: f64[d, h], b: f64[h], V: f64[h, k]) -> f64[n] {
    let z = tanh(x @ W + b) @ V
    logsumexp(z, axis=1) - [z[i, y[i]] for i in 0:n]
}
";

/// A statistic of the net's per-example gradients as a function.
fn statistic(result: &str) -> Module {
    let source = format!(
        "{NET}
fn statistic(x: f64[n, d], y: i64[n], W: f64[d, h], b: f64[h], V: f64[h, k]) {{
    let c = cost(x, y, W, b, V)
    {result}
}}
"
    );
    Session::with_threads(1).compile("statistic.tome", &source).unwrap_or_else(|error| panic!("{source}\n{error}"))
}

fn behind(module: &Module, pass: &'static str) -> Graph {
    let text = module.emit(&Stage::Pass(pass), Some("statistic")).unwrap_or_else(|error| panic!("{error}"));
    parse(&text).unwrap_or_else(|error| panic!("{error:?}\n{text}"))
}

/// Every node that is needed, as the text of its type, with its operator.
fn nodes(graph: &Graph) -> Vec<(Op, Vec<String>)> {
    let shape = |id| graph.shape(id).iter().map(ToString::to_string).collect();
    reachable(graph, &graph.roots()).into_iter().map(|id| (graph.node(id).op.clone(), shape(id))).collect()
}

const STATISTICS: &[(&str, &str)] = &[
    ("second moment", "mean(grad(c[i], W)^2 for i in 0:n)"),
    ("second moment of the last layer", "mean(grad(c[i], V)^2 for i in 0:n)"),
    ("second moment of a bias", "mean(grad(c[i], b)^2 for i in 0:n)"),
    ("norms", "[sqrt(sum(grad(c[i], W)^2) + sum(grad(c[i], b)^2) + sum(grad(c[i], V)^2)) for i in 0:n]"),
    (
        "clipped sum",
        "let s = [min(1.0, 0.5 / sqrt(sum(grad(c[i], W)^2))) for i in 0:n]
    sum(s[i] * grad(c[i], W) for i in 0:n)",
    ),
    ("sum of magnitudes", "sum(abs(grad(c[i], W)) for i in 0:n)"),
    ("sum of cubes", "sum(abs(grad(c[i], W))^3 for i in 0:n)"),
    ("sum", "sum(grad(c[i], W) for i in 0:n)"),
    ("gram matrix", "[sum(grad(c[i], W) * grad(c[j], W)) for i in 0:n, j in 0:n]"),
];

#[test]
fn no_builder_is_left() {
    let last = pipeline::PASSES[pipeline::PASSES.len() - 1].name;
    for (name, result) in STATISTICS {
        let graph = behind(&statistic(result), last);
        let builders = nodes(&graph).iter().filter(|(op, _)| matches!(op, Op::Build(_))).count();
        assert_eq!(builders, 0, "{name}\n{graph}");
    }
}

#[test]
fn nothing_is_as_large_as_the_batch_times_the_parameters() {
    let last = pipeline::PASSES[pipeline::PASSES.len() - 1].name;
    for (name, result) in STATISTICS {
        let graph = behind(&statistic(result), last);
        for (op, shape) in nodes(&graph) {
            let text = shape.join(" * ");
            let has = |size: &str| text.split(|c: char| !c.is_alphanumeric()).any(|word| word == size);
            let sizes = ["d", "h", "k"].iter().filter(|size| has(size)).count();
            assert!(!(has("n") && sizes >= 2), "{name}: {op:?} of shape [{text}]\n{graph}");
        }
    }
}

#[test]
fn every_pass_leaves_a_graph_that_reads_back() {
    for (name, result) in STATISTICS {
        let module = statistic(result);
        for pass in pipeline::PASSES {
            let text =
                module.emit(&Stage::Pass(pass.name), Some("statistic")).unwrap_or_else(|error| panic!("{error}"));
            let again =
                parse(&text).unwrap_or_else(|error| panic!("{name}, {}: {error:?}\n{text}", pass.name)).to_string();
            assert_eq!(again, text, "{name} behind {}", pass.name);
        }
    }
}

#[test]
fn the_second_moment_of_a_layer_behind_each_pass() {
    let source = "
fn second_moment(x: f64[n, d], W: f64[d, h], v: f64[h]) -> f64[d, h] {
    let c = (tanh(x @ W) @ v)^2
    mean(grad(c[i], W)^2 for i in 0:n)
}
";
    let module = Session::with_threads(1).compile("golden.tome", source).unwrap_or_else(|error| panic!("{error}"));
    let stages = std::iter::once(("graph", Stage::Graph))
        .chain(pipeline::PASSES.iter().map(|pass| (pass.name, Stage::Pass(pass.name))));
    let mut problems = Vec::new();
    for (position, (name, stage)) in stages.enumerate() {
        let text = module.emit(&stage, Some("second_moment")).unwrap_or_else(|error| panic!("{error}"));
        let path = folder("golden").join(format!("second_moment_{position}_{name}.txt"));
        problems.extend(compare_with_file(&path, &text).err());
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
