//! Several arrays by name: NumPy's `.npz`, a zip archive with an `.npy` for each.
//!
//! In: an archive as `np.savez` or `np.savez_compressed` makes it, or named arrays. Out: the same, in the same order;
//! members in folders become records in records.
//! Always holds: an error in one array names it.

use super::error::FileError;
use super::loaded::{Loaded, by_path};
use super::npy::{self, with_storable_array};
use crate::runtime::array::Array;
use ndarray_npy::{NpzWriter, WriteNpzError};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek};
use std::path::Path;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive};

/// Deflate makes at most 258 bytes out of two bits; a member that claims more has a damaged directory.
const MAX_RATIO: u64 = 1032;

/// Reads an `.npz` file: its members that end in `.npy`, without that ending.
pub(super) fn load(path: &Path) -> Result<Loaded, FileError> {
    let (file, size) = super::open(path)?;
    read(BufReader::new(file), size).map(|arrays| by_path(arrays, '/'))
}

fn read(mut source: impl Read + Seek, size: u64) -> Result<Vec<(String, Array)>, FileError> {
    let mut start = [0; npy::MAGIC.len()];
    let begins_as_npy = source.read_exact(&mut start).is_ok() && start == npy::MAGIC;
    if begins_as_npy {
        let error = FileError::format("it is a single array, not an archive of arrays");
        return Err(error.help("give it the extension `.npy`"));
    }
    let mut archive = ZipArchive::new(source).map_err(bad_archive)?;
    let mut arrays = Vec::new();
    for index in 0..archive.len() {
        arrays.extend(read_member(&mut archive, index, size)?);
    }
    if arrays.is_empty() {
        let message = format!("it holds no arrays: none of its {} members ends in `.npy`", archive.len());
        return Err(FileError::format(message));
    }
    Ok(arrays)
}

/// The array of one member and its name; nothing if the member is no array.
fn read_member<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    index: usize,
    archive_size: u64,
) -> Result<Option<(String, Array)>, FileError> {
    let listed = archive.name_for_index(index).unwrap_or_default();
    let Some(name) = listed.strip_suffix(".npy").map(str::to_string) else {
        return Ok(None);
    };
    let mut read = || {
        let mut member = archive.by_index(index).map_err(bad_archive)?;
        let (packed, size) = (member.compressed_size(), member.size());
        if packed > archive_size || size > packed.saturating_mul(MAX_RATIO) {
            return Err(FileError::format(format!("it is damaged: {packed} bytes cannot unpack to {size}")));
        }
        npy::read(&mut member, size)
    };
    let array = read().map_err(|e| e.about(format_args!("array `{name}`")))?;
    Ok(Some((name, array)))
}

/// Writes an `.npz` file without compression, as `np.savez` does.
pub(super) fn save(path: &Path, fields: &[(String, &Array)]) -> Result<(), FileError> {
    super::atomic::write(path, |writer| write(writer, fields))
}

fn write(writer: &mut BufWriter<File>, fields: &[(String, &Array)]) -> Result<(), FileError> {
    // Room in the directory for members over 4 GiB, whose size is not known when they are begun.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(true);
    let unwritable = |e: WriteNpzError| FileError::unwritable(e.to_string());
    let mut npz = NpzWriter::new_with_options(writer, options);
    for (name, array) in fields {
        with_storable_array!(array, a => npz.add_array(name.as_str(), a)).map_err(unwritable)?;
    }
    npz.finish().map(drop).map_err(unwritable)
}

fn bad_archive(error: ZipError) -> FileError {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => FileError::format("it is encrypted"),
        ZipError::UnsupportedArchive(what) => FileError::format(format!("its archive cannot be read: {what}"))
            .help("write it with `np.savez` or `np.savez_compressed`"),
        other => FileError::format(format!("it is not a sound zip archive, as an `.npz` is: {other}")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;
    use crate::io::FileErrorKind;
    use ndarray::{Array2, arr1, arr2};
    use std::io::Cursor;
    use std::path::PathBuf;

    fn path_of(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/io").join(name)
    }

    fn fixture(name: &str) -> Result<Vec<(String, Array)>, FileError> {
        let (file, size) = crate::io::open(&path_of(name))?;
        read(BufReader::new(file), size)
    }

    fn read_bytes(bytes: &[u8]) -> Result<Vec<(String, Array)>, FileError> {
        read(Cursor::new(bytes), bytes.len() as u64)
    }

    #[test]
    fn archives_of_numpy_are_read_in_order() {
        let stored = [
            ("w".to_string(), Array::from(arr2(&[[0.0, 0.5, 1.0], [1.5, 2.0, 2.5]]))),
            ("y".to_string(), Array::from(arr1(&[1i64, 0, 1]))),
            ("flag".to_string(), Array::from(true)),
        ];
        assert_eq!(fixture("stored.npz").unwrap(), stored);
        let compressed = [
            ("zeros".to_string(), Array::from(Array2::<f64>::zeros((20, 50)))),
            ("ramp".to_string(), Array::from(arr2(&[[0f32, 1.0, 2.0], [3.0, 4.0, 5.0]]))),
        ];
        assert_eq!(fixture("compressed.npz").unwrap(), compressed);
        let unicode = [("größe".to_string(), Array::from(arr1(&[0i64, 1, 2]))), ("β".to_string(), Array::from(0.5f32))];
        assert_eq!(fixture("unicode.npz").unwrap(), unicode);
    }

    #[test]
    fn wide_sizes_and_folders_in_names() {
        let ramp = arr2(&[[0i64, 1, 2], [3, 4, 5]]);
        let array = |added: i64| Loaded::Array(Array::from(&ramp + added));
        let layer = vec![("w".to_string(), array(7)), ("b".to_string(), array(7))];
        let expected = vec![("a".to_string(), array(1)), ("layer".to_string(), Loaded::Record(layer))];
        assert_eq!(load(&path_of("zip64.npz")).unwrap(), Loaded::Record(expected));
    }

    #[test]
    fn damaged_archives_are_refused() {
        let cases = [
            ("with_objects.npz", "array `names`: its elements are Python objects (dtype `|O`), which are not read"),
            ("no_arrays.npz", "it holds no arrays: none of its 1 members ends in `.npy`"),
            ("no_members.npz", "it holds no arrays: none of its 0 members ends in `.npy`"),
            ("bad_checksum.npz", "array `a`: it is damaged: Invalid checksum"),
            ("scalar.npy", "it is a single array, not an archive of arrays"),
            ("make.py", "it is not a sound zip archive, as an `.npz` is"),
        ];
        for (name, message) in cases {
            let error = fixture(name).unwrap_err();
            assert_eq!(error.kind, FileErrorKind::Format);
            assert!(error.message.starts_with(message), "{}", error.message);
        }
    }

    #[test]
    fn a_damaged_byte_or_a_missing_end_never_panics() {
        for name in ["stored.npz", "compressed.npz", "zip64.npz"] {
            let whole = std::fs::read(path_of(name)).unwrap();
            for position in 0..whole.len() {
                assert!(read_bytes(&whole[..position]).is_err(), "{name} up to {position}");
                for change in [1, 0x80, 0xff] {
                    let mut bytes = whole.clone();
                    bytes[position] ^= change;
                    let _ = read_bytes(&bytes);
                }
            }
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let (g, flags) = (Array::from(arr2(&[[1.5, -0.0]])), Array::from(arr1(&[true, false])));
        save(&path, &[("g".to_string(), &g), ("größe".to_string(), &flags)]).unwrap();
        let expected = [("g".to_string(), Loaded::Array(g)), ("größe".to_string(), Loaded::Array(flags))];
        assert_eq!(load(&path).unwrap(), Loaded::Record(expected.to_vec()));
    }
}
