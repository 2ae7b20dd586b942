//! Statements and blocks.
//!
//! In: statements of the syntax tree. Out: bindings, and the value of a block.
//! Always holds: what stands behind a `return` is reported, not dropped.

use super::expression::not_available;
use super::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::CheckKind;
use crate::syntax::ast::{BinaryOp, Block, Expr, ExprKind, Name, Pattern, Statement, StatementKind};
use crate::syntax::span::Span;

impl Checker<'_> {
    /// The value of a block: its last expression, or what it returns.
    pub(super) fn block(&mut self, block: &Block) -> Result<Value> {
        self.scope.enter();
        let value = self.statements(&block.statements);
        self.scope.leave();
        value
    }

    fn statements(&mut self, statements: &[Statement]) -> Result<Value> {
        let mut value = Value::Nothing;
        for (position, statement) in statements.iter().enumerate() {
            value = match &statement.kind {
                StatementKind::Return(result) => {
                    if let Some(next) = statements.get(position + 1) {
                        return Err(Diagnostic::error(codes::SYNTAX, next.span, "this is never reached")
                            .label(statement.span, "the function returns here"));
                    }
                    result.as_ref().map_or(Ok(Value::Nothing), |e| self.expression(e))?
                }
                StatementKind::Expr(expr) => self.expression(expr)?,
                _ => {
                    self.statement(statement)?;
                    Value::Nothing
                }
            };
        }
        Ok(value)
    }

    /// A statement that binds, assigns or asserts.
    pub fn statement(&mut self, statement: &Statement) -> Result<()> {
        let span = statement.span;
        match &statement.kind {
            StatementKind::Let(pattern, value) => {
                let value = self.expression(value)?.settled();
                self.bind_pattern(pattern, value, false)
            }
            StatementKind::Var(name, value) => {
                let value = self.expression(value)?.settled();
                self.bind_name(name, value, true);
                Ok(())
            }
            StatementKind::Assign(target, op, value) => self.assign(target, *op, value, span),
            StatementKind::Assert(condition, message) => self.assert(condition, message.as_deref(), span),
            StatementKind::For(..) => Err(not_available(span, "a `for` loop")
                .help("write a comprehension [e for i in 0:n], or a reduction sum(e for i in 0:n)")),
            StatementKind::While(..) => Err(not_available(span, "a `while` loop")),
            StatementKind::Break | StatementKind::Continue => {
                Err(Diagnostic::error(codes::SYNTAX, span, "there is no loop to leave here"))
            }
            StatementKind::Return(_) => {
                Err(Diagnostic::error(codes::SYNTAX, span, "only a function returns")
                    .help("print(…) the value instead"))
            }
            StatementKind::Expr(expr) => self.expression(expr).map(|_| ()),
        }
    }

    fn bind_pattern(&mut self, pattern: &Pattern, value: Value, assignable: bool) -> Result<()> {
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
        let marked = if self.differentiated(&name.text) {
            value.map(&mut |id| if self.graph.ty(id).dtype.is_float() { self.graph.mark(id) } else { id })
        } else {
            value
        };
        self.scope.bind(&name.text, marked, name.span, assignable);
    }

    fn assign(&mut self, target: &Expr, op: Option<BinaryOp>, value: &Expr, span: Span) -> Result<()> {
        let ExprKind::Name(name) = &target.kind else {
            return match target.kind {
                ExprKind::Index(..) => Err(not_available(span, "assignment into an array")
                    .help("build the array with a comprehension [e for i in 0:n]")),
                _ => Err(Diagnostic::error(codes::ASSIGNMENT, target.span, "this cannot be assigned to")
                    .help("assign to a variable: var x = …; x = …")),
            };
        };
        let Some(binding) = self.scope.get(name) else {
            return Err(self.unknown_name(name, target.span).help(format!("declare it first: var {name} = …")));
        };
        if !binding.assignable {
            let declared = binding.span;
            return Err(Diagnostic::error(codes::ASSIGNMENT, target.span, format!("`{name}` is not a variable"))
                .label(declared, "it was bound here")
                .help(format!("declare it with var {name} = …, or bind it anew with let {name} = …")));
        }
        let old = binding.value.clone();
        let new = match op {
            Some(op) => self.binary(op, target, value, span)?,
            None => self.expression(value)?,
        };
        let new = self.same_kind(&old, new, value.span, name)?;
        let name = Name { text: name.clone(), span: target.span };
        if self.differentiated(&name.text) {
            let marked = new.map(&mut |id| if self.graph.ty(id).dtype.is_float() { self.graph.mark(id) } else { id });
            if let Some(binding) = self.scope.get_mut(&name.text) {
                binding.value = marked;
            }
        } else if let Some(binding) = self.scope.get_mut(&name.text) {
            binding.value = new;
        }
        Ok(())
    }

    /// A variable keeps its type.
    fn same_kind(&mut self, old: &Value, new: Value, span: Span, name: &str) -> Result<Value> {
        match (old, &new) {
            (Value::Array { id: old, .. }, Value::Array { .. }) => {
                let operand = self.as_operand(&new, span)?;
                let (was, is) = (self.graph.ty(*old).clone(), self.graph.ty(operand.id).clone());
                let fits = was.shape == is.shape;
                match self.assignable(operand, was.dtype).filter(|_| fits) {
                    Some(id) => Ok(Value::array(id)),
                    None => Err(Diagnostic::error(codes::TYPE, span, format!("`{name}` is {was}, this is {is}"))
                        .help("a variable keeps its type; bind a new name with let")),
                }
            }
            _ => Ok(new),
        }
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
