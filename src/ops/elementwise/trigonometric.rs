//! Trigonometric functions and their inverses. Angles are in radians.
//!
//! In: floats. Out: floats, within the error that each item states.
//! Always holds: arguments of any size are reduced exactly.

use super::*;

pub(super) const ALL: &[&Elementwise] = &[&SIN, &COS, &TAN, &ASIN, &ACOS, &ATAN, &ATAN2];

/// Sine.
pub static SIN: Elementwise = Elementwise {
    name: "sin",
    arity: 1,
    doc: "The sine of an angle in radians.",
    example: ("print(sin(0.0))", "0.0"),
    signature: Signature::Float,
    derivative: Derivative::Rule(|g, args, _| args.iter().map(|x| Partial::Times(g.map(&COS, &[*x]))).collect()),
    eval: |args| float1(args, f64::sin),
    code: Code::Kernel,
    ulp: 2.0,
    samples: &[-2.5, -0.5, 0.25, 3.0],
};

/// Cosine.
pub static COS: Elementwise = Elementwise {
    name: "cos",
    arity: 1,
    doc: "The cosine of an angle in radians.",
    example: ("print(cos(0.0))", "1.0"),
    signature: Signature::Float,
    derivative: Derivative::Rule(|g, args, _| {
        let mut partials = Vec::new();
        for x in args {
            let sine = g.map(&SIN, &[*x]);
            partials.push(Partial::Times(g.map(&NEGATE, &[sine])));
        }
        partials
    }),
    eval: |args| float1(args, f64::cos),
    code: Code::Kernel,
    ulp: 2.0,
    samples: &[-2.5, -0.5, 0.25, 3.0],
};

/// Tangent.
pub static TAN: Elementwise = Elementwise {
    name: "tan",
    arity: 1,
    doc: "The tangent of an angle in radians.",
    example: ("print(tan(0.0))", "0.0"),
    signature: Signature::Float,
    derivative: Derivative::Rule(|g, _, out| {
        let one = g.constant_like(out, 1.0);
        let square = g.map(&MULTIPLY, &[out, out]);
        vec![Partial::Times(g.map(&ADD, &[one, square]))]
    }),
    eval: |args| float1(args, f64::tan),
    code: Code::Kernel,
    ulp: 4.0,
    samples: &[-1.2, -0.5, 0.25, 1.1],
};

/// 1 / sqrt(1 - x^2), times `sign`.
fn arc_partial(g: &mut Graph, x: NodeId, sign: f64) -> Partial {
    let one = g.constant_like(x, 1.0);
    let top = g.constant_like(x, sign);
    let square = g.map(&MULTIPLY, &[x, x]);
    let rest = g.map(&SUBTRACT, &[one, square]);
    let root = g.map(&SQRT, &[rest]);
    Partial::Times(g.map(&DIVIDE, &[top, root]))
}

/// Inverse sine.
pub static ASIN: Elementwise = Elementwise {
    name: "asin",
    arity: 1,
    doc: "The angle in [-pi/2, pi/2] whose sine is x; nan outside [-1, 1].",
    example: ("print(asin(0.0))", "0.0"),
    signature: Signature::Float,
    derivative: Derivative::Rule(|g, args, _| args.iter().map(|x| arc_partial(g, *x, 1.0)).collect()),
    eval: |args| float1(args, f64::asin),
    code: Code::Kernel,
    ulp: 3.0,
    samples: &[-0.8, -0.25, 0.25, 0.7],
};

/// Inverse cosine.
pub static ACOS: Elementwise = Elementwise {
    name: "acos",
    arity: 1,
    doc: "The angle in [0, pi] whose cosine is x; nan outside [-1, 1].",
    example: ("print(acos(1.0))", "0.0"),
    signature: Signature::Float,
    derivative: Derivative::Rule(|g, args, _| args.iter().map(|x| arc_partial(g, *x, -1.0)).collect()),
    eval: |args| float1(args, f64::acos),
    code: Code::Kernel,
    ulp: 3.0,
    samples: &[-0.8, -0.25, 0.25, 0.7],
};

/// Inverse tangent.
pub static ATAN: Elementwise = Elementwise {
    name: "atan",
    arity: 1,
    doc: "The angle in [-pi/2, pi/2] whose tangent is x.",
    example: ("print(atan(0.0))", "0.0"),
    signature: Signature::Float,
    derivative: Derivative::Rule(|g, args, _| {
        let mut partials = Vec::new();
        for x in args {
            let one = g.constant_like(*x, 1.0);
            let square = g.map(&MULTIPLY, &[*x, *x]);
            let below = g.map(&ADD, &[one, square]);
            partials.push(Partial::Times(g.map(&DIVIDE, &[one, below])));
        }
        partials
    }),
    eval: |args| float1(args, f64::atan),
    code: Code::Kernel,
    ulp: 3.0,
    samples: &[-2.5, -0.5, 0.25, 3.0],
};

/// The angle of the point (x, y).
pub static ATAN2: Elementwise = Elementwise {
    name: "atan2",
    arity: 2,
    doc: "The angle of the point (x, y), given as atan2(y, x), in (-pi, pi].",
    example: ("print(atan2(0.0, 1.0))", "0.0"),
    signature: Signature::Float,
    derivative: Derivative::Rule(|g, args, _| match args {
        [y, x] => {
            let xx = g.map(&MULTIPLY, &[*x, *x]);
            let yy = g.map(&MULTIPLY, &[*y, *y]);
            let below = g.map(&ADD, &[xx, yy]);
            let minus = g.map(&NEGATE, &[*y]);
            let by_y = g.map(&DIVIDE, &[*x, below]);
            let by_x = g.map(&DIVIDE, &[minus, below]);
            vec![Partial::Times(by_y), Partial::Times(by_x)]
        }
        _ => Vec::new(),
    }),
    eval: |args| float2(args, f64::atan2),
    code: Code::Kernel,
    ulp: 4.0,
    samples: &[-2.5, -0.5, 0.25, 3.0],
};
