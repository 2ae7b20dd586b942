//! The project's own commands: `cargo xtask test`, `cargo xtask bench`, `cargo xtask help`.
//!
//! In: a command line. Out: an exit code, zero only when every step of the command succeeded.
//! Always holds: a command works from any folder of the project, and needs nothing beyond the Rust toolchain and, for the Python
//! package, the system's Python; what a machine lacks is said, not skipped silently.

mod bench;
mod json;
mod machine;
mod python;
mod report;
mod steps;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
The project's own commands.

cargo xtask test             everything that has to hold before a change goes in: formatter, lints with warnings
                             denied, documentation, programs in canonical form, unit, file, law, doc and
                             example tests, and those of the Python package
cargo xtask python [ARGS]    the tests of the Python package only; ARGS go to pytest
cargo xtask wheel            a wheel of the Python package, in target/wheels
cargo xtask bench            benchmarks beside peers, in one run; writes target/bench.json and the tables of
                             docs/performance.md
cargo xtask bench --turns N  the same with N turns for everyone instead of three
cargo xtask bench --quick    the same, smaller and rougher, to see that it works; writes target/bench.json only
cargo xtask help             this text

Peers run from Python: the interpreter is $MICROTOME_BENCH_PYTHON, or else python3. The Python package is tested in a virtual
environment of its own, target/python, made by $MICROTOME_PYTHON, or else python3.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["test"] => steps::test(&root()),
        ["python", rest @ ..] => python::test(&root(), rest),
        ["wheel"] => python::wheel(&root()),
        ["bench"] => bench::run(&root(), false, bench::TURNS),
        ["bench", "--quick"] => bench::run(&root(), true, 1),
        ["bench", "--turns", count] => count
            .parse()
            .map_err(|_| format!("--turns takes a number, not {count}"))
            .and_then(|turns: usize| bench::run(&root(), false, turns.max(1))),
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        _ => Err(format!("no such command: {}\n\n{HELP}", words.join(" "))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("xtask: {text}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace, wherever the command was called.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}
