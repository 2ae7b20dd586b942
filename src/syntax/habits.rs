//! Habits from other languages: what they look like, and what Microtome writes instead.
//!
//! In: a foreign operator or word from the lexer, or the tokens around the place where the parser
//! gave up. Out: a diagnostic whose help is the right form, and for the lexer's the tokens meant.
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
    /// The token behind, newlines included.
    pub next: Option<&'t Token>,
    /// At the start of a statement.
    pub at_statement: bool,
    /// Directly within `[ ]`.
    pub in_index: bool,
}

fn foreign(span: Span, message: impl Into<String>, help: impl Into<String>) -> Box<Diagnostic> {
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
    ("++",  None,                    "write `x += 1`"),
    ("^=",  Some(Token::Equal),      "write `x = x ^ …`; only `+ - * /` have a form with `=`"),
    ("**=", Some(Token::Equal),      "write `x = x ^ …`; only `+ - * /` have a form with `=`"),
    ("%=",  Some(Token::Equal),      "write `x = x % …`; only `+ - * /` have a form with `=`"),
    ("//=", Some(Token::Equal),      "write `x = x // …`; only `+ - * /` have a form with `=`"),
    ("@=",  Some(Token::Equal),      "write `x = x @ …`; only `+ - * /` have a form with `=`"),
    ("\\",  Some(Token::Slash),      "write `solve(A, b)`, or `lstsq(A, b)` for least squares"),
    ("...", None,                    "a line goes on by itself when it ends in an operator or comma, and inside ( ) and [ ]"),
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

/// MATLAB's `x'`.
pub(super) fn transpose(span: Span) -> Box<Diagnostic> {
    foreign(span, "`'` does not transpose", "write `x.T`")
}

/// C's `x--`.
pub(super) fn decrement(span: Span) -> Box<Diagnostic> {
    foreign(span, "`--` is not an operator of Microtome", "write `x -= 1`")
}

/// Python's `'text'`.
pub(super) fn single_quotes(span: Span) -> Box<Diagnostic> {
    foreign(span, "strings stand between double quotes", "write `\"text\"`")
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
        || matches!(word, "None" | "null" | "nil" | "True" | "False")
}

/// A name that is a keyword elsewhere, in a place where it can only be that.
pub(super) fn word(span: Span, text: &str, place: &Place<'_>) -> Option<Foreign> {
    let say = |help: &str, means: Vec<Token>| {
        let message = format!("`{text}` is not a word of Microtome");
        Some(Foreign { diagnostic: foreign(span, message, help), means })
    };
    let before_value = matches!(place.next, Some(Token::Name(_) | Token::Int(_) | Token::OpenParen | Token::Not));
    let ends_line = place.next.is_none_or(|next| next.is_separator() || *next == Token::CloseBrace);
    match text {
        "def" | "function" | "func" if place.at_statement && matches!(place.next, Some(Token::Name(_))) => {
            say("write `fn name(x: f64[n]) -> f64 { … }`", vec![Token::Fn])
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
        "lambda" if matches!(place.next, Some(Token::Name(_) | Token::Colon)) => {
            say("write `x -> …`, or `(x, y) -> …`", vec![Token::Name(text.to_string())])
        }
        "None" | "null" | "nil" if place.in_index => say("a new axis is `newaxis`", vec![Token::Int(0)]),
        "None" | "null" | "nil" => say("there is no empty value; leave the argument out", vec![Token::Int(0)]),
        "True" => say("write `true`", vec![Token::True]),
        "False" => say("write `false`", vec![Token::False]),
        _ => None,
    }
}

/// What the parser stumbled over, seen with the tokens before it.
pub(super) struct Stumble<'t> {
    /// The whole piece that was being parsed.
    pub tokens: &'t [Lexeme],
    /// Where it went wrong; `tokens.len()` at the end.
    pub at: usize,
    /// The place to show.
    pub span: Span,
}

/// The habit behind a syntax error, if it looks like one.
pub(super) fn behind(stumble: &Stumble<'_>) -> Option<Box<Diagnostic>> {
    let rules = [loop_with_equals, condition_with_equals, heading, missing_braces, colon, line_start, misplaced];
    rules.iter().find_map(|rule| rule(stumble))
}

impl Stumble<'_> {
    fn found(&self) -> Option<&Token> {
        self.back(0)
    }

    /// The token so many before the one found.
    fn back(&self, distance: usize) -> Option<&Token> {
        self.at.checked_sub(distance).and_then(|at| self.tokens.get(at)).map(|lexeme| &lexeme.token)
    }

    fn ends_line(&self) -> bool {
        self.found().is_none_or(Token::is_separator)
    }

    /// The keyword that the statement's head began with, when its `{` has not come yet.
    fn head(&self) -> Option<&Token> {
        let before = self.tokens.get(..self.at)?.iter().rev().map(|lexeme| &lexeme.token);
        let mut head = before.take_while(|t| !t.is_separator() && !matches!(t, Token::OpenBrace | Token::CloseBrace));
        head.find(|t| matches!(t, Token::If | Token::While | Token::For | Token::Else | Token::Assert | Token::Fn))
    }

    /// The bracket that the place is directly within, and the token before it.
    fn bracket(&self) -> Option<(&Token, Option<&Token>)> {
        let mut closed = 0;
        for (at, lexeme) in self.tokens.get(..self.at)?.iter().enumerate().rev() {
            if lexeme.token.is_closer() {
                closed += 1;
            } else if lexeme.token.is_opener() && closed == 0 {
                let before = at.checked_sub(1).and_then(|before| self.tokens.get(before));
                return Some((&lexeme.token, before.map(|before| &before.token)));
            } else if lexeme.token.is_opener() {
                closed -= 1;
            }
        }
        None
    }

    fn say(&self, message: impl Into<String>, help: impl Into<String>) -> Option<Box<Diagnostic>> {
        Some(foreign(self.span, message, help))
    }
}

/// `for i = 0:n`.
fn loop_with_equals(stumble: &Stumble<'_>) -> Option<Box<Diagnostic>> {
    match (stumble.back(2)?, stumble.back(1)?, stumble.found()?) {
        (Token::For, Token::Name(name), Token::Equal) => {
            let help = format!("write `for {name} in 0:n {{ … }}`; the range stops before n");
            stumble.say("a loop runs `in` a range", help)
        }
        (Token::For, Token::OpenParen, Token::Name(_))
        | (Token::OpenParen, Token::Name(_), Token::In | Token::Equal)
            if stumble.head() == Some(&Token::For) =>
        {
            stumble.say("a loop's head stands without parentheses", "write `for i in 0:n { … }`")
        }
        _ => None,
    }
}

/// `if a = b {`.
fn condition_with_equals(stumble: &Stumble<'_>) -> Option<Box<Diagnostic>> {
    let condition = matches!(stumble.head()?, Token::If | Token::While | Token::Assert);
    let equals = condition && stumble.found() == Some(&Token::Equal);
    equals.then(|| stumble.say("`=` assigns, and this is a condition", "write `==` to compare"))?
}

/// Names that are bound in a way they cannot be: `let x: f64 = 1`, `for i, x in …`, `fn f(x) …`.
fn heading(stumble: &Stumble<'_>) -> Option<Box<Diagnostic>> {
    let Token::Name(name) = stumble.back(1)? else {
        return None;
    };
    match (stumble.back(2)?, stumble.found()?) {
        (Token::Let | Token::Var, Token::Colon) => {
            let help = "leave the type out; to convert, write `f32(…)`";
            stumble.say("the type of a local name follows from its value", help)
        }
        (Token::Let | Token::For, Token::Comma) => {
            stumble.say("names that take a tuple apart stand in parentheses", format!("write `({name}, …)`"))
        }
        (Token::Let | Token::Var, Token::OpenParen) => {
            let help = format!("write `fn {name}(x: f64) = …` at the top level, or `let {name} = x -> …`");
            stumble.say("`let` does not define functions", help)
        }
        (Token::OpenParen | Token::Comma, Token::Equal) if stumble.head() == Some(&Token::Fn) => {
            stumble.say("a parameter has no default value", "leave it out, and give the value in each call")
        }
        (Token::Colon, Token::Equal) if stumble.head() == Some(&Token::Fn) => {
            stumble.say("a parameter has no default value", "leave it out, and give the value in each call")
        }
        _ => None,
    }
}

/// `for i in 0:n:`, `if c then`, or no brace at all.
fn missing_braces(stumble: &Stumble<'_>) -> Option<Box<Diagnostic>> {
    let head = stumble.head()?;
    let colon = stumble.found() == Some(&Token::Colon)
        && stumble.tokens.get(stumble.at + 1).is_none_or(|next| next.token.is_separator());
    let dangling = stumble.ends_line() && stumble.back(1) == Some(&Token::Colon);
    let word = matches!(stumble.found(), Some(Token::Name(word)) if matches!(word.as_str(), "then" | "do" | "begin"));
    let help = match head {
        Token::If => "write `if c { … }`",
        Token::Else => "write `else { … }`",
        Token::While => "write `while c { … }`",
        Token::For => "write `for i in 0:n { … }`",
        Token::Fn if colon => "write `fn name(x: f64) { … }` or `fn name(x: f64) = …`",
        _ => return None,
    };
    let unbracketed = stumble.bracket().is_none_or(|(bracket, _)| *bracket == Token::OpenBrace);
    let found = colon || dangling || word || stumble.ends_line();
    (found && unbracketed).then(|| stumble.say("a block stands in braces", help))?
}

/// A `:` where no range may be.
fn colon(stumble: &Stumble<'_>) -> Option<Box<Diagnostic>> {
    if stumble.found() != Some(&Token::Colon) {
        return None;
    }
    match stumble.bracket() {
        Some((Token::OpenParen, Some(Token::Name(name)))) => {
            stumble.say("a slice stands in square brackets", format!("write `{name}[…]` to index"))
        }
        _ => stumble.say(
            "a range stands only in `for`, in a generator and in an index",
            "`arange(a, b)` makes an array of the numbers from a up to, not including, b",
        ),
    }
}

/// A line that begins with what belongs to the line before, or with another language's comment.
fn line_start(stumble: &Stumble<'_>) -> Option<Box<Diagnostic>> {
    if !stumble.back(1).is_none_or(|last| last.is_separator() || *last == Token::OpenBrace) {
        return None;
    }
    match stumble.found()? {
        Token::SlashSlash | Token::Percent => {
            stumble.say("this is not a comment", "a comment begins with `#` and runs to the end of the line")
        }
        token if token.is_infix() || *token == Token::Dot => {
            let error = Diagnostic::error(codes::SYNTAX, stumble.span, format!("a line cannot begin with `{token}`"));
            let help = format!("end the line before with `{token}`, or put the whole in parentheses");
            Some(error.help(help))
        }
        _ => None,
    }
}

/// Tokens that are right elsewhere.
fn misplaced(stumble: &Stumble<'_>) -> Option<Box<Diagnostic>> {
    let bracket = stumble.bracket().map(|(bracket, _)| bracket);
    let operand = stumble.back(1).is_some_and(|last| last.is_infix() || *last == Token::Not);
    match stumble.found() {
        Some(Token::Semicolon) if bracket == Some(&Token::OpenBracket) => {
            stumble.say("`;` does not end a row", "write `[[1, 2], [3, 4]]`")
        }
        Some(Token::Question) => stumble.say("`?` does not choose", "write `if c { a } else { b }`"),
        Some(Token::If) if operand => {
            stumble.say("an `if` is looser than any operator", "put it in parentheses: `1 + (if c { a } else { b })`")
        }
        Some(Token::If) if stumble.head() == Some(&Token::For) => stumble.say(
            "a comprehension has no condition",
            "choose with a mask, `x[x > 0]`, or sum with `sum(where(c, e, 0.0) for …)`",
        ),
        Some(Token::If) if stumble.back(1).is_some_and(Token::ends_value) => {
            stumble.say("`if` comes before its values", "write `if c { a } else { b }`")
        }
        Some(Token::For) if bracket == Some(&Token::OpenParen) => stumble
            .say("a generator is the only positional argument of a call", "write `[e for i in 0:n]` for an array"),
        Some(sign) if is_comparison(sign) && stumble.back(1).is_some_and(Token::ends_value) => {
            let error = Diagnostic::error(codes::SYNTAX, stumble.span, "comparisons do not chain");
            Some(error.help("join them with `and`: `a < b and b < c`"))
        }
        Some(Token::Comma) if bracket.is_none_or(|b| *b == Token::OpenBrace) && stumble.head() == Some(&Token::For) => {
            stumble.say("a loop runs over one range", "nest the loops: `for i in 0:n { for j in 0:m { … } }`")
        }
        Some(Token::Else) => {
            let error = Diagnostic::error(codes::SYNTAX, stumble.span, "`else` without an `if` before it");
            Some(error.help("it stands behind the `}` of its `if`: `if c { a } else { b }`"))
        }
        Some(Token::Fn) => {
            stumble.say("functions are defined at the top level", "move it out of the block, or write `let f = x -> …`")
        }
        Some(Token::Plus) if !stumble.back(1).is_some_and(Token::ends_value) => {
            stumble.say("`+` stands between two operands", "leave it out")
        }
        _ => None,
    }
}

fn is_comparison(token: &Token) -> bool {
    use Token::*;
    matches!(token, EqualEqual | NotEqual | Less | LessEqual | Greater | GreaterEqual)
}
