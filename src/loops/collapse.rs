//! Collapsing: two loops that run over memory as one become one.
//!
//! In: a nest. Out: a nest with fewer loops that visits the same elements in the same order.
//! Always holds: loops are merged only where every offset advances by the same amount through both.

use super::ir::{Affine, Inst, Nest, Sink};
use crate::graph::Size;

/// Merges neighbouring loops wherever every offset allows it.
pub(super) fn collapse(nest: Nest) -> Nest {
    let mut nest = nest;
    let mut inner = nest.loops.len().saturating_sub(1);
    while inner > 0 {
        if mergeable(&nest, inner) {
            merge(&mut nest, inner);
        }
        inner -= 1;
    }
    nest
}

fn affines(nest: &Nest) -> Vec<&Affine> {
    let mut all: Vec<&Affine> = nest
        .body
        .iter()
        .filter_map(|inst| match inst {
            Inst::Index(affine) | Inst::Load(_, affine) => Some(affine),
            _ => None,
        })
        .collect();
    match &nest.sink {
        Sink::Store { offset, .. } | Sink::Reduce { offset, .. } | Sink::Accumulate { offset, .. } => all.push(offset),
    }
    all
}

/// Whether loop `inner` and the one around it advance every offset as one loop would.
fn mergeable(nest: &Nest, inner: usize) -> bool {
    if let Sink::Reduce { loops, .. } = &nest.sink {
        let kept = nest.loops.len() - loops;
        if inner == kept {
            return false;
        }
    }
    let extent = &nest.loops[inner];
    affines(nest).iter().all(|affine| affine.factor(inner - 1) == affine.factor(inner).times(extent))
}

fn merge(nest: &mut Nest, inner: usize) {
    let extent = nest.loops.remove(inner);
    nest.loops[inner - 1] = nest.loops[inner - 1].times(&extent);
    let lower = |affine: &mut Affine| {
        let factor = affine.factor(inner);
        affine.loops.retain(|(l, _)| *l != inner - 1 && *l != inner);
        for (l, _) in &mut affine.loops {
            *l -= usize::from(*l > inner);
        }
        if factor != Size::from(0) {
            affine.loops.push((inner - 1, factor));
            affine.loops.sort_by_key(|(l, _)| *l);
        }
    };
    for inst in &mut nest.body {
        if let Inst::Index(affine) | Inst::Load(_, affine) = inst {
            lower(affine);
        }
    }
    match &mut nest.sink {
        Sink::Store { offset, .. } | Sink::Accumulate { offset, .. } => lower(offset),
        Sink::Reduce { offset, loops, .. } => {
            lower(offset);
            // Both merged loops are on one side of the border.
            let total = nest.loops.len() + 1;
            if inner > total - *loops {
                *loops -= 1;
            }
        }
    }
}
