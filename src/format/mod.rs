//! The one way to write a program down: `microtome fmt`.
//!
//! In: the text of a program. Out: the same program in canonical form, or its syntax errors.
//! Always holds: the result has the same syntax tree and the same comments in the same order, which is checked before it
//! is given out; formatting it again changes nothing.
//!
//! # The canonical form
//!
//! - Four spaces for a level, lines of at most 100 characters, one statement to a line, LF, one newline at the end.
//! - At most one empty line in a row, none at the start or the end of a block; one around each function.
//! - Spaces around binary operators but `^`; none around `=` of a named argument. As Black does for slices, the parts of a
//!   range or slice are written without spaces if they are arithmetic (`i+1:n`, `x[2*k:]`), and with spaces around `:`
//!   otherwise; so is an index of names and integers (`x[i-1]`). In sizes and bounds only products are written close:
//!   `f64[n - k + 1]`, `O(n*d + k)`.
//! - Parentheses that the tree does not need go, but for those that spare the reader a rule beyond school's: around `and`
//!   within `or`, a negation within a product, a power within a power or a negation, other operators of the rank of `*`.
//! - What does not fit on a line is broken one item to a line, with a comma behind the last of several; arrays of numbers fill lines,
//!   a matrix written a row to a line stays so. Chains of operators are broken behind operators.
//! - `fn f(…) = e` and `fn f(…) { … }` stay what they are, and so do literals and comments. A `;` stays behind an expression
//!   at the top level, where it silences; elsewhere it only separates, and the end of the line does that.
//!
//! | part | module |
//! |---|---|
//! | text with choices of where to break | `layout` |
//! | tokens, brackets and comments of the text that is formatted | `source` |
//! | where comments go | `comments` |
//! | items, blocks, statements | `statement`, `function` |
//! | expressions | `expression`, `brackets`, `compact`; which parentheses stay: `precedence` |
//! | types and patterns | `types` |
#![deny(clippy::indexing_slicing)]

mod brackets;
mod comments;
mod compact;
mod expression;
mod function;
mod layout;
mod precedence;
mod source;
mod statement;
mod text;
mod types;

pub use text::{format, format_bytes};
