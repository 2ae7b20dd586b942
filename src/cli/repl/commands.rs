//! `:commands`.
//!
//! In: a command's name and what stands behind it. Out: its answer on standard output.
//! Always holds: `:help`, completion and what can be called come from one table.

use super::super::measure::{duration, lines};
use super::super::{doc, report::print};
use super::{Next, Repl};
use microtome::diagnostic::{Diagnostic, Sources, codes, nearest};
use microtome::runtime::memory::{memory_limit, read_bytes, show_bytes};
use microtome::{Error, Stage, io};
use std::path::Path;
use std::time::Duration;

/// A command.
struct Command {
    name: &'static str,
    /// What stands behind it.
    argument: &'static str,
    help: &'static str,
    run: fn(&mut Repl, &str) -> Result<(), Error>,
}

/// How long `:bench` runs an expression.
const BUDGET: Duration = Duration::from_secs(1);

const QUIT: &str = "quit";

const COMMANDS: &[Command] = &[
    Command { name: "help", argument: "", help: "list the commands", run: help },
    Command {
        name: "doc",
        argument: "NAME",
        help: "explain a builtin, as ?NAME does; a function shows its head",
        run: explain_name,
    },
    Command { name: "type", argument: "EXPR", help: "the type of an expression, which is not run", run: type_of },
    Command { name: "time", argument: "EXPR", help: "how long it takes to compile and to run", run: time },
    Command { name: "bench", argument: "EXPR", help: "run it for a second: median, spread, memory", run: bench },
    Command {
        name: "explain",
        argument: "EXPR",
        help: "what an expression or function costs, and how it is computed",
        run: explain,
    },
    Command {
        name: "emit",
        argument: "STAGE EXPR",
        help: "an expression or function at a stage of the compiler",
        run: emit,
    },
    Command { name: "vars", argument: "", help: "the names there are, with their types", run: variables },
    Command {
        name: "load",
        argument: "FILE",
        help: "run a program here, or bind the arrays of a data file",
        run: load,
    },
    Command { name: "save", argument: "FILE", help: "write the inputs that went well as a program", run: save },
    Command { name: "reset", argument: "", help: "forget every name", run: reset },
    Command {
        name: "memory",
        argument: "[BYTES]",
        help: "how much memory arrays may use; set it, as 4GB or `free`",
        run: memory,
    },
    Command { name: "threads", argument: "[N]", help: "how many threads inputs run on; set it", run: threads },
    Command { name: "set", argument: "[NAME VALUE]", help: "the settings; change one", run: set },
    Command { name: QUIT, argument: "", help: "leave, as Ctrl-D does", run: |_, _| Ok(()) },
];

/// What `:set` changes.
pub(super) const SETTINGS: &[(&str, &str)] = &[
    ("interpret", "inputs run in the reference interpreter"),
    ("progress", "a bar while something takes long"),
    ("time", "how long each input took"),
    ("types", "types behind values"),
];

/// The names of all commands.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().map(|command| command.name)
}

/// Runs a command; an unambiguous beginning of its name is enough.
pub(super) fn run(repl: &mut Repl, name: &str, argument: &str) -> Next {
    let exact = COMMANDS.iter().find(|command| command.name == name);
    let starts: Vec<&Command> = COMMANDS.iter().filter(|command| command.name.starts_with(name)).collect();
    let command = exact.or(match starts.as_slice() {
        [only] if !name.is_empty() => Some(only),
        _ => None,
    });
    let done = match command {
        Some(command) if command.name == QUIT => return Next::Leave,
        Some(command) => (command.run)(repl, argument),
        None => Err(unknown(name, &starts)),
    };
    repl.report(done);
    Next::Prompt
}

fn unknown(name: &str, starts: &[&Command]) -> Error {
    let error = Diagnostic::global(codes::UNKNOWN_NAME, format!("there is no command `:{name}`"));
    let error = match (starts, nearest(name, names())) {
        ([_, _, ..], _) if !name.is_empty() => {
            let all: Vec<String> = starts.iter().map(|command| format!(":{}", command.name)).collect();
            error.help(format!("it could be {}", all.join(" or ")))
        }
        (_, Some(near)) => error.help(format!("did you mean `:{near}`?")),
        _ => error.help(":help lists them"),
    };
    Error::new(vec![error], Sources::default())
}

/// A command was not given what it needs.
fn usage(text: &str) -> Error {
    Error::new(vec![Diagnostic::global(codes::ARGUMENTS, text)], Sources::default())
}

fn help(_: &mut Repl, _: &str) -> Result<(), Error> {
    let heads = COMMANDS.iter().map(|command| (format!(":{} {}", command.name, command.argument), command.help));
    let all: Vec<(String, &str)> = [("?NAME".to_string(), "explain a builtin")].into_iter().chain(heads).collect();
    for (head, help) in all {
        println!("{head:<20}{help}");
    }
    print(
        "\nAn expression shows its value, which is `_` from then on; with `;` behind it it does not.\n\
         What is open goes on in the next line; Alt-Enter makes a new line anywhere. Tab completes, Ctrl-R searches the\n\
         history, Ctrl-C stops what runs, Ctrl-D leaves. A function or name may be defined anew.\n",
    );
    Ok(())
}

fn explain_name(repl: &mut Repl, name: &str) -> Result<(), Error> {
    if name.is_empty() {
        print(&doc::names());
        return Ok(());
    }
    let head = repl.session.functions().find(|(known, _)| *known == name).map(|(_, head)| head);
    let value = repl.session.value(name).map(|value| format!("{name}: {}", value.type_text()));
    match head.or(value).or_else(|| doc::page(name)) {
        Some(text) => println!("{}", text.trim_end()),
        None => return Err(Error::new(vec![doc::unknown(name)], Sources::default())),
    }
    Ok(())
}

fn type_of(repl: &mut Repl, text: &str) -> Result<(), Error> {
    let text = repl.outside(|session, outlet| session.type_of(text, outlet))?;
    println!("{text}");
    Ok(())
}

fn time(repl: &mut Repl, text: &str) -> Result<(), Error> {
    if repl.session.is_expression(text) {
        let measured = repl.outside(|session, outlet| session.measure(text, Duration::ZERO, outlet))?;
        let run = measured.runs.first().copied().unwrap_or_default();
        println!("{}", times(measured.compile, run));
        return Ok(());
    }
    let answer = repl.evaluate(text)?;
    println!("{}", times(answer.compile, answer.run));
    Ok(())
}

/// `compiled in 1.2 ms, ran in 3.4 ms`.
pub(super) fn times(compile: Duration, run: Duration) -> String {
    format!("compiled in {}, ran in {}", duration(compile), duration(run))
}

fn bench(repl: &mut Repl, text: &str) -> Result<(), Error> {
    let measured = repl.outside(|session, outlet| session.measure(text, BUDGET, outlet))?;
    print(&lines(&measured, repl.session.threads()));
    Ok(())
}

fn explain(repl: &mut Repl, text: &str) -> Result<(), Error> {
    let explanation = repl.outside(|session, outlet| session.explain(text, outlet))?;
    print(&explanation.text());
    Ok(())
}

fn emit(repl: &mut Repl, argument: &str) -> Result<(), Error> {
    let (name, text) = argument.split_once(char::is_whitespace).unwrap_or((argument, ""));
    let Some(stage) = Stage::from_name(name) else {
        return Err(usage(&format!(
            "`:emit` takes a stage and an expression; stages are {}",
            Stage::names().join(", ")
        )));
    };
    let text = repl.outside(|session, outlet| session.emit(&stage, text, outlet))?;
    print(&text);
    Ok(())
}

fn variables(repl: &mut Repl, _: &str) -> Result<(), Error> {
    let session = &repl.session;
    let mut rows: Vec<(String, String)> = Vec::new();
    for name in session.names() {
        let Some(value) = session.value(name) else { continue };
        let ty = value.type_text();
        // A number is shown, an array is not.
        let text = if ty.contains('[') || ty.contains(' ') { ty } else { value.render(true) };
        rows.push((format!("{}{name}", if session.is_variable(name) { "var " } else { "" }), text));
    }
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, text) in rows {
        println!("{name:<width$}  {text}");
    }
    session.functions().for_each(|(_, head)| println!("{head}"));
    Ok(())
}

fn load(repl: &mut Repl, argument: &str) -> Result<(), Error> {
    let path = Path::new(argument);
    if argument.is_empty() {
        return Err(usage("`:load` takes a file"));
    }
    if path.extension().is_some_and(|extension| extension == "tome") {
        return repl.outside(|session, outlet| session.load(path, outlet)).map(|_| ());
    }
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let mut name: String = stem.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        name.insert(0, '_');
    }
    let quoted = argument.replace('\\', "\\\\").replace('"', "\\\"");
    let input = format!("let {name} = load(\"{quoted}\")");
    repl.outside(|session, outlet| session.evaluate(&input, outlet))?;
    let what = repl.session.value(&name).map(|value| value.type_text()).unwrap_or_default();
    println!("{name}: {what}");
    Ok(())
}

fn save(repl: &mut Repl, argument: &str) -> Result<(), Error> {
    if argument.is_empty() {
        return Err(usage("`:save` takes a file"));
    }
    let program = repl.session.program();
    io::save_text(Path::new(argument), &program)
        .map_err(|error| Error::new(vec![error.diagnostic(None)], Sources::default()))?;
    println!("saved {} lines in {argument}", program.lines().count());
    Ok(())
}

fn reset(repl: &mut Repl, _: &str) -> Result<(), Error> {
    repl.session.reset();
    Ok(())
}

fn memory(repl: &mut Repl, argument: &str) -> Result<(), Error> {
    let control = repl.session.control();
    match argument {
        "" => {}
        "free" => control.limit_memory(None),
        text => control.limit_memory(Some(read_bytes(text).map_err(|wrong| usage(&wrong))?)),
    }
    match control.memory_limit() {
        Some(limit) => println!("{}, as it was set", show_bytes(limit)),
        None => println!("{}, nine tenths of what is free", show_bytes(memory_limit(None))),
    }
    Ok(())
}

fn threads(repl: &mut Repl, argument: &str) -> Result<(), Error> {
    if !argument.is_empty() {
        match argument.parse::<u16>() {
            Ok(count) if count > 0 => repl.session.set_threads(usize::from(count)),
            _ => return Err(usage("`:threads` takes a number from 1 on")),
        }
    }
    println!("{} threads", repl.session.threads());
    Ok(())
}

fn set(repl: &mut Repl, argument: &str) -> Result<(), Error> {
    let words: Vec<&str> = argument.split_whitespace().collect();
    match words.as_slice() {
        [] => {
            for (name, what) in SETTINGS {
                println!("{name:<10} {:<4} {what}", if setting(repl, name) { "on" } else { "off" });
            }
            Ok(())
        }
        [name, value @ ("on" | "off")] if SETTINGS.iter().any(|(known, _)| known == name) => {
            change(repl, name, *value == "on");
            Ok(())
        }
        [name, ..] if SETTINGS.iter().any(|(known, _)| known == name) => Err(usage(&format!("`{name}` is on or off"))),
        [name, ..] => {
            let known: Vec<&str> = SETTINGS.iter().map(|(name, _)| *name).collect();
            Err(usage(&format!("there is no setting `{name}`; there are {}", known.join(", "))))
        }
    }
}

fn setting(repl: &Repl, name: &str) -> bool {
    match name {
        "interpret" => repl.session.interprets(),
        "progress" => repl.progress,
        "time" => repl.timed,
        _ => repl.types,
    }
}

fn change(repl: &mut Repl, name: &str, on: bool) {
    match name {
        "interpret" => repl.session.set_interprets(on),
        "progress" => repl.progress = on,
        "time" => repl.timed = on,
        _ => repl.types = on,
    }
}
