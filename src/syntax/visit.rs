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
    match &statement.kind {
        StatementKind::Let(_, e) | StatementKind::Var(_, e) | StatementKind::Expr(e) | StatementKind::Assert(e, _) => {
            expressions(e, f);
        }
        StatementKind::Assign(a, _, b) => {
            expressions(a, f);
            expressions(b, f);
        }
        StatementKind::Return(e) => e.iter().for_each(|e| expressions(e, f)),
        StatementKind::For(_, iterable, block) => {
            iterable_expressions(iterable, f);
            block_expressions(block, f);
        }
        StatementKind::While(e, block) => {
            expressions(e, f);
            block_expressions(block, f);
        }
        StatementKind::Break | StatementKind::Continue => {}
    }
}

fn iterable_expressions<'a>(iterable: &'a Iterable, f: &mut dyn FnMut(&'a Expr)) {
    match iterable {
        Iterable::Range { start, stop, step } => {
            expressions(start, f);
            expressions(stop, f);
            step.iter().for_each(|e| expressions(e, f));
        }
        Iterable::Over(e) => expressions(e, f),
    }
}

fn generator_expressions<'a>(element: &'a Expr, generators: &'a [Generator], f: &mut dyn FnMut(&'a Expr)) {
    expressions(element, f);
    self::generators(generators, f);
}

/// Calls `f` with every expression that generators run over.
pub fn generators<'a>(generators: &'a [Generator], f: &mut dyn FnMut(&'a Expr)) {
    generators.iter().for_each(|generator| iterable_expressions(&generator.iterable, f));
}

/// Calls `f` with the expression and every one inside it.
pub fn expressions<'a>(expr: &'a Expr, f: &mut dyn FnMut(&'a Expr)) {
    f(expr);
    match &expr.kind {
        ExprKind::Call(callee, args) => {
            expressions(callee, f);
            args.iter().for_each(|arg| expressions(&arg.value, f));
        }
        ExprKind::Unary(_, e) | ExprKind::Field(e, _) | ExprKind::Lambda(_, e) => expressions(e, f),
        ExprKind::Binary(_, a, b) => {
            expressions(a, f);
            expressions(b, f);
        }
        ExprKind::Index(e, items) => {
            expressions(e, f);
            for item in items {
                match item {
                    IndexItem::At(e) => expressions(e, f),
                    IndexItem::Slice { start, stop, step, .. } => {
                        [start, stop, step].into_iter().flatten().for_each(|e| expressions(e, f));
                    }
                }
            }
        }
        ExprKind::If(c, a, b) => {
            expressions(c, f);
            block_expressions(a, f);
            b.iter().for_each(|block| block_expressions(block, f));
        }
        ExprKind::Tuple(parts) | ExprKind::Array(parts) => parts.iter().for_each(|e| expressions(e, f)),
        ExprKind::Comprehension(e, generators) | ExprKind::Generated(e, generators) => {
            generator_expressions(e, generators, f);
        }
        ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) | ExprKind::Str(_) | ExprKind::Name(_) => {}
    }
}

/// Calls `f` with the blocks directly in a statement, and the pattern that each binds.
pub fn statement_blocks<'a>(statement: &'a Statement, f: &mut dyn FnMut(Option<&'a Pattern>, &'a Block)) {
    match &statement.kind {
        StatementKind::For(pattern, _, block) => f(Some(pattern), block),
        StatementKind::While(_, block) => f(None, block),
        _ => statement_expressions(statement, &mut |expr| {
            if let ExprKind::If(_, then, otherwise) = &expr.kind {
                f(None, then);
                otherwise.iter().for_each(|block| f(None, block));
            }
        }),
    }
}
