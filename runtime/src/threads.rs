//! Threads for the outermost loops of kernels, and the control that others have over what runs on them.
//!
//! In: a loop as a function of a range, and its extent. Out: the loop run, in blocks on several threads if it pays.
//! Always holds: blocks depend on the extent and the work alone, never on the number of threads, and of several faults
//! the one of the lowest block is reported.
#![allow(unsafe_code)]

use super::binder::{Binder, bind_size};
use super::control::{Control, Count};
use super::crew::Crew;
use crate::symbols::symbol;
use std::cell::RefCell;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// The status for a failure of the run-time library itself.
pub const INTERNAL: i64 = -1;
/// The status for a run that was asked to stop.
pub const INTERRUPTED: i64 = -2;

/// Loops of less work (in simple operations) stay on the calling thread: they take no longer than a helper needs to come.
const SERIAL: i64 = 1 << 17;
/// The work of a block, and the largest number of blocks.
const BLOCK: i64 = 1 << 15;
const BLOCKS: i64 = 128;

/// How many threads kernels may use. Those that help the calling one are started when they are first needed.
#[derive(Debug)]
pub struct Threads {
    count: usize,
    crew: Arc<OnceLock<Crew>>,
    control: Arc<Control>,
}

impl Default for Threads {
    /// As many as the machine runs at once.
    fn default() -> Threads {
        Threads::new(std::thread::available_parallelism().map_or(1, NonZero::get))
    }
}

impl Threads {
    /// At most `count` threads; 1 means the calling one only.
    pub fn new(count: usize) -> Threads {
        Threads::under(count, Arc::default())
    }

    /// At most `count` threads, whose work answers to `control`.
    pub fn under(count: usize, control: Arc<Control>) -> Threads {
        Threads { count: count.max(1), crew: Arc::default(), control }
    }

    /// The same threads for work that answers to another control.
    #[must_use]
    pub fn answering(&self, control: Arc<Control>) -> Threads {
        Threads { count: self.count, crew: self.crew.clone(), control }
    }

    /// What may stop the work, and sees how far it is.
    pub fn control(&self) -> &Arc<Control> {
        &self.control
    }

    /// The number of threads.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Does `work` for `0..blocks`, in any order. `false` if one of them panicked.
    pub fn for_each(&self, blocks: usize, work: impl Fn(usize) + Sync) -> bool {
        if self.count == 1 || blocks <= 1 {
            return catch_unwind(AssertUnwindSafe(|| (0..blocks).for_each(&work))).is_ok();
        }
        self.crew.get_or_init(|| Crew::new(self.count - 1)).run(blocks, &work)
    }
}

/// What generated code passes on to the run-time library.
pub struct Context<'a, 'k> {
    /// The threads of this run.
    pub threads: &'a Threads,
    /// What finds room when a size is found out.
    pub binder: Option<&'a RefCell<Binder<'k>>>,
}

/// A loop nest: frame, first iteration, end, record of a fault. Returns the status.
pub(super) type Loop = unsafe extern "C" fn(*const i64, i64, i64, *mut i64) -> i64;

/// The function behind the name.
pub fn symbol(name: &str) -> Option<*const u8> {
    match name {
        "parallel_for" => Some(parallel_for as *const u8),
        "bind_size" => Some(bind_size as *const u8),
        _ => None,
    }
}

/// Addresses that other threads may use; see the safety contract of [`parallel_for`].
#[derive(Clone, Copy)]
struct Shared(*const i64);
// SAFETY: the frame is only read while the loop runs.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    fn address(self) -> *const i64 {
        self.0
    }
}

/// Runs `0..extent` of a loop whose iterations may run at the same time.
///
/// # Safety
/// Pointers are valid: the context's and the frame's for reading, the record's for two values; the frame belongs to
/// `body`, whose iterations write to disjoint memory.
#[unsafe(export_name = symbol!("parallel_for"))]
unsafe extern "C" fn parallel_for(
    context: *const Context,
    body: Loop,
    frame: *const i64,
    extent: i64,
    work: i64,
    record: *mut i64,
) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { run_in_blocks(context, body, frame, (extent, blocks(extent, work)), record) }
}

/// Runs a loop in so many blocks of one length; the last may be shorter.
///
/// # Safety
/// As for [`parallel_for`].
pub(super) unsafe fn run_in_blocks(
    context: *const Context,
    body: Loop,
    frame: *const i64,
    (extent, (count, length)): (i64, (usize, i64)),
    record: *mut i64,
) -> i64 {
    if count <= 1 {
        // SAFETY: the caller's promise.
        return unsafe { body(frame, 0, extent, record) };
    }
    // SAFETY: the caller's promise.
    let threads = unsafe { (*context).threads };
    let frame = Shared(frame);
    // SAFETY: the caller's promise; blocks are disjoint ranges of iterations.
    let run = |_: usize, begin: i64, end: i64, values: *mut i64| unsafe { body(frame.address(), begin, end, values) };
    // SAFETY: the caller's promise about the record.
    unsafe { run_blocks(threads, (extent, count, length), run, record) }
}

/// How many blocks a loop is cut into, and the length of each; the last may be shorter.
pub(super) fn blocks(extent: i64, work: i64) -> (usize, i64) {
    let total = extent.saturating_mul(work.max(1));
    let count = (total / BLOCK).clamp(1, BLOCKS).min(extent.max(1));
    if total < SERIAL || count == 1 {
        return (1, extent);
    }
    let length = extent / count + i64::from(extent % count != 0);
    ((extent / length + i64::from(extent % length != 0)) as usize, length)
}

/// Runs the blocks of a loop: with its number, its range, and a record of a fault, each gives a status.
///
/// # Safety
/// The record has room for two values.
pub(super) unsafe fn run_blocks(
    threads: &Threads,
    (extent, count, length): (i64, usize, i64),
    run: impl Fn(usize, i64, i64, *mut i64) -> i64 + Sync,
    record: *mut i64,
) -> i64 {
    let faults: Vec<OnceLock<(i64, [i64; 2])>> = (0..count).map(|_| OnceLock::new()).collect();
    let lowest = AtomicUsize::new(usize::MAX);
    let steps = threads.control.count(count as i64);
    let finished = threads.for_each(count, |block| {
        if block > lowest.load(Ordering::Relaxed) {
            return;
        }
        if threads.control.is_interrupted() {
            let _ = faults[block].set((INTERRUPTED, [0; 2]));
            lowest.fetch_min(block, Ordering::Relaxed);
            return;
        }
        let begin = block as i64 * length;
        let end = extent.min(begin + length);
        let mut values = [0i64; 2];
        let status = run(block, begin, end, values.as_mut_ptr());
        if status != 0 {
            let _ = faults[block].set((status, values));
            lowest.fetch_min(block, Ordering::Relaxed);
        }
        steps.iter().for_each(Count::step);
    });
    let fault = faults.iter().find_map(OnceLock::get);
    match (finished, fault) {
        (false, _) => INTERNAL,
        (true, None) => 0,
        (true, Some((status, values))) => {
            // SAFETY: the caller's promise.
            unsafe { record.cast::<[i64; 2]>().write(*values) };
            *status
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "C" fn fails_from_1000(_: *const i64, begin: i64, end: i64, record: *mut i64) -> i64 {
        let bad = begin.max(1000);
        if bad >= end {
            return 0;
        }
        // SAFETY: `parallel_for` hands a record of two values.
        unsafe { record.write(bad) };
        7
    }

    #[test]
    fn the_lowest_fault_is_reported() {
        for count in [1, 2, 3] {
            let threads = Threads::new(count);
            let context = Context { threads: &threads, binder: None };
            let mut record = [0i64; 2];
            for _ in 0..50 {
                // SAFETY: all pointers are to locals; the body ignores the frame.
                let status = unsafe {
                    parallel_for(
                        &raw const context,
                        fails_from_1000,
                        std::ptr::null(),
                        1 << 20,
                        100,
                        record.as_mut_ptr(),
                    )
                };
                assert_eq!((status, record[0]), (7, 1000));
            }
        }
    }
}
