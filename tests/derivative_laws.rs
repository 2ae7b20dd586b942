//! Laws that the derivatives of every builtin obey.
//!
//! In: an expression for each builtin and each form of indexing, or the reason why it has none. Out: forward mode against
//! reverse mode against differences, first and second order, compiled and interpreted; rows behind and before an operator.
//! Always holds: a builtin that is documented is in one of the two tables, so a new one cannot be forgotten.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use microtome::ops::elementwise;
use microtome::{Array, ArrayView, Kernel, Session};
use ndarray::{Array1, ArrayD, IxDyn};

/// A builtin (or what it belongs to) and an expression of `x: f64[n, d]`, `y: f64[n, d]` and `v: f64[d]`, smooth where the test looks.
const EXPRESSIONS: &[(&str, &str)] = &[
    ("broadcast_to", "broadcast_to(x[0], n, d) * y"),
    ("clip", "clip(x, -0.9, 0.8)"),
    ("concat", "concat(x, y * x, axis=1)"),
    ("cummax", "cummax(x, axis=1)"),
    ("cummin", "cummin(x, axis=1)"),
    ("cumprod", "cumprod(x, axis=1)"),
    ("cumsum", "cumsum(x^2, axis=1)"),
    ("diag", "[diag(row) for row in x]"),
    ("dot", "dot(x, v * x[0])"),
    ("einsum", "einsum(\"nd,ne,ne->nd\", x, x, y)"),
    ("expand_dims", "expand_dims(x * y, 1)"),
    ("flatten", "[flatten(outer(row, row)) for row in x]"),
    ("flip", "flip(x, axis=1) * x"),
    ("fold", "[fold((a, e) -> tanh(a * 0.5 + e), 0.3, row) for row in x]"),
    ("inner", "inner(x, x)"),
    ("log_softmax", "log_softmax(x, axis=1)"),
    ("logsumexp", "logsumexp(x, axis=1)"),
    ("max", "max(x, axis=1)"),
    ("mean", "mean(x^2, axis=1)"),
    ("median", "median(x, axis=1)"),
    ("meshgrid", "[meshgrid(row, v * row)[0] * 2.0 for row in x]"),
    ("min", "min(x, axis=1)"),
    ("moveaxis", "[moveaxis(outer(row, v * row), 0, 1) for row in x]"),
    ("norm", "norm(x, axis=1)"),
    ("outer", "[outer(row, row) for row in x]"),
    ("pad", "[pad(row^2, 2, mode=\"edge\") for row in x]"),
    ("prod", "prod(x, axis=1)"),
    ("quantile", "quantile(x, 0.3, axis=1)"),
    ("ravel", "[ravel(outer(row, v)) * row[0] for row in x]"),
    ("repeat", "repeat(x^2, 2, axis=1)"),
    ("reshape", "reshape(x * y, n, d, 1)"),
    ("roll", "roll(x, 1, axis=1) * x"),
    ("scan", "[scan((a, e) -> a * e + 1.0, 0.5, row) for row in x]"),
    ("softmax", "softmax(x, axis=1)"),
    ("sort", "sort(x, axis=1) * v"),
    ("squeeze", "squeeze(expand_dims(x^2, 1), axis=1)"),
    ("stack", "stack(x, x * y, axis=1)"),
    ("std", "std(x, axis=1)"),
    ("stop_gradient", "x * stop_gradient(y)"),
    ("sum", "sum(x^3, axis=1)"),
    ("swapaxes", "[swapaxes(outer(row, v * row), 0, 1) for row in x]"),
    ("tile", "[tile(row^2, 2) for row in x]"),
    ("top_k", "[top_k(row, 2)[0] * row[0] for row in x]"),
    ("trace", "[trace(outer(row, v * row)) for row in x]"),
    ("transpose", "[transpose(outer(row, v * row), 1, 0) for row in x]"),
    ("tril", "[tril(outer(row, row)) for row in x]"),
    ("triu", "[triu(outer(row, row)) for row in x]"),
    ("var", "var(x, axis=1, ddof=1)"),
    ("where", "where(x > 0.1, x^2, y * x)"),
    ("grad", "[grad(prod(row), row) for row in x]"),
    ("value_and_grad", "[value_and_grad(prod(row), row)[1] for row in x]"),
    ("jacobian", "[jacobian(softmax(row), row) for row in x]"),
    ("hessian", "[hessian(prod(row), row) for row in x]"),
    ("jvp", "[jvp(tanh(row), row, v) for row in x]"),
    ("vjp", "[vjp(tanh(row), row, v) for row in x]"),
    ("@", "x @ outer(x[0], v)"),
    (".T", "[outer(row, v * row).T for row in x]"),
    ("x[:, a:b]", "x[:, 1:] * x[:, :-1]"),
    ("x[:, ::s]", "x[:, ::-1] * x + sum(x[:, ::2])"),
    ("x[indexes]", "x[[0, 2, 0, 1]] * 2.0"),
    ("x[:, indexes]", "x[:, [2, 0, 2]]"),
    ("x[newaxis]", "x[:, newaxis, :] * y[:, :, newaxis]"),
    ("x[i, y[i]]", "[x[i, i % d] * y[i, 0] for i in 0:n]"),
    ("a window", "[sum(x[i, j:j+2]^2) for i in 0:n, j in 0:d-1]"),
    ("a triangle", "[sum(x[i, j] * x[i, k] for j in 0:d, k in j+1:d) for i in 0:n]"),
    ("for", "loop(x)"),
    ("while", "halving(x)"),
    ("a table", "table(x)"),
];

/// Functions that the expressions use.
const FUNCTIONS: &str = "
fn loop(x: f64[n, d]) -> f64[n] {
    var s = zeros(n)
    for j in 0:d {
        if j % 2 == 1 { s = s * x[:, j] } else { s += sin(x[:, j]) }
    }
    s
}
fn halving(x: f64[n, d]) -> f64[n] = [halved(row) for row in x]
fn halved(row: f64[d]) -> f64 {
    var a = 8.0 + sum(row^2)
    var k = 0
    while a > 1.0 {
        a = a * (0.4 + 0.01 * row[k % d])
        k += 1
        if k > 20 { break }
    }
    a
}
fn table(x: f64[n, d]) -> f64[n, d] = [filled(row) for row in x]
fn filled(row: f64[d]) -> f64[d] {
    var t = zeros(d)
    t[0] = row[0]
    for j in 1:d { t[j] = t[j - 1] * row[j] + row[j - 1] }
    t[1:] += row[1:] * t[0]
    t
}
";

/// Builtins without an expression, and why.
const EXEMPT: &[(&str, &str)] = &[
    (
        "integers and truth values",
        "all any argmax argmin argsort bincount bool count find i64 len searchsorted shape size",
    ),
    ("the same for every argument", "arange eye full full_like linspace ones ones_like zeros zeros_like"),
    ("random numbers", "random.integers random.normal random.permutation random.split random.uniform"),
    ("output, files and time", "clock hist imshow load plot print save"),
    ("conversions, tested by tests/half.rs", "bf16 f16 f32 f64"),
    ("a value, not an array", "list"),
    ("steps: zero almost everywhere, tested in tests/laws.rs", "round"),
    ("a size that only running tells; of values that are constant between ties", "unique"),
];

/// Expressions whose rows are not examples: the first axis of the result is not that of `x`.
const NOT_BY_ROW: &[&str] = &["x[indexes]"];

#[test]
fn every_builtin_is_here() {
    let exempt: Vec<&str> = EXEMPT.iter().flat_map(|(_, names)| names.split(' ')).collect();
    let elementwise: Vec<&str> = elementwise::all().map(|op| op.name).collect();
    let missing: Vec<String> = microtome::check::documentation()
        .into_iter()
        .map(|(name, ..)| name.to_string())
        .filter(|name| {
            let known = |n: &str| n == name;
            !EXPRESSIONS.iter().any(|(n, _)| known(n))
                && !exempt.iter().any(|n| known(n))
                && !elementwise.iter().any(|n| known(n))
        })
        .collect();
    assert!(missing.is_empty(), "no expression and no reason: {missing:?}");
}

const SHAPE: [usize; 2] = [4, 3];

fn numbers(seed: f64, count: usize) -> Vec<f64> {
    (0..count).map(|k| ((k as f64 + seed) * 12.9898).sin() * 1.3).collect()
}

fn matrix(seed: f64, rows: usize) -> Array {
    ArrayD::from_shape_vec(IxDyn(&[rows, SHAPE[1]]), numbers(seed, rows * SHAPE[1])).expect("a matrix").into()
}

fn kernel(name: &str, body: &str) -> Kernel {
    let heads = "x: f64[n, d], y: f64[n, d], v: f64[d], u: f64[n, d], t: f64[n, d]";
    let source = format!("{FUNCTIONS}\nfn f({heads}) {{\n{body}\n}}");
    let module = Session::with_threads(1).compile("law.tome", &source);
    module.and_then(|module| module.kernel("f")).unwrap_or_else(|error| panic!("{name}\n{error}"))
}

fn arguments(rows: usize) -> Vec<Array> {
    let v: Array1<f64> = Array1::from(vec![0.7, -0.4, 1.2]);
    vec![matrix(0.3, rows), matrix(5.1, rows), v.into(), matrix(9.2, rows), matrix(2.6, rows)]
}

fn views(arrays: &[Array]) -> Vec<ArrayView<'_>> {
    arrays.iter().map(Array::view).collect()
}

/// All results as one list of numbers, compiled; the interpreter has to give the same.
fn results(name: &str, kernel: &Kernel, arguments: &[Array]) -> Vec<Vec<f64>> {
    let views = views(arguments);
    let compiled = kernel.call(&views).unwrap_or_else(|error| panic!("{name}\n{error}"));
    let interpreted = kernel.interpret(&views).unwrap_or_else(|error| panic!("{name}, interpreted\n{error}"));
    let compiled: Vec<Vec<f64>> = compiled.iter().map(Array::to_f64_vec).collect();
    let interpreted: Vec<Vec<f64>> = interpreted.iter().map(Array::to_f64_vec).collect();
    for (a, b) in compiled.iter().flatten().zip(interpreted.iter().flatten()) {
        assert!(close(*a, *b, 1e-11), "{name}: compiled {compiled:?}\ninterpreted {interpreted:?}");
    }
    compiled
}

fn close(a: f64, b: f64, bound: f64) -> bool {
    (a - b).abs() <= bound * b.abs().max(1.0) || (a.is_nan() && b.is_nan())
}

/// `x` moved along `u`.
fn moved(arguments: &[Array], h: f64) -> Vec<Array> {
    let moved: Vec<f64> =
        arguments[0].to_f64_vec().iter().zip(arguments[3].to_f64_vec()).map(|(x, u)| x + h * u).collect();
    let mut all = arguments.to_vec();
    all[0] = ArrayD::from_shape_vec(IxDyn(&SHAPE), moved).expect("a matrix").into();
    all
}

#[test]
fn forward_and_reverse_mode_agree_with_differences() {
    for (name, expression) in EXPRESSIONS {
        let body = format!(
            "let e = {expression}
            let value = sum(sin(0.7 * e + 0.2))
            let ct = stop_gradient(cos(2.0 * e + 1.0))
            let g = grad(value, x)
            let along = jvp(value, x, u)
            let second = jvp(g, x, u)
            let adjoint = (sum(ct * jvp(e, x, u)), sum(vjp(e, x, ct) * u))
            (value, g, along, sum(g * u), second, grad(sum(g * u), x), sum(second * t), sum(jvp(g, x, t) * u), adjoint[0], adjoint[1])"
        );
        let kernel = kernel(name, &body);
        let arguments = arguments(SHAPE[0]);
        let all = results(name, &kernel, &arguments);
        let [_, _, along, dot, second, second_reverse, one_way, other_way, forward, reverse] = all.as_slice() else {
            panic!("ten results")
        };
        let h = 1e-5;
        let (above, below) = (moved(&arguments, h), moved(&arguments, -h));
        let (above, below) = (results(name, &kernel, &above), results(name, &kernel, &below));
        let difference =
            |k: usize| -> Vec<f64> { above[k].iter().zip(&below[k]).map(|(a, b)| (a - b) / (2.0 * h)).collect() };
        let agree = |what: &str, a: &[f64], b: &[f64], bound: f64| {
            let same = a.len() == b.len() && a.iter().zip(b).all(|(a, b)| close(*a, *b, bound));
            assert!(same, "{name}, {what}: {a:?} and {b:?}");
        };
        agree("forward and reverse mode", along, dot, 1e-11);
        agree("forward mode and differences", along, &difference(0), 1e-7);
        agree("second order and differences of the gradient", second, &difference(1), 1e-6);
        agree("second order, forward over reverse and reverse over reverse", second, second_reverse, 1e-10);
        agree("the second derivative is symmetric", one_way, other_way, 1e-10);
        agree("⟨v, J u⟩ and ⟨Jᵀ v, u⟩", forward, reverse, 1e-11);
    }
}

#[test]
fn elementwise_operators_in_both_modes() {
    let skipped = ["equal", "strong_multiply"];
    for op in elementwise::all() {
        let differentiable = matches!(op.derivative, elementwise::Derivative::Rule(_));
        if !differentiable || skipped.contains(&op.name) || op.arity > 2 {
            continue;
        }
        // Inside of the domain of every operator: between two samples of its own.
        let (low, high) = (op.samples[op.samples.len() / 2], op.samples[op.samples.len() - 1]);
        let inner = |name: &str| format!("({low} + ({high} - {low}) * (0.5 + 0.3 * tanh({name})))");
        let operands = [inner("x"), inner("(y * x)")];
        let called = match (op.name, op.arity) {
            ("add", _) => format!("{} + {}", operands[0], operands[1]),
            ("subtract", _) => format!("{} - {}", operands[0], operands[1]),
            ("multiply", _) => format!("{} * {}", operands[0], operands[1]),
            ("divide", _) => format!("{} / {}", operands[0], operands[1]),
            ("floor_divide" | "remainder", _) => continue,
            ("negate", _) => format!("-{}", operands[0]),
            ("minimum", _) => format!("min({}, {})", operands[0], operands[1]),
            ("maximum", _) => format!("max({}, {})", operands[0], operands[1]),
            (name, 1) => format!("{name}({})", operands[0]),
            (name, _) => format!("{name}({}, {})", operands[0], operands[1]),
        };
        let body = format!(
            "let e = {called}
            let g = grad(sum(e * y), x)
            (sum(g * u), jvp(sum(e * y), x, u), jvp(g, x, u), grad(sum(g * u), x))"
        );
        let all = results(op.name, &kernel(op.name, &body), &arguments(SHAPE[0]));
        for (a, b) in all[0].iter().zip(&all[1]).chain(all[2].iter().zip(&all[3])) {
            assert!(close(*a, *b, 1e-9), "{}: {all:?}", op.name);
        }
    }
}

#[test]
fn a_row_behind_an_operator_is_that_row() {
    for (name, expression) in EXPRESSIONS {
        let whole = kernel(name, &format!("let e = {expression}\ne"));
        let rows = kernel(name, &format!("let e = {expression}\n[e[i] for i in 0:len(e)]"));
        for count in [0, 1, SHAPE[0]] {
            let arguments = arguments(count);
            let views = views(&arguments);
            // Some have nothing to give for no rows: `x[0]`.
            match (whole.interpret(&views), rows.call(&views)) {
                (Ok(whole), Ok(rows)) => assert_eq!(
                    whole[0].to_f64_vec().iter().map(|v| (v * 1e9).round()).collect::<Vec<_>>(),
                    rows[0].to_f64_vec().iter().map(|v| (v * 1e9).round()).collect::<Vec<_>>(),
                    "{name}, {count} rows"
                ),
                (Err(_), Err(_)) => {}
                (whole, rows) => panic!("{name}, {count} rows: {:?} and {:?}", whole.is_ok(), rows.is_ok()),
            }
        }
    }
}

#[test]
fn the_gradient_of_a_row_is_a_row_of_the_jacobian() {
    for (name, expression) in EXPRESSIONS.iter().filter(|(name, _)| !NOT_BY_ROW.contains(name)) {
        let body = format!(
            "let e = {expression}
            let c = [sum(cos(e[i] + 0.4)) for i in 0:n]
            let G = [grad(c[i], x) for i in 0:n]
            (G, jacobian(c, x), sum(grad(c[i], x)^2 for i in 0:n), sum(G^2, axis=0))"
        );
        let kernel = kernel(name, &body);
        for count in [1, SHAPE[0]] {
            if count == 1 && name.starts_with("x[") {
                continue;
            }
            let all = results(name, &kernel, &arguments(count));
            for (a, b) in all[0].iter().zip(&all[1]).chain(all[2].iter().zip(&all[3])) {
                assert!(close(*a, *b, 1e-10), "{name}, {count} rows: {all:?}");
            }
        }
    }
}
