//! The first pass of the lexer: what logos finds, with its faults turned into diagnostics.
//!
//! In: source text. Out: every token, all newlines among them, and the errors so far.
//! Always holds: a fault leaves a token of the same kind behind where it can, so that the parser is
//! not thrown off by a bad literal or another language's operator.

use super::habits;
use super::lexer::{Errors, Lexeme, MAX_ERRORS};
use super::span::{FileId, Span};
use super::token::{Fault, Token};
use crate::diagnostic::{Diagnostic, codes};
use logos::Logos;

/// The tokens as logos finds them, newlines all kept.
pub(super) fn scan(file: FileId, text: &str) -> (Vec<Lexeme>, Errors) {
    let mut scan = Scan { file, text, words: Token::lexer(text), raw: Vec::new(), errors: Vec::new() };
    if text.starts_with('\u{feff}') {
        scan.words.bump('\u{feff}'.len_utf8());
    }
    while let Some(found) = scan.words.next() {
        match found {
            Ok(token) => scan.push(token),
            Err(fault) => scan.fault(fault),
        }
    }
    scan.decrement();
    (scan.raw, scan.errors)
}

struct Scan<'s> {
    file: FileId,
    text: &'s str,
    words: logos::Lexer<'s, Token>,
    raw: Vec<Lexeme>,
    errors: Errors,
}

impl Scan<'_> {
    fn span(&self) -> Span {
        Span::new(self.file, self.words.span().start, self.words.span().end)
    }

    fn report(&mut self, diagnostic: Box<Diagnostic>) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(diagnostic);
        }
    }

    /// Takes a token, unless it clings to a number: `2x`, `0x1F`, `1.2.3`.
    fn push(&mut self, token: Token) {
        if token.is_separator() || token == Token::CloseBrace {
            self.decrement();
        }
        let span = self.span();
        let clings = matches!(token, Token::Name(_) | Token::Int(_) | Token::Float(_));
        match self.raw.last_mut() {
            Some(Lexeme { token: Token::Int(_) | Token::Float(_), span: number })
                if clings && number.end == span.start =>
            {
                let whole = number.to(span);
                let digits = std::mem::replace(number, whole);
                let error = match &token {
                    Token::Name(letters) => {
                        let digits = self.text.get(digits.start as usize..digits.end as usize).unwrap_or_default();
                        habits::number_suffix(whole, digits, letters)
                    }
                    Token::Float(_) if self.words.slice().starts_with('.') => habits::dotted_range(whole),
                    _ => Diagnostic::error(codes::BAD_TOKEN, whole, "this is not a number"),
                };
                self.report(error);
            }
            _ => self.raw.push(Lexeme { token, span }),
        }
    }

    /// `x--`, seen at the end of its statement: anywhere else it may be `a - (-b)`.
    fn decrement(&mut self) {
        if let [.., first, second] = self.raw.as_slice()
            && (&first.token, &second.token) == (&Token::Minus, &Token::Minus)
            && first.span.end == second.span.start
        {
            let span = first.span.to(second.span);
            self.raw.truncate(self.raw.len() - 2);
            self.report(habits::step(span, '-', self.raw.last().map(|last| &last.token)));
        }
    }

    fn fault(&mut self, fault: Fault) {
        let (span, slice) = (self.span(), self.words.slice());
        let error = |message: &str| Diagnostic::error(codes::BAD_TOKEN, span, message);
        match fault {
            Fault::Habit => self.habit(),
            Fault::Character if slice == "'" => self.single_quote(),
            Fault::Character => self.report(habits::character(span, slice)),
            Fault::Word => {
                let error = error(&format!("`{slice}` has letters outside ASCII"));
                self.report(error.help("names are made of the letters a-z and A-Z, digits and `_`"));
                self.raw.push(Lexeme { token: Token::Name(slice.to_string()), span });
            }
            Fault::IntegerRange => {
                let help = "integers go up to 9223372036854775807; write `1e20` for a float of that size";
                self.report(error("this integer does not fit in 64 bits").help(help));
                self.raw.push(Lexeme { token: Token::Int(0), span });
            }
            Fault::FloatRange => {
                let help = "floats go up to about 1.8e308; `inf` is infinity";
                self.report(error("this number is too large for f64").help(help));
                self.raw.push(Lexeme { token: Token::Float(0.0), span });
            }
            Fault::Unterminated => {
                self.report(error("this string is not closed").help("put a `\"` before the end of the line"));
                self.raw.push(Lexeme { token: Token::Str(String::new()), span });
            }
            Fault::Escape(at) => self.escape(at),
        }
    }

    fn escape(&mut self, at: usize) {
        let span = self.span();
        let start = span.start as usize + at;
        let letter = self.words.slice()[at..].chars().nth(1).map_or(0, char::len_utf8);
        let place = Span::new(self.file, start, start + 1 + letter);
        let error = Diagnostic::error(codes::BAD_TOKEN, place, "this escape means nothing");
        self.report(error.help("the escapes are `\\n`, `\\t`, `\\\"` and `\\\\`"));
        self.raw.push(Lexeme { token: Token::Str(String::new()), span });
    }

    /// Another language's operator: says so, and goes on as if the right one stood there.
    fn habit(&mut self) {
        let (span, slice) = (self.span(), self.words.slice());
        let behind_value = self.raw.last().is_some_and(|last| last.token.ends_value());
        match slice {
            "..." => return self.dots(),
            "++" => return self.increment(),
            "\\" | "|" if !behind_value => return self.lambda(),
            "/*" => self.skip_past("*/"),
            _ => {}
        }
        let (diagnostic, means) = habits::operator(span, slice);
        self.report(diagnostic);
        self.raw.extend(means.map(|token| Lexeme { token, span }));
    }

    /// `...`: the rest of the line is MATLAB's comment, unless it is an index.
    fn dots(&mut self) {
        let span = self.span();
        let rest = self.words.remainder().trim_start_matches([' ', '\t']);
        let in_index = rest.starts_with([',', ']']);
        self.report(habits::dots(span, !in_index));
        match in_index {
            true => self.raw.push(Lexeme { token: Token::Colon, span }),
            false => self.skip_past("\n"),
        }
    }

    /// `x++` or `++x`, or C's loop that counts so.
    fn increment(&mut self) {
        let span = self.span();
        let line = self.raw.iter().rev().take_while(|lexeme| lexeme.token != Token::Newline);
        let counted = line.map(|lexeme| &lexeme.token).any(|token| *token == Token::For);
        let before = self.raw.last().map(|last| last.token.clone()).filter(|token| matches!(token, Token::Name(_)));
        let behind = self.words.clone().next().and_then(Result::ok);
        let name = before.or(behind);
        self.report(match counted {
            true => habits::counted_loop(span, name.as_ref()),
            false => habits::step(span, '+', name.as_ref()),
        });
    }

    /// `\t -> e` or `|t| e`: what stands before `e` is taken out.
    fn lambda(&mut self) {
        let start = self.span();
        let rest = self.words.remainder();
        let line = &rest[..rest.find(['\n', '\r']).unwrap_or(rest.len())];
        let end = if self.words.slice() == "|" { "|" } else { "->" };
        let length = line.find(end).map_or(0, |at| at + end.len());
        let names: Vec<&str> = line[..length.saturating_sub(end.len())]
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| !word.is_empty())
            .collect();
        let diagnostic = habits::lambda(start, &names);
        self.words.bump(length);
        self.report(diagnostic);
    }

    fn skip_past(&mut self, end: &str) {
        let rest = self.words.remainder();
        let length = rest.find(end).map_or(rest.len(), |at| at + end.len());
        self.words.bump(length);
    }

    /// `'` is MATLAB's transpose right behind a value, and Python's string anywhere else.
    fn single_quote(&mut self) {
        let span = self.span();
        match self.raw.last() {
            Some(last) if last.span.end == span.start && (last.token.ends_value() || last.token == Token::Dot) => {
                if last.token == Token::Dot {
                    self.raw.pop();
                }
                if let Some(last) = self.raw.last() {
                    self.report(habits::transpose(span, &last.token));
                }
            }
            _ => {
                let rest = self.words.remainder();
                let line = &rest[..rest.find(['\n', '\r']).unwrap_or(rest.len())];
                let end = line.find('\'');
                let text = &line[..end.unwrap_or(line.len())];
                self.words.bump(end.map_or(line.len(), |at| at + 1));
                let span = self.span();
                self.report(habits::single_quotes(span, text));
                self.raw.push(Lexeme { token: Token::Str(String::new()), span });
            }
        }
    }
}
