//! Reductions that read the same array: side by side, so that one loop may do several of them.
//!
//! In: the steps of a kernel. Out: the same steps, such reductions one behind the other; and where a run of those ends that reduce
//! everything to one number.
//! Always holds: no reduction of a run can fail or reads what another writes, and none is moved before what it needs.

use super::ir::{Affine, BufferId, Inst, Kernel, Nest, Sink, Step};
use crate::runtime::reduce::Merge;

/// The most reductions that share a loop: each has registers of its own.
pub const MOST: usize = 4;

/// How many steps a reduction is moved at most, so that the time for it does not grow with the program.
const FARTHEST: usize = 32;

/// Moves each reduction behind the nearest one before it with which it may share a loop.
pub(super) fn gather(kernel: &mut Kernel) {
    gather_steps(&mut kernel.steps);
}

fn gather_steps(steps: &mut [Step]) {
    steps.iter_mut().flat_map(Step::blocks_mut).for_each(|inner| gather_steps(inner));
    for at in 1..steps.len() {
        if let Some(place) = place(&steps[..=at]).filter(|place| *place < at) {
            steps[place..=at].rotate_right(1);
        }
    }
}

/// Where the last of these steps may stand to share a loop with the one before it.
fn place(steps: &[Step]) -> Option<usize> {
    let (last, before) = steps.split_last()?;
    let next = reduction(last)?;
    for (position, step) in before.iter().enumerate().rev().take(FARTHEST) {
        if reduction(step).is_some_and(|earlier| is_beside(earlier, next) && meets(earlier, next)) {
            return Some(position + 1);
        }
        let passes = matches!(step, Step::Nest(_) | Step::Product(_) | Step::Routine(_));
        if !passes || !is_apart(step, next) {
            return None;
        }
    }
    None
}

/// The end of the run of reductions that begins at a step, if there are several.
pub(super) fn run_end(steps: &[Step], at: usize) -> Option<usize> {
    let mut run = vec![total(steps.get(at)?)?];
    for step in steps.iter().skip(at + 1).take(MOST - 1) {
        let Some(next) = total(step) else { break };
        if !run.iter().all(|earlier| is_beside(earlier, next)) || !run.iter().any(|earlier| meets(earlier, next)) {
            break;
        }
        run.push(next);
    }
    (run.len() > 1).then_some(at + run.len())
}

/// The nest, if it reduces to values and cannot fail.
fn reduction(step: &Step) -> Option<&Nest> {
    let Step::Nest(nest) = step else { return None };
    let Sink::Reduce { kind, loops: 1.., position: None, .. } = &nest.sink else { return None };
    let fails = nest.body.iter().any(|inst| matches!(inst, Inst::Check { .. }));
    (!fails && Merge::of(kind.name).is_some()).then_some(nest)
}

/// The same, if it reduces everything to one number.
fn total(step: &Step) -> Option<&Nest> {
    let nest = reduction(step)?;
    result_at(nest).filter(|(loops, at)| *loops == nest.loops.len() && **at == Affine::default()).map(|_| nest)
}

/// How many loops are reduced over, and where the result is.
fn result_at(nest: &Nest) -> Option<(usize, &Affine)> {
    if let Sink::Reduce { loops, offset, .. } = &nest.sink { Some((*loops, offset)) } else { None }
}

fn reads(nest: &Nest) -> impl Iterator<Item = (BufferId, &Affine)> {
    nest.body.iter().filter_map(|inst| if let Inst::Load(buffer, at) = inst { Some((*buffer, at)) } else { None })
}

/// Whether two reductions have the same iterations, and neither needs the other's result.
fn is_beside(earlier: &Nest, later: &Nest) -> bool {
    let (a, b) = (earlier.sink.buffer(), later.sink.buffer());
    let free = |nest: &Nest| reads(nest).all(|(buffer, _)| buffer != a && buffer != b);
    let same = earlier.loops == later.loops && result_at(earlier) == result_at(later);
    same && a != b && free(earlier) && free(later)
}

/// Whether both go through the same array, or through numbers that the loop counts.
fn meets(earlier: &Nest, later: &Nest) -> bool {
    let moving = |nest: &Nest| -> Vec<Option<BufferId>> {
        let of = |inst: &Inst| match inst {
            Inst::Load(buffer, at) if !at.loops.is_empty() => Some(Some(*buffer)),
            Inst::Index(at) if !at.loops.is_empty() => Some(None),
            _ => None,
        };
        nest.body.iter().filter_map(of).collect()
    };
    let first = moving(earlier);
    moving(later).iter().any(|other| first.contains(other))
}

/// Whether a nest may run before a step instead of behind it.
fn is_apart(step: &Step, next: &Nest) -> bool {
    let (read, written) = step.buffers();
    let result = next.sink.buffer();
    !read.contains(&result) && !written.contains(&result) && reads(next).all(|(buffer, _)| !written.contains(&buffer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Size;
    use crate::ops::reduction::{MAX, SUM};
    use crate::syntax::span::Span;

    fn reduction(kind: &'static crate::ops::Reduction, from: BufferId, to: BufferId) -> Step {
        let body = vec![Inst::Load(from, Affine::of_loop(0))];
        let sink = Sink::Reduce { kind, loops: 1, value: 0, position: None, buffer: to, offset: Affine::default() };
        Step::Nest(Nest { loops: vec![Size::var("n")], parallel: false, body, sink, span: Span::default() })
    }

    fn once(from: BufferId, to: BufferId) -> Step {
        let body = vec![Inst::Load(from, Affine::default())];
        let sink = Sink::Store { value: 0, buffer: to, offset: Affine::default() };
        Step::Nest(Nest { loops: Vec::new(), parallel: true, body, sink, span: Span::default() })
    }

    fn targets(steps: &[Step]) -> Vec<BufferId> {
        steps.iter().flat_map(|step| step.buffers().1).collect()
    }

    #[test]
    fn reductions_of_one_array_stand_side_by_side() {
        let mut steps = vec![reduction(&SUM, 0, 1), once(1, 2), reduction(&MAX, 0, 3), reduction(&SUM, 9, 4)];
        gather_steps(&mut steps);
        assert_eq!(targets(&steps), [1, 3, 2, 4]);
        assert_eq!((run_end(&steps, 0), run_end(&steps, 1), run_end(&steps, 3)), (Some(2), None, None));
    }

    #[test]
    fn what_is_needed_comes_first() {
        // The second reduction reads what stands between, or what stands between reads its old result.
        for between in [once(1, 0), once(3, 2)] {
            let mut steps = vec![reduction(&SUM, 0, 1), between, reduction(&MAX, 0, 3)];
            let before = targets(&steps);
            gather_steps(&mut steps);
            assert_eq!(targets(&steps), before);
        }
        assert_eq!(run_end(&[reduction(&SUM, 0, 1), reduction(&SUM, 1, 2)], 0), None);
    }

    #[test]
    fn a_run_has_no_more_than_registers_allow() {
        let steps: Vec<Step> = (1..8).map(|to| reduction(&SUM, 0, to)).collect();
        assert_eq!((run_end(&steps, 0), run_end(&steps, 4)), (Some(4), Some(7)));
    }
}
