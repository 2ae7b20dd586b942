//! Builtin functions that are not elementwise, by family.
//!
//! In: calls. Out: nodes made of the core operators.
//! Always holds: a builtin's name, help, example and meaning stand in one [`Builtin`] item.

mod calculus;
mod lists;
mod making;
mod reductions;
mod shapes;
mod top;

use super::call::Call;
use super::{Checker, Value};
use crate::diagnostic::Result;
use crate::ops::elementwise;

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

const FAMILIES: &[&[Builtin]] = &[calculus::ALL, lists::ALL, making::ALL, reductions::ALL, shapes::ALL, top::ALL];

fn all() -> impl Iterator<Item = &'static Builtin> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// The builtin of that name.
pub(super) fn find(name: &str) -> Option<&'static Builtin> {
    all().find(|builtin| builtin.name == name)
}

/// Elementwise operators that are written as functions; the others have a sign of their own.
pub(super) fn is_written(name: &str) -> bool {
    elementwise::find(name).is_some_and(|op| !op.doc.contains("Written ") && !op.doc.contains("written "))
        || matches!(name, "pow" | "strong_multiply")
}

/// Every name that a program can call without defining it.
pub(super) fn names() -> Vec<&'static str> {
    let written = elementwise::all().map(|op| op.name).filter(|name| is_written(name));
    all().map(|builtin| builtin.name).chain(written).collect()
}

/// Whether the builtin's second argument is what is differentiated by.
pub(super) fn differentiates(name: &str) -> bool {
    matches!(name, "grad" | "value_and_grad")
}

/// Name, help and example of every builtin, with the example's output: for docs, `:doc` and the example tests.
pub fn documentation() -> Vec<(&'static str, &'static str, (&'static str, &'static str))> {
    let builtins = all().map(|builtin| (builtin.name, builtin.doc, builtin.example));
    let operators = elementwise::all().map(|op| (op.name, op.doc, op.example));
    let mut table: Vec<_> = builtins.chain(operators).collect();
    table.sort_by_key(|(name, ..)| *name);
    table
}

/// What to write for a name that other languages have.
pub(super) fn foreign(name: &str) -> Option<&'static str> {
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
        "permute" | "swapaxes" => "write transpose(x, axes…)",
        "jacfwd" | "jacrev" | "gradient" => "write grad(e, p) for the gradient of a scalar",
        "vmap" => "write a comprehension: [f(x[i]) for i in 0:n]",
        _ => return None,
    })
}

/// Whether the name belongs to a part of the language that this version does not compile.
pub(super) fn later(name: &str) -> bool {
    const LATER: &[&str] = &[
        "fold",
        "scan",
        "jacobian",
        "hessian",
        "jvp",
        "vjp",
        "cumsum",
        "cumprod",
        "cummax",
        "sort",
        "argsort",
        "unique",
        "find",
        "searchsorted",
        "top_k",
        "bincount",
        "roll",
        "pad",
        "tile",
        "repeat",
        "diag",
        "tril",
        "triu",
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
        "plot",
        "hist",
        "imshow",
        "einsum",
    ];
    LATER.contains(&name)
}
