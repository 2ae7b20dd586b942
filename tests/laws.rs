//! Laws that every operator of the tables obeys.
//!
//! In: the tables of elementwise operators, reductions and builtins. Out: for each entry, machine code against the
//! reference evaluation, derivatives against differences, examples against what they claim, slices against wholes.
//! Always holds: nothing here names an operator that does not need an exception; a new one is tested by being in its table.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use half::{bf16, f16};
use microtome::graph::Graph;
use microtome::graph::Type;
use microtome::ops::elementwise::{self, Derivative, Elementwise, Signature, Value};
use microtome::ops::reduction;
use microtome::{Array, ArrayView, DType, Kernel, Module, RunOptions, Session};
use ndarray::{Array1, ArrayD, IxDyn};

/// How an operator is written, with these operands.
fn written(op: &Elementwise, operands: &[&str]) -> String {
    let sign = match op.name {
        "add" => "+",
        "subtract" => "-",
        "multiply" => "*",
        "divide" => "/",
        "floor_divide" => "//",
        "remainder" => "%",
        "equal" => "==",
        "not_equal" => "!=",
        "less" => "<",
        "less_equal" => "<=",
        "greater" => ">",
        "greater_equal" => ">=",
        "and" => "and",
        "or" => "or",
        "negate" => return format!("-{}", operands[0]),
        "not" => return format!("not {}", operands[0]),
        "minimum" => return format!("min({})", operands.join(", ")),
        "maximum" => return format!("max({})", operands.join(", ")),
        name => return format!("{name}({})", operands.join(", ")),
    };
    format!("{} {sign} {}", operands[0], operands[1])
}

const NAMES: [&str; 3] = ["a", "b", "c"];

/// The types of an operator's operands, where most have `dtype`.
fn operand_types(op: &Elementwise, dtype: DType) -> Vec<DType> {
    (0..op.arity)
        .map(|k| match op.signature {
            Signature::Logic => DType::Bool,
            Signature::Select if k == 0 => DType::Bool,
            Signature::Integer | Signature::IntegerToFloat => DType::I64,
            _ => dtype,
        })
        .collect()
}

fn admits(op: &Elementwise, dtype: DType) -> bool {
    match op.signature {
        Signature::Number => dtype != DType::Bool,
        Signature::Float | Signature::FloatPredicate => dtype.is_float(),
        Signature::Predicate | Signature::Select => true,
        Signature::Logic => dtype == DType::Bool,
        Signature::Integer | Signature::IntegerToFloat => dtype == DType::I64,
    }
}

fn compile(source: &str) -> Module {
    Session::with_threads(1).compile("law.tome", source).unwrap_or_else(|error| panic!("{source}\n{error}"))
}

fn kernel(source: &str) -> Kernel {
    compile(source).kernel("f").expect("a kernel")
}

fn call(kernel: &Kernel, arguments: &[Array]) -> Array {
    let views: Vec<ArrayView<'_>> = arguments.iter().map(Array::view).collect();
    kernel.call(&views).unwrap_or_else(|error| panic!("{}: {error}", kernel.name())).remove(0)
}

fn parameters(types: &[DType], shape: &str) -> String {
    let parts: Vec<String> = types.iter().zip(NAMES).map(|(ty, name)| format!("{name}: {ty}{shape}")).collect();
    parts.join(", ")
}

/// Values for one operand: the operator's samples, then the special ones of the type.
fn candidates(op: &Elementwise, dtype: DType) -> Vec<Value> {
    let floats = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        5e-324,
        -1e-310,
        2.2e-308,
        1e-40,
        1e300,
        -1e300,
        1.7e308,
        0.5,
        -2.0,
        3.4e38,
        1e9,
        4503599627370497.5,
        12345.678,
        -745.2,
        88.9,
        709.9,
    ];
    let integers = [0, 1, -1, 2, -2, 3, 7, -7, 63, 64, 1 << 40, i64::MAX, i64::MIN, i64::MIN + 1];
    match dtype {
        DType::F64 => op.samples.iter().chain(&floats).map(|v| Value::F64(*v)).collect(),
        DType::F16 | DType::BF16 | DType::F32 => {
            op.samples.iter().chain(&floats).map(|v| Value::F64(*v).cast(dtype)).collect()
        }
        DType::I64 => integers.into_iter().map(Value::Int).collect(),
        DType::Bool => vec![Value::Bool(false), Value::Bool(true)],
    }
}

/// Every combination of the operands' candidates, one list per operand.
fn combinations(candidates: &[Vec<Value>]) -> Vec<Vec<Value>> {
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for column in candidates {
        rows = rows.iter().flat_map(|row| column.iter().map(move |v| [row.clone(), vec![*v]].concat())).collect();
    }
    rows
}

fn column(rows: &[Vec<Value>], k: usize, dtype: DType) -> Array {
    let values = rows.iter().map(|row| row[k]);
    match dtype {
        DType::Bool => values.map(Value::truth).collect::<Array1<bool>>().into(),
        DType::I64 => values.map(Value::int).collect::<Array1<i64>>().into(),
        DType::F16 => values.map(|v| f16::from_f32(v.f64() as f32)).collect::<Array1<f16>>().into(),
        DType::BF16 => values.map(|v| bf16::from_f32(v.f64() as f32)).collect::<Array1<bf16>>().into(),
        DType::F32 => values.map(|v| v.f64() as f32).collect::<Array1<f32>>().into(),
        DType::F64 => values.map(Value::f64).collect::<Array1<f64>>().into(),
    }
}

fn elements(array: &Array) -> Vec<Value> {
    match array {
        Array::Bool(a) => a.iter().map(|v| Value::Bool(*v)).collect(),
        Array::I64(a) => a.iter().map(|v| Value::Int(*v)).collect(),
        Array::F16(a) => a.iter().map(|v| Value::F16(*v)).collect(),
        Array::BF16(a) => a.iter().map(|v| Value::BF16(*v)).collect(),
        Array::F32(a) => a.iter().map(|v| Value::F32(*v)).collect(),
        Array::F64(a) => a.iter().map(|v| Value::F64(*v)).collect(),
    }
}

/// Distance in units in the last place; 0 also for two NaN, infinite for different types.
fn distance(a: Value, b: Value) -> f64 {
    let ordered = |bits: i64, sign: i64| if bits < 0 { sign.wrapping_sub(bits) } else { bits };
    match (a, b) {
        (Value::F64(a), Value::F64(b)) if a.is_nan() && b.is_nan() => 0.0,
        (Value::F32(a), Value::F32(b)) if a.is_nan() && b.is_nan() => 0.0,
        (Value::F64(a), Value::F64(b)) if !a.is_nan() && !b.is_nan() => {
            let (a, b) = (ordered(a.to_bits() as i64, i64::MIN), ordered(b.to_bits() as i64, i64::MIN));
            (a as i128 - b as i128).unsigned_abs() as f64
        }
        (Value::F32(a), Value::F32(b)) if !a.is_nan() && !b.is_nan() => {
            let ordered = |bits: i32| i64::from(if bits < 0 { i32::MIN.wrapping_sub(bits) } else { bits });
            (ordered(a.to_bits() as i32) - ordered(b.to_bits() as i32)).unsigned_abs() as f64
        }
        (Value::F16(a), Value::F16(b)) => half_distance(a.to_bits(), b.to_bits(), 0x7c00),
        (Value::BF16(a), Value::BF16(b)) => half_distance(a.to_bits(), b.to_bits(), 0x7f80),
        (Value::Int(a), Value::Int(b)) if a == b => 0.0,
        (Value::Bool(a), Value::Bool(b)) if a == b => 0.0,
        _ => f64::INFINITY,
    }
}

/// The same for the patterns of a 16-bit float with this infinity.
fn half_distance(a: u16, b: u16, infinity: u16) -> f64 {
    let is_nan = |bits: u16| bits & 0x7fff > infinity;
    let ordered = |bits: u16| i32::from(bits & 0x7fff) * if bits >> 15 == 1 { -1 } else { 1 };
    match (is_nan(a), is_nan(b)) {
        (true, true) => 0.0,
        (false, false) if (ordered(a), ordered(b)) != (0, 0) => f64::from(ordered(a).abs_diff(ordered(b))),
        (false, false) => f64::from(u8::from(a != b)),
        _ => f64::INFINITY,
    }
}

/// What an operator gives by its definition: of 16-bit floats in single precision, rounded.
fn reference(op: &Elementwise, row: &[Value], dtype: DType) -> Value {
    if !dtype.is_half() {
        return (op.eval)(row);
    }
    let is_half = |value: &Value| matches!(value, Value::F16(_) | Value::BF16(_));
    let wide: Vec<Value> = row.iter().map(|v| if is_half(v) { v.cast(DType::F32) } else { *v }).collect();
    match (op.eval)(&wide) {
        Value::F32(v) => Value::F32(v).cast(dtype),
        other => other,
    }
}

/// Equal but for the sign of zero.
fn both_zero(a: Value, b: Value) -> bool {
    let is_float = |value| !matches!(value, Value::Bool(_) | Value::Int(_));
    is_float(a) && is_float(b) && a.f64() == 0.0 && b.f64() == 0.0
}

#[test]
fn machine_code_agrees_with_the_reference_evaluation() {
    let mut problems = Vec::new();
    for op in elementwise::all() {
        for dtype in DType::ALL.into_iter().filter(|dtype| admits(op, *dtype)) {
            let types = operand_types(op, dtype);
            let source = format!("fn f({}) = {}", parameters(&types, "[n]"), written(op, &NAMES[..op.arity]));
            let mut columns: Vec<Vec<Value>> = types.iter().map(|ty| candidates(op, *ty)).collect();
            if dtype == DType::I64 && matches!(op.name, "floor_divide" | "remainder") {
                columns[1].retain(|v| v.int() != 0);
            }
            if dtype == DType::I64 && op.name == "pow" {
                columns[1].retain(|v| v.int() >= 0);
            }
            let rows = combinations(&columns);
            let arguments: Vec<Array> = types.iter().enumerate().map(|(k, ty)| column(&rows, k, *ty)).collect();
            let found = elements(&call(&kernel(&source), &arguments));
            // Where neither side is rounded correctly, the reference may be off by one as well.
            let allowed = match op.ulp <= 0.5 {
                true => 0.0,
                // Single precision's last places can tip a rounding to 16 bits once.
                false if dtype.is_half() => 1.0,
                false => op.ulp.ceil() + 1.0,
            };
            for (row, found) in rows.iter().zip(found) {
                let wanted = reference(op, row, dtype);
                let away = distance(found, wanted);
                if away > allowed && !(op.ulp > 0.0 && both_zero(found, wanted)) {
                    problems
                        .push(format!("{} of {row:?}: {found:?}, the reference has {wanted:?} ({away} ulp)", op.name));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{} problems\n{}", problems.len(), problems[..problems.len().min(60)].join("\n"));
}

#[test]
fn every_operator_has_a_derivative_or_a_reason() {
    for op in elementwise::all() {
        match op.derivative {
            Derivative::None(reason) => assert!(!reason.is_empty(), "{} has no derivative and says no reason", op.name),
            Derivative::Zero => {}
            Derivative::Rule(rule) => {
                let mut graph = Graph::new("law");
                let types = operand_types(op, if op.signature == Signature::Logic { DType::Bool } else { DType::F64 });
                let operands: Vec<_> =
                    types.iter().zip(NAMES).map(|(ty, name)| graph.add_input(name, Type::scalar(*ty))).collect();
                let result = graph.map(op, &operands);
                assert_eq!(
                    rule(&mut graph, &operands, result).len(),
                    op.arity,
                    "one partial for each operand of {}",
                    op.name
                );
            }
        }
        assert!(!op.samples.is_empty() && !op.doc.is_empty() && !op.example.0.is_empty(), "{} is documented", op.name);
    }
}

/// `true` where a difference would step over a kink, or onto a value that the operator has no derivative at.
fn at_kink(op: &Elementwise, row: &[Value]) -> bool {
    matches!(op.name, "minimum" | "maximum" | "floor_divide" | "remainder") && row[0] == row[1]
}

#[test]
fn derivatives_agree_with_differences() {
    let mut problems = Vec::new();
    for op in elementwise::all() {
        if op.signature == Signature::Logic || matches!(op.signature, Signature::Predicate | Signature::FloatPredicate)
        {
            continue;
        }
        let types = operand_types(op, DType::F64);
        let columns: Vec<Vec<Value>> = types
            .iter()
            .map(|ty| match ty {
                DType::Bool => vec![Value::Bool(false), Value::Bool(true)],
                _ => op.samples.iter().map(|v| Value::F64(*v)).collect(),
            })
            .collect();
        let rows: Vec<_> = combinations(&columns).into_iter().filter(|row| !at_kink(op, row)).collect();
        let arguments: Vec<Array> = types.iter().enumerate().map(|(k, ty)| column(&rows, k, *ty)).collect();
        let expression = written(op, &NAMES[..op.arity]);
        let plain = kernel(&format!("fn f({}) = {expression}", parameters(&types, "[n]")));
        for by in (0..op.arity).filter(|k| types[*k] == DType::F64) {
            let name = NAMES[by];
            let source = format!("fn f({}) = grad(sum({expression}), {name})", parameters(&types, "[n]"));
            let gradient = call(&kernel(&source), &arguments).to_f64_vec();
            let moved = |h: f64| {
                let mut moved = arguments.clone();
                moved[by] = arguments[by].to_f64_vec().iter().map(|v| v + h).collect::<Array1<f64>>().into();
                call(&plain, &moved).to_f64_vec()
            };
            let h = 1e-5;
            let (above, below) = (moved(h), moved(-h));
            for (k, row) in rows.iter().enumerate() {
                let difference = (above[k] - below[k]) / (2.0 * h);
                if (gradient[k] - difference).abs() > 1e-7 * difference.abs().max(1.0) {
                    problems.push(format!("{} by {name} at {row:?}: {} but {difference}", op.name, gradient[k]));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{} problems\n{}", problems.len(), problems.join("\n"));
}

/// A matrix of distinct numbers that look random.
fn matrix(rows: usize, columns: usize, seed: f64) -> Array {
    let numbers = (0..rows * columns).map(|k| ((k as f64 + seed) * 12.9898).sin() * 1.7).collect::<Vec<f64>>();
    ArrayD::from_shape_vec(IxDyn(&[rows, columns]), numbers).expect("a matrix").into()
}

#[test]
fn the_adjoint_of_a_reduction_is_its_transpose() {
    // ⟨v, J u⟩ by differences along u against ⟨Jᵀ v, u⟩ by the gradient.
    let mut calls: Vec<String> = reduction::TABLE
        .iter()
        .filter(|kind| !kind.positional && !matches!(kind.name, "any" | "all"))
        .map(|kind| kind.name.to_string())
        .collect();
    calls.extend(["mean", "var", "std", "norm", "logsumexp", "softmax", "log_softmax"].map(String::from));
    for name in calls {
        for more in ["", ", axis=0", ", axis=1", ", axis=(0, 1)"] {
            let weighted = format!("sum({name}(x{more}) * sin({name}(x{more}) * 0.0 + 1.3 + {name}(x{more})))");
            let value = kernel(&format!("fn f(x: f64[n, d]) = {weighted}"));
            let gradient = kernel(&format!("fn f(x: f64[n, d]) = grad({weighted}, x)"));
            let (x, u) = (matrix(4, 3, 0.3), matrix(4, 3, 7.7).to_f64_vec());
            let along = |h: f64| {
                let moved: Vec<f64> = x.to_f64_vec().iter().zip(&u).map(|(x, u)| x + h * u).collect();
                let moved = Array::from(ArrayD::from_shape_vec(IxDyn(&[4, 3]), moved).expect("a matrix"));
                call(&value, &[moved]).to_f64_vec()[0]
            };
            let difference = (along(1e-5) - along(-1e-5)) / 2e-5;
            let product: f64 =
                call(&gradient, std::slice::from_ref(&x)).to_f64_vec().iter().zip(&u).map(|(g, u)| g * u).sum();
            let close = (difference - product).abs() <= 1e-6 * difference.abs().max(1.0);
            assert!(close, "{name}{more}: {product} but differences give {difference}");
        }
    }
}

#[test]
fn an_index_behind_an_operator_is_an_index_before_it() {
    for op in elementwise::all() {
        let dtype = if op.signature == Signature::Logic { DType::Bool } else { DType::F64 };
        let types = operand_types(op, dtype);
        let inner: Vec<String> = NAMES[..op.arity].iter().map(|name| format!("{name}[i]")).collect();
        let inner: Vec<&str> = inner.iter().map(String::as_str).collect();
        let (whole, each) = (written(op, &NAMES[..op.arity]), written(op, &inner));
        let heads = parameters(&types, "[n]");
        let whole_of = kernel(&format!("fn f({heads}) = {whole}"));
        let each_of = kernel(&format!("fn f({heads}) = [{each} for i in 0:len(a)]"));
        let after = kernel(&format!("fn f({heads}) = [({whole})[i] for i in 0:len(a)]"));
        for n in [0, 1, 5] {
            let sample = |k: usize, j: usize| match types[j] {
                DType::Bool => Value::Bool((k + j).is_multiple_of(2)),
                _ => Value::F64(op.samples[(k + j) % op.samples.len()]),
            };
            let rows: Vec<Vec<Value>> = (0..n).map(|k| (0..op.arity).map(|j| sample(k, j)).collect()).collect();
            let arguments: Vec<Array> = types.iter().enumerate().map(|(j, ty)| column(&rows, j, *ty)).collect();
            let expected = call(&whole_of, &arguments);
            assert_eq!(call(&each_of, &arguments), expected, "{} of elements, n = {n}", op.name);
            assert_eq!(call(&after, &arguments), expected, "elements of {}, n = {n}", op.name);
        }
    }
}

#[test]
fn one_examples_gradient_is_the_gradient_of_that_example() {
    // grad(c[i], w) of a batch against grad of the cost of row i alone, through every differentiable operator.
    for op in elementwise::all().filter(|op| op.arity <= 2 && matches!(op.derivative, Derivative::Rule(_))) {
        let middle = 0.5 * (op.samples[op.samples.len() / 2] + op.samples[op.samples.len() - 1]);
        let whole = written(op, &[&format!("(0.1 * (x @ w) + {middle})"), "y"][..op.arity]);
        let single = written(op, &[&format!("(0.1 * (x[i] @ w) + {middle})"), "y[i]"][..op.arity]);
        let head = "fn f(x: f64[n, d], y: f64[n], w: f64[d])";
        let sliced = kernel(&format!("{head} {{\n let c = {whole}\n [grad(c[i], w) for i in 0:n]\n}}"));
        let moment = kernel(&format!("{head} {{\n let c = {whole}\n sum(grad(c[i], w)^2 for i in 0:n)\n}}"));
        let alone = kernel(&format!("{head} = [grad({single}, w) for i in 0:n]"));
        for n in [1, 4] {
            let y: Array1<f64> = (0..n).map(|k| op.samples[k % op.samples.len()] * 1.01).collect();
            let w: Array1<f64> = Array1::from(vec![0.3, -0.2, 0.5]);
            let arguments = [matrix(n, 3, 0.1), y.into(), w.into()];
            let views: Vec<ArrayView<'_>> = arguments.iter().map(Array::view).collect();
            let expected = alone.interpret(&views).expect("the interpreter").remove(0).to_f64_vec();
            let found = call(&sliced, &arguments).to_f64_vec();
            let squares: Vec<f64> = (0..3).map(|j| (0..n).map(|i| expected[i * 3 + j].powi(2)).sum()).collect();
            let second = call(&moment, &arguments).to_f64_vec();
            for (a, b) in found.iter().zip(&expected).chain(second.iter().zip(&squares)) {
                let close = (a - b).abs() <= 1e-10 * b.abs().max(1.0) || (a.is_nan() && b.is_nan());
                assert!(close, "{}, n = {n}: {found:?} and {second:?}, not {expected:?}", op.name);
            }
        }
    }
}

#[test]
fn examples_print_what_they_claim() {
    let mut problems = Vec::new();
    for (name, doc, (program, expected)) in microtome::check::documentation() {
        assert!(!doc.is_empty(), "{name} has no sentence");
        if program.is_empty() {
            continue;
        }
        for interpret in [false, true] {
            let mut out = Vec::new();
            let options = RunOptions { interpret, ..RunOptions::default() };
            let run = Session::new()
                .compile("example.tome", program)
                .and_then(|module| module.run(&options, &mut out, &mut |_| {}));
            let found = String::from_utf8_lossy(&out).trim_end().to_string();
            match run {
                Ok(()) if found == expected => {}
                Ok(()) => problems.push(format!("{name}: `{program}` prints\n{found}\nnot\n{expected}")),
                Err(error) => problems.push(format!("{name}: `{program}`\n{error}")),
            }
        }
    }
    for kind in reduction::TABLE {
        let mut out = Vec::new();
        let module = compile(kind.example.0);
        module.run(&RunOptions::default(), &mut out, &mut |_| {}).expect("an example that runs");
        assert_eq!(String::from_utf8_lossy(&out).trim_end(), kind.example.1, "{}", kind.name);
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
