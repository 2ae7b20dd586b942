//! Kernels that a build script has compiled, as a Rust program calls them.
//!
//! In: a record of an object file, and ndarray views. Out: [`Kernel`], whose arguments and results the Rust compiler checks.
//! Always holds: nothing is compiled when a program runs; the modules that `microtome::embed` writes have no unsafe code of
//! their own, since what names the record is a macro of this crate.
#![allow(unsafe_code)]

use super::argument::{Argument, Target};
use super::array::{Array, ArrayView, ArrayViewMut};
use super::control::Control;
use super::error::Error;
use super::execute::{Resources, execute};
use super::message::{self, Message};
use super::native::call::{Loaded, explain, formals, ready};
use super::native::{self, Problem, Record};
use super::signature::{assign, bind_arguments, check_shapes, check_targets};
use super::symbols;
use super::typed::{KernelType, Outcome};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// A kernel that was compiled when the program was built; the type is its signature, `fn(Array2<f64>, f64) -> Array1<f64>`.
/// Cheap to make and to clone; all handles of a function share its scratch memory.
pub struct Kernel<F> {
    record: &'static Record,
    control: Option<Arc<Control>>,
    signature: PhantomData<fn() -> F>,
}

impl<F> Clone for Kernel<F> {
    fn clone(&self) -> Kernel<F> {
        Kernel { record: self.record, control: self.control.clone(), signature: PhantomData }
    }
}

impl<F> fmt::Debug for Kernel<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.record.loaded().map_or("?", |loaded| loaded.program.name.as_str());
        write!(f, "Kernel({name})")
    }
}

impl<F: KernelType> Kernel<F> {
    /// The kernel behind a record; what the macro [`kernel!`](crate::kernel) calls.
    #[doc(hidden)]
    pub fn new(record: &'static Record) -> Kernel<F> {
        Kernel { record, control: None, signature: PhantomData }
    }

    /// Calls the function with its argument, or a tuple of them. Arrays in C order are read where they are; of others a copy
    /// in that order is made.
    ///
    /// # Errors
    /// When the sizes of the arguments do not fit each other, when a check of the program fails (an index out of range,
    /// say), when there is not enough memory, or when the call is stopped.
    pub fn call(&self, arguments: F::Arguments<'_>) -> Result<F::Outcome, Error> {
        let mut views = Vec::new();
        arguments.views(&mut views);
        let mut arrays = self.run(&views, &mut [])?.into_iter().flatten().collect::<Vec<_>>().into_iter();
        let other = || Error::new(message::of_defect("a function gave other results than its type says").into());
        F::Outcome::take(&mut arrays).ok_or_else(other)
    }

    /// Calls the function and writes its results where `targets` says: a mutable view, `&mut` of a number, or a tuple of
    /// these. What is in C order is written directly.
    ///
    /// # Errors
    /// As for [`Kernel::call`], and when a target has another shape than its result. After an error the targets hold anything.
    pub fn call_into(
        &self,
        arguments: F::Arguments<'_>,
        mut targets: <F::Outcome as Outcome>::Target<'_>,
    ) -> Result<(), Error> {
        let (mut views, mut places) = (Vec::new(), Vec::new());
        arguments.views(&mut views);
        targets.views_mut(&mut places);
        let loaded = self.record.loaded().map_err(|message| Error::new(message.into()))?;
        let name = &loaded.program.name;
        let refuse = |message: Message| Error::new(Problem::of_call(message, name));
        check_targets(name, &formals(&loaded.program.outputs), &places).map_err(refuse)?;
        let results = self.run(&views, &mut places)?;
        assign(name, &results, &mut places).map_err(refuse)
    }

    /// The same kernel with a control of its own: what [`Control::interrupt`] stops, and what its limit on memory is for, are the
    /// calls of this handle and of its clones.
    #[must_use]
    pub fn under(&self, control: Arc<Control>) -> Kernel<F> {
        Kernel { record: self.record, control: Some(control), signature: PhantomData }
    }

    fn run(&self, arguments: &[ArrayView<'_>], targets: &mut [ArrayViewMut<'_>]) -> Result<Vec<Option<Array>>, Error> {
        run(self.record, self.control.as_ref(), arguments, targets).map_err(Error::new)
    }
}

/// A call, whatever the types.
fn run(
    record: &'static Record,
    control: Option<&Arc<Control>>,
    arguments: &[ArrayView<'_>],
    targets: &mut [ArrayViewMut<'_>],
) -> Result<Vec<Option<Array>>, Box<Problem>> {
    let loaded = record.loaded()?;
    let Loaded { program, arenas } = loaded;
    let refuse = |message: Message| Problem::of_call(message, &program.name);
    let mut threads = native::threads();
    if let Some(control) = control {
        threads = Arc::new(threads.answering(control.clone()));
    }
    ready(program, &threads, "build the crate without `-C target-cpu` or `-C target-feature`").map_err(refuse)?;
    let sizes = bind_arguments(&program.name, &formals(&program.inputs), arguments).map_err(refuse)?;
    check_shapes(&program.name, program.shapes(), targets, &sizes).map_err(refuse)?;
    let results = program.shapes().map(<[_]>::to_vec).collect::<Vec<_>>();
    let resources = Resources { threads: &threads, arenas, held: 0 };
    // SAFETY: entry and layout are those of one record, which only the compiler makes; `bind_arguments` has looked at the
    // element types and the sizes of the arguments.
    let done = unsafe { execute(record.entry(), &program.layout, (arguments, targets), &results, &sizes, resources) };
    let allowed = threads.control().memory_limit();
    Ok(done.map_err(|failure| explain(&failure, program, allowed))?.results)
}

/// Runs all kernels of the program on at most so many threads from now on; without a number on as many as the machine runs at once.
/// Results are the same to the last bit for every number.
pub fn set_threads(count: Option<usize>) {
    native::set_threads(count);
}

/// What may stop the kernels of the program that have no control of their own, tells how far they are, and limits their memory.
pub fn control() -> Arc<Control> {
    native::threads().control().clone()
}

/// Whether a module was written for this version of the library; what [`kernel!`](crate::kernel) asks when a crate is compiled.
#[doc(hidden)]
pub const fn is_written_for_this(identity: &str) -> bool {
    let (own, other) = (symbols::PREFIX.as_bytes(), identity.as_bytes());
    let mut same = own.len() == other.len();
    let mut k = 0;
    while same && k < own.len() {
        same = own[k] == other[k];
        k += 1;
    }
    same
}

/// The kernel of a record in a static library, for modules that `microtome::embed` writes.
///
/// It is a macro so that the declaration of the record, which is unsafe, is this crate's and not the user's: crates that forbid unsafe
/// code have kernels too. That there is such a record in the library, the compiler that wrote the call has seen to.
#[macro_export]
#[doc(hidden)]
macro_rules! kernel {
    ($identity:literal, $library:literal, $symbol:literal) => {{
        const {
            assert!(
                $crate::embedded::is_written_for_this($identity),
                "`microtome` among the build-dependencies and `microtome-runtime` among the dependencies are not of one version"
            );
        }
        #[link(name = $library, kind = "static")]
        unsafe extern "C" {
            #[link_name = $symbol]
            safe static RECORD: $crate::native::Record;
        }
        $crate::embedded::Kernel::new(&RECORD)
    }};
}
