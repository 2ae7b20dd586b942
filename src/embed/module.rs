//! The text of the Rust module for a program.
//!
//! In: kernels, and the symbols of their records in a library. Out: a function with the kernel's types for each, and a handle.
//! Always holds: names that Rust keeps for itself are names in Rust all the same.

use crate::runtime::symbols;
use crate::session::{Kernel, Module, Signature, ValueType};

/// The most parameters, or parts of a tuple, that the typed handles have.
const MOST: usize = 12;

/// Words that Rust keeps for itself, and a program may use as names.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "const", "do", "dyn", "enum", "extern", "final", "gen",
    "impl", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "static", "struct",
    "trait", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "yield", "break", "continue",
    "else", "false", "fn", "for", "if", "in", "let", "return", "true", "while",
];

/// What stands above the kernels, which have the names of the functions.
const HANDLES: &str = "
/// The kernels behind the functions: for results in given buffers, and for interrupts.
#[allow(dead_code, non_snake_case, clippy::type_complexity)]
pub mod kernel {
";

/// The module: functions, and the kernels behind them, whose records are in a library.
pub(super) fn text(program: &Module, kernels: &[(Kernel, String)], library: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let name = program.files().next().unwrap_or_default().escape_debug();
    let (mut functions, mut handles) = (String::new(), String::new());
    for (kernel, symbol) in kernels {
        let (function, handle) = function(kernel, symbol, library);
        functions.push_str(&function);
        handles.push_str(&handle);
    }
    format!(
        "// Written by microtome {version} from {name}: change that file instead.\n{functions}{HANDLES}{handles}}}\n"
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
fn function(kernel: &Kernel, symbol: &str, library: &str) -> (String, String) {
    let (signature, comment) = (kernel.signature(), documentation(kernel));
    let name = identifier(&signature.name);
    let parameters = &signature.parameters;
    let names: Vec<String> = parameters.iter().map(|(name, _)| identifier(name)).collect();
    let views: Vec<String> = parameters.iter().map(|(_, ty)| rust(ty, "ArrayView", "'_, ")).collect();
    let listed: Vec<String> = names.iter().zip(&views).map(|(name, view)| format!("{name}: {view}")).collect();
    let types: Vec<String> = parameters.iter().map(|(_, ty)| rust(ty, "Array", "")).collect();
    let result = rust(&signature.result, "Array", "");
    let arguments = if let [one] = names.as_slice() { one.clone() } else { format!("({})", names.join(", ")) };
    let function = format!(
        "
{comment}/// `{signature}`
///
/// # Errors
/// When sizes do not fit each other, when a check of the function fails, or when there is not enough memory.
#[allow(dead_code, non_snake_case, clippy::too_many_arguments, clippy::type_complexity)]
pub fn {name}({}) -> Result<{result}, ::microtome_runtime::Error> {{
    kernel::{name}().call({arguments})
}}
",
        listed.join(", "),
    );
    let handle = format!(
        "
    /// `{signature}`
    #[inline(never)]
    pub fn {name}() -> ::microtome_runtime::Kernel<fn({}) -> {result}> {{
        ::microtome_runtime::kernel!({:?}, {library:?}, {symbol:?})
    }}
",
        types.join(", "),
        symbols::PREFIX,
    );
    (function, handle)
}

/// A type in Rust, with `family` for arrays: `::microtome_runtime::ndarray::ArrayView2<'_, f64>`.
fn rust(ty: &ValueType, family: &str, lifetime: &str) -> String {
    let tuple = |parts: &mut dyn Iterator<Item = &ValueType>| {
        let parts: Vec<String> = parts.map(|part| rust(part, family, lifetime)).collect();
        if let [one] = parts.as_slice() { format!("({one},)") } else { format!("({})", parts.join(", ")) }
    };
    match ty {
        ValueType::Array { dtype, sizes } => {
            let element = match dtype {
                crate::DType::F16 | crate::DType::BF16 => format!("::microtome_runtime::half::{dtype}"),
                _ => dtype.name().to_string(),
            };
            match sizes.len() {
                0 => element,
                rank @ 1..=6 => format!("::microtome_runtime::ndarray::{family}{rank}<{lifetime}{element}>"),
                _ => format!("::microtome_runtime::ndarray::{family}D<{lifetime}{element}>"),
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

/// Why a function is not part of the module, if it is not.
pub(super) fn obstacle(signature: &Signature) -> Option<String> {
    fn wide(ty: &ValueType) -> bool {
        match ty {
            ValueType::Array { .. } | ValueType::Nothing => false,
            ValueType::Tuple(parts) | ValueType::List(parts) => parts.len() > MOST || parts.iter().any(wide),
            ValueType::Record(fields) => fields.len() > MOST || fields.iter().any(|(_, ty)| wide(ty)),
        }
    }
    let parameters = &signature.parameters;
    if signature.result == ValueType::Nothing {
        return Some("gives nothing".to_owned());
    }
    let too_wide = parameters.len() > MOST || parameters.iter().any(|(_, ty)| wide(ty)) || wide(&signature.result);
    too_wide.then(|| format!("has more than {MOST} parameters, or a tuple of more parts"))
}
