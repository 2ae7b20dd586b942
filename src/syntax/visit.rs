//! Walking over the expressions of a statement.
//!
//! In: a statement. Out: each expression in it, outer ones first.
//! Always holds: every expression is visited once, and nesting is bounded by the parser.

use super::ast::{Block, Expr, ExprKind, Generator, IndexItem, Iterable, Pattern, Statement, StatementKind};

/// Calls `f` with every expression in the block.
pub fn block_expressions<'a>(block: &'a Block, f: &mut dyn FnMut(&'a Expr)) {
    block.statements.iter().for_each(|statement| statement_expressions(statement, f));
}

/// Calls `f` with every expression in the statement.
pub fn statement_expressions<'a>(statement: &'a Statement, f: &mut dyn FnMut(&'a Expr)) {
    statement_parts(statement, &mut |e| expressions(e, f));
    if let StatementKind::For(_, _, block) | StatementKind::While(_, block) = &statement.kind {
        block_expressions(block, f);
    }
}

fn iterable_parts<'a>(iterable: &'a Iterable, f: &mut dyn FnMut(&'a Expr)) {
    match iterable {
        Iterable::Range { start, stop, step } => {
            f(start);
            f(stop);
            step.iter().for_each(&mut *f);
        }
        Iterable::Over(e) => f(e),
    }
}

/// Calls `f` with the expressions that a statement is directly made of, those in its blocks excepted.
fn statement_parts<'a>(statement: &'a Statement, f: &mut dyn FnMut(&'a Expr)) {
    match &statement.kind {
        StatementKind::Let(_, e)
        | StatementKind::Var(_, e)
        | StatementKind::Expr(e)
        | StatementKind::Assert(e, _)
        | StatementKind::While(e, _) => f(e),
        StatementKind::Assign(a, _, b) => {
            f(a);
            f(b);
        }
        StatementKind::Return(e) => e.iter().for_each(&mut *f),
        StatementKind::For(_, iterable, _) => iterable_parts(iterable, f),
        StatementKind::Break | StatementKind::Continue => {}
    }
}

/// Calls `f` with every expression in what generators run over.
pub fn generators<'a>(generators: &'a [Generator], f: &mut dyn FnMut(&'a Expr)) {
    let iterables = generators.iter().map(|generator| &generator.iterable);
    iterables.for_each(|iterable| iterable_parts(iterable, &mut |part| expressions(part, f)));
}

/// Calls `f` with the expression and every one inside it.
pub fn expressions<'a>(expr: &'a Expr, f: &mut dyn FnMut(&'a Expr)) {
    f(expr);
    if let ExprKind::If(_, then, otherwise) = &expr.kind {
        block_expressions(then, f);
        otherwise.iter().for_each(|block| block_expressions(block, f));
    }
    parts(expr, &mut |part| expressions(part, f));
}

/// Calls `f` with the expressions that an expression is directly made of, those in its blocks excepted.
fn parts<'a>(expr: &'a Expr, f: &mut dyn FnMut(&'a Expr)) {
    match &expr.kind {
        ExprKind::Call(callee, args) => {
            f(callee);
            args.iter().for_each(|arg| f(&arg.value));
        }
        ExprKind::Unary(_, e) | ExprKind::Field(e, _) | ExprKind::Lambda(_, e) => f(e),
        ExprKind::Binary(_, a, b) => {
            f(a);
            f(b);
        }
        ExprKind::Index(e, items) => {
            f(e);
            for item in items {
                match item {
                    IndexItem::At(e) => f(e),
                    IndexItem::Slice { start, stop, step, .. } => {
                        [start, stop, step].into_iter().flatten().for_each(&mut *f);
                    }
                }
            }
        }
        ExprKind::If(condition, ..) => f(condition),
        ExprKind::Tuple(parts) | ExprKind::Array(parts) => parts.iter().for_each(&mut *f),
        ExprKind::Comprehension(e, generators) | ExprKind::Generated(e, generators) => {
            f(e);
            generators.iter().for_each(|generator| iterable_parts(&generator.iterable, f));
        }
        ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) | ExprKind::Str(_) | ExprKind::Name(_) => {}
    }
}

/// Calls `f` with the blocks directly in a statement, and the pattern that each binds.
pub fn statement_blocks<'a>(statement: &'a Statement, f: &mut dyn FnMut(Option<&'a Pattern>, &'a Block)) {
    match &statement.kind {
        StatementKind::For(pattern, _, block) => f(Some(pattern), block),
        StatementKind::While(_, block) => f(None, block),
        _ => statement_parts(statement, &mut |expr| blocks_of(expr, f)),
    }
}

/// Calls `f` with the blocks of an expression that lie in no other block.
fn blocks_of<'a>(expr: &'a Expr, f: &mut dyn FnMut(Option<&'a Pattern>, &'a Block)) {
    if let ExprKind::If(_, then, otherwise) = &expr.kind {
        f(None, then);
        otherwise.iter().for_each(|block| f(None, block));
    }
    parts(expr, &mut |part| blocks_of(part, f));
}
