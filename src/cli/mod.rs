//! Commands, one file each.
//!
//! In: the process's arguments. Out: an exit status.
//! Always holds: only the library's public API is used.

mod bench;
mod check;
mod completions;
mod doc;
mod emit;
mod explain;
mod fmt;
mod interrupt;
mod measure;
mod panics;
mod progress;
mod repl;
mod report;
mod run;
mod terminal;
mod watch;

use clap::{CommandFactory, Parser, Subcommand};
use report::{Console, STATUSES};
use std::process::ExitCode;

/// A small array language, compiled to native code, with per-example gradients at the cost of an ordinary one.
#[derive(Parser)]
#[command(name = "microtome", version, about, after_help = STATUSES,
    long_about = "A small array language, compiled to native code, with per-example gradients at the cost of an ordinary one.\n\n\
        Without a command, an interactive session; if standard input is no terminal, the program that stands there.")]
struct Cli {
    /// Report errors and warnings as JSON, one object a line: on standard error, `check` on standard output. What `bench` has
    /// measured is one object too.
    #[arg(long, global = true)]
    json: bool,
    /// Evaluate an expression or statements, and print the value; may be given several times.
    #[arg(short = 'e', long = "evaluate", value_name = "EXPR")]
    evaluate: Vec<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run a program.
    #[command(after_help = run::EXAMPLES)]
    Run(run::Run),
    /// Measure a function: time of a call, time to compile, memory.
    #[command(after_help = bench::EXAMPLES)]
    Bench(bench::Bench),
    /// Check a program without running it.
    #[command(after_help = check::EXAMPLES)]
    Check(check::Check),
    /// Put programs into canonical form.
    #[command(after_help = fmt::EXAMPLES)]
    Fmt(fmt::Format),
    /// Explain what a program costs, for every size, and how it is computed.
    #[command(after_help = explain::EXAMPLES)]
    Explain(explain::Explain),
    /// Show a program at a stage of its way through the compiler.
    #[command(after_help = emit::EXAMPLES)]
    Emit(emit::Emit),
    /// Work interactively.
    #[command(after_help = repl::EXAMPLES)]
    Repl(repl::Start),
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
    if cli.command.is_some() && !cli.evaluate.is_empty() {
        let text = "`-e` stands alone, without a command";
        Cli::command().error(clap::error::ErrorKind::ArgumentConflict, text).exit();
    }
    let console = Console::new(cli.json);
    panics::keep_quiet();
    let status = panics::guarded(&console, || match &cli.command {
        None if !cli.evaluate.is_empty() => repl::evaluate(&cli.evaluate, &console),
        None => repl::run(&repl::Start::default(), &console),
        Some(Command::Run(arguments)) => run::run(arguments, &console),
        Some(Command::Bench(arguments)) => bench::run(arguments, &console),
        Some(Command::Check(arguments)) => check::run(arguments, &console),
        Some(Command::Fmt(arguments)) => fmt::run(arguments, &console),
        Some(Command::Explain(arguments)) => explain::run(arguments, &console),
        Some(Command::Emit(arguments)) => emit::run(arguments, &console),
        Some(Command::Repl(arguments)) => repl::run(arguments, &console),
        Some(Command::Doc(arguments)) => doc::run(arguments, &console),
        Some(Command::Completions(arguments)) => completions::run(arguments, Cli::command()),
    });
    status.into()
}
