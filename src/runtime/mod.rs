//! The run-time library: what generated code calls, and how it is called.
//!
//! In: arrays and machine code. Out: arrays, or the fault that stopped the kernel.
//! Always holds: results are bitwise equal for every number of threads.

pub mod array;
pub mod control;
pub mod execute;
pub mod fault;
pub mod half;
pub mod math;
pub mod memory;
pub mod plan;
pub mod print;
pub(crate) mod product;
pub mod random;
pub(crate) mod routine;
pub(crate) mod scalar;
pub(crate) mod sizes;
pub mod threads;
