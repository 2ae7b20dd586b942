//! Programs: text in, kernels out.
//!
//! In: text, a file, or several texts. Out: [`Program`], or an exception with everything that is wrong.
//! Always holds: the interpreter's lock is released while the compiler reads and checks.

use crate::errors::{call_error, compile_error};
use crate::kernel::Kernel;
use crate::session::session;
use microtome::{Error, Module, Session};
use pyo3::prelude::*;
use std::path::PathBuf;
use std::sync::Arc;

/// What a program has.
#[pyclass(frozen, module = "microtome._core")]
pub struct Program {
    kernels: Vec<(String, microtome::Kernel)>,
    /// Functions that are no kernels, and what asking for them says.
    others: Vec<(String, Error)>,
    texts: Vec<(String, String)>,
    warnings: Vec<(String, String)>,
}

/// The part of a module that goes from thread to thread.
fn program(module: &Module) -> Program {
    let (mut kernels, mut others) = (Vec::new(), Vec::new());
    for name in module.functions() {
        match module.kernel(name) {
            Ok(kernel) => kernels.push((name.to_string(), kernel)),
            Err(error) => others.push((name.to_string(), error)),
        }
    }
    Program {
        kernels,
        others,
        texts: module.texts().map(|(name, text)| (name.to_string(), text.to_string())).collect(),
        warnings: module.warnings().iter().map(|warning| (warning.render(false), warning.json())).collect(),
    }
}

fn compiled(py: Python<'_>, compile: impl FnOnce(&Session) -> Result<Module, Error> + Send) -> PyResult<Program> {
    let session = session(Arc::default());
    py.detach(|| compile(&session).map(|module| program(&module))).map_err(|error| compile_error(&error))
}

/// Compiles a text; `name` is what messages call it.
#[pyfunction]
pub fn compile(py: Python<'_>, source: &str, name: &str) -> PyResult<Program> {
    compiled(py, |session| session.compile(name, source))
}

/// Compiles a file.
#[pyfunction]
pub fn compile_file(py: Python<'_>, path: PathBuf) -> PyResult<Program> {
    compiled(py, |session| session.compile_file(&path))
}

/// Compiles the first of several texts, which imports the others.
#[pyfunction]
pub fn compile_bundle(py: Python<'_>, texts: Vec<(String, String)>) -> PyResult<Program> {
    let texts: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    compiled(py, |session| session.compile_bundle(&texts))
}

#[pymethods]
impl Program {
    /// The names of its kernels.
    #[getter]
    fn names(&self) -> Vec<&str> {
        self.kernels.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// The names of functions that are no kernels.
    #[getter]
    fn others(&self) -> Vec<&str> {
        self.others.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// The kernel of that name, or `None`; an exception for a function that is none.
    fn kernel(&self, name: &str) -> PyResult<Option<Kernel>> {
        if let Some((_, error)) = self.others.iter().find(|(known, _)| known == name) {
            return Err(call_error(error));
        }
        let found = self.kernels.iter().find(|(known, _)| known == name);
        Ok(found.map(|(_, kernel)| Kernel::new(kernel.clone())))
    }

    /// Names and texts of the files that it is made of.
    #[getter]
    fn texts(&self) -> Vec<(String, String)> {
        self.texts.clone()
    }

    /// What the compiler warned of: rendered, and as JSON.
    #[getter]
    fn warnings(&self) -> Vec<(String, String)> {
        self.warnings.clone()
    }
}
