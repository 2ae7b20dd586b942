//! `microtome fmt`: programs put into canonical form.
//!
//! In: files, folders of them, or standard input. Out: the files rewritten, or with `--check` what would change.
//! Always holds: a file that is no program, or is canonical already, is not touched; a mistake in one file does not keep the
//! others from being formatted.

use super::report::{Console, Status, print};
use clap::Args;
use microtome::diagnostic::{Diagnostic, Sources, codes};
use microtome::{Error, format, io};
use std::io::Read;
use std::path::{Path, PathBuf};

/// What to format, and whether to write it.
#[derive(Args)]
pub(super) struct Format {
    /// Programs, or folders whose `.tome` files are meant; `-` is standard input, formatted to standard output.
    #[arg(required = true, value_name = "FILE|FOLDER|-")]
    paths: Vec<PathBuf>,
    /// Write nothing; show what would change, and fail if anything would.
    #[arg(long)]
    check: bool,
}

pub(super) const EXAMPLES: &str = "Examples:
  microtome fmt fit.tome
  microtome fmt --check examples benches
  microtome fmt - < fit.tome";

/// Formats everything asked for. Fails if anything could not be formatted or, when checking, would change.
pub(super) fn run(arguments: &Format, console: &Console) -> Status {
    let mut good = true;
    let mut done: Vec<PathBuf> = Vec::new();
    for path in &arguments.paths {
        for file in programs(path) {
            let result = match file {
                Ok(file) if done.contains(&file) => continue,
                Ok(file) => {
                    done.push(file.clone());
                    format_one(&file, arguments.check, console)
                }
                Err(error) => Err(bare(error)),
            };
            match result {
                Ok(fine) => good &= fine,
                Err(error) => {
                    console.error(&error);
                    good = false;
                }
            }
        }
    }
    if good { Status::Success } else { Status::Failure }
}

/// The programs that a path stands for: itself, or those in the folder, hidden ones left out, in the order of their names.
fn programs(path: &Path) -> Vec<Result<PathBuf, Box<Diagnostic>>> {
    if !path.is_dir() {
        return vec![Ok(path.to_path_buf())];
    }
    let mut found = Vec::new();
    collect(path, &mut found);
    if found.is_empty() {
        let message = format!("there is no `.tome` file in the folder `{}`", path.display());
        found.push(Err(Diagnostic::global(codes::FILE, message)));
    }
    found
}

fn collect(folder: &Path, found: &mut Vec<Result<PathBuf, Box<Diagnostic>>>) {
    let mut entries = match std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
        Ok(entries) => entries,
        Err(error) => {
            let message = format!("cannot read the folder `{}`: {error}", folder.display());
            return found.push(Err(Diagnostic::global(codes::FILE, message)));
        }
    };
    entries.retain(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // A link to a folder is not followed, so that a circle of them ends.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "tome") && path.is_file() {
            found.push(Ok(path));
        }
    }
}

/// Formats a file, or says how it would change; whether all is well.
fn format_one(path: &Path, check: bool, console: &Console) -> Result<bool, Error> {
    let is_input = path.as_os_str() == "-";
    let name = if is_input { "<stdin>".to_string() } else { path.display().to_string() };
    let before = if is_input { read_input() } else { io::read_bytes(path).map_err(|error| error.diagnostic(None)) };
    let before = before.map_err(bare)?;
    let after = format::format_bytes(&before).map_err(|errors| {
        let mut sources = Sources::default();
        sources.add(&name, String::from_utf8_lossy(&before));
        Error::new(errors, sources)
    })?;
    let same = after.as_bytes() == before;
    if check {
        if !same {
            print(&difference(&name, &String::from_utf8_lossy(&before), &after));
        }
        return Ok(same);
    }
    if is_input {
        print(&after);
    } else if !same {
        io::save_text(path, &after).map_err(|error| bare(error.diagnostic(None)))?;
        console.note(&format!("formatted {name}"));
    }
    Ok(true)
}

fn read_input() -> Result<Vec<u8>, Box<Diagnostic>> {
    let mut bytes = Vec::new();
    match std::io::stdin().lock().read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(Diagnostic::global(codes::FILE, format!("cannot read standard input: {error}"))),
    }
}

/// An error that has no place in a program.
fn bare(error: Box<Diagnostic>) -> Error {
    Error::new(vec![error], Sources::default())
}

/// The name of the file, and the lines that differ with one around them.
fn difference(name: &str, before: &str, after: &str) -> String {
    let lines = similar::TextDiff::from_lines(before, after);
    let formatted = format!("{name} (formatted)");
    lines.unified_diff().context_radius(1).header(name, &formatted).to_string()
}
