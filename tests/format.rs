//! The canonical form: pairs of files, laws over every program of the repository and over random ones, the command.
//!
//! In: `tests/format/*.tome`, each with what becomes of it in `*.expected`; all `.tome` files; random programs.
//! Out: whether they are formatted as written there, mean the same, keep their comments, and stay as they are when
//! formatted again. MICROTOME_UPDATE=1 rewrites the expectations.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod generate;
mod harness;

use harness::{cases, compare_with_file, files, folder, shown};
use microtome::format::{format, format_bytes};
use microtome::syntax::comments::comments;
use microtome::syntax::lexer::lex;
use microtome::syntax::span::FileId;
use microtome::syntax::{dump, parse};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn tree(text: &str) -> Option<String> {
    parse(FileId(0), text).ok().map(|module| dump(&module))
}

fn comments_of(text: &str) -> Vec<String> {
    let found = comments(text, &lex(FileId(0), text).tokens);
    let words = found.iter().map(|one| &text[one.span.start as usize..one.span.end as usize]);
    words.map(|words| words.trim_end().to_string()).collect()
}

/// The laws of formatting, for a text that parses.
fn obeys(name: &str, text: &str) {
    let once = match format(text) {
        Ok(once) => once,
        Err(errors) => panic!("{name}: {}\n{text}", errors[0].message),
    };
    assert_eq!(tree(text), tree(&once), "{name}: another program\n{text}\n----\n{once}");
    assert_eq!(comments_of(text), comments_of(&once), "{name}: other comments\n{text}\n----\n{once}");
    let twice = format(&once).expect("what was formatted parses");
    assert_eq!(once, twice, "{name}: another form the second time\n{text}");
    assert!(once.is_empty() || once.ends_with('\n'), "{name}");
    assert!(!once.contains("\n\n\n") && !once.starts_with('\n') && !once.ends_with("\n\n"), "{name}:\n{once}");
    assert!(
        once.lines().all(|line| line.trim_end() == line && !line.trim_start_matches(' ').starts_with('\t')),
        "{name}:\n{once}"
    );
    let windows = text.replace("\r\n", "\n").replace('\n', "\r\n");
    assert_eq!(format(&windows).expect("the same program"), once, "{name}: line ends matter");
}

#[test]
fn programs_become_what_stands_beside_them() {
    let mut problems = String::new();
    for path in files(&folder("format"), "tome") {
        let text = std::fs::read_to_string(&path).unwrap();
        obeys(&shown(&path), &text);
        if let Err(problem) = compare_with_file(&path.with_extension("expected"), &format(&text).unwrap()) {
            problems.push_str(&problem);
        }
    }
    assert!(problems.is_empty(), "{problems}");
}

#[test]
fn every_program_of_the_repository_obeys_the_laws() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for place in ["tests/programs", "tests/errors", "examples", "benches"] {
        for path in files(&root.join(place), "tome") {
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            let programs = cases(&text).into_iter().map(|case| case.source).chain([text.clone()]);
            for program in programs.filter(|program| tree(program).is_some()) {
                obeys(&shown(&path), &program);
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "only {seen} programs");
}

#[test]
fn random_programs_obey_the_laws() {
    for seed in 0..1_000 {
        let text = generate::program(seed);
        let module = parse(FileId(0), &text);
        assert!(module.is_ok(), "seed {seed} makes no program: {:?}\n{text}", module.err());
        obeys(&format!("seed {seed}"), &text);
    }
}

/// Between them the random programs hold everything that the language has: otherwise the test above says little.
#[test]
fn random_programs_hold_everything() {
    let all: String = (0..400).map(|seed| tree(&generate::program(seed)).unwrap()).collect();
    for part in [
        "(fn ",
        "(import ",
        "(input ",
        "(let ",
        "(var ",
        "(= ",
        "(+= ",
        "(-= ",
        "(*= ",
        "(/= ",
        "(for ",
        "(while ",
        "(break)",
        "(continue)",
        "(return)",
        "(return ",
        "(assert ",
        "(if ",
        "(-> ",
        "(call ",
        "(index ",
        "(. ",
        "(tuple ",
        "(list ",
        "(time ",
        "(memory ",
        "(independent ",
        "(range ",
        "(over ",
        "(: ",
        "(+ ",
        "(- ",
        "(* ",
        "(/ ",
        "(// ",
        "(% ",
        "(@ ",
        "(^ ",
        "(== ",
        "(!= ",
        "(< ",
        "(<= ",
        "(> ",
        "(>= ",
        "(and ",
        "(or ",
        "(not ",
        "axis=",
        " for (in ",
        "{}",
        "?",
        "true",
        "\\\"",
        "[]",
    ] {
        assert!(all.contains(part), "no `{part}`");
    }
}

#[test]
fn the_same_errors_as_when_checking() {
    for path in files(&folder("errors"), "tome") {
        let bytes = std::fs::read(&path).unwrap();
        let expected = microtome::syntax::parse_bytes(FileId(0), &bytes).err();
        assert_eq!(format_bytes(&bytes).err(), expected, "{}", shown(&path));
    }
    assert_eq!(format("let = 1\nf(").unwrap_err().len(), 2);
}

#[test]
fn nothing_stays_nothing() {
    for text in ["", "\n", "  \r\n\t\n", "\u{feff}", ";"] {
        if tree(text).is_some() {
            assert_eq!(format(text).unwrap(), "", "{text:?}");
        }
    }
    assert_eq!(format("\n\n#  only this  ").unwrap(), "#  only this\n");
}

#[test]
fn deep_and_wide_programs() {
    for text in [
        format!("{}1", "-".repeat(499)),
        format!("{}1", "a^".repeat(499)),
        format!("{}1", "1 + ".repeat(499)),
        format!("{}1{}", "(".repeat(256), ")".repeat(256)),
        format!("{}1{}", "[".repeat(256), "]".repeat(256)),
        format!("{}x{}", "f(1, ".repeat(250), ")".repeat(250)),
        format!("{}x{}", "if a { ".repeat(250), " }".repeat(250)),
        format!("let y = {}1{}", "if a { ".repeat(250), " } else { 2 }".repeat(250)),
        format!("if a {{}}{}", " else if a {}".repeat(400)),
        format!("{}1", "x -> ".repeat(499)),
        format!("let x = [{}]", "1, ".repeat(20_000)),
        "y = f(x)  # c\n".repeat(5_000),
    ] {
        obeys(&text[..20.min(text.len())], &text);
    }
}

/// A folder of its own for one test.
fn scratch(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("format").join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a folder");
    path
}

/// Runs `microtome fmt` in a folder; gives its status and what it says.
fn fmt(folder: &Path, arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_microtome"));
    command.current_dir(folder).arg("fmt").args(arguments).env("NO_COLOR", "1");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn read(path: PathBuf) -> String {
    std::fs::read_to_string(path).expect("a file")
}

#[test]
fn the_command_rewrites_what_needs_it_and_nothing_else() {
    let here = scratch("rewrites");
    std::fs::create_dir_all(here.join("sub/.hidden")).unwrap();
    for (name, text) in [
        ("a.tome", "let x=1"),
        ("b.tome", "let x = 1\n"),
        ("sub/c.tome", "f( x )\r\n"),
        ("sub/.hidden/d.tome", "f( x )"),
        ("sub/notes.txt", "f( x )"),
    ] {
        std::fs::write(here.join(name), text).unwrap();
    }
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    std::fs::File::options().write(true).open(here.join("b.tome")).unwrap().set_modified(old).unwrap();

    let (status, out, err) = fmt(&here, &[".", "a.tome", "./a.tome"], "");
    assert_eq!((status, out.as_str()), (Some(0), ""), "{err}");
    assert_eq!(err.matches("formatted").count(), 2, "{err}");
    assert_eq!(read(here.join("a.tome")), "let x = 1\n");
    assert_eq!(read(here.join("sub/c.tome")), "f(x)\n");
    assert_eq!(read(here.join("sub/.hidden/d.tome")), "f( x )");
    assert_eq!(read(here.join("sub/notes.txt")), "f( x )");
    assert_eq!(std::fs::metadata(here.join("b.tome")).unwrap().modified().unwrap(), old);
    assert_eq!(fmt(&here, &["."], ""), (Some(0), String::new(), String::new()));
}

#[test]
fn checking_writes_nothing_and_shows_the_difference() {
    let here = scratch("checking");
    let text = "let a = 1\nlet b=2\nlet c = 3\nlet d = 4\n";
    std::fs::write(here.join("a.tome"), text).unwrap();
    std::fs::write(here.join("b.tome"), "let x = 1\n").unwrap();
    let (status, out, err) = fmt(&here, &["--check", "."], "");
    assert_eq!((status, err.as_str()), (Some(1), ""));
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(
        lines,
        [
            "--- ./a.tome",
            "+++ ./a.tome (formatted)",
            "@@ -1,3 +1,3 @@",
            " let a = 1",
            "-let b=2",
            "+let b = 2",
            " let c = 3"
        ]
    );
    assert_eq!(read(here.join("a.tome")), text);
    assert_eq!(fmt(&here, &["--check", "b.tome"], ""), (Some(0), String::new(), String::new()));
    assert_eq!(fmt(&here, &["--check", "-"], "f(1)\n"), (Some(0), String::new(), String::new()));
    assert_eq!(fmt(&here, &["--check", "-"], "f( 1)\n").0, Some(1));
}

#[test]
fn a_bad_file_is_left_alone_and_the_others_are_not() {
    let here = scratch("bad");
    for (name, text) in [("a.tome", "let = 1\nx ="), ("b.tome", "let x=1")] {
        std::fs::write(here.join(name), text).unwrap();
    }
    std::fs::write(here.join("c.tome"), b"let x=\"\xff\"").unwrap();
    let (status, out, err) = fmt(&here, &["."], "");
    assert_eq!((status, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("E0101") && err.contains("a.tome:1:5") && err.contains("E0105"), "{err}");
    assert_eq!(read(here.join("a.tome")), "let = 1\nx =");
    assert_eq!(read(here.join("b.tome")), "let x = 1\n");
    assert_eq!(std::fs::read(here.join("c.tome")).unwrap(), b"let x=\"\xff\"");
    assert_eq!(std::fs::read_dir(&here).unwrap().count(), 3);
    for (arguments, words) in [
        (vec!["nowhere.tome"], "there is no such file"),
        (vec!["--check", "nowhere.tome"], "there is no such file"),
        (vec!["-"], "<stdin>"),
    ] {
        let (status, out, err) = fmt(&here, &arguments, "f(");
        assert_eq!((status, out.as_str()), (Some(1), ""));
        assert!(err.contains(words), "{err}");
    }
    std::fs::create_dir(here.join("empty")).unwrap();
    assert_eq!(fmt(&here, &["empty"], "").0, Some(1));
    assert_eq!(fmt(&here, &[], "").0, Some(2));
}

#[test]
fn standard_input_goes_to_standard_output() {
    let here = scratch("stdin");
    assert_eq!(fmt(&here, &["-"], "f( x )# c"), (Some(0), "f(x)  # c\n".to_string(), String::new()));
    assert_eq!(fmt(&here, &["-"], ""), (Some(0), String::new(), String::new()));
    assert_eq!(std::fs::read_dir(&here).unwrap().count(), 0);
}
