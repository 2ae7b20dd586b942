//! `cargo xtask bench`: our benchmarks and the peers', in one run.
//!
//! In: benches/suite.rs, benches/peers/*.py and *.c, which print one JSON object per figure. Out: target/bench.json, and the
//! tables of docs/performance.md.
//! Always holds: every figure of a table comes from the same run on the same machine; a peer that is not there is named
//! as missing, and two contestants that compute different values make the command fail.

use crate::json::{Object, quote};
use crate::machine::Machine;
use crate::report;
use crate::steps::cargo;
use std::path::Path;
use std::process::{Command, Stdio};

/// Scripts under benches/peers.
const PEERS: &[&str] = &["numpy_hand.py", "jax_peer.py", "torch_peer.py", "numba_peer.py"];
/// C programs under benches/peers, built with `gcc -O3 -march=native`; they use one thread.
const C_PEERS: &[&str] = &["scalar_loops.c", "windows.c"];
/// How often every contestant gets its turn; the figures of a table are medians over the turns.
pub const TURNS: usize = 3;

/// One figure.
#[derive(Clone)]
pub struct Row {
    /// Who was measured.
    pub peer: String,
    /// Which table it belongs to: `network`, `growth`, `elementwise`, `reductions`, `windows`,
    /// `matrix products`, `batches`, `scalar loops`, `compile time`, `first value`.
    pub group: String,
    /// What was computed.
    pub name: String,
    /// How many examples or elements.
    pub n: usize,
    /// The element type.
    pub dtype: String,
    /// How many threads it might use.
    pub threads: usize,
    /// Median time of a call.
    pub median_s: f64,
    /// Shortest time of a call.
    pub min_s: f64,
    /// The sum of the magnitudes of all results, the same for everyone.
    pub check: Option<f64>,
}

/// All figures of a run.
pub struct Run {
    /// The machine.
    pub machine: Machine,
    /// How often everyone had its turn.
    pub turns: usize,
    /// The figures, a median over the turns.
    pub rows: Vec<Row>,
    /// Peers, or parts of them, that could not be measured, with the reason.
    pub missing: Vec<String>,
}

/// Measures everyone; `quick` only sees whether it works.
pub fn run(root: &Path, quick: bool, turns: usize) -> Result<(), String> {
    let built = cargo(root).args(["bench", "--bench", "suite", "--no-run"]).status();
    if !built.is_ok_and(|status| status.success()) {
        return Err("benches/suite.rs does not build".to_string());
    }
    let machine = Machine::here();
    println!("{}", machine.sentence());
    let run = measure(root, quick, turns, machine)?;
    let json = root.join("target").join("bench.json");
    std::fs::create_dir_all(root.join("target")).map_err(|error| error.to_string())?;
    std::fs::write(&json, report::json(&run)).map_err(|error| format!("{}: {error}", json.display()))?;
    let tables = report::tables(&run);
    println!("\n{tables}");
    if !quick {
        report::replace(&root.join("docs").join("performance.md"), &tables)?;
    }
    agree(&run.rows)
}

/// Everyone in turn, several times over, so that a slow minute of the machine hits them all.
fn measure(root: &Path, quick: bool, turns: usize, machine: Machine) -> Result<Run, String> {
    let (mut rows, mut missing) = (Vec::new(), Vec::new());
    for turn in 1..=turns {
        for threads in [1, 2].into_iter().filter(|threads| *threads <= machine.cores) {
            eprintln!("turn {turn} of {turns}, {threads} threads");
            let (ours, _) = listen(suite(root, threads, quick), "microtome", threads)?;
            rows.extend(ours);
            let scripts = PEERS.iter().map(|script| (*script, Ok(peer(root, script, threads, quick))));
            let programs = C_PEERS.iter().filter(|_| threads == 1).map(|source| (*source, c_peer(root, source, quick)));
            for (who, command) in scripts.chain(programs) {
                match command.and_then(|command| listen(command, who, threads)) {
                    Ok((theirs, absent)) => {
                        rows.extend(theirs);
                        missing.extend(absent);
                    }
                    Err(reason) => missing.push(reason),
                }
            }
        }
    }
    missing.sort();
    missing.dedup();
    Ok(Run { machine, turns, rows: medians(rows), missing })
}

fn suite(root: &Path, threads: usize, quick: bool) -> Command {
    let mut command = cargo(root);
    command.args(["bench", "--quiet", "--bench", "suite", "--"]);
    with_options(command, threads, quick)
}

fn peer(root: &Path, script: &str, threads: usize, quick: bool) -> Command {
    let python = std::env::var_os("MICROTOME_BENCH_PYTHON").unwrap_or_else(|| "python3".into());
    let mut command = Command::new(python);
    command.current_dir(root).arg(Path::new("benches").join("peers").join(script));
    with_options(command, threads, quick)
}

/// A program in C, compiled.
fn c_peer(root: &Path, source: &str, quick: bool) -> Result<Command, String> {
    let program = root.join("target").join(source).with_extension("");
    let source = root.join("benches").join("peers").join(source);
    let mut gcc = Command::new("gcc");
    gcc.args(["-O3", "-march=native", "-o"]).arg(&program).arg(&source).arg("-lm");
    match gcc.status() {
        Ok(status) if status.success() => Ok(with_options(Command::new(program), 1, quick)),
        Ok(status) => Err(format!("gcc: {} does not build, with {status}", source.display())),
        Err(error) => Err(format!("gcc is missing ({error})")),
    }
}

/// The options that the suite and the peers have in common, and the variables by which libraries count threads.
fn with_options(mut command: Command, threads: usize, quick: bool) -> Command {
    command.args(["--threads", &threads.to_string()]);
    if quick {
        command.arg("--quick");
    }
    for variable in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"] {
        command.env(variable, threads.to_string());
    }
    pinned(command, threads)
}

/// The command on as many processors as it may use threads, where the machine can do that. XLA, for one, takes its
/// number of threads from the processors it sees.
fn pinned(command: Command, threads: usize) -> Command {
    let list = format!("0-{}", threads - 1);
    let possible = Command::new("taskset").args(["-c", &list, "true"]).stderr(Stdio::null()).status();
    if !possible.is_ok_and(|status| status.success()) {
        return command;
    }
    let mut outer = Command::new("taskset");
    outer.args(["-c", &list]).arg(command.get_program()).args(command.get_args());
    outer.envs(command.get_envs().filter_map(|(name, value)| value.map(|value| (name, value))));
    if let Some(folder) = command.get_current_dir() {
        outer.current_dir(folder);
    }
    outer
}

/// Runs a contestant and reads the lines that it prints.
fn listen(mut command: Command, who: &str, threads: usize) -> Result<(Vec<Row>, Vec<String>), String> {
    eprintln!("  {who}");
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| format!("{who} does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("{who} failed, with {}", output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let objects: Vec<Object> = text.lines().filter_map(Object::parse).collect();
    let rows = objects.iter().filter_map(|object| row(object, threads)).collect();
    let missing = objects.iter().filter_map(|object| object.text("missing").map(str::to_string)).collect();
    Ok((rows, missing))
}

fn row(object: &Object, threads: usize) -> Option<Row> {
    Some(Row {
        peer: object.text("peer")?.to_string(),
        group: object.text("group")?.to_string(),
        name: object.text("name")?.to_string(),
        n: object.number("n")? as usize,
        dtype: object.text("dtype")?.to_string(),
        threads,
        median_s: object.number("median_s")?,
        min_s: object.number("min_s")?,
        check: object.number("check"),
    })
}

/// One row for each figure: the median of its turns, in the order in which the figures first came.
fn medians(rows: Vec<Row>) -> Vec<Row> {
    let same = |a: &Row, b: &Row| {
        (&a.peer, &a.group, &a.name, a.n, &a.dtype, a.threads) == (&b.peer, &b.group, &b.name, b.n, &b.dtype, b.threads)
    };
    let mut turns: Vec<Vec<Row>> = Vec::new();
    for row in rows {
        match turns.iter_mut().find(|group| same(&group[0], &row)) {
            Some(group) => group.push(row),
            None => turns.push(vec![row]),
        }
    }
    let merge = |mut group: Vec<Row>| {
        group.sort_by(|a, b| a.median_s.total_cmp(&b.median_s));
        let min_s = group.iter().map(|row| row.min_s).fold(f64::INFINITY, f64::min);
        Row { min_s, ..group.swap_remove(group.len() / 2) }
    };
    turns.into_iter().map(merge).collect()
}

/// Whether everyone computed the same: within rounding of the element type, scaled for long sums.
fn agree(rows: &[Row]) -> Result<(), String> {
    let mut wrong = Vec::new();
    for row in rows {
        let tolerance = if row.dtype == "f32" { 1e-3 } else { 1e-9 };
        let first = rows.iter().find(|other| (&other.name, other.n, &other.dtype) == (&row.name, row.n, &row.dtype));
        let (Some(mine), Some((theirs, other))) =
            (row.check, first.and_then(|other| other.check.map(|check| (check, &other.peer))))
        else {
            continue;
        };
        let close = (mine - theirs).abs() <= tolerance * theirs.abs();
        if !close {
            wrong.push(format!("{} of {} at n = {}: {mine} here, {theirs} for {other}", row.name, row.peer, row.n));
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(format!("the contestants computed different values:\n{}", wrong.join("\n"))),
    }
}

impl Row {
    /// The row as a line of JSON.
    pub fn json(&self) -> String {
        let Row { n, threads, median_s, min_s, .. } = self;
        let [peer, group, name, dtype] = [&self.peer, &self.group, &self.name, &self.dtype].map(|text| quote(text));
        let check = self.check.map_or("null".to_string(), |check| check.to_string());
        format!(
            "{{\"peer\": {peer}, \"group\": {group}, \"name\": {name}, \"n\": {n}, \"dtype\": {dtype}, \
             \"threads\": {threads}, \"median_s\": {median_s:e}, \"min_s\": {min_s:e}, \"check\": {check}}}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(peer: &str, median_s: f64, check: f64) -> Row {
        let [peer, group, name, dtype] = [peer, "elementwise", "copy", "f64"].map(str::to_string);
        Row { peer, group, name, n: 10, dtype, threads: 1, median_s, min_s: median_s / 2.0, check: Some(check) }
    }

    #[test]
    fn turns_become_a_median() {
        let rows = medians(vec![row("a", 3.0, 1.0), row("b", 9.0, 1.0), row("a", 1.0, 1.0), row("a", 2.0, 1.0)]);
        let figures: Vec<(&str, f64, f64)> = rows.iter().map(|r| (r.peer.as_str(), r.median_s, r.min_s)).collect();
        assert_eq!(figures, [("a", 2.0, 0.5), ("b", 9.0, 4.5)]);
    }

    #[test]
    fn disagreement_is_an_error_that_names_both() {
        assert!(agree(&[row("a", 1.0, 5.0), row("b", 1.0, 5.0 + 1e-10)]).is_ok());
        let text = agree(&[row("a", 1.0, 5.0), row("b", 1.0, 5.1)]).expect_err("they differ");
        assert!(text.contains("copy of b at n = 10: 5.1 here, 5 for a"), "{text}");
        assert!(agree(&[row("a", 1.0, 5.0), row("b", 1.0, f64::NAN)]).is_err());
    }
}
