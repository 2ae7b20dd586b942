//! Random bits as a function of a key and a counter, and the numbers that are made of them.
//!
//! In: integers. Out: integers or `f64`.
//! Always holds: the same operands give the same bits on every machine; see `runtime::random` for the algorithms.

use super::*;
use crate::runtime::random;

pub(super) const ALL: &[&Elementwise] = &[&RANDOM_BITS, &BITS_BELOW, &BITS_TO_UNIFORM, &BITS_TO_NORMAL];

macro_rules! random {
    ($id:ident, $name:literal, $arity:literal, $doc:literal, $example:expr, $signature:ident, $eval:expr) => {
        #[doc = $doc]
        pub static $id: Elementwise = Elementwise {
            name: $name,
            arity: $arity,
            doc: $doc,
            example: $example,
            signature: Signature::$signature,
            derivative: Derivative::Zero,
            eval: $eval,
            code: Code::Scalar($name),
            ulp: 0.0,
            samples: &[-3.0, 0.0, 1.0, 5.0],
        };
    };
}

random!(
    RANDOM_BITS,
    "random_bits",
    2,
    "random_bits(key, counter): 64 random bits, the first two words of Philox4x32-10; what all of random.… is made of.",
    ("print(random_bits(0, 0))", "-2204013331526194987"),
    Integer,
    |args| match args {
        [key, counter] => Value::Int(random::bits(key.int(), counter.int())),
        _ => Value::Int(0),
    }
);
random!(
    BITS_BELOW,
    "bits_below",
    2,
    "bits_below(bits, n): random bits as a whole number from 0 to n - 1.",
    ("print(bits_below(random_bits(0, 0), 100))", "88"),
    Integer,
    |args| match args {
        [bits, n] => Value::Int(random::below(bits.int(), n.int())),
        _ => Value::Int(0),
    }
);
random!(
    BITS_TO_UNIFORM,
    "bits_to_uniform",
    1,
    "Random bits as a float in [0, 1).",
    ("print(bits_to_uniform(random_bits(0, 0)))", "0.8805201978886142"),
    IntegerToFloat,
    |args| match args {
        [bits] => Value::F64(random::uniform(bits.int())),
        _ => Value::F64(0.0),
    }
);
random!(
    BITS_TO_NORMAL,
    "bits_to_normal",
    1,
    "Random bits as a float of the standard normal distribution, by its quantile function.",
    ("print(bits_to_normal(random_bits(0, 0)))", "1.1775912390542727"),
    IntegerToFloat,
    |args| match args {
        [bits] => Value::F64(random::normal(bits.int())),
        _ => Value::F64(0.0),
    }
);
