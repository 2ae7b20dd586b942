//! What others may ask of a running kernel: to stop, how far it is, and to use no more memory than so much.
//!
//! In: a request from another thread (Ctrl-C); trip counts of loops as they run. Out: a flag that everything that may take long
//! looks at, and numbers for a progress bar.
//! Always holds: a flag that is up stays up until it is taken down by whoever runs the program; of loops inside of each
//! other the outermost counts.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// Requests to a run, and its progress. Shared by everything that a session runs.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Control {
    /// At the start, where generated code reads it.
    stop: AtomicBool,
    /// Iterations that the counting loop has done; generated code writes it.
    done: AtomicI64,
    /// Iterations that it will do; 0 while no loop counts.
    total: AtomicI64,
    /// Where loops write their progress that do not count.
    unseen: AtomicI64,
    /// Bytes of memory that a call may use; 0 for as many as there are.
    memory: AtomicU64,
}

/// Where generated code finds the counts, in bytes behind the flag: a loop that finds no other counting writes how many iterations it
/// will do and has done, and at its end that none counts; any other writes what it has done where nobody looks.
pub const DONE: i32 = std::mem::offset_of!(Control, done) as i32;
/// As [`DONE`].
pub const TOTAL: i32 = std::mem::offset_of!(Control, total) as i32;
/// As [`DONE`].
pub const UNSEEN: i32 = std::mem::offset_of!(Control, unseen) as i32;

impl Control {
    /// Asks whatever runs to stop.
    pub fn interrupt(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Takes a request back, before something is run anew.
    pub fn clear(&self) {
        self.stop.store(false, Ordering::Relaxed);
    }

    /// Whether what runs should stop.
    pub fn is_interrupted(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Sets how many bytes of memory a call may use for what it computes and gives; `None` for as many as there are.
    /// A call that needs more is refused before it begins, or when it finds out.
    pub fn limit_memory(&self, bytes: Option<u64>) {
        self.memory.store(bytes.map_or(0, |bytes| bytes.max(1)), Ordering::Relaxed);
    }

    /// How many bytes of memory a call may use, if that was set.
    pub fn memory_limit(&self) -> Option<u64> {
        Some(self.memory.load(Ordering::Relaxed)).filter(|&bytes| bytes > 0)
    }

    /// How far the outermost loop with a known number of iterations is: done, and all.
    pub fn progress(&self) -> Option<(u64, u64)> {
        let total = u64::try_from(self.total.load(Ordering::Acquire)).ok().filter(|&total| total > 0)?;
        let done = u64::try_from(self.done.load(Ordering::Relaxed)).unwrap_or(0);
        Some((done.min(total), total))
    }

    /// Says that a loop of so many iterations begins; `None` if it runs inside of another that counts.
    pub fn count(&self, total: i64) -> Option<Count<'_>> {
        if total <= 1 || self.total.load(Ordering::Relaxed) != 0 {
            return None;
        }
        self.done.store(0, Ordering::Relaxed);
        let won = self.total.compare_exchange(0, total, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        won.then_some(Count { control: self })
    }

    /// The address of the flag, and of the control itself, for generated code.
    pub fn flag(&self) -> *const AtomicBool {
        &raw const self.stop
    }

    /// Nothing runs any more, however it ended.
    pub fn rest(&self) {
        self.total.store(0, Ordering::Release);
    }
}

/// A loop that counts, until it is dropped.
pub struct Count<'a> {
    control: &'a Control,
}

impl Count<'_> {
    /// One more iteration is done.
    pub fn step(&self) {
        self.control.done.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Count<'_> {
    fn drop(&mut self) {
        self.control.total.store(0, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outermost_loop_counts() {
        let control = Control::default();
        assert_eq!(control.progress(), None);
        let outer = control.count(10);
        assert!(control.count(5).is_none());
        outer.iter().for_each(Count::step);
        assert_eq!(control.progress(), Some((1, 10)));
        drop(outer);
        assert_eq!(control.progress(), None);
        let inner = control.count(1000);
        assert_eq!(control.progress(), Some((0, 1000)));
        drop(inner);
        assert_eq!(control.progress(), None);
    }
}
