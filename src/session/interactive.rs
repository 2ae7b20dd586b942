//! A session that is fed piece by piece: a prompt, a notebook.
//!
//! In: one input after the other, each a few statements, functions or an expression. Out: what they print, and values.
//! Always holds: an input does all that it asks for, or leaves every name as it was, whatever happens on the way; each name
//! that is bound has been computed.

use super::output::Output;
use super::script::{Outside, Runner, Settings};
use super::{Error, Session, Warning, contracts, files};
use crate::check::{Checker, Functions, Scope, Value};
use crate::diagnostic::{Diagnostic, Result as Checking, Sources, codes};
use crate::graph::{Graph, NodeId, Op, reachable};
use crate::plot::Terminal;
use crate::runtime::array::Array;
use crate::runtime::control::Control;
use crate::runtime::threads::Threads;
use crate::syntax::ast::{Block, Expr, ExprKind, Name, Pattern, Statement, StatementKind};
use rustc_hash::{FxHashMap, FxHashSet};
use std::any::Any;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The name of the last value.
pub const LAST: &str = "_";

/// Where an input's output goes.
pub struct Outlet<'o> {
    /// What is printed and drawn.
    pub out: &'o mut dyn Write,
    /// Warnings.
    pub warn: &'o mut dyn FnMut(Warning),
}

/// What came of an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// It ended in an expression, whose value is [`LAST`] now.
    pub has_value: bool,
    /// No `;` stood behind the expression: its value should be shown.
    pub shows: bool,
    /// Time to read, check and compile.
    pub compile: Duration,
    /// Time that its code ran.
    pub run: Duration,
}

/// An interactive session.
///
/// ```
/// use microtome::{Interactive, Output, Outlet, Session};
///
/// let mut session = Interactive::new(&Session::new());
/// let mut printed = Vec::new();
/// let mut outlet = Outlet { out: &mut printed, warn: &mut |_| {} };
/// session.evaluate("let x = [3.0, 4.0]", &mut outlet)?;
/// session.evaluate("fn norm2(v: f64[n]) = sqrt(sum(v^2))", &mut outlet)?;
/// assert!(session.evaluate("x[7]", &mut outlet).is_err());
/// let answer = session.evaluate("norm2(x)", &mut outlet)?;
/// assert!(answer.has_value && answer.shows);
/// assert_eq!(session.value("_").map(|value| value.render(true)).as_deref(), Some("5.0  f64"));
/// # Ok::<(), microtome::Error>(())
/// ```
pub struct Interactive {
    pub(super) sources: Sources,
    pub(super) functions: Functions,
    pub(super) threads: Arc<Threads>,
    pub(super) graph: Graph,
    pub(super) scope: Scope,
    pub(super) values: FxHashMap<NodeId, Array>,
    settings: Settings,
    start: Instant,
    inputs: usize,
    program: Vec<Kept>,
}

/// An input that went well, for [`Interactive::program`].
struct Kept {
    text: String,
    /// Functions it defines, by name.
    defines: Vec<String>,
    /// It is one expression, whose value was shown.
    shown: bool,
}

/// The parts of an input.
struct Parsed {
    sources: Sources,
    defined: Functions,
    statements: Vec<Statement>,
    has_value: bool,
    shows: bool,
}

impl Interactive {
    /// A session without names, on the threads of `session`.
    pub fn new(session: &Session) -> Interactive {
        Interactive {
            sources: Sources::default(),
            functions: Functions::default(),
            threads: session.threads.clone(),
            graph: Graph::new("main"),
            scope: Scope::default(),
            values: FxHashMap::default(),
            settings: Settings::default(),
            start: Instant::now(),
            inputs: 0,
            program: Vec::new(),
        }
    }

    /// What may stop an input that runs, from another thread, and sees how far it is.
    pub fn control(&self) -> Arc<Control> {
        self.threads.control().clone()
    }

    /// How many threads inputs run on.
    pub fn threads(&self) -> usize {
        self.threads.count()
    }

    /// From here on at most so many.
    pub fn set_threads(&mut self, count: usize) {
        self.threads = Arc::new(Threads::under(count, self.control()));
    }

    /// Whether inputs run in the reference interpreter.
    pub fn interprets(&self) -> bool {
        self.settings.interpret
    }

    /// From here on inputs run in the reference interpreter, or do not.
    pub fn set_interprets(&mut self, interpret: bool) {
        self.settings.interpret = interpret;
    }

    /// From here on plots are drawn for this terminal.
    pub fn set_terminal(&mut self, terminal: Terminal) {
        self.settings.terminal = terminal;
    }

    /// Forgets every name.
    pub fn reset(&mut self) {
        self.functions = Functions::default();
        self.graph = Graph::new("main");
        self.scope = Scope::default();
        self.values.clear();
        self.program.clear();
    }

    /// Does what an input says. If its last statement is an expression, the value is [`LAST`] afterwards.
    ///
    /// # Errors
    /// Everything that is wrong with the input; a check that failed while it ran; an interruption; a fault of the compiler's own,
    /// with the input that caused it. What was printed before is printed, but names are as they were.
    pub fn evaluate(&mut self, text: &str, outlet: &mut Outlet<'_>) -> Result<Answer, Error> {
        self.inputs += 1;
        let name = format!("input {}", self.inputs);
        self.evaluate_as(&name, text.as_bytes(), None, outlet)
    }

    /// Does what a file says, as if it were an input; what it imports is looked up beside it.
    ///
    /// # Errors
    /// As [`Interactive::evaluate`], and when the file cannot be read.
    pub fn load(&mut self, path: &Path, outlet: &mut Outlet<'_>) -> Result<Answer, Error> {
        let bytes = files::read_program(path)?;
        self.evaluate_as(&path.display().to_string(), &bytes, Some(path), outlet)
    }

    fn evaluate_as(
        &mut self,
        name: &str,
        bytes: &[u8],
        path: Option<&Path>,
        outlet: &mut Outlet<'_>,
    ) -> Result<Answer, Error> {
        let start = Instant::now();
        let parsed = self.guarded(bytes, |session| session.parse(name, bytes, path, outlet))?;
        let previous = match parsed.defined.is_empty() {
            true => None,
            false => {
                let all = self.functions.overlaid(&parsed.defined);
                Some(std::mem::replace(&mut self.functions, all))
            }
        };
        match self.run(bytes, &parsed, outlet) {
            Ok((is_value, run)) => {
                let has_value = parsed.has_value && is_value;
                let text = String::from_utf8_lossy(bytes).trim().to_string();
                let shown = parsed.statements.len() == 1 && parsed.defined.is_empty() && has_value && parsed.shows;
                let defines = parsed.defined.names().map(str::to_string).collect();
                self.program.push(Kept { text, defines, shown });
                self.sources = parsed.sources;
                let compile = start.elapsed().saturating_sub(run);
                Ok(Answer { has_value, shows: parsed.shows, compile, run })
            }
            Err(error) => {
                if let Some(previous) = previous {
                    self.functions = previous;
                }
                // A check that was under way when the compiler failed is no longer.
                self.functions = self.functions.overlaid(&Functions::default());
                Err(error)
            }
        }
    }

    /// Reads an input and checks the functions that it defines.
    fn parse(&self, name: &str, bytes: &[u8], path: Option<&Path>, outlet: &mut Outlet<'_>) -> Result<Parsed, Error> {
        let parts = files::read(self.sources.clone(), name, bytes, path);
        let (sources, mut problems) = (parts.sources, parts.problems);
        if let Some(input) = parts.inputs.first() {
            problems.push(
                Diagnostic::error(codes::INPUT, input.span, "an interactive session has no inputs")
                    .help(format!("bind the name: let {} = load(\"file.npy\")", input.name.text)),
            );
        }
        let names: Vec<String> = parts.functions.names().map(str::to_string).collect();
        let all = self.functions.overlaid(&parts.functions);
        let closed = names.iter().filter(|name| !all.is_template(name));
        for name in if problems.is_empty() { closed.collect() } else { Vec::new() } {
            match all.get(name, crate::syntax::span::Span::default()) {
                Ok(checked) => {
                    checked.warnings.iter().for_each(|w| (outlet.warn)(Warning::new(w.clone(), sources.clone())));
                }
                Err(problem) => problems.push(problem),
            }
        }
        // A function that is defined anew changes what those cost that call it.
        if problems.is_empty() && !names.is_empty() {
            problems = contracts::problems(&all, all.names());
        }
        if !problems.is_empty() {
            return Err(Error::new(problems, sources));
        }
        let mut statements = parts.statements;
        let shows = statements.last().is_some_and(|last| !last.silent);
        let has_value = statements.last_mut().is_some_and(keep_value);
        Ok(Parsed { sources, defined: parts.functions, statements, has_value, shows })
    }

    /// Runs the statements and takes over what they leave. Says whether there is a last value, and how long code ran.
    fn run(&mut self, bytes: &[u8], parsed: &Parsed, outlet: &mut Outlet<'_>) -> Result<(bool, Duration), Error> {
        let mut outside = Outside::since(self.start);
        let mut runner = self.runner(&parsed.sources, &mut outside, outlet);
        let done = catch(bytes, || runner.run_and_keep(&parsed.statements));
        let ran = runner.ran.get();
        let Runner { checker, values, .. } = runner;
        let (graph, mut scope) = (checker.graph, checker.scope);
        let before = self.graph.len();
        self.values = values;
        match done {
            Ok(()) => {
                let is_value = scope.get(LAST).is_some_and(|last| last.value != Value::Nothing);
                scope.retain_latest(|value| *value != Value::Nothing);
                (self.graph, self.scope) = (graph, scope);
                self.prune();
                Ok((is_value, ran))
            }
            Err(problem) => {
                // The nodes that the input has added are gone, and with them their values.
                self.values.retain(|id, _| (id.0 as usize) < before);
                self.prune();
                Err(Error::new(vec![problem], parsed.sources.clone()))
            }
        }
    }

    /// Something that runs statements on the session's names. It takes the values, which have to be put back.
    pub(super) fn runner<'r>(
        &'r mut self,
        sources: &'r Sources,
        outside: &'r mut Outside,
        outlet: &'r mut Outlet<'_>,
    ) -> Runner<'r, 'r> {
        let mut checker = Checker::new("main", &self.functions, Some(outside));
        checker.live = true;
        checker.keeps_names = true;
        checker.graph = self.graph.clone();
        checker.scope = self.scope.clone();
        let values = std::mem::take(&mut self.values);
        Runner::new(checker, values, (sources, &self.threads), self.settings, outlet)
    }

    /// Forgets values that no name stands for.
    fn prune(&mut self) {
        let mut bound: Vec<NodeId> = Vec::new();
        bound_nodes(&self.scope, &mut bound);
        let bases: FxHashSet<NodeId> = bound.iter().map(|id| self.graph.unmarked(*id)).collect();
        let given: FxHashSet<NodeId> = reachable(&self.graph, &bound)
            .into_iter()
            .filter(|id| matches!(self.graph.node(*id).op, Op::Input(_)))
            .collect();
        self.values.retain(|id, _| bases.contains(id) || given.contains(id));
    }

    /// When it began.
    pub(super) fn started(&self) -> Instant {
        self.start
    }

    /// The value of a name.
    pub fn value(&self, name: &str) -> Option<Output<'_>> {
        let binding = self.scope.get(name)?;
        Some(Output::new(&binding.value, &|id| self.values.get(&self.graph.unmarked(id))))
    }

    /// The names that stand for values, in the order in which they were bound.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.scope.bindings().map(|binding| binding.name.as_str())
    }

    /// Whether a name was bound by `var`.
    pub fn is_variable(&self, name: &str) -> bool {
        self.scope.get(name).is_some_and(|binding| binding.assignable)
    }

    /// Every function that has been defined: its name, and its head as it was written.
    pub fn functions(&self) -> impl Iterator<Item = (&str, String)> {
        self.functions.names().map(|name| (name, self.head(name)))
    }

    fn head(&self, name: &str) -> String {
        let Some(function) = self.functions.definition(name) else { return String::new() };
        let mut span = function.span;
        span.end = function.body.span.start;
        let text = self.sources.text(span).trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '=' | '{'));
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The inputs that went well as a program: functions in their last form, values that were shown printed.
    pub fn program(&self) -> String {
        let mut text = String::new();
        for (position, kept) in self.program.iter().enumerate() {
            let later = self.program.get(position + 1..).unwrap_or_default();
            let replaced = |name: &String| later.iter().any(|other| other.defines.contains(name));
            if !kept.defines.is_empty() && kept.defines.iter().all(replaced) {
                continue;
            }
            let used = later.iter().any(|next| mentions_last(&next.text));
            match (kept.shown, used) {
                (true, true) => text.push_str(&format!("let {LAST} = {}\nprint({LAST})\n", kept.text)),
                (true, false) => text.push_str(&format!("print({})\n", kept.text)),
                (false, _) => text.push_str(&format!("{}\n", kept.text)),
            }
        }
        text
    }

    /// Does something that may run into a fault of the compiler's.
    pub(super) fn guarded<T>(
        &self,
        bytes: &[u8],
        work: impl FnOnce(&Interactive) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match catch(bytes, || Ok(work(self))) {
            Ok(done) => done,
            Err(fault) => Err(Error::new(vec![fault], Sources::default())),
        }
    }
}

/// Does something; a panic on the way is a fault of the compiler's, reported with the input that caused it.
pub(super) fn catch<T>(input: &[u8], work: impl FnOnce() -> Checking<T>) -> Checking<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| Err(fault(input, &*payload)))
}

fn fault(input: &[u8], payload: &(dyn Any + Send)) -> Box<Diagnostic> {
    let said = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
    Diagnostic::global(codes::BUG, format!("the compiler failed: {}", said.unwrap_or("for an unknown reason")))
        .note(format!("the input was\n{}", String::from_utf8_lossy(input).trim_end()))
        .help("please report this with the program that caused it; the session goes on, every name is as it was")
}

/// Lets a statement that is an expression with a value bind it to [`LAST`].
fn keep_value(statement: &mut Statement) -> bool {
    let StatementKind::Expr(expr) = &statement.kind else { return false };
    if super::effects::is_effect(expr) || !has_value(expr) {
        return false;
    }
    let name = Name { text: LAST.to_string(), span: expr.span };
    statement.kind = StatementKind::Let(Pattern::Name(name), expr.clone());
    true
}

/// Whether an expression has a value: an `if` without one on each side does things instead.
fn has_value(expr: &Expr) -> bool {
    let ends = |block: &Block| {
        block.statements.last().is_some_and(|last| match &last.kind {
            StatementKind::Expr(expr) => !super::effects::is_effect(expr) && has_value(expr),
            _ => false,
        })
    };
    match &expr.kind {
        ExprKind::If(_, then, Some(otherwise)) => ends(then) && ends(otherwise),
        ExprKind::If(..) => false,
        _ => true,
    }
}

/// Whether a text speaks of the last value.
fn mentions_last(text: &str) -> bool {
    let lexed = crate::syntax::lexer::lex(crate::syntax::span::FileId::default(), text);
    lexed.tokens.iter().any(|lexeme| matches!(&lexeme.token, crate::syntax::token::Token::Name(name) if name == LAST))
}

/// The nodes that names stand for, those that functions without a name have seen too.
pub(super) fn bound_nodes(scope: &Scope, nodes: &mut Vec<NodeId>) {
    for binding in scope.bindings() {
        value_nodes(&binding.value, nodes);
    }
}

fn value_nodes(value: &Value, nodes: &mut Vec<NodeId>) {
    match value {
        Value::Lambda(lambda) => bound_nodes(&lambda.scope, nodes),
        Value::Tuple(parts) | Value::List(parts) => parts.iter().for_each(|part| value_nodes(part, nodes)),
        Value::Record(fields) => fields.iter().for_each(|(_, value)| value_nodes(value, nodes)),
        other => nodes.extend(other.nodes()),
    }
}
