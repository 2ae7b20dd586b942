//! The words of a graph's text.
//!
//! In: the text. Out: tokens with line and column, or where a token could not be read.
//! Always holds: names are words as [`super::super::print`] prints them without quotes, or strings.

use crate::graph::print::is_word_char;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Word(String),
    Number(String),
    /// `%7`, without the sign.
    Node(String),
    /// Between quotes, with escapes resolved.
    Text(String),
    Sign(char),
    End,
}

impl Kind {
    /// As a message quotes it.
    pub(super) fn describe(&self) -> String {
        match self {
            Kind::Word(text) | Kind::Number(text) => format!("`{text}`"),
            Kind::Node(name) => format!("`%{name}`"),
            Kind::Text(text) => format!("the string {text:?}"),
            Kind::Sign(c) => format!("`{c}`"),
            Kind::End => "the end of the text".to_string(),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// The tokens of a text, `End` last.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    Lexer { rest: text, line: 1, column: 1 }.tokens()
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    column: usize,
}

impl Lexer<'_> {
    fn tokens(mut self) -> Result<Vec<Token>, String> {
        let mut tokens = Vec::new();
        loop {
            self.skip_blank();
            let (line, column) = (self.line, self.column);
            let kind = self.kind().map_err(|message| format!("{line}:{column}: {message}"))?;
            let done = kind == Kind::End;
            tokens.push(Token { kind, line, column });
            if done {
                return Ok(tokens);
            }
        }
    }

    fn skip_blank(&mut self) {
        loop {
            let comment = self.rest.starts_with("//");
            let taken = self.take_while(|c| if comment { c != '\n' } else { c.is_whitespace() });
            if taken.is_empty() {
                return;
            }
        }
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        if c == '\n' {
            (self.line, self.column) = (self.line + 1, 1);
        } else {
            self.column += 1;
        }
        Some(c)
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(c) = self.rest.chars().next().filter(|&c| wanted(c)) {
            taken.push(c);
            self.bump();
        }
        taken
    }

    fn kind(&mut self) -> Result<Kind, String> {
        let Some(c) = self.rest.chars().next() else { return Ok(Kind::End) };
        if c.is_ascii_digit() {
            return Ok(Kind::Number(self.number()));
        }
        if is_word_char(c) {
            return Ok(Kind::Word(self.take_while(is_word_char)));
        }
        self.bump();
        match c {
            '%' => Ok(Kind::Node(self.take_while(is_word_char))),
            '"' => self.text().map(Kind::Text),
            _ => Ok(Kind::Sign(c)),
        }
    }

    fn number(&mut self) -> String {
        let digit = |c: char| c.is_ascii_digit();
        let mut text = self.take_while(digit);
        if self.rest.strip_prefix('.').is_some_and(|rest| rest.starts_with(digit)) {
            self.bump();
            text = format!("{text}.{}", self.take_while(digit));
        }
        let exponent = self.rest.strip_prefix('e').map(|rest| rest.strip_prefix(['-', '+']).unwrap_or(rest));
        if exponent.is_some_and(|rest| rest.starts_with(digit)) {
            text.extend(self.bump());
            text.extend(self.bump());
            text.push_str(&self.take_while(digit));
        }
        text
    }

    fn text(&mut self) -> Result<String, String> {
        let mut text = String::new();
        loop {
            match self.bump() {
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escape()?),
                Some(c) => text.push(c),
                None => return Err("a string that does not end".to_string()),
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        match self.bump() {
            Some('n') => Ok('\n'),
            Some(c @ ('"' | '\\')) => Ok(c),
            Some('u') => {
                self.bump();
                let hex = self.take_while(|c| c.is_ascii_hexdigit());
                self.bump();
                let code = u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32);
                code.ok_or_else(|| format!("no character has the code {hex:?}"))
            }
            _ => Err("an escape that is none of \\n, \\\", \\\\, \\u{…}".to_string()),
        }
    }
}
