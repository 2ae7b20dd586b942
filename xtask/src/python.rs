//! `cargo xtask python`: the tests of the Python package; `cargo xtask wheel`: the package as a wheel.
//!
//! In: the folder of the workspace. Out: nothing, or what failed. What is made is below `target/python`.
//! Always holds: packages come into a virtual environment of its own, made anew only when the list of them or the interpreter
//! has changed; the library is the one that cargo builds in the workspace's target folder, so nothing is compiled twice.

use crate::steps::cargo;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds the package and runs pytest.
pub fn test(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let python = environment(root, "requirements-test.txt")?;
    succeed(cargo(root).args(["build", "--quiet", "--package", "microtome-python"]), "the library does not build")?;
    let site = package(root)?;
    let tests = ["-m", "pytest", "--quiet", "-p", "no:cacheprovider", "--config-file", "python/pyproject.toml"];
    let mut pytest = Command::new(python);
    pytest.current_dir(root).args(tests).args(if arguments.is_empty() { &["python/tests"][..] } else { arguments });
    // In `-P` mode nothing but the package as it would be installed is found, not its sources.
    pytest.env("PYTHONPATH", site).env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONSAFEPATH", "1");
    succeed(&mut pytest, "the tests of the Python package failed")
}

/// Builds a wheel with maturin, optimised.
pub fn wheel(root: &Path) -> Result<(), String> {
    let python = environment(root, "requirements-wheel.txt")?;
    let build = ["-m", "maturin", "build", "--release", "--manifest-path", "python/Cargo.toml", "--out"];
    let mut maturin = Command::new(python);
    maturin.current_dir(root).args(build).arg(target(root).join("wheels"));
    succeed(&mut maturin, "maturin failed")
}

fn succeed(command: &mut Command, complaint: &str) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|error| format!("{program} does not start: {error}"))?;
    if status.success() { Ok(()) } else { Err(complaint.to_string()) }
}

fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder))
}

/// The interpreter of a virtual environment with the packages of a list.
fn environment(root: &Path, list: &str) -> Result<PathBuf, String> {
    let wanted = std::fs::read_to_string(root.join("python").join(list)).map_err(|error| format!("{list}: {error}"))?;
    let base = std::env::var("MICROTOME_PYTHON").unwrap_or_else(|_| "python3".to_string());
    let about = version(&base)?;
    let folder = target(root).join("python").join(list.trim_end_matches(".txt"));
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let stamp = folder.join("made-of.txt");
    let made_of = format!("{about}\n{wanted}");
    if std::fs::read_to_string(&stamp).is_ok_and(|text| text == made_of) && python.exists() {
        return Ok(python);
    }
    println!("    making a virtual environment in {}", folder.display());
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let complaint = format!(
        "{base} makes no virtual environment: its modules venv and ensurepip are needed (on Debian: python3-venv)"
    );
    succeed(Command::new(&base).args(["-m", "venv"]).arg(&folder), &complaint)?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    let mut pip = Command::new(&python);
    succeed(pip.args(install).arg(root.join("python").join(list)), &format!("pip cannot install python/{list}"))?;
    std::fs::write(&stamp, made_of).map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(python)
}

/// What an interpreter says of itself; an error if there is none, or one that is too old.
fn version(python: &str) -> Result<String, String> {
    let needed = "the tests of the Python package need Python 3.10 or newer, as python3 or $MICROTOME_PYTHON";
    let ask = "import sys; print(sys.executable, sys.version); sys.exit(sys.version_info < (3, 10))";
    let output = Command::new(python).args(["-c", ask]).output();
    let output = output.map_err(|error| format!("{needed}; {python} does not start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(text) } else { Err(format!("{needed}; {python} is {}", text.trim())) }
}

/// The package as it would be installed: its Python files, and the library that cargo has built.
fn package(root: &Path) -> Result<PathBuf, String> {
    let site = target(root).join("python/site");
    let folder = site.join("microtome");
    let fail = |error: std::io::Error| format!("{}: {error}", folder.display());
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(fail)?;
    }
    std::fs::create_dir_all(&folder).map_err(fail)?;
    for entry in std::fs::read_dir(root.join("python/microtome")).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let is_part = path.extension().is_some_and(|e| e == "py" || e == "pyi") || path.ends_with("py.typed");
        if let Some(name) = path.file_name().filter(|_| is_part) {
            std::fs::copy(&path, folder.join(name)).map_err(fail)?;
        }
    }
    let (built, name) = match () {
        () if cfg!(windows) => ("microtome_python.dll", "_core.pyd"),
        () if cfg!(target_os = "macos") => ("libmicrotome_python.dylib", "_core.abi3.so"),
        () => ("libmicrotome_python.so", "_core.abi3.so"),
    };
    let built = target(root).join("debug").join(OsStr::new(built));
    std::fs::copy(&built, folder.join(name)).map_err(|error| format!("{}: {error}", built.display()))?;
    Ok(site)
}
