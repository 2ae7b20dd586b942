//! A function that can be called with arrays.
//!
//! In: a checked function. Out: [`Kernel`], a cheap handle that may be shared between threads.
//! Always holds: it is compiled once, at the first call, and serves every size.

use super::Stage;
use super::cache;
use super::compile::{Runnable, told};
use super::emit::{emit_graph, emit_text};
use super::error::{Error, Warning};
use super::measure::{Measurement, repeat};
use super::signature::Signature;
use super::typed::TypedKernel;
use crate::check::Checked;
use crate::diagnostic::{Diagnostic, Result as Checking, Sources};
use crate::graph::{Graph, SizeEnv, Type};
use crate::pipeline::Context;
use crate::runtime::argument::{Argument, Target};
use crate::runtime::array::{Array, ArrayView, ArrayViewMut};
use crate::runtime::control::Control;
use crate::runtime::execute::copied_bytes;
use crate::runtime::message::Message;
use crate::runtime::signature::{self, Formal};
use crate::runtime::threads::Threads;
use crate::runtime::typed::KernelType;
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
        let outputs = formals_of(self.inner.graph.outputs.iter().map(|&output| ("", self.inner.graph.ty(output))));
        signature::check_targets(self.name(), &outputs, &places).map_err(|message| self.refuse(message))?;
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

    fn refuse(&self, message: Message) -> Error {
        self.fail(told(message, None))
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
        let shapes = inner.graph.outputs.iter().map(|&output| inner.graph.shape(output));
        signature::check_shapes(self.name(), shapes, targets, &sizes).map_err(|message| self.refuse(message))?;
        let called = runnable.call(arguments, targets, &sizes, (&self.threads, 0));
        let results = called.map_err(|problem| self.fail(problem))?.results;
        signature::assign(self.name(), &results, targets).map_err(|message| self.refuse(message))?;
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
        let inputs = formals_of(inner.graph.inputs.iter().map(|input| (input.name.as_str(), &input.ty)));
        let sizes = signature::bind_arguments(self.name(), &inputs, arguments).map_err(|m| self.refuse(m))?;
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
}

/// What the function takes, or gives: names and types.
fn formals_of<'a>(all: impl Iterator<Item = (&'a str, &'a Type)>) -> Vec<Formal<'a>> {
    all.map(|(name, ty)| Formal { name, ty, dtype: ty.dtype, shape: &ty.shape }).collect()
}

/// The values of size variables, from the shapes of arrays that are declared with them.
pub(super) fn bind_sizes(formals: &[(&str, &Type)], shapes: &[&[usize]], known: &SizeEnv) -> Checking<SizeEnv> {
    let formals = formals_of(formals.iter().copied());
    signature::bind_sizes(&formals, shapes, known).map_err(|message| told(message, None))
}
