//! What a gradient through a loop keeps of the iterations.
//!
//! In: functions with loops. Out: the sizes of all arrays of the graph of their gradients.
//! Always holds: memory is a matter of these sizes, so no clock and no allocator is asked.

#![allow(clippy::unwrap_used, clippy::panic)]

use microtome::graph::{Size, SizeEnv, parse, reachable};
use microtome::{Session, Stage};

/// The number of elements of the largest array of `f`'s graph behind differentiation, where every size is 100 but those
/// only found when running, which are `found`.
fn largest(source: &str, found: i64) -> i64 {
    let module = Session::with_threads(1).compile("tapes.tome", source).unwrap_or_else(|error| panic!("{error}"));
    let text = module.emit(&Stage::Pass("differentiated"), Some("f")).unwrap_or_else(|error| panic!("{error}"));
    let graph = parse(&text).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    let elements = |shape: &[Size]| {
        let size = Size::product(shape);
        let known: SizeEnv =
            size.vars().into_iter().map(|var| (var.clone(), if var.starts_with('?') { found } else { 100 })).collect();
        size.eval(&known).unwrap_or_else(|| panic!("{size}"))
    };
    reachable(&graph, &graph.roots()).into_iter().map(|id| elements(graph.shape(id))).max().unwrap_or(0)
}

#[test]
fn a_table_costs_its_own_size_and_one_element_per_assignment() {
    let table = "fn f(c: f64[n, m]) -> f64[n, m] = grad(total(c), c)
fn total(c: f64[n, m]) -> f64 {
    var t = zeros(n + 1, m + 1)
    for i in 1:n+1 {
        for j in 1:m+1 { t[i, j] = c[i-1, j-1] * t[i-1, j] + t[i, j-1] }
    }
    t[n, m]
}
";
    // A tape of whole tables would have 100^4 elements.
    assert!(largest(table, 100) <= 101 * 101, "{}", largest(table, 100));
}

#[test]
fn a_state_is_kept_once_per_iteration() {
    let chain = "fn f(x: f64[n], w: f64[m]) -> f64[n] = grad(end(x, w), x)
fn end(x: f64[n], w: f64[m]) -> f64 {
    var y = x
    for i in 0:m { y = sin(w[i] * y) }
    sum(y)
}
";
    assert_eq!(largest(chain, 100), 100 * 100);
}

#[test]
fn checkpoints_keep_the_square_root() {
    let chain = "fn f(x: f64[n], w: f64[m]) -> f64[n] = grad(end(x, w), x, checkpoint=true)
fn end(x: f64[n], w: f64[m]) -> f64 {
    var y = x
    for i in 0:m { y = sin(w[i] * y) }
    sum(y)
}
";
    // What is found when running here is how many stretches there are, and how long one is: 10 of 10.
    assert!(largest(chain, 10) <= 11 * 100, "{}", largest(chain, 10));
}
