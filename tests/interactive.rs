//! Interactive sessions as the library offers them.
//!
//! In: inputs one after the other. Out: values, what is printed, errors.
//! Always holds: what a program gives as a whole it gives piece by piece; an input that fails changes nothing.
#![allow(clippy::unwrap_used, clippy::panic)]

mod harness;

use microtome::syntax::ast::Item;
use microtome::syntax::parse;
use microtome::syntax::span::{FileId, Span};
use microtome::{Answer, Error, Interactive, Outlet, RunOptions, Session, Stage};
use std::path::Path;
use std::time::Duration;

struct Talk {
    session: Interactive,
    printed: Vec<u8>,
    warnings: Vec<String>,
}

impl Talk {
    fn new() -> Talk {
        Talk { session: Interactive::new(&Session::new()), printed: Vec::new(), warnings: Vec::new() }
    }

    fn with<T>(&mut self, work: impl FnOnce(&mut Interactive, &mut Outlet<'_>) -> T) -> T {
        let warnings = &mut self.warnings;
        let mut warn = |warning: microtome::Warning| warnings.push(warning.render(false));
        work(&mut self.session, &mut Outlet { out: &mut self.printed, warn: &mut warn })
    }

    fn input(&mut self, text: &str) -> Result<Answer, Error> {
        self.with(|session, outlet| session.evaluate(text, outlet))
    }

    /// The value of an expression, as it is shown.
    fn value(&mut self, text: &str) -> String {
        let answer = self.input(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(answer.has_value, "{text} has no value");
        self.session.value("_").unwrap().render(false)
    }

    /// The code of the error that an input ends in.
    fn code(&mut self, text: &str) -> String {
        let error = self.input(text).expect_err(text);
        error.diagnostics().map(|diagnostic| diagnostic.code.0).collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn names_stay_from_input_to_input() {
    let mut talk = Talk::new();
    talk.input("let x = [1.0, 2.0, 3.0]\nvar s = 0").unwrap();
    talk.input("fn double(v: f64[n]) -> f64[n] = 2 * v").unwrap();
    assert_eq!(talk.value("sum(double(x))"), "12.0");
    assert_eq!(talk.value("_ + 1"), "13.0");
    talk.input("s += 0.5").unwrap();
    talk.input("for i in 0:3 { s += x[i] }").unwrap();
    assert_eq!(talk.value("s"), "6.5");
    assert_eq!(talk.value("x[x > 1.5]"), "[2. 3.]");
    talk.input("let k = find(x > 1.5)").unwrap();
    assert_eq!(talk.value("zeros(len(k))"), "[0. 0.]");
    talk.input("let shift = v -> v + x[0]").unwrap();
    talk.input("let x = [5.0]").unwrap();
    assert_eq!(talk.value("shift(1.0)"), "2.0");
    assert_eq!(talk.value("(x, (1, true))"), "[0]  [5.]\n[1]  [0]  1\n     [1]  true");
}

#[test]
fn values_are_shown_unless_a_semicolon_says_not_to() {
    let mut talk = Talk::new();
    let about = |answer: Answer| (answer.has_value, answer.shows);
    assert_eq!(about(talk.input("1 + 1").unwrap()), (true, true));
    assert_eq!(about(talk.input("1 + 2;").unwrap()), (true, false));
    assert_eq!(talk.session.value("_").unwrap().render(true), "3  i64");
    assert!(!talk.input("let a = 1").unwrap().has_value);
    assert!(!talk.input("print(a)").unwrap().has_value);
    assert!(!talk.input("if a == 1 { print(7) }").unwrap().has_value);
    assert!(talk.input("if a == 1 { 7 } else { 8 }").unwrap().has_value);
    assert!(!talk.input("# nothing").unwrap().has_value);
    assert_eq!(talk.session.value("_").unwrap().render(false), "7");
    assert_eq!(String::from_utf8_lossy(&talk.printed), "1\n7\n");
}

/// The pattern that the language is for, a statement an input, against the same as a program.
#[test]
fn gradients_go_through_earlier_inputs() {
    let statements = [
        "fn cost(x: f64[n, d], y: f64[n], w: f64[d], b: f64[d]) -> f64[n] = ((x @ w) + x @ (b^2) - y)^2",
        "let x = reshape(linspace(-1.0, 1.0, 12), 4, 3)",
        "let y = [1.0, 0.0, -1.0, 2.0]",
        // Equal values under two names: the gradient by one is not that by the other.
        "let w = ones(3)",
        "let b = ones(3)",
        "let z = cost(x, y, w, b)",
        "let n = len(z)",
        "let c = z * 2",
    ];
    let asked = [
        "mean(grad(c[i], w)^2 for i in 0:n)",
        "mean(grad(c[i], b)^2 for i in 0:n)",
        "[sum(grad(c[i], w)^2) for i in 0:n]",
        "grad(mean(c), w)",
        "grad(mean(c), z)",
    ];
    let program = statements.iter().map(ToString::to_string).chain(asked.iter().map(|e| format!("print({e})")));
    let mut whole = Vec::new();
    let source = program.collect::<Vec<_>>().join("\n");
    let module = Session::new().compile("whole", &source).unwrap();
    module.run(&RunOptions::default(), &mut whole, &mut |_| {}).unwrap();
    let mut talk = Talk::new();
    for statement in statements {
        talk.input(statement).unwrap();
    }
    let pieces: String = asked.iter().map(|expression| talk.value(expression) + "\n").collect();
    assert_eq!(pieces, String::from_utf8(whole).unwrap());
    assert_eq!(talk.warnings, [""; 0]);
    // A step of descent, after which the gradient is that at the new place.
    talk.input("let before = mean(c)").unwrap();
    for _ in 0..20 {
        talk.input("let w = w - 0.05 * grad(mean(cost(x, y, w, b)), w)").unwrap();
    }
    assert_eq!(talk.value("mean(cost(x, y, w, b)) < before / 2"), "true");
}

#[test]
fn an_input_that_fails_leaves_everything_as_it_was() {
    let mut talk = Talk::new();
    talk.input("let a = [1.0, 2.0]\nfn f(x: f64) = x + 1\nvar v = 1.0").unwrap();
    assert_eq!(talk.code("let a = [5.0]\nv = 9.0\nlet late = a[3]"), "E0501");
    assert_eq!(talk.code("let a = 3 +"), "E0101");
    assert_eq!(talk.code("v = 3.0\nprint(nothing)"), "E0201");
    assert_eq!(talk.code("fn f(x: f64) = x * unknown"), "E0201");
    assert_eq!(talk.code("fn g(x: f64) = f(x)\nassert false"), "E0503");
    assert_eq!(talk.code("input q: f64"), "E0603");
    assert_eq!(talk.value("(a, v, f(1.0))"), "[0]  [1. 2.]\n[1]  1.0\n[2]  2.0");
    assert_eq!(talk.code("late"), "E0201");
    assert_eq!(talk.code("g(1.0)"), "E0201");
    // What was printed before the error stays printed.
    assert_eq!(talk.code("print(1)\nassert sum(a) < 0.0"), "E0503");
    assert_eq!(String::from_utf8_lossy(&talk.printed), "1\n");
}

#[test]
fn a_function_may_be_defined_anew() {
    let mut talk = Talk::new();
    talk.input("fn f(x: f64) = x + 1").unwrap();
    talk.input("fn g(x: f64) = 10 * f(x)").unwrap();
    assert_eq!(talk.value("g(1.0)"), "20.0");
    talk.input("fn f(x: f64) = x + 2").unwrap();
    assert_eq!(talk.value("g(1.0)"), "30.0");
    assert_eq!(talk.code("fn h(x: f64) = x\nfn h(x: f64) = x"), "E0202");
    let heads: Vec<String> = talk.session.functions().map(|(_, head)| head).collect();
    assert_eq!(heads, ["fn f(x: f64)", "fn g(x: f64)"]);
}

#[test]
fn questions_change_nothing() {
    let mut talk = Talk::new();
    talk.input("let x = [1.0, 2.0, 3.0]\nlet y = sin(x)\nfn f(a: f64[n]) -> f64[n] = a * 2").unwrap();
    let mut ask = |text: &str| talk.with(|session, outlet| session.type_of(text, outlet)).unwrap();
    assert_eq!(ask("x * 2"), "f64[3]");
    assert_eq!(ask("x[x > 1.5]"), "f64[2]");
    assert_eq!(ask("(1, x)"), "(i64, f64[3])");
    assert_eq!(ask("f"), "fn f(a: f64[n]) -> f64[n]");
    let stage = Stage::from_name("graph").unwrap();
    // The value is known already, and is shown to be computed nevertheless.
    let text = talk.with(|session, outlet| session.emit(&stage, "sin(x)", outlet)).unwrap();
    assert!(text.contains("sin"), "{text}");
    let text = talk.with(|session, outlet| session.emit(&stage, "f", outlet)).unwrap();
    assert!(text.contains("[n]"), "{text}");
    let measured = talk.with(|session, outlet| session.measure("sum(sin(x))", Duration::from_millis(20), outlet));
    assert!(measured.unwrap().runs.len() > 1);
    for wrong in ["let q = 1", "print(x)", "1\n2", "", "missing", "x[7]"] {
        let measured = talk.with(|session, outlet| session.measure(wrong, Duration::ZERO, outlet));
        assert!(measured.is_err(), "{wrong:?}");
    }
    assert_eq!(talk.session.names().collect::<Vec<_>>(), ["x", "y"]);
    assert_eq!(talk.value("y - sin(x)"), "[0. 0. 0.]");
}

#[test]
fn what_was_done_can_be_kept_as_a_program() {
    let mut talk = Talk::new();
    for text in ["fn f(x: f64) = x", "let a = 2.0", "fn f(x: f64) = x + 1", "f(a)", "_ * 10", "print(a)", "a;", "a +"] {
        let _ = talk.input(text);
    }
    let program = talk.session.program();
    let mut printed = Vec::new();
    let module = Session::new().compile("kept", &program).unwrap_or_else(|error| panic!("{program}\n{error}"));
    module.run(&RunOptions::default(), &mut printed, &mut |_| {}).unwrap();
    assert_eq!(String::from_utf8_lossy(&printed), "3.0\n30.0\n2.0\n", "{program}");
}

#[test]
fn a_file_is_an_input_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("inner.tome"), "fn inner(x: f64) = x * 3").unwrap();
    std::fs::write(path("outer.tome"), "import \"inner.tome\"\nlet three = inner(1.0)\nprint(three)").unwrap();
    let mut talk = Talk::new();
    talk.with(|session, outlet| session.load(&path("outer.tome"), outlet)).unwrap();
    assert_eq!(talk.value("inner(three)"), "9.0");
    // A changed file is read again.
    std::fs::write(path("inner.tome"), "fn inner(x: f64) = x * 4").unwrap();
    talk.with(|session, outlet| session.load(&path("outer.tome"), outlet)).unwrap();
    assert_eq!(talk.value("three"), "4.0");
    assert!(talk.with(|session, outlet| session.load(Path::new("nowhere.tome"), outlet)).is_err());
}

#[test]
fn an_interrupt_stops_the_input_and_not_the_session() {
    for interpret in [false, true] {
        let mut talk = Talk::new();
        talk.session.set_interprets(interpret);
        talk.input("let a = 1.0\nvar s = 0.0").unwrap();
        for text in [
            "sum(sin(f64(i)) for i in 0:100000000000)",
            "while s >= 0.0 { s += 1.0 }",
            "[sum(f64(i * j) for j in 0:1000000000) for i in 0:1000]",
            "for i in 0:1000000000 { if i < 0 { print(i) } }",
            "for i in 0:1000000000 { s = s * 0.5 + 1.0 }",
        ] {
            let control = talk.session.control();
            control.clear();
            let stopper = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(100));
                control.interrupt();
            });
            assert_eq!(talk.code(text), "E0505", "{text}");
            stopper.join().unwrap();
            talk.session.control().clear();
            assert_eq!(talk.value("(a, s)"), "[0]  1.0\n[1]  0.0");
            assert_eq!(talk.session.control().progress(), None);
        }
    }
}

#[test]
fn an_examples_index_passes_through_the_names_of_earlier_inputs() {
    let mut talk = Talk::new();
    talk.input("let x = random.normal(1, 50, 3)\nlet w = [0.5, -1.0, 2.0]").unwrap();
    talk.input("let z = x @ w").unwrap();
    talk.input("let c = z^2").unwrap();
    let stage = Stage::from_name("differentiated").unwrap();
    let text = talk.with(|session, outlet| session.emit(&stage, "[grad(c[i], w) for i in 0:50]", outlet)).unwrap();
    assert!(!text.contains("scatter_add"), "every example goes through the whole batch:\n{text}");
}

#[test]
fn results_are_the_same_in_the_interpreter_and_on_any_number_of_threads() {
    let mut shown: Vec<String> = Vec::new();
    for (threads, interpret) in [(1, false), (2, false), (1, true)] {
        let mut talk = Talk::new();
        talk.session.set_threads(threads);
        talk.session.set_interprets(interpret);
        talk.input("let x = random.normal(1, 50, 3)\nlet w = [0.5, -1.0, 2.0]").unwrap();
        talk.input("let c = (x @ w)^2").unwrap();
        shown.push(talk.value("round(sum(grad(c[i], w)^2 for i in 0:50), 6)"));
    }
    assert!(shown.iter().all(|text| *text == shown[0]), "{shown:?}");
}

/// The programs of `tests/programs`: functions as one input, then each statement as one.
#[test]
fn programs_give_the_same_piece_by_piece() {
    let mut problems = Vec::new();
    let mut count = 0;
    for path in harness::files(&harness::folder("programs"), "tome") {
        for case in harness::cases(&std::fs::read_to_string(&path).unwrap()) {
            let is_plain = case.errors.is_empty() && case.inputs.is_empty() && case.known_wrong.is_none();
            if !is_plain || ["clock(", "import ", "input "].iter().any(|word| case.source.contains(word)) {
                continue;
            }
            let mut whole = Vec::new();
            let module = Session::new().compile("whole", &case.source).unwrap();
            if module.run(&RunOptions::default(), &mut whole, &mut |_| {}).is_err() {
                continue;
            }
            count += 1;
            let whole = String::from_utf8(whole).unwrap();
            match piece_by_piece(&case.source) {
                Ok(pieces) if harness::same_output(&pieces, &whole) => {}
                Ok(pieces) => problems.push(format!("{}\nprints as a whole\n{whole}in pieces\n{pieces}", case.source)),
                Err(error) => problems.push(format!("{}\n{error}", case.source)),
            }
        }
    }
    assert!(problems.is_empty(), "{} of {count} differ:\n{}", problems.len(), problems.join("\n\n"));
    assert!(count > 100, "only {count} programs were run");
}

fn piece_by_piece(source: &str) -> Result<String, Error> {
    let items = parse(FileId::default(), source).unwrap().items;
    let text = |span: Span| source[span.start as usize..span.end as usize].to_string();
    let functions = items.iter().filter_map(|item| match item {
        Item::Function(function) => Some(text(function.span)),
        _ => None,
    });
    let mut talk = Talk::new();
    talk.input(&functions.collect::<Vec<_>>().join("\n"))?;
    for item in &items {
        if let Item::Statement(statement) = item {
            talk.input(&text(statement.span))?;
        }
    }
    Ok(String::from_utf8(talk.printed).unwrap())
}
