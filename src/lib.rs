//! Microtome: a small array language, compiled to native code, with per-example gradients at the cost of an ordinary one.
//!
//! A program is text; a [`Session`] compiles it to a [`Module`], whose functions are [`Kernel`]s that are called with ndarray
//! views:
//!
//! ```
//! use microtome::Session;
//! use ndarray::{Array1, Array2, array};
//!
//! let module = Session::new().compile("model.tome", "
//!     fn second_moment(x: f64[n, d], y: f64[n], w: f64[d]) -> f64[d] {
//!         let c = [(dot(x[i], w) - y[i])^2 for i in 0:n]
//!         mean(grad(c[i], w)^2 for i in 0:n)
//!     }
//! ")?;
//! let second_moment =
//!     module.kernel("second_moment")?.typed::<fn(Array2<f64>, Array1<f64>, Array1<f64>) -> Array1<f64>>()?;
//!
//! let (x, y, w) = (array![[1.0, 0.0], [1.0, 1.0]], array![0.0, 1.0], array![1.0, 2.0]);
//! assert_eq!(second_moment.call((x.view(), y.view(), w.view()))?, array![10.0, 8.0]);
//! # Ok::<(), microtome::Error>(())
//! ```
//!
//! | wanted | where |
//! |---|---|
//! | a kernel that the Rust compiler checks | [`Kernel::typed`], [`TypedKernel`] |
//! | arrays whose types are known only when running | [`Kernel::call`], [`Array`], [`ArrayView`], [`Kernel::signature`] |
//! | results in given buffers | [`Kernel::call_into`], [`TypedKernel::call_into`] |
//! | errors as values, or as a person reads them | [`Error`], [`Warning`], [`diagnostic`] |
//! | to stop a kernel, to limit its memory, to see how far it is | [`Kernel::under`], [`Control`] |
//! | kernels compiled when a crate is built | [`embed`] |
//! | libraries for C, C++ and Python, ahead of time | [`Module::build`], [`BuildOptions`] |
//! | whole programs, with inputs and output | [`Module::run`], [`RunOptions`] |
//! | a session that is fed input by input | [`Interactive`] |
//! | a look at what the compiler makes of it | [`Kernel::emit`], [`Module::emit`], [`Stage`] |
//!
//! Kernels are `Send` and `Sync`, cheap to clone, and hold what they need: a session and a module may go before them. Machine
//! code is made at the first call, serves every size, and is freed with the last handle; that of the 64 latest functions stays for
//! whoever compiles the same text again, or until [`free_unused_code`].
//!
//! # Versions
//!
//! Semantic versioning holds for what this page and the pages behind it show; before 1.0 a minor version may break. The
//! other modules of the crate are open to the project's own tools and tests, and promise nothing. The oldest Rust that
//! compiles this is 1.95; a later minor version may need a newer one. [`ndarray`] (0.17) and [`half`](mod@half) (2) are part of the
//! interface and re-exported. Error codes keep their meaning.

#[doc(hidden)]
pub mod check;
#[doc(hidden)]
pub mod codegen;
pub mod diagnostic;
pub mod embed;
#[doc(hidden)]
pub mod format;
#[doc(hidden)]
pub mod graph;
#[doc(hidden)]
pub mod interp;
#[doc(hidden)]
pub mod io;
#[doc(hidden)]
pub mod loops;
#[doc(hidden)]
pub mod native;
#[doc(hidden)]
pub mod ops;
#[doc(hidden)]
pub mod passes;
#[doc(hidden)]
pub mod pipeline;
#[doc(hidden)]
pub mod plot;
#[doc(hidden)]
pub mod session;
#[doc(hidden)]
pub mod syntax;

#[doc(inline)]
pub use codegen::Cpu;
pub use half;
#[doc(hidden)]
pub use microtome_runtime as runtime;
#[doc(hidden)]
pub use microtome_runtime::with_typed_array;
pub use ndarray;
#[doc(inline)]
pub use runtime::argument::{Argument, Element, Target};
#[doc(inline)]
pub use runtime::array::{Array, ArrayView, ArrayViewMut, DType};
#[doc(inline)]
pub use runtime::control::Control;
#[doc(inline)]
pub use runtime::typed::{KernelType, Outcome, Parameter, Pattern};
#[doc(inline)]
pub use session::{
    Answer, BuildKind, BuildOptions, Built, Error, ExampleCheck, Explanation, InputSource, Interactive, Kernel, LAST,
    Measurement, Module, Outlet, Output, RunOptions, Session, Signature, Stage, TypedKernel, ValueType, Warning,
    free_unused_code,
};

/// The page about embedding, whose programs run as tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/embedding.md")]
mod embedding {}
