//! Calls: of defined functions and of builtins.
//!
//! In: a callee and arguments as written. Out: the value.
//! Always holds: a surplus, missing or misnamed argument is reported with the form that would be right.

use super::operators::Operand;
use super::{Checker, Lambda, Value, builtins, habits};
use crate::diagnostic::{Diagnostic, Result, codes, nearest};
use crate::graph::Size;
use crate::ops::elementwise;
use crate::syntax::ast::{Argument, Expr, ExprKind, Generator, Name};
use crate::syntax::span::Span;
use std::rc::Rc;

/// How often lambdas may be applied within one that is being applied.
const LAMBDA_LIMIT: usize = 50_000;

/// A call of a builtin.
#[derive(Clone, Copy)]
pub(super) struct Call<'e> {
    /// The name.
    pub name: &'e str,
    /// The arguments.
    pub args: &'e [Argument],
    /// The whole call.
    pub span: Span,
}

impl<'e> Call<'e> {
    /// The positional arguments; `forms` says how the call is written.
    pub fn positional(&self, count: std::ops::RangeInclusive<usize>, forms: &str) -> Result<Vec<&'e Expr>> {
        let plain = self.plain();
        if count.contains(&plain.len()) { Ok(plain) } else { Err(self.miscounted(forms)) }
    }

    /// Exactly `N` positional arguments.
    pub fn exactly<const N: usize>(&self, forms: &str) -> Result<[&'e Expr; N]> {
        self.plain().try_into().map_err(|_| self.miscounted(forms))
    }

    /// The first positional argument and those behind it; `count` is of all.
    pub fn first_and_rest(
        &self,
        count: std::ops::RangeInclusive<usize>,
        forms: &str,
    ) -> Result<(&'e Expr, Vec<&'e Expr>)> {
        let mut plain = self.positional(count, forms)?.into_iter();
        plain.next().map(|first| (first, plain.collect())).ok_or_else(|| self.miscounted(forms))
    }

    /// The error that the number of positional arguments is wrong.
    pub fn miscounted(&self, forms: &str) -> Box<Diagnostic> {
        let text = format!("`{}` does not take {} arguments", self.name, self.plain().len());
        Diagnostic::error(codes::ARGUMENTS, self.span, text).help(format!("write {forms}"))
    }

    fn plain(&self) -> Vec<&'e Expr> {
        self.args.iter().filter(|arg| arg.name.is_none()).map(|arg| &arg.value).collect()
    }

    /// The argument `name=…`.
    pub fn named(&self, name: &str) -> Option<&'e Expr> {
        self.args.iter().find(|arg| arg.name.as_ref().is_some_and(|n| n.text == name)).map(|arg| &arg.value)
    }

    /// Reports named arguments that are not among `known`, and those given twice.
    pub fn allow(&self, known: &[&str]) -> Result<()> {
        let mut seen: Vec<&str> = Vec::new();
        for name in self.args.iter().filter_map(|arg| arg.name.as_ref()) {
            if !known.contains(&name.text.as_str()) {
                let error = Diagnostic::error(
                    codes::ARGUMENTS,
                    name.span,
                    format!("`{}` has no argument `{}`", self.name, name.text),
                );
                if let Some(help) = habits::argument_name(&name.text, known) {
                    return Err(error.help(help));
                }
                return Err(match (nearest(&name.text, known.iter().copied()), known) {
                    (Some(near), _) => error.help(format!("did you mean `{near}=`?")),
                    (None, []) => error.help("it takes no named arguments"),
                    (None, known) => error.help(format!("it takes {}=", known.join("=, "))),
                });
            }
            if seen.contains(&name.text.as_str()) {
                return Err(Diagnostic::error(codes::ARGUMENTS, name.span, format!("`{}` is given twice", name.text)));
            }
            seen.push(&name.text);
        }
        Ok(())
    }

    /// The generator, if the call is `f(e for …)`.
    pub fn generator(&self) -> Option<(&'e Expr, &'e [Generator])> {
        match self.args.first().map(|arg| &arg.value.kind) {
            Some(ExprKind::Generated(element, generators)) => Some((element, generators)),
            _ => None,
        }
    }
}

impl Checker<'_> {
    /// `callee(args)`.
    pub(super) fn call(&mut self, callee: &Expr, args: &[Argument], span: Span) -> Result<Value> {
        if let ExprKind::Field(base, field) = &callee.kind {
            self.method(base, field, args)?;
        }
        let name = match &callee.kind {
            ExprKind::Name(name) => name.clone(),
            _ => match self.expression(callee)? {
                Value::Function(name) => name,
                Value::Lambda(lambda) => return self.call_lambda(&lambda, args, span),
                value @ Value::Array { .. } => return Err(self.called_array(callee, args, &value, span)),
                other => {
                    return Err(Diagnostic::error(codes::TYPE, callee.span, "only functions are called")
                        .at(format!("this is {}", other.describe(&self.graph))));
                }
            },
        };
        if let Some(binding) = self.scope.get(&name) {
            return match &binding.value {
                Value::Function(target) => {
                    let target = target.clone();
                    self.call_named(&target, callee, args, span)
                }
                Value::Lambda(lambda) => {
                    let lambda = Rc::clone(lambda);
                    self.call_lambda(&lambda, args, span)
                }
                Value::Array { .. } => {
                    let error = self.called_array(callee, args, &binding.value, span);
                    Err(error.label(binding.span, "it was bound here"))
                }
                other => Err(Diagnostic::error(codes::TYPE, callee.span, "only functions are called")
                    .at(format!("this is {}", other.describe(&self.graph)))),
            };
        }
        self.call_named(&name, callee, args, span)
    }

    fn call_named(&mut self, name: &str, callee: &Expr, args: &[Argument], span: Span) -> Result<Value> {
        if self.functions.contains(name) {
            return self.inline(name, args, span);
        }
        if let Some(builtin) = builtins::find(name) {
            return (builtin.apply)(self, &Call { name, args, span });
        }
        match elementwise::find(name).filter(|op| builtins::is_written(op.name)) {
            Some(op) => {
                let call = Call { name, args, span };
                call.allow(&[])?;
                let form = match op.arity {
                    0 | 1 => format!("{name}(x)"),
                    2 => format!("{name}(a, b)"),
                    _ => format!("{name}(c, a, b)"),
                };
                let exprs = call.positional(op.arity..=op.arity, &form)?;
                let operands = exprs.iter().map(|e| self.operand(e)).collect::<Result<Vec<_>>>()?;
                self.elementwise(op, &operands, span)
            }
            None => Err(self.called_constant(name, span).unwrap_or_else(|| self.unknown_name(name, callee.span))),
        }
    }

    /// Reports a call of another language's module or method; records may hold functions.
    fn method(&mut self, base: &Expr, field: &Name, args: &[Argument]) -> Result<()> {
        if let Some(error) = self.module_prefix(base, field, true) {
            return Err(error);
        }
        let is_value = !matches!(&base.kind, ExprKind::Name(name) if self.scope.get(name).is_none());
        if is_value {
            let value = self.expression(base)?;
            return self.array_method(base, &value, field, Some(args)).map_or(Ok(()), Err);
        }
        Ok(())
    }

    fn call_lambda(&mut self, lambda: &Lambda, args: &[Argument], span: Span) -> Result<Value> {
        if let Some(name) = args.iter().find_map(|arg| arg.name.as_ref()) {
            return Err(Diagnostic::error(codes::ARGUMENTS, name.span, "a lambda's arguments have no names"));
        }
        let values = args.iter().map(|arg| self.expression(&arg.value)).collect::<Result<Vec<_>>>()?;
        self.apply_lambda(lambda, values, span)
    }

    fn apply_lambda(&mut self, lambda: &Lambda, values: Vec<Value>, span: Span) -> Result<Value> {
        if lambda.patterns.len() != values.len() {
            let (wanted, given) = (lambda.patterns.len(), values.len());
            let text =
                format!("this function takes {wanted} argument{}, {given} given", if wanted == 1 { "" } else { "s" });
            return Err(Diagnostic::error(codes::ARGUMENTS, span, text).label(lambda.body.span, "it is written here"));
        }
        let (depth, work) = self.lambdas;
        self.lambdas = if depth == 0 { (1, 1) } else { (depth + 1, work + 1) };
        if self.lambdas.1 > LAMBDA_LIMIT {
            self.lambdas.0 = depth;
            return Err(Diagnostic::error(codes::LIMIT, span, "the program is too large to compile")
                .note(format!("lambdas that call each other are applied more than {LAMBDA_LIMIT} times here"))
                .help("write them as functions, which are checked once each"));
        }
        let outer = std::mem::replace(&mut self.scope, lambda.scope.clone());
        let barrier = std::mem::replace(&mut self.flow.barrier, self.scope.len());
        self.scope.enter();
        let bound = lambda
            .patterns
            .iter()
            .zip(values)
            .try_for_each(|(pattern, value)| self.bind_pattern(pattern, value, false));
        let value = bound.and_then(|()| self.expression(&lambda.body));
        self.flow.barrier = barrier;
        self.scope = outer;
        self.lambdas.0 = depth;
        value
    }

    /// A function's value for given arguments, whether it has a name or not.
    pub(super) fn apply_function(&mut self, function: &Value, values: Vec<Value>, span: Span) -> Result<Value> {
        match function {
            Value::Lambda(lambda) => self.apply_lambda(lambda, values, span),
            Value::Function(name) => {
                // Names that no program can write.
                self.scope.enter();
                let mut args = Vec::new();
                for (position, value) in values.into_iter().enumerate() {
                    let hidden = format!("#{position}");
                    self.scope.bind(&hidden, value, span, false);
                    args.push(Argument { name: None, value: Expr { kind: ExprKind::Name(hidden), span, depth: 1 } });
                }
                let callee = Expr { kind: ExprKind::Name(name.clone()), span, depth: 1 };
                let value = self.call_named(name, &callee, &args, span);
                self.scope.leave();
                value
            }
            other => Err(Diagnostic::error(codes::TYPE, span, "a function is needed here")
                .at(format!("this is {}", other.describe(&self.graph)))
                .help("write a lambda, t -> e, or the name of a function")),
        }
    }

    /// The operands of a builtin.
    pub(super) fn operands(&mut self, exprs: &[&Expr]) -> Result<Vec<Operand>> {
        exprs.iter().map(|e| self.operand(e)).collect()
    }

    /// The operands of a builtin that takes exactly `N`.
    pub(super) fn operands_of<const N: usize>(&mut self, call: &Call<'_>, form: &str) -> Result<[Operand; N]> {
        let exprs = call.exactly::<N>(form)?;
        self.operands(&exprs)?.try_into().map_err(|_| call.miscounted(form))
    }

    /// A whole number that is written in the program.
    pub(super) fn literal_int(&mut self, expr: &Expr, what: &str) -> Result<i64> {
        self.size_of(expr, what)?
            .as_const()
            .ok_or_else(|| Diagnostic::error(codes::NOT_A_CONSTANT, expr.span, format!("{what} is a literal")))
    }

    /// `true` or `false` as written.
    pub(super) fn literal_bool(&mut self, expr: &Expr, what: &str) -> Result<bool> {
        match expr.kind {
            ExprKind::Bool(value) => Ok(value),
            _ => Err(Diagnostic::error(
                codes::NOT_A_CONSTANT,
                expr.span,
                format!("{what} is true or false, as a literal"),
            )),
        }
    }

    /// An axis, counted from the front.
    pub(super) fn axis(&mut self, expr: &Expr, rank: usize) -> Result<usize> {
        let written = self.literal_int(expr, "an axis")?;
        let axis = if written < 0 { written + rank as i64 } else { written };
        usize::try_from(axis).ok().filter(|&axis| axis < rank).ok_or_else(|| {
            let error = Diagnostic::error(
                codes::RANK,
                expr.span,
                format!("there is no axis {written} in an array of {rank} axes"),
            );
            if rank > 0 && written == rank as i64 {
                error.help(format!("axes are counted from 0: the last is {}, or -1", rank - 1))
            } else {
                error
            }
        })
    }

    /// `axis=1`, `axis=(0, 2)`; `None` for all axes.
    pub(super) fn axes(&mut self, expr: &Expr, rank: usize) -> Result<Vec<usize>> {
        let parts: Vec<&Expr> = match &expr.kind {
            ExprKind::Tuple(parts) => parts.iter().collect(),
            _ => vec![expr],
        };
        let mut axes = Vec::new();
        for part in parts {
            let axis = self.axis(part, rank)?;
            if axes.contains(&axis) {
                return Err(Diagnostic::error(codes::ARGUMENTS, part.span, format!("axis {axis} is named twice")));
            }
            axes.push(axis);
        }
        axes.sort_unstable();
        Ok(axes)
    }

    /// Sizes as arguments: `zeros(n, m)`, or one tuple.
    pub(super) fn sizes(&mut self, exprs: &[&Expr]) -> Result<Vec<Size>> {
        let flat: Vec<&Expr> = match exprs {
            [Expr { kind: ExprKind::Tuple(parts), .. }] => parts.iter().collect(),
            other => other.to_vec(),
        };
        let mut sizes = Vec::new();
        for expr in flat {
            let size = self.size_of(expr, "a size")?;
            for value in self.graph.possibly_negative(&size) {
                self.require_natural(value, "the size is negative", expr.span);
            }
            sizes.push(self.written_size(size, expr.span)?);
        }
        Ok(sizes)
    }
}
