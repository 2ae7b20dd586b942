//! The function of a nest: its loops, and what stands between them.
//!
//! In: a plan. Out: a function `(frame, begin, end, fault) -> status` that runs the outermost loop from `begin` to `end`.
//! Always holds: inside the first loop every extent is positive, so all loops are tested at the bottom and whatever is
//! hoisted out of a loop would have been computed in it.

use super::lanes::{self, Lanes};
use super::plan::Plan;
use super::writer::Writer;
use crate::graph::Size;
use crate::loops::{Affine, FaultSite, Inst, Sink, Value as Inner};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, StackSlot, Value, types};
use rustc_hash::FxHashMap;

/// The code of a nest under construction.
pub(super) struct NestWriter<'w, 'a, 'p> {
    /// Where instructions go.
    pub(super) w: &'w mut Writer<'a>,
    /// What is known.
    pub(super) plan: &'p Plan,
    /// The kernel's checks.
    pub(super) faults: &'p [FaultSite],
    /// The record of a fault.
    pub(super) fault: Value,
    /// The values of instructions outside of the innermost loop, as far as the loops are open.
    pub(super) values: Vec<Option<Value>>,
    /// For each instruction with an affine expression, and last for the sink, what is known of it so far.
    partial: Vec<Option<Value>>,
    /// For each of them the first that has the same address, the part in the instruction aside.
    homes: Vec<usize>,
    /// Counters of the open loops.
    pub(super) counters: Vec<Value>,
    /// First and last iteration of the outermost loop.
    range: (Value, Value),
    /// The block before the innermost loop.
    pub(super) preheader: Block,
    /// The block in which a round of results begins, if the lanes are results.
    pub(super) result_block: Option<Block>,
    /// Values outside of the innermost loop, in every lane of a vector.
    splats: FxHashMap<(Inner, Lanes), Value>,
    /// Memory for calls of tile functions with one element.
    single: Option<StackSlot>,
}

/// Values and addresses as far as the loops are open.
pub(super) struct Known {
    values: Vec<Option<Value>>,
    partial: Vec<Option<Value>>,
}

impl<'w, 'a, 'p> NestWriter<'w, 'a, 'p> {
    /// Writes the whole function, whose writer has just been made.
    pub(super) fn write(w: &'w mut Writer<'a>, params: &[Value], plan: &'p Plan, faults: &'p [FaultSite]) {
        let count = plan.nest.body.len();
        let mut nest = NestWriter {
            range: (params[1], params[2]),
            fault: params[3],
            preheader: w.current(),
            w,
            plan,
            faults,
            values: vec![None; count],
            partial: vec![None; count + 1],
            homes: plan.homes(),
            counters: Vec::new(),
            result_block: None,
            splats: FxHashMap::default(),
            single: None,
        };
        nest.guard();
        nest.open(0);
        nest.run();
        let zero = nest.w.integer(0);
        nest.w.ins().return_(&[zero]);
    }

    /// Writes a nest without loops into a function that goes on behind it.
    pub(super) fn inline(w: &'w mut Writer<'a>, fault: Value, plan: &'p Plan, faults: &'p [FaultSite]) {
        let (count, zero) = (plan.nest.body.len(), w.integer(0));
        let mut nest = NestWriter {
            range: (zero, zero),
            fault,
            preheader: w.current(),
            w,
            plan,
            faults,
            values: vec![None; count],
            partial: vec![None; count + 1],
            homes: plan.homes(),
            counters: Vec::new(),
            result_block: None,
            splats: FxHashMap::default(),
            single: None,
        };
        nest.open(0);
        nest.sink_once();
    }

    /// Leaves when there is no iteration.
    fn guard(&mut self) {
        let plan = self.plan;
        if plan.depth() == 0 {
            return;
        }
        if plan.kept_loops().next().is_some() {
            let (begin, end) = self.range;
            let some = self.w.ins().icmp(IntCC::SignedLessThan, begin, end);
            self.w.return_unless(some);
            if let Some(all) = self.w.all_positive(plan.kept_loops().skip(1).map(|index| &plan.nest.loops[index])) {
                self.w.return_unless(all);
            }
        }
        if let Some(all) = self.w.all_positive(&plan.nest.loops[plan.reduced_loops()]) {
            let (empty, full) = (self.w.cold_block(), self.w.block(&[]));
            self.w.branch(all, (full, &[]), (empty, &[]));
            self.w.start(empty);
            self.fill_identity();
            self.w.start(full);
        }
    }

    /// The first and the end of a loop's counter.
    pub(super) fn bounds(&mut self, index: usize) -> (Value, Value) {
        if self.plan.outermost() == index {
            return self.range;
        }
        (self.w.integer(0), self.w.size(&self.plan.nest.loops[index]))
    }

    fn run(&mut self) {
        if self.plan.depth() == 0 {
            self.sink_once();
        } else {
            self.level(0, Vec::new());
        }
    }

    /// Writes loop `index` and those inside, carrying the accumulators of a reduction.
    fn level(&mut self, index: usize, accumulators: Vec<Value>) -> Vec<Value> {
        if self.plan.across && index == self.plan.kept {
            self.results_across();
            return Vec::new();
        }
        let reduces = matches!(self.plan.nest.sink, Sink::Reduce { .. });
        if reduces && index == self.plan.kept && accumulators.is_empty() {
            let start = self.start_reduction();
            let end = self.level(index, start);
            self.finish_reduction(end);
            return Vec::new();
        }
        if index + 1 == self.plan.depth() {
            self.preheader = self.w.current();
            return self.innermost(accumulators);
        }
        let (first, end) = self.bounds(index);
        self.counted(first, end, accumulators, |nest, counter, accumulators| {
            nest.counters.push(counter);
            nest.open(index + 1);
            let accumulators = nest.level(index + 1, accumulators);
            nest.counters.pop();
            if !nest.plan.ends_soon(index) {
                nest.w.poll();
            }
            accumulators
        })
    }

    /// A loop over `first..end`, which is not empty.
    pub(super) fn counted(
        &mut self,
        first: Value,
        end: Value,
        carried: Vec<Value>,
        body: impl FnOnce(&mut Self, Value, Vec<Value>) -> Vec<Value>,
    ) -> Vec<Value> {
        let mut types = vec![types::I64];
        types.extend(carried.iter().map(|value| self.w.ty(*value)));
        let (header, exit) = (self.w.block(&types), self.w.block(&types[1..]));
        let mut start = vec![first];
        start.extend(&carried);
        self.w.jump(header, &start);
        self.w.start(header);
        let params = self.w.params(header);
        let results = body(self, params[0], params[1..].to_vec());
        let next = self.w.plus(params[0], 1);
        let again = self.w.ins().icmp(IntCC::SignedLessThan, next, end);
        let mut latch = vec![next];
        latch.extend(&results);
        self.w.branch(again, (header, &latch), (exit, &results));
        self.w.start(exit);
        self.w.params(exit)
    }

    /// What is known so far, for [`NestWriter::forget`].
    pub(super) fn known(&self) -> Known {
        Known { values: self.values.clone(), partial: self.partial.clone() }
    }

    /// Goes back to what was known; loops that were opened since are closed.
    pub(super) fn forget(&mut self, known: Known) {
        (self.values, self.partial) = (known.values, known.partial);
        self.splats.clear();
    }

    /// Computes what becomes known when `level` loops are open.
    pub(super) fn open(&mut self, level: usize) {
        let plan = self.plan;
        for value in 0..plan.nest.body.len() {
            if !plan.live[value] || plan.levels[value] < level {
                continue;
            }
            match &plan.nest.body[value] {
                Inst::Index(affine) => self.advance(value, affine, level, None),
                Inst::Load(buffer, affine) if self.home(value) == value => {
                    self.advance(value, affine, level, Some(*buffer));
                }
                _ => {}
            }
            if plan.levels[value] == level && !plan.is_inner(value) {
                self.values[value] = Some(self.outer_instruction(value));
            }
        }
        self.advance(plan.nest.body.len(), super::collapse::offset(&plan.nest.sink), level, Some(plan.target()));
    }

    /// Adds to an affine expression what the level contributes: bytes from the start of a buffer, or a number.
    fn advance(&mut self, slot: usize, affine: &Affine, level: usize, buffer: Option<usize>) {
        if buffer.is_some_and(|buffer| self.w.registers.mirrored.get(&buffer) == Some(&false)) {
            return;
        }
        let bytes = Size::from(buffer.map_or(1, |buffer| self.plan.buffers[buffer].size() as i64));
        let inner = self.plan.depth();
        if level == 0 {
            let constant = affine.constant.times(&bytes).minus(&Size::from(i64::from(self.displacement(slot))));
            self.partial[slot] = buffer.map(|buffer| self.w.buffer(buffer));
            if constant.as_const() != Some(0) || buffer.is_none() {
                let constant = self.w.size(&constant);
                self.partial[slot] = Some(self.w.add(self.partial[slot], constant));
            }
        } else if level < inner {
            let factor = affine.factor(level - 1).times(&bytes);
            if factor.as_const() != Some(0) {
                let step = self.w.times_size(self.counters[level - 1], &factor);
                self.partial[slot] = Some(self.w.add(self.partial[slot], step));
            }
        }
        for (value, factor) in &affine.values {
            if self.plan.levels[*value] == level
                && !self.plan.is_inner(*value)
                && let Some(index) = self.values[*value]
            {
                let step = self.w.times_size(index, &factor.times(&bytes));
                self.partial[slot] = Some(self.w.add(self.partial[slot], step));
            }
        }
    }

    /// The literal part of the place of a load or store, in bytes: part of the instruction, so that places that differ by it alone
    /// have an address in common.
    pub(super) fn displacement(&self, slot: usize) -> i32 {
        self.plan.displacement(slot)
    }

    /// An affine expression (of an instruction, or of the sink) without what the innermost loop contributes.
    pub(super) fn base(&mut self, slot: usize) -> Value {
        match self.partial[self.home(slot)] {
            Some(value) => value,
            None => {
                self.w.fail("an address is used before its loop");
                self.w.integer(0)
            }
        }
    }

    /// The address of a load or store without what the innermost loop contributes, displacement included.
    pub(super) fn element_zero(&mut self, slot: usize) -> Value {
        let base = self.base(slot);
        match self.displacement(slot) {
            0 => base,
            displacement => self.w.plus(base, i64::from(displacement)),
        }
    }

    /// The first slot that has the same address, displacements aside.
    pub(super) fn home(&self, slot: usize) -> usize {
        self.homes.get(slot).copied().unwrap_or(slot)
    }

    /// The slot of the sink's offset.
    pub(super) fn sink_slot(&self) -> usize {
        self.plan.nest.body.len()
    }

    /// A value outside of the innermost loop.
    pub(super) fn outer(&mut self, value: Inner) -> Value {
        match self.values[value] {
            Some(value) => value,
            None => {
                self.w.fail(format_args!("instruction {value} is used before it is computed"));
                self.w.integer(0)
            }
        }
    }

    /// A value outside of the innermost loop, in every lane.
    pub(super) fn outer_lanes(&mut self, value: Inner, lanes: Lanes) -> Value {
        let scalar = self.outer(value);
        if lanes == Lanes::One {
            return scalar;
        }
        if let Some(splat) = self.splats.get(&(value, lanes)) {
            return *splat;
        }
        let dtype = self.plan.dtypes[value];
        let unchanged = self.result_block.filter(|_| self.plan.levels[value] <= self.plan.kept);
        let home = unchanged.unwrap_or(self.preheader);
        let splat = self.w.within(home, |w| lanes::splat(w, lanes, dtype, scalar));
        self.splats.insert((value, lanes), splat);
        splat
    }

    /// Memory for three elements, for calls of tile functions with one element.
    pub(super) fn single(&mut self) -> StackSlot {
        match self.single {
            Some(slot) => slot,
            None => {
                let slot = self.w.stack(32);
                self.single = Some(slot);
                slot
            }
        }
    }

    /// Stores the identities at every point of the kept loops and returns; nothing else of the nest has been computed.
    fn fill_identity(&mut self) {
        let plan = self.plan;
        let kept: Vec<usize> = plan.kept_loops().collect();
        let offset = super::collapse::offset(&plan.nest.sink);
        for total in &plan.totals {
            let dtype = plan.buffers[total.buffer];
            let identity = if total.kind.positional { 0.0 } else { total.kind.identity };
            let element = crate::ops::elementwise::Value::F64(identity).cast(dtype);
            let value = lanes::constant(self.w, Lanes::One, element);
            let bytes = Size::from(dtype.size() as i64);
            let start = self.w.buffer(total.buffer);
            let constant = self.w.size(&offset.constant.times(&bytes));
            let start = self.w.ins().iadd(start, constant);
            self.fill_from(&kept, start, &offset.times(&bytes), value);
        }
        let zero = self.w.integer(0);
        self.w.ins().return_(&[zero]);
    }

    fn fill_from(&mut self, loops: &[usize], address: Value, offset: &Affine, value: Value) {
        let [index, inner @ ..] = loops else {
            self.w.ins().store(super::writer::aligned(), value, address, 0);
            return;
        };
        let (first, end) = self.bounds(*index);
        self.counted(first, end, Vec::new(), |nest, counter, _| {
            let step = nest.w.times_size(counter, &offset.factor(*index));
            let address = nest.w.ins().iadd(address, step);
            nest.fill_from(inner, address, offset, value);
            Vec::new()
        });
    }
}
