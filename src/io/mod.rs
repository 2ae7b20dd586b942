//! Array files: what `load`, `save` and `--input` read and write.
//!
//! In: a path whose extension says the format. Out: [`Loaded`] arrays, or a file that is complete or not there at all.
//! Always holds: no file, however damaged, makes reading panic or take memory out of proportion to its size.
#![deny(clippy::indexing_slicing)]

mod atomic;
mod csv;
mod elements;
mod error;
mod folder;
mod loaded;
mod mat;
mod npy;
mod npz;
mod safetensors;
mod text;

pub use error::{FileError, FileErrorKind};
pub use loaded::Loaded;
pub use text::{read_bytes, save_text};

use crate::runtime::array::Array;
use std::path::Path;

/// The formats, by extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Npy,
    Npz,
    Csv,
    Mat,
    Safetensors,
}

impl Format {
    const ALL: [(&'static str, Format); 5] = [
        ("npy", Format::Npy),
        ("npz", Format::Npz),
        ("csv", Format::Csv),
        ("mat", Format::Mat),
        ("safetensors", Format::Safetensors),
    ];

    fn of(path: &Path) -> Result<Format, FileError> {
        let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        let known = Format::ALL.iter().find(|(name, _)| Some(*name) == extension.as_deref());
        known.map(|(_, format)| *format).ok_or_else(|| {
            let known: Vec<&str> = Format::ALL.iter().map(|(name, _)| *name).collect();
            error::unknown_extension(extension.as_deref(), &known)
        })
    }
}

/// Reads the arrays of a file, or of a folder of `.npy` files.
///
/// # Errors
/// If there is no such file, it cannot be read, or it does not hold what its extension promises.
pub fn load(path: &Path) -> Result<Loaded, FileError> {
    let read = || {
        if path.is_dir() {
            return folder::load(path);
        }
        match Format::of(path)? {
            Format::Npy => npy::load(path).map(Loaded::Array),
            Format::Npz => npz::load(path),
            Format::Csv => csv::load(path),
            Format::Mat => mat::load(path),
            Format::Safetensors => safetensors::load(path),
        }
    };
    read().map_err(|e| e.when("read", path))
}

/// Writes one array. In an `.npz` it gets NumPy's name for an array without one, `arr_0`.
///
/// # Errors
/// If the format cannot hold the array, or the file cannot be written; then the path is as it was.
pub fn save_array(path: &Path, array: &Array) -> Result<(), FileError> {
    let write = || match Format::of(path)? {
        Format::Npy => npy::save(path, array),
        Format::Npz => npz::save(path, &[("arr_0".to_string(), array)]),
        Format::Csv => csv::save_array(path, array),
        Format::Mat | Format::Safetensors => Err(error::needs_names(path)),
    };
    write().map_err(|e| e.when("write", path))
}

/// Writes named arrays. An `.npy` holds one, without its name; a `.csv` holds columns of equal length.
///
/// # Errors
/// If the format cannot hold the arrays, or the file cannot be written; then the path is as it was.
pub fn save_record(path: &Path, fields: &[(String, &Array)]) -> Result<(), FileError> {
    let write = || {
        error::check_fields(fields)?;
        match (Format::of(path)?, fields) {
            (Format::Npy, [(_, array)]) => npy::save(path, array),
            (Format::Npy, _) => Err(error::one_array_only(fields.len())),
            (Format::Npz, _) => npz::save(path, fields),
            (Format::Csv, _) => csv::save_record(path, fields),
            (Format::Mat, _) => mat::save(path, fields),
            (Format::Safetensors, _) => safetensors::save(path, fields),
        }
    };
    write().map_err(|e| e.when("write", path))
}

/// Writes a file that has been put together already, such as a picture.
///
/// # Errors
/// If the file cannot be written; then the path is as it was.
pub fn save_bytes(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let fill = |writer: &mut std::io::BufWriter<std::fs::File>| {
        std::io::Write::write_all(writer, bytes).map_err(|e| FileError::unwritable(e.to_string()))
    };
    atomic::write(path, fill).map_err(|e| e.when("write", path))
}

/// Opens a file for reading, and says how many bytes it has.
fn open(path: &Path) -> Result<(std::fs::File, u64), FileError> {
    let file = std::fs::File::open(path).map_err(|e| error::not_opened(path, &e))?;
    let metadata = file.metadata().map_err(|e| FileError::unreadable(e.to_string()))?;
    if metadata.is_dir() {
        return Err(FileError::unreadable("it is a folder, not a file"));
    }
    if !metadata.is_file() {
        return Err(FileError::unreadable("it is not an ordinary file").help("write the data to a file first"));
    }
    if metadata.len() == 0 {
        return Err(FileError::format("the file is empty"));
    }
    Ok((file, metadata.len()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;
    use crate::diagnostic::codes;
    use crate::syntax::span::{FileId, Span};
    use ndarray::arr1;

    #[test]
    fn the_extension_says_the_format() {
        let folder = tempfile::tempdir().unwrap();
        let array = Array::from(arr1(&[1.0, 2.0]));
        for name in ["a.npy", "A.NPY"] {
            save_array(&folder.path().join(name), &array).unwrap();
            assert_eq!(load(&folder.path().join(name)).unwrap(), Loaded::Array(array.clone()));
        }
        let npz = folder.path().join("a.npz");
        save_array(&npz, &array).unwrap();
        assert_eq!(load(&npz).unwrap(), Loaded::Record(vec![("arr_0".to_string(), Loaded::Array(array.clone()))]));
        let csv = folder.path().join("a.csv");
        save_record(&csv, &[("x".to_string(), &array)]).unwrap();
        assert_eq!(load(&csv).unwrap(), Loaded::Record(vec![("x".to_string(), Loaded::Array(array.clone()))]));
        let near = load(Path::new("a.nzp")).unwrap_err();
        assert!(
            near.message
                .ends_with("the extension `.nzp` is not one of `.npy`, `.npz`, `.csv`, `.mat` and `.safetensors`")
        );
        assert_eq!(near.help.as_deref(), Some("did you mean `.npz`?"));
        for name in ["a.mat", "a.safetensors"] {
            let error = save_array(&folder.path().join(name), &array).unwrap_err();
            assert!(error.message.ends_with("holds arrays by name, and this one has none"), "{error}");
            assert!(!folder.path().join(name).exists());
        }
        for name in ["a.xlsx", "a"] {
            let error = save_array(Path::new(name), &array).unwrap_err();
            assert_eq!(error.kind, FileErrorKind::UnknownExtension);
            assert!(error.message.starts_with(&format!("cannot write `{name}`: ")), "{error}");
            assert_eq!(load(Path::new(name)).unwrap_err().kind, FileErrorKind::UnknownExtension);
        }
    }

    #[test]
    fn missing_empty_and_strange_files_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("weights.npy"), "").unwrap();
        std::fs::create_dir(folder.path().join("folder.csv")).unwrap();
        let missing = load(&folder.path().join("weihgts.npy")).unwrap_err();
        assert_eq!(missing.kind, FileErrorKind::NotFound);
        assert!(missing.help.unwrap().ends_with("weights.npy`"));
        let no_folder = load(&folder.path().join("data").join("x.npy")).unwrap_err();
        assert!(no_folder.help.unwrap().starts_with("there is no folder"));
        let empty = load(&folder.path().join("weights.npy")).unwrap_err();
        assert_eq!(empty.kind, FileErrorKind::Format);
        assert!(empty.message.ends_with("the file is empty"));
        let directory = load(&folder.path().join("folder.csv")).unwrap_err();
        assert_eq!(directory.kind, FileErrorKind::Format);
        assert!(directory.message.ends_with("it is a folder, and holds no `.npy` files"));
    }

    #[test]
    fn records_that_do_not_fit_are_refused() {
        let (folder, array) = (tempfile::tempdir().unwrap(), Array::from(1.0));
        let (a, b) = (("a".to_string(), &array), ("b".to_string(), &array));
        let refused = |name: &str, fields: &[(String, &Array)]| {
            let error = save_record(&folder.path().join(name), fields).unwrap_err();
            assert_eq!(error.kind, FileErrorKind::Unsuitable);
            error.message
        };
        assert!(refused("x.npz", &[]).ends_with("there is nothing to save"));
        assert!(refused("x.npz", &[a.clone(), a.clone()]).ends_with("two arrays have the name `a`"));
        assert!(refused("x.npy", &[a.clone(), b]).ends_with("an `.npy` holds one array, not 2"));
        assert!(refused("x.csv", &[a]).contains("array `a`: a `.csv` holds columns"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn errors_become_diagnostics_with_a_code_and_the_place() {
        let span = Span::new(FileId(0), 3, 9);
        let missing = load(Path::new("no_such_file.npy")).unwrap_err().diagnostic(Some(span));
        assert_eq!((missing.code, missing.labels[0].span), (codes::FILE, span));
        assert_eq!(missing.message, "cannot read `no_such_file.npy`: there is no such file");
        let damaged = FileError::format("it is damaged").help("mend it").diagnostic(None);
        assert_eq!((damaged.code, damaged.help.as_deref()), (codes::FILE_FORMAT, Some("mend it")));
        assert!(damaged.labels.is_empty());
    }
}
