//! Ctrl-C while a kernel runs.
//!
//! In: nothing. Out: a watch, for as long as it is held: SIGINT stops what answers to its control, and is then Python's as
//! before.
//! Always holds: a process that ignores SIGINT, or leaves it to the system, goes on doing so; the control is never freed, so a
//! handler that runs late on another thread finds it.
#![allow(unsafe_code)]

use microtome::Control;
use std::sync::{Arc, OnceLock};

/// What the kernels of the main thread answer to. Only that thread gets KeyboardInterrupt, and it runs one kernel at a time.
static MAIN: OnceLock<Arc<Control>> = OnceLock::new();

/// A watch on SIGINT.
pub struct Watch {
    control: Arc<Control>,
    #[cfg(unix)]
    before: Option<libc::sigaction>,
}

impl Watch {
    /// Watches, on the main thread. Where there are no signals Python raises KeyboardInterrupt when the kernel has ended.
    pub fn begin() -> Watch {
        let control = MAIN.get_or_init(Arc::default).clone();
        control.clear();
        Watch {
            control,
            #[cfg(unix)]
            before: signal::take(),
        }
    }

    /// What the kernel has to answer to.
    pub fn control(&self) -> Arc<Control> {
        self.control.clone()
    }
}

#[cfg(unix)]
impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(before) = self.before {
            signal::give_back(&before);
        }
    }
}

#[cfg(unix)]
mod signal {
    use super::MAIN;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// The handler that was there before.
    static BEFORE: AtomicUsize = AtomicUsize::new(0);

    /// Puts our handler in place of that of SIGINT, if there is one.
    pub fn take() -> Option<libc::sigaction> {
        let handler = stop as extern "C" fn(libc::c_int) as libc::sighandler_t;
        // SAFETY: all zeros is a valid `sigaction`.
        let mut before = unsafe { std::mem::zeroed::<libc::sigaction>() };
        // SAFETY: asks what is there, and changes nothing.
        let asked = unsafe { libc::sigaction(libc::SIGINT, std::ptr::null(), &raw mut before) };
        let is_plain = before.sa_flags & libc::SA_SIGINFO == 0;
        let is_handled = ![libc::SIG_DFL, libc::SIG_IGN, handler].contains(&before.sa_sigaction);
        if asked != 0 || !is_plain || !is_handled {
            return None;
        }
        BEFORE.store(before.sa_sigaction, Ordering::Release);
        let ours = libc::sigaction { sa_sigaction: handler, ..before };
        // SAFETY: the handler does what handlers may: it stores to an atomic and calls the handler that was there.
        let set = unsafe { libc::sigaction(libc::SIGINT, &raw const ours, std::ptr::null_mut()) };
        (set == 0).then_some(before)
    }

    /// Puts back what was there.
    pub fn give_back(before: &libc::sigaction) {
        // SAFETY: the action is one that the system gave.
        unsafe { libc::sigaction(libc::SIGINT, before, std::ptr::null_mut()) };
    }

    extern "C" fn stop(signal: libc::c_int) {
        if let Some(control) = MAIN.get() {
            control.interrupt();
        }
        let before = BEFORE.load(Ordering::Acquire);
        if before != 0 {
            // SAFETY: it was the handler of SIGINT, and took one argument.
            let before = unsafe { std::mem::transmute::<usize, extern "C" fn(libc::c_int)>(before) };
            before(signal);
        }
    }
}
