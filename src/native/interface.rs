//! A function as C has it.
//!
//! In: a checked function, its loops, a prefix. Out: [`Interface`]: its name in C, and what the run-time library has to know,
//! which programs in Rust need as well.
//! Always holds: parameters have names of their own, in the order of the language: what it takes, then what it gives.

use super::Obstacle;
use super::names::{distinct, identifier};
use crate::check::{Checked, Shape};
use crate::diagnostic::Sources;
use crate::graph::Type;
use crate::loops::{FaultSite, Kernel};
use crate::runtime::native::{Check, Parameter, Program};

/// A function that other languages call.
#[derive(Clone, Debug)]
pub struct Interface {
    /// Its name in the language.
    pub name: String,
    /// Its head, as the language has it.
    pub head: String,
    /// What the run-time library has to know.
    pub program: Program,
}

/// Makes the interface of a function.
///
/// # Errors
/// When it gives nothing.
pub fn interface(
    checked: &Checked,
    kernel: &Kernel,
    sources: &Sources,
    prefix: &str,
    features: Vec<String>,
) -> Result<Interface, Obstacle> {
    let graph = &checked.graph;
    if graph.outputs.is_empty() {
        let text = format!("`{}` gives no array, so there is nothing to call it for", checked.name);
        return Err(Obstacle::Request(text, None));
    }
    let mut results = vec![String::new(); graph.outputs.len()];
    name_results(&checked.result, "out", &mut results);
    let names = distinct(graph.inputs.iter().map(|input| input.name.clone()).chain(results));
    let symbol = identifier(&format!("{prefix}_{}", checked.name));
    let program = program((checked, kernel, sources), symbol, names, features);
    Ok(Interface { name: checked.name.clone(), head: head(checked), program })
}

/// What the run-time library has to know of a function, by the names that messages use: its own, and those of what it takes and
/// gives, in order.
pub fn program(
    (checked, kernel, sources): (&Checked, &Kernel, &Sources),
    name: String,
    names: Vec<String>,
    features: Vec<String>,
) -> Program {
    let graph = &checked.graph;
    let types: Vec<&Type> =
        graph.inputs.iter().map(|input| &input.ty).chain(graph.outputs.iter().map(|id| graph.ty(*id))).collect();
    let mut parameters: Vec<Parameter> = names.into_iter().zip(&types).map(|(name, ty)| parameter(name, ty)).collect();
    let outputs = parameters.split_off(graph.inputs.len());
    Program {
        name,
        inputs: parameters,
        outputs,
        layout: kernel.layout(),
        checks: kernel.faults.iter().map(|site| check(site, sources)).collect(),
        features,
    }
}

fn parameter(name: String, ty: &Type) -> Parameter {
    Parameter { name, ty: ty.to_string(), dtype: ty.dtype, shape: ty.shape.clone() }
}

/// `out`, `out0` and `out1` for a tuple, `out_mean` for a record's field.
fn name_results(result: &Shape, name: &str, names: &mut [String]) {
    match result {
        Shape::Array(position) => {
            if let Some(slot) = names.get_mut(*position) {
                name.clone_into(slot);
            }
        }
        Shape::Tuple(parts) | Shape::List(parts) => {
            parts.iter().enumerate().for_each(|(k, part)| name_results(part, &format!("{name}{k}"), names));
        }
        Shape::Record(fields) => {
            fields.iter().for_each(|(field, part)| name_results(part, &format!("{name}_{field}"), names));
        }
        Shape::Nothing => {}
    }
}

fn check(site: &FaultSite, sources: &Sources) -> Check {
    let (file, text) = sources.get(site.span.file);
    let (start, end) = (site.span.start as usize, site.span.end as usize);
    let before = text.get(..start).unwrap_or(text);
    let number = before.matches('\n').count() + 1;
    let begin = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(begin..).unwrap_or("").chars().count();
    let whole = text.get(begin..).unwrap_or("").lines().next().unwrap_or("");
    let line = whole.trim();
    let indent = whole.chars().take_while(|c| c.is_whitespace()).count();
    // What goes on behind the end of the line is marked up to there.
    let marked = text.get(start..end).unwrap_or("").lines().next().unwrap_or("");
    Check {
        kind: site.kind.clone(),
        place: format!("{file}:{number}:{}", column + 1),
        line: line.to_owned(),
        from: column.saturating_sub(indent),
        width: marked.trim_end().chars().count().max(1),
    }
}

fn head(checked: &Checked) -> String {
    let graph = &checked.graph;
    let inputs: Vec<String> = graph.inputs.iter().map(|input| format!("{}: {}", input.name, input.ty)).collect();
    let results: Vec<String> = graph.outputs.iter().map(|id| graph.ty(*id).to_string()).collect();
    let result = match results.as_slice() {
        [only] => only.clone(),
        several => format!("({})", several.join(", ")),
    };
    format!("fn {}({}) -> {result}", checked.name, inputs.join(", "))
}
