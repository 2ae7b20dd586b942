//! Commands: `run`, `check`, `emit`, `fmt`.
//!
//! In: the process's arguments. Out: an exit status.
//! Always holds: only the library's public API is used.

mod format;

use clap::{Args, Parser, Subcommand};
use microtome::plot::{ColorDepth, Terminal};
use microtome::{Error, InputSource, Module, RunOptions, Session, Stage};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A small array language, compiled to native code, with per-example gradients at the cost of an ordinary one.
#[derive(Parser)]
#[command(name = "microtome", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a program.
    #[command(after_help = RUN_EXAMPLES)]
    Run(Run),
    /// Check a program without running it.
    Check {
        /// The program.
        file: PathBuf,
    },
    /// Show a program at a stage of its way through the compiler.
    #[command(after_help = EMIT_EXAMPLES)]
    Emit {
        /// Which stage.
        #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(Stage::names()))]
        stage: String,
        /// The function to show; without it, the program's statements.
        #[arg(long = "fn", value_name = "NAME")]
        function: Option<String>,
        /// The program.
        file: PathBuf,
    },
    /// Put programs into canonical form.
    #[command(after_help = format::EXAMPLES)]
    Fmt(format::Format),
}

#[derive(Args)]
struct Run {
    /// The program.
    file: PathBuf,
    /// An input: `x=file.npy`, `k=3`, or `all.npz`, whose every key feeds the input of that name.
    /// Files are .npy, .npz, .csv, .mat and .safetensors.
    #[arg(long, value_name = "INPUT")]
    input: Vec<String>,
    /// Use the reference interpreter instead of machine code.
    #[arg(long)]
    interpret: bool,
    /// At most this many threads [default: as many as the machine runs at once].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

const RUN_EXAMPLES: &str = "Examples:
  microtome run examples/second_moment.tome
  microtome run fit.tome --input x=points.npy --input k=3
  microtome run fit.tome --input all.npz --threads 1";

const EMIT_EXAMPLES: &str = "Examples:
  microtome emit --stage graph --fn cost program.tome
  microtome emit --stage batched program.tome
  microtome emit --stage asm --fn cost program.tome";

/// Runs the command that the arguments ask for.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        Command::Run(run) => run_program(run),
        Command::Check { file } => check(file),
        Command::Emit { stage, function, file } => emit(stage, function.as_deref(), file),
        Command::Fmt(arguments) => return format::run(arguments, use_color()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = std::io::stdout().flush();
            eprint!("{}", error.render(use_color()));
            ExitCode::FAILURE
        }
    }
}

fn use_color() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// What standard output can show of a plot.
fn terminal() -> Terminal {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if !std::io::stdout().is_terminal() {
        return Terminal::default();
    }
    let width = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
    let colors = match (set("NO_COLOR"), set("TERM").as_deref(), set("COLORTERM").as_deref()) {
        (Some(_), ..) | (_, None | Some("dumb"), _) => ColorDepth::None,
        (_, _, Some("truecolor" | "24bit")) => ColorDepth::Full,
        _ => ColorDepth::Indexed,
    };
    Terminal { width, colors }
}

fn run_program(run: &Run) -> Result<(), Error> {
    let session = run.threads.map_or_else(Session::new, |threads| Session::with_threads(usize::from(threads)));
    let module = session.compile_file(&run.file)?;
    let inputs = run.input.iter().map(|text| input_source(text)).collect();
    let options = RunOptions { inputs, interpret: run.interpret, terminal: terminal() };
    let stdout = std::io::stdout();
    module.run(&options, &mut stdout.lock(), &mut |warning| eprint!("{warning}"))
}

/// `name=value`, or a file of arrays by name.
fn input_source(text: &str) -> InputSource {
    match text.split_once('=') {
        Some((name, value)) => InputSource::Named(name.to_string(), value.to_string()),
        None => InputSource::All(PathBuf::from(text)),
    }
}

fn check(file: &Path) -> Result<(), Error> {
    let module: Module = Session::new().compile_file(file)?;
    for warning in module.check(use_color())? {
        eprint!("{warning}");
    }
    Ok(())
}

fn emit(stage: &str, function: Option<&str>, file: &Path) -> Result<(), Error> {
    let module = Session::new().compile_file(file)?;
    if let Some(stage) = Stage::from_name(stage) {
        let text = module.emit(&stage, function)?;
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    }
    Ok(())
}
