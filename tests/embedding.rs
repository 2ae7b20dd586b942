//! The library as a program in Rust embeds it: typed handles, given buffers, interrupts, programs of several texts, and
//! modules that a build script writes.
//!
//! In: source text and ndarray views. Out: arrays and errors. `MICROTOME_UPDATE=1` writes tests/golden/kernels.rs anew.
//! Always holds: what does not fit is an error that names both sides, and nothing is read or written past its end.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

#[allow(dead_code)]
#[path = "../examples/embed.rs"]
mod example;
mod harness;

use half::f16;
use harness::compare_with_file;
use microtome::runtime::symbols;
use microtome::{Array, ArrayView, ArrayViewMut, Control, Error, Kernel, Session, TypedKernel, embed};
use ndarray::{Array0, Array1, Array2, Array3, ArrayD, array, s};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

fn kernel(source: &str, name: &str) -> Kernel {
    Session::with_threads(2).compile("test.tome", source).unwrap().kernel(name).unwrap()
}

const ROWS: &str = "fn rows(x: f64[n, d], w: f64[d], c: f64) -> f64[n] = [sum(x[i] * w) + c for i in 0:n]";

#[test]
fn a_typed_handle_takes_views_of_any_strides() {
    let rows = kernel(ROWS, "rows").typed::<fn(Array2<f64>, Array1<f64>, f64) -> Array1<f64>>().unwrap();
    let wide = Array2::from_shape_fn((6, 8), |(i, j)| (i * 8 + j) as f64);
    let w = array![1.0, 0.0, 2.0, -1.0];
    let columns = w.broadcast((6, 4)).unwrap();
    for view in [wide.slice(s![.., ..4]), wide.slice(s![..;-1, 4..;-1]), wide.slice(s![..;2, 1..;2]), columns] {
        assert_eq!(rows.call((view, w.view(), 1.0)).unwrap(), view.dot(&w) + 1.0);
    }
    let square = wide.slice(s![..4, ..4]);
    assert_eq!(rows.call((square.t(), w.view(), 0.0)).unwrap(), square.t().dot(&w));
}

#[test]
fn arguments_are_tuples_of_whatever_borrows_arrays() {
    let rows = kernel(ROWS, "rows");
    let (x, w) = (Array2::<f64>::ones((2, 3)), array![1.0, 2.0, 3.0]);
    let expected = [Array::from(array![6.5, 6.5])];
    assert_eq!(rows.call((x.view(), w.view(), 0.5)).unwrap(), expected);
    assert_eq!(rows.call((&x, &w, &0.5)).unwrap(), expected);
    assert_eq!(rows.call((Array::from(x.clone()), &w, Array0::from_elem((), 0.5))).unwrap(), expected);
    assert_eq!(rows.call(vec![ArrayView::from(&x), ArrayView::from(&w), Array::from(0.5).view()]).unwrap(), expected);
    // A tuple of the language is a tuple; taken apart it is the same.
    let source = "fn weighted(p: (f64[n], f64), q: bool) -> f64 { let (v, k) = p; if q { sum(v) * k } else { 0.0 } }";
    let weighted = kernel(source, "weighted");
    assert_eq!(weighted.call(((&w, 2.0), true)).unwrap(), [Array::from(12.0)]);
    assert_eq!(weighted.call((&w, 2.0, true)).unwrap(), [Array::from(12.0)]);
    let typed = weighted.typed::<fn((Array1<f64>, f64), bool) -> f64>().unwrap();
    assert_eq!(typed.call(((w.view(), 2.0), true)).unwrap(), 12.0);
}

#[test]
fn results_are_tuples_scalars_and_arrays_of_any_rank() {
    let source = "fn both(x: f16[n]) { (sum(x), (x[0:2] * 2, len(x)), x > 1) }";
    type Both = fn(Array1<f16>) -> (f16, (ArrayD<f16>, i64), Array1<bool>);
    let both: TypedKernel<Both> = kernel(source, "both").typed().unwrap();
    let x = array![1.0, 2.0, 4.0].mapv(f16::from_f64);
    let (sum, (doubled, count), large) = both.call(x.view()).unwrap();
    assert_eq!((sum.to_f64(), count), (7.0, 3));
    assert_eq!(doubled, array![2.0, 4.0].mapv(f16::from_f64).into_dyn());
    assert_eq!(large, array![false, true, true]);
    let anything = kernel(source, "both").typed::<fn(ArrayD<f16>) -> Vec<Array>>().unwrap();
    assert_eq!(anything.call(x.view().into_dyn()).unwrap().len(), 4);
    let nothing = kernel("fn three() = 3", "three").typed::<fn() -> i64>().unwrap();
    assert_eq!(nothing.call(()).unwrap(), 3);
}

#[test]
fn types_that_do_not_fit_are_told_when_the_handle_is_made() {
    fn fails<T>(result: Result<T, Error>, wanted: &[&str]) {
        let text = result.err().expect("types that do not fit").to_string();
        wanted.iter().for_each(|word| assert!(text.contains(word), "{text}"));
    }
    let rows = kernel(ROWS, "rows");
    let ask = "the types in Rust ask for fn(f32[_, _], f64[_], f64) -> f64[_]";
    let wanted = [
        "E0301",
        "`x` of `rows` is f64[n, d], not f32[_, _]",
        ask,
        "it is `fn rows(x: f64[n, d], w: f64[d], c: f64) -> f64[n]`",
    ];
    fails(rows.typed::<fn(Array2<f32>, Array1<f64>, f64) -> Array1<f64>>(), &wanted);
    fails(rows.typed::<fn(Array3<f64>, Array1<f64>, f64) -> Array1<f64>>(), &["E0301", "not f64[_, _, _]"]);
    fails(rows.typed::<fn(Array2<f64>, Array1<f64>) -> Array1<f64>>(), &["E0302", "has 3 parameters, not 2"]);
    fails(rows.typed::<fn(Array2<f64>, Array1<f64>, f64) -> f64>(), &["E0301", "result of `rows` is f64[n], not f64"]);
    fails(rows.typed::<fn(Array2<f64>, Array1<f64>, f64)>(), &["E0301", "not ()"]);
    fails(rows.typed::<fn(Array2<f64>, Array1<f64>, (f64, f64)) -> Array1<f64>>(), &["`c`", "not (f64, f64)"]);
}

#[test]
fn results_are_written_into_given_buffers() {
    let rows = kernel(ROWS, "rows").typed::<fn(Array2<f64>, Array1<f64>, f64) -> Array1<f64>>().unwrap();
    let (x, w) = (Array2::<f64>::ones((3, 2)), array![1.0, 2.0]);
    let mut table = Array2::<f64>::zeros((3, 3));
    rows.call_into((x.view(), w.view(), 0.0), table.row_mut(1)).unwrap();
    rows.call_into((x.view(), w.view(), 7.0), table.column_mut(2)).unwrap();
    rows.call_into((x.view(), w.view(), -3.0), table.slice_mut(s![..;-1, 0])).unwrap();
    assert_eq!(table, array![[0.0, 0.0, 10.0], [0.0, 3.0, 10.0], [0.0, 0.0, 10.0]]);
    let source = "fn two(x: f64[n]) = (x * 2, sum(x), x[x > 1])";
    let two = kernel(source, "two");
    let x = array![1.0, 2.0, 3.0];
    let (mut doubled, mut sum, mut large) = (Array1::<f64>::zeros(3), 0.0, Array1::<f64>::zeros(2));
    two.call_into(&x, (&mut doubled, &mut sum, &mut large)).unwrap();
    assert_eq!((doubled, sum, large), (array![2.0, 4.0, 6.0], 6.0, array![2.0, 3.0]));
}

#[test]
fn buffers_that_do_not_fit_are_errors() {
    let two = kernel("fn two(x: f64[n]) = (x * 2, x[x > 1])", "two");
    let x = array![1.0, 2.0, 3.0];
    let fails = |targets: &mut [ArrayViewMut<'_>], wanted: &str| {
        let text = two.call_into(&x, targets).unwrap_err().to_string();
        assert!(text.contains(wanted), "{text}");
    };
    let (mut good, mut short, mut single) = (Array1::<f64>::zeros(3), Array1::<f64>::zeros(2), Array1::<f32>::zeros(3));
    let mut flat = Array2::<f64>::zeros((1, 3));
    let mut large = Array1::<f64>::zeros(2);
    fails(&mut [good.view_mut().into()], "gives 2 arrays, there are 1 to write to");
    fails(
        &mut [single.view_mut().into(), large.view_mut().into()],
        "result 0 of `two` is f64[n], the array to write to is f32",
    );
    fails(&mut [flat.view_mut().into(), large.view_mut().into()], "has 2 axes");
    fails(
        &mut [short.view_mut().into(), large.view_mut().into()],
        "has the shape [3], the array to write to has the shape [2]",
    );
    let mut other = Array1::<f64>::zeros(3);
    fails(&mut [good.view_mut().into(), other.view_mut().into()], "result 1 of `two` has the shape [2]");
    two.call_into(&x, (&mut good, &mut large)).unwrap();
    assert_eq!((good, large), (array![2.0, 4.0, 6.0], array![2.0, 3.0]));
}

/// Counts to so many that it takes minutes.
const LONG: &str = "
fn long(n: i64) -> f64 {
    var s = 0.0
    for i in 0:n { s = sqrt(s + f64(i)) }
    s
}";

#[test]
fn one_handle_is_stopped_and_the_others_run_on() {
    let long = kernel(LONG, "long");
    let control = Arc::new(Control::default());
    let mine = long.under(control.clone());
    let worker = std::thread::spawn(move || mine.call(1_000_000_000_000i64).unwrap_err().to_string());
    std::thread::sleep(Duration::from_millis(50));
    assert!(!long.control().is_interrupted());
    long.call(1000i64).unwrap();
    control.interrupt();
    let text = worker.join().unwrap();
    assert!(text.contains("E0505"), "{text}");
    // The request stays until it is taken back.
    let mine = long.under(control.clone());
    assert!(mine.call(1_000_000_000_000i64).is_err());
    control.clear();
    mine.call(1000i64).unwrap();
}

#[test]
fn a_limit_on_memory_is_kept() {
    let source =
        "fn table(x: f64[n]) -> f64[n, n] = [x[i] * x[j] for i in 0:n, j in 0:n]\nfn some(x: f64[n]) = x[x > 0]";
    let control = Arc::new(Control::default());
    control.limit_memory(Some(1 << 20));
    assert_eq!(control.memory_limit(), Some(1 << 20));
    for name in ["table", "some"] {
        let kernel = kernel(source, name).under(control.clone());
        let n = if name == "table" { 1000 } else { 1_000_000 };
        let text = kernel.call(Array1::<f64>::ones(n)).unwrap_err().to_string();
        assert!(text.contains("E0504") && text.contains("1.0 MiB are allowed"), "{text}");
        kernel.call(Array1::<f64>::ones(100)).unwrap();
    }
    control.limit_memory(None);
    kernel(source, "table").under(control).call(Array1::<f64>::ones(1000)).unwrap();
}

#[test]
fn a_view_that_is_larger_than_memory_is_refused() {
    let sum = kernel("fn total(x: f64[n]) = sum(x)", "total");
    let one = array![1.0];
    let many = one.broadcast(1usize << 44).unwrap();
    for result in [sum.call(many), sum.interpret(many)] {
        let text = result.unwrap_err().to_string();
        assert!(text.contains("E0504") && text.contains("128.0 TiB are needed"), "{text}");
    }
    assert_eq!(sum.call(one.broadcast(1000).unwrap()).unwrap(), [Array::from(1000.0)]);
}

#[test]
fn the_example_runs() {
    example::main().unwrap();
}

#[test]
fn handles_go_to_other_threads() {
    fn shared<T: Send + Sync + Clone + 'static>() {}
    shared::<Session>();
    shared::<Kernel>();
    shared::<TypedKernel<fn(Array2<f64>, f64) -> (Array1<f64>, i64)>>();
    shared::<Error>();
    shared::<Arc<Control>>();
}

/// Kilobytes of memory from which code runs that is in no file.
#[cfg(target_os = "linux")]
fn executable() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let extent = |line: &str| {
        let (from, to) = line.split_whitespace().next()?.split_once('-')?;
        Some((usize::from_str_radix(to, 16).ok()? - usize::from_str_radix(from, 16).ok()?) / 1024)
    };
    maps.lines().filter(|line| line.contains("r-xp") && !line.contains('/')).filter_map(extent).sum()
}

#[cfg(target_os = "linux")]
#[test]
fn code_is_freed_with_the_last_handle() {
    let before = executable();
    let x = array![1.0];
    let make = |k: usize| {
        let kernel = kernel(&format!("fn f(x: f64[n]) = x + {k}.0"), "f");
        kernel.call(&x).unwrap();
        kernel
    };
    let kernels: Vec<Kernel> = (0..100).map(make).collect();
    let clones = kernels.clone();
    drop(kernels);
    let held = executable();
    assert!(held >= 400, "{before} {held}");
    assert_eq!(clones[99].call(&x).unwrap(), [Array::from(array![100.0])]);
    drop(clones);
    microtome::free_unused_code();
    // Other tests of this file run at the same time and hold a few kernels of their own.
    assert!(executable() < before + 200, "{before} {held} {}", executable());
}

#[test]
fn a_program_of_several_texts_reads_no_file() {
    let texts = [
        ("far/main.tome", "import \"../lib/a.tome\"\nimport \"lib/./a.tome\"\nfn f(x: f64) = one(x)"),
        ("far/lib/a.tome", "import \"b.tome\"\nfn two(x: f64) = three(x)"),
        ("lib/a.tome", "fn one(x: f64) = two(x) + 1"),
        ("far/lib/b.tome", "fn three(x: f64) = x + 3"),
    ];
    let module = Session::new().compile_bundle(&texts).unwrap();
    let kernel = module.kernel("f").unwrap();
    assert_eq!(kernel.call(1.0).unwrap(), [Array::from(5.0)]);
    assert_eq!(module.own_functions().collect::<Vec<_>>(), ["f"]);
    // What a kernel says of itself is enough to make it again.
    let again: Vec<(&str, &str)> = kernel.texts().collect();
    let other = Session::new().compile_bundle(&again).unwrap().kernel("f").unwrap();
    assert_eq!(other.call(1.0).unwrap(), [Array::from(5.0)]);
    let text = Session::new().compile_bundle(&texts[..1]).err().unwrap().to_string();
    assert!(text.contains("E0601") && text.contains("cannot import"), "{text}");
    assert!(Session::new().compile_bundle(&[]).is_err());
}

#[test]
fn a_kernel_says_what_it_is() {
    let module = Session::new().compile_file(&program()).unwrap();
    let rows = module.kernel("rows").unwrap();
    assert_eq!(rows.signature().to_string(), "fn rows(x: f64[n, d], w: f64[d], c: f64) -> f64[n]");
    assert_eq!(rows.documentation(), "The weighted sum of each row, and a constant.\nWeights [d] are shared.");
    assert!(!module.is_kernel("twice") && module.is_kernel("width"));
    let found = kernel("fn some(x: f64[n], k: (f64, i64[?])) { let (a, b) = k; (x[x > a], x) }", "some");
    assert_eq!(found.signature().to_string(), "fn some(x: f64[n], k: (f64, i64[?])) -> (f64[?], f64[n])");
}

/// The program of a crate that tests/embedded.rs builds.
fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/embedded/app/src/kernels.tome")
}

#[test]
fn the_module_for_a_build_script_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let embedded = embed::Program::new(program()).build().unwrap();
    // Neither the path of this machine nor the identity of the library is part of what is compared.
    let text = embedded.text.replace(&format!("{}/", root.display()), "");
    let text = text.replace(&embedded.name, "LIBRARY").replace(symbols::PREFIX, "IDENTITY");
    let expected = root.join("tests/golden/kernels.rs");
    compare_with_file(&expected, &text).unwrap_or_else(|difference| panic!("{difference}"));
    assert_eq!(embedded.files.len(), 2);
    assert!(embedded.left_out[0].contains("`twice`"), "{:?}", embedded.left_out);
    // The same program makes the same library.
    assert_eq!(embedded.library, embed::Program::new(program()).build().unwrap().library);
}

/// Runs this file's test of that name as a build script would run.
fn build_script(program: &Path, folder: &Path) -> (bool, String) {
    let mut script = std::process::Command::new(std::env::current_exe().unwrap());
    script.args(["--exact", "what_a_build_script_tells_cargo", "--nocapture"]);
    let output = script.env("MICROTOME_TEST_PROGRAM", program).env("OUT_DIR", folder).output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn what_a_build_script_tells_cargo() {
    if let Some(program) = std::env::var_os("MICROTOME_TEST_PROGRAM") {
        return embed::compile(Path::new(&program));
    }
    let folder = tempfile::tempdir().unwrap();
    let (done, told) = build_script(&program(), folder.path());
    assert!(done, "{told}");
    for line in [
        "cargo::rerun-if-changed=",
        "kernels.tome",
        "shapes.tome",
        "cargo::warning=",
        "`twice` takes lists",
        "cargo::rustc-link-search=native=",
    ] {
        assert!(told.contains(line), "{told}");
    }
    assert!(std::fs::read_to_string(folder.path().join("kernels.rs")).unwrap().contains("pub fn rows("));
    let bad = folder.path().join("bad.tome");
    std::fs::write(&bad, "fn f(x: f64[n]) = x + y\n").unwrap();
    let (done, told) = build_script(&bad, folder.path());
    assert!(!done && told.contains("cargo::error=[E0201] Error: there is no `y` here"), "{told}");
    assert!(!folder.path().join("bad.rs").exists());
}

#[test]
fn an_erroneous_program_makes_no_module() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.tome");
    std::fs::write(&path, "fn f(x: f64[n]) = x + y\n").unwrap();
    let text = embed::Program::new(&path).build().unwrap_err().render(false);
    assert!(text.contains("E0201") && text.contains("bad.tome:1"), "{text}");
    assert!(embed::Program::new(folder.path().join("none.tome")).build().unwrap_err().to_string().contains("E0601"));
}
