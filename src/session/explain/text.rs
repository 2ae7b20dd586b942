//! Explanations for people.
//!
//! In: an explanation. Out: lines of plain English with aligned columns.
//! Always holds: a section without anything to say is left out.

use super::{Explanation, Kind, Part};
use crate::diagnostic::Sources;
use crate::graph::{Size, envelope, polynomial};
use crate::loops::Work;
use crate::passes::Choice;
use crate::syntax::span::Span;

/// The most characters of source that a line shows.
const SNIPPET: usize = 48;

/// The whole text.
pub(super) fn render(explanation: &Explanation) -> String {
    let parts: Vec<String> = explanation.parts.iter().map(|part| section(part, &explanation.sources)).collect();
    if parts.is_empty() {
        "there is nothing to explain: no function and no statement that does anything\n".to_string()
    } else {
        parts.join("\n")
    }
}

/// What a part is called, with its parameters and results.
pub(super) fn heading(part: &Part) -> String {
    let parameters: Vec<String> = part.parameters.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
    match part.kind {
        Kind::Function => {
            let results = match part.results.as_slice() {
                [one] => one.clone(),
                all => format!("({})", all.join(", ")),
            };
            format!("fn {}({}) -> {results}", part.name, parameters.join(", "))
        }
        Kind::Program => "the program's statements".to_string(),
        Kind::Expression => format!("{}: {}", part.name, part.results.join(", ")),
    }
}

fn section(part: &Part, sources: &Sources) -> String {
    let mut out = format!("{}\n\n", heading(part));
    out.push_str(&format!("  time    {} scalar operations\n", polynomial(&part.cost.time)));
    out.push_str(&format!("  memory  {} bytes at the peak, with parameters and results\n", memory(part)));
    if let Some(at) = numbers(part) {
        out.push_str(&format!("  {at}\n"));
    }
    for unknown in &part.cost.unknown {
        let what = if unknown.is_loop {
            "how often a loop runs that nothing bounds"
        } else {
            "a size that only running tells"
        };
        out.push_str(&format!("  {} is {what}: {}\n", unknown.name, place(unknown.span, sources)));
    }
    let statistics =
        part.statistics.iter().map(|s| vec![line(s.span, sources), snippet(s.span, sources), s.name.clone()]);
    table(&mut out, "statistics", statistics.collect());
    let derivatives =
        part.derivatives.iter().map(|d| vec![line(d.span, sources), snippet(d.span, sources), derivative(d, sources)]);
    table(&mut out, "derivatives", derivatives.collect());
    let batched = part.batched.iter().map(|span| {
        vec![line(*span, sources), snippet(*span, sources), "computed for all elements at once".to_string()]
    });
    table(&mut out, "comprehensions", batched.collect());
    let loops = part
        .loops
        .iter()
        .map(|l| vec![line(l.span, sources), snippet(l.span, sources), format!("{} times: {}", l.trips, l.why)]);
    table(&mut out, "loops", loops.collect());
    contractions(&mut out, part, sources);
    steps(&mut out, part, sources);
    out.push_str(&format!("\n  {}\n", fused(part)));
    for warning in &part.warnings {
        out.push_str(&format!("\n{}", sources.render(warning, false)));
    }
    out
}

/// The peak of memory; of several steps that may be it, the largest counts.
pub(super) fn memory(part: &Part) -> String {
    match part.cost.peaks.as_slice() {
        [one] => polynomial(one),
        all => format!("at most {}", polynomial(&all.iter().fold(Size::default(), |most, peak| envelope(&most, peak)))),
    }
}

/// Time and memory at the sizes that are given.
pub(super) fn numbers(part: &Part) -> Option<String> {
    if part.sizes.is_empty() && !part.kernel.sizes.is_empty() {
        return None;
    }
    let (operations, peak) = (part.operations()?, part.peak()?);
    let sizes: Vec<String> = part.sizes.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let at = if sizes.is_empty() { "in numbers".to_string() } else { format!("at {}", sizes.join(", ")) };
    let planned =
        part.planned.map(|bytes| format!("; a call allocates {}", bytes_text(bytes as f64))).unwrap_or_default();
    Some(format!("{at}: {} operations, {} at the peak{planned}", grouped(operations), bytes_text(peak as f64)))
}

/// An integer with its digits in groups of three.
pub(super) fn grouped(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0 { format!("-{text}") } else { text }
}

/// Bytes with a unit.
pub(super) fn bytes_text(bytes: f64) -> String {
    let (mut value, mut unit) = (bytes, "bytes");
    for next in ["KiB", "MiB", "GiB", "TiB", "PiB"] {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, next);
    }
    if unit == "bytes" { format!("{value} {unit}") } else { format!("{value:.1} {unit}") }
}

/// What a derivative costs, in words.
pub(super) fn derivative(derivative: &super::Derivative, sources: &Sources) -> String {
    match (derivative.example, derivative.tied) {
        (_, Some(tied)) => format!("tied to the other examples by {}", place(tied, sources)),
        (true, None) => "of one example, from that example alone".to_string(),
        (false, None) => "one pass back".to_string(),
    }
}

/// How much was put together.
pub(super) fn fused(part: &Part) -> String {
    let many =
        |count: usize, one: &str, more: &str| if count == 1 { format!("1 {one}") } else { format!("{count} {more}") };
    format!(
        "{} in {}; {} held beside parameters and results",
        many(part.operators, "elementwise operator", "elementwise operators"),
        many(part.cost.works.len(), "step", "steps"),
        many(part.arrays(), "array is", "arrays are"),
    )
}

fn contractions(out: &mut String, part: &Part, sources: &Sources) {
    if part.choices.is_empty() {
        return;
    }
    out.push_str("\n  contractions\n");
    for choice in &part.choices {
        out.push_str(&format!("    {}  {}\n", line(choice.span, sources), snippet(choice.span, sources)));
        out.push_str(&format!("      {}  where {}\n", choice.notation, operands(choice, sources)));
        let rows = choice.plans.iter().enumerate().map(|(position, plan)| {
            let held = if plan.held == Size::default() {
                String::new()
            } else {
                format!("holds {} numbers", polynomial(&plan.held))
            };
            let what = if position == 0 { "chosen" } else { "or" };
            vec![
                what.to_string(),
                plan.text.clone(),
                format!("{} operations", polynomial(&plan.operations)),
                held,
                weighed(choice, position),
            ]
        });
        out.push_str(&aligned("      ", rows.collect()));
    }
}

/// The operands by their letters.
pub(super) fn operands(choice: &Choice, sources: &Sources) -> String {
    let all = choice.operands.iter().enumerate().map(|(k, (ty, span))| {
        let letter = char::from(b'A' + (k % 26) as u8);
        format!("{letter} is {ty}, {}", snippet(*span, sources))
    });
    all.collect::<Vec<_>>().join("; ")
}

/// Why one plan won: how much dearer each other one is, at the sizes that were planned for.
pub(super) fn weighed(choice: &Choice, position: usize) -> String {
    let (Some(won), Some(plan)) = (choice.plans.first(), choice.plans.get(position)) else { return String::new() };
    let ratio = plan.cost / won.cost.max(1.0);
    match position {
        0 if choice.plans.len() == 1 => "there is no other way".to_string(),
        0 => "cheapest at these sizes".to_string(),
        _ if ratio < 1.005 => "as dear".to_string(),
        _ if ratio < 10.0 => format!("{ratio:.2} times as dear"),
        _ => format!("{ratio:.0} times as dear"),
    }
}

/// The steps, a line for what each does and one for what it has taken in and why it ends.
fn steps(out: &mut String, part: &Part, sources: &Sources) {
    let row = |(position, work): (usize, &Work)| {
        vec![
            (position + 1).to_string(),
            work.what.to_string(),
            extents(work),
            format!("{} operations", polynomial(&work.operations)),
            line(work.span, sources),
            snippet(work.span, sources),
        ]
    };
    let rows: Vec<Vec<String>> = part.cost.works.iter().enumerate().map(row).collect();
    if !rows.is_empty() {
        out.push_str("\n  steps\n");
    }
    for (line, fusion) in aligned("    ", rows).lines().zip(&part.fusions) {
        out.push_str(&format!("{line}\n        {}\n", fusion.words()));
    }
}

/// Over what a step runs.
pub(super) fn extents(work: &Work) -> String {
    let mut extents: Vec<String> = work.extents.iter().map(polynomial).collect();
    if work.what == "product" && extents.first().is_some_and(|batch| batch == "1") {
        extents.remove(0);
    }
    let once = if extents.is_empty() { "once".to_string() } else { extents.join(" × ") };
    if work.runs.is_one() { once } else { format!("{once}, {} times", polynomial(&work.runs)) }
}

/// The line on which an expression begins.
pub(in crate::session) fn line(span: Span, sources: &Sources) -> String {
    let (_, text) = sources.get(span.file);
    match text.get(..span.start as usize) {
        Some(before) if span.end > span.start => format!("line {}", before.matches('\n').count() + 1),
        _ => "line -".to_string(),
    }
}

/// The expression in one line.
pub(in crate::session) fn snippet(span: Span, sources: &Sources) -> String {
    let words: Vec<&str> = sources.text(span).split_whitespace().collect();
    let text = words.join(" ");
    match text.char_indices().nth(SNIPPET) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default().trim_end()),
        None if text.is_empty() => "-".to_string(),
        None => text,
    }
}

fn place(span: Span, sources: &Sources) -> String {
    format!("{} ({})", snippet(span, sources), line(span, sources))
}

fn table(out: &mut String, title: &str, rows: Vec<Vec<String>>) {
    if !rows.is_empty() {
        out.push_str(&format!("\n  {title}\n{}", aligned("    ", rows)));
    }
}

/// Rows whose columns begin below each other.
fn aligned(indent: &str, rows: Vec<Vec<String>>) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for row in &rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        out.push_str(&format!("{indent}{}\n", cells.join("  ").trim_end()));
    }
    out
}
