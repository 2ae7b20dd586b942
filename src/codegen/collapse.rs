//! Fewer loops: merges neighbours that walk memory as one loop would, and drops loops that run once.
//!
//! In: a nest. Out: a nest with the same iterations in the same order.
//! Always holds: a loop is reduced over before and after, or neither.

use crate::loops::{Affine, Inst, Nest, Sink};

/// The nest with as few loops as possible.
pub(super) fn collapse(nest: &Nest) -> Nest {
    let mut nest = nest.clone();
    drop_single(&mut nest);
    let mut outer = nest.loops.len().saturating_sub(2);
    while outer + 1 < nest.loops.len() {
        if mergeable(&nest, outer) {
            merge(&mut nest, outer);
        }
        match outer.checked_sub(1) {
            Some(next) => outer = next,
            None => break,
        }
    }
    nest
}

/// How many of the outermost loops are not reduced over.
pub(super) fn kept(nest: &Nest) -> usize {
    match &nest.sink {
        Sink::Reduce { loops, .. } => nest.loops.len().saturating_sub(*loops),
        _ => nest.loops.len(),
    }
}

fn affines(nest: &Nest) -> impl Iterator<Item = &Affine> {
    let body = nest.body.iter().filter_map(|inst| match inst {
        Inst::Index(affine) | Inst::Load(_, affine) => Some(affine),
        _ => None,
    });
    body.chain(std::iter::once(offset(&nest.sink)))
}

/// Where a sink writes.
pub(super) fn offset(sink: &Sink) -> &Affine {
    match sink {
        Sink::Store { offset, .. } | Sink::Reduce { offset, .. } | Sink::Accumulate { offset, .. } => offset,
    }
}

/// Whether data say where the sink writes.
fn scatters(sink: &Sink) -> bool {
    !offset(sink).values.is_empty()
}

/// Every affine expression of a nest, to change.
pub(super) fn affines_mut(nest: &mut Nest) -> impl Iterator<Item = &mut Affine> {
    let body = nest.body.iter_mut().filter_map(|inst| match inst {
        Inst::Index(affine) | Inst::Load(_, affine) => Some(affine),
        _ => None,
    });
    let offset = match &mut nest.sink {
        Sink::Store { offset, .. } | Sink::Reduce { offset, .. } | Sink::Accumulate { offset, .. } => offset,
    };
    body.chain(std::iter::once(offset))
}

/// Removes a loop; those inside it move out by one.
fn remove(nest: &mut Nest, gone: usize) {
    if let Sink::Reduce { loops, .. } = &mut nest.sink
        && gone >= nest.loops.len() - *loops
    {
        *loops -= 1;
    }
    nest.loops.remove(gone);
    for affine in affines_mut(nest) {
        affine.loops.retain(|(index, _)| *index != gone);
        for (index, _) in &mut affine.loops {
            *index -= usize::from(*index > gone);
        }
    }
}

fn drop_single(nest: &mut Nest) {
    for index in (0..nest.loops.len()).rev() {
        let reduced = index >= kept(nest);
        // The last reduced loop stays: without one there is nothing to reduce.
        let last = matches!(nest.sink, Sink::Reduce { loops: 1, .. }) && reduced;
        if nest.loops[index].is_one() && !last {
            // The next loop takes the place of the outermost one. Its iterations are disjoint when each element is
            // written once; those of a reduction are not.
            let writes_once = !matches!(nest.sink, Sink::Accumulate { .. }) && kept(nest) > 1 && !scatters(&nest.sink);
            nest.parallel &= index > 0 || writes_once;
            remove(nest, index);
        }
    }
}

fn mergeable(nest: &Nest, outer: usize) -> bool {
    let inner = outer + 1;
    let kept = kept(nest);
    let extent = &nest.loops[inner];
    // Of a scatter only the outermost loop's iterations are known to be disjoint.
    let splittable = outer > 0 || !nest.parallel || !scatters(&nest.sink);
    (inner < kept || outer >= kept)
        && splittable
        && affines(nest).all(|affine| affine.factor(outer) == affine.factor(inner).times(extent))
}

fn merge(nest: &mut Nest, outer: usize) {
    let extent = nest.loops[outer].times(&nest.loops[outer + 1]);
    remove(nest, outer);
    nest.loops[outer] = extent;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Size;
    use crate::ops::reduction::SUM;
    use crate::syntax::span::Span;

    fn nest(loops: Vec<Size>, body: Vec<Inst>, sink: Sink) -> Nest {
        Nest { loops, parallel: true, body, sink, span: Span::default() }
    }

    #[test]
    fn contiguous_loops_become_one() {
        let (n, k) = (Size::var("n"), Size::var("k"));
        let at = Affine::of_loop(0).times(&k).plus(&Affine::of_loop(1));
        let body = vec![Inst::Load(0, at.clone())];
        let sink = Sink::Store { value: 0, buffer: 1, offset: at.clone() };
        let merged = collapse(&nest(vec![n.clone(), k.clone()], body.clone(), sink));
        assert_eq!(merged.loops, vec![n.times(&k)]);
        assert_eq!(merged.body, vec![Inst::Load(0, Affine::of_loop(0))]);

        let row_sums =
            Sink::Reduce { kind: &SUM, loops: 1, value: 0, position: None, buffer: 1, offset: Affine::of_loop(0) };
        let kept = collapse(&nest(vec![n.clone(), k.clone()], body.clone(), row_sums));
        assert_eq!(kept.loops.len(), 2, "a kept loop and a reduced one stay apart");

        let total =
            Sink::Reduce { kind: &SUM, loops: 2, value: 0, position: None, buffer: 1, offset: Affine::default() };
        let merged = collapse(&nest(vec![n.clone(), k.clone()], body, total));
        assert_eq!(merged.loops, vec![n.times(&k)]);
        assert!(matches!(merged.sink, Sink::Reduce { loops: 1, .. }));
    }

    #[test]
    fn loops_of_one_iteration_go() {
        let n = Size::var("n");
        let body = vec![Inst::Load(0, Affine::of_loop(1))];
        let sink = Sink::Store { value: 0, buffer: 1, offset: Affine::of_loop(1) };
        let merged = collapse(&nest(vec![Size::one(), n.clone()], body, sink));
        assert_eq!(merged.loops, vec![n]);
        assert_eq!(merged.body, vec![Inst::Load(0, Affine::of_loop(0))]);
    }
}
