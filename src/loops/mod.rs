//! Loop nests: what is computed in which loop, and what is held in memory.
//!
//! In: an array graph after all passes. Out: a [`Kernel`] for the code generator.
//! Always holds: everything elementwise is fused into the loop that needs it, unless computing it there costs more.

mod bounds;
mod checks;
mod cost;
mod ir;
mod late;
mod linear;
mod lives;
mod lower;
mod ordered;
mod print;
mod products;
mod regions;
mod reuse;
mod schedule;
mod straight;
mod structured;
mod tighten;
mod together;
mod totals;
mod verify;

pub use cost::{Cost, Moment, Unknown, Work};
pub use ir::{
    Affine, Bind, Buffer, BufferId, Call, FaultSite, If, Inst, Kernel, Loop, Matrix, Nest, Product, Role, Rows, Scalar,
    Sink, Step, Value,
};
pub use lower::lower;
pub use straight::STRAIGHT;
pub use together::run_end;
pub use totals::MOST;
pub use verify::verify;

/// Makes the loops of a kernel ready for code: checks before them where that can be, little to do in an iteration.
pub fn prepare(kernel: &mut Kernel) {
    checks::hoist_checks(kernel);
    tighten::drop_unread(kernel);
    ordered::ordered(kernel);
    tighten::tighten(kernel);
    tighten::drop_unread(kernel);
}
