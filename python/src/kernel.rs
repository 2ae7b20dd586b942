//! A kernel, as `microtome/_kernel.py` uses it.
//!
//! In: NumPy arrays, one per array of the parameters. Out: NumPy arrays, one per array of the result.
//! Always holds: the object is immutable and may be called from several threads at once.

use crate::arguments::{Input, Place};
use crate::errors::{argument_error, call_error, is_interrupt};
use crate::interrupt::Watch;
use crate::results::numpy_array;
use crate::session::session;
use microtome::{Array, ArrayView, ArrayViewMut, DType, Error, Stage, ValueType};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::sync::Arc;

/// A compiled function.
#[pyclass(frozen, module = "microtome._core")]
pub struct Kernel {
    kernel: microtome::Kernel,
    /// Names and element types of the arrays that go in.
    inputs: Vec<(String, DType)>,
    /// Element types of the arrays that come out.
    outputs: Vec<DType>,
}

impl Kernel {
    /// The object for a kernel.
    pub fn new(kernel: microtome::Kernel) -> Kernel {
        let signature = kernel.signature();
        let names = kernel.parameters().map(|(name, _)| format!("`{name}` of `{}`", signature.name));
        let dtypes = signature.parameters.iter().flat_map(|(_, ty)| ty.arrays());
        let inputs = names.zip(dtypes).map(|(name, (dtype, _))| (name, dtype)).collect();
        let outputs = signature.result.arrays().into_iter().map(|(dtype, _)| dtype).collect();
        Kernel { kernel, inputs, outputs }
    }

    fn inputs<'py>(&self, arrays: &[Bound<'py, PyAny>]) -> PyResult<Vec<Input<'py>>> {
        if arrays.len() != self.inputs.len() {
            let text = format!("`{}` takes {} arrays, {} given", self.kernel.name(), self.inputs.len(), arrays.len());
            return Err(argument_error(text, "hand over one for each parameter"));
        }
        let each = arrays.iter().zip(&self.inputs);
        each.map(|(array, (name, dtype))| Input::new(array, *dtype, name)).collect()
    }

    fn places<'py>(&self, arrays: &[Bound<'py, PyAny>]) -> PyResult<Vec<Place<'py>>> {
        if arrays.len() != self.outputs.len() {
            let (name, count) = (self.kernel.name(), self.outputs.len());
            let text = format!("`{name}` gives {count} arrays, there are {} to write to", arrays.len());
            return Err(argument_error(text, "hand over one for each result, in a tuple"));
        }
        let name = |k: usize| format!("the array to write result {k} of `{}` to", self.kernel.name());
        arrays
            .iter()
            .zip(&self.outputs)
            .enumerate()
            .map(|(k, (array, dtype))| Place::new(array, *dtype, &name(k)))
            .collect()
    }

    /// Runs the kernel with the interpreter's lock released; the main thread watches for Ctrl-C.
    fn run<T: Send>(
        &self,
        py: Python<'_>,
        main: bool,
        call: impl FnOnce(microtome::Kernel) -> Result<T, Error> + Send,
    ) -> PyResult<T> {
        let watch = main.then(Watch::begin);
        let control = watch.as_ref().map_or_else(Arc::default, Watch::control);
        let kernel = self.kernel.within(&session(control));
        let result = py.detach(|| call(kernel));
        drop(watch);
        result.map_err(|error| {
            let raised = if is_interrupt(&error) { py.check_signals() } else { Ok(()) };
            raised.err().unwrap_or_else(|| call_error(&error))
        })
    }
}

#[pymethods]
impl Kernel {
    /// The function's name.
    #[getter]
    fn name(&self) -> &str {
        self.kernel.name()
    }

    /// The signature as the language writes it.
    #[getter]
    fn signature(&self) -> String {
        self.kernel.signature().to_string()
    }

    /// The comment above the function.
    #[getter]
    fn documentation(&self) -> &str {
        self.kernel.documentation()
    }

    /// Names and types of the parameters.
    #[getter]
    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Vec<(String, Bound<'py, PyTuple>)>> {
        let parameters = self.kernel.signature().parameters.iter();
        parameters.map(|(name, ty)| Ok((name.clone(), described(py, ty)?))).collect()
    }

    /// The type of the result.
    #[getter]
    fn result<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        described(py, &self.kernel.signature().result)
    }

    /// Names and texts of the files that it is made of.
    #[getter]
    fn texts(&self) -> Vec<(String, String)> {
        self.kernel.texts().map(|(name, text)| (name.to_string(), text.to_string())).collect()
    }

    /// What compiling warned of: rendered, and as JSON.
    #[getter]
    fn warnings(&self) -> Vec<(String, String)> {
        self.kernel.warnings().iter().map(|warning| (warning.render(false), warning.json())).collect()
    }

    /// The text of a stage of the compiler.
    fn emit(&self, py: Python<'_>, stage: &str) -> PyResult<String> {
        let known = Stage::from_name(stage);
        let known = known.ok_or_else(|| {
            PyValueError::new_err(format!("no stage is called {stage:?}; there are {}", Stage::names().join(", ")))
        })?;
        py.detach(|| self.kernel.emit(&known)).map_err(|error| call_error(&error))
    }

    /// What the compiler made of the function, for given values of its sizes: as text, as JSON, and as a page.
    fn explain(&self, py: Python<'_>, sizes: Vec<(String, i64)>) -> PyResult<(String, String, String)> {
        let texts: Vec<(&str, &str)> = self.kernel.texts().collect();
        let session = session(Arc::default());
        let explain = || {
            let explanation = session.compile_bundle(&texts)?.explain(Some(self.kernel.name()), &sizes)?;
            Ok((explanation.text(), explanation.json(), explanation.html()))
        };
        py.detach(explain).map_err(|error: Error| call_error(&error))
    }

    /// Calls the function; `main` says whether this is the main thread.
    fn call<'py>(
        &self,
        py: Python<'py>,
        arrays: Vec<Bound<'py, PyAny>>,
        main: bool,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let inputs = self.inputs(&arrays)?;
        let views: Vec<ArrayView<'_>> = inputs.iter().map(Input::view).collect();
        let results = self.run(py, main, |kernel| kernel.call(&views))?;
        taken(py, results)
    }

    /// Calls the function and writes the results to arrays.
    fn call_into<'py>(
        &self,
        py: Python<'py>,
        arrays: Vec<Bound<'py, PyAny>>,
        targets: Vec<Bound<'py, PyAny>>,
        main: bool,
    ) -> PyResult<()> {
        let inputs = self.inputs(&arrays)?;
        let mut places = self.places(&targets)?;
        let views: Vec<ArrayView<'_>> = inputs.iter().map(Input::view).collect();
        let mut targets: Vec<ArrayViewMut<'_>> = places.iter_mut().map(Place::view).collect();
        self.run(py, main, |kernel| kernel.call_into(&views, targets.as_mut_slice()))
    }

    /// Calls the function through the reference interpreter.
    fn interpret<'py>(
        &self,
        py: Python<'py>,
        arrays: Vec<Bound<'py, PyAny>>,
        main: bool,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let inputs = self.inputs(&arrays)?;
        let views: Vec<ArrayView<'_>> = inputs.iter().map(Input::view).collect();
        let results = self.run(py, main, |kernel| kernel.interpret(&views))?;
        taken(py, results)
    }
}

fn taken(py: Python<'_>, results: Vec<Array>) -> PyResult<Vec<Bound<'_, PyAny>>> {
    results.into_iter().map(|array| numpy_array(py, array)).collect()
}

/// The names of the compiler's stages, in order.
#[pyfunction]
pub fn stages() -> Vec<&'static str> {
    Stage::names()
}

/// A type as tuples: `("array", "f64", ["n", "d"])`, `("tuple", […])`, `("record", [(name, …)])`, `("list", […])`,
/// `("nothing",)`.
fn described<'py>(py: Python<'py>, ty: &ValueType) -> PyResult<Bound<'py, PyTuple>> {
    let all = |parts: &[ValueType]| parts.iter().map(|part| described(py, part)).collect::<PyResult<Vec<_>>>();
    match ty {
        ValueType::Array { dtype, sizes } => ("array", dtype.name(), sizes.clone()).into_pyobject(py),
        ValueType::Tuple(parts) => ("tuple", all(parts)?).into_pyobject(py),
        ValueType::List(items) => ("list", all(items)?).into_pyobject(py),
        ValueType::Record(fields) => {
            let fields: PyResult<Vec<_>> =
                fields.iter().map(|(name, ty)| Ok((name.clone(), described(py, ty)?))).collect();
            ("record", fields?).into_pyobject(py)
        }
        ValueType::Nothing => ("nothing",).into_pyobject(py),
    }
}
