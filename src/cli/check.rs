//! `microtome check`: the errors and warnings of a program that is not run.
//!
//! In: a file, or `-` for standard input. Out: errors and warnings; with `--json` on standard output.
//! Always holds: what is found holds for inputs of any size.

use super::report::{Console, Status};
use super::run::program;
use super::watch;
use clap::Args;
use microtome::Session;
use std::path::PathBuf;

/// What to check.
#[derive(Args)]
pub(super) struct Check {
    /// The program; `-` is standard input.
    file: PathBuf,
    /// Check again whenever the program, or a file that it imports, changes.
    #[arg(long)]
    watch: bool,
}

pub(super) const EXAMPLES: &str = "Examples:
  microtome check fit.tome
  microtome check --watch fit.tome
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
    let warnings = program(&Session::new(), &arguments.file, files).and_then(|module| module.check());
    console.finish(warnings.map(|warnings| warnings.iter().for_each(|warning| console.warning(warning))))
}
