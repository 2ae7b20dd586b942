//! Threads that help the calling one with a loop.
//!
//! In: a number of blocks, and what to do with each. Out: all of them done, some by the caller.
//! Always holds: nobody touches a loop once [`Crew::run`] has returned; a crew that is busy, or cannot help, leaves the work to the
//! caller, so that loops inside loops and calls from several threads neither wait for each other nor add threads.
//!
//! A thread that has to be woken comes 30 µs late, and a caller that sleeps until it is woken as much later again. So the caller
//! works too, and helpers look out for the next loop a while before they sleep.
#![allow(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a thread looks out before it sleeps: as long as waking it takes, twice.
const LOOKOUT: Duration = Duration::from_micros(60);

/// A loop that is under way.
struct Task<'a> {
    work: &'a (dyn Fn(usize) + Sync),
    blocks: usize,
    next: AtomicUsize,
    panicked: AtomicBool,
}

impl Task<'_> {
    /// Takes blocks until there are none left.
    fn help(&self) {
        let help = || {
            loop {
                let block = self.next.fetch_add(1, Ordering::Relaxed);
                if block >= self.blocks {
                    return;
                }
                (self.work)(block);
            }
        };
        if catch_unwind(AssertUnwindSafe(help)).is_err() {
            self.panicked.store(true, Ordering::Relaxed);
            self.next.store(self.blocks, Ordering::Relaxed);
        }
    }
}

/// A task's address, whose lifetime is over when `State::busy` is zero and the address is gone.
#[derive(Clone, Copy)]
struct Posted(*const Task<'static>);
// SAFETY: what a task refers to may be used by several threads.
unsafe impl Send for Posted {}

#[derive(Default)]
struct State {
    task: Option<Posted>,
    /// Helpers that have seen the task.
    busy: usize,
    asleep: usize,
    ends: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// How many tasks there have been: to be looked at without the lock.
    count: AtomicU64,
    /// The same as `State::busy`, likewise.
    busy: AtomicUsize,
    posted: Condvar,
    finished: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a helper does.
    fn serve(&self) {
        let mut seen = 0;
        loop {
            look_out(|| self.count.load(Ordering::Acquire) != seen);
            let mut state = self.lock();
            while self.count.load(Ordering::Acquire) == seen && !state.ends {
                state.asleep += 1;
                state = self.posted.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.asleep -= 1;
            }
            if state.ends {
                return;
            }
            seen = self.count.load(Ordering::Acquire);
            let Some(Posted(task)) = state.task else { continue };
            state.busy += 1;
            self.busy.store(state.busy, Ordering::Release);
            drop(state);
            // SAFETY: the task lives until nobody is busy, as `run` waits for that.
            unsafe { (*task).help() };
            let mut state = self.lock();
            state.busy -= 1;
            self.busy.store(state.busy, Ordering::Release);
            if state.busy == 0 {
                self.finished.notify_one();
            }
        }
    }
}

/// Waits for a condition, but not long.
fn look_out(seen: impl Fn() -> bool) {
    let start = Instant::now();
    while !seen() {
        if start.elapsed() > LOOKOUT {
            return;
        }
        // Where there are fewer processors than threads, the others come first.
        std::thread::yield_now();
        (0..64).for_each(|_| std::hint::spin_loop());
    }
}

/// Helpers, kept until it is dropped.
pub(super) struct Crew {
    shared: Arc<Shared>,
    /// Held by whoever's loop they help with.
    turn: Mutex<()>,
    helpers: Vec<JoinHandle<()>>,
    /// The process that has the helpers: a forked one has only the thread that forked.
    process: u32,
}

impl std::fmt::Debug for Crew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Crew").field("helpers", &self.helpers.len()).finish_non_exhaustive()
    }
}

impl Crew {
    /// So many helpers, or as many as the system starts.
    pub(super) fn new(helpers: usize) -> Crew {
        let shared: Arc<Shared> = Arc::default();
        let start = |number: usize| {
            let shared = shared.clone();
            let builder = std::thread::Builder::new().name(format!("microtome-{number}"));
            builder.spawn(move || shared.serve()).ok()
        };
        let helpers = (1..=helpers).map_while(start).collect();
        Crew { shared, turn: Mutex::new(()), helpers, process: std::process::id() }
    }

    /// Does `work` for `0..blocks`, in any order. `false` if one of them panicked.
    pub(super) fn run(&self, blocks: usize, work: &(dyn Fn(usize) + Sync)) -> bool {
        let task = Task { work, blocks, next: AtomicUsize::new(0), panicked: AtomicBool::new(false) };
        let turn = if blocks > 1 && !self.helpers.is_empty() { self.turn.try_lock().ok() } else { None };
        if turn.is_none() {
            task.help();
            return !task.panicked.load(Ordering::Relaxed);
        }
        let address = Posted((&raw const task).cast());
        let mut state = self.shared.lock();
        state.task = Some(address);
        self.shared.count.fetch_add(1, Ordering::Release);
        let wanted = state.asleep.min(blocks - 1);
        drop(state);
        (0..wanted).for_each(|_| self.shared.posted.notify_one());
        task.help();
        let mut state = self.shared.lock();
        state.task = None;
        if state.busy > 0 {
            drop(state);
            look_out(|| self.shared.busy.load(Ordering::Acquire) == 0);
            state = self.shared.lock();
            while state.busy > 0 {
                state = self.shared.finished.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
        drop(state);
        !task.panicked.load(Ordering::Relaxed)
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        if self.process != std::process::id() {
            return;
        }
        self.shared.lock().ends = true;
        self.shared.posted.notify_all();
        for helper in self.helpers.drain(..) {
            // A helper does not panic.
            let _ = helper.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_is_done_once() {
        for helpers in [0, 1, 3] {
            let crew = Crew::new(helpers);
            for blocks in [0, 1, 2, 7, 1000] {
                let done: Vec<AtomicUsize> = (0..blocks).map(|_| AtomicUsize::new(0)).collect();
                assert!(crew.run(blocks, &|block| {
                    done[block].fetch_add(1, Ordering::Relaxed);
                }));
                assert!(done.iter().all(|count| count.load(Ordering::Relaxed) == 1));
            }
        }
    }

    #[test]
    fn loops_within_loops_and_beside_each_other_are_done_too() {
        let crew = Crew::new(2);
        let sum = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let add = |block| {
                            crew.run(3, &|inner| {
                                sum.fetch_add(block * 3 + inner, Ordering::Relaxed);
                            });
                        };
                        assert!(crew.run(5, &add));
                    }
                });
            }
        });
        assert_eq!(sum.into_inner(), 4 * 200 * (0..15).sum::<usize>());
    }

    #[test]
    fn a_panic_is_told_and_harms_nothing() {
        let crew = Crew::new(1);
        for _ in 0..20 {
            assert!(!crew.run(8, &|block| assert!(block != 5, "on purpose")));
            assert!(crew.run(8, &|_| {}));
        }
    }

    #[test]
    fn helpers_that_sleep_are_woken() {
        let crew = Crew::new(1);
        for _ in 0..3 {
            std::thread::sleep(2 * LOOKOUT);
            let (here, elsewhere) = (std::thread::current().id(), AtomicBool::new(false));
            let limit = Instant::now() + Duration::from_secs(20);
            crew.run(2, &|_| {
                if std::thread::current().id() != here {
                    elsewhere.store(true, Ordering::Relaxed);
                }
                while !elsewhere.load(Ordering::Relaxed) && Instant::now() < limit {
                    std::thread::yield_now();
                }
            });
            assert!(elsewhere.into_inner());
        }
    }
}
