//! Static libraries.
//!
//! In: an object file, and perhaps the run-time library. Out: the bytes of one library that holds both.
//! Always holds: the same parts make the same bytes.

use super::{Obstacle, shown};
use ar_archive_writer::{ArchiveKind, DEFAULT_OBJECT_READER, NewArchiveMember, write_archive_to_stream};
use object::read::archive::ArchiveFile;
use std::io::Cursor;
use std::path::Path;

/// A library of an object file, and of what the run-time library consists of, if it is to be in it.
///
/// # Errors
/// When the run-time library cannot be read.
pub fn bundle(object: &[u8], name: &str, runtime: Option<&Path>, apple: bool) -> Result<Vec<u8>, Obstacle> {
    let bytes = match runtime {
        Some(path) => std::fs::read(path).map_err(|error| unreadable(path, &error))?,
        None => Vec::new(),
    };
    let mut members = vec![NewArchiveMember::new(object, &DEFAULT_OBJECT_READER, format!("{name}.o"))];
    if let Some(path) = runtime {
        let archive = ArchiveFile::parse(bytes.as_slice()).map_err(|error| unreadable(path, &error))?;
        for member in archive.members() {
            let member = member.map_err(|error| unreadable(path, &error))?;
            let data = member.data(bytes.as_slice()).map_err(|error| unreadable(path, &error))?;
            let name = String::from_utf8_lossy(member.name()).into_owned();
            members.push(NewArchiveMember::new(data, &DEFAULT_OBJECT_READER, name));
        }
    }
    let kind = if apple { ArchiveKind::Darwin } else { ArchiveKind::Gnu };
    let mut out = Cursor::new(Vec::new());
    write_archive_to_stream(&mut out, &members, kind, false, None)
        .map_err(|error| Obstacle::Tool(format!("the library cannot be put together: {error}"), String::new()))?;
    Ok(out.into_inner())
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Obstacle {
    let text = format!("the run-time library `{}` cannot be read: {error}", shown(path));
    Obstacle::Tool(text, "build it anew: `cargo build --release -p microtome-runtime`".to_owned())
}
