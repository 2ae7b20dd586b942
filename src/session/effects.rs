//! What statements do to the world, and what they ask of it.
//!
//! In: statements. Out: what they print, save or draw, checked and not yet done; which files they load.
//! Always holds: nothing here writes anything.

use crate::check::plots::{PLOTS, Plot};
use crate::check::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result as Checking, codes};
use crate::graph::NodeId;
use crate::syntax::ast::{Argument, Expr, ExprKind, Statement, StatementKind};
use crate::syntax::span::Span;
use crate::syntax::visit;
use std::path::PathBuf;

/// Something a statement does to the world.
pub(super) enum Effect {
    Print(Vec<Value>),
    Save(PathBuf, Vec<(Option<String>, NodeId)>, Span),
    Plot(Box<Plot>),
}

/// Checks a statement; gives what it does to the world, if anything.
pub(super) fn effect(checker: &mut Checker<'_>, statement: &Statement) -> Checking<Option<Effect>> {
    if let StatementKind::Expr(Expr { kind: ExprKind::Call(callee, args), span, .. }) = &statement.kind
        && let ExprKind::Name(name) = &callee.kind
    {
        match name.as_str() {
            "print" => return print(checker, args).map(Some),
            "save" => return save(checker, args, *span).map(Some),
            name if PLOTS.contains(&name) => {
                return checker.plot(name, args, *span).map(|plot| Some(Effect::Plot(Box::new(plot))));
            }
            _ => {}
        }
    }
    checker.statement(statement)?;
    Ok(None)
}

fn print(checker: &mut Checker<'_>, args: &[Argument]) -> Checking<Effect> {
    let mut values = Vec::new();
    for arg in args {
        if let Some(name) = &arg.name {
            return Err(Diagnostic::error(codes::ARGUMENTS, name.span, "`print` has no named arguments"));
        }
        let value = checker.expression(&arg.value)?;
        if matches!(value, Value::Function(_) | Value::NewAxis | Value::Nothing) {
            let what = value.describe(&checker.graph);
            return Err(
                Diagnostic::error(codes::TYPE, arg.value.span, "this cannot be printed").at(format!("this is {what}"))
            );
        }
        values.push(value);
    }
    Ok(Effect::Print(values))
}

fn save(checker: &mut Checker<'_>, args: &[Argument], span: Span) -> Checking<Effect> {
    let Some((first, rest)) = args.split_first() else {
        return Err(Diagnostic::error(codes::ARGUMENTS, span, "`save` needs a path").help("save(\"out.npz\", g=g)"));
    };
    let ExprKind::Str(path) = &first.value.kind else {
        return Err(Diagnostic::error(codes::TYPE, first.value.span, "`save` takes a path in quotes first"));
    };
    if rest.is_empty() {
        return Err(Diagnostic::error(codes::ARGUMENTS, span, "`save` needs something to write")
            .help("save(\"out.npz\", g=g), or save(\"out.npy\", g)"));
    }
    let mut parts = Vec::new();
    for arg in rest {
        let value = checker.expression(&arg.value)?;
        let Value::Array { id, .. } = value else {
            let what = value.describe(&checker.graph);
            return Err(
                Diagnostic::error(codes::TYPE, arg.value.span, "only arrays are saved").at(format!("this is {what}"))
            );
        };
        parts.push((arg.name.as_ref().map(|name| name.text.clone()), id));
    }
    let unnamed = parts.iter().filter(|(name, _)| name.is_none()).count();
    if unnamed > 0 && parts.len() > 1 {
        return Err(
            Diagnostic::error(codes::ARGUMENTS, span, "several arrays need names").help("save(\"out.npz\", g=g, c=c)")
        );
    }
    Ok(Effect::Save(PathBuf::from(path), parts, span))
}

/// Whether an expression is there for what it does to the world.
pub(super) fn is_effect(expr: &Expr) -> bool {
    let ExprKind::Call(callee, _) = &expr.kind else { return false };
    matches!(&callee.kind, ExprKind::Name(name) if matches!(name.as_str(), "print" | "save") || PLOTS.contains(&name.as_str()))
}

/// Calls `f` with the arguments of every call of the builtin in the statement.
fn calls(statement: &Statement, name: &str, f: &mut dyn FnMut(&[Argument])) {
    visit::statement_expressions(statement, &mut |expr| {
        if let ExprKind::Call(callee, args) = &expr.kind
            && matches!(&callee.kind, ExprKind::Name(called) if called == name)
        {
            f(args);
        }
    });
}

/// Whether a statement asks for the time.
pub(super) fn asks_time(statement: &Statement) -> bool {
    let mut asks = false;
    calls(statement, "clock", &mut |_| asks = true);
    asks
}

/// The paths that a statement loads.
pub(super) fn loads(statement: &Statement) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    calls(statement, "load", &mut |args| {
        if let Some(ExprKind::Str(path)) = args.first().map(|arg| &arg.value.kind) {
            paths.push(PathBuf::from(path));
        }
    });
    paths
}

/// What an effect needs computed.
pub(super) fn effect_nodes(effect: Option<&Effect>) -> Vec<NodeId> {
    match effect {
        None => Vec::new(),
        Some(Effect::Print(values)) => values.iter().flat_map(Value::nodes).collect(),
        Some(Effect::Save(_, parts, _)) => parts.iter().map(|(_, id)| *id).collect(),
        Some(Effect::Plot(plot)) => plot.nodes(),
    }
}
