//! Control flow as data flow: conditions, branches, and leaving loops and functions early.
//!
//! In: branches and exits as statements make them. Out: values chosen by conditions, and the condition of each effect.
//! Always holds: what stands under a condition has no effect where the condition is false; what it computes there is
//! never used.

use super::function::differentiated_names;
use super::operators::Operand;
use super::{Checker, Host, Scope, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{CheckKind, Constant, Graph, NodeId, Op, VarId};
use crate::ops::elementwise::{AND, NOT, OR, WHERE};
use crate::runtime::array::DType;
use crate::syntax::ast::{Block, Expr, Function};
use crate::syntax::span::Span;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// Where control stands.
#[derive(Default)]
pub(super) struct Flow {
    /// Conditions under which the present place is reached, outermost first.
    pub guards: Vec<NodeId>,
    /// The loops around it, outermost first.
    pub frames: Vec<Frame>,
    /// Whether the present iteration (outside of loops: the function) has been left before its end.
    pub left: Option<NodeId>,
    /// Whether the present loop has been left for good.
    pub broke: Option<NodeId>,
    /// Whether the function has returned, and what.
    pub returned: Option<(NodeId, Value)>,
    /// Values that are equal to an older one wherever the conditions that they were made under are false.
    pub kept: FxHashMap<NodeId, NodeId>,
    /// Whether this is a function's body.
    pub function: bool,
    /// Names bound before this position belong to whoever is outside of a comprehension or a lambda.
    pub barrier: usize,
}

/// A loop around the present place.
pub(super) struct Frame {
    /// Its variables.
    pub vars: Vec<VarId>,
    /// How many conditions held outside.
    pub guards: usize,
    /// Whether its body runs at all; known outside, unless it depends on the loop's variables.
    pub entered: Option<NodeId>,
}

/// What a function's body that is checked in the middle of another one must not touch.
pub(super) struct Outside<'a> {
    scope: Scope,
    left: [Option<NodeId>; 2],
    returned: Option<(NodeId, Value)>,
    function: bool,
    barrier: usize,
    targets: BTreeSet<String>,
    host: Option<&'a mut dyn Host>,
}

impl<'a> Checker<'a> {
    /// Goes into the body of a function, with these names in scope.
    pub(super) fn enter_body(&mut self, function: &Function, scope: Scope) -> Outside<'a> {
        let mut targets = differentiated_names(&function.body);
        targets.extend(self.targets.iter().cloned());
        let outside = Outside {
            scope: std::mem::replace(&mut self.scope, scope),
            left: [self.flow.left.take(), self.flow.broke.take()],
            returned: self.flow.returned.take(),
            function: std::mem::replace(&mut self.flow.function, true),
            barrier: std::mem::take(&mut self.flow.barrier),
            targets: std::mem::replace(&mut self.targets, targets),
            host: self.host.take(),
        };
        self.scope.enter();
        outside
    }

    /// Comes back from it.
    pub(super) fn leave_body(&mut self, outside: Outside<'a>) {
        self.scope = outside.scope;
        [self.flow.left, self.flow.broke] = outside.left;
        self.flow.returned = outside.returned;
        self.flow.function = outside.function;
        self.flow.barrier = outside.barrier;
        self.targets = outside.targets;
        self.host = outside.host;
    }
}

impl Checker<'_> {
    /// Whether control comes here whatever the data are, so that what is wrong is wrong before the program runs.
    pub(super) fn is_sure(&self) -> bool {
        let runs = |frame: &Frame| {
            let entered = frame.entered.and_then(|entered| self.graph.as_constant(entered));
            entered == Some(Constant::Bool(true))
        };
        self.flow.guards.is_empty() && self.flow.frames.iter().all(runs)
    }

    fn all(&mut self, conditions: &[NodeId]) -> Option<NodeId> {
        conditions.iter().copied().reduce(|a, b| self.graph.map(&AND, &[a, b]))
    }

    /// The condition of the present place, as far as it is not sure inside the innermost loop.
    pub(super) fn condition(&mut self) -> Option<NodeId> {
        let base = self.flow.frames.last().map_or(0, |frame| frame.guards);
        let own = self.flow.guards.get(base..).unwrap_or_default().to_vec();
        self.all(&own)
    }

    /// The condition of an effect that depends on some nodes: one that depends on no variable of a loop happens outside
    /// of it, so it has to know whether the loop is entered.
    pub(super) fn effect_condition(&mut self, on: &[NodeId]) -> Option<NodeId> {
        let mut conditions = Vec::new();
        let mut end = self.flow.guards.len();
        for at in (0..self.flow.frames.len()).rev() {
            let Some(frame) = self.flow.frames.get(at) else { break };
            let inner = self.flow.guards.get(frame.guards..end).unwrap_or_default();
            end = frame.guards;
            conditions.extend_from_slice(inner);
            let inside = |id: &NodeId| frame.vars.iter().any(|var| self.graph.depends_on(*id, *var));
            if on.iter().chain(&conditions).any(inside) {
                return self.all(&conditions);
            }
            conditions.extend(frame.entered);
        }
        conditions.extend_from_slice(self.flow.guards.get(..end).unwrap_or_default());
        self.all(&conditions)
    }

    /// Whether a check here may be left out while what is computed of a value is computed all the same: under a condition, and
    /// outside of a loop that may not be entered.
    pub(super) fn is_conditional(&mut self, on: &[NodeId]) -> bool {
        let condition = self.effect_condition(on);
        condition.is_some_and(|id| self.graph.as_constant(id) != Some(Constant::Bool(true)))
    }

    /// What is checked, with the condition under which it matters.
    pub(super) fn guarded(&mut self, kind: &CheckKind, inputs: &mut Vec<NodeId>) {
        let Some(guard) = self.effect_condition(inputs) else { return };
        guard_check(&mut self.graph, kind, guard, inputs);
    }

    /// Does something under a condition. Names keep their values where it does not hold.
    pub(super) fn under<T>(&mut self, condition: NodeId, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let before = self.scope.values();
        self.flow.guards.push(condition);
        let done = work(self);
        self.flow.guards.pop();
        let done = done?;
        for (position, old) in before.into_iter().enumerate() {
            let Some(new) = self.scope.value(position).cloned() else { break };
            if !self.is_kept(&new, &old) {
                let chosen = self.merged(position, condition, &new, &old)?;
                self.scope.set(position, chosen);
            }
        }
        Ok(done)
    }

    /// Whether a value is the older one wherever what it was made under does not hold.
    fn is_kept(&self, new: &Value, old: &Value) -> bool {
        if new == old {
            return true;
        }
        let (new, old) = (new.nodes(), old.nodes());
        !new.is_empty() && new.len() == old.len() && new.iter().zip(&old).all(|(new, old)| self.stems_from(*new, *old))
    }

    fn stems_from(&self, new: NodeId, old: NodeId) -> bool {
        let mut at = new;
        while at != old {
            match self.flow.kept.get(&at) {
                Some(&older) => at = older,
                None => return false,
            }
        }
        true
    }

    /// The value of a name behind a branch.
    fn merged(&mut self, position: usize, condition: NodeId, then: &Value, otherwise: &Value) -> Result<Value> {
        let binding = self.scope.bindings().nth(position);
        let (name, span) = binding.map_or((String::new(), Span::default()), |b| (b.name.clone(), b.span));
        let condition = Operand { id: condition, literal: false, span };
        let chosen = self.choose(&condition, then, otherwise, span).map_err(|mut problem| {
            problem.message = format!("`{name}` differs behind this branch: {}", problem.message);
            problem
        })?;
        Ok(self.named_value(&name, chosen))
    }

    /// `if` as a statement or an expression.
    pub(super) fn if_expression(
        &mut self,
        condition: &Expr,
        then: &Block,
        otherwise: Option<&Block>,
        span: Span,
    ) -> Result<Value> {
        let operand = self.truth(condition, "if")?;
        if let Some(Constant::Bool(holds)) = self.graph.as_constant(operand.id) {
            return match (holds, otherwise) {
                (true, Some(_)) => self.block(then),
                (true, None) => self.block(then).map(|_| Value::Nothing),
                (false, Some(otherwise)) => self.block(otherwise),
                (false, None) => Ok(Value::Nothing),
            };
        }
        let before = self.scope.values();
        self.flow.guards.push(operand.id);
        let a = self.block(then);
        self.flow.guards.pop();
        let (a, after_then) = (a?, self.scope.values());
        // The other branch starts from the old values; an array changed in place is still the old one there.
        for (position, (old, new)) in before.iter().zip(&after_then).enumerate() {
            if !self.is_kept(new, old) {
                self.scope.set(position, old.clone());
            }
        }
        let (started, b) = (self.scope.values(), self.branch_otherwise(operand.id, otherwise)?);
        for (position, (then_value, start)) in after_then.iter().zip(&started).enumerate() {
            let Some(value) = self.scope.value(position).cloned() else { break };
            if then_value == start && self.is_kept(&value, start) {
                continue;
            }
            let chosen = self.merged(position, operand.id, then_value, &value)?;
            self.scope.set(position, chosen);
        }
        match (&a, &b) {
            (Value::Nothing, _) | (_, Value::Nothing) => Ok(Value::Nothing),
            _ => self.choose(&operand, &a, &b, span),
        }
    }

    fn branch_otherwise(&mut self, condition: NodeId, otherwise: Option<&Block>) -> Result<Value> {
        let Some(otherwise) = otherwise else { return Ok(Value::Nothing) };
        let not = self.graph.map(&NOT, &[condition]);
        self.flow.guards.push(not);
        let value = self.block(otherwise);
        self.flow.guards.pop();
        value
    }

    /// The condition of an `if` or a `while`: one truth value.
    pub(super) fn truth(&mut self, condition: &Expr, of: &str) -> Result<Operand> {
        let operand = self.operand(condition)?;
        self.expect_bool(&operand, &format!("the condition of `{of}` is a truth value"))?;
        if self.graph.ty(operand.id).rank() != 0 {
            return Err(Diagnostic::error(
                codes::RANK,
                condition.span,
                format!("the condition of `{of}` is one truth value"),
            )
            .at(format!("this is {}", self.graph.ty(operand.id)))
            .help("choose element by element with where(c, a, b), or reduce with any(c) or all(c)"));
        }
        Ok(operand)
    }

    /// One of two values of one kind.
    pub(super) fn choose(&mut self, condition: &Operand, a: &Value, b: &Value, span: Span) -> Result<Value> {
        match (a, b) {
            _ if a == b => Ok(a.clone()),
            (Value::Tuple(left), Value::Tuple(right)) if left.len() == right.len() => Ok(Value::Tuple(
                left.iter().zip(right).map(|(a, b)| self.choose(condition, a, b, span)).collect::<Result<_>>()?,
            )),
            (Value::Record(left), Value::Record(right))
                if left.len() == right.len() && left.iter().zip(right).all(|(a, b)| a.0 == b.0) =>
            {
                let fields = left.iter().zip(right);
                Ok(Value::Record(
                    fields
                        .map(|((name, a), (_, b))| Ok((name.clone(), self.choose(condition, a, b, span)?)))
                        .collect::<Result<_>>()?,
                ))
            }
            (Value::Array { id: x, .. }, Value::Array { id: y, .. }) => {
                let (tx, ty) = (self.graph.ty(*x).clone(), self.graph.ty(*y).clone());
                // `where` makes sure that sizes are equal of which only running tells.
                let mut sizes = tx.shape.iter().zip(&ty.shape);
                if tx.rank() != ty.rank() || sizes.any(|(x, y)| x.is_one() != y.is_one() || !self.may_be_equal(x, y)) {
                    return Err(Diagnostic::error(
                        codes::SIZES,
                        span,
                        format!("one branch gives {tx}, the other {ty}"),
                    ));
                }
                let (x, y) = (self.as_operand(a, span)?, self.as_operand(b, span)?);
                self.elementwise(&WHERE, &[*condition, x, y], span)
            }
            _ => Err(Diagnostic::error(codes::TYPE, span, "both branches of `if` give a value of one kind")
                .at(format!("one gives {}, the other {}", a.describe(&self.graph), b.describe(&self.graph)))),
        }
    }

    /// `a or b`, where nothing is false.
    pub(super) fn either(&mut self, a: Option<NodeId>, b: Option<NodeId>) -> Option<NodeId> {
        match (a, b) {
            (Some(a), Some(b)) => Some(self.graph.map(&OR, &[a, b])),
            (one, other) => one.or(other),
        }
    }

    /// Notes that control leaves here: the condition under which it does.
    fn leave(&mut self) -> NodeId {
        let here = match self.condition() {
            Some(condition) => condition,
            None => self.graph.constant(Constant::Bool(true), DType::Bool),
        };
        self.flow.left = self.either(self.flow.left, Some(here));
        here
    }

    /// `break`, `continue`.
    pub(super) fn leave_loop(&mut self, for_good: bool, span: Span) -> Result<()> {
        if self.flow.frames.is_empty() {
            return Err(Diagnostic::error(codes::SYNTAX, span, "there is no loop to leave here"));
        }
        let here = self.leave();
        if for_good {
            self.flow.broke = self.either(self.flow.broke, Some(here));
        }
        Ok(())
    }

    /// `return e`.
    pub(super) fn return_value(&mut self, value: Option<&Expr>, span: Span) -> Result<()> {
        if !self.flow.function {
            return Err(
                Diagnostic::error(codes::SYNTAX, span, "only a function returns").help("print(…) the value instead")
            );
        }
        let Some(value) = value else {
            return Err(Diagnostic::error(codes::TYPE, span, "`return` needs a value").help("write return e"));
        };
        let given = self.expression(value)?;
        let here = self.leave();
        self.add_returned(here, given, span)
    }

    /// Notes that the function has returned a value under a condition.
    pub(super) fn add_returned(&mut self, here: NodeId, given: Value, span: Span) -> Result<()> {
        self.flow.returned = Some(match self.flow.returned.take() {
            None => (here, given),
            Some((earlier, known)) => {
                let condition = Operand { id: earlier, literal: false, span };
                let value = self.choose(&condition, &known, &given, span)?;
                (self.graph.map(&OR, &[earlier, here]), value)
            }
        });
        Ok(())
    }
}

/// Adds a condition to the operands of a check.
fn guard_check(graph: &mut Graph, kind: &CheckKind, guard: NodeId, inputs: &mut Vec<NodeId>) {
    let Some(value) = inputs.first().copied() else { return };
    let shape = graph.shape(value).to_vec();
    let wide = graph.broadcast(guard, &[], &shape);
    match kind {
        CheckKind::Index { .. } => match inputs.get(2).copied() {
            None => inputs.push(guard),
            Some(known) => {
                let guard = if graph.ty(known).rank() == 0 { guard } else { wide };
                let both = graph.map(&AND, &[known, guard]);
                inputs.truncate(2);
                inputs.push(both);
            }
        },
        CheckKind::NonZero | CheckKind::Step => {
            let harmless = graph.full_like(value, 1.0);
            let harmless = graph.map(&WHERE, &[wide, value, harmless]);
            inputs.splice(..1, [harmless]);
        }
        CheckKind::Equal { .. } => {
            if let Some(other) = inputs.get(1).copied() {
                let other = graph.map(&WHERE, &[wide, other, value]);
                inputs.truncate(1);
                inputs.push(other);
            }
        }
        CheckKind::Assert { .. } => {
            let not_here = graph.map(&NOT, &[wide]);
            let holds = graph.map(&OR, &[not_here, value]);
            inputs.splice(..1, [holds]);
        }
    }
}

/// A node that was made without a condition, as it is under one: a check that need not hold elsewhere, a loop that is
/// not entered elsewhere.
pub(super) fn under_condition(graph: &mut Graph, id: NodeId, condition: NodeId) -> NodeId {
    let node = graph.node(id).clone();
    let mut inputs = node.inputs.clone();
    match &node.op {
        Op::Check(kind) => guard_check(graph, kind, condition, &mut inputs),
        Op::Loop(_) => {
            if let Some(limit) = inputs.first_mut() {
                let none = graph.int(0);
                *limit = graph.map(&WHERE, &[condition, *limit, none]);
            }
        }
        Op::Update { .. } => {
            if let Some(guard) = inputs.get_mut(2) {
                *guard = graph.map(&AND, &[condition, *guard]);
            }
        }
        _ => return id,
    }
    graph.add(node.op, inputs, node.ty)
}
