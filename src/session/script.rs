//! Running a program's statements.
//!
//! In: a module, its inputs, where to print. Out: what the program prints and saves.
//! Always holds: all inputs and statements are checked before anything is printed or written (a program that asks for
//! the time, or that loads what it saves, is run up to there first), and effects happen in program order.

use super::compile::{Called, Runnable, interrupted};
use super::effects::{Effect, asks_time, effect, effect_nodes, loads};
use super::inputs::{Given, InputSource, Taker, bind_inputs, declare, gather, matched};
use super::interactive::{Outlet, bound_nodes};
use super::recovery::{self, Before, Closed};
use super::{Error, Module, Warning, stepping};
use crate::check::{Checker, Host, Loaded, Value};
use crate::diagnostic::{Diagnostic, Result as Checking, Sources, codes};
use crate::graph::{Copier, Graph, NodeId, Op, SizeEnv, reachable};
use crate::io;
use crate::pipeline::Context;
use crate::plot::Terminal;
use crate::runtime::array::{Array, ArrayView};
use crate::runtime::print::format_array;
use crate::runtime::threads::Threads;
use crate::syntax::ast::Statement;
use crate::syntax::span::Span;
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::{Cell, RefCell};
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How to run a program.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// The inputs.
    pub inputs: Vec<InputSource>,
    /// Use the reference interpreter instead of machine code.
    pub interpret: bool,
    /// What plots are drawn on.
    pub terminal: Terminal,
}

/// How statements are run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Settings {
    /// In the reference interpreter instead of as machine code.
    pub(super) interpret: bool,
    /// What plots are drawn on.
    pub(super) terminal: Terminal,
    /// Nothing is printed, written or drawn; what would be stays pending.
    pub(super) dry: bool,
}

/// Files and the clock, for statements.
pub(super) struct Outside {
    start: Instant,
    dry: bool,
    /// How long files have been read.
    reading: Rc<Cell<Duration>>,
}

impl Outside {
    /// With a clock that has been running since then.
    pub(super) fn since(start: Instant) -> Outside {
        Outside { start, dry: false, reading: Rc::default() }
    }

    /// With a clock that stands still.
    pub(super) fn dry() -> Outside {
        Outside { start: Instant::now(), dry: true, reading: Rc::default() }
    }

    /// How long files have been read.
    pub(super) fn reading(&self) -> Rc<Cell<Duration>> {
        Rc::clone(&self.reading)
    }
}

impl Host for Outside {
    fn load(&mut self, path: &str, span: Span) -> Checking<Loaded> {
        let start = Instant::now();
        let loaded = io::load(Path::new(path));
        self.reading.set(self.reading.get() + start.elapsed());
        loaded.map_err(|error| error.diagnostic(Some(span)))
    }

    fn clock(&mut self) -> f64 {
        if self.dry { 0.0 } else { self.start.elapsed().as_secs_f64() }
    }
}

/// A statement whose work has not been done yet.
struct Pending {
    effect: Option<Effect>,
    checks: Range<usize>,
}

impl Pending {
    fn saves(&self, paths: &[PathBuf]) -> bool {
        matches!(&self.effect, Some(Effect::Save(path, ..)) if paths.contains(path))
    }
}

pub(super) struct Runner<'m, 'o> {
    sources: &'m Sources,
    pub(super) threads: &'m Threads,
    pub(super) checker: Checker<'m>,
    /// How many loops are being run step by step, one in the other.
    pub(super) steps: usize,
    /// Code of earlier iterations, by the graph that it was made of.
    compiled: RefCell<FxHashMap<String, Rc<Runnable>>>,
    settings: Settings,
    pub(super) values: FxHashMap<NodeId, Array>,
    pending: Vec<Pending>,
    checked: usize,
    /// If there is such a set, no other values are taken as known than these and what was loaded.
    pub(super) given_only: Option<FxHashSet<NodeId>>,
    /// Whether something was run to find out a size, so that what is wrong with the rest may depend on data.
    pub(super) asked: bool,
    /// How long code has run.
    pub(super) ran: Cell<Duration>,
    out: &'o mut dyn Write,
    warn: &'o mut dyn FnMut(Warning),
    warned: usize,
}

impl Module {
    /// Runs the statements. What they print goes to `out`, warnings to `warn`.
    ///
    /// # Errors
    /// When an input is missing, misshapen or surplus, when a statement does not check, or when one fails.
    pub fn run(&self, options: &RunOptions, out: &mut dyn Write, warn: &mut dyn FnMut(Warning)) -> Result<(), Error> {
        let mut outside = Outside::since(Instant::now());
        let given = self.given(options).map_err(|d| self.error(d))?;
        for warning in &self.warnings {
            warn(self.warning(warning));
        }
        let mut checker = Checker::new("main", &self.functions, Some(&mut outside));
        checker.live = true;
        checker.announce(&self.statements);
        let values = bind_inputs(&mut checker, &self.inputs, given).map_err(|d| self.error(d))?;
        let settings = Settings { interpret: options.interpret, terminal: options.terminal, dry: false };
        let mut outlet = Outlet { out, warn };
        let mut runner = Runner::new(checker, values, (&self.sources, &self.threads), settings, &mut outlet);
        runner.run(&self.statements).map_err(|d| self.errors(d))
    }

    /// What is given for each input.
    pub(super) fn given(&self, options: &RunOptions) -> Checking<Vec<Option<Given>>> {
        let declared: Vec<&str> = self.inputs.iter().map(|input| input.name.text.as_str()).collect();
        matched(gather(&options.inputs)?, &declared, Taker::Program)
    }

    /// What is wrong with the statements of a program whose functions have mistakes already; no file is read for it.
    pub(super) fn problems_of_statements(&self) -> Vec<Box<Diagnostic>> {
        let mut closed = Closed;
        let mut checker = Checker::new("main", &self.functions, Some(&mut closed));
        checker.announce(&self.statements);
        let declared = self.inputs.iter().try_for_each(|input| declare(&mut checker, input).map(|_| ()));
        declared.map_or_else(|problem| vec![problem], |()| recovery::problems(&mut checker, &self.statements))
    }

    /// Checks the statements without running them, inputs of any size; gives the warnings.
    ///
    /// # Errors
    /// What is wrong with the statements.
    pub fn check(&self) -> Result<Vec<Warning>, Error> {
        let graph = self.program_graph()?;
        let mut context = Context { warnings: self.warnings.clone(), ..Context::default() };
        let passes = crate::pipeline::REFERENCE;
        crate::pipeline::run_only(&graph, &mut context, passes).map_err(|d| self.error(d))?;
        for name in self.functions.names().filter(|name| !self.functions.is_template(name)) {
            let checked = self.checked(name)?;
            crate::pipeline::run_only(&checked.graph, &mut context, passes).map_err(|d| self.error(d))?;
        }
        let mut distinct: Vec<&Diagnostic> = Vec::new();
        for warning in &context.warnings {
            if !distinct.contains(&&**warning) {
                distinct.push(warning);
            }
        }
        Ok(distinct.into_iter().map(|warning| self.warning(warning)).collect())
    }

    /// The statements as one graph over inputs of any size: its outputs are what is printed and saved.
    pub(super) fn program_graph(&self) -> Result<Graph, Error> {
        let mut outside = Outside::dry();
        let mut checker = Checker::new("main", &self.functions, Some(&mut outside));
        checker.announce(&self.statements);
        for input in &self.inputs {
            declare(&mut checker, input).map_err(|d| self.error(d))?;
        }
        let outputs = self.check_statements(&mut checker).map_err(|d| self.errors(d))?;
        checker.graph.outputs = outputs;
        Ok(checker.graph)
    }

    /// Checks every statement; gives the nodes that are printed, saved and drawn, or everything wrong.
    fn check_statements(&self, checker: &mut Checker<'_>) -> Result<Vec<NodeId>, Vec<Box<Diagnostic>>> {
        let mut outputs = Vec::new();
        for (position, statement) in self.statements.iter().enumerate() {
            checker.varies.set(false);
            let before = Before::of(checker);
            let done = match effect(checker, statement) {
                // From here on only running tells what sizes there are.
                Err(_) if checker.varies.get() && stepping::has_blocks(statement) => break,
                Err(problem) => {
                    before.restore(checker);
                    return Err(recovery::all_problems(
                        checker,
                        problem,
                        self.statements.get(position..).unwrap_or_default(),
                    ));
                }
                Ok(done) => done,
            };
            match done {
                Some(Effect::Print(values)) => outputs.extend(values.iter().flat_map(Value::nodes)),
                Some(Effect::Save(_, parts, _)) => outputs.extend(parts.iter().map(|(_, id)| *id)),
                Some(Effect::Plot(plot)) => outputs.extend(plot.nodes()),
                None => {}
            }
        }
        Ok(outputs)
    }
}

impl<'m, 'o> Runner<'m, 'o> {
    /// Something that runs statements which go on where `checker` stands, with values that are known already.
    pub(super) fn new(
        checker: Checker<'m>,
        values: FxHashMap<NodeId, Array>,
        (sources, threads): (&'m Sources, &'m Threads),
        settings: Settings,
        outlet: &'o mut Outlet<'_>,
    ) -> Runner<'m, 'o> {
        let (checked, warned) = (checker.graph.checks.len(), checker.warnings.len());
        Runner {
            sources,
            threads,
            checker,
            settings,
            values,
            steps: 0,
            compiled: RefCell::default(),
            pending: Vec::new(),
            checked,
            given_only: None,
            asked: false,
            ran: Cell::default(),
            out: &mut *outlet.out,
            warn: &mut *outlet.warn,
            warned,
        }
    }
}

impl Runner<'_, '_> {
    /// The texts that what it runs was read from.
    pub(super) fn sources(&self) -> &Sources {
        self.sources
    }

    fn run(&mut self, statements: &[Statement]) -> Result<(), Vec<Box<Diagnostic>>> {
        for (position, statement) in statements.iter().enumerate() {
            let before = Before::of(&self.checker);
            if let Err(problem) = self.statement(statement) {
                before.restore(&mut self.checker);
                // What only running could tell is wrong is so when everything above has been done.
                if self.asked && !self.settings.dry {
                    self.flush(Vec::new()).map_err(|earlier| vec![earlier])?;
                }
                let rest = statements.get(position..).unwrap_or_default();
                return Err(recovery::all_problems(&mut self.checker, problem, rest));
            }
        }
        self.flush(Vec::new()).map_err(|problem| vec![problem])
    }

    /// The same; whatever is bound to a name is computed too.
    pub(super) fn run_and_keep(&mut self, statements: &[Statement]) -> Checking<()> {
        statements.iter().try_for_each(|statement| self.statement(statement))?;
        let mut bound = Vec::new();
        bound_nodes(&self.checker.scope, &mut bound);
        let live = bound.into_iter().map(|id| self.checker.graph.unmarked(id)).collect();
        self.flush(live)
    }

    /// An error if the program has been asked to stop.
    pub(super) fn go_on(&self) -> Checking<()> {
        if self.threads.control().is_interrupted() { Err(interrupted()) } else { Ok(()) }
    }

    /// Checks a statement, and notes what it does. One that cannot be done as a whole is done step by step.
    pub(super) fn statement(&mut self, statement: &Statement) -> Checking<()> {
        if stepping::is_stepwise(statement) {
            return self.stepwise(statement);
        }
        if asks_time(statement) && !self.settings.dry {
            let live = self.checker.scope.bindings().flat_map(|binding| binding.value.nodes()).collect();
            self.flush(live)?;
        } else {
            let paths = loads(statement);
            if self.pending.iter().any(|pending| pending.saves(&paths)) {
                self.flush(Vec::new())?;
            }
        }
        let (checks, warnings) = (self.checker.graph.checks.len(), self.checker.warnings.len());
        self.checker.varies.set(false);
        let effect = match self.checked_statement(statement) {
            // A loop whose variables change their sizes is no loop of the compiled code, but can be run.
            Err(_) if self.checker.varies.get() && stepping::has_blocks(statement) => {
                self.checker.start_again(checks, warnings);
                return self.stepwise(statement);
            }
            done => done?,
        };
        let checks = self.checked..self.checker.graph.checks.len();
        self.checked = checks.end;
        self.pending.push(Pending { effect, checks });
        Ok(())
    }

    /// Checks a statement; whenever a size is needed that only running tells, what it depends on is run first.
    fn checked_statement(&mut self, statement: &Statement) -> Checking<Option<Effect>> {
        loop {
            let (checks, warnings) = (self.checker.graph.checks.len(), self.checker.warnings.len());
            let names = self.checker.graph.names();
            self.checker.scope.begin();
            let done = effect(&mut self.checker, statement);
            self.values.extend(self.checker.loaded.drain(..));
            let Some(wanted) = self.checker.wanted.take() else { return done };
            let made = self.checker.graph.checks.get(checks..).unwrap_or_default().iter().copied();
            let made: Vec<NodeId> = made.filter(|id| self.checker.graph.node(*id).free.is_empty()).collect();
            self.flush(Vec::new())?;
            self.compute(&[wanted], &made)?;
            let value = self.values.get(&wanted).and_then(|array| match array {
                Array::I64(array) => array.first().copied(),
                _ => None,
            });
            self.asked = true;
            self.checker.graph.know(wanted, value.unwrap_or(0));
            self.checker.start_again(checks, warnings);
            self.checker.graph.reuse_names(names);
        }
    }

    /// Remembers checks that no statement stands for, to be made with what comes next.
    pub(super) fn note_checks(&mut self) {
        let checks = self.checked..self.checker.graph.checks.len();
        self.checked = checks.end;
        self.pending.push(Pending { effect: None, checks });
    }

    /// Takes over what the checker has loaded.
    pub(super) fn take_loaded(&mut self) {
        self.values.extend(self.checker.loaded.drain(..));
    }

    fn checks_of(&self, pending: &Pending) -> &[NodeId] {
        self.checker.graph.checks.get(pending.checks.clone()).unwrap_or_default()
    }

    /// Does everything that is pending, in one kernel; also computes what is in `live`.
    pub(super) fn flush(&mut self, live: Vec<NodeId>) -> Checking<()> {
        let pending = std::mem::take(&mut self.pending);
        let mut roots: Vec<NodeId> = pending.iter().flat_map(|p| effect_nodes(p.effect.as_ref())).collect();
        roots.extend(live);
        let checks: Vec<NodeId> = pending.iter().flat_map(|p| self.checks_of(p)).copied().collect();
        match self.compute(&roots, &checks) {
            Ok(()) if self.settings.dry => {
                self.pending = pending;
                Ok(())
            }
            Err(problem) if self.settings.dry => Err(problem),
            Ok(()) => pending.iter().try_for_each(|p| self.perform(p.effect.as_ref())),
            Err(problem) if problem.code == codes::INTERRUPTED => Err(problem),
            Err(problem) => {
                // Once more, statement by statement, so that what stands above the failing one is done.
                for p in &pending {
                    let checks = self.checks_of(p).to_vec();
                    self.compute(&effect_nodes(p.effect.as_ref()), &checks)?;
                    self.perform(p.effect.as_ref())?;
                }
                Err(problem)
            }
        }
    }

    /// Computes nodes and remembers their values.
    fn compute(&mut self, roots: &[NodeId], checks: &[NodeId]) -> Checking<()> {
        self.go_on()?;
        let mut wanted: Vec<NodeId> = Vec::new();
        for &root in roots {
            if !self.values.contains_key(&root) && !wanted.contains(&root) {
                wanted.push(root);
            }
        }
        let mut context = Context::default();
        let done = if wanted.is_empty() && checks.is_empty() {
            Ok(())
        } else {
            let (graph, inputs) = self.segment(&wanted, checks);
            self.evaluate(&graph, &inputs, &mut context).map(|results| {
                self.values.extend(wanted.into_iter().zip(results));
            })
        };
        self.report(&context.warnings);
        done
    }

    fn evaluate(&self, graph: &Graph, inputs: &[NodeId], context: &mut Context) -> Checking<Vec<Array>> {
        let runnable = self.runnable(graph, context)?;
        let views: Vec<ArrayView<'_>> = inputs.iter().filter_map(|id| self.values.get(id)).map(Array::view).collect();
        let start = Instant::now();
        let called = runnable.call(&views, &mut [], &SizeEnv::new(), (self.threads, self.held()));
        self.ran.set(self.ran.get() + start.elapsed());
        called.map(Called::arrays)
    }

    /// Whether nothing is done to the world.
    pub(super) fn is_dry(&self) -> bool {
        self.settings.dry
    }

    /// The bytes of all arrays that are held.
    pub(super) fn held(&self) -> u64 {
        self.values.values().map(Array::bytes).sum()
    }

    /// Notes that a value is to be computed.
    pub(super) fn want(&mut self, value: Value) {
        let end = self.checker.graph.checks.len();
        self.pending.push(Pending { effect: Some(Effect::Print(vec![value])), checks: end..end });
    }

    /// What everything that is pending needs: nodes, and checks.
    pub(super) fn wanted(&self) -> (Vec<NodeId>, Vec<NodeId>) {
        let mut roots: Vec<NodeId> = Vec::new();
        for root in self.pending.iter().flat_map(|pending| effect_nodes(pending.effect.as_ref())) {
            if !roots.contains(&root) {
                roots.push(root);
            }
        }
        (roots, self.pending.iter().flat_map(|pending| self.checks_of(pending)).copied().collect())
    }

    /// The code of a graph; inside of a loop that is run step by step, what was compiled for an earlier iteration.
    pub(super) fn runnable(&self, graph: &Graph, context: &mut Context) -> Checking<Rc<Runnable>> {
        let make = |context: &mut Context| match self.settings.interpret {
            true => Runnable::interpreted(graph, context).map(Rc::new),
            false => Runnable::native(graph, context).map(Rc::new),
        };
        if self.steps == 0 {
            return make(context);
        }
        let spans: Vec<Span> = reachable(graph, &graph.roots()).iter().map(|id| graph.node(*id).span).collect();
        let key = format!("{graph}{spans:?}");
        if let Some(known) = self.compiled.borrow().get(&key) {
            return Ok(Rc::clone(known));
        }
        let made = make(context)?;
        let mut compiled = self.compiled.borrow_mut();
        if compiled.len() >= stepping::KEPT {
            compiled.clear();
        }
        compiled.insert(key, Rc::clone(&made));
        Ok(made)
    }

    pub(super) fn report(&mut self, warnings: &[Box<Diagnostic>]) {
        let own = self.checker.warnings.split_off(self.warned.min(self.checker.warnings.len()));
        for warning in own.iter().chain(warnings) {
            (self.warn)(Warning::new(warning.clone(), self.sources.clone()));
        }
        self.warned = self.checker.warnings.len();
    }

    /// Whether a node's value need not be computed.
    fn is_known(&self, id: NodeId) -> bool {
        let given = || matches!(self.checker.graph.node(id).op, Op::Input(_));
        let allowed = self.given_only.as_ref().is_none_or(|names| names.contains(&id) || given());
        allowed && self.values.contains_key(&id)
    }

    /// The part of the program that computes `roots`, with what is known already as inputs.
    pub(super) fn segment(&self, roots: &[NodeId], checks: &[NodeId]) -> (Graph, Vec<NodeId>) {
        let source = &self.checker.graph;
        let all: Vec<NodeId> = checks.iter().chain(roots).copied().collect();
        let Differentiated { kept, by: asked } = differentiated(source, &all);
        let known = |id: NodeId| self.is_known(id) && !kept.contains(&id);
        let mut needed: FxHashSet<NodeId> = all.into_iter().collect();
        for id in source.ids().rev() {
            if needed.contains(&id) && !known(id) {
                needed.extend(&source.node(id).inputs);
                needed.extend(source.size_values(id));
            }
        }
        let mut graph = Graph::new("main");
        let mut copier = Copier::new(source);
        let mut inputs = Vec::new();
        for id in source.ids().filter(|id| needed.contains(id)) {
            let node = source.node(id);
            if known(id) {
                let name = format!("v{}", inputs.len());
                graph.span = node.span;
                let copy = graph.add_input(name, source.ty(id).clone());
                copier.set_sized(&mut graph, id, copy);
                inputs.push(id);
            } else if let (Op::Mark(_), false, [of]) = (&node.op, asked.contains(&id), node.inputs.as_slice()) {
                // A name that nothing is differentiated by: an example's index passes through.
                if let Some(copy) = copier.get(*of) {
                    copier.set_sized(&mut graph, id, copy);
                }
            } else {
                copier.copy(&mut graph, id);
            }
        }
        graph.reserve_marks(source.mark_count());
        graph.checks = checks.iter().filter_map(|id| copier.get(*id)).collect();
        graph.outputs = roots.iter().filter_map(|id| copier.get(*id)).collect();
        (graph, inputs)
    }

    fn perform(&mut self, effect: Option<&Effect>) -> Checking<()> {
        match effect {
            None => Ok(()),
            Some(Effect::Print(values)) => {
                let line: Vec<String> = values.iter().map(|value| self.show(value)).collect();
                // A reader that has gone away is no error of the program's.
                let _ = writeln!(self.out, "{}", line.join(" "));
                Ok(())
            }
            Some(Effect::Save(path, parts, span)) => {
                self.go_on()?;
                let arrays: Vec<(String, &Array)> = parts
                    .iter()
                    .filter_map(|(name, id)| Some((name.clone().unwrap_or_default(), self.values.get(id)?)))
                    .collect();
                let saved = match arrays.as_slice() {
                    [(name, array)] if name.is_empty() => io::save_array(path, array),
                    fields => io::save_record(path, fields),
                };
                saved.map_err(|error| error.diagnostic(Some(*span)))
            }
            Some(Effect::Plot(plot)) => super::plots::draw(plot, &self.values, &self.settings.terminal, self.out),
        }
    }

    fn show(&self, value: &Value) -> String {
        let all = |parts: &[Value]| parts.iter().map(|part| self.show(part)).collect::<Vec<_>>().join(", ");
        match value {
            Value::Text(text) => text.clone(),
            Value::Array { id, .. } => self.values.get(id).map(format_array).unwrap_or_default(),
            Value::Tuple(parts) => format!("({})", all(parts)),
            Value::List(items) => format!("list({})", all(items)),
            Value::Record(fields) => {
                let fields: Vec<String> =
                    fields.iter().map(|(name, value)| format!("{name}={}", self.show(value))).collect();
                format!("({})", fields.join(", "))
            }
            other => other.describe(&self.checker.graph),
        }
    }
}

/// What derivatives need of a graph.
#[derive(Default)]
struct Differentiated {
    /// Nodes that they have to see through, so that they are computed anew even if their values are known.
    kept: FxHashSet<NodeId>,
    /// The names by which something is differentiated.
    by: FxHashSet<NodeId>,
}

fn differentiated(graph: &Graph, roots: &[NodeId]) -> Differentiated {
    let mut found = Differentiated::default();
    for id in reachable(graph, roots) {
        let Some((value, by)) = graph.node(id).derivative() else { continue };
        let mut active: FxHashSet<NodeId> = FxHashSet::default();
        for inner in reachable(graph, &[value]) {
            let depends = graph.node(inner).inputs.iter().any(|x| by.contains(x) || active.contains(x));
            if depends {
                active.insert(inner);
            }
        }
        found.kept.extend(active);
        // The name itself stays a node of its own; what it stands for may be known.
        found.by.extend(by.into_iter().filter(|by| matches!(graph.node(*by).op, Op::Mark(_))));
    }
    found.kept.extend(&found.by);
    found
}
