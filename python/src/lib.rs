//! The part of the Python package that is written in Rust: kernels on NumPy arrays.
//!
//! In: programs as text, NumPy arrays. Out: NumPy arrays, or an exception with the diagnostics.
//! Always holds: while a kernel runs the interpreter's lock is released; arrays in C order are read where they are, and
//! results are handed over without a copy.
//!
//! What a user sees is in `microtome/__init__.py`; here is what it stands on, `microtome._core`.

mod arguments;
mod errors;
mod interrupt;
mod kernel;
mod program;
mod results;
mod session;

use pyo3::prelude::*;

#[pymodule]
mod _core {
    #[pymodule_export]
    use crate::kernel::{Kernel, stages};
    #[pymodule_export]
    use crate::program::{Program, compile, compile_bundle, compile_file};
    #[pymodule_export]
    use crate::session::{after_fork, num_threads, set_num_threads};

    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
