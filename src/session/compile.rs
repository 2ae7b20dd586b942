//! From a checked graph to something that runs: machine code, or the interpreter.
//!
//! In: a graph and sizes to expect. Out: [`Runnable`], called with arrays.
//! Always holds: the interpreter and the compiled code give the same results and the same errors.

use crate::codegen::{Compiled, compile};
use crate::diagnostic::{Code, Diagnostic, Result, codes};
use crate::graph::{Graph, SizeEnv};
use crate::interp::{self, FaultKind};
use crate::loops::{self, FaultSite};
use crate::pipeline::{self, Context};
use crate::runtime::array::{Array, ArrayView, ArrayViewMut};
use crate::runtime::execute::{Failure, Resources};
use crate::runtime::memory::{Arenas, admit};
use crate::runtime::message::{self, Cause, Message};
use crate::runtime::threads::Threads;
use crate::syntax::span::Span;

/// What a call has come to.
pub(super) struct Called {
    /// The results that could not be written to their targets.
    pub results: Vec<Option<Array>>,
    /// The most bytes that it held beyond its inputs; the interpreter does not count them.
    pub peak: Option<u64>,
}

/// A graph that can be called.
pub(super) enum Runnable {
    /// Machine code.
    Native {
        /// What can go wrong.
        faults: Vec<FaultSite>,
        /// The code.
        code: Compiled,
        /// Scratch memory of earlier calls.
        arenas: Arenas,
        /// Shapes of the results.
        results: Vec<Vec<crate::graph::Size>>,
    },
    /// The reference interpreter.
    Interpreted(Box<Graph>),
}

impl Runnable {
    /// Compiles a graph, planning for the sizes in `context`.
    pub fn native(graph: &Graph, context: &mut Context) -> Result<Runnable> {
        let planned = pipeline::run(graph, context, None, |_, _| {})?;
        // A size that was to be found when running may have become a number on the way.
        let results = planned.outputs.iter().map(|&id| planned.shape(id).to_vec()).collect();
        let mut kernel = loops::lower(&planned)?;
        loops::prepare(&mut kernel);
        if cfg!(debug_assertions) {
            loops::verify(&kernel).map_err(|text| bug(&text))?;
        }
        let code = compile(&kernel).map_err(|error| bug(&error.to_string()))?;
        Ok(Runnable::Native { faults: kernel.faults, code, arenas: Arenas::default(), results })
    }

    /// The same code with scratch memory of its own; none for the interpreter.
    pub fn again(&self) -> Option<Runnable> {
        match self {
            Runnable::Native { faults, code, results, .. } => Some(Runnable::Native {
                faults: faults.clone(),
                code: code.clone(),
                arenas: Arenas::default(),
                results: results.clone(),
            }),
            Runnable::Interpreted(_) => None,
        }
    }

    /// Whether both run the same code.
    #[cfg(test)]
    pub fn is_same_code(&self, other: &Runnable) -> bool {
        match (self, other) {
            (Runnable::Native { code: a, .. }, Runnable::Native { code: b, .. }) => a.is_same(b),
            _ => false,
        }
    }

    /// Prepares a graph for the interpreter.
    pub fn interpreted(graph: &Graph, context: &mut Context) -> Result<Runnable> {
        let graph = pipeline::run_only(graph, context, pipeline::REFERENCE)?;
        Ok(Runnable::Interpreted(Box::new(graph)))
    }

    /// Calls it. The arrays have the types of the graph's inputs at these sizes; `held` are the bytes of all arrays that count
    /// towards a limit already. What could be written to the target of its position is not given back.
    pub fn call(
        &self,
        inputs: &[ArrayView<'_>],
        targets: &mut [ArrayViewMut<'_>],
        sizes: &SizeEnv,
        (threads, held): (&Threads, u64),
    ) -> Result<Called> {
        match self {
            Runnable::Native { faults, code, arenas, results } => {
                let resources = Resources { threads, arenas, held };
                let done = code.execute(inputs, targets, results, sizes, resources);
                let allowed = threads.control().memory_limit();
                let outcome = done.map_err(|failure| explain(failure, faults, allowed))?;
                Ok(Called { results: outcome.results, peak: Some(outcome.peak) })
            }
            Runnable::Interpreted(graph) => {
                let bytes = |view: &ArrayView<'_>| view.dtype().size() * view.shape().iter().product::<usize>();
                let copied = inputs.iter().map(bytes).fold(0u64, |sum, bytes| sum.saturating_add(bytes as u64));
                let allowed = threads.control().memory_limit();
                admit(allowed, copied, held).map_err(|failure| explain(failure, &[], allowed))?;
                let inputs: Vec<Array> = inputs.iter().map(ArrayView::to_array).collect();
                let results = interp::evaluate_under(graph, &inputs, sizes, threads.control()).map_err(|fault| {
                    let message = match &fault.kind {
                        FaultKind::Index { axis, index, extent } => message::of_index(*axis, *index, *extent),
                        FaultKind::Interrupted => return interrupted(),
                        FaultKind::DivisionByZero => message::of_division(),
                        FaultKind::Step => message::of_step(),
                        FaultKind::Sizes { what, sizes: [a, b] } => message::of_sizes(what, *a, *b),
                        FaultKind::Assertion { message } => message::of_assertion(message.as_deref()),
                        FaultKind::Unsupported(text) | FaultKind::NoSize(text) => return bug(text),
                    };
                    told(message, Some(fault.span))
                })?;
                Ok(Called { results: results.into_iter().map(Some).collect(), peak: None })
            }
        }
    }

    /// The bytes that a call at these sizes needs beyond its inputs, as planned before it; the interpreter plans nothing. Sizes that
    /// only running tells count as 0.
    pub fn planned(&self, sizes: &SizeEnv) -> Result<Option<u64>> {
        match self {
            Runnable::Native { code, faults, .. } => {
                code.planned(sizes).map(Some).map_err(|failure| explain(failure, faults, None))
            }
            Runnable::Interpreted(_) => Ok(None),
        }
    }
}

impl Called {
    /// The results, none of which had a target.
    pub fn arrays(self) -> Vec<Array> {
        self.results.into_iter().flatten().collect()
    }
}

fn bug(text: &str) -> Box<Diagnostic> {
    Diagnostic::global(codes::BUG, format!("the compiler failed: {text}"))
        .help("please report this with the program that caused it")
}

/// The program was asked to stop.
pub(super) fn interrupted() -> Box<Diagnostic> {
    Diagnostic::global(codes::INTERRUPTED, "stopped by Ctrl-C")
}

fn explain(failure: Failure, sites: &[FaultSite], allowed: Option<u64>) -> Box<Diagnostic> {
    if let Failure::Memory { needed, limit } = &failure
        && allowed == Some(*limit)
    {
        let mut message = message::of_allowance(*needed, *limit);
        message.help = message.help.map(|help| format!("{help}: --max-memory"));
        return told(message, None);
    }
    if matches!(&failure, Failure::Fault(fault) if fault.is_interrupted()) {
        return interrupted();
    }
    let mut span = None;
    let message = message::of_failure(&failure, |site| {
        let site = sites.get(site)?;
        span = Some(site.span);
        Some(site.kind.clone())
    });
    match message.cause {
        Cause::Internal => bug(&message.text),
        _ => told(message, span),
    }
}

/// What the run-time library says, at a place if it has one.
pub(super) fn told(message: Message, span: Option<Span>) -> Box<Diagnostic> {
    let code = Code(message.cause.code());
    let mut diagnostic = match span {
        Some(span) => Diagnostic::error(code, span, message.text),
        None => Diagnostic::global(code, message.text),
    };
    if let Some(at) = message.at {
        diagnostic = diagnostic.at(at);
    }
    diagnostic = message.notes.into_iter().fold(diagnostic, Diagnostic::note);
    message.help.into_iter().fold(diagnostic, Diagnostic::help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_a_code() {
        for cause in Cause::ALL {
            assert!(codes::ALL.iter().any(|(code, _)| code.0 == cause.code()), "{cause:?}");
            assert_eq!(format!("E{:04}", cause.status()), cause.code());
        }
    }
}
