//! Every error and warning as a person reads it.
//!
//! In: `tests/errors/<code>.tome`, a program for each code. Out: the rendered diagnostic, compared with `<code>.txt`.
//! Always holds: each code has a program and an entry in docs/errors.md, or stands in `UNSEEN` with the reason why not.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod harness;

use harness::{compare_with_file, files, folder, shown};
use microtome::diagnostic::codes;
use microtome::{RunOptions, Session};
use std::path::Path;

/// Codes that no program can bring about, and why.
const UNSEEN: &[(&str, &str)] = &[
    ("E0304", "every operator of this version has a derivative"),
    ("E0505", "only Ctrl-C brings it about, and tests/repl.rs does"),
    ("E0506", "only code for a processor that this machine is not brings it about"),
    ("E0604", "only `microtome build` brings it about, and tests/native.rs does"),
    ("E0605", "only `microtome build` brings it about, and tests/native.rs does"),
    ("W0103", "only `check --per-example` says it, and tests/explain.rs has it do so"),
    ("E0901", "a program that shows it is a fault to be mended, not an example"),
];

/// Codes and rendered text of everything that a program is told.
fn diagnose(path: &Path) -> (Vec<String>, String) {
    let (mut found, mut told) = (Vec::new(), Vec::new());
    let module = match Session::with_threads(1).compile_file(path) {
        Ok(module) => module,
        Err(error) => {
            return (error.diagnostics().map(|d| d.code.0.to_string()).collect(), error.render(false));
        }
    };
    let mut out = Vec::new();
    let result = module.run(&RunOptions::default(), &mut out, &mut |warning| told.push(warning.render(false)));
    found.extend(told.iter().filter_map(|warning| warning.get(1..6).map(str::to_string)));
    if let Err(error) = result {
        found.extend(error.diagnostics().map(|d| d.code.0.to_string()));
        told.push(error.render(false));
    }
    (found, told.join("\n"))
}

/// What differs from machine to machine: how much memory is free.
fn without_machine(text: &str) -> String {
    let line = |line: &str| match (line.find(" are needed, "), line.find(" are free")) {
        (Some(start), Some(end)) if start < end => format!("{} are needed, … {}", &line[..start], &line[end + 1..]),
        _ => line.trim_end().to_string(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn errors_look_as_they_should() {
    let mut problems = Vec::new();
    for path in files(&folder("errors"), "tome") {
        let code = path.file_stem().expect("a name").to_string_lossy().chars().take(5).collect::<String>();
        let relative = shown(&path);
        let (found, text) = diagnose(Path::new(&relative));
        if !found.contains(&code) {
            problems.push(format!("{relative} gives {found:?}\n{text}"));
            continue;
        }
        problems.extend(compare_with_file(&path.with_extension("txt"), &without_machine(&text)).err());
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_code_has_a_program() {
    let seen: Vec<String> = files(&folder("errors"), "tome").iter().map(|path| shown(path)).collect();
    for (code, meaning) in codes::ALL {
        let has = seen.iter().any(|path| path.contains(code.0));
        let exempt = UNSEEN.iter().any(|(unseen, _)| *unseen == code.0);
        assert!(has != exempt, "{}: {meaning} It has {} program in tests/errors", code.0, if has { "a" } else { "no" });
    }
}

#[test]
fn every_code_has_an_entry_in_the_docs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
    let text = std::fs::read_to_string(path).expect("docs/errors.md");
    for (code, meaning) in codes::ALL {
        let entry = text
            .split("\n## ")
            .find(|entry| entry.starts_with(code.0))
            .unwrap_or_else(|| panic!("{} has no entry", code.0));
        assert!(entry.contains(meaning), "the entry of {} says: {meaning}", code.0);
        assert!(
            entry.contains("```") || UNSEEN.iter().any(|(unseen, _)| *unseen == code.0),
            "{} has an example",
            code.0
        );
    }
    let known =
        |line: &&str| line.starts_with("For editors") || codes::ALL.iter().any(|(code, _)| line.starts_with(code.0));
    let stray: Vec<&str> = text.split("\n## ").skip(1).filter(|entry| !known(entry)).collect();
    assert!(stray.is_empty(), "entries without a code: {stray:?}");
}
