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
#![allow(unsafe_code)]

mod call;
pub mod program;
mod view;

use crate::execute::Entry;
use crate::given;
use crate::message::{Message, of_defect};
use crate::symbols::symbol;
use crate::threads::Threads;
use call::{Loaded, Problem};
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

pub use program::{Check, Parameter, Program};

/// The threads of everything that is called through this interface.
fn threads() -> Arc<Threads> {
    pool().read().unwrap_or_else(PoisonError::into_inner).clone()
}

fn pool() -> &'static RwLock<Arc<Threads>> {
    static POOL: OnceLock<RwLock<Arc<Threads>>> = OnceLock::new();
    POOL.get_or_init(|| RwLock::new(Arc::new(Threads::default())))
}

/// The kernel that an object file describes; read once, and kept in a cell of the object file.
///
/// # Safety
/// The bytes are those of the object file, and the cell is 0 or was written here.
unsafe fn loaded<'a>(bytes: *const u8, length: u64, cell: *const AtomicPtr<Loaded>) -> Result<&'a Loaded, Message> {
    // SAFETY: the caller's promise; what a cell leads to is never freed.
    unsafe {
        let known = (*cell).load(Ordering::Acquire);
        if !known.is_null() {
            return Ok(&*known);
        }
        let fresh = Box::into_raw(Box::new(Loaded::new(std::slice::from_raw_parts(bytes, length as usize))?));
        match (*cell).compare_exchange(std::ptr::null_mut(), fresh, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Ok(&*fresh),
            Err(known) => {
                // Another thread was faster.
                drop(Box::from_raw(fresh));
                Ok(&*known)
            }
        }
    }
}

/// Calls a kernel. `kernel` leads to its entry, to the bytes that describe it, their number, and a cell.
///
/// # Safety
/// The kernel is one of an object file's; the table is as `call` says; the text, if it is not null, has room for `room` bytes.
#[unsafe(export_name = symbol!("native_call"))]
unsafe extern "C" fn native_call(kernel: *const Kernel, table: *const u64, text: *mut u8, room: i64) -> i32 {
    let done = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: passed on.
        unsafe {
            let kernel = &*kernel;
            let loaded = loaded(kernel.bytes, kernel.length, &raw const kernel.cell).map_err(|m| (m, None))?;
            let called = call::call(kernel.entry, loaded, table, &threads());
            called.map_err(|problem| named(problem, loaded))
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
unsafe extern "C" fn native_sizes(kernel: *const Kernel, table: *const u64, text: *mut u8, room: i64) -> i32 {
    let done = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: passed on.
        unsafe {
            let kernel = &*kernel;
            let loaded = loaded(kernel.bytes, kernel.length, &raw const kernel.cell).map_err(|m| (m, None))?;
            call::sizes(&loaded.program, table).map_err(|message| named((message, None), loaded))
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
    let _ = catch_unwind(|| {
        let mut pool = pool().write().unwrap_or_else(PoisonError::into_inner);
        let control = pool.control().clone();
        let count = usize::try_from(count).ok().filter(|count| *count > 0);
        *pool = Arc::new(Threads::under(count.unwrap_or_else(|| Threads::default().count()), control));
    });
}

/// Asks all kernels that run to stop, and lets none begin; or, with 0, lets them again.
#[unsafe(export_name = symbol!("native_interrupt"))]
extern "C" fn native_interrupt(on: i32) {
    let _ = catch_unwind(|| {
        let threads = threads();
        if on == 0 { threads.control().clear() } else { threads.control().interrupt() }
    });
}

/// What the object file says of a kernel.
#[repr(C)]
struct Kernel {
    entry: Entry,
    bytes: *const u8,
    length: u64,
    cell: AtomicPtr<Loaded>,
}

fn panicked() -> Problem {
    (of_defect("the run-time library failed"), None)
}

/// What is not wrong at a place in the program is wrong with the call of a function.
fn named((message, place): Problem, loaded: &Loaded) -> Problem {
    (message, Some(place.unwrap_or_else(|| loaded.program.symbol.clone())))
}

/// Writes the text of a problem, as much of it as there is room for; gives the status.
///
/// # Safety
/// The text, if it is not null, has room for `room` bytes.
unsafe fn report(done: Result<(), Problem>, text: *mut u8, room: i64) -> i32 {
    let room = usize::try_from(room).unwrap_or(0);
    let (status, told) = match done {
        Ok(()) => (0, String::new()),
        Err((message, place)) => (message.cause.status(), told(&message, place.as_deref())),
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

fn told(message: &Message, place: Option<&str>) -> String {
    let mut text = String::new();
    let _ = write!(text, "{}: error[{}]: {}", place.unwrap_or("microtome"), message.cause.code(), message.text);
    for note in &message.notes {
        let _ = write!(text, "\n  note: {note}");
    }
    if let Some(help) = &message.help {
        let _ = write!(text, "\n  help: {help}");
    }
    text
}
