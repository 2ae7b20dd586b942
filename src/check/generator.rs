//! Comprehensions and reductions over generators.
//!
//! In: `[e for i in 0:n, j in 0:m]`, `sum(e for i in 0:n)`. Out: index variables, and builders over them.
//! Always holds: a run-time check in the body that depends on a variable happens for each of its values, and for no other.

use super::expression::not_available;
use super::list::OverList;
use super::zip::Source;
use super::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{NodeId, Op, Size, VarId, reachable};
use crate::ops::elementwise::{AND, GREATER_EQUAL, LESS, WHERE};
use crate::runtime::array::DType;
use crate::syntax::ast::{Expr, Generator, Iterable, Pattern};
use crate::syntax::span::Span;
use crate::syntax::visit;

/// The cure for ranges that cannot be run through together.
const REDUCE_INSIDE: &str = "reduce inside: sum(sum(e for j in a:b) for i in 0:n)";

/// The element behind generators.
struct Elements {
    /// Its value, as a function of the variables.
    value: Value,
    /// The generators' variables.
    vars: Vec<VarId>,
    /// Whether it is in all ranges, where that is not a matter of course.
    guard: Option<NodeId>,
    /// Whether it is computed by loops in which something may fail.
    loops: bool,
}

/// What a reduction over generators reduces.
pub(super) struct Generated {
    /// The elements, along one leading axis per generator.
    pub x: NodeId,
    /// How many generators there are.
    pub axes: usize,
    /// How many elements are meant, if not all.
    pub members: Option<NodeId>,
}

impl Checker<'_> {
    /// `[e for …]`.
    pub(super) fn comprehension(&mut self, element: &Expr, generators: &[Generator], span: Span) -> Result<Value> {
        let (checks, warnings) = (self.graph.checks.len(), self.warnings.len());
        let made = self.generate(element, generators, true, &mut |c, over| c.for_each_item(over, span));
        // A comprehension in the element that can only be a list for each round.
        if made.is_err() && std::mem::take(&mut self.uneven) {
            self.graph.checks.truncate(checks);
            self.warnings.truncate(warnings);
            return self.ragged(element, generators, span);
        }
        let Elements { value, vars, guard, loops } = made?;
        if guard.is_some() || self.differs_in_shape(&value, &vars) {
            self.graph.checks.truncate(checks);
            self.warnings.truncate(warnings);
            return self.ragged(element, generators, span);
        }
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
        if loops {
            // What may fail in the loops is found out even if nobody reads the array.
            let small = built.nodes().into_iter().filter(|id| self.graph.ty(*id).rank() == vars.len());
            let small: Vec<NodeId> = small.collect();
            self.graph.checks.extend(small);
        }
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
        let Elements { value, vars, guard, .. } = self.generate(element, generators, false, &mut |c, over| {
            let Generated { x, axes, members } = c.reduced_items(over, left_out)?;
            (inner, line) = (members, axes);
            Ok(Value::array(x))
        })?;
        if self.differs_in_shape(&value, &vars) {
            let text = "what is reduced here has other sizes for other values of the first index";
            return Err(Diagnostic::error(codes::NOT_A_CONSTANT, element.span, text)
                .help("reduce inside too: sum(sum(e for x in a) for i in 0:n)"));
        }
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
    /// At a generator over a list, `unroll` makes the rest. With `one_length` a range that depends on an index outside has the
    /// length that it has there.
    fn generate<'e>(
        &mut self,
        element: &'e Expr,
        generators: &'e [Generator],
        one_length: bool,
        unroll: &mut dyn FnMut(&mut Self, &OverList<'e>) -> Result<Value>,
    ) -> Result<Elements> {
        self.scope.enter();
        let barrier = std::mem::replace(&mut self.flow.barrier, self.scope.len());
        let (outer, guards) = (self.graph.checks.len(), self.flow.guards.len());
        let mut vars = Vec::new();
        let result = self.generator_chain(element, generators, &mut vars, one_length, unroll);
        self.flow.barrier = barrier;
        self.scope.leave();
        let loops = self.close_checks(outer, &vars, result.as_ref().ok());
        let own = self.flow.guards.split_off(guards);
        let guard = own.into_iter().reduce(|a, b| self.graph.map(&AND, &[a, b]));
        result.map(|value| Elements { value, vars, guard, loops })
    }

    /// The element behind generators: up to one over a list by index variables, from there on item by item.
    fn generator_chain<'e>(
        &mut self,
        element: &'e Expr,
        generators: &'e [Generator],
        vars: &mut Vec<VarId>,
        one_length: bool,
        unroll: &mut dyn FnMut(&mut Self, &OverList<'e>) -> Result<Value>,
    ) -> Result<Value> {
        let mut left = generators;
        while let [generator, rest @ ..] = left {
            if let Some(items) = self.generator(generator, (element, rest), vars, one_length)? {
                return unroll(self, &OverList { pattern: &generator.pattern, items, rest, element });
            }
            left = rest;
        }
        self.expression(element)
    }

    /// Binds a generator's pattern to its index variable, or to what lies at it. Over a list nothing is bound, and its
    /// items are given.
    fn generator(
        &mut self,
        generator: &Generator,
        (element, rest): (&Expr, &[Generator]),
        vars: &mut Vec<VarId>,
        one_length: bool,
    ) -> Result<Option<Vec<Value>>> {
        match &generator.iterable {
            Iterable::Range { start, stop, step } => {
                let Pattern::Name(name) = &generator.pattern else {
                    return Err(Diagnostic::error(
                        codes::TYPE,
                        generator.pattern.span(),
                        "a range gives one number at a time",
                    ));
                };
                let mut picks = self.picks_items(&name.text, |f| visit::expressions(element, f));
                picks |= self.picks_items(&name.text, |f| visit::generators(rest, f));
                if picks {
                    return self.rounds(generator).map(Some);
                }
                if let Some(value) = self.dependent_range(&name.text, start, stop, step.as_ref(), vars, one_length)? {
                    self.scope.bind(&name.text, Value::array(value), name.span, false);
                    return Ok(None);
                }
                let (first, extent, step) = self.range(start, stop, step.as_ref(), generator.span)?;
                let var = self.new_generator(&name.text, extent, vars);
                let counter = self.graph.var_value(var);
                let step = self.graph.int(step);
                let scaled = self.graph.times(step, counter);
                let value = self.graph.plus(first, scaled);
                self.scope.bind(&name.text, Value::array(value), name.span, false);
                Ok(None)
            }
            Iterable::Over(expr) => {
                let source = self.zipped(expr)?;
                if source.has_list() {
                    return self.items_together(&source, expr.span).map(Some);
                }
                self.generator_over(&generator.pattern, expr, &source, vars).map(|()| None)
            }
        }
    }

    fn new_generator(&mut self, name: &str, extent: Size, vars: &mut Vec<VarId>) -> VarId {
        let var = self.graph.new_var(name, extent);
        vars.push(var);
        var
    }

    /// The value of a range whose bounds depend on other generators' indexes: a counter over every value that any of
    /// the ranges has, and a guard that tells which are meant. `None` for a range that has one length here: an ordinary one, and
    /// one that may have another length for another index or iteration outside.
    fn dependent_range(
        &mut self,
        name: &str,
        start: &Expr,
        stop: &Expr,
        step: Option<&Expr>,
        vars: &mut Vec<VarId>,
        one_length: bool,
    ) -> Result<Option<NodeId>> {
        let (first, last) = (self.operand(start)?, self.operand(stop)?);
        let depends = |c: &Self, id: NodeId| !c.graph.node(id).free.is_empty();
        if !depends(self, first.id) && !depends(self, last.id) {
            return Ok(None);
        }
        // What depends on indexes and loops outside only has one length here.
        let together = |id: NodeId| vars.iter().any(|var| self.graph.depends_on(id, *var));
        let together = together(first.id) || together(last.id);
        let bounds = self.bounds(first.id).zip(self.bounds(last.id));
        if !together && (one_length || step.is_some() || bounds.is_none()) {
            return Ok(None);
        }
        if let Some(step) = step {
            return Err(not_available(
                step.span,
                "a stride in a range that depends on another index of the same generators",
            )
            .help(REDUCE_INSIDE));
        }
        let Some(((mut low, _), (_, mut high))) = bounds else {
            let text = "a range whose bounds are read from data at another index of the same generators";
            return Err(not_available(start.span.to(stop.span), text).help(REDUCE_INSIDE));
        };
        // A wider range is as good, and one that is never negative needs no check.
        if low.is_nonnegative() {
            low = Size::from(0);
        }
        if !high.is_nonnegative() {
            high = high.plus(&Size::one());
        }
        let message = format!("the range {low}:{high} ends before it starts");
        let extent = self.length_of(high.minus(&low), &message, start.span.to(stop.span))?;
        let var = self.new_generator(name, extent, vars);
        let (counter, low) = (self.graph.var_value(var), self.graph.size_value(&low));
        let value = self.graph.plus(low, counter);
        let above = self.graph.map(&GREATER_EQUAL, &[value, first.id]);
        let below = self.graph.map(&LESS, &[value, last.id]);
        let guard = self.graph.map(&AND, &[above, below]);
        self.flow.guards.push(guard);
        Ok(Some(value))
    }

    /// What a generator's variable can count: if the shape changes with the variable, as the checks of rows of different lengths do, one
    /// number for each.
    fn even(&mut self, id: NodeId, var: VarId) -> NodeId {
        let g = &mut self.graph;
        if !g.size_values(id).iter().any(|value| g.depends_on(*value, var)) {
            return id;
        }
        let axes: Vec<usize> = (0..g.ty(id).rank()).collect();
        let counted = g.cast(id, DType::I64);
        g.sum(counted, &axes)
    }

    /// `for row in x`, `for (a, b) in zip(x, y)`.
    fn generator_over(&mut self, pattern: &Pattern, expr: &Expr, source: &Source, vars: &mut Vec<VarId>) -> Result<()> {
        let extent = self.common_length(source, expr.span)?;
        let name = match pattern {
            Pattern::Name(name) => name.text.clone(),
            Pattern::Tuple(..) => "row".to_string(),
        };
        let var = self.new_generator(&name, extent, vars);
        let at = self.graph.var_value(var);
        let row = self.row_of(source, at)?;
        self.bind_pattern(pattern, row, false)
    }

    /// Checks made in a generator's body are done for every value of its variables. Loops that the element is computed by
    /// are done with it; gives whether there are any.
    fn close_checks(&mut self, outer: usize, vars: &[VarId], element: Option<&Value>) -> bool {
        let inner = self.graph.checks.split_off(outer);
        let is_loop = |c: &Self, id: NodeId| {
            matches!(c.graph.node(id).op, Op::Loop(_)) && vars.iter().any(|var| c.graph.depends_on(id, *var))
        };
        let computed = match element.filter(|_| inner.iter().any(|id| is_loop(self, *id))) {
            Some(element) => reachable(&self.graph, &element.nodes()),
            None => Vec::new(),
        };
        let mut loops = false;
        for check in inner {
            if is_loop(self, check) && computed.contains(&check) {
                loops = true;
                continue;
            }
            let closed = vars.iter().rev().fold(check, |id, &var| match self.graph.depends_on(id, var) {
                true => {
                    let id = self.even(id, var);
                    self.graph.build(var, id)
                }
                false => id,
            });
            if !self.graph.checks.contains(&closed) {
                self.graph.checks.push(closed);
            }
        }
        loops
    }
}
