//! Builtins that change or ask for shapes.
//!
//! In: arrays. Out: their elements under other shapes, or their sizes.
//! Always holds: nothing is copied until something stores it.

use super::Builtin;
use crate::check::call::Call;
use crate::check::operators::Operand;
use crate::check::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{Graph, NodeId, Size};
use crate::syntax::ast::{Expr, ExprKind};

pub(super) const ALL: &[Builtin] = &[
    Builtin {
        name: "reshape",
        doc: "reshape(x, a, b, …): the same elements in row-major order; one size may be -1.",
        example: ("print(reshape(arange(4), 2, 2))", "[[0 1]\n [2 3]]"),
        apply: reshape,
    },
    Builtin {
        name: "transpose",
        doc: "transpose(x): axes reversed; transpose(x, axes…): axes in that order.",
        example: ("print(transpose([[1, 2], [3, 4]]))", "[[1 3]\n [2 4]]"),
        apply: transpose,
    },
    Builtin {
        name: "swapaxes",
        doc: "swapaxes(x, a, b): axes a and b exchanged.",
        example: ("print(shape(swapaxes(zeros(2, 3, 4), 0, 2)))", "[4 3 2]"),
        apply: |c, call| {
            let (x, a, b) = and_two_axes(c, call, "swapaxes(x, 0, 1)")?;
            let mut perm: Vec<usize> = (0..c.graph.ty(x).rank()).collect();
            perm.swap(a, b);
            Ok(Value::array(c.graph.transpose(x, &perm)))
        },
    },
    Builtin {
        name: "moveaxis",
        doc: "moveaxis(x, from, to): one axis moved, the others in their order.",
        example: ("print(shape(moveaxis(zeros(2, 3, 4), 0, -1)))", "[3 4 2]"),
        apply: |c, call| {
            let (x, from, to) = and_two_axes(c, call, "moveaxis(x, 0, -1)")?;
            Ok(Value::array(c.graph.move_axis(x, from, to)))
        },
    },
    Builtin {
        name: "ravel",
        doc: "ravel(x): all elements in row-major order along one axis.",
        example: ("print(ravel([[1, 2], [3, 4]]))", "[1 2 3 4]"),
        apply: flattened,
    },
    Builtin {
        name: "flatten",
        doc: "flatten(x): the same as ravel(x).",
        example: ("print(flatten([[1, 2], [3, 4]]))", "[1 2 3 4]"),
        apply: flattened,
    },
    Builtin {
        name: "expand_dims",
        doc: "expand_dims(x, axis): a new axis of size 1, or several: expand_dims(x, (0, 2)).",
        example: ("print(shape(expand_dims([1, 2], 0)))", "[1 2]"),
        apply: |c, call| {
            call.allow(&["axis"])?;
            let (x, axis) = call.first_and_rest(1..=2, "expand_dims(x, axis)")?;
            let operand = c.operand(x)?;
            let Some(axis) = axis.first().copied().or(call.named("axis")) else {
                return Err(Diagnostic::error(codes::ARGUMENTS, call.span, "`expand_dims` needs an axis"));
            };
            let count = if let ExprKind::Tuple(parts) = &axis.kind { parts.len() } else { 1 };
            let rank = c.graph.ty(operand.id).rank();
            let axes = c.axes(axis, rank + count)?;
            Ok(Value::array(axes.into_iter().fold(operand.id, |x, axis| c.graph.expand(x, axis))))
        },
    },
    Builtin {
        name: "squeeze",
        doc: "squeeze(x): without its axes of literal size 1; squeeze(x, axis=0): without that one.",
        example: ("print(squeeze([[1, 2]]))", "[1 2]"),
        apply: squeeze,
    },
    Builtin {
        name: "concat",
        doc: "concat(a, b, …, axis=0): one after the other along an axis.",
        example: ("print(concat([1, 2], [3]))", "[1 2 3]"),
        apply: concat,
    },
    Builtin {
        name: "stack",
        doc: "stack(a, b, …, axis=0): along a new axis.",
        example: ("print(stack([1, 2], [3, 4], axis=1))", "[[1 3]\n [2 4]]"),
        apply: |c, call| {
            call.allow(&["axis"])?;
            let operands = several(c, call, "stack(a, b, axis=0)")?;
            let rank = operands.first().map_or(0, |first| c.graph.ty(first.id).rank());
            let axis = call.named("axis").map_or(Ok(0), |expr| c.axis(expr, rank + 1))?;
            c.stack(&operands, axis, call.span)
        },
    },
    Builtin {
        name: "flip",
        doc: "flip(x): every axis reversed; flip(x, axis=0): that one.",
        example: ("print(flip([1, 2, 3]))", "[3 2 1]"),
        apply: |c, call| {
            let (operand, axis) = with_axis(c, call, "flip(x) or flip(x, axis=0)")?;
            let rank = c.graph.ty(operand.id).rank();
            let axes = axis.map_or(Ok((0..rank).collect()), |expr| c.axes(expr, rank))?;
            Ok(Value::array(axes.into_iter().fold(operand.id, |x, axis| c.graph.flip(x, axis))))
        },
    },
    Builtin {
        name: "shape",
        doc: "shape(x): the sizes, as an i64 array.",
        example: ("print(shape([[1, 2, 3], [4, 5, 6]]))", "[2 3]"),
        apply: |c, call| {
            let operand = only(c, call)?;
            let sizes = c.graph.shape(operand.id).to_vec();
            if sizes.is_empty() {
                let iota = c.graph.iota(&Size::from(0));
                return Ok(Value::array(iota));
            }
            let parts: Vec<NodeId> = sizes
                .iter()
                .map(|size| {
                    let value = count(&mut c.graph, size);
                    c.graph.expand(value, 0)
                })
                .collect();
            Ok(Value::array(c.graph.concat(&parts, 0)))
        },
    },
    Builtin {
        name: "size",
        doc: "size(x): the number of elements.",
        example: ("print(size([[1, 2, 3], [4, 5, 6]]))", "6"),
        apply: |c, call| {
            if call.args.len() == 2 {
                return Err(Diagnostic::error(codes::FOREIGN_HABIT, call.span, "`size` takes one array")
                    .help("write shape(x)[0] for the first size: axes are counted from 0"));
            }
            let operand = only(c, call)?;
            let sizes = c.graph.shape(operand.id).to_vec();
            let counts: Vec<NodeId> = sizes.iter().map(|size| count(&mut c.graph, size)).collect();
            let elements = counts.into_iter().reduce(|a, b| c.graph.times(a, b));
            Ok(Value::array(elements.unwrap_or_else(|| c.graph.int(1))))
        },
    },
    Builtin {
        name: "len",
        doc: "len(x): the size of the first axis, or the number of a list's items.",
        example: ("print(len([[1, 2, 3], [4, 5, 6]]))", "2"),
        apply: |c, call| {
            call.allow(&[])?;
            let [expr] = call.exactly("len(x)")?;
            let value = c.expression(expr)?;
            if let Value::List(items) = &value {
                return Ok(Value::array(c.graph.int(items.len() as i64)));
            }
            let operand = c.as_operand(&value, expr.span)?;
            match c.graph.shape(operand.id).first().cloned() {
                Some(size) => Ok(Value::array(count(&mut c.graph, &size))),
                None => Err(Diagnostic::error(codes::RANK, operand.span, "a scalar has no length")),
            }
        },
    },
];

/// The operands of a call that takes any number of them, also as one tuple.
fn several(c: &mut Checker<'_>, call: &Call<'_>, form: &str) -> Result<Vec<Operand>> {
    let exprs = call.positional(1..=1000, form)?;
    let [only] = exprs.as_slice() else { return c.operands(&exprs) };
    match c.expression(only)? {
        Value::Tuple(parts) => parts.iter().map(|part| c.as_operand(part, only.span)).collect(),
        value => Ok(vec![c.as_operand(&value, only.span)?]),
    }
}

/// The operand, and the axis behind it or named, if there is one.
fn with_axis<'e>(c: &mut Checker<'_>, call: &Call<'e>, form: &str) -> Result<(Operand, Option<&'e Expr>)> {
    call.allow(&["axis"])?;
    let (x, rest) = call.first_and_rest(1..=2, form)?;
    match (rest.first(), call.named("axis")) {
        (Some(_), Some(_)) => Err(call.miscounted(form)),
        (axis, named) => Ok((c.operand(x)?, axis.copied().or(named))),
    }
}

fn flattened(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    let operand = only(c, call)?;
    let elements = c.graph.ty(operand.id).elements();
    Ok(Value::array(c.graph.reshape(operand.id, &[elements])))
}

/// The operand and two of its axes.
fn and_two_axes(c: &mut Checker<'_>, call: &Call<'_>, form: &str) -> Result<(NodeId, usize, usize)> {
    call.allow(&[])?;
    let [x, a, b] = call.exactly(form)?;
    let id = c.operand(x)?.id;
    let rank = c.graph.ty(id).rank();
    Ok((id, c.axis(a, rank)?, c.axis(b, rank)?))
}

fn only(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Operand> {
    call.allow(&[])?;
    let [operand] = c.operands_of(call, &format!("{}(x)", call.name))?;
    Ok(operand)
}

fn reshape(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&[])?;
    let (x, sizes) = call.first_and_rest(1..=16, "reshape(x, a, b)")?;
    let operand = c.operand(x)?;
    let total = c.graph.ty(operand.id).elements();
    let mut shape = Vec::new();
    let mut open = None;
    let written: Vec<&Expr> = match sizes.as_slice() {
        [Expr { kind: ExprKind::Tuple(parts), .. }] => parts.iter().collect(),
        _ => sizes,
    };
    for expr in written {
        let size = c.size_of(expr, "a size")?;
        if size.as_const() == Some(-1) {
            if open.replace(shape.len()).is_some() {
                return Err(Diagnostic::error(codes::ARGUMENTS, expr.span, "only one size can be left open"));
            }
            shape.push(Size::one());
        } else {
            c.require_nonnegative(&size, &format!("the size {size} is negative"), expr.span)?;
            shape.push(size);
        }
    }
    let known = Size::product(&shape);
    if let Some(size) = open.and_then(|at| shape.get_mut(at)) {
        *size = divide(&total, &known).ok_or_else(|| {
            Diagnostic::error(codes::SIZES, call.span, format!("{total} elements do not divide into rows of {known}"))
        })?;
    }
    let wanted = Size::product(&shape);
    if wanted != total {
        return Err(Diagnostic::error(codes::SIZES, call.span, format!("{total} elements do not fit {wanted} places"))
            .label(operand.span, format!("this is {}", c.graph.ty(operand.id))));
    }
    Ok(Value::array(c.graph.reshape(operand.id, &shape)))
}

/// The quotient of two products of sizes, if it is one.
fn divide(total: &Size, known: &Size) -> Option<Size> {
    match (total.as_const(), known.as_const()) {
        (Some(total), Some(known)) => (known != 0 && total % known == 0).then(|| Size::from(total / known)),
        _ => total.divide(known),
    }
}

fn transpose(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&[])?;
    let (x, axes) = call.first_and_rest(1..=16, "transpose(x) or transpose(x, 1, 0)")?;
    let operand = c.operand(x)?;
    let rank = c.graph.ty(operand.id).rank();
    if axes.is_empty() {
        let perm: Vec<usize> = (0..rank).rev().collect();
        return Ok(Value::array(c.graph.transpose(operand.id, &perm)));
    }
    let mut perm = Vec::new();
    for expr in axes {
        let parts: Vec<&Expr> = match &expr.kind {
            ExprKind::Tuple(parts) => parts.iter().collect(),
            _ => vec![expr],
        };
        for part in parts {
            perm.push(c.axis(part, rank)?);
        }
    }
    let mut sorted = perm.clone();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..rank) {
        return Err(Diagnostic::error(
            codes::ARGUMENTS,
            call.span,
            format!("`transpose` names each of the {rank} axes once"),
        ));
    }
    Ok(Value::array(c.graph.transpose(operand.id, &perm)))
}

fn squeeze(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    let (operand, axis) = with_axis(c, call, "squeeze(x) or squeeze(x, axis=0)")?;
    let shape = c.graph.shape(operand.id).to_vec();
    let axes = match axis {
        None => (0..).zip(&shape).filter(|(_, size)| size.is_one()).map(|(axis, _)| axis).collect(),
        Some(expr) => c.axes(expr, shape.len())?,
    };
    let mut dropped = axes.iter().filter_map(|&axis| Some((axis, shape.get(axis)?)));
    if let Some((axis, size)) = dropped.find(|(_, size)| !size.is_one()) {
        return Err(Diagnostic::error(codes::SIZES, call.span, format!("axis {axis} has size {size}, not 1"))
            .label(operand.span, format!("this is {}", c.graph.ty(operand.id))));
    }
    Ok(Value::array(c.graph.squeeze(operand.id, &axes)))
}

fn concat(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&["axis"])?;
    let form = "concat(a, b, axis=0)";
    let operands = several(c, call, form)?;
    let Some(lead) = operands.first() else { return Err(call.miscounted(form)) };
    let first = c.graph.ty(lead.id).clone();
    let axis = call.named("axis").map_or(Ok(0), |expr| c.axis(expr, first.rank().max(1)))?;
    if first.rank() == 0 {
        return Err(Diagnostic::error(codes::RANK, lead.span, "`concat` joins arrays")
            .help("write stack(a, b) or [a, b] for scalars"));
    }
    for operand in &operands {
        let own = c.graph.ty(operand.id);
        let fits = own.rank() == first.rank()
            && own.shape.iter().zip(&first.shape).enumerate().all(|(k, (a, b))| k == axis || a == b);
        if !fits {
            return Err(Diagnostic::error(
                codes::SIZES,
                call.span,
                format!("{first} and {own} do not join along axis {axis}"),
            )
            .label(lead.span, format!("this is {first}"))
            .label(operand.span, format!("this is {own}")));
        }
    }
    let dtype = c.common_dtype(&operands);
    let parts: Vec<NodeId> = operands.iter().map(|o| c.graph.cast(o.id, dtype)).collect();
    Ok(Value::array(c.graph.concat(&parts, axis)))
}

/// How many elements an axis has: none if its size comes out negative.
fn count(g: &mut Graph, size: &Size) -> NodeId {
    let value = g.size_value(size);
    if size.is_nonnegative() { value } else { g.no_less_than_nothing(value) }
}
