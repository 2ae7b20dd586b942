//! What a level-5 file is made of: pieces with a tag that says their type and their length.
//!
//! In: bytes. Out: one piece after the other.
//! Always holds: a piece lies within the bytes it was cut from, and unpacking makes no more bytes than were announced.

use super::super::elements::Kind;
use super::super::error::FileError;
use flate2::read::ZlibDecoder;
use std::io::Read;

/// Deflate makes at most 258 bytes out of two bits; what claims more is damaged.
const MAX_RATIO: u64 = 1032;

/// The type of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// Numbers of one kind.
    Numbers(Kind),
    /// A variable, or a part of one.
    Matrix,
    /// A variable packed by zlib.
    Compressed,
    /// Text of units of one, two or four bytes in Unicode.
    Utf8,
    Utf16,
    Utf32,
}

impl Tag {
    fn from_code(code: u32) -> Option<Tag> {
        Some(match code {
            1 => Tag::Numbers(Kind::I8),
            2 => Tag::Numbers(Kind::U8),
            3 => Tag::Numbers(Kind::I16),
            4 => Tag::Numbers(Kind::U16),
            5 => Tag::Numbers(Kind::I32),
            6 => Tag::Numbers(Kind::U32),
            7 => Tag::Numbers(Kind::F32),
            9 => Tag::Numbers(Kind::F64),
            12 => Tag::Numbers(Kind::I64),
            13 => Tag::Numbers(Kind::U64),
            14 => Tag::Matrix,
            15 => Tag::Compressed,
            16 => Tag::Utf8,
            17 => Tag::Utf16,
            18 => Tag::Utf32,
            _ => return None,
        })
    }
}

/// The pieces in a run of bytes.
pub(super) struct Tags<'a> {
    rest: &'a [u8],
    big_endian: bool,
}

impl<'a> Tags<'a> {
    pub(super) fn new(bytes: &'a [u8], big_endian: bool) -> Tags<'a> {
        Tags { rest: bytes, big_endian }
    }

    /// Whether numbers lie with the larger byte first.
    pub(super) fn big_endian(&self) -> bool {
        self.big_endian
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next piece; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<(Tag, &'a [u8])>, FileError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let first = self.word(0)?;
        // A piece of up to four bytes may lie in its tag: then the length is in the upper half of the first word.
        let (code, length, start) = match first >> 16 {
            0 => (first, self.word(4)? as usize, 8),
            length => (first & 0xffff, length as usize, 4),
        };
        let tag = Tag::from_code(code).ok_or_else(|| {
            FileError::format(format!("it is damaged: there is no type of data with the number {code}"))
        })?;
        let end = start + length;
        let data = self.rest.get(start..end).filter(|_| start == 8 || length <= 4).ok_or_else(cut_short)?;
        let padded = match (tag, start) {
            (Tag::Compressed, _) => end,
            (_, 4) => 8,
            _ => end.next_multiple_of(8),
        };
        self.rest = self.rest.get(padded..).unwrap_or_default();
        Ok(Some((tag, data)))
    }

    /// The next piece, which must be there.
    pub(super) fn expect(&mut self) -> Result<(Tag, &'a [u8]), FileError> {
        self.next()?.ok_or_else(cut_short)
    }

    fn word(&self, at: usize) -> Result<u32, FileError> {
        let bytes = self.rest.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).ok_or_else(cut_short)?;
        Ok(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }
}

pub(super) fn cut_short() -> FileError {
    FileError::format("it is cut short or damaged: a length in it reaches beyond the data")
}

/// The variable that was packed, with its tag.
pub(super) fn inflate(packed: &[u8], big_endian: bool) -> Result<Vec<u8>, FileError> {
    let bad = |e: std::io::Error| FileError::format(format!("it is damaged: a variable does not unpack ({e})"));
    let mut decoder = ZlibDecoder::new(packed);
    let mut bytes = Vec::new();
    (&mut decoder).take(8).read_to_end(&mut bytes).map_err(bad)?;
    let length = Tags::new(&bytes, big_endian).word(4)?;
    if u64::from(length) > (packed.len() as u64).saturating_mul(MAX_RATIO) {
        let message = format!("it is damaged: {} bytes cannot unpack to {length}", packed.len());
        return Err(FileError::format(message));
    }
    // One byte more than announced, so that the checksum behind the end is read and compared.
    decoder.take(u64::from(length) + 1).read_to_end(&mut bytes).map_err(bad)?;
    if bytes.len() as u64 != 8 + u64::from(length) {
        let message = format!("it is damaged: a variable does not unpack to the {length} bytes that are announced");
        return Err(FileError::format(message));
    }
    Ok(bytes)
}
