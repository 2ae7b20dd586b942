//! The syntax layer: bytes in, syntax tree and errors out.
//!
//! In: the text of a program. Out: an [`ast::Module`], or every error found in the text.
//! Always holds: nothing here panics, reads files, or nests deeper than fixed limits, whatever the text.
#![deny(clippy::indexing_slicing)]

pub mod ast;
pub mod comments;
mod complaint;
pub mod dump;
mod habits;
pub mod lexer;
mod nodes;
pub mod parser;
mod scanner;
pub mod span;
mod stumble;
#[cfg(test)]
mod tests;
pub mod token;
pub mod visit;

lalrpop_util::lalrpop_mod!(
    #[allow(
        missing_docs,
        unused_imports,
        unused_parens,
        unused_qualifications,
        clippy::all,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )]
    pub(crate) grammar,
    "microtome.rs"
);

pub use dump::dump;
pub use parser::{Completeness, completeness, parse, parse_bytes};
