//! Builtin functions that are not elementwise, by family.
//!
//! In: calls. Out: nodes made of the core operators.
//! Always holds: a builtin's name, help, example and meaning stand in one [`Builtin`] item.

mod along;
mod calculus;
mod cumulative;
mod folding;
mod indexing;
mod lists;
mod making;
mod norms;
mod order;
mod products;
mod quantiles;
mod random;
mod reductions;
mod repeating;
mod rounding;
mod shapes;
mod top;

pub(super) use order::found;

use super::call::Call;
use super::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes, nearest};
use crate::ops::elementwise;
use crate::syntax::span::Span;

/// A builtin function.
pub(super) struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// How it is called and what it gives, in a sentence.
    pub doc: &'static str,
    /// A program that prints something with it, and what it prints.
    pub example: (&'static str, &'static str),
    /// What it does.
    pub apply: fn(&mut Checker<'_>, &Call<'_>) -> Result<Value>,
}

const FAMILIES: &[&[Builtin]] = &[
    calculus::ALL,
    cumulative::ALL,
    folding::ALL,
    indexing::ALL,
    lists::ALL,
    making::ALL,
    norms::ALL,
    order::ALL,
    products::ALL,
    quantiles::ALL,
    random::ALL,
    reductions::ALL,
    repeating::ALL,
    rounding::ALL,
    shapes::ALL,
    top::ALL,
];

fn all() -> impl Iterator<Item = &'static Builtin> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// The builtin of that name.
pub(super) fn find(name: &str) -> Option<&'static Builtin> {
    all().find(|builtin| builtin.name == name)
}

/// The builtin `random.<field>`, by its whole name.
pub(super) fn random_function(field: &str, span: Span) -> Result<String> {
    let name = format!("random.{field}");
    if find(&name).is_some() {
        return Ok(name);
    }
    let known: Vec<&str> = all().filter_map(|builtin| builtin.name.strip_prefix("random.")).collect();
    let error = Diagnostic::error(codes::UNKNOWN_FIELD, span, format!("there is no `{name}`"));
    Err(match (nearest(field, known.iter().copied()), field) {
        (_, "randn" | "standard_normal") => error.help("write random.normal(key, n)"),
        (_, "rand" | "random") => error.help("write random.uniform(key, n)"),
        (_, "randint") => error.help("write random.integers(key, low, high, n)"),
        (_, "shuffle" | "randperm") => error.help("write random.permutation(key, x)"),
        (_, "seed" | "key" | "PRNGKey" | "default_rng" | "RandomState") => {
            error.help("a key is a whole number: random.normal(42, n)")
        }
        (Some(near), _) => error.help(format!("did you mean `random.{near}`?")),
        (None, _) => error.help(format!("there are random.{}", known.join(", random."))),
    })
}

/// Elementwise operators that are written as functions; the others have a sign of their own.
pub(super) fn is_written(name: &str) -> bool {
    elementwise::find(name).is_some_and(|op| !op.doc.contains("Written ") && !op.doc.contains("written "))
        || matches!(name, "pow" | "strong_multiply")
}

/// Every name that a program can call without defining it.
pub(super) fn names() -> Vec<&'static str> {
    let written = elementwise::all().map(|op| op.name).filter(|name| is_written(name) && find(name).is_none());
    all().map(|builtin| builtin.name).chain(written).collect()
}

/// Whether the builtin's second argument is what is differentiated by.
pub(super) fn differentiates(name: &str) -> bool {
    matches!(name, "grad" | "value_and_grad" | "jacobian" | "hessian" | "jvp" | "vjp")
}

/// Name, help and example of every builtin, with the example's output: for docs, `:doc` and the example tests.
pub fn documentation() -> Vec<(&'static str, &'static str, (&'static str, &'static str))> {
    let builtins = all().map(|builtin| (builtin.name, builtin.doc, builtin.example));
    let operators = elementwise::all().filter(|op| find(op.name).is_none()).map(|op| (op.name, op.doc, op.example));
    let mut table: Vec<_> = builtins.chain(operators).collect();
    table.sort_by_key(|(name, ..)| *name);
    table
}

/// What to write for a name that other languages have.
pub fn foreign(name: &str) -> Option<&'static str> {
    Some(match name {
        "length" => "write len(x) for the first size, or size(x) for the number of elements",
        "numel" => "write size(x)",
        "range" => "write 0:n in a generator, or arange(n) for an array",
        "ln" => "write log(x)",
        "arctan" => "write atan(x)",
        "arcsin" => "write asin(x)",
        "arccos" => "write acos(x)",
        "arctan2" => "write atan2(y, x)",
        "fabs" | "absolute" => "write abs(x)",
        "power" => "write x ^ y",
        "mod" | "rem" | "fmod" => "write a % b",
        "matmul" | "mtimes" => "write a @ b",
        "array" | "asarray" | "tensor" => "write [1.0, 2.0]: brackets make an array",
        "disp" | "println" | "printf" | "display" => "write print(x)",
        "float" | "double" | "float64" => "write f64(x)",
        "float32" | "single" => "write f32(x)",
        "int" | "int64" => "write i64(x)",
        "sigm" | "logistic" => "write sigmoid(x)",
        "ndim" => "the number of axes is fixed by the type; size(shape(x)) counts them",
        "amax" => "write max(x)",
        "amin" => "write min(x)",
        "vstack" | "hstack" | "vertcat" | "horzcat" | "cat" | "concatenate" => "write concat(a, b, axis=0)",
        "permute" => "write transpose(x, axes…)",
        "random" | "rand" => {
            "write random.uniform(key, n), random.normal(key, n) or random.integers(key, low, high, n)"
        }
        "randn" => "write random.normal(key, n)",
        "randi" | "randint" => "write random.integers(key, low, high, n)",
        "randperm" => "write random.permutation(key, n)",
        "fliplr" => "write flip(x, axis=1)",
        "flipud" => "write flip(x, axis=0)",
        "circshift" => "write roll(x, shift, axis=0)",
        "repmat" => "write tile(x, n, m)",
        "tensordot" => "write einsum(\"ij,jk->ik\", a, b)",
        "identity" => "write eye(n)",
        "nnz" | "count_nonzero" => "write count(x)",
        "gradient" => "write grad(e, p) for the gradient of a scalar",
        "jacfwd" | "jacrev" | "jac" => "write jacobian(v, p)",
        "hess" => "write hessian(e, p)",
        "vmap" => "write a comprehension: [f(x[i]) for i in 0:n]",
        _ => return None,
    })
}

/// Whether the name belongs to a part of the language that this version does not compile.
pub(super) fn later(name: &str) -> bool {
    const LATER: &[&str] = &[
        "svd",
        "eigh",
        "qr",
        "cholesky",
        "solve",
        "lstsq",
        "inv",
        "det",
        "conv1d",
        "conv2d",
        "correlate2d",
        "fft",
        "rfft",
        "irfft",
        "moving_mean",
        "fit",
        "minimize",
        "root",
        "pca",
    ];
    LATER.contains(&name)
}
