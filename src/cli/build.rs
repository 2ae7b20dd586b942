//! `microtome build`: functions of a program as a library for C, C++ and Python.
//!
//! In: a file, functions, where the library goes. Out: the library, its header, perhaps a Python module.
//! Always holds: what to link with is told on standard output, one word a line, after the names of the files.

use super::report::{Console, Status, print};
use super::run::program;
use clap::{Args, ValueEnum};
use microtome::{BuildKind, BuildOptions, Cpu, Session};
use std::path::PathBuf;

/// What to build, and how.
#[derive(Args)]
pub(super) struct Build {
    /// The program; `-` is standard input.
    file: PathBuf,
    /// A function to build; may be given several times.
    #[arg(long = "fn", value_name = "NAME", required = true)]
    function: Vec<String>,
    /// Where the library goes: .o, .a or .so (.dylib); its header goes beside it, named by the prefix.
    #[arg(short, long, value_name = "PATH")]
    output: PathBuf,
    /// What to make, if the name of the library does not say.
    #[arg(long, value_enum)]
    emit: Option<Emit>,
    /// What names in C begin with [default: the name of the program's file].
    #[arg(long, value_name = "NAME")]
    prefix: Option<String>,
    /// Also write a Python module over ctypes beside a shared library.
    #[arg(long)]
    python: bool,
    /// The target: x86_64-unknown-linux-gnu, aarch64-apple-darwin and the like [default: this machine].
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// Which processors: all of about 2010 and later, or those that can do what this one can.
    #[arg(long, value_enum, default_value_t = Processor::Baseline)]
    cpu: Processor,
    /// A size to plan for, `n=1000`; the code is right at every size, and fastest near these.
    #[arg(long, value_name = "NAME=N", value_parser = size)]
    size: Vec<(String, i64)>,
    /// The run-time library, or its folder [default: MICROTOME_RUNTIME, or beside the executable].
    #[arg(long, value_name = "PATH")]
    runtime: Option<PathBuf>,
    /// Leave the run-time library out of a static library.
    #[arg(long)]
    no_runtime: bool,
    /// What links shared libraries [default: CC, or cc].
    #[arg(long, value_name = "COMMAND")]
    linker: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Emit {
    Object,
    Static,
    Shared,
}

#[derive(Clone, Copy, ValueEnum)]
enum Processor {
    Baseline,
    Native,
}

pub(super) const EXAMPLES: &str = "Examples:
  microtome build moment.tome --fn second_moment -o libmoment.a
  microtome build moment.tome --fn second_moment --fn mean_gradient -o libmoment.so --python
  microtome build moment.tome --fn second_moment -o moment.o --target aarch64-unknown-linux-gnu";

fn size(text: &str) -> Result<(String, i64), String> {
    let parsed = text.split_once('=').and_then(|(name, value)| Some((name.to_owned(), value.parse().ok()?)));
    parsed
        .filter(|(name, value)| !name.is_empty() && *value >= 0)
        .ok_or_else(|| "expected NAME=N, n=1000 for instance".to_owned())
}

/// Builds the library.
pub(super) fn run(arguments: &Build, console: &Console) -> Status {
    let options = BuildOptions {
        functions: arguments.function.clone(),
        output: arguments.output.clone(),
        kind: arguments.emit.map(|emit| match emit {
            Emit::Object => BuildKind::Object,
            Emit::Static => BuildKind::Static,
            Emit::Shared => BuildKind::Shared,
        }),
        prefix: arguments.prefix.clone(),
        target: arguments.target.clone(),
        cpu: match arguments.cpu {
            Processor::Baseline => Cpu::Baseline,
            Processor::Native => Cpu::Native,
        },
        sizes: arguments.size.iter().cloned().collect(),
        python: arguments.python,
        runtime: arguments.runtime.clone(),
        without_runtime: arguments.no_runtime,
        linker: arguments.linker.clone(),
    };
    let built = program(&Session::new(), &arguments.file, &mut Vec::new()).and_then(|module| module.build(&options));
    console.finish(built.map(|built| {
        let mut text: String = built.files.iter().map(|path| format!("{}\n", path.display())).collect();
        if !built.link_with.is_empty() {
            text.push_str(&format!("link with: {}\n", built.link_with.join(" ")));
        }
        print(&text);
    }))
}
