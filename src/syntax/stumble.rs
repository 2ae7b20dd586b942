//! Where the parser gave up, and the habit of another language that may be behind it.
//!
//! In: the tokens around the place. Out: a diagnostic whose help is the right form, with the program's own names in it.
//! Always holds: a rule speaks only of what the language itself would make no sense of.

use super::habits::{foreign, lambda_form};
use super::lexer::Lexeme;
use super::span::Span;
use super::token::Token;
use crate::diagnostic::{Diagnostic, codes};
use std::ops::Range;

/// What the parser stumbled over, seen with the tokens before it.
pub(super) struct Stumble<'t> {
    /// The text of the file.
    pub text: &'t str,
    /// The whole piece that was being parsed.
    pub tokens: &'t [Lexeme],
    /// Where it went wrong; `tokens.len()` at the end.
    pub at: usize,
    /// The place to show.
    pub span: Span,
}

/// The habit behind a syntax error, if it looks like one.
pub(super) fn behind(stumble: &Stumble<'_>) -> Option<Box<Diagnostic>> {
    let rules = [
        loop_with_equals,
        condition_with_equals,
        heading,
        word_between,
        missing_braces,
        colon,
        line_start,
        rows,
        neighbours,
        statement_word,
        choice,
        misplaced,
        displaced_sign,
    ];
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

    fn token(&self, at: usize) -> Option<&Token> {
        self.tokens.get(at).map(|lexeme| &lexeme.token)
    }

    /// The text of some tokens, as it was written.
    fn source(&self, range: Range<usize>) -> &str {
        let tokens = self.tokens.get(range).unwrap_or_default();
        let span = tokens.first().zip(tokens.last()).map(|(first, last)| first.span.to(last.span));
        span.and_then(|span| self.text.get(span.start as usize..span.end as usize)).unwrap_or_default()
    }

    /// Where the keyword stands that the statement's head began with, when its `{` has not come yet.
    fn head_at(&self) -> Option<usize> {
        let before = self.tokens.get(..self.at)?.iter().map(|lexeme| &lexeme.token).enumerate().rev();
        let mut head =
            before.take_while(|(_, t)| !t.is_separator() && !matches!(t, Token::OpenBrace | Token::CloseBrace));
        let heads =
            |t: &Token| matches!(t, Token::If | Token::While | Token::For | Token::Else | Token::Assert | Token::Fn);
        head.find(|(_, t)| heads(t)).map(|(at, _)| at)
    }

    fn head(&self) -> Option<&Token> {
        self.token(self.head_at()?)
    }

    /// Where the bracket stands that the place is directly within.
    fn opener(&self) -> Option<usize> {
        let mut closed = 0;
        for (at, lexeme) in self.tokens.get(..self.at)?.iter().enumerate().rev() {
            if lexeme.token.is_closer() {
                closed += 1;
            } else if lexeme.token.is_opener() && closed == 0 {
                return Some(at);
            } else if lexeme.token.is_opener() {
                closed -= 1;
            }
        }
        None
    }

    /// The bracket that the place is directly within, and the token before it.
    fn bracket(&self) -> Option<(&Token, Option<&Token>)> {
        let at = self.opener()?;
        Some((self.token(at)?, at.checked_sub(1).and_then(|before| self.token(before))))
    }

    /// The first place from `from` on, outside of brackets opened since, whose token ends what stands there.
    fn end_of(&self, from: usize, ends: impl Fn(&Token) -> bool) -> usize {
        let mut depth = 0usize;
        for (at, lexeme) in self.tokens.iter().enumerate().skip(from) {
            let token = &lexeme.token;
            if depth == 0 && (token.is_separator() || token.is_closer() || ends(token)) {
                return at;
            }
            depth = if token.is_opener() { depth + 1 } else { depth - usize::from(token.is_closer()) };
        }
        self.tokens.len()
    }

    /// Where the value began that ends at the place: behind `=`, a comma, an opening bracket or the statement's start.
    fn value_start(&self) -> usize {
        let mut closed = 0usize;
        for (at, lexeme) in self.tokens.get(..self.at).unwrap_or_default().iter().enumerate().rev() {
            let token = &lexeme.token;
            let outside = closed == 0 && (token.is_opener() || matches!(token, Token::CloseBrace));
            let begins = matches!(token, Token::Equal | Token::Comma | Token::Arrow | Token::Return);
            if outside || token.is_separator() || (closed == 0 && begins) {
                return at + 1;
            }
            closed = if token.is_closer() { closed + 1 } else { closed - usize::from(token.is_opener()) };
        }
        0
    }

    /// Whether the token before is the first of its statement.
    fn second_of_statement(&self) -> bool {
        self.at == 1
            || self.back(2).is_some_and(|t| t.is_separator() || matches!(t, Token::OpenBrace | Token::CloseBrace))
    }

    /// A value stands directly behind a value.
    fn value_behind_value(&self) -> bool {
        self.back(1).is_some_and(Token::ends_value) && self.found().is_some_and(starts_value)
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
            let end = stumble.end_of(stumble.at, |token| matches!(token, Token::Equal | Token::In));
            let names = stumble.source(stumble.at - 1..end);
            stumble.say("names that take a tuple apart stand in parentheses", format!("write `({names})`"))
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
        Token::If | Token::While | Token::For => format!("write `{head} {} {{ … }}`", condition(stumble)),
        Token::Else => "write `else { … }`".to_string(),
        Token::Fn if colon => "write `fn name(x: f64) { … }` or `fn name(x: f64) = …`".to_string(),
        _ => return None,
    };
    let unbracketed = stumble.bracket().is_none_or(|(bracket, _)| *bracket == Token::OpenBrace);
    let found = colon || dangling || word || stumble.ends_line() || stumble.value_behind_value();
    (found && unbracketed).then(|| stumble.say("a block stands in braces", help))?
}

/// What stands between the head's keyword and the place, in the form that it should have.
fn condition(stumble: &Stumble<'_>) -> String {
    let Some(head) = stumble.head_at() else { return "c".to_string() };
    let written = stumble.source(head + 1..stumble.at).trim_end_matches(':').trim();
    match (stumble.token(head), stumble.token(head + 1)) {
        (Some(Token::For), Some(Token::Name(name))) if written.contains("range(") => format!("{name} in 0:n"),
        _ if written.is_empty() => "c".to_string(),
        _ => written.to_string(),
    }
}

/// A `:` where no range may be.
fn colon(stumble: &Stumble<'_>) -> Option<Box<Diagnostic>> {
    if stumble.found() != Some(&Token::Colon) {
        return None;
    }
    match stumble.bracket() {
        Some((Token::OpenBracket, _)) if stumble.head() == Some(&Token::Fn) => {
            stumble.say("an axis has a size, by a name or a number", "write `f64[n]`, or `f64[n, d]` for two axes")
        }
        Some((Token::OpenParen, Some(Token::Name(name)))) if name != "print" => {
            let start = stumble.opener()? + 1;
            let items = stumble.source(start..stumble.end_of(start, |_| false));
            let help = format!("write `{name}[{items}]`; indexes begin at 0, and `a:b` stops before b");
            stumble.say("a slice stands in square brackets", help)
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
        Some(Token::If) if operand => {
            stumble.say("an `if` is looser than any operator", "put it in parentheses: `1 + (if c { a } else { b })`")
        }
        Some(Token::If) if stumble.head() == Some(&Token::For) => stumble.say(
            "a comprehension has no condition",
            "choose with a mask, `x[x > 0]`, or sum with `sum(where(c, e, 0.0) for …)`",
        ),
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

/// A value may begin with this token.
fn starts_value(token: &Token) -> bool {
    matches!(token, Token::Name(_) | Token::Int(_) | Token::Float(_) | Token::Str(_) | Token::True | Token::False)
}

/// `x is y`, `x in y`, `x mod y`, `x <> y`: words and signs that stand between two values elsewhere.
fn word_between(stumble: &Stumble<'_>) -> Option<Box<Diagnostic>> {
    let last = stumble.back(1)?;
    let help = match stumble.found()? {
        Token::Greater if *last == Token::Less => return stumble.say("`<>` is not an operator", "write `!=`"),
        _ if !last.ends_value() => return None,
        Token::Name(word) if word == "is" => "write `==`",
        Token::Name(word) if word == "mod" || word == "rem" => "write `%`",
        Token::Name(word) if word == "div" => "write `//`",
        Token::Name(word) if word == "xor" => "write `!=` between two truth values",
        Token::In if stumble.head() != Some(&Token::For) => "write `any(x == value)`",
        _ => return None,
    };
    let word = stumble.found()?;
    stumble.say(format!("`{word}` does not stand between two values"), help)
}

/// `[1 2; 3 4]`: MATLAB's rows.
fn rows(stumble: &Stumble<'_>) -> Option<Box<Diagnostic>> {
    let opener = stumble.opener().filter(|&at| stumble.token(at) == Some(&Token::OpenBracket))?;
    let ends_row = stumble.found() == Some(&Token::Semicolon);
    if !ends_row && !stumble.value_behind_value() {
        return None;
    }
    let form = matrix(stumble, opener).unwrap_or_else(|| "[[1, 2], [3, 4]]".to_string());
    let message = if ends_row { "`;` does not end a row" } else { "a comma stands between two elements" };
    stumble.say(message, format!("write `{form}`"))
}

/// The elements behind an opening bracket with commas between them, each row in brackets; only of simple elements.
fn matrix(stumble: &Stumble<'_>, opener: usize) -> Option<String> {
    let end = stumble.end_of(opener + 1, |token| token.is_closer());
    let mut rows: Vec<Vec<String>> = vec![Vec::new()];
    let mut sign = "";
    let close = (opener + 1..stumble.tokens.len()).find(|&at| stumble.token(at) == Some(&Token::CloseBracket))?;
    for at in opener + 1..close.max(end) {
        match stumble.token(at)? {
            Token::Semicolon => rows.push(Vec::new()),
            Token::Minus => sign = "-",
            Token::Comma => {}
            token if starts_value(token) => {
                rows.last_mut()?.push(format!("{sign}{}", stumble.source(at..at + 1)));
                sign = "";
            }
            _ => return None,
        }
    }
    let rows: Vec<String> =
        rows.iter().filter(|row| !row.is_empty()).map(|row| format!("[{}]", row.join(", "))).collect();
    match rows.as_slice() {
        [row] => Some(row.clone()),
        rows => Some(format!("[{}]", rows.join(", "))),
    }
}

/// Two values side by side: `print x`, `f"…"`, `int y = 3`, `f(a b)`, a comment.
fn neighbours(stumble: &Stumble<'_>) -> Option<Box<Diagnostic>> {
    let before_comment = matches!(stumble.back(2), Some(Token::Percent | Token::SlashSlash));
    if before_comment && stumble.value_behind_value() {
        return stumble
            .say("this is no part of the value", "a comment begins with `#` and runs to the end of the line");
    }
    let (Token::Name(word), found) = (stumble.back(1)?, stumble.found()?) else {
        return missing_comma(stumble);
    };
    let adjacent = stumble.tokens.get(stumble.at - 1).is_some_and(|last| last.span.end == stumble.span.start);
    let first = stumble.second_of_statement();
    match (word.as_str(), found) {
        ("f" | "r" | "b" | "u", Token::Str(_)) if adjacent => {
            stumble.say("there are no format strings", "give `print` the parts one by one: `print(\"x is\", x)`")
        }
        ("print", found) if first && starts_value(found) => {
            let values = stumble.source(stumble.at..stumble.end_of(stumble.at, |_| false));
            stumble.say("the arguments of `print` stand in parentheses", format!("write `print({values})`"))
        }
        (_, Token::Name(name)) if first && stumble.token(stumble.at + 1) == Some(&Token::Equal) => {
            let help = format!("write `let {name} = …` for a value that stays, `var {name} = …` for one that changes");
            stumble.say("the type of a local name follows from its value", help)
        }
        _ => missing_comma(stumble),
    }
}

fn missing_comma(stumble: &Stumble<'_>) -> Option<Box<Diagnostic>> {
    let in_parentheses = matches!(stumble.bracket(), Some((Token::OpenParen, _)));
    if !in_parentheses || !stumble.value_behind_value() {
        return None;
    }
    let error = Diagnostic::error(codes::SYNTAX, stumble.span, "a comma stands between two arguments");
    let before = stumble.value_start();
    Some(error.help(format!("write `{}, {}`", stumble.source(before..stumble.at), stumble.found()?)))
}

/// Statements of other languages: `from numpy import …`, `class A`, `switch n`, `try {`.
fn statement_word(stumble: &Stumble<'_>) -> Option<Box<Diagnostic>> {
    if let (Token::Import, Token::Name(_)) = (stumble.back(1)?, stumble.found()?) {
        let help = "the builtins are there without an import; a file's functions come with `import \"other.tome\"`";
        return stumble.say("modules are not imported", help);
    }
    let Token::Name(word) = stumble.back(1)? else { return None };
    if !stumble.second_of_statement() || !(starts_value(stumble.found()?) || stumble.found() == Some(&Token::OpenBrace))
    {
        return None;
    }
    let help = match word.as_str() {
        "from" | "using" | "include" | "require" | "use" => {
            "the builtins are there without an import; a file's functions come with `import \"other.tome\"`"
        }
        "switch" | "match" | "case" => "write `if … { … } else if … { … } else { … }`",
        "class" | "struct" | "type" | "enum" => {
            "there are arrays, tuples and lists; several values go together in a tuple"
        }
        "try" | "catch" | "except" | "finally" | "raise" | "throw" => {
            "there are no exceptions: `assert e, \"message\"` ends a program that cannot go on"
        }
        "global" | "nonlocal" | "static" => {
            "a function sees only its parameters: give it what it needs, return what it makes"
        }
        "do" | "repeat" | "until" | "loop" | "unless" | "forever" => "write `while c { … }`, with `break` to leave it",
        "foreach" | "parfor" => "write `for i in 0:n { … }`",
        "del" | "clear" | "delete" => "names need not be taken away: memory is freed when a value is used no more",
        _ => return None,
    };
    stumble.say(format!("`{word}` begins no statement of Microtome"), help)
}

/// `c ? a : b` and `a if c else b`.
fn choice(stumble: &Stumble<'_>) -> Option<Box<Diagnostic>> {
    let start = stumble.value_start();
    let before = stumble.source(start..stumble.at);
    let is_comma = |token: &Token| *token == Token::Comma;
    let (message, first, second) = match stumble.found()? {
        Token::Question => ("`?` does not choose", Token::Colon, "b"),
        Token::If if stumble.head() != Some(&Token::For) && stumble.back(1).is_some_and(Token::ends_value) => {
            ("`if` comes before its values", Token::Else, "b")
        }
        _ => return None,
    };
    let middle = stumble.end_of(stumble.at + 1, |token| *token == first);
    let end = stumble.end_of(middle + 1, is_comma);
    let between = stumble.source(stumble.at + 1..middle);
    let last = Some(stumble.source(middle + 1..end)).filter(|last| !last.is_empty()).unwrap_or(second);
    let (condition, then) = if first == Token::Colon { (before, between) } else { (between, before) };
    stumble.say(message, format!("write `if {condition} {{ {then} }} else {{ {last} }}`"))
}

/// Signs in a place where another language has a use for them: `@(t) e`, `{1, 2}`, `a..b`, `let fn = 1`.
fn displaced_sign(stumble: &Stumble<'_>) -> Option<Box<Diagnostic>> {
    let (last, found) = (stumble.back(1), stumble.found()?);
    let behind_value = last.is_some_and(Token::ends_value);
    match found {
        Token::At if !behind_value && stumble.token(stumble.at + 1) == Some(&Token::OpenParen) => {
            let end = stumble.end_of(stumble.at + 2, |_| false);
            let names: Vec<&str> = (stumble.at + 2..end).filter_map(|at| stumble.token(at).and_then(name_of)).collect();
            stumble
                .say("a function without a name is written with an arrow", format!("write `{}`", lambda_form(&names)))
        }
        Token::At if !behind_value => stumble.say("a function is passed by its name alone", "leave the `@` out"),
        Token::OpenBrace
            if matches!(last, Some(Token::Equal | Token::OpenParen | Token::OpenBracket | Token::Comma)) =>
        {
            let help = "an array is `[1, 2]`, a tuple `(1, 2)`, and arrays of different sizes are `list(a, b)`";
            stumble.say("braces hold statements", help)
        }
        Token::Dot if last == Some(&Token::Dot) => {
            let (start, end) = (stumble.value_start(), stumble.source(stumble.at + 1..stumble.at + 2));
            let start = stumble.source(start..stumble.at - 1);
            stumble.say("a range is written with `:`", format!("write `{start}:{end}`"))
        }
        Token::CloseBracket if last == Some(&Token::OpenBracket) && stumble.head() == Some(&Token::Fn) => {
            stumble.say("an axis has a size, by a name or a number", "write `f64[n]`, or `f64[n, d]` for two axes")
        }
        Token::Comma
            if stumble.second_of_statement() && stumble.bracket().is_none_or(|(b, _)| *b == Token::OpenBrace) =>
        {
            let end = stumble.end_of(stumble.at, |token| *token == Token::Equal);
            let names = stumble.source(stumble.at - 1..end);
            let assigns = stumble.token(end) == Some(&Token::Equal);
            assigns.then(|| stumble.say("a tuple is taken apart by `let`", format!("write `let ({names}) = …`")))?
        }
        word if is_word(word) && matches!(last, Some(Token::Let | Token::Var | Token::Fn | Token::For)) => {
            let message = format!("`{word}` is a word of the language, so it is no name");
            Some(Diagnostic::error(codes::SYNTAX, stumble.span, message).help(format!("write `{word}_`, for example")))
        }
        _ => None,
    }
}

fn name_of(token: &Token) -> Option<&str> {
    match token {
        Token::Name(name) => Some(name),
        _ => None,
    }
}

/// A keyword.
fn is_word(token: &Token) -> bool {
    !starts_value(token) && token.to_string().starts_with(|c: char| c.is_ascii_alphabetic()) && !token.is_separator()
}
