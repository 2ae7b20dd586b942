//! The list of passes, as data, and the driver that runs them.
//!
//! In: a graph from the checker. Out: a graph ready for the loop schedule.
//! Always holds: in debug and test builds the verifier runs after every pass, and its message names the pass.

use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{Graph, SizeEnv, verify};
use crate::passes;
use crate::syntax::span::Span;

/// What passes may know and say beside the graph.
#[derive(Default)]
pub struct Context {
    /// Sizes to expect when the kernel is called; a plan for these is right for all.
    pub expected: SizeEnv,
    /// Warnings so far.
    pub warnings: Vec<Box<Diagnostic>>,
    /// How contractions were planned, if somebody wants to know.
    pub choices: Option<Vec<passes::Choice>>,
    /// Whether the program has asked for a derivative of each of several examples.
    pub per_example: bool,
}

/// A pass: a name, a sentence, and a function from graph to graph.
pub struct Pass {
    /// The name of the graph behind the pass, for `emit --stage`.
    pub name: &'static str,
    /// What it does.
    pub sentence: &'static str,
    /// The function.
    pub run: fn(&Graph, &mut Context) -> Result<Graph>,
}

/// Every pass over the array graph, in order.
pub const PASSES: &[Pass] = &[
    Pass {
        name: "accumulated",
        sentence: "makes closed forms of loops that only add up polynomials of their counters, and reductions of those of derivatives",
        run: |graph, _| Ok(passes::accumulate(&passes::closed(graph))),
    },
    Pass {
        name: "unrolled",
        sentence: "makes straight lines of loops that a gradient goes through",
        run: |graph, _| passes::unroll(graph),
    },
    Pass {
        name: "sliced",
        sentence: "pushes the index of an example from a differentiated cost to its inputs",
        run: |graph, context| Ok(passes::slice(graph, &mut context.warnings)),
    },
    Pass {
        name: "differentiated",
        sentence: "expands derivatives, in reverse and forward mode",
        run: |graph, context| {
            context.per_example = passes::has_derivatives_of_examples(graph);
            passes::differentiate(graph, &context.expected, &mut context.warnings)
        },
    },
    Pass {
        name: "batched",
        sentence: "turns builders over examples into operations on whole arrays",
        run: |graph, _| Ok(passes::batch(graph)),
    },
    Pass {
        name: "centred",
        sentence: "takes the spread of outer products around a value from their moments, where no digits are lost",
        run: |graph, _| Ok(passes::centre(graph)),
    },
    Pass {
        name: "contracted",
        sentence: "gathers products, squares and sums into contractions",
        run: |graph, _| Ok(passes::contract(graph)),
    },
    Pass {
        name: "planned",
        sentence: "orders each contraction's products, at the sizes to expect",
        run: |graph, context| Ok(passes::plan(graph, &context.expected, context.choices.as_mut())),
    },
    Pass {
        name: "blocked",
        sentence: "makes and reduces a few examples' gradients at a time, where all would be too many to hold",
        run: |graph, context| Ok(passes::block(graph, &context.expected, context.per_example)),
    },
];

/// The passes that the interpreter's graph goes through: those that have a meaning of their own, no cleverness.
pub const REFERENCE: &[&str] = &["unrolled", "sliced", "differentiated"];

/// Runs the passes up to and with `last` (all without); `observe` sees each graph behind its pass.
pub fn run(
    graph: &Graph,
    context: &mut Context,
    last: Option<&str>,
    mut observe: impl FnMut(&Pass, &Graph),
) -> Result<Graph> {
    let mut graph = graph.clone();
    check(&graph, "the checker")?;
    for pass in PASSES {
        graph = (pass.run)(&graph, context)?;
        check(&graph, pass.name)?;
        observe(pass, &graph);
        if last == Some(pass.name) {
            break;
        }
    }
    Ok(graph)
}

/// Runs the named passes only.
pub fn run_only(graph: &Graph, context: &mut Context, names: &[&str]) -> Result<Graph> {
    let mut graph = graph.clone();
    for pass in PASSES.iter().filter(|pass| names.contains(&pass.name)) {
        graph = (pass.run)(&graph, context)?;
        check(&graph, pass.name)?;
    }
    Ok(graph)
}

fn check(graph: &Graph, after: &str) -> Result<()> {
    if !cfg!(debug_assertions) {
        return Ok(());
    }
    verify(graph).map_err(|text| {
        Diagnostic::error(codes::BUG, Span::default(), format!("the graph is wrong after {after}: {text}"))
            .note(graph.to_string())
    })
}
