//! What each operator computes, one function per family.
//!
//! In: an operator of a verified graph, its operands, the dtype and shape of the result. Out: the result.
//! Always holds: sums and products of `f32` are formed in `f64` and rounded once, so the interpreter is the more exact side.

use super::tensor::{Tensor, elements, offsets, pick, remaining, strides};
use super::{FaultKind, size_value};
use crate::graph::{CheckKind, Constant, Op, Size, SizeEnv};
use crate::ops::elementwise::{ADD, Value};
use crate::ops::{Elementwise, Reduction, Routine};
use crate::runtime::array::DType;
use crate::runtime::control::Control;
use std::rc::Rc;

type Outcome = Result<Tensor, FaultKind>;

fn unsupported<T>(message: &str) -> Result<T, FaultKind> {
    Err(FaultKind::Unsupported(message.to_string()))
}

/// The value of an operator that depends on nothing but its operands and sizes.
pub(super) fn evaluate(
    op: &Op,
    args: &[Rc<Tensor>],
    dtype: DType,
    shape: Vec<usize>,
    sizes: &SizeEnv,
    control: &Control,
) -> Outcome {
    let result = compute(op, args, dtype, shape, sizes, control);
    // What was left half done is not looked at.
    if control.is_interrupted() { Err(FaultKind::Interrupted) } else { result }
}

fn compute(
    op: &Op,
    args: &[Rc<Tensor>],
    dtype: DType,
    shape: Vec<usize>,
    sizes: &SizeEnv,
    control: &Control,
) -> Outcome {
    let result = match (op, args) {
        (Op::Const(constant), _) => Tensor::scalar(dtype, Value::constant(*constant, dtype)),
        (Op::Size(size), _) => Tensor::scalar(dtype, Value::Int(size_value(size, sizes)?)),
        (Op::Iota, _) => iota(shape, control)?,
        (Op::Map(map), _) => elementwise(map, args, dtype, shape, control)?,
        (Op::Cast, [x]) => Tensor { dtype, shape, data: x.data.iter().map(|value| value.cast(dtype)).collect() },
        (Op::Reduce { kind, axes }, [x]) => reduce(kind, x, axes, dtype, shape, control)?,
        (Op::Broadcast { axes }, [x]) => broadcast(x, axes, shape)?,
        (Op::Transpose { perm }, [x]) => strided(x, 0, &pick(&strides(&x.shape), perm), shape)?,
        (Op::Reshape, [x]) => Tensor { dtype, shape, data: x.data.clone() },
        (Op::Slice { starts, steps }, [x]) => {
            let (start, spacing) = region(&x.shape, &values(starts, sizes)?, steps, &shape)?;
            strided(x, start, &spacing, shape)?
        }
        (Op::Place { starts, steps }, [x]) => {
            let (start, spacing) = region(&shape, &values(starts, sizes)?, steps, &x.shape)?;
            let mut result = Tensor::zeros(dtype, shape)?;
            place(&mut result, x, start, &spacing)?;
            result
        }
        (Op::Concat { axis }, _) => concat(args, *axis, dtype, shape)?,
        (Op::Contract { operands, result }, _) => contract(args, (operands, result), dtype, shape, control)?,
        (Op::Gather { axes }, [x, indexes @ ..]) => gather(x, axes, indexes, shape)?,
        (Op::ScatterAdd { axes }, [indexes @ .., values]) => scatter_add(values, axes, indexes, dtype, shape)?,
        (Op::Update { axes, adds }, [x, values, guard, indexes @ ..]) => {
            update(x, values, guard, (axes, *adds), indexes)?
        }
        (Op::Routine(routine), _) => library_call(routine, args, dtype, shape)?,
        (Op::Check(kind), [x, rest @ ..]) => check(kind, x, rest)?,
        (Op::Mark(_) | Op::StopGradient | Op::Checkpoint, [x]) => Tensor::clone(x),
        (Op::Grad | Op::Vjp | Op::Jvp | Op::Jacobian, _) => {
            return unsupported("a derivative that no pass has expanded");
        }
        _ => return unsupported("an operator with too few operands"),
    };
    // Symbolically equal sizes can differ here only where a negative one became 0.
    match result.data.len() == elements(&result.shape)? {
        true => Ok(result),
        false => unsupported("sizes that do not fit together"),
    }
}

fn library_call(routine: &Routine, args: &[Rc<Tensor>], dtype: DType, shape: Vec<usize>) -> Outcome {
    let operands = args.iter().map(|arg| arg.to_array()).collect::<Result<Vec<_>, _>>()?;
    let mut result = Tensor::zeros(dtype, shape)?.to_array()?;
    match routine.apply(&operands, &mut result) {
        Some(()) => Ok(Tensor::from_array(&result)),
        None => unsupported("sizes that do not fit together"),
    }
}

fn iota(shape: Vec<usize>, control: &Control) -> Outcome {
    let data = (0..elements(&shape)? as i64).take_while(|_| !control.is_interrupted()).map(Value::Int).collect();
    Ok(Tensor { dtype: DType::I64, shape, data })
}

fn elementwise(op: &Elementwise, args: &[Rc<Tensor>], dtype: DType, shape: Vec<usize>, control: &Control) -> Outcome {
    let count = elements(&shape)?;
    if args.iter().any(|arg| arg.data.len() != count) {
        return unsupported("sizes that do not fit together");
    }
    let mut operands = vec![Value::Bool(false); args.len()];
    let mut data = Vec::with_capacity(count);
    for position in (0..count).take_while(|_| !control.is_interrupted()) {
        for (operand, arg) in operands.iter_mut().zip(args) {
            *operand = arg.data[position];
        }
        data.push((op.eval)(&operands));
    }
    Ok(Tensor { dtype, shape, data })
}

/// The dtype that sums and products are formed in.
fn wide(dtype: DType) -> DType {
    if dtype == DType::F32 { DType::F64 } else { dtype }
}

fn reduce(kind: &Reduction, x: &Tensor, axes: &[usize], dtype: DType, shape: Vec<usize>, control: &Control) -> Outcome {
    let (kept, all) = (remaining(x.shape.len(), axes), strides(&x.shape));
    let starts = offsets(&shape, &pick(&all, &kept))?;
    let along = offsets(&pick(&x.shape, axes), &pick(&all, axes))?;
    let mut data = Vec::with_capacity(starts.len());
    for start in starts {
        let elements = along.iter().take_while(|_| !control.is_interrupted()).map(|offset| x.at(start + offset));
        let result = if kind.positional { position(kind, elements)? } else { total(kind, x.dtype, elements)? };
        data.push(result.cast(dtype));
    }
    Ok(Tensor { dtype, shape, data })
}

fn total(
    kind: &Reduction,
    dtype: DType,
    elements: impl Iterator<Item = Result<Value, FaultKind>>,
) -> Result<Value, FaultKind> {
    let mut total = Value::constant(Constant::float(kind.identity), wide(dtype));
    for element in elements {
        total = (kind.combine.eval)(&[total, element?.cast(wide(dtype))]);
    }
    Ok(total)
}

/// The position of the first best element; a NaN is better than any number.
fn position(kind: &Reduction, elements: impl Iterator<Item = Result<Value, FaultKind>>) -> Result<Value, FaultKind> {
    let mut best: Option<(i64, Value)> = None;
    for (at, element) in (0i64..).zip(elements) {
        let element = element?;
        let better = match best {
            None => true,
            Some((_, best)) if best.f64().is_nan() => false,
            Some((_, best)) => element.f64().is_nan() || (kind.combine.eval)(&[element, best]).truth(),
        };
        if better {
            best = Some((at, element));
        }
    }
    best.map_or_else(|| unsupported("the position of the best of no elements"), |(at, _)| Ok(Value::Int(at)))
}

/// Elements of `x` that are `spacing` apart along the axes of `shape`.
fn strided(x: &Tensor, start: i64, spacing: &[i64], shape: Vec<usize>) -> Outcome {
    let places = offsets(&shape, spacing)?;
    let data: Result<Vec<Value>, FaultKind> = places.iter().map(|offset| x.at(start + offset)).collect();
    Ok(Tensor { dtype: x.dtype, shape, data: data? })
}

/// The other way round: the elements of `x` put into `result`.
fn place(result: &mut Tensor, x: &Tensor, start: i64, spacing: &[i64]) -> Result<(), FaultKind> {
    let places = offsets(&x.shape, spacing)?;
    places.iter().zip(&x.data).try_for_each(|(offset, value)| result.set(start + offset, *value))
}

fn broadcast(x: &Tensor, axes: &[usize], shape: Vec<usize>) -> Outcome {
    let mut spacing = vec![0i64; shape.len()];
    for (&axis, stride) in axes.iter().zip(strides(&x.shape)) {
        spacing[axis] = stride;
    }
    strided(x, 0, &spacing, shape)
}

fn values(starts: &[Size], sizes: &SizeEnv) -> Result<Vec<i64>, FaultKind> {
    starts.iter().map(|start| size_value(start, sizes)).collect()
}

/// The offset of the first element and the spacing of the part `shape` of an array of sizes `whole`.
fn region(whole: &[usize], starts: &[i64], steps: &[i64], shape: &[usize]) -> Result<(i64, Vec<i64>), FaultKind> {
    let (mut first, mut spacing) = (0i64, Vec::new());
    for (axis, stride) in strides(whole).into_iter().enumerate() {
        let (start, step, size) = (starts[axis], steps[axis], shape[axis] as i64);
        let last = start.saturating_add(step.saturating_mul(size - 1));
        let range = 0..whole[axis] as i64;
        if !shape.contains(&0) && [start, last].iter().any(|place| !range.contains(place)) {
            return unsupported("a slice that leaves its array");
        }
        first = first.wrapping_add(start.wrapping_mul(stride));
        spacing.push(step.wrapping_mul(stride));
    }
    Ok((first, spacing))
}

fn concat(args: &[Rc<Tensor>], axis: usize, dtype: DType, shape: Vec<usize>) -> Outcome {
    if args.iter().map(|arg| arg.shape[axis]).sum::<usize>() != shape[axis] {
        return unsupported("sizes that do not fit together");
    }
    let spacing = strides(&shape);
    let mut result = Tensor::zeros(dtype, shape)?;
    let mut start = 0i64;
    for arg in args {
        place(&mut result, arg, start, &spacing)?;
        start += arg.shape[axis] as i64 * spacing[axis];
    }
    Ok(result)
}

/// Where one operand's elements lie: for each element of the result, and from there for each term of its sum.
struct Walk<T> {
    data: Vec<T>,
    starts: Vec<i64>,
    along: Vec<i64>,
}

fn contract(
    args: &[Rc<Tensor>],
    (labels, result): (&[Vec<u8>], &[u8]),
    dtype: DType,
    shape: Vec<usize>,
    control: &Control,
) -> Outcome {
    let mut extents = [0usize; 256];
    let mut summed: Vec<u8> = Vec::new();
    for (arg, labels) in args.iter().zip(labels) {
        for (&label, &size) in labels.iter().zip(&arg.shape) {
            extents[usize::from(label)] = size;
            if !result.contains(&label) && !summed.contains(&label) {
                summed.push(label);
            }
        }
    }
    let terms: Vec<usize> = summed.iter().map(|&label| extents[usize::from(label)]).collect();
    let places = |arg: &Tensor, own: &[u8]| -> Result<(Vec<i64>, Vec<i64>), FaultKind> {
        let strides = strides(&arg.shape);
        let spacing = |labels: &[u8]| -> Vec<i64> {
            labels.iter().map(|label| own.iter().position(|other| other == label).map_or(0, |at| strides[at])).collect()
        };
        Ok((offsets(&shape, &spacing(result))?, offsets(&terms, &spacing(&summed))?))
    };
    let mut walks = Vec::new();
    for (arg, own) in args.iter().zip(labels) {
        let (starts, along) = places(arg, own)?;
        walks.push((arg, starts, along));
    }
    let plain = summed.is_empty();
    let data: Vec<Value> = if dtype == DType::I64 {
        let walks = walks.into_iter().map(|(arg, starts, along)| walk(arg, starts, along, Value::int));
        let sums =
            sums_of_products(&walks.collect::<Vec<_>>(), plain, control, (0, i64::wrapping_mul, i64::wrapping_add))?;
        sums.into_iter().map(Value::Int).collect()
    } else {
        let walks = walks.into_iter().map(|(arg, starts, along)| walk(arg, starts, along, Value::f64));
        let sums = sums_of_products(&walks.collect::<Vec<_>>(), plain, control, (0.0, |a, b| a * b, |a, b| a + b))?;
        sums.into_iter().map(|sum: f64| Value::F64(sum).cast(dtype)).collect()
    };
    Ok(Tensor { dtype, shape, data })
}

fn walk<T>(arg: &Tensor, starts: Vec<i64>, along: Vec<i64>, element: fn(Value) -> T) -> Walk<T> {
    Walk { data: arg.data.iter().map(|&value| element(value)).collect(), starts, along }
}

/// For each element of the result the sum over all terms of the product of the operands.
/// With `plain` there is one term, and its sign survives if it is -0.
fn sums_of_products<T: Copy>(
    walks: &[Walk<T>],
    plain: bool,
    control: &Control,
    (zero, times, plus): (T, impl Fn(T, T) -> T, impl Fn(T, T) -> T),
) -> Result<Vec<T>, FaultKind> {
    let Some((first, rest)) = walks.split_first() else { return Ok(Vec::new()) };
    let element = |walk: &Walk<T>, at: usize, term: usize| {
        let offset = walk.starts[at] + walk.along[term];
        walk.data.get(offset as usize).copied()
    };
    let product = |at: usize, term: usize| {
        if control.is_interrupted() {
            return None;
        }
        rest.iter().try_fold(element(first, at, term)?, |product, walk| Some(times(product, element(walk, at, term)?)))
    };
    let sum = |at: usize| match plain {
        true => product(at, 0),
        false => (0..first.along.len()).try_fold(zero, |sum, term| Some(plus(sum, product(at, term)?))),
    };
    let sums: Option<Vec<T>> = (0..first.starts.len()).map(sum).collect();
    sums.map_or_else(|| unsupported("sizes that do not fit together"), Ok)
}

/// For each position of the index arrays, the offset into an array of sizes `shape`; then the offsets of the
/// other axes.
fn indexed(shape: &[usize], axes: &[usize], indexes: &[Rc<Tensor>]) -> Result<(Vec<i64>, Vec<i64>), FaultKind> {
    let Some(first) = indexes.first() else { return unsupported("an indexing without indexes") };
    let spacing = strides(shape);
    let mut starts = vec![0i64; first.data.len()];
    for (&axis, index) in axes.iter().zip(indexes) {
        for (start, value) in starts.iter_mut().zip(&index.data) {
            if !(0..shape[axis] as i64).contains(&value.int()) {
                return unsupported("gather index out of range without a check");
            }
            *start += value.int() * spacing[axis];
        }
    }
    let others = remaining(shape.len(), axes);
    Ok((starts, offsets(&pick(shape, &others), &pick(&spacing, &others))?))
}

fn gather(x: &Tensor, axes: &[usize], indexes: &[Rc<Tensor>], shape: Vec<usize>) -> Outcome {
    if x.data.is_empty() {
        // Only an index that is not meant leads here: what it reads does not matter.
        return Tensor::zeros(x.dtype, shape);
    }
    let (starts, others) = indexed(&x.shape, axes, indexes)?;
    let mut data = Vec::with_capacity(elements(&shape)?);
    for start in starts {
        for offset in &others {
            data.push(x.at(start + offset)?);
        }
    }
    Ok(Tensor { dtype: x.dtype, shape, data })
}

/// The last of equal indexes wins, or all are added up.
fn update(
    x: &Tensor,
    values: &Tensor,
    guard: &Tensor,
    (axes, adds): (&[usize], bool),
    indexes: &[Rc<Tensor>],
) -> Outcome {
    let mut result = x.clone();
    if !guard.data.first().is_some_and(|guard| guard.truth()) {
        return Ok(result);
    }
    let (starts, others) = indexed(&x.shape, axes, indexes)?;
    let places = starts.iter().flat_map(|start| others.iter().map(move |offset| start + offset));
    places.zip(&values.data).try_for_each(|(place, value)| {
        let value = if adds { (ADD.eval)(&[result.at(place)?, *value]) } else { *value };
        result.set(place, value)
    })?;
    Ok(result)
}

fn scatter_add(values: &Tensor, axes: &[usize], indexes: &[Rc<Tensor>], dtype: DType, shape: Vec<usize>) -> Outcome {
    let (starts, others) = indexed(&shape, axes, indexes)?;
    let mut result = Tensor::zeros(wide(dtype), shape)?;
    let places = starts.iter().flat_map(|start| others.iter().map(move |offset| start + offset));
    for (place, value) in places.zip(&values.data) {
        let sum = (ADD.eval)(&[result.at(place)?, value.cast(wide(dtype))]);
        result.set(place, sum)?;
    }
    result.data.iter_mut().for_each(|value| *value = value.cast(dtype));
    Ok(Tensor { dtype, ..result })
}

fn check(kind: &CheckKind, x: &Tensor, rest: &[Rc<Tensor>]) -> Outcome {
    match kind {
        CheckKind::Index { axis } => check_index(*axis, x, rest),
        CheckKind::Equal { what } => {
            let differ = |(a, b): &(&Value, &Value)| a.int() != b.int();
            match x.data.iter().zip(rest.first().map_or(&[][..], |other| &other.data)).find(differ) {
                Some((a, b)) => Err(FaultKind::Sizes { what: what.clone(), sizes: [a.int(), b.int()] }),
                None => Ok(x.clone()),
            }
        }
        CheckKind::Step if x.data.iter().any(|value| value.int() == 0) => Err(FaultKind::Step),
        CheckKind::NonZero if x.data.iter().any(|value| value.int() == 0) => Err(FaultKind::DivisionByZero),
        CheckKind::Assert { message } if !x.data.iter().all(|value| value.truth()) => {
            Err(FaultKind::Assertion { message: message.clone() })
        }
        CheckKind::NonZero | CheckKind::Step | CheckKind::Assert { .. } => Ok(x.clone()),
    }
}

/// The index counted from the front; a negative one counts from the end.
fn check_index(axis: usize, x: &Tensor, rest: &[Rc<Tensor>]) -> Outcome {
    let Some(extent) = rest.first().and_then(|extent| extent.data.first()) else {
        return unsupported("an index without an extent");
    };
    let extent = extent.int();
    let meant = |position: usize| match rest.get(1).map(|guard| guard.data.as_slice()) {
        Some([guard]) => guard.truth(),
        Some(guards) => guards.get(position).is_none_or(|guard| guard.truth()),
        None => true,
    };
    let mut data = Vec::with_capacity(x.data.len());
    for (position, value) in x.data.iter().enumerate() {
        let index = value.int();
        if !meant(position) {
            data.push(Value::Int(0));
            continue;
        }
        let wrapped = if index < 0 { index.saturating_add(extent) } else { index };
        if !(0..extent).contains(&wrapped) {
            return Err(FaultKind::Index { axis, index, extent });
        }
        data.push(Value::Int(wrapped));
    }
    Ok(Tensor { dtype: x.dtype, shape: x.shape.clone(), data })
}
