//! `microtome check`: the errors and warnings of a program that is not run.
//!
//! In: a file, or `-` for standard input. Out: errors and warnings; with `--json` on standard output.
//! Always holds: what is found holds for inputs of any size; only gradients of single examples are compared for the inputs
//! that are given.

use super::report::{Console, Status, print};
use super::run::{input_source, program};
use super::watch;
use clap::Args;
use microtome::{Error, RunOptions, Session};
use std::path::PathBuf;

/// What to check.
#[derive(Args)]
pub(super) struct Check {
    /// The program; `-` is standard input.
    file: PathBuf,
    /// Check again whenever the program, or a file that it imports, changes.
    #[arg(long)]
    watch: bool,
    /// Compute the gradients of single examples, `grad(c[i], p)`, and compare them with what they must agree with.
    #[arg(long)]
    per_example: bool,
    /// An input, as `run` takes it, for `--per-example`.
    #[arg(long, value_name = "INPUT", requires = "per_example")]
    input: Vec<String>,
}

pub(super) const EXAMPLES: &str = "Examples:
  microtome check fit.tome
  microtome check --watch fit.tome
  microtome check --per-example fit.tome --input x=points.npy
  microtome check --json - < fit.tome";

/// Checks a program, once or whenever it changes.
pub(super) fn run(arguments: &Check, console: &Console) -> Status {
    let console = &console.on_stdout();
    if arguments.watch {
        return watch::repeat(console, &arguments.file, |files| once(arguments, console, files));
    }
    once(arguments, console, &mut Vec::new())
}

fn once(arguments: &Check, console: &Console, files: &mut Vec<PathBuf>) -> Status {
    let module = match program(&Session::new(), &arguments.file, files) {
        Ok(module) => module,
        Err(error) => return console.error(&error),
    };
    if arguments.per_example {
        return match examples(arguments, console, &module) {
            Ok(true) => Status::Success,
            Ok(false) => Status::Failure,
            Err(error) => console.error(&error),
        };
    }
    let warnings = module.check();
    console.finish(warnings.map(|warnings| warnings.iter().for_each(|warning| console.warning(warning))))
}

/// Compares the gradients of single examples; whether all are finite.
fn examples(arguments: &Check, console: &Console, module: &microtome::Module) -> Result<bool, Error> {
    let inputs = arguments.input.iter().map(|text| input_source(text)).collect();
    let options = RunOptions { inputs, ..RunOptions::default() };
    let found = module.check_per_example(&options, &mut |_| {})?;
    if !console.is_json() {
        print(&found.text());
    }
    found.warnings().iter().for_each(|warning| console.warning(warning));
    Ok(found.is_finite())
}
