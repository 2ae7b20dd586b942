//! Kernels in programs of other languages: built, compiled, linked, run, and compared with the interpreter.
//!
//! In: `tests/native`, `examples/native`, and the C and C++ compilers of the system. Out: whether all say the same.
//! Always holds: what needs a compiler, or NumPy, is left out with a word about it where there is none.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use microtome::{Array, ArrayView, Session};
use ndarray::{Array1, Array2};
use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

const FUNCTIONS: [&str; 9] =
    ["second_moment", "products", "summary", "picked", "positive", "quotient", "chosen", "collatz", "double"];

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/native")
}

/// `microtome build` in a folder; the program is one of `tests/native`.
fn build(folder: &TempDir, program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_microtome"));
    command.arg("build").arg(sources().join(program)).args(arguments).current_dir(folder.path());
    command.env_remove("MICROTOME_RUNTIME").env_remove("CC").env("NO_COLOR", "1");
    command.output().unwrap()
}

/// The same, with the functions of `kernels.tome`; it has to succeed. Gives what is printed.
fn build_kernels(folder: &TempDir, output: &str, more: &[&str]) -> String {
    let functions = FUNCTIONS.iter().flat_map(|name| ["--fn", name]);
    let arguments: Vec<&str> = functions.chain(["-o", output]).chain(more.iter().copied()).collect();
    let built = build(folder, "kernels.tome", &arguments);
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    String::from_utf8(built.stdout).unwrap()
}

/// Whether a program starts; a word about it if it does not.
fn there_is(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !there {
        println!("skipped: there is no `{program}`");
    }
    there
}

/// Compiles a program of `tests/native`, and links it.
fn compile(folder: &TempDir, compiler: &str, program: &str, link: &[&str]) -> PathBuf {
    let out = folder.path().join("program");
    let mut command = Command::new(compiler);
    command.args(["-Wall", "-Wextra", "-Werror", "-I", "."]).arg("-I").arg(sources()).arg(sources().join(program));
    command.args(link).args(["-lpthread", "-ldl", "-lm", "-o"]).arg(&out).current_dir(folder.path());
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    out
}

/// What a program prints; it has to end well.
fn run(program: &Path) -> String {
    let done = Command::new(program).output().unwrap();
    assert!(done.status.success(), "{:?}: {}", done.status, String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// The number that `values.h` calls by the same name.
fn value(i: usize) -> f64 {
    (i * 7 % 11) as f64 / 4.0 - 1.25
}

fn values(count: usize, from: usize) -> Array1<f64> {
    (from..from + count).map(value).collect()
}

fn matrix(rows: usize, columns: usize, from: usize) -> Array2<f64> {
    values(rows * columns, from).into_shape_with_order((rows, columns)).unwrap()
}

/// What `results.c` has to print, line by line: a name, and numbers.
fn expected() -> Vec<(&'static str, Vec<f64>)> {
    let module = Session::with_threads(1).compile_file(&sources().join("kernels.tome")).unwrap();
    let mut all = Vec::new();
    let mut interpret = |name: &'static str, arguments: &[Array]| {
        let views: Vec<ArrayView<'_>> = arguments.iter().map(Array::view).collect();
        let results = module.kernel(name).unwrap().interpret(views.as_slice()).unwrap();
        all.extend(results.iter().map(|result| (name, result.to_f64_vec())));
    };
    interpret("second_moment", &[matrix(40, 6, 0).into(), values(40, 5).into(), values(6, 2).into()]);
    let single = |m: Array2<f64>| Array::from(m.mapv(|v| v as f32));
    interpret("products", &[single(matrix(33, 20, 0)), single(matrix(20, 9, 3))]);
    interpret("summary", &[values(40, 0).into(), 0.5.into()]);
    interpret("positive", &[values(40, 0).into()]);
    interpret("quotient", &[17i64.into(), (-5i64).into()]);
    interpret("collatz", &[27i64.into()]);
    let halves = Array1::from_vec([1.0, 2.0, -0.5, 65504.0].map(half::f16::from_f64).to_vec());
    interpret("chosen", &[Array1::from_vec(vec![true, false, false, true]).into(), halves.into(), true.into()]);
    interpret("double", &[values(40, 0).into()]);
    // The C program prints the bits of halves.
    let bits = all.iter_mut().filter(|(name, _)| *name == "chosen").nth(1).unwrap();
    bits.1.iter_mut().for_each(|v| *v = f64::from(half::f16::from_f64(*v).to_bits()));
    all
}

fn assert_results(printed: &str, how: &str) {
    let expected = expected();
    assert_eq!(printed.lines().count(), expected.len(), "{how} prints\n{printed}");
    for (line, (name, numbers)) in printed.lines().zip(&expected) {
        let mut words = line.split(' ');
        assert_eq!(words.next(), Some(*name), "{how}");
        let found: Vec<f64> = words.map(|word| word.parse().unwrap()).collect();
        assert_eq!(found.len(), numbers.len(), "{how}: {line}");
        for (found, expected) in found.iter().zip(numbers) {
            let bound = if *name == "products" { 1e-5 } else { 1e-14 } * expected.abs().max(1.0);
            assert!((found - expected).abs() <= bound, "{how}, {name}: {found}, expected {expected}");
        }
    }
}

#[test]
fn results_are_those_of_the_interpreter() {
    if !there_is("cc") {
        return;
    }
    let folder = TempDir::new().unwrap();
    build_kernels(&folder, "libkernels.a", &[]);
    assert_results(&run(&compile(&folder, "cc", "results.c", &["-std=c99", "libkernels.a"])), "a static library");
    build_kernels(&folder, "libkernels.so", &[]);
    let shared = ["-std=c99", "libkernels.so", "-Wl,-rpath,$ORIGIN"];
    assert_results(&run(&compile(&folder, "cc", "results.c", &shared)), "a shared library");
    let told = build_kernels(&folder, "kernels.o", &["--cpu", "native", "--size", "n=40", "--size", "d=6"]);
    let runtime = told.split_whitespace().find(|word| word.ends_with(".a")).expect("where the run-time library is");
    let object = ["-std=c99", "kernels.o", runtime];
    assert_results(&run(&compile(&folder, "cc", "results.c", &object)), "an object file for this processor");
}

#[test]
fn whatever_is_wrong_is_a_status_and_a_text() {
    if !there_is("cc") {
        return;
    }
    let folder = TempDir::new().unwrap();
    build_kernels(&folder, "libkernels.a", &[]);
    run(&compile(&folder, "cc", "bad_input.c", &["-std=c99", "libkernels.a"]));
}

#[test]
fn kernels_of_two_programs_are_parts_of_one() {
    if !there_is("c++") {
        return;
    }
    let folder = TempDir::new().unwrap();
    build_kernels(&folder, "libkernels.a", &[]);
    for (output, link) in [("others.o", "others.o"), ("libothers.a", "libothers.a"), ("libothers.so", "./libothers.so")]
    {
        assert!(build(&folder, "others.tome", &["--fn", "double", "-o", output]).status.success());
        let program = compile(&folder, "c++", "two.cpp", &["-std=c++11", link, "libkernels.a", "-Wl,-rpath,$ORIGIN"]);
        assert_eq!(run(&program), "others 6\nkernels -2.5 1 -1 2.5 0.5\n", "{output}");
    }
}

#[test]
fn object_files_for_other_targets_have_their_form() {
    let folder = TempDir::new().unwrap();
    let targets = [
        ("x86_64-unknown-linux-gnu", object::Architecture::X86_64, object::BinaryFormat::Elf),
        ("aarch64-unknown-linux-gnu", object::Architecture::Aarch64, object::BinaryFormat::Elf),
        ("aarch64-apple-darwin", object::Architecture::Aarch64, object::BinaryFormat::MachO),
    ];
    for (target, architecture, format) in targets {
        build_kernels(&folder, "kernels.o", &["--target", target]);
        let bytes = std::fs::read(folder.path().join("kernels.o")).unwrap();
        let file = object::File::parse(bytes.as_slice()).unwrap();
        assert_eq!((file.architecture(), file.format()), (architecture, format));
        let plain =
            |name: &str| if format == object::BinaryFormat::MachO { name[1..].to_owned() } else { name.to_owned() };
        let mut seen: Vec<String> = Vec::new();
        for symbol in file.symbols().filter(|symbol| !symbol.name().unwrap().is_empty()) {
            let name = symbol.name().unwrap();
            if symbol.is_undefined() {
                assert!(plain(name).starts_with("mt_0_"), "{target}: {name}");
            } else if symbol.is_global() {
                seen.push(plain(name));
            }
        }
        seen.sort();
        let mut wanted: Vec<String> =
            ["free", "interrupt", "threads"].iter().map(|name| format!("kernels_{name}")).collect();
        wanted.extend(FUNCTIONS.iter().flat_map(|name| [format!("kernels_{name}"), format!("kernels_{name}_sizes")]));
        wanted.sort();
        assert_eq!(seen, wanted, "{target}");
        assert!(file.section_by_name(".data").or(file.section_by_name("__data")).unwrap().size() > 0);
        // Code leads to symbols and to its own sections, never to an address that was one when it was compiled.
        for section in file.sections() {
            for (_, relocation) in section.relocations() {
                assert!(!matches!(relocation.target(), RelocationTarget::Absolute), "{target}");
            }
        }
    }
}

#[test]
fn what_cannot_be_built_says_why_and_leaves_nothing() {
    let cases: [(&[&str], &str, &str); 9] = [
        (&["--fn", "double", "-o", "kernels.exe"], "E0604", "let the name end in .o, .a or .so"),
        (&["--fn", "double", "-o", "k.o", "--prefix", "2x"], "E0604", "no beginning of a name in C"),
        (&["--fn", "double", "-o", "k.o", "--target", "pdp11-dec-unix"], "E0604", "there is no code for the target"),
        (&["--fn", "double", "-o", "k.o", "--target", "x86_64-pc-windows-msvc"], "E0604", "Windows"),
        (&["--fn", "double", "-o", "k.a", "--python"], "E0604", "loads a shared library"),
        (&["--fn", "triple", "-o", "k.o"], "E0201", "triple"),
        (&["--fn", "double", "-o", "k.so", "--linker", "no-such-linker"], "E0605", "does not start"),
        (
            &["--fn", "double", "-o", "k.a", "--runtime", "nowhere.a"],
            "E0605",
            "cargo build --release -p microtome-runtime",
        ),
        (&["--fn", "double", "-o", "no/such/folder/k.o"], "E0601", "there is no folder"),
    ];
    for (arguments, code, part) in cases {
        let folder = TempDir::new().unwrap();
        let built = build(&folder, "kernels.tome", arguments);
        let told = String::from_utf8_lossy(&built.stderr);
        assert_eq!(built.status.code(), Some(1), "{arguments:?}: {told}");
        assert!(told.contains(code) && told.contains(part), "{arguments:?}: {told}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{arguments:?}");
    }
    let folder = TempDir::new().unwrap();
    let wrong = folder.path().join("libmicrotome_runtime.a");
    std::fs::write(&wrong, "!<arch>\n").unwrap();
    let runtime = wrong.to_str().unwrap();
    let built = build(&folder, "kernels.tome", &["--fn", "double", "-o", "k.a", "--runtime", runtime]);
    assert!(String::from_utf8_lossy(&built.stderr).contains("no run-time library of this version"));
}

#[test]
fn names_that_would_be_one_in_c_are_refused() {
    let folder = TempDir::new().unwrap();
    let program = folder.path().join("names.tome");
    std::fs::write(&program, "fn free(x: f64) -> f64 = x\nfn a(x: f64) -> f64 = x\nfn a_sizes(x: f64) -> f64 = x\n")
        .unwrap();
    for functions in [&["--fn", "free"][..], &["--fn", "a", "--fn", "a_sizes"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_microtome"));
        command.arg("build").arg(&program).args(functions).arg("-o").arg(folder.path().join("names.o"));
        let built = command.output().unwrap();
        let told = String::from_utf8_lossy(&built.stderr);
        assert!(told.contains("E0604") && told.contains("and so is something else"), "{told}");
    }
}

/// The commands of the manual, in a copy of the example's folder, print what stands behind them.
#[test]
fn the_manual_is_right() {
    if !there_is("cc") {
        return;
    }
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/native.md")).unwrap();
    let block = |language: &str| {
        let start = page.split_once(&format!("```{language}\n")).expect("a block").1;
        start.split_once("```").unwrap().0.to_owned()
    };
    let folder = TempDir::new().unwrap();
    for name in ["moment.tome", "moment.c"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/native").join(name);
        std::fs::copy(from, folder.path().join(name)).unwrap();
    }
    let compiler = Path::new(env!("CARGO_BIN_EXE_microtome")).parent().unwrap().to_owned();
    let old = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(compiler).chain(std::env::split_paths(&old))).unwrap();
    let script = format!("set -e\n{}", block("sh").replace("-o libmoment.a\n", "-o libmoment.a > build.txt\n"));
    let done = Command::new("sh").arg("-c").arg(script).env("PATH", path).current_dir(folder.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(String::from_utf8(done.stdout).unwrap(), block("text"));
    let header = std::fs::read_to_string(folder.path().join("moment.h")).unwrap();
    for line in
        block("c").lines().filter(|line| !line.starts_with("    const int64_t *x_shape, const int64_t *y_shape"))
    {
        assert!(header.contains(line), "the header has no line `{line}`:\n{header}");
    }
}

#[test]
fn a_python_module_calls_the_library() {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_numpy = Command::new(&python).args(["-c", "import numpy"]).output().is_ok_and(|done| done.status.success());
    if !has_numpy || !there_is("cc") {
        println!("skipped: `{python}` has no NumPy");
        return;
    }
    let folder = TempDir::new().unwrap();
    build_kernels(&folder, "libkernels.so", &["--python"]);
    let script = sources().join("module.py");
    let done = Command::new(&python).arg(script).env("PYTHONPATH", folder.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let printed = String::from_utf8(done.stdout).unwrap();
    assert_results(&printed, "Python");
}
