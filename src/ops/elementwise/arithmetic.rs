//! Sums, products, powers and their kin.
//!
//! In: numbers. Out: numbers of the same type.
//! Always holds: integer arithmetic wraps; a zero divisor has been checked for before it gets here.

use super::*;
use crate::ops::emit::{Comparison, Primitive};
use crate::runtime::scalar::{floor_divide, int_floor_divide, int_power, int_remainder, remainder};

pub(super) const ALL: &[&Elementwise] = &[
    &ADD,
    &SUBTRACT,
    &MULTIPLY,
    &STRONG_MULTIPLY,
    &DIVIDE,
    &FLOOR_DIVIDE,
    &REMAINDER,
    &POWER,
    &NEGATE,
    &ABS,
    &SIGN,
    &SQRT,
    &HYPOT,
];

/// `a + b`.
pub static ADD: Elementwise = Elementwise {
    name: "add",
    arity: 2,
    doc: "The sum, element by element; written a + b.",
    example: ("print([1, 2] + 3)", "[4 5]"),
    signature: Signature::Number,
    derivative: Derivative::Rule(|_, _, _| vec![Partial::One, Partial::One]),
    eval: |args| number2(args, |a, b| a + b, i64::wrapping_add),
    code: Code::Inline(|e, a| e.op(Primitive::Add, a)),
    ulp: 0.5,
    samples: &[-2.5, -0.5, 0.25, 3.0],
};

/// `a - b`.
pub static SUBTRACT: Elementwise = Elementwise {
    name: "subtract",
    arity: 2,
    doc: "The difference, element by element; written a - b.",
    example: ("print([1, 2] - 3)", "[-2 -1]"),
    signature: Signature::Number,
    derivative: Derivative::Rule(|_, _, _| vec![Partial::One, Partial::MinusOne]),
    eval: |args| number2(args, |a, b| a - b, i64::wrapping_sub),
    code: Code::Inline(|e, a| e.op(Primitive::Subtract, a)),
    ulp: 0.5,
    samples: &[-2.5, -0.5, 0.25, 3.0],
};

/// `a * b`.
pub static MULTIPLY: Elementwise = Elementwise {
    name: "multiply",
    arity: 2,
    doc: "The product, element by element; written a * b.",
    example: ("print([1, 2] * 3)", "[3 6]"),
    signature: Signature::Number,
    derivative: Derivative::Rule(|_, args, _| match args {
        [a, b] => vec![Partial::Times(*b), Partial::Times(*a)],
        _ => Vec::new(),
    }),
    eval: |args| number2(args, |a, b| a * b, i64::wrapping_mul),
    code: Code::Inline(|e, a| e.op(Primitive::Multiply, a)),
    ulp: 0.5,
    samples: &[-2.5, -0.5, 0.25, 3.0],
};

/// `a * b`, but 0 wherever `a` is 0, even when `b` is infinite or NaN. Derivatives through `where` are made of it.
pub static STRONG_MULTIPLY: Elementwise = Elementwise {
    name: "strong_multiply",
    arity: 2,
    doc: "The product, but 0 wherever the first operand is 0, whatever the second is.",
    example: ("print(strong_multiply(0.0, inf))", "0.0"),
    signature: Signature::Number,
    derivative: Derivative::Rule(|g, args, _| match args {
        [a, b] => {
            let zero = g.constant_like(*a, 0.0);
            let cut = g.map(&EQUAL, &[*a, zero]);
            // What is cut off for being infinite stays cut off when the cut is differentiated.
            let finite = g.map(&ISFINITE, &[*b]);
            let infinite = g.map(&NOT, &[finite]);
            let hidden = g.map(&AND, &[cut, infinite]);
            vec![Partial::Unless { cut: hidden, factor: *b }, Partial::Unless { cut, factor: *a }]
        }
        _ => Vec::new(),
    }),
    eval: |args| number2(args, |a, b| if a == 0.0 { 0.0 } else { a * b }, i64::wrapping_mul),
    code: Code::Inline(|e, a| match a {
        [x, y] => {
            let zero = e.constant(0.0);
            let cut = e.compare(Comparison::Equal, *x, zero);
            let product = e.op(Primitive::Multiply, &[*x, *y]);
            e.select(cut, zero, product)
        }
        _ => e.constant(0.0),
    }),
    ulp: 0.5,
    samples: &[-2.5, -0.5, 0.25, 3.0],
};

/// `a / b`; integers give `f64`.
pub static DIVIDE: Elementwise = Elementwise {
    name: "divide",
    arity: 2,
    doc: "The quotient, element by element; integers give f64. Written a / b.",
    example: ("print([1, 2] / 4)", "[0.25 0.5 ]"),
    signature: Signature::Float,
    derivative: Derivative::Rule(|g, args, out| match args {
        [_, b] => {
            let one = g.constant_like(*b, 1.0);
            let by_a = g.map(&DIVIDE, &[one, *b]);
            let ratio = g.map(&DIVIDE, &[out, *b]);
            let by_b = g.map(&NEGATE, &[ratio]);
            vec![Partial::Times(by_a), Partial::Times(by_b)]
        }
        _ => Vec::new(),
    }),
    eval: |args| float2(args, |a, b| a / b),
    code: Code::Inline(|e, a| e.op(Primitive::Divide, a)),
    ulp: 0.5,
    samples: &[-2.5, -0.5, 0.25, 3.0],
};

/// `a // b`: the floor of the quotient.
pub static FLOOR_DIVIDE: Elementwise = Elementwise {
    name: "floor_divide",
    arity: 2,
    doc: "The quotient rounded down, as Python's; an integer divided by zero is an error. Written a // b.",
    example: ("print(-7 // 2)", "-4"),
    signature: Signature::Number,
    derivative: Derivative::Zero,
    eval: |args| number2(args, floor_divide, |a, b| if b == 0 { 0 } else { int_floor_divide(a, b) }),
    code: Code::Floored(Floored::Quotient),
    ulp: 1.0,
    samples: &[-2.7, -0.6, 0.35, 3.1],
};

/// `a % b`: has the sign of the divisor.
pub static REMAINDER: Elementwise = Elementwise {
    name: "remainder",
    arity: 2,
    doc: "The remainder with the sign of the divisor, as Python's; an integer modulo zero is an error. Written a % b.",
    example: ("print(-7 % 3)", "2"),
    signature: Signature::Number,
    derivative: Derivative::Rule(|g, args, _| match args {
        [a, b] => {
            let quotient = g.map(&FLOOR_DIVIDE, &[*a, *b]);
            let by_b = g.map(&NEGATE, &[quotient]);
            vec![Partial::One, Partial::Times(by_b)]
        }
        _ => Vec::new(),
    }),
    eval: |args| number2(args, remainder, |a, b| if b == 0 { 0 } else { int_remainder(a, b) }),
    code: Code::Floored(Floored::Remainder),
    ulp: 1.0,
    samples: &[-2.7, -0.6, 0.35, 3.1],
};

/// `a ^ b`.
pub static POWER: Elementwise = Elementwise {
    name: "pow",
    arity: 2,
    doc: "The power; of a finite negative float to a fractional exponent it is nan. Written a ^ b.",
    example: ("print(pow(2.0, 0.5))", "1.4142135623730951"),
    signature: Signature::Number,
    derivative: Derivative::Rule(|g, args, out| match args {
        [a, b] => {
            let one = g.constant_like(*b, 1.0);
            let zero = g.constant_like(*b, 0.0);
            let less = g.map(&SUBTRACT, &[*b, one]);
            let power = g.map(&POWER, &[*a, less]);
            let by_a = g.map(&STRONG_MULTIPLY, &[*b, power]);
            let positive = g.map(&GREATER, &[*a, zero]);
            let safe = g.map(&WHERE, &[positive, *a, one]);
            let log = g.map(&LOG, &[safe]);
            let by_b = g.map(&MULTIPLY, &[out, log]);
            vec![Partial::Times(by_a), Partial::Times(by_b)]
        }
        _ => Vec::new(),
    }),
    eval: |args| number2(args, f64::powf, int_power),
    code: Code::Kernel,
    ulp: 2.0,
    samples: &[0.3, 0.8, 1.5, 2.25],
};

/// `-a`.
pub static NEGATE: Elementwise = Elementwise {
    name: "negate",
    arity: 1,
    doc: "The negative; written -a.",
    example: ("print(-[1.5, 2.0])", "[-1.5 -2. ]"),
    signature: Signature::Number,
    derivative: Derivative::Rule(|_, _, _| vec![Partial::MinusOne]),
    eval: |args| number1(args, |a| -a, i64::wrapping_neg),
    code: Code::Inline(|e, a| e.op(Primitive::Negate, a)),
    ulp: 0.0,
    samples: &[-2.5, 0.25, 3.0],
};

/// Absolute value.
pub static ABS: Elementwise = Elementwise {
    name: "abs",
    arity: 1,
    doc: "The absolute value; its derivative at 0 is 0.",
    example: ("print(abs([-1.5, 2.0]))", "[1.5 2. ]"),
    signature: Signature::Number,
    derivative: Derivative::Rule(|g, args, _| match args {
        [a] => vec![Partial::Times(g.map(&SIGN, &[*a]))],
        _ => Vec::new(),
    }),
    eval: |args| number1(args, f64::abs, i64::wrapping_abs),
    code: Code::Inline(|e, a| match (e.is_float(), a) {
        (false, [x]) => {
            let zero = e.constant(0.0);
            let negative = e.compare(Comparison::Less, *x, zero);
            let minus = e.op(Primitive::Negate, a);
            e.select(negative, minus, *x)
        }
        _ => e.op(Primitive::Absolute, a),
    }),
    ulp: 0.0,
    samples: &[-2.5, 0.25, 3.0],
};

/// The sign: -1, 0 or 1; of NaN NaN.
pub static SIGN: Elementwise = Elementwise {
    name: "sign",
    arity: 1,
    doc: "-1, 0 or 1; nan for nan.",
    example: ("print(sign([-1.5, 0.0, 2.0]))", "[-1.  0.  1.]"),
    signature: Signature::Number,
    derivative: Derivative::Zero,
    eval: |args| number1(args, |a| if a == 0.0 || a.is_nan() { a } else { a.signum() }, i64::signum),
    code: Code::Inline(|e, a| match a {
        [x] => {
            let (zero, one, minus) = (e.constant(0.0), e.constant(1.0), e.constant(-1.0));
            let positive = e.compare(Comparison::Greater, *x, zero);
            let negative = e.compare(Comparison::Less, *x, zero);
            let low = e.select(negative, minus, *x);
            e.select(positive, one, low)
        }
        _ => e.constant(0.0),
    }),
    ulp: 0.0,
    samples: &[-2.5, 0.25, 3.0],
};

/// Square root.
pub static SQRT: Elementwise = Elementwise {
    name: "sqrt",
    arity: 1,
    doc: "The square root, correctly rounded; nan for negative numbers.",
    example: ("print(sqrt([4.0, 2.25]))", "[2.  1.5]"),
    signature: Signature::Float,
    derivative: Derivative::Rule(|g, _, out| {
        let half = g.constant_like(out, 0.5);
        vec![Partial::Times(g.map(&DIVIDE, &[half, out]))]
    }),
    eval: |args| float1(args, f64::sqrt),
    code: Code::Inline(|e, a| e.op(Primitive::SquareRoot, a)),
    ulp: 0.5,
    samples: &[0.25, 1.5, 9.0],
};

/// `sqrt(a^2 + b^2)` without overflow.
pub static HYPOT: Elementwise = Elementwise {
    name: "hypot",
    arity: 2,
    doc: "The length of the vector (a, b), without overflow on the way.",
    example: ("print(hypot(3.0, 4.0))", "5.0"),
    signature: Signature::Float,
    derivative: Derivative::Rule(|g, args, out| match args {
        [a, b] => {
            let by_a = g.map(&DIVIDE, &[*a, out]);
            let by_b = g.map(&DIVIDE, &[*b, out]);
            vec![Partial::Times(by_a), Partial::Times(by_b)]
        }
        _ => Vec::new(),
    }),
    eval: |args| float2(args, f64::hypot),
    code: Code::Kernel,
    ulp: 2.0,
    samples: &[-2.5, -0.5, 0.25, 3.0],
};
