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
    let mut scan = Scan { file, words: Token::lexer(text), raw: Vec::new(), errors: Vec::new() };
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
                let product =
                    matches!(&token, Token::Name(_)).then(|| format!("to multiply, write `*` before `{token}`"));
                *number = number.to(span);
                let mut error = Diagnostic::error(codes::BAD_TOKEN, *number, "this is not a number");
                error.help = product;
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
            self.report(habits::decrement(span));
            self.raw.truncate(self.raw.len() - 2);
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
        let (diagnostic, means) = habits::operator(span, slice);
        self.report(diagnostic);
        match slice {
            "..." => self.skip_past("\n"),
            "/*" => self.skip_past("*/"),
            _ => {}
        }
        self.raw.extend(means.map(|token| Lexeme { token, span }));
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
                self.report(habits::transpose(span));
            }
            _ => {
                let rest = self.words.remainder();
                let line = &rest[..rest.find(['\n', '\r']).unwrap_or(rest.len())];
                let length = line.find('\'').map_or(line.len(), |at| at + 1);
                self.words.bump(length);
                let span = self.span();
                self.report(habits::single_quotes(span));
                self.raw.push(Lexeme { token: Token::Str(String::new()), span });
            }
        }
    }
}
