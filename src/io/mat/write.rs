//! Arrays as a level-5 file.
//!
//! In: arrays by name. Out: a file that MATLAB and SciPy read, not compressed.
//! Always holds: a scalar is written as 1×1 and a vector as 1×n, since MATLAB's arrays have two axes at least; names are
//! those that MATLAB accepts.

use super::super::error::FileError;
use super::HEADER;
use crate::runtime::array::{Array, DType};
use ndarray::ArrayD;
use std::io::Write;
use std::path::Path;

/// Longest name in MATLAB.
const MAX_NAME: usize = 63;
/// A length is a number of 32 bits, and MATLAB takes it for a signed one.
const MAX_BYTES: usize = i32::MAX as usize;
/// Bytes of a matrix beside its name and elements: flags, tags and up to 64 sizes with padding.
const MOST_OVERHEAD: usize = 1024;

/// Writes named arrays.
pub(in super::super) fn save(path: &Path, fields: &[(String, &Array)]) -> Result<(), FileError> {
    for (name, array) in fields {
        check(name, array).map_err(|e| e.about(format_args!("array `{name}`")))?;
    }
    super::super::atomic::write(path, |writer| write(writer, fields).map_err(|e| FileError::unwritable(e.to_string())))
}

fn check(name: &str, array: &Array) -> Result<(), FileError> {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !plain || !name.starts_with(|c: char| c.is_ascii_alphabetic()) || name.len() > MAX_NAME {
        return Err(FileError::unsuitable(format!(
            "a MATLAB name has up to {MAX_NAME} letters, digits and underscores and begins with a letter"
        ))
        .help("save it by another name: save(\"out.mat\", x=…)"));
    }
    let elements: usize = array.shape().iter().product();
    let bytes = elements.saturating_mul(class(array).2);
    if bytes > MAX_BYTES - MOST_OVERHEAD || array.shape().iter().any(|&size| size > MAX_BYTES) {
        return Err(FileError::unsuitable(format!(
            "its {bytes} bytes are more than a level-5 file holds in a variable"
        ))
        .help("save to an `.npz`, which MATLAB reads through Python"));
    }
    Ok(())
}

/// The number of the class, that of the type its elements are stored as, and the bytes of one.
fn class(array: &Array) -> (u32, u32, usize) {
    match array.dtype() {
        DType::Bool => (9 | LOGICAL, 2, 1),
        DType::I64 => (14, 12, 8),
        // MATLAB's files have no 16-bit floats: single precision has each of their numbers.
        DType::F16 | DType::BF16 | DType::F32 => (7, 7, 4),
        DType::F64 => (6, 9, 8),
    }
}

const LOGICAL: u32 = 0x0200;

fn write(writer: &mut impl Write, fields: &[(String, &Array)]) -> std::io::Result<()> {
    let mut header = [b' '; HEADER];
    let text = b"MATLAB 5.0 MAT-file, written by Microtome";
    header.iter_mut().zip(text).for_each(|(place, byte)| *place = *byte);
    // No subsystem; version 0x0100; the order of bytes.
    header.iter_mut().skip(116).zip([0u8; 8]).for_each(|(place, byte)| *place = byte);
    header.iter_mut().skip(124).zip(*b"\x00\x01IM").for_each(|(place, byte)| *place = byte);
    writer.write_all(&header)?;
    fields.iter().try_for_each(|(name, array)| write_matrix(writer, name, array))
}

fn write_matrix(writer: &mut impl Write, name: &str, array: &Array) -> std::io::Result<()> {
    let (flags, stored, size) = class(array);
    let shape: Vec<i32> = match *array.shape() {
        [] => vec![1, 1],
        [n] => vec![1, n as i32],
        ref shape => shape.iter().map(|&n| n as i32).collect(),
    };
    let sizes: Vec<u8> = shape.iter().flat_map(|n| n.to_le_bytes()).collect();
    let flags: Vec<u8> = [flags, 0].iter().flat_map(|n| n.to_le_bytes()).collect();
    let bytes = array.shape().iter().product::<usize>() * size;
    let padded = |length: usize| 8 + length.next_multiple_of(8);
    let total = padded(flags.len()) + padded(sizes.len()) + padded(name.len()) + padded(bytes);
    write_tag(writer, 14, total)?;
    write_piece(writer, 6, &flags)?;
    write_piece(writer, 5, &sizes)?;
    write_piece(writer, 1, name.as_bytes())?;
    write_tag(writer, stored, bytes)?;
    match array {
        Array::Bool(a) => write_columns(writer, a, |v| [u8::from(v)])?,
        Array::I64(a) => write_columns(writer, a, i64::to_le_bytes)?,
        Array::F16(a) => write_columns(writer, a, |v| f32::from(v).to_le_bytes())?,
        Array::BF16(a) => write_columns(writer, a, |v| f32::from(v).to_le_bytes())?,
        Array::F32(a) => write_columns(writer, a, f32::to_le_bytes)?,
        Array::F64(a) => write_columns(writer, a, f64::to_le_bytes)?,
    }
    pad(writer, bytes)
}

fn write_tag(writer: &mut impl Write, code: u32, length: usize) -> std::io::Result<()> {
    writer.write_all(&code.to_le_bytes())?;
    writer.write_all(&(length as u32).to_le_bytes())
}

fn write_piece(writer: &mut impl Write, code: u32, data: &[u8]) -> std::io::Result<()> {
    write_tag(writer, code, data.len())?;
    writer.write_all(data)?;
    pad(writer, data.len())
}

fn pad(writer: &mut impl Write, length: usize) -> std::io::Result<()> {
    (length..length.next_multiple_of(8)).try_for_each(|_| writer.write_all(&[0]))
}

/// Elements with the first index running fastest.
fn write_columns<T: Copy, const N: usize>(
    writer: &mut impl Write,
    array: &ArrayD<T>,
    bytes: impl Fn(T) -> [u8; N],
) -> std::io::Result<()> {
    array.t().iter().try_for_each(|&element| writer.write_all(&bytes(element)))
}
