//! Expressions.
//!
//! In: an expression of the syntax tree. Out: its value, with the nodes that compute it.
//! Always holds: evaluation order in the source is the order in which run-time checks are remembered.

use super::{Checker, Lambda, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{Constant, NodeId, Size};
use crate::runtime::array::DType;
use crate::syntax::ast::{Expr, ExprKind};
use crate::syntax::span::Span;
use std::rc::Rc;

/// The most elements, those of inner arrays counted, that an array may be written out with: each becomes code.
const ELEMENT_LIMIT: usize = 20_000;

/// How many elements the parts of a literal have.
fn elements(parts: &[Expr]) -> usize {
    let count = |part: &Expr| match &part.kind {
        ExprKind::Array(inner) => elements(inner),
        _ => 1,
    };
    parts.iter().map(count).sum()
}

/// Stack for one level of nesting; deep programs get more on the way.
const STACK: (usize, usize) = (256 * 1024, 8 * 1024 * 1024);

impl Checker<'_> {
    /// The value of an expression.
    pub fn expression(&mut self, expr: &Expr) -> Result<Value> {
        stacker::maybe_grow(STACK.0, STACK.1, || {
            let before = std::mem::replace(&mut self.graph.span, expr.span);
            let value = self.expression_inner(expr);
            self.graph.span = before;
            value
        })
    }

    fn expression_inner(&mut self, expr: &Expr) -> Result<Value> {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Int(value) => Ok(self.literal(Constant::Int(*value), DType::I64)),
            ExprKind::Float(value) => Ok(self.literal(Constant::float(*value), DType::F64)),
            ExprKind::Bool(value) => Ok(Value::array(self.graph.constant(Constant::Bool(*value), DType::Bool))),
            ExprKind::Str(text) => Ok(Value::Text(text.clone())),
            ExprKind::Name(name) => self.name(name, span),
            ExprKind::Unary(op, inner) => self.unary(*op, inner, span),
            ExprKind::Binary(op, a, b) => self.binary(*op, a, b, span),
            ExprKind::Call(callee, args) => self.call(callee, args, span),
            ExprKind::Index(base, items) => self.index(base, items, span),
            ExprKind::Field(base, field) => self.field(base, field),
            ExprKind::If(condition, then, otherwise) => self.if_expression(condition, then, otherwise.as_ref(), span),
            ExprKind::Tuple(parts) => {
                Ok(Value::Tuple(parts.iter().map(|part| self.expression(part)).collect::<Result<_>>()?))
            }
            ExprKind::Array(parts) => self.array_literal(parts, span),
            ExprKind::Comprehension(element, generators) => self.comprehension(element, generators, span),
            ExprKind::Generated(..) => {
                Err(Diagnostic::error(codes::ARGUMENTS, span, "a generator stands only in a reduction")
                    .help("write sum(e for i in 0:n), or [e for i in 0:n] for an array"))
            }
            ExprKind::Lambda(patterns, body) => Ok(Value::Lambda(Rc::new(Lambda {
                patterns: patterns.clone(),
                body: Expr::clone(body),
                scope: self.scope.clone(),
            }))),
        }
    }

    fn literal(&mut self, constant: Constant, dtype: DType) -> Value {
        Value::Array { id: self.graph.constant(constant, dtype), literal: true }
    }

    fn name(&mut self, name: &str, span: Span) -> Result<Value> {
        if let Some(binding) = self.scope.get(name) {
            return Ok(binding.value.clone());
        }
        let constant = match name {
            "pi" => std::f64::consts::PI,
            "e" => std::f64::consts::E,
            "inf" => f64::INFINITY,
            "nan" => f64::NAN,
            "newaxis" => return Ok(Value::NewAxis),
            _ if self.functions.contains(name) || super::builtins::names().contains(&name) => {
                return Ok(Value::Function(name.to_string()));
            }
            _ => return Err(self.unknown_name(name, span)),
        };
        Ok(self.literal(Constant::float(constant), DType::F64))
    }

    pub(super) fn unknown_name(&self, name: &str, span: Span) -> Box<Diagnostic> {
        let error = Diagnostic::error(codes::UNKNOWN_NAME, span, format!("there is no `{name}` here"));
        if let Some(help) = super::builtins::foreign(name) {
            return Diagnostic::error(codes::FOREIGN_HABIT, span, format!("`{name}` is another language's name"))
                .help(help);
        }
        if super::builtins::later(name) {
            return not_available(span, &format!("`{name}`"));
        }
        let mut known = super::builtins::names();
        known.extend(["pi", "inf", "nan", "newaxis", "true", "false"]);
        if matches!(name, "pass" | "None") {
            return error.help("leave it out: a block may be empty");
        }
        let nearest = self.scope.nearest(name, known).or_else(|| self.functions.nearest(name));
        match nearest {
            Some(near) => error.at("not a name in scope").help(format!("did you mean `{near}`?")),
            None => error.at("not a name in scope").help(format!("bind it first: let {name} = …")),
        }
    }

    fn field(&mut self, base: &Expr, field: &crate::syntax::ast::Name) -> Result<Value> {
        if let Some(error) = self.module_prefix(base, field, false) {
            return Err(error);
        }
        if let ExprKind::Name(name) = &base.kind
            && name == "random"
            && self.scope.get(name).is_none()
        {
            return super::builtins::random_function(&field.text, field.span).map(Value::Function);
        }
        let value = self.expression(base)?;
        match (&value, field.text.as_str()) {
            (Value::Array { id, literal }, "T") => {
                let perm: Vec<usize> = (0..self.graph.ty(*id).rank()).rev().collect();
                Ok(Value::Array { id: self.graph.transpose(*id, &perm), literal: *literal })
            }
            (Value::Record(fields), name) => match fields.iter().find(|(known, _)| known == name) {
                Some((_, value)) => Ok(value.clone()),
                None => {
                    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
                    let near = crate::diagnostic::nearest(name, names.iter().copied());
                    let help = match near {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("it has {}", names.join(", ")),
                    };
                    Err(Diagnostic::error(
                        codes::UNKNOWN_FIELD,
                        field.span,
                        format!("the record has no field `{name}`"),
                    )
                    .help(help))
                }
            },
            (other, name) => {
                if let Some(error) = self.array_method(base, other, field, None) {
                    return Err(error);
                }
                Err(Diagnostic::error(codes::UNKNOWN_FIELD, field.span, format!("there is no field `{name}`"))
                    .label(base.span, format!("this is {}", other.describe(&self.graph)))
                    .help("an array has only .T, its transpose"))
            }
        }
    }

    /// `[a, b]`: operands of equal shapes along a new leading axis.
    fn array_literal(&mut self, parts: &[Expr], span: Span) -> Result<Value> {
        if elements(parts) > ELEMENT_LIMIT {
            let text = format!("an array is written out with more than {ELEMENT_LIMIT} elements");
            return Err(
                Diagnostic::error(codes::LIMIT, span, text).help("put the numbers into a file: load(\"x.npy\")")
            );
        }
        let operands = parts.iter().map(|part| self.operand(part)).collect::<Result<Vec<_>>>()?;
        self.stack(&operands, 0, span)
    }

    /// Operands of equal shapes along a new axis.
    pub(super) fn stack(&mut self, operands: &[super::operators::Operand], axis: usize, span: Span) -> Result<Value> {
        let Some(first) = operands.first() else {
            return Err(Diagnostic::error(codes::ARGUMENTS, span, "an empty array needs a type").help("write zeros(0)"));
        };
        let mut agreed = Vec::new();
        let shape = self.graph.shape(first.id).to_vec();
        for operand in operands {
            if let Some(id) = self.agreed(operand.id, &shape, "the elements of an array have equal sizes", span) {
                agreed.push(super::operators::Operand { id, ..*operand });
            } else {
                let (ta, tb) = (self.graph.ty(first.id).to_string(), self.graph.ty(operand.id).to_string());
                return Err(Diagnostic::error(codes::SIZES, span, "the elements of an array have one shape")
                    .label(first.span, format!("this is {ta}"))
                    .label(operand.span, format!("this is {tb}")));
            }
        }
        let dtype = self.common_dtype(operands);
        let parts: Vec<NodeId> = agreed
            .iter()
            .map(|operand| {
                let cast = self.graph.cast(operand.id, dtype);
                self.graph.expand(cast, axis)
            })
            .collect();
        let id = self.graph.concat(&parts, axis);
        Ok(Value::Array { id, literal: operands.iter().all(|o| o.literal) })
    }

    /// The size that an expression stands for; it must be known when compiling.
    pub(super) fn size_of(&mut self, expr: &Expr, what: &str) -> Result<Size> {
        let operand = self.operand(expr)?;
        let ty = self.graph.ty(operand.id).clone();
        if ty.dtype != DType::I64 || ty.rank() != 0 {
            return Err(Diagnostic::error(codes::TYPE, expr.span, format!("{what} is a whole number"))
                .at(format!("this is {ty}"))
                .help(match ty.rank() {
                    0 => "convert with i64(x)",
                    _ => "give the sizes one by one: zeros(2, 3)",
                }));
        }
        self.dynamic_size(operand.id, expr.span)
    }

    /// The size that a whole number is. At the top level it is computed now, if it can be; elsewhere it becomes a size
    /// that is found out when running.
    pub(super) fn dynamic_size(&mut self, id: NodeId, span: Span) -> Result<Size> {
        if let Some(size) = self.graph.as_extent(id) {
            return Ok(size);
        }
        self.concrete(id, span)?;
        let Some(size) = self.graph.size_polynomial(id) else { return Ok(self.graph.dynamic_size(id)) };
        for value in self.graph.needed_nonnegative(&size) {
            self.require_natural(value, "a size is computed from another one that is negative", span);
        }
        Ok(size)
    }

    /// At the top level, asks for the value of a scalar if it depends on no loop.
    pub(super) fn concrete(&mut self, id: NodeId, span: Span) -> Result<()> {
        if self.flow.function || !self.live || !self.graph.node(id).free.is_empty() {
            return Ok(());
        }
        self.wanted = Some(id);
        Err(Diagnostic::error(codes::BUG, span, "a size is needed before the program goes on"))
    }
}

/// The error for a part of the language that is not compiled yet.
pub(super) fn not_available(span: Span, what: &str) -> Box<Diagnostic> {
    Diagnostic::error(codes::NOT_AVAILABLE, span, format!("{what} is not part of this version"))
}
