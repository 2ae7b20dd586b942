//! Builtins that depend on the order of elements.
//!
//! In: `f(x, axis=…)`. Out: routines over rows, and what is made of them.
//! Always holds: NaN comes after every number, ascending or descending, and what is equal keeps its order.

use super::Builtin;
use super::along::{Along, Otherwise};
use crate::check::call::Call;
use crate::check::operators::Operand;
use crate::check::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{CheckKind, NodeId, Size};
use crate::ops::elementwise::{AND, GREATER_EQUAL, LESS, NEGATE, NOT, SUBTRACT};
use crate::ops::routine::{ARGSORT, COMPACT, RUN_STARTS, Routine, SEARCHSORTED_LEFT, SEARCHSORTED_RIGHT, SORT};
use crate::runtime::array::DType;
use crate::syntax::ast::ExprKind;
use crate::syntax::span::Span;

pub(super) const ALL: &[Builtin] = &[
    Builtin {
        name: "sort",
        doc: "sort(x, axis=-1, descending=false): the elements in order, nan last; equal ones keep their order.",
        example: ("print(sort([3.0, nan, 1.0]))", "[ 1.  3. nan]"),
        apply: |c, call| {
            let (along, descending) = ordered(c, call)?;
            let result = sorted(c, &SORT, along.x, descending);
            let result = if descending { mirrored(c, result) } else { result };
            Ok(Value::array(along.back(c, result)))
        },
    },
    Builtin {
        name: "argsort",
        doc: "argsort(x, axis=-1, descending=false): the indexes of the elements in order; x[argsort(x)] is sort(x).",
        example: ("print(argsort([3, 1, 2]))", "[1 2 0]"),
        apply: |c, call| {
            let (along, descending) = ordered(c, call)?;
            let result = sorted(c, &ARGSORT, along.x, descending);
            Ok(Value::array(along.back(c, result)))
        },
    },
    Builtin {
        name: "top_k",
        doc: "top_k(x, k, axis=-1): the k largest elements, largest first, and their indexes; nan counts as smallest.",
        example: ("print(top_k([3, 1, 2], 2))", "([3 2], [0 2])"),
        apply: top_k,
    },
    Builtin {
        name: "searchsorted",
        doc: "searchsorted(sorted, v, side=\"left\"): where each v goes into the sorted vector: before equal elements, or behind them with side=\"right\".",
        example: ("print(searchsorted([1, 2, 2, 3], [2, 5]))", "[1 4]"),
        apply: searchsorted,
    },
    Builtin {
        name: "find",
        doc: "find(mask): the indexes where a mask is true, in order; for a mask of several axes a tuple with the indexes along each.",
        example: ("print(find([false, true, true]))", "[1 2]"),
        apply: |c, call| {
            call.allow(&[])?;
            let [mask] = c.operands_of::<1>(call, "find(mask)")?;
            c.expect_bool(&mask, "`find` looks for what is true")?;
            if c.graph.ty(mask.id).rank() == 0 {
                return Err(Diagnostic::error(codes::RANK, mask.span, "`find` takes an array of truth values"));
            }
            let mut places: Vec<Value> = c.mask_places(mask.id, call.span)?.into_iter().map(Value::array).collect();
            match (places.len(), places.pop()) {
                (1, Some(only)) => Ok(only),
                (_, last) => Ok(Value::Tuple(places.into_iter().chain(last).collect())),
            }
        },
    },
    Builtin {
        name: "unique",
        doc: "unique(x): the different elements of an array, in order.",
        example: ("print(unique([3, 1, 3, 2]))", "[1 2 3]"),
        apply: |c, call| {
            call.allow(&[])?;
            let [x] = c.operands_of::<1>(call, "unique(x)")?;
            let (elements, count) = different(c, x.id);
            let length = c.dynamic_size(count, call.span)?;
            Ok(Value::array(c.graph.slice(elements, &[Size::from(0)], &[1], &[length])))
        },
    },
    Builtin {
        name: "bincount",
        doc: "bincount(x, n, weights=…): how often each of 0:n is in x, or the sum of its weights; another number is an error. Without n up to the largest number.",
        example: ("print(bincount([0, 2, 2], 4))", "[1 0 2 0]"),
        apply: bincount,
    },
];

/// `f(x, axis=…, descending=…)`.
fn ordered(c: &mut Checker<'_>, call: &Call<'_>) -> Result<(Along, bool)> {
    call.allow(&["axis", "descending"])?;
    let [operand] = c.operands_of(call, &format!("{}(x, axis=-1)", call.name))?;
    let descending = call.named("descending").map_or(Ok(false), |expr| c.literal_bool(expr, "descending"))?;
    Ok((Along::read(c, call, &operand, Otherwise::Last)?, descending))
}

/// A routine that sorts, applied to rows or to their mirror image.
fn sorted(c: &mut Checker<'_>, routine: &'static Routine, x: NodeId, descending: bool) -> NodeId {
    let x = if descending { mirrored(c, x) } else { x };
    c.graph.routine(routine, &[x])
}

/// Elements whose order is the opposite; done twice it gives the elements back. NaN stays NaN, so it stays last.
fn mirrored(c: &mut Checker<'_>, x: NodeId) -> NodeId {
    match c.graph.ty(x).dtype {
        DType::Bool => c.graph.map(&NOT, &[x]),
        DType::I64 => {
            let ones = c.graph.constant_like(x, -1.0);
            c.graph.map(&SUBTRACT, &[ones, x])
        }
        _ => c.graph.map(&NEGATE, &[x]),
    }
}

fn top_k(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&["axis"])?;
    let [x, k] = call.exactly("top_k(x, k)")?;
    let operand = c.operand(x)?;
    let count = c.size_of(k, "the k of `top_k`")?;
    let along = Along::read(c, call, &operand, Otherwise::Last)?;
    let rest = along.size(c).minus(&count);
    c.require_nonnegative(&count, "the k of `top_k` is negative", k.span)?;
    c.require_nonnegative(&rest, "`top_k` of more elements than there are", k.span)?;
    let values = sorted(c, &SORT, along.x, true);
    let (values, places) = (mirrored(c, values), sorted(c, &ARGSORT, along.x, true));
    let parts = [values, places].map(|rows| {
        let first = first_of_rows(c, rows, &count);
        Value::array(along.back(c, first))
    });
    Ok(Value::Tuple(parts.into()))
}

/// The first elements of each row.
fn first_of_rows(c: &mut Checker<'_>, x: NodeId, count: &Size) -> NodeId {
    let mut shape = c.graph.shape(x).to_vec();
    if let Some(last) = shape.last_mut() {
        *last = count.clone();
    }
    c.graph.slice(x, &vec![Size::from(0); shape.len()], &vec![1; shape.len()], &shape)
}

fn searchsorted(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&["side"])?;
    let [sorted, values] = c.operands_of(call, "searchsorted(sorted, v)")?;
    let routine = match call.named("side").map(|expr| (&expr.kind, expr.span)) {
        None => &SEARCHSORTED_LEFT,
        Some((ExprKind::Str(side), _)) if side == "left" => &SEARCHSORTED_LEFT,
        Some((ExprKind::Str(side), _)) if side == "right" => &SEARCHSORTED_RIGHT,
        Some((_, span)) => {
            return Err(Diagnostic::error(codes::ARGUMENTS, span, "`side` is \"left\" or \"right\""));
        }
    };
    expect_vector(c, &sorted, call.name)?;
    let dtype = c.common_dtype(&[sorted, values]);
    let [line, wanted] = [sorted.id, values.id].map(|id| c.graph.cast(id, dtype));
    c.graph.span = call.span;
    let ty = c.graph.ty(wanted).clone();
    let wanted = c.graph.reshape(wanted, &[ty.elements()]);
    let places = c.graph.routine(routine, &[line, wanted]);
    Ok(Value::array(c.graph.reshape(places, &ty.shape)))
}

fn expect_vector(c: &Checker<'_>, operand: &Operand, name: &str) -> Result<()> {
    let ty = c.graph.ty(operand.id);
    match ty.rank() {
        1 => Ok(()),
        _ => Err(Diagnostic::error(codes::RANK, operand.span, format!("`{name}` takes a vector"))
            .at(format!("this is {ty}"))),
    }
}

/// `bincount(x, n)`, `bincount(x, minlength=n)`, `bincount(x, weights, minlength=n)`.
fn bincount(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&["weights", "minlength"])?;
    let (x, second) = call.first_and_rest(1..=2, "bincount(x, n)")?;
    let operand = c.operand(x)?;
    expect_vector(c, &operand, call.name)?;
    let (mut length, mut weights) = (call.named("minlength"), call.named("weights"));
    if let Some(&expr) = second.first() {
        let is_array = matches!(c.expression(expr)?, Value::Array { id, .. } if c.graph.ty(id).rank() > 0);
        if let Some(twice) = if is_array { &mut weights } else { &mut length }.replace(expr) {
            return Err(Diagnostic::error(codes::ARGUMENTS, twice.span, "this argument is given twice"));
        }
    }
    let Some(length) = length else {
        // One more than the largest number, nothing for none.
        let zero = c.graph.int(-1);
        let none = c.graph.broadcast(zero, &[], &[Size::one()]);
        let numbers = c.graph.cast(operand.id, DType::I64);
        let all = c.graph.concat(&[none, numbers], 0);
        let largest = c.graph.reduce(&crate::ops::reduction::MAX, all, &[0]);
        let one = c.graph.int(1);
        let count = c.graph.plus(largest, one);
        let size = c.dynamic_size(count, call.span)?;
        let weights = weights.map(|expr| c.operand(expr)).transpose()?;
        return counts(c, &operand, weights.as_ref(), &size, call.span).map(Value::array);
    };
    let size = c.size_of(length, "the length of `bincount`")?;
    c.require_nonnegative(&size, "the length of `bincount` is negative", length.span)?;
    let weights = weights.map(|expr| c.operand(expr)).transpose()?;
    counts(c, &operand, weights.as_ref(), &size, call.span).map(Value::array)
}

/// How often each of `0:length` is in a vector, or the sums of weights. A number outside is an error when running.
fn counts(c: &mut Checker<'_>, x: &Operand, weights: Option<&Operand>, length: &Size, span: Span) -> Result<NodeId> {
    let ty = c.graph.ty(x.id).clone();
    if ty.dtype.is_float() {
        return Err(Diagnostic::error(codes::TYPE, x.span, "`bincount` counts whole numbers")
            .at(format!("this is {ty}"))
            .help("convert with i64(x)"));
    }
    let numbers = c.graph.cast(x.id, DType::I64);
    let (zero, end) = (c.graph.full_like(numbers, 0.0), c.graph.size_value(length));
    let end = c.graph.broadcast(end, &[], &ty.shape);
    let (above, below) = (c.graph.map(&GREATER_EQUAL, &[numbers, zero]), c.graph.map(&LESS, &[numbers, end]));
    let inside = c.graph.map(&AND, &[above, below]);
    let message = format!("a number is outside the range 0:{length} that `bincount` counts");
    c.check(CheckKind::Assert { message: Some(message) }, inside, None, x.span);
    c.graph.span = span;
    let values = match weights {
        None => c.graph.full_like(numbers, 1.0),
        Some(weights) => {
            let own = c.graph.ty(weights.id).clone();
            if own.shape != ty.shape {
                return Err(Diagnostic::error(
                    codes::SIZES,
                    weights.span,
                    "`bincount` takes one weight for each number",
                )
                .at(format!("this is {own}"))
                .label(x.span, format!("this is {ty}")));
            }
            c.graph.cast(weights.id, if own.dtype.is_float() { own.dtype } else { DType::F64 })
        }
    };
    Ok(c.graph.scatter_add(std::slice::from_ref(length), &[0], &[numbers], values))
}

/// The positions where a vector of truth values is true, in order, then zeros; and how many are meant.
pub(in crate::check) fn found(c: &mut Checker<'_>, mask: NodeId) -> (NodeId, NodeId) {
    let positions = c.graph.routine(&COMPACT, &[mask]);
    let ones = c.graph.cast(mask, DType::I64);
    (positions, c.graph.sum_all(ones))
}

/// All elements of an array in order with every different one first, in order, and how many those are.
pub(in crate::check) fn different(c: &mut Checker<'_>, x: NodeId) -> (NodeId, NodeId) {
    let elements = c.graph.ty(x).elements();
    let line = c.graph.reshape(x, &[elements]);
    let sorted = c.graph.routine(&SORT, &[line]);
    let starts = c.graph.routine(&RUN_STARTS, &[sorted]);
    let (positions, count) = found(c, starts);
    (c.graph.gather(sorted, &[0], &[positions]), count)
}
