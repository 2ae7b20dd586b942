//! Errors and warnings for editors.
//!
//! In: a diagnostic and the texts it speaks of. Out: one JSON object on a line.
//! Always holds: the keys, once released, keep their meaning; lines and columns count from 1, columns in characters,
//! offsets in bytes from 0, and an end is the place behind the last character.

use super::{Diagnostic, Label, Sources};
use serde_json::{Value, json};

/// The object, with a line's end.
pub(super) fn object(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let labels: Vec<Value> = diagnostic.labels.iter().map(|label| place(label, sources)).collect();
    let object = json!({
        "code": diagnostic.code.0,
        "severity": diagnostic.severity.name(),
        "message": diagnostic.message,
        "labels": labels,
        "help": diagnostic.help,
        "notes": diagnostic.notes,
    });
    format!("{object}\n")
}

fn place(label: &Label, sources: &Sources) -> Value {
    let (name, text) = sources.get(label.span.file);
    json!({
        "file": name,
        "text": label.text,
        "start": position(text, label.span.start as usize),
        "end": position(text, label.span.end as usize),
    })
}

fn position(text: &str, offset: usize) -> Value {
    let offset = offset.min(text.len());
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
    json!({ "line": line, "column": column, "offset": offset })
}

#[cfg(test)]
mod tests {
    use super::super::codes;
    use super::*;
    use crate::syntax::span::Span;

    #[test]
    fn places_are_lines_and_columns_in_characters() {
        let mut sources = Sources::default();
        let file = sources.add("é.tome", "let a = 1\nlet é = π + b\n");
        let at = sources.get(file).1.find('b').unwrap_or(0);
        let diagnostic =
            Diagnostic::error(codes::UNKNOWN_NAME, Span::new(file, at, at + 1), "there is no `b`").help("x");
        let value: Value = serde_json::from_str(&object(&diagnostic, &sources)).unwrap_or_default();
        assert_eq!(value["labels"][0]["start"], json!({ "line": 2, "column": 13, "offset": at }));
        assert_eq!(value["labels"][0]["end"]["column"], 14);
        assert_eq!(
            (&value["code"], &value["severity"], &value["help"]),
            (&json!("E0201"), &json!("error"), &json!("x"))
        );
    }
}
