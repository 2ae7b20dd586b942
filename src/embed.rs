//! For build scripts: a program checked when a crate is built, as a module of typed Rust functions.
//!
//! In: a `.tome` file. Out: a Rust module with a function for each of the file's, or the errors of the program, which fail
//! the build.
//! Always holds: what is written compiles without warnings, and reads no file when it runs.
//!
//! ```no_run
//! // The body of `main` in build.rs; `microtome` stands among the build-dependencies and among the dependencies.
//! microtome::embed::compile("src/kernels.tome");
//! ```
//!
//! ```ignore
//! // src/main.rs
//! mod kernels {
//!     include!(concat!(env!("OUT_DIR"), "/kernels.rs"));
//! }
//!
//! let y = kernels::rows(x.view(), w.view())?;
//! ```
//!
//! A function `fn rows(x: f64[n, d], w: f64[d]) -> f64[n]` becomes
//! `fn rows(x: ArrayView2<f64>, w: ArrayView1<f64>) -> Result<Array1<f64>, microtome::Error>`, and `kernel::rows()` gives its
//! [`TypedKernel`], for results in given buffers and for interrupts. Machine code is made once in a process, at the first
//! call. Functions that take lists or have parameters without a type are compiled where they are called, and are left out
//! of the module, as are those with more than twelve parameters.

use crate::session::{Error, Kernel, KernelType, Module, Session, Signature, TypedKernel, ValueType};
use std::path::Path;

/// The most parameters, or parts of a tuple, that the typed handles have.
const MOST: usize = 12;

/// Words that Rust keeps for itself, and a program may use as names.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "const", "do", "dyn", "enum", "extern", "final", "gen",
    "impl", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "static", "struct",
    "trait", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "yield", "break", "continue",
    "else", "false", "fn", "for", "if", "in", "let", "return", "true", "while",
];

/// Checks a program and writes its module into cargo's output directory, under the file's name with `.rs` in place of
/// `.tome`. For build scripts: what is wrong is told to cargo, and ends the script.
pub fn compile(path: impl AsRef<Path>) {
    let path = path.as_ref();
    println!("cargo::rerun-if-changed={}", path.display());
    let written = match module(path) {
        Ok(embedded) => {
            embedded.files.iter().for_each(|file| println!("cargo::rerun-if-changed={file}"));
            embedded.left_out.iter().for_each(|reason| println!("cargo::warning={}: {reason}", path.display()));
            write(path, &embedded.text)
        }
        Err(error) => {
            error.files().for_each(|file| println!("cargo::rerun-if-changed={file}"));
            Err(error.render(false))
        }
    };
    if let Err(text) = written {
        text.lines().for_each(|line| println!("cargo::error={line}"));
        std::process::exit(1);
    }
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let folder = std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR for build scripts only")?;
    let name = path.file_stem().ok_or_else(|| format!("{} names no file", path.display()))?;
    let target = Path::new(&folder).join(name).with_extension("rs");
    std::fs::write(&target, text).map_err(|error| format!("cannot write {}: {error}", target.display()))
}

/// A program as a Rust module.
#[derive(Clone, Debug)]
pub struct Embedded {
    /// The text of the module.
    pub text: String,
    /// The files that the program is made of.
    pub files: Vec<String>,
    /// Which functions are left out, and why.
    pub left_out: Vec<String>,
}

/// The module for a program, as text.
///
/// # Errors
/// When the file cannot be read, and everything that is wrong with the program.
pub fn module(path: &Path) -> Result<Embedded, Error> {
    let program = Session::with_threads(1).compile_file(path)?;
    let mut left_out = Vec::new();
    let (mut functions, mut handles) = (String::new(), String::new());
    for name in program.own_functions() {
        if !program.is_kernel(name) {
            left_out.push(format!(
                "`{name}` takes lists, or has parameters without a type: it is compiled where it is called"
            ));
            continue;
        }
        let kernel = program.kernel(name)?;
        match too_wide(kernel.signature()) {
            true => left_out.push(format!("`{name}` has more than {MOST} parameters, or a tuple of more parts")),
            false => {
                let (function, handle) = function(&kernel);
                functions.push_str(&function);
                handles.push_str(&handle);
            }
        }
    }
    Ok(Embedded {
        text: format!("{}{functions}{HANDLES}{handles}}}\n", header(&program)),
        files: program.files().map(str::to_string).collect(),
        left_out,
    })
}

/// A kernel of a program that a build script has checked. What the functions of the module call.
///
/// # Errors
/// None that the build script has not seen, if it is of the same version.
#[doc(hidden)]
pub fn kernel<F: KernelType>(texts: &[(&str, &str)], name: &str) -> Result<TypedKernel<F>, Error> {
    Session::new().compile_bundle(texts)?.kernel(name)?.typed()
}

/// What stands above the kernels, which have the names of the functions.
const HANDLES: &str = "
/// The kernels behind the functions: for results in given buffers, and for interrupts.
///
/// # Errors
/// None, unless microtome is of another version than the one that wrote this.
#[allow(non_snake_case, clippy::type_complexity)]
pub mod kernel {
";

fn header(program: &Module) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let texts: Vec<String> = program.texts().map(|(name, text)| format!("    ({name:?}, {text:?}),\n")).collect();
    let name = program.files().next().unwrap_or_default().escape_debug();
    format!(
        "// Written by microtome {version} from {name}: change that file instead.\n\n\
         static PROGRAM: &[(&str, &str)] = &[\n{}];\n",
        texts.concat()
    )
}

/// The comment above a function as documentation; brackets are no links.
fn documentation(kernel: &Kernel) -> String {
    let line = |line: &str| {
        let line = if line.contains('`') { line.to_string() } else { line.replace('[', "\\[") };
        format!("{}\n", format!("/// {line}").trim_end())
    };
    let lines: String = kernel.documentation().lines().map(line).collect();
    if lines.is_empty() { lines } else { format!("{lines}///\n") }
}

/// The function for a kernel, and the one that gives the kernel.
fn function(kernel: &Kernel) -> (String, String) {
    let (signature, comment) = (kernel.signature(), documentation(kernel));
    let name = identifier(&signature.name);
    let parameters = &signature.parameters;
    let names: Vec<String> = parameters.iter().map(|(name, _)| identifier(name)).collect();
    let views: Vec<String> = parameters.iter().map(|(_, ty)| rust(ty, "ArrayView", "'_, ")).collect();
    let listed: Vec<String> = names.iter().zip(&views).map(|(name, view)| format!("{name}: {view}")).collect();
    let types: Vec<String> = parameters.iter().map(|(_, ty)| rust(ty, "Array", "")).collect();
    let result = rust(&signature.result, "Array", "");
    let typed = format!("::microtome::TypedKernel<fn({}) -> {result}>", types.join(", "));
    let arguments = if let [one] = names.as_slice() { one.clone() } else { format!("({})", names.join(", ")) };
    let function = format!(
        "
{comment}/// `{signature}`
///
/// # Errors
/// When sizes do not fit each other, when a check of the function fails, or when there is not enough memory.
#[allow(non_snake_case, clippy::too_many_arguments, clippy::type_complexity)]
pub fn {name}({}) -> Result<{result}, ::microtome::Error> {{
    kernel::{name}()?.call({arguments})
}}
",
        listed.join(", "),
    );
    let handle = format!(
        "
    /// `{signature}`
    pub fn {name}() -> Result<&'static {typed}, ::microtome::Error> {{
        static KERNEL: ::std::sync::OnceLock<Result<{typed}, ::microtome::Error>> = ::std::sync::OnceLock::new();
        KERNEL.get_or_init(|| ::microtome::embed::kernel(super::PROGRAM, {:?})).as_ref().map_err(Clone::clone)
    }}
",
        signature.name,
    );
    (function, handle)
}

/// A type in Rust, with `family` for arrays: `::microtome::ndarray::ArrayView2<'_, f64>`.
fn rust(ty: &ValueType, family: &str, lifetime: &str) -> String {
    let tuple = |parts: &mut dyn Iterator<Item = &ValueType>| {
        let parts: Vec<String> = parts.map(|part| rust(part, family, lifetime)).collect();
        if let [one] = parts.as_slice() { format!("({one},)") } else { format!("({})", parts.join(", ")) }
    };
    match ty {
        ValueType::Array { dtype, sizes } => {
            let element = match dtype {
                crate::DType::F16 | crate::DType::BF16 => format!("::microtome::half::{dtype}"),
                _ => dtype.name().to_string(),
            };
            match sizes.len() {
                0 => element,
                rank @ 1..=6 => format!("::microtome::ndarray::{family}{rank}<{lifetime}{element}>"),
                _ => format!("::microtome::ndarray::{family}D<{lifetime}{element}>"),
            }
        }
        ValueType::Tuple(parts) | ValueType::List(parts) => tuple(&mut parts.iter()),
        ValueType::Record(fields) => tuple(&mut fields.iter().map(|(_, ty)| ty)),
        ValueType::Nothing => "()".to_string(),
    }
}

/// A name as Rust takes it.
fn identifier(name: &str) -> String {
    match name {
        "self" | "Self" | "super" | "crate" | "_" => format!("{name}_"),
        _ if KEYWORDS.contains(&name) => format!("r#{name}"),
        _ => name.to_string(),
    }
}

fn too_wide(signature: &Signature) -> bool {
    fn wide(ty: &ValueType) -> bool {
        match ty {
            ValueType::Array { .. } | ValueType::Nothing => false,
            ValueType::Tuple(parts) | ValueType::List(parts) => parts.len() > MOST || parts.iter().any(wide),
            ValueType::Record(fields) => fields.len() > MOST || fields.iter().any(|(_, ty)| wide(ty)),
        }
    }
    let parameters = &signature.parameters;
    parameters.len() > MOST || parameters.iter().any(|(_, ty)| wide(ty)) || wide(&signature.result)
}
