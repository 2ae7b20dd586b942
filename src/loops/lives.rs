//! From a kernel to its layout, and how long each buffer is needed.
//!
//! In: the steps of a kernel. Out: what the run-time library plans memory from.
//! Always holds: what a loop shares with what is outside lives as long as the loop.

use super::{Kernel, Step, run_end};
use crate::runtime::layout::Layout;

impl Kernel {
    /// What callers of the kernel have to know.
    pub fn layout(&self) -> Layout {
        Layout {
            sizes: self.sizes.clone(),
            found: self.found.clone(),
            buffers: self.buffers.clone(),
            lives: lives(self),
            faults: self.faults.len(),
        }
    }
}

/// First and last moment at which each buffer is touched. Moments are steps as they stand in the kernel, those inside of others
/// too; nests that run together are one.
pub(super) fn lives(kernel: &Kernel) -> Vec<Option<(usize, usize)>> {
    let mut lives: Vec<Option<(usize, usize)>> = vec![None; kernel.buffers.len()];
    let mut loops = Vec::new();
    let mut touch = |step: &Step, at: usize| {
        let (reads, writes) = step.buffers();
        for buffer in reads.into_iter().chain(writes) {
            if let Some(life) = lives.get_mut(buffer) {
                *life = Some(life.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
            }
        }
    };
    walk(&kernel.steps, &mut 0, &mut touch, &mut loops);
    // What a loop shares with what is outside lives as long as the loop.
    for (first, last) in loops {
        for (from, to) in lives.iter_mut().flatten() {
            let overlaps = *from <= last && first <= *to;
            if overlaps && (*from < first || last < *to) {
                (*from, *to) = ((*from).min(first), (*to).max(last));
            }
        }
    }
    lives
}

/// Counts moments. Notes the first and last one of every loop, inner ones first.
fn walk(steps: &[Step], moment: &mut usize, touch: &mut dyn FnMut(&Step, usize), loops: &mut Vec<(usize, usize)>) {
    let mut at = 0;
    while let Some(step) = steps.get(at) {
        let end = run_end(steps, at);
        let first = *moment;
        steps[at..end].iter().for_each(|step| touch(step, first));
        *moment += 1;
        let blocks = step.blocks();
        if !blocks.is_empty() {
            blocks.into_iter().for_each(|block| walk(block, moment, touch, loops));
            touch(step, *moment);
            if matches!(step, Step::Loop(_)) {
                loops.push((first, *moment));
            }
            *moment += 1;
        }
        at = end;
    }
}
