//! The run-time library: what generated code calls, and how it is called.
//!
//! In: arrays and machine code. Out: arrays, or the fault that stopped the kernel.
//! Always holds: results are bitwise equal for every number of threads; nothing here knows the compiler, so a program that
//! is compiled ahead of time needs this library alone.
//!
//! The compiler has this crate as its module `runtime`. What only the compiler and generated code need is not in the documentation.

pub mod array;
#[doc(hidden)]
pub mod binder;
pub mod control;
mod crew;
pub mod execute;
pub mod fault;
#[doc(hidden)]
pub mod given;
pub mod half;
pub mod layout;
pub mod math;
pub mod memory;
pub mod message;
pub mod native;
pub mod print;
#[doc(hidden)]
pub mod product;
pub mod random;
#[doc(hidden)]
pub mod reduce;
#[doc(hidden)]
pub mod routine;
#[doc(hidden)]
pub mod rows;
pub mod scalar;
pub mod signature;
pub mod size;
pub mod symbols;
pub mod threads;
