//! Laws that every routine obeys.
//!
//! In: the table of routines. Out: for each, compiled code against the interpreter, derivatives against differences,
//! slices and batches against wholes, two threads against one.
//! Always holds: nothing here names a routine; a new one is tested by being in the table. Its operands are of one element
//! type, and core axes of one size.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use microtome::codegen::compile;
use microtome::graph::{Graph, NodeId, Op, Size, SizeEnv, Type, verify};
use microtome::interp;
use microtome::loops;
use microtome::ops::routine::{self, Derivative, Routine};
use microtome::ops::rules;
use microtome::pipeline::{self, Context};
use microtome::runtime::execute::Resources;
use microtome::runtime::memory::Arenas;
use microtome::runtime::threads::Threads;
use microtome::{Array, ArrayView, DType};
use ndarray::{ArrayD, IxDyn};

/// The type of an operand: batch axes, then core axes of size `n`.
fn operand(dtype: DType, batch: &[&str], core: usize) -> Type {
    let batch = batch.iter().map(|name| Size::var(name));
    Type::array(dtype, batch.chain((0..core).map(|_| Size::var("n"))).collect())
}

/// The element types that a routine takes; 16-bit floats are widened in front of it.
fn admitted(routine: &Routine) -> Vec<DType> {
    let fits = |dtype: &DType| {
        let types: Vec<Type> = routine.cores.iter().map(|&core| operand(*dtype, &[], core)).collect();
        routine.result(&types).is_ok()
    };
    let all: Vec<DType> = DType::ALL.into_iter().filter(|dtype| !dtype.is_half()).filter(fits).collect();
    assert!(!all.is_empty(), "{} takes nothing", routine.name);
    all
}

/// A graph that applies a routine to inputs with these batch axes each.
fn applied(routine: &'static Routine, dtype: DType, batch: &[&[&str]]) -> (Graph, Vec<NodeId>, NodeId) {
    let mut graph = Graph::new(routine.name);
    let operands: Vec<NodeId> = routine
        .cores
        .iter()
        .zip(batch)
        .enumerate()
        .map(|(k, (&core, batch))| graph.add_input(format!("x{k}"), operand(dtype, batch, core)))
        .collect();
    let result = graph.routine(routine, &operands);
    (graph, operands, result)
}

fn sizes(n: i64, m: i64, k: i64) -> SizeEnv {
    [("n", n), ("m", m), ("k", k)].into_iter().map(|(name, value)| (name.into(), value)).collect()
}

fn extents(shape: &[Size], sizes: &SizeEnv) -> Vec<usize> {
    shape.iter().map(|size| size.eval(sizes).expect("a bound size") as usize).collect()
}

/// Numbers that look random, with repetitions; some of them special if asked for.
fn numbers(count: usize, seed: usize, special: bool) -> Vec<f64> {
    let specials = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 1.0, 1.0];
    let plain = |k: usize| (((k * 7919 + seed * 104_729 + 13) as f64) * 12.9898).sin() * 1.7;
    let pick = |k: usize| match (special, (k * 31 + seed) % 11) {
        (true, at @ 0..7) => specials[(at + seed) % 7],
        _ => plain(k),
    };
    (0..count).map(pick).collect()
}

fn array(dtype: DType, shape: &[usize], values: &[f64]) -> Array {
    fn typed<T>(shape: &[usize], values: impl Iterator<Item = T>) -> ArrayD<T> {
        ArrayD::from_shape_vec(IxDyn(shape), values.collect()).expect("as many values as the shape says")
    }
    match dtype {
        DType::Bool => typed(shape, values.iter().map(|v| *v > 0.3)).into(),
        DType::I64 => typed(shape, values.iter().map(|v| (v * 3.0) as i64)).into(),
        DType::F16 | DType::BF16 => panic!("16-bit floats are widened in front of a routine"),
        DType::F32 => typed(shape, values.iter().map(|v| *v as f32)).into(),
        DType::F64 => typed(shape, values.iter().copied()).into(),
    }
}

fn inputs(graph: &Graph, sizes: &SizeEnv, special: bool) -> Vec<Array> {
    let each = graph.inputs.iter().enumerate();
    each.map(|(k, input)| {
        let shape = extents(&input.ty.shape, sizes);
        array(input.ty.dtype, &shape, &numbers(shape.iter().product(), k, special))
    })
    .collect()
}

fn interpreted(graph: &Graph, inputs: &[Array], sizes: &SizeEnv) -> Array {
    let graph = pipeline::run_only(graph, &mut Context::default(), pipeline::REFERENCE).expect("a graph that passes");
    interp::evaluate(&graph, inputs, sizes).unwrap_or_else(|fault| panic!("{fault}\n{graph}")).remove(0)
}

fn compiled(graph: &Graph, inputs: &[Array], sizes: &SizeEnv, threads: usize) -> Array {
    let planned = pipeline::run(graph, &mut Context::default(), None, |_, _| {}).expect("a graph that passes");
    let kernel = loops::lower(&planned).expect("loops");
    loops::verify(&kernel).expect("sound loops");
    let code = compile(&kernel).expect("code");
    let views: Vec<ArrayView<'_>> = inputs.iter().map(Array::view).collect();
    let shapes = vec![graph.shape(graph.outputs[0]).to_vec()];
    let (threads, arenas) = (Threads::new(threads), Arenas::default());
    let resources = Resources { threads: &threads, arenas: &arenas, held: 0 };
    let done = code.execute(&views, &mut [], &shapes, sizes, resources);
    done.unwrap_or_else(|f| panic!("{f:?}\n{kernel}")).results.remove(0).expect("a result")
}

/// Every bit, but one NaN is like another.
fn bits(array: &Array) -> (Vec<usize>, Vec<u64>) {
    let float = |v: f64| if v.is_nan() { u64::MAX } else { v.to_bits() };
    let bits = match array {
        Array::Bool(a) => a.iter().map(|v| u64::from(*v)).collect(),
        Array::I64(a) => a.iter().map(|v| *v as u64).collect(),
        Array::F16(a) => a.iter().map(|v| float(v.to_f64())).collect(),
        Array::BF16(a) => a.iter().map(|v| float(v.to_f64())).collect(),
        Array::F32(a) => a.iter().map(|v| float(f64::from(*v))).collect(),
        Array::F64(a) => a.iter().map(|v| float(*v)).collect(),
    };
    (array.shape().to_vec(), bits)
}

fn assert_same(found: &Array, expected: &Array, what: &str) {
    assert_eq!(bits(found), bits(expected), "{what}: {found:?}, expected {expected:?}");
}

/// Batch axes for each operand: none, one, two, and the first operand shared by all rows.
fn batches(routine: &Routine) -> Vec<Vec<&'static [&'static str]>> {
    let count = routine.cores.len();
    let mut all: Vec<Vec<&'static [&'static str]>> =
        vec![vec![&[]; count], vec![&["m"]; count], vec![&["m", "k"]; count]];
    if count > 1 {
        let mut shared: Vec<&'static [&'static str]> = vec![&["m", "k"]; count];
        shared[0] = &[];
        all.push(shared);
    }
    all
}

#[test]
fn compiled_code_agrees_with_the_interpreter_at_every_size() {
    for routine in routine::all() {
        assert!(!routine.doc.is_empty(), "{} has no sentence", routine.name);
        for dtype in admitted(routine) {
            for batch in batches(routine) {
                let (mut graph, _, result) = applied(routine, dtype, &batch);
                graph.outputs.push(result);
                assert_eq!(verify(&graph), Ok(()));
                for n in [0, 1, 2, 9] {
                    for (m, k) in [(0, 2), (1, 1), (3, 2)] {
                        let sizes = sizes(n, m, k);
                        let inputs = inputs(&graph, &sizes, true);
                        let expected = interpreted(&graph, &inputs, &sizes);
                        let what = format!("{} of {dtype}, {batch:?} at {sizes:?}", routine.name);
                        assert_same(&compiled(&graph, &inputs, &sizes, 1), &expected, &what);
                    }
                }
            }
        }
    }
}

#[test]
fn two_threads_give_the_bits_of_one() {
    for routine in routine::all() {
        for dtype in admitted(routine) {
            let (mut graph, _, result) = applied(routine, dtype, &vec![&["m"][..]; routine.cores.len()]);
            graph.outputs.push(result);
            let sizes = sizes(12, 60_000, 0);
            let inputs = inputs(&graph, &sizes, true);
            let one = compiled(&graph, &inputs, &sizes, 1);
            assert_same(&compiled(&graph, &inputs, &sizes, 2), &one, routine.name);
        }
    }
}

#[test]
fn an_index_behind_a_routine_is_an_index_before_it() {
    for routine in routine::all() {
        for batch in batches(routine).into_iter().skip(1) {
            let dtype = *admitted(routine).last().expect("an element type");
            let (mut graph, _, result) = applied(routine, dtype, &batch);
            let lead = graph.batch_axes(result);
            for axis in 0..graph.ty(result).rank() {
                let mut graph = graph.clone();
                let var = graph.new_var("i", graph.shape(result)[axis].clone());
                let at = graph.var_value(var);
                let pushed =
                    rules::index(&mut graph, result, axis, at, &mut |g, x, axis, at| g.gather(x, &[axis], &[at]));
                assert_eq!(pushed.is_some(), axis < lead, "{}, axis {axis}", routine.name);
                let Some(pushed) = pushed else { continue };
                assert!(!matches!(graph.node(pushed).op, Op::Gather { .. }));
                let built = graph.build(var, pushed);
                let whole = graph.move_axis(result, axis, 0);
                for n in [0, 1, 6] {
                    let sizes = sizes(n, 3, 2);
                    let mut results = Vec::new();
                    for output in [whole, built] {
                        graph.outputs = vec![output];
                        let inputs = inputs(&graph, &sizes, true);
                        results.push(interpreted(&graph, &inputs, &sizes));
                        results.push(compiled(&graph, &inputs, &sizes, 1));
                    }
                    for found in &results[1..] {
                        assert_same(found, &results[0], &format!("{}, axis {axis}, {batch:?}", routine.name));
                    }
                }
            }
            graph.outputs.push(result);
        }
    }
}

#[test]
fn a_comprehension_of_a_routine_is_one_call() {
    // [routine(x0[i], x1[i]) for i in 0:m], and with the first operand the same for every i.
    for routine in routine::all() {
        // With one operand that is shared nothing depends on i, and it is done once.
        for shared in [false, true].into_iter().take(routine.cores.len()) {
            let dtype = *admitted(routine).last().expect("an element type");
            for inner in [&["m"][..], &["m", "k"]] {
                let mut batch = vec![inner; routine.cores.len()];
                if shared {
                    batch[0] = if inner.len() == 1 { &[] } else { &["k"] };
                }
                let (mut graph, operands, _) = applied(routine, dtype, &batch);
                let var = graph.new_var("i", Size::var("m"));
                let at = graph.var_value(var);
                let parts: Vec<NodeId> = operands
                    .iter()
                    .enumerate()
                    .map(|(k, &x)| if shared && k == 0 { x } else { graph.gather(x, &[0], &[at]) })
                    .collect();
                let body = graph.routine(routine, &parts);
                let built = graph.build(var, body);
                graph.outputs.push(built);
                let planned =
                    pipeline::run(&graph, &mut Context::default(), None, |_, _| {}).expect("a graph that passes");
                let kernel = loops::lower(&planned).expect("loops");
                let repeated = shared && inner.len() > 1;
                assert!(repeated || kernel.steps.len() == 1, "{}, {batch:?}:\n{kernel}", routine.name);
                for (n, m) in [(0, 2), (5, 0), (5, 4)] {
                    let sizes = sizes(n, m, 2);
                    let inputs = inputs(&graph, &sizes, true);
                    let expected = interpreted(&graph, &inputs, &sizes);
                    let what = format!("{}, {batch:?} at {sizes:?}", routine.name);
                    assert_same(&compiled(&graph, &inputs, &sizes, 1), &expected, &what);
                }
            }
        }
    }
}

/// `sum(sin(routine(…)) * w)` and its gradient by each operand.
fn cost(routine: &'static Routine, batch: &[&[&str]]) -> (Graph, NodeId, Vec<NodeId>) {
    let (mut graph, operands, result) = applied(routine, DType::F64, batch);
    let weights = graph.ty(result).clone();
    let weights = graph.add_input("w", weights);
    let curved = graph.map(&microtome::ops::elementwise::SIN, &[result]);
    let product = graph.times(curved, weights);
    let cost = graph.sum_all(product);
    (graph, cost, operands)
}

#[test]
fn derivatives_agree_with_differences() {
    for routine in routine::all() {
        match routine.derivative {
            Derivative::None(reason) => assert!(!reason.is_empty(), "{} says no reason", routine.name),
            Derivative::Zero => {}
            Derivative::Rule(_) => {
                for batch in batches(routine) {
                    compare_with_differences(routine, &batch);
                }
            }
        }
    }
}

fn compare_with_differences(routine: &'static Routine, batch: &[&[&str]]) {
    let (mut graph, cost, operands) = cost(routine, batch);
    let sizes = sizes(5, 3, 2);
    let point = inputs(&graph, &sizes, false);
    for (k, &by) in operands.iter().enumerate() {
        let ty = graph.ty(by).clone();
        let gradient = graph.add(Op::Grad, vec![cost, by], ty);
        graph.outputs = vec![gradient];
        let found = interpreted(&graph, &point, &sizes);
        let native = compiled(&graph, &point, &sizes, 1).to_f64_vec();
        graph.outputs = vec![cost];
        let plain = pipeline::run_only(&graph, &mut Context::default(), &[]).expect("a graph");
        for (at, (slope, same)) in found.to_f64_vec().into_iter().zip(native).enumerate() {
            let moved = |h: f64| {
                let mut moved = point.clone();
                let mut values = point[k].to_f64_vec();
                values[at] += h;
                moved[k] = array(DType::F64, point[k].shape(), &values);
                interp::evaluate(&plain, &moved, &sizes).expect("a value")[0].as_f64().expect("a scalar")
            };
            let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            let close = |a: f64, b: f64, bound: f64| (a - b).abs() <= bound * b.abs().max(1.0);
            let what = format!("{} by operand {k}, {batch:?}, element {at}", routine.name);
            assert!(close(slope, difference, 1e-6), "{what}: {slope}, but differences give {difference}");
            assert!(close(same, slope, 1e-12), "{what}: {same} compiled, {slope} interpreted");
        }
    }
}

#[test]
fn operands_that_do_not_fit_are_reported() {
    let reports = |text: &str| {
        let graph = microtome::graph::parse(text).expect("a graph");
        verify(&graph).expect_err("a report")
    };
    let head = "graph g(x: f64[n, d], y: f64[m, d], b: bool[n]) { %x = input 0 : f64[n, d] %y = input 1 : f64[m, d] %b = input 2 : bool[n]";
    let cases = [
        ("routine sort %x %y : f64[n, d]", "expected 1 operands, found 2"),
        ("routine sort %x : f64[n]", "expected the type f64[n, d], found f64[n]"),
        ("routine searchsorted_left %x %y : i64[m, d]", "the batch axes of f64[m, d] are not those"),
        ("routine searchsorted_left %x %b : i64[n]", "the rows are f64[d] and bool[n]"),
        ("routine cumsum %b : bool[n]", "expected numbers, found bool[n]"),
        ("routine compact %x : i64[n, d]", "expected truth values, found f64[d]"),
    ];
    for (node, expected) in cases {
        let found = reports(&format!("{head} %r = {node} return %r }}"));
        assert!(found.contains(expected), "{node}: {found}");
    }
}
