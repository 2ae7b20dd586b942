//! Commands, one file each.
//!
//! In: the process's arguments. Out: an exit status.
//! Always holds: only the library's public API is used.

mod check;
mod completions;
mod doc;
mod emit;
mod fmt;
mod report;
mod run;
mod terminal;
mod watch;

use clap::{CommandFactory, Parser, Subcommand};
use report::{Console, STATUSES};
use std::process::ExitCode;

/// A small array language, compiled to native code, with per-example gradients at the cost of an ordinary one.
#[derive(Parser)]
#[command(name = "microtome", version, about, arg_required_else_help = true, after_help = STATUSES)]
struct Cli {
    /// Report errors and warnings as JSON, one object a line: on standard error, `check` on standard output.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a program.
    #[command(after_help = run::EXAMPLES)]
    Run(run::Run),
    /// Check a program without running it.
    #[command(after_help = check::EXAMPLES)]
    Check(check::Check),
    /// Put programs into canonical form.
    #[command(after_help = fmt::EXAMPLES)]
    Fmt(fmt::Format),
    /// Show a program at a stage of its way through the compiler.
    #[command(after_help = emit::EXAMPLES)]
    Emit(emit::Emit),
    /// Explain a builtin function, or list them all.
    #[command(after_help = doc::EXAMPLES)]
    Doc(doc::Doc),
    /// Write what a shell needs to complete commands and options.
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::Completions),
}

/// Does what the arguments ask for.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let console = Console::new(cli.json);
    let status = match &cli.command {
        Command::Run(arguments) => run::run(arguments, &console),
        Command::Check(arguments) => check::run(arguments, &console),
        Command::Fmt(arguments) => fmt::run(arguments, &console),
        Command::Emit(arguments) => emit::run(arguments, &console),
        Command::Doc(arguments) => doc::run(arguments, &console),
        Command::Completions(arguments) => completions::run(arguments, Cli::command()),
    };
    status.into()
}
