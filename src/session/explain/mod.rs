//! `microtome explain`: what a program costs, and what the compiler has made of it.
//!
//! In: graphs of functions, of the statements, or of an expression. Out: an [`Explanation`], as text, JSON or a page.
//! Always holds: what is told is of the loops that would be compiled for the sizes at hand.

mod drawing;
mod fusion;
mod json;
mod page;
mod statistics;
mod text;

use super::{Error, Module};
use crate::check::Checked;
use crate::diagnostic::{Diagnostic, Result as Checking, Sources, codes, nearest};
use crate::graph::{Graph, NodeId, Op, SizeEnv, reachable};
use crate::loops::{self, Cost, Kernel, Role, Step};
use crate::passes::{Choice, tied_by};
use crate::pipeline::{self, Context};
use crate::runtime::memory;
use crate::syntax::span::Span;
use fusion::{Fusion, fusions};
use statistics::{Statistic, statistics};
pub(super) use text::{line, snippet};

/// What the compiler has made of a program, or of a part of it.
#[derive(Clone, Debug)]
pub struct Explanation {
    name: String,
    sources: Sources,
    parts: Vec<Part>,
}

/// What is explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Function,
    Program,
    Expression,
}

/// A function, the statements, or an expression.
#[derive(Clone, Debug)]
struct Part {
    name: String,
    kind: Kind,
    parameters: Vec<(String, String)>,
    results: Vec<String>,
    /// The sizes that are given.
    sizes: SizeEnv,
    kernel: Kernel,
    cost: Cost,
    /// Bytes that a call plans at the sizes, if all are given.
    planned: Option<u64>,
    choices: Vec<Choice>,
    derivatives: Vec<Derivative>,
    statistics: Vec<Statistic>,
    /// Comprehensions that became operations on whole arrays.
    batched: Vec<Span>,
    loops: Vec<Around>,
    /// What became of each step.
    fusions: Vec<Fusion>,
    /// Elementwise operators in the graph that is lowered.
    operators: usize,
    warnings: Vec<Box<Diagnostic>>,
}

/// A derivative.
#[derive(Clone, Debug)]
struct Derivative {
    span: Span,
    /// Whether it is of one example, which a generator names.
    example: bool,
    /// What ties that example to the others.
    tied: Option<Span>,
}

/// A loop around steps.
#[derive(Clone, Debug)]
struct Around {
    span: Span,
    /// How often it goes round.
    trips: String,
    /// Why it is one.
    why: &'static str,
}

impl Explanation {
    /// For people: lines of at most about a hundred characters.
    pub fn text(&self) -> String {
        text::render(self)
    }

    /// For programs: an object that docs/explain.md describes.
    pub fn json(&self) -> String {
        json::render(self)
    }

    /// A page for a browser, which needs nothing beside it.
    pub fn html(&self) -> String {
        page::render(self)
    }
}

impl Module {
    /// Explains one function, or every function and the statements. Costs are given for every size, and as numbers
    /// at `sizes`, which contractions are planned for too.
    ///
    /// # Errors
    /// When there is no such function, when it is another one at each call, or when a size is none of its parameters'.
    pub fn explain(&self, function: Option<&str>, sizes: &[(String, i64)]) -> Result<Explanation, Error> {
        let given: SizeEnv = sizes.iter().map(|(name, value)| (name.as_str().into(), *value)).collect();
        let mut parts = Vec::new();
        let fail = |diagnostic| self.error(diagnostic);
        match function {
            Some(name) => parts.push(self.function_part(name, &given)?),
            None => {
                let closed = self.functions.names().filter(|name| !self.functions.is_template(name));
                for name in closed {
                    parts.push(self.function_part(name, &given)?);
                }
                if !self.statements.is_empty() {
                    let graph = self.program_graph()?;
                    if !graph.outputs.is_empty() || !graph.checks.is_empty() {
                        parts.push(part("the program", Kind::Program, &graph, &given, &[]).map_err(fail)?);
                    }
                }
            }
        }
        unknown_size(&parts, sizes).map_err(fail)?;
        let name = self.sources.get(crate::syntax::span::FileId(0)).0.to_string();
        Ok(Explanation { name, sources: self.sources.clone(), parts })
    }

    fn function_part(&self, name: &str, sizes: &SizeEnv) -> Result<Part, Error> {
        function_part(&*self.checked(name)?, sizes).map_err(|diagnostic| self.error(diagnostic))
    }
}

fn function_part(checked: &Checked, sizes: &SizeEnv) -> Checking<Part> {
    part(&checked.name, Kind::Function, &checked.graph, sizes, &checked.warnings)
}

/// One part by itself: a function of an interactive session.
pub(super) fn of_function(checked: &Checked, sources: Sources) -> Checking<Explanation> {
    let parts = vec![function_part(checked, &SizeEnv::new())?];
    Ok(Explanation { name: checked.name.clone(), sources, parts })
}

/// One part by itself: an expression of an interactive session.
pub(super) fn of_expression(graph: &Graph, text: &str, sources: Sources) -> Checking<Explanation> {
    let parts = vec![part(text.trim(), Kind::Expression, graph, &SizeEnv::new(), &[])?];
    Ok(Explanation { name: "expression".to_string(), sources, parts })
}

/// A size that is given but stands nowhere.
fn unknown_size(parts: &[Part], sizes: &[(String, i64)]) -> Checking<()> {
    let known: Vec<&str> = parts.iter().flat_map(|part| part.kernel.sizes.iter().map(|var| &**var)).collect();
    let Some((name, _)) = sizes.iter().find(|(name, _)| !known.contains(&name.as_str())) else { return Ok(()) };
    let error = Diagnostic::global(codes::UNBOUND_SIZE, format!("there is no size `{name}` in what is explained"));
    let mut distinct = known.clone();
    distinct.sort_unstable();
    distinct.dedup();
    Err(match (nearest(name, known.iter().copied()), distinct.is_empty()) {
        (Some(near), _) => error.help(format!("did you mean `{near}`?")),
        (None, true) => error.help("all its sizes are numbers already"),
        (None, false) => error.help(format!("its sizes are {}", distinct.join(", "))),
    })
}

fn part(name: &str, kind: Kind, graph: &Graph, sizes: &SizeEnv, warnings: &[Box<Diagnostic>]) -> Checking<Part> {
    let mut context = Context { expected: sizes.clone(), choices: Some(Vec::new()), ..Context::default() };
    let (mut written, mut sliced, mut expanded) = (graph.clone(), None, None);
    let planned = pipeline::run(graph, &mut context, None, |pass, graph| match pass.name {
        // Loops that add up are reductions from here on.
        "accumulated" => written = graph.clone(),
        "sliced" => sliced = Some(graph.clone()),
        "differentiated" => expanded = Some(graph.clone()),
        _ => {}
    })?;
    let kernel = loops::lower(&planned)?;
    let cost = Cost::of(&kernel);
    let all_given = kernel.sizes.iter().all(|var| sizes.contains_key(var) || kernel.found.contains(var));
    let plan = all_given.then(|| memory::plan(&kernel.layout(), sizes, Some(u64::MAX / 2)));
    let mut all: Vec<Box<Diagnostic>> = warnings.to_vec();
    all.extend(context.warnings.into_iter().filter(|warning| !warnings.contains(warning)));
    let left: Vec<Span> = builders(&planned).iter().map(|id| planned.node(*id).span).collect();
    let expanded = expanded.unwrap_or_default();
    let mut batched: Vec<Span> = builders(&expanded).iter().map(|id| expanded.node(*id).span).collect();
    batched.retain(|span| !left.contains(span));
    batched.sort();
    batched.dedup();
    let operators = reachable(&planned, &planned.roots());
    let operators = operators.iter().filter(|id| matches!(planned.node(**id).op, Op::Map(_) | Op::Cast)).count();
    let mut loops = Vec::new();
    surrounding(&kernel.steps, &planned, &mut loops);
    Ok(Part {
        name: name.to_string(),
        kind,
        parameters: graph.inputs.iter().map(|input| (input.name.clone(), input.ty.to_string())).collect(),
        results: graph.outputs.iter().map(|id| graph.ty(*id).to_string()).collect(),
        sizes: sizes.clone(),
        planned: plan.and_then(Result::ok).map(|plan| (plan.arena + plan.results) as u64),
        cost,
        choices: context.choices.unwrap_or_default(),
        derivatives: sliced.as_ref().map(derivatives).unwrap_or_default(),
        statistics: statistics(&written),
        batched,
        loops,
        fusions: fusions(&kernel),
        operators,
        warnings: all,
        kernel,
    })
}

fn builders(graph: &Graph) -> Vec<NodeId> {
    let all = reachable(graph, &graph.roots());
    all.into_iter().filter(|id| matches!(graph.node(*id).op, Op::Build(_))).collect()
}

fn derivatives(graph: &Graph) -> Vec<Derivative> {
    let all = reachable(graph, &graph.roots());
    let mut found: Vec<Derivative> = Vec::new();
    for id in all {
        let node = graph.node(id);
        let Some((value, _)) = node.derivative() else { continue };
        if found.iter().any(|known| known.span == node.span) {
            continue;
        }
        let tied = tied_by(graph, id).map(|by| graph.node(by).span);
        found.push(Derivative { span: node.span, example: !graph.node(value).free.is_empty(), tied });
    }
    found.sort_by_key(|derivative| derivative.span);
    found
}

/// The loops around steps, outermost first, with why each is one.
fn surrounding(steps: &[Step], graph: &Graph, found: &mut Vec<Around>) {
    for step in steps {
        if let Step::Loop(inner) = step {
            let trips = match &inner.limit {
                loops::Scalar::Size(size) => Some(size.clone()),
                loops::Scalar::Buffer(_) => inner.most.clone(),
            };
            let trips = trips.filter(|trips| trips.as_const() != Some(crate::ops::looping::UNBOUNDED));
            let trips = match (trips, &inner.again) {
                (Some(trips), None) if matches!(inner.limit, loops::Scalar::Size(_)) => {
                    crate::graph::polynomial(&trips)
                }
                (Some(trips), _) => format!("at most {}", crate::graph::polynomial(&trips)),
                (None, _) => "nothing says how many".to_string(),
            };
            found.push(Around { span: inner.span, trips, why: reason(graph, inner) });
        }
        step.blocks().into_iter().for_each(|block| surrounding(block, graph, found));
    }
}

/// Why something is a loop around steps, and no operation on whole arrays.
fn reason(graph: &Graph, inner: &loops::Loop) -> &'static str {
    let builder = builders(graph).into_iter().find(|id| graph.node(*id).span == inner.span);
    let Some(builder) = builder else {
        return match inner.again {
            Some(_) => "whether it goes on depends on what it has computed",
            None => "an iteration needs what the one before has left",
        };
    };
    let body = reachable(graph, &graph.node(builder).inputs);
    let Op::Build(var) = graph.node(builder).op else { return "" };
    let own = |id: &&NodeId| graph.depends_on(**id, var);
    if body.iter().filter(own).any(|id| matches!(graph.node(*id).op, Op::Loop(_))) {
        return "each element has a loop of its own, which may end sooner than others";
    }
    let sized = |id: &NodeId| graph.size_values(*id).iter().any(|value| graph.depends_on(*value, var));
    if body.iter().filter(own).any(sized) {
        return "its elements are made of arrays whose sizes differ";
    }
    "an operator in it has no form for all elements at once"
}

impl Part {
    /// Arrays that are held beside parameters and results.
    fn arrays(&self) -> usize {
        let held = self.kernel.buffers.iter().filter(|buffer| buffer.role == Role::Scratch);
        held.filter(|buffer| buffer.elements.as_const() != Some(1)).count()
    }

    /// Scalar operations at the sizes that are given.
    fn operations(&self) -> Option<i64> {
        self.cost.time.eval(&self.sizes)
    }

    /// Bytes at the peak at the sizes that are given.
    fn peak(&self) -> Option<i64> {
        self.cost.peak(&self.sizes)
    }
}
