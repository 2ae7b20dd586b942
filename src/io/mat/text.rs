//! Character arrays.
//!
//! In: units of text in columns, as MATLAB keeps them. Out: a string, or a list with one for each row.
//! Always holds: units that are no Unicode become U+FFFD; blanks that fill up the rows of a table are dropped.

use super::super::elements::{self, Kind};
use super::super::error::FileError;
use super::super::loaded::Loaded;
use super::tags::Tag;

/// The text of a character array of two axes.
pub(super) fn read(tag: Tag, data: &[u8], big_endian: bool, shape: &[usize]) -> Result<Loaded, FileError> {
    let [rows, columns] = *shape else {
        return Err(FileError::format(format!("it is text with {} axes; one row or a table is read", shape.len())));
    };
    let count = elements::count(shape)?;
    if count == 0 {
        return Ok(Loaded::Text(String::new()));
    }
    let units = units(tag, data, big_endian, count)?;
    if units.len() != count {
        return Err(FileError::format(format!(
            "it is damaged: {count} characters are announced, {} follow",
            units.len()
        )));
    }
    let row = |k: usize| text(units.iter().skip(k).step_by(rows).copied());
    if rows == 1 {
        return Ok(Loaded::Text(row(0)));
    }
    debug_assert_eq!(rows * columns, units.len());
    Ok(Loaded::List((0..rows).map(|k| Loaded::Text(row(k).trim_end_matches(' ').to_string())).collect()))
}

/// Code points, or units of UTF-16, whichever the shape counts.
fn units(tag: Tag, data: &[u8], big_endian: bool, count: usize) -> Result<Vec<u32>, FileError> {
    Ok(match tag {
        Tag::Numbers(Kind::I8 | Kind::U8) => data.iter().map(|&byte| u32::from(byte)).collect(),
        Tag::Numbers(Kind::U16 | Kind::I16) | Tag::Utf16 => {
            let (pairs, _) = data.as_chunks::<2>();
            let unit = |b: &[u8; 2]| if big_endian { u16::from_be_bytes(*b) } else { u16::from_le_bytes(*b) };
            pairs.iter().map(|b| u32::from(unit(b))).collect()
        }
        Tag::Numbers(Kind::U32) | Tag::Utf32 => {
            let (words, _) = data.as_chunks::<4>();
            let unit = |b: &[u8; 4]| if big_endian { u32::from_be_bytes(*b) } else { u32::from_le_bytes(*b) };
            words.iter().map(unit).collect()
        }
        Tag::Utf8 => {
            let text = String::from_utf8_lossy(data);
            let points: Vec<u32> = text.chars().map(u32::from).collect();
            if points.len() == count { points } else { text.encode_utf16().map(u32::from).collect() }
        }
        _ => return Err(FileError::format("it is damaged: text is stored as numbers")),
    })
}

fn text(units: impl Iterator<Item = u32> + Clone) -> String {
    let short: Option<Vec<u16>> = units.clone().map(|unit| u16::try_from(unit).ok()).collect();
    match short {
        Some(units) => String::from_utf16_lossy(&units),
        None => units.map(|unit| char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)).collect(),
    }
}
