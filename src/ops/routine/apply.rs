//! Routines over whole arrays, row by row, without threads: what the interpreter does.
//!
//! In: a routine, its operands, an array of zeros for the result. Out: the result, written.
//! Always holds: what is computed for a row is what compiled code computes: the same function does it.

use super::Routine;
use crate::runtime::array::Array;
use crate::runtime::rows::{Elements, ElementsMut, Row};
use ndarray::ArrayD;

impl Routine {
    /// Runs over every row. `None` if the arrays do not fit together, which a verified graph excludes.
    pub(crate) fn apply(&self, operands: &[Array], result: &mut Array) -> Option<()> {
        let lead = operands.iter().zip(self.cores).map(|(x, &core)| x.shape().len().saturating_sub(core)).max()?;
        let mut extents: Vec<usize> = Vec::new();
        for (x, &core) in operands.iter().zip(self.cores) {
            extents.extend(&x.shape()[x.shape().len().checked_sub(core)?..]);
        }
        extents.extend(result.shape().get(lead..)?);
        let count: usize = result.shape().get(..lead)?.iter().product();
        let length: usize = result.shape().get(lead..)?.iter().product();
        for row in 0..count {
            let mut rows = Vec::new();
            for (x, &core) in operands.iter().zip(self.cores) {
                let own = x.shape().len().checked_sub(core)?;
                let length: usize = x.shape().get(own..)?.iter().product();
                rows.push(part(x, if own == 0 { 0 } else { row * length }, length)?);
            }
            let result = part_mut(result, row * length, length)?;
            (self.run)(&mut Row { operands: &rows, result, extents: &extents });
        }
        Some(())
    }
}

fn part(array: &Array, start: usize, length: usize) -> Option<Elements<'_>> {
    fn slice<T>(array: &ArrayD<T>, start: usize, length: usize) -> Option<&[T]> {
        array.as_slice()?.get(start..start + length)
    }
    match array {
        Array::Bool(a) => slice(a, start, length).map(Elements::Bool),
        Array::I64(a) => slice(a, start, length).map(Elements::I64),
        Array::F16(_) | Array::BF16(_) => None,
        Array::F32(a) => slice(a, start, length).map(Elements::F32),
        Array::F64(a) => slice(a, start, length).map(Elements::F64),
    }
}

fn part_mut(array: &mut Array, start: usize, length: usize) -> Option<ElementsMut<'_>> {
    fn slice<T>(array: &mut ArrayD<T>, start: usize, length: usize) -> Option<&mut [T]> {
        array.as_slice_mut()?.get_mut(start..start + length)
    }
    match array {
        Array::Bool(a) => slice(a, start, length).map(ElementsMut::Bool),
        Array::I64(a) => slice(a, start, length).map(ElementsMut::I64),
        Array::F16(_) | Array::BF16(_) => None,
        Array::F32(a) => slice(a, start, length).map(ElementsMut::F32),
        Array::F64(a) => slice(a, start, length).map(ElementsMut::F64),
    }
}
