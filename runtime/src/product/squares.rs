//! Products of squares, which are made on the way into the product.
//!
//! In: matrices, of which one or both are to be squared element by element. Out: their product.
//! Always holds: squares of a few hundred rows and columns are held at a time, in memory that each thread keeps; how the sum is
//! cut depends on its length alone.
//!
//! An array of squares as large as the batch is neither written to memory nor read from it.

use super::{Matrix, Scalar, multiply};
use std::cell::RefCell;

/// The most rows of `a`, or columns of `b`, that are squared at a time.
const ROWS: usize = 512;
/// The length of sum for which they are.
const DEPTH: usize = 256;

thread_local! {
    /// Memory for squares: 8-byte units, for both operands.
    static SCRATCH: RefCell<[Vec<u64>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// `c = scale · a · b`, where the operands named are squared first.
///
/// # Safety
/// As for [`super::multiply`].
pub(super) unsafe fn multiply_squares<T: Scalar>(
    [m, n, k]: [usize; 3],
    (a, a_squared): (Matrix<T>, bool),
    (b, b_squared): (Matrix<T>, bool),
    (c, scale): (Matrix<T>, T),
) {
    SCRATCH.with_borrow_mut(|[for_a, for_b]| {
        for column in (0..n).step_by(ROWS) {
            let columns = ROWS.min(n - column);
            for row in (0..m).step_by(ROWS) {
                let rows = ROWS.min(m - row);
                let c = c.from(row, column);
                for first in (0..k).step_by(DEPTH) {
                    let depth = DEPTH.min(k - first);
                    let (mut a, mut b) = (a.from(row, first), b.from(first, column));
                    // SAFETY: the parts lie within the matrices, of which the caller promises that they are valid.
                    unsafe {
                        if a_squared {
                            a = square(a, rows, depth, for_a);
                        }
                        if b_squared {
                            b = square(b, depth, columns, for_b);
                        }
                        multiply([rows, columns, depth], a, b, c, (scale, first > 0));
                    }
                }
            }
        }
    });
}

/// How many lines ahead of their use elements are asked for.
const AHEAD: usize = 4;
/// Bytes that memory gives at once.
const FETCHED: usize = 64;

/// Asks for elements that will be needed soon. Lines are short and far apart, so the processor does not see them coming.
fn fetch<T>(start: *const T, length: usize) {
    #[cfg(target_arch = "x86_64")]
    for offset in (0..length * size_of::<T>()).step_by(FETCHED) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch touches nothing, whatever the address is.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.cast::<i8>().wrapping_add(offset)) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (start, length, FETCHED);
}

/// The squares of a part of a matrix, side by side along its shorter distance.
///
/// # Safety
/// The part's elements are valid for reading.
unsafe fn square<T: Scalar>(part: Matrix<T>, rows: usize, columns: usize, scratch: &mut Vec<u64>) -> Matrix<T> {
    scratch.resize(scratch.len().max((rows * columns * size_of::<T>()).div_ceil(8)), 0);
    let start = scratch.as_mut_ptr().cast::<T>();
    let by_rows = part.column.unsigned_abs() <= part.row.unsigned_abs();
    let ((lines, line), (length, step)) = match by_rows {
        true => ((rows, part.row), (columns, part.column)),
        false => ((columns, part.column), (rows, part.row)),
    };
    for at in 0..lines {
        let from = part.start.wrapping_offset(at as isize * line);
        if step == 1 && at + AHEAD < lines {
            fetch(from.wrapping_offset(AHEAD as isize * line), length);
        }
        // SAFETY: a line has `length` elements, and the scratch room for all lines.
        unsafe {
            let to = std::slice::from_raw_parts_mut(start.add(at * length), length);
            if step == 1 {
                for (to, x) in to.iter_mut().zip(std::slice::from_raw_parts(from, length)) {
                    *to = *x * *x;
                }
            } else {
                for (index, to) in to.iter_mut().enumerate() {
                    let x = *from.wrapping_offset(index as isize * step);
                    *to = x * x;
                }
            }
        }
    }
    let (row, column) = if by_rows { (length as isize, 1) } else { (1, length as isize) };
    Matrix { start, row, column }
}
