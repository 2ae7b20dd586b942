//! `microtome emit`: a program at a stage of its way through the compiler.
//!
//! In: a file, a stage, and perhaps a function's name. Out: text on standard output.
//! Always holds: what is shown is what the next stage gets.

use super::report::{Console, Status, print};
use super::run::program;
use clap::Args;
use microtome::{Session, Stage};
use std::path::PathBuf;

/// What to show.
#[derive(Args)]
pub(super) struct Emit {
    /// Which stage.
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(Stage::names()))]
    stage: String,
    /// The function to show; without it, the program's statements.
    #[arg(long = "fn", value_name = "NAME")]
    function: Option<String>,
    /// The program; `-` is standard input.
    file: PathBuf,
}

pub(super) const EXAMPLES: &str = "Examples:
  microtome emit --stage graph --fn cost program.tome
  microtome emit --stage batched program.tome
  microtome emit --stage asm --fn cost program.tome";

/// Shows the stage.
pub(super) fn run(arguments: &Emit, console: &Console) -> Status {
    let text = program(&Session::new(), &arguments.file, &mut Vec::new()).and_then(|module| {
        let stage = Stage::from_name(&arguments.stage);
        stage.map_or(Ok(String::new()), |stage| module.emit(&stage, arguments.function.as_deref()))
    });
    console.finish(text.map(|text| print(&text)))
}
