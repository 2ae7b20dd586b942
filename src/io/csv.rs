//! Tables of numbers as text.
//!
//! In: a `.csv` with commas, semicolons or tabs between the fields, with or without a line of column names, or arrays of
//! rank two and less. Out: a record of columns, a matrix, or a file whose numbers read back as the same ones.
//! Always holds: an error in a field gives its line and column, counted from one.

use super::error::{FileError, first_repeated};
use super::loaded::Loaded;
use crate::runtime::array::Array;
use crate::runtime::print::format_float;
use ::csv::{ByteRecord, ReaderBuilder, Trim, Writer};
use ndarray::{Array1, Array2};
use std::io::{Read, Write};
use std::path::Path;

/// What stands for a missing number, besides nothing at all; pandas' list.
const MISSING: [&str; 9] = ["NA", "N/A", "n/a", "#N/A", "NULL", "null", "None", "<NA>", "-nan"];

/// Reads a `.csv` file: a record of columns if its first line has a field that is not a number, a matrix otherwise.
pub(super) fn load(path: &Path) -> Result<Loaded, FileError> {
    let (mut file, _) = super::open(path)?;
    let mut text = Vec::new();
    file.read_to_end(&mut text).map_err(|e| FileError::unreadable(e.to_string()))?;
    parse(&text)
}

fn parse(text: &[u8]) -> Result<Loaded, FileError> {
    let mut rows = Rows::new(text);
    let mut row = ByteRecord::new();
    if !rows.next(&mut row)? {
        return Err(FileError::format("the file has no lines with numbers"));
    }
    let mut columns = vec![Column::default(); row.len()];
    if row.iter().all(|field| parse_number(field).is_some()) {
        rows.push(&row, &mut columns)?;
        rows.push_rest(&mut columns)?;
        return to_matrix(&columns).map(Loaded::Array);
    }
    let names = rows.names(&row)?;
    rows.push_rest(&mut columns)?;
    let columns = columns.into_iter().map(|column| Loaded::Array(column.into_array()));
    Ok(Loaded::Record(names.into_iter().zip(columns).collect()))
}

/// The lines that hold something, one after the other.
struct Rows<'a> {
    text: &'a [u8],
    reader: ::csv::Reader<&'a [u8]>,
    /// Fields in the first line.
    width: Option<usize>,
}

impl<'a> Rows<'a> {
    fn new(text: &'a [u8]) -> Rows<'a> {
        let mut builder = ReaderBuilder::new();
        builder.has_headers(false).flexible(true).trim(Trim::All).comment(Some(b'#')).delimiter(delimiter(text));
        Rows { text, reader: builder.from_reader(text), width: None }
    }

    /// Reads the next line; false at the end. A line that is not as long as the first is an error.
    fn next(&mut self, row: &mut ByteRecord) -> Result<bool, FileError> {
        while self.reader.read_byte_record(row).map_err(|e| FileError::unreadable(e.to_string()))? {
            // Of a single column, an empty field is a missing number; otherwise the line is blank.
            let blank = row.len() == 1 && row.get(0) == Some(b"");
            if blank && self.width != Some(1) {
                continue;
            }
            let width = *self.width.get_or_insert(row.len());
            if row.len() != width {
                let message = format!("line {} has {}, and the first has {width}", self.line(row), fields(row.len()));
                return Err(FileError::format(message));
            }
            return Ok(true);
        }
        Ok(false)
    }

    fn push_rest(&mut self, columns: &mut [Column]) -> Result<(), FileError> {
        let mut row = ByteRecord::new();
        while self.next(&mut row)? {
            self.push(&row, columns)?;
        }
        Ok(())
    }

    fn push(&self, row: &ByteRecord, columns: &mut [Column]) -> Result<(), FileError> {
        for (position, (field, column)) in row.iter().zip(columns).enumerate() {
            if !column.push(field) {
                return Err(self.not_a_number(row, position, field));
            }
        }
        Ok(())
    }

    fn not_a_number(&self, row: &ByteRecord, position: usize, field: &[u8]) -> FileError {
        let shown: String = String::from_utf8_lossy(field).chars().take(40).collect();
        let place = format!("line {}, column {}", self.line(row), position + 1);
        let error = FileError::format(format!("`{shown}` is not a number")).about(place);
        match shown.split_once(',') {
            Some((whole, fraction)) if format!("{whole}{fraction}").parse::<f64>().is_ok() => {
                error.help(format!("write decimal points: {whole}.{fraction}"))
            }
            _ => error.help("columns hold numbers: leave the others out, or number what stands in them"),
        }
    }

    fn names(&self, row: &ByteRecord) -> Result<Vec<String>, FileError> {
        let names: Option<Vec<&str>> = row.iter().map(|field| str::from_utf8(field).ok()).collect();
        let names = names.ok_or_else(|| FileError::format(format!("line {} is not UTF-8 text", self.line(row))))?;
        match first_repeated(&names) {
            Some(name) => Err(FileError::format(format!("two columns have the name `{name}`"))),
            None => Ok(names.into_iter().map(|name| name.trim().to_string()).collect()),
        }
    }

    /// The line a row begins on; its own position may lie before the blank lines that precede it.
    fn line(&self, row: &ByteRecord) -> usize {
        let at = row.position().map_or(0, |position| position.byte() as usize).min(self.text.len());
        let rest = self.text.get(at..).unwrap_or_default();
        let before = self.text.get(..at + left_out(rest)).unwrap_or(self.text);
        let feeds = before.iter().filter(|&&byte| byte == b'\n').count();
        let lone_returns = before.windows(2).filter(|pair| matches!(pair, [b'\r', next] if *next != b'\n')).count();
        1 + feeds + lone_returns + usize::from(before.ends_with(b"\r"))
    }
}

/// How many bytes the empty lines and comments take that a text begins with.
fn left_out(text: &[u8]) -> usize {
    let mut rest = text;
    loop {
        match rest {
            [b'\n' | b'\r', after @ ..] => rest = after,
            [b'#', ..] => {
                let end = rest.iter().position(|&byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
                rest = rest.get(end..).unwrap_or_default();
            }
            _ => return text.len() - rest.len(),
        }
    }
}

/// What stands between the fields: of tab, semicolon and comma the first that each of the first lines has as often.
fn delimiter(text: &[u8]) -> u8 {
    let lines = text.split(|&byte| matches!(byte, b'\n' | b'\r'));
    let mut lines = lines.filter(|line| !line.trim_ascii().is_empty() && !line.starts_with(b"#")).take(2);
    let (Some(first), second) = (lines.next(), lines.next()) else { return b',' };
    let occurs = |candidate: u8| {
        let count = unquoted(first, candidate);
        count > 0 && second.is_none_or(|line| unquoted(line, candidate) == count)
    };
    [b'\t', b';'].into_iter().find(|&candidate| occurs(candidate)).unwrap_or(b',')
}

/// How often a byte stands in a line outside quotes.
fn unquoted(line: &[u8], wanted: u8) -> usize {
    line.split(|&byte| byte == b'"').step_by(2).flatten().filter(|&&byte| byte == wanted).count()
}

fn fields(count: usize) -> String {
    if count == 1 { "1 field".to_string() } else { format!("{count} fields") }
}

/// A column as far as it has been read.
#[derive(Clone)]
struct Column {
    floats: Vec<f64>,
    /// The same numbers as integers, as long as all of them are.
    integers: Option<Vec<i64>>,
}

impl Default for Column {
    fn default() -> Column {
        Column { floats: Vec::new(), integers: Some(Vec::new()) }
    }
}

impl Column {
    /// Adds a field; false if it is not a number.
    fn push(&mut self, field: &[u8]) -> bool {
        let Some(number) = parse_number(field) else {
            return false;
        };
        self.floats.push(number);
        let integer = str::from_utf8(field).ok().and_then(|text| text.parse().ok());
        self.integers = self.integers.take().zip(integer).map(|(mut integers, integer)| {
            integers.push(integer);
            integers
        });
        true
    }

    fn into_array(self) -> Array {
        match self.integers {
            Some(integers) if !integers.is_empty() => Array::from(Array1::from_vec(integers)),
            _ => Array::from(Array1::from_vec(self.floats)),
        }
    }
}

/// The number in a field; nothing between two commas, or a sign for nothing, is a missing one, NaN.
fn parse_number(field: &[u8]) -> Option<f64> {
    let text = str::from_utf8(field).ok()?.trim();
    if text.is_empty() || MISSING.contains(&text) { Some(f64::NAN) } else { text.parse().ok() }
}

fn to_matrix(columns: &[Column]) -> Result<Array, FileError> {
    let rows = columns.first().map_or(0, |column| column.floats.len());
    let row = |row| columns.iter().filter_map(move |column| column.floats.get(row).copied());
    let elements = (0..rows).flat_map(row).collect();
    let matrix = Array2::from_shape_vec((rows, columns.len()), elements);
    matrix.map(Array::from).map_err(|e| FileError::format(e.to_string()))
}

/// Writes a matrix by rows, a vector one element to a line, a scalar on a line.
pub(super) fn save_array(path: &Path, array: &Array) -> Result<(), FileError> {
    let (rows, width) = match *array.shape() {
        [] => (1, 1),
        [rows] => (rows, 1),
        [rows, width] => (rows, width),
        _ => return Err(wrong_rank(array, "arrays of one or two axes")),
    };
    super::atomic::write(path, |writer| {
        let mut elements = texts(array);
        let rows = (0..if width == 0 { 0 } else { rows }).map(|_| elements.by_ref().take(width).collect());
        write_rows(writer, rows)
    })
}

/// Writes columns of equal length under their names.
pub(super) fn save_record(path: &Path, fields: &[(String, &Array)]) -> Result<(), FileError> {
    let mut rows = None;
    for (name, array) in fields {
        let [length] = *array.shape() else {
            return Err(wrong_rank(array, "columns, arrays of one axis").about(format_args!("array `{name}`")));
        };
        let (first, expected) = *rows.get_or_insert((name, length));
        if length != expected {
            let message = format!("column `{name}` has {length} elements, and `{first}` has {expected}");
            return Err(FileError::unsuitable(message).help("save to an `.npz`, whose arrays may differ in shape"));
        }
    }
    let names = fields.iter().map(|(name, _)| name.clone()).collect();
    let mut columns: Vec<_> = fields.iter().map(|(_, array)| texts(array)).collect();
    let count = rows.map_or(0, |(_, length)| length);
    let body = (0..count).map(|_| columns.iter_mut().filter_map(Iterator::next).collect());
    super::atomic::write(path, |writer| write_rows(writer, std::iter::once(names).chain(body)))
}

fn write_rows(writer: impl Write, rows: impl Iterator<Item = Vec<String>>) -> Result<(), FileError> {
    let mut writer = Writer::from_writer(writer);
    for row in rows {
        writer.write_record(row).map_err(|e| FileError::unwritable(e.to_string()))?;
    }
    writer.flush().map_err(|e| FileError::unwritable(e.to_string()))
}

fn wrong_rank(array: &Array, wanted: &str) -> FileError {
    let message = format!("a `.csv` holds {wanted}; this one has {}", array.shape().len());
    FileError::unsuitable(message).help("save to an `.npy` or `.npz`")
}

/// The elements in C order as they are written; truth values are 1 and 0.
fn texts(array: &Array) -> Box<dyn Iterator<Item = String> + '_> {
    match array {
        Array::Bool(a) => Box::new(a.iter().map(|&v| u8::from(v).to_string())),
        Array::I64(a) => Box::new(a.iter().map(|v| v.to_string())),
        Array::F16(a) => Box::new(a.iter().map(|&v| format_float(v))),
        Array::BF16(a) => Box::new(a.iter().map(|&v| format_float(v))),
        Array::F32(a) => Box::new(a.iter().map(|&v| format_float(v))),
        Array::F64(a) => Box::new(a.iter().map(|&v| format_float(v))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;
    use crate::io::FileErrorKind;
    use ndarray::{Array3, arr1, arr2};

    fn record(fields: &[(&str, Array)]) -> Loaded {
        Loaded::Record(fields.iter().map(|(name, array)| (name.to_string(), Loaded::Array(array.clone()))).collect())
    }

    fn written(save: impl Fn(&Path) -> Result<(), FileError>) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        save(&path).unwrap();
        std::fs::read_to_string(&path).unwrap()
    }

    #[test]
    fn numbers_alone_are_a_matrix() {
        let expected = Loaded::Array(Array::from(arr2(&[[1.0, 2.5], [-3e4, f64::INFINITY]])));
        for text in
            ["1,2.5\n-3e4,inf\n", "1, 2.5\r\n -3e4 ,inf", "\n\n1,2.5\n   \n-3e4,inf\n\n", "\u{feff}1,2.5\n-3e4,inf"]
        {
            assert_eq!(parse(text.as_bytes()).unwrap(), expected, "{text:?}");
        }
        assert_eq!(parse(b"7").unwrap(), Loaded::Array(Array::from(arr2(&[[7.0]]))));
        let Loaded::Array(Array::F64(a)) = parse(b"1,\nNaN,2").unwrap() else { panic!("not a matrix") };
        assert!(a[[0, 1]].is_nan() && a[[1, 0]].is_nan());
    }

    #[test]
    fn a_header_makes_columns() {
        let expected = record(&[("n", Array::from(arr1(&[1i64, -2]))), ("a b", Array::from(arr1(&[1.0, 2.5])))]);
        assert_eq!(parse(b"n, a b \n1,1\n-2,2.5\n").unwrap(), expected);
        assert_eq!(parse(b"\"n\",\"a b\"\r\n1,1\r\n-2,2.5").unwrap(), expected);
        assert_eq!(parse(b"x\n").unwrap(), record(&[("x", Array::from(arr1::<f64>(&[])))]));
        let Loaded::Record(fields) = parse(b"x,y\n1,nan\n,2\n").unwrap() else { panic!("not a record") };
        let [(_, Loaded::Array(Array::F64(x))), (_, Loaded::Array(Array::F64(y)))] = fields.as_slice() else {
            panic!("not f64")
        };
        assert!(x[[0]] == 1.0 && x[[1]].is_nan() && y[[0]].is_nan() && y[[1]] == 2.0);
        // The largest integers are kept exactly, and larger ones become floats.
        assert_eq!(
            parse(b"x\n9007199254740993").unwrap(),
            record(&[("x", Array::from(arr1(&[9_007_199_254_740_993i64])))])
        );
        assert_eq!(parse(b"x\n9223372036854775808").unwrap(), record(&[("x", Array::from(arr1(&[2f64.powi(63)])))]));
    }

    #[test]
    fn semicolons_and_tabs_are_seen() {
        let matrix = Loaded::Array(Array::from(arr2(&[[1.0, 2.5], [3.0, 4.0]])));
        for text in ["1;2.5\n3;4", "1\t2.5\r\n3\t4\r\n", "# x; y\n1,2.5\n3,4", "\u{feff}1;2.5\n\n3;4", " 1 ;2.5\n3; 4"]
        {
            assert_eq!(parse(text.as_bytes()).unwrap(), matrix, "{text:?}");
        }
        let columns = record(&[("width; cm", Array::from(arr1(&[1i64, 3]))), ("b", Array::from(arr1(&[2.5, 4.0])))]);
        for text in ["width; cm,b\n1,2.5\n3,4", "\"width; cm\";b\n1;2.5\n3;4", "\"width; cm\"\tb\n1\t2.5\n3\t4\n"] {
            assert_eq!(parse(text.as_bytes()).unwrap(), columns, "{text:?}");
        }
        assert_eq!(
            parse(b"a;b\n").unwrap(),
            record(&[("a", Array::from(arr1::<f64>(&[]))), ("b", Array::from(arr1::<f64>(&[])))])
        );
    }

    #[test]
    fn missing_numbers_are_nan() {
        let Loaded::Record(fields) = parse(b"x,y\nNA,1\n,2\nnull,3\n4.5,N/A").unwrap() else { panic!("not a record") };
        let [(_, Loaded::Array(Array::F64(x))), (_, Loaded::Array(Array::F64(y)))] = fields.as_slice() else {
            panic!("not f64")
        };
        assert_eq!(x.mapv(f64::is_nan).into_raw_vec_and_offset().0, [true, true, true, false]);
        assert_eq!(y.mapv(f64::is_nan).into_raw_vec_and_offset().0, [false, false, false, true]);
    }

    #[test]
    fn errors_give_line_and_column() {
        let cases: [(&[u8], &str); 11] = [
            (b"# a table\n\na;b\n# of\n1;2\n#\n3;four\n", "line 7, column 2: `four` is not a number"),
            (b"# one\r\n\r\n# two\r\n1\t2\r\n3\tx\r\n", "line 5, column 2: `x` is not a number"),
            (b"1,2\n3,4\n5,x\n", "line 3, column 2: `x` is not a number"),
            (b"a,b\n\n\n1,2\n\n3,four\n", "line 6, column 2: `four` is not a number"),
            (b"a,b\r\n\r\n1,2\r\n3,four\r\n", "line 4, column 2: `four` is not a number"),
            (b"a,\"b\nc\"\n1,z\n", "line 3, column 2: `z` is not a number"),
            (b"1,2\n3\n", "line 2 has 1 field, and the first has 2"),
            (b"a\n1,2\n", "line 2 has 2 fields, and the first has 1"),
            (b"a,a\n1,2\n", "two columns have the name `a`"),
            (b"a,\xff\n1,2\n", "line 1 is not UTF-8 text"),
            (b"\n  \n", "the file has no lines with numbers"),
        ];
        for (text, message) in cases {
            let error = parse(text).unwrap_err();
            assert_eq!((error.kind, error.message.as_str()), (FileErrorKind::Format, message));
        }
        let decimal_commas = parse(b"a;b\n1,5;2,25").unwrap_err();
        assert_eq!(decimal_commas.message, "line 2, column 1: `1,5` is not a number");
        assert_eq!(decimal_commas.help.unwrap(), "write decimal points: 1.5");
    }

    #[test]
    fn arrays_are_written_by_rows() {
        let matrix = Array::from(arr2(&[[1.0, 0.1], [1e-7, f64::NAN]]));
        assert_eq!(written(|path| save_array(path, &matrix)), "1.0,0.1\n1e-07,nan\n");
        assert_eq!(written(|path| save_array(path, &Array::from(arr1(&[0.1f32, 2.0])))), "0.1\n2.0\n");
        assert_eq!(written(|path| save_array(path, &Array::from(arr1(&[true, false])))), "1\n0\n");
        assert_eq!(written(|path| save_array(path, &Array::from(3i64))), "3\n");
        assert_eq!(written(|path| save_array(path, &Array::from(Array2::<f64>::zeros((3, 0))))), "");
        let cube = Array::from(Array3::<f64>::zeros((1, 1, 1)));
        assert_eq!(save_array(Path::new("a.csv"), &cube).unwrap_err().kind, FileErrorKind::Unsuitable);
    }

    #[test]
    fn records_are_written_by_columns_and_read_back() {
        let (n, x) = (Array::from(arr1(&[1i64, 2])), Array::from(arr1(&[0.1 + 0.2, 4.0])));
        let fields = [("n".to_string(), &n), ("x, y".to_string(), &x)];
        let text = written(|path| save_record(path, &fields));
        assert_eq!(text, "n,\"x, y\"\n1,0.30000000000000004\n2,4.0\n");
        assert_eq!(parse(text.as_bytes()).unwrap(), record(&[("n", n.clone()), ("x, y", x.clone())]));
        let long = Array::from(arr1(&[1i64, 2, 3]));
        let error = save_record(Path::new("a.csv"), &[("n".to_string(), &n), ("m".to_string(), &long)]).unwrap_err();
        assert_eq!(error.message, "column `m` has 3 elements, and `n` has 2");
    }
}
