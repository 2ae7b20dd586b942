//! Tokens: the words and signs that programs are made of.
//!
//! In: source text, through logos. Out: a [`Token`] or a [`Fault`] for each piece of it.
//! Always holds: spaces and comments make no token; every other byte belongs to a token or a fault.

use logos::{Lexer, Logos};
use std::fmt;

/// A word or sign.
///
/// logos recognises all but the last three variants, which are words only in certain places: the
/// lexer makes them out of names. A foreign operator (`&&`) is listed with the token it stands for,
/// and reaches the lexer as [`Fault::Habit`].
#[derive(Logos, Clone, Debug, PartialEq)]
#[logos(error = Fault, skip r"[ \t\x0C]+", skip(r"#[^\r\n]*", allow_greedy = true))]
pub enum Token {
    /// An identifier.
    #[regex(r"[\p{XID_Start}_]\p{XID_Continue}*", name)]
    Name(String),
    /// An integer literal.
    #[regex(r"[0-9][0-9_]*", integer)]
    Int(i64),
    /// A literal with a point or an exponent.
    #[regex(r"[0-9][0-9_]*\.[0-9_]*([eE][+-]?[0-9][0-9_]*)?", float)]
    #[regex(r"\.[0-9][0-9_]*([eE][+-]?[0-9][0-9_]*)?", float)]
    #[regex(r"[0-9][0-9_]*[eE][+-]?[0-9][0-9_]*", float)]
    Float(f64),
    /// A string literal, its escapes resolved.
    #[token("\"", string)]
    Str(String),

    /// `fn`
    #[token("fn")]
    Fn,
    /// `let`
    #[token("let")]
    Let,
    /// `var`
    #[token("var")]
    Var,
    /// `for`
    #[token("for")]
    For,
    /// `in`
    #[token("in")]
    In,
    /// `while`
    #[token("while")]
    While,
    /// `break`
    #[token("break")]
    Break,
    /// `continue`
    #[token("continue")]
    Continue,
    /// `return`
    #[token("return")]
    Return,
    /// `if`
    #[token("if")]
    If,
    /// `else`
    #[token("else")]
    Else,
    /// `and`
    #[token("and")]
    #[token("&&", habit)]
    #[token("&", habit)]
    And,
    /// `or`
    #[token("or")]
    #[token("||", habit)]
    #[token("|", habit)]
    Or,
    /// `not`
    #[token("not")]
    #[token("!", habit)]
    #[token("~", habit)]
    Not,
    /// `true`
    #[token("true")]
    True,
    /// `false`
    #[token("false")]
    False,
    /// `import`
    #[token("import")]
    Import,
    /// `assert`
    #[token("assert")]
    Assert,

    /// `+`
    #[token("+")]
    #[token(".+", habit)]
    #[token("++", habit)]
    Plus,
    /// `-`
    #[token("-")]
    #[token(".-", habit)]
    Minus,
    /// `*`
    #[token("*")]
    #[token(".*", habit)]
    #[token("/*", habit)]
    Star,
    /// `/`
    #[token("/")]
    #[token("./", habit)]
    #[token("\\", habit)]
    Slash,
    /// `//`
    #[token("//")]
    SlashSlash,
    /// `%`
    #[token("%")]
    Percent,
    /// `@`
    #[token("@")]
    At,
    /// `^`
    #[token("^")]
    #[token(".^", habit)]
    #[token("**", habit)]
    Caret,
    /// `==`
    #[token("==")]
    #[token("===", habit)]
    EqualEqual,
    /// `!=`
    #[token("!=")]
    #[token("~=", habit)]
    #[token("!==", habit)]
    NotEqual,
    /// `<`
    #[token("<")]
    Less,
    /// `<=`
    #[token("<=")]
    LessEqual,
    /// `>`
    #[token(">")]
    Greater,
    /// `>=`
    #[token(">=")]
    GreaterEqual,

    /// `=`
    #[token("=")]
    #[token(":=", habit)]
    #[token("^=", habit)]
    #[token("**=", habit)]
    #[token("%=", habit)]
    #[token("//=", habit)]
    #[token("@=", habit)]
    Equal,
    /// `+=`
    #[token("+=")]
    PlusEqual,
    /// `-=`
    #[token("-=")]
    MinusEqual,
    /// `*=`
    #[token("*=")]
    StarEqual,
    /// `/=`
    #[token("/=")]
    SlashEqual,

    /// `->`
    #[token("->")]
    #[token("=>", habit)]
    Arrow,
    /// `:`
    #[token(":")]
    Colon,
    /// `,`
    #[token(",")]
    Comma,
    /// `.`
    #[token(".")]
    #[token("...", habit)]
    Dot,
    /// `?`
    #[token("?")]
    Question,
    /// `(`
    #[token("(")]
    OpenParen,
    /// `)`
    #[token(")")]
    CloseParen,
    /// `[`
    #[token("[")]
    OpenBracket,
    /// `]`
    #[token("]")]
    CloseBracket,
    /// `{`
    #[token("{")]
    OpenBrace,
    /// `}`
    #[token("}")]
    CloseBrace,
    /// `;`
    #[token(";")]
    Semicolon,
    /// The end of a line where it ends a statement.
    #[regex(r"\r\n|\n|\r")]
    Newline,

    /// `input` at the head of a declaration.
    Input,
    /// `where` between the head of a function and its body.
    Where,
    /// `list` as a type.
    List,
}

/// What is wrong with a piece of text that makes no token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// No token begins with this character.
    #[default]
    Character,
    /// An identifier with letters other than ASCII's.
    Word,
    /// An operator of another language.
    Habit,
    /// An integer literal beyond 64 bits.
    IntegerRange,
    /// A float literal beyond the largest f64.
    FloatRange,
    /// A string that its line does not end.
    Unterminated,
    /// A backslash in a string, at this distance from its start, with a character that has no meaning there.
    Escape(usize),
}

fn name(lexer: &mut Lexer<'_, Token>) -> Result<String, Fault> {
    if lexer.slice().is_ascii() { Ok(lexer.slice().to_string()) } else { Err(Fault::Word) }
}

fn integer(lexer: &mut Lexer<'_, Token>) -> Result<i64, Fault> {
    lexer.slice().replace('_', "").parse().map_err(|_| Fault::IntegerRange)
}

fn float(lexer: &mut Lexer<'_, Token>) -> Result<f64, Fault> {
    match lexer.slice().replace('_', "").parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(Fault::FloatRange),
    }
}

fn habit(_: &mut Lexer<'_, Token>) -> Result<Token, Fault> {
    Err(Fault::Habit)
}

/// Reads the rest of a string behind its opening quote; stops before the end of the line.
fn string(lexer: &mut Lexer<'_, Token>) -> Result<String, Fault> {
    let mut value = String::new();
    let mut fault = None;
    let mut characters = lexer.remainder().char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => {
                lexer.bump(at + 1);
                return fault.map_or(Ok(value), Err);
            }
            '\n' | '\r' => {
                lexer.bump(at);
                return Err(Fault::Unterminated);
            }
            '\\' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                Some((after, '\n' | '\r')) => {
                    lexer.bump(after);
                    return Err(Fault::Unterminated);
                }
                _ => fault = fault.or(Some(Fault::Escape(at + 1))),
            },
            _ => value.push(character),
        }
    }
    lexer.bump(lexer.remainder().len());
    Err(Fault::Unterminated)
}

impl Token {
    /// Ends a statement.
    pub fn is_separator(&self) -> bool {
        matches!(self, Token::Semicolon | Token::Newline)
    }

    /// `(`, `[` or `{`.
    pub fn is_opener(&self) -> bool {
        matches!(self, Token::OpenParen | Token::OpenBracket | Token::OpenBrace)
    }

    /// `)`, `]` or `}`.
    pub fn is_closer(&self) -> bool {
        matches!(self, Token::CloseParen | Token::CloseBracket | Token::CloseBrace)
    }

    /// A value may end in this token: a name, a literal, `)` or `]`.
    pub fn ends_value(&self) -> bool {
        matches!(
            self,
            Token::Name(_) | Token::Int(_) | Token::Float(_) | Token::Str(_) | Token::CloseParen | Token::CloseBracket
        )
    }

    /// A sign that stands between two operands, so that a line beginning with it belongs to the line before.
    pub fn is_infix(&self) -> bool {
        use Token::*;
        matches!(
            self,
            And | Or
                | Plus
                | Minus
                | Star
                | Slash
                | SlashSlash
                | Percent
                | At
                | Caret
                | EqualEqual
                | NotEqual
                | Less
                | LessEqual
                | Greater
                | GreaterEqual
        )
    }

    /// A line that ends in this token goes on in the next.
    pub fn continues_line(&self) -> bool {
        use Token::*;
        let others = matches!(
            self,
            Not | In | Else | Equal | PlusEqual | MinusEqual | StarEqual | SlashEqual | Arrow | Comma | Dot
        );
        others || self.is_infix()
    }

    /// The spelling of tokens that have only one.
    fn spelling(&self) -> &'static str {
        use Token::*;
        match self {
            Name(_) | Int(_) | Float(_) | Str(_) => "",
            Fn => "fn",
            Let => "let",
            Var => "var",
            For => "for",
            In => "in",
            While => "while",
            Break => "break",
            Continue => "continue",
            Return => "return",
            If => "if",
            Else => "else",
            And => "and",
            Or => "or",
            Not => "not",
            True => "true",
            False => "false",
            Import => "import",
            Assert => "assert",
            Plus => "+",
            Minus => "-",
            Star => "*",
            Slash => "/",
            SlashSlash => "//",
            Percent => "%",
            At => "@",
            Caret => "^",
            EqualEqual => "==",
            NotEqual => "!=",
            Less => "<",
            LessEqual => "<=",
            Greater => ">",
            GreaterEqual => ">=",
            Equal => "=",
            PlusEqual => "+=",
            MinusEqual => "-=",
            StarEqual => "*=",
            SlashEqual => "/=",
            Arrow => "->",
            Colon => ":",
            Comma => ",",
            Dot => ".",
            Question => "?",
            OpenParen => "(",
            CloseParen => ")",
            OpenBracket => "[",
            CloseBracket => "]",
            OpenBrace => "{",
            CloseBrace => "}",
            Semicolon => ";",
            Newline => "newline",
            Input => "input",
            Where => "where",
            List => "list",
        }
    }
}

/// A string as a program writes it.
pub fn quote(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
    format!("\"{escaped}\"")
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Name(text) => f.write_str(text),
            Token::Int(value) => write!(f, "{value}"),
            Token::Float(value) => write!(f, "{value:?}"),
            Token::Str(text) => f.write_str(&quote(text)),
            sign => f.write_str(sign.spelling()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn spell(text: &str) -> Vec<String> {
        Token::lexer(text).map(|token| token.map_or_else(|fault| format!("{fault:?}"), |t| t.to_string())).collect()
    }

    #[test]
    fn tokens_spell_as_written() {
        for text in [
            "fn let var for in while break continue return if else and or not true false import assert",
            "+ - * / // % @ ^ == != < <= > >= = += -= *= /= -> : , . ? ( ) [ ] { } ;",
            r#"x x_1 _y where input list "a\n\t\"\\b" 12 1.5 0.001"#,
        ] {
            assert_eq!(spell(text).join(" "), text);
        }
    }

    #[test]
    fn numbers() {
        for (text, tokens) in [
            ("1_000", "1000"),
            ("1. .5 1e3 1_0.5E-1", "1.0 0.5 1000.0 1.05"),
            ("9223372036854775807", "9223372036854775807"),
            ("9223372036854775808", "IntegerRange"),
            ("1e999", "FloatRange"),
            ("0:2", "0 : 2"),
            ("x.T", "x . T"),
        ] {
            assert_eq!(spell(text).join(" "), tokens, "{text}");
        }
    }

    #[test]
    fn faults() {
        for (text, tokens) in [
            ("\"abc", "Unterminated"),
            ("\"abc\nx", "Unterminated newline x"),
            ("\"abc\\\nx", "Unterminated newline x"),
            (r#""a\qb" x"#, "Escape(2) x"),
            ("σ", "Word"),
            ("naïve x", "Word x"),
            ("$", "Character"),
            ("a .* b && !c", "a Habit b Habit Habit c"),
        ] {
            assert_eq!(spell(text).join(" "), tokens, "{text}");
        }
    }

    #[test]
    fn long_pieces_do_not_nest() {
        let long = 3_000_000;
        for text in ["a".repeat(long), "1".repeat(long), " ".repeat(long), format!("#{}", "x".repeat(long))] {
            assert!(Token::lexer(&text).count() <= 1);
        }
        assert_eq!(Token::lexer(&format!("\"{}\"", "y".repeat(long))).count(), 1);
        assert_eq!(Token::lexer(&"# c\n".repeat(100_000)).count(), 100_000);
    }
}
