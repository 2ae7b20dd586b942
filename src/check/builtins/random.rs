//! Random arrays.
//!
//! In: a key and sizes. Out: an elementwise function of the key and each element's number in C order.
//! Always holds: an element depends on its number alone, so that random arrays fuse, slice and run on any number of
//! threads without a change of value.

use super::Builtin;
use crate::check::call::Call;
use crate::check::operators::Operand;
use crate::check::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{CheckKind, NodeId, Size};
use crate::ops::elementwise::{BITS_BELOW, BITS_TO_NORMAL, BITS_TO_UNIFORM, GREATER, RANDOM_BITS, SUBTRACT};
use crate::ops::routine::ARGSORT;
use crate::runtime::array::DType;
use crate::syntax::ast::Expr;

pub(super) const ALL: &[Builtin] = &[
    Builtin {
        name: "random.normal",
        doc: "random.normal(key, n, m, …): an f64 array from the standard normal distribution; the same key gives the same numbers everywhere.",
        example: ("print(random.normal(1, 3))", "[1.25183343 1.14604597 0.14210188]"),
        apply: |c, call| {
            call.allow(&[])?;
            let (key, shape) = key_and_shape(c, call, "random.normal(key, n, m)")?;
            let bits = bits(c, key, &shape);
            Ok(Value::array(c.graph.map(&BITS_TO_NORMAL, &[bits])))
        },
    },
    Builtin {
        name: "random.uniform",
        doc: "random.uniform(key, n, m, …): an f64 array of numbers evenly distributed in [0, 1), or [low, high) with low= and high=.",
        example: ("print(random.uniform(1, 3))", "[0.89468472 0.87411194 0.55650023]"),
        apply: uniform,
    },
    Builtin {
        name: "random.integers",
        doc: "random.integers(key, low, high, n, m, …): an i64 array of whole numbers from low to high - 1.",
        example: ("print(random.integers(1, 0, 10, 5))", "[8 8 5 0 6]"),
        apply: integers,
    },
    Builtin {
        name: "random.permutation",
        doc: "random.permutation(key, n): the numbers 0 to n - 1 in random order; random.permutation(key, x): the rows of x in random order.",
        example: ("print(random.permutation(1, 5))", "[2 4 1 0 3]"),
        apply: permutation,
    },
    Builtin {
        name: "random.split",
        doc: "random.split(key, n): n new keys, as an i64 array; numbers under different keys have nothing to do with each other.",
        example: ("print(shape(random.split(1, 3)))", "[3]"),
        apply: |c, call| {
            call.allow(&[])?;
            let form = "random.split(key, n)";
            let (key, sizes) = key_and_shape(c, call, form)?;
            let [count] = sizes.as_slice() else { return Err(call.miscounted(form)) };
            // Counters below zero: no array of numbers reaches them.
            let (iota, minus_one) = (c.graph.iota(count), c.graph.int(-1));
            let counters = c.graph.map(&SUBTRACT, &[minus_one, iota]);
            Ok(Value::array(c.graph.map(&RANDOM_BITS, &[key, counters])))
        },
    },
];

/// The key, and the shape that the arguments behind it say.
fn key_and_shape(c: &mut Checker<'_>, call: &Call<'_>, form: &str) -> Result<(NodeId, Vec<Size>)> {
    let (key, sizes) = call.first_and_rest(1..=17, form)?;
    let key = scalar(c, key, "a key")?;
    let shape = c.sizes(&sizes)?;
    c.graph.span = call.span;
    Ok((key.id, shape))
}

/// A whole number, one for the whole array.
fn scalar(c: &mut Checker<'_>, expr: &Expr, what: &str) -> Result<Operand> {
    let mut operand = c.operand(expr)?;
    let ty = c.graph.ty(operand.id).clone();
    if ty.rank() != 0 || ty.dtype.is_float() {
        let help = match ty.rank() {
            0 => "convert with i64(x)",
            _ => "take one of them, k[i]; random.split(key, n) makes keys",
        };
        return Err(Diagnostic::error(codes::TYPE, expr.span, format!("{what} is one whole number"))
            .at(format!("this is {ty}"))
            .help(help));
    }
    operand.id = c.graph.cast(operand.id, DType::I64);
    Ok(operand)
}

/// Random bits for every element of an array: the counter is the element's number in C order.
fn bits(c: &mut Checker<'_>, key: NodeId, shape: &[Size]) -> NodeId {
    let zero = c.graph.int(0);
    let mut counter = c.graph.broadcast(zero, &[], shape);
    let mut stride = Size::one();
    for (axis, size) in shape.iter().enumerate().rev() {
        let (iota, step) = (c.graph.iota(size), c.graph.size_value(&stride));
        let scaled = c.graph.times(iota, step);
        let along = c.graph.broadcast(scaled, &[axis], shape);
        counter = c.graph.plus(counter, along);
        stride = stride.times(size);
    }
    c.graph.map(&RANDOM_BITS, &[key, counter])
}

fn uniform(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&["low", "high"])?;
    let (key, shape) = key_and_shape(c, call, "random.uniform(key, n, m), or with low= and high=")?;
    let bits = bits(c, key, &shape);
    let unit = c.graph.map(&BITS_TO_UNIFORM, &[bits]);
    let (low, high) = (call.named("low"), call.named("high"));
    if low.is_none() && high.is_none() {
        return Ok(Value::array(unit));
    }
    let mut bound = |expr: Option<&Expr>, value: f64| match expr {
        Some(expr) => {
            let operand = c.operand(expr)?;
            match c.graph.ty(operand.id).rank() {
                0 => Ok(c.graph.cast(operand.id, DType::F64)),
                _ => Err(Diagnostic::error(codes::RANK, expr.span, "a bound of `random.uniform` is one number")
                    .at(format!("this is {}", c.graph.ty(operand.id)))),
            }
        }
        None => Ok(c.graph.constant(crate::graph::Constant::float(value), DType::F64)),
    };
    let (low, high) = (bound(low, 0.0)?, bound(high, 1.0)?);
    c.graph.span = call.span;
    let width = c.graph.map(&SUBTRACT, &[high, low]);
    let scaled = c.graph.times(unit, width);
    Ok(Value::array(c.graph.plus(scaled, low)))
}

/// The order of random bits. Equal bits, which would favour the earlier, have a chance of n^2 / 2^65.
fn permutation(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&[])?;
    let [key, over] = call.exactly("random.permutation(key, n) or random.permutation(key, x)")?;
    let key = scalar(c, key, "a key")?;
    let rows = c.operand(over)?;
    let own = c.graph.shape(rows.id).first().cloned();
    let count = match &own {
        Some(count) => vec![count.clone()],
        None => c.sizes(&[over])?,
    };
    c.graph.span = call.span;
    let bits = bits(c, key.id, &count);
    let order = c.graph.routine(&ARGSORT, &[bits]);
    Ok(Value::array(if own.is_some() { c.graph.gather(rows.id, &[0], &[order]) } else { order }))
}

fn integers(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&[])?;
    let form = "random.integers(key, low, high, n, m)";
    let exprs = call.positional(3..=19, form)?;
    let [key, low, high, sizes @ ..] = exprs.as_slice() else { return Err(call.miscounted(form)) };
    let key = scalar(c, key, "a key")?;
    let (low, high) = (scalar(c, low, "a bound")?, scalar(c, high, "a bound")?);
    let shape = c.sizes(sizes)?;
    let holds = c.graph.map(&GREATER, &[high.id, low.id]);
    let message = "`random.integers` needs low below high: there is no number between";
    match c.graph.as_constant(holds).map(|constant| constant.as_f64() != 0.0) {
        Some(true) => {}
        Some(false) => return Err(Diagnostic::error(codes::ARGUMENTS, high.span, message)),
        None => {
            c.check(CheckKind::Assert { message: Some(message.to_string()) }, holds, None, call.span);
        }
    }
    c.graph.span = call.span;
    let bits = bits(c, key.id, &shape);
    let count = c.graph.map(&SUBTRACT, &[high.id, low.id]);
    let chosen = c.graph.map(&BITS_BELOW, &[bits, count]);
    Ok(Value::array(c.graph.plus(chosen, low.id)))
}
