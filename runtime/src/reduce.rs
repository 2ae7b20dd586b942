//! Reductions of everything to one element, in blocks on several threads.
//!
//! In: a loop as a function of a range that writes one element, and its extent. Out: the element, merged from those of the blocks.
//! Always holds: blocks and the order in which they are merged depend on the extent and the work alone, so the result is the same to
//! the last bit for every number of threads.
#![allow(unsafe_code)]

use super::array::DType;
use super::threads::{Context, INTERNAL, Loop, blocks, run_blocks};
use crate::symbols::symbol;
use std::cell::UnsafeCell;

/// How two partial results become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// The sum; integers wrap.
    Sum,
    /// The product; integers wrap.
    Product,
    /// The larger; NaN if either is.
    Max,
    /// The smaller; NaN if either is.
    Min,
    /// Whether one of two truth values holds.
    Any,
    /// Whether both hold.
    All,
}

impl Merge {
    const ALL: [Merge; 6] = [Merge::Sum, Merge::Product, Merge::Max, Merge::Min, Merge::Any, Merge::All];

    /// The merge of the reduction with that name.
    pub fn of(name: &str) -> Option<Merge> {
        Some(match name {
            "sum" => Merge::Sum,
            "prod" => Merge::Product,
            "max" => Merge::Max,
            "min" => Merge::Min,
            "any" => Merge::Any,
            "all" => Merge::All,
            _ => return None,
        })
    }

    /// Its number in generated code.
    pub fn code(self) -> i64 {
        self as i64
    }

    fn integers(self, a: i64, b: i64) -> i64 {
        match self {
            Merge::Sum => a.wrapping_add(b),
            Merge::Product => a.wrapping_mul(b),
            Merge::Max => a.max(b),
            Merge::Min => a.min(b),
            Merge::Any => a | b,
            Merge::All => a & b,
        }
    }
}

/// Floats, of which extrema know NaN and the sign of zero.
macro_rules! floats {
    ($merge:expr, $a:expr, $b:expr) => {{
        let (a, b) = ($a, $b);
        match $merge {
            Merge::Product => a * b,
            Merge::Max | Merge::Min if a.is_nan() || b.is_nan() => a + b,
            Merge::Max if a > b || (a == b && a.is_sign_positive()) => a,
            Merge::Min if a < b || (a == b && a.is_sign_negative()) => a,
            Merge::Max | Merge::Min => b,
            Merge::Sum | Merge::Any | Merge::All => a + b,
        }
    }};
}

/// The bits of an element, in the low bytes.
fn merged(merge: Merge, dtype: DType, a: u64, b: u64) -> u64 {
    match dtype {
        DType::F64 => floats!(merge, f64::from_bits(a), f64::from_bits(b)).to_bits(),
        DType::F32 => u64::from(floats!(merge, f32::from_bits(a as u32), f32::from_bits(b as u32)).to_bits()),
        _ => merge.integers(a as i64, b as i64) as u64,
    }
}

/// What generated code asks for.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// The frame of the loop's function, and how many slots it has.
    frame: *const i64,
    slots: i64,
    /// The slot of the address that the result is written to, and how many bytes behind that address.
    slot: i64,
    offset: i64,
    /// The element type, as `routine::code` numbers it, and the [`Merge`].
    dtype: i64,
    merge: i64,
    extent: i64,
    /// Simple operations in an iteration, about.
    work: i64,
}

// SAFETY: the frame is only read while the loop runs.
unsafe impl Sync for Request {}

/// A place for a partial result that one thread writes.
struct Partial(UnsafeCell<u64>);
// SAFETY: each is written by the block of its number only, and read when all blocks are done.
unsafe impl Sync for Partial {}

/// The function behind the name.
pub fn symbol(name: &str) -> Option<*const u8> {
    (name == "parallel_reduce").then_some(parallel_reduce as *const u8)
}

/// Reduces `0..extent` of a loop to one element.
///
/// # Safety
/// Pointers are valid: the context's and the request's for reading, the record's for two values; the frame belongs to `body`,
/// which reads memory that nobody writes and writes one element, of the type named, at the place named.
#[unsafe(export_name = symbol!("parallel_reduce"))]
unsafe extern "C" fn parallel_reduce(
    context: *const Context,
    body: Loop,
    request: *const Request,
    record: *mut i64,
) -> i64 {
    // SAFETY: the caller's promise.
    let (threads, request) = unsafe { ((*context).threads, &*request) };
    let (count, length) = blocks(request.extent, request.work);
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
    let partial: Vec<Partial> = (0..count).map(|_| Partial(UnsafeCell::new(0))).collect();
    let run = |block: usize, begin: i64, end: i64, values: *mut i64| {
        let Some(partial) = partial.get(block) else { return INTERNAL };
        let mut own = frame.to_vec();
        if let Some(address) = own.get_mut(slot) {
            *address = (partial.0.get() as i64).wrapping_sub(request.offset);
        }
        // SAFETY: the caller's promise; the block writes its own partial result.
        unsafe { body(own.as_ptr(), begin, end, values) }
    };
    // SAFETY: the caller's promise about the record.
    let status = unsafe { run_blocks(threads, (request.extent, count, length), run, record) };
    if status != 0 {
        return status;
    }
    let all = partial.into_iter().map(|partial| partial.0.into_inner());
    let total = all.reduce(|a, b| merged(merge, dtype, a, b)).unwrap_or(0);
    let bytes = total.to_le_bytes();
    // SAFETY: the place has room for an element; the low bytes come first.
    unsafe {
        let place = (target.wrapping_add(request.offset) as *mut u8).cast::<u8>();
        place.copy_from_nonoverlapping(bytes.as_ptr(), dtype.size().min(bytes.len()));
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::Threads;

    /// Adds up `begin..end` and writes the sum behind the address in the second slot.
    unsafe extern "C" fn sum(frame: *const i64, begin: i64, end: i64, record: *mut i64) -> i64 {
        if (begin..end).contains(&700_000) {
            // SAFETY: the frame has two slots, the record two values.
            unsafe {
                if *frame == 1 {
                    record.write(700_000);
                    return 7;
                }
            }
        }
        let total: i64 = (begin..end).sum();
        // SAFETY: the place lies eight bytes behind the address.
        unsafe { (*frame.add(1) as *mut i64).add(1).write(total) };
        0
    }

    #[test]
    fn blocks_are_merged_for_any_number_of_threads() {
        for (extent, fails) in [(1i64, 0), (1000, 0), (1 << 20, 0), (1 << 20, 1)] {
            for count in [1, 2, 3] {
                let threads = Threads::new(count);
                let context = Context { threads: &threads, binder: None };
                let (mut result, mut record) = ([-1i64; 2], [0i64; 2]);
                let frame = [fails, result.as_mut_ptr() as i64];
                let dtype = crate::routine::code(DType::I64);
                let request = Request {
                    frame: frame.as_ptr(),
                    slots: 2,
                    slot: 1,
                    offset: 8,
                    dtype,
                    merge: Merge::Sum.code(),
                    extent,
                    work: 4,
                };
                // SAFETY: all pointers are to locals.
                let status =
                    unsafe { parallel_reduce(&raw const context, sum, &raw const request, record.as_mut_ptr()) };
                if fails == 1 {
                    assert_eq!((status, record[0]), (7, 700_000));
                } else {
                    assert_eq!((status, result), (0, [-1, extent * (extent - 1) / 2]));
                }
            }
        }
    }

    #[test]
    fn extrema_of_floats_know_nan_and_the_sign_of_zero() {
        let max = |a: f64, b: f64| f64::from_bits(merged(Merge::Max, DType::F64, a.to_bits(), b.to_bits()));
        let min = |a: f64, b: f64| f64::from_bits(merged(Merge::Min, DType::F64, a.to_bits(), b.to_bits()));
        assert!(max(f64::NAN, 1.0).is_nan() && max(1.0, f64::NAN).is_nan() && min(f64::NAN, 1.0).is_nan());
        assert_eq!((max(1.0, 2.0), max(2.0, 1.0), min(1.0, 2.0), min(2.0, 1.0)), (2.0, 2.0, 1.0, 1.0));
        assert!(max(-0.0, 0.0).is_sign_positive() && max(0.0, -0.0).is_sign_positive());
        assert!(min(-0.0, 0.0).is_sign_negative() && min(0.0, -0.0).is_sign_negative());
        assert_eq!(merged(Merge::All, DType::Bool, 1, 0), 0);
        assert_eq!(merged(Merge::Any, DType::Bool, 1, 0), 1);
    }
}
