//! Functions of whole rows, for what is no loop nest: sorting, searches, recurrences.
//!
//! In: rows of operands as typed slices. Out: the row of the result, written over zeros.
//! Always holds: a slice is one row, its core axes in C order; interpreter and compiled code call the same functions, compiled
//! code by their position in [`ALL`].

pub mod cumulative;
pub mod order;

/// A row that is read.
#[derive(Clone, Copy, Debug)]
pub enum Elements<'a> {
    /// Truth values.
    Bool(&'a [bool]),
    /// Integers.
    I64(&'a [i64]),
    /// Single precision.
    F32(&'a [f32]),
    /// Double precision.
    F64(&'a [f64]),
}

/// A row that is written.
#[derive(Debug)]
pub enum ElementsMut<'a> {
    /// Truth values.
    Bool(&'a mut [bool]),
    /// Integers.
    I64(&'a mut [i64]),
    /// Single precision.
    F32(&'a mut [f32]),
    /// Double precision.
    F64(&'a mut [f64]),
}

/// One row of each operand, and the result's.
#[derive(Debug)]
pub struct Row<'a> {
    /// The operands' rows.
    pub operands: &'a [Elements<'a>],
    /// The result's row.
    pub result: ElementsMut<'a>,
    /// The core sizes of each operand in turn, then of the result.
    pub extents: &'a [usize],
}

/// A function of rows, as compiled code calls it.
#[derive(Clone, Copy, Debug)]
pub struct RowFunction {
    /// The name of the routine.
    pub name: &'static str,
    /// How many operands it has.
    pub operands: usize,
    /// Computes one row. The result's elements are zero before.
    pub run: fn(&mut Row<'_>),
}

const fn unary(name: &'static str, run: fn(&mut Row<'_>)) -> RowFunction {
    RowFunction { name, operands: 1, run }
}

const fn binary(name: &'static str, run: fn(&mut Row<'_>)) -> RowFunction {
    RowFunction { name, operands: 2, run }
}

/// Every function of rows, by the names of the routines that are computed with them.
pub static ALL: &[RowFunction] = &[
    unary("sort", order::sort),
    unary("argsort", order::argsort),
    binary("searchsorted_left", order::searchsorted_left),
    binary("searchsorted_right", order::searchsorted_right),
    unary("compact", order::compact),
    unary("run_starts", order::run_starts),
    unary("cumsum", cumulative::sum),
    unary("cumprod", cumulative::product),
    unary("cummax", cumulative::max),
    unary("cummin", cumulative::min),
    unary("argcummax", cumulative::argmax),
    unary("argcummin", cumulative::argmin),
    binary("linear_recurrence", cumulative::linear_recurrence),
];
