//! The 16-bit floats in registers: loads, stores, and conversion from and to single precision.
//!
//! In: the bits of an element, as `I16` alone or in the low half of each `I32` lane. Out: `F32` of as many lanes, and back.
//! Always holds: widening is exact, narrowing rounds to nearest, ties to even; subnormals are kept, and NaN stays NaN.
//!
//! All of it is integer arithmetic that every machine has, after Fabian Giesen's conversions in the public domain:
//! half to float by one multiplication (<https://gist.github.com/rygorous/2144712>), and `float_to_half_fast3_rtne`
//! (<https://gist.github.com/rygorous/2156668>).

use super::lanes::{Lanes, bitcast};
use super::writer::{Writer, aligned, unaligned};
use crate::runtime::array::DType;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};

/// The bits of infinity in single precision.
const INFINITY: u32 = 0x7f80_0000;
/// 2^112: from the exponents of binary16 under single precision's bias to what they mean.
const REBIAS: u32 = 0x7780_0000;
/// A binary16's infinity, shifted to where single precision has its exponent.
const SHIFTED_INFINITY: u32 = 0x7c00 << 13;
/// 2^16: what binary16 has no exponent for.
const TOO_LARGE: u32 = (127 + 16) << 23;
/// 2^-14: the least normal number of binary16.
const LEAST_NORMAL: u32 = (127 - 14) << 23;
/// 0.5: in a sum with it the last bit is worth 2^-24, the least subnormal.
const SUBNORMAL_ONE: u32 = 126 << 23;

/// Loads elements as they lie in memory, one after the other.
pub(super) fn load(w: &mut Writer, lanes: Lanes, address: Value, offset: i32) -> Value {
    match lanes {
        Lanes::One => w.ins().load(types::I16, aligned(), address, offset),
        _ => w.ins().uload16x4(unaligned(), address, offset),
    }
}

/// Stores what [`load`] loads.
pub(super) fn store(w: &mut Writer, lanes: Lanes, value: Value, address: Value, offset: i32) {
    if lanes == Lanes::One {
        w.ins().store(aligned(), value, address, offset);
        return;
    }
    let packed = w.ins().unarrow(value, value);
    let packed = bitcast(w, types::I64X2, packed);
    let four = w.ins().extractlane(packed, 0);
    w.ins().store(unaligned(), four, address, offset);
}

/// The number in single precision.
pub(super) fn widen(w: &mut Writer, lanes: Lanes, from: DType, value: Value) -> Value {
    let mut code = Bits { w, lanes };
    let bits = match lanes {
        Lanes::One => code.w.ins().uextend(types::I32, value),
        _ => value,
    };
    let bits = if from == DType::BF16 { code.left(bits, 16) } else { code.widen_binary16(bits) };
    code.as_float(bits)
}

/// The nearest number of a 16-bit type to one in single precision.
pub(super) fn narrow(w: &mut Writer, lanes: Lanes, to: DType, value: Value) -> Value {
    let mut code = Bits { w, lanes };
    let bits = code.as_bits(value);
    let bits = if to == DType::BF16 { code.narrow_bfloat16(bits) } else { code.narrow_binary16(bits) };
    match lanes {
        Lanes::One => w.ins().ireduce(types::I16, bits),
        _ => bits,
    }
}

/// Single precision rounded to odd, so that narrowing it further rounds the double once; see `runtime::rounding`.
pub(super) fn demote_to_odd(w: &mut Writer, value: Value) -> Value {
    let nearest = w.ins().fdemote(types::F32, value);
    let back = w.ins().fpromote(types::F64, nearest);
    let (wanted, found) = (w.ins().fabs(value), w.ins().fabs(back));
    let (above, below) =
        (w.ins().fcmp(FloatCC::GreaterThan, found, wanted), w.ins().fcmp(FloatCC::LessThan, found, wanted));
    let mut code = Bits { w, lanes: Lanes::One };
    let bits = code.as_bits(nearest);
    let (next, before) = (code.plus(bits, 1), code.plus(bits, u32::MAX));
    let moved = code.select(below, next, bits);
    let moved = code.select(above, before, moved);
    let last = code.and(bits, 1);
    let result = code.select(last, bits, moved);
    code.as_float(result)
}

/// Arithmetic on 32-bit patterns, alone or four at a time.
struct Bits<'w, 'a> {
    w: &'w mut Writer<'a>,
    lanes: Lanes,
}

impl Bits<'_, '_> {
    fn ty(&self) -> Type {
        if self.lanes == Lanes::One { types::I32 } else { types::I32X4 }
    }

    fn constant(&mut self, bits: u32) -> Value {
        let ty = self.ty();
        self.w.constant(ty, u64::from(bits))
    }

    fn as_bits(&mut self, value: Value) -> Value {
        let ty = self.ty();
        bitcast(self.w, ty, value)
    }

    fn as_float(&mut self, value: Value) -> Value {
        let ty = self.lanes.ty(DType::F32);
        bitcast(self.w, ty, value)
    }

    fn plus(&mut self, value: Value, constant: u32) -> Value {
        let constant = self.constant(constant);
        self.w.ins().iadd(value, constant)
    }

    fn and(&mut self, value: Value, mask: u32) -> Value {
        let mask = self.constant(mask);
        self.w.ins().band(value, mask)
    }

    fn left(&mut self, value: Value, by: u32) -> Value {
        let by = self.w.constant(types::I32, u64::from(by));
        self.w.ins().ishl(value, by)
    }

    fn right(&mut self, value: Value, by: u32) -> Value {
        let by = self.w.constant(types::I32, u64::from(by));
        self.w.ins().ushr(value, by)
    }

    /// Whether a pattern, which is not negative, is above a constant.
    fn above(&mut self, value: Value, constant: u32) -> Value {
        let constant = self.constant(constant);
        self.w.ins().icmp(IntCC::SignedGreaterThan, value, constant)
    }

    fn select(&mut self, condition: Value, a: Value, b: Value) -> Value {
        match self.lanes {
            Lanes::One => self.w.ins().select(condition, a, b),
            _ => self.w.ins().bitselect(condition, a, b),
        }
    }

    /// The exponent is shifted into place and corrected by a multiplication, which normalises subnormals too.
    fn widen_binary16(&mut self, half: Value) -> Value {
        let (magnitude, sign) = (self.and(half, 0x7fff), self.and(half, 0x8000));
        let (magnitude, sign) = (self.left(magnitude, 13), self.left(sign, 16));
        let rebias = self.constant(REBIAS);
        let (float, rebias) = (self.as_float(magnitude), self.as_float(rebias));
        let scaled = self.w.ins().fmul(float, rebias);
        let scaled = self.as_bits(scaled);
        let infinity = self.constant(INFINITY);
        let special = self.w.ins().bor(scaled, infinity);
        let is_special = self.above(magnitude, SHIFTED_INFINITY - 1);
        let magnitude = self.select(is_special, special, scaled);
        self.w.ins().bor(magnitude, sign)
    }

    fn narrow_binary16(&mut self, float: Value) -> Value {
        let (magnitude, sign) = (self.and(float, 0x7fff_ffff), self.and(float, 0x8000_0000));
        let (infinity, nan) = (self.constant(0x7c00), self.constant(0x7e00));
        let is_nan = self.above(magnitude, INFINITY);
        let special = self.select(is_nan, nan, infinity);
        // A sum whose last bit is worth 2^-24 rounds as the subnormal does.
        let one = self.constant(SUBNORMAL_ONE);
        let (x, shift) = (self.as_float(magnitude), self.as_float(one));
        let sum = self.w.ins().fadd(x, shift);
        let sum = self.as_bits(sum);
        let subnormal = self.w.ins().isub(sum, one);
        let rounded = self.plus(magnitude, (15u32.wrapping_sub(127) << 23).wrapping_add(0xfff));
        let normal = self.round_off(magnitude, rounded, 13);
        let is_normal = self.above(magnitude, LEAST_NORMAL - 1);
        let finite = self.select(is_normal, normal, subnormal);
        let is_large = self.above(magnitude, TOO_LARGE - 1);
        let magnitude = self.select(is_large, special, finite);
        let sign = self.right(sign, 16);
        self.w.ins().bor(magnitude, sign)
    }

    fn narrow_bfloat16(&mut self, float: Value) -> Value {
        let rounded = self.plus(float, 0x7fff);
        let rounded = self.round_off(float, rounded, 16);
        let cut = self.right(float, 16);
        let quiet = self.constant(0x40);
        let nan = self.w.ins().bor(cut, quiet);
        let magnitude = self.and(float, 0x7fff_ffff);
        let is_nan = self.above(magnitude, INFINITY);
        self.select(is_nan, nan, rounded)
    }

    /// `rounded`, which is `bits` plus almost half of the last place that stays, plus that place's bit, cut off there:
    /// a tie goes to even.
    fn round_off(&mut self, bits: Value, rounded: Value, places: u32) -> Value {
        let last = self.right(bits, places);
        let odd = self.and(last, 1);
        let rounded = self.w.ins().iadd(rounded, odd);
        self.right(rounded, places)
    }
}
