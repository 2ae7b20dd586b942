//! The scalar instructions that an operator's loop code is written in.
//!
//! In: an operator's operands as registers. Out: registers; the code generator implements [`Emit`], for scalars and vectors alike.
//! Always holds: every operand of one instruction has one type, but for the condition of `select`.

/// A value in generated code; only the emitter knows what is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reg(pub u32);

/// Instructions whose result has the type of their operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Primitive {
    /// Sum; integers wrap.
    Add,
    /// Difference; integers wrap.
    Subtract,
    /// Product; integers wrap.
    Multiply,
    /// Quotient; integers truncate, and neither a zero divisor nor overflow may reach it.
    Divide,
    /// Remainder of the truncated quotient; integers only.
    Remainder,
    /// Negation.
    Negate,
    /// Absolute value of a float.
    Absolute,
    /// Correctly rounded square root.
    SquareRoot,
    /// Largest whole number not above.
    Floor,
    /// Smallest whole number not below.
    Ceil,
    /// Rounds towards zero.
    Truncate,
    /// Rounds to nearest, ties to even.
    Nearest,
    /// Logical (or bitwise) and.
    And,
    /// Logical (or bitwise) or.
    Or,
    /// Logical not of a truth value.
    Not,
    /// Magnitude of the first, sign of the second.
    CopySign,
}

/// Comparisons; with a NaN all but `NotEqual` are false.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

/// Where loop code goes.
pub trait Emit {
    /// Whether the operands are floats (else integers or truth values).
    fn is_float(&self) -> bool;
    /// A constant of the operands' type.
    fn constant(&mut self, value: f64) -> Reg;
    /// An instruction.
    fn op(&mut self, primitive: Primitive, args: &[Reg]) -> Reg;
    /// A comparison; gives a truth value.
    fn compare(&mut self, comparison: Comparison, a: Reg, b: Reg) -> Reg;
    /// `condition ? a : b`, without a branch.
    fn select(&mut self, condition: Reg, a: Reg, b: Reg) -> Reg;
}
