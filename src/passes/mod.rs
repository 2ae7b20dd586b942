//! The passes over the array graph, one file each; `pipeline.rs` says in which order they run.
//!
//! In: a graph. Out: a graph that computes the same.
//! Always holds: a pass is a pure function of the graph (and, for plans, of the sizes to expect).

mod accumulate;
mod batch;
mod block;
mod centre;
mod closed;
mod condense;
mod contract;
mod differentiate;
mod forward;
mod independence;
mod jacobian;
mod merge;
mod plan;
mod region;
mod reverse;
mod scale;
mod slice;
mod unroll;

pub use accumulate::accumulate;
pub use batch::batch;
pub use block::{block, has_derivatives_of_examples};
pub use centre::centre;
pub use closed::closed;
pub use contract::contract;
pub use differentiate::differentiate;
pub use independence::{Mixture, mixture};
pub use plan::{Choice, Plan, plan};
pub use slice::{slice, tied_by};
pub use unroll::unroll;
