//! `microtome explain`: what a program costs, and what the compiler has made of it.
//!
//! In: a file, perhaps a function's name and sizes. Out: text or JSON on standard output, or a page.
//! Always holds: nothing is run, and a page is written whole or not at all.

use super::report::{Console, Status, print};
use super::run::program;
use clap::Args;
use microtome::diagnostic::Sources;
use microtome::{Error, Session, io};
use std::path::PathBuf;

/// What to explain, and how.
#[derive(Args)]
pub(super) struct Explain {
    /// The function to explain; without it, every function and the statements.
    #[arg(long = "fn", value_name = "NAME")]
    function: Option<String>,
    /// Sizes to give costs at as numbers, and to plan for.
    #[arg(long, value_name = "n=1000,d=64", value_delimiter = ',', value_parser = size)]
    sizes: Vec<(String, i64)>,
    /// Write a page for a browser, with a drawing of the steps, instead.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// The program; `-` is standard input.
    file: PathBuf,
}

pub(super) const EXAMPLES: &str = "Examples:
  microtome explain fit.tome
  microtome explain --fn cost --sizes n=1000,d=64 fit.tome
  microtome explain --json fit.tome | jq '.parts[0].time.polynomial'
  microtome explain --html fit.html fit.tome";

/// Explains it.
pub(super) fn run(arguments: &Explain, console: &Console) -> Status {
    let explained = program(&Session::new(), &arguments.file, &mut Vec::new())
        .and_then(|module| module.explain(arguments.function.as_deref(), &arguments.sizes));
    console.finish(explained.and_then(|explanation| {
        let Some(path) = &arguments.html else {
            print(&if console.is_json() { explanation.json() } else { explanation.text() });
            return Ok(());
        };
        io::save_text(path, &explanation.html())
            .map_err(|error| Error::new(vec![error.diagnostic(None)], Sources::default()))?;
        console.note(&format!("wrote {}", path.display()));
        Ok(())
    }))
}

/// `n=1000`.
fn size(text: &str) -> Result<(String, i64), String> {
    let (name, value) = text.split_once('=').ok_or("a size is given as `n=1000`")?;
    let value = value.trim().replace('_', "").parse::<i64>().ok().filter(|value| *value >= 0);
    let value = value.ok_or_else(|| format!("the size `{}` is a whole number from 0 on", name.trim()))?;
    Ok((name.trim().to_string(), value))
}
