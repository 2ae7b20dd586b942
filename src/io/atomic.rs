//! Files that appear whole or not at all.
//!
//! In: a path and a function that writes. Out: the file under its name, or an error.
//! Always holds: until all of it is written the path is as it was, and after an error nothing else is left behind.

use super::error::FileError;
use std::fs::{File, Permissions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes a file through a temporary one in the same folder, which takes its name once it is complete.
///
/// A link is followed; a file that is replaced passes on its permissions.
pub(super) fn write(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> Result<(), FileError>,
) -> Result<(), FileError> {
    let (path, permissions) = target(path)?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(FileError::unwritable(format!("there is no folder `{}`", folder.display())).help("make it first"));
    }
    let temporary = temporary_file(folder).map_err(|e| FileError::unwritable(e.to_string()))?;
    let (file, temporary) = temporary.into_parts();
    let mut writer = BufWriter::new(file);
    fill(&mut writer)?;
    let finish = || -> std::io::Result<()> {
        writer.flush()?;
        drop(writer);
        if let Some(permissions) = permissions {
            std::fs::set_permissions(&temporary, permissions)?;
        }
        temporary.persist(&path).map_err(|e| e.error)
    };
    finish().map_err(|e| FileError::unwritable(e.to_string()))
}

/// The file that will be replaced, behind any links, and its permissions if it is there.
fn target(path: &Path) -> Result<(PathBuf, Option<Permissions>), FileError> {
    let Ok(metadata) = std::fs::metadata(path) else {
        return Ok((path.to_path_buf(), None));
    };
    if metadata.is_dir() {
        return Err(FileError::unwritable("it is a directory"));
    }
    if !metadata.is_file() {
        return Err(FileError::unwritable("it is not an ordinary file"));
    }
    if metadata.permissions().readonly() {
        return Err(FileError::unwritable("the file is there and is read-only"));
    }
    let path = path.canonicalize().map_err(|e| FileError::unwritable(e.to_string()))?;
    Ok((path, Some(metadata.permissions())))
}

fn temporary_file(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".microtome-");
    #[cfg(unix)]
    let ordinary: Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    #[cfg(unix)]
    // What any program asks for; the user's mask takes away from it.
    builder.permissions(ordinary);
    builder.tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn an_error_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "old").unwrap();
        let result = write(&path, |writer| {
            writer.write_all(b"half of the new").unwrap();
            Err(FileError::unwritable("stopped"))
        });
        assert_eq!(result.unwrap_err().message, "stopped");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(folder.path()), ["a.csv"]);
    }

    #[test]
    fn a_file_is_replaced_with_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "old").unwrap();
        let before = std::fs::metadata(&path).unwrap().permissions();
        write(&path, |writer| writer.write_all(b"new").map_err(|e| FileError::unwritable(e.to_string()))).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions(), before);
        assert_eq!(names(folder.path()), ["a.csv"]);
    }

    #[test]
    fn folders_are_no_targets_and_are_not_made() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(write(folder.path(), |_| Ok(())).unwrap_err().message, "it is a directory");
        let missing = folder.path().join("no").join("a.npy");
        assert!(write(&missing, |_| Ok(())).unwrap_err().message.starts_with("there is no folder"));
        assert!(names(folder.path()).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write(&link, |writer| writer.write_all(b"new").map_err(|e| FileError::unwritable(e.to_string()))).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    }
}
