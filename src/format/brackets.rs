//! Whatever stands in brackets: arguments, indexes, tuples, arrays, comprehensions.
//!
//! In: lists of the tree and the places of their brackets. Out: groups, broken one item to a line.
//! Always holds: a comma stands behind the last of several items exactly if the list is broken and the grammar allows one.

use super::layout::{Doc, broken, group, indent, line, many, soft, text};
use super::text::Printer;
use super::types::pattern;
use crate::syntax::ast::*;

/// Brackets, the place of the one that opens, and what to make of the items.
pub(super) struct Brackets {
    open: &'static str,
    close: &'static str,
    place: u32,
    /// A comma may stand behind the last of several items.
    comma: bool,
    fill: Fill,
}

/// How items are spread over lines that are broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fill {
    /// One to a line.
    Each,
    /// As many to a line as fit.
    Lines,
    /// One to a line, even if all fit on one.
    Always,
}

impl Brackets {
    /// `(` at a place.
    pub fn round(place: u32) -> Brackets {
        Brackets { open: "(", close: ")", place, comma: true, fill: Fill::Each }
    }

    /// `[` at a place.
    pub fn square(place: u32) -> Brackets {
        Brackets { open: "[", close: "]", ..Brackets::round(place) }
    }
}

impl Printer<'_> {
    /// A list in brackets; `place` says where an item starts, `show` makes a document of it.
    pub fn list<T>(
        &mut self,
        brackets: &Brackets,
        items: &[T],
        place: impl Fn(&Self, &T) -> u32,
        mut show: impl FnMut(&mut Self, &T) -> Doc,
    ) -> Doc {
        let closer = self.source.closer_of(brackets.place);
        if items.is_empty() && !self.comment_waits(closer) {
            return text(format!("{}{}", brackets.open, brackets.close));
        }
        let mut parts = Vec::new();
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                parts.push(text(","));
            }
            let gap = self.gap(place(self, item), if index == 0 { soft() } else { line() });
            let shown = show(self, item);
            match brackets.fill {
                Fill::Lines if index > 0 => parts.push(group(many([gap, shown]))),
                _ => parts.extend([gap, shown]),
            }
        }
        if brackets.comma && items.len() > 1 {
            parts.push(Doc::IfBroken(","));
        }
        let last = self.closing_gap(closer, soft());
        let all = many([text(brackets.open), indent(many(parts)), last, text(brackets.close)]);
        if brackets.fill == Fill::Always { broken(all) } else { group(all) }
    }

    pub(super) fn call(&mut self, function: &Expr, arguments: &[Argument]) -> Doc {
        let callee = self.callee(function);
        let opener = self.source.next_token(function.span.end);
        if let Some(only) = self.hugged(arguments, opener) {
            return many([callee, text("("), self.expression(only), text(")")]);
        }
        let generated = matches!(arguments, [Argument { value: Expr { kind: ExprKind::Generated(..), .. }, .. }]);
        let brackets = Brackets { comma: !generated, ..Brackets::round(opener) };
        let place = |printer: &Self, argument: &Argument| match &argument.name {
            Some(name) => name.span.start,
            None => printer.source.start(&argument.value),
        };
        let show = |printer: &mut Self, argument: &Argument| match arguments {
            [Argument { name: None, value }] => printer.value(value),
            _ => printer.argument(argument),
        };
        many([callee, self.list(&brackets, arguments, place, show)])
    }

    /// The only argument, if it brings brackets of its own that may share lines with those of the call.
    fn hugged<'e>(&self, arguments: &'e [Argument], opener: u32) -> Option<&'e Expr> {
        let [Argument { name: None, value }] = arguments else { return None };
        let bracketed = matches!(value.kind, ExprKind::Array(_) | ExprKind::Tuple(_) | ExprKind::Comprehension(..));
        let inner = self.source.opener(value);
        let (inner_end, end) = (self.source.closer_of(inner), self.source.closer_of(opener));
        let commented = self.comment_waits(inner) || self.source.has_comment(inner_end, end);
        (bracketed && !commented).then_some(value)
    }

    fn argument(&mut self, argument: &Argument) -> Doc {
        let value = self.expression(&argument.value);
        match &argument.name {
            Some(name) => many([text(format!("{}=", name.text)), value]),
            None => value,
        }
    }

    pub(super) fn index(&mut self, array: &Expr, items: &[IndexItem]) -> Doc {
        let array_doc = self.callee(array);
        let brackets = Brackets::square(self.source.next_token(array.span.end));
        let place = |printer: &Self, item: &IndexItem| match item {
            IndexItem::At(e) => printer.source.start(e),
            IndexItem::Slice { span, .. } => span.start,
        };
        many([array_doc, self.list(&brackets, items, place, Self::index_item)])
    }

    pub(super) fn tuple(&mut self, e: &Expr, elements: &[Expr]) -> Doc {
        self.list(&Brackets::round(self.source.opener(e)), elements, Self::element_start, Self::expression)
    }

    pub(super) fn array(&mut self, e: &Expr, elements: &[Expr]) -> Doc {
        let opener = self.source.opener(e);
        let fill = self.fill(opener, elements);
        let brackets = Brackets { fill, ..Brackets::square(opener) };
        self.list(&brackets, elements, Self::element_start, Self::expression)
    }

    /// Numbers fill lines; the rows of a matrix stay on lines of their own if they were.
    fn fill(&self, opener: u32, elements: &[Expr]) -> Fill {
        let rows = elements.iter().all(|e| matches!(e.kind, ExprKind::Array(_)));
        match elements {
            [first, _, ..] if rows && self.source.has_newline(opener, first.span.start) => Fill::Always,
            _ if elements.iter().all(is_literal) => Fill::Lines,
            _ => Fill::Each,
        }
    }

    fn element_start(&self, e: &Expr) -> u32 {
        self.source.start(e)
    }

    pub(super) fn comprehension(&mut self, e: &Expr, element: &Expr, over: &[Generator]) -> Doc {
        let opener = self.source.opener(e);
        let brackets = Brackets { comma: false, ..Brackets::square(opener) };
        let show = |printer: &mut Self, element: &&Expr| printer.generated(element, over);
        self.list(&brackets, &[element], |printer, element| printer.source.start(element), show)
    }

    /// `e for i in 0:n`, without brackets.
    pub(super) fn generated(&mut self, element: &Expr, over: &[Generator]) -> Doc {
        let shown = self.expression(element);
        let (mut first, mut rest) = (vec![shown], Vec::new());
        for (index, generator) in over.iter().enumerate() {
            let gap = self.gap(generator.span.start, line());
            let shown = self.generator(generator);
            match index {
                0 => first.extend([gap, text("for "), shown]),
                _ => rest.extend([text(","), gap, shown]),
            }
        }
        first.push(group(indent(many(rest))));
        many(first)
    }

    fn generator(&mut self, generator: &Generator) -> Doc {
        let over = self.iterable(&generator.iterable);
        many([text(format!("{} in ", pattern(&generator.pattern))), over])
    }
}

/// A number, with or without a sign, or a truth value.
fn is_literal(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) => true,
        ExprKind::Unary(UnaryOp::Negate, inner) => is_literal(inner),
        _ => false,
    }
}
