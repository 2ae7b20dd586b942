//! Files as programs read and write them.
//!
//! In: programs that save, and a folder of their own. Out: the files, read back.
//! Always holds: a file is complete or not there, whatever goes wrong.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use microtome::{Error, RunOptions, Session};
use std::path::Path;

fn run(source: &str, folder: &Path) -> Result<String, Error> {
    let source = source.replace("DIR", &folder.display().to_string());
    let mut out = Vec::new();
    let module = Session::with_threads(1).compile("test.tome", &source)?;
    module.run(&RunOptions::default(), &mut out, &mut |_| ())?;
    Ok(String::from_utf8(out).unwrap())
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_format_gives_back_what_was_saved() {
    let arrays = "let x = [[1.5, 2.0, -0.0], [inf, 0.1, 1e-300]]\nlet n = [1, 2, 3]\nlet f = [true, false]\n";
    for name in ["o.npz", "o.safetensors"] {
        let folder = tempfile::tempdir().unwrap();
        let program = format!(
            "{arrays}save(\"DIR/{name}\", x=x, n=n, f=f, s=f32(2.5))\nlet d = load(\"DIR/{name}\")\n\
             print(all(d.x == x), all(d.n == n), all(d.f == f), d.s, shape(d.x), d.f)"
        );
        assert_eq!(run(&program, folder.path()).unwrap(), "true true true 2.5 [2 3] [ true false]\n", "{name}");
        assert_eq!(names(folder.path()), [name]);
    }
    let folder = tempfile::tempdir().unwrap();
    let program = format!(
        "{arrays}save(\"DIR/o.mat\", x=x, n=n, f=f, s=f32(2.5))\nlet d = load(\"DIR/o.mat\")\n\
         print(all(d.x == x), all(d.n[0] == n), all(d.f[0] == f), shape(d.s), shape(d.n), d.n)"
    );
    assert_eq!(run(&program, folder.path()).unwrap(), "true true true [1 1] [1 3] [[1 2 3]]\n");
}

#[test]
fn nothing_is_written_when_a_statement_fails() {
    for name in ["o.npz", "o.npy", "o.csv", "o.mat", "o.safetensors"] {
        let folder = tempfile::tempdir().unwrap();
        let failing = format!("let k = [0, 5]\nsave(\"DIR/{name}\", x=[1.0, 2.0][k])");
        assert!(run(&failing, folder.path()).is_err());
        let second = format!("let k = [0, 0]\nsave(\"DIR/{name}\", x=[1.0, 2.0], y=[1, 2] // k)");
        assert!(run(&second, folder.path()).is_err());
        assert!(names(folder.path()).is_empty(), "{name}: {:?}", names(folder.path()));
    }
}

#[test]
fn what_cannot_be_written_leaves_the_old_file() {
    for name in ["o.npz", "o.npy", "o.csv", "o.mat", "o.safetensors"] {
        let folder = tempfile::tempdir().unwrap();
        let missing = format!("save(\"DIR/none/{name}\", x=[1.0])");
        let error = run(&missing, folder.path()).unwrap_err().render(false);
        assert!(error.contains("E0601") && error.contains("there is no folder"), "{error}");
        std::fs::create_dir(folder.path().join(name)).unwrap();
        let error = run(&format!("save(\"DIR/{name}\", x=[1.0])"), folder.path()).unwrap_err().render(false);
        assert!(error.contains("it is a directory"), "{error}");
        assert_eq!(names(folder.path()), [name]);
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, wrong) in
        [("o.npy", "x=[1.0], y=[2.0]"), ("o.csv", "x=[1.0], y=[2.0, 3.0]"), ("o.mat", "_x=[1.0]"), ("o.mat", "[1.0]")]
    {
        std::fs::write(folder.path().join(name), "old").unwrap();
        let error = run(&format!("save(\"DIR/{name}\", {wrong})"), folder.path()).unwrap_err().render(false);
        assert!(error.contains("E0602"), "{error}");
        assert_eq!(std::fs::read_to_string(folder.path().join(name)).unwrap(), "old");
    }
    assert_eq!(names(folder.path()), ["o.csv", "o.mat", "o.npy"]);
}
