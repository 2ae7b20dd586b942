//! Explanations as a page for a browser.
//!
//! In: an explanation. Out: one HTML document with its styles and drawings in it.
//! Always holds: it asks for nothing outside of itself, runs no script, and shows source text as text.

use super::drawing::{draw, escaped};
use super::{Explanation, Part, text};
use crate::diagnostic::Sources;
use crate::graph::polynomial;
use std::fmt::Write;

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #f3f5f7; --line: #c9d1d9; --mark: #0b62a8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ec; --paper: #15181c; --soft: #22272e; --line: #444c56; --mark: #7ab7ee; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font: 600 1.1rem/1.4 ui-monospace, monospace; border-top: 1px solid var(--line); padding-top: 1.2rem; margin-top: 2.4rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
code, td.code { font: 13px/1.5 ui-monospace, monospace; }
table { border-collapse: collapse; } td, th { text-align: left; padding: .15rem 1.2rem .15rem 0; vertical-align: top; border-bottom: 1px solid var(--soft); }
th { font-weight: 600; } tr.chosen td { color: var(--mark); font-weight: 600; }
.cost { background: var(--soft); padding: .8rem 1rem; border-radius: 6px; }
.drawing { overflow-x: auto; } pre { background: var(--soft); padding: .8rem 1rem; border-radius: 6px; overflow-x: auto; }
svg.graph rect { fill: var(--soft); stroke: var(--line); } svg.graph .parameter rect, svg.graph .result rect { fill: var(--paper); stroke: var(--mark); }
svg.graph .product rect { stroke: var(--mark); stroke-width: 2; } svg.graph text { fill: var(--ink); text-anchor: middle; font: 600 12px ui-monospace, monospace; }
svg.graph text.detail { font: 11px ui-monospace, monospace; opacity: .8; } svg.graph .edge { fill: none; stroke: var(--line); stroke-width: 1.4; }
svg.graph marker path { fill: var(--line); }
";

/// The document.
pub(super) fn render(explanation: &Explanation) -> String {
    let name = escaped(&explanation.name);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{name}, explained</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>{name}</h1>\n"
    );
    for part in &explanation.parts {
        section(&mut out, part, &explanation.sources);
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn section(out: &mut String, part: &Part, sources: &Sources) {
    // Writing into a string cannot fail.
    let _ = writeln!(out, "<section>\n<h2>{}</h2>", escaped(&text::heading(part)));
    let _ = writeln!(
        out,
        "<div class=\"cost\"><div>time: <code class=\"time\">{}</code> scalar operations</div>\
         <div>memory: <code class=\"memory\">{}</code> bytes at the peak, with parameters and results</div>",
        escaped(&polynomial(&part.cost.time)),
        escaped(&text::memory(part)),
    );
    if let Some(at) = text::numbers(part) {
        let _ = writeln!(out, "<div class=\"numbers\">{}</div>", escaped(&at));
    }
    for unknown in &part.cost.unknown {
        let what = if unknown.is_loop { "iterations that nothing bounds" } else { "a size that only running tells" };
        let (line, code) = (text::line(unknown.span, sources), text::snippet(unknown.span, sources));
        let _ =
            writeln!(out, "<div><code>{}</code>: {what}, {line} <code>{}</code></div>", unknown.name, escaped(&code));
    }
    out.push_str("</div>\n");
    let row = |span, words: String| vec![text::line(span, sources), text::snippet(span, sources), words];
    table(out, "Statistics", part.statistics.iter().map(|s| row(s.span, s.name.clone())).collect());
    table(out, "Derivatives", part.derivatives.iter().map(|d| row(d.span, text::derivative(d, sources))).collect());
    let batched = part.batched.iter().map(|span| row(*span, "computed for all elements at once".to_string()));
    table(out, "Comprehensions", batched.collect());
    table(out, "Loops", part.loops.iter().map(|l| row(l.span, format!("{} times: {}", l.trips, l.why))).collect());
    contractions(out, part, sources);
    let steps = part.cost.works.iter().zip(&part.fusions).enumerate().map(|(position, (work, fusion))| {
        let operations = format!("{} operations", polynomial(&work.operations));
        let what = format!("{}. {}, {}: {operations}", position + 1, work.what, text::extents(work));
        row(work.span, format!("{what}; {}", fusion.words()))
    });
    table(out, "Steps", steps.collect());
    let _ = writeln!(out, "<p>{}.</p>", escaped(&text::fused(part)));
    let _ = writeln!(out, "<div class=\"drawing\">\n{}</div>", draw(part, sources));
    for warning in &part.warnings {
        let _ = writeln!(out, "<pre class=\"warning\">{}</pre>", escaped(&sources.render(warning, false)));
    }
    out.push_str("</section>\n");
}

fn contractions(out: &mut String, part: &Part, sources: &Sources) {
    if part.choices.is_empty() {
        return;
    }
    out.push_str("<h3>Contractions</h3>\n");
    for choice in &part.choices {
        let _ = writeln!(
            out,
            "<p>{} <code>{}</code><br><code>{}</code>, where {}</p>\n<table class=\"plans\">",
            text::line(choice.span, sources),
            escaped(&text::snippet(choice.span, sources)),
            escaped(&choice.notation),
            escaped(&text::operands(choice, sources)),
        );
        for (position, plan) in choice.plans.iter().enumerate() {
            let _ = writeln!(
                out,
                "<tr{}><td class=\"code\">{}</td><td>{} operations</td><td>holds {} numbers</td><td>{}</td></tr>",
                if position == 0 { " class=\"chosen\"" } else { "" },
                escaped(&plan.text),
                escaped(&polynomial(&plan.operations)),
                escaped(&polynomial(&plan.held)),
                text::weighed(choice, position),
            );
        }
        out.push_str("</table>\n");
    }
}

fn table(out: &mut String, title: &str, rows: Vec<Vec<String>>) {
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(out, "<h3>{title}</h3>\n<table>");
    for row in rows {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let class = if column == 1 { " class=\"code\"" } else { "" };
            format!("<td{class}>{}</td>", escaped(cell))
        });
        let _ = writeln!(out, "<tr>{}</tr>", cells.collect::<String>());
    }
    out.push_str("</table>\n");
}
