//! The reader beside SciPy's, on files of SciPy, of MATLAB, and damaged ones.
//!
//! In: `tests/data/mat`, with what SciPy reads in `expected.txt`. Out: the same tree from our reader.
//! Always holds: what one reads and the other refuses is listed here with the reason.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
use super::*;
use crate::io::FileErrorKind;
use crate::runtime::array::Array;
use crate::runtime::print::{format_float, format_type};
use ndarray::{Array2, Array3, arr0, arr1, arr2};
use std::collections::BTreeMap;
use std::path::PathBuf;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/mat")
}

fn all_files() -> Vec<String> {
    let mut names = Vec::new();
    for part in ["", "matlab/"] {
        for entry in std::fs::read_dir(folder().join(part)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".mat") {
                names.push(format!("{part}{name}"));
            }
        }
    }
    assert!(names.len() > 70);
    names
}

/// The tree in the form of `expected.txt`.
fn show(value: &Loaded) -> String {
    let joined = |parts: Vec<String>| parts.join(", ");
    match value {
        Loaded::Text(text) => format!("\"{}\"", text.replace('\n', "\\n")),
        Loaded::List(items) => format!("list({})", joined(items.iter().map(show).collect())),
        Loaded::Record(fields) => {
            format!("({})", joined(fields.iter().map(|(name, value)| format!("{name}={}", show(value))).collect()))
        }
        Loaded::Array(array) => {
            let elements: Vec<String> = match array {
                Array::Bool(a) => a.iter().map(bool::to_string).collect(),
                Array::I64(a) => a.iter().map(i64::to_string).collect(),
                Array::F16(a) => a.iter().map(|&v| format_float(v)).collect(),
                Array::BF16(a) => a.iter().map(|&v| format_float(v)).collect(),
                Array::F32(a) => a.iter().map(|&v| format_float(v)).collect(),
                Array::F64(a) => a.iter().map(|&v| format_float(v)).collect(),
            };
            format!("{}({})", format_type(array), elements.join(" "))
        }
    }
}

/// Files that only SciPy reads, and why.
const REFUSED: [(&str, &str); 2] = [
    ("matlab/nasty_duplicate_fieldnames.mat", "two fields have the name"),
    ("matlab/testdouble_4.2c_SOL2.mat", "level 4"),
];

/// Files that SciPy refuses, or reads in part, and we read: the type of a size or of a name is another than it should be.
const READ: [&str; 3] = ["matlab/bad_miuint32.mat", "matlab/bad_miutf8_array_name.mat", "matlab/test_empty_struct.mat"];

#[test]
fn every_file_is_read_as_scipy_reads_it() {
    let text = std::fs::read_to_string(folder().join("expected.txt")).unwrap();
    let mut expected: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in text.lines() {
        let (file, what) = line.split_once(' ').unwrap();
        expected.entry(file).or_default().push(what);
    }
    assert_eq!(expected.len(), all_files().len());
    let mut problems = Vec::new();
    for (file, expected) in expected {
        let refused = REFUSED.iter().find(|(name, _)| *name == file);
        match (load(&folder().join(file)), refused) {
            (Err(error), Some((_, reason))) if error.message.contains(reason) => {}
            (Err(_), None) if expected == ["cannot be read"] => {}
            (Ok(_), None) if expected == ["cannot be read"] && READ.contains(&file) => {}
            (Ok(Loaded::Record(fields)), None) => {
                let found: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", show(value))).collect();
                if found != expected {
                    problems.push(format!(
                        "{file}: expected\n  {}\nfound\n  {}",
                        expected.join("\n  "),
                        found.join("\n  ")
                    ));
                }
            }
            (result, _) => problems.push(format!("{file}: expected {expected:?}, found {result:?}")),
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

#[test]
fn what_is_not_read_is_named() {
    let cases = [
        ("scipy_complex.mat", "variable `s`: field `z`: it is complex, which is not read"),
        ("scipy_unsigned.mat", "variable `large`: its element 9223372036854775808 at [1, 0] is larger than"),
        ("scipy_wide_sparse.mat", "variable `wide`: it is sparse, and with its zeros its 100000×100000 elements take"),
        ("matlab/testobject_7.4_GLNX86.mat", "variable `testobject`: it is an object; that is not read"),
        ("matlab/testfunc_7.4_GLNX86.mat", "variable `testfunc`: it is a function handle; that is not read"),
        ("matlab/testhdf5_7.4_GLNX86.mat", "it is an HDF5 file, as MATLAB writes with `-v7.3`; level 5 is read"),
        ("matlab/testdouble_4.2c_SOL2.mat", "it looks like a file of level 4; level 5 is read"),
        ("matlab/corrupted_zlib_checksum.mat", "it is damaged: a variable does not unpack"),
        ("make.py", "it does not begin as a `.mat` does"),
    ];
    for (file, message) in cases {
        let error = load(&folder().join(file)).unwrap_err();
        assert_eq!(error.kind, FileErrorKind::Format);
        assert!(error.message.starts_with(message), "{}", error.message);
    }
    assert!(load(&folder().join("matlab/testhdf5_7.4_GLNX86.mat")).unwrap_err().help.unwrap().contains("-v7"));
}

#[test]
fn damage_never_panics() {
    for file in all_files() {
        let whole = std::fs::read(folder().join(&file)).unwrap();
        // Behind the text at the beginning; larger files with larger steps.
        let step = 1 + whole.len() / 600;
        for position in (0..4).chain((116..whole.len()).step_by(step)) {
            let _ = read(&whole[..position]);
            for change in [1, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[position] ^= change;
                let _ = read(&bytes);
            }
        }
    }
}

/// A file of one matrix piece.
fn file(body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![b' '; 124];
    bytes.extend(b"\x00\x01IM");
    bytes.extend(14u32.to_le_bytes());
    bytes.extend((body.len() as u32).to_le_bytes());
    bytes.extend(body);
    bytes
}

/// A piece of 32-bit integers.
fn piece(code: u32, values: &[i32]) -> Vec<u8> {
    let mut bytes = [code.to_le_bytes(), (4 * values.len() as u32).to_le_bytes()].concat();
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

#[test]
fn lying_sizes_are_refused_without_room_for_them() {
    let huge = i32::MAX;
    let head = |class: i32, shape: &[i32]| [piece(6, &[class, 0]), piece(5, shape), piece(1, &[0x61])].concat();
    let cases = [
        ([head(6, &[huge, huge, huge]), piece(9, &[1, 2])].concat(), "its header claims the shape"),
        (head(6, &[huge, 2]), "it is cut short or damaged"),
        (
            [head(6, &[huge, 2]), piece(9, &[1, 2])].concat(),
            "it is damaged: the shape [2147483647, 2] does not go with 8",
        ),
        (head(1, &[huge, 1]), "it is cut short or damaged"),
        (head(1, &[0, huge]), "list"),
        ([head(2, &[huge, 1]), piece(5, &[4]), piece(1, &[0x62])].concat(), "it is cut short or damaged"),
        ([head(2, &[huge, 1]), piece(5, &[4]), piece(1, &[])].concat(), "it is damaged: a struct array without fields"),
        ([head(2, &[1, 1]), piece(5, &[0]), piece(1, &[0x62])].concat(), "it is damaged: the fields of a struct"),
        ([head(4, &[huge, 1]), piece(4, &[0x62])].concat(), "it is damaged: 2147483647 characters are announced, 2"),
        ([head(4, &[huge, 0]), piece(4, &[])].concat(), "text"),
        ([head(5, &[huge, 1]), piece(5, &[0]), piece(5, &[0, 1]), piece(9, &[0, 0])].concat(), "it is sparse, and"),
        (
            [head(5, &[2, 2]), piece(5, &[7]), piece(5, &[0, 1, 1]), piece(9, &[0, 0])].concat(),
            "it is damaged: an element",
        ),
        (
            [head(5, &[2, 2]), piece(5, &[0]), piece(5, &[1, 0, 1]), piece(9, &[0, 0])].concat(),
            "it is damaged: the columns",
        ),
        (head(6, &[-1, 2]), "a size is negative"),
        ([head(6, &[1; 65]), piece(9, &[0, 0])].concat(), "it has 65 axes"),
        (head(77, &[1, 1]), "it is damaged: there is no class with the number 77"),
        (piece(99, &[0]), "it is damaged: there is no type of data with the number 99"),
    ];
    for (body, message) in cases {
        match read(&file(&body)) {
            Err(error) => assert!(error.message.contains(message), "{} instead of {message}", error.message),
            Ok(Loaded::Record(fields)) => match &fields[0].1 {
                Loaded::List(items) if message == "list" => assert!(items.is_empty()),
                Loaded::Text(text) if message == "text" => assert!(text.is_empty()),
                other => panic!("{other:?} instead of {message}"),
            },
            Ok(other) => panic!("{other:?} instead of {message}"),
        }
    }
}

#[test]
fn cells_in_cells_end_somewhere() {
    let mut body = Vec::new();
    for _ in 0..2000 {
        let head = [piece(6, &[1, 0]), piece(5, &[1, 1]), piece(1, &[0x61])].concat();
        let inner = [14u32.to_le_bytes().to_vec(), (body.len() as u32).to_le_bytes().to_vec(), body].concat();
        body = [head, inner].concat();
    }
    let error = read(&file(&body)).unwrap_err();
    assert!(error.message.contains("nest deeper than 64 levels"), "{}", error.message.len());
}

#[test]
fn what_is_written_is_read_back_with_two_axes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mat");
    let cube = Array::from(Array3::from_shape_fn((2, 3, 4), |(i, j, k)| (12 * i + 4 * j + k) as i64));
    let (x, v, s) = (arr2(&[[1.5, -0.0, 3.0], [f64::INFINITY, 5e-324, 0.1]]), arr1(&[1.5f32, -2.0]), arr0(true));
    let arrays = [Array::from(x.clone()), v.into(), s.into(), cube.clone(), Array2::<f64>::zeros((0, 3)).into()];
    let names = ["x", "v_1", "flag", "cube", "none"];
    let fields: Vec<(String, &Array)> = names.iter().map(|name| name.to_string()).zip(&arrays).collect();
    save(&path, &fields).unwrap();
    let expected = [Array::from(x), arr2(&[[1.5f32, -2.0]]).into(), arr2(&[[true]]).into(), cube, arrays[4].clone()];
    let expected = names.iter().zip(expected).map(|(name, array)| (name.to_string(), Loaded::Array(array))).collect();
    assert_eq!(load(&path).unwrap(), Loaded::Record(expected));
}

#[test]
fn names_that_matlab_refuses_are_refused() {
    let (folder, one) = (tempfile::tempdir().unwrap(), Array::from(1.0));
    for name in ["_x", "größe", &"x".repeat(64), "", "1x", "a.b"] {
        let error = save(&folder.path().join("a.mat"), &[(name.to_string(), &one)]).unwrap_err();
        assert_eq!(error.kind, FileErrorKind::Unsuitable, "{name}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
