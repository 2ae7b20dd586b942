//! Reductions with the lanes along a loop that is kept: several results at once, each in a lane of its own.
//!
//! In: a nest that reduces, where neighbouring results read neighbouring memory (windows, stencils, sums of columns).
//! Out: the nest with that loop turned innermost, and its code.
//! Always holds: a result combines its elements one by one in the order of the loops, so neither the lanes nor the range
//! of a thread change it.

use super::body::Round;
use super::collapse::{affines_mut, kept};
use super::innermost::STRIP;
use super::lanes::{self, Lanes};
use super::nest::NestWriter;
use super::plan::Plan;
use crate::loops::{Nest, Sink};
use crate::ops::elementwise::Value as Element;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};

/// Of a loop with fewer iterations than this the lanes would mostly be empty.
pub(super) const NARROW: i64 = 16;

/// The nest with the innermost kept loop inside of the reduced ones, if it reduces at all.
pub(super) fn rotated(nest: &Nest) -> Option<Nest> {
    let Sink::Reduce { kind, .. } = &nest.sink else { return None };
    let lane = kept(nest).checked_sub(1).filter(|_| !kind.positional)?;
    let mut nest = nest.clone();
    let last = nest.loops.len() - 1;
    let extent = nest.loops.remove(lane);
    nest.loops.push(extent);
    for affine in affines_mut(&mut nest) {
        for (index, _) in &mut affine.loops {
            *index = match *index {
                moved if moved == lane => last,
                inner if inner > lane => inner - 1,
                outer => outer,
            };
        }
        affine.loops.sort_by_key(|(index, _)| *index);
    }
    Some(nest)
}

impl Plan {
    /// Whether code for the nest with its loops turned is better than that of `along`, the nest as it was.
    pub(super) fn beats(&self, along: &Plan) -> bool {
        let [stage] = self.stages.as_slice() else { return false };
        let lanes = stage.calls.is_empty() && stage.lanes != Lanes::One;
        let narrow = self.nest.loops.last().and_then(crate::graph::Size::as_const).is_some_and(|n| n < NARROW);
        let along_has_lanes = along.stages.iter().any(|stage| stage.sink && stage.lanes != Lanes::One);
        lanes && !(narrow && along_has_lanes)
    }

    /// Whether loop `index` and those that are reduced over inside of it are known to be over soon.
    fn is_short(&self, index: usize) -> bool {
        let mut reduced = self.nest.loops[index..self.depth() - 1].iter();
        let iterations = reduced.try_fold(1i64, |product, extent| product.checked_mul(extent.as_const()?));
        iterations.is_some_and(|iterations| iterations <= STRIP)
    }

    /// Vectors of results that are computed at once: as many as registers allow.
    fn results_at_once(&self) -> usize {
        match self.stages.first().map_or(0, |stage| stage.insts.len()) {
            0..5 => 8,
            5..16 => 4,
            _ => 2,
        }
    }
}

impl NestWriter<'_, '_, '_> {
    /// Writes the loop over the results, and in it the loops that are reduced over.
    pub(super) fn results_across(&mut self) {
        let lane = self.plan.depth() - 1;
        let (mut counter, end) = self.bounds(lane);
        let vector = self.plan.stages.first().map_or(Lanes::One, |stage| stage.lanes);
        let tiers = [(vector, self.plan.results_at_once()), (vector, 1), (Lanes::One, 1)];
        let mut left = self.plan.nest.loops[lane].as_const().filter(|_| self.plan.kept > 0);
        for (lanes, vectors) in tiers {
            let step = lanes.count() * vectors as i64;
            let runs = left.is_none_or(|left| left >= step);
            left = left.map(|left| left % step);
            if runs {
                counter = self.results(counter, end, lanes, vectors);
            }
        }
    }

    /// As many rounds of `vectors` vectors of results as fit before `end`; where they end.
    fn results(&mut self, first: Value, end: Value, lanes: Lanes, vectors: usize) -> Value {
        let step = lanes.count() * vectors as i64;
        let limit = self.w.plus(end, -step);
        let (header, exit) = (self.w.block(&[types::I64]), self.w.block(&[types::I64]));
        let enter = self.w.ins().icmp(IntCC::SignedLessThanOrEqual, first, limit);
        self.w.branch(enter, (header, &[first]), (exit, &[first]));
        self.w.start(header);
        let counter = self.w.params(header)[0];
        self.result_block = Some(header);
        let outside = self.known();
        let identities = self.identities(lanes, vectors);
        let totals = self.reduce_level(self.plan.kept, &mut Round::new(counter, lanes, vectors), identities);
        self.forget(outside);
        self.store_results(&mut Round::new(counter, lanes, vectors), &totals);
        let next = self.w.plus(counter, step);
        let again = self.w.ins().icmp(IntCC::SignedLessThanOrEqual, next, limit);
        self.w.branch(again, (header, &[next]), (exit, &[next]));
        self.w.start(exit);
        self.w.params(exit)[0]
    }

    /// Loop `index` of those that are reduced over, and those inside.
    fn reduce_level(&mut self, index: usize, round: &mut Round, totals: Vec<Value>) -> Vec<Value> {
        let plan = self.plan;
        if index + 1 == plan.depth() {
            self.preheader = self.w.current();
            return self.add_to(totals, &mut Round::new(round.counter, round.lanes, round.unroll));
        }
        let (first, end) = self.bounds(index);
        let is_short = plan.is_short(index);
        if index + 2 == plan.depth() && !is_short {
            return self.pieces(STRIP, first, end, totals, |nest, first, stop, totals| {
                nest.reduce_range(index, (first, stop), round, totals, false)
            });
        }
        self.reduce_range(index, (first, end), round, totals, !is_short)
    }

    /// Part of a loop that is reduced over; looks after each iteration whether to stop, if that is wanted.
    fn reduce_range(
        &mut self,
        index: usize,
        (first, end): (Value, Value),
        round: &mut Round,
        totals: Vec<Value>,
        polls: bool,
    ) -> Vec<Value> {
        self.counted(first, end, totals, |nest, counter, totals| {
            nest.counters.push(counter);
            nest.open(index + 1);
            let totals = nest.reduce_level(index + 1, round, totals);
            nest.counters.pop();
            if polls {
                nest.w.poll();
            }
            totals
        })
    }

    /// Combines each total with its next element: one after the other, so that few registers are needed at a time.
    fn add_to(&mut self, mut totals: Vec<Value>, round: &mut Round) -> Vec<Value> {
        let plan = self.plan;
        let (Sink::Reduce { kind, value, .. }, [stage]) = (&plan.nest.sink, plan.stages.as_slice()) else {
            return totals;
        };
        for (part, total) in totals.iter_mut().enumerate() {
            for inst in &stage.insts {
                self.inner_part(*inst, round, part);
            }
            let element = self.operand(*value, round, part);
            *total = self.combine(kind, plan.dtypes[*value], round.lanes, *total, element);
        }
        totals
    }

    fn identities(&mut self, lanes: Lanes, vectors: usize) -> Vec<Value> {
        let Sink::Reduce { kind, value, .. } = &self.plan.nest.sink else { return Vec::new() };
        let element = Element::F64(kind.identity).cast(self.plan.dtypes[*value]);
        vec![lanes::constant(self.w, lanes, element); vectors]
    }

    fn store_results(&mut self, round: &mut Round, totals: &[Value]) {
        let Sink::Reduce { buffer, offset, .. } = &self.plan.nest.sink else { return };
        let dtype = self.plan.buffers[*buffer];
        let address = self.address(self.sink_slot(), offset, dtype.size(), round);
        for (part, total) in totals.iter().enumerate() {
            self.store(dtype, *total, address, round.lanes, part);
        }
    }
}
