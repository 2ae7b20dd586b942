//! A function that can be called with arrays.
//!
//! In: a checked function. Out: [`Kernel`], a cheap handle that may be shared between threads.
//! Always holds: it is compiled once, at the first call, and serves every size.

use super::compile::{Runnable, told};
use super::error::{Error, Warning};
use crate::check::Checked;
use crate::diagnostic::{Diagnostic, Result as Checking, Sources, codes};
use crate::graph::{Graph, SizeEnv, Type};
use crate::pipeline::Context;
use crate::runtime::array::{Array, ArrayView};
use crate::runtime::signature::{self, Formal};
use crate::runtime::threads::Threads;
use std::sync::{Arc, Mutex, OnceLock};

/// A compiled function. Clones share the code.
#[derive(Clone)]
pub struct Kernel(Arc<Inner>);

struct Inner {
    name: String,
    graph: Graph,
    sources: Sources,
    threads: Arc<Threads>,
    native: OnceLock<Result<Runnable, Box<Diagnostic>>>,
    interpreted: OnceLock<Result<Runnable, Box<Diagnostic>>>,
    warnings: Mutex<Vec<Box<Diagnostic>>>,
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kernel").field("name", &self.0.name).finish_non_exhaustive()
    }
}

impl Kernel {
    pub(super) fn new(checked: &Checked, sources: Sources, threads: Arc<Threads>) -> Result<Kernel, Error> {
        Ok(Kernel(Arc::new(Inner {
            name: checked.name.clone(),
            graph: checked.graph.clone(),
            sources,
            threads,
            native: OnceLock::new(),
            interpreted: OnceLock::new(),
            warnings: Mutex::new(checked.warnings.clone()),
        })))
    }

    /// The function's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Names and types of the arguments, tuples taken apart.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.graph.inputs.iter().map(|input| (input.name.as_str(), input.ty.to_string()))
    }

    /// Calls the function. The results are its value's arrays, in order.
    ///
    /// # Errors
    /// When an argument has another dtype, rank or size than declared, when a check of the program fails (an index
    /// out of range, say), or when there is not enough memory.
    pub fn call(&self, arguments: &[ArrayView<'_>]) -> Result<Vec<Array>, Error> {
        self.run(arguments, &self.0.native, Runnable::native)
    }

    /// The same through the reference interpreter, which is slow and simple.
    ///
    /// # Errors
    /// As [`Kernel::call`].
    pub fn interpret(&self, arguments: &[ArrayView<'_>]) -> Result<Vec<Array>, Error> {
        self.run(arguments, &self.0.interpreted, Runnable::interpreted)
    }

    /// What compiling warned of; complete after the first call.
    pub fn warnings(&self) -> Vec<Warning> {
        let warnings = self.0.warnings.lock().map(|warnings| warnings.clone()).unwrap_or_default();
        warnings.into_iter().map(|warning| Warning::new(warning, self.0.sources.clone())).collect()
    }

    fn run(
        &self,
        arguments: &[ArrayView<'_>],
        slot: &OnceLock<Result<Runnable, Box<Diagnostic>>>,
        make: fn(&Graph, &mut Context) -> Checking<Runnable>,
    ) -> Result<Vec<Array>, Error> {
        let inner = &*self.0;
        let fail = |diagnostic| Error::new(vec![diagnostic], inner.sources.clone());
        let sizes = bind(&inner.name, &inner.graph, arguments).map_err(fail)?;
        let runnable = slot.get_or_init(|| {
            let mut context = Context { expected: sizes.clone(), warnings: Vec::new() };
            let made = make(&inner.graph, &mut context);
            if let Ok(mut warnings) = inner.warnings.lock() {
                let fresh: Vec<_> = context.warnings.into_iter().filter(|w| !warnings.contains(w)).collect();
                warnings.extend(fresh);
            }
            made
        });
        let runnable = runnable.as_ref().map_err(|diagnostic| fail(diagnostic.clone()))?;
        runnable.call(arguments, &sizes, &inner.threads).map_err(fail)
    }
}

/// Binds the size variables of a function's parameters to the arguments' sizes, and checks every use.
fn bind(name: &str, graph: &Graph, arguments: &[ArrayView<'_>]) -> Checking<SizeEnv> {
    if arguments.len() != graph.inputs.len() {
        let text = format!("`{name}` takes {} arrays, {} given", graph.inputs.len(), arguments.len());
        return Err(Diagnostic::global(codes::ARGUMENTS, text));
    }
    let formals: Vec<(&str, &Type)> = graph.inputs.iter().map(|input| (input.name.as_str(), &input.ty)).collect();
    for ((parameter, ty), view) in formals.iter().zip(arguments) {
        if view.dtype() != ty.dtype {
            let text = format!("`{parameter}` of `{name}` is {ty}, the argument is {}", view.dtype());
            return Err(Diagnostic::global(codes::TYPE, text).help("convert the array before the call"));
        }
        if view.shape().len() != ty.rank() {
            let text = format!("`{parameter}` of `{name}` is {ty}, the argument has {} axes", view.shape().len());
            return Err(Diagnostic::global(codes::RANK, text));
        }
    }
    let shapes: Vec<&[usize]> = arguments.iter().map(ArrayView::shape).collect();
    bind_sizes(&formals, &shapes, &SizeEnv::new())
}

/// The values of size variables, from the shapes of arrays that are declared with them.
pub(super) fn bind_sizes(formals: &[(&str, &Type)], shapes: &[&[usize]], known: &SizeEnv) -> Checking<SizeEnv> {
    let formals: Vec<Formal<'_>> = formals.iter().map(|(name, ty)| Formal { name, ty, shape: &ty.shape }).collect();
    signature::bind_sizes(&formals, shapes, known).map_err(|message| told(message, None))
}
