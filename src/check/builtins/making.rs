//! Builtins that make arrays.
//!
//! In: sizes and values. Out: arrays that need no memory until something stores them.
//! Always holds: sizes are known before the program runs.

use super::Builtin;
use crate::check::call::Call;
use crate::check::operators::Operand;
use crate::check::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{Constant, NodeId, Size, Type};
use crate::ops::elementwise::{DIVIDE, EQUAL, MAXIMUM, MULTIPLY};
use crate::runtime::array::DType;

macro_rules! casting {
    ($name:literal, $dtype:ident, $doc:literal, $example:expr) => {
        Builtin { name: $name, doc: $doc, example: $example, apply: |c, call| cast(c, call, DType::$dtype) }
    };
}

pub(super) const ALL: &[Builtin] = &[
    casting!("f64", F64, "f64(x): x in double precision.", ("print(f64(3))", "3.0")),
    casting!(
        "f16",
        F16,
        "f16(x): x in half precision, 11 bits; computed with in f32, each result rounded.",
        ("print(f16(0.1))", "0.1")
    ),
    casting!(
        "bf16",
        BF16,
        "bf16(x): x in 8 bits, with the range of f32; computed with in f32, each result rounded.",
        ("print(bf16(1.01))", "1.01")
    ),
    casting!("f32", F32, "f32(x): x in single precision.", ("print(f32(0.5))", "0.5")),
    casting!("i64", I64, "i64(x): x as whole numbers; floats are truncated.", ("print(i64(-2.7))", "-2")),
    casting!("bool", Bool, "bool(x): whether x is not 0.", ("print(bool([0, 2]))", "[false  true]")),
    Builtin {
        name: "zeros",
        doc: "zeros(n, m, …): an f64 array of zeros.",
        example: ("print(zeros(3))", "[0. 0. 0.]"),
        apply: |c, call| filled(c, call, 0.0),
    },
    Builtin {
        name: "ones",
        doc: "ones(n, m, …): an f64 array of ones.",
        example: ("print(ones(3))", "[1. 1. 1.]"),
        apply: |c, call| filled(c, call, 1.0),
    },
    Builtin {
        name: "full",
        doc: "full(value, n, m, …): an array of one value.",
        example: ("print(full(7, 3))", "[7 7 7]"),
        apply: |c, call| {
            call.allow(&[])?;
            let (value, sizes) = call.first_and_rest(1..=16, "full(value, n, m)")?;
            let value = c.operand(value)?;
            let mut shape = c.sizes(&sizes)?;
            let lead = shape.len();
            shape.extend(c.graph.shape(value.id).iter().cloned());
            let axes: Vec<usize> = (lead..shape.len()).collect();
            Ok(Value::array(c.graph.broadcast(value.id, &axes, &shape)))
        },
    },
    Builtin {
        name: "zeros_like",
        doc: "zeros_like(x): zeros of x's type and shape.",
        example: ("print(zeros_like([1, 2]))", "[0 0]"),
        apply: |c, call| like(c, call, 0.0),
    },
    Builtin {
        name: "ones_like",
        doc: "ones_like(x): ones of x's type and shape.",
        example: ("print(ones_like([1.0, 2.0]))", "[1. 1.]"),
        apply: |c, call| like(c, call, 1.0),
    },
    Builtin {
        name: "full_like",
        doc: "full_like(x, value): an array of one value with x's type and shape.",
        example: ("print(full_like([1.0, 2.0], 7))", "[7. 7.]"),
        apply: |c, call| {
            call.allow(&[])?;
            let [x, value] = c.operands_of(call, "full_like(x, value)")?;
            let Type { dtype, shape } = c.graph.ty(x.id).clone();
            let ty = c.graph.ty(value.id).clone();
            let fitting = if ty.rank() == 0 { c.assignable(value, dtype) } else { None };
            let Some(value) = fitting else {
                return Err(Diagnostic::error(codes::TYPE, value.span, format!("the value is one {dtype}"))
                    .at(format!("this is {ty}")));
            };
            Ok(Value::array(c.graph.broadcast(value, &[], &shape)))
        },
    },
    Builtin {
        name: "eye",
        doc: "eye(n): the identity matrix; eye(n, m, k=1): ones on the diagonal of that number, zeros elsewhere.",
        example: ("print(eye(2))", "[[1. 0.]\n [0. 1.]]"),
        apply: |c, call| {
            call.allow(&["k"])?;
            let form = "eye(n) or eye(n, m)";
            let shift = call.named("k").map_or(Ok(0), |expr| c.literal_int(expr, "the number of a diagonal"))?;
            let sizes = c.sizes(&call.positional(1..=2, form)?)?;
            let (Some(rows), Some(columns)) = (sizes.first(), sizes.last()) else {
                return Err(call.miscounted(form));
            };
            let shape = [rows.clone(), columns.clone()];
            let (rows, columns) = (c.graph.iota(rows), c.graph.iota(columns));
            let shift = c.graph.int(shift);
            let rows = c.graph.plus(rows, shift);
            let rows = c.graph.broadcast(rows, &[0], &shape);
            let columns = c.graph.broadcast(columns, &[1], &shape);
            let equal = c.graph.map(&EQUAL, &[rows, columns]);
            Ok(Value::array(c.graph.cast(equal, DType::F64)))
        },
    },
    Builtin {
        name: "arange",
        doc: "arange(n), arange(a, b), arange(a, b, step): evenly spaced numbers, b excluded; floats must be literals.",
        example: ("print(arange(2, 8, 2))", "[2 4 6]"),
        apply: arange,
    },
    Builtin {
        name: "linspace",
        doc: "linspace(a, b, n): n numbers from a to b, both included.",
        example: ("print(linspace(0.0, 1.0, 3))", "[0.  0.5 1. ]"),
        apply: linspace,
    },
];

fn cast(c: &mut Checker<'_>, call: &Call<'_>, dtype: DType) -> Result<Value> {
    call.allow(&[])?;
    let [operand] = c.operands_of(call, &format!("{}(x)", call.name))?;
    Ok(Value::array(c.graph.cast(operand.id, dtype)))
}

fn filled(c: &mut Checker<'_>, call: &Call<'_>, value: f64) -> Result<Value> {
    call.allow(&[])?;
    let exprs = call.positional(1..=16, &format!("{}(n, m)", call.name))?;
    let shape = c.sizes(&exprs)?;
    let scalar = c.graph.constant(Constant::float(value), DType::F64);
    Ok(Value::array(c.graph.broadcast(scalar, &[], &shape)))
}

fn like(c: &mut Checker<'_>, call: &Call<'_>, value: f64) -> Result<Value> {
    call.allow(&[])?;
    let [operand] = c.operands_of(call, &format!("{}(x)", call.name))?;
    Ok(Value::array(c.graph.full_like(operand.id, value)))
}

fn arange(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&[])?;
    let exprs = call.positional(1..=3, "arange(n), arange(a, b) or arange(a, b, step)")?;
    let operands = c.operands(&exprs)?;
    if operands.iter().any(|o| c.graph.ty(o.id).dtype.is_float()) {
        return float_arange(c, call, &operands);
    }
    let numbers = exprs.iter().map(|e| c.range_bound(e, "a bound of `arange`")).collect::<Result<Vec<_>>>()?;
    let zero = c.graph.int(0);
    let (start, stop) = match numbers.as_slice() {
        [stop] => (zero, *stop),
        [start, stop, ..] => (*start, *stop),
        [] => (zero, zero),
    };
    let step = match numbers.get(2).map(|id| c.graph.as_size(*id).and_then(|size| size.as_const())) {
        None => 1,
        Some(Some(step)) if step != 0 => step,
        Some(_) => {
            return Err(Diagnostic::error(
                codes::NOT_A_CONSTANT,
                call.span,
                "the step of `arange` is a literal, not 0",
            ));
        }
    };
    let count = c.range_length([start, stop], step, call.span)?;
    let iota = c.graph.iota(&count);
    let step = c.graph.int(step);
    let scaled = c.graph.times(step, iota);
    Ok(Value::array(add_offset(c, start, scaled)))
}

/// Floats in steps, as NumPy has them: `ceil((b - a) / step)` of them, `a + i * step`.
fn float_arange(c: &mut Checker<'_>, call: &Call<'_>, operands: &[Operand]) -> Result<Value> {
    let known: Option<Vec<f64>> = operands.iter().map(|o| Some(c.graph.as_constant(o.id)?.as_f64())).collect();
    let (start, stop, step) = match known.as_deref() {
        Some([stop]) => (0.0, *stop, 1.0),
        Some([start, stop]) => (*start, *stop, 1.0),
        Some([start, stop, step]) => (*start, *stop, *step),
        _ => {
            return Err(Diagnostic::error(
                codes::NOT_A_CONSTANT,
                call.span,
                "the length of this `arange` depends on floats that are not literals",
            )
            .help("write linspace(a, b, n), or scale: 0.1 * arange(n)"));
        }
    };
    let count = ((stop - start) / step).ceil().max(0.0);
    if step == 0.0 || !count.is_finite() || count > 1e15 {
        return Err(Diagnostic::error(codes::ARGUMENTS, call.span, "this `arange` has no end"));
    }
    let dtype = c.common_dtype(operands);
    let iota = c.graph.iota(&Size::from(count as i64));
    let counter = c.graph.cast(iota, dtype);
    let (start, step) =
        (c.graph.constant(Constant::float(start), dtype), c.graph.constant(Constant::float(step), dtype));
    let scaled = c.graph.times(counter, step);
    Ok(Value::array(c.graph.plus(scaled, start)))
}

fn add_offset(c: &mut Checker<'_>, start: NodeId, scaled: NodeId) -> NodeId {
    match c.graph.as_size(start).and_then(|size| size.as_const()) {
        Some(0) => scaled,
        _ => c.graph.plus(start, scaled),
    }
}

fn linspace(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&[])?;
    let form = "linspace(a, b, n)";
    let [a, b, count] = call.exactly(form)?;
    let ends = [c.operand(a)?, c.operand(b)?];
    let count = c.sizes(&[count])?.into_iter().next().ok_or_else(|| call.miscounted(form))?;
    let dtype = match c.common_dtype(&ends) {
        dtype if dtype.is_float() => dtype,
        _ => DType::F64,
    };
    let (rounded, dtype) = (dtype, if dtype.is_half() { DType::F32 } else { dtype });
    let [a, b] = ends.map(|end| c.graph.cast(end.id, dtype));
    // a + (b - a) * i / (n - 1), with the last element exactly b, as NumPy has it.
    // One number is a, and has no step.
    let (one, last) = (c.graph.int(1), c.graph.size_value(&count.minus(&Size::one())));
    let last = c.graph.map(&MAXIMUM, &[last, one]);
    let (last_float, iota) = (c.graph.cast(last, dtype), c.graph.iota(&count));
    let counter = c.graph.cast(iota, dtype);
    let width = c.graph.map(&crate::ops::elementwise::SUBTRACT, &[b, a]);
    let step = c.graph.map(&DIVIDE, &[width, last_float]);
    let scaled = c.graph.map(&MULTIPLY, &[counter, step]);
    let inner = c.graph.plus(scaled, a);
    let at_end = c.graph.map(&EQUAL, &[iota, last]);
    let result = c.graph.map(&crate::ops::elementwise::WHERE, &[at_end, b, inner]);
    Ok(Value::array(c.graph.cast(result, rounded)))
}
