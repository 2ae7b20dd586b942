//! For build scripts: a program compiled when a crate is built, as a module of typed Rust functions.
//!
//! In: a `.tome` file. Out: a static library, and a Rust module with a function for each of the file's; or the errors of the
//! program, which fail the build.
//! Always holds: what is written compiles without warnings and without unsafe code of its own, reads no file when it runs, and needs
//! the crate `microtome-runtime` only.
//!
//! ```toml
//! [dependencies]
//! microtome-runtime = "0.1"
//!
//! [build-dependencies]
//! microtome = "0.1"
//! ```
//!
//! ```no_run
//! // The body of `main` in build.rs.
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
//! `fn rows(x: ArrayView2<f64>, w: ArrayView1<f64>) -> Result<Array1<f64>, microtome_runtime::Error>`, and `kernel::rows()` gives a
//! `microtome_runtime::Kernel`, for results in given buffers and for interrupts. The machine code is for cargo's target, and for
//! the processors that rustc compiles for: `-C target-cpu=native` holds for it too. Functions that take lists or have
//! parameters without a type are compiled where they are called, and are left out of the module, as are those that give nothing, and
//! those with more than twelve parameters.
#![allow(clippy::needless_doctest_main, reason = "a build script has a `main`")]

mod module;

use crate::codegen::{Cpu, Target};
use crate::diagnostic::{Diagnostic, Sources, codes};
use crate::native::identifier;
use crate::session::{Error, Kernel, Module, Session};
use rustc_hash::FxHasher;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

/// Compiles a program without further ado: `Program::new(path).compile()`.
pub fn compile(path: impl AsRef<Path>) {
    Program::new(path).compile();
}

/// A program that a build script compiles.
///
/// ```no_run
/// microtome::embed::Program::new("src/kernels.tome").size("n", 10_000).compile();
/// ```
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    sizes: BTreeMap<String, i64>,
}

impl Program {
    /// The program of a file.
    pub fn new(path: impl AsRef<Path>) -> Program {
        Program { path: path.as_ref().to_path_buf(), sizes: BTreeMap::new() }
    }

    /// A size to plan for: the code is right at every size, and the order of matrix products best near these.
    #[must_use]
    pub fn size(mut self, name: &str, size: i64) -> Program {
        self.sizes.insert(name.to_owned(), size);
        self
    }

    /// Compiles the program and writes its module into cargo's output directory, under the file's name with `.rs` in place of
    /// `.tome`, and its library beside it. What is wrong is told to cargo, and ends the build script.
    pub fn compile(&self) {
        println!("cargo::rerun-if-changed={}", self.path.display());
        // These say which processors rustc compiles for.
        ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS"]
            .iter()
            .for_each(|name| println!("cargo::rerun-if-env-changed={name}"));
        let written = match self.build() {
            Ok(embedded) => {
                embedded.files.iter().for_each(|file| println!("cargo::rerun-if-changed={file}"));
                let shown = self.path.display();
                embedded.left_out.iter().for_each(|reason| println!("cargo::warning={shown}: {reason}"));
                self.write(&embedded)
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

    fn write(&self, embedded: &Embedded) -> Result<(), String> {
        let folder = std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR for build scripts only")?;
        let folder = Path::new(&folder);
        let stem = self.path.file_stem().ok_or_else(|| format!("{} names no file", self.path.display()))?;
        let save = |name: PathBuf, bytes: &[u8]| {
            let target = folder.join(name);
            std::fs::write(&target, bytes).map_err(|error| format!("cannot write {}: {error}", target.display()))
        };
        forget(folder, &embedded.name);
        save(format!("lib{}.a", embedded.name).into(), &embedded.library)?;
        save(Path::new(stem).with_extension("rs"), embedded.text.as_bytes())?;
        println!("cargo::rustc-link-search=native={}", folder.display());
        Ok(())
    }

    /// The module and the library, for the target that cargo names, or else for this machine.
    ///
    /// # Errors
    /// When the file cannot be read, when there is no code for the target, and everything that is wrong with the program.
    pub fn build(&self) -> Result<Embedded, Error> {
        let program = Session::with_threads(1).compile_file(&self.path)?;
        let target =
            target().map_err(|text| Error::new(vec![Diagnostic::global(codes::BUILD, text)], Sources::default()))?;
        let name = self.name(&program, &target);
        let mut left_out = Vec::new();
        let mut kernels: Vec<(Kernel, String)> = Vec::new();
        for function in program.own_functions() {
            if !program.is_kernel(function) {
                left_out.push(format!(
                    "`{function}` takes lists, or has parameters without a type: it is compiled where it is called"
                ));
                continue;
            }
            let kernel = program.kernel(function)?;
            match module::obstacle(kernel.signature()) {
                Some(reason) => left_out.push(format!("`{function}` {reason}")),
                None => kernels.push((kernel, format!("{name}_{}", kernels.len()))),
            }
        }
        let functions: Vec<(String, String)> =
            kernels.iter().map(|(kernel, symbol)| (kernel.name().to_owned(), symbol.clone())).collect();
        Ok(Embedded {
            library: program.records(&functions, &name, &target, &self.sizes)?,
            text: module::text(&program, &kernels, &name),
            files: program.files().map(str::to_string).collect(),
            name,
            left_out,
        })
    }

    /// The name of the library. What differs in it differs in its name, since libraries of many crates are parts of one program.
    fn name(&self, program: &Module, target: &Target) -> String {
        let stem = identifier(&self.path.file_stem().unwrap_or_default().to_string_lossy());
        let mut hasher = FxHasher::default();
        let variables = ["CARGO_PKG_NAME", "CARGO_PKG_VERSION"].map(|name| std::env::var(name).unwrap_or_default());
        (variables, &stem, target.name(), target.features(), &self.sizes).hash(&mut hasher);
        program.texts().for_each(|(_, text)| text.hash(&mut hasher));
        format!("microtome_{stem}_{:016x}", hasher.finish())
    }
}

/// A program as a Rust module and a library.
#[derive(Clone, Debug)]
pub struct Embedded {
    /// The text of the module.
    pub text: String,
    /// The bytes of the static library.
    pub library: Vec<u8>,
    /// The name of the library, without `lib` and `.a`.
    pub name: String,
    /// The files that the program is made of.
    pub files: Vec<String>,
    /// Which functions are left out, and why.
    pub left_out: Vec<String>,
}

/// The target of the crate that is built, or else this machine's: for whatever rustc says that its processors have.
fn target() -> Result<Target, String> {
    let name = std::env::var("TARGET").ok();
    let features = std::env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    let features: Vec<&str> = features.split(',').collect();
    let target = Target::with_features(name.as_deref(), Cpu::Baseline, &features);
    let target = target.map_err(|error| error.reason().to_owned())?;
    if target.is_windows() { Err("libraries for Windows are not built yet".to_owned()) } else { Ok(target) }
}

/// Takes away libraries of the same program as it was before.
fn forget(folder: &Path, name: &str) {
    let stem = |name: &str| name.rsplit_once('_').map(|(stem, _)| stem.to_owned());
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let other = file.strip_prefix("lib").and_then(|file| file.strip_suffix(".a"));
        if other.is_some_and(|other| stem(other) == stem(name)) {
            // One that stays is in nobody's way.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
