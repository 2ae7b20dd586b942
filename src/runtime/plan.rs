//! The memory of a call, planned before it.
//!
//! In: a kernel, and the sizes of a call. Out: where in one arena each scratch buffer lies, and how many bytes the call needs.
//! Always holds: buffers that live at the same time do not overlap; those that do not share memory.

use super::execute::Failure;
use super::memory::ALIGNMENT;
use crate::graph::SizeEnv;
use crate::loops::{Kernel, Role, Step, run_end};

/// Memory of a call, planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Elements per buffer.
    pub elements: Vec<usize>,
    /// Byte offset in the arena per scratch buffer.
    pub offsets: Vec<usize>,
    /// Bytes of the arena.
    pub arena: usize,
    /// Bytes of the results.
    pub results: u64,
}

impl Plan {
    /// Bytes of scratch and results.
    pub fn bytes(&self) -> u64 {
        (self.arena as u64).saturating_add(self.results)
    }
}

/// Plans the memory of a call at given sizes.
pub fn plan(kernel: &Kernel, sizes: &SizeEnv) -> Result<Plan, Failure> {
    let mut elements = Vec::new();
    let (mut results, mut needed) = (0u64, 0u64);
    for buffer in &kernel.buffers {
        // What depends on a size that only running tells gets its memory then.
        let known = if kernel.is_found(&buffer.elements) { Some(0) } else { buffer.elements.eval(sizes) };
        let count = known.ok_or(Failure::Unbound)?.max(0) as u64;
        let bytes = count.saturating_mul(buffer.dtype.size() as u64);
        match buffer.role {
            Role::Output(_) => results = results.saturating_add(bytes),
            Role::Scratch => needed = needed.saturating_add(bytes),
            Role::Input(_) => {}
        }
        elements.push(usize::try_from(count).unwrap_or(usize::MAX));
    }
    // Offsets in an arena that no machine has could not be counted.
    if needed > u64::MAX / 4 {
        return Err(Failure::Memory { needed: needed.saturating_add(results), limit: u64::MAX / 4 });
    }
    let (offsets, arena) = place(kernel, &elements);
    Ok(Plan { elements, offsets, arena, results })
}

/// First and last moment at which each buffer is touched. Moments are steps as they stand in the kernel, those inside of others
/// too; nests that run together are one.
fn lives(kernel: &Kernel) -> Vec<Option<(usize, usize)>> {
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

/// Offsets in the arena, first fit in the order in which buffers begin to live.
fn place(kernel: &Kernel, elements: &[usize]) -> (Vec<usize>, usize) {
    let lives = lives(kernel);
    let mut offsets = vec![0; kernel.buffers.len()];
    let mut placed: Vec<(usize, usize, usize, usize)> = Vec::new();
    let mut order: Vec<usize> =
        (0..kernel.buffers.len()).filter(|&b| kernel.buffers[b].role == Role::Scratch).collect();
    order.sort_by_key(|&b| lives[b].map_or(0, |(first, _)| first));
    let mut arena = 0;
    for b in order {
        let Some((first, last)) = lives[b] else { continue };
        let bytes = elements[b].saturating_mul(kernel.buffers[b].dtype.size()).next_multiple_of(ALIGNMENT);
        let mut taken: Vec<(usize, usize)> = placed
            .iter()
            .filter(|(_, _, from, to)| *from <= last && first <= *to)
            .map(|(offset, bytes, ..)| (*offset, *bytes))
            .collect();
        taken.sort_unstable();
        let mut at = 0;
        for (offset, size) in taken {
            if at + bytes <= offset {
                break;
            }
            at = at.max(offset + size);
        }
        offsets[b] = at;
        arena = arena.max(at + bytes);
        placed.push((at, bytes, first, last));
    }
    (offsets, arena)
}
