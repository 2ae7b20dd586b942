//! What the passes leave of per-example statistics: whole-array operations, and nothing of size batch × parameters.
//!
//! In: statistics of per-example gradients of a two-layer net. Out: the graphs behind the passes.
//! Always holds: what is shown here is what `microtome emit` shows. MICROTOME_UPDATE=1 rewrites `tests/golden`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod harness;

use harness::{compare_with_file, folder};
use microtome::graph::{Graph, Op, SizeEnv, parse, reachable};
use microtome::{Array, Module, Session, Stage, pipeline};
use ndarray::Dimension;

const NET: &str = "
fn cost(x: f64[n, d], y: i64[n], W: f64[d, h], b: f64[h], V: f64[h, k]) -> f64[n] {
    let z = tanh(x @ W + b) @ V
    logsumexp(z, axis=1) - [z[i, y[i]] for i in 0:n]
}
";

/// A statistic of the net's per-example gradients as a function.
fn statistic(result: &str) -> Module {
    statistic_in("f64", result)
}

/// The same, with all arrays of that type.
fn statistic_in(dtype: &str, result: &str) -> Module {
    let source = format!(
        "{NET}
fn statistic(x: f64[n, d], y: i64[n], W: f64[d, h], b: f64[h], V: f64[h, k]) {{
    let c = cost(x, y, W, b, V)
    {result}
}}
"
    );
    let source = source.replace("f64", dtype);
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

/// A statistic's name and module; 16-bit floats round between the operators that must be found together.
fn in_type((dtype, (name, result)): (&str, &(&'static str, &str))) -> (String, Module) {
    (format!("{name} in {dtype}"), statistic_in(dtype, result))
}

#[test]
fn no_builder_is_left() {
    let last = pipeline::PASSES[pipeline::PASSES.len() - 1].name;
    for (name, result) in STATISTICS.iter().flat_map(|entry| [("f64", entry), ("f16", entry)]).map(in_type) {
        let graph = behind(&result, last);
        let builders = nodes(&graph).iter().filter(|(op, _)| matches!(op, Op::Build(_))).count();
        assert_eq!(builders, 0, "{name}\n{graph}");
    }
}

#[test]
fn nothing_is_as_large_as_the_batch_times_the_parameters() {
    let last = pipeline::PASSES[pipeline::PASSES.len() - 1].name;
    for (name, result) in STATISTICS.iter().flat_map(|entry| [("f64", entry), ("f16", entry)]).map(in_type) {
        let graph = behind(&result, last);
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

/// Programs whose examples are tied, share weights over time, use weights twice, or differentiate a statistic.
const OTHERS: &[(&str, &str)] = &[
    (
        "a batch mean",
        "let z = tanh(x @ W + b) - mean(tanh(x @ W + b), axis=0)
    let c = sum(z^2, axis=1)
    [grad(c[i], W) for i in 0:n]",
    ),
    (
        "a batch standard deviation",
        "let z = x @ W
    let c = sum(tanh(z / std(z, axis=0)), axis=1)
    (mean(grad(c[i], W)^2 for i in 0:n), [grad(c[i], W) for i in 0:n])",
    ),
    (
        "weights used twice",
        "let c = sum(tanh(tanh(x @ W @ V) @ V.T @ W.T), axis=1)
    (mean(grad(c[i], W)^2 for i in 0:n), [sum(grad(c[i], V)^2) for i in 0:n])",
    ),
    (
        "weights shared over time, with weight decay",
        "let u = stack(x, 2 * x, x + 1, axis=1)
    let c = [sum(tanh(u[i] @ W)) + 0.1 * sum(W^2) for i in 0:n]
    (mean(grad(c[i], W)^2 for i in 0:n), [sum(grad(c[i], W)^2) for i in 0:n], sum(abs(grad(c[i], W)) for i in 0:n))",
    ),
    (
        "the gradient of a statistic of gradients",
        "let c = [sum(tanh(x[i] @ W + b))^2 for i in 0:n]
    grad(sum(mean(grad(c[i], W)^2 for i in 0:n)), W)",
    ),
    (
        "the next example's input",
        "let c = [sum(tanh(x[i] @ W) * (x[min(i + 1, n - 1)] @ W)) for i in 0:n]
    mean(grad(c[i], W)^2 for i in 0:n)",
    ),
    (
        "a centred variance and the cosine to the mean",
        "let c = [sum(tanh(x[i] @ W + b))^2 for i in 0:n]
    let m = mean(grad(c[i], W) for i in 0:n)
    (mean((grad(c[i], W) - m)^2 for i in 0:n), [sum(grad(c[i], W) * m) / norm(m) for i in 0:n])",
    ),
];

#[test]
fn slicing_changes_no_value() {
    let fill = |shape: &[usize], step: f64| {
        ndarray::ArrayD::from_shape_fn(shape, |index| {
            let flat = index.slice().iter().fold(1.0, |sum, &k| sum * 7.0 + k as f64);
            (flat * step).sin()
        })
    };
    let labels = ndarray::Array1::from_vec(vec![0i64, 2, 1, 1, 0]);
    let inputs: Vec<Array> = vec![
        fill(&[5, 4], 0.37).into(),
        labels.into(),
        fill(&[4, 3], 0.71).into(),
        fill(&[3], 0.53).into(),
        fill(&[3, 3], 0.91).into(),
    ];
    let sizes: SizeEnv = [("n", 5), ("d", 4), ("h", 3), ("k", 3)].map(|(name, value)| (name.into(), value)).into();
    for (name, result) in STATISTICS.iter().chain(OTHERS) {
        let module = statistic(result);
        let text = module.emit(&Stage::Graph, Some("statistic")).unwrap();
        let graph = parse(&text).unwrap();
        let mut context = pipeline::Context::default();
        let whole = pipeline::run_only(&graph, &mut context, &["differentiated"]).unwrap();
        let expected = microtome::interp::evaluate(&whole, &inputs, &sizes).unwrap();
        let views: Vec<_> = inputs.iter().map(Array::view).collect();
        let found = module.kernel("statistic").unwrap().call(&views).unwrap();
        assert_eq!(found.len(), expected.len(), "{name}");
        for (a, b) in found.iter().zip(&expected) {
            assert_eq!(a.shape(), b.shape(), "{name}");
            for (x, y) in a.to_f64_vec().into_iter().zip(b.to_f64_vec()) {
                assert!((x - y).abs() <= 1e-10 * y.abs().max(1e-3), "{name}: {x}, without slicing {y}");
            }
        }
    }
}
