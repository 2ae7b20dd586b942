//! Bounds checks in loops, and what else an iteration need not do, as the emitted code has them.
//!
//! In: loops over arrays. Out: their Cranelift IR, compared with `tests/golden/checks.txt`.
//! Always holds: an index that is proved or tested before the loop is not tested in it, nor is what an iteration has stored loaded in the
//! next one. MICROTOME_UPDATE=1 rewrites the
//! golden file.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod harness;

use harness::{compare_with_file, folder};
use microtome::{Session, Stage};

const SOURCE: &str = "\
# Proved: i counts the elements of x.
fn proved(x: f64[n]) -> f64 {
    var s = 0.0
    for i in 1:n { s = s * x[i] + x[i - 1] }
    s
}
# Tested before the loop: nothing is known of m, but both ends are.
fn hoisted(x: f64[n], m: i64, k: i64) -> f64 {
    var s = 0.0
    for i in 0:m { s = s * 0.5 + x[2 * i + k] }
    s
}
# Tested each time: what the data say.
fn tested(x: f64[n], at: i64[m]) -> f64 {
    var s = 0.0
    for i in 0:m { s = s * 0.5 + x[at[i]] }
    s
}
# Four stores in a row, at addresses that grow by k.
fn strided(x: bool[n], k: i64) -> bool[n] {
    var y = x
    for i in k:n:k { y[i] = false }
    y
}
# Loads one element in an iteration: the other is what the one before has stored, and comes last into the minimum.
fn carried(x: i64[n]) -> i64[n] {
    var y = x
    for i in 1:n { y[i] = min(min(y[i - 1] + 1, y[i]), 100 - i) }
    y
}
";

/// The number of loops in what the passes make of a function.
fn loops(source: &str) -> usize {
    let module = Session::with_threads(1).compile("loops.tome", source).unwrap_or_else(|error| panic!("{error}"));
    let text = module.emit(&Stage::Loops, Some("f")).unwrap_or_else(|error| panic!("{error}"));
    text.lines().filter(|line| line.trim_start().starts_with("loop ")).count()
}

#[test]
fn sums_of_polynomials_need_no_loop() {
    let body = |body: &str| {
        format!("fn f(n: i64, k: i64) {{\n var s = 1\n var t = 0\n for i in k:n:2 {{ {body} }}\n (s, t)\n}}\n")
    };
    assert_eq!(loops(&body("s += i\n t -= k * i * i")), 0);
    assert_eq!(loops(&body("for j in 0:n { s += i * j }")), 0);
    assert_eq!(loops(&body("s += i * i * i * i")), 1);
    assert_eq!(loops(&body("if i > 7 { break }\n s += i")), 1);
    assert_eq!(loops(&body("s += i\n t += s")), 1);
}

/// The Cranelift IR of a function.
fn code(function: &str) -> String {
    let module = Session::with_threads(1).compile("checks.tome", SOURCE).unwrap_or_else(|error| panic!("{error}"));
    module.emit(&Stage::Clif, Some(function)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn loops_test_only_what_they_must() {
    let texts: Vec<String> = ["proved", "hoisted", "tested", "strided", "carried"]
        .iter()
        .map(|name| format!("== {name}\n{}", code(name)))
        .collect();
    let compared = compare_with_file(&folder("golden").join("checks.txt"), &texts.join("\n"));
    assert!(compared.is_ok(), "{}", compared.unwrap_err());
}
