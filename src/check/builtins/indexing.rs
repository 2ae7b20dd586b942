//! Builtins that pick elements by where they stand: roll, pad, diagonals and triangles.
//!
//! In: arrays. Out: their elements at computed places, or among zeros.
//! Always holds: every index that is made here is in range, so none is checked when running.

use super::Builtin;
use crate::check::call::Call;
use crate::check::operators::Operand;
use crate::check::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{NodeId, Size};
use crate::ops::elementwise::{
    ADD, EQUAL, Elementwise, GREATER_EQUAL, LESS, LESS_EQUAL, MAXIMUM, MINIMUM, REMAINDER, SUBTRACT, WHERE,
};
use crate::runtime::array::DType;
use crate::syntax::ast::{Expr, ExprKind};

pub(super) const ALL: &[Builtin] = &[
    Builtin {
        name: "roll",
        doc: "roll(x, shift, axis=0): elements moved by shift places, round the end; without axis= in row-major order.",
        example: ("print(roll([1, 2, 3, 4], 1))", "[4 1 2 3]"),
        apply: roll,
    },
    Builtin {
        name: "pad",
        doc: "pad(x, widths, value=0, mode=\"constant\"): x with a border; widths is k, (before, after), or one pair per axis; modes: constant, edge, reflect, symmetric, wrap.",
        example: ("print(pad([1, 2], (1, 2)))", "[0 1 2 0 0]"),
        apply: pad,
    },
    Builtin {
        name: "diag",
        doc: "diag(v): the matrix with v on its diagonal; diag(x) of a matrix: its diagonal; k=1 is the diagonal above, k=-1 below.",
        example: ("print(diag([1, 2]))", "[[1 0]\n [0 2]]"),
        apply: diag,
    },
    Builtin {
        name: "tril",
        doc: "tril(x): zeros above the diagonal; k= moves the diagonal up.",
        example: ("print(tril([[1, 2], [3, 4]]))", "[[1 0]\n [3 4]]"),
        apply: |c, call| triangle(c, call, &LESS_EQUAL),
    },
    Builtin {
        name: "triu",
        doc: "triu(x): zeros below the diagonal; k= moves the diagonal up.",
        example: ("print(triu([[1, 2], [3, 4]]))", "[[1 2]\n [0 4]]"),
        apply: |c, call| triangle(c, call, &GREATER_EQUAL),
    },
];

/// The parts of a tuple as written, or the expression itself.
fn parts(expr: &Expr) -> Vec<&Expr> {
    match &expr.kind {
        ExprKind::Tuple(parts) => parts.iter().collect(),
        _ => vec![expr],
    }
}

/// A scalar `i64` operand.
fn whole(c: &mut Checker<'_>, expr: &Expr, what: &str) -> Result<NodeId> {
    let operand = c.operand(expr)?;
    let ty = c.graph.ty(operand.id);
    if ty.rank() == 0 && !ty.dtype.is_float() {
        return Ok(c.graph.cast(operand.id, DType::I64));
    }
    Err(Diagnostic::error(codes::TYPE, expr.span, format!("{what} is one whole number")).at(format!("this is {ty}")))
}

/// Elements of `x` at `index` (one per element of the result) along an axis.
fn take(c: &mut Checker<'_>, x: NodeId, axis: usize, index: NodeId) -> NodeId {
    let gathered = c.graph.gather(x, &[axis], &[index]);
    c.graph.move_axis(gathered, 0, axis)
}

fn roll(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&["axis"])?;
    let [x, shift] = call.exactly("roll(x, shift) or roll(x, shift, axis=0)")?;
    let operand = c.operand(x)?;
    let shape = c.graph.shape(operand.id).to_vec();
    let shifts = parts(shift).into_iter().map(|expr| whole(c, expr, "a shift")).collect::<Result<Vec<_>>>()?;
    let Some(axis) = call.named("axis") else {
        let [shift] = shifts.as_slice() else {
            return Err(Diagnostic::error(codes::ARGUMENTS, shift.span, "several shifts need as many axes")
                .help("write roll(x, (1, 2), axis=(0, 1))"));
        };
        let flat = c.graph.reshape(operand.id, &[Size::product(&shape)]);
        let rolled = rolled(c, flat, 0, *shift);
        return Ok(Value::array(c.graph.reshape(rolled, &shape)));
    };
    let axes = parts(axis).into_iter().map(|expr| c.axis(expr, shape.len())).collect::<Result<Vec<_>>>()?;
    c.graph.span = call.span;
    let shifts = match shifts.as_slice() {
        [one] => vec![*one; axes.len()],
        _ => shifts,
    };
    if shifts.len() != axes.len() {
        let text = format!("{} shifts do not fit {} axes", shifts.len(), axes.len());
        return Err(Diagnostic::error(codes::ARGUMENTS, call.span, text));
    }
    Ok(Value::array(axes.iter().zip(shifts).fold(operand.id, |x, (axis, shift)| rolled(c, x, *axis, shift))))
}

fn rolled(c: &mut Checker<'_>, x: NodeId, axis: usize, shift: NodeId) -> NodeId {
    let g = &mut c.graph;
    let shape = g.shape(x).to_vec();
    let Some(extent) = shape.get(axis) else { return x };
    let known = extent.as_const().zip(g.as_size(shift).and_then(|shift| shift.as_const()));
    if let Some((extent, shift)) = known {
        return rolled_by(c, x, axis, shift.checked_rem_euclid(extent).unwrap_or(0));
    }
    // Below the shift an index comes from the end. An empty axis has no index, and no remainder either.
    let (extent_value, one) = (g.size_value(extent), g.int(1));
    let divisor = g.map(&MAXIMUM, &[extent_value, one]);
    let shift = g.map(&REMAINDER, &[shift, divisor]);
    let place = g.iota(extent);
    let wrapped = g.map(&LESS, &[place, shift]);
    let back = g.map(&SUBTRACT, &[place, shift]);
    let from_end = g.plus(back, extent_value);
    let index = g.map(&WHERE, &[wrapped, from_end, back]);
    take(c, x, axis, index)
}

/// Two slices in the other order.
fn rolled_by(c: &mut Checker<'_>, x: NodeId, axis: usize, shift: i64) -> NodeId {
    if shift == 0 {
        return x;
    }
    let shift = Size::from(shift);
    let shape = c.graph.shape(x).to_vec();
    let mut part = |start: Size, length: Size| {
        let (mut starts, mut sizes) = (vec![Size::from(0); shape.len()], shape.clone());
        if let (Some(first), Some(size)) = (starts.get_mut(axis), sizes.get_mut(axis)) {
            (*first, *size) = (start, length);
        }
        c.graph.slice(x, &starts, &vec![1; shape.len()], &sizes)
    };
    let extent = shape.get(axis).cloned().unwrap_or_default();
    let rest = extent.minus(&shift);
    let parts = [part(rest.clone(), shift), part(Size::from(0), rest)];
    c.graph.concat(&parts, axis)
}

/// Before and after, per axis.
type Widths = Vec<(Size, Size)>;

fn pad(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&["value", "mode"])?;
    let [x, widths] = call.exactly("pad(x, widths, value=0)")?;
    let operand = c.operand(x)?;
    let rank = c.graph.ty(operand.id).rank();
    let widths = pad_widths(c, widths, rank)?;
    let mode = match call.named("mode").map(|expr| (&expr.kind, expr.span)) {
        None => "constant",
        Some((ExprKind::Str(mode), _)) => mode,
        Some((_, span)) => return Err(Diagnostic::error(codes::TYPE, span, "a mode is a string")),
    };
    if mode == "constant" {
        return pad_constant(c, call, operand, &widths);
    }
    if let Some(value) = call.named("value") {
        return Err(Diagnostic::error(codes::ARGUMENTS, value.span, format!("mode \"{mode}\" takes no value")));
    }
    let Some(index) = border_index(mode) else {
        let span = call.named("mode").map_or(call.span, |expr| expr.span);
        return Err(Diagnostic::error(codes::ARGUMENTS, span, format!("`pad` has no mode \"{mode}\""))
            .help("the modes are constant, edge, reflect, symmetric and wrap"));
    };
    let mut padded = operand.id;
    for (axis, (before, after)) in widths.iter().enumerate() {
        if before.as_const() == Some(0) && after.as_const() == Some(0) {
            continue;
        }
        let extent = c.graph.shape(padded).get(axis).cloned().unwrap_or_default();
        let message = format!("mode \"{mode}\" has nothing to pad an empty axis with (axis {axis})");
        c.require_nonnegative(&extent.minus(&Size::one()), &message, call.span)?;
        let (iota, start) = (c.graph.iota(&before.plus(&extent).plus(after)), c.graph.size_value(before));
        let place = c.graph.map(&SUBTRACT, &[iota, start]);
        let index = index(c, place, &extent);
        padded = take(c, padded, axis, index);
    }
    Ok(Value::array(padded))
}

fn pad_widths(c: &mut Checker<'_>, expr: &Expr, rank: usize) -> Result<Widths> {
    let pair = |c: &mut Checker<'_>, expr: &Expr| -> Result<(Size, Size)> {
        let sizes = c.sizes(&[expr])?;
        match sizes.as_slice() {
            [both] => Ok((both.clone(), both.clone())),
            [before, after] => Ok((before.clone(), after.clone())),
            _ => Err(Diagnostic::error(codes::ARGUMENTS, expr.span, "a width is k or (before, after)")),
        }
    };
    let pairs = match &expr.kind {
        ExprKind::Tuple(parts) if parts.iter().any(|part| matches!(part.kind, ExprKind::Tuple(_))) => {
            parts.iter().map(|part| pair(c, part)).collect::<Result<Widths>>()?
        }
        _ => vec![pair(c, expr)?; rank.max(1)],
    };
    if pairs.len() != rank {
        let text = format!("{} widths do not fit {rank} axes", pairs.len());
        return Err(Diagnostic::error(codes::ARGUMENTS, expr.span, text)
            .help("write k, (before, after), or one pair per axis: ((1, 1), (0, 2))"));
    }
    Ok(pairs)
}

fn pad_constant(c: &mut Checker<'_>, call: &Call<'_>, x: Operand, widths: &Widths) -> Result<Value> {
    let dtype = c.graph.ty(x.id).dtype;
    let value = match call.named("value") {
        None => c.graph.constant_like(x.id, 0.0),
        Some(expr) => {
            let operand = c.operand(expr)?;
            let ty = c.graph.ty(operand.id).clone();
            let fitting = if ty.rank() == 0 { c.assignable(operand, dtype) } else { None };
            fitting.ok_or_else(|| {
                Diagnostic::error(codes::TYPE, expr.span, format!("the value of the border is one {dtype}"))
                    .at(format!("this is {ty}"))
            })?
        }
    };
    c.graph.span = call.span;
    let own = c.graph.shape(x.id).to_vec();
    let shape: Vec<Size> = own.iter().zip(widths).map(|(size, (a, b))| a.plus(size).plus(b)).collect();
    if c.graph.as_constant(value).is_some_and(|value| value.as_f64().to_bits() == 0) {
        let starts: Vec<Size> = widths.iter().map(|(before, _)| before.clone()).collect();
        return Ok(Value::array(match own == shape {
            true => x.id,
            false => c.graph.place(x.id, &starts, &vec![1; own.len()], &shape),
        }));
    }
    let mut padded = x.id;
    for (axis, (before, after)) in widths.iter().enumerate() {
        let mut border = |size: &Size| {
            let mut shape = c.graph.shape(padded).to_vec();
            shape.iter_mut().skip(axis).take(1).for_each(|extent| *extent = size.clone());
            c.graph.broadcast(value, &[], &shape)
        };
        let parts = [border(before), padded, border(after)];
        padded = c.graph.concat(&parts, axis);
    }
    Ok(Value::array(padded))
}

/// What makes the index into an axis of the place counted from its first element.
type BorderIndex = fn(&mut Checker<'_>, NodeId, &Size) -> NodeId;

fn border_index(mode: &str) -> Option<BorderIndex> {
    Some(match mode {
        "edge" => |c, place, extent| {
            let (zero, last) = (c.graph.int(0), c.graph.size_value(&extent.minus(&Size::one())));
            let raised = c.graph.map(&MAXIMUM, &[place, zero]);
            c.graph.map(&MINIMUM, &[raised, last])
        },
        "wrap" => |c, place, extent| {
            let period = c.graph.size_value(extent);
            c.graph.map(&REMAINDER, &[place, period])
        },
        // A period is the axis there and back, with its ends once or twice.
        "reflect" => |c, place, extent| {
            let turn = extent.minus(&Size::one());
            mirrored(c, place, &turn.plus(&turn), 0, extent)
        },
        "symmetric" => |c, place, extent| mirrored(c, place, &extent.plus(extent), 1, extent),
        _ => return None,
    })
}

/// Behind the turn, `period - ends - phase`.
fn mirrored(c: &mut Checker<'_>, place: NodeId, period: &Size, ends: i64, extent: &Size) -> NodeId {
    let g = &mut c.graph;
    let (one, extent_value, period_value) = (g.int(1), g.size_value(extent), g.size_value(period));
    let divisor = g.map(&MAXIMUM, &[period_value, one]);
    let phase = g.map(&REMAINDER, &[place, divisor]);
    let first = g.size_value(&period.minus(&Size::from(ends)));
    let back = g.map(&SUBTRACT, &[first, phase]);
    let forward = g.map(&LESS, &[phase, extent_value]);
    g.map(&WHERE, &[forward, phase, back])
}

/// The argument behind the first, positional or `k=`, as a literal; 0 without.
fn diagonal_number(c: &mut Checker<'_>, call: &Call<'_>, second: Option<&Expr>) -> Result<i64> {
    second.or(call.named("k")).map_or(Ok(0), |expr| c.literal_int(expr, "the number of a diagonal"))
}

fn diag(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&["k"])?;
    let (x, rest) = call.first_and_rest(1..=2, "diag(x) or diag(x, k=1)")?;
    let operand = c.operand(x)?;
    let k = diagonal_number(c, call, rest.first().copied())?;
    c.graph.span = call.span;
    match c.graph.ty(operand.id).rank() {
        1 => Ok(Value::array(diagonal_matrix(c, operand.id, k))),
        2 => Ok(Value::array(diagonal(c, operand, k)?)),
        _ => Err(Diagnostic::error(codes::RANK, operand.span, "`diag` takes a vector or a matrix")
            .at(format!("this is {}", c.graph.ty(operand.id)))),
    }
}

/// The square matrix with `v` on its diagonal of number `k`.
fn diagonal_matrix(c: &mut Checker<'_>, v: NodeId, k: i64) -> NodeId {
    let g = &mut c.graph;
    let extent = g.shape(v).iter().fold(Size::from(k.saturating_abs()), |sum, size| sum.plus(size));
    let shape = [extent.clone(), extent.clone()];
    let padded = if k == 0 { v } else { g.place(v, &[Size::from(0)], &[1], std::slice::from_ref(&extent)) };
    // Above the diagonal an element belongs to its row, below to its column.
    let spread = g.broadcast(padded, &[usize::from(k < 0)], &shape);
    let iota = g.iota(&extent);
    let (rows, columns) = (g.broadcast(iota, &[0], &shape), g.broadcast(iota, &[1], &shape));
    let shift = g.int(k);
    let moved = g.map(&ADD, &[rows, shift]);
    let hit = g.map(&EQUAL, &[columns, moved]);
    let zero = g.constant_like(v, 0.0);
    g.map(&WHERE, &[hit, spread, zero])
}

/// The diagonal of number `k` of a matrix.
pub(super) fn diagonal(c: &mut Checker<'_>, x: Operand, k: i64) -> Result<NodeId> {
    let shape = c.graph.shape(x.id).to_vec();
    let [rows, columns] = shape.as_slice() else {
        return Err(Diagnostic::error(codes::RANK, x.span, "only a matrix has a diagonal")
            .at(format!("this is {}", c.graph.ty(x.id))));
    };
    let (down, right) = (Size::from(k.min(0).saturating_neg()), Size::from(k.max(0)));
    let (below, beside) = (rows.minus(&down), columns.minus(&right));
    let length = match (below.as_const(), beside.as_const(), below.minus(&beside).as_const()) {
        (Some(below), Some(beside), _) => Size::from(below.min(beside).max(0)),
        (_, _, Some(..=0)) => below,
        (_, _, Some(_)) => beside,
        _ => {
            let text = format!("the shorter of {rows} and {columns} is not known before the program runs");
            return Err(Diagnostic::error(codes::NOT_A_CONSTANT, x.span, text)
                .at(format!("this is {}", c.graph.ty(x.id)))
                .help("take a square part of it: x[0:n, 0:n]"));
        }
    };
    c.require_nonnegative(&length, &format!("there is no diagonal of number {k}"), x.span)?;
    let (iota, down, right) = (c.graph.iota(&length), c.graph.size_value(&down), c.graph.size_value(&right));
    let (row, column) = (c.graph.plus(iota, down), c.graph.plus(iota, right));
    Ok(c.graph.gather(x.id, &[0, 1], &[row, column]))
}

/// What is kept where `column - row kept k`.
fn triangle(c: &mut Checker<'_>, call: &Call<'_>, kept: &'static Elementwise) -> Result<Value> {
    call.allow(&["k"])?;
    let (x, rest) = call.first_and_rest(1..=2, &format!("{0}(x) or {0}(x, k=1)", call.name))?;
    let operand = c.operand(x)?;
    let shift = rest.first().copied().or(call.named("k"));
    let shift = match shift {
        Some(expr) => whole(c, expr, "the number of a diagonal")?,
        None => c.graph.int(0),
    };
    c.graph.span = call.span;
    let shape = c.graph.shape(operand.id).to_vec();
    let [.., rows, columns] = shape.as_slice() else {
        return Err(Diagnostic::error(codes::RANK, operand.span, format!("`{}` takes a matrix", call.name))
            .at(format!("this is {}", c.graph.ty(operand.id))));
    };
    let last = shape.len() - 1;
    let (rows, columns) = (c.graph.iota(rows), c.graph.iota(columns));
    let (rows, columns) = (c.graph.broadcast(rows, &[last - 1], &shape), c.graph.broadcast(columns, &[last], &shape));
    let number = c.graph.map(&SUBTRACT, &[columns, rows]);
    let inside = c.graph.map(kept, &[number, shift]);
    let zero = c.graph.constant_like(operand.id, 0.0);
    Ok(Value::array(c.graph.map(&WHERE, &[inside, operand.id, zero])))
}
