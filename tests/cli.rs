//! The command line, as a shell or an editor calls it.
//!
//! In: arguments and standard input for the real program. Out: its output, its errors and its exit status.
//! Always holds: what standard error says is no part of the output.
#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

struct Ended {
    status: Option<i32>,
    out: String,
    err: String,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_microtome"));
    command.args(arguments).env_remove("NO_COLOR");
    command
}

/// Runs the program with a text as its standard input.
fn microtome(arguments: &[&str], input: &str) -> Ended {
    let mut child =
        command(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Wrong arguments are found before anything is read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let ended = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { status: ended.status.code(), out: text(ended.stdout), err: text(ended.stderr) }
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_program_comes_from_standard_input() {
    let ended = microtome(&["run", "-"], "fn f(x: f64) -> f64 {\n    x + 1\n}\nprint(\n  f(1.0))\n");
    assert_eq!((ended.status, ended.out.as_str(), ended.err.as_str()), (Some(0), "2.0\n", ""));
}

#[test]
fn every_kind_of_end_has_its_status() {
    for (arguments, input, status) in [
        (&["check", "-"][..], "print(1)", 0),
        (&["check", "-"], "print(a)", 1),
        (&["run", "-"], "print([1][3])", 1),
        (&["run", "nowhere.tome"], "", 1),
        (&["fmt", "--check", "-"], "let  a=1", 1),
        (&["run"], "", 2),
        (&["frobnicate"], "", 2),
        (&["emit", "--stage", "nothing", "-"], "", 2),
        (&["run", "--watch", "-"], "", 1),
        (&["--help"], "", 0),
    ] {
        let ended = microtome(arguments, input);
        assert_eq!(ended.status, Some(status), "{arguments:?}: {}", ended.err);
    }
}

#[test]
fn an_editor_gets_an_object_for_each_error_and_warning() {
    let ended = microtome(&["check", "--json", "-"], "let a = 1\nprint(b)\n");
    let objects_found = objects(&ended.out);
    assert_eq!((ended.status, objects_found.len(), ended.err.as_str()), (Some(1), 1, ""));
    let error = &objects_found[0];
    assert_eq!((&error["code"], &error["severity"]), (&"E0201".into(), &"error".into()));
    assert!(error["message"].as_str().unwrap().contains("`b`"), "{error}");
    let label = &error["labels"][0];
    assert_eq!(label["file"], "<stdin>");
    assert_eq!((&label["start"]["line"], &label["start"]["column"]), (&2.into(), &7.into()));
    assert_eq!((&label["end"]["line"], &label["end"]["column"]), (&2.into(), &8.into()));
    assert!(error["notes"].is_array() && error.get("help").is_some());

    let several = microtome(&["check", "--json", "-"], "fn f(x: f64) = x +* 1\nfn g(x: f64) = )\n");
    assert!(objects(&several.out).len() >= 2, "{}", several.out);

    let warned = microtome(&["--json", "run", "-"], "let u = [3.0]\nlet x = [1.0]\nprint(grad(sum(x^2), u))\n");
    assert_eq!((warned.status, warned.out.as_str()), (Some(0), "[0.]\n"));
    let warnings = objects(&warned.err);
    assert_eq!((&warnings[0]["code"], &warnings[0]["severity"]), (&"W0101".into(), &"warning".into()));

    let bare = microtome(&["check", "--json", "nowhere.tome"], "");
    assert_eq!(objects(&bare.out)[0]["labels"], Value::Array(Vec::new()));
}

#[test]
fn every_command_shows_examples() {
    let help = microtome(&["--help"], "").out;
    let commands = help.split("Commands:").nth(1).unwrap().split("\n\n").next().unwrap();
    let names: Vec<&str> = commands.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() >= 6, "{names:?}");
    for name in names.into_iter().filter(|name| *name != "help") {
        let help = microtome(&[name, "--help"], "").out;
        assert!(help.contains("Examples:") && help.contains(&format!("microtome {name}")), "{name}: {help}");
    }
}

#[test]
fn help_on_builtins_comes_from_their_table() {
    let page = microtome(&["doc", "softmax"], "");
    assert!(page.status == Some(0) && page.out.contains("Example:") && page.out.contains("prints"), "{}", page.out);
    let unknown = microtome(&["doc", "sofmax"], "");
    assert!(unknown.status == Some(1) && unknown.err.contains("did you mean `softmax`"), "{}", unknown.err);
    let foreign = microtome(&["doc", "numel"], "");
    assert!(foreign.err.contains("write size(x)"), "{}", foreign.err);
    let all = microtome(&["doc"], "").out;
    assert!(all.contains("logsumexp") && all.contains("random.normal"), "{all}");
}

#[test]
fn shells_can_complete() {
    for shell in ["bash", "zsh", "fish"] {
        let script = microtome(&["completions", shell], "");
        assert!(script.status == Some(0) && script.out.contains("interpret"), "{shell}: {}", script.out);
    }
}

#[test]
fn a_watched_program_is_checked_again_when_it_or_an_import_changes() {
    let folder = tempfile::tempdir().unwrap();
    let (program, imported) = (folder.path().join("p.tome"), folder.path().join("q.tome"));
    std::fs::write(&imported, "fn q(x: f64) = x").unwrap();
    std::fs::write(&program, "import \"q.tome\"\nprint(q(1.0)").unwrap();
    let path = program.display().to_string();
    let mut child = command(&["check", "--watch", &path]).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut round = || -> Vec<String> { lines.by_ref().take_while(|line| !line.starts_with("watching")).collect() };
    assert!(round().join("\n").contains("E0101"));
    std::fs::write(&program, "import \"q.tome\"\nprint(q(1.0))").unwrap();
    assert_eq!(round(), [""; 0]);
    std::fs::write(&imported, "fn r(x: f64) = x + x").unwrap();
    assert!(round().join("\n").contains("E0201"));
    child.kill().unwrap();
    child.wait().unwrap();
}
