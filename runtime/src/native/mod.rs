//! The C interface: how programs call kernels that were compiled ahead of time.
//!
//! In: calls from the thin functions of an object file. Out: a status, and perhaps a text in the caller's buffer.
//! Always holds: nothing unwinds into the caller; whatever the arguments are, as long as pointers that are neither null nor
//! misaligned lead to what they are declared to, there is a status.
//!
//! | file | content |
//! |---|---|
//! | `program` | what an object file knows of a kernel |
//! | `view` | arrays as a caller describes them |
//! | `call` | a call: arguments looked at, sizes bound, memory planned, results handed out |
//! | `problem` | what went wrong, and its text |
#![allow(unsafe_code)]

pub(crate) mod call;
mod problem;
pub mod program;
mod view;

use crate::execute::Entry;
use crate::given;
use crate::message::{Message, of_defect};
use crate::symbols::symbol;
use crate::threads::Threads;
use call::Loaded;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

pub(crate) use problem::Problem;
pub use program::{Check, Parameter, Program};

/// The threads of everything that was compiled ahead of time.
pub(crate) fn threads() -> Arc<Threads> {
    pool().read().unwrap_or_else(PoisonError::into_inner).clone()
}

fn pool() -> &'static RwLock<Arc<Threads>> {
    static POOL: OnceLock<RwLock<Arc<Threads>>> = OnceLock::new();
    POOL.get_or_init(|| RwLock::new(Arc::new(Threads::default())))
}

/// Runs kernels on at most so many threads from now on; without a number on as many as the machine runs at once.
pub(crate) fn set_threads(count: Option<usize>) {
    let mut pool = pool().write().unwrap_or_else(PoisonError::into_inner);
    let control = pool.control().clone();
    let count = count.filter(|count| *count > 0);
    *pool = Arc::new(Threads::under(count.unwrap_or_else(|| Threads::default().count()), control));
}

/// Calls a kernel.
///
/// # Safety
/// The record is one of an object file's; the table is as `call` says; the text, if it is not null, has room for `room` bytes.
#[unsafe(export_name = symbol!("native_call"))]
unsafe extern "C" fn native_call(record: *const Record, table: *const u64, text: *mut u8, room: i64) -> i32 {
    let done = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: passed on.
        unsafe {
            let record = &*record;
            call::call(record.entry, record.loaded()?, table, &threads())
        }
    }));
    // SAFETY: passed on.
    unsafe { report(done.unwrap_or_else(|_| Err(panicked())), text, room) }
}

/// Writes the sizes of a kernel's results.
///
/// # Safety
/// As [`native_call`], with the table of `call::sizes`.
#[unsafe(export_name = symbol!("native_sizes"))]
unsafe extern "C" fn native_sizes(record: *const Record, table: *const u64, text: *mut u8, room: i64) -> i32 {
    let done = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: passed on.
        unsafe {
            let record = &*record;
            let program = &record.loaded()?.program;
            call::sizes(program, table).map_err(|message| Problem::of_call(message, &program.name))
        }
    }));
    // SAFETY: passed on.
    unsafe { report(done.unwrap_or_else(|_| Err(panicked())), text, room) }
}

/// Gives back memory that a kernel handed out.
///
/// # Safety
/// The address is null, or one that was handed out and not given back.
#[unsafe(export_name = symbol!("native_free"))]
unsafe extern "C" fn native_free(memory: *mut u8) {
    // SAFETY: passed on.
    unsafe { given::free(memory) };
}

/// Runs kernels on at most so many threads from now on; on as many as the machine runs at once, if it is 0 or less.
#[unsafe(export_name = symbol!("native_threads"))]
extern "C" fn native_threads(count: i64) {
    let _ = catch_unwind(|| set_threads(usize::try_from(count).ok()));
}

/// Asks all kernels that run to stop, and lets none begin; or, with 0, lets them again.
#[unsafe(export_name = symbol!("native_interrupt"))]
extern "C" fn native_interrupt(on: i32) {
    let _ = catch_unwind(|| {
        let threads = threads();
        if on == 0 { threads.control().clear() } else { threads.control().interrupt() }
    });
}

/// What an object file says of a kernel: where its code begins, the bytes that describe it, how many, and a cell for what was
/// read from them. The compiler writes it; there is no other way to have one.
#[repr(C)]
pub struct Record {
    entry: Entry,
    bytes: *const u8,
    length: u64,
    cell: AtomicPtr<Loaded>,
}

// SAFETY: what the pointers lead to is never written, but for the cell, which is atomic.
unsafe impl Sync for Record {}

impl Record {
    /// The code.
    pub(crate) fn entry(&self) -> Entry {
        self.entry
    }

    /// What the bytes say; read once.
    pub(crate) fn loaded(&self) -> Result<&Loaded, Message> {
        let known = self.cell.load(Ordering::Acquire);
        if !known.is_null() {
            // SAFETY: the cell was written below, and what it leads to is never freed.
            return Ok(unsafe { &*known });
        }
        // SAFETY: a record is made by the compiler, with its bytes.
        let bytes = unsafe { std::slice::from_raw_parts(self.bytes, self.length as usize) };
        let fresh = Box::into_raw(Box::new(Loaded::new(bytes)?));
        match self.cell.compare_exchange(std::ptr::null_mut(), fresh, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: as above.
            Ok(_) => Ok(unsafe { &*fresh }),
            Err(known) => {
                // Another thread was faster.
                // SAFETY: nobody else has seen ours, and the other's is there.
                unsafe {
                    drop(Box::from_raw(fresh));
                    Ok(&*known)
                }
            }
        }
    }
}

fn panicked() -> Box<Problem> {
    of_defect("the run-time library failed").into()
}

/// Writes the text of a problem, as much of it as there is room for; gives the status.
///
/// # Safety
/// The text, if it is not null, has room for `room` bytes.
unsafe fn report(done: Result<(), Box<Problem>>, text: *mut u8, room: i64) -> i32 {
    let room = usize::try_from(room).unwrap_or(0);
    let (status, told) = match done {
        Ok(()) => (0, String::new()),
        Err(problem) => (problem.message.cause.status(), problem.to_string()),
    };
    if text.is_null() || room == 0 {
        return status;
    }
    let mut length = told.len().min(room - 1);
    while !told.is_char_boundary(length) {
        length -= 1;
    }
    // SAFETY: there is room for the bytes and a zero.
    unsafe {
        std::ptr::copy_nonoverlapping(told.as_ptr(), text, length);
        text.add(length).write(0);
    }
    status
}
