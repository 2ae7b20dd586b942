//! The programs in the README and under docs run, and print what stands behind them.
//!
//! In: fenced blocks: a `tome` block is a program, a `text` block right behind it is what it prints.
//! Always holds: a page cannot promise what the program does not do.
#![allow(clippy::unwrap_used, clippy::panic)]

use microtome::{RunOptions, Session};
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
            (Ok(x), Ok(y)) => (x - y).abs() <= 1e-6 * y.abs().max(1e-6),
            _ => x == y,
        })
}

#[test]
fn every_program_prints_what_stands_behind_it() {
    let mut programs = 0;
    for path in pages() {
        let page = std::fs::read_to_string(&path).unwrap();
        let blocks = blocks(&page);
        for (k, (language, source)) in blocks.iter().enumerate() {
            if language != "tome" {
                continue;
            }
            programs += 1;
            let name = format!("{}, block {k}", path.display());
            let mut out = Vec::new();
            let module = Session::new().compile(&name, source).unwrap_or_else(|error| panic!("{error}"));
            module.run(&RunOptions::default(), &mut out, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"));
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
