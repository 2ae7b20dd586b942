//! Truth values sixteen at a time: how many of an array are true, and an array of one truth value.
//!
//! In: a nest whose innermost loop does nothing else. Out: its loops.
//! Always holds: what is in memory is 0 or 1 in a byte, so a sum of up to 255 of them fits a byte.

use super::innermost::STRIP;
use super::nest::NestWriter;
use super::plan::Plan;
use super::writer::{aligned, unaligned};
use crate::loops::{Inst, Sink, Value as Inner};
use crate::ops::reduction::SUM;
use crate::runtime::array::DType;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};

/// Bytes of a round: four vectors.
const ROUND: i64 = 64;
/// The most bytes that are counted in bytes.
const PIECE: i64 = 255 * ROUND;

impl Plan {
    /// The load of the truth values of which the nest says how many are true.
    pub(super) fn counts_bytes(&self) -> Option<Inner> {
        let Sink::Reduce { kind, value, position: None, .. } = &self.nest.sink else { return None };
        let &Inst::Cast(from, DType::I64) = self.nest.body.get(*value)? else { return None };
        let Inst::Load(buffer, offset) = self.nest.body.get(from)? else { return None };
        let checks = self.nest.body.iter().any(|inst| matches!(inst, Inst::Check { .. }));
        let fits = self.vectors && !self.across && **kind == SUM && !checks && self.is_inner(from);
        (fits && self.buffers[*buffer] == DType::Bool && self.is_contiguous(offset)).then_some(from)
    }

    /// Whether the nest stores one truth value everywhere.
    pub(super) fn fills_bytes(&self) -> bool {
        let Sink::Store { value, buffer, offset } = &self.nest.sink else { return false };
        let checks = self.nest.body.iter().any(|inst| matches!(inst, Inst::Check { .. }));
        let plain = self.buffers[*buffer] == DType::Bool && self.dtypes[*value] == DType::Bool;
        self.vectors && plain && !checks && !self.is_inner(*value) && self.is_contiguous(offset)
    }
}

impl NestWriter<'_, '_, '_> {
    /// Counts what is true; the number is added to the last accumulator.
    pub(super) fn count_bytes(&mut self, first: Value, end: Value, accumulators: Vec<Value>) -> Vec<Value> {
        let Some(load) = self.plan.counts_bytes() else { return accumulators };
        let base = self.element_zero(load);
        self.pieces(PIECE, first, end, accumulators, |nest, first, stop, mut accumulators| {
            let zero = nest.w.constant(types::I8X16, 0);
            let (at, sums) = nest.bytes(first, stop, (ROUND, &[zero; 4]), |nest, at, sums| {
                let address = nest.w.ins().iadd(base, at);
                for (part, sum) in sums.iter_mut().enumerate() {
                    let bytes = nest.w.ins().load(types::I8X16, unaligned(), address, 16 * part as i32);
                    *sum = nest.w.ins().iadd(*sum, bytes);
                }
            });
            let mut total = accumulators.pop().unwrap_or(first);
            for sum in sums {
                total = nest.add_bytes(sum, total);
            }
            let (_, total) = nest.bytes(at, stop, (1, &[total]), |nest, at, sums| {
                let address = nest.w.ins().iadd(base, at);
                let byte = nest.w.ins().load(types::I8, aligned(), address, 0);
                let byte = nest.w.ins().uextend(types::I64, byte);
                sums[0] = nest.w.ins().iadd(sums[0], byte);
            });
            accumulators.extend(total);
            accumulators
        })
    }

    /// Stores one truth value from `first` to `end`.
    pub(super) fn fill_bytes(&mut self, first: Value, end: Value, accumulators: Vec<Value>) -> Vec<Value> {
        let byte = self.outer(self.plan.result());
        let vector = self.w.ins().splat(types::I8X16, byte);
        let base = self.element_zero(self.sink_slot());
        self.pieces(STRIP, first, end, accumulators, |nest, first, stop, accumulators| {
            let (at, _) = nest.bytes(first, stop, (ROUND, &[]), |nest, at, _| {
                let address = nest.w.ins().iadd(base, at);
                for part in 0..4 {
                    nest.w.ins().store(unaligned(), vector, address, 16 * part);
                }
            });
            nest.bytes(at, stop, (1, &[]), |nest, at, _| {
                let address = nest.w.ins().iadd(base, at);
                nest.w.ins().store(aligned(), byte, address, 0);
            });
            accumulators
        })
    }

    /// A loop in rounds of so many bytes while a whole one is left; gives where it ends, and what it carries.
    fn bytes(
        &mut self,
        first: Value,
        end: Value,
        (step, carried): (i64, &[Value]),
        round: impl FnOnce(&mut Self, Value, &mut [Value]),
    ) -> (Value, Vec<Value>) {
        let mut types = vec![types::I64];
        types.extend(carried.iter().map(|value| self.w.ty(*value)));
        let (header, exit) = (self.w.block(&types), self.w.block(&types));
        let limit = self.w.plus(end, -step);
        let start = [&[first], carried].concat();
        let enter = self.w.ins().icmp(IntCC::SignedLessThanOrEqual, first, limit);
        self.w.branch(enter, (header, &start), (exit, &start));
        self.w.start(header);
        let params = self.w.params(header);
        let mut results = params[1..].to_vec();
        round(self, params[0], &mut results);
        let next = self.w.plus(params[0], step);
        let again = self.w.ins().icmp(IntCC::SignedLessThanOrEqual, next, limit);
        let latch = [&[next], results.as_slice()].concat();
        self.w.branch(again, (header, &latch), (exit, &latch));
        self.w.start(exit);
        let params = self.w.params(exit);
        (params[0], params[1..].to_vec())
    }

    /// Adds sixteen bytes to an integer.
    fn add_bytes(&mut self, bytes: Value, total: Value) -> Value {
        let mut sum = bytes;
        for _ in 0..3 {
            let (low, high) = (self.w.ins().uwiden_low(sum), self.w.ins().uwiden_high(sum));
            sum = self.w.ins().iadd(low, high);
        }
        let (low, high) = (self.w.ins().extractlane(sum, 0), self.w.ins().extractlane(sum, 1));
        let total = self.w.ins().iadd(total, low);
        self.w.ins().iadd(total, high)
    }
}
