//! Crates with kernels that a build script compiles: built, run, and looked at.
//!
//! In: `tests/embedded` (two crates, one of which depends on the other) and `examples/embedded`. Out: whether they say that all is
//! well, and what is in the programs.
//! Always holds: what is built has no compiler in it. The crates are built by rustc as cargo would, with the libraries that cargo has made
//! for this test; cargo itself builds them in a test that runs on demand, since it compiles the compiler once more, for build scripts.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use object::read::archive::ArchiveFile;
use object::{Architecture, Object, ObjectSymbol};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use tempfile::TempDir;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a command prints; it has to end well.
fn done(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", told(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Where cargo puts libraries.
fn deps() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_path_buf()
}

/// The library of that name that cargo has made last.
fn library(name: &str) -> PathBuf {
    let files = std::fs::read_dir(deps()).unwrap().map(|entry| entry.unwrap().path());
    let own = |path: &PathBuf| {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        file.strip_suffix(".rlib").is_some_and(|stem| stem.starts_with(&format!("lib{name}-")))
    };
    files.filter(own).max_by_key(|path| path.metadata().unwrap().modified().unwrap()).unwrap()
}

fn rustc(edition: &str) -> Command {
    let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.args(["--edition", edition]).arg("-L").arg(format!("dependency={}", deps().display()));
    command
}

/// The target of programs that run here.
fn target() -> String {
    let about = done(Command::new("rustc").arg("-vV"));
    about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_string()
}

/// A build script of these crates, compiled; they differ in the programs only.
struct Script(TempDir);

static SCRIPTS: LazyLock<Script> = LazyLock::new(|| {
    let folder = TempDir::new().unwrap();
    let microtome = format!("microtome={}", library("microtome").display());
    for name in ["app", "other"] {
        let source = root().join("tests/embedded").join(name).join("build.rs");
        done(rustc("2024").arg(source).arg("-o").arg(folder.path().join(name)).args(["--extern", &microtome]));
    }
    let example = root().join("examples/embedded/build.rs");
    done(rustc("2024").arg(example).arg("-o").arg(folder.path().join("embedded")).args(["--extern", &microtome]));
    Script(folder)
});

/// Runs the build script of a crate as cargo does, for a target; what it tells cargo.
fn build_script(name: &str, out: &Path, target: &str) -> String {
    let mut script = Command::new(SCRIPTS.0.path().join(name));
    script.env("OUT_DIR", out).env("TARGET", target).env_remove("CARGO_CFG_TARGET_FEATURE");
    done(script.env("CARGO_PKG_NAME", name).env("CARGO_PKG_VERSION", "0.1.0").current_dir(package(name)))
}

fn package(name: &str) -> PathBuf {
    let folder = if name == "embedded" { "examples" } else { "tests/embedded" };
    root().join(folder).join(name)
}

/// Compiles a crate whose build script has run, and gives what rustc says.
fn compile(name: &str, edition: &str, out: &Path, arguments: &[&str]) -> Output {
    let mut command = rustc(edition);
    command.args(arguments).args(["--crate-name", name]).arg("--out-dir").arg(out).env("OUT_DIR", out);
    command.arg("-L").arg(format!("native={}", out.display())).arg("--extern");
    command.arg(format!("microtome_runtime={}", library("microtome_runtime").display()));
    command.current_dir(package(name)).output().unwrap()
}

/// That there is nothing of the compiler in a program.
fn assert_without_compiler(program: &Path) {
    let bytes = std::fs::read(program).unwrap();
    let has = |word: &str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
    for word in ["cranelift", "lalrpop", "ariadne"] {
        assert!(!has(word), "{word} is in {}", program.display());
    }
    assert!(has("native_call"), "the run-time library is in {}", program.display());
}

#[test]
fn crates_with_kernels_are_parts_of_one_program() {
    let folders = [(); 2].map(|()| TempDir::new().unwrap());
    let (other, app) = (folders[0].path(), folders[1].path());
    build_script("other", other, &target());
    let output = compile("other", "2021", other, &["--crate-type", "lib", "src/lib.rs"]);
    assert!(output.status.success(), "{}", told(&output));
    let said = build_script("app", app, &target());
    assert!(said.contains("cargo::warning=src/kernels.tome: `twice` takes lists"), "{said}");
    let extern_other = format!("other={}", other.join("libother.rlib").display());
    let search = format!("native={}", other.display());
    let arguments = ["src/main.rs", "--extern", &extern_other, "-L", &search];
    let output = compile("app", "2024", app, &arguments);
    assert!(output.status.success(), "{}", told(&output));
    assert_eq!(done(&mut Command::new(app.join("app"))), "app: all is well\n");
    assert_without_compiler(&app.join("app"));

    // A program that was built before is not left behind under another name.
    let libraries = || {
        std::fs::read_dir(app)
            .unwrap()
            .filter(|e| e.as_ref().unwrap().path().extension().is_some_and(|e| e == "a"))
            .count()
    };
    let before = libraries();
    build_script("app", app, "aarch64-unknown-linux-gnu");
    assert_eq!((before, libraries()), (2, 2));
}

#[test]
fn the_example_runs() {
    let out = TempDir::new().unwrap();
    build_script("embedded", out.path(), &target());
    let output = compile("embedded", "2024", out.path(), &["src/main.rs"]);
    assert!(output.status.success(), "{}", told(&output));
    let said = done(&mut Command::new(out.path().join("embedded")));
    for words in [
        "weights [",
        "second moment [",
        "cost: error[E0401]: axis 0 of `w` (f64[d]) has size 2, but d is 3",
        "src/kernels.tome:12:5: error[E0503]: a rate is positive\n    assert rate > 0, \"a rate is positive\"\n    ^^^^^^",
        "^ this does not hold",
        "stopped: true",
    ] {
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn machine_code_is_that_of_the_target() {
    let out = TempDir::new().unwrap();
    build_script("other", out.path(), "aarch64-unknown-linux-gnu");
    let files = std::fs::read_dir(out.path()).unwrap().map(|entry| entry.unwrap().path());
    let library = files.into_iter().find(|path| path.extension().is_some_and(|end| end == "a")).unwrap();
    let bytes = std::fs::read(library).unwrap();
    let archive = ArchiveFile::parse(bytes.as_slice()).unwrap();
    let member = archive.members().next().unwrap().unwrap();
    let data = member.data(bytes.as_slice()).unwrap().to_vec();
    let file = object::File::parse(data.as_slice()).unwrap();
    assert_eq!(file.architecture(), Architecture::Aarch64);
    let global: Vec<&str> =
        file.symbols().filter(|s| s.is_global() && s.is_definition()).map(|s| s.name().unwrap()).collect();
    assert!(global.len() == 1 && global[0].starts_with("microtome_kernels_"), "{global:?}");
    for symbol in file.symbols().filter(|symbol| symbol.is_undefined() && !symbol.name().unwrap().is_empty()) {
        assert!(symbol.name().unwrap().starts_with(microtome::runtime::symbols::PREFIX), "{symbol:?}");
    }

    let mut script = Command::new(SCRIPTS.0.path().join("other"));
    script.env("OUT_DIR", out.path()).env("TARGET", "x86_64-pc-windows-msvc").current_dir(package("other"));
    let refused = script.output().unwrap();
    assert!(!refused.status.success());
    assert!(told(&refused).contains("cargo::error=") && told(&refused).contains("Windows"), "{}", told(&refused));
}

#[test]
fn another_version_of_the_library_is_told_when_the_crate_is_compiled() {
    let out = TempDir::new().unwrap();
    build_script("other", out.path(), &target());
    let module = out.path().join("kernels.rs");
    let text = std::fs::read_to_string(&module).unwrap();
    std::fs::write(&module, text.replace(microtome::runtime::symbols::PREFIX, "mt_0_0_1_")).unwrap();
    let output = compile("other", "2021", out.path(), &["--crate-type", "lib", "src/lib.rs"]);
    assert!(!output.status.success() && told(&output).contains("are not of one version"), "{}", told(&output));
}

/// The same with cargo, which compiles the compiler and all that it consists of for build scripts.
#[test]
#[ignore = "takes minutes; cargo test --test embedded -- --ignored"]
fn cargo_builds_crates_with_kernels() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("embedded");
    let members = ["app", "other", "embedded"];
    for name in members {
        let to = folder.join(name);
        std::fs::create_dir_all(to.join("src")).unwrap();
        for part in ["Cargo.toml", "build.rs", "src"] {
            let from = package(name).join(part);
            let inside = from.is_dir().then(|| std::fs::read_dir(&from).unwrap().map(|entry| entry.unwrap().path()));
            for file in inside.map_or(vec![from.clone()], Iterator::collect) {
                let text = std::fs::read_to_string(&file).unwrap();
                let path = |place: &str| format!("path = \"{}{place}\"", root().display());
                let text = text
                    .replace("[workspace]\n", "")
                    .replace("path = \"../../../runtime\"", &path("/runtime"))
                    .replace("path = \"../../runtime\"", &path("/runtime"))
                    .replace("path = \"../../..\"", &path(""))
                    .replace("path = \"../..\"", &path(""));
                let target = to.join(file.strip_prefix(package(name)).unwrap());
                // What is the same keeps its time, so that cargo does not build it again.
                if std::fs::read_to_string(&target).ok().as_ref() != Some(&text) {
                    std::fs::write(target, text).unwrap();
                }
            }
        }
    }
    let quoted = members.map(|name| format!("{name:?}")).join(", ");
    std::fs::write(folder.join("Cargo.toml"), format!("[workspace]\nresolver = \"3\"\nmembers = [{quoted}]\n"))
        .unwrap();
    std::fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let cargo = || {
        let mut command = Command::new(env!("CARGO"));
        command.arg("run").args(["--offline", "--quiet", "--target-dir"]).arg(folder.join("target"));
        command.current_dir(&folder);
        command
    };
    assert_eq!(done(cargo().args(["-p", "app"])), "app: all is well\n");
    assert!(done(cargo().args(["-p", "embedded"])).contains("stopped: true"));
    for name in ["app", "embedded"] {
        assert_without_compiler(&folder.join("target/debug").join(name));
    }
}
