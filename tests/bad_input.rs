//! Bad programs, bad files, bad arguments: an error with its code and status 1, never a panic.
//!
//! In: the binary, and things that nobody should give it. Out: what it says.
//! Always holds: nothing is printed before an error that comes before running, and no half-written file stays behind.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of its own for one test.
fn scratch(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bad_input").join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a folder");
    path
}

fn data(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/programs").join(name).display().to_string()
}

/// Runs the binary in a folder of the test's own.
fn microtome(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_microtome"));
    command.current_dir(folder).args(arguments).env("NO_COLOR", "1").output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a program; gives its output and the folder it ran in.
fn run(name: &str, program: &[u8], more: &[&str]) -> (Output, PathBuf) {
    let folder = scratch(name);
    std::fs::write(folder.join("program.tome"), program).expect("a program");
    (microtome(&folder, &[&["run", "program.tome"], more].concat()), folder)
}

/// Status 1, these words on standard error, and nothing but `before` on standard output.
fn expect_failure(name: &str, output: &Output, words: &[&str], before: &str) {
    let errors = text(&output.stderr);
    let flat = errors.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(1), "{name}: {errors}");
    assert!(!errors.contains("panicked"), "{name}: {errors}");
    for word in words {
        assert!(flat.contains(word), "{name}: no `{word}` in\n{errors}");
    }
    assert_eq!(text(&output.stdout), before, "{name}: {errors}");
}

fn fails(name: &str, program: &str, more: &[&str], words: &[&str]) {
    let (output, _) = run(name, program.as_bytes(), more);
    expect_failure(name, &output, words, "");
}

fn succeeds(name: &str, program: &str, expected: &str) {
    let (output, _) = run(name, program.as_bytes(), &[]);
    assert!(output.status.success(), "{name}: {}", text(&output.stderr));
    assert_eq!(text(&output.stdout), expected, "{name}");
}

#[test]
fn missing_program() {
    let folder = scratch("missing_program");
    let output = microtome(&folder, &["run", "nowhere.tome"]);
    expect_failure("missing program", &output, &["E0601", "nowhere.tome", "no such file"], "");
    for command in [&["check", "nowhere.tome"][..], &["emit", "--stage", "graph", "nowhere.tome"]] {
        expect_failure("missing program", &microtome(&folder, command), &["E0601"], "");
    }
}

#[test]
fn a_folder_for_a_program() {
    let folder = scratch("folder");
    std::fs::create_dir(folder.join("inner.tome")).expect("a folder");
    expect_failure("folder", &microtome(&folder, &["run", "inner.tome"]), &["E0601", "directory"], "");
}

#[test]
fn wrong_arguments_have_status_2() {
    let folder = scratch("arguments");
    for arguments in
        [&["run"][..], &["walk", "x.tome"], &["run", "x.tome", "--threads", "0"], &["emit", "--stage", "nope", "x"]]
    {
        let output = microtome(&folder, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn empty_programs_do_nothing() {
    succeeds("empty", "", "");
    succeeds("blank", "\n\n   \n\t\n", "");
    succeeds("comment", "# nothing", "");
    succeeds("no_statements", "fn f(x: f64) = x", "");
    succeeds("carriage_returns", "print(1)\r\nprint(2)\r\n", "1\n2\n");
    succeeds("byte_order_mark", "\u{feff}print(1)\n", "1\n");
}

#[test]
fn not_utf8() {
    let (output, _) = run("utf8", b"let x = 1\nprint(\"\xff\xfe\")\n", &[]);
    expect_failure("not UTF-8", &output, &["E0105"], "");
    let (output, _) = run("binary", &[0u8, 159, 146, 150, 0, 1, 2, 3].repeat(1000), &[]);
    expect_failure("binary", &output, &["E01"], "");
}

#[test]
fn missing_data() {
    fails("missing_data", "print(load(\"nowhere.npz\"))", &[], &["E0601", "nowhere.npz", "no such file"]);
    fails("data_is_a_folder", "print(load(\".\"))", &[], &["E060"]);
    fails("unknown_format", "print(load(\"data.xyz\"))", &[], &["E060", "data.xyz"]);
}

#[test]
fn damaged_data() {
    for (name, bytes) in [
        ("empty.npy", &b""[..]),
        ("text.npy", b"this is no array"),
        ("short.npy", b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1000000,), }"),
        ("text.npz", b"this is no archive"),
        ("ragged.csv", b"1,2\n3\n"),
        ("words.csv", b"1,2\n3,four\n"),
    ] {
        let folder = scratch(&format!("damaged_{name}"));
        std::fs::write(folder.join(name), bytes).expect("data");
        std::fs::write(folder.join("p.tome"), format!("print(1)\nprint(load(\"{name}\"))\n")).expect("a program");
        let output = microtome(&folder, &["run", "p.tome"]);
        expect_failure(name, &output, &["E060", name], "");
    }
}

#[test]
fn fields_of_records() {
    let program = format!("let d = load(\"{}\")\nprint(d.z)\n", data("all.npz"));
    fails("wrong_field", &program, &[], &["E0204", "`z`"]);
}

#[test]
fn inputs_that_do_not_fit() {
    let program = "input x: f64[n, d]\ninput y: i64[n]\nprint(sum(x), y)\n";
    let all = data("all.npz");
    let x = format!("x={}", data("x.npy"));
    let (output, _) = run("fitting", program.as_bytes(), &["--input", &all]);
    assert_eq!(text(&output.stdout), "21.0 [4 5]\n", "{}", text(&output.stderr));
    fails("missing_input", program, &["--input", &x], &["E0603", "`y` is missing", "--input y="]);
    fails("no_inputs", program, &[], &["E0603", "`x` is missing"]);
    fails("twice", program, &["--input", &all, "--input", &x], &["E0603", "given twice"]);
    fails("surplus", program, &["--input", &all, "--input", "z=3"], &["E0603", "no input `z`"]);
    fails("near", "input rate: f64\nprint(rate)", &["--input", "raet=3"], &["E0603", "did you mean `rate`?"]);
    fails("undeclared", "print(1)", &["--input", "x=3"], &["E0603", "it declares no inputs"]);
    fails("key", "input q: f64[n]\nprint(q)", &["--input", &format!("q={all}")], &["E0603", "no array `q`", "x, y"]);
    fails("nameless", program, &["--input", &data("x.npy")], &["E0603", "without a name"]);
    fails("no_file", program, &["--input", "x=nowhere.npy"], &["E0601", "nowhere.npy"]);
    fails("no_value", "input k: i64\nprint(k)", &["--input", "k="], &["E060"]);
    fails(
        "dtype",
        "input x: f64[n, d]\nprint(x)",
        &["--input", &format!("x={}", data("f32.npy"))],
        &["E0603", "f32[2, 3]"],
    );
    fails("rank", "input x: f64[n]\nprint(x)", &["--input", &x], &["E0603", "f64[2, 3]", "1 axes"]);
    fails("scalar", "input x: f64[n]\nprint(x)", &["--input", "x=3"], &["E0603"]);
    fails("whole", "input k: i64\nprint(k)", &["--input", "k=2.5"], &["E0603", "2.5"]);
    let sizes = "input x: f64[n, d]\ninput v: f64[d, n]\nprint(x)\n";
    let v = format!("v={}", data("x.npy"));
    fails("sizes", sizes, &["--input", &x, "--input", &v], &["E0603", "axis 0 of `v`", "size 2"]);
    let literal = "input x: f64[5, d]\nprint(x)";
    fails("literal_size", literal, &["--input", &x], &["E0603", "size 2"]);
}

#[test]
fn deep_nesting() {
    for (name, open, close) in [("round", "(", ")"), ("square", "[", "]")] {
        let program = format!("print({}1{})", open.repeat(100_000), close.repeat(100_000));
        fails(&format!("deep_{name}"), &program, &[], &["E0104"]);
        fails(&format!("open_{name}"), &format!("print({}", open.repeat(100_000)), &[], &["E010"]);
    }
    fails("minuses", &format!("print({}1)", "-".repeat(100_000)), &[], &["E01"]);
    fails("calls", &format!("print({}1.0{})", "abs(".repeat(20_000), ")".repeat(20_000)), &[], &["E01"]);
    fails(
        "blocks",
        &format!("let x = {}1{}", "if true { ".repeat(20_000), " } else { 2 }".repeat(20_000)),
        &[],
        &["E01"],
    );
}

/// Runs without a stack overflow: right, or a clear limit.
fn works_or_limit(name: &str, program: &str, expected: &str) {
    let (output, _) = run(name, program.as_bytes(), &[]);
    let errors = text(&output.stderr);
    match output.status.code() {
        Some(0) => assert_eq!(text(&output.stdout), expected, "{name}"),
        Some(1) => assert!(errors.contains("E0701") || errors.contains("E0104"), "{name}: {errors}"),
        code => panic!("{name}: status {code:?}\n{errors}"),
    }
}

#[test]
fn long_programs() {
    let lines: String = (0..10_000)
        .map(|k| format!("let x{k} = {}\n", if k == 0 { "1".into() } else { format!("x{} + 1", k - 1) }))
        .collect();
    works_or_limit("statements", &format!("{lines}print(x9999)\n"), "10000\n");
    works_or_limit("sum", &format!("print({}1)\n", "1 + ".repeat(3_000)), "3001\n");
    works_or_limit("chain", &format!("let x = sum([1.0])\nprint({}x)\n", "x + ".repeat(3_000)), "3001.0\n");
    let array: String = (0..20_000).map(|k| format!("{k}, ")).collect();
    works_or_limit("array", &format!("print(sum([{array}]))\n"), "199990000\n");
}

#[test]
fn calls_that_double() {
    let functions: String =
        (1..40).map(|k| format!("fn f{k}(x: f64) = f{}(x + {k}.0) * f{}(x - {k}.0)\n", k - 1, k - 1)).collect();
    let program = format!("fn f0(x: f64) = sin(x)\n{functions}print(f39(1.0))\n");
    fails("doubling", &program, &[], &["E0701", "too large"]);
    // Doubling by sharing is no growth at all.
    let shared: String = (1..40).map(|k| format!("fn f{k}(x: f64) = f{}(x) + f{}(x)\n", k - 1, k - 1)).collect();
    succeeds("sharing", &format!("fn f0(x: f64) = x\n{shared}print(f39(1.0))\n"), "549755813888.0\n");
}

#[test]
fn lambdas_that_double() {
    let lambdas: String =
        (1..40).map(|k| format!("let f{k} = x -> f{}(x + {k}.0) * f{}(x - {k}.0)\n", k - 1, k - 1)).collect();
    let program = format!("let f0 = x -> sin(x)\n{lambdas}print(f39(1.0))\n");
    fails("lambdas", &program, &[], &["E0701", "lambdas"]);
    let shared: String = (1..40).map(|k| format!("let f{k} = x -> f{}(x) + f{}(x)\n", k - 1, k - 1)).collect();
    fails("shared_lambdas", &format!("let f0 = x -> x\n{shared}print(f39(1.0))\n"), &[], &["E0701", "lambdas"]);
}

#[test]
fn literals_that_are_too_large() {
    let row: String = "1.5, ".repeat(30_000);
    fails("elements", &format!("print(sum([{row}]))\n"), &[], &["E0701", "20000 elements", "load("]);
    let rows: String = "[1.5, 2.5], ".repeat(15_000);
    fails("rows", &format!("print(sum([{rows}]))\n"), &[], &["E0701", "20000 elements"]);
    let items: String = "1.5, ".repeat(12_000);
    fails("items", &format!("print(len(list({items})))\n"), &[], &["E0701", "10000 items"]);
    fails("digits", &format!("print({})\n", "9".repeat(100_000)), &[], &["E0102"]);
}

#[test]
fn nested_branches_that_print() {
    let (open, close) = ("if c { ".repeat(100), " }".repeat(100));
    succeeds("branches", &format!("let c = sum([1]) > 0\n{open}print(1){close}\n"), "1\n");
    let (open, close) = ("for i in 0:1 { ".repeat(100), " }".repeat(100));
    succeeds("loops", &format!("{open}print(i){close}\n"), "0\n");
}

#[test]
fn several_mistakes_in_one_run() {
    let program = "let x = [1.0, 2.0]\nlet y = x + unknown\nprint(y)\nlet z = y * 2\nprint(z, x)\nprint(x.sum())\n\
                   let y = 3\nprint(y)\nfor i in 0:2 { print(z) }\nprint(zeros(2, axis=1))\n";
    for command in ["run", "check"] {
        let folder = scratch(&format!("several_{command}"));
        std::fs::write(folder.join("program.tome"), program).expect("a program");
        let output = microtome(&folder, &[command, "program.tome"]);
        expect_failure("several", &output, &["`unknown`", "write sum(x)", "`zeros` has no argument"], "");
        assert_eq!(text(&output.stderr).matches("Error:").count(), 3, "{}", text(&output.stderr));
    }
    // A function's mistake is told once, and statements are looked at all the same.
    let program = "fn f(x: f64) = x + nowhere\nlet d = load(\"nothing.npz\")\nprint(f(1.0))\nprint(d.x + elsewhere)\n\
                   print(sine(1.0))\n";
    let (output, _) = run("several_functions", program.as_bytes(), &[]);
    expect_failure("functions", &output, &["`nowhere`", "`sine`"], "");
    assert_eq!(text(&output.stderr).matches("Error:").count(), 2, "{}", text(&output.stderr));
    // What fails when running ends the program there.
    let (output, _) = run("several_running", b"print(1)\nlet k = sum([9])\nprint([1.0][k])\nprint(more)\n", &[]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn memory() {
    fails("memory", "let n = 1000000\nprint(zeros(n, n) + 1.0)\n", &[], &["E0504", "TiB"]);
}

#[test]
fn sizes_that_overflow() {
    fails("overflow", "let n = 4000000000\nprint(sum(zeros(n, n, n), axis=0))\n", &[], &["E0504"]);
    fails("arange", "print(arange(9223372036854775807))\n", &[], &["E0504"]);
    fails(
        "arange_down",
        "print(sum(arange(9223372036854775807, -9223372036854775807, -1), axis=0)[0])\n",
        &[],
        &["E0"],
    );
    fails("one_array", "print(zeros(10^15))\n", &[], &["E0504", "PiB"]);
    fails("overflow_to_zero", "let n = 4294967296\nprint(zeros(n, n) + 1.0)\n", &[], &["E0504"]);
}

#[test]
fn failures_while_running() {
    let index = "let k = sum([1, 2, 4])\nprint(\"above\")\nlet x = [1.0, 2.0]\nprint(x[k])\nprint(\"below\")\n";
    let (output, _) = run("index", index.as_bytes(), &[]);
    expect_failure(
        "index",
        &output,
        &["E0501", "the index 7 is outside axis 0 of size 2", "program.tome:4:"],
        "above\n",
    );
    let division = "let a = [6, 4]\nlet b = a - 4\nprint(a // b)\n";
    fails("division", division, &[], &["E0502", "program.tome:3:"]);
    fails("remainder", "let a = [6, 4]\nprint(a % (a - 4))\n", &[], &["E0502"]);
    fails(
        "assertion",
        "let x = sum([1.0])\nassert x > 2.0, \"too small\"\n",
        &[],
        &["E0503", "too small", "program.tome:2:"],
    );
    let within = "fn pick(x: f64[n], k: i64) = x[k]\nlet k = sum([9])\nprint(pick([1.0], k))\n";
    fails("within", within, &[], &["E0501", "9"]);
    for flag in [&[][..], &["--interpret"], &["--threads", "1"]] {
        fails("flags", division, flag, &["E0502"]);
    }
}

#[test]
fn saving() {
    let (output, folder) = run("save_ok", b"save(\"a.npz\", x=[1.0, 2.0], k=3)\nprint(load(\"t.csv\"))\n", &[]);
    // The file to load is missing, and loading comes before anything is written.
    expect_failure("load before save", &output, &["E0601"], "");
    assert_eq!(names(&folder), ["program.tome"]);
    let nowhere = "print(\"above\")\nsave(\"nowhere/a.npz\", x=[1.0])\n";
    let (output, folder) = run("save_nowhere", nowhere.as_bytes(), &[]);
    expect_failure("no folder", &output, &["E0601", "nowhere"], "above\n");
    assert_eq!(names(&folder), ["program.tome"]);
    let taken = scratch("save_taken");
    std::fs::create_dir(taken.join("a.npy")).expect("a folder");
    std::fs::write(taken.join("p.tome"), "save(\"a.npy\", [1.0])\n").expect("a program");
    expect_failure("a folder in the way", &microtome(&taken, &["run", "p.tome"]), &["E0601", "a.npy"], "");
    assert_eq!(names(&taken), ["a.npy", "p.tome"]);
    fails("save_format", "save(\"a.xyz\", [1.0])\n", &[], &["E060", "a.xyz"]);
    fails("save_nothing", "save(\"a.npz\")\n", &[], &["E0302"]);
}

#[test]
fn saved_files_are_read_back() {
    let program =
        "let x = [[1.5, 2.0], [3.0, -4.0]]\nsave(\"a.npz\", x=x, k=[1, 2])\nsave(\"b.npy\", x)\nsave(\"c.csv\", x)\n";
    let (output, folder) = run("saved", program.as_bytes(), &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let again =
        "let r = load(\"a.npz\")\nprint(r.x, r.k)\nprint(all(load(\"b.npy\") == r.x), all(load(\"c.csv\") == r.x))\n";
    std::fs::write(folder.join("again.tome"), again).expect("a program");
    let output = microtome(&folder, &["run", "again.tome"]);
    assert_eq!(text(&output.stdout), "[[ 1.5  2. ]\n [ 3.  -4. ]] [1 2]\ntrue true\n", "{}", text(&output.stderr));
}

/// What a folder holds.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = scratch("pipe");
    std::fs::write(folder.join("p.tome"), "print(arange(1000))\n".repeat(200)).expect("a program");
    let mut child = Command::new(env!("CARGO_BIN_EXE_microtome"))
        .current_dir(&folder)
        .args(["run", "p.tome"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("an end");
    assert!(!text(&output.stderr).contains("panicked"), "{}", text(&output.stderr));
}
