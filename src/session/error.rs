//! What a failed call of the API gives back, and what a successful one warns of.
//!
//! In: diagnostics and the texts they speak of. Out: [`Error`] and [`Warning`], which render themselves.
//! Always holds: an error has at least one diagnostic.

use crate::diagnostic::{Diagnostic, Sources, codes};
use std::fmt;

/// Everything that went wrong.
#[derive(Clone, Debug)]
pub struct Error {
    diagnostics: Vec<Box<Diagnostic>>,
    sources: Sources,
}

impl Error {
    /// Diagnostics, at least one, and the texts they speak of.
    pub fn new(diagnostics: Vec<Box<Diagnostic>>, sources: Sources) -> Error {
        Error { diagnostics, sources }
    }

    /// Something that is read beside files, standard input say, cannot be.
    pub fn unreadable(what: &str, error: &std::io::Error) -> Error {
        Error::new(vec![Diagnostic::global(codes::FILE, format!("cannot read {what}: {error}"))], Sources::default())
    }

    /// The files that the program is made of, as far as they could be read.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.sources.names()
    }

    /// As an editor reads it: one JSON object a line, described in docs/errors.md.
    pub fn json(&self) -> String {
        self.diagnostics.iter().map(|diagnostic| self.sources.json(diagnostic)).collect()
    }

    /// The diagnostics, in the order in which they were found.
    pub fn diagnostics(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().map(AsRef::as_ref)
    }

    /// As a person reads it, with the lines of source.
    pub fn render(&self, color: bool) -> String {
        let rendered: Vec<String> =
            self.diagnostics.iter().map(|diagnostic| self.sources.render(diagnostic, color)).collect();
        rendered.join("\n")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Error {}

/// Something that does not keep a program from running.
#[derive(Clone, Debug)]
pub struct Warning {
    diagnostic: Box<Diagnostic>,
    sources: Sources,
}

impl Warning {
    pub(crate) fn new(diagnostic: Box<Diagnostic>, sources: Sources) -> Warning {
        Warning { diagnostic, sources }
    }

    /// What it is.
    pub fn diagnostic(&self) -> &Diagnostic {
        &self.diagnostic
    }

    /// As a person reads it, with the lines of source.
    pub fn render(&self, color: bool) -> String {
        self.sources.render(&self.diagnostic, color)
    }

    /// As an editor reads it: a JSON object on a line of its own.
    pub fn json(&self) -> String {
        self.sources.json(&self.diagnostic)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}
