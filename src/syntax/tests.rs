//! Tests of the syntax layer as a whole.
//!
//! In: programs, right, wrong and hostile. Out: their trees or their errors, compared with what is
//! written beside them. Always holds: adding a case is adding a line.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use super::ast::*;
use super::lexer::Errors;
use super::span::FileId;
use super::{Completeness, completeness, dump, parse, parse_bytes};
use crate::diagnostic::{Code, Diagnostic, codes};

fn errors(text: &str) -> Errors {
    parse(FileId(0), text).err().unwrap_or_default()
}

/// Each source with its dump, trailing newline aside.
fn check_trees(cases: &[(&str, &str)]) {
    for (source, tree) in cases {
        match parse(FileId(0), source) {
            Ok(module) => assert_eq!(dump(&module).trim_end(), *tree, "\n{source}"),
            Err(errors) => panic!("{source}\n{errors:#?}"),
        }
    }
}

fn describe(source: &str, error: &Diagnostic) -> String {
    let before = &source[..error.labels[0].span.start as usize];
    let (line, column) =
        (before.matches('\n').count() + 1, before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1);
    let help = error.help.as_ref().map_or(String::new(), |help| format!(" / {help}"));
    format!("{line}:{column} {} {}{help}", error.code.0, error.message)
}

#[test]
fn expressions() {
    check_trees(&[
        ("1 + 2 * 3", "(+ 1 (* 2 3))"),
        ("a - b - c", "(- (- a b) c)"),
        ("-x^2", "(- (^ x 2))"),
        ("2^-1", "(^ 2 (- 1))"),
        ("2^-x^2", "(^ 2 (- (^ x 2)))"),
        ("a^b^c", "(^ a (^ b c))"),
        ("a * -b", "(* a (- b))"),
        ("--a", "(- (- a))"),
        ("a--b", "(- a (- b))"),
        ("-a @ b // c % d", "(% (// (@ (- a) b) c) d)"),
        ("-x.T[0]", "(- (index (. x T) 0))"),
        ("not a == b and c or d", "(or (and (not (== a b)) c) d)"),
        ("not not a", "(not (not a))"),
        ("(a < b) == (c >= d)", "(== (< a b) (>= c d))"),
        ("x -> y -> x + y", "(-> (x) (-> (y) (+ x y)))"),
        ("(a, b) -> a", "(-> (a b) a)"),
        ("((a, b), c) -> a", "(-> ((a b) c) a)"),
        ("fold((acc, v) -> acc + v, 0.0, x)", "(call fold (-> (acc v) (+ acc v)) 0.0 x)"),
        ("if a { 1 } else if b { 2 } else { 3 }", "(if a {1} {(if b {2} {3})})"),
        ("let y = (if a { 1 } else { 2 }) + 1", "(let y (+ (if a {1} {2}) 1))"),
        ("f(if a { 1 } else { 2 }, x -> 1)", "(call f (if a {1} {2}) (-> (x) 1))"),
    ]);
}

#[test]
fn postfix_and_atoms() {
    check_trees(&[
        ("f()", "(call f)"),
        ("f(x, axis=0,)", "(call f x axis=0)"),
        ("random.normal(key, n, d)[0].T", "(. (index (call (. random normal) key n d) 0) T)"),
        ("where(c, a, b)", "(call where c a b)"),
        ("x[i, 1:3, :, ::2, a:, :-1, newaxis]", "(index x i (: 1 3) (: _ _) (: _ _ 2) (: a _) (: _ (- 1)) newaxis)"),
        ("x[0:n-k+1:2]", "(index x (: 0 (+ (- n k) 1) 2))"),
        ("x[a < b]", "(index x (< a b))"),
        ("(a)", "a"),
        ("(a, b,)", "(tuple a b)"),
        ("[]", "[]"),
        ("[[1, 2], [3, 4],]", "[[1 2] [3 4]]"),
        ("[1_000, 1.5, 1e-3, true, \"a\\n\"]", "[1000 1.5 0.001 true \"a\\n\"]"),
        ("[e for i in 0:n, j in i+1:m:2]", "[e for (in i (range 0 n)) (in j (range (+ i 1) m 2))]"),
        ("[(a, b) for (a, b) in zip(x, y)]", "[(tuple a b) for (in (a b) (over (call zip x y)))]"),
        ("[if c { a } else { b } for row in x]", "[(if c {a} {b}) for (in row (over x))]"),
        ("[x -> x + i for i in 0:n]", "[(-> (x) (+ x i)) for (in i (range 0 n))]"),
        ("sum(e for i in 0:n, j in i+1:n)", "(call sum (e for (in i (range 0 n)) (in j (range (+ i 1) n))))"),
        ("sum(e for i in 0:n, axis=0)", "(call sum (e for (in i (range 0 n))) axis=0)"),
        ("d.input + d.in + d.where", "(+ (+ (. d input) (. d in)) (. d where))"),
    ]);
}

#[test]
fn statements() {
    check_trees(&[
        ("", ""),
        ("\n# only a comment\r\n\r\n\t# another", ""),
        ("let x = 1", "(let x 1)"),
        ("let (a, (b, c)) = f(x)", "(let (a (b c)) (call f x))"),
        ("var x = 1; x = 2; x += 3", "(var x 1)\n(= x 2)\n(+= x 3)"),
        (
            "a[i, :] -= 1\na[i] *= 2\na[0][1] /= 3",
            "(-= (index a i (: _ _)) 1)\n(*= (index a i) 2)\n(/= (index (index a 0) 1) 3)",
        ),
        ("for i in 0:n { break }", "(for i (range 0 n) {(break)})"),
        ("for i in 0:n-k+1:step { continue }", "(for i (range 0 (+ (- n k) 1) step) {(continue)})"),
        ("for (a, b) in zip(x, y) {}", "(for (a b) (over (call zip x y)) {})"),
        ("while a < b {\n  a += 1\n  b -= 1\n}", "(while (< a b) {\n  (+= a 1)\n  (-= b 1)})"),
        ("assert a == b", "(assert (== a b))"),
        ("assert a, \"why\"", "(assert a \"why\")"),
        ("return", "(return)"),
        (
            "import \"a.tome\"\ninput x: f64[n, d]\ninput k: i64",
            "(import \"a.tome\")\n(input x f64[n d])\n(input k i64)",
        ),
        ("let x = a +\n  b\nlet y = f(a,\n\n  b # c\n)", "(let x (+ a b))\n(let y (call f a b))"),
        ("if a {\n 1\n}\n\nelse {\n 2\n}\r\nb", "(if a {1} {2})\nb"),
        ("if a { b; c }", "(if a {\n  b\n  c})"),
    ]);
}

#[test]
fn functions_and_types() {
    check_trees(&[
        ("fn sq(v: f64) -> f64 = v * v", "(fn sq ((v f64)) -> f64 {(* v v)})"),
        ("fn f() {}", "(fn f () {})"),
        ("fn f(x: f64[n - k + 1, 2*(n+1)],) =\n  x", "(fn f ((x f64[(+ (- n k) 1) (* 2 (+ n 1))])) {x})"),
        (
            "fn f(x: list[f64[20, ?]]) -> (f64, (f64[n], bool)) = x",
            "(fn f ((x (list f64[20 ?]))) -> (tuple f64 (tuple f64[n] bool)) {x})",
        ),
        (
            "fn g(x: f64[n, d])\n  -> f64[d]\n  where time O(n*d), memory O(n + d),\n  independent(n)\n{\n  let y = x\n  return y\n}",
            "(fn g ((x f64[n d])) -> f64[d] (time (* n d)) (memory (+ n d)) (independent n) {\n  (let y x)\n  (return y)})",
        ),
        (
            "fn f(x: f64)\n  where time O(if a {\n    1\n  } else { 2 })\n  = x",
            "(fn f ((x f64)) (time (if a {1} {2})) {x})",
        ),
        ("fn f(x: f64) where time O(1) = x", "(fn f ((x f64)) (time 1) {x})"),
        (
            "fn cost(x: f64[n, d], y: i64[n], W: f64[d, k], b: f64[k]) -> f64[n] {\n    let z = x @ W + b\n    logsumexp(z, axis=1) - [z[i, y[i]] for i in 0:n]\n}",
            "(fn cost ((x f64[n d]) (y i64[n]) (W f64[d k]) (b f64[k])) -> f64[n] {\n  (let z (+ (@ x W) b))\n  (- (call logsumexp z axis=1) [(index z i (index y i)) for (in i (range 0 n))])})",
        ),
    ]);
}

#[test]
fn words_of_a_place_are_ordinary_names() {
    check_trees(&[(
        "let where = 1; let input = where; let time = input; let memory = O; let list = independent[list]\nlet end = 2; x[end]",
        "(let where 1)\n(let input where)\n(let time input)\n(let memory O)\n(let list (index independent list))\n(let end 2)\n(index x end)",
    )]);
}

#[test]
fn places_cover_the_source() {
    let source = "let z = (a + b) * f(x, [1])[0].T\n";
    let module = parse(FileId(0), source).unwrap();
    let Item::Statement(Statement { kind: StatementKind::Let(_, e), span, silent }) = &module.items[0] else {
        panic!()
    };
    let text = |span: super::span::Span| &source[span.start as usize..span.end as usize];
    let ExprKind::Binary(_, left, right) = &e.kind else { panic!() };
    assert_eq!(text(*span), "let z = (a + b) * f(x, [1])[0].T");
    assert_eq!(text(left.span), "(a + b)");
    assert_eq!(text(right.span), "f(x, [1])[0].T");
    assert_eq!((e.depth, silent), (6, &false));
}

#[test]
fn semicolons_silence() {
    let module = parse(FileId(0), "a; b\nfn f() { c; d }").unwrap();
    let silent = |item: &Item| matches!(item, Item::Statement(s) if s.silent);
    assert_eq!(module.items.iter().map(silent).collect::<Vec<_>>(), [true, false, false]);
    let Item::Function(f) = &module.items[2] else { panic!() };
    assert_eq!(f.body.statements.iter().map(|s| s.silent).collect::<Vec<_>>(), [true, false]);
}

/// `tests/errors.txt` says how its cases are written.
#[test]
fn errors_teach() {
    let file = include_str!("tests/errors.txt").replace("\r\n", "\n");
    let mut wrong = String::new();
    for case in file.split("\n===\n").skip(1) {
        let (source, expected) = case.split_once("\n---\n").unwrap();
        let found: Vec<String> = errors(source).iter().map(|error| describe(source, error)).collect();
        if found != expected.trim_end().lines().collect::<Vec<_>>() {
            wrong.push_str(&format!("\n===\n{source}\n---\n{}", found.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "these cases now give{wrong}");
}

#[test]
fn hostile_programs_are_refused_fast() {
    let many = 100_000;
    let long: &[(&str, String, Code)] = &[
        ("parens", "(".repeat(many), codes::TOO_DEEP),
        ("brackets", "[".repeat(many), codes::TOO_DEEP),
        ("minus", format!("{}1", "-".repeat(many)), codes::TOO_DEEP),
        ("not", format!("{}a", "not ".repeat(many)), codes::TOO_DEEP),
        ("minus without operand", "-".repeat(many - 1) + " -", codes::SYNTAX),
        ("powers", format!("{}1", "a^".repeat(many)), codes::TOO_DEEP),
        ("negative powers", format!("{}1", "a^-".repeat(many)), codes::TOO_DEEP),
        ("sum", format!("{}1", "1+".repeat(many)), codes::TOO_DEEP),
        ("or", format!("{}a", "a or ".repeat(many)), codes::TOO_DEEP),
        ("fields", format!("a{}", ".b".repeat(many)), codes::TOO_DEEP),
        ("calls", format!("a{}", "()".repeat(many)), codes::TOO_DEEP),
        ("indexes", format!("a{}", "[0]".repeat(many)), codes::TOO_DEEP),
        ("ifs", "if true {".repeat(many), codes::TOO_DEEP),
        ("whiles", "while true {".repeat(many), codes::TOO_DEEP),
        ("lambdas", format!("{}1", "x->".repeat(many)), codes::TOO_DEEP),
        ("lambda heads", "x->".repeat(many), codes::SYNTAX),
        ("comprehensions", "[x for i in ".repeat(many), codes::TOO_DEEP),
        ("else ifs", format!("if a {{}}{}", " else if a {}".repeat(10_000)), codes::TOO_DEEP),
        ("sizes", format!("fn f(x: f64[{}1]) = 1", "n+".repeat(many)), codes::TOO_DEEP),
        ("types", format!("input x: {}", "list[".repeat(many)), codes::TOO_DEEP),
        ("patterns", format!("let {}", "(".repeat(many)), codes::TOO_DEEP),
        ("assignments", format!("{}1", "a=".repeat(many)), codes::SYNTAX),
        ("comparisons", format!("{}1", "a<".repeat(many)), codes::SYNTAX),
        ("closers", ")".repeat(many), codes::SYNTAX),
        ("mismatched", "([{".repeat(50) + &")".repeat(many), codes::SYNTAX),
    ];
    for (what, text, code) in long {
        let started = std::time::Instant::now();
        let errors = errors(text);
        assert_eq!(errors.first().map(|error| error.code), Some(*code), "{what}");
        assert!(errors.len() <= 50, "{what}");
        assert!(started.elapsed().as_secs() < 10, "{what} took {:?}", started.elapsed());
    }
}

#[test]
fn the_depth_limit_is_where_it_says() {
    let chain = |terms: u32| format!("{}1", "1+".repeat(terms as usize - 1));
    let module = parse(FileId(0), &chain(MAX_DEPTH)).unwrap();
    let Item::Statement(Statement { kind: StatementKind::Expr(e), .. }) = &module.items[0] else { panic!() };
    assert_eq!(e.depth, MAX_DEPTH);
    assert_eq!(dump(&module.clone()), dump(&module));
    assert_eq!(errors(&chain(MAX_DEPTH + 1))[0].code, codes::TOO_DEEP);
    assert!(parse(FileId(0), &format!("{}1{}", "(".repeat(256), ")".repeat(256))).is_ok());
    assert_eq!(errors(&format!("{}1{}", "(".repeat(257), ")".repeat(257)))[0].code, codes::TOO_DEEP);
}

#[test]
fn wide_programs_are_fine() {
    let text = format!("let x = [{}]\n{}", "1, ".repeat(200_000), "y = f(x)\n".repeat(50_000));
    assert_eq!(parse(FileId(0), &text).unwrap().items.len(), 50_001);
}

#[test]
fn bytes_that_are_not_text() {
    let errors = parse_bytes(FileId(0), b"let x = 1\nlet y = \"\xff\"").unwrap_err();
    assert_eq!((errors.len(), errors[0].code), (1, codes::NOT_UTF8));
    assert_eq!(errors[0].message, "the file is not UTF-8 text: byte 0xFF at offset 19, in line 2");
    assert!(parse_bytes(FileId(0), b"let x = 1").is_ok());
}

#[test]
fn completeness_for_a_prompt() {
    use Completeness::*;
    for (text, expected) in [
        ("", Complete),
        ("let x = 1", Complete),
        ("x;", Complete),
        ("let x =", Incomplete),
        ("f(a,", Incomplete),
        ("[1, 2", Incomplete),
        ("x +", Incomplete),
        ("fn f(x: f64) {", Incomplete),
        ("fn f(x: f64) {\n x\n", Incomplete),
        ("fn f(x: f64) -> f64", Incomplete),
        ("if a { 1 } else", Incomplete),
        ("fn f(x: f64) {\n x\n}", Complete),
        ("x)", Wrong),
        ("1 2", Wrong),
        ("\"abc", Wrong),
        ("a && b", Wrong),
    ] {
        assert_eq!(completeness(text), expected, "{text:?}");
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

#[test]
fn noise_never_panics() {
    let words: Vec<&str> = "fn let var for in while break continue return if else and or not true false import assert \
        input where list time O x y end f64 1 2.5 \"s\" + - * / // % @ ^ == != < <= = += -> : , . ? ( ) [ ] { } ; \n \n \
        .^ ** && ! ' ~= elif lambda def None é ++ $ #c\n 0: ) ] }"
        .split(' ')
        .collect();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for _ in 0..20_000 {
        let length = random.below(40);
        let text: String =
            (0..length).map(|_| [words[random.below(words.len())], " "][..1 + random.below(2)].concat()).collect();
        let first = parse(FileId(0), &text);
        assert!(first.is_ok() || !first.as_ref().unwrap_err().is_empty());
        for error in first.err().unwrap_or_default() {
            let range = error.labels[0].span.start as usize..error.labels[0].span.end as usize;
            assert!(text.get(range).is_some(), "{text:?} {error:?}");
        }
        completeness(&text);
        let bytes: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
        let _ = parse_bytes(FileId(0), &bytes);
        let ascii: String = (0..length).map(|_| (random.below(95) as u8 + 32) as char).collect();
        let _ = parse(FileId(0), &ascii);
    }
}

#[test]
fn mutilated_programs_never_panic() {
    let source = "input x: f64[n, d]\nfn f(x: f64[n, d]) -> f64[d]\n  where time O(n*d), independent(n) {\n  var a = zeros(d)\n  \
        for (i, r) in zip(0:n, x) { if a[i] < 1 { a += r[::2] } else if true { break } }\n  a.T\n}\nlet g = [grad(c[i], W)^2 for i in 0:n]\nprint(\"é\", g, k=(a, b) -> a)\n";
    let mut random = Random(42);
    for _ in 0..5_000 {
        let mut bytes = source.as_bytes().to_vec();
        for _ in 0..1 + random.below(4) {
            let (at, other) = (random.below(bytes.len()), random.below(bytes.len()));
            match random.below(3) {
                0 => drop(bytes.remove(at)),
                1 => bytes.swap(at, other),
                _ => bytes.insert(at, bytes[other]),
            }
        }
        let _ = parse_bytes(FileId(0), &bytes);
    }
}
