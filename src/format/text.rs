//! Formats a text, and sees that it is still the same program.
//!
//! In: a text. Out: the canonical text, or every syntax error.
//! Always holds: a text whose tree or comments would change is not given out; that would be a bug, and is reported as one.

use super::layout::render;
use super::source::Source;
use crate::diagnostic::{Diagnostic, codes};
use crate::syntax::ast::Module;
use crate::syntax::lexer::Errors;
use crate::syntax::span::FileId;
use crate::syntax::{dump, parse, parse_bytes};

/// Walks a tree and makes a document of it.
pub(super) struct Printer<'s> {
    /// The text that the tree was made of.
    pub source: Source<'s>,
}

/// The program in canonical form.
///
/// # Errors
/// Those of [`parse`], for a text that is no program.
pub fn format(text: &str) -> Result<String, Errors> {
    let module = parse(FileId(0), text)?;
    let mut printer = Printer { source: Source::new(text) };
    let mut out = render(&printer.module(&module));
    if !out.is_empty() {
        out.push('\n');
    }
    verify(&module, &printer.source, &out).map_err(|what| {
        let error = Diagnostic::global(codes::BUG, format!("formatting would change {what}"));
        vec![error.help("nothing was written; please report this with the program")]
    })?;
    Ok(out)
}

/// The program of a file in canonical form.
///
/// # Errors
/// As [`format()`]; a single one when the bytes are not UTF-8.
pub fn format_bytes(bytes: &[u8]) -> Result<String, Errors> {
    match std::str::from_utf8(bytes) {
        Ok(text) => format(text),
        Err(_) => Err(parse_bytes(FileId(0), bytes).err().unwrap_or_default()),
    }
}

fn verify(before: &Module, source: &Source<'_>, text: &str) -> Result<(), &'static str> {
    let after = parse(FileId(0), text).map_err(|_| "the program into one that does not parse")?;
    if dump(before) != dump(&after) {
        return Err("what the program means");
    }
    if source.all_words() != Source::new(text).all_words() {
        return Err("the comments");
    }
    Ok(())
}
