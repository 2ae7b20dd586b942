//! Several mistakes in one run: statements behind the first that is wrong are checked too, but not run.
//!
//! In: the checker as it was before a statement failed, and the statements from there on. Out: what is wrong with them.
//! Always holds: what uses a name that a wrong statement was to bind is passed over, so one mistake is told once.

use super::effects::effect;
use super::stepping::is_stepwise;
use crate::check::{Checker, Host, Loaded};
use crate::diagnostic::{Code, Diagnostic, Result as Checking, codes};
use crate::syntax::ast::{ExprKind, Pattern, Statement, StatementKind};
use crate::syntax::span::Span;
use crate::syntax::visit;
use std::collections::BTreeSet;

/// The most statements whose mistakes are told.
const MAX_PROBLEMS: usize = 20;

/// What a statement may have changed when it turns out to be wrong.
pub(super) struct Before {
    names: usize,
    checks: usize,
    warnings: usize,
}

impl Before {
    /// The state of the checker.
    pub fn of(checker: &Checker<'_>) -> Before {
        Before { names: checker.scope.len(), checks: checker.graph.checks.len(), warnings: checker.warnings.len() }
    }

    /// Goes back to it.
    pub fn restore(self, checker: &mut Checker<'_>) {
        checker.wanted = None;
        checker.scope.leave_all(self.names);
        checker.start_again(self.checks, self.warnings);
    }
}

/// A world without files, for a program that is not going to run.
pub(super) struct Closed;

impl Host for Closed {
    fn load(&mut self, path: &str, span: Span) -> Checking<Loaded> {
        Err(Diagnostic::error(codes::FILE, span, format!("{path} is not read")))
    }

    fn clock(&mut self) -> f64 {
        0.0
    }
}

/// Whether a mistake is one of the text, which says nothing about the statements behind it; what fails when running ends
/// the program there.
fn is_static(code: Code) -> bool {
    code < codes::INDEX_RANGE || code == codes::NOT_AVAILABLE
}

/// The problem of the first of the statements, and those of the others.
pub(super) fn all_problems(
    checker: &mut Checker<'_>,
    problem: Box<Diagnostic>,
    statements: &[Statement],
) -> Vec<Box<Diagnostic>> {
    let Some((first, rest)) = statements.split_first().filter(|_| is_static(problem.code)) else {
        return vec![problem];
    };
    let mut lost = BTreeSet::new();
    bound_names(first, &mut lost);
    let mut found = vec![problem];
    for more in problems_behind(checker, lost, rest) {
        if !found.contains(&more) {
            found.push(more);
        }
    }
    found
}

/// What is wrong with the statements.
pub(super) fn problems(checker: &mut Checker<'_>, statements: &[Statement]) -> Vec<Box<Diagnostic>> {
    problems_behind(checker, BTreeSet::new(), statements)
}

/// What is wrong with statements that cannot rely on the names in `lost`.
fn problems_behind(
    checker: &mut Checker<'_>,
    mut lost: BTreeSet<String>,
    statements: &[Statement],
) -> Vec<Box<Diagnostic>> {
    let mut found: Vec<Box<Diagnostic>> = Vec::new();
    checker.live = false;
    for statement in statements {
        let mut bound = BTreeSet::new();
        bound_names(statement, &mut bound);
        // A block with effects is run iteration by iteration, and a variable's sizes may change there.
        if uses(statement, &lost) || is_stepwise(statement) {
            lost.extend(bound);
            continue;
        }
        checker.varies.set(false);
        let before = Before::of(checker);
        match effect(checker, statement) {
            Ok(_) => lost.retain(|name| !bound.contains(name)),
            Err(problem) => {
                let varies = checker.varies.get();
                before.restore(checker);
                lost.extend(bound);
                if is_static(problem.code) && !varies && !found.contains(&problem) {
                    found.push(problem);
                }
            }
        }
        if found.len() >= MAX_PROBLEMS {
            break;
        }
    }
    found
}

/// The names that a statement binds or assigns at the top level.
fn bound_names(statement: &Statement, names: &mut BTreeSet<String>) {
    match &statement.kind {
        StatementKind::Let(pattern, _) => pattern_names(pattern, names),
        StatementKind::Var(name, _) => drop(names.insert(name.text.clone())),
        StatementKind::Assign(target, ..) => {
            let mut root = target;
            while let ExprKind::Index(base, _) = &root.kind {
                root = base;
            }
            names.extend(root.as_name().map(|name| name.text));
        }
        _ => visit::statement_blocks(statement, &mut |_, block| {
            block.statements.iter().for_each(|inner| bound_names(inner, names));
        }),
    }
}

fn pattern_names(pattern: &Pattern, names: &mut BTreeSet<String>) {
    match pattern {
        Pattern::Name(name) => drop(names.insert(name.text.clone())),
        Pattern::Tuple(parts, _) => parts.iter().for_each(|part| pattern_names(part, names)),
    }
}

/// Whether a statement mentions one of the names.
fn uses(statement: &Statement, names: &BTreeSet<String>) -> bool {
    let mut found = false;
    visit::statement_expressions(statement, &mut |expr| {
        found |= matches!(&expr.kind, ExprKind::Name(name) if names.contains(name));
    });
    found
}
