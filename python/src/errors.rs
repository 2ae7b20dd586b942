//! Errors as exceptions.
//!
//! In: an error of the compiler, of a call, or about an argument. Out: an exception of `microtome._errors`.
//! Always holds: its text is the rendered diagnostic, and the diagnostics are with it.

use microtome::Error;
use microtome::diagnostic::{Diagnostic, Sources, codes};
use pyo3::prelude::*;

pyo3::import_exception!(microtome._errors, ArgumentError);
pyo3::import_exception!(microtome._errors, CompileError);
pyo3::import_exception!(microtome._errors, RunError);

/// A program that does not compile.
pub fn compile_error(error: &Error) -> PyErr {
    CompileError::new_err((error.render(false), error.json()))
}

/// A call that failed: because of its arguments if no place in the program is to blame.
pub fn call_error(error: &Error) -> PyErr {
    let arguments = [codes::TYPE, codes::ARGUMENTS, codes::RANK, codes::SIZES, codes::UNBOUND_SIZE];
    let outside = |diagnostic: &Diagnostic| diagnostic.labels.is_empty() && arguments.contains(&diagnostic.code);
    let parts = (error.render(false), error.json());
    if error.diagnostics().all(outside) { ArgumentError::new_err(parts) } else { RunError::new_err(parts) }
}

/// An argument that cannot be taken.
pub fn argument_error(text: String, help: &str) -> PyErr {
    let diagnostic = Diagnostic::global(codes::TYPE, text).help(help);
    let error = Error::new(vec![diagnostic], Sources::default());
    ArgumentError::new_err((error.render(false), error.json()))
}

/// Whether a call was stopped from outside.
pub fn is_interrupt(error: &Error) -> bool {
    error.diagnostics().any(|diagnostic| diagnostic.code == codes::INTERRUPTED)
}
