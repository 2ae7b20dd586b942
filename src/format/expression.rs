//! Expressions.
//!
//! In: expressions of the tree. Out: documents.
//! Always holds: a line of an expression that may stand outside brackets is broken only behind an operator, `=` or `->`,
//! where the language lets it go on.

use super::layout::{Doc, group, indent, line, many, soft, text};
use super::precedence::{Parent, Rank, help, operand, operands};
use super::text::Printer;
use super::types::pattern;
use crate::syntax::ast::*;

/// A piece of a chain of operators of one rank: the operator before it, and an operand.
type Link<'e> = (BinaryOp, &'e Expr);

impl Printer<'_> {
    /// An expression, parentheses around it left out.
    pub fn expression(&mut self, e: &Expr) -> Doc {
        match &e.kind {
            ExprKind::Binary(BinaryOp::Power, base, exponent) => self.power(base, exponent),
            ExprKind::Binary(..) => self.chain(e, indent),
            ExprKind::Unary(op, inner) => self.unary(*op, inner),
            ExprKind::Call(function, arguments) => self.call(function, arguments),
            ExprKind::Index(array, items) => self.index(array, items),
            ExprKind::Field(record, name) => many([self.record(record), text(format!(".{}", name.text))]),
            ExprKind::Lambda(parameters, body) => self.lambda(parameters, body),
            ExprKind::If(..) => self.conditional(e, true),
            ExprKind::Tuple(elements) => self.tuple(e, elements),
            ExprKind::Array(elements) => self.array(e, elements),
            ExprKind::Comprehension(element, over) => self.comprehension(e, element, over),
            ExprKind::Generated(element, over) => self.generated(element, over),
            ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) | ExprKind::Str(_) | ExprKind::Name(_) => {
                text(self.source.leaf(e.span))
            }
        }
    }

    /// An expression that stands where lambdas and `if` need parentheses.
    pub fn disjunction(&mut self, e: &Expr) -> Doc {
        self.at_least(Rank::Disjunction, e)
    }

    fn at_least(&mut self, rank: Rank, e: &Expr) -> Doc {
        if Rank::of(e) < rank { self.parenthesized(e) } else { self.expression(e) }
    }

    /// Whether an operand goes into parentheses.
    pub fn needs_parentheses(&self, parent: Parent, e: &Expr) -> bool {
        let loosest = match parent {
            Parent::Left(op) => operands(op).0,
            Parent::Right(op) => operands(op).1,
            Parent::Prefix(op) => operand(op),
        };
        Rank::of(e) < loosest || (help(parent, e) && self.source.in_parentheses(e))
    }

    fn operand(&mut self, parent: Parent, e: &Expr) -> Doc {
        if self.needs_parentheses(parent, e) { self.parenthesized(e) } else { self.expression(e) }
    }

    fn parenthesized(&mut self, e: &Expr) -> Doc {
        let first = self.gap(self.source.start(e), soft());
        let inner = match is_chain(e) {
            true => self.chain(e, |rest| rest),
            false => self.expression(e),
        };
        let last = self.closing_gap(e.span.end.saturating_sub(1), soft());
        group(many([text("("), indent(many([first, inner])), last, text(")")]))
    }

    /// Operands of one rank, broken behind every operator or behind none; `further` places those behind the first.
    pub fn chain(&mut self, e: &Expr, further: impl FnOnce(Doc) -> Doc) -> Doc {
        let (first, links) = self.links(e);
        let first = match links.first() {
            Some((op, _)) => self.operand(Parent::Left(*op), first),
            None => self.expression(first),
        };
        let mut rest = Vec::new();
        for (op, e) in links {
            let gap = self.gap(self.source.start(e), line());
            rest.extend([text(format!(" {}", op.symbol())), gap, self.operand(Parent::Right(op), e)]);
        }
        group(many([first, further(many(rest))]))
    }

    /// The first operand of a chain, and the others in order: `a - b + c` is `a`, `- b`, `+ c`.
    fn links<'e>(&self, e: &'e Expr) -> (&'e Expr, Vec<Link<'e>>) {
        let rank = Rank::of(e);
        let (mut first, mut links) = (e, Vec::new());
        while let ExprKind::Binary(op, left, right) = &first.kind {
            let inner = links.last().is_some_and(|(outer, _)| self.needs_parentheses(Parent::Left(*outer), first));
            if Rank::of(first) != rank || inner {
                break;
            }
            links.push((*op, &**right));
            first = left;
        }
        links.reverse();
        (first, links)
    }

    fn power(&mut self, base: &Expr, exponent: &Expr) -> Doc {
        let base = self.operand(Parent::Left(BinaryOp::Power), base);
        many([base, text("^"), self.operand(Parent::Right(BinaryOp::Power), exponent)])
    }

    fn unary(&mut self, op: UnaryOp, inner: &Expr) -> Doc {
        let sign = match op {
            UnaryOp::Negate => "-",
            UnaryOp::Not => "not ",
        };
        many([text(sign), self.operand(Parent::Prefix(op), inner)])
    }

    /// What stands before `.name`; a number there would take the point for its own.
    fn record(&mut self, e: &Expr) -> Doc {
        match e.kind {
            ExprKind::Int(_) | ExprKind::Float(_) => self.parenthesized(e),
            _ => self.at_least(Rank::Postfix, e),
        }
    }

    /// What stands before `(` or `[`.
    pub fn callee(&mut self, e: &Expr) -> Doc {
        self.at_least(Rank::Postfix, e)
    }

    fn lambda(&mut self, parameters: &[Pattern], body: &Expr) -> Doc {
        let head = match parameters {
            [only] => pattern(only),
            several => format!("({})", several.iter().map(pattern).collect::<Vec<_>>().join(", ")),
        };
        self.bound(text(format!("{head} ->")), body)
    }

    /// `head value`, where `head` ends in `=` or `->`. A chain that does not fit goes to the next line as a whole;
    /// everything else is broken within its own brackets.
    pub fn bound(&mut self, head: Doc, value: &Expr) -> Doc {
        let start = self.source.start(value);
        if self.comment_waits(start) {
            let gap = self.gap(start, line());
            let value = self.value(value);
            return many([head, indent(many([gap, value]))]);
        }
        match is_chain(value) {
            true => many([head, group(indent(many([line(), self.value(value)])))]),
            false => many([head, text(" "), self.value(value)]),
        }
    }

    /// An expression that is indented already, if it is on a line of its own.
    pub fn value(&mut self, e: &Expr) -> Doc {
        if is_chain(e) { self.chain(e, |rest| rest) } else { self.expression(e) }
    }

    /// `if c { … } else { … }`: on one line if it is a value, fits, and each block is one expression.
    pub fn conditional(&mut self, e: &Expr, is_value: bool) -> Doc {
        if is_value && !self.source.has_comment(e.span.start, e.span.end) && is_short(e) {
            return group(self.short_conditional(e));
        }
        let ExprKind::If(condition, then, otherwise) = &e.kind else { return Doc::Nil };
        let condition = self.disjunction(condition);
        let mut parts = vec![text("if "), condition, text(" "), self.block(then, is_value)];
        if let Some(block) = otherwise {
            parts.push(text(" else "));
            parts.push(match self.else_if(block) {
                Some(next) => self.conditional(next, is_value),
                None => self.block(block, is_value),
            });
        }
        many(parts)
    }

    /// The `if` of an `else if`.
    fn else_if<'e>(&self, block: &'e Block) -> Option<&'e Expr> {
        let braced = self.source.between(block.span.start, block.span.end).starts_with('{');
        only_expression(block).filter(|_| !braced)
    }

    fn short_conditional(&mut self, e: &Expr) -> Doc {
        let ExprKind::If(condition, then, Some(otherwise)) = &e.kind else { return Doc::Nil };
        let condition = self.disjunction(condition);
        let mut parts = vec![text("if "), condition, text(" {"), self.short_block(then), text("} else ")];
        match self.else_if(otherwise) {
            Some(next) => parts.push(self.short_conditional(next)),
            None => parts.extend([text("{"), self.short_block(otherwise), text("}")]),
        }
        many(parts)
    }

    fn short_block(&mut self, block: &Block) -> Doc {
        let inner = only_expression(block).map_or(Doc::Nil, |e| self.expression(e));
        many([indent(many([line(), inner])), line()])
    }
}

/// Whether the expression is a chain of operators with spaces around them.
pub(super) fn is_chain(e: &Expr) -> bool {
    matches!(&e.kind, ExprKind::Binary(op, ..) if *op != BinaryOp::Power)
}

/// The expression that is all of a block.
fn only_expression(block: &Block) -> Option<&Expr> {
    match block.statements.as_slice() {
        [Statement { kind: StatementKind::Expr(e), .. }] => Some(e),
        _ => None,
    }
}

/// Whether an `if` has an `else`, and nothing but an expression in each block.
fn is_short(e: &Expr) -> bool {
    let ExprKind::If(_, then, Some(otherwise)) = &e.kind else { return false };
    let plain = |block| only_expression(block).is_some_and(|e| !matches!(e.kind, ExprKind::If(..)));
    plain(then) && (plain(otherwise) || only_expression(otherwise).is_some_and(is_short))
}
