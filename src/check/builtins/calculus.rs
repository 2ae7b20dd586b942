//! Derivatives.
//!
//! In: `grad(e, p)` and its kin. Out: `grad` nodes, expanded later by a pass.
//! Always holds: what is differentiated is a float scalar, and what it is differentiated by is a name.

use super::Builtin;
use crate::check::call::Call;
use crate::check::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{NodeId, Op};
use crate::syntax::ast::{Expr, ExprKind};
use crate::syntax::span::Span;

pub(super) const ALL: &[Builtin] = &[
    Builtin {
        name: "grad",
        doc: "grad(e, p): the gradient of the scalar e by the name p; p may be a tuple of names.",
        example: ("let x = [1.0, 2.0]\nprint(grad(sum(x^2), x))", "[2. 4.]"),
        apply: |c, call| {
            let (_, gradient) = gradient(c, call)?;
            Ok(gradient)
        },
    },
    Builtin {
        name: "value_and_grad",
        doc: "value_and_grad(e, p): the pair of e and its gradient by p.",
        example: ("let x = 3.0\nlet (v, g) = value_and_grad(x^2, x)\nprint(v, g)", "9.0 6.0"),
        apply: |c, call| {
            let (value, gradient) = gradient(c, call)?;
            Ok(Value::Tuple(vec![Value::array(value), gradient]))
        },
    },
    Builtin {
        name: "stop_gradient",
        doc: "The value of e, which counts as constant for every derivative.",
        example: ("let x = 3.0\nprint(grad(x * stop_gradient(x), x))", "3.0"),
        apply: |c, call| {
            call.allow(&[])?;
            let [operand] = c.operands_of(call, "stop_gradient(e)")?;
            let ty = c.graph.ty(operand.id).clone();
            Ok(Value::array(c.graph.add(Op::StopGradient, vec![operand.id], ty)))
        },
    },
];

/// The differentiated value and the gradients.
fn gradient(c: &mut Checker<'_>, call: &Call<'_>) -> Result<(NodeId, Value)> {
    call.allow(&[])?;
    let form = format!("{0}(e, p), or {0}(e, (p, q))", call.name);
    let [cost, by] = call.exactly(&form)?;
    let cost = c.operand(cost)?;
    let ty = c.graph.ty(cost.id).clone();
    if ty.rank() != 0 {
        return Err(Diagnostic::error(codes::RANK, cost.span, "only a scalar has a gradient")
            .at(format!("this is {ty}"))
            .help("take one example, grad(c[i], p), or reduce first, grad(sum(c), p)"));
    }
    if !ty.dtype.is_float() {
        return Err(Diagnostic::error(codes::TYPE, cost.span, "only a float has a gradient")
            .at(format!("this is {ty}"))
            .help("convert with f64(x)"));
    }
    let value = c.expression(by)?;
    names_only(by)?;
    let gradients = gradients(c, cost.id, &value, by.span, call.span)?;
    Ok((cost.id, gradients))
}

fn names_only(expr: &Expr) -> Result<()> {
    match &expr.kind {
        ExprKind::Name(_) => Ok(()),
        ExprKind::Tuple(parts) => parts.iter().try_for_each(names_only),
        _ => Err(Diagnostic::error(codes::ARGUMENTS, expr.span, "a gradient is taken by a name")
            .help("bind the value first: let p = …, compute the cost from p, then grad(cost, p)")),
    }
}

fn gradients(c: &mut Checker<'_>, cost: NodeId, by: &Value, place: Span, span: Span) -> Result<Value> {
    match by {
        Value::Array { id, .. } => {
            let ty = c.graph.ty(*id).clone();
            if !ty.dtype.is_float() {
                return Err(
                    Diagnostic::error(codes::TYPE, place, "a gradient is taken by floats").at(format!("this is {ty}"))
                );
            }
            c.graph.span = span;
            Ok(Value::array(c.graph.add(Op::Grad, vec![cost, *id], ty)))
        }
        Value::Tuple(parts) => {
            Ok(Value::Tuple(parts.iter().map(|part| gradients(c, cost, part, place, span)).collect::<Result<_>>()?))
        }
        other => Err(Diagnostic::error(codes::TYPE, place, "a gradient is taken by an array or scalar")
            .at(format!("this is {}", other.describe(&c.graph)))),
    }
}
