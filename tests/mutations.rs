//! Programs with tokens taken out, doubled and exchanged: an error or a result, never a panic.
//!
//! In: every program under `tests/programs` and `examples`. Out: whether reading, checking, compiling and interpreting them
//! after random changes ends as it should. Always holds: the changes follow from a seed, which a failure names.
//!
//! `MICROTOME_MUTATIONS=n` makes n changed programs of each case instead of one of every few.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod harness;

use harness::{cases, files, folder};
use microtome::syntax::lexer::{Lexeme, lex};
use microtome::syntax::span::FileId;
use microtome::{RunOptions, Session};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// A small generator (SplitMix64), so that a seed names a program.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % bound.max(1) as u64) as usize
    }
}

/// The text with one to three tokens changed. Numbers stay small, so that the program's work does.
fn mutated(text: &str, random: &mut Random) -> String {
    let tokens: Vec<Lexeme> = lex(FileId(0), text).tokens.into_iter().filter(|t| t.span.start < t.span.end).collect();
    let piece = |lexeme: &Lexeme| text[lexeme.span.start as usize..lexeme.span.end as usize].to_string();
    let mut pieces: Vec<String> = tokens.iter().map(piece).collect();
    for _ in 0..1 + random.below(3) {
        let (at, other) = (random.below(pieces.len()), random.below(pieces.len()));
        match random.below(4) {
            _ if pieces.is_empty() => {}
            0 => drop(pieces.remove(at)),
            1 => pieces.insert(at, pieces[at].clone()),
            2 => pieces.swap(at, other),
            _ => pieces[at] = pieces[other].clone(),
        }
    }
    pieces.join(" ")
}

/// Whether a change may make a program that works for long, or on files: those are not run.
fn is_safe(text: &str) -> bool {
    let large = |word: &str| word.parse::<f64>().is_ok_and(|value| value.abs() > 300.0);
    let words = || text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.');
    !words().any(|word| large(word) || matches!(word, "while" | "save" | "load" | "plot" | "hist" | "imshow" | "^"))
        && !text.contains('^')
}

fn survives(text: &str, seed: u64) {
    let done = catch_unwind(AssertUnwindSafe(|| {
        let Ok(module) = Session::with_threads(1).compile("mutated.tome", text) else { return };
        if is_safe(text) {
            let interpret = !seed.is_multiple_of(8);
            let options = RunOptions { interpret, ..RunOptions::default() };
            let _ = module.run(&options, &mut Vec::new(), &mut |_| {});
        } else {
            let _ = module.check();
        }
    }));
    assert!(done.is_ok(), "seed {seed} panics:\n{text}");
}

#[test]
fn changed_programs_do_not_panic() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let asked = std::env::var("MICROTOME_MUTATIONS").ok().and_then(|count| count.parse::<u64>().ok());
    let mut seed = 0u64;
    for path in files(&folder("programs"), "tome").into_iter().chain(files(&root.join("examples"), "tome")) {
        for case in cases(&std::fs::read_to_string(&path).expect("a program")) {
            let Some(count) = asked.or(seed.is_multiple_of(4).then_some(1)) else {
                seed += 1;
                continue;
            };
            for _ in 0..count {
                seed += 1;
                survives(&mutated(&case.source, &mut Random(seed)), seed);
            }
        }
    }
    assert!(seed > 0);
}
