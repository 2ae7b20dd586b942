//! Questions about an expression of an interactive session: its type, its stages in the compiler, how long it takes.
//!
//! In: an expression over the session's names. Out: the answer.
//! Always holds: no name changes, whatever the answer; the expression is computed from the names that it mentions, even if its
//! value happens to be known.

use super::effects::is_effect;
use super::emit::{Stage, emit_graph};
use super::interactive::{Interactive, Outlet, catch};
use super::measure::{Measurement, repeat};
use super::script::{Outside, Runner};
use super::{Error, Explanation, explain, files};
use crate::check::{Functions, Value};
use crate::diagnostic::{Diagnostic, Result as Checking, Sources, codes};
use crate::graph::{Graph, NodeId, SizeEnv};
use crate::pipeline::Context;
use crate::runtime::array::{Array, ArrayView};
use crate::syntax::ast::{Expr, ExprKind, Statement, StatementKind};
use crate::syntax::span::Span;
use crate::syntax::visit;
use rustc_hash::FxHashSet;
use std::time::{Duration, Instant};

/// What an expression needs to be computed.
struct Prepared {
    graph: Graph,
    inputs: Vec<NodeId>,
}

impl Interactive {
    /// The type of an expression; of a function its head.
    ///
    /// # Errors
    /// Everything that is wrong with the expression.
    pub fn type_of(&mut self, text: &str, outlet: &mut Outlet<'_>) -> Result<String, Error> {
        let name = text.trim();
        if let Some((_, head)) = self.functions().find(|(known, _)| *known == name) {
            return Ok(head);
        }
        self.ask(text, outlet, |runner, expr| {
            let value = runner.asking(|r| r.checker.expression(expr))?.settled();
            Ok(value.describe(&runner.checker.graph))
        })
    }

    /// An expression, or a function by its name, at a stage of its way through the compiler.
    ///
    /// # Errors
    /// Everything that is wrong with the expression.
    pub fn emit(&mut self, stage: &Stage, text: &str, outlet: &mut Outlet<'_>) -> Result<String, Error> {
        let name = text.trim();
        if let (true, false) = (self.functions.contains(name), matches!(stage, Stage::Tokens | Stage::Ast)) {
            let sources = self.sources.clone();
            return catch(text.as_bytes(), || emit_graph(&self.functions.get(name, Span::default())?.graph, stage))
                .map_err(|problem| Error::new(vec![problem], sources));
        }
        if matches!(stage, Stage::Tokens | Stage::Ast) {
            return Ok(super::emit::emit_text(text, stage));
        }
        self.ask(text, outlet, |runner, expr| emit_graph(&prepare(runner, expr)?.graph, stage))
    }

    /// Explains an expression, or a function by its name: what it costs, and what was made of it.
    ///
    /// # Errors
    /// Everything that is wrong with the expression.
    pub fn explain(&mut self, text: &str, outlet: &mut Outlet<'_>) -> Result<Explanation, Error> {
        let name = text.trim();
        if self.functions.contains(name) {
            let sources = self.sources.clone();
            let of_function = || explain::of_function(&*self.functions.get(name, Span::default())?, sources.clone());
            return catch(text.as_bytes(), of_function)
                .map_err(|problem| Error::new(vec![problem], self.sources.clone()));
        }
        self.ask(text, outlet, |runner, expr| {
            let Prepared { graph, .. } = prepare(runner, expr)?;
            explain::of_expression(&graph, text, runner.sources().clone())
        })
    }

    /// Compiles an expression once, and runs it again and again until `budget` is used up, once at least; runs to warm up are
    /// apart, and without a budget there are none.
    ///
    /// # Errors
    /// Everything that is wrong with the expression, and what fails while it runs.
    pub fn measure(&mut self, text: &str, budget: Duration, outlet: &mut Outlet<'_>) -> Result<Measurement, Error> {
        let start = Instant::now();
        self.ask(text, outlet, |runner, expr| {
            let Prepared { graph, inputs } = prepare(runner, expr)?;
            let mut context = Context::default();
            let runnable = runner.runnable(&graph, &mut context);
            runner.report(&context.warnings);
            let runnable = runnable?;
            let views: Vec<ArrayView<'_>> =
                inputs.iter().filter_map(|id| runner.values.get(id)).map(Array::view).collect();
            let compile = start.elapsed().saturating_sub(runner.ran.get());
            let held = runner.held();
            let call = || runnable.call(&views, &mut [], &SizeEnv::new(), (runner.threads, held));
            let (runs, peak_bytes) = repeat(budget, runner.threads, call)?;
            Ok(Measurement { compile, runs, peak_bytes })
        })
    }

    /// Whether a text is an expression that has a value and does nothing to the world.
    pub fn is_expression(&self, text: &str) -> bool {
        expression(&files::read(Sources::default(), "", text.as_bytes(), None).statements).is_some()
    }

    fn ask<T>(
        &mut self,
        text: &str,
        outlet: &mut Outlet<'_>,
        question: impl FnOnce(&mut Runner<'_, '_>, &Expr) -> Checking<T>,
    ) -> Result<T, Error> {
        let parts = files::read(self.sources.clone(), "expression", text.as_bytes(), None);
        if !parts.problems.is_empty() {
            return Err(Error::new(parts.problems, parts.sources));
        }
        let is_alone = parts.functions.is_empty() && parts.inputs.is_empty() && parts.statements.len() == 1;
        let Some(expr) = expression(&parts.statements).filter(|_| is_alone) else {
            let problem = Diagnostic::global(codes::SYNTAX, "this takes an expression that has a value");
            return Err(Error::new(vec![problem], parts.sources));
        };
        let before = self.graph.len();
        let mut outside = Outside::since(self.started());
        let mut runner = self.runner(&parts.sources, &mut outside, outlet);
        let done = catch(text.as_bytes(), || question(&mut runner, expr));
        let Runner { values, .. } = runner;
        self.values = values;
        self.values.retain(|id, _| (id.0 as usize) < before);
        if done.is_err() {
            self.functions = self.functions.overlaid(&Functions::default());
        }
        done.map_err(|problem| Error::new(vec![problem], parts.sources))
    }
}

fn expression(statements: &[Statement]) -> Option<&Expr> {
    match statements.last().map(|statement| &statement.kind) {
        Some(StatementKind::Expr(expr)) if !is_effect(expr) => Some(expr),
        _ => None,
    }
}

/// Checks an expression; what computes it from the names that it mentions.
fn prepare(runner: &mut Runner<'_, '_>, expr: &Expr) -> Checking<Prepared> {
    let checks = runner.checker.graph.checks.len();
    let value = runner.asking(|r| r.checker.expression(expr))?.settled();
    if value == Value::Nothing || value.nodes().is_empty() {
        let what = value.describe(&runner.checker.graph);
        return Err(
            Diagnostic::error(codes::TYPE, expr.span, "this has nothing to compute").at(format!("this is {what}"))
        );
    }
    let graph = &runner.checker.graph;
    let mut names: FxHashSet<NodeId> = FxHashSet::default();
    visit::expressions(expr, &mut |inner| {
        if let ExprKind::Name(name) = &inner.kind
            && let Some(binding) = runner.checker.scope.get(name)
        {
            names.extend(binding.value.nodes().into_iter().map(|id| graph.unmarked(id)));
        }
    });
    let checks = graph.checks.get(checks..).unwrap_or_default().to_vec();
    let roots = value.nodes();
    runner.given_only = Some(names);
    let (graph, inputs) = runner.segment(&roots, &checks);
    Ok(Prepared { graph, inputs })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::session::Session;

    #[test]
    fn a_fault_of_the_compilers_is_reported_and_the_session_goes_on() {
        let mut session = Interactive::new(&Session::with_threads(1));
        let mut printed = Vec::new();
        let mut outlet = Outlet { out: &mut printed, warn: &mut |_| {} };
        session.evaluate("let x = [1.0, 2.0]\nfn f(a: f64) = a + 1", &mut outlet).unwrap();
        let error = session
            .ask("f(x[0])", &mut outlet, |runner, expr| -> Checking<()> {
                prepare(runner, expr)?;
                panic!("an invariant does not hold")
            })
            .unwrap_err()
            .to_string();
        for part in ["E0901", "an invariant does not hold", "f(x[0])", "report this"] {
            assert!(error.contains(part), "{part} is not in\n{error}");
        }
        session.evaluate("f(x[1])", &mut outlet).unwrap();
        assert_eq!(session.value("_").unwrap().render(true), "3.0  f64");
    }
}
