//! The text that is being formatted: what the tree does not hold is looked up here.
//!
//! In: a text that parses, and places of its tree. Out: literals as written, the places of brackets, comments.
//! Always holds: comments are given out once each, in order.

use crate::syntax::ast::{Expr, ExprKind};
use crate::syntax::comments::{Comment, comments};
use crate::syntax::lexer::{Lexeme, lex};
use crate::syntax::span::{FileId, Span};
use crate::syntax::token::Token;

/// A text with its tokens and comments.
pub(super) struct Source<'s> {
    text: &'s str,
    /// Ends of lines are not among them.
    tokens: Vec<Lexeme>,
    /// For each bracket that opens, the index of the one that closes it.
    closers: Vec<usize>,
    comments: Vec<Comment>,
    /// How many comments have been given out.
    given: usize,
}

impl<'s> Source<'s> {
    pub fn new(text: &'s str) -> Source<'s> {
        let mut tokens = lex(FileId(0), text).tokens;
        let comments = comments(text, &tokens);
        tokens.retain(|lexeme| lexeme.token != Token::Newline);
        let closers = closers(&tokens);
        Source { text, tokens, closers, comments, given: 0 }
    }

    /// The text between two places.
    pub fn between(&self, start: u32, end: u32) -> &'s str {
        self.text.get(start as usize..end as usize).unwrap_or("")
    }

    /// Whether a line ends between two places.
    pub fn has_newline(&self, start: u32, end: u32) -> bool {
        self.between(start, end).contains(['\n', '\r'])
    }

    /// Whether an empty line stands between two places, with nothing but space around it.
    pub fn has_blank_line(&self, start: u32, end: u32) -> bool {
        self.between(start, end).replace("\r\n", "\n").matches(['\n', '\r']).count() > 1
    }

    /// The index of the first token that starts at `place` or behind it.
    fn at(&self, place: u32) -> usize {
        self.tokens.partition_point(|lexeme| lexeme.span.start < place)
    }

    fn span(&self, index: usize) -> Span {
        let end = Span::new(FileId(0), self.text.len(), self.text.len());
        self.tokens.get(index).map_or(end, |lexeme| lexeme.span)
    }

    /// The first token of what starts at `place`, behind the parentheses around it.
    fn inside_parentheses(&self, place: u32) -> Span {
        let rest = self.tokens.iter().skip(self.at(place));
        rest.map(|lexeme| (&lexeme.token, lexeme.span))
            .find(|(token, _)| **token != Token::OpenParen)
            .map_or_else(|| self.span(usize::MAX), |(_, span)| span)
    }

    /// A place without the parentheses around all of it.
    fn peeled(&self, span: Span) -> Span {
        let mut span = span;
        while self.between(span.start, span.start + 1) == "(" && self.closer_of(span.start) + 1 == span.end {
            let inner = self.at(span.start) + 1;
            let closer = self.at(span.end - 1);
            span = Span { start: self.span(inner).start, end: self.span(closer - 1).end, ..span };
        }
        span
    }

    /// A literal or name as it was written, without parentheses around it.
    pub fn leaf(&self, span: Span) -> &'s str {
        let token = self.inside_parentheses(span.start);
        self.between(token.start, token.end)
    }

    /// The last token that ends at `place` or before it, as it was written.
    pub fn last_word(&self, place: u32) -> &'s str {
        let behind = self.tokens.partition_point(|lexeme| lexeme.span.end <= place);
        let token = self.span(behind.wrapping_sub(1));
        self.between(token.start, token.end)
    }

    /// Where the token in front of `place` starts: the bracket that opens before a first element.
    pub fn opener_before(&self, place: u32) -> u32 {
        self.span(self.at(place).wrapping_sub(1)).start
    }

    /// Where the first token at or behind `place` starts.
    pub fn next_token(&self, place: u32) -> u32 {
        self.span(self.at(place)).start
    }

    /// Where the bracket that opens at `opener` is closed.
    pub fn closer_of(&self, opener: u32) -> u32 {
        let index = self.closers.get(self.at(opener)).copied().unwrap_or(usize::MAX);
        self.span(index).start
    }

    /// The opening bracket of an array, a tuple or a comprehension, parentheses around it aside.
    pub fn opener(&self, e: &Expr) -> u32 {
        match &e.kind {
            ExprKind::Tuple(parts) | ExprKind::Array(parts) if !parts.is_empty() => {
                parts.first().map_or(e.span.start, |first| self.opener_before(first.span.start))
            }
            ExprKind::Comprehension(element, _) => self.opener_before(element.span.start),
            _ => self.inside_parentheses(e.span.start).start,
        }
    }

    /// Where an expression starts once the parentheses around it and around its first operands are left out.
    pub fn start(&self, e: &Expr) -> u32 {
        let mut e = e;
        loop {
            e = match &e.kind {
                ExprKind::Binary(_, first, _)
                | ExprKind::Call(first, _)
                | ExprKind::Index(first, _)
                | ExprKind::Field(first, _) => first,
                ExprKind::Lambda(..) => return self.peeled(e.span).start,
                _ => return self.opener(e),
            }
        }
    }

    /// Whether parentheses stand around the whole expression.
    pub fn in_parentheses(&self, e: &Expr) -> bool {
        let first = match &e.kind {
            ExprKind::Binary(_, first, _)
            | ExprKind::Call(first, _)
            | ExprKind::Index(first, _)
            | ExprKind::Field(first, _) => first.span.start,
            ExprKind::Lambda(..) => self.peeled(e.span).start,
            _ => self.opener(e),
        };
        e.span.start < first
    }

    /// Whether a comment stands between two places.
    pub fn has_comment(&self, start: u32, end: u32) -> bool {
        let behind = self.comments.partition_point(|comment| comment.span.start < start);
        self.comments.get(behind).is_some_and(|comment| comment.span.start < end)
    }

    /// The next comment, if it starts before `place`.
    pub fn peek_comment(&self, place: u32) -> Option<Comment> {
        self.comments.get(self.given).copied().filter(|comment| comment.span.start < place)
    }

    /// Gives out the next comment, if it starts before `place`.
    pub fn next_comment(&mut self, place: u32) -> Option<Comment> {
        let comment = self.peek_comment(place);
        self.given += usize::from(comment.is_some());
        comment
    }

    /// The words of a comment.
    pub fn words(&self, comment: Comment) -> &'s str {
        self.between(comment.span.start, comment.span.end).trim_end()
    }

    /// The words of all comments.
    pub fn all_words(&self) -> Vec<&'s str> {
        self.comments.iter().map(|comment| self.words(*comment)).collect()
    }
}

fn closers(tokens: &[Lexeme]) -> Vec<usize> {
    let mut closers = vec![usize::MAX; tokens.len()];
    let mut open = Vec::new();
    for (index, lexeme) in tokens.iter().enumerate() {
        if lexeme.token.is_opener() {
            open.push(index);
        } else if lexeme.token.is_closer()
            && let Some(slot) = open.pop().and_then(|opener: usize| closers.get_mut(opener))
        {
            *slot = index;
        }
    }
    closers
}
