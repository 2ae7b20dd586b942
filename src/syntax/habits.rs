//! Habits from other languages: what they look like, and what Microtome writes instead.
//!
//! In: a foreign operator or word from the lexer. Out: a diagnostic whose help is the right form, and the tokens meant.
//! What only the parser can tell is in `stumble.rs`.
//! Always holds: a word is foreign only where the language itself would make no sense of it, or
//! where no program in earnest would use it; a program that binds the word may use it.

use super::lexer::Lexeme;
use super::span::Span;
use super::token::Token;
use crate::diagnostic::{Diagnostic, codes};

/// A foreign word: what to say, and the tokens to go on with.
pub(super) struct Foreign {
    /// What to say.
    pub diagnostic: Box<Diagnostic>,
    /// What it means.
    pub means: Vec<Token>,
}

/// What stands around a word.
pub(super) struct Place<'t> {
    /// The token before.
    pub last: Option<&'t Token>,
    /// The tokens behind, newlines included.
    pub rest: &'t [Lexeme],
    /// At the start of a statement.
    pub at_statement: bool,
    /// Directly within `[ ]`.
    pub in_index: bool,
}

impl<'t> Place<'t> {
    fn next(&self) -> Option<&'t Token> {
        self.rest.first().map(|lexeme| &lexeme.token)
    }

    /// The names behind, up to a token that ends them.
    fn names_before(&self, end: &Token) -> Vec<&'t str> {
        let tokens = self.rest.iter().map(|lexeme| &lexeme.token);
        tokens.take_while(|token| *token != end && !token.is_separator()).filter_map(name_of).collect()
    }
}

fn name_of(token: &Token) -> Option<&str> {
    match token {
        Token::Name(name) => Some(name),
        _ => None,
    }
}

/// `x -> …` or `(x, y) -> …`.
pub(super) fn lambda_form(names: &[&str]) -> String {
    match names {
        [] => "x -> …".to_string(),
        [name] => format!("{name} -> …"),
        names => format!("({}) -> …", names.join(", ")),
    }
}

pub(super) fn foreign(span: Span, message: impl Into<String>, help: impl Into<String>) -> Box<Diagnostic> {
    Diagnostic::error(codes::FOREIGN_HABIT, span, message).help(help)
}

/// The operators of other languages, the token that each stands for, and how to write it.
#[rustfmt::skip]
static OPERATORS: &[(&str, Option<Token>, &str)] = &[
    (".^",  Some(Token::Caret),      "operators work element by element already: write `^`"),
    (".*",  Some(Token::Star),       "operators work element by element already: write `*` (`@` is the matrix product)"),
    ("./",  Some(Token::Slash),      "operators work element by element already: write `/`"),
    (".+",  Some(Token::Plus),       "operators work element by element already: write `+`"),
    (".-",  Some(Token::Minus),      "operators work element by element already: write `-`"),
    ("**",  Some(Token::Caret),      "write `^` for a power"),
    ("~=",  Some(Token::NotEqual),   "write `!=`"),
    ("!==", Some(Token::NotEqual),   "write `!=`"),
    ("===", Some(Token::EqualEqual), "write `==`"),
    ("!",   Some(Token::Not),        "write `not`"),
    ("~",   Some(Token::Not),        "write `not`"),
    ("&&",  Some(Token::And),        "write `and`"),
    ("&",   Some(Token::And),        "write `and`"),
    ("||",  Some(Token::Or),         "write `or`"),
    ("|",   Some(Token::Or),         "write `or`"),
    ("=>",  Some(Token::Arrow),      "write `->` for a function, `>=` for a comparison"),
    (":=",  Some(Token::Equal),      "write `let x = …` for a new name, `x = …` to change a `var`"),
    ("^=",  Some(Token::Equal),      "write `x = x ^ …`; only `+ - * /` have a form with `=`"),
    ("**=", Some(Token::Equal),      "write `x = x ^ …`; only `+ - * /` have a form with `=`"),
    ("%=",  Some(Token::Equal),      "write `x = x % …`; only `+ - * /` have a form with `=`"),
    ("//=", Some(Token::Equal),      "write `x = x // …`; only `+ - * /` have a form with `=`"),
    ("@=",  Some(Token::Equal),      "write `x = x @ …`; only `+ - * /` have a form with `=`"),
    ("\\",  Some(Token::Slash),      "write `solve(A, b)`, or `lstsq(A, b)` for least squares"),
    ("/*",  None,                    "a comment begins with `#` and runs to the end of the line"),
];

/// A foreign operator.
pub(super) fn operator(span: Span, text: &str) -> (Box<Diagnostic>, Option<Token>) {
    let message = format!("`{text}` is not an operator of Microtome");
    let (means, help) = match OPERATORS.iter().find(|(written, _, _)| *written == text) {
        Some((_, means, help)) => (means.clone(), *help),
        None => (None, "the operators are `+ - * / // % @ ^`, the comparisons, `and`, `or` and `not`"),
    };
    (foreign(span, message, help), means)
}

/// MATLAB's `x'`; `last` is the token that it clings to.
pub(super) fn transpose(span: Span, last: &Token) -> Box<Diagnostic> {
    let help = match last {
        Token::Name(name) => format!("write `{name}.T`"),
        _ => "write `.T` behind the value: `(a @ b).T`".to_string(),
    };
    foreign(span, "`'` does not transpose", help)
}

/// C's `x++` and `x--`; `name` is what stands beside it.
pub(super) fn step(span: Span, sign: char, name: Option<&Token>) -> Box<Diagnostic> {
    let name = name.and_then(name_of).unwrap_or("x");
    foreign(span, format!("`{sign}{sign}` is not an operator of Microtome"), format!("write `{name} {sign}= 1`"))
}

/// C's `for (i = 0; i < n; i++)`.
pub(super) fn counted_loop(span: Span, name: Option<&Token>) -> Box<Diagnostic> {
    let name = name.and_then(name_of).unwrap_or("i");
    foreign(span, "a loop runs `in` a range", format!("write `for {name} in 0:n {{ … }}`"))
}

/// `...`: MATLAB's line that goes on, or NumPy's index.
pub(super) fn dots(span: Span, ends_line: bool) -> Box<Diagnostic> {
    let message = "`...` is not an operator of Microtome";
    if ends_line {
        let help = "a line goes on by itself when it ends in an operator or comma, and inside ( ) and [ ]";
        return foreign(span, message, help);
    }
    foreign(span, message, "in an index, write `:` for each axis that is kept whole: `x[:, :, 0]`")
}

/// `\t -> …` and `|t| …`; `names` as written.
pub(super) fn lambda(span: Span, names: &[&str]) -> Box<Diagnostic> {
    foreign(span, "a function without a name is written with an arrow", format!("write `{}`", lambda_form(names)))
}

/// Python's `'text'`; the text without its quotes.
pub(super) fn single_quotes(span: Span, text: &str) -> Box<Diagnostic> {
    foreign(span, "strings stand between double quotes", format!("write `\"{text}\"`"))
}

/// Rust's `0..10`.
pub(super) fn dotted_range(span: Span) -> Box<Diagnostic> {
    foreign(span, "a range is written with `:`", "write `0:n`; it stops before n")
}

/// Letters that cling to a number, and what they mean elsewhere.
pub(super) fn number_suffix(span: Span, number: &str, letters: &str) -> Box<Diagnostic> {
    let help = match letters {
        "i" | "j" => "there are no complex numbers; keep the two parts in arrays of their own".to_string(),
        "f" | "F" | "d" | "L" | "l" | "u" | "U" => {
            format!("leave the `{letters}` out; to convert, write `f32({number})`")
        }
        "e" | "E" => format!("an exponent has digits: `{number}e3`"),
        _ if number == "0" && letters.starts_with(['x', 'X', 'b', 'B', 'o', 'O']) => {
            "numbers are written in decimal".to_string()
        }
        _ => format!("to multiply, write `{number}*{letters}`"),
    };
    Diagnostic::error(codes::BAD_TOKEN, span, "this is not a number").help(help)
}

/// Signs that look right on paper or come along with pasted text.
const SIGNS: &[(&str, &str)] = &[
    ("≤", "write `<=`"),
    ("≥", "write `>=`"),
    ("≠", "write `!=`"),
    ("×", "write `*`"),
    ("·", "write `*`, or `@` for the matrix product"),
    ("÷", "write `/`"),
    ("−", "write `-`: this is another, longer sign"),
    ("–", "write `-`: this is a dash"),
    ("→", "write `->`"),
    ("²", "write `^2`"),
    ("³", "write `^3`"),
    ("…", "write out what the dots stand for"),
    ("“", "strings stand between straight quotes: `\"`"),
    ("”", "strings stand between straight quotes: `\"`"),
    ("$", "names are made of the letters a-z and A-Z, digits and `_`"),
    ("`", "strings stand between double quotes"),
];

/// A character that begins no token.
pub(super) fn character(span: Span, text: &str) -> Box<Diagnostic> {
    let visible =
        text.chars().all(|c| !c.is_whitespace() && !c.is_control() && !('\u{200b}'..='\u{206f}').contains(&c));
    let message = match text.chars().next() {
        Some(first) if !visible => format!("the invisible character U+{:04X} means nothing here", u32::from(first)),
        _ => format!("`{text}` means nothing here"),
    };
    let mut diagnostic = Diagnostic::error(codes::BAD_TOKEN, span, message);
    diagnostic.help = SIGNS.iter().find(|(sign, _)| *sign == text).map(|(_, help)| (*help).to_string());
    diagnostic
}

/// Words that write `else if` in other languages.
pub(super) fn is_else_if(word: &str) -> bool {
    matches!(word, "elif" | "elseif" | "elsif")
}

/// Words that [`word`] may object to.
pub(super) fn is_foreign_word(word: &str) -> bool {
    is_else_if(word)
        || matches!(word, "def" | "function" | "func" | "end" | "endif" | "endfor" | "endwhile" | "lambda")
        || matches!(word, "None" | "null" | "nil" | "True" | "False" | "NaN" | "NAN" | "Inf" | "Infinity")
}

/// A name that is a keyword elsewhere, in a place where it can only be that.
pub(super) fn word(span: Span, text: &str, place: &Place<'_>) -> Option<Foreign> {
    let say = |help: &str, means: Vec<Token>| {
        let message = format!("`{text}` is not a word of Microtome");
        Some(Foreign { diagnostic: foreign(span, message, help), means })
    };
    let before_value = matches!(place.next(), Some(Token::Name(_) | Token::Int(_) | Token::OpenParen | Token::Not));
    let ends_line = place.next().is_none_or(|next| next.is_separator() || *next == Token::CloseBrace);
    match text {
        "def" | "function" | "func" if place.at_statement && matches!(place.next(), Some(Token::Name(_))) => {
            say(&definition(place), vec![Token::Fn])
        }
        _ if is_else_if(text) && before_value && (place.at_statement || place.last == Some(&Token::CloseBrace)) => {
            say("write `else if`", vec![Token::Else, Token::If])
        }
        "end" if place.in_index => {
            say("the last index is `-1`; a slice to the end leaves its bound out: `x[1:]`", vec![Token::Int(-1)])
        }
        "end" | "endif" | "endfor" | "endwhile" if place.at_statement && ends_line => {
            say("a block stands in braces: `for i in 0:n { … }`", vec![])
        }
        "lambda" if matches!(place.next(), Some(Token::Name(_) | Token::Colon)) => {
            let form = lambda_form(&place.names_before(&Token::Colon));
            say(&format!("write `{form}`"), vec![Token::Name(text.to_string())])
        }
        "None" | "null" | "nil" if place.in_index => say("a new axis is `newaxis`", vec![Token::Int(0)]),
        "None" | "null" | "nil" => say("there is no empty value; leave the argument out", vec![Token::Int(0)]),
        "True" => say("write `true`", vec![Token::True]),
        "False" => say("write `false`", vec![Token::False]),
        "NaN" | "NAN" => say("write `nan`", vec![Token::Name("nan".to_string())]),
        "Inf" | "Infinity" => say("write `inf`", vec![Token::Name("inf".to_string())]),
        _ => None,
    }
}

/// How a function is defined that another language defines so: `def f(x)`, `function y = f(x)`.
fn definition(place: &Place<'_>) -> String {
    let tokens: Vec<&Token> = place.rest.iter().take(3).map(|lexeme| &lexeme.token).collect();
    let name = match tokens.as_slice() {
        [_, Token::Equal, Token::Name(name)] | [Token::Name(name), ..] => name,
        _ => "name",
    };
    format!("write `fn {name}(x: f64[n]) -> f64 {{ … }}`; the value is the last expression")
}
