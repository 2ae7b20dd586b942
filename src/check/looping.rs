//! Loops: `for` and `while`, `fold` and `scan`.
//!
//! In: loops as written. Out: loop nodes over the values that the body changes.
//! Always holds: a name that the body does not assign is the same inside and outside; what the body computes from such
//! names alone is outside of the loop.

use super::flow::Frame;
use super::zip::Source;
use super::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{Binder, Constant, NodeId, Size, VarId};
use crate::ops::elementwise::{AND, GREATER, NOT, WHERE};
use crate::ops::looping::UNBOUNDED;
use crate::runtime::array::DType;
use crate::syntax::ast::{Block, Expr, ExprKind, Generator, Iterable, Name, Pattern, Statement, StatementKind};
use crate::syntax::span::Span;
use crate::syntax::visit;
use std::collections::BTreeSet;

/// How often a body is checked again because a literal turned out to be a float.
const ATTEMPTS: usize = 4;

/// A step of a fold: the accumulator and the row at hand give the next accumulator.
type Step<'s, C> = dyn FnMut(&mut C, Value, Value) -> Result<Value> + 's;

/// What a loop runs over.
pub(super) struct Course {
    /// The most iterations there are; `None` for no limit.
    limit: Option<NodeId>,
    /// The same as a size, if it is one.
    extent: Option<Size>,
    /// The condition of a `while`.
    condition: Option<Expr>,
    /// What the pattern is bound to.
    element: Element,
    /// The counter's name.
    name: String,
}

enum Element {
    None,
    /// `first + step * counter`.
    Range(Pattern, NodeId, NodeId),
    /// A row of each array.
    Rows(Pattern, Source),
}

/// The values that a loop carries.
struct Carried {
    /// The names, by their position in the scope.
    names: Vec<usize>,
    /// Their values before the loop.
    first: Vec<Value>,
    /// A truth value: the loop has been left.
    leaves: bool,
    /// What the function returns, if it does so in the loop: a value of that type.
    returns: Option<Value>,
}

/// A body that has been checked.
struct Body {
    states: Vec<VarId>,
    counter: VarId,
    again: NodeId,
    first: Vec<NodeId>,
    next: Vec<NodeId>,
    checks: Vec<NodeId>,
}

enum Attempt {
    Fits(Body),
    /// The values that the body carries on are of these types.
    Wider(Vec<Value>),
    /// The function returns such a value in the loop.
    Returns(Value),
}

impl Checker<'_> {
    /// `for pattern in iterable { … }`.
    pub(super) fn for_loop(&mut self, pattern: &Pattern, iterable: &Iterable, body: &Block, span: Span) -> Result<()> {
        let course = match iterable {
            Iterable::Range { start, stop, step } => {
                if let Pattern::Name(name) = pattern
                    && self.picks_items(&name.text, |f| visit::block_expressions(body, f))
                {
                    let (pattern, iterable) = (pattern.clone(), iterable.clone());
                    let items = self.rounds(&Generator { pattern: pattern.clone(), iterable, span })?;
                    return self.unrolled(&pattern, items, body);
                }
                self.range_course(pattern, start, stop, step.as_ref())?
            }
            Iterable::Over(expr) => {
                let source = self.zipped(expr)?;
                if source.has_list() {
                    let items = self.items_together(&source, expr.span)?;
                    return self.unrolled(pattern, items, body);
                }
                self.row_course(pattern, source, expr.span)?
            }
        };
        self.run_loop(&course, &assigned(body), exits(body), span, &mut |c| c.block(body).map(|_| ()))
    }

    /// `while c { … }`.
    pub(super) fn while_loop(&mut self, condition: &Expr, body: &Block, span: Span) -> Result<()> {
        let course = Course {
            limit: None,
            extent: None,
            condition: Some(condition.clone()),
            element: Element::None,
            name: "iteration".into(),
        };
        self.run_loop(&course, &assigned(body), exits(body), span, &mut |c| c.block(body).map(|_| ()))
    }

    /// A loop over the items of a list, whose types may differ: the body once for each.
    fn unrolled(&mut self, pattern: &Pattern, items: Vec<Value>, body: &Block) -> Result<()> {
        let (left, broke) = (self.flow.left.take(), self.flow.broke.take());
        let before = self.flow.returned.as_ref().map(|(condition, _)| *condition);
        // What holds around it is not implied by anything here, so it stays among the conditions.
        let guards = self.flow.frames.last().map_or(0, |frame| frame.guards);
        self.flow.frames.push(Frame { vars: Vec::new(), guards, entered: None });
        let done = items.into_iter().try_for_each(|item| {
            let returned = self.flow.returned.as_ref().map(|(condition, _)| *condition);
            let gone = self.either(self.flow.broke, returned.filter(|_| returned != before));
            self.flow.left = None;
            let round = |c: &mut Self| {
                c.scope.enter();
                let bound = c.bind_pattern(pattern, item, false);
                let done = bound.and_then(|()| c.block(body).map(|_| ()));
                c.scope.leave();
                done
            };
            match gone {
                None => round(self),
                Some(gone) => {
                    let stays = self.graph.map(&NOT, &[gone]);
                    self.under(stays, round)
                }
            }
        });
        self.flow.frames.pop();
        let returned = self.flow.returned.as_ref().map(|(condition, _)| *condition);
        (self.flow.left, self.flow.broke) = (left, broke);
        if returned != before {
            self.flow.left = self.either(self.flow.left, returned);
        }
        done
    }

    /// What a `for` at the top level runs over when it is run iteration by iteration: first, end and stride of a range.
    pub fn stepped_range(&mut self, start: &Expr, stop: &Expr, step: Option<&Expr>) -> Result<[NodeId; 3]> {
        let first = self.whole(start, "the bound of a range")?;
        let last = self.whole(stop, "the bound of a range")?;
        let one = self.graph.int(1);
        let step = match step {
            None => one,
            Some(step) => {
                let id = self.whole(step, "the step of a range")?;
                self.checked_step(id, step.span)?
            }
        };
        Ok([first, last, step])
    }

    /// The same for rows and items.
    pub fn stepped_items(&mut self, expr: &Expr) -> Result<Vec<Value>> {
        let source = self.zipped(expr)?;
        self.items_together(&source, expr.span)
    }

    /// The condition of an `if` or a `while` at the top level.
    pub fn stepped_condition(&mut self, condition: &Expr, of: &str) -> Result<NodeId> {
        self.truth(condition, of).map(|operand| operand.id)
    }

    fn range_course(&mut self, pattern: &Pattern, start: &Expr, stop: &Expr, step: Option<&Expr>) -> Result<Course> {
        let Pattern::Name(name) = pattern else {
            return Err(Diagnostic::error(codes::TYPE, pattern.span(), "a range gives one number at a time"));
        };
        let first = self.whole(start, "the bound of a range")?;
        let last = self.whole(stop, "the bound of a range")?;
        let one = self.graph.int(1);
        let step = match step {
            None => one,
            Some(step) => {
                let id = self.whole(step, "the step of a range")?;
                self.checked_step(id, step.span)?
            }
        };
        let (count, extent) = self.range_count(first, last, step);
        let element = Element::Range(pattern.clone(), first, step);
        Ok(Course { limit: Some(count), extent, condition: None, element, name: name.text.clone() })
    }

    /// A course over the rows of arrays.
    fn row_course(&mut self, pattern: &Pattern, source: Source, span: Span) -> Result<Course> {
        let extent = self.common_length(&source, span)?;
        let limit = self.graph.size_value(&extent);
        let name = match pattern {
            Pattern::Name(name) => name.text.clone(),
            Pattern::Tuple(..) => "row".to_string(),
        };
        let element = Element::Rows(pattern.clone(), source);
        Ok(Course { limit: Some(limit), extent: Some(extent), condition: None, element, name })
    }

    /// Checks a loop and binds what its names are behind it.
    pub(super) fn run_loop(
        &mut self,
        course: &Course,
        names: &BTreeSet<String>,
        exits: Exits,
        span: Span,
        body: &mut dyn FnMut(&mut Self) -> Result<()>,
    ) -> Result<()> {
        let barrier = self.flow.barrier;
        let assignable = |position: &usize| {
            *position >= barrier && self.scope.bindings().nth(*position).is_some_and(|binding| binding.assignable)
        };
        let positions: Vec<usize> =
            names.iter().filter_map(|name| self.scope.position(name)).filter(assignable).collect();
        let first = positions.iter().filter_map(|at| self.scope.value(*at).cloned()).collect();
        let mut carried = Carried { names: positions, first, leaves: exits.leaves, returns: None };
        for _ in 0..ATTEMPTS {
            let (checks, warnings) = (self.graph.checks.len(), self.warnings.len());
            match self.attempt(course, &carried, body, span)? {
                Attempt::Fits(checked) => return self.close_loop(course, &carried, checked, span),
                Attempt::Wider(first) => carried.first = first,
                Attempt::Returns(value) => carried.returns = Some(value),
            }
            self.graph.checks.truncate(checks);
            self.warnings.truncate(warnings);
        }
        Err(Diagnostic::error(codes::TYPE, span, "the types of this loop's variables do not settle")
            .help("declare them with the type that they get: var s = 0.0"))
    }

    /// Checks the body once, for given types of what is carried.
    fn attempt(
        &mut self,
        course: &Course,
        carried: &Carried,
        body: &mut dyn FnMut(&mut Self) -> Result<()>,
        span: Span,
    ) -> Result<Attempt> {
        let before = self.scope.values();
        let outer = (self.flow.left.take(), self.flow.broke.take(), self.flow.returned.take());
        let (mut states, mut first) = (Vec::new(), Vec::new());
        let mut inner = Vec::new();
        for (position, value) in carried.names.iter().zip(&carried.first) {
            let name = self.scope.bindings().nth(*position).map_or(String::new(), |binding| binding.name.clone());
            inner.push(self.carry(&name, value, &mut states, &mut first));
        }
        let flag = carried.leaves.then(|| {
            let no = Value::array(self.graph.constant(Constant::Bool(false), DType::Bool));
            self.carry("left", &no, &mut states, &mut first)
        });
        let returned = carried.returns.as_ref().map(|value| {
            let zero = value.map(&mut |id| {
                let ty = self.graph.ty(id).clone();
                self.graph.zeros(&ty)
            });
            let no = Value::array(self.graph.constant(Constant::Bool(false), DType::Bool));
            let (has, what) = (
                self.carry("returned", &no, &mut states, &mut first),
                self.carry("result", &zero, &mut states, &mut first),
            );
            (has, what)
        });
        for (position, value) in carried.names.iter().zip(inner) {
            self.scope.set(*position, value);
        }
        let extent = course.extent.clone().unwrap_or(Size::from(UNBOUNDED));
        let counter = self.graph.new_var(course.name.clone(), extent);
        let vars = std::iter::once(counter).chain(states.iter().copied()).collect();
        let entered = course.limit.map(|limit| {
            let zero = self.graph.int(0);
            self.graph.map(&GREATER, &[limit, zero])
        });
        let guards = self.flow.guards.len();
        self.flow.frames.push(Frame { vars, guards, entered });
        let checks = self.graph.checks.len();
        let outcome = self.iteration(course, counter, flag.as_ref(), body);
        self.flow.frames.pop();
        self.flow.guards.truncate(guards);
        let inner_flow = (self.flow.left.take(), self.flow.broke.take(), self.flow.returned.take());
        (self.flow.left, self.flow.broke, self.flow.returned) = outer;
        let after = self.scope.values();
        for (position, value) in before.into_iter().enumerate() {
            self.scope.set(position, value);
        }
        let again = outcome?;
        let (broke, now_returned) = (inner_flow.1, inner_flow.2);
        if let (Some((_, value)), None) = (&now_returned, &carried.returns) {
            return Ok(Attempt::Returns(value.clone()));
        }
        // The next value of each state, in the order in which they were made.
        let nexts: Vec<Value> = carried.names.iter().filter_map(|at| after.get(*at).cloned()).collect();
        if let Some(wider) = self.wider(carried, &nexts, span)? {
            return Ok(Attempt::Wider(wider));
        }
        let mut next: Vec<NodeId> = Vec::new();
        for (value, start) in nexts.iter().zip(&carried.first) {
            for (id, start) in value.nodes().into_iter().zip(start.nodes()) {
                let dtype = self.graph.ty(start).dtype;
                next.push(self.graph.cast(id, dtype));
            }
        }
        if let Some(flag) = &flag {
            let returns = now_returned.as_ref().map(|(condition, _)| *condition);
            let left = self.either(broke, returns);
            let left = self.either(left, flag.nodes().first().copied());
            next.extend(left);
        }
        if let Some((has, what)) = &returned {
            let (condition, value) =
                now_returned.unwrap_or_else(|| (has.nodes().first().copied().unwrap_or(again), what.clone()));
            let operand = super::operators::Operand { id: condition, literal: false, span };
            let chosen = self.choose(&operand, &value, what, span)?;
            next.push(condition);
            for (id, start) in chosen.nodes().into_iter().zip(what.nodes()) {
                let dtype = self.graph.ty(start).dtype;
                next.push(self.graph.cast(id, dtype));
            }
        }
        let own = |c: &Self, id: NodeId| {
            c.graph.depends_on(id, counter) || states.iter().any(|state| c.graph.depends_on(id, *state))
        };
        let made = self.graph.checks.split_off(checks);
        let (inside, outside): (Vec<NodeId>, Vec<NodeId>) = made.into_iter().partition(|&check| own(self, check));
        self.graph.checks.extend(outside);
        Ok(Attempt::Fits(Body { states, counter, again, first, next, checks: inside }))
    }

    /// A state per array of a value: the value as it is when an iteration begins.
    fn carry(&mut self, name: &str, value: &Value, states: &mut Vec<VarId>, first: &mut Vec<NodeId>) -> Value {
        value.map(&mut |id| {
            let var = self.graph.new_var(name, Size::from(UNBOUNDED));
            states.push(var);
            first.push(id);
            let ty = self.graph.ty(id).clone();
            self.graph.state(var, ty)
        })
    }

    /// One iteration: its condition, then its body. Gives the condition.
    fn iteration(
        &mut self,
        course: &Course,
        counter: VarId,
        flag: Option<&Value>,
        body: &mut dyn FnMut(&mut Self) -> Result<()>,
    ) -> Result<NodeId> {
        let goes_on = match flag.and_then(|flag| flag.nodes().first().copied()) {
            Some(flag) => Some(self.graph.map(&NOT, &[flag])),
            None => None,
        };
        let condition = match &course.condition {
            None => None,
            Some(condition) => {
                let guards = self.flow.guards.len();
                self.flow.guards.extend(goes_on);
                let truth = self.truth(condition, "while");
                self.flow.guards.truncate(guards);
                Some(truth?.id)
            }
        };
        let again = match (goes_on, condition) {
            (Some(a), Some(b)) => self.graph.map(&AND, &[a, b]),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => self.graph.constant(Constant::Bool(true), DType::Bool),
        };
        if let (Some(frame), None) = (self.flow.frames.last_mut(), course.limit) {
            frame.entered = Some(again);
        }
        self.scope.enter();
        let at = self.graph.var_value(counter);
        let bound = self.bind_element(&course.element, at);
        let done = bound.and_then(|()| body(self));
        self.scope.leave();
        done.map(|()| again)
    }

    fn bind_element(&mut self, element: &Element, at: NodeId) -> Result<()> {
        match element {
            Element::None => Ok(()),
            Element::Range(pattern, first, step) => {
                let scaled = self.graph.times(*step, at);
                let value = self.graph.plus(*first, scaled);
                self.bind_pattern(pattern, Value::array(value), false)
            }
            Element::Rows(pattern, source) => {
                let row = self.row_of(source, at)?;
                self.bind_pattern(pattern, row, false)
            }
        }
    }

    /// First values as the body needs them, if it carries on something wider than it began with.
    fn wider(&mut self, carried: &Carried, nexts: &[Value], span: Span) -> Result<Option<Vec<Value>>> {
        let mut changed = false;
        let mut all = Vec::new();
        for ((position, start), next) in carried.names.iter().zip(&carried.first).zip(nexts) {
            let (old, new) = (start.nodes(), next.nodes());
            let name = self.scope.bindings().nth(*position).map_or(String::new(), |b| b.name.clone());
            let same = old.len() == new.len()
                && old.iter().zip(&new).all(|(a, b)| self.graph.shape(*a) == self.graph.shape(*b));
            if !same {
                return Err(self.changes_shape(&name, start, next, span));
            }
            let mut dtypes = new.iter().map(|id| self.graph.ty(*id).dtype).collect::<Vec<_>>().into_iter();
            all.push(start.map(&mut |id| {
                let (own, wanted) = (self.graph.ty(id).dtype, dtypes.next().unwrap_or(DType::F64));
                let widens = own != wanted && wanted.is_float();
                changed |= widens;
                if widens { self.graph.cast(id, wanted) } else { id }
            }));
        }
        Ok(changed.then_some(all))
    }

    fn changes_shape(&self, name: &str, start: &Value, next: &Value, span: Span) -> Box<Diagnostic> {
        self.varies.set(true);
        let (was, is) = (start.describe(&self.graph), next.describe(&self.graph));
        Diagnostic::error(
            codes::SIZES,
            span,
            format!("`{name}` is {was} before an iteration of this loop and {is} behind it"),
        )
        .help("a loop's variable keeps its sizes: make it as large as it gets, and assign parts of it")
    }

    /// The loop node, and what the names are behind it.
    fn close_loop(&mut self, course: &Course, carried: &Carried, body: Body, span: Span) -> Result<()> {
        self.graph.span = span;
        let unlimited = self.graph.int(UNBOUNDED);
        let limit = course.limit.unwrap_or(unlimited);
        let on: Vec<NodeId> = body.first.iter().copied().chain([limit]).collect();
        let condition = self.effect_condition(&on);
        let limit = match condition {
            Some(condition) => {
                let none = self.graph.int(0);
                self.graph.map(&WHERE, &[condition, limit, none])
            }
            None => limit,
        };
        let checked = !body.checks.is_empty();
        let parts =
            [limit, body.again].into_iter().chain(body.first.iter().copied()).chain(body.next).chain(body.checks);
        let node = self.graph.add_loop(Binder { counter: body.counter, states: body.states }, parts.collect());
        if checked {
            // What may fail in it is found out even if nobody reads what it computes.
            self.graph.checks.push(node);
        }
        let mut position = 0;
        let mut last = |c: &mut Self, first: NodeId| {
            let id = c.graph.last(node, position);
            position += 1;
            if condition.is_some() {
                c.flow.kept.insert(id, first);
            }
            id
        };
        for (at, value) in carried.names.iter().zip(&carried.first) {
            let value = value.map(&mut |first| last(self, first));
            let name = self.scope.bindings().nth(*at).map_or(String::new(), |binding| binding.name.clone());
            let value = self.named_value(&name, value);
            self.scope.set(*at, value);
        }
        if carried.leaves {
            let unlimited = self.graph.constant(Constant::Bool(false), DType::Bool);
            last(self, unlimited);
        }
        if let Some(value) = &carried.returns {
            let no = self.graph.constant(Constant::Bool(false), DType::Bool);
            let has = last(self, no);
            let what = value.map(&mut |first| last(self, first));
            self.flow.left = self.either(self.flow.left, Some(has));
            self.add_returned(has, what, span)?;
        }
        Ok(())
    }

    /// `fold((acc, v) -> e, init, x)`: gives the last accumulator, and all of them if `all`.
    pub(super) fn accumulate(
        &mut self,
        start: Value,
        source: &Source,
        all: bool,
        span: Span,
        step: &mut Step<'_, Self>,
    ) -> Result<Value> {
        let extent = self.common_length(source, span)?;
        let limit = self.graph.size_value(&extent);
        let course = Course {
            limit: Some(limit),
            extent: Some(extent.clone()),
            condition: None,
            element: Element::None,
            name: "fold".into(),
        };
        self.scope.enter();
        let place = |text: &str| Name { text: text.into(), span };
        let literal = start.clone();
        self.scope.bind("accumulator", start, span, true);
        let barrier = std::mem::replace(&mut self.flow.barrier, self.scope.len() - 1);
        let mut names = BTreeSet::from(["accumulator".to_string()]);
        if all {
            let whole = literal.map(&mut |id| {
                let mut ty = self.graph.ty(id).clone();
                ty.shape.insert(0, extent.clone());
                self.graph.zeros(&ty)
            });
            self.bind_name(&place("accumulators"), whole, true);
            names.insert("accumulators".to_string());
        }
        let (acc_at, all_at) = (self.scope.position("accumulator"), self.scope.position("accumulators"));
        let done = self.run_loop(&course, &names, Exits::default(), span, &mut |c| {
            let acc = acc_at.and_then(|at| c.scope.value(at).cloned()).unwrap_or(Value::Nothing);
            let Some(counter) = c.flow.frames.last().and_then(|frame| frame.vars.first().copied()) else {
                return Ok(());
            };
            let at = c.graph.var_value(counter);
            let row = c.row_of(source, at)?;
            let new = step(c, acc, row)?;
            if let (true, Some(position)) = (all, all_at) {
                let whole = c.scope.value(position).cloned().unwrap_or(Value::Nothing);
                let yes = c.graph.constant(Constant::Bool(true), DType::Bool);
                let mut parts = new.nodes().into_iter();
                let whole = whole.map(&mut |id| match parts.next() {
                    Some(part) => {
                        let (dtype, kept) = (c.graph.ty(part).dtype, c.graph.ty(id).dtype);
                        let id = if dtype.is_float() && !kept.is_float() { c.graph.cast(id, dtype) } else { id };
                        let part = c.graph.cast(part, c.graph.ty(id).dtype);
                        c.graph.update(id, part, yes, &[0], &[at])
                    }
                    None => id,
                });
                c.scope.set(position, whole);
            }
            if let Some(at) = acc_at {
                c.scope.set(at, new);
            }
            Ok(())
        });
        let result = if all { all_at } else { acc_at }.and_then(|at| self.scope.value(at).cloned());
        self.flow.barrier = barrier;
        self.scope.leave();
        done?;
        Ok(result.unwrap_or(Value::Nothing).settled())
    }
}

/// How a loop's body may be left before its end.
#[derive(Clone, Copy, Default)]
pub(super) struct Exits {
    /// By `break` or `return`, so that no other iteration follows.
    leaves: bool,
}

fn exits(body: &Block) -> Exits {
    Exits { leaves: body.statements.iter().any(|statement| statement_leaves(statement, false)) }
}

/// Whether a statement may leave the loop around it; `inner` is whether it stands in another loop in that one.
fn statement_leaves(statement: &Statement, inner: bool) -> bool {
    let block = |block: &Block, inner: bool| block.statements.iter().any(|s| statement_leaves(s, inner));
    match &statement.kind {
        StatementKind::Break => !inner,
        StatementKind::Return(_) => true,
        StatementKind::For(_, _, body) | StatementKind::While(_, body) => block(body, true),
        StatementKind::Expr(expr) => expression_leaves(expr, inner),
        _ => false,
    }
}

fn expression_leaves(expr: &Expr, inner: bool) -> bool {
    match &expr.kind {
        ExprKind::If(_, then, otherwise) => {
            let blocks = std::iter::once(then).chain(otherwise);
            blocks.flat_map(|block| &block.statements).any(|statement| statement_leaves(statement, inner))
        }
        _ => false,
    }
}

/// The names that a body assigns, without those that it declares itself.
fn assigned(body: &Block) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    assigned_in(body, &mut Vec::new(), &mut names);
    names
}

fn assigned_in(block: &Block, own: &mut Vec<String>, names: &mut BTreeSet<String>) {
    let outer = own.len();
    for statement in &block.statements {
        match &statement.kind {
            StatementKind::Assign(target, ..) => {
                if let Some(name) = root(target).filter(|name| !own.contains(name)) {
                    names.insert(name);
                }
            }
            StatementKind::Var(name, _) => own.push(name.text.clone()),
            StatementKind::Let(pattern, _) => bound(pattern, own),
            _ => {}
        }
        visit::statement_blocks(statement, &mut |pattern, inner| {
            let before = own.len();
            if let Some(pattern) = pattern {
                bound(pattern, own);
            }
            assigned_in(inner, own, names);
            own.truncate(before);
        });
    }
    own.truncate(outer);
}

fn bound(pattern: &Pattern, own: &mut Vec<String>) {
    match pattern {
        Pattern::Name(name) => own.push(name.text.clone()),
        Pattern::Tuple(parts, _) => parts.iter().for_each(|part| bound(part, own)),
    }
}

/// The name that an assignment changes in the end.
pub(super) fn root(target: &Expr) -> Option<String> {
    match &target.kind {
        ExprKind::Name(name) => Some(name.clone()),
        ExprKind::Index(base, _) => root(base),
        _ => None,
    }
}
