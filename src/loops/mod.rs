//! Loop nests: what is computed in which loop, and what is held in memory.
//!
//! In: an array graph after all passes. Out: a [`Kernel`] for the code generator.
//! Always holds: everything elementwise is fused into the loop that needs it, unless computing it there costs more.

mod bounds;
mod checks;
mod cost;
mod ir;
mod lives;
mod lower;
mod print;
mod products;
mod regions;
mod reuse;
mod schedule;
mod structured;
mod together;
mod verify;

pub use checks::hoist_checks;
pub use cost::{Cost, Moment, Unknown, Work};
pub use ir::{
    Affine, Bind, Buffer, BufferId, Call, FaultSite, If, Inst, Kernel, Loop, Matrix, Nest, Product, Role, Rows, Scalar,
    Sink, Step, Value,
};
pub use lower::lower;
pub use together::run_end;
pub use verify::verify;
