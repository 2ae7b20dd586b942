//! The syntax tree as text, for people and for tests.
//!
//! In: a [`Module`]. Out: an S-expression for each item, blocks indented.
//! Always holds: two different trees have different texts, places and `;` aside.

use super::ast::*;
use super::token::quote;

/// The whole tree, a line for each item and for each statement of a block.
pub fn dump(module: &Module) -> String {
    let mut out = String::new();
    for one in &module.items {
        out.push_str(&item(one));
        out.push('\n');
    }
    out
}

/// One expression, on one line but for the blocks in it.
pub fn dump_expr(e: &Expr) -> String {
    expr(e, 0)
}

fn item(item: &Item) -> String {
    match item {
        Item::Function(f) => function(f),
        Item::Import(import) => format!("(import {})", quote(&import.path)),
        Item::Input(input) => format!("(input {} {})", input.name.text, ty(&input.ty)),
        Item::Statement(s) => statement(s, 0),
    }
}

fn function(f: &Function) -> String {
    let params = each(&f.params, |param| match &param.ty {
        Some(declared) => format!("({} {})", param.name.text, ty(declared)),
        None => param.name.text.clone(),
    });
    let mut out = format!("(fn {} ({params})", f.name.text);
    if let Some(result) = &f.result {
        out.push_str(&format!(" -> {}", ty(result)));
    }
    for one in &f.contract {
        out.push_str(&match &one.kind {
            ClauseKind::Time(e) => format!(" (time {})", expr(e, 0)),
            ClauseKind::Memory(e) => format!(" (memory {})", expr(e, 0)),
            ClauseKind::Independent(name) => format!(" (independent {})", name.text),
        });
    }
    format!("{out} {})", block(&f.body, 0))
}

fn ty(t: &TypeExpr) -> String {
    match &t.kind {
        TypeKind::Array { scalar, dims } if dims.is_empty() => scalar.text.clone(),
        TypeKind::Array { scalar, dims } => format!("{}[{}]", scalar.text, each(dims, size)),
        TypeKind::Tuple(parts) => format!("(tuple {})", each(parts, ty)),
        TypeKind::List(element) => format!("(list {})", ty(element)),
    }
}

fn size(s: &SizeExpr) -> String {
    match &s.kind {
        SizeKind::Literal(value) => value.to_string(),
        SizeKind::Variable(name) => name.clone(),
        SizeKind::Unknown => "?".to_string(),
        SizeKind::Binary(op, a, b) => format!("({} {} {})", op.symbol(), size(a), size(b)),
    }
}

/// `{}` when empty; one line when it is a single expression without blocks; else a line for each statement.
fn block(b: &Block, indent: usize) -> String {
    let inner = indent + 1;
    let lines: Vec<String> = b.statements.iter().map(|s| statement(s, inner)).collect();
    match lines.as_slice() {
        [] => "{}".to_string(),
        [only] if !only.contains('\n') => format!("{{{only}}}"),
        _ => {
            let pad = "  ".repeat(inner);
            let body: String = lines.iter().map(|line| format!("\n{pad}{line}")).collect();
            format!("{{{body}}}")
        }
    }
}

fn statement(s: &Statement, indent: usize) -> String {
    let show = |e: &Expr| expr(e, indent);
    match &s.kind {
        StatementKind::Let(p, e) => format!("(let {} {})", pattern(p), show(e)),
        StatementKind::Var(name, e) => format!("(var {} {})", name.text, show(e)),
        StatementKind::Assign(target, op, e) => {
            format!("({}= {} {})", op.map_or("", BinaryOp::symbol), show(target), show(e))
        }
        StatementKind::For(p, over, body) => {
            format!("(for {} {} {})", pattern(p), iterable(over, indent), block(body, indent))
        }
        StatementKind::While(e, body) => format!("(while {} {})", show(e), block(body, indent)),
        StatementKind::Break => "(break)".to_string(),
        StatementKind::Continue => "(continue)".to_string(),
        StatementKind::Return(None) => "(return)".to_string(),
        StatementKind::Return(Some(e)) => format!("(return {})", show(e)),
        StatementKind::Assert(e, None) => format!("(assert {})", show(e)),
        StatementKind::Assert(e, Some(message)) => format!("(assert {} {})", show(e), quote(message)),
        StatementKind::Expr(e) => show(e),
    }
}

fn pattern(p: &Pattern) -> String {
    match p {
        Pattern::Name(name) => name.text.clone(),
        Pattern::Tuple(parts, _) => format!("({})", each(parts, pattern)),
    }
}

fn iterable(over: &Iterable, indent: usize) -> String {
    match over {
        Iterable::Range { start, stop, step } => {
            let step = step.as_ref().map_or(String::new(), |step| format!(" {}", expr(step, indent)));
            format!("(range {} {}{step})", expr(start, indent), expr(stop, indent))
        }
        Iterable::Over(e) => format!("(over {})", expr(e, indent)),
    }
}

fn generators(over: &[Generator], indent: usize) -> String {
    each(over, |generator| format!("(in {} {})", pattern(&generator.pattern), iterable(&generator.iterable, indent)))
}

fn expr(e: &Expr, indent: usize) -> String {
    let show = |e: &Expr| expr(e, indent);
    match &e.kind {
        ExprKind::Int(value) => value.to_string(),
        ExprKind::Float(value) => format!("{value:?}"),
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::Str(text) => quote(text),
        ExprKind::Name(name) => name.clone(),
        ExprKind::Unary(op, a) => format!("({} {})", op.symbol(), show(a)),
        ExprKind::Binary(op, a, b) => format!("({} {} {})", op.symbol(), show(a), show(b)),
        ExprKind::Call(f, arguments) if arguments.is_empty() => format!("(call {})", show(f)),
        ExprKind::Call(f, arguments) => {
            format!("(call {} {})", show(f), each(arguments, |one| argument(one, indent)))
        }
        ExprKind::Index(a, items) => format!("(index {} {})", show(a), each(items, |one| index_item(one, indent))),
        ExprKind::Field(a, name) => format!("(. {} {})", show(a), name.text),
        ExprKind::Lambda(parameters, body) => format!("(-> ({}) {})", each(parameters, pattern), show(body)),
        ExprKind::If(condition, then, None) => format!("(if {} {})", show(condition), block(then, indent)),
        ExprKind::If(condition, then, Some(otherwise)) => {
            format!("(if {} {} {})", show(condition), block(then, indent), block(otherwise, indent))
        }
        ExprKind::Tuple(elements) => format!("(tuple {})", each(elements, show)),
        ExprKind::Array(elements) => format!("[{}]", each(elements, show)),
        ExprKind::Comprehension(element, over) => format!("[{} for {}]", show(element), generators(over, indent)),
        ExprKind::Generated(element, over) => format!("({} for {})", show(element), generators(over, indent)),
    }
}

fn argument(argument: &Argument, indent: usize) -> String {
    let value = expr(&argument.value, indent);
    argument.name.as_ref().map_or(value.clone(), |name| format!("{}={value}", name.text))
}

fn index_item(item: &IndexItem, indent: usize) -> String {
    let bound = |e: &Option<Expr>| e.as_ref().map_or("_".to_string(), |e| expr(e, indent));
    match item {
        IndexItem::At(e) => expr(e, indent),
        IndexItem::Slice { start, stop, step: None, .. } => format!("(: {} {})", bound(start), bound(stop)),
        IndexItem::Slice { start, stop, step, .. } => {
            format!("(: {} {} {})", bound(start), bound(stop), bound(step))
        }
    }
}

fn each<T>(parts: &[T], show: impl Fn(&T) -> String) -> String {
    parts.iter().map(show).collect::<Vec<_>>().join(" ")
}
