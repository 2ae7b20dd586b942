//! Statements and blocks.
//!
//! In: statements of the syntax tree. Out: bindings, and the value of a block.
//! Always holds: what stands behind a `return`, `break` or `continue` is reported, not dropped.

use super::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::CheckKind;
use crate::syntax::ast::{Block, Expr, Name, Pattern, Statement, StatementKind};
use crate::syntax::span::Span;

impl Checker<'_> {
    /// The value of a block: its last expression, or what it returns.
    pub(super) fn block(&mut self, block: &Block) -> Result<Value> {
        self.scope.enter();
        let value = self.statements(&block.statements);
        self.scope.leave();
        value
    }

    /// Statements one after the other. Where one of them may leave the function or the loop, those behind it are under
    /// the condition that it did not.
    pub(super) fn statements(&mut self, statements: &[Statement]) -> Result<Value> {
        let mut value = Value::Nothing;
        for (position, statement) in statements.iter().enumerate() {
            let rest = statements.get(position + 1..).unwrap_or_default();
            if let (true, Some(next)) = (leaves(statement), rest.first()) {
                return Err(Diagnostic::error(codes::SYNTAX, next.span, "this is never reached")
                    .label(statement.span, "control does not come past this"));
            }
            let before = self.flow.left;
            value = match &statement.kind {
                StatementKind::Expr(expr) => self.expression(expr)?,
                _ => {
                    self.statement(statement)?;
                    Value::Nothing
                }
            };
            if let (true, Some(left)) = (self.flow.left != before && !rest.is_empty(), self.flow.left) {
                let stayed = self.graph.map(&crate::ops::elementwise::NOT, &[left]);
                return self.under(stayed, |c| c.statements(rest));
            }
        }
        Ok(value)
    }

    /// A statement that binds, assigns or asserts.
    pub fn statement(&mut self, statement: &Statement) -> Result<()> {
        self.statement_inner(statement).map_err(|error| self.explained(error))
    }

    fn statement_inner(&mut self, statement: &Statement) -> Result<()> {
        let span = statement.span;
        match &statement.kind {
            StatementKind::Let(pattern, value) => {
                let value = self.expression(value)?.settled();
                self.bind_pattern(pattern, value, false)
            }
            StatementKind::Var(name, value) => {
                // A literal waits for the type that it meets: `var s = 0`, `s += 0.5`.
                let value = self.expression(value)?;
                self.bind_name(name, value, true);
                Ok(())
            }
            StatementKind::Assign(target, op, value) => self.assign(target, *op, value, span),
            StatementKind::Assert(condition, message) => self.assert(condition, message.as_deref(), span),
            StatementKind::For(pattern, iterable, body) => self.for_loop(pattern, iterable, body, span),
            StatementKind::While(condition, body) => self.while_loop(condition, body, span),
            StatementKind::Break => self.leave_loop(true, span),
            StatementKind::Continue => self.leave_loop(false, span),
            StatementKind::Return(value) => self.return_value(value.as_ref(), span),
            StatementKind::Expr(expr) => self.expression(expr).map(|_| ()),
        }
    }

    /// Binds the names of a pattern to the parts of a value.
    pub fn bind_pattern(&mut self, pattern: &Pattern, value: Value, assignable: bool) -> Result<()> {
        match (pattern, value) {
            (Pattern::Name(name), value) => {
                self.bind_name(name, value, assignable);
                Ok(())
            }
            (Pattern::Tuple(parts, _), Value::Tuple(values)) if parts.len() == values.len() => {
                parts.iter().zip(values).try_for_each(|(part, value)| self.bind_pattern(part, value, assignable))
            }
            (Pattern::Tuple(parts, span), value) => Err(Diagnostic::error(
                codes::TYPE,
                *span,
                format!("{} names are bound to {}", parts.len(), value.describe(&self.graph)),
            )
            .help("bind as many names as the tuple has parts")),
        }
    }

    /// Binds a name. Inside a differentiated program a name's value is marked, so that the derivative by it is by this
    /// name alone, even where another name stands for an equal value.
    pub(super) fn bind_name(&mut self, name: &Name, value: Value, assignable: bool) {
        let marked = self.named_value(&name.text, value);
        self.scope.bind(&name.text, marked, name.span, assignable);
    }

    /// The value as it is kept under a name: with an identity of its own if the name is differentiated by.
    pub(super) fn named_value(&mut self, name: &str, value: Value) -> Value {
        if !self.differentiated(name) {
            return value;
        }
        value.map(&mut |id| {
            if !self.graph.ty(id).dtype.is_float() {
                return id;
            }
            let marked = self.graph.mark(id);
            self.flow.kept.insert(marked, id);
            marked
        })
    }

    fn assert(&mut self, condition: &Expr, message: Option<&str>, span: Span) -> Result<()> {
        let operand = self.operand(condition)?;
        self.expect_bool(&operand, "an assertion is a truth value")?;
        if self.graph.ty(operand.id).rank() != 0 {
            return Err(Diagnostic::error(codes::RANK, condition.span, "an assertion is one truth value")
                .help("write all(…) if every element has to hold"));
        }
        self.check(CheckKind::Assert { message: message.map(str::to_string) }, operand.id, None, span);
        Ok(())
    }
}

/// Whether control never comes past a statement.
fn leaves(statement: &Statement) -> bool {
    matches!(statement.kind, StatementKind::Return(_) | StatementKind::Break | StatementKind::Continue)
}
