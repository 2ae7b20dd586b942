//! Microtome: a small array language, compiled to native code, with per-example gradients at the cost of an ordinary one.
//!
//! The life of a program, and the modules in which it happens:
//!
//! | step | module |
//! |---|---|
//! | text to tokens to syntax tree | [`syntax`] |
//! | names, types and sizes checked; the array graph built | [`check`] |
//! | the array graph and its operators | [`graph`], [`ops`] |
//! | slicing per example, gradients, batching, contractions | [`passes`], listed in [`pipeline`] |
//! | loop nests | [`loops`] |
//! | machine code | [`codegen`] |
//! | libraries for C, C++ and Python | [`native`] |
//! | what the code calls while it runs | [`runtime`] |
//! | the same graph without cleverness | [`interp`] |
//! | files | [`io`] |
//! | the canonical form of a text | [`mod@format`] |
//! | plots | [`plot`] |
//! | the public API | [`Session`], [`Module`], [`Kernel`] |

pub mod check;
pub mod codegen;
pub mod diagnostic;
pub mod format;
pub mod graph;
pub mod interp;
pub mod io;
pub mod loops;
pub mod native;
pub mod ops;
pub mod passes;
pub mod pipeline;
pub mod plot;
pub mod session;
pub mod syntax;

pub use codegen::Cpu;
#[doc(inline)]
pub use microtome_runtime as runtime;
#[doc(hidden)]
pub use microtome_runtime::with_typed_array;
pub use runtime::array::{Array, ArrayView, DType};
pub use runtime::control::Control;
pub use session::{
    Answer, BuildKind, BuildOptions, Built, Error, InputSource, Interactive, Kernel, LAST, Measurement, Module, Outlet,
    Output, RunOptions, Session, Stage, Warning,
};
