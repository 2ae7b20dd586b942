//! From a kernel to its layout, and how long each buffer is needed.
//!
//! In: the steps of a kernel. Out: what the run-time library plans memory from.
//! Always holds: what a loop shares with what is outside lives as long as the loop.

use super::{Kernel, Step};
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

/// First and last step that touch each buffer; steps are counted as they stand in the kernel, those inside of others too.
fn lives(kernel: &Kernel) -> Vec<Option<(usize, usize)>> {
    let mut lives: Vec<Option<(usize, usize)>> = vec![None; kernel.buffers.len()];
    let mut position = 0;
    for step in &kernel.steps {
        live_in(step, &mut position, &mut lives);
    }
    // What a loop shares with what is outside lives as long as the loop.
    let mut loops = Vec::new();
    let mut start = 0;
    kernel.steps.iter().for_each(|step| loop_ranges(step, &mut start, &mut loops));
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

fn live_in(step: &Step, position: &mut usize, lives: &mut [Option<(usize, usize)>]) {
    let touch = |at: usize, lives: &mut [Option<(usize, usize)>]| {
        let (reads, writes) = step.buffers();
        for buffer in reads.into_iter().chain(writes) {
            if let Some(life) = lives.get_mut(buffer) {
                *life = Some(life.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
            }
        }
    };
    touch(*position, lives);
    *position += 1;
    let blocks = step.blocks();
    if !blocks.is_empty() {
        blocks.into_iter().flatten().for_each(|step| live_in(step, position, lives));
        touch(*position, lives);
        *position += 1;
    }
}

/// First and last step of every loop, inner ones first.
fn loop_ranges(step: &Step, position: &mut usize, ranges: &mut Vec<(usize, usize)>) {
    let first = *position;
    *position += 1;
    let blocks = step.blocks();
    if !blocks.is_empty() {
        blocks.into_iter().flatten().for_each(|step| loop_ranges(step, position, ranges));
        if matches!(step, Step::Loop(_)) {
            ranges.push((first, *position));
        }
        *position += 1;
    }
}
