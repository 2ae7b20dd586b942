//! Figures as tables and as JSON.
//!
//! In: a [`Run`]. Out: markdown for docs/performance.md, JSON for programs.
//! Always holds: a cell without a measurement is a dash, and what was missing is listed under the machine.

use crate::bench::{Row, Run};
use crate::json::quote;
use std::path::Path;

const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";
/// What everything else about the network is compared with.
const BASE: &str = "plain gradient";

/// The whole run as JSON.
pub fn json(run: &Run) -> String {
    let rows: Vec<String> = run.rows.iter().map(|row| format!("    {}", row.json())).collect();
    let missing: Vec<String> = run.missing.iter().map(|text| quote(text)).collect();
    format!(
        "{{\n  \"machine\": {},\n  \"missing\": [{}],\n  \"results\": [\n{}\n  ]\n}}\n",
        quote(&run.machine.sentence()),
        missing.join(", "),
        rows.join(",\n")
    )
}

/// Every table, as markdown.
pub fn tables(run: &Run) -> String {
    let missing = match run.missing.is_empty() {
        true => "none".to_string(),
        false => run.missing.join("; "),
    };
    let turns = if run.turns == 1 { "one turn".to_string() } else { format!("{} turns", run.turns) };
    let mut text =
        format!("Machine: {}; {turns} for everyone.\n\nMissing in this run: {missing}.\n", run.machine.sentence());
    for threads in counts(run) {
        text += &network(run, threads);
    }
    text += &growth(run);
    text += &elementwise(run);
    text += &each(run, "reductions", "Reductions of 2000 × 1000 numbers, nanoseconds per element");
    text += &each(run, "windows", "Windows, nanoseconds per tap");
    text += &products(run);
    text += &each(run, "batches", "Batches of matrices, nanoseconds per matrix, of attention per score");
    text += &scalar_loops(run);
    text += &compiling(run);
    text + &first_value(run)
}

/// Puts the tables between the marks of a page.
pub fn replace(page: &Path, tables: &str) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("{}: {error}", page.display());
    let text = std::fs::read_to_string(page).map_err(fail)?;
    let (before, rest) = text.split_once(BEGIN).ok_or_else(|| format!("{} has no {BEGIN}", page.display()))?;
    let (_, after) = rest.split_once(END).ok_or_else(|| format!("{} has no {END}", page.display()))?;
    std::fs::write(page, format!("{before}{BEGIN}\n\n{tables}\n{END}{after}")).map_err(fail)
}

fn network(run: &Run, threads: usize) -> String {
    let rows: Vec<&Row> = run.rows.iter().filter(|row| row.group == "network" && row.threads == threads).collect();
    let cell = |row: &Row| {
        let base = rows.iter().find(|other| (&other.peer, other.n, other.name.as_str()) == (&row.peer, row.n, BASE));
        let ratio = base.map_or(String::new(), |base| format!(" ({:.2}×)", row.median_s / base.median_s));
        format!("{}{ratio}", duration(row.median_s))
    };
    let title = format!("Network 784-128-10, f32, {} (in brackets: over one's own {BASE})", threads_named(threads));
    table(&title, &rows, |row| format!("{}, N = {}", row.name, row.n), cell)
}

fn growth(run: &Run) -> String {
    let rows: Vec<&Row> = run.rows.iter().filter(|row| row.group == "growth").collect();
    let each = |row: &Row| row.median_s / row.n as f64;
    let best = |row: &Row| {
        let same = rows.iter().filter(|other| (&other.peer, other.threads) == (&row.peer, row.threads));
        same.map(|other| each(other)).fold(f64::INFINITY, f64::min)
    };
    let cell = |row: &Row| format!("{} ({:.2}×)", duration(each(row)), each(row) / best(row));
    let title = "Second moment of the network, time per example (in brackets: over the best of the column)";
    let label = |row: &Row| format!("N = {}, {}", row.n, threads_named(row.threads));
    table(title, &rows, label, cell)
}

fn elementwise(run: &Run) -> String {
    let rows: Vec<&Row> = run.rows.iter().filter(|row| row.group == "elementwise").collect();
    let label = |row: &Row| format!("{}, {}, n = {:e}, {}", row.name, row.dtype, row.n, threads_named(row.threads));
    table("Elementwise, nanoseconds per element", &rows, label, |row| {
        format!("{:.2}", row.median_s / row.n as f64 * 1e9)
    })
}

/// A group as nanoseconds per element.
fn each(run: &Run, group: &str, title: &str) -> String {
    let rows: Vec<&Row> = run.rows.iter().filter(|row| row.group == group).collect();
    let label = |row: &Row| format!("{}, {}", row.name, threads_named(row.threads));
    table(title, &rows, label, |row| format!("{:.3}", row.median_s / row.n as f64 * 1e9))
}

fn products(run: &Run) -> String {
    let rows: Vec<&Row> = run.rows.iter().filter(|row| row.group == "matrix products").collect();
    let label = |row: &Row| format!("{}, {}, {}", row.name, row.dtype, threads_named(row.threads));
    let title = "Matrix products, GFLOP/s (more is better)";
    table(title, &rows, label, |row| format!("{:.1}", 2.0 * row.n as f64 / row.median_s / 1e9))
}

/// From a text that is new to a first value, by the length of the program.
fn compiling(run: &Run) -> String {
    let rows: Vec<&Row> = run.rows.iter().filter(|row| row.group == "compile time").collect();
    let cell = |row: &Row| format!("{} ({} each)", duration(row.median_s), duration(row.median_s / row.n as f64));
    table("Compile time: source text to a first value, 1 thread", &rows, |row| row.name.clone(), cell)
}

fn scalar_loops(run: &Run) -> String {
    let rows: Vec<&Row> = run.rows.iter().filter(|row| row.group == "scalar loops").collect();
    let cell = |row: &Row| {
        let peer = rows.iter().find(|other| other.peer == "gcc" && (&other.name, other.n) == (&row.name, row.n));
        let ratio = peer.map_or(String::new(), |peer| format!(" ({:.2}×)", row.min_s / peer.min_s));
        format!("{}{ratio}", duration(row.min_s))
    };
    let title = "Loops over scalars and tables, 1 thread, shortest time (in brackets: over gcc -O3 -march=native)";
    table(title, &rows, |row| format!("{}, n = {:e}", row.name, row.n), cell)
}

fn first_value(run: &Run) -> String {
    let rows: Vec<&Row> = run.rows.iter().filter(|row| row.group == "first value").collect();
    let label = |row: &Row| format!("{}, N = {}, {}", row.name, row.n, threads_named(row.threads));
    table("From source text to value, warm process", &rows, label, |row| duration(row.median_s))
}

/// One table: a line for each label, a column for each peer, in the order in which they come.
fn table(title: &str, rows: &[&Row], label: impl Fn(&Row) -> String, cell: impl Fn(&Row) -> String) -> String {
    let peers = distinct(rows.iter().map(|row| row.peer.clone()));
    let labels = distinct(rows.iter().map(|row| label(row)));
    if labels.is_empty() {
        return String::new();
    }
    let mut text = format!("\n### {title}\n\n| | {} |\n|---|{}\n", peers.join(" | "), "---:|".repeat(peers.len()));
    for line in labels {
        let figure = |peer: &String| {
            let row = rows.iter().find(|row| row.peer == *peer && label(row) == line);
            row.map_or("–".to_string(), |row| cell(row))
        };
        let cells: Vec<String> = peers.iter().map(figure).collect();
        text += &format!("| {line} | {} |\n", cells.join(" | "));
    }
    text
}

fn counts(run: &Run) -> Vec<usize> {
    distinct(run.rows.iter().map(|row| row.threads))
}

fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    items.for_each(|item| {
        if !seen.contains(&item) {
            seen.push(item);
        }
    });
    seen
}

fn threads_named(threads: usize) -> String {
    if threads == 1 { "1 thread".to_string() } else { format!("{threads} threads") }
}

/// A time with three digits and a unit.
fn duration(seconds: f64) -> String {
    let (scaled, unit) = match seconds {
        s if s < 1e-6 => (s * 1e9, "ns"),
        s if s < 1e-3 => (s * 1e6, "µs"),
        s if s < 1.0 => (s * 1e3, "ms"),
        s => (s, "s"),
    };
    let decimals = if scaled < 10.0 { 2 } else { usize::from(scaled < 100.0) };
    format!("{scaled:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits() {
        let shown: Vec<String> = [2.5e-9, 1.234e-5, 4.5678e-3, 0.1234, 12.34].into_iter().map(duration).collect();
        assert_eq!(shown, ["2.50 ns", "12.3 µs", "4.57 ms", "123 ms", "12.3 s"]);
    }

    #[test]
    fn a_missing_cell_is_a_dash() {
        let row = |peer: &str, n| Row {
            peer: peer.to_string(),
            group: "elementwise".to_string(),
            name: "copy".to_string(),
            n,
            dtype: "f64".to_string(),
            threads: 1,
            median_s: 1.0,
            min_s: 1.0,
            check: None,
        };
        let (a, b) = (row("ours", 1), row("theirs", 2));
        let text = table("t", &[&a, &b], |row| row.n.to_string(), |row| duration(row.median_s));
        assert!(text.contains("| | ours | theirs |"), "{text}");
        assert!(text.contains("| 1 | 1.00 s | – |\n| 2 | – | 1.00 s |"), "{text}");
    }
}
