//! Contracts held against what is compiled: a function that costs more than it promises is rejected.
//!
//! In: checked functions. Out: an error for each promise that is not kept, at the expression that breaks it.
//! Always holds: what is compared is the cost of the loops that are going to run, planned as for a call from outside.

use crate::check::{Bounded, Checked, Functions};
use crate::diagnostic::{Diagnostic, Result as Checking, codes};
use crate::graph::{Op, Size, coefficient, grows_within, polynomial};
use crate::loops::{self, Cost, Kernel, Role, Work};
use crate::passes::{Mixture, mixture};
use crate::pipeline::{self, Context};
use crate::syntax::span::Span;

/// What is wrong with the contracts of these functions, which are checked already.
pub(super) fn problems<'f>(functions: &Functions, names: impl IntoIterator<Item = &'f str>) -> Vec<Box<Diagnostic>> {
    let mut problems = Vec::new();
    for name in names {
        let Some(clause) = functions.definition(name).and_then(|function| function.contract.first()) else { continue };
        if functions.is_template(name) {
            problems.push(no_types(name, clause.span));
            continue;
        }
        // What is wrong with the function itself has been said.
        let Ok(checked) = functions.get(name, Span::default()) else { continue };
        match broken(&checked) {
            Ok(broken) => problems.extend(broken),
            Err(problem) => problems.push(problem),
        }
    }
    problems
}

fn no_types(name: &str, span: Span) -> Box<Diagnostic> {
    Diagnostic::error(codes::CONTRACT, span, format!("`{name}` is another function at each call"))
        .at("so there is no cost that this could bound")
        .help("give every parameter a type, and no list; or leave the contract out and ask `microtome explain` for the program")
}

/// The promises of a function that are not kept.
fn broken(checked: &Checked) -> Checking<Vec<Box<Diagnostic>>> {
    let mut context = Context::default();
    let kernel = loops::lower(&pipeline::run(&checked.graph, &mut context, None, |_, _| {})?)?;
    let cost = Cost::of(&kernel);
    let mut broken = Vec::new();
    for promise in &checked.promises {
        broken.extend(match &promise.what {
            Bounded::Time(bound) => time(&checked.name, &cost, bound, promise.span),
            Bounded::Memory(bound) => memory(&checked.name, &kernel, &cost, bound, promise.span),
            Bounded::Rows(axis) => rows(checked, axis, promise.span)?,
        });
    }
    Ok(broken)
}

/// A result that knows, in a row, more than that row of the parameters.
fn rows(checked: &Checked, axis: &str, clause: Span) -> Checking<Option<Box<Diagnostic>>> {
    let graph = pipeline::run_only(&checked.graph, &mut Context::default(), pipeline::REFERENCE)?;
    let Some(Mixture { result, by, span }) = mixture(&graph, &Size::var(axis)) else { return Ok(None) };
    let what = match graph.outputs.len() {
        1 => "the result".to_string(),
        _ => format!("result {}", result + 1),
    };
    let text = format!("{what} of `{}` is not independent along `{axis}`", checked.name);
    let error = Diagnostic::error(codes::MIXED, span, text)
        .at(mixes(&by, axis))
        .label(clause, "the contract")
        .note(format!("row i of {what} depends on other rows of the parameters than row i"))
        .help(
            "compute it for each row by itself (`axis=1`, say), or take it as a parameter; if only gradients are meant not \
             to see it, write stop_gradient(…) around it and leave the clause out",
        );
    Ok(Some(error))
}

/// How an operator brings rows together.
fn mixes(by: &Op, axis: &str) -> String {
    match by {
        Op::Reduce { kind, .. } => format!("this {} runs over all rows of `{axis}`", kind.name),
        Op::Contract { .. } => format!("this product is summed over `{axis}`"),
        Op::Routine(routine) => format!("this {} runs along `{axis}`", routine.name),
        Op::Gather { .. } | Op::Update { .. } | Op::ScatterAdd { .. } => {
            "the rows that this takes or writes are named by an index of their own".to_string()
        }
        Op::Slice { .. } | Op::Place { .. } | Op::Concat { .. } => "this moves rows to other places".to_string(),
        Op::Build(_) => format!("this runs over other rows than `0:{axis}`"),
        Op::Input(_) => format!("its rows are not those of `{axis}`"),
        Op::Loop(_) | Op::Final(_) => "this loop carries something from one row to the next".to_string(),
        _ => "this brings different rows together".to_string(),
    }
}

fn time(name: &str, cost: &Cost, bound: &Size, clause: Span) -> Option<Box<Diagnostic>> {
    if let Some(problem) = unbounded(name, cost, std::slice::from_ref(&cost.time), "time", clause) {
        return Some(problem);
    }
    let over = grows_within(&cost.time, bound);
    let worst = over.first()?;
    let work = cost.works.iter().max_by_key(|work| coefficient(&work.operations, worst))?;
    let (allowed, grows) = (polynomial(bound), polynomial(worst));
    let text = format!("`{name}` takes {grows} scalar operations, more than O({allowed})");
    let error = Diagnostic::error(codes::TIME_CONTRACT, work.span, text)
        .at(format!("{} takes {}", describe(work), polynomial(&work.operations)))
        .label(clause, "the contract")
        .note(format!("all in all it takes {}", polynomial(&cost.time)));
    Some(also(error, &over).help(format!("compute it another way, or promise time O({})", with(bound, &over))))
}

fn memory(name: &str, kernel: &Kernel, cost: &Cost, bound: &Size, clause: Span) -> Option<Box<Diagnostic>> {
    if let Some(problem) = unbounded(name, cost, &cost.peaks, "memory", clause) {
        return Some(problem);
    }
    let mut over: Vec<Size> = cost.moments.iter().flat_map(|moment| grows_within(&moment.bytes, bound)).collect();
    over.sort_by_key(|term| std::cmp::Reverse(term.monomials().map(|(vars, _)| vars.len()).max()));
    let mut distinct: Vec<Size> = Vec::new();
    over.into_iter().for_each(|term| {
        if !distinct.contains(&term) {
            distinct.push(term)
        }
    });
    let worst = distinct.first()?;
    let moment = cost.moments.iter().max_by_key(|moment| coefficient(&moment.bytes, worst))?;
    let bytes = |id: usize| cost.bytes.get(id).cloned().unwrap_or_default();
    let largest = *moment.live.iter().max_by_key(|id| coefficient(&bytes(**id), worst))?;
    let buffer = kernel.buffers.get(largest)?;
    let what = match buffer.role {
        Role::Input(_) => "this parameter",
        Role::Output(_) => "the result of this",
        Role::Scratch => "the array that this is held in",
    };
    let (allowed, grows) = (polynomial(bound), polynomial(worst));
    let text = format!("`{name}` holds {grows} numbers at once, more than O({allowed})");
    let error = Diagnostic::error(codes::MEMORY_CONTRACT, kernel.place(largest), text)
        .at(format!("{what} takes {} bytes", polynomial(&bytes(largest))))
        .label(clause, "the contract")
        .note(format!("at the peak {} bytes are held, arguments and results among them", polynomial(&moment.bytes)));
    Some(
        also(error, &distinct).help(format!("compute it another way, or promise memory O({})", with(bound, &distinct))),
    )
}

/// A cost in which something has no bound.
fn unbounded(name: &str, cost: &Cost, parts: &[Size], what: &str, clause: Span) -> Option<Box<Diagnostic>> {
    let named = |unknown: &&loops::Unknown| parts.iter().any(|part| part.vars().contains(&unknown.name));
    let unknown = cost.unknown.iter().find(named)?;
    let text = format!("nothing bounds the {what} of `{name}`");
    let error = Diagnostic::error(codes::UNBOUNDED, unknown.span, text).label(clause, "the contract");
    Some(match unknown.is_loop {
        true => error
            .at("how often this loop runs depends on data")
            .help("write `for i in 0:n` over a size, with a `break` where it may end sooner; or leave the clause out"),
        false => error
            .at("how large this is depends on data")
            .help("bound it by a size, `x[0:min(k, n)]` say; or leave the clause out"),
    })
}

/// What else a bound does not cover: terms that do not grow as the worst does.
fn also(error: Box<Diagnostic>, over: &[Size]) -> Box<Diagnostic> {
    let mut rest = over
        .split_first()
        .map(|(worst, rest)| (rest, worst))
        .into_iter()
        .flat_map(|(rest, worst)| rest.iter().filter(|term| !grows_within(term, worst).is_empty()).map(polynomial));
    match rest.next() {
        Some(first) => {
            let all: Vec<String> = std::iter::once(first).chain(rest).collect();
            error.note(format!("not covered either: {}", all.join(", ")))
        }
        None => error,
    }
}

/// A bound that covers those terms too, without what they cover.
fn with(bound: &Size, over: &[Size]) -> String {
    let all = over.iter().fold(Size::default(), |sum, term| sum.plus(term));
    let mut parts: Vec<String> = Vec::new();
    for (position, term) in over.iter().enumerate() {
        let covered = over.iter().take(position).any(|larger| grows_within(term, larger).is_empty());
        if !covered {
            parts.push(polynomial(term));
        }
    }
    let kept = grows_within(bound, &all);
    kept.iter().map(polynomial).chain(parts).collect::<Vec<_>>().join(" + ")
}

/// A step in words.
fn describe(work: &Work) -> String {
    let extents: Vec<String> = work.extents.iter().map(polynomial).collect();
    let times = if work.runs.is_one() { String::new() } else { format!(", run {} times,", polynomial(&work.runs)) };
    match (work.what, work.extents.as_slice()) {
        ("product", [batch, ..]) => {
            let each = extents.get(1..).unwrap_or_default().join(" × ");
            let batch = if batch.is_one() { String::new() } else { format!("{} times ", polynomial(batch)) };
            format!("this matrix product ({batch}{each}){times}")
        }
        ("elementwise" | "copy", []) => format!("this{times}"),
        ("elementwise" | "copy", _) => format!("this loop over {}{times}", extents.join(" × ")),
        (name, []) => format!("this {name}{times}"),
        (name, _) => format!("this {name} over {}{times}", extents.join(" × ")),
    }
}
