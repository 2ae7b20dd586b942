//! `microtome bench`, and the limit of memory, as a shell calls them.
//!
//! In: programs and files of arrays for the real program. Out: measurements and errors.
//! Always holds: no time is asserted, only that what belongs together fits.
#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// Runs the program in a folder.
fn microtome(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_microtome")).args(arguments).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A folder with a program, and the arrays that it has saved.
fn folder(program: &str, making: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("p.tome"), program).unwrap();
    std::fs::write(folder.path().join("make.tome"), making).unwrap();
    let made = microtome(folder.path(), &["run", "make.tome"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    folder
}

fn measured(folder: &Path, arguments: &[&str]) -> Value {
    let output = microtome(folder, &[&["bench", "p.tome", "--json"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    assert_eq!(text(&output.stdout).lines().count(), 1);
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |name: &str| object[name].as_f64().unwrap_or_else(|| panic!("{name} in {object}"));
    assert!(number("min_s") > 0.0 && number("min_s") <= number("median_s"), "{object}");
    assert!(number("compile_s") > 0.0 && number("spread") >= 0.0 && number("calls") >= 1.0, "{object}");
    object
}

fn refused(folder: &Path, arguments: &[&str], code: &str, parts: &[&str]) {
    let output = microtome(folder, arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
    assert!(said.contains(code) && parts.iter().all(|part| said.contains(part)), "{arguments:?}: {said}");
}

const SCALED: &str = "\
fn scaled(x: f64[n], y: f64[n], k: i64) -> f64[n] = x * k + y
fn both(pair: (f64[n], f64[n])) -> f64[n] { let (a, b) = pair; a * b }
fn longest(rows: list[f64[?]]) -> i64 = max([len(row) for row in rows])
fn applied(f, x: f64[n]) = f(x)
";

const ARRAYS: &str = "\
let x = arange(1000) * 0.5
save(\"in.npz\", x=x, y=x + 1.0)
save(\"short.npz\", x=x, y=x[1:])
save(\"more.npz\", x=x, y=x, z=x)
save(\"flat.npy\", zeros(2, 3))
save(\"1.npy\", x)
";

#[test]
fn a_function_is_fed_by_name_and_measured() {
    let folder = folder(SCALED, ARRAYS);
    let path = folder.path();
    let object = measured(path, &["--fn", "scaled", "--input", "in.npz", "--input", "k=3", "--threads", "1"]);
    assert_eq!((&object["function"], &object["file"]), (&"scaled".into(), &"p.tome".into()));
    assert_eq!((&object["peak_bytes"], &object["threads"]), (&8000.into(), &1.into()));
    let said = microtome(path, &["bench", "p.tome", "--fn", "scaled", "--input", "in.npz", "--input", "k=3"]);
    let said = text(&said.stdout);
    assert!(
        said.starts_with("median ") && said.contains("compiled in") && said.contains("7.8 KiB of memory"),
        "{said}"
    );
}

#[test]
fn tuples_and_lists_are_fed_too() {
    let folder = folder(SCALED, ARRAYS);
    let path = folder.path();
    std::fs::create_dir(path.join("rows")).unwrap();
    std::fs::copy(path.join("1.npy"), path.join("rows/0.npy")).unwrap();
    std::fs::copy(path.join("1.npy"), path.join("rows/1.npy")).unwrap();
    measured(path, &["--fn", "both", "--input", "pair=rows"]);
    measured(path, &["--fn", "both", "--input", "pair.0=1.npy", "--input", "pair.1=1.npy"]);
    measured(path, &["--fn", "longest", "--input", "rows=rows"]);
}

#[test]
fn inputs_that_do_not_fit_are_the_errors_of_run() {
    let folder = folder(SCALED, ARRAYS);
    let check = |inputs: &[&str], parts: &[&str]| {
        let inputs = inputs.iter().flat_map(|input| ["--input", input]);
        let arguments: Vec<&str> = ["bench", "p.tome", "--fn", "scaled"].into_iter().chain(inputs).collect();
        refused(folder.path(), &arguments, "E0603", parts);
    };
    check(&["in.npz"], &["the input `k` is missing", "--input k=", "p.tome:1"]);
    check(&["short.npz", "k=3"], &["axis 0 of `y`", "999", "n = 1000 comes from axis 0 of `x`"]);
    check(&["more.npz", "k=3"], &["`scaled` has no parameter `z`", "its parameters are x, y, k"]);
    check(&["in.npz", "x=1.npy", "k=3"], &["`x` is given twice"]);
    check(&["x=1.npy", "y=flat.npy", "k=3"], &["`y`", "f64[2, 3]"]);
    check(&["in.npz", "k=2.5"], &["`k`", "i64"]);
    let unknown = ["bench", "p.tome", "--fn", "scale"];
    refused(folder.path(), &unknown, "E0201", &["did you mean `scaled`"]);
    refused(folder.path(), &["bench", "p.tome", "--fn", "applied", "--input", "x=1.npy"], "E0603", &["`f` is missing"]);
    refused(folder.path(), &["bench", "p.tome"], "E0302", &["nothing to measure", "--fn"]);
}

#[test]
fn without_a_function_the_statements_are_measured_and_do_nothing() {
    let program = "input n: i64\nlet x = arange(1000) * 1.0\nprint(sum(x) + n)\nsave(\"out.npy\", x * 2)\nplot(x)\n\
        print(len(x[x > 10.0]))\nprint(clock())\n";
    let folder = folder(program, ARRAYS);
    measured(folder.path(), &["--input", "n=3"]);
    assert!(!folder.path().join("out.npy").exists());
    std::fs::write(folder.path().join("p.tome"), "for i in 0:3 { print(i) }").unwrap();
    refused(folder.path(), &["bench", "p.tome"], "E0302", &["--fn"]);
    std::fs::write(folder.path().join("p.tome"), "print([1.0][3])").unwrap();
    refused(folder.path(), &["bench", "p.tome"], "E0501", &["p.tome:1"]);
}

#[test]
fn a_limit_of_memory_holds_for_scratch_results_and_sizes_found_when_running() {
    let folder = folder(SCALED, ARRAYS);
    let run = |program: &str, limit: &str| {
        std::fs::write(folder.path().join("m.tome"), program).unwrap();
        microtome(folder.path(), &["run", "m.tome", "--max-memory", limit])
    };
    // (program, what it holds at its end at most)
    let programs = [
        ("let x = arange(100000) * 1.0\nprint(sum(x + x[::-1]))\nsave(\"o.npy\", x)\n", 900_000),
        ("let n = 100000\nlet x = sort(random.normal(1, n))\nprint(x[0] < x[1])\n", 1_700_000),
        ("let x = arange(100000)\nlet y = x[x % 2 == 0]\nprint(sum(y * y[::-1]))\n", 1_700_000),
        ("var x = arange(2) * 1.0\nfor i in 0:12 { x = concat([x, x]); print(len(x)) }\n", 200_000),
        ("fn evens(x: i64[n]) { let y = x[x % 2 == 0]; sum(y[::-1] * y) }\nprint(evens(arange(100000)))\n", 1_700_000),
    ];
    for (program, bytes) in programs {
        let fits = run(program, &format!("{bytes}B"));
        assert!(fits.status.success(), "{program}: {}", text(&fits.stderr));
        let refused = run(program, "60KB");
        let said = text(&refused.stderr);
        assert!(said.contains("E0504") && said.contains("are needed, 58.6 KiB are allowed"), "{program}: {said}");
        assert!(said.contains("--max-memory") && !refused.status.success(), "{program}: {said}");
    }
    assert!(!run("save(\"never.npy\", zeros(100000) + 1.0)", "60KB").status.success());
    assert!(!folder.path().join("never.npy").exists());
    let bench = ["bench", "p.tome", "--fn", "scaled", "--input", "in.npz", "--input", "k=3", "--max-memory"];
    refused(folder.path(), &[&bench[..], &["7KB"]].concat(), "E0504", &["7.8 KiB are needed", "6.8 KiB are allowed"]);
    assert!(microtome(folder.path(), &[&bench[..], &["8KB"]].concat()).status.success());
    for wrong in ["0", "much", "4 elephants", "nan"] {
        let output = microtome(folder.path(), &["run", "m.tome", "--max-memory", wrong]);
        assert!(output.status.code() == Some(2) && text(&output.stderr).contains("512MiB"), "{wrong}");
    }
}
