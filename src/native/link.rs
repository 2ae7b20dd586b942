//! Shared libraries.
//!
//! In: an object file, the run-time library, the compiler driver of the system. Out: the bytes of a shared library.
//! Always holds: only the functions of the header are visible from outside, so that several such libraries, of different versions
//! too, are parts of one process without touching each other.

use super::{Obstacle, shown};
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// What is linked, and with what.
pub struct Linked<'a> {
    /// The object file.
    pub object: &'a [u8],
    /// The run-time library.
    pub runtime: &'a Path,
    /// The compiler driver: `cc`, or what `CC` says.
    pub linker: &'a str,
    /// The names that are visible.
    pub symbols: &'a [String],
    /// The name under which the library is found.
    pub name: &'a str,
    /// Whether the system is one of Apple's.
    pub apple: bool,
}

/// Links a shared library.
///
/// # Errors
/// When there is no compiler driver, or it fails.
pub fn shared(parts: &Linked<'_>) -> Result<Vec<u8>, Obstacle> {
    let folder = tempfile::tempdir().map_err(|error| failed(parts, &error))?;
    let (object, names, out) =
        (folder.path().join("kernels.o"), folder.path().join("names"), folder.path().join("library"));
    std::fs::write(&object, parts.object).map_err(|error| failed(parts, &error))?;
    std::fs::write(&names, visible(parts)).map_err(|error| failed(parts, &error))?;
    let run = Command::new(parts.linker).args(arguments(parts, &object, &names, &out)).output();
    let done = run.map_err(|error| {
        Obstacle::Tool(
            format!("`{}`, which links shared libraries, does not start: {error}", parts.linker),
            "install a C compiler, or name one with --linker; `--emit static` and `--emit object` need none".to_owned(),
        )
    })?;
    if !done.status.success() {
        let told = String::from_utf8_lossy(&done.stderr);
        let told: Vec<&str> = told.lines().take(20).collect();
        let text = format!("`{}` cannot link the library: {}", parts.linker, told.join("\n"));
        return Err(Obstacle::Tool(text, "name another compiler with --linker".to_owned()));
    }
    std::fs::read(&out).map_err(|error| failed(parts, &error))
}

fn failed(parts: &Linked<'_>, error: &std::io::Error) -> Obstacle {
    let text = format!("the library `{}` cannot be linked: {error}", parts.name);
    Obstacle::Tool(text, "look whether the folder for temporary files can be written".to_owned())
}

/// A list of names, as the linker reads it.
fn visible(parts: &Linked<'_>) -> String {
    if parts.apple {
        return parts.symbols.iter().map(|symbol| format!("_{symbol}\n")).collect();
    }
    let names: String = parts.symbols.iter().map(|symbol| format!("    {symbol};\n")).collect();
    format!("{{\n  global:\n{names}  local:\n    *;\n}};\n")
}

fn arguments(parts: &Linked<'_>, object: &Path, names: &Path, out: &Path) -> Vec<OsString> {
    let mut all: Vec<OsString> = vec!["-shared".into(), "-o".into(), out.into(), object.into(), parts.runtime.into()];
    let words: Vec<String> = if parts.apple {
        vec![
            format!("-Wl,-exported_symbols_list,{}", shown(names)),
            "-Wl,-dead_strip".to_owned(),
            format!("-Wl,-install_name,@rpath/{}", parts.name),
        ]
    } else {
        vec![
            format!("-Wl,--version-script={}", shown(names)),
            "-Wl,--gc-sections".to_owned(),
            format!("-Wl,-soname,{}", parts.name),
            // The threads of the library's pool go on when the program is done with it, so its code stays.
            "-Wl,-z,nodelete".to_owned(),
            "-Wl,-z,noexecstack".to_owned(),
            "-s".to_owned(),
            "-lpthread".to_owned(),
            "-ldl".to_owned(),
        ]
    };
    all.extend(words.into_iter().map(OsString::from));
    all.push("-lm".into());
    all
}
