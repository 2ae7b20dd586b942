//! The command line.
//!
//! In: arguments. Out: what a program prints, or its errors on standard error.
//! Always holds: the exit status is 0 if everything went well, 1 for an error in the program or its files, 2 for wrong arguments.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
