//! The innermost loop: whole vectors, then single ones, then the remainder; over tiles if there is more than one stage.
//!
//! In: the plan's stages, and accumulators. Out: loops, and the accumulators after them.
//! Always holds: which elements are computed as vectors does not change any of them; a reduction's order is fixed by the
//! extent of the loop.

use super::body::Round;
use super::lanes::{Lanes, scalar};
use super::nest::NestWriter;
use super::plan::{Stage, operands};
use super::sink::UNROLL;
use super::tiles::is_direct_argument;
use super::writer::aligned;
use crate::graph::Size;
use crate::loops::{Inst, Sink, Value as Inner};
use crate::runtime::array::DType;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, StackSlot, Value, types};

/// After so many elements a loop looks whether it is asked to stop: a multiple of what any tier computes at a time, so that
/// elements are computed, and added up, as in one go.
pub(super) const STRIP: i64 = 1 << 16;

/// A loop that computes `lanes * unroll` elements at a time.
struct Tier {
    lanes: Lanes,
    unroll: usize,
    /// Which accumulators it changes.
    carries: std::ops::Range<usize>,
    /// How many rounds there are, if that is known; not none.
    rounds: Option<i64>,
}

/// Where the tiles of the running tile loop are.
struct TileMemory {
    slot: StackSlot,
    /// The first element, and the end.
    range: (Value, Value),
    length: i64,
}

impl NestWriter<'_, '_, '_> {
    /// Writes the innermost loop, which is not empty.
    pub(super) fn innermost(&mut self, accumulators: Vec<Value>) -> Vec<Value> {
        if self.plan.adds_in_register() {
            let before = self.load_accumulator();
            let after = self.stages(before);
            self.store_accumulator(&after);
            return Vec::new();
        }
        self.stages(accumulators)
    }

    fn stages(&mut self, accumulators: Vec<Value>) -> Vec<Value> {
        let (first, end) = self.bounds(self.plan.depth() - 1);
        match self.plan.stages.as_slice() {
            [only] if only.calls.is_empty() && self.plan.searches() => self.positions(only, first, end, accumulators),
            [_] if self.plan.counts_bytes().is_some() => self.count_bytes(first, end, accumulators),
            [_] if self.plan.fills_bytes() => self.fill_bytes(first, end, accumulators),
            [only] if only.calls.is_empty() => self.strips(only, first, end, accumulators),
            _ => self.tiled(first, end, accumulators),
        }
    }

    /// The loop over tiles. Calls keep no vector in a register, so accumulators are in memory between the tiles: else each round of
    /// the loop that adds to them would fetch and store them.
    fn tiled(&mut self, first: Value, end: Value, accumulators: Vec<Value>) -> Vec<Value> {
        let (length, count) = (self.plan.tiles.length(), self.plan.tiles.count);
        let slot = self.w.stack((8 * length as usize * count.max(1)) as u32);
        let types: Vec<types::Type> = accumulators.iter().map(|value| self.w.ty(*value)).collect();
        let totals = self.w.stack(16 * types.len().max(1) as u32);
        self.fill_copies(slot, length, first, end);
        self.put_aside(totals, &accumulators);
        self.pieces(length, first, end, Vec::new(), |nest, first, stop, _| {
            let memory = TileMemory { slot, range: (first, stop), length };
            for stage in &nest.plan.stages {
                let carried = if stage.sink { nest.take_back(totals, &types) } else { Vec::new() };
                let results = nest.stage(stage, first, stop, Some(&memory), carried);
                nest.put_aside(totals, &results);
                for call in &stage.calls {
                    nest.apply_to_tile(*call, &memory);
                }
            }
            Vec::new()
        });
        self.take_back(totals, &types)
    }

    /// Stores values on the stack, 16 bytes for each.
    fn put_aside(&mut self, slot: StackSlot, values: &[Value]) {
        let address = self.w.ins().stack_addr(types::I64, slot, 0);
        for (index, value) in values.iter().enumerate() {
            self.w.ins().store(aligned(), *value, address, 16 * index as i32);
        }
    }

    /// The values that were put aside.
    fn take_back(&mut self, slot: StackSlot, types: &[types::Type]) -> Vec<Value> {
        let address = self.w.ins().stack_addr(types::I64, slot, 0);
        let load = |(index, ty): (usize, &types::Type)| self.w.ins().load(*ty, aligned(), address, 16 * index as i32);
        types.iter().enumerate().map(load).collect()
    }

    /// A stage without tiles, in strips if there may be more elements than one of them has.
    fn strips(&mut self, stage: &Stage, first: Value, end: Value, accumulators: Vec<Value>) -> Vec<Value> {
        let extent = self.plan.nest.loops.last().and_then(Size::as_const);
        if extent.is_some_and(|extent| extent <= STRIP) {
            return self.untiled(stage, first, end, accumulators);
        }
        self.pieces(STRIP, first, end, accumulators, |nest, first, stop, accumulators| {
            nest.untiled(stage, first, stop, accumulators)
        })
    }

    /// Goes from `first` to `end` in pieces, with a look after each whether to stop.
    pub(super) fn pieces(
        &mut self,
        length: i64,
        first: Value,
        end: Value,
        accumulators: Vec<Value>,
        piece: impl FnOnce(&mut Self, Value, Value, Vec<Value>) -> Vec<Value>,
    ) -> Vec<Value> {
        let mut types = vec![types::I64];
        types.extend(accumulators.iter().map(|value| self.w.ty(*value)));
        let (header, exit) = (self.w.block(&types), self.w.block(&types[1..]));
        let mut start = vec![first];
        start.extend(&accumulators);
        self.w.jump(header, &start);
        self.w.start(header);
        let params = self.w.params(header);
        let full = self.w.plus(params[0], length);
        let stop = self.w.ins().smin(full, end);
        let results = piece(self, params[0], stop, params[1..].to_vec());
        self.w.poll();
        let again = self.w.ins().icmp(IntCC::SignedLessThan, stop, end);
        let mut latch = vec![stop];
        latch.extend(&results);
        self.w.branch(again, (header, &latch), (exit, &results));
        self.w.start(exit);
        self.w.params(exit)
    }

    /// Fills the tiles of values that the loop does not change, as far as they are read.
    fn fill_copies(&mut self, slot: StackSlot, length: i64, first: Value, end: Value) {
        let mut copies: Vec<(Inner, usize)> = self.plan.tiles.copies.iter().map(|(v, tile)| (*v, *tile)).collect();
        copies.sort_unstable();
        for (value, tile) in copies {
            let bytes = self.plan.dtypes[value].size() as i64;
            let scalar = self.outer(value);
            let start = self.w.ins().stack_addr(types::I64, slot, tile_offset(tile, length));
            let extent = self.w.ins().isub(end, first);
            let full = self.w.integer(length);
            let extent = self.w.ins().smin(extent, full);
            let stop = self.w.times(extent, bytes);
            let stop = self.w.ins().iadd(start, stop);
            let (header, exit) = (self.w.block(&[types::I64]), self.w.block(&[]));
            self.w.jump(header, &[start]);
            self.w.start(header);
            let address = self.w.params(header)[0];
            self.w.ins().store(aligned(), scalar, address, 0);
            let next = self.w.plus(address, bytes);
            let again = self.w.ins().icmp(IntCC::UnsignedLessThan, next, stop);
            self.w.branch(again, (header, &[next]), (exit, &[]));
            self.w.start(exit);
        }
        self.preheader = self.w.current();
    }

    fn tile_start(&mut self, tile: usize, memory: &TileMemory) -> Value {
        self.w.ins().stack_addr(types::I64, memory.slot, tile_offset(tile, memory.length))
    }

    /// Applies a function of the run-time library to a tile.
    fn apply_to_tile(&mut self, call: Inner, memory: &TileMemory) {
        let plan = self.plan;
        let dtype = plan.dtypes[call];
        let mut args = Vec::new();
        args.push(match (plan.tiles.direct == Some(call), plan.tiles.of.get(&call)) {
            (true, _) => self.at_element(self.sink_slot(), dtype.size(), memory),
            (_, Some(tile)) => self.tile_start(*tile, memory),
            _ => return,
        });
        for operand in operands(&plan.nest.body[call]) {
            let copy = plan.tiles.copies.get(&operand).filter(|_| !plan.is_inner(operand));
            let tile = plan.tiles.of.get(&operand).or(copy);
            args.push(match tile {
                _ if plan.is_inner(operand) && is_direct_argument(plan, operand) => {
                    self.at_element(operand, dtype.size(), memory)
                }
                Some(tile) => self.tile_start(*tile, memory),
                None => {
                    self.w.fail(format_args!("operand {operand} has no tile"));
                    continue;
                }
            });
        }
        let (first, stop) = memory.range;
        args.push(self.w.ins().isub(stop, first));
        if let Inst::Map(op, _) = &plan.nest.body[call] {
            self.w.call(&format!("{}_{dtype}", op.name), &args, &[]);
        }
    }

    /// The address of the tile's first element in a buffer that is walked contiguously.
    fn at_element(&mut self, slot: usize, bytes: usize, memory: &TileMemory) -> Value {
        let base = self.element_zero(slot);
        let step = self.w.times(memory.range.0, bytes as i64);
        self.w.ins().iadd(base, step)
    }

    /// The loops of a stage without tiles.
    pub(super) fn untiled(&mut self, stage: &Stage, first: Value, end: Value, accumulators: Vec<Value>) -> Vec<Value> {
        self.stage(stage, first, end, None, accumulators)
    }

    /// The loops of one stage over `first..end`, which is not empty.
    fn stage(
        &mut self,
        stage: &Stage,
        first: Value,
        end: Value,
        memory: Option<&TileMemory>,
        mut accumulators: Vec<Value>,
    ) -> Vec<Value> {
        let stores = stage.sink && self.plan.tiles.direct.is_none();
        if stage.insts.is_empty() && stage.writes.is_empty() && !stores {
            return accumulators;
        }
        let bases = self.tile_bases(stage, memory);
        let mut counter = first;
        for tier in self.tiers(stage, memory.is_some(), accumulators.len()) {
            let step = tier.lanes.count() * tier.unroll as i64;
            if tier.rounds == Some(1) {
                let mut round = Round::new(counter, tier.lanes, tier.unroll);
                let results = &mut accumulators[tier.carries.clone()];
                self.round(stage, &bases, &mut round, stores, results);
                counter = self.w.plus(counter, step);
                continue;
            }
            let limit = self.w.plus(end, -step);
            let carried = accumulators[tier.carries.clone()].to_vec();
            let mut types = vec![types::I64];
            types.extend(carried.iter().map(|value| self.w.ty(*value)));
            let (header, exit) = (self.w.block(&types), self.w.block(&types));
            let mut arguments = vec![counter];
            arguments.extend(&carried);
            if tier.rounds.is_some() {
                self.w.jump(header, &arguments);
            } else {
                let enter = self.w.ins().icmp(IntCC::SignedLessThanOrEqual, counter, limit);
                self.w.branch(enter, (header, &arguments), (exit, &arguments));
            }
            self.w.start(header);
            let params = self.w.params(header);
            let mut round = Round::new(params[0], tier.lanes, tier.unroll);
            let mut results = params[1..].to_vec();
            self.round(stage, &bases, &mut round, stores, &mut results);
            let next = self.w.plus(params[0], step);
            let again = self.w.ins().icmp(IntCC::SignedLessThanOrEqual, next, limit);
            let mut latch = vec![next];
            latch.extend(&results);
            self.w.branch(again, (header, &latch), (exit, &latch));
            self.w.start(exit);
            let params = self.w.params(exit);
            counter = params[0];
            accumulators[tier.carries.clone()].copy_from_slice(&params[1..]);
        }
        accumulators
    }

    /// The loops that a stage consists of, widest first.
    fn tiers(&self, stage: &Stage, tiled: bool, accumulators: usize) -> Vec<Tier> {
        let reduces = matches!(self.plan.nest.sink, Sink::Reduce { .. }) && stage.sink;
        let all = if stage.sink { accumulators } else { 0 };
        let single = Tier { lanes: Lanes::One, unroll: 1, carries: 0..all, rounds: None };
        if stage.lanes == Lanes::One {
            return self.counted_rounds(vec![single], tiled);
        }
        let lanes = stage.lanes;
        let totals = self.plan.totals.len();
        let scalar = if reduces { UNROLL * totals..all } else { 0..all };
        let carries = |unroll: usize| 0..if reduces { unroll * totals } else { all };
        let vectors = |unroll: usize| Tier { lanes, unroll, carries: carries(unroll), rounds: None };
        let unroll = match (reduces, stage.insts.len()) {
            (true, _) => UNROLL,
            (false, _) if self.plan.is_straight => self.plan.straight_vectors(),
            (false, 0..12) => 2,
            (false, _) => 1,
        };
        let mut tiers = vec![vectors(unroll)];
        if unroll > 2 || self.plan.nest.loops.last().and_then(Size::as_const).is_some() {
            tiers.push(vectors(1));
        }
        tiers.push(Tier { lanes: Lanes::One, unroll: 1, carries: scalar, rounds: None });
        self.counted_rounds(tiers, tiled)
    }

    /// With a known extent, loops that would never run are left out, and it is known how often the others do if the stage gets the
    /// whole extent at once.
    fn counted_rounds(&self, mut tiers: Vec<Tier>, tiled: bool) -> Vec<Tier> {
        // The outermost loop may be run in parts, of any length.
        let outermost = self.plan.depth() == 1 && (self.plan.kept > 0 || self.plan.merges().is_some());
        let extent = self.plan.nest.loops.last().and_then(Size::as_const);
        if let Some(extent) = extent.filter(|_| !tiled && !outermost) {
            // Pieces are multiples of a round, so what is left out for the whole is left out for the last piece too.
            let whole = extent <= STRIP && !self.plan.searches();
            let mut left = extent;
            tiers.retain_mut(|tier| {
                let step = tier.lanes.count() * tier.unroll as i64;
                let rounds = left / step;
                left %= step;
                tier.rounds = Some(rounds).filter(|_| whole);
                rounds > 0
            });
        }
        tiers
    }

    /// Addresses of element 0 (not of the first of the tile) in the tiles that a stage reads and writes.
    fn tile_bases(&mut self, stage: &Stage, memory: Option<&TileMemory>) -> Vec<(Inner, Value)> {
        let Some(memory) = memory else { return Vec::new() };
        let mut bases = Vec::new();
        for value in stage.reads.iter().chain(&stage.writes) {
            let Some(tile) = self.plan.tiles.of.get(value) else {
                self.w.fail(format_args!("instruction {value} has no tile"));
                continue;
            };
            let start = self.tile_start(*tile, memory);
            let bytes = self.plan.tiles.element(self.plan.dtypes[*value]) as i64;
            let before = self.w.times(memory.range.0, bytes);
            bases.push((*value, self.w.ins().isub(start, before)));
        }
        bases
    }

    /// One round of a stage's loop.
    fn round(
        &mut self,
        stage: &Stage,
        bases: &[(Inner, Value)],
        round: &mut Round,
        stores: bool,
        accumulators: &mut [Value],
    ) {
        for (value, base) in &bases[..stage.reads.len().min(bases.len())] {
            self.read_tile(*value, *base, round);
        }
        if self.plan.totals.len() > 1 && stores && stage.writes.is_empty() {
            return self.add_by_parts(stage, round, accumulators);
        }
        let position = self.plan.only_position().filter(|_| round.lanes != Lanes::One);
        for value in stage.insts.iter().filter(|value| Some(**value) != position) {
            self.inner_instruction(*value, round);
        }
        for (value, base) in &bases[stage.reads.len().min(bases.len())..] {
            self.write_tile(*value, *base, round);
        }
        if stores {
            self.sink(round, accumulators);
        }
    }

    /// The type of a tile's elements: truth values are as wide as a lane.
    fn tile_type(&self, dtype: DType, lanes: Lanes) -> types::Type {
        match (dtype, lanes) {
            (DType::Bool, Lanes::One) if self.plan.tiles.width == 4 => types::I32,
            (DType::Bool, Lanes::One) => types::I64,
            _ => lanes.ty(dtype),
        }
    }

    fn read_tile(&mut self, value: Inner, base: Value, round: &mut Round) {
        let dtype = self.plan.dtypes[value];
        let bytes = self.plan.tiles.element(dtype);
        let address = self.walk(base, bytes, round);
        let ty = self.tile_type(dtype, round.lanes);
        let step = round.lanes.count() as i32 * bytes as i32;
        let parts = (0..round.unroll).map(|part| {
            if dtype.is_half() {
                return self.load(dtype, address, round.lanes, part);
            }
            let loaded = self.w.ins().load(ty, super::writer::unaligned(), address, step * part as i32);
            if dtype == DType::Bool && round.lanes == Lanes::One {
                return self.w.ins().icmp_imm_s(IntCC::NotEqual, loaded, 0);
            }
            loaded
        });
        let values = parts.collect();
        round.values.insert(value, values);
    }

    fn write_tile(&mut self, value: Inner, base: Value, round: &mut Round) {
        let dtype = self.plan.dtypes[value];
        let bytes = self.plan.tiles.element(dtype);
        let address = self.walk(base, bytes, round);
        let ty = self.tile_type(dtype, round.lanes);
        let step = round.lanes.count() as i32 * bytes as i32;
        for part in 0..round.unroll {
            let mut stored = self.operand(value, round, part);
            if dtype.is_half() {
                self.store(dtype, stored, address, round.lanes, part);
                continue;
            }
            if dtype == DType::Bool && round.lanes == Lanes::One {
                stored = self.w.ins().bmask(ty, stored);
            }
            self.w.ins().store(super::writer::unaligned(), stored, address, step * part as i32);
        }
        debug_assert!(dtype == DType::Bool || round.lanes != Lanes::One || ty == scalar(dtype));
    }
}

fn tile_offset(tile: usize, length: i64) -> i32 {
    i32::try_from(8 * length * tile as i64).unwrap_or_default()
}
