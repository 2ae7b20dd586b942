//! Routines that run along a row and keep a state: cumulative sums, products and extrema, and linear recurrences.
//!
//! In: rows of numbers. Out: the state behind each element.
//! Always holds: single precision is summed and multiplied in double precision and rounded for each element; an extremum
//! is NaN from the first NaN on.

use super::{Derivative, Elements, ElementsMut, Routine, Row, linear, one_type};
use crate::graph::{Graph, NodeId, Size, Type};
use crate::ops::elementwise::{MULTIPLY, STRONG_MULTIPLY};
use crate::ops::rules::Cotangent;
use crate::runtime::array::DType;

pub(super) const ALL: &[&Routine] = &[&CUMSUM, &CUMPROD, &CUMMAX, &CUMMIN, &ARGCUMMAX, &ARGCUMMIN, &LINEAR_RECURRENCE];

/// The sums of a row's beginnings.
pub static CUMSUM: Routine = Routine {
    name: "cumsum",
    doc: "The sum up to each element, with it.",
    cores: &[1],
    typing: number,
    work: |cores| linear(cores, 1),
    derivative: Derivative::Rule(|g, _, ct| {
        // x[i] is in the sums from i on: a cumulative sum from the back.
        let back = flipped(g, ct.node);
        let sums = g.routine(&CUMSUM, &[back]);
        vec![Some(Cotangent { node: flipped(g, sums), ..ct })]
    }),
    run: |row| accumulate(row, 0, i64::wrapping_add, 0.0, |a, b| a + b),
};

/// The products of a row's beginnings.
pub static CUMPROD: Routine = Routine {
    name: "cumprod",
    doc: "The product up to each element, with it.",
    cores: &[1],
    typing: number,
    work: |cores| linear(cores, 1),
    // dx[i] = (x[0] ⋯ x[i-1]) · R[i] with R[i] = ct[i] + x[i+1] · R[i+1]: nothing is divided, so zeros do no harm.
    derivative: Derivative::Rule(|g, id, ct| {
        let x = g.node(id).inputs[0];
        let rest = adjoint(g, x, ct.node);
        let before = shifted(g, id, 1.0);
        vec![Some(times(g, Cotangent { node: rest, ..ct }, before))]
    }),
    run: |row| accumulate(row, 1, i64::wrapping_mul, 1.0, |a, b| a * b),
};

macro_rules! extremum {
    ($id:ident, $name:literal, $doc:literal, $arg:ident, $arg_name:literal, $arg_doc:literal, $better:tt) => {
        #[doc = $doc]
        pub static $id: Routine = Routine {
            name: $name,
            doc: $doc,
            cores: &[1],
            typing: number,
            work: |cores| linear(cores, 1),
            derivative: Derivative::Rule(|g, id, ct| {
                let x = g.node(id).inputs[0];
                let shape = g.shape(x).to_vec();
                let first = g.routine(&$arg, &[x]);
                vec![Some(Cotangent { node: g.add_in_rows(&shape, first, ct.node), ..ct })]
            }),
            run: |row| match (row.operands, &mut row.result) {
                ([Elements::I64(x)], ElementsMut::I64(y)) => best(x, y, |a, b| a $better b, |_, value| value),
                ([Elements::F32(x)], ElementsMut::F32(y)) => {
                    best(x, y, |a, b| !b.is_nan() && (a $better b || a.is_nan()), |_, value| value)
                }
                ([Elements::F64(x)], ElementsMut::F64(y)) => {
                    best(x, y, |a, b| !b.is_nan() && (a $better b || a.is_nan()), |_, value| value)
                }
                _ => {}
            },
        };

        #[doc = $arg_doc]
        pub static $arg: Routine = Routine {
            name: $arg_name,
            doc: $arg_doc,
            cores: &[1],
            typing: |types| Ok(Type::array(DType::I64, number(types)?.shape)),
            work: |cores| linear(cores, 1),
            derivative: Derivative::Zero,
            run: |row| {
                let ElementsMut::I64(y) = &mut row.result else { return };
                match row.operands {
                    [Elements::I64(x)] => best(x, y, |a, b| a $better b, |position, _| position),
                    [Elements::F32(x)] => {
                        best(x, y, |a, b| !b.is_nan() && (a $better b || a.is_nan()), |position, _| position)
                    }
                    [Elements::F64(x)] => {
                        best(x, y, |a, b| !b.is_nan() && (a $better b || a.is_nan()), |position, _| position)
                    }
                    _ => {}
                }
            },
        };
    };
}

extremum!(
    CUMMAX,
    "cummax",
    "The largest element up to each, with it.",
    ARGCUMMAX,
    "argcummax",
    "The position of the largest element up to each, the first of equals.",
    >
);
extremum!(
    CUMMIN,
    "cummin",
    "The smallest element up to each, with it.",
    ARGCUMMIN,
    "argcummin",
    "The position of the smallest element up to each, the first of equals.",
    <
);

/// `y[i] = a[i] · y[i-1] + b[i]`, with `y[-1] = 0`. A state of 0 stays 0 whatever multiplies it, so that what a `where`
/// cut off stays cut off.
pub static LINEAR_RECURRENCE: Routine = Routine {
    name: "linear_recurrence",
    doc: "y[i] = a[i] * y[i - 1] + b[i] from y[-1] = 0; a state of 0 stays 0 whatever multiplies it.",
    cores: &[1, 1],
    typing: |types| match one_type(types)? {
        ty if ty.dtype.is_float() => Ok(ty.clone()),
        ty => Err(format!("expected floats, found {ty}")),
    },
    work: |cores| linear(cores, 2),
    derivative: Derivative::Rule(|g, id, ct| {
        let (a, shape) = (g.node(id).inputs[0], g.shape(id).to_vec());
        let operands = g.node(id).inputs.clone();
        let a_full = in_full(g, a, &shape);
        let states = adjoint(g, a_full, ct.node);
        let before = shifted(g, id, 0.0);
        let by_b = Cotangent { node: states, ..ct };
        let by_a = times(g, by_b, before);
        let by = [by_a, by_b];
        operands.iter().zip(by).map(|(&x, by)| Some(Cotangent { node: summed_to(g, by.node, x), ..by })).collect()
    }),
    run: |row| match (row.operands, &mut row.result) {
        ([Elements::F32(a), Elements::F32(b)], ElementsMut::F32(y)) => {
            let mut state = 0.0f64;
            for ((a, b), y) in a.iter().zip(*b).zip(y.iter_mut()) {
                state = recur(state, f64::from(*a), f64::from(*b));
                *y = state as f32;
            }
        }
        ([Elements::F64(a), Elements::F64(b)], ElementsMut::F64(y)) => {
            let mut state = 0.0f64;
            for ((a, b), y) in a.iter().zip(*b).zip(y.iter_mut()) {
                state = recur(state, *a, *b);
                *y = state;
            }
        }
        _ => {}
    },
};

fn recur(state: f64, a: f64, b: f64) -> f64 {
    if state == 0.0 { b } else { a * state + b }
}

/// One row of numbers.
fn number(types: &[Type]) -> Result<Type, String> {
    match one_type(types)? {
        ty if ty.dtype != DType::Bool => Ok(ty.clone()),
        ty => Err(format!("expected numbers, found {ty}")),
    }
}

fn accumulate(row: &mut Row<'_>, int: i64, ints: fn(i64, i64) -> i64, float: f64, floats: fn(f64, f64) -> f64) {
    fn along<T: Copy, S: Copy>(x: &[T], y: &mut [T], first: S, step: impl Fn(S, T) -> S, rounded: impl Fn(S) -> T) {
        let mut state = first;
        for (x, y) in x.iter().zip(y) {
            state = step(state, *x);
            *y = rounded(state);
        }
    }
    match (row.operands, &mut row.result) {
        ([Elements::I64(x)], ElementsMut::I64(y)) => along(x, y, int, ints, |state| state),
        ([Elements::F32(x)], ElementsMut::F32(y)) => {
            along(x, y, float, |state, x| floats(state, f64::from(x)), |state| state as f32);
        }
        ([Elements::F64(x)], ElementsMut::F64(y)) => along(x, y, float, floats, |state| state),
        _ => {}
    }
}

/// The best element so far, as `keep` makes a result of its position and value.
fn best<T: Copy, R>(x: &[T], y: &mut [R], better: impl Fn(T, T) -> bool, keep: impl Fn(i64, T) -> R) {
    let Some(&first) = x.first() else { return };
    let mut state = (0, first);
    for ((position, &value), y) in (0..).zip(x).zip(y) {
        if better(value, state.1) {
            state = (position, value);
        }
        *y = keep(state.0, state.1);
    }
}

/// The last axis reversed.
fn flipped(g: &mut Graph, x: NodeId) -> NodeId {
    let last = g.ty(x).rank().saturating_sub(1);
    g.flip(x, last)
}

/// Each row moved on by one, with `first` in front and without its last element.
fn shifted(g: &mut Graph, x: NodeId, first: f64) -> NodeId {
    let shape = g.shape(x).to_vec();
    let last = shape.len().saturating_sub(1);
    let mut lead = shape.clone();
    lead[last] = Size::one();
    let first = g.constant_like(x, first);
    let first = g.broadcast(first, &[], &lead);
    let longer = g.concat(&[first, x], last);
    let zeros = vec![Size::from(0); shape.len()];
    g.slice(longer, &zeros, &vec![1; shape.len()], &shape)
}

/// The adjoint states of a recurrence with factors `a`: `s[i] = ct[i] + a[i+1] · s[i+1]`, from the back.
fn adjoint(g: &mut Graph, a: NodeId, ct: NodeId) -> NodeId {
    let (factors, values) = (flipped(g, a), flipped(g, ct));
    let factors = shifted(g, factors, 0.0);
    let states = g.routine(&LINEAR_RECURRENCE, &[factors, values]);
    flipped(g, states)
}

fn times(g: &mut Graph, ct: Cotangent, factor: NodeId) -> Cotangent {
    let product = if ct.masked { &STRONG_MULTIPLY } else { &MULTIPLY };
    Cotangent { node: g.map(product, &[ct.node, factor]), ..ct }
}

/// A row that may be shared by the batch, repeated for it.
fn in_full(g: &mut Graph, x: NodeId, shape: &[Size]) -> NodeId {
    let lead = shape.len() - g.ty(x).rank();
    let axes: Vec<usize> = (lead..shape.len()).collect();
    g.broadcast(x, &axes, shape)
}

/// The transpose of [`in_full`]: the sum over the batch axes that the operand does not have.
fn summed_to(g: &mut Graph, by: NodeId, operand: NodeId) -> NodeId {
    let lead = g.ty(by).rank() - g.ty(operand).rank();
    let axes: Vec<usize> = (0..lead).collect();
    g.sum(by, &axes)
}
