//! Hyperbolic functions and the activations made of them.
//!
//! In: floats. Out: floats, within the error that each item states.
//! Always holds: none overflows on the way to a finite result.

use super::*;

pub(super) const ALL: &[&Elementwise] = &[&SINH, &COSH, &TANH, &SIGMOID, &SOFTPLUS];

/// Hyperbolic sine.
pub static SINH: Elementwise = Elementwise {
    name: "sinh",
    arity: 1,
    doc: "The hyperbolic sine.",
    example: ("print(sinh(0.0))", "0.0"),
    signature: Signature::Float,
    derivative: Derivative::Rule(|g, args, _| args.iter().map(|x| Partial::Times(g.map(&COSH, &[*x]))).collect()),
    eval: |args| float1(args, f64::sinh),
    code: Code::Kernel,
    ulp: 3.0,
    samples: &[-2.5, -0.5, 0.25, 3.0],
};

/// Hyperbolic cosine.
pub static COSH: Elementwise = Elementwise {
    name: "cosh",
    arity: 1,
    doc: "The hyperbolic cosine.",
    example: ("print(cosh(0.0))", "1.0"),
    signature: Signature::Float,
    derivative: Derivative::Rule(|g, args, _| args.iter().map(|x| Partial::Times(g.map(&SINH, &[*x]))).collect()),
    eval: |args| float1(args, f64::cosh),
    code: Code::Kernel,
    ulp: 3.0,
    samples: &[-2.5, -0.5, 0.25, 3.0],
};

/// Hyperbolic tangent.
pub static TANH: Elementwise = Elementwise {
    name: "tanh",
    arity: 1,
    doc: "The hyperbolic tangent.",
    example: ("print(tanh(0.0))", "0.0"),
    signature: Signature::Float,
    derivative: Derivative::Rule(|g, _, out| {
        let one = g.constant_like(out, 1.0);
        let square = g.map(&MULTIPLY, &[out, out]);
        vec![Partial::Times(g.map(&SUBTRACT, &[one, square]))]
    }),
    eval: |args| float1(args, f64::tanh),
    code: Code::Kernel,
    ulp: 3.0,
    samples: &[-2.5, -0.5, 0.25, 3.0],
};

/// Logistic function.
pub static SIGMOID: Elementwise = Elementwise {
    name: "sigmoid",
    arity: 1,
    doc: "The logistic function 1 / (1 + exp(-x)).",
    example: ("print(sigmoid(0.0))", "0.5"),
    signature: Signature::Float,
    derivative: Derivative::Rule(|g, _, out| {
        let one = g.constant_like(out, 1.0);
        let rest = g.map(&SUBTRACT, &[one, out]);
        vec![Partial::Times(g.map(&MULTIPLY, &[out, rest]))]
    }),
    eval: |args| float1(args, |x| if x >= 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) }),
    code: Code::Kernel,
    ulp: 4.0,
    samples: &[-2.5, -0.5, 0.25, 3.0],
};

/// log(1 + exp(x)).
pub static SOFTPLUS: Elementwise = Elementwise {
    name: "softplus",
    arity: 1,
    doc: "log(1 + exp(x)), without overflow.",
    example: ("print(softplus(100.0))", "100.0"),
    signature: Signature::Float,
    derivative: Derivative::Rule(|g, args, _| args.iter().map(|x| Partial::Times(g.map(&SIGMOID, &[*x]))).collect()),
    eval: |args| float1(args, |x| x.max(0.0) + (-x.abs()).exp().ln_1p() + if x.is_nan() { x } else { 0.0 }),
    code: Code::Kernel,
    ulp: 4.0,
    samples: &[-2.5, -0.5, 0.25, 3.0],
};
