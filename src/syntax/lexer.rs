//! The lexer: text into the stream of tokens that the grammar is written over.
//!
//! In: source text. Out: [`Lexed`], the tokens with their places and what is wrong with them.
//! Always holds: brackets in the stream match, however they stood in the text, and nest no deeper
//! than [`MAX_BRACKETS`]; a newline in the stream ends a statement, for it never stands behind an
//! operator, a separator or `{`, nor within `( )` or `[ ]`.
//!
//! Two passes. `scanner.rs` asks logos for tokens and turns its faults into diagnostics. `Arrangement`
//! then decides which newlines end statements, matches brackets, and makes the words that are
//! keywords only in their place (`where`, `input`, `list`) out of names.

use super::habits::{self, Foreign};
use super::scanner::scan;
use super::span::{FileId, Span};
use super::token::Token;
use crate::diagnostic::{Diagnostic, codes};

/// The deepest nesting of brackets, of all three kinds together.
pub const MAX_BRACKETS: usize = 256;

/// The most errors that one text is worth.
pub const MAX_ERRORS: usize = 50;

/// The errors of a text, each in the box that it was made in.
pub type Errors = Vec<Box<Diagnostic>>;

/// A token and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Lexeme {
    /// What.
    pub token: Token,
    /// Where; empty for a bracket or newline that is missing from the text.
    pub span: Span,
}

/// What the lexer makes of a text.
#[derive(Clone, Debug, Default)]
pub struct Lexed {
    /// The tokens, brackets always matching.
    pub tokens: Vec<Lexeme>,
    /// What is wrong, in order.
    pub errors: Errors,
    /// The error of a bracket that is still open at the end; more text could mend it.
    pub unclosed: Option<Box<Diagnostic>>,
    /// The text ends in an operator, a comma or the head of a function: more must follow.
    pub pending: bool,
}

/// Reads a whole text.
pub fn lex(file: FileId, text: &str) -> Lexed {
    let (mut raw, errors) = scan(file, text);
    name_the_variance(&mut raw);
    Arrangement::new(&raw, Lexed { errors, ..Lexed::default() }).arrange()
}

/// `var` declares a variable where a name follows; elsewhere it is the variance, `var(x)`.
fn name_the_variance(raw: &mut [Lexeme]) {
    let mut rest = raw;
    while let Some((lexeme, behind)) = rest.split_first_mut() {
        let declares = behind.first().is_some_and(|next| matches!(next.token, Token::Name(_) | Token::Colon));
        if lexeme.token == Token::Var && !declares {
            lexeme.token = Token::Name("var".to_string());
        }
        rest = behind;
    }
}

/// Where a token stands, as far as contextual keywords and newlines care.
#[derive(Clone, Copy, PartialEq)]
enum Region {
    /// Statements and expressions.
    Code,
    /// Between `fn` and the body; the number is the brackets open at `fn`.
    Head(usize),
    /// Between `where` and the body.
    Contract(usize),
    /// Behind `input`, to the end of the line.
    Declaration,
}

/// The second pass.
struct Arrangement<'r> {
    raw: &'r [Lexeme],
    out: Lexed,
    open: Vec<Lexeme>,
    region: Region,
    bound: Vec<&'r str>,
    stopped: bool,
}

impl<'r> Arrangement<'r> {
    fn new(raw: &'r [Lexeme], out: Lexed) -> Arrangement<'r> {
        let bound = bound_names(raw).filter(|name| habits::is_foreign_word(name)).collect();
        Arrangement { raw, out, open: Vec::new(), region: Region::Code, bound, stopped: false }
    }

    fn arrange(mut self) -> Lexed {
        for at in 0..self.raw.len() {
            self.place(at);
            if self.stopped {
                return self.out;
            }
        }
        let head = matches!(self.region, Region::Head(_) | Region::Contract(_));
        self.out.pending = head || self.last().is_some_and(Token::continues_line);
        if let Some(opener) = self.open.last() {
            self.out.unclosed = Some(unclosed(opener));
            let end = self.raw.last().map_or(opener.span, |lexeme| lexeme.span);
            self.close_missing(0, Span { start: end.end, ..end });
        }
        self.out
    }

    fn place(&mut self, at: usize) {
        let Some(lexeme) = self.raw.get(at) else { return };
        self.resynchronise(at);
        match &lexeme.token {
            Token::Newline if self.ends_statement(at) => self.separate(lexeme.clone()),
            Token::Newline => {}
            Token::Semicolon if self.in_parentheses() => self.out.tokens.push(lexeme.clone()),
            Token::Semicolon if self.at_statement() => {}
            Token::Semicolon => self.separate(lexeme.clone()),
            Token::Name(_) if self.last() != Some(&Token::Dot) => self.word(at),
            token if self.last() == Some(&Token::Dot) && token.to_string().starts_with(|c: char| c.is_alphabetic()) => {
                self.out.tokens.push(Lexeme { token: Token::Name(token.to_string()), span: lexeme.span });
            }
            token if token.is_closer() => self.close(lexeme),
            token => {
                match token {
                    Token::Fn => self.region = Region::Head(self.open.len()),
                    Token::Equal | Token::OpenBrace if self.head_depth() == Some(self.open.len()) => {
                        self.region = Region::Code;
                    }
                    _ => {}
                }
                if token.is_opener() {
                    self.open(lexeme);
                }
                if !self.stopped {
                    self.out.tokens.push(lexeme.clone());
                }
            }
        }
    }

    fn last(&self) -> Option<&Token> {
        self.out.tokens.last().map(|lexeme| &lexeme.token)
    }

    fn report(&mut self, diagnostic: Box<Diagnostic>) {
        if self.out.errors.len() < MAX_ERRORS {
            self.out.errors.push(diagnostic);
        }
    }

    fn in_parentheses(&self) -> bool {
        self.open.last().is_some_and(|opener| opener.token != Token::OpenBrace)
    }

    fn at_statement(&self) -> bool {
        self.last().is_none_or(|last| last.is_separator() || *last == Token::OpenBrace)
    }

    fn head_depth(&self) -> Option<usize> {
        match self.region {
            Region::Head(depth) | Region::Contract(depth) => Some(depth),
            Region::Code | Region::Declaration => None,
        }
    }

    fn separate(&mut self, lexeme: Lexeme) {
        // A block within the head of a function (in a bound, say) does not end the head.
        if self.head_depth().is_none_or(|depth| self.open.len() <= depth) {
            self.region = Region::Code;
        }
        self.out.tokens.push(lexeme);
    }

    /// Whether the newline at `at` ends a statement: neither this line nor the next says it goes on.
    fn ends_statement(&self, at: usize) -> bool {
        if self.in_parentheses() || self.at_statement() || self.last().is_some_and(Token::continues_line) {
            return false;
        }
        match self.raw.iter().skip(at).map(|lexeme| &lexeme.token).find(|token| **token != Token::Newline) {
            Some(Token::OpenBrace | Token::Else) => false,
            Some(Token::Equal | Token::Arrow) => self.head_depth().is_none(),
            Some(Token::Name(word)) if word == "where" => !matches!(self.region, Region::Head(_)),
            Some(Token::Name(word)) if habits::is_else_if(word) => self.last() != Some(&Token::CloseBrace),
            _ => true,
        }
    }

    /// A name, unless its place makes it a keyword, or it is another language's keyword.
    fn word(&mut self, at: usize) {
        let Some(Lexeme { token: Token::Name(text), span }) = self.raw.get(at) else {
            return;
        };
        let rest = self.raw.get(at + 1..).unwrap_or_default();
        let next = rest.first().map(|lexeme| &lexeme.token);
        let in_type = matches!(self.region, Region::Head(_) | Region::Declaration);
        let token = match text.as_str() {
            "where" if self.region == Region::Head(self.open.len()) => {
                self.region = Region::Contract(self.open.len());
                Token::Where
            }
            "input" if self.at_statement() && matches!(next, Some(Token::Name(_))) => {
                self.region = Region::Declaration;
                Token::Input
            }
            "list" if in_type && next == Some(&Token::OpenBracket) => Token::List,
            _ => return self.name(text, *span, rest),
        };
        self.out.tokens.push(Lexeme { token, span: *span });
    }

    fn name(&mut self, text: &str, span: Span, rest: &[Lexeme]) {
        let in_index = self.open.last().is_some_and(|opener| opener.token == Token::OpenBracket);
        let place = habits::Place { last: self.last(), rest, at_statement: self.at_statement(), in_index };
        let foreign = if self.bound.contains(&text) { None } else { habits::word(span, text, &place) };
        let mut tokens = vec![Token::Name(text.to_string())];
        if let Some(Foreign { diagnostic, means }) = foreign {
            self.report(diagnostic);
            tokens = means;
        }
        if tokens.first() == Some(&Token::Fn) {
            self.region = Region::Head(self.open.len());
        }
        self.out.tokens.extend(tokens.into_iter().map(|token| Lexeme { token, span }));
    }

    fn open(&mut self, lexeme: &Lexeme) {
        self.open.push(lexeme.clone());
        if self.open.len() > MAX_BRACKETS {
            let message = format!("brackets nest deeper than {MAX_BRACKETS}");
            let error = Diagnostic::error(codes::TOO_DEEP, lexeme.span, message);
            let outermost = self.open.first().unwrap_or(lexeme);
            let error = error.label(outermost.span, "the outermost opens here");
            self.report(error.help("name the inner parts with `let`, or move them into functions"));
            self.stopped = true;
            self.forget_unfinished_item();
        }
    }

    /// Drops the tokens behind the last statement that ended outside all brackets.
    fn forget_unfinished_item(&mut self) {
        let Some(outermost) = self.open.first().map(|opener| opener.span.start) else { return };
        let mut depth = 0usize;
        while let Some(last) = self.out.tokens.last() {
            let outside = last.span.start < outermost;
            if outside && depth == 0 && last.token.is_separator() {
                break;
            } else if outside && last.token.is_closer() {
                depth += 1;
            } else if outside && last.token.is_opener() {
                depth = depth.saturating_sub(1);
            }
            self.out.tokens.pop();
        }
    }

    fn close(&mut self, lexeme: &Lexeme) {
        let Some(top) = self.open.last() else {
            let message = format!("`{}` closes nothing", lexeme.token);
            self.report(Diagnostic::error(codes::SYNTAX, lexeme.span, message).help("take it out, or open it before"));
            return;
        };
        if closer(&top.token) != lexeme.token {
            match self.open.iter().rposition(|opener| closer(&opener.token) == lexeme.token) {
                Some(depth) => {
                    let error = unclosed(top).label(lexeme.span, format!("`{}` comes first", lexeme.token));
                    self.report(error);
                    self.close_missing(depth + 1, Span { end: lexeme.span.start, ..lexeme.span });
                }
                None => {
                    let message = format!("`{}` cannot close `{}`", lexeme.token, top.token);
                    let error = Diagnostic::error(codes::SYNTAX, lexeme.span, message);
                    let help = format!("write `{}`", closer(&top.token));
                    self.report(error.label(top.span, "opened here").help(help));
                }
            }
        }
        if let Some(opener) = self.open.pop() {
            self.out.tokens.push(Lexeme { token: closer(&opener.token), span: lexeme.span });
        }
    }

    /// Puts in closing brackets until `depth` are open.
    fn close_missing(&mut self, depth: usize, span: Span) {
        while self.open.len() > depth {
            if let Some(opener) = self.open.pop() {
                self.out.tokens.push(Lexeme { token: closer(&opener.token), span });
            }
        }
    }

    /// At a line that begins with a keyword which no parenthesis can hold, a parenthesis still open
    /// was forgotten; so was a brace at an `fn` in the first column. Without this, one missing `)`
    /// would swallow the rest of the file.
    fn resynchronise(&mut self, at: usize) {
        let Some(lexeme) = self.raw.get(at) else { return };
        let before = at.checked_sub(1).and_then(|before| self.raw.get(before));
        let new_line = before.is_none_or(|before| before.token == Token::Newline);
        let Some(top) = self.open.last().filter(|_| new_line) else {
            return;
        };
        let first_column = before.is_some_and(|before| before.span.end == lexeme.span.start);
        let depth = match lexeme.token {
            Token::Fn if first_column => 0,
            Token::Let | Token::Var | Token::While | Token::Return | Token::Break | Token::Continue
                if self.in_parentheses() =>
            {
                let brace = self.open.iter().rposition(|opener| opener.token == Token::OpenBrace);
                brace.map_or(0, |brace| brace + 1)
            }
            _ => return,
        };
        let error = unclosed(top).label(lexeme.span, format!("before this `{}`", lexeme.token));
        self.report(error);
        let span = Span { end: lexeme.span.start, ..lexeme.span };
        self.close_missing(depth, span);
        self.separate(Lexeme { token: Token::Newline, span });
    }
}

fn unclosed(opener: &Lexeme) -> Box<Diagnostic> {
    let message = format!("`{}` is never closed", opener.token);
    let error = Diagnostic::error(codes::SYNTAX, opener.span, message).at("opened here");
    error.help(format!("put the `{}` where it ends", closer(&opener.token)))
}

fn closer(opener: &Token) -> Token {
    match opener {
        Token::OpenParen => Token::CloseParen,
        Token::OpenBracket => Token::CloseBracket,
        _ => Token::CloseBrace,
    }
}

/// The names that the program itself gives meaning to, so that it may call a variable `end`.
fn bound_names(raw: &[Lexeme]) -> impl Iterator<Item = &str> {
    let mut binding = false;
    raw.iter().enumerate().filter_map(move |(at, lexeme)| {
        match &lexeme.token {
            Token::Let | Token::Var | Token::For | Token::Fn => binding = true,
            Token::Equal | Token::In | Token::OpenBrace => binding = false,
            Token::Name(name) => {
                let next = raw.get(at + 1).map(|lexeme| &lexeme.token);
                return (binding || matches!(next, Some(Token::Equal | Token::Arrow))).then_some(name.as_str());
            }
            _ => {}
        }
        None
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    fn stream(text: &str) -> String {
        let words: Vec<String> = lex(FileId(0), text).tokens.iter().map(|lexeme| lexeme.token.to_string()).collect();
        words.join(" ").replace("newline", "|")
    }

    fn errors(text: &str) -> Vec<String> {
        let lexed = lex(FileId(0), text);
        let all = lexed.errors.iter().chain(&lexed.unclosed);
        all.map(|error| format!("{} {}", error.labels[0].span.start, error)).collect()
    }

    #[test]
    fn newlines_end_statements_only_where_a_line_is_complete() {
        for (text, expected) in [
            ("", ""),
            ("# only\n\n  # comments\n", ""),
            ("\n\na\n\n# c\nb\n\n", "a | b |"),
            ("a\r\nb\rc", "a | b | c"),
            ("a +\nb", "a + b"),
            ("f(a,\n b\n)", "f ( a , b )"),
            ("[a\n,\nb]\nc", "[ a , b ] | c"),
            ("let x =\n 1", "let x = 1"),
            ("f(if c {\na\nb\n} else {\nb\n})", "f ( if c { a | b | } else { b | } )"),
            ("if c {\n}\nelse {\n}\nx", "if c { } else { } | x"),
            ("if c\n{\n}\n", "if c { } |"),
            ("a;\nb;;c;", "a ; b ; c ;"),
            (";;a\n;b", "a | b"),
            ("\u{feff}a", "a"),
        ] {
            assert_eq!(stream(text), expected, "{text:?}");
        }
    }

    #[test]
    fn keywords_of_a_place_are_names_elsewhere() {
        let kinds = |text: &str| {
            let tokens = lex(FileId(0), text).tokens;
            let special = tokens.iter().filter(|l| matches!(l.token, Token::Where | Token::Input | Token::List));
            special.map(|lexeme| lexeme.span.start).collect::<Vec<_>>()
        };
        for (text, expected) in [
            ("fn f(x: f64) -> f64\n  where time O(n) { where(a, b, c) }", vec![22]),
            ("fn f(x: f64) = where(x, 1, 2)\nwhere(1, 2, 3)", vec![]),
            ("input x: list[f64[2, ?]]", vec![0, 9]),
            ("input = 3\ninput[0] + input", vec![]),
            ("fn f(list: list[f64]) -> list[f64] { list[0] }", vec![11, 25]),
            ("d.input; d.where; d.for", vec![]),
        ] {
            assert_eq!(kinds(text), expected, "{text:?}");
        }
    }

    #[test]
    fn brackets_match_in_the_stream_whatever_the_text() {
        for (text, tokens, error) in [
            ("(a", "( a )", "0 error[E0101]: `(` is never closed"),
            (
                "fn f() {\nlet x = (1 + 2\n}\ny",
                "fn f ( ) { let x = ( 1 + 2 ) } | y",
                "17 error[E0101]: `(` is never closed",
            ),
            ("let x = (1\nlet y = 2", "let x = ( 1 ) | let y = 2", "8 error[E0101]: `(` is never closed"),
            ("fn f() {\nx\nfn g() = 1", "fn f ( ) { x | } | fn g ( ) = 1", "7 error[E0101]: `{` is never closed"),
            ("a)\nb", "a | b", "1 error[E0101]: `)` closes nothing"),
            ("f(a]", "f ( a )", "3 error[E0101]: `]` cannot close `(`"),
        ] {
            assert_eq!(stream(text), tokens, "{text:?}");
            assert_eq!(errors(text), [error], "{text:?}");
        }
    }

    #[test]
    fn a_hundred_thousand_brackets_are_one_error() {
        for bracket in ["(", "[", "{", "f(", "if true {", "[x for i in "] {
            let text = format!("f(if a {{ b; c }})\n+ f(if a {{ b; c }}) + {}", bracket.repeat(100_000));
            let lexed = lex(FileId(0), &text);
            assert_eq!(lexed.errors.len(), 1);
            assert_eq!(lexed.errors[0].code, codes::TOO_DEEP);
            assert_eq!(lexed.tokens.len(), 11, "{bracket}");
        }
    }

    #[test]
    fn a_flood_of_bad_characters_stays_readable() {
        assert_eq!(errors(&"$".repeat(100_000)).len(), MAX_ERRORS);
    }

    #[test]
    fn faults_say_what_is_wrong() {
        for (text, error) in [
            ("σ = 1", "0 error[E0102]: `σ` has letters outside ASCII"),
            ("99999999999999999999", "0 error[E0102]: this integer does not fit in 64 bits"),
            ("1e999", "0 error[E0102]: this number is too large for f64"),
            ("2x", "0 error[E0102]: this is not a number"),
            ("0x1F", "0 error[E0102]: this is not a number"),
            ("print(\"a", "6 error[E0102]: this string is not closed"),
            (r#"print("a\d")"#, "8 error[E0102]: this escape means nothing"),
            ("a $ b", "2 error[E0102]: `$` means nothing here"),
        ] {
            assert_eq!(errors(text)[0], error, "{text:?}");
        }
    }
}
