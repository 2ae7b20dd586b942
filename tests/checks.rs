//! Bounds checks in loops, as the emitted code has them.
//!
//! In: loops over arrays. Out: their Cranelift IR, compared with `tests/golden/checks.txt`.
//! Always holds: an index that is proved or tested before the loop is not tested in it. MICROTOME_UPDATE=1 rewrites the
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
";

/// The Cranelift IR of a function.
fn code(function: &str) -> String {
    let module = Session::with_threads(1).compile("checks.tome", SOURCE).unwrap_or_else(|error| panic!("{error}"));
    module.emit(&Stage::Clif, Some(function)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn loops_test_only_what_they_must() {
    let texts: Vec<String> =
        ["proved", "hoisted", "tested"].iter().map(|name| format!("== {name}\n{}", code(name))).collect();
    let compared = compare_with_file(&folder("golden").join("checks.txt"), &texts.join("\n"));
    assert!(compared.is_ok(), "{}", compared.unwrap_err());
}
