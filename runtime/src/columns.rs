//! Sums of columns: row upon row, in blocks of rows on several threads.
//!
//! In: a loop as a function of a range of rows that combines each with one row of results, and its extent. Out: that row, merged from
//! those of the blocks.
//! Always holds: blocks and the order in which they are merged depend on the extent, the work and the length of a row alone, so the
//! result is the same to the last bit for every number of threads.
#![allow(unsafe_code)]

use super::array::DType;
use super::reduce::{Merge, merged};
use super::threads::{Context, INTERNAL, Loop, blocks, run_blocks};
use crate::symbols::symbol;

/// Elements of the memory for partial results.
pub const PARTIAL: i64 = 1 << 12;
/// With fewer elements than this, all in all, there are no blocks.
pub const LEAST: i64 = 1 << 12;
/// The partial results of a block begin at a multiple of so many elements, so that threads do not write the same cache line.
const LINE: i64 = 16;

/// What generated code asks for.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// The frame of the loop's function, and how many slots it has.
    frame: *const i64,
    slots: i64,
    /// The slot of the address of the row of results, which holds what nothing has been added to.
    slot: i64,
    /// The element type, as `routine::code` numbers it, and the [`Merge`].
    dtype: i64,
    merge: i64,
    /// Memory for [`PARTIAL`] elements.
    partial: *mut u8,
    /// Elements of a row.
    columns: i64,
    extent: i64,
    /// Simple operations in an iteration, about.
    work: i64,
}

// SAFETY: the frame is only read while the loop runs, and each block has partial results of its own.
unsafe impl Sync for Request {}

/// The function behind the name.
pub fn symbol(name: &str) -> Option<*const u8> {
    (name == "parallel_columns").then_some(parallel_columns as *const u8)
}

/// Combines `0..extent` rows with a row of results.
///
/// # Safety
/// Pointers are valid: the context's and the request's for reading, the record's for two values; the frame belongs to `body`, which
/// reads memory that nobody writes, and reads and writes as many elements, of the type named, as a row has, at the place named.
#[unsafe(export_name = symbol!("parallel_columns"))]
unsafe extern "C" fn parallel_columns(
    context: *const Context,
    body: Loop,
    request: *const Request,
    record: *mut i64,
) -> i64 {
    // SAFETY: the caller's promise.
    let (threads, request) = unsafe { ((*context).threads, &*request) };
    let (count, length, distance) = row_blocks(request.extent, request.work, request.columns);
    if count <= 1 {
        // SAFETY: the caller's promise.
        return unsafe { body(request.frame, 0, request.extent, record) };
    }
    let (Ok(slots), Ok(slot)) = (usize::try_from(request.slots), usize::try_from(request.slot)) else {
        return INTERNAL;
    };
    let dtype = usize::try_from(request.dtype).ok().and_then(|code| DType::ALL.get(code).copied());
    let merge = usize::try_from(request.merge).ok().and_then(|code| Merge::ALL.get(code).copied());
    let (Some(dtype), Some(merge)) = (dtype, merge) else { return INTERNAL };
    // SAFETY: the caller's promise.
    let frame = unsafe { std::slice::from_raw_parts(request.frame, slots) };
    let Some(&target) = frame.get(slot) else { return INTERNAL };
    let (columns, size) = (request.columns as usize, dtype.size());
    // The first block has the results themselves.
    let row = |block: usize| match block {
        0 => target as *mut u8,
        _ => request.partial.wrapping_add((block - 1) * distance * size),
    };
    for block in 1..count {
        // SAFETY: the partial results lie within their memory, which is not that of the results.
        unsafe { row(block).copy_from_nonoverlapping(row(0), columns * size) };
    }
    let run = |block: usize, begin: i64, end: i64, values: *mut i64| {
        let mut own = frame.to_vec();
        if let Some(address) = own.get_mut(slot) {
            *address = row(block) as i64;
        }
        // SAFETY: the caller's promise; the block writes its own partial results.
        unsafe { body(own.as_ptr(), begin, end, values) }
    };
    // SAFETY: the caller's promise about the record.
    let status = unsafe { run_blocks(threads, (request.extent, count, length), run, record) };
    if status != 0 {
        return status;
    }
    for block in 1..count {
        for at in 0..columns {
            let place = |block: usize| row(block).wrapping_add(at * size);
            // SAFETY: both elements lie within their rows.
            unsafe { write(place(0), size, merged(merge, dtype, read(place(0), size), read(place(block), size))) };
        }
    }
    0
}

/// How many blocks of rows there are, the rows of each, and how many elements lie between the partial results of two.
fn row_blocks(extent: i64, work: i64, columns: i64) -> (usize, i64, usize) {
    let distance = columns.saturating_add(LINE - 1) / LINE * LINE;
    let room = 1 + PARTIAL / distance.max(1);
    let (count, length) = blocks(extent, work);
    let length = length.max(extent / room + i64::from(extent % room != 0));
    let count = if count > 1 { extent / length + i64::from(extent % length != 0) } else { 1 };
    (count as usize, length, distance as usize)
}

/// The bits of an element, in the low bytes.
///
/// # Safety
/// The element has `size` bytes, at most 8.
unsafe fn read(place: *const u8, size: usize) -> u64 {
    let mut bytes = [0u8; 8];
    // SAFETY: the caller's promise.
    unsafe { place.copy_to_nonoverlapping(bytes.as_mut_ptr(), size.min(8)) };
    u64::from_le_bytes(bytes)
}

/// Writes the low bytes.
///
/// # Safety
/// As for [`read`].
unsafe fn write(place: *mut u8, size: usize, bits: u64) {
    // SAFETY: the caller's promise.
    unsafe { place.copy_from_nonoverlapping(bits.to_le_bytes().as_ptr(), size.min(8)) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::Threads;

    /// Adds 1, 10, 100 for each row to three sums.
    unsafe extern "C" fn add(frame: *const i64, begin: i64, end: i64, _: *mut i64) -> i64 {
        // SAFETY: the second slot is the address of three sums.
        let sums = unsafe { &mut *(*frame.add(1) as *mut [f64; 3]) };
        for (sum, one) in sums.iter_mut().zip([1.0, 10.0, 100.0]) {
            *sum += one * (end - begin) as f64;
        }
        0
    }

    #[test]
    fn blocks_of_rows_are_merged_for_any_number_of_threads() {
        for extent in [1i64, 1000, 1 << 20] {
            for count in [1, 2, 3] {
                let threads = Threads::new(count);
                let context = Context { threads: &threads, binder: None };
                let (mut sums, mut partial, mut record) = ([0.0f64; 3], [0.0f64; PARTIAL as usize], [0i64; 2]);
                let frame = [0, sums.as_mut_ptr() as i64];
                let request = Request {
                    frame: frame.as_ptr(),
                    slots: 2,
                    slot: 1,
                    dtype: crate::routine::code(DType::F64),
                    merge: Merge::Sum.code(),
                    partial: partial.as_mut_ptr().cast(),
                    columns: 3,
                    extent,
                    work: 6,
                };
                // SAFETY: all pointers are to locals.
                let status =
                    unsafe { parallel_columns(&raw const context, add, &raw const request, record.as_mut_ptr()) };
                assert_eq!((status, sums), (0, [1.0, 10.0, 100.0].map(|one| one * extent as f64)));
            }
        }
    }

    #[test]
    fn partial_results_fit_their_memory() {
        for (extent, columns) in [(1_000_000, 10), (1000, 1000), (100, 4096), (100, 100_000), (3, 3), (1 << 40, 1)] {
            let (count, length, distance) = row_blocks(extent, 2 * columns, columns);
            assert!((count as i64 - 1) * distance as i64 <= PARTIAL || count == 1, "{extent} {columns}");
            assert!(count as i64 * length >= extent && (count as i64 - 1) * length < extent);
        }
    }
}
