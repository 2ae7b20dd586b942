//! The interpreter on graphs given as text.
//!
//! In: a body over fixed parameters, expected elements. Out: agreement.
//! Always holds: every operator of the graph occurs here, at empty and at NaN inputs where these differ.

#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use crate::graph::parse;
use crate::syntax::span::FileId;
use ndarray::{Array1, Array2, arr1, arr2};
use std::fmt::Write;

const NAN: f64 = f64::NAN;

/// Parameters and their nodes, which every case may use.
const HEAD: &str = "graph g(x: f64[n, d], v: f64[n], i: i64[n], p: bool[n], f: f32[m], e: f64[z], w: f64[n], s: f64) {
    var a: n
    var b: d
    var c: n - 1
    var o: z
    %x = input 0 : f64[n, d]
    %v = input 1 : f64[n]
    %i = input 2 : i64[n]
    %p = input 3 : bool[n]
    %f = input 4 : f32[m]
    %e = input 5 : f64[z]
    %w = input 6 : f64[n]
    %s = input 7 : f64
    %a = var a : i64
    %b = var b : i64
    %c = var c : i64
    %o = var o : i64
    %zero = const 0 : i64
    %one = const 1 : i64
    %n = size n : i64\n";

fn sizes() -> SizeEnv {
    [("n", 3), ("d", 2), ("m", 4), ("z", 0)].into_iter().map(|(name, size)| (name.into(), size)).collect()
}

fn inputs() -> Vec<Array> {
    vec![
        Array::from(arr2(&[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])),
        Array::from(arr1(&[1.5, NAN, -2.0])),
        Array::from(arr1(&[2i64, -1, 0])),
        Array::from(arr1(&[true, false, true])),
        Array::from(arr1(&[1e8f32, 1.0, -1e8, 0.5])),
        Array::from(Array1::<f64>::zeros(0)),
        Array::from(arr1(&[4.0, 7.0, 7.0])),
        Array::from(2.5f64),
    ]
}

fn run(body: &str, roots: &str) -> Result<Vec<Array>, FaultKind> {
    let text = format!("{HEAD}{body}\n{roots} }}");
    let graph = parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    evaluate(&graph, &inputs(), &sizes()).map_err(|fault| fault.kind)
}

fn shown(array: &Array) -> String {
    format!("{} {:?} {:?}", array.dtype(), array.shape(), array.to_f64_vec())
}

/// Each case: statements that define `%r`, and its dtype, shape and elements.
fn check_all(cases: &[(&str, &str)]) {
    for (body, expected) in cases {
        let result = run(body, "return %r").unwrap_or_else(|fault| panic!("{body}: {fault}"));
        assert_eq!(shown(&result[0]), *expected, "{body}");
    }
}

#[test]
fn leaves_and_elementwise() {
    check_all(&[
        ("%r = const -0.0 : f64", "f64 [] [-0.0]"),
        ("%r = const 0.5 : f32", "f32 [] [0.5]"),
        ("%r = const true : bool", "bool [] [1.0]"),
        ("%r = size 2*n*d - 1 : i64", "i64 [] [11.0]"),
        ("%r = iota : i64[n + 1]", "i64 [4] [0.0, 1.0, 2.0, 3.0]"),
        ("%r = iota : i64[d - n]", "i64 [0] []"),
        ("%r = map add %v %w : f64[n]", "f64 [3] [5.5, NaN, 5.0]"),
        ("%r = map maximum %v %w : f64[n]", "f64 [3] [4.0, NaN, 7.0]"),
        ("%r = map less %v %w : bool[n]", "bool [3] [1.0, 0.0, 1.0]"),
        ("%r = map where %p %v %w : f64[n]", "f64 [3] [1.5, 7.0, -2.0]"),
        ("%r = map negate %e : f64[z]", "f64 [0] []"),
        ("%r = map add %f %f : f32[m]", "f32 [4] [200000000.0, 2.0, -200000000.0, 1.0]"),
        ("%r = cast %v : i64[n]", "i64 [3] [1.0, 0.0, -2.0]"),
        ("%r = cast %i : bool[n]", "bool [3] [1.0, 1.0, 0.0]"),
        ("%r = mark 0 %s : f64", "f64 [] [2.5]"),
        ("%r = stop_gradient %s : f64", "f64 [] [2.5]"),
    ]);
}

#[test]
fn reductions() {
    check_all(&[
        ("%r = reduce sum [0] %x : f64[d]", "f64 [2] [9.0, 12.0]"),
        ("%r = reduce sum [0, 1] %x : f64", "f64 [] [21.0]"),
        ("%r = reduce sum [0] %f : f32", "f32 [] [1.5]"),
        ("%r = reduce sum [0] %e : f64", "f64 [] [0.0]"),
        ("%r = reduce prod [1] %x : f64[n]", "f64 [3] [2.0, 12.0, 30.0]"),
        ("%r = reduce prod [0] %e : f64", "f64 [] [1.0]"),
        ("%r = reduce max [0] %v : f64", "f64 [] [NaN]"),
        ("%r = reduce min [0] %v : f64", "f64 [] [NaN]"),
        ("%r = reduce max [0] %f : f32", "f32 [] [100000000.0]"),
        ("%r = reduce max [0] %e : f64", "f64 [] [-inf]"),
        ("%r = reduce min [0] %i : i64", "i64 [] [-1.0]"),
        ("%j = iota : i64[z] %r = reduce min [0] %j : i64", "i64 [] [9.223372036854776e18]"),
        ("%r = reduce any [0] %p : bool", "bool [] [1.0]"),
        ("%r = reduce all [0] %p : bool", "bool [] [0.0]"),
        ("%r = reduce argmax [0] %w : i64", "i64 [] [1.0]"),
        ("%r = reduce argmin [0] %w : i64", "i64 [] [0.0]"),
        ("%r = reduce argmax [0] %v : i64", "i64 [] [1.0]"),
        ("%r = reduce argmin [0, 1] %x : i64", "i64 [] [0.0]"),
        ("%r = reduce argmax [1] %x : i64[n]", "i64 [3] [1.0, 1.0, 1.0]"),
        ("%t = broadcast [1] %e : f64[n, z] %r = reduce sum [1] %t : f64[n]", "f64 [3] [0.0, 0.0, 0.0]"),
        ("%t = broadcast [1] %e : f64[n, z] %r = reduce sum [0] %t : f64[z]", "f64 [0] []"),
    ]);
    assert!(matches!(run("%r = reduce argmax [0] %e : i64", "return %r"), Err(FaultKind::Unsupported(_))));
}

#[test]
fn movements() {
    check_all(&[
        ("%r = broadcast [1] %v : f64[d, n]", "f64 [2, 3] [1.5, NaN, -2.0, 1.5, NaN, -2.0]"),
        ("%r = broadcast [0] %v : f64[n, d]", "f64 [3, 2] [1.5, 1.5, NaN, NaN, -2.0, -2.0]"),
        ("%r = broadcast [] %s : f64[z]", "f64 [0] []"),
        ("%r = transpose [1, 0] %x : f64[d, n]", "f64 [2, 3] [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]"),
        ("%r = reshape %x : f64[d, n]", "f64 [2, 3] [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]"),
        ("%r = slice [n - 1, 1] [-1, 1] %x : f64[n, 1]", "f64 [3, 1] [6.0, 4.0, 2.0]"),
        ("%r = slice [0, 0] [2, 1] %x : f64[2, d]", "f64 [2, 2] [1.0, 2.0, 5.0, 6.0]"),
        ("%r = slice [n, 0] [1, 1] %x : f64[d - n, d]", "f64 [0, 2] []"),
        ("%r = place [1] [2] %w : f64[2*n + 1]", "f64 [7] [0.0, 4.0, 0.0, 7.0, 0.0, 7.0, 0.0]"),
        ("%r = place [n - 1] [-1] %w : f64[n]", "f64 [3] [7.0, 7.0, 4.0]"),
        ("%r = place [0] [1] %e : f64[d]", "f64 [2] [0.0, 0.0]"),
        ("%r = concat 0 %w %e %v : f64[2*n + z]", "f64 [6] [4.0, 7.0, 7.0, 1.5, NaN, -2.0]"),
        (
            "%t = slice [0, 0] [1, 1] %x : f64[n, 1] %r = concat 1 %x %t : f64[n, d + 1]",
            "f64 [3, 3] [1.0, 2.0, 1.0, 3.0, 4.0, 3.0, 5.0, 6.0, 5.0]",
        ),
    ]);
    for body in ["%r = slice [1] [1] %w : f64[n]", "%r = place [0] [1] %w : f64[n - 1]"] {
        let expected = FaultKind::Unsupported("a slice that leaves its array".to_string());
        assert_eq!(run(body, "return %r"), Err(expected));
    }
}

#[test]
fn contractions() {
    check_all(&[
        ("%r = contract \"ab,ac->bc\" %x %x : f64[d, d]", "f64 [2, 2] [35.0, 44.0, 44.0, 56.0]"),
        ("%r = contract \"ab,ab->\" %x %x : f64", "f64 [] [91.0]"),
        ("%r = contract \"ab,ab,a->b\" %x %x %w : f64[d]", "f64 [2] [242.0, 380.0]"),
        (
            "%r = contract \"a,b->ba\" %w %w : f64[n, n]",
            "f64 [3, 3] [16.0, 28.0, 28.0, 28.0, 49.0, 49.0, 28.0, 49.0, 49.0]",
        ),
        ("%r = contract \",a->a\" %s %w : f64[n]", "f64 [3] [10.0, 17.5, 17.5]"),
        ("%m = const -0.0 : f64 %r = contract \",->\" %m %s : f64", "f64 [] [-0.0]"),
        ("%r = contract \"a,a->\" %e %e : f64", "f64 [] [0.0]"),
        ("%r = contract \"a,b->a\" %w %e : f64[n]", "f64 [3] [0.0, 0.0, 0.0]"),
        ("%r = contract \"a,a->\" %v %w : f64", "f64 [] [NaN]"),
        ("%r = contract \"a,a->\" %i %i : i64", "i64 [] [5.0]"),
        ("%h = const 1.0 : f32 %r = contract \"a,->\" %f %h : f32", "f32 [] [1.5]"),
    ]);
}

#[test]
fn indexing() {
    let wrapped = "%j = check index 0 %i %n : i64[n]\n";
    let with = |rest: &str| format!("{wrapped}{rest}");
    let cases = [
        (with("%r = mark 0 %j : i64[n]"), "i64 [3] [2.0, 2.0, 0.0]"),
        (with("%r = gather [0] %x %j : f64[n, d]"), "f64 [3, 2] [5.0, 6.0, 5.0, 6.0, 1.0, 2.0]"),
        (with("%r = gather [1] %x %one : f64[n]"), "f64 [3] [2.0, 4.0, 6.0]"),
        (with("%r = gather [0, 1] %x %one %zero : f64"), "f64 [] [3.0]"),
        (with("%r = scatter_add [0] %j %w : f64[n]"), "f64 [3] [7.0, 0.0, 11.0]"),
        (with("%r = scatter_add [0] %j %x : f64[n, d]"), "f64 [3, 2] [5.0, 6.0, 0.0, 0.0, 4.0, 6.0]"),
        (with("%r = scatter_add [1] %one %w : f64[n, d]"), "f64 [3, 2] [0.0, 4.0, 0.0, 7.0, 0.0, 7.0]"),
        (
            "%t = iota : i64[m] %u = map subtract %t %t : i64[m] %r = scatter_add [0] %u %f : f32[2]".to_string(),
            "f32 [2] [1.5, 0.0]",
        ),
    ];
    for (body, expected) in &cases {
        check_all(&[(body, expected)]);
    }
    let expected = FaultKind::Unsupported("gather index out of range without a check".to_string());
    assert_eq!(run("%r = gather [0] %w %i : f64[n]", "return %r"), Err(expected.clone()));
    assert_eq!(run("%r = gather [0] %w %n : f64", "return %r"), Err(expected));
}

#[test]
fn builders() {
    check_all(&[
        ("%r = build a %a : i64[n]", "i64 [3] [0.0, 1.0, 2.0]"),
        ("%r = build a %w : f64[n, n]", "f64 [3, 3] [4.0, 7.0, 7.0, 4.0, 7.0, 7.0, 4.0, 7.0, 7.0]"),
        ("%t = gather [0] %w %o : f64 %r = build o %t : f64[z]", "f64 [0] []"),
        (
            "%t = gather [0, 1] %x %a %b : f64 %u = build a %t : f64[n] %r = build b %u : f64[d, n]",
            "f64 [2, 3] [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]",
        ),
        // One body under two orders of the same variables.
        (
            "%h = const 10 : i64 %t = map multiply %a %h : i64 %u = map add %t %b : i64
             %ab = build b %u : i64[d] %abn = build a %ab : i64[n, d]
             %ba = build a %u : i64[n] %ban = build b %ba : i64[d, n]
             %q = transpose [1, 0] %ban : i64[n, d] %r = map subtract %abn %q : i64[n, d]",
            "i64 [3, 2] [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]",
        ),
        // A variable bound again inside its own builder, with the outer value used before and after.
        (
            "%h = const 100 : i64 %ha = map multiply %a %h : i64
             %in = build a %a : i64[n] %sum = reduce sum [0] %in : i64
             %t = map add %ha %sum : i64 %u = map add %t %a : i64 %r = build a %u : i64[n]",
            "i64 [3] [3.0, 104.0, 205.0]",
        ),
        // The same, where the inner builder changes with a variable in between and shares a node with the outer body.
        (
            "%h = const 10 : i64 %ha = map multiply %a %h : i64
             %s1 = map add %ha %b : i64 %in = build a %s1 : i64[n] %sum = reduce sum [0] %in : i64
             %t = map add %sum %ha : i64 %bb = build b %t : i64[d] %r = build a %bb : i64[n, d]",
            "i64 [3, 2] [30.0, 33.0, 40.0, 43.0, 50.0, 53.0]",
        ),
        // A node that changes with an inner variable only is not evaluated outside.
        (
            "%bb = map multiply %b %b : i64 %t = map add %a %bb : i64
             %u = build b %t : i64[d] %r = build a %u : i64[n, d]",
            "i64 [3, 2] [0.0, 1.0, 1.0, 2.0, 2.0, 3.0]",
        ),
    ]);
}

#[test]
fn checks_fail_in_order_and_only_when_reached() {
    let index = |index, extent| Err(FaultKind::Index { axis: 1, index, extent });
    let cases = [
        ("%r = check index 1 %i %one : i64[n]", index(2, 1)),
        ("%two = const 2 : i64 %r = check index 1 %two %n : i64", Ok(())),
        ("%r = check index 1 %n %n : i64", index(3, 3)),
        ("%t = const -3 : i64 %r = check index 1 %t %n : i64", Ok(())),
        ("%t = const -4 : i64 %r = check index 1 %t %n : i64", index(-4, 3)),
        ("%t = const -9223372036854775808 : i64 %r = check index 1 %t %n : i64", index(i64::MIN, 3)),
        ("%t = check index 1 %a %one : i64 %r = build a %t : i64[n]", index(1, 1)),
        ("%r = check nonzero %i : i64[n]", Err(FaultKind::DivisionByZero)),
        ("%r = check nonzero %n : i64", Ok(())),
        ("%r = check assert %p : bool[n]", Err(FaultKind::Assertion { message: None })),
        ("%r = check assert \"no\" %p : bool[n]", Err(FaultKind::Assertion { message: Some("no".to_string()) })),
        // The body of a builder over nothing is not reached, not even what does not change in it.
        ("%t = check nonzero %zero : i64 %u = map add %t %o : i64 %r = build o %u : i64[z]", Ok(())),
        (
            "%t = check nonzero %zero : i64 %u = map add %t %o : i64 %v1 = map add %u %a : i64
             %w1 = build o %v1 : i64[z] %r = build a %w1 : i64[n, z]",
            Ok(()),
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(run(body, "check %r return").map(|_| ()), expected, "{body}");
        assert_eq!(run(body, "return %r").map(|_| ()), expected, "{body}");
    }
    let body = "%a1 = check assert \"first\" %p : bool[n] %z = check nonzero %zero : i64";
    assert_eq!(run(body, "check %z check %a1 return %a1"), Err(FaultKind::DivisionByZero));
    let first = FaultKind::Assertion { message: Some("first".to_string()) };
    assert_eq!(run(body, "check %a1 check %z return %z"), Err(first));
}

#[test]
fn faults_carry_the_place_of_their_node() {
    let span = Span::new(FileId(0), 7, 12);
    let mut graph = Graph::new("g");
    let zero = graph.int(0);
    graph.span = span;
    let ty = graph.ty(zero).clone();
    let check = graph.add(Op::Check(crate::graph::CheckKind::NonZero), vec![zero], ty);
    graph.span = Span::default();
    graph.checks.push(check);
    let fault = evaluate(&graph, &[], &SizeEnv::new()).unwrap_err();
    assert_eq!(fault, Fault { kind: FaultKind::DivisionByZero, span });
    assert_eq!(fault.to_string(), "an integer was divided by zero");
}

#[test]
fn says_what_it_cannot_evaluate() {
    let unsupported = |text: &str, inputs: &[Array]| {
        let fault = evaluate(&parse(text).unwrap(), inputs, &SizeEnv::new()).unwrap_err();
        fault.to_string()
    };
    let grad = "graph g(x: f64) { %x = input 0 : f64 %g = grad %x %x : f64 return %g }";
    assert_eq!(unsupported(grad, &[Array::from(1.0)]), "a derivative that no pass has expanded");
    let copy = "graph g(x: f64[3]) { %x = input 0 : f64[3] return %x }";
    assert_eq!(unsupported(copy, &[]), "there is no input 0");
    assert_eq!(unsupported(copy, &[Array::from(1.0)]), "input `x` is f64[] instead of f64[3]");
    assert_eq!(unsupported(copy, &[Array::from(arr1(&[1i64, 2, 3]))]), "input `x` is i64[3] instead of f64[3]");
    assert_eq!(unsupported("graph g() { %n = size k : i64 return %n }", &[]), "the size `k` is not known");
    let wrong = "graph g() { %n = size 1 : f64 return %n }";
    assert_eq!(unsupported(wrong, &[]), "%0 = size 1: expected the type i64, found f64");
    let large = "graph g() { %n = iota : i64[100000000000] return %n }";
    assert_eq!(unsupported(large, &[]), "an array too large");
}

#[test]
fn long_chains_need_no_stack() {
    let mut plain = String::from("%c0 = const 0 : i64\n");
    let mut builders = String::from("%c0 = const 0 : i64\n");
    for k in 1..=20_000 {
        writeln!(plain, "%c{k} = map add %c{} %one : i64", k - 1).unwrap();
        // Each builder's body uses the sum over the builder before.
        writeln!(builders, "%t{k} = map add %c{} %b : i64 %u{k} = build b %t{k} : i64[d]", k - 1).unwrap();
        writeln!(builders, "%c{k} = reduce max [0] %u{k} : i64").unwrap();
    }
    for text in [plain, builders] {
        let result = run(&text, "return %c20000").unwrap();
        assert_eq!(result[0].as_i64(), Some(20_000));
    }
}

#[test]
fn builders_nest_deeply() {
    let mut text = String::from("graph g() {\n");
    for k in 0..400 {
        writeln!(text, "var v{k}: 1 %v{k} = var v{k} : i64").unwrap();
    }
    text.push_str("%c0 = const 1 : i64\n");
    for k in 1..400 {
        writeln!(text, "%c{k} = map add %c{} %v{k} : i64", k - 1).unwrap();
    }
    let mut last = "%c399".to_string();
    for k in 1..400 {
        writeln!(text, "%b{k} = build v{k} {last} : i64[1] %s{k} = reduce sum [0] %b{k} : i64").unwrap();
        last = format!("%s{k}");
    }
    let graph = parse(&format!("{text} return {last} }}")).unwrap();
    assert_eq!(evaluate(&graph, &[], &SizeEnv::new()).unwrap()[0].as_i64(), Some(1));
}

#[test]
fn shared_nodes_are_evaluated_once() {
    let mut body = String::from("%c0 = const 1 : i64\n");
    for k in 1..=60 {
        writeln!(body, "%c{k} = map add %c{} %c{} : i64", k - 1, k - 1).unwrap();
    }
    assert_eq!(run(&body, "return %c60").unwrap()[0].as_i64(), Some(1 << 60));
    // Inside a builder, starting from its variable.
    let body = body.replace("%c0 = const 1 : i64", "%c0 = mark 0 %a : i64");
    let result = run(&format!("{body} %r = build a %c60 : i64[n]"), "return %r").unwrap();
    assert_eq!(result[0], Array::from(arr1(&[0, 1i64 << 60, 2 << 60])));
}

/// What a graph of integer additions, products, builders and sums means, straight from the definition.
fn by_definition(graph: &Graph, id: NodeId, bound: &mut Vec<i64>) -> i64 {
    let node = graph.node(id);
    match (&node.op, node.inputs.as_slice()) {
        (Op::Const(constant), _) => constant.as_f64() as i64,
        (Op::Var(var), _) => bound[var.0 as usize],
        (Op::Map(op), [a, b]) => {
            let operands = [by_definition(graph, *a, bound), by_definition(graph, *b, bound)];
            (op.eval)(&operands.map(Value::Int)).int()
        }
        (Op::Reduce { .. }, [builder]) => {
            let Op::Build(var) = graph.node(*builder).op else { panic!("a sum of something else") };
            let (slot, body) = (var.0 as usize, graph.node(*builder).inputs[0]);
            let outer = bound[slot];
            let mut sum = 0i64;
            for value in 0..graph.var(var).extent.as_const().unwrap() {
                bound[slot] = value;
                sum = sum.wrapping_add(by_definition(graph, body, bound));
            }
            bound[slot] = outer;
            sum
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn random_nests_agree_with_the_definition() {
    use crate::ops::elementwise::{ADD, MULTIPLY};
    let mut state = 1u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for round in 0..400 {
        let mut graph = Graph::new(format!("random{round}"));
        let vars: Vec<VarId> = (0..4)
            .map(|extent| graph.new_var("v", Size::from(if extent == 0 { random(3) as i64 } else { extent })))
            .collect();
        let mut nodes: Vec<NodeId> = vars.iter().map(|&var| graph.var_value(var)).collect();
        nodes.push(graph.int(3));
        for _ in 0..14 {
            // Recent nodes more often, so that builders nest.
            let recent = nodes.len() - random(nodes.len().min(5)) - 1;
            let (a, b) = (nodes[recent], nodes[random(nodes.len())]);
            let next = match random(5) {
                0 => graph.map(&MULTIPLY, &[a, b]),
                1 | 2 => graph.map(&ADD, &[a, b]),
                _ => {
                    let var = vars[random(vars.len())];
                    let ty = crate::graph::Type::array(DType::I64, vec![graph.var(var).extent.clone()]);
                    let built = graph.add(Op::Build(var), vec![a], ty);
                    graph.sum(built, &[0])
                }
            };
            nodes.push(next);
        }
        graph.outputs = nodes.into_iter().filter(|&id| graph.node(id).free.is_empty()).collect();
        let found = evaluate(&graph, &[], &SizeEnv::new()).unwrap_or_else(|fault| panic!("{fault}\n{graph}"));
        for (&output, array) in graph.outputs.iter().zip(&found) {
            let expected = by_definition(&graph, output, &mut vec![0; vars.len()]);
            assert_eq!(array.as_i64(), Some(expected), "{graph}");
        }
        assert_eq!(parse(&graph.to_string()).unwrap().to_string(), graph.to_string());
    }
}

#[test]
fn is_fast_enough_for_tests() {
    let text = "graph g(x: f64[n, n], y: f64[n, n]) { %x = input 0 : f64[n, n] %y = input 1 : f64[n, n]
        %p = contract \"ab,bc->ac\" %x %y : f64[n, n] %s = map tanh %p : f64[n, n] return %s }";
    let n = 200;
    let x = Array::from(Array2::from_shape_fn((n, n), |(r, c)| (r as f64 - c as f64) / 1e4));
    let sizes = [("n".into(), n as i64)].into_iter().collect();
    let started = std::time::Instant::now();
    let result = evaluate(&parse(text).unwrap(), &[x.clone(), x], &sizes).unwrap();
    assert_eq!(result[0].shape(), [n, n]);
    assert!(started.elapsed().as_secs() < 20, "8e6 products took {:?}", started.elapsed());
}
