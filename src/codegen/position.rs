//! Where the extreme element of the innermost loop is.
//!
//! In: a stage that computes elements with vectors. Out: the best element so far and its position, after each block of the loop.
//! Always holds: a block is searched, one element after the other, only if its best element beats those before it; of equal
//! elements the first counts, and the first NaN is better than anything.

use super::body::Round;
use super::lanes::{self, LaneCode, Lanes, reg, scalar};
use super::nest::NestWriter;
use super::plan::Stage;
use crate::loops::{Sink, Value as Inner};
use crate::ops::{Comparison, Emit, Primitive, Reduction};
use crate::runtime::array::DType;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};

/// Elements of a block. Longer ones are searched for longer, shorter ones are compared more often.
const BLOCK: i64 = 128;

impl NestWriter<'_, '_, '_> {
    /// The innermost loop of a reduction to a position, for elements that are computed with vectors.
    pub(super) fn positions(&mut self, stage: &Stage, first: Value, end: Value, kept: Vec<Value>) -> Vec<Value> {
        self.pieces(BLOCK, first, end, kept, |nest, first, stop, kept| {
            nest.block_of_positions(stage, first, stop, kept)
        })
    }

    fn block_of_positions(&mut self, stage: &Stage, first: Value, stop: Value, kept: Vec<Value>) -> Vec<Value> {
        let (Sink::Reduce { kind, value, position: Some(position), .. }, &[before, at]) =
            (&self.plan.nest.sink, kept.as_slice())
        else {
            return kept;
        };
        let dtype = self.plan.dtypes[*value];
        let nothing = self.accumulators(kind.extremum(), dtype, stage.lanes);
        let parts = self.untiled(stage, first, stop, nothing);
        let best = self.merged(kind.extremum(), dtype, &parts);
        let better = self.is_better(kind, dtype, best, (before, at));
        let (header, exit) = (self.w.block(&[types::I64]), self.w.block(&[scalar(dtype), types::I64]));
        self.w.branch(better, (header, &[first]), (exit, &kept));
        self.w.start(header);
        let counter = self.w.params(header)[0];
        let mut round = Round::new(counter, Lanes::One, 1);
        stage.insts.iter().for_each(|inst| self.inner_instruction(*inst, &mut round));
        let (x, position) = (self.operand(*value, &round, 0), self.operand(*position, &round, 0));
        let mut code = LaneCode { w: self.w, dtype, lanes: Lanes::One };
        let mut found = code.compare(Comparison::Equal, reg(x), reg(best));
        if dtype.is_float() {
            let is_nan = code.compare(Comparison::NotEqual, reg(x), reg(x));
            found = code.op(Primitive::Or, &[found, is_nan]);
        }
        let next = self.w.plus(counter, 1);
        let last = self.w.ins().icmp(IntCC::SignedGreaterThanOrEqual, next, stop);
        let done = self.w.ins().bor(lanes::value(found), last);
        self.w.branch(done, (exit, &[x, position]), (header, &[next]));
        self.w.start(exit);
        self.w.params(exit)
    }

    /// Keeps the first best element and its position.
    pub(super) fn keep_better(
        &mut self,
        kind: &Reduction,
        value: Inner,
        position: Inner,
        round: &Round,
        kept: &mut [Value],
    ) {
        let dtype = self.plan.dtypes[value];
        let (x, at) = (self.operand(value, round, 0), self.operand(position, round, 0));
        let [best, best_at] = kept else { return };
        let better = self.is_better(kind, dtype, x, (*best, *best_at));
        *best = self.w.ins().select(better, x, *best);
        *best_at = self.w.ins().select(better, at, *best_at);
        debug_assert_eq!(self.w.ty(*best_at), types::I64);
        debug_assert_eq!(self.w.ty(*best), scalar(dtype));
    }

    /// Whether an element is better than the best before it, whose position is negative if there is none.
    fn is_better(&mut self, kind: &Reduction, dtype: DType, x: Value, (best, at): (Value, Value)) -> Value {
        let mut better = self.combine(kind, dtype, Lanes::One, x, best);
        let mut code = LaneCode { w: self.w, dtype, lanes: Lanes::One };
        if dtype.is_float() {
            let is_nan = code.compare(Comparison::NotEqual, reg(x), reg(x));
            let was_number = code.compare(Comparison::Equal, reg(best), reg(best));
            let first_nan = code.op(Primitive::And, &[is_nan, was_number]);
            better = lanes::value(code.op(Primitive::Or, &[reg(better), first_nan]));
        }
        let none_yet = self.w.ins().icmp_imm_s(IntCC::SignedLessThan, at, 0);
        self.w.ins().bor(better, none_yet)
    }
}
