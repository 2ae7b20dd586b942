//! What can go wrong with a file, in words that say what to do about it.
//!
//! In: causes from the readers and writers. Out: [`FileError`], and a [`Diagnostic`] at the place that named the file.
//! Always holds: the message of an error that leaves `io` names the file.

use crate::diagnostic::{Diagnostic, codes, nearest};
use crate::runtime::array::Array;
use crate::syntax::span::Span;
use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

/// The kind of a [`FileError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileErrorKind {
    /// There is no such file.
    NotFound,
    /// The file is there and cannot be read.
    Unreadable,
    /// The file does not hold what its extension promises.
    Format,
    /// The file cannot be written.
    Unwritable,
    /// The value does not fit the format it is to be written in.
    Unsuitable,
    /// The extension is not that of a format that is read and written.
    UnknownExtension,
}

/// Why a file could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// What kind of cause.
    pub kind: FileErrorKind,
    /// The cause, in one sentence without a full stop.
    pub message: String,
    /// The cure.
    pub help: Option<String>,
}

impl FileError {
    fn new(kind: FileErrorKind, message: impl Into<String>) -> FileError {
        FileError { kind, message: message.into(), help: None }
    }

    pub(super) fn format(message: impl Into<String>) -> FileError {
        FileError::new(FileErrorKind::Format, message)
    }

    pub(super) fn unreadable(message: impl Into<String>) -> FileError {
        FileError::new(FileErrorKind::Unreadable, message)
    }

    pub(super) fn unwritable(message: impl Into<String>) -> FileError {
        FileError::new(FileErrorKind::Unwritable, message)
    }

    pub(super) fn unsuitable(message: impl Into<String>) -> FileError {
        FileError::new(FileErrorKind::Unsuitable, message)
    }

    pub(super) fn help(mut self, text: impl Into<String>) -> FileError {
        self.help = Some(text.into());
        self
    }

    /// Puts before the message what it is about.
    pub(super) fn about(mut self, subject: impl fmt::Display) -> FileError {
        self.message = format!("{subject}: {}", self.message);
        self
    }

    /// Says which file it was and what was to be done with it.
    pub(super) fn when(self, doing: &str, path: &Path) -> FileError {
        self.about(format_args!("cannot {doing} `{}`", path.display()))
    }

    /// The error as a person reads it, at the place that named the file if a program did.
    pub fn diagnostic(&self, span: Option<Span>) -> Box<Diagnostic> {
        let code = match self.kind {
            FileErrorKind::Format | FileErrorKind::Unsuitable => codes::FILE_FORMAT,
            _ => codes::FILE,
        };
        let diagnostic = match span {
            Some(span) => Diagnostic::error(code, span, &self.message),
            None => Diagnostic::global(code, &self.message),
        };
        match &self.help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for FileError {}

/// The error for an extension that is not `known`.
pub(super) fn unknown_extension(extension: Option<&str>, known: &[&str]) -> FileError {
    let shown: Vec<String> = known.iter().map(|name| format!("`.{name}`")).collect();
    let all = match shown.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => shown.concat(),
    };
    let message = match extension {
        Some(extension) => format!("the extension `.{extension}` is not one of {all}"),
        None => "its name has no extension, which would tell the format".to_string(),
    };
    let error = FileError::new(FileErrorKind::UnknownExtension, message);
    match extension.and_then(|extension| nearest(extension, known.iter().copied())) {
        Some(near) => error.help(format!("did you mean `.{near}`?")),
        None => error.help(format!("use one of {all}")),
    }
}

/// The error for an array without a name in a format that has names.
pub(super) fn needs_names(path: &Path) -> FileError {
    let extension = path.extension().map(|e| e.to_string_lossy().into_owned()).unwrap_or_default();
    FileError::unsuitable(format!("a `.{extension}` holds arrays by name, and this one has none"))
        .help(format!("name it: save(\"{}\", x=…)", path.display()))
}

/// Why a file could not be opened for reading; a file of a similar name beside it is pointed out.
pub(super) fn not_opened(path: &Path, error: &std::io::Error) -> FileError {
    if error.kind() != ErrorKind::NotFound {
        return FileError::unreadable(error.to_string());
    }
    let missing = FileError::new(FileErrorKind::NotFound, "there is no such file");
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return missing
            .help(format!("there is no folder `{}` either; paths start at the current one", folder.display()));
    }
    let wanted = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    match nearest(&wanted, names.iter().map(String::as_str)) {
        Some(name) => missing.help(format!("there is `{}`", path.with_file_name(name).display())),
        None => missing,
    }
}

/// That there is something to save, and that its names differ.
pub(super) fn check_fields(fields: &[(String, &Array)]) -> Result<(), FileError> {
    if fields.is_empty() {
        return Err(FileError::unsuitable("there is nothing to save"));
    }
    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    match first_repeated(&names) {
        Some(name) => Err(FileError::unsuitable(format!("two arrays have the name `{name}`"))),
        None => Ok(()),
    }
}

pub(super) fn first_repeated<'a>(names: &[&'a str]) -> Option<&'a str> {
    let mut seen = std::collections::HashSet::new();
    names.iter().copied().find(|name| !seen.insert(*name))
}

pub(super) fn one_array_only(count: usize) -> FileError {
    FileError::unsuitable(format!("an `.npy` holds one array, not {count}"))
        .help("save to an `.npz`, which holds several")
}
