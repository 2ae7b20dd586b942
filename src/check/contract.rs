//! Contracts as they are written: what a function promises of its cost.
//!
//! In: the clauses behind `where`. Out: [`Promise`]s.
//! Always holds: a bound is a polynomial in the sizes of the function's parameters; whether it is kept is not asked here.

use crate::diagnostic::{Diagnostic, Result, codes, nearest};
use crate::graph::Size;
use crate::syntax::ast::{BinaryOp, Clause, ClauseKind, Expr, ExprKind, Function};
use crate::syntax::span::Span;

/// The highest power in a bound.
const HIGHEST: i64 = 16;

/// A clause of a contract.
#[derive(Clone, Debug, PartialEq)]
pub struct Promise {
    /// What is bounded.
    pub what: Bounded,
    /// The clause.
    pub span: Span,
}

/// What a clause bounds.
#[derive(Clone, Debug, PartialEq)]
pub enum Bounded {
    /// The number of scalar operations grows as this polynomial at most.
    Time(Size),
    /// The peak of live memory does.
    Memory(Size),
    /// Row by row of this axis, results depend on that row of the parameters alone.
    Rows(String),
}

/// The clauses of a function whose parameters have these size variables.
pub(super) fn promises(function: &Function, sizes: &[(String, Span)]) -> Result<Vec<Promise>> {
    let promise = |clause: &Clause| {
        let what = match &clause.kind {
            ClauseKind::Time(bound) => Bounded::Time(polynomial(bound, sizes)?),
            ClauseKind::Memory(bound) => Bounded::Memory(polynomial(bound, sizes)?),
            ClauseKind::Independent(name) if sizes.iter().any(|(known, _)| *known == name.text) => {
                Bounded::Rows(name.text.clone())
            }
            ClauseKind::Independent(name) => return Err(unknown(&name.text, name.span, sizes)),
        };
        Ok(Promise { what, span: clause.span })
    };
    function.contract.iter().map(promise).collect()
}

/// A bound as a polynomial. Constants that divide are left out, as is a logarithm: the costs of sorting count it as a
/// constant.
fn polynomial(expr: &Expr, sizes: &[(String, Span)]) -> Result<Size> {
    let part = |expr: &Expr| polynomial(expr, sizes);
    match &expr.kind {
        ExprKind::Int(value) => Ok(Size::from(*value)),
        ExprKind::Name(name) if sizes.iter().any(|(known, _)| known == name) => Ok(Size::var(name)),
        ExprKind::Name(name) => Err(unknown(name, expr.span, sizes)),
        ExprKind::Binary(BinaryOp::Add, a, b) => Ok(part(a)?.plus(&part(b)?)),
        ExprKind::Binary(BinaryOp::Subtract, a, b) => Ok(part(a)?.minus(&part(b)?)),
        ExprKind::Binary(BinaryOp::Multiply, a, b) => Ok(part(a)?.times(&part(b)?)),
        ExprKind::Binary(BinaryOp::Divide, a, b) if matches!(b.kind, ExprKind::Int(1..)) => part(a),
        ExprKind::Binary(BinaryOp::Power, base, power) => match power.kind {
            ExprKind::Int(power @ 0..=HIGHEST) => {
                let base = part(base)?;
                Ok((0..power).fold(Size::one(), |product, _| product.times(&base)))
            }
            _ => Err(no_polynomial(power.span)),
        },
        ExprKind::Call(callee, args) if matches!(&callee.kind, ExprKind::Name(name) if name == "log") => {
            args.iter().try_for_each(|arg| part(&arg.value).map(|_| ()))?;
            Ok(Size::one())
        }
        _ => Err(no_polynomial(expr.span)),
    }
}

fn no_polynomial(span: Span) -> Box<Diagnostic> {
    Diagnostic::error(codes::CONTRACT, span, "a bound is a polynomial in the sizes of the parameters")
        .help("write sums, products and whole powers of sizes, as in `O(n*d + d^2)`; `log(n)` may stand among them")
}

fn unknown(name: &str, span: Span, sizes: &[(String, Span)]) -> Box<Diagnostic> {
    let error = Diagnostic::error(codes::CONTRACT, span, format!("no parameter has the size `{name}`"));
    let known: Vec<&str> = sizes.iter().map(|(name, _)| name.as_str()).collect();
    match (nearest(name, known.iter().copied()), known.as_slice()) {
        (Some(near), _) => error.help(format!("did you mean `{near}`?")),
        (None, []) => error.help("the parameters have no sizes; `O(1)` is what bounds them"),
        (None, known) => error.help(format!("the sizes of the parameters are {}", known.join(", "))),
    }
}
