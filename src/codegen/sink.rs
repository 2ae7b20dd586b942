//! Sinks: stores, reductions and accumulation.
//!
//! In: the value of an iteration. Out: memory written, or accumulators carried on.
//! Always holds: the order in which a reduction combines elements depends on the extents of its loops alone.
//!
//! A vectorised reduction carries [`UNROLL`] vectors, then one scalar for the remainder. They are combined pairwise, then
//! lane by lane, then with the scalar. Where several reductions share a loop, the first vectors of all stand before the second ones
//! and so on, last the scalars.

use super::body::{Place, Round};
use super::collapse::offset;
use super::joined::Total;
use super::lanes::{self, LaneCode, Lanes, reg};
use super::nest::NestWriter;
use super::plan::Stage;
use super::writer::aligned;
use crate::graph::Size;
use crate::loops::Sink;
use crate::ops::elementwise::Value as Element;
use crate::ops::{Code, Reduction};
use crate::runtime::array::DType;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value};

/// Vectors that a reduction carries.
pub(super) const UNROLL: usize = 4;

impl NestWriter<'_, '_, '_> {
    /// The sink of a nest without loops.
    pub(super) fn sink_once(&mut self) {
        if let Sink::Store { value, buffer, .. } = &self.plan.nest.sink {
            let value = self.outer(*value);
            if !self.w.set_register(*buffer, value) {
                return;
            }
        }
        let address = self.base(self.sink_slot());
        match &self.plan.nest.sink {
            Sink::Store { value, .. } => {
                let (value, offset) = (self.outer(*value), self.displacement(self.sink_slot()));
                self.w.ins().store(aligned(), value, address, offset);
            }
            Sink::Reduce { value, position, .. } => {
                let value = self.outer(position.unwrap_or(*value));
                self.w.ins().store(aligned(), value, address, 0);
            }
            Sink::Accumulate { kind, value, buffer, .. } => {
                let dtype = self.plan.buffers[*buffer];
                let (old, new) = (self.load(dtype, address, Lanes::One, 0), self.outer(*value));
                let sum = self.combine(kind, dtype, Lanes::One, old, new);
                self.w.ins().store(aligned(), sum, address, 0);
            }
        }
    }

    /// The operator that merges two partial results.
    pub(super) fn combine(&mut self, kind: &Reduction, dtype: DType, lanes: Lanes, a: Value, b: Value) -> Value {
        let Code::Inline(code) = kind.combine.code else {
            self.w.fail(format_args!("{} has no loop code", kind.name));
            return a;
        };
        lanes::value(code(&mut LaneCode { w: self.w, dtype, lanes }, &[reg(a), reg(b)]))
    }

    pub(super) fn reduction_lanes(&self) -> Lanes {
        self.plan.stages.last().map_or(Lanes::One, |stage| stage.lanes)
    }

    /// Accumulators that nothing has been added to.
    pub(super) fn start_reduction(&mut self) -> Vec<Value> {
        let Sink::Reduce { kind, value, .. } = &self.plan.nest.sink else { return Vec::new() };
        let dtype = self.plan.dtypes[*value];
        if kind.positional {
            let worst = lanes::constant(self.w, Lanes::One, Element::F64(kind.identity).cast(dtype));
            return vec![worst, self.w.integer(-1)];
        }
        let lanes = self.reduction_lanes();
        let plan = self.plan;
        let each: Vec<Vec<Value>> =
            plan.totals.iter().map(|total| self.accumulators(total.kind, plan.dtypes[total.value], lanes)).collect();
        let slots = each.iter().map(Vec::len).max().unwrap_or(0);
        (0..slots).flat_map(|slot| each.iter().filter_map(move |own| own.get(slot).copied())).collect()
    }

    /// The accumulators of a reduction to a value.
    pub(super) fn accumulators(&mut self, kind: &Reduction, dtype: DType, lanes: Lanes) -> Vec<Value> {
        let element = Element::F64(kind.identity).cast(dtype);
        let first = lanes::constant(self.w, Lanes::One, element);
        let mut all = Vec::new();
        if lanes != Lanes::One {
            let vector = lanes::constant(self.w, lanes, element);
            all.extend([vector; UNROLL]);
        }
        all.push(first);
        all
    }

    /// Combines the accumulators and stores the result.
    pub(super) fn finish_reduction(&mut self, accumulators: Vec<Value>) {
        let plan = self.plan;
        let first = self.base(self.sink_slot());
        if let ([total], [_, position]) = (plan.totals.as_slice(), accumulators.as_slice())
            && total.kind.positional
        {
            self.w.ins().store(aligned(), *position, first, 0);
            return;
        }
        for (index, total) in plan.totals.iter().enumerate() {
            let own: Vec<Value> = accumulators.iter().skip(index).step_by(plan.totals.len()).copied().collect();
            let result = self.merged(total.kind, plan.dtypes[total.value], &own);
            let address = if index == 0 { first } else { self.total_address(total) };
            self.w.ins().store(aligned(), result, address, 0);
        }
    }

    /// Where a result goes that is not the sink's own.
    fn total_address(&mut self, total: &Total) -> Value {
        let plan = self.plan;
        let (offset, bytes) = (offset(&plan.nest.sink), Size::from(plan.buffers[total.buffer].size() as i64));
        let mut address = self.w.buffer(total.buffer);
        if offset.constant.as_const() != Some(0) {
            let constant = self.w.size(&offset.constant.times(&bytes));
            address = self.w.ins().iadd(address, constant);
        }
        for (index, factor) in &offset.loops {
            let step = self.w.times_size(self.counters[*index], &factor.times(&bytes));
            address = self.w.ins().iadd(address, step);
        }
        address
    }

    /// The value of a reduction, from its accumulators.
    pub(super) fn merged(&mut self, kind: &Reduction, dtype: DType, accumulators: &[Value]) -> Value {
        match *accumulators {
            [a, b, c, d, rest] => {
                let lanes = self.reduction_lanes();
                let low = self.combine(kind, dtype, lanes, a, b);
                let high = self.combine(kind, dtype, lanes, c, d);
                let vector = self.combine(kind, dtype, lanes, low, high);
                self.across(kind, dtype, vector, rest)
            }
            [one, ..] => one,
            [] => self.w.integer(0),
        }
    }

    /// Combines the lanes of a vector, then `rest`.
    fn across(&mut self, kind: &Reduction, dtype: DType, vector: Value, rest: Value) -> Value {
        let mut result = None;
        for lane in 0..self.reduction_lanes().count() as u8 {
            let mut element = self.w.ins().extractlane(vector, lane);
            if dtype == DType::Bool {
                element = self.w.ins().icmp_imm_s(IntCC::NotEqual, element, 0);
            }
            result = Some(match result {
                None => element,
                Some(result) => self.combine(kind, dtype, Lanes::One, result, element),
            });
        }
        match result {
            Some(result) => self.combine(kind, dtype, Lanes::One, result, rest),
            None => rest,
        }
    }

    /// The element that the innermost loop adds to.
    pub(super) fn load_accumulator(&mut self) -> Vec<Value> {
        let address = self.base(self.sink_slot());
        let dtype = self.plan.buffers[self.plan.target()];
        vec![self.load(dtype, address, Lanes::One, 0)]
    }

    /// Stores it back.
    pub(super) fn store_accumulator(&mut self, accumulator: &[Value]) {
        let address = self.base(self.sink_slot());
        if let [value] = accumulator {
            self.w.ins().store(aligned(), *value, address, 0);
        }
    }

    /// The sink for one round of the innermost loop. Accumulators are replaced by their new values.
    pub(super) fn sink(&mut self, round: &mut Round, accumulators: &mut [Value]) {
        let plan = self.plan;
        match &plan.nest.sink {
            Sink::Store { value, buffer, offset } => {
                let dtype = plan.buffers[*buffer];
                let address = self.address(self.sink_slot(), offset, dtype.size(), round);
                let displacement = self.displacement(self.sink_slot());
                for part in 0..round.unroll {
                    let value = self.operand(*value, round, part);
                    self.store(dtype, value, Place { address, displacement }, round.lanes, part);
                }
            }
            Sink::Reduce { kind, value, position: Some(position), .. } if self.reduction_lanes() == Lanes::One => {
                self.keep_better(kind, *value, *position, round, accumulators);
            }
            Sink::Reduce { .. } => {
                for (part, accumulators) in accumulators.chunks_mut(plan.totals.len().max(1)).enumerate() {
                    self.add_part(round, part, accumulators);
                }
            }
            Sink::Accumulate { kind, value, buffer, offset, .. } => {
                let dtype = plan.buffers[*buffer];
                if let [accumulator] = accumulators {
                    for part in 0..round.unroll {
                        let values = self.operand(*value, round, part);
                        *accumulator = self.add_in_order(kind, dtype, (round.lanes, values), *accumulator);
                    }
                    return;
                }
                let address = self.address(self.sink_slot(), offset, dtype.size(), round);
                for part in 0..round.unroll {
                    let old = self.load(dtype, address, round.lanes, part);
                    let value = self.operand(*value, round, part);
                    let new = self.combine(kind, dtype, round.lanes, old, value);
                    self.store(dtype, new, address, round.lanes, part);
                }
            }
        }
    }

    /// One round of reductions that share a loop: one vector after the other, so that few registers are needed beside the
    /// accumulators.
    pub(super) fn add_by_parts(&mut self, stage: &Stage, round: &mut Round, accumulators: &mut [Value]) {
        for (part, accumulators) in accumulators.chunks_mut(self.plan.totals.len()).enumerate() {
            stage.insts.iter().for_each(|inst| self.inner_part(*inst, round, part));
            self.add_part(round, part, accumulators);
        }
    }

    /// Combines one vector of each result's values with its accumulator.
    fn add_part(&mut self, round: &Round, part: usize, accumulators: &mut [Value]) {
        let plan = self.plan;
        for (total, accumulator) in plan.totals.iter().zip(accumulators) {
            let (kind, dtype) = (total.kind.extremum(), plan.dtypes[total.value]);
            let value = self.operand(total.value, round, part);
            *accumulator = self.combine(kind, dtype, round.lanes, *accumulator, value);
        }
    }

    /// Adds lanes one after the other.
    fn add_in_order(&mut self, kind: &Reduction, dtype: DType, (lanes, values): (Lanes, Value), sum: Value) -> Value {
        (0..lanes.count() as u8).fold(sum, |sum, lane| {
            let element = if lanes == Lanes::One { values } else { self.w.ins().extractlane(values, lane) };
            self.combine(kind, dtype, Lanes::One, sum, element)
        })
    }
}
