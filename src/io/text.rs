//! Files of text, read and replaced as a whole.
//!
//! In: a path, and bytes to put there. Out: the bytes that were there, or a [`FileError`] that names the file.
//! Always holds: a file that could not be written is as it was.

use super::atomic;
use super::error::{FileError, not_opened};
use std::io::Write;
use std::path::Path;

/// Reads all of a file.
///
/// # Errors
/// If there is no such file, or it cannot be read.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, FileError> {
    let read = if path.is_dir() {
        Err(FileError::unreadable("it is a directory"))
    } else {
        std::fs::read(path).map_err(|error| not_opened(path, &error))
    };
    read.map_err(|error| error.when("read", path))
}

/// Puts a text into a file, all of it at once.
///
/// # Errors
/// If the file cannot be written; then the path is as it was.
pub fn save_text(path: &Path, text: &str) -> Result<(), FileError> {
    let fill = |writer: &mut std::io::BufWriter<std::fs::File>| {
        writer.write_all(text.as_bytes()).map_err(|error| FileError::unwritable(error.to_string()))
    };
    atomic::write(path, fill).map_err(|error| error.when("write", path))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn text_goes_there_and_back_and_errors_name_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tome");
        save_text(&path, "é\n").unwrap();
        assert_eq!(read_bytes(&path).unwrap(), "é\n".as_bytes());
        assert!(read_bytes(&folder.path().join("b.tome")).unwrap_err().message.contains("b.tome"));
        assert!(read_bytes(folder.path()).unwrap_err().message.ends_with("it is a directory"));
        assert!(save_text(folder.path(), "").is_err());
    }
}
