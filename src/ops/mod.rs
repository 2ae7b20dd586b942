//! The operators: for each family one file with its shape rule, derivative, slicing and batching rules and evaluation.
//!
//! In: nodes of a graph. Out: the facts that passes, interpreter and code generator ask for.
//! Always holds: a new elementwise operator is one item in one file under `elementwise/`.

mod build;
mod contraction;
pub mod elementwise;
mod emit;
mod half;
pub(crate) mod indexing;
pub(crate) mod looping;
mod movement;
pub mod reduction;
pub mod routine;
pub mod rules;
mod sizes;
mod substitute;

pub use contraction::Labels;
pub use elementwise::{Code, Derivative, Elementwise, Partial, Signature};
pub use emit::{Comparison, Emit, Primitive, Reg};
pub use reduction::Reduction;
pub use routine::Routine;
