//! Elementwise operators: what one is, and the table of all.
//!
//! In: one [`Elementwise`] item per operator, in the files of this folder. Out: [`find`] and [`all`].
//! Always holds: help, typing, derivative, evaluation and loop code of an operator stand in one item.

mod arithmetic;
mod comparison;
mod exponential;
mod hyperbolic;
mod random;
mod rounding;
mod selection;
mod special;
mod trigonometric;

use super::emit::{Emit, Reg};
use crate::graph::{Constant, Graph, NodeId};
use crate::runtime::array::DType;
use crate::runtime::rounding::{bf16_from_f64, f16_from_f64};
use half::{bf16, f16};
use std::hash::{Hash, Hasher};

pub use arithmetic::{
    ABS, ADD, DIVIDE, FLOOR_DIVIDE, HYPOT, MULTIPLY, NEGATE, POWER, REMAINDER, SIGN, SQRT, STRONG_MULTIPLY, SUBTRACT,
};
pub use comparison::{EQUAL, GREATER, GREATER_EQUAL, LESS, LESS_EQUAL, NOT_EQUAL};
pub use exponential::{EXP, LOG};
pub use hyperbolic::{SIGMOID, TANH};
pub use random::{BITS_BELOW, BITS_TO_NORMAL, BITS_TO_UNIFORM, RANDOM_BITS};
pub use rounding::ROUND;
pub use selection::{AND, MAXIMUM, MINIMUM, NOT, OR, WHERE};
pub use special::ISFINITE;
pub use trigonometric::{COS, SIN};

/// How operand types make the result type. Operands are first brought to one dtype.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// Numbers to the same type; truth values count as integers.
    Number,
    /// Floats to the same type; integers become `f64`.
    Float,
    /// Numbers or truth values to a truth value.
    Predicate,
    /// Floats to a truth value.
    FloatPredicate,
    /// Truth values to a truth value.
    Logic,
    /// A condition and two values of one type.
    Select,
    /// Integers to an integer.
    Integer,
    /// Integers to an `f64`.
    IntegerToFloat,
}

/// The derivative of the result by one operand.
#[derive(Clone, Copy, Debug)]
pub enum Partial {
    /// It does not depend on it, or only piecewise constantly.
    Zero,
    /// 1.
    One,
    /// -1.
    MinusOne,
    /// An array of the result's shape.
    Times(NodeId),
    /// 1 where the condition holds, else 0; what is not taken is cut off, even a NaN.
    Where(NodeId),
    /// 1 where the condition does not hold, else 0.
    WhereNot(NodeId),
    /// 1 where the condition holds, else 0: a kink, and no branch that may hide anything.
    Gate(NodeId),
    /// An array of the result's shape; where `cut` holds, what is multiplied is cut off, even a NaN.
    Unless {
        /// Where there is nothing.
        cut: NodeId,
        /// The derivative elsewhere.
        factor: NodeId,
    },
}

/// The partial derivatives at (graph, operands, result), one per operand.
pub type PartialsRule = fn(&mut Graph, &[NodeId], NodeId) -> Vec<Partial>;

/// How an operator is differentiated.
#[derive(Clone, Copy)]
pub enum Derivative {
    /// By this rule.
    Rule(PartialsRule),
    /// The result is piecewise constant: the derivative is zero.
    Zero,
    /// There is none, for this reason, which the user reads.
    None(&'static str),
}

/// How an operator becomes loop code.
#[derive(Clone, Copy)]
pub enum Code {
    /// A few instructions in the loop.
    Inline(fn(&mut dyn Emit, &[Reg]) -> Reg),
    /// A run-time kernel of the operator's name, called on tiles (`runtime::math`).
    Kernel,
    /// A run-time function of this name, called per element (`runtime::scalar`).
    Scalar(&'static str),
    /// Of integers a few instructions, which depend on the divisor; of floats a run-time function of the operator's name.
    Floored(Floored),
}

/// What a division that rounds down gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Floored {
    /// The quotient.
    Quotient,
    /// What is left, with the sign of the divisor.
    Remainder,
}

/// An elementwise operator.
pub struct Elementwise {
    /// The name in programs and in printed graphs.
    pub name: &'static str,
    /// The number of operands.
    pub arity: usize,
    /// One sentence for help and docs.
    pub doc: &'static str,
    /// A program that prints something with it, and what it prints.
    pub example: (&'static str, &'static str),
    /// Typing.
    pub signature: Signature,
    /// Derivative.
    pub derivative: Derivative,
    /// Reference evaluation; operands have the types that `signature` admits.
    pub eval: fn(&[Value]) -> Value,
    /// Loop code.
    pub code: Code,
    /// Largest error in units in the last place, of any type.
    pub ulp: f64,
    /// Values for the law tests, away from kinks; each operand takes each.
    pub samples: &'static [f64],
}

impl PartialEq for Elementwise {
    fn eq(&self, other: &Elementwise) -> bool {
        self.name == other.name
    }
}

impl Eq for Elementwise {}

impl Hash for Elementwise {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl std::fmt::Debug for Elementwise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// One element in the reference evaluation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// Half precision, stored.
    F16(f16),
    /// Half of single precision's bits, stored.
    BF16(bf16),
    /// Single precision.
    F32(f32),
    /// Double precision.
    F64(f64),
}

impl Value {
    /// As a float, whatever it is.
    pub fn f64(self) -> f64 {
        match self {
            Value::Bool(v) => f64::from(u8::from(v)),
            Value::Int(v) => v as f64,
            Value::F16(v) => f64::from(v),
            Value::BF16(v) => f64::from(v),
            Value::F32(v) => f64::from(v),
            Value::F64(v) => v,
        }
    }

    /// As an integer; floats are truncated.
    pub fn int(self) -> i64 {
        match self {
            Value::Bool(v) => i64::from(v),
            Value::Int(v) => v,
            Value::F16(v) => f64::from(v) as i64,
            Value::BF16(v) => f64::from(v) as i64,
            Value::F32(v) => v as i64,
            Value::F64(v) => v as i64,
        }
    }

    /// As a truth value: not zero.
    pub fn truth(self) -> bool {
        match self {
            Value::Bool(v) => v,
            Value::Int(v) => v != 0,
            Value::F16(v) => f64::from(v) != 0.0,
            Value::BF16(v) => f64::from(v) != 0.0,
            Value::F32(v) => v != 0.0,
            Value::F64(v) => v != 0.0,
        }
    }

    /// Converted as `f32(x)`, `i64(x)` and so on do it.
    #[must_use]
    pub fn cast(self, dtype: DType) -> Value {
        match dtype {
            DType::Bool => Value::Bool(self.truth()),
            DType::I64 => Value::Int(self.int()),
            DType::F16 => Value::F16(f16_from_f64(self.f64())),
            DType::BF16 => Value::BF16(bf16_from_f64(self.f64())),
            DType::F32 => match self {
                Value::Int(v) => Value::F32(v as f32),
                other => Value::F32(other.f64() as f32),
            },
            DType::F64 => Value::F64(self.f64()),
        }
    }

    /// A constant of a dtype.
    pub fn constant(constant: Constant, dtype: DType) -> Value {
        match constant {
            Constant::Bool(v) => Value::Bool(v),
            Constant::Int(v) => Value::Int(v),
            Constant::Float(bits) => Value::F64(f64::from_bits(bits)),
        }
        .cast(dtype)
    }
}

/// Evaluates a float function at the operands' precision; `f32` is computed in `f64` and rounded once.
fn float1(args: &[Value], f: impl Fn(f64) -> f64) -> Value {
    match args {
        [Value::F32(a)] => Value::F32(f(f64::from(*a)) as f32),
        [a] => Value::F64(f(a.f64())),
        _ => Value::F64(f64::NAN),
    }
}

fn float2(args: &[Value], f: impl Fn(f64, f64) -> f64) -> Value {
    match args {
        [Value::F32(a), Value::F32(b)] => Value::F32(f(f64::from(*a), f64::from(*b)) as f32),
        [a, b] => Value::F64(f(a.f64(), b.f64())),
        _ => Value::F64(f64::NAN),
    }
}

fn number1(args: &[Value], float: impl Fn(f64) -> f64, int: impl Fn(i64) -> i64) -> Value {
    match args {
        [Value::Int(a)] => Value::Int(int(*a)),
        _ => float1(args, float),
    }
}

fn number2(args: &[Value], float: impl Fn(f64, f64) -> f64, int: impl Fn(i64, i64) -> i64) -> Value {
    match args {
        [Value::Int(a), Value::Int(b)] => Value::Int(int(*a, *b)),
        _ => float2(args, float),
    }
}

const FAMILIES: &[&[&Elementwise]] = &[
    arithmetic::ALL,
    comparison::ALL,
    exponential::ALL,
    hyperbolic::ALL,
    random::ALL,
    rounding::ALL,
    selection::ALL,
    special::ALL,
    trigonometric::ALL,
];

/// Every elementwise operator.
pub fn all() -> impl Iterator<Item = &'static Elementwise> {
    FAMILIES.iter().flat_map(|family| family.iter().copied())
}

/// The operator of that name.
pub fn find(name: &str) -> Option<&'static Elementwise> {
    all().find(|op| op.name == name)
}
