//! The programs in the README and under docs run, and print what stands behind them.
//!
//! In: fenced blocks: a `tome` block is a program (` ```tome k=3 ` gives it inputs), a `text` block right behind it is what
//! it prints. Out: whether it does; docs/builtins.md is compared with the table of builtins (`MICROTOME_UPDATE=1` writes it).
//! Always holds: a page cannot promise what the program does not do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod harness;

use harness::compare_with_file;
use microtome::{InputSource, RunOptions, Session};
use std::path::{Path, PathBuf};

/// The fenced blocks of a page: language and text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => open = Some((language.to_string(), String::new())),
            (Some(_), Some(_)) => all.extend(open.take()),
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    all
}

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    docs.filter(|path| path.extension().is_some_and(|e| e == "md")).chain([root.join("README.md")]).collect()
}

/// The same words; numbers may differ in digits that another machine's arithmetic rounds otherwise.
fn agree(printed: &str, expected: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| c.is_whitespace() || "[](),".contains(c))
            .filter(|w| !w.is_empty())
            .map(str::to_string)
            .collect()
    };
    let (a, b) = (words(printed), words(expected));
    a.len() == b.len()
        && a.iter().zip(&b).all(|(x, y)| match (x.parse::<f64>(), y.parse::<f64>()) {
            _ if x == y => true,
            (Ok(x), Ok(y)) => (x - y).abs() <= 1e-6 * y.abs().max(1e-6),
            _ => false,
        })
}

#[test]
fn every_program_prints_what_stands_behind_it() {
    let mut programs = 0;
    for path in pages() {
        let page = std::fs::read_to_string(&path).unwrap();
        let blocks = blocks(&page);
        for (k, (language, source)) in blocks.iter().enumerate() {
            let mut words = language.split_whitespace();
            if words.next() != Some("tome") {
                continue;
            }
            let inputs = words.filter_map(|word| word.split_once('='));
            let inputs = inputs.map(|(name, value)| InputSource::Named(name.to_string(), value.to_string())).collect();
            programs += 1;
            let name = format!("{}, block {k}", path.display());
            let mut out = Vec::new();
            let module = Session::new().compile(&name, source).unwrap_or_else(|error| panic!("{error}"));
            let options = RunOptions { inputs, ..RunOptions::default() };
            module.run(&options, &mut out, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"));
            match blocks.get(k + 1) {
                Some((language, expected)) if language == "text" => {
                    let printed = String::from_utf8(out).unwrap();
                    assert!(agree(&printed, expected), "{name} prints\n{printed}");
                }
                _ => {}
            }
        }
    }
    assert!(programs > 0);
}

/// The page of builtins: every one with its help and its example.
fn builtins_page() -> String {
    let table = microtome::check::documentation();
    let mut page = String::from(
        "# Builtin functions\n\nWritten from the table that the compiler has of them; `microtome doc name` shows the same. \
         [language.md](language.md) says how\nthey are used together.\n\n",
    );
    let links: Vec<String> = table.iter().map(|(name, ..)| format!("[{name}](#{})", name.replace('.', ""))).collect();
    for line in links.chunks(8) {
        page.push_str(&format!("{}\n", line.join(" · ")));
    }
    for (name, doc, (program, printed)) in &table {
        let (program, printed) = (program.trim(), printed.trim_end());
        page.push_str(&format!("\n## {name}\n\n{doc}\n\n```tome\n{program}\n```\n\n```text\n{printed}\n```\n"));
    }
    page
}

#[test]
fn the_page_of_builtins_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/builtins.md");
    compare_with_file(&path, &builtins_page()).unwrap_or_else(|difference| panic!("{difference}"));
}
