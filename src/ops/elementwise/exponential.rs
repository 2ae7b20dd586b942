//! Exponentials and logarithms.
//!
//! In: floats. Out: floats, within the error that each item states.
//! Always holds: `log` of 0 is -inf and of a negative number NaN; `exp` overflows to inf.

use super::*;

pub(super) const ALL: &[&Elementwise] = &[&EXP, &EXPM1, &LOG, &LOG1P, &LOG2, &LOG10];

fn reciprocal_of(g: &mut Graph, x: NodeId, scale: f64) -> Partial {
    let top = g.constant_like(x, scale);
    Partial::Times(g.map(&DIVIDE, &[top, x]))
}

/// e to the power of x.
pub static EXP: Elementwise = Elementwise {
    name: "exp",
    arity: 1,
    doc: "e to the power of x.",
    example: ("print(exp(0.0))", "1.0"),
    signature: Signature::Float,
    derivative: Derivative::Rule(|_, _, out| vec![Partial::Times(out)]),
    eval: |args| float1(args, f64::exp),
    code: Code::Kernel,
    ulp: 2.0,
    samples: &[-2.5, -0.5, 0.25, 3.0],
};

/// e^x - 1.
pub static EXPM1: Elementwise = Elementwise {
    name: "expm1",
    arity: 1,
    doc: "e to the power of x, less 1, accurate near 0.",
    example: ("print(expm1(0.0))", "0.0"),
    signature: Signature::Float,
    derivative: Derivative::Rule(|g, _, out| {
        let one = g.constant_like(out, 1.0);
        vec![Partial::Times(g.map(&ADD, &[out, one]))]
    }),
    eval: |args| float1(args, f64::exp_m1),
    code: Code::Kernel,
    ulp: 3.0,
    samples: &[-2.5, -0.5, 0.25, 3.0],
};

/// Natural logarithm.
pub static LOG: Elementwise = Elementwise {
    name: "log",
    arity: 1,
    doc: "The natural logarithm; -inf at 0, nan below.",
    example: ("print(log(e))", "1.0"),
    signature: Signature::Float,
    derivative: Derivative::Rule(|g, args, _| args.iter().map(|x| reciprocal_of(g, *x, 1.0)).collect()),
    eval: |args| float1(args, f64::ln),
    code: Code::Kernel,
    ulp: 2.0,
    samples: &[0.3, 0.8, 1.5, 7.0],
};

/// log(1 + x).
pub static LOG1P: Elementwise = Elementwise {
    name: "log1p",
    arity: 1,
    doc: "The natural logarithm of 1 + x, accurate near 0.",
    example: ("print(log1p(0.0))", "0.0"),
    signature: Signature::Float,
    derivative: Derivative::Rule(|g, args, _| {
        let mut partials = Vec::new();
        for x in args {
            let one = g.constant_like(*x, 1.0);
            let shifted = g.map(&ADD, &[*x, one]);
            partials.push(reciprocal_of(g, shifted, 1.0));
        }
        partials
    }),
    eval: |args| float1(args, f64::ln_1p),
    code: Code::Kernel,
    ulp: 3.0,
    samples: &[-0.5, 0.25, 1.5, 7.0],
};

/// Logarithm to base 2.
pub static LOG2: Elementwise = Elementwise {
    name: "log2",
    arity: 1,
    doc: "The logarithm to base 2.",
    example: ("print(log2(8.0))", "3.0"),
    signature: Signature::Float,
    derivative: Derivative::Rule(|g, args, _| {
        args.iter().map(|x| reciprocal_of(g, *x, std::f64::consts::LOG2_E)).collect()
    }),
    eval: |args| float1(args, f64::log2),
    code: Code::Kernel,
    ulp: 2.0,
    samples: &[0.3, 0.8, 1.5, 7.0],
};

/// Logarithm to base 10.
pub static LOG10: Elementwise = Elementwise {
    name: "log10",
    arity: 1,
    doc: "The logarithm to base 10.",
    example: ("print(log10(100.0))", "2.0"),
    signature: Signature::Float,
    derivative: Derivative::Rule(|g, args, _| {
        args.iter().map(|x| reciprocal_of(g, *x, std::f64::consts::LOG10_E)).collect()
    }),
    eval: |args| float1(args, f64::log10),
    code: Code::Kernel,
    ulp: 2.0,
    samples: &[0.3, 0.8, 1.5, 7.0],
};
