//! Matrix products for generated code.
//!
//! In: sizes, addresses and strides as a [`Request`]. Out: `c = s · a · b` for each matrix of a batch.
//! Always holds: the cut into blocks depends on the sizes alone and no sum is split, so the result is the same to the
//! last bit for every number of threads.
#![allow(unsafe_code)]

mod squares;

use super::control::Count;
use super::threads::{Context, INTERNAL, INTERRUPTED, Loop, Threads, run_in_blocks};
use crate::symbols::symbol;
use gemm::{Parallelism, gemm};

/// Products of fewer floating-point operations stay on the calling thread.
const SERIAL: i64 = 1 << 21;
/// The fewest rows or columns of a block, and those from which on more blocks would cost: each packs the other operand anew.
const BLOCK: (i64, i64) = (32, 192);

/// Fewer rows are not cut into blocks.
const FEW: i64 = 2 * BLOCK.0;

/// A matrix operand: distances are in elements.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Operand {
    start: *mut u8,
    batch: i64,
    row: i64,
    column: i64,
}

/// What generated code asks for.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Request {
    batch: i64,
    m: i64,
    n: i64,
    k: i64,
    a: Operand,
    b: Operand,
    c: Operand,
    /// Which operands are squares of what is in memory: 1 for `a`, 2 for `b`, 3 for both.
    squared: i64,
    /// What the result is multiplied by; null for 1.
    scale: *const u8,
    /// Whether these are rows, or matrices, of a product that has been cut into blocks already.
    part: i64,
}

// SAFETY: the threads of one product read `a` and `b` and write disjoint blocks of `c`.
unsafe impl Send for Request {}
// SAFETY: as above.
unsafe impl Sync for Request {}

/// The function behind the name.
pub fn symbol(name: &str) -> Option<*const u8> {
    match name {
        "product_f32" => Some(product_f32 as *const u8),
        "product_f64" => Some(product_f64 as *const u8),
        "parallel_rows" => Some(parallel_rows as *const u8),
        _ => None,
    }
}

/// # Safety
/// The pointers are valid; within the request's sizes, operands lie in memory of `f32` that nobody writes, and the
/// result in memory that nobody else touches.
#[unsafe(export_name = symbol!("product_f32"))]
unsafe extern "C" fn product_f32(context: *const Context, request: *const Request) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { product::<f32>((*context).threads, &*request) }
}

/// # Safety
/// As [`product_f32`], for `f64`.
#[unsafe(export_name = symbol!("product_f64"))]
unsafe extern "C" fn product_f64(context: *const Context, request: *const Request) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { product::<f64>((*context).threads, &*request) }
}

/// Runs rows `0..extent` of steps that run together, of which a row takes `work` floating-point operations in matrix products: in
/// blocks as a product by itself has them.
///
/// # Safety
/// As for `threads::parallel_for`.
#[unsafe(export_name = symbol!("parallel_rows"))]
unsafe extern "C" fn parallel_rows(
    context: *const Context,
    body: Loop,
    frame: *const i64,
    extent: i64,
    work: i64,
    record: *mut i64,
) -> i64 {
    let count = if extent < FEW || extent.saturating_mul(work) < SERIAL { 1 } else { cut(extent) };
    // In multiples of 16 rows, as the kernels of products have them.
    let length = ((extent + count - 1) / count + 15) & !15;
    let blocks = ((extent + length.max(1) - 1) / length.max(1)) as usize;
    // SAFETY: the caller's promise.
    unsafe { run_in_blocks(context, body, frame, (extent, (blocks, length)), record) }
}

trait Scalar: Copy + std::ops::Mul<Output = Self> + 'static {
    const ZERO: Self;
    const ONE: Self;
}

impl Scalar for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
}

impl Scalar for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
}

/// Blocks of more floating-point operations are cut the other way too.
const LONG: i64 = 1 << 28;

/// How many blocks rows or columns are cut into. Powers of two are handed out evenly to most numbers of threads.
fn cut(extent: i64) -> i64 {
    match extent / BLOCK.1 {
        0 | 1 => (extent / BLOCK.0).clamp(1, 2),
        parts => 1 << parts.ilog2(),
    }
}

/// How many blocks a product is cut into: of rows, and of columns.
fn blocks(request: &Request) -> (i64, i64) {
    let work = 2 * request.m.saturating_mul(request.n).saturating_mul(request.k);
    let again = |parts: i64, other: i64| (work / parts / LONG).clamp(1, cut(other));
    match work {
        _ if work < SERIAL => (1, 1),
        _ if request.part != 0 && request.m >= FEW => (1, again(1, request.n)),
        _ if request.m >= request.n => (cut(request.m), again(cut(request.m), request.n)),
        _ => (again(cut(request.n), request.m), cut(request.n)),
    }
}

unsafe fn product<T: Scalar>(threads: &Threads, request: &Request) -> i64 {
    if request.batch <= 0 || request.m <= 0 || request.n <= 0 {
        return 0;
    }
    let (rows, columns) = blocks(request);
    let parts = rows * columns;
    let work = request.batch.saturating_mul(request.m * request.n).saturating_mul(2 * request.k);
    // Small matrices of a batch are handed out several at a time.
    let together = if parts > 1 { 1 } else { (request.batch * SERIAL / 4 / work.max(1)).clamp(1, request.batch) };
    let groups = (request.batch + together - 1) / together;
    let items = groups * parts;
    let control = threads.control();
    let count = control.count(if work < SERIAL { 0 } else { items });
    let one = |item: i64| {
        if control.is_interrupted() {
            return;
        }
        let (group, part) = (item / parts, item % parts);
        for index in group * together..request.batch.min((group + 1) * together) {
            // SAFETY: the caller's promise; parts are disjoint.
            unsafe { block::<T>(request, index, (part % rows, rows), (part / rows, columns)) };
        }
        count.iter().for_each(Count::step);
    };
    let finished = if work < SERIAL {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (0..items).for_each(one))).is_ok()
    } else {
        threads.for_each(items as usize, |item| one(item as i64))
    };
    match finished {
        true if control.is_interrupted() => INTERRUPTED,
        true => 0,
        false => INTERNAL,
    }
}

/// The part of an extent that is `index` of `count` nearly equal ones, in multiples of 16.
fn part(extent: i64, (index, count): (i64, i64)) -> (i64, i64) {
    let at = |index: i64| if index == count { extent } else { (extent * index / count) & !15 };
    (at(index), at(index + 1) - at(index))
}

/// One block of one matrix of the batch.
unsafe fn block<T: Scalar>(request: &Request, index: i64, rows: (i64, i64), columns: (i64, i64)) {
    let (row, m) = part(request.m, rows);
    let (column, n) = part(request.n, columns);
    let start = |operand: &Operand, row: i64, column: i64| {
        let offset = index * operand.batch + row * operand.row + column * operand.column;
        operand.start.cast::<T>().wrapping_offset(offset as isize)
    };
    let (a, b, c) = (&request.a, &request.b, &request.c);
    if m <= 0 || n <= 0 {
        return;
    }
    // SAFETY: the caller's promise: the factor is null or valid.
    let scale = unsafe { request.scale.cast::<T>().as_ref() }.copied().unwrap_or(T::ONE);
    if request.k <= 0 {
        for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
            // SAFETY: the element is within the result.
            unsafe { start(c, row + i, column + j).write(T::ZERO * scale) };
        }
        return;
    }
    let matrix = |operand: &Operand, row: i64, column: i64| Matrix {
        start: start(operand, row, column),
        row: operand.row as isize,
        column: operand.column as isize,
    };
    let (a, b, c) = (matrix(a, row, 0), matrix(b, 0, column), matrix(c, row, column));
    let sizes = [m, n, request.k].map(|size| size as usize);
    // SAFETY: the caller's promise about the operands; the result's block is this call's own.
    unsafe {
        match request.squared {
            0 => multiply(sizes, a, b, c, (scale, false)),
            squared => squares::multiply_squares(sizes, (a, squared & 1 != 0), (b, squared & 2 != 0), (c, scale)),
        }
    }
}

/// Where a matrix of one product lies. Distances are in elements.
struct Matrix<T> {
    start: *mut T,
    row: isize,
    column: isize,
}

impl<T> Clone for Matrix<T> {
    fn clone(&self) -> Matrix<T> {
        *self
    }
}

impl<T> Copy for Matrix<T> {}

impl<T> Matrix<T> {
    /// The part from a row and a column on.
    fn from(self, row: usize, column: usize) -> Matrix<T> {
        let offset = row as isize * self.row + column as isize * self.column;
        Matrix { start: self.start.wrapping_offset(offset), ..self }
    }
}

/// `c = scale · a · b`, or, if it `adds`, `c += scale · a · b`.
///
/// # Safety
/// The matrices of m × k, k × n and m × n elements are valid, and nobody else touches `c`.
unsafe fn multiply<T: Scalar>(
    [m, n, k]: [usize; 3],
    a: Matrix<T>,
    b: Matrix<T>,
    c: Matrix<T>,
    (scale, adds): (T, bool),
) {
    let old = if adds { T::ONE } else { T::ZERO };
    // SAFETY: the caller's promise.
    unsafe {
        gemm(
            m,
            n,
            k,
            c.start,
            c.column,
            c.row,
            adds,
            a.start,
            a.column,
            a.row,
            b.start,
            b.column,
            b.row,
            old,
            scale,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
