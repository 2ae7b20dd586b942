//! Comprehensions and reductions over generators.
//!
//! In: `[e for i in 0:n, j in 0:m]`, `sum(e for i in 0:n)`. Out: index variables, and builders over them.
//! Always holds: a run-time check in the body that depends on a variable happens for each of its values, and for no other.

use super::expression::not_available;
use super::list::OverList;
use super::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{NodeId, Size, VarId};
use crate::ops::elementwise::{AND, GREATER_EQUAL, LESS, WHERE};
use crate::runtime::array::DType;
use crate::syntax::ast::{Expr, ExprKind, Generator, Iterable, Pattern};
use crate::syntax::span::Span;

/// What a reduction over generators reduces.
pub(super) struct Generated {
    /// The elements, along one leading axis per generator.
    pub x: NodeId,
    /// How many generators there are.
    pub axes: usize,
    /// How many elements are meant, if not all.
    pub members: Option<NodeId>,
}

/// Patterns, and the arrays whose rows they are bound to with their places.
type RowSources = (Vec<Pattern>, Vec<(NodeId, Span)>);

impl Checker<'_> {
    /// `[e for …]`.
    pub(super) fn comprehension(&mut self, element: &Expr, generators: &[Generator], span: Span) -> Result<Value> {
        let (value, vars, guard) = self.generate(element, generators, &mut |c, over| c.for_each_item(over, span))?;
        if let (Value::List(_), [var, ..]) = (&value, vars.as_slice()) {
            let text = "the rows of this array would be lists, whose items differ in shape";
            let name = self.graph.var(*var).name.clone();
            return Err(Diagnostic::error(codes::TYPE, span, text)
                .at(format!("for each {name} this is {}", value.describe(&self.graph)))
                .help("run over the list first, [[e for i in …] for a in L]"));
        }
        if let Value::List(_) = &value {
            return Ok(value);
        }
        if guard.is_some() {
            let text = "only a reduction may run over a range that depends on another generator's index";
            return Err(Diagnostic::error(codes::NOT_A_CONSTANT, span, text)
                .at("the rows of this array would differ in length")
                .help(
                    "reduce inside, [sum(e for j in …) for i in …], or run over the whole range and use where(c, e, 0)",
                ));
        }
        if value.nodes().is_empty() {
            return Err(Diagnostic::error(
                codes::TYPE,
                element.span,
                "the element of an array is a number or an array",
            )
            .at(format!("this is {}", value.describe(&self.graph))));
        }
        self.graph.span = span;
        let built = value.settled().map(&mut |id| vars.iter().rev().fold(id, |id, &var| self.graph.build(var, id)));
        Ok(built)
    }

    /// The element of a reduction over generators, built along one leading axis per generator. Where a range leaves
    /// elements out, they are `left_out`; the number of the others is given too.
    pub(super) fn generated(
        &mut self,
        element: &Expr,
        generators: &[Generator],
        left_out: Option<f64>,
    ) -> Result<Generated> {
        // Over a list, one element is a line of elements.
        let (mut inner, mut line) = (None, 0);
        let (value, vars, guard) = self.generate(element, generators, &mut |c, over| {
            let Generated { x, axes, members } = c.reduced_items(over, left_out)?;
            (inner, line) = (members, axes);
            Ok(Value::array(x))
        })?;
        let operand = self.as_operand(&value, element.span)?;
        let axes = vars.len() + line;
        let build = |id: NodeId, c: &mut Self| vars.iter().rev().fold(id, |id, &var| c.graph.build(var, id));
        let Some(guard) = guard else {
            let members = inner.map(|count| {
                let counts = build(count, self);
                self.graph.sum_all(counts)
            });
            return Ok(Generated { x: build(operand.id, self), axes, members });
        };
        let Some(left_out) = left_out else {
            return Err(not_available(element.span, "this reduction over a range that depends on another index"));
        };
        let identity = self.graph.constant_like(operand.id, left_out);
        let shape = self.graph.shape(operand.id).to_vec();
        let condition = self.graph.broadcast(guard, &[], &shape);
        let chosen = self.graph.map(&WHERE, &[condition, operand.id, identity]);
        let ones = self.graph.cast(guard, DType::I64);
        let each = inner.unwrap_or_else(|| {
            let length = shape.first().filter(|_| line > 0).cloned().unwrap_or_else(Size::one);
            self.graph.size_value(&length)
        });
        let counts = self.graph.times(ones, each);
        let counts = build(counts, self);
        let members = Some(self.graph.sum_all(counts));
        Ok(Generated { x: build(chosen, self), axes, members })
    }

    /// The element as a function of the generators' index variables, and whether it is in all ranges where that is
    /// not a matter of course.
    /// At a generator over a list, `unroll` makes the rest.
    fn generate<'e>(
        &mut self,
        element: &'e Expr,
        generators: &'e [Generator],
        unroll: &mut dyn FnMut(&mut Self, &OverList<'e>) -> Result<Value>,
    ) -> Result<(Value, Vec<VarId>, Option<NodeId>)> {
        self.scope.enter();
        let barrier = std::mem::replace(&mut self.flow.barrier, self.scope.len());
        let (outer, guards) = (self.graph.checks.len(), self.flow.guards.len());
        let mut vars = Vec::new();
        let result = self.generator_chain(element, generators, &mut vars, unroll);
        self.flow.barrier = barrier;
        self.scope.leave();
        self.close_checks(outer, &vars);
        let own = self.flow.guards.split_off(guards);
        let guard = own.into_iter().reduce(|a, b| self.graph.map(&AND, &[a, b]));
        result.map(|value| (value, vars, guard))
    }

    /// The element behind generators: up to one over a list by index variables, from there on item by item.
    fn generator_chain<'e>(
        &mut self,
        element: &'e Expr,
        generators: &'e [Generator],
        vars: &mut Vec<VarId>,
        unroll: &mut dyn FnMut(&mut Self, &OverList<'e>) -> Result<Value>,
    ) -> Result<Value> {
        let mut left = generators;
        while let [generator, rest @ ..] = left {
            if let Some(items) = self.generator(generator, vars)? {
                return unroll(self, &OverList { pattern: &generator.pattern, items, rest, element });
            }
            left = rest;
        }
        self.expression(element)
    }

    /// Binds a generator's pattern to its index variable, or to what lies at it. Over a list nothing is bound, and its
    /// items are given.
    fn generator(&mut self, generator: &Generator, vars: &mut Vec<VarId>) -> Result<Option<Vec<Value>>> {
        match &generator.iterable {
            Iterable::Range { start, stop, step } => {
                let Pattern::Name(name) = &generator.pattern else {
                    return Err(Diagnostic::error(
                        codes::TYPE,
                        generator.pattern.span(),
                        "a range gives one number at a time",
                    ));
                };
                if let Some(value) = self.dependent_range(&name.text, start, stop, step.as_ref(), vars)? {
                    self.scope.bind(&name.text, Value::array(value), name.span, false);
                    return Ok(None);
                }
                let (first, extent, step) = self.range(start, stop, step.as_ref(), generator.span)?;
                let var = self.new_generator(&name.text, extent, vars);
                let counter = self.graph.var_value(var);
                let step = self.graph.int(step);
                let scaled = self.graph.times(step, counter);
                let first = self.graph.size_value(&first);
                let value = self.graph.plus(first, scaled);
                self.scope.bind(&name.text, Value::array(value), name.span, false);
                Ok(None)
            }
            Iterable::Over(expr) => {
                let sources = self.zipped(expr)?;
                if sources.iter().any(|(source, _)| matches!(source, Value::List(_))) {
                    return self.items_together(&sources, expr.span).map(Some);
                }
                self.generator_over(&generator.pattern, expr, &sources, vars).map(|()| None)
            }
        }
    }

    fn new_generator(&mut self, name: &str, extent: Size, vars: &mut Vec<VarId>) -> VarId {
        let var = self.graph.new_var(name, extent);
        vars.push(var);
        var
    }

    /// The value of a range whose bounds depend on other generators' indexes: a counter over every value that any of
    /// the ranges has, and a guard that tells which are meant. `None` for an ordinary range.
    fn dependent_range(
        &mut self,
        name: &str,
        start: &Expr,
        stop: &Expr,
        step: Option<&Expr>,
        vars: &mut Vec<VarId>,
    ) -> Result<Option<NodeId>> {
        let (first, last) = (self.operand(start)?, self.operand(stop)?);
        let depends = |c: &Self, id: NodeId| !c.graph.node(id).free.is_empty();
        if !depends(self, first.id) && !depends(self, last.id) {
            return Ok(None);
        }
        if let Some(step) = step {
            return Err(not_available(step.span, "a stride in a range that depends on another index"));
        }
        let (Some((mut low, _)), Some((_, mut high))) = (self.bounds(first.id), self.bounds(last.id)) else {
            return Err(not_available(start.span.to(stop.span), "a range whose bounds are read from data"));
        };
        // A wider range is as good, and one that is never negative needs no check.
        if low.is_nonnegative() {
            low = Size::from(0);
        }
        if !high.is_nonnegative() {
            high = high.plus(&Size::one());
        }
        let extent = high.minus(&low);
        let extent = extent.as_const().map_or(extent, |value| Size::from(value.max(0)));
        let message = format!("the range {low}:{high} ends before it starts");
        self.require_nonnegative(&extent, &message, start.span.to(stop.span))?;
        let var = self.new_generator(name, extent, vars);
        let (counter, low) = (self.graph.var_value(var), self.graph.size_value(&low));
        let value = self.graph.plus(low, counter);
        let above = self.graph.map(&GREATER_EQUAL, &[value, first.id]);
        let below = self.graph.map(&LESS, &[value, last.id]);
        let guard = self.graph.map(&AND, &[above, below]);
        self.flow.guards.push(guard);
        Ok(Some(value))
    }

    /// First value, number of values and stride of a range.
    fn range(&mut self, start: &Expr, stop: &Expr, step: Option<&Expr>, span: Span) -> Result<(Size, Size, i64)> {
        let first = self.size_of(start, "the bound of a range")?;
        let last = self.size_of(stop, "the bound of a range")?;
        let stride = match step {
            None => 1,
            Some(step) => {
                let size = self.size_of(step, "the step of a range")?;
                size.as_const().filter(|&s| s != 0).ok_or_else(|| {
                    Diagnostic::error(codes::NOT_A_CONSTANT, step.span, "the step of a range is a literal, not 0")
                })?
            }
        };
        let length = last.minus(&first);
        if stride == 1 {
            let length = length.as_const().map_or(length, |value| Size::from(value.max(0)));
            let message = format!("the range {first}:{last} ends before it starts");
            self.require_nonnegative(&length, &message, span)?;
            return Ok((first, length, 1));
        }
        let Some(length) = length.as_const() else {
            return Err(not_available(span, "a stride in a range whose length is not a literal"));
        };
        let (distance, stride_size) = if stride > 0 { (length, stride) } else { (-length, -stride) };
        let count = if distance <= 0 { 0 } else { (distance + stride_size - 1) / stride_size };
        Ok((first, Size::from(count), stride))
    }

    /// `for row in x`, `for (a, b) in zip(x, y)`.
    fn generator_over(
        &mut self,
        pattern: &Pattern,
        expr: &Expr,
        sources: &[(Value, Span)],
        vars: &mut Vec<VarId>,
    ) -> Result<()> {
        let (patterns, sources) = self.rows_paired(pattern, expr, sources)?;
        let Some((first, others)) = sources.split_first() else { return Ok(()) };
        let extent = self.leading(*first)?;
        for source in others {
            let other = self.leading(*source)?;
            if other != extent {
                return Err(Diagnostic::error(
                    codes::SIZES,
                    expr.span,
                    format!("`zip` runs over sizes {extent} and {other}"),
                )
                .label(first.1, format!("this is {}", self.graph.ty(first.0)))
                .label(source.1, format!("this is {}", self.graph.ty(source.0))));
            }
        }
        let name = match patterns.first() {
            Some(Pattern::Name(name)) => name.text.clone(),
            _ => "row".to_string(),
        };
        let var = self.new_generator(&name, extent, vars);
        for (pattern, (source, _)) in patterns.into_iter().zip(sources) {
            let at = self.graph.var_value(var);
            let row = self.graph.gather(source, &[0], &[at]);
            self.bind_pattern(&pattern, Value::array(row), false)?;
        }
        Ok(())
    }

    /// Patterns and the arrays whose rows they are bound to.
    pub(super) fn row_sources(&mut self, pattern: &Pattern, expr: &Expr) -> Result<RowSources> {
        let sources = self.zipped(expr)?;
        self.rows_paired(pattern, expr, &sources)
    }

    fn rows_paired(&self, pattern: &Pattern, expr: &Expr, sources: &[(Value, Span)]) -> Result<RowSources> {
        let arrays: Vec<(NodeId, Span)> = sources
            .iter()
            .map(|(source, span)| self.as_operand(source, *span).map(|operand| (operand.id, operand.span)))
            .collect::<Result<_>>()?;
        let zipped = arrays.len() > 1 || is_zip(expr);
        let patterns: Vec<Pattern> = match pattern {
            Pattern::Tuple(parts, _) if zipped => parts.clone(),
            other => vec![other.clone()],
        };
        if patterns.len() == arrays.len() {
            return Ok((patterns, arrays));
        }
        let text = format!("{} names for {} arrays", patterns.len(), arrays.len());
        Err(Diagnostic::error(codes::TYPE, pattern.span(), text).help("for (a, b) in zip(x, y)"))
    }

    /// What a generator runs over: arrays or lists, several together in `zip`.
    pub(super) fn zipped(&mut self, expr: &Expr) -> Result<Vec<(Value, Span)>> {
        if let ExprKind::Call(_, args) = &expr.kind
            && is_zip(expr)
        {
            return args.iter().map(|arg| Ok((self.expression(&arg.value)?, arg.value.span))).collect();
        }
        Ok(vec![(self.expression(expr)?, expr.span)])
    }

    pub(super) fn leading(&self, (id, span): (NodeId, Span)) -> Result<Size> {
        self.graph.shape(id).first().cloned().ok_or_else(|| {
            Diagnostic::error(codes::RANK, span, "a generator runs over an array's leading axis")
                .at(format!("this is {}", self.graph.ty(id)))
                .help("run over a range: for i in 0:n")
        })
    }

    /// Checks made in a generator's body are done for every value of its variables.
    fn close_checks(&mut self, outer: usize, vars: &[VarId]) {
        let inner = self.graph.checks.split_off(outer);
        for check in inner {
            let closed = vars
                .iter()
                .rev()
                .fold(check, |id, &var| if self.graph.depends_on(id, var) { self.graph.build(var, id) } else { id });
            if !self.graph.checks.contains(&closed) {
                self.graph.checks.push(closed);
            }
        }
    }
}

fn is_zip(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Call(callee, _) if matches!(&callee.kind, ExprKind::Name(name) if name == "zip"))
}
