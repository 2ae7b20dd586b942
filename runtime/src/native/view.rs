//! Arrays as a C caller describes them: an address, sizes, distances.
//!
//! In: pointers that may be anything. Out: a [`View`] whose every element has an address that can be, or what is wrong.
//! Always holds: nothing is read behind a pointer that is null or misaligned, and no address is computed that wraps around.
#![allow(unsafe_code)]

use super::program::Parameter;
use crate::memory::Arena;
use crate::message::{Cause, Message};

/// An array that somebody else keeps.
#[derive(Debug)]
pub(super) struct View {
    /// The element whose indexes are all 0.
    start: *mut u8,
    /// Bytes of an element.
    width: usize,
    /// Sizes, outermost first.
    shape: Vec<usize>,
    /// From one element to the next, in elements.
    strides: Vec<isize>,
    /// How many elements.
    pub(super) count: usize,
    /// The first byte, and one past the last.
    range: (usize, usize),
}

fn wrong(text: String) -> Message {
    Message::new(Cause::Arguments, text)
}

/// Numbers that a caller wrote down: sizes or strides.
///
/// # Safety
/// If the pointer is neither null nor misaligned, it leads to `count` numbers.
unsafe fn numbers(pointer: *const i64, count: usize, what: &str, parameter: &Parameter) -> Result<Vec<i64>, Message> {
    let Parameter { name, ty, .. } = parameter;
    if pointer.is_null() {
        let text = format!("`{name}_{what}` is a null pointer; `{name}` is {ty}, so it leads to {count} numbers");
        return Err(wrong(text));
    }
    if !pointer.is_aligned() {
        return Err(wrong(format!("`{name}_{what}` is no multiple of 8, as a pointer to int64_t is")));
    }
    // SAFETY: the caller's promise.
    Ok((0..count).map(|index| unsafe { pointer.add(index).read() }).collect())
}

/// The sizes of an array of this parameter's rank.
///
/// # Safety
/// As [`numbers`].
pub(super) unsafe fn shape(pointer: *const i64, parameter: &Parameter) -> Result<Vec<usize>, Message> {
    // SAFETY: passed on.
    let sizes = unsafe { numbers(pointer, parameter.shape.len(), "shape", parameter) }?;
    let name = &parameter.name;
    let mut shape = Vec::with_capacity(sizes.len());
    for (axis, size) in sizes.iter().enumerate() {
        match usize::try_from(*size) {
            Ok(size) => shape.push(size),
            Err(_) => return Err(wrong(format!("axis {axis} of `{name}` has size {size}"))),
        }
    }
    Ok(shape)
}

impl View {
    /// An array at an address; without strides its elements lie one behind the other, the last axis fastest.
    ///
    /// # Safety
    /// If `strides` is neither null nor misaligned, it leads to as many numbers as the shape.
    pub(super) unsafe fn new(
        start: *mut u8,
        shape: Vec<usize>,
        strides: *const i64,
        parameter: &Parameter,
    ) -> Result<View, Message> {
        let (name, width) = (&parameter.name, parameter.dtype.size());
        let vast = || wrong(format!("`{name}` has more elements than there are addresses: its sizes are {shape:?}"));
        let mut positive = shape.iter().filter(|size| **size > 0);
        let bytes = positive.try_fold(width, |product, size| product.checked_mul(*size)).ok_or_else(vast)?;
        if isize::try_from(bytes).is_err() {
            return Err(vast());
        }
        let count: usize = shape.iter().product();
        let dense = dense(&shape);
        let strides = match strides.is_null() {
            true => dense,
            // SAFETY: passed on.
            false => unsafe { numbers(strides, shape.len(), "strides", parameter) }?
                .into_iter()
                .map(|stride| isize::try_from(stride).unwrap_or(isize::MAX))
                .collect(),
        };
        let mut view = View { start, width, shape, strides, count, range: (0, 0) };
        if count == 0 {
            return Ok(view);
        }
        if start.is_null() {
            return Err(wrong(format!("`{name}` is a null pointer, and has {count} elements")));
        }
        if !start.addr().is_multiple_of(width) {
            return Err(wrong(format!("`{name}` is no multiple of {width}, as a pointer to {} is", parameter.dtype)));
        }
        view.range = view
            .reach()
            .ok_or_else(|| wrong(format!("`{name}_strides` lead out of memory: they are {:?}", view.strides)))?;
        Ok(view)
    }

    /// The only element of a scalar.
    pub(super) fn scalar(start: *mut u8, parameter: &Parameter) -> Result<View, Message> {
        // SAFETY: there are no strides.
        unsafe { View::new(start, Vec::new(), std::ptr::null(), parameter) }
    }

    /// The bytes between the first and the last element, with them.
    fn reach(&self) -> Option<(usize, usize)> {
        let (mut low, mut high) = (0isize, 0isize);
        for (size, stride) in self.shape.iter().zip(&self.strides) {
            let far = isize::try_from(size.saturating_sub(1)).ok()?.checked_mul(*stride)?;
            let end = if far < 0 { &mut low } else { &mut high };
            *end = end.checked_add(far)?;
        }
        let width = isize::try_from(self.width).ok()?;
        let (low, high) = (low.checked_mul(width)?, high.checked_add(1)?.checked_mul(width)?);
        high.checked_sub(low)?;
        let start = self.start.addr();
        Some((start.checked_add_signed(low)?, start.checked_add_signed(high)?))
    }

    /// Whether the elements lie one behind the other, the last axis fastest.
    pub(super) fn is_dense(&self) -> bool {
        let dense = dense(&self.shape);
        self.count == 0
            || self
                .shape
                .iter()
                .zip(self.strides.iter().zip(&dense))
                .all(|(size, (own, dense))| *size < 2 || own == dense)
    }

    /// Whether two elements may have one address.
    pub(super) fn folds(&self) -> bool {
        let mut axes: Vec<(usize, usize)> = self
            .shape
            .iter()
            .zip(&self.strides)
            .filter(|(size, _)| **size > 1)
            .map(|(size, stride)| (stride.unsigned_abs(), *size))
            .collect();
        axes.sort_unstable();
        let mut reach = 0usize;
        self.count > 0
            && axes.into_iter().any(|(stride, size)| {
                let folds = stride <= reach;
                reach = reach.saturating_add(stride.saturating_mul(size - 1));
                folds
            })
    }

    /// Whether the bytes between first and last element have some in common.
    pub(super) fn meets(&self, other: &View) -> bool {
        self.count > 0 && other.count > 0 && self.range.0 < other.range.1 && other.range.0 < self.range.1
    }

    /// Where the elements of a dense view are.
    pub(super) fn address(&self) -> *mut u8 {
        if self.count == 0 { std::ptr::dangling_mut::<u64>().cast() } else { self.start }
    }

    /// The sizes.
    pub(super) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements, one behind the other, in memory of its own; `None` if there is no room.
    ///
    /// # Safety
    /// The elements are there to be read.
    pub(super) unsafe fn gathered(&self) -> Option<Arena> {
        let mut memory = Arena::new(self.count * self.width)?;
        // SAFETY: the elements are the caller's promise, and the memory has room for them.
        unsafe { self.copy(memory.at(0), Direction::Out) };
        Some(memory)
    }

    /// Writes elements that lie one behind the other.
    ///
    /// # Safety
    /// There are as many as here, and the elements here are there to be written.
    pub(super) unsafe fn scatter(&self, from: *mut u8) {
        // SAFETY: passed on.
        unsafe { self.copy(from, Direction::In) };
    }

    /// # Safety
    /// As many elements at `dense` as here, all there to be read or written.
    unsafe fn copy(&self, dense: *mut u8, direction: Direction) {
        if self.count == 0 {
            return;
        }
        // SAFETY: passed on; the widths are those of the element types.
        unsafe {
            match self.width {
                1 => self.copy_as::<u8>(dense.cast(), direction),
                2 => self.copy_as::<u16>(dense.cast(), direction),
                4 => self.copy_as::<u32>(dense.cast(), direction),
                _ => self.copy_as::<u64>(dense.cast(), direction),
            }
        }
    }

    /// # Safety
    /// As [`View::copy`], for elements of the width of `T`.
    unsafe fn copy_as<T>(&self, dense: *mut T, direction: Direction) {
        let start = self.start.cast::<T>();
        let mut index = vec![0usize; self.shape.len()];
        let (length, step) = match (self.shape.last(), self.strides.last()) {
            (Some(length), Some(step)) => (*length, *step),
            _ => (1, 0),
        };
        let outer = self.shape.len().saturating_sub(1);
        let mut done = 0;
        while done < self.count {
            let offsets = index.iter().zip(&self.strides).take(outer).map(|(at, stride)| *at as isize * stride);
            let row = start.wrapping_offset(offsets.sum());
            for k in 0..length {
                let (there, here) = (row.wrapping_offset(k as isize * step), dense.wrapping_add(done + k));
                // SAFETY: both elements are the caller's promise.
                unsafe {
                    match direction {
                        Direction::Out => std::ptr::copy_nonoverlapping(there, here, 1),
                        Direction::In => std::ptr::copy_nonoverlapping(here, there, 1),
                    }
                }
            }
            done += length;
            for axis in (0..outer).rev() {
                let (Some(at), Some(size)) = (index.get_mut(axis), self.shape.get(axis)) else { break };
                *at += 1;
                if *at < *size {
                    break;
                }
                *at = 0;
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Direction {
    /// From the view to dense memory.
    Out,
    /// From dense memory to the view.
    In,
}

/// The strides of an array whose elements lie one behind the other.
fn dense(shape: &[usize]) -> Vec<isize> {
    let mut strides: Vec<isize> = shape
        .iter()
        .rev()
        .scan(1usize, |product, size| {
            let stride = *product;
            *product = product.saturating_mul((*size).max(1));
            Some(isize::try_from(stride).unwrap_or(isize::MAX))
        })
        .collect();
    strides.reverse();
    strides
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::array::DType;
    use crate::size::Size;

    fn parameter(rank: usize) -> Parameter {
        Parameter {
            name: "x".to_owned(),
            ty: "an array".to_owned(),
            dtype: DType::I64,
            shape: vec![Size::var("n"); rank],
        }
    }

    fn view(memory: &mut [i64], at: usize, shape: &[usize], strides: &[i64]) -> Result<View, Message> {
        let start = memory.as_mut_ptr().wrapping_add(at).cast();
        // SAFETY: there is a stride for each size.
        unsafe { View::new(start, shape.to_vec(), strides.as_ptr(), &parameter(shape.len())) }
    }

    fn read(view: &View) -> Vec<i64> {
        // SAFETY: the views of these tests lie in their arrays.
        let mut memory = unsafe { view.gathered() }.unwrap();
        // SAFETY: as many elements were gathered.
        (0..view.count).map(|k| unsafe { memory.at(8 * k).cast::<i64>().read() }).collect()
    }

    #[test]
    fn elements_come_in_the_order_of_their_indexes() {
        let mut memory: Vec<i64> = (0..12).collect();
        let transposed = view(&mut memory, 0, &[4, 3], &[1, 4]).unwrap();
        assert_eq!(read(&transposed), [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
        assert!(!transposed.is_dense() && !transposed.folds());
        let backwards = view(&mut memory, 11, &[12], &[-1]).unwrap();
        assert_eq!(read(&backwards), (0..12).rev().collect::<Vec<_>>());
        let repeated = view(&mut memory, 5, &[2, 2], &[0, 1]).unwrap();
        assert_eq!(read(&repeated), [5, 6, 5, 6]);
        assert!(repeated.folds());
        let whole = view(&mut memory, 0, &[1, 3, 4], &[999, 4, 1]).unwrap();
        assert!(whole.is_dense());
        assert!(view(&mut memory, 0, &[3, 3], &[1, 2]).unwrap().folds());
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut memory = vec![0i64; 12];
        let mut values: Vec<i64> = (1..=6).collect();
        let strided = view(&mut memory, 10, &[2, 3], &[-1, -4]).unwrap();
        // SAFETY: six elements, all in the array.
        unsafe { strided.scatter(values.as_mut_ptr().cast()) };
        assert_eq!(read(&strided), values);
        assert_eq!(memory, [0, 6, 3, 0, 0, 5, 2, 0, 0, 4, 1, 0]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let mut memory = vec![0i64; 4];
        let text = |view: Result<View, Message>| view.map(|_| ()).unwrap_err().text;
        assert!(text(view(&mut memory, 0, &[2], &[i64::MAX])).contains("`x_strides` lead out of memory"));
        assert!(
            text(view(&mut memory, 0, &[usize::MAX, 3], &[0, 0])).contains("more elements than there are addresses")
        );
        let odd = memory.as_mut_ptr().cast::<u8>().wrapping_add(1);
        // SAFETY: there are no strides.
        let misaligned = unsafe { View::new(odd, vec![1], std::ptr::null(), &parameter(1)) };
        assert!(text(misaligned).contains("no multiple of 8"));
        // SAFETY: as above.
        let null = unsafe { View::new(std::ptr::null_mut(), vec![2], std::ptr::null(), &parameter(1)) };
        assert!(text(null).contains("null pointer, and has 2 elements"));
        // SAFETY: as above.
        let empty = unsafe { View::new(std::ptr::null_mut(), vec![2, 0], std::ptr::null(), &parameter(2)) };
        assert_eq!(empty.unwrap().count, 0);
        let sizes = [3i64, -2];
        // SAFETY: two sizes.
        let negative = unsafe { shape(sizes.as_ptr(), &parameter(2)) };
        assert_eq!(negative.unwrap_err().text, "axis 1 of `x` has size -2");
    }
}
