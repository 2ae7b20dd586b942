//! What a failed call of the API gives back.
//!
//! In: diagnostics and the texts they speak of. Out: [`Error`], which renders itself.
//! Always holds: there is at least one diagnostic.

use crate::diagnostic::{Diagnostic, Sources};
use std::fmt;

/// Everything that went wrong.
#[derive(Clone, Debug)]
pub struct Error {
    diagnostics: Vec<Box<Diagnostic>>,
    sources: Sources,
}

impl Error {
    pub(crate) fn new(diagnostics: Vec<Box<Diagnostic>>, sources: Sources) -> Error {
        Error { diagnostics, sources }
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
