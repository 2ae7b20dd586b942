//! What is known of a nest before its code is written.
//!
//! In: a nest. Out: a [`Plan`]: equal instructions merged, their types, the loop on which each depends, and the stages
//! of the innermost loop.
//! Always holds: an instruction's level is not below that of its operands, nor of a check that stands before it if it
//! is a check itself.

use super::CodegenError;
use super::across;
use super::collapse::{collapse, kept, offset};
use super::innermost::STRIP;
use super::joined::Total;
use super::lanes::{Lanes, has_vector_cast, is_narrow};
use super::tiles::{self, Tiles};
use super::unroll::unrolled;
use crate::loops::{Affine, BufferId, Inst, Kernel, Nest, Sink, Value};
use crate::ops::{Code, Signature};
use crate::runtime::array::DType;
use crate::runtime::reduce::Merge;
use std::ops::Range;

/// What is known of a nest.
pub(super) struct Plan {
    /// The nest, with fewer loops and instructions.
    pub(super) nest: Nest,
    /// What it reduces to: the result of its sink, and of the reductions that share its loop.
    pub(super) totals: Vec<Total>,
    /// How many of the outermost loops are not reduced over.
    pub(super) kept: usize,
    /// Whether the innermost loop is not reduced over either, though those between are: see `across`.
    pub(super) across: bool,
    /// Whether the body is a short reduction as straight code: see `unroll`.
    pub(super) is_straight: bool,
    /// The dtype of each instruction.
    pub(super) dtypes: Vec<DType>,
    /// The number of loops that must be open for each instruction: 0 if it depends on none.
    pub(super) levels: Vec<usize>,
    /// Instructions that something needs.
    pub(super) live: Vec<bool>,
    /// Whether the processor has vectors.
    pub(super) vectors: bool,
    /// The parts of the innermost loop.
    pub(super) stages: Vec<Stage>,
    /// What passes from part to part.
    pub(super) tiles: Tiles,
    /// The element types of the kernel's buffers.
    pub(super) buffers: Vec<DType>,
}

/// A part of the innermost loop: one loop over a tile, or over everything if there is only one part.
pub(super) struct Stage {
    /// Instructions computed here, in order.
    pub(super) insts: Vec<Value>,
    /// Values read from tiles.
    pub(super) reads: Vec<Value>,
    /// Values written to tiles.
    pub(super) writes: Vec<Value>,
    /// Vector functions applied to tiles afterwards, in order.
    pub(super) calls: Vec<Value>,
    /// Whether the sink is here.
    pub(super) sink: bool,
    /// How many elements are computed at once.
    pub(super) lanes: Lanes,
}

impl Plan {
    /// Makes the plan of a nest, for a processor with vectors or without.
    pub(super) fn new(kernel: &Kernel, nest: &Nest, vectors: bool) -> Result<Plan, CodegenError> {
        let mut nest = collapse(nest);
        store_instead_of_reducing_nothing(&mut nest);
        merge_equal(&mut nest, &mut []);
        check_references(&nest, kernel)?;
        let straight = Plan::unrolled(kernel, &nest, vectors);
        let totals: Vec<Total> = Total::of(&nest).into_iter().collect();
        let turned = across::rotated(&nest).map(|turned| Plan::of(kernel, turned, totals.clone(), (true, vectors)));
        let along = Plan::of(kernel, nest, totals, (false, vectors));
        let loops = turned.filter(|across| across.beats(&along)).unwrap_or(along);
        Ok(straight.filter(|straight| straight.outruns(&loops)).unwrap_or(loops))
    }

    /// The plan of a short reduction as straight code.
    fn unrolled(kernel: &Kernel, nest: &Nest, vectors: bool) -> Option<Plan> {
        let buffers: Vec<DType> = kernel.buffers.iter().map(|buffer| buffer.dtype).collect();
        let mut nest = collapse(&unrolled(nest, &dtypes(nest, &buffers), &buffers)?);
        merge_equal(&mut nest, &mut []);
        let plan = Plan::of(kernel, nest, Vec::new(), (false, vectors));
        Some(Plan { is_straight: true, ..plan })
    }

    /// Makes the plan of a nest that reduces everything, to several results.
    pub(super) fn of_totals(kernel: &Kernel, nest: &Nest, mut totals: Vec<Total>, vectors: bool) -> Plan {
        let mut nest = collapse(nest);
        merge_equal(&mut nest, &mut totals);
        Plan::of(kernel, nest, totals, (false, vectors))
    }

    fn of(kernel: &Kernel, nest: Nest, totals: Vec<Total>, (across, vectors): (bool, bool)) -> Plan {
        let buffers: Vec<DType> = kernel.buffers.iter().map(|buffer| buffer.dtype).collect();
        let dtypes = dtypes(&nest, &buffers);
        let (levels, live) = (levels(&nest), live(&nest, &totals));
        let kept = kept(&nest) - usize::from(across);
        let (stages, tiles) = (Vec::new(), Tiles::default());
        let mut plan = Plan {
            nest,
            totals,
            kept,
            across,
            is_straight: false,
            dtypes,
            levels,
            live,
            stages,
            tiles,
            buffers,
            vectors,
        };
        (plan.stages, plan.tiles) = tiles::stages(&plan);
        for index in 0..plan.stages.len() {
            plan.stages[index].lanes = plan.choose_lanes(&plan.stages[index]);
        }
        plan
    }

    /// The number of loops.
    pub(super) fn depth(&self) -> usize {
        self.nest.loops.len()
    }

    /// Whether an instruction is computed anew in each iteration of the innermost loop.
    pub(super) fn is_inner(&self, value: Value) -> bool {
        self.depth() > 0 && self.levels[value] == self.depth()
    }

    /// The loops that are not reduced over, outermost first.
    pub(super) fn kept_loops(&self) -> impl Iterator<Item = usize> + use<> {
        (0..self.kept).chain(self.across.then(|| self.depth() - 1))
    }

    /// The loops that are reduced over.
    pub(super) fn reduced_loops(&self) -> Range<usize> {
        self.kept..self.depth() - usize::from(self.across)
    }

    /// The loop that threads share among them, or that is run as a whole.
    pub(super) fn outermost(&self) -> usize {
        self.kept_loops().next().unwrap_or(0)
    }

    /// Whether the outermost loop may be split.
    pub(super) fn is_parallel(&self) -> bool {
        self.nest.parallel && self.kept_loops().next().is_some()
    }

    /// How the results for parts of the outermost loop are merged, if everything is reduced to one element each.
    pub(super) fn merges(&self) -> Option<Vec<Merge>> {
        let merge = |total: &Total| {
            let reads_itself = |inst: &Inst| matches!(inst, Inst::Load(from, _) if *from == total.buffer);
            let dtype = self.buffers[total.buffer];
            let same = dtype == self.dtypes[total.value] && !dtype.is_half();
            Merge::of(total.kind.name).filter(|_| same && !self.nest.body.iter().any(reads_itself))
        };
        let whole = self.depth() > 0 && self.kept_loops().next().is_none() && !self.totals.is_empty();
        if whole { self.totals.iter().map(merge).collect() } else { None }
    }

    /// How partial results of blocks of the outermost loop are merged, and where they are kept, if it adds row upon row.
    pub(super) fn adds_rows(&self) -> Option<(Merge, BufferId)> {
        let Sink::Accumulate { kind, buffer, offset, partial: Some(partial), .. } = &self.nest.sink else {
            return None;
        };
        let reads_itself = |inst: &Inst| matches!(inst, Inst::Load(from, _) if from == buffer);
        let still = self.depth() > 0 && offset.factor(0).as_const() == Some(0) && offset.values.is_empty();
        let plain = !self.buffers[*buffer].is_half() && !self.nest.body.iter().any(reads_itself);
        Some((Merge::of(kind.name).filter(|_| still && plain)?, *partial))
    }

    /// Whether the iterations of loop `index`, with the loops inside, are known to be over soon.
    pub(super) fn ends_soon(&self, index: usize) -> bool {
        let mut loops = self.nest.loops.iter().skip(index);
        let iterations = loops.try_fold(1i64, |product, extent| product.checked_mul(extent.as_const()?));
        iterations.is_some_and(|iterations| iterations <= STRIP)
    }

    /// The value that goes into the sink.
    pub(super) fn result(&self) -> Value {
        match &self.nest.sink {
            Sink::Store { value, .. } | Sink::Reduce { value, .. } | Sink::Accumulate { value, .. } => *value,
        }
    }

    /// The values that go into the sink, and into the reductions beside it.
    fn results(&self) -> Vec<Value> {
        if self.totals.is_empty() { vec![self.result()] } else { self.totals.iter().map(|total| total.value).collect() }
    }

    /// All values that the sink and the reductions beside it use.
    pub(super) fn sink_operands(&self) -> Vec<Value> {
        let totals = self.totals.iter().map(|total| total.value);
        sink_operands(&self.nest.sink).into_iter().chain(totals).collect()
    }

    /// The buffer that is written.
    pub(super) fn target(&self) -> BufferId {
        match &self.nest.sink {
            Sink::Store { buffer, .. } | Sink::Reduce { buffer, .. } | Sink::Accumulate { buffer, .. } => *buffer,
        }
    }

    /// The position that a reduction is to give, if nothing else needs it.
    pub(super) fn only_position(&self) -> Option<Value> {
        let Sink::Reduce { kind, value, position: Some(position), .. } = &self.nest.sink else { return None };
        let used = |(user, inst): (usize, &Inst)| self.live[user] && operands(inst).contains(position);
        let free = kind.positional && value != position && !self.nest.body.iter().enumerate().any(used);
        free.then_some(*position)
    }

    /// Whether elements are computed with vectors, and their positions looked for.
    pub(super) fn searches(&self) -> bool {
        let positional = matches!(&self.nest.sink, Sink::Reduce { kind, .. } if kind.positional);
        positional && self.stages.last().is_some_and(|stage| stage.lanes != Lanes::One)
    }

    /// Whether an instruction is an operator that the run-time library applies to a tile.
    pub(super) fn is_kernel(&self, value: Value) -> bool {
        matches!(&self.nest.body[value], Inst::Map(op, _) if matches!(op.code, Code::Kernel))
            && self.dtypes[value].is_float()
    }

    /// Whether an address moves by one element with the innermost loop, and by nothing else in it.
    pub(super) fn is_contiguous(&self, affine: &Affine) -> bool {
        let Some(inner) = self.depth().checked_sub(1) else { return false };
        affine.factor(inner).is_one() && self.has_plain_values(affine)
    }

    /// Whether an affine expression is free of data that the innermost loop computes.
    pub(super) fn has_plain_values(&self, affine: &Affine) -> bool {
        affine.values.iter().all(|(value, _)| !self.is_inner(*value))
    }

    /// Whether the innermost loop adds to one element, which then stays in a register.
    pub(super) fn adds_in_register(&self) -> bool {
        let Sink::Accumulate { offset, buffer, .. } = &self.nest.sink else { return false };
        let still = self.depth().checked_sub(1).is_some_and(|inner| offset.factor(inner).as_const() == Some(0));
        let plain = matches!(self.buffers[*buffer], DType::I64 | DType::F32 | DType::F64);
        still && plain && self.has_plain_values(offset)
    }

    /// A rough number of instructions of a nest without loops, registers and constants aside.
    pub(super) fn short_cost(&self) -> usize {
        let body = (0..self.nest.body.len()).filter(|&value| self.live[value]);
        let own = body.map(|value| match &self.nest.body[value] {
            Inst::Const(..) => 0,
            Inst::Load(_, affine) if *affine == Affine::default() => 0,
            Inst::Load(..) | Inst::Index(_) | Inst::Cast(..) => 1,
            Inst::Map(op, _) if matches!(op.code, Code::Inline(_)) => 1,
            Inst::Map(..) | Inst::Check { .. } => 100,
        });
        own.sum::<usize>() + usize::from(*offset(&self.nest.sink) != Affine::default())
    }

    /// A rough number of simple operations in an iteration.
    pub(super) fn cost(&self) -> i64 {
        self.cost_of(&self.live)
    }

    /// The same for some of the instructions.
    pub(super) fn cost_of(&self, needed: &[bool]) -> i64 {
        let body = (0..self.nest.body.len()).filter(|&value| needed[value] && self.is_inner(value));
        1 + body.map(|value| if self.is_kernel(value) { 12 } else { 1 }).sum::<i64>()
    }

    fn choose_lanes(&self, stage: &Stage) -> Lanes {
        // A position is computed for one element at a time.
        let position = self.only_position();
        let insts = || stage.insts.iter().copied().filter(|value| Some(*value) != position);
        let results = if stage.sink { self.results() } else { Vec::new() };
        let results = results.iter().map(|value| self.dtypes[*value]);
        let mut types = insts().map(|value| self.operand_type(value)).chain(results);
        let lanes = if types.any(is_narrow) { Lanes::Four } else { Lanes::Two };
        let inner = self.nest.loops.last().and_then(crate::graph::Size::as_const);
        if inner.is_some_and(|extent| extent < lanes.count()) || !self.vectors {
            return Lanes::One;
        }
        let tiled = stage.reads.iter().chain(&stage.writes);
        let fits = tiled.into_iter().all(|&value| self.fits_tile(value, lanes))
            && insts().all(|value| self.has_vector_code(value, lanes))
            && (!stage.sink || self.sink_has_vector_code(lanes));
        if fits { lanes } else { Lanes::One }
    }

    fn fits_tile(&self, value: Value, lanes: Lanes) -> bool {
        let dtype = self.dtypes[value];
        lanes.fit(dtype) && (dtype != DType::Bool || self.tiles.width == lanes.tile_width())
    }

    /// The dtype of an instruction's operands.
    pub(super) fn operand_type(&self, value: Value) -> DType {
        match &self.nest.body[value] {
            Inst::Map(op, args) => match op.signature {
                Signature::Select => self.dtypes[value],
                _ => args.first().map_or(self.dtypes[value], |arg| self.dtypes[*arg]),
            },
            Inst::Cast(from, _) => self.dtypes[*from],
            _ => self.dtypes[value],
        }
    }

    fn has_vector_code(&self, value: Value, lanes: Lanes) -> bool {
        let dtype = self.dtypes[value];
        let fits = lanes.fit(dtype) && lanes.fit(self.operand_type(value));
        fits && match &self.nest.body[value] {
            Inst::Const(..) => true,
            Inst::Index(affine) => {
                let inner = self.depth().saturating_sub(1);
                self.has_plain_values(affine) && affine.factor(inner).as_const().is_some()
            }
            Inst::Load(_, affine) => self.is_contiguous(affine),
            Inst::Map(op, _) => matches!(op.code, Code::Inline(_)),
            Inst::Cast(from, to) => has_vector_cast(self.dtypes[*from], *to),
            Inst::Check { .. } => false,
        }
    }

    fn sink_has_vector_code(&self, lanes: Lanes) -> bool {
        let fits = self.results().iter().all(|value| lanes.fit(self.dtypes[*value]));
        fits && match &self.nest.sink {
            Sink::Accumulate { offset, .. } => self.adds_in_register() || self.is_contiguous(offset),
            Sink::Store { offset, .. } => self.is_contiguous(offset),
            Sink::Reduce { offset, buffer, .. } if self.across => {
                self.is_contiguous(offset) && self.buffers[*buffer] == self.dtypes[self.result()]
            }
            // The loop that looks for a position has one stage.
            Sink::Reduce { kind, loops, .. } => *loops > 0 && (!kind.positional || self.stages.len() == 1),
        }
    }
}

/// The operands of an instruction.
pub(super) fn operands(inst: &Inst) -> Vec<Value> {
    match inst {
        Inst::Const(..) => Vec::new(),
        Inst::Index(affine) | Inst::Load(_, affine) => affine.values.iter().map(|(value, _)| *value).collect(),
        Inst::Map(_, args) | Inst::Check { args, .. } => args.clone(),
        Inst::Cast(from, _) => vec![*from],
    }
}

/// The values that a sink uses.
fn sink_operands(sink: &Sink) -> Vec<Value> {
    let mut all: Vec<Value> = offset(sink).values.iter().map(|(value, _)| *value).collect();
    match sink {
        Sink::Store { value, .. } | Sink::Accumulate { value, .. } => all.push(*value),
        Sink::Reduce { value, position, .. } => {
            all.push(*value);
            all.extend(*position);
        }
    }
    all
}

fn replace_operands(inst: &mut Inst, new: &[Value]) {
    match inst {
        Inst::Const(..) => {}
        Inst::Index(affine) | Inst::Load(_, affine) => replace_values(affine, new),
        Inst::Map(_, args) | Inst::Check { args, .. } => args.iter_mut().for_each(|arg| *arg = new[*arg]),
        Inst::Cast(from, _) => *from = new[*from],
    }
}

fn replace_values(affine: &mut Affine, new: &[Value]) {
    for (value, _) in &mut affine.values {
        *value = new[*value];
    }
}

/// A reduction over no loop stores its value, or the position of it.
fn store_instead_of_reducing_nothing(nest: &mut Nest) {
    if let Sink::Reduce { loops: 0, value, position, buffer, offset, .. } = &nest.sink {
        nest.sink = Sink::Store { value: position.unwrap_or(*value), buffer: *buffer, offset: offset.clone() };
    }
}

/// Lets every use of an instruction refer to the first that is equal to it.
fn merge_equal(nest: &mut Nest, totals: &mut [Total]) {
    let mut new: Vec<Value> = Vec::with_capacity(nest.body.len());
    for index in 0..nest.body.len() {
        let (before, rest) = nest.body.split_at_mut(index);
        replace_operands(&mut rest[0], &new);
        new.push(before.iter().position(|earlier| *earlier == rest[0]).unwrap_or(index));
    }
    totals.iter_mut().for_each(|total| total.value = new[total.value]);
    match &mut nest.sink {
        Sink::Store { value, offset, .. } | Sink::Accumulate { value, offset, .. } => {
            *value = new[*value];
            replace_values(offset, &new);
        }
        Sink::Reduce { value, position, offset, .. } => {
            *value = new[*value];
            *position = position.map(|position| new[position]);
            replace_values(offset, &new);
        }
    }
}

fn check_references(nest: &Nest, kernel: &Kernel) -> Result<(), CodegenError> {
    for (index, inst) in nest.body.iter().enumerate() {
        let known = match inst {
            Inst::Load(buffer, _) => *buffer < kernel.buffers.len(),
            Inst::Check { fault, args } => *fault < kernel.faults.len() && !args.is_empty(),
            Inst::Map(op, args) => op.arity == args.len(),
            _ => true,
        };
        if !known || operands(inst).iter().any(|&operand| operand >= index) {
            return Err(CodegenError::new(format_args!("instruction {index} refers to what does not exist")));
        }
    }
    Ok(())
}

fn dtypes(nest: &Nest, buffers: &[DType]) -> Vec<DType> {
    let mut all: Vec<DType> = Vec::with_capacity(nest.body.len());
    for inst in &nest.body {
        all.push(match inst {
            Inst::Const(_, dtype) | Inst::Cast(_, dtype) => *dtype,
            Inst::Index(_) => DType::I64,
            Inst::Load(buffer, _) => buffers[*buffer],
            Inst::Check { args, .. } => all[args[0]],
            Inst::Map(op, args) => match op.signature {
                Signature::Predicate | Signature::FloatPredicate | Signature::Logic => DType::Bool,
                Signature::Select => all[args[1]],
                Signature::Integer => DType::I64,
                Signature::IntegerToFloat => DType::F64,
                Signature::Number | Signature::Float => all[args[0]],
            },
        });
    }
    all
}

fn levels(nest: &Nest) -> Vec<usize> {
    let mut levels: Vec<usize> = Vec::with_capacity(nest.body.len());
    let mut last_check = 0;
    for inst in &nest.body {
        let own = match inst {
            Inst::Index(affine) | Inst::Load(_, affine) => {
                affine.loops.iter().map(|(index, _)| index + 1).max().unwrap_or(0)
            }
            _ => 0,
        };
        let mut level = operands(inst).iter().map(|&operand| levels[operand]).fold(own, usize::max);
        if let Inst::Check { .. } = inst {
            level = level.max(last_check);
            last_check = level;
        }
        levels.push(level);
    }
    levels
}

fn live(nest: &Nest, totals: &[Total]) -> Vec<bool> {
    let mut live: Vec<bool> = nest.body.iter().map(|inst| matches!(inst, Inst::Check { .. })).collect();
    for operand in sink_operands(&nest.sink).into_iter().chain(totals.iter().map(|total| total.value)) {
        live[operand] = true;
    }
    need_operands(nest, &mut live);
    live
}

/// Needs what is needed by what is needed.
pub(super) fn need_operands(nest: &Nest, needed: &mut [bool]) {
    for (index, inst) in nest.body.iter().enumerate().rev() {
        if needed[index] {
            operands(inst).into_iter().for_each(|operand| needed[operand] = true);
        }
    }
}
