//! Turns the parser's failure into an error that a person can act on.
//!
//! In: what LALRPOP says it expected, and the tokens around the place. Out: a diagnostic.
//! Always holds: what was expected is said in at most four phrases (`an expression`, `an operator`,
//! `the end of the line`, a sign), never as a list of thirty tokens.

use super::lexer::Lexeme;
use super::nodes::Failure;
use super::span::{FileId, Span};
use super::stumble::{self, Stumble};
use super::token::Token;
use crate::diagnostic::{Diagnostic, codes};
use lalrpop_util::ParseError;

/// A failed parse: the token that could not be taken, and the error that says so.
pub(super) struct Complaint {
    /// The index of the token; the number of tokens at the end.
    pub at: usize,
    /// The error.
    pub diagnostic: Box<Diagnostic>,
}

/// Explains why the parse of `tokens` failed.
pub(super) fn explain(file: FileId, text: &str, tokens: &[Lexeme], failure: Failure) -> Complaint {
    let (at, expected) = match failure {
        ParseError::User { error } => {
            return Complaint { at: index_of(tokens, &error), diagnostic: error };
        }
        ParseError::UnrecognizedToken { token: (at, ..), expected } => (at, expected),
        ParseError::UnrecognizedEof { expected, .. } => (tokens.len(), expected),
        ParseError::InvalidToken { location } => (location, Vec::new()),
        ParseError::ExtraToken { token: (at, ..) } => (at, Vec::new()),
    };
    let span = place(file, tokens, at);
    let diagnostic = stumble::behind(&Stumble { text, tokens, at, span }).unwrap_or_else(|| {
        let found = found(tokens.get(at).map(|lexeme| &lexeme.token));
        Diagnostic::error(codes::SYNTAX, span, format!("expected {}, found {found}", phrase(&expected)))
    });
    Complaint { at, diagnostic }
}

/// The token that the error's place begins with.
fn index_of(tokens: &[Lexeme], error: &Diagnostic) -> usize {
    let start = error.labels.first().map_or(0, |label| label.span.start);
    tokens.iter().position(|lexeme| lexeme.span.start >= start).unwrap_or(tokens.len())
}

/// The token found, or the empty place behind the last one before it when that is an end of line.
fn place(file: FileId, tokens: &[Lexeme], at: usize) -> Span {
    let before = at.checked_sub(1).and_then(|before| tokens.get(before)).map(|lexeme| lexeme.span);
    match (tokens.get(at), before) {
        (Some(Lexeme { token: Token::Newline, .. }) | None, Some(before)) => Span { start: before.end, ..before },
        (Some(lexeme), _) => lexeme.span,
        (None, None) => Span { file, ..Span::default() },
    }
}

fn found(token: Option<&Token>) -> String {
    match token {
        None => "the end of the text".to_string(),
        Some(Token::Newline) => "the end of the line".to_string(),
        Some(Token::Name(name)) => format!("the name `{name}`"),
        Some(number @ (Token::Int(_) | Token::Float(_))) => format!("the number `{number}`"),
        Some(Token::Str(_)) => "a string".to_string(),
        Some(sign) => format!("`{sign}`"),
    }
}

/// Groups of terminals: the phrase, those that must all be expected, and those that it then covers.
/// The order is that of the sentence.
#[rustfmt::skip]
const GROUPS: &[(&str, &[&str], &[&str])] = &[
    ("a statement", &["let", "var", "name"],
        &["let", "var", "for", "while", "break", "continue", "return", "assert", "fn", "import", "input",
          "name", "integer", "float", "string", "true", "false", "(", "[", "-", "not", "if"]),
    ("a size", &["name", "integer", "?"], &["name", "integer", "?", "("]),
    ("an expression", &["name", "integer", "("],
        &["name", "integer", "float", "string", "true", "false", "(", "[", "-", "not", "if", ":"]),
    ("a type", &["name", "list"], &["name", "list", "("]),
    ("a body, `= …` or `{ … }`", &["=", "{"], &["=", "{", "->", "where", "[", ","]),
    ("an operator", &["or"], INFIX),
    ("`+`, `-`, `*`", &["+", "-", "*"], &["+", "-", "*"]),
    ("a name", &["name"], &["name", "("]),
    ("a string", &["string"], &["string"]),
    ("the end of the line", &["newline"], &["newline", ";"]),
];

/// What may stand behind a complete operand; calls and indexes among them, for nobody means those.
const INFIX: &[&str] = &[
    "+", "-", "*", "/", "//", "%", "@", "^", "==", "!=", "<", "<=", ">", ">=", "and", "or", "(", "[", ".", "->", "=",
    "+=", "-=", "*=", "/=", "for",
];

/// What was expected, as a person says it.
fn phrase(expected: &[String]) -> String {
    let mut left: Vec<&str> = expected.iter().map(|terminal| terminal.trim_matches('"')).collect();
    let mut phrases: Vec<String> = Vec::new();
    for (phrase, needed, covered) in GROUPS {
        if needed.iter().all(|terminal| left.contains(terminal)) {
            left.retain(|terminal| !covered.contains(terminal));
            phrases.push((*phrase).to_string());
        }
    }
    phrases.extend(left.into_iter().map(|terminal| format!("`{terminal}`")));
    phrases.truncate(4);
    match phrases.pop() {
        None => "something else".to_string(),
        Some(last) if phrases.is_empty() => last,
        Some(last) => format!("{} or {last}", phrases.join(", ")),
    }
}
