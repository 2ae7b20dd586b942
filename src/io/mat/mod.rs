//! MATLAB's files, level 5 (`save -v6` and `-v7`, SciPy's `savemat`): variables by name.
//!
//! In: a `.mat` file of either byte order, its variables compressed or not. Out: a record with a field per variable, or
//! a file that MATLAB and SciPy read.
//! Always holds: shapes are MATLAB's own, as SciPy gives them without `squeeze_me`: a number is 1×1, a vector 1×n or n×1.
//!
//! The format: "MAT-File Format", The MathWorks, level 5; what SciPy's `scipy.io.matlab` writes was compared with it.

mod matrix;
mod tags;
mod text;
mod write;

pub(super) use write::save;

use super::error::{FileError, first_repeated};
use super::loaded::Loaded;
use matrix::Reader;
use std::io::Read;
use std::path::Path;
use tags::{Tag, Tags};

/// Bytes before the first variable: text, a reserved place, version, byte order.
const HEADER: usize = 128;

/// Reads a `.mat` file.
pub(super) fn load(path: &Path) -> Result<Loaded, FileError> {
    let (mut file, _) = super::open(path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|e| FileError::unreadable(e.to_string()))?;
    read(&bytes)
}

fn read(bytes: &[u8]) -> Result<Loaded, FileError> {
    let big_endian = byte_order(bytes)?;
    let mut reader = Reader::new(bytes.len());
    let mut tags = Tags::new(bytes.get(HEADER..).unwrap_or_default(), big_endian);
    let mut variables: Vec<(String, Loaded)> = Vec::new();
    while let Some((tag, data)) = tags.next()? {
        let (name, value) = match tag {
            Tag::Matrix => reader.variable(data, big_endian)?,
            Tag::Compressed => {
                let unpacked = tags::inflate(data, big_endian)?;
                match Tags::new(&unpacked, big_endian).next()? {
                    Some((Tag::Matrix, data)) => reader.variable(data, big_endian)?,
                    _ => return Err(FileError::format("it is damaged: something compressed is not a variable")),
                }
            }
            _ => return Err(FileError::format("it is damaged: data stand outside the variables")),
        };
        // What MATLAB keeps for itself has no name.
        if !name.is_empty() {
            variables.push((name, value));
        }
    }
    let names: Vec<&str> = variables.iter().map(|(name, _)| name.as_str()).collect();
    match first_repeated(&names) {
        Some(name) => Err(FileError::format(format!("two variables have the name `{name}`"))),
        None if names.is_empty() => Err(FileError::format("it holds no variables")),
        None => Ok(Loaded::Record(variables)),
    }
}

/// Whether numbers lie with the larger byte first; an error for other levels of the format.
fn byte_order(bytes: &[u8]) -> Result<bool, FileError> {
    let is_hdf5 = |bytes: &[u8]| bytes.starts_with(b"\x89HDF\r\n\x1a\n");
    if is_hdf5(bytes) || bytes.starts_with(b"MATLAB 7.3") || bytes.get(512..).is_some_and(is_hdf5) {
        let error = FileError::format("it is an HDF5 file, as MATLAB writes with `-v7.3`; level 5 is read");
        return Err(error.help("save it again with `-v7`: save('f.mat', '-v7') in MATLAB"));
    }
    // Level 5 begins with text, level 4 with a small number.
    if bytes.get(..4).is_some_and(|start| start.contains(&0)) {
        let error = FileError::format("it looks like a file of level 4; level 5 is read");
        return Err(error.help("save it again with `-v7`: save('f.mat', '-v7') in MATLAB"));
    }
    let Some(end) = bytes.get(124..HEADER) else {
        return Err(FileError::format("the file ends within its header"));
    };
    let (version, big_endian) = match *end {
        [high, low, b'M', b'I'] => (u16::from_be_bytes([high, low]), true),
        [low, high, b'I', b'M'] => (u16::from_be_bytes([high, low]), false),
        _ => return Err(FileError::format("it does not begin as a `.mat` does")),
    };
    match version {
        0x0100 => Ok(big_endian),
        _ => Err(FileError::format(format!("it has the format version {version:#06x}; 0x0100 is read"))),
    }
}

#[cfg(test)]
mod tests;
