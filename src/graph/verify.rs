//! Whether a graph is well formed: every type follows from the operator and its operands.
//!
//! In: a graph. Out: nothing, or the first node that is wrong and what its type should be.
//! Always holds: sizes are compared as polynomials, so what passes here fits at every size.

use super::print::Names;
use super::{Binder, CheckKind, Constant, Graph, Node, NodeId, Op, Size, Type, VarId, display_shape};
use crate::ops::elementwise::Value;
use crate::ops::{Elementwise, Reduction, Routine, Signature};
use crate::runtime::array::DType;

/// What is wrong with a node, without its name.
type Verdict = Result<(), String>;

macro_rules! require {
    ($holds:expr, $($message:tt)*) => {
        if !$holds {
            return Err(format!($($message)*));
        }
    };
}

/// Checks the nodes that the roots need, and the roots. The message names nodes as they are printed.
pub fn verify(graph: &Graph) -> Result<(), String> {
    for root in graph.roots() {
        require!((root.0 as usize) < graph.len(), "a root is node {}, but there are only {}", root.0, graph.len());
    }
    let names = Names::new(graph);
    for &id in &names.order {
        let checked = verify_order(graph, id).and_then(|()| verify_node(graph, graph.node(id)));
        checked.map_err(|message| format!("{} = {}: {message}", names.node(id), names.op(&graph.node(id).op)))?;
    }
    let closed = |root: &NodeId| graph.node(*root).free.is_empty();
    if let Some(open) = graph.roots().iter().find(|root| !closed(root)) {
        let vars: Vec<&str> = graph.node(*open).free.iter().map(|var| graph.var(*var).name.as_str()).collect();
        return Err(format!("the root {} depends on the index variable {}", names.node(*open), vars.join(", ")));
    }
    Ok(())
}

fn verify_order(graph: &Graph, id: NodeId) -> Verdict {
    require!(graph.node(id).inputs.iter().all(|input| *input < id), "an operand comes after the node");
    Ok(())
}

fn verify_node(graph: &Graph, node: &Node) -> Verdict {
    let operands: Vec<&Type> = node.inputs.iter().map(|&input| graph.ty(input)).collect();
    let (operands, ty) = (operands.as_slice(), &node.ty);
    match &node.op {
        Op::Input(position) => verify_input(graph, *position, operands, ty),
        Op::Const(constant) => verify_const(*constant, operands, ty),
        Op::Size(_) => leaf(operands).and_then(|()| expect(ty, &Type::scalar(DType::I64))),
        Op::Var(var) => verify_var(graph, *var, operands, ty),
        Op::Iota => verify_iota(operands, ty),
        Op::Map(op) => verify_map(op, operands, ty),
        Op::Cast => expect_shape(ty, &only(operands)?.shape),
        Op::Reduce { kind, axes } => verify_reduce(kind, axes, operands, ty),
        Op::Broadcast { axes } => verify_broadcast(axes, operands, ty),
        Op::Transpose { perm } => verify_transpose(perm, operands, ty),
        Op::Reshape => verify_reshape(operands, ty),
        Op::Slice { starts, steps } | Op::Place { starts, steps } => verify_region(starts, steps, operands, ty),
        Op::Concat { axis } => verify_concat(*axis, operands, ty),
        Op::Contract { operands: labels, result } => verify_contract(labels, result, operands, ty),
        Op::Gather { axes } => verify_gather(axes, operands, ty),
        Op::ScatterAdd { axes } => verify_scatter(axes, operands, ty),
        Op::Update { axes, adds } => verify_update(axes, *adds, operands, ty),
        Op::Routine(routine) => verify_routine(routine, operands, ty),
        Op::Build(var) => verify_build(graph, *var, operands, ty),
        Op::State(_) => leaf(operands),
        Op::Loop(binder) => verify_loop(graph, binder, &node.inputs, ty),
        Op::Final(position) => verify_final(graph, *position, &node.inputs, ty),
        Op::Check(kind) => verify_check(kind, operands, ty),
        Op::Grad => verify_grad(operands, ty),
        Op::Vjp => verify_vjp(operands, ty),
        Op::Jvp => verify_jvp(operands, ty),
        Op::Jacobian => verify_jacobian(operands, ty),
        Op::Mark(_) | Op::StopGradient | Op::Checkpoint => expect(ty, only(operands)?),
    }
}

fn count(operands: &[&Type], wanted: usize) -> Verdict {
    require!(operands.len() == wanted, "expected {wanted} operands, found {}", operands.len());
    Ok(())
}

fn leaf(operands: &[&Type]) -> Verdict {
    count(operands, 0)
}

fn only<'a>(operands: &[&'a Type]) -> Result<&'a Type, String> {
    count(operands, 1)?;
    operands.first().copied().ok_or_else(String::new)
}

fn expect(found: &Type, expected: &Type) -> Verdict {
    require!(found == expected, "expected the type {expected}, found {found}");
    Ok(())
}

fn expect_shape(found: &Type, shape: &[Size]) -> Verdict {
    let expected = display_shape(shape);
    require!(found.shape == shape, "expected the sizes [{expected}], found [{}]", display_shape(&found.shape));
    Ok(())
}

fn expect_number(dtype: DType) -> Verdict {
    require!(dtype != DType::Bool, "expected numbers, found bool");
    Ok(())
}

/// The 16-bit floats are only stored: an operator that computes is given single precision.
fn expect_computed(dtype: DType) -> Verdict {
    require!(!dtype.is_half(), "{dtype} is not computed with, it is cast to f32 first");
    Ok(())
}

fn expect_float(dtype: DType) -> Verdict {
    require!(dtype.is_float(), "expected floats, found {dtype}");
    Ok(())
}

fn expect_ascending(axes: &[usize], rank: usize) -> Verdict {
    require!(axes.windows(2).all(|pair| pair[0] < pair[1]), "the axes {axes:?} do not ascend");
    require!(axes.iter().all(|&axis| axis < rank), "the axes {axes:?} are not all among {rank}");
    Ok(())
}

/// The sizes of the axes that are not listed.
fn others(shape: &[Size], axes: &[usize]) -> Vec<Size> {
    shape.iter().enumerate().filter(|(axis, _)| !axes.contains(axis)).map(|(_, size)| size.clone()).collect()
}

fn verify_input(graph: &Graph, position: usize, operands: &[&Type], ty: &Type) -> Verdict {
    leaf(operands)?;
    match graph.inputs.get(position) {
        Some(input) => expect(ty, &input.ty),
        None => Err(format!("there are only {} parameters", graph.inputs.len())),
    }
}

fn verify_const(constant: Constant, operands: &[&Type], ty: &Type) -> Verdict {
    leaf(operands)?;
    expect(ty, &Type::scalar(ty.dtype))?;
    let fits = match (constant, ty.dtype) {
        (Constant::Bool(_), DType::Bool) | (Constant::Int(_), DType::I64) | (Constant::Float(_), DType::F64) => true,
        (Constant::Float(bits), DType::F16 | DType::BF16 | DType::F32) => {
            let value = f64::from_bits(bits);
            value.is_nan() || Value::constant(constant, ty.dtype).f64().to_bits() == bits
        }
        _ => false,
    };
    require!(fits, "the constant is no {}", ty.dtype);
    Ok(())
}

fn verify_var(graph: &Graph, var: VarId, operands: &[&Type], ty: &Type) -> Verdict {
    leaf(operands)?;
    require!((var.0 as usize) < graph.vars().len(), "there is no index variable {}", var.0);
    expect(ty, &Type::scalar(DType::I64))
}

fn verify_iota(operands: &[&Type], ty: &Type) -> Verdict {
    leaf(operands)?;
    require!(ty.dtype == DType::I64 && ty.rank() == 1, "expected i64 along one axis, found {ty}");
    Ok(())
}

fn verify_map(op: &Elementwise, operands: &[&Type], ty: &Type) -> Verdict {
    count(operands, op.arity)?;
    for operand in operands {
        expect_shape(operand, &ty.shape)?;
    }
    let dtypes: Vec<DType> = operands.iter().map(|operand| operand.dtype).collect();
    let result = map_dtype(op.signature, &dtypes)?;
    require!(ty.dtype == result, "expected {result}, found {}", ty.dtype);
    Ok(())
}

/// The result's dtype for operands of these dtypes.
fn map_dtype(signature: Signature, dtypes: &[DType]) -> Result<DType, String> {
    let values = match (signature, dtypes) {
        (Signature::Select, [condition, values @ ..]) => {
            require!(*condition == DType::Bool, "expected a bool condition, found {condition}");
            values
        }
        _ => dtypes,
    };
    let Some(&first) = values.first() else { return Err("expected operands, found none".to_string()) };
    require!(values.iter().all(|&dtype| dtype == first), "the operands' element types differ: {values:?}");
    admits(signature, first)?;
    expect_computed(first)?;
    Ok(match signature {
        Signature::Predicate | Signature::FloatPredicate => DType::Bool,
        Signature::Integer => DType::I64,
        Signature::IntegerToFloat => DType::F64,
        Signature::Number | Signature::Float | Signature::Logic | Signature::Select => first,
    })
}

fn admits(signature: Signature, dtype: DType) -> Verdict {
    match signature {
        Signature::Number => expect_number(dtype),
        Signature::Float | Signature::FloatPredicate => expect_float(dtype),
        Signature::Predicate | Signature::Select => Ok(()),
        Signature::Integer | Signature::IntegerToFloat => {
            require!(dtype == DType::I64, "expected i64, found {dtype}");
            Ok(())
        }
        Signature::Logic => {
            require!(dtype == DType::Bool, "expected truth values, found {dtype}");
            Ok(())
        }
    }
}

fn verify_reduce(kind: &Reduction, axes: &[usize], operands: &[&Type], ty: &Type) -> Verdict {
    let x = only(operands)?;
    expect_ascending(axes, x.rank())?;
    admits(kind.combine.signature, x.dtype)?;
    expect_computed(x.dtype)?;
    expect(ty, &Type::array(kind.result(x.dtype), others(&x.shape, axes)))
}

fn verify_broadcast(axes: &[usize], operands: &[&Type], ty: &Type) -> Verdict {
    let x = only(operands)?;
    expect_ascending(axes, ty.rank())?;
    require!(axes.len() == x.rank(), "expected {} axes, found {}", x.rank(), axes.len());
    let kept: Vec<Size> = axes.iter().map(|&axis| ty.shape[axis].clone()).collect();
    expect(x, &Type::array(ty.dtype, kept)).map_err(|message| format!("operand: {message}"))
}

fn verify_transpose(perm: &[usize], operands: &[&Type], ty: &Type) -> Verdict {
    let x = only(operands)?;
    let mut sorted = perm.to_vec();
    sorted.sort_unstable();
    require!(sorted.iter().copied().eq(0..x.rank()), "{perm:?} is no permutation of {} axes", x.rank());
    let shape = perm.iter().map(|&axis| x.shape[axis].clone()).collect();
    expect(ty, &Type::array(x.dtype, shape))
}

fn verify_reshape(operands: &[&Type], ty: &Type) -> Verdict {
    let x = only(operands)?;
    let (before, after) = (x.elements(), ty.elements());
    require!(before == after, "expected {before} elements as in {x}, found {after} in {ty}");
    require!(x.dtype == ty.dtype, "expected {}, found {}", x.dtype, ty.dtype);
    Ok(())
}

/// A slice, or its transpose: one start and one stride per axis.
fn verify_region(starts: &[Size], steps: &[i64], operands: &[&Type], ty: &Type) -> Verdict {
    let x = only(operands)?;
    require!(x.dtype == ty.dtype, "expected {}, found {}", x.dtype, ty.dtype);
    require!(x.rank() == ty.rank(), "expected {} axes, found {}", x.rank(), ty.rank());
    require!(starts.len() == x.rank(), "expected {} starts, found {}", x.rank(), starts.len());
    require!(steps.len() == x.rank(), "expected {} steps, found {}", x.rank(), steps.len());
    require!(!steps.contains(&0), "a step is 0");
    Ok(())
}

fn verify_concat(axis: usize, operands: &[&Type], ty: &Type) -> Verdict {
    let Some(first) = operands.first() else { return Err("expected operands, found none".to_string()) };
    require!(axis < first.rank(), "there is no axis {axis} in {first}");
    let mut total = Size::from(0);
    for operand in operands {
        require!(operand.rank() == first.rank(), "the operands {first} and {operand} differ in rank");
        let mut expected = (*first).clone();
        expected.shape[axis] = operand.shape[axis].clone();
        expect(operand, &expected).map_err(|message| format!("operand: {message}"))?;
        total = total.plus(&operand.shape[axis]);
    }
    let mut expected = (*first).clone();
    expected.shape[axis] = total;
    expect(ty, &expected)
}

fn verify_contract(labels: &[Vec<u8>], result: &[u8], operands: &[&Type], ty: &Type) -> Verdict {
    require!(!labels.is_empty(), "expected operands, found none");
    count(operands, labels.len())?;
    let dtype = operands[0].dtype;
    expect_number(dtype)?;
    expect_computed(dtype)?;
    // The size of label k: labels are numbered by first appearance.
    let mut sizes: Vec<Size> = Vec::new();
    for (operand, labels) in operands.iter().zip(labels) {
        require!(operand.dtype == dtype, "the operands' element types differ: {dtype} and {}", operand.dtype);
        require!(operand.rank() == labels.len(), "{} labels for the operand {operand}", labels.len());
        require!(!repeats(labels), "an operand repeats a label");
        for (size, &label) in operand.shape.iter().zip(labels) {
            match sizes.get(usize::from(label)) {
                None if usize::from(label) == sizes.len() => sizes.push(size.clone()),
                None => return Err(format!("label {label} appears before label {}", sizes.len())),
                Some(known) => require!(known == size, "label {label} has the sizes {known} and {size}"),
            }
        }
    }
    require!(!repeats(result), "the result repeats a label");
    require!(result.iter().all(|&label| usize::from(label) < sizes.len()), "a label of the result is in no operand");
    let shape = result.iter().map(|&label| sizes[usize::from(label)].clone()).collect();
    expect(ty, &Type::array(dtype, shape))
}

fn repeats(labels: &[u8]) -> bool {
    labels.iter().enumerate().any(|(position, label)| labels[..position].contains(label))
}

/// The shape that all index arrays have.
fn verify_indexes<'a>(axes: &[usize], indexes: &[&'a Type], array: &Type) -> Result<&'a [Size], String> {
    expect_ascending(axes, array.rank())?;
    require!(indexes.len() == axes.len(), "expected {} index arrays, found {}", axes.len(), indexes.len());
    let Some(first) = indexes.first() else { return Err("expected index arrays, found none".to_string()) };
    for index in indexes {
        let expected = Type::array(DType::I64, first.shape.clone());
        expect(index, &expected).map_err(|message| format!("index array: {message}"))?;
    }
    Ok(&first.shape)
}

fn verify_gather(axes: &[usize], operands: &[&Type], ty: &Type) -> Verdict {
    let [x, indexes @ ..] = operands else { return Err("expected operands, found none".to_string()) };
    let mut shape = verify_indexes(axes, indexes, x)?.to_vec();
    shape.extend(others(&x.shape, axes));
    expect(ty, &Type::array(x.dtype, shape))
}

fn verify_scatter(axes: &[usize], operands: &[&Type], ty: &Type) -> Verdict {
    let [indexes @ .., values] = operands else { return Err("expected operands, found none".to_string()) };
    let mut shape = verify_indexes(axes, indexes, ty)?.to_vec();
    shape.extend(others(&ty.shape, axes));
    expect_number(ty.dtype)?;
    expect_computed(ty.dtype)?;
    expect(values, &Type::array(ty.dtype, shape)).map_err(|message| format!("values: {message}"))
}

fn verify_update(axes: &[usize], adds: bool, operands: &[&Type], ty: &Type) -> Verdict {
    let [array, values, guard, indexes @ ..] = operands else { return Err("expected four operands".to_string()) };
    if adds {
        expect_number(array.dtype)?;
        expect_computed(array.dtype)?;
    }
    let mut shape = verify_indexes(axes, indexes, array)?.to_vec();
    shape.extend(others(&array.shape, axes));
    expect(values, &Type::array(array.dtype, shape)).map_err(|message| format!("values: {message}"))?;
    expect(guard, &Type::scalar(DType::Bool)).map_err(|message| format!("guard: {message}"))?;
    expect(ty, array)
}

fn verify_loop(graph: &Graph, binder: &Binder, inputs: &[NodeId], ty: &Type) -> Verdict {
    let Some(parts) = binder.parts(inputs) else { return Err("too few operands".to_string()) };
    require!(binder.vars().all(|var| (var.0 as usize) < graph.vars().len()), "a variable does not exist");
    expect(graph.ty(parts.limit), &Type::scalar(DType::I64)).map_err(|message| format!("limit: {message}"))?;
    expect(graph.ty(parts.again), &Type::scalar(DType::Bool)).map_err(|message| format!("condition: {message}"))?;
    let own = |id: &NodeId| binder.vars().any(|var| graph.depends_on(*id, var));
    require!(!own(&parts.limit) && !parts.first.iter().any(own), "the loop's variables are used before it begins");
    for (state, (first, next)) in binder.states.iter().zip(parts.first.iter().zip(parts.next)) {
        let name = &graph.var(*state).name;
        expect(graph.ty(*next), graph.ty(*first)).map_err(|message| format!("next value of {name}: {message}"))?;
    }
    expect(ty, &Type::scalar(DType::I64))
}

fn verify_final(graph: &Graph, position: usize, inputs: &[NodeId], ty: &Type) -> Verdict {
    let [of] = inputs else { return Err("expected one operand".to_string()) };
    let Op::Loop(binder) = &graph.node(*of).op else { return Err("the operand is no loop".to_string()) };
    let parts = binder.parts(&graph.node(*of).inputs);
    match parts.and_then(|parts| parts.first.get(position).copied()) {
        Some(first) => expect(ty, graph.ty(first)),
        None => Err(format!("the loop has no state {position}")),
    }
}

fn verify_routine(routine: &Routine, operands: &[&Type], ty: &Type) -> Verdict {
    let operands: Vec<Type> = operands.iter().map(|&operand| operand.clone()).collect();
    operands.iter().try_for_each(|operand| expect_computed(operand.dtype))?;
    let (expected, _) = routine.result(&operands)?;
    expect(ty, &expected)
}

fn verify_build(graph: &Graph, var: VarId, operands: &[&Type], ty: &Type) -> Verdict {
    let body = only(operands)?;
    let Some(info) = graph.vars().get(var.0 as usize) else {
        return Err(format!("there is no index variable {}", var.0));
    };
    let shape = std::iter::once(&info.extent).chain(&body.shape).cloned().collect();
    expect(ty, &Type::array(body.dtype, shape))
}

fn verify_check(kind: &CheckKind, operands: &[&Type], ty: &Type) -> Verdict {
    let value = match (kind, operands) {
        (CheckKind::Index { .. }, [index, extent, rest @ ..]) if rest.len() < 2 => {
            for guard in rest {
                let shape = if guard.rank() == 0 { Vec::new() } else { index.shape.clone() };
                expect(guard, &Type::array(DType::Bool, shape)).map_err(|message| format!("guard: {message}"))?;
            }
            expect(extent, &Type::scalar(DType::I64)).map_err(|message| format!("extent: {message}"))?;
            index
        }
        (CheckKind::Equal { .. }, [a, b]) => {
            expect(b, a)?;
            a
        }
        (CheckKind::Index { .. } | CheckKind::Equal { .. }, _) => return count(operands, 2),
        _ => only(operands)?,
    };
    let wanted = if matches!(kind, CheckKind::Assert { .. }) { DType::Bool } else { DType::I64 };
    require!(value.dtype == wanted, "operand: expected {wanted}, found {}", value.dtype);
    expect(ty, value)
}

fn verify_grad(operands: &[&Type], ty: &Type) -> Verdict {
    let [of, by] = operands else { return count(operands, 2) };
    expect_float(of.dtype)?;
    expect(of, &Type::scalar(of.dtype)).map_err(|message| format!("operand: {message}"))?;
    expect_float(by.dtype)?;
    expect(ty, by)
}

fn verify_vjp(operands: &[&Type], ty: &Type) -> Verdict {
    let [of, by, cotangent] = operands else { return count(operands, 3) };
    expect_float(of.dtype)?;
    expect(cotangent, of).map_err(|message| format!("cotangent: {message}"))?;
    expect_float(by.dtype)?;
    expect(ty, by)
}

fn verify_jvp(operands: &[&Type], ty: &Type) -> Verdict {
    let Some((of, pairs)) = operands.split_first() else { return count(operands, 3) };
    expect_float(of.dtype)?;
    require!(pairs.len() >= 2 && pairs.len() % 2 == 0, "expected a value and pairs, found {} operands", operands.len());
    for pair in pairs.chunks_exact(2) {
        expect_float(pair[0].dtype)?;
        expect(pair[1], pair[0]).map_err(|message| format!("tangent: {message}"))?;
    }
    expect(ty, of)
}

fn verify_jacobian(operands: &[&Type], ty: &Type) -> Verdict {
    let [of, by] = operands else { return count(operands, 2) };
    expect_float(of.dtype)?;
    expect_float(by.dtype)?;
    let shape = [of.shape.as_slice(), &by.shape].concat();
    expect(ty, &Type::array(by.dtype, shape))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::graph::parse;

    /// Parameters and their nodes, which every case may use.
    const HEAD: &str = "graph g(x: f64[n, d], W: f64[d, k], p: bool[n], s: f32, i: i64[m], y: f64) {
        var v: n
        %x = input 0 : f64[n, d]
        %W = input 1 : f64[d, k]
        %p = input 2 : bool[n]
        %s = input 3 : f32
        %i = input 4 : i64[m]
        %y = input 5 : f64
        %v = var v : i64
        %n = size n : i64\n";

    fn verdict(body: &str, roots: &str) -> Result<(), String> {
        verify(&parse(&format!("{HEAD}{body}\n{roots} }}")).unwrap())
    }

    #[test]
    fn accepts_what_fits() {
        let cases = [
            "map add %x %x : f64[n, d]",
            "map where %p %p %p : bool[n]",
            "map less %i %i : bool[m]",
            "reduce all [0] %p : bool",
            "broadcast [1] %p : bool[3, n]",
            "reshape %x : f64[d, n]",
            "contract \"ab,ac->bc\" %x %x : f64[d, d]",
            "gather [0] %x %i : f64[m, d]",
            "build v %y : f64[n]",
            "grad %y %W : f64[d, k]",
        ];
        for case in cases {
            assert_eq!(verdict(&format!("%r = {case}"), "return %r"), Ok(()), "{case}");
        }
    }

    #[test]
    fn finds_what_does_not_fit() {
        let cases = [
            ("input 0 : f64[n, k]", "expected the type f64[n, d], found f64[n, k]"),
            ("input 9 : f64", "there are only 6 parameters"),
            ("const 1 : f64", "the constant is no f64"),
            ("const 0.1 : f32", "the constant is no f32"),
            ("const 1 : i64[n]", "expected the type i64, found i64[n]"),
            ("size n : f64", "expected the type i64, found f64"),
            ("iota : f64[n]", "expected i64 along one axis, found f64[n]"),
            ("iota %x : i64[n]", "expected 0 operands, found 1"),
            ("map add %x : f64[n, d]", "expected 2 operands, found 1"),
            ("map add %x %W : f64[n, d]", "expected the sizes [n, d], found [d, k]"),
            ("map add %p %p : bool[n]", "expected numbers, found bool"),
            ("map add %y %s : f64", "the operands' element types differ: [F64, F32]"),
            ("map exp %i : i64[m]", "expected floats, found i64"),
            ("map not %y : bool", "expected truth values, found f64"),
            ("map less %y %y : f64", "expected bool, found f64"),
            ("map where %y %y %y : f64", "expected a bool condition, found f64"),
            ("cast %x : f32[d, n]", "expected the sizes [n, d], found [d, n]"),
            ("reduce sum [1, 0] %x : f64", "the axes [1, 0] do not ascend"),
            ("reduce sum [2] %x : f64[n]", "the axes [2] are not all among 2"),
            ("reduce argmax [1] %x : f64[n]", "expected the type i64[n], found f64[n]"),
            ("reduce any [0] %i : i64", "expected truth values, found i64"),
            ("broadcast [0] %x : f64[n, d, k]", "expected 2 axes, found 1"),
            ("broadcast [0, 2] %x : f64[n, d, k]", "operand: expected the type f64[n, k], found f64[n, d]"),
            ("transpose [0, 0] %x : f64[n, n]", "[0, 0] is no permutation of 2 axes"),
            ("transpose [1, 0] %x : f64[n, d]", "expected the type f64[d, n], found f64[n, d]"),
            ("reshape %x : f64[n + d]", "expected d*n elements as in f64[n, d], found d + n in f64[d + n]"),
            ("slice [0] [1] %x : f64[n, d]", "expected 2 starts, found 1"),
            ("slice [0, 0] [1, 0] %x : f64[n, d]", "a step is 0"),
            ("place [0, 0] [1, 1] %x : f32[n, d]", "expected f64, found f32"),
            ("concat 2 %x %x : f64[n, d]", "there is no axis 2 in f64[n, d]"),
            ("concat 0 %x %W : f64[n + d, d]", "operand: expected the type f64[d, d], found f64[d, k]"),
            ("concat 0 %x %x : f64[n, d]", "expected the type f64[2*n, d], found f64[n, d]"),
            ("contract \"aa->a\" %x : f64[n]", "an operand repeats a label"),
            ("contract \"ab,bc->aa\" %x %W : f64[n, n]", "the result repeats a label"),
            ("contract \"ab,ac->bc\" %x %W : f64[d, k]", "label 0 has the sizes n and d"),
            ("contract \"ac,cb->ab\" %x %W : f64[n, k]", "label 2 appears before label 1"),
            ("contract \"ab->c\" %x : f64[n]", "a label of the result is in no operand"),
            ("contract \"a->\" %x : f64", "1 labels for the operand f64[n, d]"),
            ("contract \"ab,bc->ac\" %x %W : f64[k, n]", "expected the type f64[n, k], found f64[k, n]"),
            ("contract \"->\" : f64", "expected 1 operands, found 0"),
            ("gather [0] %x : f64[m, d]", "expected 1 index arrays, found 0"),
            ("gather [] %x : f64[n, d]", "expected index arrays, found none"),
            ("gather [0, 1] %x %i %v : f64[m]", "index array: expected the type i64[m], found i64"),
            ("gather [0] %x %y : f64[d]", "index array: expected the type i64, found f64"),
            ("gather [1] %x %i : f64[m, d]", "expected the type f64[m, n], found f64[m, d]"),
            ("scatter_add [0] %i %x : f64[n, d]", "values: expected the type f64[m, d], found f64[n, d]"),
            ("build v %y : f64[m]", "expected the type f64[n], found f64[m]"),
            ("check index 0 %i : i64[m]", "expected 2 operands, found 1"),
            ("check index 0 %i %i : i64[m]", "extent: expected the type i64, found i64[m]"),
            ("check nonzero %y : f64", "operand: expected i64, found f64"),
            ("check assert %i : i64[m]", "operand: expected bool, found i64"),
            ("grad %x %W : f64[d, k]", "operand: expected the type f64, found f64[n, d]"),
            ("grad %y %W : f64", "expected the type f64[d, k], found f64"),
            ("mark 0 %x : f64[d, n]", "expected the type f64[n, d], found f64[d, n]"),
            ("stop_gradient %x %x : f64[n, d]", "expected 1 operands, found 2"),
        ];
        for (case, expected) in cases {
            let message = verdict(&format!("%r = {case}"), "return %r").unwrap_err();
            assert!(message.ends_with(&format!(": {expected}")), "{case} gives {message}");
        }
    }

    #[test]
    fn messages_name_the_node_as_printed() {
        let message = verdict("%r = map add %x %W : f64[n, d]", "return %r").unwrap_err();
        assert_eq!(message, "%2 = map add: expected the sizes [n, d], found [d, k]");
    }

    #[test]
    fn roots_are_closed_and_exist() {
        let expected = "the root %0 depends on the index variable v";
        assert_eq!(verdict("", "return %v"), Err(expected.to_string()));
        assert_eq!(
            verdict("%c = check nonzero %v : i64", "check %c return").unwrap_err(),
            expected.replace("%0", "%1")
        );
        assert_eq!(verdict("%b = build v %v : i64[n]", "return %b"), Ok(()));
        let mut graph = Graph::new("g");
        graph.outputs.push(NodeId(3));
        assert_eq!(verify(&graph), Err("a root is node 3, but there are only 0".to_string()));
    }
}
