//! Statements, and sequences of them: blocks, and the file itself.
//!
//! In: statements and items of the tree. Out: documents, a line or more for each.
//! Always holds: a comment behind a statement stays on its line, one above it stays above it.

use super::layout::{Doc, group, hard, indent, line, many, text};
use super::text::Printer;
use super::types::pattern;
use crate::syntax::ast::*;
use crate::syntax::comments::Comment;
use crate::syntax::span::Span;

/// A line, or several that belong together, of a sequence.
struct Entry {
    doc: Doc,
    kind: EntryKind,
    /// An empty line stands before it.
    blank: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum EntryKind {
    Comment,
    Function,
    Other,
}

/// A sequence while it is being made.
#[derive(Default)]
struct Sequence {
    entries: Vec<Entry>,
    /// Where the last entry ended in the text.
    end: Option<u32>,
}

impl Sequence {
    /// Adds an entry. A function has an empty line before it, above the comments that cling to it, and one behind it.
    fn push(&mut self, doc: Doc, kind: EntryKind, blank: bool) {
        let behind_function = self.entries.last().is_some_and(|last| last.kind == EntryKind::Function);
        let blank = !self.entries.is_empty() && (blank || behind_function);
        self.entries.push(Entry { doc, kind, blank });
        if kind == EntryKind::Function {
            self.separate_last();
        }
    }

    /// An empty line before the last entry and the comments that cling to it.
    fn separate_last(&mut self) {
        let clings =
            |pair: &[Entry]| matches!(pair, [above, below] if above.kind == EntryKind::Comment && !below.blank);
        let clinging = self.entries.windows(2).rev().take_while(|pair| clings(pair)).count();
        let first = self.entries.len() - 1 - clinging;
        if let Some(entry) = self.entries.get_mut(first).filter(|_| first > 0) {
            entry.blank = true;
        }
    }

    fn into_doc(self) -> Doc {
        let mut parts = Vec::new();
        for (index, entry) in self.entries.into_iter().enumerate() {
            if index > 0 {
                parts.push(hard());
            }
            if entry.blank {
                parts.push(hard());
            }
            parts.push(entry.doc);
        }
        many(parts)
    }
}

impl Printer<'_> {
    /// A whole file.
    pub fn module(&mut self, module: &Module) -> Doc {
        let span = |item: &Item| match item {
            Item::Function(f) => f.span,
            Item::Import(import) => import.span,
            Item::Input(input) => input.span,
            Item::Statement(s) => s.span,
        };
        let kind = |item: &Item| if matches!(item, Item::Function(_)) { EntryKind::Function } else { EntryKind::Other };
        let show = |printer: &mut Self, item: &Item, _| match item {
            Item::Function(f) => printer.function(f),
            Item::Import(import) => printer.import(import),
            Item::Input(input) => printer.input(input),
            Item::Statement(s) if s.silent && matches!(s.kind, StatementKind::Expr(_)) => {
                many([printer.statement(s, false), text(";")])
            }
            Item::Statement(s) => printer.statement(s, false),
        };
        self.sequence(&module.items, u32::MAX, span, kind, show)
    }

    /// `{ … }`; `is_value` says that the value of the last statement is that of the block.
    pub fn block(&mut self, block: &Block, is_value: bool) -> Doc {
        let (start, end) = (block.span.start, block.span.end.saturating_sub(1));
        if block.statements.is_empty() && !self.comment_waits(end) {
            return text("{}");
        }
        let first = block.statements.first().map_or(end, |first| first.span.start);
        let beside = self.comment_beside(start + 1, first).map_or(Doc::Nil, |comment| self.behind(comment));
        let show =
            |printer: &mut Self, statement: &Statement, is_last| printer.statement(statement, is_value && is_last);
        let inner = self.sequence(&block.statements, end, |s| s.span, |_| EntryKind::Other, show);
        let inner = match inner {
            Doc::Many(parts) if parts.is_empty() => Doc::Nil,
            inner => indent(many([hard(), inner])),
        };
        many([text("{"), beside, inner, hard(), text("}")])
    }

    /// Items of a sequence that ends at `end`, with the comments before, between and behind them.
    fn sequence<T>(
        &mut self,
        items: &[T],
        end: u32,
        span: impl Fn(&T) -> Span,
        kind: impl Fn(&T) -> EntryKind,
        show: impl Fn(&mut Self, &T, bool) -> Doc,
    ) -> Doc {
        let mut sequence = Sequence::default();
        for (index, item) in items.iter().enumerate() {
            let here = span(item);
            self.own_lines(here.start, &mut sequence);
            let blank = self.blank_before(here.start, &sequence);
            let shown = show(self, item, index + 1 == items.len());
            let next = items.get(index + 1).map_or(end, |next| span(next).start);
            // One that found no place within the item comes first.
            let beside = self.source.next_comment(here.end).or_else(|| self.comment_beside(here.end, next));
            let comment = beside.map_or(Doc::Nil, |comment| self.behind(comment));
            sequence.push(many([shown, comment]), kind(item), blank);
            sequence.end = Some(beside.map_or(here.end, |comment| comment.span.end.max(here.end)));
        }
        self.own_lines(end, &mut sequence);
        sequence.into_doc()
    }

    /// The comments before `place`, each on a line of its own.
    fn own_lines(&mut self, place: u32, sequence: &mut Sequence) {
        while let Some(comment) = self.source.next_comment(place) {
            let blank = self.blank_before(comment.span.start, sequence);
            sequence.push(self.alone(comment), EntryKind::Comment, blank);
            sequence.end = Some(comment.span.end);
        }
    }

    fn blank_before(&self, place: u32, sequence: &Sequence) -> bool {
        sequence.end.is_some_and(|end| self.source.has_blank_line(end, place))
    }

    /// A comment behind what ended at `end`, on the same line.
    fn comment_beside(&mut self, end: u32, next: u32) -> Option<Comment> {
        let comment = self.source.peek_comment(next)?;
        let beside = comment.span.start >= end && !self.source.has_newline(end, comment.span.start);
        if beside { self.source.next_comment(next) } else { None }
    }

    fn statement(&mut self, s: &Statement, is_value: bool) -> Doc {
        match &s.kind {
            StatementKind::Let(to, e) => self.bound(text(format!("let {} =", pattern(to))), e),
            StatementKind::Var(name, e) => self.bound(text(format!("var {} =", name.text)), e),
            StatementKind::Assign(target, op, e) => {
                let target = self.expression(target);
                self.bound(many([target, text(format!(" {}=", op.map_or("", BinaryOp::symbol)))]), e)
            }
            StatementKind::For(to, over, body) => {
                let over = self.iterable(over);
                let head = many([text(format!("for {} in ", pattern(to))), over, text(" ")]);
                many([head, self.block(body, false)])
            }
            StatementKind::While(condition, body) => {
                let condition = self.disjunction(condition);
                many([text("while "), condition, text(" "), self.block(body, false)])
            }
            StatementKind::Break => text("break"),
            StatementKind::Continue => text("continue"),
            StatementKind::Return(None) => text("return"),
            StatementKind::Return(Some(e)) => many([text("return "), self.expression(e)]),
            StatementKind::Assert(e, message) => self.assertion(s, e, message.is_some()),
            StatementKind::Expr(e) if matches!(e.kind, ExprKind::If(..)) => self.conditional(e, is_value),
            StatementKind::Expr(e) => self.expression(e),
        }
    }

    fn assertion(&mut self, s: &Statement, e: &Expr, has_message: bool) -> Doc {
        let condition = self.expression(e);
        if !has_message {
            return many([text("assert "), condition]);
        }
        let gap = self.gap(s.span.end, line());
        let message = text(self.source.last_word(s.span.end));
        group(many([text("assert "), condition, text(","), indent(many([gap, message]))]))
    }
}
