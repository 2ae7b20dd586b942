//! Habits from other languages that only the checker can tell: modules, methods, fields, constants that are called.
//!
//! In: an expression that makes no sense here but would elsewhere. Out: an error with the right form.
//! Always holds: a name that the program binds is never taken for another language's.

use super::{Checker, Value, builtins};
use crate::diagnostic::{Diagnostic, codes, nearest};
use crate::syntax::ast::{Argument, Expr, ExprKind, Name};
use crate::syntax::span::Span;

/// Names that other languages' libraries are imported under.
const MODULES: &[&str] = &[
    "np",
    "numpy",
    "jnp",
    "jax",
    "lax",
    "torch",
    "tf",
    "tensorflow",
    "math",
    "scipy",
    "sp",
    "nn",
    "F",
    "plt",
    "cmath",
    "xp",
];

/// Numbers that other languages call, or write in capitals.
const CONSTANTS: &[&str] = &["pi", "e", "inf", "nan", "newaxis", "true", "false"];

impl Checker<'_> {
    /// `np.sum`, `np.linalg.norm`: the module's name has no meaning, the last name may have.
    pub(super) fn module_prefix(&self, base: &Expr, field: &Name, called: bool) -> Option<Box<Diagnostic>> {
        let mut root = base;
        while let ExprKind::Field(inner, _) = &root.kind {
            root = inner;
        }
        let module = match &root.kind {
            ExprKind::Name(name) if self.scope.get(name).is_none() && MODULES.contains(&name.as_str()) => name,
            _ => return None,
        };
        let span = root.span.to(field.span);
        let error = Diagnostic::error(codes::FOREIGN_HABIT, span, format!("there is no module `{module}`"));
        if matches!(&base.kind, ExprKind::Field(_, inner) if inner.text == "random") {
            return Some(match builtins::random_function(&field.text, span) {
                Ok(name) => error.help(format!("builtins have no prefix: write {name}(…)")),
                Err(known) => Diagnostic { help: known.help, ..*error }.into(),
            });
        }
        let name = field.text.as_str();
        let known = builtins::names();
        let form = if called { "(…)" } else { "" };
        let help = match builtins::foreign(name) {
            Some(help) => help.to_string(),
            None if known.contains(&name) || CONSTANTS.contains(&name) || self.functions.contains(name) => {
                format!("builtins have no prefix: write {name}{form}")
            }
            None => match nearest(name, known) {
                Some(near) => format!("builtins have no prefix, and this one is {near}{form}"),
                None => format!("builtins have no prefix, and there is none called `{name}`"),
            },
        };
        Some(error.help(help))
    }

    /// `x.sum()`, `x.shape`: arrays have no methods and no fields but `T`.
    pub(super) fn array_method(
        &self,
        base: &Expr,
        value: &Value,
        field: &Name,
        args: Option<&[Argument]>,
    ) -> Option<Box<Diagnostic>> {
        let Value::Array { .. } = value else { return None };
        let (name, x) = (field.text.as_str(), brief(base));
        let form = method_form(name, &x, args)?;
        let (what, span) = (if args.is_some() { "methods" } else { "fields but `T`" }, base.span.to(field.span));
        let error = Diagnostic::error(codes::FOREIGN_HABIT, span, format!("arrays have no {what}"));
        Some(error.label(base.span, format!("this is {}", value.describe(&self.graph))).help(form))
    }

    /// `pi()`.
    pub(super) fn called_constant(&self, name: &str, span: Span) -> Option<Box<Diagnostic>> {
        let constant = CONSTANTS.contains(&name);
        constant.then(|| {
            let error = Diagnostic::error(codes::FOREIGN_HABIT, span, format!("`{name}` is a value, not a function"));
            error.help(format!("write {name}"))
        })
    }

    /// `x(1)`, `zeros(3)(1)`: an index in parentheses.
    pub(super) fn called_array(&self, callee: &Expr, args: &[Argument], value: &Value, span: Span) -> Box<Diagnostic> {
        let x = brief(callee);
        let message = match &callee.kind {
            ExprKind::Name(name) => format!("`{name}` is an array, not a function"),
            _ => "an array is not a function".to_string(),
        };
        let error = Diagnostic::error(codes::FOREIGN_HABIT, span, message);
        let error = error.at(format!("this is {}", value.describe(&self.graph)));
        let items: Vec<String> = args.iter().map(|arg| brief(&arg.value)).collect();
        error.help(format!("index with brackets, counting from 0: {x}[{}]", items.join(", ")))
    }
}

/// How a method of another language's arrays is written; nothing if there is no such thing.
fn method_form(name: &str, x: &str, args: Option<&[Argument]>) -> Option<String> {
    let given: Vec<String> = args.unwrap_or_default().iter().map(argument).collect();
    let with = |function: &str| {
        let all: Vec<&str> = std::iter::once(x).chain(given.iter().map(String::as_str)).collect();
        format!("write {function}({})", all.join(", "))
    };
    Some(match name {
        "T" | "t" | "H" | "mT" => format!("write {x}.T, without parentheses"),
        "astype" | "to" | "type" | "double" | "float" => format!("convert with the type's name: f32({x})"),
        "shape" => format!("write shape({x}), or len({x}) for the first size"),
        "size" | "numel" => format!("write size({x})"),
        "length" | "nrow" => format!("write len({x})"),
        "ndim" | "dim" => format!("the number of axes stands in the type; size(shape({x})) counts them"),
        "dtype" => "the type is known when compiling: `microtome emit --stage graph` shows it".to_string(),
        "copy" | "clone" => format!("values are never shared: let y = {x} is a copy"),
        "append" | "push" | "extend" => format!("write concat({x}, …): arrays do not grow"),
        "item" | "tolist" | "numpy" | "cpu" | "cuda" => format!("leave it out: {x} is what it says"),
        "detach" => format!("write stop_gradient({x})"),
        "backward" | "grad" => format!("write grad({x}, p), where p is what to differentiate by"),
        "fill" => format!("write full(value, n) in the place of {x}"),
        "argmax" | "argmin" | "mean" | "sum" => with(name),
        _ if builtins::names().contains(&name) => with(name),
        _ => builtins::foreign(name)?.to_string(),
    })
}

fn argument(arg: &Argument) -> String {
    match &arg.name {
        Some(name) => format!("{}={}", name.text, brief(&arg.value)),
        None => brief(&arg.value),
    }
}

/// A short expression as it is written, `…` for a long one.
fn brief(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Name(name) => name.clone(),
        ExprKind::Int(value) => value.to_string(),
        ExprKind::Float(value) => format!("{value:?}"),
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::Field(base, name) => format!("{}.{}", brief(base), name.text),
        ExprKind::Unary(crate::syntax::ast::UnaryOp::Negate, inner) => format!("-{}", brief(inner)),
        _ => "…".to_string(),
    }
}

/// What to say of an argument's name that a call does not know: another language's name for one that it has.
pub(super) fn argument_name(written: &str, known: &[&str]) -> Option<String> {
    let meant = match written {
        "dim" | "dims" | "axes" => "axis",
        "keepdim" | "keep_dims" => "keepdims",
        "correction" | "unbiased" => "ddof",
        "rowvar" | "out" | "where" | "initial" => return None,
        "dtype" => return Some("convert the result: f32(…), i64(…)".to_string()),
        "reverse" | "ascending" => "descending",
        _ => return None,
    };
    known.contains(&meant).then(|| format!("did you mean `{meant}=`?"))
}
