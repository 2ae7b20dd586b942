//! A function that can be called with arrays.
//!
//! In: a checked function. Out: [`Kernel`], a cheap handle that may be shared between threads.
//! Always holds: it is compiled once, at the first call, and serves every size.

use super::Stage;
use super::argument::{Argument, Target};
use super::cache;
use super::compile::{Runnable, told};
use super::emit::{emit_graph, emit_text};
use super::error::{Error, Warning};
use super::measure::{Measurement, repeat};
use super::signature::Signature;
use super::typed::{KernelType, TypedKernel};
use crate::check::Checked;
use crate::diagnostic::{Diagnostic, Result as Checking, Sources, codes};
use crate::graph::{Graph, SizeEnv, Type};
use crate::pipeline::Context;
use crate::runtime::array::{Array, ArrayView, ArrayViewMut};
use crate::runtime::control::Control;
use crate::runtime::execute::copied_bytes;
use crate::runtime::signature::{self, Formal};
use crate::runtime::threads::Threads;
use crate::syntax::span::FileId;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// A compiled function: a handle that is cheap to clone, and `Send` and `Sync`. Clones share the code; so do kernels of the same text
/// that are planned for the same sizes, wherever in the process. The code is freed with the last of them, if it is not among
/// the 64 that were compiled or found last; [`free_unused_code`](super::free_unused_code) frees those.
#[derive(Clone)]
pub struct Kernel {
    inner: Arc<Inner>,
    threads: Arc<Threads>,
}

struct Inner {
    signature: Signature,
    documentation: String,
    graph: Graph,
    sources: Sources,
    native: OnceLock<Result<Runnable, Box<Diagnostic>>>,
    interpreted: OnceLock<Result<Runnable, Box<Diagnostic>>>,
    warnings: Mutex<Vec<Box<Diagnostic>>>,
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kernel({})", self.inner.signature)
    }
}

impl Kernel {
    pub(super) fn new(checked: &Checked, documentation: String, sources: Sources, threads: Arc<Threads>) -> Kernel {
        let inner = Inner {
            signature: Signature::new(checked),
            documentation,
            graph: checked.graph.clone(),
            sources,
            native: OnceLock::new(),
            interpreted: OnceLock::new(),
            warnings: Mutex::new(checked.warnings.clone()),
        };
        Kernel { inner: Arc::new(inner), threads }
    }

    /// The function's name.
    pub fn name(&self) -> &str {
        &self.inner.signature.name
    }

    /// What the function takes and gives.
    pub fn signature(&self) -> &Signature {
        &self.inner.signature
    }

    /// The comment above the function, without its `#`.
    pub fn documentation(&self) -> &str {
        &self.inner.documentation
    }

    /// Names and types of the arguments, tuples taken apart.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, String)> {
        self.inner.graph.inputs.iter().map(|input| (input.name.as_str(), input.ty.to_string()))
    }

    /// A handle whose arguments and results are checked by the Rust compiler:
    /// `kernel.typed::<fn(Array2<f64>, f64) -> Array1<f64>>()`.
    ///
    /// # Errors
    /// When the function's types are others.
    pub fn typed<F: KernelType>(&self) -> Result<TypedKernel<F>, Error> {
        TypedKernel::new(self.clone())
    }

    /// The same kernel with a control of its own: what [`Control::interrupt`] stops are the calls of this handle and of its
    /// clones, nothing else of the session.
    #[must_use]
    pub fn under(&self, control: Arc<Control>) -> Kernel {
        Kernel { inner: self.inner.clone(), threads: Arc::new(self.threads.answering(control)) }
    }

    /// The same kernel on the threads of a session, and under its control.
    #[must_use]
    pub fn within(&self, session: &super::Session) -> Kernel {
        Kernel { inner: self.inner.clone(), threads: session.threads.clone() }
    }

    /// What may stop the calls of this handle, from another thread, and sees how far they are.
    pub fn control(&self) -> Arc<Control> {
        self.threads.control().clone()
    }

    /// Calls the function with one argument, or a tuple of them: `kernel.call((x.view(), 0.5))`. The results are its
    /// value's arrays, in order. Arrays in C order are read where they are; of others a copy in that order is made.
    ///
    /// # Errors
    /// When an argument has another dtype, rank or size than declared, when a check of the program fails (an index
    /// out of range, say), or when there is not enough memory.
    pub fn call(&self, arguments: impl Argument) -> Result<Vec<Array>, Error> {
        let mut views = Vec::new();
        arguments.views(&mut views);
        self.run(&views, &mut [], &self.inner.native, Runnable::native)
    }

    /// Calls the function and writes its results where `targets` says: a mutable view or array, or a tuple of them, one
    /// for each array of the result. What is in C order is written directly.
    ///
    /// # Errors
    /// As for [`Kernel::call`], and when a target has another element type or another shape than its result. After an error
    /// the targets hold anything.
    pub fn call_into(&self, arguments: impl Argument, mut targets: impl Target) -> Result<(), Error> {
        let (mut views, mut places) = (Vec::new(), Vec::new());
        arguments.views(&mut views);
        targets.views_mut(&mut places);
        self.check_targets(&places)?;
        self.run(&views, &mut places, &self.inner.native, Runnable::native).map(drop)
    }

    /// The same as [`Kernel::call`] through the reference interpreter, which is slow and simple.
    ///
    /// # Errors
    /// As [`Kernel::call`].
    pub fn interpret(&self, arguments: impl Argument) -> Result<Vec<Array>, Error> {
        let mut views = Vec::new();
        arguments.views(&mut views);
        self.run(&views, &mut [], &self.inner.interpreted, Runnable::interpreted)
    }

    /// The most bytes that a call with these arguments will hold beyond them: scratch memory, results, and copies of arguments
    /// that are not in C order. Planned before anything runs; compiles the function if that has not been done. Memory for
    /// sizes that only running tells is not counted.
    ///
    /// # Errors
    /// As [`Kernel::call`] before it runs.
    pub fn peak_bytes(&self, arguments: impl Argument) -> Result<u64, Error> {
        let mut views = Vec::new();
        arguments.views(&mut views);
        let (runnable, sizes) = self.prepared(&views, &self.inner.native, Runnable::native)?;
        let planned = runnable.planned(&sizes).map_err(|problem| self.fail(problem))?;
        Ok(planned.unwrap_or(0).saturating_add(views.iter().map(copied_bytes).sum()))
    }

    /// Compiles the function if that has not been done, and calls it again and again until `budget` is used up, once at
    /// least; calls to warm up are apart.
    ///
    /// # Errors
    /// As [`Kernel::call`].
    pub fn measure(&self, arguments: impl Argument, budget: Duration) -> Result<Measurement, Error> {
        let mut views = Vec::new();
        arguments.views(&mut views);
        let start = Instant::now();
        let (runnable, sizes) = self.prepared(&views, &self.inner.native, Runnable::native)?;
        let compile = start.elapsed();
        let threads = &*self.threads;
        let measured = repeat(budget, threads, || runnable.call(&views, &mut [], &sizes, (threads, 0)));
        let (runs, peak_bytes) = measured.map_err(|problem| self.fail(problem))?;
        Ok(Measurement { compile, runs, peak_bytes })
    }

    /// What compiling warned of; complete after the first call.
    pub fn warnings(&self) -> Vec<Warning> {
        let warnings = self.inner.warnings.lock().map(|warnings| warnings.clone()).unwrap_or_default();
        warnings.into_iter().map(|warning| Warning::new(warning, self.inner.sources.clone())).collect()
    }

    /// Names and texts of the files that the program is made of, the program's own first: what
    /// [`Session::compile_bundle`](super::Session::compile_bundle) needs to make this kernel again.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.inner.sources.texts()
    }

    /// The text of a stage of its compilation, for any sizes.
    ///
    /// # Errors
    /// When the function does not get that far.
    pub fn emit(&self, stage: &Stage) -> Result<String, Error> {
        match stage {
            Stage::Tokens | Stage::Ast => Ok(emit_text(self.inner.sources.get(FileId(0)).1, stage)),
            _ => emit_graph(&self.inner.graph, stage).map_err(|problem| self.fail(problem)),
        }
    }

    fn fail(&self, problem: Box<Diagnostic>) -> Error {
        Error::new(vec![problem], self.inner.sources.clone())
    }

    fn run(
        &self,
        arguments: &[ArrayView<'_>],
        targets: &mut [ArrayViewMut<'_>],
        slot: &OnceLock<Result<Runnable, Box<Diagnostic>>>,
        make: fn(&Graph, &mut Context) -> Checking<Runnable>,
    ) -> Result<Vec<Array>, Error> {
        let (runnable, sizes) = self.prepared(arguments, slot, make)?;
        let inner = &*self.inner;
        for (position, (target, &output)) in targets.iter().zip(&inner.graph.outputs).enumerate() {
            let shape: Option<Vec<i64>> = inner.graph.shape(output).iter().map(|size| size.eval(&sizes)).collect();
            let shape = shape.map(|shape| shape.into_iter().map(|size| usize::try_from(size).unwrap_or(0)).collect());
            if let Some(shape) = shape.filter(|shape: &Vec<usize>| shape != target.shape()) {
                return Err(self.fail(misshapen(self.name(), position, target.shape(), &shape)));
            }
        }
        let called = runnable.call(arguments, targets, &sizes, (&self.threads, 0));
        let results = called.map_err(|problem| self.fail(problem))?.results;
        for (position, (target, result)) in targets.iter_mut().zip(&results).enumerate() {
            if let Some(result) = result.as_ref().filter(|result| !target.assign(result)) {
                return Err(self.fail(misshapen(self.name(), position, target.shape(), result.shape())));
            }
        }
        Ok(results.into_iter().flatten().collect())
    }

    /// The code, compiled for the sizes of these arguments if there is none yet, and the sizes.
    fn prepared<'k>(
        &'k self,
        arguments: &[ArrayView<'_>],
        slot: &'k OnceLock<Result<Runnable, Box<Diagnostic>>>,
        make: fn(&Graph, &mut Context) -> Checking<Runnable>,
    ) -> Result<(&'k Runnable, SizeEnv), Error> {
        let inner = &*self.inner;
        let sizes = bind(self.name(), &inner.graph, arguments).map_err(|problem| self.fail(problem))?;
        let runnable = slot.get_or_init(|| {
            let mut context = Context { expected: sizes.clone(), ..Context::default() };
            let native = std::ptr::eq(slot, &raw const inner.native);
            let key = native.then(|| cache::Key::new(&inner.sources, self.name(), &sizes));
            let made = match key.as_ref().and_then(cache::find) {
                Some((code, warnings)) => {
                    context.warnings = warnings;
                    Ok(code)
                }
                None => make(&inner.graph, &mut context),
            };
            if let (Some(key), Ok(code)) = (key, &made) {
                cache::keep(key, code, &context.warnings);
            }
            if let Ok(mut warnings) = inner.warnings.lock() {
                let fresh: Vec<_> = context.warnings.into_iter().filter(|w| !warnings.contains(w)).collect();
                warnings.extend(fresh);
            }
            made
        });
        let runnable = runnable.as_ref().map_err(|problem| self.fail(problem.clone()))?;
        Ok((runnable, sizes))
    }

    /// That there is a target for each result, with its element type and number of axes.
    fn check_targets(&self, targets: &[ArrayViewMut<'_>]) -> Result<(), Error> {
        let (name, graph) = (self.name(), &self.inner.graph);
        if targets.len() != graph.outputs.len() {
            let text =
                format!("`{name}` gives {} arrays, there are {} to write to", graph.outputs.len(), targets.len());
            return Err(self.fail(Diagnostic::global(codes::ARGUMENTS, text)));
        }
        for (position, (target, &output)) in targets.iter().zip(&graph.outputs).enumerate() {
            let ty = graph.ty(output);
            if target.dtype() != ty.dtype {
                let text =
                    format!("result {position} of `{name}` is {ty}, the array to write to is {}", target.dtype());
                return Err(self.fail(Diagnostic::global(codes::TYPE, text)));
            }
            if target.shape().len() != ty.rank() {
                let axes = target.shape().len();
                let text = format!("result {position} of `{name}` is {ty}, the array to write to has {axes} axes");
                return Err(self.fail(Diagnostic::global(codes::RANK, text)));
            }
        }
        Ok(())
    }
}

fn misshapen(name: &str, position: usize, target: &[usize], result: &[usize]) -> Box<Diagnostic> {
    let text = format!(
        "result {position} of `{name}` has the shape {result:?}, the array to write to has the shape {target:?}"
    );
    Diagnostic::global(codes::SIZES, text)
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
