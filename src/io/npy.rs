//! One array in NumPy's own format, `.npy`, and each member of an `.npz`.
//!
//! In: bytes of format version 1.0, 2.0 or 3.0, or an [`Array`]. Out: an [`Array`], or a file that NumPy reads.
//! Always holds: nothing is allocated for the elements before the source is known to be as long as its header says.
//!
//! The format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use super::elements;
use super::error::FileError;
use crate::runtime::array::Array;
use half::f16;
use ndarray::{ArrayD, IxDyn, ShapeBuilder};
use ndarray_npy::npy::header::{Header, ParseHeaderError, ReadHeaderError};
use ndarray_npy::{ReadDataError, ReadableElement, WritableElement, WriteDataError, WriteNpyError, WriteNpyExt};
use std::io::{BufReader, ErrorKind, Read, Write};
use std::path::Path;

/// The bytes that every `.npy` begins with.
pub(super) const MAGIC: &[u8] = b"\x93NUMPY";
/// Longest header that is read, in bytes; only structured types have longer ones, and those are refused anyway.
const MAX_HEADER: u64 = 1 << 16;
/// Deepest nesting of brackets in a header; a plain array has two.
const MAX_NESTING: usize = 32;

/// Reads an `.npy` file.
pub(super) fn load(path: &Path) -> Result<Array, FileError> {
    let (file, size) = super::open(path)?;
    read(&mut BufReader::new(file), size)
}

/// Writes an `.npy` file of format version 1.0.
pub(super) fn save(path: &Path, array: &Array) -> Result<(), FileError> {
    super::atomic::write(path, |writer| write(writer, array))
}

fn write(writer: impl Write, array: &Array) -> Result<(), FileError> {
    let written: Result<(), WriteNpyError> = with_storable_array!(array, a => a.write_npy(writer));
    written.map_err(|e| FileError::unwritable(e.to_string()))
}

/// Reads an array from a source of `size` bytes.
pub(super) fn read(source: &mut impl Read, size: u64) -> Result<Array, FileError> {
    let (header, header_size) = read_header(source, size)?;
    let stored = Stored::of(&header)?;
    let count = elements::count(&header.shape)?;
    let promised = count.checked_mul(stored.size()).ok_or_else(|| elements::too_many(&header.shape))?;
    check_length(promised as u64, size.saturating_sub(header_size))?;
    elements::check_memory(count)?;
    // One byte more than promised, so that a source longer than it claims to be is noticed and not read to its end.
    let mut body = source.take(promised as u64 + 1);
    read_elements(&mut body, stored, &header, count)
}

/// Runs `$body` with `$a` bound to the array as it is written: NumPy has no bfloat16, so that is widened to binary32.
macro_rules! with_storable_array {
    ($array:expr, $a:ident => $body:expr) => {
        match $array {
            Array::Bool($a) => $body,
            Array::I64($a) => $body,
            Array::F16(halves) => {
                let $a = &halves.mapv($crate::io::npy::Half);
                $body
            }
            Array::BF16(halves) => {
                let $a = &halves.mapv(f32::from);
                $body
            }
            Array::F32($a) => $body,
            Array::F64($a) => $body,
        }
    };
}
pub(super) use with_storable_array;

/// A binary16 as an element of a file, little-endian.
#[derive(Clone, Copy)]
pub(super) struct Half(pub(super) f16);

impl WritableElement for Half {
    fn type_descriptor() -> py_literal::Value {
        py_literal::Value::String("<f2".to_string())
    }

    fn write<W: Write>(&self, mut writer: W) -> Result<(), WriteDataError> {
        Ok(writer.write_all(&self.0.to_le_bytes())?)
    }

    fn write_slice<W: Write>(slice: &[Half], mut writer: W) -> Result<(), WriteDataError> {
        let bytes: Vec<u8> = slice.iter().flat_map(|half| half.0.to_le_bytes()).collect();
        Ok(writer.write_all(&bytes)?)
    }
}

/// How the elements lie in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stored {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F16 { big_endian: bool },
    F32,
    F64,
}

impl Stored {
    /// The element type that a header describes, if it is one that is read.
    fn of(header: &Header) -> Result<Stored, FileError> {
        let Some(text) = header.type_descriptor.as_string() else {
            let message =
                format!("its elements are structured (dtype `{}`), which is not read", header.type_descriptor);
            return Err(
                FileError::format(message).help("save each field as an array of its own, together in an `.npz`")
            );
        };
        Ok(match text.trim_start_matches(['<', '>', '|', '=']) {
            "b1" => Stored::Bool,
            "i1" => Stored::I8,
            "i2" => Stored::I16,
            "i4" => Stored::I32,
            "i8" => Stored::I64,
            "u1" => Stored::U8,
            "u2" => Stored::U16,
            "u4" => Stored::U32,
            "u8" => Stored::U64,
            "f2" => Stored::F16 { big_endian: text.starts_with('>') },
            "f4" => Stored::F32,
            "f8" => Stored::F64,
            _ => return Err(unread_type(text)),
        })
    }

    /// Bytes per element.
    fn size(self) -> usize {
        match self {
            Stored::Bool | Stored::I8 | Stored::U8 => 1,
            Stored::I16 | Stored::U16 | Stored::F16 { .. } => 2,
            Stored::I32 | Stored::U32 | Stored::F32 => 4,
            Stored::I64 | Stored::U64 | Stored::F64 => 8,
        }
    }
}

/// Reads the header, and says how many bytes it takes.
fn read_header(source: &mut impl Read, size: u64) -> Result<(Header, u64), FileError> {
    let mut bytes = Vec::new();
    read_up_to(source, MAGIC.len() + 2, &mut bytes)?;
    if bytes.iter().zip(MAGIC).any(|(byte, expected)| byte != expected) {
        return Err(not_npy(&bytes));
    }
    let length_size = if bytes.get(MAGIC.len()) == Some(&1) { 2 } else { 4 };
    read_up_to(source, length_size, &mut bytes)?;
    let header_length = bytes.iter().skip(MAGIC.len() + 2).rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
    if bytes.len() < MAGIC.len() + 2 + length_size || bytes.len() as u64 + header_length > size {
        return Err(FileError::format("the file ends within its header"));
    }
    if header_length > MAX_HEADER {
        return Err(FileError::format(format!("its header has {header_length} bytes, more than any array needs")));
    }
    read_up_to(source, header_length as usize, &mut bytes)?;
    check_nesting(&bytes)?;
    let header = Header::from_reader(&mut bytes.as_slice()).map_err(bad_header)?;
    Ok((header, bytes.len() as u64))
}

/// Appends the next `count` bytes, or as many as there are.
fn read_up_to(source: &mut impl Read, count: usize, into: &mut Vec<u8>) -> Result<(), FileError> {
    source.take(count as u64).read_to_end(into).map(drop).map_err(bad_read)
}

/// The parser of headers recurses, so what it is given must not nest without limit.
fn check_nesting(header: &[u8]) -> Result<(), FileError> {
    let mut depth = 0usize;
    for byte in header {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_NESTING {
            return Err(FileError::format("its header is malformed: it nests too deep"));
        }
    }
    Ok(())
}

fn check_length(promised: u64, held: u64) -> Result<(), FileError> {
    match held.cmp(&promised) {
        std::cmp::Ordering::Less => Err(FileError::format(format!(
            "it is cut short: its header promises {promised} bytes of elements, and {held} follow"
        ))),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => {
            Err(FileError::format(format!("more follows the end of the array ({} bytes)", held - promised)))
        }
    }
}

/// Reads the elements and widens them to one of the types of the language.
fn read_elements(body: &mut impl Read, stored: Stored, header: &Header, count: usize) -> Result<Array, FileError> {
    Ok(match stored {
        Stored::Bool => typed::<bool>(body, header, count)?.into(),
        Stored::I8 => typed::<i8>(body, header, count)?.mapv(i64::from).into(),
        Stored::I16 => typed::<i16>(body, header, count)?.mapv(i64::from).into(),
        Stored::I32 => typed::<i32>(body, header, count)?.mapv(i64::from).into(),
        Stored::I64 => typed::<i64>(body, header, count)?.into(),
        Stored::U8 => typed::<u8>(body, header, count)?.mapv(i64::from).into(),
        Stored::U16 => typed::<u16>(body, header, count)?.mapv(i64::from).into(),
        Stored::U32 => typed::<u32>(body, header, count)?.mapv(i64::from).into(),
        Stored::U64 => elements::signed(&typed::<u64>(body, header, count)?)?.into(),
        Stored::F16 { big_endian } => shaped(read_halves(body, big_endian, count)?, header)?.into(),
        Stored::F32 => typed::<f32>(body, header, count)?.into(),
        Stored::F64 => typed::<f64>(body, header, count)?.into(),
    })
}

fn typed<T: ReadableElement>(body: &mut impl Read, header: &Header, count: usize) -> Result<ArrayD<T>, FileError> {
    let elements = T::read_to_end_exact_vec(body, &header.type_descriptor, count).map_err(bad_data)?;
    shaped(elements, header)
}

fn shaped<T>(elements: Vec<T>, header: &Header) -> Result<ArrayD<T>, FileError> {
    let shape = IxDyn(&header.shape).set_f(header.layout.is_fortran());
    ArrayD::from_shape_vec(shape, elements).map_err(|e| FileError::format(format!("its shape is impossible: {e}")))
}

fn read_halves(body: &mut impl Read, big_endian: bool, count: usize) -> Result<Vec<f16>, FileError> {
    let mut bytes = Vec::new();
    body.read_to_end(&mut bytes).map_err(bad_read)?;
    check_length(2 * count as u64, bytes.len() as u64)?;
    let (pairs, _) = bytes.as_chunks::<2>();
    let number = |&pair: &[u8; 2]| if big_endian { f16::from_be_bytes(pair) } else { f16::from_le_bytes(pair) };
    Ok(pairs.iter().map(number).collect())
}

fn not_npy(start: &[u8]) -> FileError {
    let error = FileError::format("it does not begin as an `.npy` does");
    match start.starts_with(b"PK") {
        true => error.help("it begins as a zip archive does: if it is an `.npz`, give it that extension"),
        false => error,
    }
}

/// The error for a type of element that the language does not have, by the name NumPy prints.
fn unread_type(descriptor: &str) -> FileError {
    let code = descriptor.trim_start_matches(['<', '>', '|', '=']);
    let (kind, size) = code.split_at(code.chars().next().map_or(0, char::len_utf8));
    let bits = size.parse::<u32>().unwrap_or(0).saturating_mul(8);
    let (name, help) = match kind {
        "O" => ("Python objects".to_string(), "make it a numeric array first: `np.stack(a)` or `a.astype(float)`"),
        "U" | "S" | "a" => {
            ("strings".to_string(), "give each string a number first: `np.unique(a, return_inverse=True)`")
        }
        "c" => (format!("complex{bits}"), "save the real and imaginary parts: `a.real`, `a.imag`"),
        "f" => (format!("float{bits}"), "save it as `a.astype(np.float64)`"),
        "M" | "m" => ("times".to_string(), "save them as integers: `a.astype(np.int64)`"),
        _ => ("of an unknown kind".to_string(), "save it as `a.astype(np.float64)`"),
    };
    FileError::format(format!("its elements are {name} (dtype `{descriptor}`), which are not read")).help(help)
}

fn bad_header(error: ReadHeaderError) -> FileError {
    match error {
        ReadHeaderError::Io(e) => bad_read(e),
        ReadHeaderError::Parse(ParseHeaderError::Version { major, minor }) => FileError::format(format!(
            "it has the format version {major}.{minor}; the versions 1.0, 2.0 and 3.0 are read"
        )),
        // The parser shows the text and points into it over several lines.
        ReadHeaderError::Parse(ParseHeaderError::DictParse(_)) => {
            FileError::format("its header is malformed: it is not a Python dictionary")
        }
        ReadHeaderError::Parse(e) => FileError::format(format!("its header is malformed: {e}")),
    }
}

fn bad_data(error: ReadDataError) -> FileError {
    match error {
        ReadDataError::Io(e) => bad_read(e),
        ReadDataError::WrongDescriptor(descriptor) => {
            FileError::format(format!("its dtype {descriptor} does not say the byte order"))
        }
        ReadDataError::MissingData => FileError::format("it is cut short: elements are missing at its end"),
        ReadDataError::ExtraBytes(_) => FileError::format("more follows the end of the array"),
        ReadDataError::ParseData(e) => FileError::format(format!("an element is damaged: {e}")),
    }
}

/// A failure to read: of the bytes themselves when they are packed, of the device otherwise.
fn bad_read(error: std::io::Error) -> FileError {
    match error.kind() {
        ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof | ErrorKind::Other => {
            FileError::format(format!("it is damaged: {error}"))
        }
        _ => FileError::unreadable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;
    use crate::io::FileErrorKind;
    use crate::with_typed_array;
    use ndarray::{Array1, Array3, arr0, arr1, arr2};

    fn fixture(name: &str) -> Result<Array, FileError> {
        load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/io").join(name))
    }

    fn read_bytes(bytes: &[u8]) -> Result<Array, FileError> {
        read(&mut &*bytes, bytes.len() as u64)
    }

    /// A file with this header and body.
    fn file(header: &str, body: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16 + 1).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.push(b'\n');
        bytes.extend(body);
        bytes
    }

    fn plain(descriptor: &str, shape: &str, body: &[u8]) -> Vec<u8> {
        file(&format!("{{'descr': '{descriptor}', 'fortran_order': False, 'shape': {shape}}}"), body)
    }

    #[test]
    fn every_numeric_type_is_read_in_both_byte_orders() {
        let signed = Array::from(arr2(&[[-2i64, -1, 0], [1, 2, 3]]));
        let unsigned = Array::from(arr2(&[[200i64, 201, 202], [203, 204, 205]]));
        let double = Array::from(arr2(&[[-2.0, -0.5, 1.0], [2.5, 4.0, 5.5]]));
        let single = Array::from(arr2(&[[-2.0f32, -0.5, 1.0], [2.5, 4.0, 5.5]]));
        let half = Array::from(arr2(&[[-2.0f32, -0.5, 1.0], [2.5, 4.0, 5.5]]).mapv(f16::from_f32));
        let cases = [("i1 i2 i4 i8", signed), ("u1 u2 u4 u8", unsigned), ("f2", half), ("f4", single), ("f8", double)];
        for (types, expected) in cases {
            for kind in types.split(' ') {
                assert_eq!(fixture(&format!("little_{kind}.npy")).unwrap(), expected, "little {kind}");
                if !kind.ends_with('1') {
                    assert_eq!(fixture(&format!("big_{kind}.npy")).unwrap(), expected, "big {kind}");
                }
            }
        }
        assert_eq!(fixture("bool.npy").unwrap(), Array::from(arr2(&[[false, true, false], [true, false, true]])));
    }

    #[test]
    fn halves_are_read_as_they_are() {
        let Array::F16(a) = fixture("half_specials.npy").unwrap() else { panic!("not f16") };
        let a = a.mapv(f32::from);
        // 6e-8 rounds to the smallest subnormal, 2^-24; 6.1e-5 to 1023.5 / 1024 of the smallest normal.
        let expected = [0.0, -0.0, 2f32.powi(-24), 6.097_555e-5, 65504.0, f32::INFINITY, f32::NEG_INFINITY];
        for (read, expected) in a.iter().zip(expected) {
            assert_eq!(read.to_bits(), expected.to_bits(), "{read} and {expected}");
        }
        assert!(a[[7]].is_nan());
        assert_eq!(a[[8]], 0.333_251_95);
    }

    #[test]
    fn orders_shapes_and_versions() {
        assert_eq!(fixture("fortran.npy").unwrap(), Array::from(arr2(&[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])));
        let cube = Array::from(Array3::from_shape_fn((2, 3, 4), |(i, j, k)| (12 * i + 4 * j + k) as i64));
        assert_eq!(fixture("fortran_3d.npy").unwrap(), cube);
        assert!(with_typed_array!(Array, fixture("fortran_3d.npy").unwrap(), a => a.is_standard_layout()));
        assert_eq!(fixture("scalar.npy").unwrap(), Array::from(2.5));
        assert_eq!(fixture("empty.npy").unwrap().shape(), [0, 3]);
        assert_eq!(fixture("int64_limits.npy").unwrap(), Array::from(arr1(&[i64::MIN, i64::MAX])));
        for version in 1..=3 {
            let array = fixture(&format!("version_{version}.npy")).unwrap();
            assert_eq!(array, Array::from(arr2(&[[0i64, 1, 2], [3, 4, 5]])));
        }
    }

    #[test]
    fn other_types_are_refused_by_name() {
        let cases = [
            ("complex.npy", "its elements are complex128 (dtype `<c16`), which are not read"),
            ("strings.npy", "its elements are strings (dtype `<U2`), which are not read"),
            ("bytes.npy", "its elements are strings (dtype `|S2`), which are not read"),
            ("objects.npy", "its elements are Python objects (dtype `|O`), which are not read"),
            ("dates.npy", "its elements are times (dtype `<M8[D]`), which are not read"),
            ("structured.npy", "its elements are structured (dtype `[('x', '<i4'), ('y', '<f8')]`), which is not read"),
            (
                "uint64_too_large.npy",
                "its element 9223372036854775808 at [1, 0] is larger than the largest `i64`, 9223372036854775807",
            ),
        ];
        for (name, message) in cases {
            let error = fixture(name).unwrap_err();
            assert_eq!((error.kind, error.message.as_str()), (FileErrorKind::Format, message));
        }
    }

    #[test]
    fn every_prefix_of_a_file_is_refused() {
        let whole = plain("<f8", "(2,)", &[0; 16]);
        assert_eq!(read_bytes(&whole).unwrap(), Array::from(Array1::<f64>::zeros(2)));
        for length in 0..whole.len() {
            assert_eq!(read_bytes(&whole[..length]).unwrap_err().kind, FileErrorKind::Format, "{length} bytes");
        }
    }

    #[test]
    fn a_source_shorter_or_longer_than_it_claims_is_refused() {
        let whole = plain("<f8", "(2,)", &[0; 16]);
        for length in [whole.len() - 1, whole.len() + 1] {
            let mut bytes = whole.clone();
            bytes.resize(length, 0);
            assert_eq!(read(&mut bytes.as_slice(), whole.len() as u64).unwrap_err().kind, FileErrorKind::Format);
        }
    }

    #[test]
    fn impossible_headers_are_refused_without_allocating() {
        let deep = format!("{{'descr': {}'<f8'", "[".repeat(20_000));
        let many_axes = format!("({})", "1,".repeat(1000));
        let huge = "(9223372036854775807, 3)";
        let cases = [
            (
                plain("<f8", "(1000000000000000,)", &[0; 8]),
                "it is cut short: its header promises 8000000000000000 bytes",
            ),
            (plain("<f8", huge, &[]), "its header claims the shape [9223372036854775807, 3]"),
            (plain("<f8", "(0, 4611686018427387904, 2)", &[]), "its header claims the shape"),
            (plain("<f8", "(99999999999999999999999,)", &[]), "its header is malformed"),
            (plain("<f8", "(-1,)", &[]), "its header is malformed"),
            (plain("<f8", &many_axes, &[0; 8]), "it has 1000 axes"),
            (plain("<f8", "(1,)", &[0; 9]), "more follows the end of the array (1 bytes)"),
            (plain("f8", "(1,)", &[0; 8]), "its dtype 'f8' does not say the byte order"),
            (plain("", "(1,)", &[0; 8]), "its elements are of an unknown kind (dtype ``)"),
            (plain("ö8", "(1,)", &[0; 8]), "its header is malformed"),
            (plain("|b1", "(2,)", &[1, 2]), "an element is damaged"),
            (file(&deep, &[]), "its header is malformed: it nests too deep"),
            (file("[]", &[]), "its header is malformed"),
            (file("not Python", &[]), "its header is malformed: it is not a Python dictionary"),
            (b"PK\x03\x04 and so on".to_vec(), "it does not begin as an `.npy` does"),
            (b"\x93NUMPY\x04\x00\x10\x00\x00\x00 ".to_vec(), "the file ends within its header"),
            (b"\x93NUMPY\x02\x00\xff\xff\xff\xff ".to_vec(), "the file ends within its header"),
            (b"\x93NUMPY\x09\x01\x01\x00\x00\x00\n".to_vec(), "it has the format version 9.1"),
        ];
        for (bytes, message) in cases {
            let error = read_bytes(&bytes).unwrap_err();
            assert_eq!(error.kind, FileErrorKind::Format);
            assert!(error.message.starts_with(message), "{}", error.message);
        }
    }

    #[test]
    fn a_damaged_byte_never_panics() {
        let whole = plain("<f8", "(2,)", &[0; 16]);
        for position in 0..whole.len() {
            for change in (0..8).map(|bit| 1u8 << bit) {
                let mut bytes = whole.clone();
                bytes[position] ^= change;
                let _ = read_bytes(&bytes);
            }
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        let arrays = [
            Array::from(arr2(&[[1.5, f64::INFINITY], [-0.0, 5e-324]])),
            Array::from(arr1(&[1.5f32, -2.0])),
            Array::from(arr1(&[i64::MIN, i64::MAX])),
            Array::from(arr0(true)),
            Array::from(Array3::<f32>::zeros((2, 0, 3))),
            Array::from(arr2(&[[1.5f32, -0.0], [f32::INFINITY, 6e-8]]).mapv(f16::from_f32)),
        ];
        for array in arrays {
            save(&path, &array).unwrap();
            assert_eq!(load(&path).unwrap(), array);
        }
    }

    #[test]
    fn halves_are_written_as_numpy_does_and_bfloat16_in_single_precision() {
        let mut bytes = Vec::new();
        write(&mut bytes, &arr1(&[1.0f32, -2.0]).mapv(f16::from_f32).into()).unwrap();
        assert!(String::from_utf8_lossy(&bytes).contains("'descr': '<f2'"));
        assert_eq!(bytes[bytes.len() - 4..], [0x00, 0x3c, 0x00, 0xc0]);
        let mut bytes = Vec::new();
        write(&mut bytes, &arr1(&[1.5f32, -2.0]).mapv(half::bf16::from_f32).into()).unwrap();
        assert_eq!(read_bytes(&bytes).unwrap(), Array::from(arr1(&[1.5f32, -2.0])));
    }
}
