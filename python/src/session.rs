//! The one session of the process: its threads are shared by all kernels.
//!
//! In: a number of threads. Out: the session.
//! Always holds: the lock is taken with the interpreter's lock held, and never kept while a kernel runs, so a process that
//! forks finds it free.

use microtome::{Control, Session};
use pyo3::prelude::*;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

struct Current {
    session: Session,
    threads: usize,
}

fn current() -> MutexGuard<'static, Current> {
    static CURRENT: OnceLock<Mutex<Current>> = OnceLock::new();
    let make = || {
        let wanted = std::env::var("MICROTOME_NUM_THREADS").ok().and_then(|text| text.trim().parse().ok());
        let threads = wanted.unwrap_or_else(available).max(1);
        Mutex::new(Current { session: Session::with_threads(threads), threads })
    };
    CURRENT.get_or_init(make).lock().unwrap_or_else(PoisonError::into_inner)
}

fn available() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The session, as it answers to a control.
pub fn session(control: Arc<Control>) -> Session {
    current().session.under(control)
}

/// How many threads kernels use.
#[pyfunction]
pub fn num_threads() -> usize {
    current().threads
}

/// Sets how many threads kernels use, from their next call on.
#[pyfunction]
pub fn set_num_threads(threads: usize) {
    let threads = threads.max(1);
    *current() = Current { session: Session::with_threads(threads), threads };
}

/// A child process has none of its parent's threads: it gets new ones.
#[pyfunction]
pub fn after_fork() {
    let mut current = current();
    let session = Session::with_threads(current.threads);
    // The threads of the parent's pool are not here to be told to end.
    std::mem::forget(std::mem::replace(&mut current.session, session));
}
