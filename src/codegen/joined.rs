//! Reductions in one loop, of everything or of each row: their bodies one behind the other, with accumulators for each.
//!
//! In: nests that run together, each of which reduces the same iterations. Out: one plan for all of them.
//! Always holds: the plan computes each result as the nest alone would, to the last bit.

use super::collapse::offset;
use super::plan::{Plan, need_operands};
use crate::loops::{BufferId, Inst, Kernel, Nest, Sink, Value};
use crate::ops::Reduction;

/// A result of a reduction.
#[derive(Clone)]
pub(super) struct Total {
    /// How.
    pub(super) kind: &'static Reduction,
    /// What.
    pub(super) value: Value,
    /// Where to, at the sink's offset.
    pub(super) buffer: BufferId,
}

impl Total {
    /// The result of a nest that reduces.
    pub(super) fn of(nest: &Nest) -> Option<Total> {
        let Sink::Reduce { kind, value, buffer, .. } = &nest.sink else { return None };
        Some(Total { kind, value: *value, buffer: *buffer })
    }
}

/// One plan for nests that run together and have these plans alone.
pub(super) fn joined(kernel: &Kernel, nests: &[(&Nest, &Plan)], vectors: bool) -> Option<Plan> {
    let (first, _) = nests.first()?;
    let mut nest = Nest { body: Vec::new(), ..(*first).clone() };
    let mut totals = Vec::new();
    for (other, _) in nests {
        let total = Total::of(other).filter(|_| is_beside(first, other))?;
        let mut moved: Vec<Value> = Vec::new();
        for inst in &other.body {
            let inst = inst.renamed(&moved);
            let known = nest.body.iter().position(|known| *known == inst);
            moved.push(known.unwrap_or(nest.body.len()));
            if known.is_none() {
                nest.body.push(inst);
            }
        }
        totals.push(Total { value: *moved.get(total.value)?, ..total });
    }
    // None reads what another writes.
    let results: Vec<BufferId> = totals.iter().map(|total| total.buffer).collect();
    if nest.body.iter().any(|inst| matches!(inst, Inst::Load(buffer, _) if results.contains(buffer))) {
        return None;
    }
    if let (Sink::Reduce { value, .. }, Some(total)) = (&mut nest.sink, totals.first()) {
        *value = total.value;
    }
    let plan = Plan::of_totals(kernel, &nest, totals, vectors);
    nests.iter().all(|(_, alone)| is_computed_alike(&plan, alone)).then_some(plan)
}

/// Whether two nests reduce the same loops to values at the same places.
fn is_beside(first: &Nest, other: &Nest) -> bool {
    let reduced = |nest: &Nest| match &nest.sink {
        Sink::Reduce { loops, position: None, offset, .. } if offset.values.is_empty() => Some(*loops),
        _ => None,
    };
    let same = reduced(first).is_some() && reduced(first) == reduced(other);
    same && first.loops == other.loops && offset(&first.sink) == offset(&other.sink)
}

/// Whether elements are combined in the same order.
fn is_computed_alike(plan: &Plan, alone: &Plan) -> bool {
    let lanes = |plan: &Plan| plan.stages.last().map(|stage| stage.lanes);
    // Reductions of everything are cut into blocks, whose results are merged.
    let whole = plan.kept == 0;
    let blocks = plan.merges().is_some() && alone.merges().is_some() && alone.blocks_as() == plan.blocks_as();
    plan.nest.loops == alone.nest.loops
        && lanes(plan) == lanes(alone)
        && !alone.across
        && alone.counts_bytes().is_none()
        && (!whole || blocks)
}

impl Plan {
    /// Of how many simple operations an iteration counts as when a reduction of everything is cut into blocks. In few steps, so
    /// that reductions that differ little are cut alike and may share a loop.
    pub(super) fn blocks_as(&self) -> i64 {
        let cost = |total: &Total| {
            let mut needed = vec![false; self.nest.body.len()];
            needed[total.value] = true;
            need_operands(&self.nest, &mut needed);
            self.cost_of(&needed)
        };
        match self.totals.iter().map(cost).max().unwrap_or(0) {
            0..8 => 2,
            8..32 => 14,
            32..128 => 56,
            _ => 128,
        }
    }
}
