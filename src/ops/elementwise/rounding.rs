//! Rounding to whole numbers.
//!
//! In: numbers. Out: whole numbers of the same type; integers stay as they are.
//! Always holds: the derivative is zero; `round` takes ties to even, as NumPy does.

use super::*;
use crate::ops::emit::Primitive;

pub(super) const ALL: &[&Elementwise] = &[&FLOOR, &CEIL, &ROUND, &TRUNC];

macro_rules! rounding {
    ($id:ident, $name:literal, $doc:literal, $shown:literal, $f:expr, $primitive:ident) => {
        #[doc = $doc]
        pub static $id: Elementwise = Elementwise {
            name: $name,
            arity: 1,
            doc: $doc,
            example: (concat!("print(", $name, "([-1.5, 0.4, 2.5]))"), $shown),
            signature: Signature::Number,
            derivative: Derivative::Zero,
            eval: |args| number1(args, $f, |a| a),
            code: Code::Inline(|e, a| match (e.is_float(), a) {
                (false, [x]) => *x,
                _ => e.op(Primitive::$primitive, a),
            }),
            ulp: 0.0,
            samples: &[-2.7, 0.25, 3.1],
        };
    };
}

rounding!(FLOOR, "floor", "The largest whole number not above x.", "[-2.  0.  2.]", f64::floor, Floor);
rounding!(CEIL, "ceil", "The smallest whole number not below x.", "[-1.  1.  3.]", f64::ceil, Ceil);
rounding!(ROUND, "round", "The nearest whole number, ties to even.", "[-2.  0.  2.]", f64::round_ties_even, Nearest);
rounding!(TRUNC, "trunc", "x without its fraction.", "[-1.  0.  2.]", f64::trunc, Truncate);
