//! `microtome doc` and the REPL's `?name`: help from the table of builtins.
//!
//! In: a name, or none. Out: what it does, with an example and what that prints; or every name there is.
//! Always holds: the example is one that the tests run.

use super::report::{Console, Status, print};
use clap::Args;
use microtome::check::documentation;
use microtome::diagnostic::{Diagnostic, Sources, codes, nearest};
use microtome::{Error, check};

/// Whose help.
#[derive(Args)]
pub(super) struct Doc {
    /// A builtin function; without it, the names of all.
    name: Option<String>,
}

pub(super) const EXAMPLES: &str = "Examples:
  microtome doc
  microtome doc logsumexp
  microtome doc random.normal";

/// Shows the help.
pub(super) fn run(arguments: &Doc, console: &Console) -> Status {
    let Some(name) = &arguments.name else {
        print(&names());
        return Status::Success;
    };
    match page(name) {
        Some(page) => {
            print(&page);
            Status::Success
        }
        None => console.error(&Error::new(vec![unknown(name)], Sources::default())),
    }
}

/// The help of a builtin.
pub(super) fn page(name: &str) -> Option<String> {
    let (name, doc, (example, printed)) = documentation().into_iter().find(|(known, ..)| *known == name)?;
    let mut text = format!("{name}\n\n  {doc}\n\nExample:\n\n");
    for line in example.trim().lines() {
        text.push_str(&format!("  {}\n", line.trim_end()));
    }
    text.push_str("\nprints\n\n");
    for line in printed.trim_end().lines() {
        text.push_str(&format!("  {line}\n"));
    }
    Some(text)
}

/// Every name, in columns.
pub(super) fn names() -> String {
    const WIDTH: usize = 76;
    let names: Vec<&str> = documentation().into_iter().map(|(name, ..)| name).collect();
    let column = names.iter().map(|name| name.len()).max().unwrap_or(1) + 2;
    let rows: Vec<String> = names
        .chunks(WIDTH / column)
        .map(|row| row.iter().map(|name| format!("{name:<column$}")).collect::<String>().trim_end().to_string())
        .collect();
    format!("{}\n", rows.join("\n"))
}

/// There is no such builtin; what might be meant.
pub(super) fn unknown(name: &str) -> Box<Diagnostic> {
    let error = Diagnostic::global(codes::UNKNOWN_NAME, format!("there is no builtin `{name}`"));
    if let Some(hint) = check::foreign(name) {
        return error.help(hint);
    }
    match nearest(name, documentation().into_iter().map(|(name, ..)| name)) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help("`microtome doc` lists all names"),
    }
}
