//! The parser: text into a syntax tree, or every mistake in it.
//!
//! In: the text of a file, or its bytes. Out: a [`Module`], or at least one error.
//! Always holds: no text makes it panic or overflow the stack; an error is reported once, in the
//! statement where it stands, and statements around it are still read.
//!
//! The stream of tokens is cut into top-level items at the separators outside all brackets, and each
//! item is parsed by itself. When that fails inside a block, the statement at fault is cut out and
//! the item is parsed again, so that several mistakes in one function are found in one run.

use super::ast::{Item, Module};
use super::complaint::{Complaint, explain};
use super::grammar::ItemParser;
use super::lexer::{Errors, Lexeme, MAX_ERRORS, lex};
use super::nodes::Context;
use super::span::{FileId, Span};
use super::token::Token;
use crate::diagnostic::{Diagnostic, codes};
use std::ops::Range;

/// How often one item is mended and parsed again.
const MAX_REPAIRS: usize = 20;

/// Parses a file.
///
/// # Errors
/// Everything found wrong with the text, in the order of the text; at least one.
pub fn parse(file: FileId, text: &str) -> Result<Module, Errors> {
    let lexed = lex(file, text);
    let mut errors = lexed.errors;
    errors.extend(lexed.unclosed);
    let mut module = Module::default();
    for tokens in items(&lexed.tokens) {
        match parse_item(file, text, tokens, &errors) {
            Ok(item) => module.items.push(item),
            Err(found) => errors.extend(found),
        }
        if errors.len() >= MAX_ERRORS {
            break;
        }
    }
    if errors.is_empty() {
        return Ok(module);
    }
    errors.sort_by_key(|error| error.labels.first().map(|label| label.span));
    errors.truncate(MAX_ERRORS);
    Err(errors)
}

/// Parses a file that may not even be text.
///
/// # Errors
/// As [`parse`]; a single one when the bytes are not UTF-8.
pub fn parse_bytes(file: FileId, bytes: &[u8]) -> Result<Module, Errors> {
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return parse(file, text),
        Err(error) => error,
    };
    let at = error.valid_up_to();
    let line = bytes.iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
    let byte = bytes.get(at).copied().unwrap_or(0);
    let message = format!("the file is not UTF-8 text: byte 0x{byte:02X} at offset {at}, in line {line}");
    let error = Diagnostic::error(codes::NOT_UTF8, Span::new(file, at, at), message);
    Err(vec![error.help("save the file in the encoding UTF-8")])
}

/// Whether a text is a program, could become one when more is typed, or never will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// It parses.
    Complete,
    /// A bracket is open, or its last line must go on.
    Incomplete,
    /// It has a mistake that no further line mends.
    Wrong,
}

/// Tells a prompt whether to ask for another line.
pub fn completeness(text: &str) -> Completeness {
    let lexed = lex(FileId::default(), text);
    if !lexed.errors.is_empty() {
        Completeness::Wrong
    } else if lexed.unclosed.is_some() || lexed.pending {
        Completeness::Incomplete
    } else if parse(FileId::default(), text).is_ok() {
        Completeness::Complete
    } else {
        Completeness::Wrong
    }
}

/// Cuts the stream behind each separator that stands outside all brackets.
fn items(tokens: &[Lexeme]) -> impl Iterator<Item = &[Lexeme]> {
    let mut depth = 0usize;
    tokens.split_inclusive(move |lexeme| {
        if lexeme.token.is_opener() {
            depth += 1;
        } else if lexeme.token.is_closer() {
            depth = depth.saturating_sub(1);
        }
        depth == 0 && lexeme.token.is_separator()
    })
}

/// Parses one item, mending it as often as it fails inside a block. Errors of statements that
/// `known` already faults are not reported: they follow from those.
fn parse_item(file: FileId, text: &str, tokens: &[Lexeme], known: &[Box<Diagnostic>]) -> Result<Item, Errors> {
    let (complaint, mut errors) = match attempt(file, text, tokens) {
        Ok(item) => return Ok(item),
        Err(failed) => failed,
    };
    let mut mended = tokens.to_vec();
    let mut next = complaint;
    for _ in 0..MAX_REPAIRS {
        let Some(Complaint { at, diagnostic }) = next.take() else {
            break;
        };
        let (statement, in_block) = statement_around(&mended, at);
        if !known.iter().chain(&errors).any(|error| is_within(error, &mended, &statement)) {
            errors.push(diagnostic);
        }
        if !in_block || statement.is_empty() {
            break;
        }
        mended.drain(statement);
        next = match attempt(file, text, &mended) {
            Ok(_) => None,
            Err((complaint, found)) => {
                for error in found {
                    if !errors.contains(&error) {
                        errors.push(error);
                    }
                }
                complaint
            }
        };
    }
    Err(errors)
}

type Failed = (Option<Complaint>, Errors);

/// One run of the parser: an item, or the place where it gave up and the mistakes it went past.
fn attempt(file: FileId, text: &str, tokens: &[Lexeme]) -> Result<Item, Failed> {
    let context = Context::new(file, text, tokens);
    let stream = tokens.iter().enumerate().map(|(at, lexeme)| (at, lexeme.token.clone(), at + 1));
    let result = ItemParser::new().parse(&context, stream);
    let errors = context.into_errors();
    match result {
        Ok(item) if errors.is_empty() => Ok(item),
        Ok(_) => Err((None, errors)),
        Err(failure) => Err((Some(explain(file, text, tokens, failure)), errors)),
    }
}

/// Whether the error lies in a statement, or behind its last token, where the lexer may have taken some out.
fn is_within(error: &Diagnostic, tokens: &[Lexeme], statement: &Range<usize>) -> bool {
    let Some(label) = error.labels.first() else {
        return false;
    };
    let start = tokens.get(statement.start).map_or(u32::MAX, |first| first.span.start);
    let end = match tokens.get(..statement.end).and_then(<[_]>::last) {
        Some(Lexeme { token: Token::Semicolon | Token::Newline, span }) => span.end,
        _ => tokens.get(statement.end).map_or(u32::MAX, |next| next.span.start),
    };
    (start..end).contains(&label.span.start)
}

/// The tokens of the innermost statement that holds token `at`, with its separator, and whether a
/// block holds the statement.
fn statement_around(tokens: &[Lexeme], at: usize) -> (Range<usize>, bool) {
    let at = at.min(tokens.len());
    // The start of the statement for each open `{`, nothing for other brackets.
    let mut open: Vec<Option<usize>> = Vec::new();
    for (i, lexeme) in tokens.iter().take(at).enumerate() {
        match &lexeme.token {
            Token::OpenBrace => open.push(Some(i + 1)),
            token if token.is_opener() => open.push(None),
            token if token.is_closer() => drop(open.pop()),
            token if token.is_separator() => {
                if let Some(Some(start)) = open.last_mut() {
                    *start = i + 1;
                }
            }
            _ => {}
        }
    }
    let innermost = open.iter().enumerate().rev().find_map(|(block, start)| Some((block, (*start)?)));
    let Some((block, start)) = innermost else {
        return (0..tokens.len(), false);
    };
    let mut depth = open.len() - 1 - block;
    for (i, lexeme) in tokens.iter().enumerate().skip(at) {
        let token = &lexeme.token;
        if token.is_opener() {
            depth += 1;
        } else if token.is_closer() && depth == 0 {
            return (start..i, true);
        } else if token.is_closer() {
            depth -= 1;
        } else if token.is_separator() && depth == 0 {
            return (start..i + 1, true);
        }
    }
    (start..tokens.len(), true)
}
