//! How long things take, and how much memory: a function, a program, an expression of an interactive session.
//!
//! In: something to call. Out: [`Measurement`].
//! Always holds: compiling and the calls to warm up are not among the runs; what is measured prints and writes nothing.

use super::compile::{Called, interrupted};
use super::inputs::{Given, Taker, fitting, gather, matched, missing};
use super::interactive::Outlet;
use super::script::{Outside, RunOptions, Runner, Settings};
use super::{Error, Module, Warning};
use crate::check::{Checker, Loaded, Value};
use crate::diagnostic::{Diagnostic, Result as Checking, codes};
use crate::pipeline::Context;
use crate::runtime::array::{Array, ArrayView};
use crate::runtime::threads::Threads;
use crate::syntax::ast::{Argument, Expr, ExprKind, Name, Statement, StatementKind};
use crate::syntax::span::Span;
use std::io::Write;
use std::time::{Duration, Instant};

/// The most runs that are kept.
const MOST: usize = 1 << 20;

/// How long something takes, and how much memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measurement {
    /// To read, check and compile it.
    pub compile: Duration,
    /// To run it, for each run in the order in which they were; at least one.
    pub runs: Vec<Duration>,
    /// The most bytes that a run held beyond its inputs: scratch memory, results, and copies of inputs that are not in C order. The
    /// interpreter does not count them.
    pub peak_bytes: Option<u64>,
}

impl Measurement {
    /// The time that the fraction `q` of the runs did not take longer than.
    pub fn quantile(&self, q: f64) -> Duration {
        let mut runs = self.runs.clone();
        runs.sort_unstable();
        let at = (runs.len().saturating_sub(1) as f64 * q.clamp(0.0, 1.0)).round() as usize;
        runs.get(at).copied().unwrap_or_default()
    }

    /// The time in the middle.
    pub fn median(&self) -> Duration {
        self.quantile(0.5)
    }

    /// The shortest time.
    pub fn minimum(&self) -> Duration {
        self.quantile(0.0)
    }

    /// How far the middle half of the runs is spread: the distance of the quartiles over the median.
    pub fn spread(&self) -> f64 {
        let width = self.quantile(0.75).saturating_sub(self.quantile(0.25));
        width.as_secs_f64() / self.median().as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// Calls again and again until `budget` is used up, once at least; before that, unless the budget is nothing, some calls to
/// warm up. Gives the times, and the most memory that a call held.
pub(super) fn repeat(
    budget: Duration,
    threads: &Threads,
    mut call: impl FnMut() -> Checking<Called>,
) -> Checking<(Vec<Duration>, Option<u64>)> {
    let (mut runs, mut peak) = (Vec::new(), None);
    let mut once = || -> Checking<Duration> {
        if threads.control().is_interrupted() {
            return Err(interrupted());
        }
        let start = Instant::now();
        let called = call()?;
        let time = start.elapsed();
        peak = peak.max(called.peak);
        drop(std::hint::black_box(called.results));
        Ok(time)
    };
    let warm = Instant::now();
    while warm.elapsed() < budget / 8 {
        once()?;
    }
    let began = Instant::now();
    while runs.is_empty() || (began.elapsed() < budget && runs.len() < MOST) {
        runs.push(once()?);
    }
    Ok((runs, peak))
}

impl Module {
    /// Measures calls of a function for as long as `budget`; its parameters are fed by name from the options' inputs. Without a
    /// function the statements are measured: everything that they print, save and draw is computed in one kernel, again
    /// and again, but not printed, saved or drawn.
    ///
    /// # Errors
    /// When there is no such function, an input is missing, misshapen or surplus, or a call fails.
    pub fn measure(
        &self,
        function: Option<&str>,
        options: &RunOptions,
        budget: Duration,
        warn: &mut dyn FnMut(Warning),
    ) -> Result<Measurement, Error> {
        let Some(name) = function else { return self.measure_statements(options, budget, warn) };
        let is_checked_per_call = self.functions.contains(name) && self.functions.is_template(name);
        if is_checked_per_call {
            return self.measure_call(name, options, budget, warn);
        }
        let kernel = self.kernel(name)?;
        let arguments = self.arguments(name, options).map_err(|problem| self.error(problem))?;
        let views: Vec<ArrayView<'_>> = arguments.iter().map(Array::view).collect();
        let measured = kernel.measure(&views, budget).map_err(|error| self.as_input(error))?;
        kernel.warnings().into_iter().for_each(warn);
        Ok(Measurement { compile: measured.compile + self.read, ..measured })
    }

    /// An array for each of the function's inputs.
    fn arguments(&self, name: &str, options: &RunOptions) -> Checking<Vec<Array>> {
        let checked = self.functions.get(name, Span::default())?;
        let inputs = &checked.graph.inputs;
        let declared: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
        let mut given = Vec::new();
        gather(&options.inputs)?.into_iter().for_each(|(name, value)| value.parts(name, &mut given));
        let given = matched(given, &declared, Taker::Function(name))?;
        let pairs = inputs.iter().zip(given);
        pairs
            .map(|(input, given)| {
                let place = |known: &&crate::check::Parameter| {
                    let rest = input.name.strip_prefix(&known.name);
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                };
                let span = checked.parameters.iter().find(place).map_or_else(Span::default, |known| known.span);
                fitting(&input.name, &input.ty, given.ok_or_else(|| missing(&input.name, span))?)
            })
            .collect()
    }

    /// Sizes that do not agree are a mistake of who gives the inputs.
    fn as_input(&self, error: Error) -> Error {
        let is_size = |code| code == codes::SIZES || code == codes::UNBOUND_SIZE;
        let sizes = error.diagnostics().next().filter(|first| is_size(first.code) && first.labels.is_empty()).cloned();
        sizes.map_or(error, |first| self.error(Box::new(Diagnostic { code: codes::INPUT, ..first })))
    }

    fn measure_statements(
        &self,
        options: &RunOptions,
        budget: Duration,
        warn: &mut dyn FnMut(Warning),
    ) -> Result<Measurement, Error> {
        let given = self.given(options).map_err(|problem| self.error(problem))?;
        self.dry(options, warn, |runner, read| {
            runner.checker.announce(&self.statements);
            runner.values = super::inputs::bind_inputs(&mut runner.checker, &self.inputs, given)?;
            let checking = Instant::now();
            self.statements.iter().try_for_each(|statement| runner.statement(statement))?;
            measure_pending(runner, budget, checking, read)
        })
    }

    /// A function that is checked for each call, for the arguments that it is given.
    fn measure_call(
        &self,
        name: &str,
        options: &RunOptions,
        budget: Duration,
        warn: &mut dyn FnMut(Warning),
    ) -> Result<Measurement, Error> {
        let given = gather(&options.inputs).map_err(|problem| self.error(problem))?;
        let definition = self.functions.definition(name);
        let params: Vec<&Name> =
            definition.iter().flat_map(|function| function.params.iter().map(|param| &param.name)).collect();
        let declared: Vec<&str> = params.iter().map(|param| param.text.as_str()).collect();
        let given = matched(given, &declared, Taker::Function(name)).map_err(|problem| self.error(problem))?;
        let span = definition.map_or_else(Span::default, |function| function.name.span);
        self.dry(options, warn, |runner, read| {
            let mut arguments = Vec::new();
            for (param, given) in params.iter().zip(given) {
                let given = given.ok_or_else(|| missing(&param.text, param.span))?;
                let value = runner.checker.given(&param.text, loaded(given)?);
                runner.checker.bind_value(param, value);
                arguments.push(Argument { name: None, value: named_at(&param.text, param.span) });
            }
            let callee = Box::new(named_at(name, span));
            let call = Expr { kind: ExprKind::Call(callee, arguments), span, depth: 1 };
            let result = Name { text: "result".to_string(), span };
            let bind = StatementKind::Let(crate::syntax::ast::Pattern::Name(result), call);
            let checking = Instant::now();
            runner.statement(&Statement { kind: bind, span, silent: true })?;
            let value = runner.checker.scope.get("result").map_or(Value::Nothing, |result| result.value.clone());
            runner.want(value.settled());
            measure_pending(runner, budget, checking, read)
        })
    }

    /// Something done with a runner that does nothing to the world. It is told how long files have been read.
    pub(super) fn dry<T>(
        &self,
        options: &RunOptions,
        warn: &mut dyn FnMut(Warning),
        work: impl FnOnce(&mut Runner<'_, '_>, &dyn Fn() -> Duration) -> Checking<T>,
    ) -> Result<T, Error> {
        self.warnings.iter().for_each(|warning| warn(self.warning(warning)));
        let mut outside = Outside::dry();
        let reading = outside.reading();
        let mut checker = Checker::new("main", &self.functions, Some(&mut outside));
        checker.live = true;
        let settings = Settings { interpret: options.interpret, terminal: options.terminal, dry: true };
        let mut sink = std::io::sink();
        let mut outlet = Outlet { out: &mut sink as &mut dyn Write, warn };
        let values = rustc_hash::FxHashMap::default();
        let mut runner = Runner::new(checker, values, (&self.sources, &self.threads), settings, &mut outlet);
        work(&mut runner, &|| reading.get()).map_err(|problem| self.error(problem))
    }
}

/// Measures everything that is pending, as one kernel that computes it from the inputs and from what was loaded.
fn measure_pending(
    runner: &mut Runner<'_, '_>,
    budget: Duration,
    checking: Instant,
    read: &dyn Fn() -> Duration,
) -> Checking<Measurement> {
    let (roots, checks) = runner.wanted();
    if roots.is_empty() && checks.is_empty() {
        return Err(Diagnostic::global(
            codes::ARGUMENTS,
            "there is nothing to measure: the program prints and saves nothing",
        )
        .help("name a function with --fn, or print what is to be computed"));
    }
    runner.given_only = Some(rustc_hash::FxHashSet::default());
    let (graph, inputs) = runner.segment(&roots, &checks);
    let mut context = Context::default();
    let runnable = runner.runnable(&graph, &mut context);
    runner.report(&context.warnings);
    let runnable = runnable?;
    let compile = checking.elapsed().saturating_sub(runner.ran.get() + read());
    let views: Vec<ArrayView<'_>> = inputs.iter().filter_map(|id| runner.values.get(id)).map(Array::view).collect();
    let held = views.iter().map(ArrayView::bytes).sum();
    let call = || runnable.call(&views, &mut [], &crate::graph::SizeEnv::new(), (runner.threads, held));
    let (runs, peak_bytes) = repeat(budget, runner.threads, call)?;
    Ok(Measurement { compile, runs, peak_bytes })
}

/// A name as an expression.
fn named_at(name: &str, span: Span) -> Expr {
    Expr { kind: ExprKind::Name(name.to_string()), span, depth: 0 }
}

/// What is given, as a file would hold it: a number that is written without a point is a whole one.
fn loaded(given: Given) -> Checking<Loaded> {
    match given {
        Given::File(value) | Given::Matlab(value) => Ok(value),
        Given::Text(text) => {
            let whole = text.parse::<i64>().ok().map(Array::from);
            let truth = || text.parse::<bool>().ok().map(Array::from);
            let number = || text.parse::<f64>().ok().map(Array::from);
            let array = whole.or_else(truth).or_else(number);
            array.map(Loaded::Array).ok_or_else(|| Diagnostic::global(codes::INPUT, format!("`{text}` is no number")))
        }
    }
}
