//! Explanations for programs.
//!
//! In: an explanation. Out: one JSON object, described in docs/explain.md.
//! Always holds: the keys, once released, keep their meaning; polynomials are given as text and as terms.

use super::{Explanation, Kind, Part, text};
use crate::diagnostic::Sources;
use crate::graph::{Size, polynomial};
use crate::syntax::span::Span;
use serde_json::{Value, json};

/// The version of the object.
const VERSION: u32 = 1;

/// The object, indented, with a line's end.
pub(super) fn render(explanation: &Explanation) -> String {
    let parts: Vec<Value> = explanation.parts.iter().map(|part| object(part, &explanation.sources)).collect();
    let all = json!({ "version": VERSION, "file": explanation.name, "parts": parts });
    format!("{all:#}\n")
}

fn object(part: &Part, sources: &Sources) -> Value {
    let size = |size: &Size| bounded(size, part);
    let peaks: Vec<Value> = part.cost.peaks.iter().map(size).collect();
    let parameters: Vec<Value> = part.parameters.iter().map(|(name, ty)| json!({ "name": name, "type": ty })).collect();
    let unbounded: Vec<Value> = part
        .cost
        .unknown
        .iter()
        .map(|unknown| {
            json!({
                "name": &*unknown.name,
                "what": if unknown.is_loop { "loop" } else { "size" },
                "place": place(unknown.span, sources),
            })
        })
        .collect();
    let steps: Vec<Value> = part
        .cost
        .works
        .iter()
        .zip(&part.fusions)
        .map(|(work, fusion)| {
            json!({
                "what": work.what,
                "place": place(work.span, sources),
                "extents": work.extents.iter().map(polynomial).collect::<Vec<_>>(),
                "runs": polynomial(&work.runs),
                "operations": size(&work.operations),
                "operators": fusion.operators,
                "read_by": fusion.readers,
                "held": fusion.held,
                "together_up_to": fusion.together,
                "one_loop": fusion.one_loop,
            })
        })
        .collect();
    let derivatives: Vec<Value> = part
        .derivatives
        .iter()
        .map(|derivative| {
            json!({
                "place": place(derivative.span, sources),
                "per_example": derivative.example,
                "tied_by": derivative.tied.map(|tied| place(tied, sources)),
            })
        })
        .collect();
    let statistics: Vec<Value> =
        part.statistics.iter().map(|s| json!({ "place": place(s.span, sources), "name": s.name })).collect();
    let loops: Vec<Value> = part
        .loops
        .iter()
        .map(|l| json!({ "place": place(l.span, sources), "iterations": l.trips, "why": l.why }))
        .collect();
    let warnings: Vec<Value> =
        part.warnings.iter().filter_map(|warning| serde_json::from_str(&sources.json(warning)).ok()).collect();
    json!({
        "name": part.name,
        "kind": match part.kind {
            Kind::Function => "function",
            Kind::Program => "program",
            Kind::Expression => "expression",
        },
        "parameters": parameters,
        "results": part.results,
        "sizes": part.sizes.iter().map(|(name, value)| (name.to_string(), json!(value))).collect::<serde_json::Map<_, _>>(),
        "time": size(&part.cost.time),
        "memory": { "peaks": peaks, "at": part.peak(), "allocated": part.planned },
        "unbounded": unbounded,
        "steps": steps,
        "contractions": contractions(part, sources),
        "derivatives": derivatives,
        "statistics": statistics,
        "batched": part.batched.iter().map(|span| place(*span, sources)).collect::<Vec<_>>(),
        "loops": loops,
        "elementwise_operators": part.operators,
        "arrays_held": part.arrays(),
        "warnings": warnings,
    })
}

fn contractions(part: &Part, sources: &Sources) -> Vec<Value> {
    let one = |choice: &crate::passes::Choice| {
        let operands: Vec<Value> = choice
            .operands
            .iter()
            .map(|(ty, span)| json!({ "type": ty.to_string(), "place": place(*span, sources) }))
            .collect();
        let plans: Vec<Value> = choice
            .plans
            .iter()
            .enumerate()
            .map(|(position, plan)| {
                json!({
                    "order": plan.text,
                    "chosen": position == 0,
                    "operations": bounded(&plan.operations, part),
                    "held": bounded(&plan.held, part),
                    "weight": plan.cost,
                })
            })
            .collect();
        json!({
            "place": place(choice.span, sources),
            "notation": choice.notation,
            "operands": operands,
            "plans": plans,
        })
    };
    part.choices.iter().map(one).collect()
}

/// A polynomial, with its value at the sizes that are given.
fn bounded(size: &Size, part: &Part) -> Value {
    let terms: Vec<Value> = size
        .monomials()
        .map(|(vars, coefficient)| {
            let sizes: Vec<&str> = vars.iter().map(|var| &**var).collect();
            json!({ "coefficient": coefficient, "sizes": sizes })
        })
        .collect();
    json!({ "polynomial": polynomial(size), "terms": terms, "at": size.eval(&part.sizes) })
}

/// A place in the source; null for what no expression stands for.
fn place(span: Span, sources: &Sources) -> Value {
    let (file, source) = sources.get(span.file);
    let Some(before) = source.get(..span.start as usize).filter(|_| span.end > span.start) else { return Value::Null };
    json!({
        "file": file,
        "line": before.matches('\n').count() + 1,
        "column": before.chars().rev().take_while(|c| *c != '\n').count() + 1,
        "text": text::snippet(span, sources),
    })
}
