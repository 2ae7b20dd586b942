//! Scalars and 128-bit vectors: their types, and operators' loop code for either.
//!
//! In: what an operator's code asks for through [`Emit`]. Out: Cranelift instructions.
//! Always holds: a truth value is 0 or 1 in a byte as a scalar, and all ones or zeros in a lane of a vector.

use super::half;
use super::writer::{Writer, unaligned};
use crate::ops::elementwise::Value as Element;
use crate::ops::{Comparison, Emit, Primitive, Reg};
use crate::runtime::array::DType;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Type, Value, types};

/// How many elements are computed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Lanes {
    /// One.
    One,
    /// Two of eight bytes.
    Two,
    /// Four of four bytes.
    Four,
}

impl Lanes {
    /// Their number.
    pub(super) fn count(self) -> i64 {
        match self {
            Lanes::One => 1,
            Lanes::Two => 2,
            Lanes::Four => 4,
        }
    }

    /// Whether elements of that type fit the lanes; truth values fit all.
    pub(super) fn fit(self, dtype: DType) -> bool {
        match self {
            Lanes::One => true,
            Lanes::Two => !is_narrow(dtype),
            Lanes::Four => is_narrow(dtype) || dtype == DType::Bool,
        }
    }

    /// The type of a register that holds them.
    pub(super) fn ty(self, dtype: DType) -> Type {
        match (self, dtype) {
            (Lanes::One, _) => scalar(dtype),
            (Lanes::Two, DType::F64) => types::F64X2,
            (Lanes::Two, _) => types::I64X2,
            (Lanes::Four, DType::F32) => types::F32X4,
            (Lanes::Four, _) => types::I32X4,
        }
    }

    /// Bytes of an element that fits.
    pub(super) fn tile_width(self) -> usize {
        if self == Lanes::Four { 4 } else { 8 }
    }

    /// The type of a truth value's lanes.
    pub(super) fn mask(self) -> Type {
        self.ty(DType::Bool)
    }
}

/// Whether it is a float of which four are computed at once; a 16-bit one lies in the low half of its lane.
pub(super) fn is_narrow(dtype: DType) -> bool {
    dtype == DType::F32 || dtype.is_half()
}

/// The type of a scalar, in registers and memory.
pub(super) fn scalar(dtype: DType) -> Type {
    match dtype {
        DType::Bool => types::I8,
        DType::I64 => types::I64,
        DType::F16 | DType::BF16 => types::I16,
        DType::F32 => types::F32,
        DType::F64 => types::F64,
    }
}

/// The bits of a constant, as [`Writer::constant`] takes them.
pub(super) fn bits(element: Element) -> u64 {
    match element {
        Element::Bool(value) => u64::from(value),
        Element::Int(value) => value as u64,
        Element::F16(value) => u64::from(value.to_bits()),
        Element::BF16(value) => u64::from(value.to_bits()),
        Element::F32(value) => u64::from(value.to_bits()),
        Element::F64(value) => value.to_bits(),
    }
}

/// A constant of a dtype in every lane.
pub(super) fn constant(w: &mut Writer, lanes: Lanes, element: Element) -> Value {
    match element {
        Element::Bool(truth) if lanes != Lanes::One => {
            let ones = if truth { u64::MAX } else { 0 };
            w.constant(lanes.mask(), if lanes == Lanes::Four { ones & 0xffff_ffff } else { ones })
        }
        Element::Bool(truth) => w.constant(types::I8, u64::from(truth)),
        Element::Int(value) => w.constant(lanes.ty(DType::I64), value as u64),
        Element::F16(_) => w.constant(lanes.ty(DType::F16), bits(element)),
        Element::BF16(_) => w.constant(lanes.ty(DType::BF16), bits(element)),
        Element::F32(_) => w.constant(lanes.ty(DType::F32), bits(element)),
        Element::F64(_) => w.constant(lanes.ty(DType::F64), bits(element)),
    }
}

/// The same scalar in every lane.
pub(super) fn splat(w: &mut Writer, lanes: Lanes, dtype: DType, value: Value) -> Value {
    let ty = lanes.ty(dtype);
    let lane = match dtype {
        DType::Bool => w.ins().bmask(ty.lane_type(), value),
        DType::F16 | DType::BF16 => w.ins().uextend(ty.lane_type(), value),
        _ => value,
    };
    w.ins().splat(ty, lane)
}

/// A bit pattern under another type.
pub(super) fn bitcast(w: &mut Writer, ty: Type, value: Value) -> Value {
    if w.ty(value) == ty {
        return value;
    }
    w.ins().bitcast(ty, MemFlagsData::new().with_endianness(Endianness::Little), value)
}

/// Truth values of successive bytes of memory as a mask.
pub(super) fn load_mask(w: &mut Writer, lanes: Lanes, address: Value, offset: i32) -> Value {
    let (narrow, vector) = packed(lanes);
    let bytes = w.ins().load(narrow, unaligned(), address, offset);
    let bytes = if lanes == Lanes::Two { w.ins().uextend(types::I32, bytes) } else { bytes };
    let bytes = w.ins().scalar_to_vector(types::I32X4, bytes);
    let bytes = bitcast(w, types::I8X16, bytes);
    let width = 16 / lanes.count() as u8;
    let spread = w.shuffle(bytes, std::array::from_fn(|byte| byte as u8 / width));
    let mask = w.ins().ineg(spread);
    debug_assert_eq!(vector.bits(), 128);
    bitcast(w, lanes.mask(), mask)
}

/// Stores a mask as truth values in successive bytes.
pub(super) fn store_mask(w: &mut Writer, lanes: Lanes, mask: Value, address: Value, offset: i32) {
    let (_, vector) = packed(lanes);
    let width = 16 / lanes.count() as u8;
    let bytes = bitcast(w, types::I8X16, mask);
    let ones = w.constant(types::I8X16, 1);
    let bits = w.ins().band(bytes, ones);
    let gathered = w.shuffle(bits, std::array::from_fn(|byte| byte as u8 % lanes.count() as u8 * width));
    let gathered = bitcast(w, vector, gathered);
    let all = w.ins().extractlane(gathered, 0);
    w.ins().store(unaligned(), all, address, offset);
}

/// The integer that holds one byte per lane, and a vector of those.
fn packed(lanes: Lanes) -> (Type, Type) {
    match lanes {
        Lanes::Four => (types::I32, types::I32X4),
        _ => (types::I16, types::I16X8),
    }
}

/// Converts lanes from one dtype to another; `None` if there is no vector code for it.
pub(super) fn cast(w: &mut Writer, lanes: Lanes, from: DType, to: DType, value: Value) -> Option<Value> {
    if from == to {
        return Some(value);
    }
    if from.is_half() {
        let wide = half::widen(w, lanes, from, value);
        return cast(w, lanes, DType::F32, to, wide);
    }
    if to.is_half() {
        let wide = match from {
            DType::F64 | DType::I64 => {
                let double = cast(w, lanes, from, DType::F64, value).filter(|_| lanes == Lanes::One)?;
                half::demote_to_odd(w, double)
            }
            _ => cast(w, lanes, from, DType::F32, value)?,
        };
        return Some(half::narrow(w, lanes, to, wide));
    }
    if to == DType::Bool {
        let zero = constant(w, lanes, Element::F64(0.0).cast(from));
        return Some(match from.is_float() {
            true => w.ins().fcmp(FloatCC::NotEqual, value, zero),
            false => w.ins().icmp(IntCC::NotEqual, value, zero),
        });
    }
    match lanes {
        Lanes::One => Some(cast_scalar(w, from, to, value)),
        _ if from == DType::Bool => {
            let one = constant(w, lanes, Element::Bool(true).cast(to));
            let ones = bitcast(w, lanes.mask(), one);
            let chosen = w.ins().band(value, ones);
            Some(bitcast(w, lanes.ty(to), chosen))
        }
        Lanes::Two if (from, to) == (DType::I64, DType::F64) => Some(w.ins().fcvt_from_sint(types::F64X2, value)),
        _ => None,
    }
}

fn cast_scalar(w: &mut Writer, from: DType, to: DType, value: Value) -> Value {
    let ty = scalar(to);
    match (from, to) {
        (DType::Bool, DType::I64) => w.ins().uextend(ty, value),
        (DType::Bool, _) => {
            let wide = w.ins().uextend(types::I64, value);
            w.ins().fcvt_from_sint(ty, wide)
        }
        (DType::I64, _) => w.ins().fcvt_from_sint(ty, value),
        (_, DType::I64) => w.ins().fcvt_to_sint_sat(ty, value),
        (DType::F32, DType::F64) => w.ins().fpromote(ty, value),
        (DType::F64, DType::F32) => w.ins().fdemote(ty, value),
        _ => value,
    }
}

/// Whether [`cast`] has vector code.
pub(super) fn has_vector_cast(from: DType, to: DType) -> bool {
    from == to
        || to == DType::Bool
        || from == DType::Bool
        || (is_narrow(from) && is_narrow(to))
        || (from, to) == (DType::I64, DType::F64)
}

/// An operator's loop code over lanes of one dtype.
pub(super) struct LaneCode<'w, 'a> {
    /// Where instructions go.
    pub(super) w: &'w mut Writer<'a>,
    /// The operands' dtype.
    pub(super) dtype: DType,
    /// How many at once.
    pub(super) lanes: Lanes,
}

/// A register as the operator's code knows it.
pub(super) fn reg(value: Value) -> Reg {
    Reg(value.as_u32())
}

/// The value behind a register.
pub(super) fn value(reg: Reg) -> Value {
    Value::from_u32(reg.0)
}

impl LaneCode<'_, '_> {
    fn unary(&mut self, primitive: Primitive, x: Value) -> Value {
        let float = self.is_float();
        match primitive {
            Primitive::Negate if float => self.w.ins().fneg(x),
            Primitive::Negate => self.w.ins().ineg(x),
            Primitive::Absolute => self.w.ins().fabs(x),
            Primitive::SquareRoot => self.w.ins().sqrt(x),
            Primitive::Floor => self.w.ins().floor(x),
            Primitive::Ceil => self.w.ins().ceil(x),
            Primitive::Truncate => self.w.ins().trunc(x),
            Primitive::Nearest => self.w.ins().nearest(x),
            Primitive::Not if self.lanes == Lanes::One => {
                let one = self.w.constant(types::I8, 1);
                self.w.ins().bxor(x, one)
            }
            Primitive::Not => self.w.ins().bnot(x),
            _ => self.unsupported(primitive, x),
        }
    }

    fn binary(&mut self, primitive: Primitive, x: Value, y: Value) -> Value {
        let float = self.is_float();
        match primitive {
            Primitive::Add if float => self.w.ins().fadd(x, y),
            Primitive::Add => self.w.ins().iadd(x, y),
            Primitive::Subtract if float => self.w.ins().fsub(x, y),
            Primitive::Subtract => self.w.ins().isub(x, y),
            Primitive::Multiply if float => self.w.ins().fmul(x, y),
            Primitive::Multiply => self.w.product(x, y),
            Primitive::Divide if float => self.w.ins().fdiv(x, y),
            // The functions behind these cannot trap, whatever the divisor is.
            Primitive::Divide => self.w.call("divide_i64", &[x, y], &[types::I64]).unwrap_or(x),
            Primitive::Remainder => self.w.call("modulo_i64", &[x, y], &[types::I64]).unwrap_or(x),
            Primitive::And => self.w.ins().band(x, y),
            Primitive::Or => self.w.ins().bor(x, y),
            Primitive::CopySign if self.lanes == Lanes::One => self.w.ins().fcopysign(x, y),
            Primitive::CopySign => {
                let sign = constant(self.w, self.lanes, Element::F64(-0.0).cast(self.dtype));
                let magnitude = self.w.ins().fabs(x);
                let sign = self.w.ins().band(sign, y);
                self.w.ins().bor(magnitude, sign)
            }
            _ => self.unsupported(primitive, x),
        }
    }

    fn unsupported(&mut self, primitive: Primitive, x: Value) -> Value {
        self.w.fail(format_args!("no code for {primitive:?} on {}", self.dtype));
        x
    }

    /// Comparison of truth values, by logic, so that it is the same for bytes and masks.
    fn compare_truth(&mut self, comparison: Comparison, a: Value, b: Value) -> Value {
        let not = |code: &mut Self, x| code.unary(Primitive::Not, x);
        match comparison {
            Comparison::NotEqual => self.w.ins().bxor(a, b),
            Comparison::Equal => {
                let differ = self.w.ins().bxor(a, b);
                not(self, differ)
            }
            Comparison::Less => {
                let low = not(self, a);
                self.w.ins().band(low, b)
            }
            Comparison::LessEqual => {
                let low = not(self, a);
                self.w.ins().bor(low, b)
            }
            Comparison::Greater => self.compare_truth(Comparison::Less, b, a),
            Comparison::GreaterEqual => self.compare_truth(Comparison::LessEqual, b, a),
        }
    }
}

impl Emit for LaneCode<'_, '_> {
    fn is_float(&self) -> bool {
        self.dtype.is_float()
    }

    fn constant(&mut self, value: f64) -> Reg {
        reg(constant(self.w, self.lanes, Element::F64(value).cast(self.dtype)))
    }

    fn op(&mut self, primitive: Primitive, args: &[Reg]) -> Reg {
        reg(match args {
            [x] => self.unary(primitive, value(*x)),
            [x, y] => self.binary(primitive, value(*x), value(*y)),
            _ => {
                self.w.fail(format_args!("{primitive:?} of {} operands", args.len()));
                self.w.integer(0)
            }
        })
    }

    fn compare(&mut self, comparison: Comparison, a: Reg, b: Reg) -> Reg {
        let (a, b) = (value(a), value(b));
        reg(match self.dtype {
            DType::Bool => self.compare_truth(comparison, a, b),
            DType::I64 => self.w.ins().icmp(integer_condition(comparison), a, b),
            // Only NaN differs from itself: one flag tells.
            _ if a == b && comparison == Comparison::NotEqual => self.w.ins().fcmp(FloatCC::Unordered, a, b),
            _ if a == b && comparison == Comparison::Equal => self.w.ins().fcmp(FloatCC::Ordered, a, b),
            _ => self.w.ins().fcmp(float_condition(comparison), a, b),
        })
    }

    fn select(&mut self, condition: Reg, a: Reg, b: Reg) -> Reg {
        let (condition, a, b) = (value(condition), value(a), value(b));
        if self.lanes == Lanes::One {
            return reg(self.w.ins().select(condition, a, b));
        }
        let ty = self.w.ty(a);
        let mask = bitcast(self.w, ty, condition);
        reg(self.w.ins().bitselect(mask, a, b))
    }
}

fn integer_condition(comparison: Comparison) -> IntCC {
    match comparison {
        Comparison::Equal => IntCC::Equal,
        Comparison::NotEqual => IntCC::NotEqual,
        Comparison::Less => IntCC::SignedLessThan,
        Comparison::LessEqual => IntCC::SignedLessThanOrEqual,
        Comparison::Greater => IntCC::SignedGreaterThan,
        Comparison::GreaterEqual => IntCC::SignedGreaterThanOrEqual,
    }
}

fn float_condition(comparison: Comparison) -> FloatCC {
    match comparison {
        Comparison::Equal => FloatCC::Equal,
        Comparison::NotEqual => FloatCC::NotEqual,
        Comparison::Less => FloatCC::LessThan,
        Comparison::LessEqual => FloatCC::LessThanOrEqual,
        Comparison::Greater => FloatCC::GreaterThan,
        Comparison::GreaterEqual => FloatCC::GreaterThanOrEqual,
    }
}
