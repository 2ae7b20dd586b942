//! Comments, which make no token, with their places.
//!
//! In: a text and the tokens that the lexer made of it. Out: every [`Comment`], in order.
//! Always holds: a `#` within a string starts no comment, for the string is a token.

use super::lexer::Lexeme;
use super::span::Span;
use super::token::Token;

/// A `#` and what follows it on its line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comment {
    /// From the `#` to the end of the line, which is not part of it.
    pub span: Span,
    /// Something else stands before it on its line.
    pub trailing: bool,
}

/// The comments of a text without errors.
pub fn comments(text: &str, tokens: &[Lexeme]) -> Vec<Comment> {
    let mut found = Vec::new();
    let words = tokens.iter().filter(|lexeme| lexeme.token != Token::Newline).map(|lexeme| lexeme.span);
    let end = Span::new(Span::default().file, text.len(), text.len());
    let mut from = 0;
    for next in words.chain([end]) {
        between(text, from, next, &mut found);
        from = next.end as usize;
    }
    found
}

/// The comments from byte `from` to a token; a token ends at `from` unless that is the start of the text.
fn between(text: &str, from: usize, next: Span, found: &mut Vec<Comment>) {
    let mut at = from;
    while let Some(start) = text.get(at..next.start as usize).and_then(|gap| gap.find('#')).map(|found| at + found) {
        let rest = text.get(start..).unwrap_or("");
        let end = start + rest.find(['\n', '\r']).unwrap_or(rest.len());
        let before = text.get(from..start).unwrap_or("");
        let trailing = from > 0 && !before.contains(['\n', '\r']);
        found.push(Comment { span: Span::new(next.file, start, end), trailing });
        at = end;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::lexer::lex;
    use super::super::span::FileId;
    use super::*;

    #[test]
    fn comments_are_found_and_strings_are_not() {
        let text = "# one\nf(\"# no\", # two \r\n  # three\r\n 1) # four\n#\n\n# five";
        let found = comments(text, &lex(FileId(0), text).tokens);
        let shown: Vec<(&str, bool)> =
            found.iter().map(|c| (text.get(c.span.start as usize..c.span.end as usize).unwrap(), c.trailing)).collect();
        let expected =
            [("# one", false), ("# two ", true), ("# three", false), ("# four", true), ("#", false), ("# five", false)];
        assert_eq!(shown, expected);
    }
}
