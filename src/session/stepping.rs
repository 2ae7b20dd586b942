//! Loops and branches at the top level that do something to the world, or whose variables change their sizes: done
//! statement by statement.
//!
//! In: a statement with blocks. Out: its effects, in order.
//! Always holds: a variable's value is known at the end of an iteration, so the next one compiles to the same code, which
//! is kept.

use super::script::Runner;
use crate::check::Value;
use crate::check::plots::PLOTS;
use crate::diagnostic::{Diagnostic, Result as Checking, codes};
use crate::graph::{NodeId, Size, Type};
use crate::runtime::array::Array;
use crate::runtime::control::Count;
use crate::syntax::ast::{Block, Expr, ExprKind, Iterable, Pattern, Statement, StatementKind};
use crate::syntax::visit;

/// How many pieces of code are kept.
pub(super) const KEPT: usize = 256;

/// How a statement ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Next,
    Break,
    Continue,
}

/// Whether a statement has blocks that are run.
pub(super) fn has_blocks(statement: &Statement) -> bool {
    match &statement.kind {
        StatementKind::For(..) | StatementKind::While(..) => true,
        StatementKind::Expr(expr) => matches!(expr.kind, ExprKind::If(..)),
        _ => false,
    }
}

/// Whether a statement prints, draws, saves, loads or asks for the time in a block.
pub(super) fn is_stepwise(statement: &Statement) -> bool {
    let mut found = false;
    visit::statement_expressions(statement, &mut |expr| {
        if let ExprKind::Call(callee, _) = &expr.kind
            && let ExprKind::Name(name) = &callee.kind
        {
            found |= matches!(name.as_str(), "print" | "save" | "load" | "clock") || PLOTS.contains(&name.as_str());
        }
    });
    found && has_blocks(statement)
}

fn is_exit(statement: &Statement) -> bool {
    matches!(statement.kind, StatementKind::Break | StatementKind::Continue)
}

/// Whether a statement may leave the loop around it.
fn leaves(statement: &Statement) -> bool {
    let mut found = is_exit(statement);
    if !matches!(statement.kind, StatementKind::For(..) | StatementKind::While(..)) {
        visit::statement_blocks(statement, &mut |_, block| found |= block.statements.iter().any(leaves));
    }
    found
}

/// How many iterations a range has.
fn trips(first: i64, last: i64, step: i64) -> i64 {
    let span = if step > 0 { last.saturating_sub(first) } else { first.saturating_sub(last) };
    span.max(0).unsigned_abs().div_ceil(step.unsigned_abs().max(1)) as i64
}

impl Runner<'_, '_> {
    /// Does a statement with blocks step by step.
    pub(super) fn stepwise(&mut self, statement: &Statement) -> Checking<()> {
        if self.is_dry() {
            let text = "a block that prints, saves or draws, or whose variables change their sizes, is no single kernel to measure";
            return Err(Diagnostic::error(codes::ARGUMENTS, statement.span, text)
                .help("put what is to be measured into a function, and name that with --fn"));
        }
        self.steps += 1;
        let depth = self.checker.scope.len();
        let done = self.step(statement).map(|_| ());
        if done.is_err() {
            self.checker.scope.shorten(depth);
        }
        self.steps -= 1;
        done
    }

    fn step(&mut self, statement: &Statement) -> Checking<End> {
        match &statement.kind {
            StatementKind::For(pattern, iterable, body) => self.step_for(pattern, iterable, body),
            StatementKind::While(condition, body) => {
                while self.holds(condition, "while")? {
                    if self.iteration(|r| r.step_block(body))? == End::Break {
                        break;
                    }
                }
                Ok(End::Next)
            }
            StatementKind::Expr(Expr { kind: ExprKind::If(condition, then, otherwise), .. }) => {
                match (self.holds(condition, "if")?, otherwise) {
                    (true, _) => self.step_block(then),
                    (false, Some(otherwise)) => self.step_block(otherwise),
                    (false, None) => Ok(End::Next),
                }
            }
            StatementKind::Break => Ok(End::Break),
            StatementKind::Continue => Ok(End::Continue),
            _ => self.statement(statement).map(|()| End::Next),
        }
    }

    fn step_block(&mut self, block: &Block) -> Checking<End> {
        self.checker.scope.enter();
        for (position, statement) in block.statements.iter().enumerate() {
            if let (true, Some(next)) = (is_exit(statement), block.statements.get(position + 1)) {
                return Err(Diagnostic::error(codes::SYNTAX, next.span, "this is never reached")
                    .label(statement.span, "control does not come past this"));
            }
            let end = if leaves(statement) || is_stepwise(statement) {
                self.step(statement)?
            } else {
                self.statement(statement)?;
                End::Next
            };
            if end != End::Next {
                self.checker.scope.leave();
                return Ok(end);
            }
        }
        self.checker.scope.leave();
        Ok(End::Next)
    }

    /// One iteration; what its variables are is known behind it.
    fn iteration(&mut self, work: impl FnOnce(&mut Self) -> Checking<End>) -> Checking<End> {
        self.go_on()?;
        let before = self.checker.scope.values();
        let end = work(self)?;
        let changed = self.checker.scope.values().into_iter().zip(before).filter(|(new, old)| new != old);
        let live: Vec<NodeId> = changed.flat_map(|(new, _)| new.nodes()).collect();
        self.flush(live)?;
        Ok(end)
    }

    fn step_for(&mut self, pattern: &Pattern, iterable: &Iterable, body: &Block) -> Checking<End> {
        match iterable {
            Iterable::Range { start, stop, step } => {
                let bounds = self.asking(|r| r.checker.stepped_range(start, stop, step.as_ref()))?;
                let [first, last, step] =
                    [self.integer(bounds[0])?, self.integer(bounds[1])?, self.integer(bounds[2])?];
                let threads = self.threads;
                let count = threads.control().count(trips(first, last, step));
                let mut at = first;
                while if step > 0 { at < last } else { at > last } {
                    let value = self.given(at);
                    if self.round(pattern, value, body)? == End::Break {
                        break;
                    }
                    count.iter().for_each(Count::step);
                    let Some(next) = at.checked_add(step) else { break };
                    at = next;
                }
            }
            Iterable::Over(expr) => {
                let items = self.asking(|r| r.checker.stepped_items(expr))?;
                let threads = self.threads;
                let count = threads.control().count(items.len() as i64);
                for item in items {
                    count.iter().for_each(Count::step);
                    if self.round(pattern, item, body)? == End::Break {
                        break;
                    }
                }
            }
        }
        Ok(End::Next)
    }

    fn round(&mut self, pattern: &Pattern, value: Value, body: &Block) -> Checking<End> {
        self.iteration(|r| {
            r.checker.scope.enter();
            let done = r.checker.bind_pattern(pattern, value, false).and_then(|()| r.step_block(body));
            r.checker.scope.leave();
            done
        })
    }

    /// A number that the code gets as an input, so that it is the same for every number.
    fn given(&mut self, value: i64) -> Value {
        let ty = Type::array(crate::runtime::array::DType::I64, Vec::<Size>::new());
        let id = self.checker.graph.add_input("counter", ty);
        self.values.insert(id, Array::from(value));
        Value::array(id)
    }

    /// Checks something; whenever a size is needed that only running tells, what it depends on is run first.
    pub(super) fn asking<T>(&mut self, check: impl Fn(&mut Self) -> Checking<T>) -> Checking<T> {
        loop {
            let names = self.checker.graph.names();
            let done = check(self);
            self.take_loaded();
            let Some(wanted) = self.checker.wanted.take() else { return done };
            self.flush(Vec::new())?;
            let value = self.integer(wanted)?;
            self.asked = true;
            self.checker.graph.know(wanted, value);
            self.checker.graph.reuse_names(names);
        }
    }

    /// The value of a whole number.
    fn integer(&mut self, id: NodeId) -> Checking<i64> {
        self.note_checks();
        self.flush(vec![id])?;
        Ok(match self.values.get(&id) {
            Some(Array::I64(array)) => array.first().copied().unwrap_or(0),
            _ => 0,
        })
    }

    fn holds(&mut self, condition: &Expr, of: &str) -> Checking<bool> {
        let id = self.asking(|r| r.checker.stepped_condition(condition, of))?;
        self.note_checks();
        self.flush(vec![id])?;
        Ok(matches!(self.values.get(&id), Some(Array::Bool(array)) if array.first() == Some(&true)))
    }
}
