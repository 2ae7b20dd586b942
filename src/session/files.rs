//! Reading programs: a file, and what it imports.
//!
//! In: text or a path. Out: a [`Module`], its functions checked.
//! Always holds: each file is read once, however often it is imported.

use super::{Error, Module, Session};
use crate::check::Functions;
use crate::diagnostic::{Diagnostic, Sources, codes};
use crate::syntax::ast::{Import, Item};
use crate::syntax::parse_bytes;
use crate::syntax::span::Span;
use std::path::{Path, PathBuf};

/// Collects the items of a program and of its imports.
struct Reader {
    sources: Sources,
    functions: Functions,
    seen: Vec<PathBuf>,
    problems: Vec<Box<Diagnostic>>,
}

/// Compiles a file.
pub(super) fn compile_file(session: &Session, path: &Path) -> Result<Module, Error> {
    let shown = path.display().to_string();
    match std::fs::read(path) {
        Ok(bytes) => compile(session, &shown, &bytes, Some(path)),
        Err(error) => {
            let diagnostic = Diagnostic::global(codes::FILE, format!("cannot read {shown}: {}", plain(&error)));
            Err(Error::new(vec![diagnostic], Sources::default()))
        }
    }
}

fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_string(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_string(),
        std::io::ErrorKind::IsADirectory => "it is a directory".to_string(),
        _ => error.to_string(),
    }
}

/// Compiles a text; `path` is where its imports are looked up.
pub(super) fn compile(session: &Session, name: &str, source: &[u8], path: Option<&Path>) -> Result<Module, Error> {
    let mut reader = Reader {
        sources: Sources::default(),
        functions: Functions::default(),
        seen: path.and_then(|path| path.canonicalize().ok()).into_iter().collect(),
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
    let mut warnings = Vec::new();
    let closed = reader.functions.names().filter(|name| !reader.functions.is_template(name));
    for name in closed.map(str::to_string).collect::<Vec<_>>() {
        match reader.functions.get(&name, Span::default()) {
            Ok(checked) => warnings.extend(checked.warnings.iter().cloned()),
            Err(problem) if !reader.problems.contains(&problem) => reader.problems.push(problem),
            Err(_) => {}
        }
    }
    if !reader.problems.is_empty() {
        reader.problems.sort_by_key(|problem| problem.labels.first().map(|label| label.span));
        return Err(Error::new(reader.problems, reader.sources));
    }
    Ok(Module {
        sources: reader.sources,
        functions: reader.functions,
        inputs,
        statements,
        warnings,
        threads: session.threads.clone(),
    })
}

impl Reader {
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

    /// Brings in the functions of another file.
    fn import(&mut self, import: &Import, folder: &Path) {
        let path = folder.join(&import.path);
        let known = path.canonicalize().unwrap_or_else(|_| path.clone());
        if self.seen.contains(&known) {
            return;
        }
        self.seen.push(known);
        let bytes = match std::fs::read(&path) {
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
