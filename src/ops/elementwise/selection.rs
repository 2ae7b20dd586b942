//! Choosing between values: minimum, maximum, `where`, `relu`, and the logic of conditions.
//!
//! In: numbers or truth values. Out: one of the operands, or a truth value.
//! Always holds: what is not chosen has no influence, on the value or on a derivative; NaN wins in `min` and `max`.

use super::*;
use crate::ops::emit::{Comparison, Primitive};

pub(super) const ALL: &[&Elementwise] = &[&MINIMUM, &MAXIMUM, &WHERE, &RELU, &AND, &OR, &NOT];

/// Derivatives of min and max: 1 for the one chosen, half each on a tie.
fn extremum_partials(g: &mut Graph, args: &[NodeId], better: &'static Elementwise) -> Vec<Partial> {
    let [a, b] = args else { return Vec::new() };
    let (one, half, zero) = (g.constant_like(*a, 1.0), g.constant_like(*a, 0.5), g.constant_like(*a, 0.0));
    let tie = g.map(&EQUAL, &[*a, *b]);
    let mut side = |x: NodeId, y: NodeId| {
        let wins = g.map(better, &[x, y]);
        let won = g.map(&WHERE, &[wins, one, zero]);
        Partial::Times(g.map(&WHERE, &[tie, half, won]))
    };
    vec![side(*a, *b), side(*b, *a)]
}

/// The better of two, or NaN. The shape `a < b ? a : b`, or `b < a ? a : b`, is one instruction of most processors; a NaN in
/// `b` passes it, one in `a` is brought back.
fn emit_extremum(e: &mut dyn Emit, args: &[Reg], better: Comparison) -> Reg {
    let [a, b] = args else { return e.constant(0.0) };
    let first = match better {
        Comparison::Greater => e.compare(Comparison::Less, *b, *a),
        _ => e.compare(better, *a, *b),
    };
    let best = e.select(first, *a, *b);
    if !e.is_float() {
        return best;
    }
    let nan = e.compare(Comparison::NotEqual, *a, *a);
    e.select(nan, *a, best)
}

/// The smaller of two.
pub static MINIMUM: Elementwise = Elementwise {
    name: "minimum",
    arity: 2,
    doc: "The smaller of two values, element by element; nan if either is. Written min(a, b).",
    example: ("print(min([1, 5], 3))", "[1 3]"),
    signature: Signature::Number,
    derivative: Derivative::Rule(|g, args, _| extremum_partials(g, args, &LESS)),
    eval: |args| number2(args, |a, b| if a < b || a.is_nan() { a } else { b }, i64::min),
    code: Code::Inline(|e, a| emit_extremum(e, a, Comparison::Less)),
    ulp: 0.0,
    samples: &[-2.5, -0.5, 0.25, 3.0],
};

/// The larger of two.
pub static MAXIMUM: Elementwise = Elementwise {
    name: "maximum",
    arity: 2,
    doc: "The larger of two values, element by element; nan if either is. Written max(a, b).",
    example: ("print(max([1, 5], 3))", "[3 5]"),
    signature: Signature::Number,
    derivative: Derivative::Rule(|g, args, _| extremum_partials(g, args, &GREATER)),
    eval: |args| number2(args, |a, b| if a > b || a.is_nan() { a } else { b }, i64::max),
    code: Code::Inline(|e, a| emit_extremum(e, a, Comparison::Greater)),
    ulp: 0.0,
    samples: &[-2.5, -0.5, 0.25, 3.0],
};

/// `where(c, a, b)`.
pub static WHERE: Elementwise = Elementwise {
    name: "where",
    arity: 3,
    doc: "a where the condition holds, b elsewhere; what is not taken never reaches a result or a derivative.",
    example: ("print(where([true, false], 1.0, 2.0))", "[1. 2.]"),
    signature: Signature::Select,
    derivative: Derivative::Rule(|_, args, _| match args {
        [c, _, _] => vec![Partial::Zero, Partial::Where(*c), Partial::WhereNot(*c)],
        _ => Vec::new(),
    }),
    eval: |args| match args {
        [c, a, b] => {
            if c.truth() {
                *a
            } else {
                *b
            }
        }
        _ => Value::Bool(false),
    },
    code: Code::Inline(|e, args| match args {
        [c, a, b] => e.select(*c, *a, *b),
        _ => e.constant(0.0),
    }),
    ulp: 0.0,
    samples: &[-2.5, 0.25, 3.0],
};

/// max(x, 0).
pub static RELU: Elementwise = Elementwise {
    name: "relu",
    arity: 1,
    doc: "x where it is positive, else 0; the derivative at 0 is 0.",
    example: ("print(relu([-1.5, 2.0]))", "[0. 2.]"),
    signature: Signature::Number,
    derivative: Derivative::Rule(|g, args, _| match args {
        [x] => {
            let zero = g.constant_like(*x, 0.0);
            vec![Partial::Gate(g.map(&GREATER, &[*x, zero]))]
        }
        _ => Vec::new(),
    }),
    eval: |args| number1(args, |x| if x > 0.0 || x.is_nan() { x } else { 0.0 }, |x| x.max(0)),
    code: Code::Inline(|e, args| match args {
        [x] => {
            let zero = e.constant(0.0);
            emit_extremum(e, &[*x, zero], Comparison::Greater)
        }
        _ => e.constant(0.0),
    }),
    ulp: 0.0,
    samples: &[-2.5, 0.25, 3.0],
};

macro_rules! logic {
    ($id:ident, $name:literal, $arity:literal, $doc:literal, $example:expr, $eval:expr, $primitive:ident) => {
        #[doc = $doc]
        pub static $id: Elementwise = Elementwise {
            name: $name,
            arity: $arity,
            doc: $doc,
            example: $example,
            signature: Signature::Logic,
            derivative: Derivative::Zero,
            eval: $eval,
            code: Code::Inline(|e, a| e.op(Primitive::$primitive, a)),
            ulp: 0.0,
            samples: &[0.0, 1.0],
        };
    };
}

logic!(
    AND,
    "and",
    2,
    "Whether both hold; written a and b.",
    ("print(true and false)", "false"),
    |args| Value::Bool(args.iter().all(|v| v.truth())),
    And
);
logic!(
    OR,
    "or",
    2,
    "Whether either holds; written a or b.",
    ("print(true or false)", "true"),
    |args| Value::Bool(args.iter().any(|v| v.truth())),
    Or
);
logic!(
    NOT,
    "not",
    1,
    "Whether it does not hold; written not a.",
    ("print(not true)", "false"),
    |args| Value::Bool(!args.iter().all(|v| v.truth())),
    Not
);
