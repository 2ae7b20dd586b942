//! Copies that need not be made: a result computed where it is wanted, a state written in place.
//!
//! In: a kernel. Out: the same kernel with fewer copies.
//! Always holds: a buffer is written directly instead of copied to only if nobody reads what it held before in between.

use super::ir::{Affine, BufferId, Inst, Kernel, Nest, Role, Sink, Step};

/// Removes copies of whole buffers.
pub(super) fn reuse(kernel: &mut Kernel) {
    if !kernel.steps.iter().any(|step| matches!(step, Step::Loop(_) | Step::If(_))) && !copies_at_end(kernel) {
        return;
    }
    results_in_place(kernel);
    let mut steps = std::mem::take(&mut kernel.steps);
    for step in &mut steps {
        states_in_place(step);
    }
    kernel.steps = steps;
}

fn copies_at_end(kernel: &Kernel) -> bool {
    kernel.steps.last().is_some_and(|step| whole_copy(step).is_some())
}

/// `(from, to)` of a step that copies a whole buffer to another.
fn whole_copy(step: &Step) -> Option<(BufferId, BufferId)> {
    let Step::Nest(Nest { body, sink: Sink::Store { value: 0, buffer, offset }, .. }) = step else { return None };
    let [Inst::Load(from, at)] = body.as_slice() else { return None };
    (at == offset && at.values.is_empty()).then_some((*from, *buffer))
}

/// A scratch buffer that is copied to a result is the result from the beginning.
fn results_in_place(kernel: &mut Kernel) {
    let mut at = 0;
    while at < kernel.steps.len() {
        let moved = whole_copy(&kernel.steps[at]).filter(|(from, to)| {
            let same = kernel.buffers[*from].elements == kernel.buffers[*to].elements;
            let roles = (kernel.buffers[*from].role, kernel.buffers[*to].role);
            let elsewhere = kernel.steps.iter().enumerate().any(|(k, step)| k != at && mentions(step, *to));
            let written_later = kernel.steps[at + 1..].iter().any(|step| writes(step, *from));
            same && matches!(roles, (Role::Scratch, Role::Output(_))) && !elsewhere && !written_later
        });
        let Some((from, to)) = moved else {
            at += 1;
            continue;
        };
        kernel.steps.remove(at);
        for step in &mut kernel.steps {
            step.rename(&mut |buffer| {
                if *buffer == from {
                    *buffer = to;
                }
            });
        }
    }
}

fn mentions(step: &Step, buffer: BufferId) -> bool {
    let (reads, writes) = step.buffers();
    let inner = || step.blocks().into_iter().flatten().any(|step| mentions(step, buffer));
    reads.contains(&buffer) || writes.contains(&buffer) || inner()
}

fn writes(step: &Step, buffer: BufferId) -> bool {
    step.buffers().1.contains(&buffer) || step.blocks().into_iter().flatten().any(|step| writes(step, buffer))
}

/// The next value of a state, computed elementwise and copied at the end, is written over the state if whatever reads
/// the state from then on reads the same element.
fn states_in_place(step: &mut Step) {
    let mut own = step.blocks_mut();
    for inner in own.iter_mut().flat_map(|block| block.iter_mut()) {
        states_in_place(inner);
    }
    let Step::Loop(inner) = step else { return };
    let mut at = inner.body.len();
    while at > 0 {
        at -= 1;
        let Some((from, to)) = whole_copy(&inner.body[at]) else { continue };
        let writers: Vec<usize> = (0..inner.body.len()).filter(|&k| writes(&inner.body[k], from)).collect();
        let Some(writer) = writers.first().filter(|writer| writers.len() == 1 && **writer < at) else { continue };
        let only_here = (0..inner.body.len()).all(|k| k == *writer || k == at || !mentions(&inner.body[k], from));
        let between = inner.body[writer + 1..at].iter().any(|step| mentions(step, to));
        let head = inner.head.iter().any(|step| mentions(step, from));
        if only_here && !between && !head && writes_own_element(&inner.body[*writer], from, to) {
            if let Step::Nest(Nest { sink: Sink::Store { buffer, .. }, .. }) = &mut inner.body[*writer] {
                *buffer = to;
            }
            inner.body.remove(at);
        }
    }
}

/// Whether a nest that writes `from` reads of `to` only the element at which it writes.
fn writes_own_element(step: &Step, from: BufferId, to: BufferId) -> bool {
    let Step::Nest(Nest { body, sink: Sink::Store { buffer, offset, .. }, loops, .. }) = step else { return false };
    let reads = |at: &Affine| at == offset;
    let covers = offset.values.is_empty() && offset.loops.len() <= loops.len();
    *buffer == from
        && covers
        && body.iter().all(|inst| match inst {
            Inst::Load(read, at) => *read != to || reads(at),
            _ => true,
        })
}
