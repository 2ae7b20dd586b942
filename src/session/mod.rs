//! The public API: compile a module, get a kernel, call it; or run a program.
//!
//! In: source text, arrays. Out: arrays, or an [`Error`] with everything a person needs to mend it.
//! Always holds: nothing here panics on bad input, and a session that reported an error goes on.
#![deny(clippy::indexing_slicing)]

mod asking;
mod batch_data;
mod build;
mod cache;
mod compile;
mod contracts;
mod effects;
mod emit;
mod error;
mod examples;
mod explain;
mod files;
mod inputs;
mod interactive;
mod kernel;
mod measure;
mod output;
mod plots;
mod recovery;
mod script;
mod signature;
mod stepping;
mod typed;

pub use build::{BuildKind, BuildOptions, Built};
pub use cache::free_unused_code;
pub use emit::Stage;
pub use error::{Error, Warning};
pub use examples::ExampleCheck;
pub use explain::Explanation;
pub use inputs::InputSource;
pub use interactive::{Answer, Interactive, LAST, Outlet};
pub use kernel::Kernel;
pub use measure::Measurement;
pub use output::Output;
pub use script::RunOptions;
pub use signature::{Signature, ValueType};
pub use typed::TypedKernel;

use crate::check::{Checked, Functions};
use crate::diagnostic::{Diagnostic, Sources};
use crate::runtime::control::Control;
use crate::runtime::threads::Threads;
use crate::syntax::ast::{Input, Statement};
use crate::syntax::span::{FileId, Span};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Where programs are compiled and run. Cheap to make; kernels outlive it.
///
/// ```
/// use microtome::Session;
/// use ndarray::array;
///
/// let session = Session::new();
/// let module = session.compile("norms.tome", "
///     fn norms(x: f64[n, d]) -> f64[n] = [sqrt(sum(x[i]^2)) for i in 0:n]
/// ")?;
/// let norms = module.kernel("norms")?;
/// let x = array![[3.0, 4.0], [5.0, 12.0]];
/// let result = norms.call(x.view())?;
/// assert_eq!(result[0].to_f64_vec(), [5.0, 13.0]);
/// # Ok::<(), microtome::Error>(())
/// ```
#[derive(Clone)]
pub struct Session {
    threads: Arc<Threads>,
}

impl Default for Session {
    fn default() -> Session {
        Session::new()
    }
}

/// A program that has been read and checked: functions, and statements that can be run.
pub struct Module {
    sources: Sources,
    functions: Functions,
    inputs: Vec<Input>,
    statements: Vec<Statement>,
    warnings: Vec<Box<Diagnostic>>,
    threads: Arc<Threads>,
    /// How long it took to read and check it.
    read: Duration,
}

impl Session {
    /// A session that uses as many threads as the machine runs at once.
    pub fn new() -> Session {
        Session { threads: Arc::new(Threads::default()) }
    }

    /// A session whose kernels use at most `threads` threads.
    pub fn with_threads(threads: usize) -> Session {
        Session { threads: Arc::new(Threads::new(threads)) }
    }

    /// The same threads under a control of its own.
    #[must_use]
    pub fn under(&self, control: Arc<Control>) -> Session {
        Session { threads: Arc::new(self.threads.answering(control)) }
    }

    /// The same session, whose programs and kernels may use so much memory: a program for all of its arrays, a call of a kernel
    /// beyond its arguments. What needs more is refused before it runs. Without this the limit is nine tenths of what the
    /// machine has free at the time. It is the limit of the session's [`Control`].
    #[must_use]
    pub fn with_max_memory(self, bytes: u64) -> Session {
        self.threads.control().limit_memory(Some(bytes));
        self
    }

    /// The most threads that its kernels use.
    pub fn threads(&self) -> usize {
        self.threads.count()
    }

    /// What may stop whatever the session runs, from another thread, and sees how far it is.
    pub fn control(&self) -> Arc<Control> {
        self.threads.control().clone()
    }

    /// Reads a program and checks its functions.
    ///
    /// # Errors
    /// Everything that is wrong with the text or with a function.
    pub fn compile(&self, name: &str, source: &str) -> Result<Module, Error> {
        files::compile(self, name, source.as_bytes(), None)
    }

    /// The same for a program of several texts, by name: the first is the program, what it imports is looked up among the
    /// others, no file is read. [`Module::texts`] and [`Kernel::texts`] give such a list.
    ///
    /// # Errors
    /// As [`Session::compile`], and when there is no text.
    pub fn compile_bundle(&self, texts: &[(&str, &str)]) -> Result<Module, Error> {
        files::compile_bundle(self, texts)
    }

    /// The same for bytes, which need not even be text.
    ///
    /// # Errors
    /// As [`Session::compile`].
    pub fn compile_bytes(&self, name: &str, source: &[u8]) -> Result<Module, Error> {
        files::compile(self, name, source, None)
    }

    /// The same for a file; what it imports is looked up beside it.
    ///
    /// # Errors
    /// As [`Session::compile`], and when a file cannot be read.
    pub fn compile_file(&self, path: &Path) -> Result<Module, Error> {
        files::compile_file(self, path)
    }
}

impl Module {
    /// The names of the functions.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        self.functions.names()
    }

    /// The files that it is made of: the program's, and those it imports.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.sources.names()
    }

    /// Names and texts of these files, the program's own first.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sources.texts()
    }

    /// The names of the functions of the program itself, without those that it imports, in the order of their names.
    pub fn own_functions(&self) -> impl Iterator<Item = &str> {
        let own = |name: &&str| {
            let definition = self.functions.definition(name);
            definition.is_some_and(|function| function.name.span.file == FileId(0))
        };
        self.functions.names().filter(own)
    }

    /// Whether a function can be a kernel: one that takes lists, or has parameters without a type, is compiled where it is called.
    pub fn is_kernel(&self, name: &str) -> bool {
        self.functions.contains(name) && !self.functions.is_template(name)
    }

    /// What the compiler warned of.
    pub fn warnings(&self) -> Vec<Warning> {
        self.warnings.iter().map(|warning| self.warning(warning)).collect()
    }

    fn warning(&self, diagnostic: &Diagnostic) -> Warning {
        Warning::new(Box::new(diagnostic.clone()), self.sources.clone())
    }

    /// A function as a kernel. Compilation happens at the first call, when there are sizes to plan for, and serves
    /// every size from then on.
    ///
    /// # Errors
    /// When there is no such function.
    pub fn kernel(&self, name: &str) -> Result<Kernel, Error> {
        let checked = self.checked(name)?;
        Ok(Kernel::new(&checked, self.comment_above(name), self.sources.clone(), self.threads.clone()))
    }

    /// The lines of comment right above a function.
    fn comment_above(&self, name: &str) -> String {
        let Some(place) = self.functions.definition(name).map(|function| function.name.span) else {
            return String::new();
        };
        let before = self.sources.get(place.file).1.get(..place.start as usize).unwrap_or_default();
        let lines = before.lines().rev().skip(1).map(str::trim).take_while(|line| line.starts_with('#'));
        let mut lines: Vec<&str> = lines.map(|line| line.trim_start_matches('#').trim()).collect();
        lines.reverse();
        lines.join("\n")
    }

    fn checked(&self, name: &str) -> Result<Rc<Checked>, Error> {
        self.functions.get(name, Span::default()).map_err(|mut diagnostic| {
            // The question came from outside: there is no place in the source to show.
            if !self.functions.contains(name) {
                diagnostic.labels.clear();
            }
            self.error(diagnostic)
        })
    }

    fn error(&self, diagnostic: Box<Diagnostic>) -> Error {
        self.errors(vec![diagnostic])
    }

    fn errors(&self, diagnostics: Vec<Box<Diagnostic>>) -> Error {
        Error::new(diagnostics, self.sources.clone())
    }
}
