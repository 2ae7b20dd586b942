//! Reductions of everything to one element, in blocks on several threads.
//!
//! In: a loop as a function of a range that writes one element, or one for each of several reductions, and its extent. Out: the
//! elements, merged from those of the blocks.
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
    pub(super) const ALL: [Merge; 6] = [Merge::Sum, Merge::Product, Merge::Max, Merge::Min, Merge::Any, Merge::All];

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
pub(super) fn merged(merge: Merge, dtype: DType, a: u64, b: u64) -> u64 {
    match dtype {
        DType::F64 => floats!(merge, f64::from_bits(a), f64::from_bits(b)).to_bits(),
        DType::F32 => u64::from(floats!(merge, f32::from_bits(a as u32), f32::from_bits(b as u32)).to_bits()),
        _ => merge.integers(a as i64, b as i64) as u64,
    }
}

/// A result, as generated code asks for it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The slot of the address that the result is written to, and how many bytes behind that address.
    slot: i64,
    offset: i64,
    /// The element type, as `routine::code` numbers it, and the [`Merge`].
    dtype: i64,
    merge: i64,
}

/// What generated code asks for.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// The frame of the loop's function, and how many slots it has.
    frame: *const i64,
    slots: i64,
    /// What the loop reduces to.
    targets: *const Target,
    count: i64,
    extent: i64,
    /// Simple operations in an iteration, about.
    work: i64,
}

// SAFETY: frame and targets are only read while the loop runs.
unsafe impl Sync for Request {}

/// Where a result goes, and what is known of it.
struct Place {
    slot: usize,
    offset: i64,
    dtype: DType,
    merge: Merge,
}

impl Place {
    fn new(target: &Target) -> Option<Place> {
        Some(Place {
            slot: usize::try_from(target.slot).ok()?,
            offset: target.offset,
            dtype: *DType::ALL.get(usize::try_from(target.dtype).ok()?)?,
            merge: *Merge::ALL.get(usize::try_from(target.merge).ok()?)?,
        })
    }
}

/// A place for a partial result that one thread writes.
struct Partial(UnsafeCell<u64>);
// SAFETY: each is written by the block of its number only, and read when all blocks are done.
unsafe impl Sync for Partial {}

/// The function behind the name.
pub fn symbol(name: &str) -> Option<*const u8> {
    (name == "parallel_reduce").then_some(parallel_reduce as *const u8)
}

/// Reduces `0..extent` of a loop to one element, or to one for each of several reductions.
///
/// # Safety
/// Pointers are valid: the context's, the request's and the targets' for reading, the record's for two values; the frame belongs to
/// `body`, which reads memory that nobody writes and writes one element for each target, of the type named, at the place named.
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
    let (Ok(slots), Ok(targets)) = (usize::try_from(request.slots), usize::try_from(request.count)) else {
        return INTERNAL;
    };
    // SAFETY: the caller's promise.
    let (frame, targets) = unsafe {
        (std::slice::from_raw_parts(request.frame, slots), std::slice::from_raw_parts(request.targets, targets))
    };
    let places: Option<Vec<Place>> = targets.iter().map(Place::new).collect();
    let Some(places) = places.filter(|places| places.iter().all(|place| place.slot < slots)) else { return INTERNAL };
    // The results of a block stand side by side.
    let partial: Vec<Partial> = (0..count * places.len()).map(|_| Partial(UnsafeCell::new(0))).collect();
    let run = |block: usize, begin: i64, end: i64, values: *mut i64| {
        let mut own = frame.to_vec();
        for (place, partial) in places.iter().zip(partial.iter().skip(block * places.len())) {
            if let Some(address) = own.get_mut(place.slot) {
                *address = (partial.0.get() as i64).wrapping_sub(place.offset);
            }
        }
        // SAFETY: the caller's promise; the block writes its own partial results.
        unsafe { body(own.as_ptr(), begin, end, values) }
    };
    // SAFETY: the caller's promise about the record.
    let status = unsafe { run_blocks(threads, (request.extent, count, length), run, record) };
    if status != 0 {
        return status;
    }
    let partial: Vec<u64> = partial.into_iter().map(|partial| partial.0.into_inner()).collect();
    for (index, place) in places.iter().enumerate() {
        let own = partial.iter().copied().skip(index).step_by(places.len());
        let bytes = own.reduce(|a, b| merged(place.merge, place.dtype, a, b)).unwrap_or(0).to_le_bytes();
        let Some(&target) = frame.get(place.slot) else { return INTERNAL };
        // SAFETY: the place has room for an element; the low bytes come first.
        unsafe {
            let target = (target.wrapping_add(place.offset) as *mut u8).cast::<u8>();
            target.copy_from_nonoverlapping(bytes.as_ptr(), place.dtype.size().min(bytes.len()));
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::Threads;

    /// Adds up `begin..end` and writes the sum behind the address in the second slot, the largest to that in the third.
    unsafe extern "C" fn sum(frame: *const i64, begin: i64, end: i64, record: *mut i64) -> i64 {
        if (begin..end).contains(&700_000) {
            // SAFETY: the frame has three slots, the record two values.
            unsafe {
                if *frame == 1 {
                    record.write(700_000);
                    return 7;
                }
            }
        }
        let total: i64 = (begin..end).sum();
        // SAFETY: one place lies eight bytes behind the address, the other at it.
        unsafe {
            (*frame.add(1) as *mut i64).add(1).write(total);
            (*frame.add(2) as *mut i64).write(end - 1);
        }
        0
    }

    #[test]
    fn blocks_are_merged_for_any_number_of_threads() {
        for (extent, fails) in [(1i64, 0), (1000, 0), (1 << 20, 0), (1 << 20, 1)] {
            for count in [1, 2, 3] {
                let threads = Threads::new(count);
                let context = Context { threads: &threads, binder: None };
                let (mut result, mut largest, mut record) = ([-1i64; 2], -1i64, [0i64; 2]);
                let frame = [fails, result.as_mut_ptr() as i64, &raw mut largest as i64];
                let dtype = crate::routine::code(DType::I64);
                let targets = [
                    Target { slot: 1, offset: 8, dtype, merge: Merge::Sum.code() },
                    Target { slot: 2, offset: 0, dtype, merge: Merge::Max.code() },
                ];
                let request =
                    Request { frame: frame.as_ptr(), slots: 3, targets: targets.as_ptr(), count: 2, extent, work: 4 };
                // SAFETY: all pointers are to locals.
                let status =
                    unsafe { parallel_reduce(&raw const context, sum, &raw const request, record.as_mut_ptr()) };
                if fails == 1 {
                    assert_eq!((status, record[0]), (7, 700_000));
                } else {
                    assert_eq!((status, result, largest), (0, [-1, extent * (extent - 1) / 2], extent - 1));
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
