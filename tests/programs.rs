//! Programs and what they print.
//!
//! In: `tests/programs/**/*.tome`, several programs to a file, each with its output, errors and warnings in comments.
//! Out: every program run as machine code with one thread and with two, and by the interpreter.
//! Always holds: all three agree with each other and with what is written. MICROTOME_UPDATE=1 rewrites outputs; lines that
//! start with `#|` hold the same program for NumPy, from which `tests/reference/programs.py` gets the output independently.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod harness;

use harness::{Case, cases, files, folder, rewritten, same_output, shown, update};
use microtome::{Error, InputSource, Module, RunOptions, Session};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

/// What a run did.
#[derive(Debug, PartialEq)]
struct Outcome {
    output: String,
    errors: Vec<String>,
    warnings: Vec<String>,
}

fn input(text: &str) -> InputSource {
    match text.split_once('=') {
        Some((name, value)) => InputSource::Named(name.to_string(), value.to_string()),
        None => InputSource::All(PathBuf::from(text)),
    }
}

fn run(case: &Case, threads: usize, interpret: bool) -> Outcome {
    let mut outcome = Outcome { output: String::new(), errors: Vec::new(), warnings: Vec::new() };
    let report = |error: &Error| -> Vec<String> {
        let rendered = error.render(false);
        error.diagnostics().map(|d| format!("{} {}\n{rendered}", d.code.0, d.message)).collect()
    };
    let module: Module = match Session::with_threads(threads).compile("test.tome", &case.source) {
        Ok(module) => module,
        Err(error) => {
            outcome.errors = report(&error);
            return outcome;
        }
    };
    let inputs = case.inputs.iter().map(|text| input(text)).collect();
    let options = RunOptions { inputs, interpret, ..RunOptions::default() };
    let mut out = Vec::new();
    let result = module.run(&options, &mut out, &mut |warning| outcome.warnings.push(warning.render(false)));
    if let Err(error) = result {
        outcome.errors = report(&error);
    }
    outcome.output = String::from_utf8(out).expect("UTF-8 output");
    outcome
}

/// Whether every wanted message (a code, then words) is there and no other.
fn messages_agree(wanted: &[String], found: &[String]) -> bool {
    let fits = |want: &String, have: &String| {
        let (code, words) = want.split_once(' ').unwrap_or((want, ""));
        have.contains(code) && have.split_whitespace().collect::<Vec<_>>().join(" ").contains(words.trim())
    };
    wanted.len() == found.len() && wanted.iter().all(|want| found.iter().any(|have| fits(want, have)))
}

fn check(case: &Case, problems: &mut Vec<String>) -> Option<String> {
    let compiled = run(case, 1, false);
    let output = compiled.output.clone();
    let runs = [("compiled", compiled), ("two threads", run(case, 2, false)), ("interpreted", run(case, 1, true))];
    let expected = case.expect.clone().unwrap_or_default();
    for (name, outcome) in &runs {
        if !same_output(&outcome.output, &expected) && !update() {
            problems.push(format!("{name}: expected\n{expected}found\n{}", outcome.output));
        }
        if !messages_agree(&case.errors, &outcome.errors) {
            problems.push(format!(
                "{name}: expected the errors {:?}, found\n{}",
                case.errors,
                outcome.errors.join("\n")
            ));
        }
        if !messages_agree(&case.warnings, &outcome.warnings) {
            problems.push(format!(
                "{name}: expected the warnings {:?}, found\n{}",
                case.warnings,
                outcome.warnings.join("\n")
            ));
        }
    }
    if runs[0].1.output != runs[1].1.output {
        problems.push(format!("two threads print\n{}one prints\n{}", runs[1].1.output, runs[0].1.output));
    }
    if !same_output(&runs[0].1.output, &runs[2].1.output) {
        problems.push(format!("compiled code prints\n{}the interpreter\n{}", runs[0].1.output, runs[2].1.output));
    }
    let agree = same_output(&output, &expected);
    (!agree).then_some(output)
}

fn run_files(selected: &[PathBuf]) -> (usize, usize, Vec<String>) {
    let (mut count, mut left, mut failures) = (0, 0, Vec::new());
    for path in selected {
        let text = std::fs::read_to_string(path).expect("a readable test");
        let mut outputs = Vec::new();
        for case in cases(&text) {
            if let Some(reason) = &case.known_wrong {
                println!("known wrong: {}: {}: {reason}", shown(path), case.title);
                (left, outputs) = (left + 1, [outputs, vec![None]].concat());
                continue;
            }
            let mut problems = Vec::new();
            let output = catch_unwind(AssertUnwindSafe(|| check(&case, &mut problems))).unwrap_or_else(|_| {
                problems.push("panicked".to_string());
                None
            });
            count += 1;
            outputs.push(output);
            failures.extend(problems.iter().map(|p| format!("{}: {}: {p}", shown(path), case.title)));
        }
        if update() && outputs.iter().any(Option::is_some) {
            std::fs::write(path, rewritten(&text, &outputs)).expect("a test can be rewritten");
        }
    }
    (count, left, failures)
}

#[test]
fn programs_print_what_they_should() {
    let only = std::env::var("MICROTOME_ONLY").unwrap_or_default();
    let all: Vec<PathBuf> =
        files(&folder("programs"), "tome").into_iter().filter(|path| shown(path).contains(&only)).collect();
    // Two halves side by side: most of the time goes into compiling.
    let halves: Vec<Vec<PathBuf>> = (0..2).map(|half| all.iter().skip(half).step_by(2).cloned().collect()).collect();
    let results: Vec<_> = std::thread::scope(|scope| {
        let handles: Vec<_> = halves.iter().map(|half| scope.spawn(|| run_files(half))).collect();
        handles.into_iter().map(|handle| handle.join().expect("a finished half")).collect()
    });
    let count: usize = results.iter().map(|(count, ..)| count).sum();
    let left: usize = results.iter().map(|(_, left, _)| left).sum();
    let failures: Vec<String> = results.into_iter().flat_map(|(.., failures)| failures).collect();
    println!("{count} programs run, {left} known to be wrong");
    assert!(failures.is_empty(), "{} problems\n\n{}", failures.len(), failures.join("\n\n"));
}
