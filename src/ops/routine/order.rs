//! Routines that depend on the order of elements: sorting, searching, compaction.
//!
//! In: rows of numbers or truth values. Out: the same in order, or positions.
//! Always holds: NaN comes after every number, -0 and 0 are equal, and what is equal keeps its order.

use super::{Derivative, Elements, ElementsMut, Routine, Row, linear, one_type};
use crate::graph::{Size, Type};
use crate::ops::rules::Cotangent;
use crate::runtime::array::DType;
use std::cmp::Ordering;

pub(super) const ALL: &[&Routine] = &[&SORT, &ARGSORT, &SEARCHSORTED_LEFT, &SEARCHSORTED_RIGHT, &COMPACT, &RUN_STARTS];

/// About the logarithm of a row's length, in comparisons per element.
const DEPTH: i64 = 16;

/// A row in ascending order.
pub static SORT: Routine = Routine {
    name: "sort",
    doc: "The row in ascending order.",
    cores: &[1],
    typing: |types| one_type(types).cloned(),
    work: |cores| linear(cores, DEPTH),
    derivative: Derivative::Rule(|g, id, ct| {
        let x = g.node(id).inputs[0];
        let shape = g.shape(x).to_vec();
        let order = g.routine(&ARGSORT, &[x]);
        vec![Some(Cotangent { node: g.add_in_rows(&shape, order, ct.node), ..ct })]
    }),
    run: |row| match (row.operands, &mut row.result) {
        ([Elements::Bool(x)], ElementsMut::Bool(y)) => sort(x, y),
        ([Elements::I64(x)], ElementsMut::I64(y)) => sort(x, y),
        ([Elements::F32(x)], ElementsMut::F32(y)) => sort(x, y),
        ([Elements::F64(x)], ElementsMut::F64(y)) => sort(x, y),
        _ => {}
    },
};

/// The positions of a row's elements in ascending order.
pub static ARGSORT: Routine = Routine {
    name: "argsort",
    doc: "The positions of the row's elements in ascending order.",
    cores: &[1],
    typing: |types| Ok(Type::array(DType::I64, one_type(types)?.shape.clone())),
    work: |cores| linear(cores, DEPTH),
    derivative: Derivative::Zero,
    run: |row| {
        let ([x], ElementsMut::I64(y)) = (row.operands, &mut row.result) else { return };
        match x {
            Elements::Bool(x) => argsort(x, y),
            Elements::I64(x) => argsort(x, y),
            Elements::F32(x) => argsort(x, y),
            Elements::F64(x) => argsort(x, y),
        }
    },
};

macro_rules! searchsorted {
    ($id:ident, $name:literal, $doc:literal, $before:expr) => {
        #[doc = $doc]
        pub static $id: Routine = Routine {
            name: $name,
            doc: $doc,
            cores: &[1, 1],
            typing: search_type,
            work: |cores| cores.last().map_or(Size::one(), |core| Size::product(core.iter())).times(&Size::from(DEPTH)),
            derivative: Derivative::Zero,
            run: |row| search(row, $before),
        };
    };
}

searchsorted!(
    SEARCHSORTED_LEFT,
    "searchsorted_left",
    "For each of the second operand the number of elements of the first, which is sorted, that are smaller.",
    |order| order == Ordering::Less
);
searchsorted!(
    SEARCHSORTED_RIGHT,
    "searchsorted_right",
    "For each of the second operand the number of elements of the first, which is sorted, that are not greater.",
    |order| order != Ordering::Greater
);

/// The positions of true elements, then zeros.
pub static COMPACT: Routine = Routine {
    name: "compact",
    doc: "The positions of the row's true elements in order, then zeros.",
    cores: &[1],
    typing: |types| match one_type(types)? {
        ty if ty.dtype == DType::Bool => Ok(Type::array(DType::I64, ty.shape.clone())),
        ty => Err(format!("expected truth values, found {ty}")),
    },
    work: |cores| linear(cores, 1),
    derivative: Derivative::Zero,
    run: |row| {
        let ([Elements::Bool(mask)], ElementsMut::I64(y)) = (row.operands, &mut row.result) else { return };
        let positions = (0..).zip(mask.iter()).filter(|(_, holds)| **holds);
        for (place, (position, _)) in y.iter_mut().zip(positions) {
            *place = position;
        }
    },
};

/// Whether each element is another one than the element before it.
pub static RUN_STARTS: Routine = Routine {
    name: "run_starts",
    doc: "Whether each element differs from the one before it; one NaN is like another.",
    cores: &[1],
    typing: |types| Ok(Type::array(DType::Bool, one_type(types)?.shape.clone())),
    work: |cores| linear(cores, 1),
    derivative: Derivative::Zero,
    run: |row| {
        let ([x], ElementsMut::Bool(y)) = (row.operands, &mut row.result) else { return };
        match x {
            Elements::Bool(x) => run_starts(x, y),
            Elements::I64(x) => run_starts(x, y),
            Elements::F32(x) => run_starts(x, y),
            Elements::F64(x) => run_starts(x, y),
        }
    },
};

/// Elements that have an order.
trait Ordered: Copy {
    fn order(self, other: Self) -> Ordering;
}

macro_rules! ordered {
    (whole: $($whole:ty),*; float: $($float:ty),*) => {
        $(impl Ordered for $whole {
            fn order(self, other: $whole) -> Ordering {
                self.cmp(&other)
            }
        })*
        $(impl Ordered for $float {
            fn order(self, other: $float) -> Ordering {
                self.partial_cmp(&other).unwrap_or_else(|| self.is_nan().cmp(&other.is_nan()))
            }
        })*
    };
}

ordered!(whole: bool, i64; float: f32, f64);

fn sort<T: Ordered>(x: &[T], y: &mut [T]) {
    y.copy_from_slice(x);
    y.sort_by(|a, b| a.order(*b));
}

fn argsort<T: Ordered>(x: &[T], y: &mut [i64]) {
    let mut pairs: Vec<(T, i64)> = x.iter().copied().zip(0..).collect();
    pairs.sort_by(|a, b| a.0.order(b.0));
    for (place, (_, position)) in y.iter_mut().zip(pairs) {
        *place = position;
    }
}

fn run_starts<T: Ordered>(x: &[T], y: &mut [bool]) {
    let mut before = None;
    for (start, &element) in y.iter_mut().zip(x) {
        *start = before.is_none_or(|before: T| before.order(element) != Ordering::Equal);
        before = Some(element);
    }
}

/// Two rows of one element type, of any lengths, give positions for the second.
fn search_type(types: &[Type]) -> Result<Type, String> {
    match types {
        [sorted, values] if sorted.dtype == values.dtype => Ok(Type::array(DType::I64, values.shape.clone())),
        [sorted, values] => Err(format!("the rows are {sorted} and {values}")),
        _ => Err("expected two operands".to_string()),
    }
}

/// `before` says for an element's order against the value whether it comes before the place of the value.
fn search(row: &mut Row<'_>, before: fn(Ordering) -> bool) {
    fn places<T: Ordered>(sorted: &[T], values: &[T], y: &mut [i64], before: fn(Ordering) -> bool) {
        for (place, value) in y.iter_mut().zip(values) {
            *place = sorted.partition_point(|element| before(element.order(*value))) as i64;
        }
    }
    let ElementsMut::I64(y) = &mut row.result else { return };
    match row.operands {
        [Elements::Bool(sorted), Elements::Bool(values)] => places(sorted, values, y, before),
        [Elements::I64(sorted), Elements::I64(values)] => places(sorted, values, y, before),
        [Elements::F32(sorted), Elements::F32(values)] => places(sorted, values, y, before),
        [Elements::F64(sorted), Elements::F64(values)] => places(sorted, values, y, before),
        _ => {}
    }
}
