//! The interactive session in a terminal: the real program, typed at.
//!
//! In: keys in a pseudo-terminal. Out: what its screen shows.
//! Always holds: nothing is asserted about how fast it is.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

#[path = "harness/screen.rs"]
mod screen;

use screen::Screen;
use std::path::Path;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// A session at its first prompt.
fn session(folder: &Path, environment: &[(&str, &str)]) -> Screen {
    let mut screen = Screen::start(folder, &[], environment);
    screen.sees("Ctrl-D leaves");
    screen.ready();
    screen
}

const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";
const CTRL_R: &str = "\x12";
const UP: &str = "\x1b[A";
const TAB: &str = "\t";
/// A loop that would run for hours.
const FOREVER: &str = "for i in 0:100000000000 { s = s * 0.5 + 1.0 }";

#[test]
fn values_are_shown_with_their_types() {
    let folder = folder();
    let mut screen = session(folder.path(), &[]);
    screen.line("let x = [[1.0, 2.0], [3.0, 4.5]]");
    screen.ready();
    screen.line("x @ x");
    screen.sees("[[ 7.   11.  ]\n [16.5  26.25]]  f64[2, 2]");
    screen.ready();
    screen.line("sum(_);");
    screen.ready();
    screen.line("_ + 0.25");
    screen.sees("61.0  f64");
    screen.ready();
    screen.line("reshape(arange(2000), 40, 50)");
    screen.sees("[1950 1951 1952 ... 1997 1998 1999]]  i64[40, 50]");
    screen.ready();
    screen.line("plot(arange(10))");
    screen.sees("┤");
    screen.ready();
    screen.keys(CTRL_D);
    assert_eq!(screen.end(), 0);
}

#[test]
fn open_input_goes_on_and_wrong_input_is_reported_at_once() {
    let folder = folder();
    let mut screen = session(folder.path(), &[]);
    screen.line("fn twice(v: f64[n]) -> f64[n] {");
    screen.sees("\n.");
    screen.line("2 *");
    screen.line("v");
    screen.line("}");
    screen.ready();
    screen.line("twice([1.5])");
    screen.sees("[3.]  f64[1]");
    screen.ready();
    screen.line("let let = 3");
    screen.sees("E0101");
    screen.ready();
    screen.line("twice([1.0, 2.0])[5]");
    screen.sees("E0501");
    screen.ready();
    // Pasted in one piece, as a terminal brackets it.
    screen.keys("\x1b[200~fn third(a: f64) -> f64 {\n    a / 3\n}\x1b[201~");
    screen.sees("a / 3");
    screen.keys("\r");
    screen.ready();
    screen.line("third(6.0)");
    screen.sees("2.0  f64");
}

#[test]
fn ctrl_c_stops_what_runs_and_keeps_the_session() {
    let folder = folder();
    let mut screen = session(folder.path(), &[]);
    screen.line("var s = 1.0");
    screen.ready();
    for endless in [
        FOREVER,
        "while s > 0.0 { s += 1.0 }",
        "sum(sin(f64(i)) for i in 0:100000000000)",
        "[sum(f64(i * j) for j in 0:1000000000) for i in 0:1000]",
        ":bench sum(f64(i) for i in 0:100000000000)",
    ] {
        screen.line(endless);
        // Something that takes over a second shows a bar or a spinner.
        screen.wait("progress is shown", |screen| screen.text().contains('%') || screen.text().contains("1s"));
        screen.keys(CTRL_C);
        screen.sees("stopped by Ctrl-C");
        screen.ready();
        assert!(!screen.text().contains('%'), "the bar is gone:\n{}", screen.text());
        screen.line("s + 41");
        screen.sees("42.0  f64");
        screen.ready();
        screen.keys("\x0c");
        screen.wait("the screen is clear", |screen| !screen.text().contains("stopped"));
    }
    // At the prompt it takes the line back.
    screen.keys("let unfinished = ");
    screen.sees("unfinished");
    screen.keys(CTRL_C);
    screen.ready();
    screen.line("s");
    screen.sees("1.0  f64");
}

#[test]
fn a_program_that_is_stopped_ends_with_130_and_leaves_no_file() {
    let folder = folder();
    let program = format!("var s = 0.0\nprint(\"begun\")\n{FOREVER}\nsave(\"out.npy\", s)\n");
    std::fs::write(folder.path().join("p.tome"), program).unwrap();
    let mut screen = Screen::start(folder.path(), &["run", "p.tome"], &[]);
    screen.sees("left");
    screen.keys(CTRL_C);
    assert_eq!(screen.end(), 130, "{}", screen.text());
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["p.tome"]);
}

#[test]
fn the_history_outlives_the_session() {
    let folder = folder();
    let mut first = session(folder.path(), &[]);
    first.line("let needle = 6 * 7");
    first.ready();
    first.line("fn haystack(x: f64) -> f64 {");
    first.line("x + 1");
    first.line("}");
    first.ready();
    first.line(":quit");
    assert_eq!(first.end(), 0);
    let mut second = session(folder.path(), &[]);
    second.keys(UP);
    second.sees("> :quit");
    second.keys(UP);
    second.sees("> fn haystack(x: f64) -> f64 {\n. x + 1\n. }");
    second.keys(CTRL_C);
    second.ready();
    second.keys(CTRL_R);
    second.keys("need");
    second.sees("let needle = 6 * 7");
    second.keys("\r");
    second.wait("the line is accepted", |screen| !screen.text().contains("(history"));
    second.keys("\r");
    second.ready();
    second.line("needle");
    second.sees("42  i64");
}

#[test]
fn tab_completes_names_fields_builtins_commands_and_files() {
    let folder = folder();
    std::fs::write(folder.path().join("measured.csv"), "a,b\n1,2\n3,4\n").unwrap();
    let mut screen = session(folder.path(), &[]);
    let mut completed = |keys: &str, whole: &str| {
        screen.keys(keys);
        screen.sees(keys);
        screen.keys(TAB);
        screen.sees(whole);
        screen.keys("\x15");
        screen.ready();
    };
    completed("logsum", "> logsumexp");
    completed(":qu", "> :quit");
    completed("let m = load(\"meas", "> let m = load(\"measured.csv");
    screen.line("let measured = load(\"measured.csv\")");
    screen.ready();
    screen.line("let temperature = 20.5");
    screen.ready();
    screen.keys("tempe\t");
    screen.sees("> temperature");
    screen.keys("\r");
    screen.sees("20.5  f64");
    screen.ready();
    screen.keys("measured.\t");
    screen.sees("a  ");
    screen.keys("b\r");
    screen.keys("\r");
    screen.sees("[2 4]  i64[2]");
}

#[test]
fn commands_answer() {
    let folder = folder();
    let mut screen = session(folder.path(), &[]);
    screen.line("let x = linspace(0.0, 1.0, 4)");
    screen.ready();
    for (line, answer) in [
        (":help", ":bench EXPR"),
        ("?logsumexp", "Example:"),
        (":doc numel", "write size(x)"),
        (":type x[x > 0.5]", "f64[2]"),
        (":time sum(x)", "compiled in"),
        (":bench sum(x)", "middle half"),
        (":emit graph sin(x)", "map sin"),
        (":explain sum(x^2)", "scalar operations"),
        (":vars", "x  f64[4]"),
        (":threads 1", "1 threads"),
        (":set interpret on", ">"),
        (":set", "interpret  on"),
        (":save session.tome", "saved 1 lines"),
        (":bogus", "there is no command"),
        (":s", "it could be"),
        (":rest", "did you mean"),
    ] {
        screen.line(line);
        screen.sees(answer);
        screen.ready();
        screen.keys("\x0c");
        screen.wait("the screen is clear", |screen| screen.text().lines().count() <= 1);
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("session.tome")).unwrap(), "let x = linspace(0.0, 1.0, 4)\n");
    screen.line(":reset");
    screen.ready();
    screen.line("x");
    screen.sees("E0201");
    screen.ready();
    screen.line(":load session.tome");
    screen.ready();
    screen.line("x[3]");
    screen.sees("1.0  f64");
    screen.ready();
    screen.line(":quit");
    assert_eq!(screen.end(), 0);
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let folder = folder();
    let coloured = |environment: &[(&str, &str)]| {
        let mut screen = session(folder.path(), environment);
        screen.line("let a = sum([1, 2])");
        screen.ready();
        screen.line("b");
        screen.sees("E0201");
        screen.ready();
        String::from_utf8_lossy(&screen.raw).contains("\x1b[35m")
    };
    assert!(coloured(&[]));
    assert!(!coloured(&[("NO_COLOR", "1")]));
}

#[test]
fn a_terminal_that_cannot_move_its_cursor_will_do() {
    let folder = folder();
    let mut screen = Screen::start(folder.path(), &["repl"], &[("TERM", "dumb")]);
    screen.sees("Ctrl-D leaves");
    screen.keys("let a = [1,\r");
    screen.sees(". ");
    screen.keys("2]\r");
    screen.keys("a\r");
    screen.sees("[1 2]  i64[2]");
    screen.keys(CTRL_D);
    assert_eq!(screen.end(), 0);
}

/// The session in docs/repl.md: what stands behind a prompt is typed, and what stands below is shown.
#[test]
fn the_session_in_the_documentation_is_what_happens() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/repl.md");
    let page = std::fs::read_to_string(page).unwrap();
    let folder = folder();
    let mut sessions = 0;
    for block in page.split("```session\n").skip(1) {
        sessions += 1;
        let block = block.split("```").next().unwrap();
        let mut screen = session(folder.path(), &[]);
        let mut expected: Vec<&str> = Vec::new();
        for line in block.lines().chain(["> "]) {
            match line.strip_prefix("> ").or_else(|| line.strip_prefix(". ")) {
                Some(input) => {
                    if line.starts_with('>') {
                        if !expected.is_empty() {
                            screen.sees(&expected.join("\n"));
                            expected.clear();
                        }
                        screen.ready();
                    }
                    screen.line(input);
                }
                None => expected.push(line),
            }
        }
    }
    assert!(sessions > 0);
}
