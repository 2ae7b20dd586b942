//! Colours for what is typed.
//!
//! In: the text so far. Out: the same text in pieces, each with a style.
//! Always holds: the pieces put together are the text; the lexer that the compiler uses decides what each is.

use microtome::check::documentation;
use microtome::syntax::lexer::lex;
use microtome::syntax::span::FileId;
use microtome::syntax::token::Token;
use nu_ansi_term::{Color, Style};
use reedline::{Highlighter, StyledText};

/// Colours text, or leaves it as it is.
pub(super) struct Highlight {
    pub(super) color: bool,
}

impl Highlighter for Highlight {
    fn highlight(&self, text: &str, _: usize) -> StyledText {
        let mut styled = StyledText::new();
        if !self.color {
            styled.push((Style::new(), text.to_string()));
            return styled;
        }
        let code = code_start(text);
        if code > 0 {
            styled.push((Color::Yellow.normal(), text.get(..code).unwrap_or_default().to_string()));
        }
        color_code(text.get(code..).unwrap_or_default(), &mut styled);
        styled
    }
}

/// Where code begins: behind a command.
fn code_start(text: &str) -> usize {
    let begins = text.len() - text.trim_start().len();
    match text.trim_start().chars().next() {
        Some(':') => {
            text.get(begins..).and_then(|rest| rest.find(char::is_whitespace)).map_or(text.len(), |at| begins + at)
        }
        Some('?') => text.len(),
        _ => 0,
    }
}

fn color_code(text: &str, styled: &mut StyledText) {
    let mut at = 0;
    for lexeme in lex(FileId::default(), text).tokens {
        let (start, end) = (lexeme.span.start as usize, lexeme.span.end as usize);
        if start < at || end <= start {
            continue;
        }
        let Some(word) = text.get(start..end) else { continue };
        between(text.get(at..start).unwrap_or_default(), styled);
        styled.push((style(&lexeme.token, word), word.to_string()));
        at = end;
    }
    between(text.get(at..).unwrap_or_default(), styled);
}

/// Spaces, comments, and what the lexer has no token for.
fn between(text: &str, styled: &mut StyledText) {
    let (code, comment) = text.split_at(text.find('#').unwrap_or(text.len()));
    for (style, part) in [(Style::new(), code), (Color::DarkGray.normal(), comment)] {
        if !part.is_empty() {
            styled.push((style, part.to_string()));
        }
    }
}

fn style(token: &Token, word: &str) -> Style {
    match token {
        Token::Int(_) | Token::Float(_) => Color::Cyan.normal(),
        Token::Str(_) => Color::Green.normal(),
        Token::Name(name) if documentation().iter().any(|(known, ..)| known == name) => Color::Blue.normal(),
        Token::Name(_) => Style::new(),
        _ if word.starts_with(char::is_alphabetic) => Color::Purple.normal(),
        _ => Style::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_are_the_text() {
        for text in [
            "let x = sum([1.0, 2.0]) # of two",
            ":time  mean(grad(c[i], W)^2 for i in 0:n)",
            "?sum",
            "fn f(x: f64) -> f64 {\n    x + \"ü\"",
            "let é = 3 $ 4 ) ) ]",
            "\"open",
            "# nothing",
            "",
        ] {
            for color in [true, false] {
                let styled = Highlight { color }.highlight(text, 0);
                let whole: String = styled.buffer.iter().map(|(_, part)| part.as_str()).collect();
                assert_eq!(whole, text);
            }
        }
    }

    #[test]
    fn words_are_coloured_by_what_they_are() {
        let styled = Highlight { color: true }.highlight("let x = sum(1) # s", 0);
        let of = |word: &str| styled.buffer.iter().find(|(_, part)| part == word).map(|(style, _)| *style);
        assert_eq!(of("let"), Some(Color::Purple.normal()));
        assert_eq!(of("sum"), Some(Color::Blue.normal()));
        assert_eq!(of("1"), Some(Color::Cyan.normal()));
        assert_eq!(of("# s"), Some(Color::DarkGray.normal()));
        assert_eq!(of("x"), Some(Style::new()));
    }
}
