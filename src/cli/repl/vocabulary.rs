//! Completion: what a word may go on to.
//!
//! In: the names of the session, and the text up to the cursor. Out: suggestions.
//! Always holds: a suggestion begins with what is there already.

use super::commands;
use microtome::check::documentation;
use microtome::{Interactive, Output, Stage};
use reedline::{Completer, CompletionResult, Span, Suggestion};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// The most file names that are offered.
const FILES: usize = 200;

const KEYWORDS: &[&str] = &[
    "and", "assert", "break", "continue", "else", "false", "fn", "for", "if", "import", "in", "inf", "let", "list",
    "load", "nan", "newaxis", "not", "or", "pi", "plot", "hist", "imshow", "print", "return", "save", "true", "var",
    "while", "f64", "f32", "f16", "bf16", "i64", "bool",
];

/// The session's names, as they were after the last input.
#[derive(Default)]
pub(super) struct Vocabulary {
    names: Vec<String>,
    /// What leads to a record, and its fields: `d` and `x`, `d.inner` and `y`.
    fields: Vec<(String, Vec<String>)>,
}

impl Vocabulary {
    /// Takes over the names of a session.
    pub(super) fn learn(&mut self, session: &Interactive) {
        self.names = session.names().map(str::to_string).collect();
        self.fields.clear();
        for name in &self.names {
            if let Some(value) = session.value(name) {
                learn_fields(name, &value, &mut self.fields);
            }
        }
        self.names.extend(session.functions().map(|(name, _)| name.to_string()));
    }

    /// What may stand at the end of `text`: where it starts, and the candidates.
    fn candidates(&self, text: &str) -> (usize, Vec<String>) {
        let line = text.trim_start();
        let command = line.strip_prefix(':').and_then(|rest| rest.split_once(char::is_whitespace));
        match command {
            None if line.starts_with(':') => {
                let all = commands::names().map(|name| format!(":{name}")).collect();
                return matching(text, line.len(), all);
            }
            Some(("load" | "save", path)) => return files(text, path.trim_start()),
            Some(("emit", rest)) if !rest.trim_start().contains(char::is_whitespace) => {
                let all = Stage::names().into_iter().map(str::to_string).collect();
                return matching(text, rest.trim_start().len(), all);
            }
            Some(("set", rest)) if !rest.trim_start().contains(char::is_whitespace) => {
                let all = commands::SETTINGS.iter().map(|(name, _)| (*name).to_string()).collect();
                return matching(text, rest.trim_start().len(), all);
            }
            _ => {}
        }
        if let Some(path) = open_string(text) {
            return files(text, path);
        }
        let word_start = text
            .rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'))
            .map_or(0, |at| at + text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8));
        let word = text.get(word_start..).unwrap_or_default();
        match word.rsplit_once('.') {
            Some((base, field)) => matching(text, field.len(), self.fields_of(base)),
            None if word.is_empty() => (text.len(), Vec::new()),
            None => matching(text, word.len(), self.words()),
        }
    }

    fn fields_of(&self, base: &str) -> Vec<String> {
        if base == "random" {
            let names = documentation().into_iter().filter_map(|(name, ..)| name.strip_prefix("random."));
            return names.map(str::to_string).collect();
        }
        let fields = self.fields.iter().find(|(known, _)| known == base).map(|(_, fields)| fields.clone());
        fields.unwrap_or_else(|| if self.names.iter().any(|name| name == base) { vec!["T".into()] } else { Vec::new() })
    }

    fn words(&self) -> Vec<String> {
        let builtins = documentation().into_iter().map(|(name, ..)| name.split('.').next().unwrap_or(name).to_string());
        let keywords = KEYWORDS.iter().map(|word| (*word).to_string());
        self.names.iter().cloned().chain(builtins).chain(keywords).collect()
    }
}

fn learn_fields(path: &str, value: &Output<'_>, fields: &mut Vec<(String, Vec<String>)>) {
    if let Output::Record(own) = value {
        fields.push((path.to_string(), own.iter().map(|(name, _)| (*name).to_string()).collect()));
        own.iter().for_each(|(name, value)| learn_fields(&format!("{path}.{name}"), value, fields));
    }
}

/// Those that begin with the last `length` bytes of the text.
fn matching(text: &str, length: usize, all: Vec<String>) -> (usize, Vec<String>) {
    let start = text.len() - length.min(text.len());
    let word = text.get(start..).unwrap_or_default();
    let mut found: Vec<String> = all.into_iter().filter(|candidate| candidate.starts_with(word)).collect();
    found.sort();
    found.dedup();
    (start, found)
}

/// What stands behind a quotation mark that is still open.
fn open_string(text: &str) -> Option<&str> {
    let line = text.rsplit('\n').next().unwrap_or(text);
    match line.matches('"').count() % 2 {
        1 => line.rsplit('"').next(),
        _ => None,
    }
}

/// Files and folders whose path begins with `path`, the end of the text.
fn files(text: &str, path: &str) -> (usize, Vec<String>) {
    let (folder, prefix) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
    let shown = if path.contains('/') { format!("{folder}/") } else { String::new() };
    let place = if shown.is_empty() { Path::new(".") } else { Path::new(&shown) };
    let mut found: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(prefix) && (!name.starts_with('.') || prefix.starts_with('.')) {
            let slash = if entry.path().is_dir() { "/" } else { "" };
            found.push(format!("{shown}{name}{slash}"));
        }
    }
    found.sort();
    found.truncate(FILES);
    (text.len() - path.len(), found)
}

/// The completer of the line editor.
pub(super) struct Completion {
    vocabulary: Arc<Mutex<Vocabulary>>,
}

impl Completion {
    /// One that always knows the latest names.
    pub(super) fn new(vocabulary: Arc<Mutex<Vocabulary>>) -> Completion {
        Completion { vocabulary }
    }
}

impl Completer for Completion {
    fn complete(&mut self, line: &str, position: usize) -> CompletionResult {
        let text = line.get(..position).unwrap_or(line);
        let vocabulary = self.vocabulary.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, found) = vocabulary.candidates(text);
        let span = Span { start, end: text.len() };
        let suggestion = |value| Suggestion { value, span, ..Suggestion::default() };
        CompletionResult::fresh(found.into_iter().map(suggestion).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn known() -> Vocabulary {
        Vocabulary {
            names: vec!["weights".into(), "d".into()],
            fields: vec![("d".into(), vec!["x".into(), "xs".into()])],
        }
    }

    #[test]
    fn words_go_on_to_what_there_is() {
        let found = |text: &str| known().candidates(text).1;
        assert_eq!(found("sum(wei"), ["weights"]);
        assert_eq!(found("print(d.x"), ["x", "xs"]);
        assert_eq!(found("weights."), ["T"]);
        assert_eq!(found("logsum"), ["logsumexp"]);
        assert_eq!(found("random.norm"), ["normal"]);
        assert_eq!(found("whi"), ["while"]);
        assert_eq!(found(":qu"), [":quit"]);
        assert_eq!(found(":emit bat"), ["batched"]);
        assert_eq!(found(":time wei"), ["weights"]);
        assert_eq!(found(""), [""; 0]);
        assert_eq!(known().candidates("ü + wei"), ("ü + ".len(), vec!["weights".to_string()]));
    }

    #[test]
    fn strings_and_commands_go_on_to_files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("points.npy"), "").unwrap();
        std::fs::create_dir(folder.path().join("posts")).unwrap();
        let path = folder.path().display().to_string();
        let expected = [format!("{path}/points.npy"), format!("{path}/posts/")];
        assert_eq!(known().candidates(&format!("let a = load(\"{path}/po")).1, expected);
        assert_eq!(known().candidates(&format!(":load {path}/po")).1, expected);
        assert_eq!(known().candidates(&format!("load(\"{path}/points.npy\") + wei")).1, ["weights"]);
    }
}
