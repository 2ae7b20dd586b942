//! Reading programs: a file, and what it imports.
//!
//! In: text or a path, or all texts at once. Out: a [`Module`], its functions checked.
//! Always holds: each file is read once, however often it is imported; where all texts are given, none is.

use super::{Error, Module, Session, contracts};
use crate::check::Functions;
use crate::diagnostic::{Diagnostic, Sources, codes};
use crate::syntax::ast::{Import, Input, Item, Statement};
use crate::syntax::parse_bytes;
use crate::syntax::span::Span;
use std::path::{Component, Path, PathBuf};
use std::time::Instant;

/// Collects the items of a program and of its imports.
struct Reader<'t> {
    /// Texts by name, in place of files.
    given: Option<&'t [(&'t str, &'t str)]>,
    sources: Sources,
    functions: Functions,
    seen: Vec<PathBuf>,
    problems: Vec<Box<Diagnostic>>,
}

/// A program as it was read: its parts, and what is wrong with the text.
pub(super) struct Parts {
    pub(super) sources: Sources,
    pub(super) functions: Functions,
    pub(super) inputs: Vec<Input>,
    pub(super) statements: Vec<Statement>,
    pub(super) problems: Vec<Box<Diagnostic>>,
}

/// Compiles a file.
pub(super) fn compile_file(session: &Session, path: &Path) -> Result<Module, Error> {
    compile(session, &path.display().to_string(), &read_program(path)?, Some(path))
}

/// The bytes of a program.
pub(super) fn read_program(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| {
        let text = format!("cannot read {}: {}", path.display(), plain(&error));
        Error::new(vec![Diagnostic::global(codes::FILE, text)], Sources::default())
    })
}

fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_string(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_string(),
        std::io::ErrorKind::IsADirectory => "it is a directory".to_string(),
        _ => error.to_string(),
    }
}

/// Reads a text behind those of `sources`; `path` is where its imports are looked up.
pub(super) fn read(sources: Sources, name: &str, source: &[u8], path: Option<&Path>) -> Parts {
    read_from(None, sources, name, source, path)
}

fn read_from(
    given: Option<&[(&str, &str)]>,
    sources: Sources,
    name: &str,
    source: &[u8],
    path: Option<&Path>,
) -> Parts {
    let mut reader = Reader {
        given,
        sources,
        functions: Functions::default(),
        seen: path
            .and_then(|path| if given.is_some() { Some(lexical(path)) } else { path.canonicalize().ok() })
            .into_iter()
            .collect(),
        problems: Vec::new(),
    };
    let items = reader.read(name, source);
    let folder = path.and_then(Path::parent).map_or_else(PathBuf::new, Path::to_path_buf);
    let (mut inputs, mut statements) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Item::Function(function) => reader.define(function),
            Item::Import(import) => reader.import(&import, &folder),
            Item::Input(input) => inputs.push(input),
            Item::Statement(statement) => statements.push(statement),
        }
    }
    let Reader { sources, functions, problems, .. } = reader;
    Parts { sources, functions, inputs, statements, problems }
}

/// Compiles the first of several texts; the others are what it imports.
pub(super) fn compile_bundle(session: &Session, texts: &[(&str, &str)]) -> Result<Module, Error> {
    let Some((name, source)) = texts.first() else {
        let problem = Diagnostic::global(codes::FILE, "there is no text to compile");
        return Err(Error::new(vec![problem], Sources::default()));
    };
    let path = Some(Path::new(name));
    let start = Instant::now();
    finish(session, start, read_from(Some(texts), Sources::default(), name, source.as_bytes(), path))
}

/// Compiles a text; `path` is where its imports are looked up.
pub(super) fn compile(session: &Session, name: &str, source: &[u8], path: Option<&Path>) -> Result<Module, Error> {
    finish(session, Instant::now(), read(Sources::default(), name, source, path))
}

fn finish(session: &Session, start: Instant, mut parts: Parts) -> Result<Module, Error> {
    // Names that a text with mistakes defines are missing, so nothing more is said of such a program.
    let is_read = parts.problems.is_empty();
    let mut warnings = Vec::new();
    let closed = parts.functions.names().filter(|name| !parts.functions.is_template(name));
    for name in closed.map(str::to_string).collect::<Vec<_>>() {
        match parts.functions.get(&name, Span::default()) {
            Ok(checked) => warnings.extend(checked.warnings.iter().cloned()),
            Err(problem) if !parts.problems.contains(&problem) => parts.problems.push(problem),
            Err(_) => {}
        }
    }
    if parts.problems.is_empty() {
        parts.problems = contracts::problems(&parts.functions, parts.functions.names());
    }
    let Parts { sources, functions, inputs, statements, mut problems } = parts;
    let threads = session.threads.clone();
    let module = Module { sources, functions, inputs, statements, warnings, threads, read: start.elapsed() };
    if problems.is_empty() {
        return Ok(module);
    }
    if is_read {
        let more = module.problems_of_statements();
        problems.extend(more.into_iter().filter(|problem| !module.functions.faulted(problem)));
    }
    problems.sort_by_key(|problem| problem.labels.first().map(|label| label.span));
    Err(Error::new(problems, module.sources))
}

impl Reader<'_> {
    fn read(&mut self, name: &str, bytes: &[u8]) -> Vec<Item> {
        let file = self.sources.add(name, String::from_utf8_lossy(bytes));
        match parse_bytes(file, bytes) {
            Ok(module) => module.items,
            Err(problems) => {
                self.problems.extend(problems);
                Vec::new()
            }
        }
    }

    fn define(&mut self, function: crate::syntax::ast::Function) {
        if let Err(problem) = self.functions.define(function) {
            self.problems.push(problem);
        }
    }

    /// The bytes of an imported file.
    fn bytes(&self, path: &Path, written: &str) -> std::io::Result<Vec<u8>> {
        let Some(texts) = self.given else { return std::fs::read(path) };
        // A program that was compiled from a text has its imports beside the working folder, whatever its own name is.
        let wanted = [lexical(path), lexical(Path::new(written))];
        let find = |wanted: &PathBuf| texts.iter().find(|(name, _)| lexical(Path::new(name)) == *wanted);
        let found = wanted.iter().find_map(find);
        found.map(|(_, text)| text.as_bytes().to_vec()).ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }

    /// Brings in the functions of another file.
    fn import(&mut self, import: &Import, folder: &Path) {
        let path = folder.join(&import.path);
        let known = match self.given {
            Some(_) => lexical(&path),
            None => path.canonicalize().unwrap_or_else(|_| path.clone()),
        };
        if self.seen.contains(&known) {
            return;
        }
        self.seen.push(known);
        let bytes = match self.bytes(&path, &import.path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let text = format!("cannot import {}: {}", import.path, plain(&error));
                let problem = Diagnostic::error(codes::FILE, import.span, text)
                    .help("the path is relative to the importing file");
                return self.problems.push(problem);
            }
        };
        let inner = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        for item in self.read(&path.display().to_string(), &bytes) {
            match item {
                Item::Function(function) => self.define(function),
                Item::Import(import) => self.import(&import, &inner),
                Item::Input(_) | Item::Statement(_) => {}
            }
        }
    }
}

/// A path without `.` and without `..` where it can be done without, as it is written: no file is looked at.
fn lexical(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(plain.components().next_back(), Some(Component::Normal(_))) => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}
