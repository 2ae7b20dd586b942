//! Tensors by name, as the libraries for neural networks keep weights: `.safetensors`.
//!
//! In: a file of that format, or named arrays. Out: a record, names with points in them as records in records
//! (`layers.0.w` is `d.layers[0].w`), or a file.
//! Always holds: each tensor has its own bytes, and together they are all that follow the header.
//!
//! The format: <https://huggingface.co/docs/safetensors/index>. Eight bytes with the length of the header, the header
//! in JSON, the elements in C order with the smaller byte first.

use super::elements::{self, Kind, Order};
use super::error::FileError;
use super::loaded::{Loaded, by_path};
use crate::runtime::array::{Array, DType};
use half::{bf16, f16};
use ndarray::ArrayD;
use serde_json::{Map, Value, json};
use std::io::{Read, Write};
use std::path::Path;

/// Bytes that hold the length of the header.
const LENGTH: usize = 8;
/// The most that a header may take, which is also the limit of the format's own library.
const MAX_HEADER: usize = 100_000_000;
/// The entry of a header that is no tensor.
const METADATA: &str = "__metadata__";

/// Reads a `.safetensors` file.
pub(super) fn load(path: &Path) -> Result<Loaded, FileError> {
    let (mut file, _) = super::open(path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|e| FileError::unreadable(e.to_string()))?;
    read(&bytes).map(|arrays| by_path(arrays, '.'))
}

/// A tensor as its header has it.
struct Tensor {
    name: String,
    dtype: String,
    shape: Vec<usize>,
    start: usize,
    end: usize,
}

fn read(bytes: &[u8]) -> Result<Vec<(String, Array)>, FileError> {
    let (header, body) = split(bytes)?;
    let mut tensors = Vec::new();
    for (name, entry) in header.into_iter().filter(|(name, _)| name != METADATA) {
        let message = format!("its header is malformed: the entry of `{name}` is no tensor");
        tensors.push(Tensor::from_entry(name, &entry).ok_or_else(|| FileError::format(message))?);
    }
    if tensors.is_empty() {
        return Err(FileError::format("it holds no arrays"));
    }
    tensors.sort_by_key(|tensor| (tensor.start, tensor.end));
    let mut end = 0;
    for tensor in &tensors {
        if tensor.start != end || tensor.end < tensor.start {
            let message = format!("its header is malformed: the bytes of `{}` do not follow others", tensor.name);
            return Err(FileError::format(message));
        }
        end = tensor.end;
    }
    match end.cmp(&body.len()) {
        std::cmp::Ordering::Less => {
            Err(FileError::format(format!("more follows the last array ({} bytes)", body.len() - end)))
        }
        std::cmp::Ordering::Greater => Err(FileError::format(format!(
            "it is cut short: its header promises {end} bytes of elements, and {} follow",
            body.len()
        ))),
        std::cmp::Ordering::Equal => tensors.into_iter().map(|tensor| tensor.array(body)).collect(),
    }
}

/// The header, and the bytes behind it.
fn split(bytes: &[u8]) -> Result<(Map<String, Value>, &[u8]), FileError> {
    let no_header = || FileError::format("it is cut short, or no `.safetensors`: it ends within its header");
    let (length, rest) = bytes.split_first_chunk::<LENGTH>().ok_or_else(no_header)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| no_header())?;
    let (header, body) = rest.split_at_checked(length).ok_or_else(no_header)?;
    if length > MAX_HEADER {
        return Err(FileError::format(format!("its header has {length} bytes, more than the format allows")));
    }
    match serde_json::from_slice(header) {
        Ok(Value::Object(entries)) => Ok((entries, body)),
        Ok(_) => Err(FileError::format("its header is malformed: it is no JSON object")),
        Err(error) => Err(FileError::format(format!("its header is malformed: {error}"))),
    }
}

impl Tensor {
    fn from_entry(name: String, entry: &Value) -> Option<Tensor> {
        let size = |value: &Value| value.as_u64().and_then(|size| usize::try_from(size).ok());
        let sizes = |key: &str| entry.get(key)?.as_array()?.iter().map(size).collect::<Option<Vec<usize>>>();
        let dtype = entry.get("dtype")?.as_str()?.to_string();
        let (shape, offsets) = (sizes("shape")?, sizes("data_offsets")?);
        let [start, end] = *offsets.as_slice() else { return None };
        Some(Tensor { name, dtype, shape, start, end })
    }

    fn array(self, body: &[u8]) -> Result<(String, Array), FileError> {
        let read = || {
            let kind = kind(&self.dtype)?;
            let bytes = body.get(self.start..self.end).unwrap_or_default();
            let order = Order { big_endian: false, column_major: false };
            elements::array(bytes, kind, kind.dtype(), order, &self.shape)
        };
        let array = read().map_err(|e| e.about(format_args!("array `{}`", self.name)))?;
        Ok((self.name, array))
    }
}

fn kind(dtype: &str) -> Result<Kind, FileError> {
    Ok(match dtype {
        "BOOL" => Kind::Bool,
        "I8" => Kind::I8,
        "I16" => Kind::I16,
        "I32" => Kind::I32,
        "I64" => Kind::I64,
        "U8" => Kind::U8,
        "U16" => Kind::U16,
        "U32" => Kind::U32,
        "U64" => Kind::U64,
        "F16" => Kind::F16,
        "BF16" => Kind::BF16,
        "F32" => Kind::F32,
        "F64" => Kind::F64,
        other => {
            let error = FileError::format(format!("its elements are of the type {other}, which is not read"));
            return Err(error.help("save it in single precision: t.to(torch.float32)"));
        }
    })
}

/// Writes named arrays, those of wider types first, so that each lies at a multiple of its element's size.
pub(super) fn save(path: &Path, fields: &[(String, &Array)]) -> Result<(), FileError> {
    if fields.iter().any(|(name, _)| name == METADATA) {
        return Err(FileError::unsuitable(format!("the format keeps the name `{METADATA}` for itself")));
    }
    let mut sorted: Vec<&(String, &Array)> = fields.iter().collect();
    sorted.sort_by_key(|(_, array)| std::cmp::Reverse(array.dtype().size()));
    let (mut header, mut end) = (Map::new(), 0);
    for (name, array) in &sorted {
        let start = end;
        end += array.shape().iter().product::<usize>() * array.dtype().size();
        let entry = json!({ "dtype": dtype(array), "shape": array.shape(), "data_offsets": [start, end] });
        header.insert(name.clone(), entry);
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(LENGTH), b' ');
    super::atomic::write(path, |writer| {
        let mut write = || {
            writer.write_all(&(header.len() as u64).to_le_bytes())?;
            writer.write_all(&header)?;
            sorted.iter().try_for_each(|(_, array)| write_elements(writer, array))
        };
        write().map_err(|e: std::io::Error| FileError::unwritable(e.to_string()))
    })
}

fn dtype(array: &Array) -> &'static str {
    match array.dtype() {
        DType::Bool => "BOOL",
        DType::I64 => "I64",
        DType::F16 => "F16",
        DType::BF16 => "BF16",
        DType::F32 => "F32",
        DType::F64 => "F64",
    }
}

fn write_elements(writer: &mut impl Write, array: &Array) -> std::io::Result<()> {
    fn all<T: Copy, const N: usize>(
        writer: &mut impl Write,
        array: &ArrayD<T>,
        bytes: impl Fn(T) -> [u8; N],
    ) -> std::io::Result<()> {
        array.iter().try_for_each(|&element| writer.write_all(&bytes(element)))
    }
    match array {
        Array::Bool(a) => all(writer, a, |v| [u8::from(v)]),
        Array::I64(a) => all(writer, a, i64::to_le_bytes),
        Array::F16(a) => all(writer, a, f16::to_le_bytes),
        Array::BF16(a) => all(writer, a, bf16::to_le_bytes),
        Array::F32(a) => all(writer, a, f32::to_le_bytes),
        Array::F64(a) => all(writer, a, f64::to_le_bytes),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;
    use crate::io::FileErrorKind;
    use ndarray::{Array2, arr0, arr1, arr2};

    fn fixture() -> Vec<u8> {
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/io/types.safetensors")).unwrap()
    }

    fn file(header: &str, body: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), body].concat()
    }

    #[test]
    fn every_type_is_read() {
        let arrays = read(&fixture()).unwrap();
        let find = |name: &str| arrays.iter().find(|(known, _)| known == name).unwrap().1.clone();
        let double = arr2(&[[-2.0, -0.5, 1.0], [2.5, 4.0, 5.5]]);
        assert_eq!(find("F64"), Array::from(double.clone()));
        let single = double.mapv(|v| v as f32);
        assert_eq!(find("F16"), Array::from(single.mapv(f16::from_f32)));
        assert_eq!(find("BF16"), Array::from(single.mapv(bf16::from_f32)));
        assert_eq!(find("F32"), Array::from(single));
        for name in ["I8", "I16", "I32", "I64"] {
            assert_eq!(find(name), Array::from(arr2(&[[-2i64, -1, 0], [1, 2, 3]])), "{name}");
        }
        for name in ["U8", "U16", "U32", "U64"] {
            assert_eq!(find(name), Array::from(arr2(&[[200i64, 201, 202], [203, 204, 205]])), "{name}");
        }
        assert_eq!(find("BOOL"), Array::from(arr1(&[true, false, true])));
        assert_eq!(find("scalar"), Array::from(2.5f32));
        assert_eq!(find("empty"), Array::from(Array2::<f32>::zeros((0, 3))));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        let arrays = [
            ("flags", Array::from(arr1(&[true, false, true]))),
            ("x", Array::from(arr2(&[[1.5, f64::INFINITY], [-0.0, 5e-324]]))),
            ("größe", Array::from(arr1(&[1.5f32, -2.0]))),
            ("h", Array::from(arr1(&[f16::from_f32(0.1), f16::INFINITY, f16::from_bits(1)]))),
            ("b", Array::from(arr1(&[bf16::from_f32(0.1)]))),
            ("n", Array::from(arr0(i64::MIN))),
            ("none", Array::from(Array2::<f64>::zeros((0, 2)))),
        ];
        let fields: Vec<(String, &Array)> = arrays.iter().map(|(name, array)| (name.to_string(), array)).collect();
        save(&path, &fields).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes[0] % 8, 0, "the elements begin at a multiple of eight");
        let found = read(&bytes).unwrap();
        assert_eq!(found.len(), arrays.len());
        for (name, array) in &arrays {
            assert_eq!(&found.iter().find(|(known, _)| known == name).unwrap().1, array);
        }
    }

    #[test]
    fn damaged_files_are_refused() {
        let entry = |dtype: &str, shape: &str, start: u64, end: u64| {
            format!("{{\"a\": {{\"dtype\": \"{dtype}\", \"shape\": {shape}, \"data_offsets\": [{start}, {end}]}}}}")
        };
        let cases = [
            (b"1234567".to_vec(), "it is cut short, or no `.safetensors`"),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff{}".to_vec(), "it is cut short, or no `.safetensors`"),
            (file("[]", &[]), "its header is malformed: it is no JSON object"),
            (file("{", &[]), "its header is malformed: EOF"),
            (file("{}", &[]), "it holds no arrays"),
            (file(&format!("{{\"a\":{}", "[".repeat(9000)), &[]), "its header is malformed: recursion limit"),
            (file("{\"a\": 3}", &[]), "its header is malformed: the entry of `a` is no tensor"),
            (file(&entry("F32", "[-1]", 0, 4), &[0; 4]), "its header is malformed: the entry of `a` is no tensor"),
            (file(&entry("F32", "[2]", 0, 8), &[0; 4]), "it is cut short: its header promises 8 bytes"),
            (file(&entry("F32", "[1]", 0, 4), &[0; 5]), "more follows the last array (1 bytes)"),
            (file(&entry("F32", "[1]", 4, 8), &[0; 8]), "its header is malformed: the bytes of `a` do not follow"),
            (file(&entry("F32", "[1]", 0, u64::MAX), &[]), "it is cut short: its header promises 18446744073709551615"),
            (file(&entry("F32", "[3]", 0, 4), &[0; 4]), "array `a`: it is damaged: the shape [3] does not go with 4"),
            (
                file(&entry("F32", "[4611686018427387904, 4]", 0, 0), &[]),
                "array `a`: its header claims the shape [4611686018427387904, 4]",
            ),
            (file(&entry("F8_E4M3", "[1]", 0, 1), &[0]), "array `a`: its elements are of the type F8_E4M3"),
            (
                file(&entry("U64", "[1]", 0, 8), &[255; 8]),
                "array `a`: its element 18446744073709551615 at [0] is larger than the largest `i64`",
            ),
        ];
        for (bytes, message) in cases {
            let error = read(&bytes).unwrap_err();
            assert_eq!(error.kind, FileErrorKind::Format);
            assert!(error.message.starts_with(message), "{}", error.message);
        }
    }

    #[test]
    fn a_damaged_byte_or_a_missing_end_never_panics() {
        let whole = fixture();
        for position in 0..whole.len() {
            assert!(read(&whole[..position]).is_err(), "up to {position}");
            for change in [1, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[position] ^= change;
                let _ = read(&bytes);
            }
        }
    }
}
