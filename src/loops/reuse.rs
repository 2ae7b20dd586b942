//! Copies that need not be made: a result computed where it is wanted, a state written in place.
//!
//! In: a kernel. Out: the same kernel with fewer copies.
//! Always holds: a buffer is written directly instead of copied to only if nobody reads what it held before in between.

use super::ir::{Affine, BufferId, Inst, Kernel, Nest, Role, Sink, Step};

/// Removes copies of whole buffers.
pub(super) fn reuse(kernel: &mut Kernel) {
    results_in_place(kernel);
    dying_in_place(kernel);
    let mut steps = std::mem::take(&mut kernel.steps);
    for step in &mut steps {
        states_in_place(step);
    }
    kernel.steps = steps;
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

/// An elementwise result is written over a scratch array that nobody reads afterwards: from the beginning that array is the
/// result's memory.
fn dying_in_place(kernel: &mut Kernel) {
    // The first and the last step that mention each buffer.
    let mut lives: Vec<Option<(usize, usize)>> = vec![None; kernel.buffers.len()];
    for (at, step) in kernel.steps.iter_mut().enumerate() {
        step.rename(&mut |buffer| {
            if let Some(life) = lives.get_mut(*buffer) {
                *life = Some(life.map_or((at, at), |(first, _)| (first, at)));
            }
        });
    }
    // What each buffer has become.
    let mut names: Vec<BufferId> = (0..kernel.buffers.len()).collect();
    for at in 0..kernel.steps.len() {
        let step = &kernel.steps[at];
        let Step::Nest(Nest { body, sink: Sink::Store { buffer: to, .. }, .. }) = step else { continue };
        let to = *to;
        let read = body.iter().filter_map(|inst| if let Inst::Load(from, _) = inst { Some(*from) } else { None });
        let dying = read.into_iter().find(|&read| {
            let from = names[read];
            let (buffer, result) = (&kernel.buffers[from], &kernel.buffers[to]);
            let same = buffer.dtype == result.dtype && buffer.elements == result.elements;
            let is_array = buffer.elements.as_const() != Some(1) && !kernel.is_found(&buffer.elements);
            let dies = lives[from].is_some_and(|(_, last)| last == at);
            let fresh = names[to] == to && lives[to].is_some_and(|(first, _)| first == at);
            let aliases = body.iter().all(|inst| match inst {
                Inst::Load(other, _) => *other == read || names[*other] != from,
                _ => true,
            });
            let owned = buffer.role == Role::Scratch && from != to && aliases;
            owned && same && is_array && dies && fresh && covers_own_element(step, read)
        });
        let Some(from) = dying.map(|read| names[read]) else { continue };
        lives[to] = lives[to].zip(lives[from]).map(|((_, last), (first, _))| (first, last));
        names.iter_mut().filter(|name| **name == from).for_each(|name| *name = to);
    }
    for step in &mut kernel.steps {
        step.rename(&mut |buffer| *buffer = names[*buffer]);
    }
}

/// Whether a nest reads of `from` only the element at which it writes, each element once.
fn covers_own_element(step: &Step, from: BufferId) -> bool {
    let Step::Nest(Nest { body, sink: Sink::Store { offset, .. }, loops, .. }) = step else { return false };
    let all = (0..loops.len()).all(|index| loops[index].is_one() || offset.factor(index).as_const() != Some(0));
    let own = |inst: &Inst| !matches!(inst, Inst::Load(read, at) if *read == from && at != offset);
    all && offset.values.is_empty() && body.iter().all(own)
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
