//! Building ahead of time: functions of a module as a library for other languages.
//!
//! In: a module, and what is wanted of it. Out: files, or everything that is wrong.
//! Always holds: nothing is written before everything is there that is going to be written.

use super::{Error, Module};
use crate::check::Checked;
use crate::codegen::{COMMON, Callers, Cpu, Target, Unit, object};
use crate::diagnostic::{Diagnostic, Result as Checking, codes};
use crate::graph::SizeEnv;
use crate::io;
use crate::loops;
use crate::native::{self, Interface, Linked, Obstacle};
use crate::pipeline::{self, Context};
use crate::syntax::span::Span;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildKind {
    /// An object file; it is linked together with the run-time library.
    Object,
    /// A static library, with the run-time library in it.
    Static,
    /// A shared library, with the run-time library in it.
    Shared,
}

impl BuildKind {
    /// What the end of a file's name stands for.
    pub fn of_path(path: &Path) -> Option<BuildKind> {
        match path.extension()?.to_str()? {
            "o" => Some(BuildKind::Object),
            "a" => Some(BuildKind::Static),
            "so" | "dylib" => Some(BuildKind::Shared),
            _ => None,
        }
    }
}

/// How functions are built.
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// The functions, by name.
    pub functions: Vec<String>,
    /// Where the library goes.
    pub output: PathBuf,
    /// What is made; what the end of the output's name says, if nothing is said.
    pub kind: Option<BuildKind>,
    /// What the names in C begin with; the name of the program's file, if nothing is said.
    pub prefix: Option<String>,
    /// The target; this machine's, if nothing is said.
    pub target: Option<String>,
    /// Which processors of the target.
    pub cpu: Cpu,
    /// Sizes to plan for.
    pub sizes: BTreeMap<String, i64>,
    /// Whether a Python module is written too.
    pub python: bool,
    /// Where the run-time library is.
    pub runtime: Option<PathBuf>,
    /// Whether a static library goes without the run-time library.
    pub without_runtime: bool,
    /// What links shared libraries; `CC`, or else `cc`, if nothing is said.
    pub linker: Option<String>,
}

/// What was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The files, in the order in which they were written.
    pub files: Vec<PathBuf>,
    /// What a program is linked with beside them.
    pub link_with: Vec<String>,
}

impl Module {
    /// Builds functions ahead of time, and writes the library, its header, and perhaps a Python module.
    ///
    /// # Errors
    /// When there is no such function, when it cannot be built as asked for, when something that is needed is missing, or a file
    /// cannot be written.
    pub fn build(&self, options: &BuildOptions) -> Result<Built, Error> {
        self.try_build(options).map_err(|diagnostic| self.error(diagnostic))
    }

    fn try_build(&self, options: &BuildOptions) -> Checking<Built> {
        let kind = kind(options)?;
        let prefix = self.prefix(options)?;
        let target = Target::for_object(options.target.as_deref(), options.cpu).map_err(|error| {
            request(error.reason(), "targets are named like x86_64-unknown-linux-gnu or aarch64-unknown-linux-gnu")
        })?;
        if target.is_windows() {
            return Err(request("libraries for Windows are not built yet", "build for another target"));
        }
        let mut kernels = Vec::new();
        let mut interfaces: Vec<Interface> = Vec::new();
        for name in &options.functions {
            if interfaces.iter().any(|interface| interface.name == *name) {
                continue;
            }
            let (kernel, interface) = self.compiled(name, &prefix, &target, options)?;
            kernels.push(kernel);
            interfaces.push(interface);
        }
        let symbols = symbols(&interfaces, &prefix)?;
        let units: Vec<Unit<'_>> = kernels
            .iter()
            .zip(&interfaces)
            .map(|(kernel, interface)| Unit { kernel, program: &interface.program, symbol: &interface.program.name })
            .collect();
        let object = object(&units, &prefix, Callers::C, &target)
            .map_err(|error| Diagnostic::global(codes::BUG, error.to_string()))?;
        self.write(options, kind, &Parts { prefix, target, interfaces, symbols, object })
    }

    /// A function's loops and its interface.
    fn compiled(
        &self,
        name: &str,
        prefix: &str,
        target: &Target,
        options: &BuildOptions,
    ) -> Checking<(loops::Kernel, Interface)> {
        let (checked, kernel) = self.lowered(name, &options.sizes)?;
        let interface =
            native::interface(&checked, &kernel, &self.sources, prefix, target.features()).map_err(problem)?;
        Ok((kernel, interface))
    }

    /// A function and its loops, planned for sizes.
    fn lowered(&self, name: &str, sizes: &BTreeMap<String, i64>) -> Checking<(Rc<Checked>, loops::Kernel)> {
        let checked = self.functions.get(name, Span::default()).map_err(|mut diagnostic| {
            if !self.functions.contains(name) {
                // The question came from outside: there is no place in the source to show.
                diagnostic.labels.clear();
            }
            diagnostic
        })?;
        let expected: SizeEnv = sizes.iter().map(|(name, size)| (name.as_str().into(), *size)).collect();
        let mut context = Context { expected, ..Context::default() };
        let mut kernel = loops::lower(&pipeline::run(&checked.graph, &mut context, None, |_, _| {})?)?;
        loops::prepare(&mut kernel);
        Ok((checked, kernel))
    }

    /// A static library of functions for programs in Rust: the record of a function has the symbol that stands behind its name.
    /// The run-time library is not in it.
    pub(crate) fn records(
        &self,
        functions: &[(String, String)],
        library: &str,
        target: &Target,
        sizes: &BTreeMap<String, i64>,
    ) -> Result<Vec<u8>, Error> {
        self.try_records(functions, library, target, sizes).map_err(|diagnostic| self.error(diagnostic))
    }

    fn try_records(
        &self,
        functions: &[(String, String)],
        library: &str,
        target: &Target,
        sizes: &BTreeMap<String, i64>,
    ) -> Checking<Vec<u8>> {
        let mut kernels = Vec::new();
        for (name, _) in functions {
            let (checked, kernel) = self.lowered(name, sizes)?;
            let inputs = checked.graph.inputs.iter().map(|input| input.name.clone());
            let names = inputs.chain((0..checked.graph.outputs.len()).map(|k| format!("result {k}"))).collect();
            let about = (&*checked, &kernel, &self.sources);
            let program = native::program(about, name.clone(), names, target.features());
            kernels.push((kernel, program));
        }
        let units: Vec<Unit<'_>> = kernels
            .iter()
            .zip(functions)
            .map(|((kernel, program), (_, symbol))| Unit { kernel, program, symbol })
            .collect();
        let object = object(&units, library, Callers::Rust, target)
            .map_err(|error| Diagnostic::global(codes::BUG, error.to_string()))?;
        native::bundle(&object, library, None, target.is_apple()).map_err(problem)
    }

    /// What names in C begin with.
    fn prefix(&self, options: &BuildOptions) -> Checking<String> {
        if let Some(prefix) = &options.prefix {
            if prefix.is_empty() || native::identifier(prefix) != *prefix {
                let text = format!("`{prefix}` is no beginning of a name in C");
                return Err(request(text, "letters, digits and underscores, the first no digit"));
            }
            return Ok(prefix.clone());
        }
        let stem = self.files().next().and_then(|name| Path::new(name).file_stem()?.to_str());
        Ok(native::identifier(stem.unwrap_or("kernels").trim_matches(['<', '>'])))
    }

    fn write(&self, options: &BuildOptions, kind: BuildKind, parts: &Parts) -> Checking<Built> {
        let Parts { prefix, target, interfaces, symbols, object } = parts;
        let mut link_with = Vec::new();
        let library = match kind {
            BuildKind::Object => {
                link_with.push(runtime_to_link(options, target));
                object.clone()
            }
            BuildKind::Static => {
                let runtime = if options.without_runtime { None } else { Some(runtime(options, target)?) };
                if runtime.is_none() {
                    link_with.push(runtime_to_link(options, target));
                }
                native::bundle(object, prefix, runtime.as_deref(), target.is_apple()).map_err(problem)?
            }
            BuildKind::Shared => {
                let runtime = runtime(options, target)?;
                let linker =
                    options.linker.clone().or_else(|| std::env::var("CC").ok().filter(|name| !name.is_empty()));
                if linker.is_none() && !target.is_here() {
                    let text =
                        format!("a shared library for {} is linked by a compiler for that target", target.name());
                    return Err(Diagnostic::global(codes::TOOLCHAIN, text).help("name it with --linker"));
                }
                let name =
                    options.output.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                let linked = Linked {
                    object,
                    runtime: &runtime,
                    linker: linker.as_deref().unwrap_or("cc"),
                    symbols,
                    name: &name,
                    apple: target.is_apple(),
                };
                native::shared(&linked).map_err(problem)?
            }
        };
        if kind != BuildKind::Shared {
            let system: &[&str] = if target.is_apple() { &["-lm"] } else { &["-lpthread", "-ldl", "-lm"] };
            link_with.extend(system.iter().map(|word| (*word).to_owned()));
        }
        let source = self.files().next().unwrap_or_default();
        let source =
            Path::new(source).file_name().map_or(source.to_owned(), |name| name.to_string_lossy().into_owned());
        let folder = options.output.parent().unwrap_or(Path::new("")).to_path_buf();
        let mut files = vec![(options.output.clone(), library)];
        files.push((folder.join(format!("{prefix}.h")), native::header(interfaces, prefix, &source).into_bytes()));
        if options.python {
            let name = options.output.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let text = native::python(interfaces, prefix, &name, &source);
            files.push((folder.join(format!("{prefix}.py")), text.into_bytes()));
        }
        for (path, bytes) in &files {
            io::save_bytes(path, bytes).map_err(|error| error.diagnostic(None))?;
        }
        Ok(Built { files: files.into_iter().map(|(path, _)| path).collect(), link_with })
    }
}

/// What is there before files are written.
struct Parts {
    prefix: String,
    target: Target,
    interfaces: Vec<Interface>,
    symbols: Vec<String>,
    object: Vec<u8>,
}

fn kind(options: &BuildOptions) -> Checking<BuildKind> {
    let kind = options.kind.or_else(|| BuildKind::of_path(&options.output)).ok_or_else(|| {
        let text = format!("`{}` does not say what to build", options.output.display());
        request(text, "let the name end in .o, .a or .so, or say --emit object, static or shared")
    })?;
    if options.python && kind != BuildKind::Shared {
        return Err(request(
            "a Python module loads a shared library",
            "let the name end in .so, or leave --python out",
        ));
    }
    Ok(kind)
}

/// The names that are visible from outside; an error if there is one twice.
fn symbols(interfaces: &[Interface], prefix: &str) -> Checking<Vec<String>> {
    let mut all: Vec<String> = COMMON.iter().map(|(name, _)| format!("{prefix}_{name}")).collect();
    for interface in interfaces {
        let symbol = &interface.program.name;
        for name in [symbol.clone(), format!("{symbol}_sizes")] {
            if all.contains(&name) {
                let text = format!("`{}` would be called `{name}` in C, and so is something else", interface.name);
                return Err(request(text, "rename the function, or call it from one with another name"));
            }
            all.push(name);
        }
    }
    Ok(all)
}

fn runtime(options: &BuildOptions, target: &Target) -> Checking<PathBuf> {
    if options.runtime.is_none() && !target.is_here() {
        let text = format!("there is no run-time library for {} at hand", target.name());
        return Err(Diagnostic::global(codes::TOOLCHAIN, text).help(format!(
            "build it with `cargo build --release -p microtome-runtime --target {}` and name it with --runtime; \
             `--emit object` needs none",
            target.name()
        )));
    }
    native::find(options.runtime.as_deref()).map_err(problem)
}

/// How the run-time library is named to a linker.
fn runtime_to_link(options: &BuildOptions, target: &Target) -> String {
    match native::find(options.runtime.as_deref()) {
        Ok(path) if options.runtime.is_some() || target.is_here() => path.display().to_string(),
        _ => "-lmicrotome_runtime".to_owned(),
    }
}

fn request(text: impl Into<String>, help: &str) -> Box<Diagnostic> {
    Diagnostic::global(codes::BUILD, text).help(help)
}

fn problem(obstacle: Obstacle) -> Box<Diagnostic> {
    match obstacle {
        Obstacle::Request(text, help) => {
            let error = Diagnostic::global(codes::BUILD, text);
            help.into_iter().fold(error, Diagnostic::help)
        }
        Obstacle::Tool(text, help) => {
            let error = Diagnostic::global(codes::TOOLCHAIN, text);
            if help.is_empty() { error } else { error.help(help) }
        }
    }
}
