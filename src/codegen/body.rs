//! Instructions of a body: as scalars outside of the innermost loop, as scalars or vectors inside.
//!
//! In: an instruction and where its operands are. Out: its value.
//! Always holds: within the innermost loop a vector's lanes are its successive iterations.

use super::division::floored;
use super::half;
use super::lanes::{self, LaneCode, Lanes, reg, scalar};
use super::nest::NestWriter;
use super::writer::{aligned, unaligned};
use crate::graph::{CheckKind, Constant, Size};
use crate::loops::{Affine, Inst, Value as Inner};
use crate::ops::elementwise::Value as Element;
use crate::ops::{Code, Elementwise, Reg};
use crate::runtime::array::DType;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use rustc_hash::FxHashMap;

/// One round of the innermost loop: `unroll` vectors of successive iterations.
pub(super) struct Round {
    /// The counter's value in the first lane of the first vector.
    pub(super) counter: Value,
    /// How wide.
    pub(super) lanes: Lanes,
    /// How many vectors.
    pub(super) unroll: usize,
    /// Values computed so far: of each instruction one per vector.
    pub(super) values: FxHashMap<Inner, Vec<Value>>,
    /// Multiples of the counter that were needed so far.
    multiples: FxHashMap<Size, Value>,
    /// Addresses of first lanes that were needed so far.
    addresses: FxHashMap<Inner, Value>,
}

/// A place in memory: an address, and how many bytes behind it.
pub(super) struct Place {
    pub(super) address: Value,
    pub(super) displacement: i32,
}

impl From<Value> for Place {
    fn from(address: Value) -> Place {
        Place { address, displacement: 0 }
    }
}

impl Round {
    pub(super) fn new(counter: Value, lanes: Lanes, unroll: usize) -> Round {
        let (values, multiples, addresses) = (FxHashMap::default(), FxHashMap::default(), FxHashMap::default());
        Round { counter, lanes, unroll, values, multiples, addresses }
    }
}

impl NestWriter<'_, '_, '_> {
    /// An instruction outside of the innermost loop. Its address, if it has one, is complete.
    pub(super) fn outer_instruction(&mut self, value: Inner) -> Value {
        let plan = self.plan;
        match &plan.nest.body[value] {
            Inst::Index(_) => self.base(value),
            Inst::Load(buffer, _) => {
                if let Some(known) = self.w.register(*buffer, scalar(plan.dtypes[value])) {
                    return known;
                }
                let (address, offset) = (self.base(value), self.displacement(value));
                self.w.ins().load(scalar(plan.dtypes[value]), aligned(), address, offset)
            }
            inst => {
                let args: Vec<Value> = super::plan::operands(inst).iter().map(|arg| self.outer(*arg)).collect();
                self.apply(value, &args, Lanes::One)
            }
        }
    }

    /// An instruction inside of the innermost loop: one value per vector of the round.
    pub(super) fn inner_instruction(&mut self, value: Inner, round: &mut Round) {
        for part in 0..round.unroll {
            self.inner_part(value, round, part);
        }
    }

    /// The same for one of the vectors, those before it being done.
    pub(super) fn inner_part(&mut self, value: Inner, round: &mut Round, part: usize) {
        let plan = self.plan;
        let lanes = round.lanes;
        let result = match &plan.nest.body[value] {
            Inst::Index(affine) => {
                let first = self.address_once(value, affine, 1, round);
                self.index(first, affine, lanes, part)
            }
            Inst::Load(_, affine) => {
                let dtype = plan.dtypes[value];
                let address = self.address_once(value, affine, dtype.size(), round);
                self.load(dtype, Place { address, displacement: self.displacement(value) }, lanes, part)
            }
            inst => {
                let operands = super::plan::operands(inst);
                let args: Vec<Value> = operands.iter().map(|arg| self.operand(*arg, round, part)).collect();
                self.apply(value, &args, lanes)
            }
        };
        round.values.entry(value).or_default().push(result);
    }

    fn address_once(&mut self, value: Inner, affine: &Affine, bytes: usize, round: &mut Round) -> Value {
        let value = self.home(value);
        if let Some(known) = round.addresses.get(&value) {
            return *known;
        }
        let address = self.address(value, affine, bytes, round);
        round.addresses.insert(value, address);
        address
    }

    /// A value for one of the vectors of a round.
    pub(super) fn operand(&mut self, value: Inner, round: &Round, part: usize) -> Value {
        match round.values.get(&value) {
            Some(values) => values[part],
            None => self.outer_lanes(value, round.lanes),
        }
    }

    /// A contiguous element or vector; `part` counts vectors from the address on.
    pub(super) fn load(&mut self, dtype: DType, place: impl Into<Place>, lanes: Lanes, part: usize) -> Value {
        let Place { address, displacement } = place.into();
        let offset = displacement + byte_offset(lanes, part, dtype.size());
        if dtype == DType::Bool && lanes != Lanes::One {
            return lanes::load_mask(self.w, lanes, address, offset);
        }
        if dtype.is_half() {
            return half::load(self.w, lanes, address, offset);
        }
        let flags = if lanes == Lanes::One { aligned() } else { unaligned() };
        self.w.ins().load(lanes.ty(dtype), flags, address, offset)
    }

    /// Stores what [`NestWriter::load`] loads.
    pub(super) fn store(&mut self, dtype: DType, value: Value, place: impl Into<Place>, lanes: Lanes, part: usize) {
        let Place { address, displacement } = place.into();
        let offset = displacement + byte_offset(lanes, part, dtype.size());
        if dtype == DType::Bool && lanes != Lanes::One {
            return lanes::store_mask(self.w, lanes, value, address, offset);
        }
        if dtype.is_half() {
            return half::store(self.w, lanes, value, address, offset);
        }
        let flags = if lanes == Lanes::One { aligned() } else { unaligned() };
        self.w.ins().store(flags, value, address, offset);
    }

    /// `base + counter * bytes`, for memory that the innermost loop walks contiguously.
    pub(super) fn walk(&mut self, base: Value, bytes: usize, round: &mut Round) -> Value {
        let step = self.multiple(&Size::from(bytes as i64), round);
        self.step(base, step)
    }

    /// `address + bytes`.
    fn step(&mut self, address: Value, bytes: Value) -> Value {
        match self.w.integer_behind(bytes) {
            Some(0) => address,
            _ => self.w.ins().iadd(address, bytes),
        }
    }

    fn multiple(&mut self, factor: &Size, round: &mut Round) -> Value {
        if let Some(value) = round.multiples.get(factor) {
            return *value;
        }
        let value = self.w.times_size(round.counter, factor);
        round.multiples.insert(factor.clone(), value);
        value
    }

    /// An affine expression at the round's first lane, in units of `bytes`.
    pub(super) fn address(&mut self, slot: usize, affine: &Affine, bytes: usize, round: &mut Round) -> Value {
        let mut address = self.base(slot);
        let bytes = Size::from(bytes as i64);
        let factor = affine.factor(self.plan.depth().saturating_sub(1)).times(&bytes);
        if factor.as_const() != Some(0) {
            let step = self.multiple(&factor, round);
            address = self.step(address, step);
        }
        for (value, factor) in &affine.values {
            if self.plan.is_inner(*value) {
                let index = self.operand(*value, round, 0);
                let step = self.w.times_size(index, &factor.times(&bytes));
                address = self.w.ins().iadd(address, step);
            }
        }
        address
    }

    /// The lanes of an index, from the one in the first lane of the first vector.
    fn index(&mut self, first: Value, affine: &Affine, lanes: Lanes, part: usize) -> Value {
        if lanes == Lanes::One {
            return first;
        }
        let factor = affine.factor(self.plan.depth().saturating_sub(1)).as_const().unwrap_or(0);
        let first = self.w.ins().splat(types::I64X2, first);
        let start = 2 * factor * part as i64;
        let lanes = self.w.pair(start, start + factor);
        self.w.ins().iadd(first, lanes)
    }

    /// An instruction without an address, from its operands.
    fn apply(&mut self, value: Inner, args: &[Value], lanes: Lanes) -> Value {
        let plan = self.plan;
        match &plan.nest.body[value] {
            Inst::Const(constant, dtype) => lanes::constant(self.w, lanes, Element::constant(*constant, *dtype)),
            Inst::Map(op, _) => self.map(op, value, args, lanes),
            Inst::Cast(from, to) => {
                let cast = lanes::cast(self.w, lanes, plan.dtypes[*from], *to, args[0]);
                cast.unwrap_or_else(|| {
                    self.w.fail("a conversion without vector code");
                    args[0]
                })
            }
            Inst::Check { fault, .. } => self.check(*fault, args),
            Inst::Index(_) | Inst::Load(..) => args.first().copied().unwrap_or(self.fault),
        }
    }

    fn map(&mut self, op: &'static Elementwise, value: Inner, args: &[Value], lanes: Lanes) -> Value {
        let dtype = self.plan.operand_type(value);
        let ty = scalar(self.plan.dtypes[value]);
        match op.code {
            Code::Inline(code) => {
                let regs: Vec<Reg> = args.iter().map(|arg| reg(*arg)).collect();
                lanes::value(code(&mut LaneCode { w: self.w, dtype, lanes }, &regs))
            }
            Code::Kernel if dtype.is_float() => self.call_single(op.name, dtype, args),
            Code::Kernel => self.call_scalar(op.name, dtype, args, ty),
            Code::Scalar(name) => self.call_scalar(name, dtype, args, ty),
            Code::Floored(part) if dtype == DType::I64 => match args {
                [x, d] => floored(self.w, part, *x, (*d, self.known_divisor(value))),
                _ => self.call_scalar(op.name, dtype, args, ty),
            },
            Code::Floored(_) => self.call_scalar(op.name, dtype, args, ty),
        }
    }

    /// The second operand of an instruction, if it is a constant.
    fn known_divisor(&self, value: Inner) -> Option<i64> {
        let body = &self.plan.nest.body;
        let Inst::Map(_, operands) = body.get(value)? else { return None };
        match body.get(*operands.get(1)?)? {
            Inst::Const(Constant::Int(divisor), DType::I64) => Some(*divisor),
            _ => None,
        }
    }

    fn call_scalar(&mut self, name: &str, dtype: DType, args: &[Value], ty: types::Type) -> Value {
        let result = self.w.call(&format!("{name}_{dtype}"), args, &[ty]);
        result.unwrap_or(args[0])
    }

    /// Applies a tile function to one element.
    fn call_single(&mut self, name: &str, dtype: DType, args: &[Value]) -> Value {
        let slot = self.single();
        let mut pointers = vec![self.w.ins().stack_addr(types::I64, slot, 0)];
        for (index, arg) in args.iter().enumerate() {
            let pointer = self.w.ins().stack_addr(types::I64, slot, 8 + 8 * index as i32);
            self.w.ins().store(aligned(), *arg, pointer, 0);
            pointers.push(pointer);
        }
        let out = pointers[0];
        pointers.push(self.w.integer(1));
        self.w.call(&format!("{name}_{dtype}"), &pointers, &[]);
        self.w.ins().load(scalar(dtype), aligned(), out, 0)
    }

    /// Leaves the function with a fault if the check fails; else the value that the check passes on.
    fn check(&mut self, fault: usize, args: &[Value]) -> Value {
        let (result, holds) = match (&self.faults[fault].kind, args) {
            (CheckKind::Index { .. }, [index, extent, rest @ ..]) => {
                let negative = self.w.ins().icmp_imm_s(IntCC::SignedLessThan, *index, 0);
                let from_end = self.w.ins().iadd(*index, *extent);
                let counted = self.w.ins().select(negative, from_end, *index);
                let inside = self.w.ins().icmp(IntCC::UnsignedLessThan, counted, *extent);
                match rest.first() {
                    None => (counted, inside),
                    Some(meant) => {
                        let one = self.w.constant(types::I8, 1);
                        let zero = self.w.integer(0);
                        let not_meant = self.w.ins().bxor(*meant, one);
                        (self.w.ins().select(*meant, counted, zero), self.w.ins().bor(inside, not_meant))
                    }
                }
            }
            (CheckKind::Equal { .. }, [a, b, ..]) => (*a, self.w.ins().icmp(IntCC::Equal, *a, *b)),
            (CheckKind::NonZero | CheckKind::Step, [divisor, ..]) => {
                (*divisor, self.w.ins().icmp_imm_s(IntCC::NotEqual, *divisor, 0))
            }
            (CheckKind::Assert { .. }, [truth, ..]) => (*truth, *truth),
            _ => {
                self.w.fail("a check with the wrong operands");
                (args[0], args[0])
            }
        };
        let (failed, fine) = (self.w.cold_block(), self.w.block(&[]));
        self.w.branch(holds, (fine, &[]), (failed, &[]));
        self.w.start(failed);
        let record = self.fault;
        if matches!(self.faults[fault].kind, CheckKind::Index { .. } | CheckKind::Equal { .. }) {
            for (slot, arg) in args.iter().take(2).enumerate() {
                self.w.ins().store(aligned(), *arg, record, 8 * slot as i32);
            }
        }
        let status = self.w.integer(1 + fault as i64);
        self.w.ins().return_(&[status]);
        self.w.start(fine);
        result
    }
}

fn byte_offset(lanes: Lanes, part: usize, bytes: usize) -> i32 {
    i32::try_from(lanes.count() as usize * part * bytes).unwrap_or_default()
}
