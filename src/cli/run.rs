//! `microtome run`: a program, run.
//!
//! In: a file, or `-` for standard input, and what feeds its inputs. Out: what the program prints and saves.
//! Always holds: nothing runs before every input fits.

use super::progress::Progress;
use super::report::{Console, Status};
use super::{interrupt, terminal, watch};
use clap::Args;
use microtome::runtime::memory::read_bytes;
use microtome::{Error, InputSource, Module, RunOptions, Session};
use std::io::Read;
use std::path::{Path, PathBuf};

/// What to run, and how.
#[derive(Args)]
pub(super) struct Run {
    /// The program; `-` is standard input.
    file: PathBuf,
    /// An input: `x=file.npy`, `k=3`, or `all.npz`, whose every key feeds the input of that name.
    /// Files are .npy, .npz, .csv, .mat and .safetensors.
    #[arg(long, value_name = "INPUT")]
    input: Vec<String>,
    /// Use the reference interpreter instead of machine code.
    #[arg(long)]
    interpret: bool,
    #[command(flatten)]
    resources: Resources,
    /// Run again whenever the program, or a file that it imports or is given, changes.
    #[arg(long)]
    watch: bool,
}

/// What a run may use of the machine.
#[derive(Args, Clone, Copy, Default)]
pub(super) struct Resources {
    /// At most this many threads [default: as many as the machine runs at once].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// At most this much memory for arrays, as in 4GB or 512MiB; what needs more is refused before it runs [default: nine
    /// tenths of what is free].
    #[arg(long, value_name = "BYTES", value_parser = read_bytes)]
    max_memory: Option<u64>,
}

impl Resources {
    /// A session that keeps to it.
    pub(super) fn session(self) -> Session {
        let session = self.threads.map_or_else(Session::new, |threads| Session::with_threads(usize::from(threads)));
        match self.max_memory {
            Some(bytes) => session.with_max_memory(bytes),
            None => session,
        }
    }
}

pub(super) const EXAMPLES: &str = "Examples:
  microtome run examples/second_moment.tome
  microtome run fit.tome --input x=points.npy --input k=3
  microtome run fit.tome --input all.npz --threads 1
  microtome run fit.tome --max-memory 4GB
  microtome run --watch fit.tome
  echo 'print(sum(arange(5)))' | microtome run -";

/// Runs a program, once or whenever it changes.
pub(super) fn run(arguments: &Run, console: &Console) -> Status {
    if !arguments.watch {
        return once(arguments, console, &mut Vec::new());
    }
    let given = arguments.input.iter().filter_map(|text| match input_source(text) {
        InputSource::All(path) => Some(path),
        InputSource::Named(_, value) => Some(PathBuf::from(value)).filter(|path| path.exists()),
    });
    let given: Vec<PathBuf> = given.collect();
    watch::repeat(console, &arguments.file, |files| {
        files.extend(given.iter().cloned());
        once(arguments, console, files)
    })
}

/// Runs it; notes the files that it is made of.
fn once(arguments: &Run, console: &Console, files: &mut Vec<PathBuf>) -> Status {
    let session = arguments.resources.session();
    console.finish(program(&session, &arguments.file, files).and_then(|module| {
        let inputs = arguments.input.iter().map(|text| input_source(text)).collect();
        let options = RunOptions { inputs, interpret: arguments.interpret, terminal: terminal::of_stdout() };
        execute(&session, &module, &options, console)
    }))
}

/// Standard input as a program.
pub(super) fn stdin(interpret: bool, resources: Resources, console: &Console) -> Status {
    let session = resources.session();
    let options = RunOptions { interpret, terminal: terminal::of_stdout(), ..RunOptions::default() };
    let module = program(&session, Path::new("-"), &mut Vec::new());
    console.finish(module.and_then(|module| execute(&session, &module, &options, console)))
}

/// Runs a module so that Ctrl-C stops it, and with a bar if it takes long.
fn execute(session: &Session, module: &Module, options: &RunOptions, console: &Console) -> Result<(), Error> {
    let control = session.control();
    interrupt::on_ctrl_c(&control);
    let progress = Progress::watch(&control, true);
    module.run(options, &mut progress.stdout(), &mut |warning| progress.aside(|| console.warning(&warning)))
}

/// The program of that path; `-` is standard input. Notes the files that it is made of.
pub(super) fn program(session: &Session, path: &Path, files: &mut Vec<PathBuf>) -> Result<Module, Error> {
    let read = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        match std::io::stdin().lock().read_to_end(&mut bytes) {
            Ok(_) => session.compile_bytes("<stdin>", &bytes),
            Err(error) => Err(Error::unreadable("standard input", &error)),
        }
    } else {
        session.compile_file(path)
    };
    files.extend(match &read {
        Ok(module) => module.files().map(PathBuf::from).collect::<Vec<_>>(),
        Err(error) => error.files().map(PathBuf::from).collect(),
    });
    read
}

/// `name=value`, or a file of arrays by name.
pub(super) fn input_source(text: &str) -> InputSource {
    match text.split_once('=') {
        Some((name, value)) => InputSource::Named(name.to_string(), value.to_string()),
        None => InputSource::All(PathBuf::from(text)),
    }
}
