//! Runs: steps of a kernel that run together, and the plans of the nests among them.
//!
//! In: the steps of a kernel, and plans of its nests in their order. Out: runs; nests of a run that share a loop have one plan; what the
//! function of a run calls.
//! Always holds: runs are those that memory is planned for.

use super::entry::Planned;
use super::group::Member;
use super::joined;
use super::plan::Plan;
use crate::loops::{Kernel, MOST, Nest, Step, run_end};
use cranelift_module::FuncId;
use rustc_hash::FxHashMap;
use std::ops::Range;

/// Steps that run together.
pub(super) struct Group<'k> {
    pub(super) id: FuncId,
    pub(super) members: Vec<Member<'k>>,
    pub(super) steps: &'k [Step],
    /// How many nests there are among them.
    pub(super) nests: usize,
}

/// Groups by the address of the first step.
pub(super) type Groups<'k> = FxHashMap<*const Step, Group<'k>>;

/// Steps that may run together.
pub(super) struct Run<'k> {
    pub(super) steps: &'k [Step],
    /// The plans of the nests among them.
    pub(super) plans: Range<usize>,
}

impl<'k> Run<'k> {
    /// Nests that stand one behind the other, by the numbers of their plans.
    pub(super) fn nests(&self) -> Vec<Range<usize>> {
        let mut next = self.plans.start;
        let parts = self.steps.split(|step| !matches!(step, Step::Nest(_)));
        let ranges = parts.map(|part| {
            next += part.len();
            next - part.len()..next
        });
        ranges.collect()
    }

    /// What the function of the group calls; `None` if that is not possible.
    pub(super) fn members(&self, plans: &[(&Nest, Planned)]) -> Option<Vec<Member<'k>>> {
        let mut own = plans.get(self.plans.clone())?.iter();
        let mut members = Vec::new();
        for step in self.steps {
            match step {
                Step::Product(product) => members.push(Member::Product(product)),
                _ => {
                    let (nest, planned) = own.next()?;
                    if planned.is_inline {
                        return None;
                    }
                    // What is part of another's loop has no function.
                    if let Some(id) = planned.id {
                        members.push(Member::nest(nest, &planned.plan, id)?);
                    }
                }
            }
        }
        Some(members)
    }
}

/// The runs of a kernel.
pub(super) fn runs(kernel: &Kernel) -> Vec<Run<'_>> {
    let mut runs = Vec::new();
    together(&kernel.steps, &mut 0, &mut runs);
    runs
}

fn together<'k>(steps: &'k [Step], next: &mut usize, runs: &mut Vec<Run<'k>>) {
    let mut at = 0;
    while at < steps.len() {
        let end = run_end(steps, at);
        if end > at + 1
            && let Some(steps) = steps.get(at..end)
        {
            let nests = steps.iter().filter(|step| matches!(step, Step::Nest(_))).count();
            runs.push(Run { steps, plans: *next..*next + nests });
            *next += nests;
        } else if let Some(step) = steps.get(at) {
            *next += usize::from(matches!(step, Step::Nest(_)));
            step.blocks().into_iter().for_each(|block| together(block, next, runs));
        }
        at = end;
    }
}

/// Lets nests of a run that reduce share a loop: as many at a time as may.
pub(super) fn join(kernel: &Kernel, run: &mut [(&Nest, Planned)], vectors: bool) {
    let mut rest = run;
    while rest.len() > 1 {
        let longest = (2..=rest.len().min(MOST)).rev().find_map(|count| {
            let nests: Vec<(&Nest, &Plan)> =
                rest[..count].iter().map(|(nest, planned)| (*nest, &planned.plan)).collect();
            joined::joined(kernel, &nests, vectors).map(|plan| (count, plan))
        });
        let count = longest.as_ref().map_or(1, |(count, _)| *count);
        let (these, others) = rest.split_at_mut(count);
        if let (Some((count, plan)), Some((_, planned))) = (longest, these.first_mut()) {
            (planned.plan, planned.joined) = (plan, count - 1);
        }
        rest = others;
    }
}
