//! What people who come from another language write, and the help that they get.
//!
//! In: `tests/habits.txt`: programs, a blank line between two, each with the errors that it gives in comments `#|`.
//! Out: whether they still give them. Always holds: each error of such a program says how to write it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod harness;

use harness::compare_with_file;
use microtome::{Error, RunOptions, Session};
use std::path::Path;

/// Names that the programs use.
const NAMES: &str = "let x = [1.0, 2.0, 3.0]\nlet a = [[1.0, 2.0], [3.0, 4.0]]\nlet n = 3\nlet c = true\n";

fn run(program: &str) -> Result<(), Error> {
    let module = Session::with_threads(1).compile("habit.tome", &format!("{NAMES}{program}\n"))?;
    let options = RunOptions { interpret: true, ..RunOptions::default() };
    module.run(&options, &mut Vec::new(), &mut |_| {})
}

#[test]
fn habits_are_told_the_right_form() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/habits.txt");
    let text = std::fs::read_to_string(&path).expect("tests/habits.txt");
    let (mut told, mut silent) = (String::new(), Vec::new());
    for case in text.split("\n\n") {
        let program: Vec<&str> = case.lines().filter(|line| !line.starts_with("#|")).collect();
        let program = program.join("\n");
        let Err(error) = run(&program) else {
            silent.push(format!("no error:\n{program}"));
            continue;
        };
        if !told.is_empty() {
            told.push('\n');
        }
        told.push_str(&format!("{program}\n"));
        for diagnostic in error.diagnostics() {
            told.push_str(&format!("#| {} {}\n", diagnostic.code.0, diagnostic.message));
            match &diagnostic.help {
                Some(help) => told.push_str(&format!("#|   {help}\n")),
                None => silent.push(format!("no help:\n{program}")),
            }
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
    compare_with_file(&path, &told).unwrap_or_else(|difference| panic!("{difference}"));
}
