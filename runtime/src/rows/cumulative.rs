//! Rows with a state that runs along: cumulative sums, products and extrema, and linear recurrences.
//!
//! In: rows of numbers. Out: the state behind each element.
//! Always holds: single precision is summed and multiplied in double precision and rounded for each element; an extremum
//! is NaN from the first NaN on.

use super::{Elements, ElementsMut, Row};

/// The sum up to each element, with it.
pub fn sum(row: &mut Row<'_>) {
    accumulate(row, 0, i64::wrapping_add, 0.0, |a, b| a + b);
}

/// The product up to each element, with it.
pub fn product(row: &mut Row<'_>) {
    accumulate(row, 1, i64::wrapping_mul, 1.0, |a, b| a * b);
}

macro_rules! extremum {
    ($value:ident, $doc:literal, $position:ident, $position_doc:literal, $better:tt) => {
        #[doc = $doc]
        pub fn $value(row: &mut Row<'_>) {
            match (row.operands, &mut row.result) {
                ([Elements::I64(x)], ElementsMut::I64(y)) => best(x, y, |a, b| a $better b, |_, value| value),
                ([Elements::F32(x)], ElementsMut::F32(y)) => {
                    best(x, y, |a, b| !b.is_nan() && (a $better b || a.is_nan()), |_, value| value)
                }
                ([Elements::F64(x)], ElementsMut::F64(y)) => {
                    best(x, y, |a, b| !b.is_nan() && (a $better b || a.is_nan()), |_, value| value)
                }
                _ => {}
            }
        }

        #[doc = $position_doc]
        pub fn $position(row: &mut Row<'_>) {
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
        }
    };
}

extremum!(
    max,
    "The largest element up to each, with it.",
    argmax,
    "The position of the largest element up to each, the first of equals.",
    >
);
extremum!(
    min,
    "The smallest element up to each, with it.",
    argmin,
    "The position of the smallest element up to each, the first of equals.",
    <
);

/// `y[i] = a[i] · y[i-1] + b[i]`, with `y[-1] = 0`. A state of 0 stays 0 whatever multiplies it.
pub fn linear_recurrence(row: &mut Row<'_>) {
    match (row.operands, &mut row.result) {
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
    }
}

fn recur(state: f64, a: f64, b: f64) -> f64 {
    if state == 0.0 { b } else { a * state + b }
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
