//! Where the run-time library is, as a static library for other programs.
//!
//! In: a path that was given, or nothing. Out: the path of a library of the very version that this compiler compiles for.
//! Always holds: a library of another version is never taken, since the names of its symbols are others.

use super::{Obstacle, places, shown};
use crate::runtime::symbols;
use object::read::archive::ArchiveFile;
use std::path::{Path, PathBuf};

/// The environment variable that names it.
const VARIABLE: &str = "MICROTOME_RUNTIME";
/// What its file name begins with.
const STEM: &str = "libmicrotome_runtime";

const CURE: &str = "build it with `cargo build --release -p microtome-runtime`, which makes target/release/libmicrotome_runtime.a, \
    and name it with --runtime or in MICROTOME_RUNTIME, or put it beside the executable";

/// The run-time library: the file that is given, or that in a folder that is given or in `MICROTOME_RUNTIME`; without any the
/// one beside the executable or where cargo puts it.
///
/// # Errors
/// When there is none, or only one of another version.
pub fn find(given: Option<&Path>) -> Result<PathBuf, Obstacle> {
    let variable = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(named) = given.map(Path::to_path_buf).or(variable) {
        if !named.exists() {
            return Err(Obstacle::Tool(format!("there is no run-time library `{}`", shown(&named)), CURE.to_owned()));
        }
        let candidates = if named.is_dir() { candidates(&named) } else { vec![named.clone()] };
        return candidates.into_iter().find(|path| is_runtime(path)).ok_or_else(|| {
            let text = format!("`{}` holds no run-time library of this version of microtome", shown(&named));
            Obstacle::Tool(text, CURE.to_owned())
        });
    }
    places().iter().flat_map(|folder| candidates(folder)).find(|path| is_runtime(path)).ok_or_else(|| {
        Obstacle::Tool(
            "the run-time library, which becomes a part of what is built, is not there".to_owned(),
            CURE.to_owned(),
        )
    })
}

/// Files in a folder that are named like it, the newest first.
fn candidates(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<(std::time::SystemTime, PathBuf)> = entries
        .filter_map(Result::ok)
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.strip_suffix(".a").is_some_and(|stem| stem == STEM || stem.starts_with(&format!("{STEM}-")))
        })
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, path)| path).collect()
}

/// Whether a file is the run-time library that this compiler compiles for.
pub fn is_runtime(path: &Path) -> bool {
    let Ok(bytes) = std::fs::read(path) else { return false };
    let wanted = symbols::name("native_call");
    let Ok(archive) = ArchiveFile::parse(bytes.as_slice()) else { return false };
    let Ok(Some(mut names)) = archive.symbols() else { return false };
    names.any(|symbol| {
        symbol
            .is_ok_and(|symbol| symbol.name().strip_prefix(b"_").unwrap_or(symbol.name()).ends_with(wanted.as_bytes()))
    })
}
