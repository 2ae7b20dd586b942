//! What the test programs share: finding files, cases within a file, comparing output.
//!
//! In: a folder of tests. Out: its files and cases, and whether two outputs say the same.
//! Always holds: the order of files and cases is the same on every machine.

#![allow(dead_code)]

use std::path::{Path, PathBuf};

/// Whether expectations are to be rewritten instead of compared.
pub fn update() -> bool {
    std::env::var_os("MICROTOME_UPDATE").is_some_and(|value| value == "1")
}

/// The folder `tests/<name>`.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// The files with this extension below a folder, sorted.
pub fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("an entry of a folder").path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The path from `tests/` on, for messages.
pub fn shown(path: &Path) -> String {
    path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap_or(path).display().to_string()
}

/// Compares a text with a file of expectations, or rewrites the file.
pub fn compare_with_file(path: &Path, actual: &str) -> Result<(), String> {
    if update() {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).expect("a folder for expectations");
        }
        std::fs::write(path, actual).expect("an expectation can be written");
        return Ok(());
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    if expected == actual {
        return Ok(());
    }
    Err(format!("{} says\n{expected}\nbut this is\n{actual}\nMICROTOME_UPDATE=1 accepts it\n", shown(path)))
}

/// One program with what it should do.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// The words behind `#---`.
    pub title: String,
    /// The program, with its comments.
    pub source: String,
    /// What it prints, if it says so.
    pub expect: Option<String>,
    /// Code, then words, of each error.
    pub errors: Vec<String>,
    /// Code, then words, of each warning.
    pub warnings: Vec<String>,
    /// Inputs, as on the command line.
    pub inputs: Vec<String>,
    /// Why the case is listed but not run.
    pub known_wrong: Option<String>,
}

const DIRECTIVES: [&str; 5] = ["# expect:", "# error:", "# warning:", "# input:", "# known-wrong:"];

/// The cases of a file: separated by lines that start with `#---`, expectations behind each program.
pub fn cases(text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut title = "";
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("#---") {
            Some(next) => {
                push_case(&mut cases, title, &lines);
                (title, lines) = (next.trim(), Vec::new());
            }
            None => lines.push(line),
        }
    }
    push_case(&mut cases, title, &lines);
    cases
}

fn push_case(cases: &mut Vec<Case>, title: &str, lines: &[&str]) {
    let is_directive = |line: &str| DIRECTIVES.iter().any(|directive| line.starts_with(directive));
    let body = lines.iter().position(|line| is_directive(line)).unwrap_or(lines.len());
    if lines[..body].iter().all(|line| line.trim().is_empty() || line.starts_with('#')) && body == lines.len() {
        return;
    }
    let mut case = Case { title: title.to_string(), source: lines[..body].join("\n") + "\n", ..Case::default() };
    for line in &lines[body..] {
        let after = |directive: &str| line.strip_prefix(directive).map(|rest| rest.trim().to_string());
        if let Some(first) = after("# expect:") {
            case.expect = Some(if first.is_empty() { String::new() } else { first + "\n" });
        } else if let Some(text) = after("# error:") {
            case.errors.push(text);
        } else if let Some(text) = after("# warning:") {
            case.warnings.push(text);
        } else if let Some(text) = after("# input:") {
            case.inputs.push(text);
        } else if let Some(text) = after("# known-wrong:") {
            case.known_wrong = Some(text);
        } else if let (Some(expect), Some(text)) = (&mut case.expect, line.strip_prefix('#')) {
            expect.push_str(text.strip_prefix(' ').unwrap_or(text));
            expect.push('\n');
        }
    }
    cases.push(case);
}

/// The file's text with the cases' outputs instead of what it expects now; `None` leaves a case as it is.
pub fn rewritten(text: &str, outputs: &[Option<String>]) -> String {
    let mut out = String::new();
    let mut case: isize = -1;
    let mut lines = Vec::new();
    let mut flush = |lines: &mut Vec<&str>, out: &mut String| {
        let mut probe = Vec::new();
        push_case(&mut probe, "", lines);
        case += isize::from(!probe.is_empty());
        let output = if probe.is_empty() { None } else { outputs.get(case as usize).cloned().flatten() };
        write_case(lines, output.as_deref(), out);
        lines.clear();
    };
    for line in text.lines() {
        if line.starts_with("#---") {
            flush(&mut lines, &mut out);
            out.push_str(line);
            out.push('\n');
        } else {
            lines.push(line);
        }
    }
    flush(&mut lines, &mut out);
    out
}

fn write_case(lines: &[&str], output: Option<&str>, out: &mut String) {
    let Some(output) = output else {
        lines.iter().for_each(|line| *out += &format!("{line}\n"));
        return;
    };
    let blank = lines.iter().rev().take_while(|line| line.trim().is_empty()).count();
    let mut within = false;
    for line in &lines[..lines.len() - blank] {
        let directive = DIRECTIVES.iter().any(|directive| line.starts_with(directive));
        within = line.starts_with("# expect:") || (within && !directive && line.starts_with('#'));
        if !within {
            *out += &format!("{line}\n");
        }
    }
    if !output.is_empty() {
        out.push_str("# expect:\n");
        for line in output.lines() {
            out.push_str(format!("# {line}").trim_end());
            out.push('\n');
        }
    }
    lines[lines.len() - blank..].iter().for_each(|_| out.push('\n'));
}

/// Whether two outputs say the same: equal texts but for numbers, which may differ by 1e-9 of themselves, or by the last
/// of the digits that an array shows.
pub fn same_output(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let words = |text: &str| -> Vec<String> {
        let spaced = text.replace('[', " [ ").replace(']', " ] ").replace([',', '(', ')'], " ");
        spaced.split_whitespace().map(str::to_string).collect()
    };
    let (a, b) = (words(a), words(b));
    a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a == b || same_number(a, b))
}

fn same_number(a: &str, b: &str) -> bool {
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(x), Ok(y)) => {
            let rounded = a.contains('.') && !a.contains('e') && shows_eight(a) && shows_eight(b);
            let shown = if rounded { 1.5e-8 } else { 0.0 };
            x == y || (x - y).abs() <= 1e-9 * x.abs().max(y.abs()) + 1e-13 + shown
        }
        _ => false,
    }
}

fn shows_eight(word: &str) -> bool {
    word.split_once('.').is_some_and(|(_, digits)| digits.len() == 8)
}
