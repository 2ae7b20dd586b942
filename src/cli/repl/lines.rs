//! Where lines come from.
//!
//! In: a terminal. Out: whole inputs, of one line or several.
//! Always holds: an input that could go on is not handed out.

use microtome::syntax::{Completeness, completeness};
use std::io::{BufRead, Write};

/// What was typed.
pub(super) enum Line {
    /// An input.
    Text(String),
    /// Nothing: Ctrl-C.
    Cancelled,
    /// Ctrl-D.
    End,
    /// The terminal is gone.
    Failed(std::io::Error),
}

/// A source of inputs.
pub(super) trait Lines {
    /// Asks for the next.
    fn next(&mut self) -> Line;
}

pub(super) const PROMPT: &str = "> ";
pub(super) const CONTINUATION: &str = ". ";

/// Whether an input could go on. Behind a command stands an expression, which could too.
pub(super) fn goes_on(text: &str) -> bool {
    let text = text.trim_start();
    if text.starts_with('?') {
        return false;
    }
    let code = match text.strip_prefix(':') {
        Some(command) => command.split_once(char::is_whitespace).map_or("", |(_, argument)| argument),
        None => text,
    };
    completeness(code) == Completeness::Incomplete
}

/// Lines as the terminal hands them out: for terminals that cannot move the cursor.
pub(super) struct Plain;

impl Lines for Plain {
    fn next(&mut self) -> Line {
        let mut text = String::new();
        loop {
            eprint!("{}", if text.is_empty() { PROMPT } else { CONTINUATION });
            let _ = std::io::stderr().flush();
            match std::io::stdin().lock().read_line(&mut text) {
                Ok(0) if text.is_empty() => {
                    eprintln!();
                    return Line::End;
                }
                Ok(0) => return Line::Text(text),
                Ok(_) if goes_on(&text) => {}
                Ok(_) => return Line::Text(text),
                Err(error) => return Line::Failed(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_goes_on_and_what_is_wrong_does_not() {
        for (text, expected) in [
            ("1 + 1", false),
            ("1 +", true),
            ("let a = [1.0,", true),
            ("fn f(x: f64) {", true),
            ("fn f(x: f64) -> f64", true),
            ("for i in 0:3 {\n  print(i)", true),
            ("for i in 0:3 {\n  print(i)\n}", false),
            ("let let", false),
            ("1 )", false),
            (":time sum([1,", true),
            (":time sum([1, 2])", false),
            (":help", false),
            ("?sum(", false),
            ("", false),
        ] {
            assert_eq!(goes_on(text), expected, "{text:?}");
        }
    }
}
