//! Long runs of steps as functions of their own: the time to allocate registers grows faster than the function.
//!
//! In: the steps of a kernel and the plans of its nests. Out: where pieces begin, how long they are, and which plans are theirs.
//! Always holds: a piece has called steps only, which keep nothing in registers, and no group of nests is cut.

use super::entry::Planned;
use crate::loops::{Nest, Step, run_end};
use cranelift_module::FuncId;
use rustc_hash::FxHashMap;
use std::ops::Range;

/// Steps of a piece, or a few more where nests run together. What is left of a run stays where it is.
const STEPS: usize = 32;

/// Steps that become a function.
pub(super) struct Piece<'k> {
    pub(super) steps: &'k [Step],
    /// The plans of its nests.
    pub(super) plans: Range<usize>,
}

/// Functions of pieces, by the address of the first step: the function, how many steps it has, and how many nests.
pub(super) type Functions = FxHashMap<*const Step, (FuncId, usize, usize)>;

/// The pieces of a kernel, whose nests have these plans.
pub(super) fn pieces<'k>(steps: &'k [Step], plans: &[(&Nest, Planned)]) -> Vec<Piece<'k>> {
    let mut found = Vec::new();
    search(steps, plans, &mut 0, &mut found);
    found
}

fn search<'k>(steps: &'k [Step], plans: &[(&Nest, Planned)], next: &mut usize, found: &mut Vec<Piece<'k>>) {
    let (mut first, mut first_plan, mut at) = (0, *next, 0);
    while let Some(step) = steps.get(at) {
        let end = run_end(steps, at);
        let called = match step {
            Step::Nest(_) => plans.get(*next).is_some_and(|(_, planned)| !planned.is_inline),
            Step::Product(_) | Step::Routine(_) => true,
            Step::Loop(_) | Step::If(_) | Step::Bind(_) => false,
        };
        let run = steps.get(at..end).unwrap_or_default();
        *next += run.iter().filter(|step| matches!(step, Step::Nest(_))).count();
        step.blocks().into_iter().for_each(|block| search(block, plans, next, found));
        at = end;
        let full = at - first >= STEPS;
        if let (true, true, Some(steps)) = (called, full, steps.get(first..at)) {
            found.push(Piece { steps, plans: first_plan..*next });
        }
        if full || !called {
            (first, first_plan) = (at, *next);
        }
    }
}
