//! Comparisons.
//!
//! In: two numbers of one type. Out: a truth value.
//! Always holds: with a NaN all are false but `!=`.

use super::*;
use crate::ops::emit::Comparison;

pub(super) const ALL: &[&Elementwise] = &[&EQUAL, &NOT_EQUAL, &LESS, &LESS_EQUAL, &GREATER, &GREATER_EQUAL];

macro_rules! comparison {
    ($id:ident, $name:literal, $symbol:literal, $doc:literal, $shown:literal, $variant:ident, $op:tt) => {
        #[doc = $doc]
        pub static $id: Elementwise = Elementwise {
            name: $name,
            arity: 2,
            doc: concat!($doc, " Written a ", $symbol, " b."),
            example: (concat!("print([1, 2, 3] ", $symbol, " 2)"), $shown),
            signature: Signature::Predicate,
            derivative: Derivative::Zero,
            eval: |args| match args {
                [Value::Int(a), Value::Int(b)] => Value::Bool(a $op b),
                [a, b] => Value::Bool(a.f64() $op b.f64()),
                _ => Value::Bool(false),
            },
            code: Code::Inline(|e, args| match args {
                [a, b] => e.compare(Comparison::$variant, *a, *b),
                _ => e.constant(0.0),
            }),
            ulp: 0.0,
            samples: &[-2.5, 0.25, 3.0],
        };
    };
}

comparison!(EQUAL, "equal", "==", "Whether two values are equal.", "[false  true false]", Equal, ==);
comparison!(NOT_EQUAL, "not_equal", "!=", "Whether two values differ.", "[ true false  true]", NotEqual, !=);
comparison!(LESS, "less", "<", "Whether the first is smaller.", "[ true false false]", Less, <);
comparison!(LESS_EQUAL, "less_equal", "<=", "Whether the first is not larger.", "[ true  true false]", LessEqual, <=);
comparison!(GREATER, "greater", ">", "Whether the first is larger.", "[false false  true]", Greater, >);
comparison!(GREATER_EQUAL, "greater_equal", ">=", "Whether the first is not smaller.", "[false  true  true]", GreaterEqual, >=);
