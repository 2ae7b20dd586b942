//! Derivatives.
//!
//! In: `grad(e, p)` and its kin. Out: derivative nodes, expanded later by a pass.
//! Always holds: what is differentiated is a float, what it is differentiated by is a name or a tuple of names, and tangents
//! and cotangents have the shapes of what they belong to.

use super::Builtin;
use crate::check::call::Call;
use crate::check::operators::Operand;
use crate::check::value::sizes_shown;
use crate::check::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{NodeId, Op, Type};
use crate::syntax::ast::{Expr, ExprKind};
use crate::syntax::span::Span;

pub(super) const ALL: &[Builtin] = &[
    Builtin {
        name: "grad",
        doc: "grad(e, p): the gradient of the scalar e by the name p; p may be a tuple of names. With checkpoint=true a loop of t iterations keeps about sqrt(t) of its states, and runs each stretch between them once more.",
        example: ("let x = [1.0, 2.0]\nprint(grad(sum(x^2), x))", "[2. 4.]"),
        apply: |c, call| {
            let (_, gradient) = gradient(c, call)?;
            Ok(gradient)
        },
    },
    Builtin {
        name: "value_and_grad",
        doc: "value_and_grad(e, p): the pair of e and its gradient by p; checkpoint=true as in grad.",
        example: ("let x = 3.0\nlet (v, g) = value_and_grad(x^2, x)\nprint(v, g)", "9.0 6.0"),
        apply: |c, call| {
            let (value, gradient) = gradient(c, call)?;
            Ok(Value::Tuple(vec![Value::array(value), gradient]))
        },
    },
    Builtin {
        name: "jacobian",
        doc: "jacobian(v, p): the derivative of every element of v by every element of the name p, with the axes of v, then those of p; p may be a tuple of names.",
        example: ("let x = [1.0, 2.0]\nprint(jacobian([x[0] * x[1], x[1]^2], x))", "[[2. 1.]\n [0. 4.]]"),
        apply: jacobian,
    },
    Builtin {
        name: "hessian",
        doc: "hessian(e, p): the second derivatives of the scalar e by the name p, with the axes of p twice; for a tuple of names a tuple of tuples.",
        example: ("let x = [1.0, 2.0]\nprint(hessian(x[0]^2 * x[1], x))", "[[4. 2.]\n [2. 0.]]"),
        apply: hessian,
    },
    Builtin {
        name: "jvp",
        doc: "jvp(v, p, dp): how v changes when the name p changes by dp, the Jacobian times dp; p and dp may be tuples.",
        example: ("let x = [1.0, 2.0]\nprint(jvp(x^2, x, [1.0, 10.0]))", "[ 2. 40.]"),
        apply: jvp,
    },
    Builtin {
        name: "vjp",
        doc: "vjp(v, p, ct): the gradient of sum(v * ct) by the name p with ct held constant, ct times the Jacobian; p may be a tuple of names.",
        example: ("let x = [1.0, 2.0]\nprint(vjp(x^2, x, [1.0, 10.0]))", "[ 2. 40.]"),
        apply: vjp,
    },
    Builtin {
        name: "stop_gradient",
        doc: "The value of e, which counts as constant for every derivative.",
        example: ("let x = 3.0\nprint(grad(x * stop_gradient(x), x))", "3.0"),
        apply: |c, call| {
            call.allow(&[])?;
            let value = c.expression(call.exactly::<1>("stop_gradient(e)")?[0])?.settled();
            c.graph.span = call.span;
            Ok(value.map(&mut |id| {
                let ty = c.graph.ty(id).clone();
                c.graph.add(Op::StopGradient, vec![id], ty)
            }))
        },
    },
];

/// The differentiated value and the gradients.
fn gradient(c: &mut Checker<'_>, call: &Call<'_>) -> Result<(NodeId, Value)> {
    call.allow(&["checkpoint"])?;
    let form = format!("{0}(e, p), or {0}(e, (p, q))", call.name);
    let [cost, by] = call.exactly(&form)?;
    let cost = scalar_cost(c, cost)?;
    let by = names(c, by)?;
    let saves = call.named("checkpoint").map_or(Ok(false), |expr| c.literal_bool(expr, "checkpoint"))?;
    let ty = c.graph.ty(cost.id).clone();
    let value = if saves { c.graph.add(Op::Checkpoint, vec![cost.id], ty) } else { cost.id };
    let gradients = by.each(&mut |id| c.derivative(Op::Grad, vec![value, id], call.span));
    Ok((cost.id, gradients))
}

fn jacobian(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&[])?;
    let [value, by] = call.exactly("jacobian(v, p), or jacobian(v, (p, q))")?;
    let value = differentiable(c, value)?;
    let by = names(c, by)?;
    Ok(by.each(&mut |id| c.derivative(Op::Jacobian, vec![value.id, id], call.span)))
}

fn hessian(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&[])?;
    let [cost, by] = call.exactly("hessian(e, p), or hessian(e, (p, q))")?;
    let cost = scalar_cost(c, cost)?;
    let by = names(c, by)?;
    let mut row = |first: NodeId| {
        let gradient = c.derivative(Op::Grad, vec![cost.id, first], call.span);
        by.each(&mut |second| c.derivative(Op::Jacobian, vec![gradient, second], call.span))
    };
    Ok(by.each_value(&mut row))
}

fn jvp(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&[])?;
    let [value, by, change] = call.exactly("jvp(v, p, dp), or jvp(v, (p, q), (dp, dq))")?;
    let value = differentiable(c, value)?;
    let by = names(c, by)?;
    let given = c.expression(change)?;
    let mut operands = vec![value.id];
    tangents(c, &by, &given, change.span, &mut operands)?;
    Ok(Value::array(c.derivative(Op::Jvp, operands, call.span)))
}

fn vjp(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&[])?;
    let [value, by, cotangent] = call.exactly("vjp(v, p, ct), or vjp(v, (p, q), ct)")?;
    let value = differentiable(c, value)?;
    let by = names(c, by)?;
    let given = c.expression(cotangent)?;
    let cotangent = like(c, &given, value.id, cotangent.span, "the cotangent has the shape of what is differentiated")?;
    Ok(by.each(&mut |id| c.derivative(Op::Vjp, vec![value.id, id, cotangent], call.span)))
}

impl Checker<'_> {
    fn derivative(&mut self, op: Op, operands: Vec<NodeId>, span: Span) -> NodeId {
        let ty = match (&op, operands.as_slice()) {
            (Op::Jvp, [value, ..]) => self.graph.ty(*value).clone(),
            (Op::Jacobian, [value, by]) => {
                let shape = [self.graph.shape(*value), self.graph.shape(*by)].concat();
                Type::array(self.graph.ty(*by).dtype, shape)
            }
            (_, [_, by, ..]) => self.graph.ty(*by).clone(),
            _ => Type::scalar(crate::runtime::array::DType::F64),
        };
        self.graph.span = span;
        self.graph.add(op, operands, ty)
    }
}

fn scalar_cost(c: &mut Checker<'_>, expr: &Expr) -> Result<Operand> {
    let cost = c.operand(expr)?;
    let ty = c.graph.ty(cost.id).clone();
    if ty.rank() != 0 {
        return Err(Diagnostic::error(codes::RANK, cost.span, "only a scalar has a gradient")
            .at(format!("this is {ty}"))
            .help("take one example, grad(c[i], p), or reduce first, grad(sum(c), p); jacobian(c, p) has every derivative"));
    }
    if !ty.dtype.is_float() {
        return Err(Diagnostic::error(codes::TYPE, cost.span, "only a float has a gradient")
            .at(format!("this is {ty}"))
            .help("convert with f64(x)"));
    }
    Ok(cost)
}

/// A float array or scalar, of which derivatives are taken.
fn differentiable(c: &mut Checker<'_>, expr: &Expr) -> Result<Operand> {
    let value = c.expression(expr)?;
    if let Value::Tuple(_) | Value::List(_) | Value::Record(_) = value {
        return Err(Diagnostic::error(codes::TYPE, expr.span, "derivatives are taken of one array at a time")
            .at(format!("this is {}", value.describe(&c.graph)))
            .help("write one call for each part"));
    }
    let operand = c.as_operand(&value, expr.span)?;
    let ty = c.graph.ty(operand.id);
    if !ty.dtype.is_float() {
        return Err(Diagnostic::error(codes::TYPE, operand.span, "only floats have derivatives")
            .at(format!("this is {ty}"))
            .help("convert with f64(x)"));
    }
    Ok(operand)
}

/// What is differentiated by: names of floats, and where they stand.
enum Names {
    One(NodeId),
    Tuple(Vec<Names>, Span),
}

impl Names {
    /// A result for each name, in the same tuples.
    fn each(&self, f: &mut impl FnMut(NodeId) -> NodeId) -> Value {
        self.each_value(&mut |id| Value::array(f(id)))
    }

    fn each_value(&self, f: &mut impl FnMut(NodeId) -> Value) -> Value {
        match self {
            Names::One(id) => f(*id),
            Names::Tuple(parts, _) => Value::Tuple(parts.iter().map(|part| part.each_value(f)).collect()),
        }
    }
}

fn names(c: &mut Checker<'_>, expr: &Expr) -> Result<Names> {
    match &expr.kind {
        ExprKind::Name(_) => {
            let value = c.expression(expr)?;
            named(c, &value, expr.span)
        }
        ExprKind::Tuple(parts) => {
            Ok(Names::Tuple(parts.iter().map(|part| names(c, part)).collect::<Result<_>>()?, expr.span))
        }
        _ => Err(Diagnostic::error(codes::ARGUMENTS, expr.span, "a gradient is taken by a name")
            .help("bind the value first: let p = …, compute the cost from p, then grad(cost, p)")),
    }
}

fn named(c: &Checker<'_>, value: &Value, span: Span) -> Result<Names> {
    match value {
        Value::Array { id, .. } => {
            let ty = c.graph.ty(*id);
            if ty.dtype.is_float() {
                return Ok(Names::One(*id));
            }
            Err(Diagnostic::error(codes::TYPE, span, "a gradient is taken by floats").at(format!("this is {ty}")))
        }
        Value::Tuple(parts) => {
            Ok(Names::Tuple(parts.iter().map(|part| named(c, part, span)).collect::<Result<_>>()?, span))
        }
        other => Err(Diagnostic::error(codes::TYPE, span, "a gradient is taken by an array or scalar")
            .at(format!("this is {}", other.describe(&c.graph)))),
    }
}

/// Appends each name with its tangent.
fn tangents(c: &mut Checker<'_>, by: &Names, given: &Value, span: Span, operands: &mut Vec<NodeId>) -> Result<()> {
    match (by, given) {
        (Names::One(id), given) => {
            operands.push(*id);
            operands.push(like(c, given, *id, span, "a tangent has the shape of what it is a change of")?);
            Ok(())
        }
        (Names::Tuple(parts, _), Value::Tuple(values)) if parts.len() == values.len() => {
            parts.iter().zip(values).try_for_each(|(part, value)| tangents(c, part, value, span, operands))
        }
        (Names::Tuple(parts, place), other) => {
            let text = format!("{} names need {} tangents, in a tuple", parts.len(), parts.len());
            Err(Diagnostic::error(codes::TYPE, span, text)
                .at(format!("this is {}", other.describe(&c.graph)))
                .label(*place, "one for each of these")
                .help("write jvp(v, (p, q), (dp, dq))"))
        }
    }
}

/// A value with the type of another one.
fn like(c: &mut Checker<'_>, given: &Value, wanted: NodeId, span: Span, rule: &str) -> Result<NodeId> {
    let operand = c.as_operand(given, span)?;
    let (ty, own) = (c.graph.ty(wanted).clone(), c.graph.ty(operand.id).clone());
    if own.shape != ty.shape {
        let sizes: Vec<_> = own.shape.iter().chain(&ty.shape).collect();
        let error = Diagnostic::error(codes::SIZES, span, rule.to_string()).at(format!(
            "this is {}, not {}",
            sizes_shown(&own.shape),
            sizes_shown(&ty.shape)
        ));
        return Err(c.origins(error, &sizes).help("ones_like(x) and zeros_like(x) have the shape of x"));
    }
    c.assignable(operand, ty.dtype).ok_or_else(|| {
        Diagnostic::error(codes::TYPE, span, rule.to_string())
            .at(format!("this is {own}, not {ty}"))
            .help(format!("convert with {}(…)", ty.dtype))
    })
}
