//! Nests that run together: block by block of their outermost loops, so that what one writes is in cache when the next reads it.
//!
//! In: the steps of a block. Out: which of them, standing one behind the other, may run so.
//! Reductions of everything that run together are found in `totals`.
//! Always holds: of what another nest of the run writes, iteration i of an outermost loop touches only what iteration i of
//! the other's writes, so it does not matter how far ahead each of them is.

use super::ir::{Affine, BufferId, Inst, Nest, Sink, Step};
use super::totals;
use crate::graph::Size;

/// The most nests of a run: each is compared with all before it.
const LONGEST: usize = 16;

/// The end of the run of nests that begins at a step; the step behind it if it runs by itself.
pub fn run_end(steps: &[Step], at: usize) -> usize {
    if let Some(end) = totals::run_end(steps, at) {
        return end;
    }
    let alone = at + 1;
    let Some(first) = steps.get(at).and_then(member) else { return alone };
    let mut run = vec![first];
    let mut shares = false;
    let mut end = alone;
    // Where the last nest that shares something with the others stands: the run goes no further.
    for (position, step) in steps.iter().enumerate().skip(alone).take(LONGEST - 1) {
        let Some(next) = member(step).filter(|next| next.loops[0] == first.loops[0]) else { break };
        if !run.iter().all(|earlier| is_row_by_row(earlier, next)) {
            break;
        }
        if run.iter().any(|earlier| meets(earlier, next)) {
            (shares, end) = (true, position + 1);
        }
        run.push(next);
    }
    if shares { end } else { alone }
}

/// The nest, if the iterations of its outermost loop may run in blocks: each writes elements of its own, and none can fail.
fn member(step: &Step) -> Option<&Nest> {
    let Step::Nest(nest) = step else { return None };
    let fails = nest.body.iter().any(|inst| matches!(inst, Inst::Check { .. }));
    let kept = match &nest.sink {
        Sink::Store { .. } => nest.loops.len(),
        Sink::Reduce { loops, .. } => nest.loops.len() - loops,
        Sink::Accumulate { .. } => 0,
    };
    let own = kept > 0 && !nest.loops[0].is_one() && row(offset(&nest.sink), &nest.loops).is_some();
    (nest.parallel && !fails && own).then_some(nest)
}

fn offset(sink: &Sink) -> &Affine {
    match sink {
        Sink::Store { offset, .. } | Sink::Reduce { offset, .. } | Sink::Accumulate { offset, .. } => offset,
    }
}

/// How many elements lie between one iteration of the outermost loop and the next, if each stays among its own: the inner loops
/// that occur count in C order within it.
fn row(at: &Affine, loops: &[Size]) -> Option<Size> {
    if !at.values.is_empty() || at.constant.as_const() != Some(0) {
        return None;
    }
    let outer = at.factor(0);
    let mut inner: Vec<&(usize, Size)> = at.loops.iter().filter(|(index, _)| *index != 0).collect();
    let mut reach = Size::one();
    while !inner.is_empty() {
        let next = inner.iter().position(|(_, factor)| *factor == reach)?;
        let (index, _) = inner.swap_remove(next);
        reach = reach.times(loops.get(*index)?);
    }
    (outer.as_const() != Some(0) && outer == reach).then_some(reach)
}

fn reads(nest: &Nest) -> impl Iterator<Item = (BufferId, &Affine)> {
    nest.body.iter().filter_map(|inst| if let Inst::Load(buffer, at) = inst { Some((*buffer, at)) } else { None })
}

/// Whether two nests touch what the other writes only at their own iteration's elements.
fn is_row_by_row(earlier: &Nest, later: &Nest) -> bool {
    let within = |reader: &Nest, writer: &Nest| {
        let written = writer.sink.buffer();
        let own = row(offset(&writer.sink), &writer.loops);
        reads(reader).all(|(buffer, at)| buffer != written || row(at, &reader.loops) == own)
    };
    let both = earlier.sink.buffer() != later.sink.buffer()
        || row(offset(&earlier.sink), &earlier.loops) == row(offset(&later.sink), &later.loops);
    within(later, earlier) && within(earlier, later) && both
}

/// Whether two nests read the same array, or one reads what the other writes.
fn meets(earlier: &Nest, later: &Nest) -> bool {
    let touched = |nest: &Nest| -> Vec<BufferId> {
        let moving = reads(nest).filter(|(_, at)| at.factor(0).as_const() != Some(0));
        moving.map(|(buffer, _)| buffer).chain([nest.sink.buffer()]).collect()
    };
    let first = touched(earlier);
    touched(later).iter().any(|buffer| first.contains(buffer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::elementwise::NOT;
    use crate::ops::reduction::SUM;
    use crate::syntax::span::Span;

    fn at(parts: &[(usize, Size)]) -> Affine {
        Affine { loops: parts.to_vec(), ..Affine::default() }
    }

    /// `to = f(from)` over n × m, each at the given places.
    fn map(from: (BufferId, Affine), to: (BufferId, Affine)) -> Step {
        let body = vec![Inst::Load(from.0, from.1), Inst::Map(&NOT, vec![0])];
        let sink = Sink::Store { value: 1, buffer: to.0, offset: to.1 };
        Step::Nest(Nest {
            loops: vec![Size::var("n"), Size::var("m")],
            parallel: true,
            body,
            sink,
            span: Span::default(),
        })
    }

    fn total(from: (BufferId, Affine), to: BufferId) -> Step {
        let body = vec![Inst::Load(from.0, from.1)];
        let offset = Affine::of_loop(0);
        let sink = Sink::Reduce { kind: &SUM, loops: 1, value: 0, position: None, buffer: to, offset };
        Step::Nest(Nest {
            loops: vec![Size::var("n"), Size::var("m")],
            parallel: true,
            body,
            sink,
            span: Span::default(),
        })
    }

    #[test]
    fn rows_run_together() {
        let own = at(&[(0, Size::var("m")), (1, Size::one())]);
        let flipped = at(&[(0, Size::one()), (1, Size::var("n"))]);
        let column = at(&[(1, Size::one())]);
        let steps = |middle: &Affine| {
            vec![
                map((0, own.clone()), (1, own.clone())),
                total((1, own.clone()), 2),
                map((1, middle.clone()), (3, own.clone())),
            ]
        };
        assert_eq!(run_end(&steps(&own), 0), 3);
        // What reads columns, or one row for all, needs the whole array.
        assert_eq!(run_end(&steps(&flipped), 0), 2);
        assert_eq!(run_end(&steps(&column), 0), 2);
        // A run ends where nothing is shared any more.
        let strangers = [map((0, own.clone()), (1, own.clone())), map((5, own.clone()), (6, own.clone()))];
        assert_eq!(run_end(&strangers, 0), 1);
        // Reading what is overwritten later has to be at the same place too.
        let over = |read: &Affine| [map((0, read.clone()), (1, own.clone())), map((2, own.clone()), (0, own.clone()))];
        assert_eq!(run_end(&over(&own), 0), 2);
        assert_eq!(run_end(&over(&flipped), 0), 1);
    }
}
