//! The error function, and questions about floats.
//!
//! In: floats. Out: floats, or truth values.
//! Always holds: `isnan`, `isinf` and `isfinite` never raise and never give NaN.

use super::*;
use crate::ops::emit::{Comparison, Primitive};

pub(super) const ALL: &[&Elementwise] = &[&ERF, &ISNAN, &ISINF, &ISFINITE];

/// The error function.
pub static ERF: Elementwise = Elementwise {
    name: "erf",
    arity: 1,
    doc: "The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x.",
    example: ("print(erf(0.0))", "0.0"),
    signature: Signature::Float,
    derivative: Derivative::Rule(|g, args, _| match args {
        [x] => {
            let scale = g.constant_like(*x, std::f64::consts::FRAC_2_SQRT_PI);
            let square = g.map(&MULTIPLY, &[*x, *x]);
            let minus = g.map(&NEGATE, &[square]);
            let bell = g.map(&EXP, &[minus]);
            vec![Partial::Times(g.map(&MULTIPLY, &[scale, bell]))]
        }
        _ => Vec::new(),
    }),
    eval: |args| float1(args, libm::erf),
    code: Code::Kernel,
    ulp: 3.0,
    samples: &[-2.5, -0.5, 0.25, 1.5],
};

macro_rules! question {
    ($id:ident, $name:literal, $doc:literal, $shown:literal, $eval:expr, $code:expr) => {
        #[doc = $doc]
        pub static $id: Elementwise = Elementwise {
            name: $name,
            arity: 1,
            doc: $doc,
            example: (concat!("print(", $name, "([1.0, inf, nan]))"), $shown),
            signature: Signature::FloatPredicate,
            derivative: Derivative::Zero,
            eval: $eval,
            code: Code::Inline($code),
            ulp: 0.0,
            samples: &[-2.5, 0.25, 3.0],
        };
    };
}

question!(
    ISNAN,
    "isnan",
    "Whether x is not a number.",
    "[false false  true]",
    |args| Value::Bool(args.iter().any(|v| v.f64().is_nan())),
    |e, a| match a {
        [x] => e.compare(Comparison::NotEqual, *x, *x),
        _ => e.constant(0.0),
    }
);
question!(
    ISINF,
    "isinf",
    "Whether x is infinite.",
    "[false  true false]",
    |args| Value::Bool(args.iter().any(|v| v.f64().is_infinite())),
    |e, a| compare_magnitude(e, a, Comparison::Equal)
);
question!(
    ISFINITE,
    "isfinite",
    "Whether x is neither infinite nor nan.",
    "[ true false false]",
    |args| Value::Bool(args.iter().all(|v| v.f64().is_finite())),
    |e, a| compare_magnitude(e, a, Comparison::Less)
);

fn compare_magnitude(e: &mut dyn Emit, args: &[Reg], comparison: Comparison) -> Reg {
    let magnitude = e.op(Primitive::Absolute, args);
    let infinity = e.constant(f64::INFINITY);
    e.compare(comparison, magnitude, infinity)
}
