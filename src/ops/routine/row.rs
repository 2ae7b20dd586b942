//! What a routine reads and writes: the rows of its operands and of its result, as typed slices.
//!
//! In: slices. Out: the same, told apart by dtype.
//! Always holds: a slice is one row, its core axes in C order.

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
