//! Routines for generated code.
//!
//! In: a table of numbers: which routine, rows, work per row; then for each operand and for the result: element type,
//! address, whether all rows share it, number of core axes, core sizes. Out: the result's rows, written.
//! Always holds: a row is computed by one thread, so the result is the same for every number of threads.
#![allow(unsafe_code)]

use super::array::DType;
use super::control::Count;
use super::rows::{self, Elements, ElementsMut, Row, RowFunction};
use super::threads::{Context, INTERNAL, INTERRUPTED};
use crate::symbols::symbol;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls of less work (in simple operations) stay on the calling thread.
const SERIAL: i64 = 1 << 19;
/// The work of a block.
const BLOCK: i64 = 1 << 16;

/// The function behind the name.
pub fn symbol(name: &str) -> Option<*const u8> {
    (name == "routine").then_some(run as *const u8)
}

/// How an element type is written in the table.
pub fn code(dtype: DType) -> i64 {
    DType::ALL.iter().position(|other| *other == dtype).map_or(-1, |position| position as i64)
}

/// Rows of an operand or of the result.
struct Rows {
    dtype: DType,
    start: *mut u8,
    /// Elements from one row to the next.
    step: usize,
    /// Elements of a row.
    length: usize,
}

// SAFETY: the threads of one call read operands and write disjoint rows of the result.
unsafe impl Send for Rows {}
// SAFETY: as above.
unsafe impl Sync for Rows {}

/// What generated code asks for.
struct Request {
    function: &'static RowFunction,
    rows: usize,
    work: i64,
    operands: Vec<Rows>,
    result: Rows,
    extents: Vec<usize>,
}

/// Reads a table.
struct Reader(*const i64);

impl Reader {
    /// # Safety
    /// There is another number in the table.
    unsafe fn next(&mut self) -> i64 {
        // SAFETY: the caller's promise.
        unsafe {
            let value = self.0.read();
            self.0 = self.0.add(1);
            value
        }
    }

    /// # Safety
    /// The table goes on with the description of rows, whose address is valid for them.
    unsafe fn rows(&mut self, extents: &mut Vec<usize>) -> Option<Rows> {
        // SAFETY: the caller's promise.
        let [dtype, start, shared, axes] = unsafe { [self.next(), self.next(), self.next(), self.next()] };
        let dtype = *DType::ALL.get(usize::try_from(dtype).ok()?)?;
        let mut length = 1;
        for _ in 0..axes {
            // SAFETY: the caller's promise.
            let extent = usize::try_from(unsafe { self.next() }).unwrap_or(0);
            extents.push(extent);
            length *= extent;
        }
        let start = std::ptr::with_exposed_provenance_mut(start as usize);
        Some(Rows { dtype, start, step: if shared == 0 { length } else { 0 }, length })
    }

    /// # Safety
    /// The table is complete.
    unsafe fn request(mut self) -> Option<Request> {
        // SAFETY: the caller's promise.
        let [position, rows, work] = unsafe { [self.next(), self.next(), self.next()] };
        let function = rows::ALL.get(usize::try_from(position).ok()?)?;
        let mut extents = Vec::new();
        let mut operands = Vec::new();
        for _ in 0..function.operands {
            // SAFETY: the caller's promise.
            operands.push(unsafe { self.rows(&mut extents) }?);
        }
        // SAFETY: the caller's promise.
        let result = unsafe { self.rows(&mut extents) }?;
        Some(Request { function, rows: usize::try_from(rows).unwrap_or(0), work, operands, result, extents })
    }
}

/// # Safety
/// The pointers are valid; the table is as the module says; operands lie in memory that nobody writes, and the result
/// in memory that nobody else touches.
#[unsafe(export_name = symbol!("routine"))]
unsafe extern "C" fn run(context: *const Context, table: *const i64) -> i64 {
    // SAFETY: the caller's promise.
    let (threads, request) = unsafe { ((*context).threads, Reader(table).request()) };
    let Some(request) = request else { return INTERNAL };
    let total = request.work.saturating_mul(request.rows as i64);
    let together = (BLOCK / request.work.max(1)).max(1) as usize;
    let blocks = request.rows.div_ceil(together);
    let control = threads.control();
    let count = control.count(if total < SERIAL { 0 } else { blocks as i64 });
    let block = |index: usize| {
        if control.is_interrupted() {
            return;
        }
        for row in index * together..request.rows.min((index + 1) * together) {
            // SAFETY: the caller's promise; blocks are disjoint ranges of rows.
            unsafe { one(&request, row) };
        }
        count.iter().for_each(Count::step);
    };
    let finished = if total < SERIAL {
        catch_unwind(AssertUnwindSafe(|| (0..blocks).for_each(block))).is_ok()
    } else {
        threads.for_each(blocks, block)
    };
    match finished {
        true if control.is_interrupted() => INTERRUPTED,
        true => 0,
        false => INTERNAL,
    }
}

/// # Safety
/// The row is one of the request's, whose addresses are valid; nobody else touches the result's row.
unsafe fn one(request: &Request, row: usize) {
    // SAFETY: the caller's promise.
    let operands: Vec<Elements<'_>> = request.operands.iter().map(|rows| unsafe { read(rows, row) }).collect();
    // SAFETY: the caller's promise.
    let result = unsafe { write(&request.result, row) };
    (request.function.run)(&mut Row { operands: &operands, result, extents: &request.extents });
}

/// # Safety
/// The row's elements are initialised and nobody writes them.
unsafe fn read<'a>(rows: &Rows, row: usize) -> Elements<'a> {
    /// # Safety
    /// As above, for elements of type `T`.
    unsafe fn slice<'a, T>(rows: &Rows, row: usize) -> &'a [T] {
        if rows.length == 0 {
            return &[];
        }
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(rows.start.cast::<T>().add(row * rows.step), rows.length) }
    }
    // SAFETY: the element type is the buffer's; truth values are written as 0 and 1.
    unsafe {
        match rows.dtype {
            DType::Bool => Elements::Bool(slice(rows, row)),
            DType::I64 => Elements::I64(slice(rows, row)),
            // 16-bit floats are widened before they reach a routine, as the verifier makes sure.
            DType::F16 | DType::BF16 => Elements::Bool(&[]),
            DType::F32 => Elements::F32(slice(rows, row)),
            DType::F64 => Elements::F64(slice(rows, row)),
        }
    }
}

/// # Safety
/// The row's memory is valid for writing and nobody else's.
unsafe fn write<'a>(rows: &Rows, row: usize) -> ElementsMut<'a> {
    /// # Safety
    /// As above, for elements of type `T`, of which all bytes zero is a value.
    unsafe fn slice<'a, T>(rows: &Rows, row: usize) -> &'a mut [T] {
        if rows.length == 0 {
            return &mut [];
        }
        // SAFETY: the caller's promise; zeros first, since the memory of a result is not initialised.
        unsafe {
            let start = rows.start.cast::<T>().add(row * rows.step);
            start.write_bytes(0, rows.length);
            std::slice::from_raw_parts_mut(start, rows.length)
        }
    }
    // SAFETY: the element type is the buffer's, and zero bytes are a value of each.
    unsafe {
        match rows.dtype {
            DType::Bool => ElementsMut::Bool(slice(rows, row)),
            DType::I64 => ElementsMut::I64(slice(rows, row)),
            DType::F16 | DType::BF16 => ElementsMut::Bool(&mut []),
            DType::F32 => ElementsMut::F32(slice(rows, row)),
            DType::F64 => ElementsMut::F64(slice(rows, row)),
        }
    }
}
