//! The command line.
//!
//! In: arguments. Out: what a program prints, or its errors on standard error.
//! Always holds: the exit status is one of those that `--help` lists.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
