//! Running a program's statements.
//!
//! In: a module, its inputs, where to print. Out: what the program prints and saves.
//! Always holds: all inputs and statements are checked before anything is printed or written (a program that asks for
//! the time, or that loads what it saves, is run up to there first), and effects happen in program order.

use super::compile::{Runnable, interrupted};
use super::interactive::{Outlet, bound_nodes};
use super::kernel::bind_sizes;
use super::recovery::{self, Before, Closed};
use super::{Error, Module, Warning, stepping};
use crate::check::plots::{PLOTS, Plot};
use crate::check::{Checker, Declared, Functions, Host, Loaded, Value};
use crate::diagnostic::{Diagnostic, Result as Checking, Sources, codes, nearest};
use crate::graph::{Copier, Graph, NodeId, Op, Size, SizeEnv, Type, reachable};
use crate::io;
use crate::pipeline::Context;
use crate::plot::Terminal;
use crate::runtime::array::{Array, ArrayView, DType};
use crate::runtime::half::{bf16_from_f64, f16_from_f64};
use crate::runtime::print::format_array;
use crate::runtime::threads::Threads;
use crate::syntax::ast::{Argument, Expr, ExprKind, Input, Statement, StatementKind};
use crate::syntax::span::Span;
use crate::syntax::visit;
use crate::with_typed_array;
use ndarray::Axis;
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::{Cell, RefCell};
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Where a program's inputs come from.
#[derive(Clone, Debug, PartialEq)]
pub enum InputSource {
    /// `x=file.npy` or `k=3`.
    Named(String, String),
    /// `all.npz`, `.mat`, `.safetensors` or a `.csv` with a header: each key feeds the input of that name.
    All(PathBuf),
}

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
}

/// Files and the clock, for statements.
pub(super) struct Outside {
    start: Instant,
    dry: bool,
}

impl Outside {
    /// With a clock that has been running since then.
    pub(super) fn since(start: Instant) -> Outside {
        Outside { start, dry: false }
    }
}

impl Host for Outside {
    fn load(&mut self, path: &str, span: Span) -> Checking<Loaded> {
        io::load(Path::new(path)).map_err(|error| error.diagnostic(Some(span)))
    }

    fn clock(&mut self) -> f64 {
        if self.dry { 0.0 } else { self.start.elapsed().as_secs_f64() }
    }
}

/// Something a statement does to the world.
pub(super) enum Effect {
    Print(Vec<Value>),
    Save(PathBuf, Vec<(Option<String>, NodeId)>, Span),
    Plot(Box<Plot>),
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
        let given = gather(&options.inputs).and_then(|given| self.match_inputs(given)).map_err(|d| self.error(d))?;
        for warning in &self.warnings {
            warn(self.warning(warning));
        }
        let mut checker = Checker::new("main", &self.functions, Some(&mut outside));
        checker.live = true;
        checker.announce(&self.statements);
        let values = bind_inputs(&mut checker, &self.inputs, given).map_err(|d| self.error(d))?;
        let settings = Settings { interpret: options.interpret, terminal: options.terminal };
        let mut outlet = Outlet { out, warn };
        let mut runner = Runner::new(checker, values, (&self.sources, &self.threads), settings, &mut outlet);
        runner.run(&self.statements).map_err(|d| self.errors(d))
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
        let mut outside = Outside { start: Instant::now(), dry: true };
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

    /// Pairs what is given with what is declared.
    fn match_inputs(&self, given: Vec<(String, Given)>) -> Checking<Vec<Option<Given>>> {
        let mut slots: Vec<Option<Given>> = self.inputs.iter().map(|_| None).collect();
        let declared: Vec<&str> = self.inputs.iter().map(|input| input.name.text.as_str()).collect();
        for (name, value) in given {
            let at = declared.iter().position(|known| *known == name);
            match at.and_then(|at| slots.get_mut(at)) {
                Some(slot @ None) => *slot = Some(value),
                Some(Some(_)) => {
                    return Err(Diagnostic::global(codes::INPUT, format!("the input `{name}` is given twice")));
                }
                None => {
                    let error = Diagnostic::global(codes::INPUT, format!("the program has no input `{name}`"));
                    return Err(match nearest(&name, declared.iter().copied()) {
                        Some(near) => error.help(format!("did you mean `{near}`?")),
                        None if declared.is_empty() => error.help("it declares no inputs"),
                        None => error.help(format!("its inputs are {}", declared.join(", "))),
                    });
                }
            }
        }
        Ok(slots)
    }
}

/// An input as given: what a file holds, or text for a scalar.
enum Given {
    File(Loaded),
    /// From MATLAB, where everything has two axes at least.
    Matlab(Loaded),
    Text(String),
}

impl Given {
    fn from_file(path: &Path, value: Loaded) -> Given {
        let is_matlab = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("mat"));
        if is_matlab { Given::Matlab(value) } else { Given::File(value) }
    }
}

/// An array of MATLAB's without axes of size 1, as far as it has more axes than wanted: a 1×n matrix is a vector, a 1×1
/// matrix a number.
fn without_single_axes(array: Array, rank: usize) -> Array {
    let mut array = array;
    while array.shape().len() > rank
        && let Some(axis) = array.shape().iter().position(|&size| size == 1)
    {
        array = with_typed_array!(Array, array, a => Array::from(a.remove_axis(Axis(axis))));
    }
    array
}

fn gather(sources: &[InputSource]) -> Checking<Vec<(String, Given)>> {
    let mut all = Vec::new();
    for source in sources {
        match source {
            InputSource::All(path) => match io::load(path).map_err(|error| error.diagnostic(None))? {
                Loaded::Record(fields) => {
                    all.extend(fields.into_iter().map(|(name, value)| (name, Given::from_file(path, value))));
                }
                other => {
                    let text = format!("{} holds {} without a name", path.display(), other.describe());
                    return Err(Diagnostic::global(codes::INPUT, text)
                        .help(format!("say which input it is: --input x={}", path.display())));
                }
            },
            InputSource::Named(name, value) => all.push((name.clone(), named(name, value)?)),
        }
    }
    Ok(all)
}

fn named(name: &str, value: &str) -> Checking<Given> {
    let path = Path::new(value);
    let is_scalar = value.parse::<f64>().is_ok() || matches!(value, "true" | "false");
    if is_scalar && !path.exists() {
        return Ok(Given::Text(value.to_string()));
    }
    let value = match io::load(path).map_err(|error| error.diagnostic(None))? {
        Loaded::Record(mut fields) => {
            let names: Vec<String> = fields.iter().map(|(field, _)| field.clone()).collect();
            let at = names.iter().position(|field| field == name).or((names.len() == 1).then_some(0));
            match at {
                Some(at) => fields.swap_remove(at).1,
                None => {
                    return Err(Diagnostic::global(codes::INPUT, format!("{value} has no array `{name}`"))
                        .help(format!("it has {}", names.join(", "))));
                }
            }
        }
        other => other,
    };
    Ok(Given::from_file(path, value))
}

/// Declares an input without a value.
fn declare(checker: &mut Checker<'_>, input: &Input) -> Checking<Type> {
    let mut names = Vec::new();
    crate::check::size_names(&input.ty, &mut names);
    let ty = match crate::check::declared(&input.ty)? {
        Declared::Array(ty, _) => ty,
        Declared::Tuple(_, span) | Declared::List(_, span) | Declared::Open(span) => {
            return Err(Diagnostic::error(codes::TYPE, span, "an input is one array or scalar"));
        }
    };
    if checker.scope.get(&input.name.text).is_some() {
        return Err(Diagnostic::error(
            codes::DUPLICATE_NAME,
            input.name.span,
            format!("`{}` is declared twice", input.name.text),
        ));
    }
    for (name, span) in names {
        if checker.scope.get(&name).is_none() {
            let value = Value::array(checker.graph.size_value(&Size::var(&name)));
            checker.scope.bind(&name, value, span, false);
        }
    }
    checker.graph.span = input.name.span;
    let id = checker.graph.add_input(input.name.text.clone(), ty.clone());
    checker.bind_value(&input.name, Value::array(id));
    Ok(ty)
}

/// Binds every input to its value; sizes become literals.
fn bind_inputs(
    checker: &mut Checker<'_>,
    inputs: &[Input],
    given: Vec<Option<Given>>,
) -> Checking<FxHashMap<NodeId, Array>> {
    let functions = Functions::default();
    let mut scratch = Checker::new("inputs", &functions, None);
    let mut arrays: Vec<(String, Type, Array, Span)> = Vec::new();
    for (input, given) in inputs.iter().zip(given) {
        let ty = declare(&mut scratch, input)?;
        let Some(given) = given else {
            return Err(Diagnostic::error(
                codes::INPUT,
                input.span,
                format!("the input `{}` is missing", input.name.text),
            )
            .help(format!("give it with --input {}=…", input.name.text)));
        };
        arrays.push((input.name.text.clone(), ty.clone(), fitting(&input.name.text, &ty, given)?, input.span));
    }
    let formals: Vec<(&str, &Type)> = arrays.iter().map(|(name, ty, ..)| (name.as_str(), ty)).collect();
    let shapes: Vec<&[usize]> = arrays.iter().map(|(_, _, array, _)| array.shape()).collect();
    let sizes = bind_sizes(&formals, &shapes, &SizeEnv::new()).map_err(|mut problem| {
        problem.code = codes::INPUT;
        problem
    })?;
    for (name, value) in &sizes {
        let value = Value::array(checker.graph.int(*value));
        checker.scope.bind(name, value, Span::default(), false);
    }
    let mut values = FxHashMap::default();
    for ((name, ty, array, _), input) in arrays.into_iter().zip(inputs) {
        let literal = |size: &Size| Size::from(size.eval(&sizes).unwrap_or(0));
        let ty = Type::array(ty.dtype, ty.shape.iter().map(literal).collect());
        let id = checker.graph.add_input(name, ty);
        checker.bind_value(&input.name, Value::array(id));
        values.insert(id, array);
    }
    Ok(values)
}

/// What is given, as the declared dtype and rank.
fn fitting(name: &str, ty: &Type, given: Given) -> Checking<Array> {
    let wrong = |found: String| {
        Diagnostic::global(codes::INPUT, format!("the input `{name}` is declared {ty}, what is given is {found}"))
    };
    let array = match given {
        Given::File(Loaded::Array(array)) => array,
        Given::Matlab(Loaded::Array(array)) => without_single_axes(array, ty.rank()),
        Given::File(other) | Given::Matlab(other) => return Err(wrong(other.describe())),
        Given::Text(text) => {
            let parsed = match ty.dtype {
                DType::F64 => text.parse::<f64>().ok().map(Array::from),
                DType::F16 => text.parse::<f64>().ok().map(|v| f16_from_f64(v).into()),
                DType::BF16 => text.parse::<f64>().ok().map(|v| bf16_from_f64(v).into()),
                DType::F32 => text.parse::<f32>().ok().map(Array::from),
                DType::I64 => text.parse::<i64>().ok().map(Array::from),
                DType::Bool => text.parse::<bool>().ok().map(Array::from),
            };
            parsed.ok_or_else(|| wrong(format!("`{text}`")))?
        }
    };
    let found = crate::runtime::print::format_type(&array);
    let array = exactly(array, ty.dtype);
    if array.dtype() != ty.dtype {
        return Err(wrong(found)
            .help(format!("save it as {}, or declare the type it has and convert in the program", ty.dtype)));
    }
    if array.shape().len() != ty.rank() {
        return Err(wrong(found).help(format!("the declared type has {} axes", ty.rank())));
    }
    Ok(array)
}

/// Single precision from binary16, and the bfloat16 that files hold in single precision: no element may change.
fn exactly(array: Array, dtype: DType) -> Array {
    match (array, dtype) {
        (Array::F16(halves), DType::F32) => halves.mapv(f32::from).into(),
        (Array::F32(singles), DType::BF16) => {
            let rounded = singles.mapv(half::bf16::from_f32);
            let same = rounded.iter().zip(&singles).all(|(&r, &s)| f32::from(r) == s || s.is_nan());
            if same { rounded.into() } else { singles.into() }
        }
        (array, _) => array,
    }
}

/// Checks a statement; gives what it does to the world, if anything.
pub(super) fn effect(checker: &mut Checker<'_>, statement: &Statement) -> Checking<Option<Effect>> {
    if let StatementKind::Expr(Expr { kind: ExprKind::Call(callee, args), span, .. }) = &statement.kind
        && let ExprKind::Name(name) = &callee.kind
    {
        match name.as_str() {
            "print" => return print(checker, args).map(Some),
            "save" => return save(checker, args, *span).map(Some),
            name if PLOTS.contains(&name) => {
                return checker.plot(name, args, *span).map(|plot| Some(Effect::Plot(Box::new(plot))));
            }
            _ => {}
        }
    }
    checker.statement(statement)?;
    Ok(None)
}

fn print(checker: &mut Checker<'_>, args: &[Argument]) -> Checking<Effect> {
    let mut values = Vec::new();
    for arg in args {
        if let Some(name) = &arg.name {
            return Err(Diagnostic::error(codes::ARGUMENTS, name.span, "`print` has no named arguments"));
        }
        let value = checker.expression(&arg.value)?;
        if matches!(value, Value::Function(_) | Value::NewAxis | Value::Nothing) {
            let what = value.describe(&checker.graph);
            return Err(
                Diagnostic::error(codes::TYPE, arg.value.span, "this cannot be printed").at(format!("this is {what}"))
            );
        }
        values.push(value);
    }
    Ok(Effect::Print(values))
}

fn save(checker: &mut Checker<'_>, args: &[Argument], span: Span) -> Checking<Effect> {
    let Some((first, rest)) = args.split_first() else {
        return Err(Diagnostic::error(codes::ARGUMENTS, span, "`save` needs a path").help("save(\"out.npz\", g=g)"));
    };
    let ExprKind::Str(path) = &first.value.kind else {
        return Err(Diagnostic::error(codes::TYPE, first.value.span, "`save` takes a path in quotes first"));
    };
    if rest.is_empty() {
        return Err(Diagnostic::error(codes::ARGUMENTS, span, "`save` needs something to write")
            .help("save(\"out.npz\", g=g), or save(\"out.npy\", g)"));
    }
    let mut parts = Vec::new();
    for arg in rest {
        let value = checker.expression(&arg.value)?;
        let Value::Array { id, .. } = value else {
            let what = value.describe(&checker.graph);
            return Err(
                Diagnostic::error(codes::TYPE, arg.value.span, "only arrays are saved").at(format!("this is {what}"))
            );
        };
        parts.push((arg.name.as_ref().map(|name| name.text.clone()), id));
    }
    let unnamed = parts.iter().filter(|(name, _)| name.is_none()).count();
    if unnamed > 0 && parts.len() > 1 {
        return Err(
            Diagnostic::error(codes::ARGUMENTS, span, "several arrays need names").help("save(\"out.npz\", g=g, c=c)")
        );
    }
    Ok(Effect::Save(PathBuf::from(path), parts, span))
}

/// Whether an expression is there for what it does to the world.
pub(super) fn is_effect(expr: &Expr) -> bool {
    let ExprKind::Call(callee, _) = &expr.kind else { return false };
    matches!(&callee.kind, ExprKind::Name(name) if matches!(name.as_str(), "print" | "save") || PLOTS.contains(&name.as_str()))
}

/// Calls `f` with the arguments of every call of the builtin in the statement.
fn calls(statement: &Statement, name: &str, f: &mut dyn FnMut(&[Argument])) {
    visit::statement_expressions(statement, &mut |expr| {
        if let ExprKind::Call(callee, args) = &expr.kind
            && matches!(&callee.kind, ExprKind::Name(called) if called == name)
        {
            f(args);
        }
    });
}

/// Whether a statement asks for the time.
fn asks_time(statement: &Statement) -> bool {
    let mut asks = false;
    calls(statement, "clock", &mut |_| asks = true);
    asks
}

/// The paths that a statement loads.
fn loads(statement: &Statement) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    calls(statement, "load", &mut |args| {
        if let Some(ExprKind::Str(path)) = args.first().map(|arg| &arg.value.kind) {
            paths.push(PathBuf::from(path));
        }
    });
    paths
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
        if asks_time(statement) {
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
            self.checker.graph.know(wanted, value.unwrap_or(0));
            self.checker.start_again(checks, warnings);
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
        let results = runnable.call(&views, &SizeEnv::new(), self.threads);
        self.ran.set(self.ran.get() + start.elapsed());
        results
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
        let kept = differentiated(source, &all);
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
                copier.set(id, copy);
                inputs.push(id);
            } else if let (Op::Mark(_), false, [of]) = (&node.op, kept.contains(&id), node.inputs.as_slice()) {
                // A name that nothing is differentiated by.
                if let Some(copy) = copier.get(*of) {
                    copier.set(id, copy);
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

fn effect_nodes(effect: Option<&Effect>) -> Vec<NodeId> {
    match effect {
        None => Vec::new(),
        Some(Effect::Print(values)) => values.iter().flat_map(Value::nodes).collect(),
        Some(Effect::Save(_, parts, _)) => parts.iter().map(|(_, id)| *id).collect(),
        Some(Effect::Plot(plot)) => plot.nodes(),
    }
}

/// Nodes that a gradient has to see through, so that they are computed anew even if their values are known.
fn differentiated(graph: &Graph, roots: &[NodeId]) -> FxHashSet<NodeId> {
    let mut kept = FxHashSet::default();
    for id in reachable(graph, roots) {
        let Some((value, by)) = graph.node(id).derivative() else { continue };
        let mut active: FxHashSet<NodeId> = FxHashSet::default();
        for inner in reachable(graph, &[value]) {
            let depends = graph.node(inner).inputs.iter().any(|x| by.contains(x) || active.contains(x));
            if depends {
                active.insert(inner);
            }
        }
        kept.extend(active);
        // The name itself stays a node of its own; what it stands for may be known.
        kept.extend(by.into_iter().filter(|by| matches!(graph.node(*by).op, Op::Mark(_))));
    }
    kept
}
