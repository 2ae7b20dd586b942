//! The run-time library: what generated code calls, and how it is called.
//!
//! In: arrays and machine code. Out: arrays, or the fault that stopped the kernel.
//! Always holds: results are bitwise equal for every number of threads; nothing here knows the compiler, so a program that
//! is compiled ahead of time needs this library alone.
//!
//! The compiler has this crate as its module `runtime`. What only the compiler and generated code need is not in the documentation.
//!
//! A program whose kernels were compiled when it was built (`microtome::embed`) depends on this crate: its functions give
//! [`Error`], [`Kernel`] is a handle for results in given buffers and for interrupts, and [`set_threads`] and [`control()`] are
//! for all of its kernels together.

pub mod argument;
pub mod array;
#[doc(hidden)]
pub mod binder;
#[doc(hidden)]
pub mod columns;
pub mod control;
mod crew;
pub mod embedded;
pub mod error;
pub mod execute;
pub mod fault;
#[doc(hidden)]
pub mod given;
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
pub mod rounding;
#[doc(hidden)]
pub mod routine;
#[doc(hidden)]
pub mod rows;
pub mod scalar;
pub mod signature;
pub mod size;
pub mod symbols;
pub mod threads;
pub mod typed;

pub use ::half;
#[doc(inline)]
pub use array::{Array, ArrayView, ArrayViewMut, DType};
#[doc(inline)]
pub use control::Control;
#[doc(inline)]
pub use embedded::{Kernel, control, set_threads};
#[doc(inline)]
pub use error::Error;
pub use ndarray;
