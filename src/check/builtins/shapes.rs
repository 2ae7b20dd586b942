//! Builtins that change or ask for shapes.
//!
//! In: arrays. Out: their elements under other shapes, or their sizes.
//! Always holds: nothing is copied until something stores it.

use super::Builtin;
use crate::check::call::Call;
use crate::check::operators::Operand;
use crate::check::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{NodeId, Size};
use crate::ops::elementwise::{MAXIMUM, MINIMUM};
use crate::ops::reduction::SUM;
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
        name: "expand_dims",
        doc: "expand_dims(x, axis): a new axis of size 1.",
        example: ("print(shape(expand_dims([1, 2], 0)))", "[1 2]"),
        apply: |c, call| {
            call.allow(&["axis"])?;
            let (x, axis) = call.first_and_rest(1..=2, "expand_dims(x, axis)")?;
            let operand = c.operand(x)?;
            let Some(axis) = axis.first().copied().or(call.named("axis")) else {
                return Err(Diagnostic::error(codes::ARGUMENTS, call.span, "`expand_dims` needs an axis"));
            };
            let rank = c.graph.ty(operand.id).rank();
            let axis = c.axis(axis, rank + 1)?;
            Ok(Value::array(c.graph.expand(operand.id, axis)))
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
            let exprs = call.positional(1..=1000, "stack(a, b, axis=0)")?;
            let operands = c.operands(&exprs)?;
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
            call.allow(&["axis"])?;
            let [operand] = c.operands_of(call, "flip(x, axis=0)")?;
            let rank = c.graph.ty(operand.id).rank();
            let axes = call.named("axis").map_or(Ok((0..rank).collect()), |expr| c.axes(expr, rank))?;
            Ok(Value::array(axes.into_iter().fold(operand.id, |x, axis| c.graph.flip(x, axis))))
        },
    },
    Builtin {
        name: "trace",
        doc: "trace(x): the sum of a square matrix's diagonal.",
        example: ("print(trace([[1, 2], [3, 4]]))", "5"),
        apply: trace,
    },
    Builtin {
        name: "clip",
        doc: "clip(x, lo, hi): x, but not below lo and not above hi.",
        example: ("print(clip([1, 5, 9], 2, 6))", "[2 5 6]"),
        apply: |c, call| {
            call.allow(&[])?;
            let [x, low, high] = c.operands_of(call, "clip(x, lo, hi)")?;
            let raised = c.elementwise(&MAXIMUM, &[x, low], call.span)?;
            let raised = c.as_operand(&raised, call.span)?;
            c.elementwise(&MINIMUM, &[raised, high], call.span)
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
                    let value = c.graph.size_value(size);
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
            let elements = c.graph.ty(operand.id).elements();
            Ok(Value::array(c.graph.size_value(&elements)))
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
                Some(size) => Ok(Value::array(c.graph.size_value(&size))),
                None => Err(Diagnostic::error(codes::RANK, operand.span, "a scalar has no length")),
            }
        },
    },
];

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
    call.allow(&["axis"])?;
    let [operand] = c.operands_of(call, "squeeze(x) or squeeze(x, axis=0)")?;
    let shape = c.graph.shape(operand.id).to_vec();
    let axes = match call.named("axis") {
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
    let operands = c.operands(&call.positional(1..=1000, form)?)?;
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

fn trace(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    let operand = only(c, call)?;
    let ty = c.graph.ty(operand.id).clone();
    match ty.shape.as_slice() {
        [rows, columns] if rows == columns => {
            let at = c.graph.iota(rows);
            let diagonal = c.graph.gather(operand.id, &[0, 1], &[at, at]);
            Ok(Value::array(c.graph.reduce(&SUM, diagonal, &[0])))
        }
        _ => {
            Err(Diagnostic::error(codes::SIZES, operand.span, "`trace` takes a square matrix")
                .at(format!("this is {ty}")))
        }
    }
}
