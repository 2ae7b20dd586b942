//! One variable: numbers, text, a cell array, a struct.
//!
//! In: the bytes of a matrix piece. Out: its name and what it holds.
//! Always holds: an error says at which variable, field and cell it is; what is announced is compared with the bytes
//! that are there before room is made for it.

use super::super::elements::{self, Kind, Order};
use super::super::error::FileError;
use super::super::loaded::Loaded;
use super::tags::{Tag, Tags, cut_short};
use super::text;
use crate::runtime::array::{Array, DType};
use ndarray::Array2;

/// Deepest nesting of cells and structs.
const MAX_DEPTH: usize = 64;
/// Most elements of a struct array whose elements take no room in the file.
const MAX_WITHOUT_FIELDS: usize = 1 << 16;
/// Sparse matrices of a file are expanded as long as all together take no more bytes than this, and 16 times the file.
const SPARSE_BYTES: usize = 1 << 26;

/// What a matrix says of itself before its data.
struct Head {
    class: u32,
    complex: bool,
    logical: bool,
    shape: Vec<usize>,
}

/// Reads variables.
pub(super) struct Reader {
    /// Bytes that may still be filled with elements that are not in the file.
    expandable: usize,
}

impl Reader {
    /// A reader for a file of that many bytes.
    pub(super) fn new(size: usize) -> Reader {
        Reader { expandable: size.saturating_mul(16).saturating_add(SPARSE_BYTES) }
    }

    /// A variable and its name.
    pub(super) fn variable(&mut self, data: &[u8], big_endian: bool) -> Result<(String, Loaded), FileError> {
        let mut tags = Tags::new(data, big_endian);
        let (head, name) = read_head(&mut tags)?;
        // Nameless ones are MATLAB's own; their content is no one else's business.
        if name.is_empty() {
            return Ok((name, Loaded::List(Vec::new())));
        }
        match self.body(&head, &mut tags, 0) {
            Ok(value) => Ok((name, value)),
            Err(error) => Err(error.about(format_args!("variable `{name}`"))),
        }
    }

    /// A cell or field.
    fn part(&mut self, tags: &mut Tags<'_>, depth: usize) -> Result<Loaded, FileError> {
        let (Tag::Matrix, data) = tags.expect()? else { return Err(damaged("a cell or field is not a matrix")) };
        if data.is_empty() {
            return Ok(Loaded::Array(Array::from(Array2::<f64>::zeros((0, 0)))));
        }
        if depth > MAX_DEPTH {
            return Err(FileError::format(format!("cells and structs nest deeper than {MAX_DEPTH} levels")));
        }
        let mut inner = Tags::new(data, tags.big_endian());
        let (head, _) = read_head(&mut inner)?;
        self.body(&head, &mut inner, depth)
    }

    fn body(&mut self, head: &Head, tags: &mut Tags<'_>, depth: usize) -> Result<Loaded, FileError> {
        let order = Order { big_endian: tags.big_endian(), column_major: true };
        match head.class {
            1 => self.cells(head, tags, depth),
            2 => self.structs(head, tags, depth),
            4 => {
                let (tag, data) = tags.expect()?;
                text::read(tag, data, tags.big_endian(), &head.shape)
            }
            _ if head.complex => Err(FileError::format("it is complex, which is not read")
                .help("save its parts as variables of their own: real(z), imag(z)")),
            5 => self.sparse(head, tags).map(Loaded::Array),
            6..=15 => {
                let (tag, data) = tags.expect()?;
                let Tag::Numbers(kind) = tag else { return Err(damaged("numbers are stored as text")) };
                elements::array(data, kind, head.dtype(), order, &head.shape).map(Loaded::Array)
            }
            3 => Err(unread("an object")),
            16 => Err(unread("a function handle")),
            17 => Err(unread("an object, as MATLAB's tables, strings and dates are")),
            class => Err(damaged(&format!("there is no class with the number {class}"))),
        }
    }

    fn cells(&mut self, head: &Head, tags: &mut Tags<'_>, depth: usize) -> Result<Loaded, FileError> {
        let count = elements::count(&head.shape)?;
        check_parts(count, tags)?;
        let mut cells = Vec::new();
        for k in 0..count {
            let cell = self.part(tags, depth + 1);
            cells.push(Some(cell.map_err(|e| e.about(format_args!("cell {}", k + 1)))?));
        }
        Ok(sequence(cells, &head.shape))
    }

    /// A 1×1 struct is a record, others are lists of records.
    fn structs(&mut self, head: &Head, tags: &mut Tags<'_>, depth: usize) -> Result<Loaded, FileError> {
        let names = field_names(tags)?;
        let count = elements::count(&head.shape)?;
        check_parts(count.saturating_mul(names.len()), tags)?;
        if names.is_empty() && count > MAX_WITHOUT_FIELDS {
            return Err(damaged("a struct array without fields has more elements than any"));
        }
        let mut records = Vec::new();
        for _ in 0..count {
            let mut fields = Vec::new();
            for name in &names {
                let value = self.part(tags, depth + 1);
                fields.push((name.clone(), value.map_err(|e| e.about(format_args!("field `{name}`")))?));
            }
            records.push(Some(Loaded::Record(fields)));
        }
        match (count, records.as_mut_slice()) {
            (1, [record]) => record.take().ok_or_else(cut_short),
            _ => Ok(sequence(records, &head.shape)),
        }
    }

    /// A sparse matrix, with its zeros: for each column the rows of its elements and their values.
    fn sparse(&mut self, head: &Head, tags: &mut Tags<'_>) -> Result<Array, FileError> {
        let [rows, columns] = *head.shape.as_slice() else { return Err(damaged("a sparse matrix has two axes")) };
        let row_at = indexes(tags)?;
        let starts = indexes(tags)?;
        let (Tag::Numbers(kind), data) = tags.expect()? else { return Err(damaged("numbers are stored as text")) };
        let stored = starts.last().copied().unwrap_or(0);
        // MATLAB writes truth values as bytes and calls them doubles.
        let kind = if head.logical && data.len() / 8 < stored { Kind::U8 } else { kind };
        let data = data.get(..stored.saturating_mul(kind.size())).ok_or_else(cut_short)?;
        let order = Order { big_endian: tags.big_endian(), column_major: false };
        let values = elements::array(data, kind, DType::F64, order, &[stored])?.to_f64_vec();
        let bytes = elements::count(&head.shape)?.saturating_mul(8);
        self.expandable = self.expandable.checked_sub(bytes).ok_or_else(|| {
            FileError::format(format!(
                "it is sparse, and with its zeros its {rows}×{columns} elements take {bytes} bytes"
            ))
            .help("save the part you need: full(A(rows, columns)); or its elements: [i, j, v] = find(A)")
        })?;
        elements::check_memory(bytes / 8)?;
        let mut dense = Array2::<f64>::zeros((rows, columns));
        if starts.len() != columns + 1 || !starts.is_sorted() {
            return Err(damaged("the columns of a sparse matrix do not fit together"));
        }
        for (column, pair) in starts.windows(2).enumerate() {
            let [start, end] = *pair else { continue };
            for at in start..end {
                let row = row_at.get(at).copied().unwrap_or(usize::MAX);
                match (dense.get_mut((row, column)), values.get(at)) {
                    (Some(place), Some(value)) => *place = *value,
                    _ => return Err(damaged("an element of a sparse matrix lies outside it")),
                }
            }
        }
        Ok(if head.logical { Array::from(dense.mapv(|v| v != 0.0)) } else { Array::from(dense) })
    }
}

impl Head {
    /// The type of a numeric variable; the numbers may be stored in a smaller one.
    fn dtype(&self) -> DType {
        match self.class {
            _ if self.logical => DType::Bool,
            6 => DType::F64,
            7 => DType::F32,
            _ => DType::I64,
        }
    }
}

/// Class, shape and name.
fn read_head(tags: &mut Tags<'_>) -> Result<(Head, String), FileError> {
    let big_endian = tags.big_endian();
    let (Tag::Numbers(Kind::U32), flags) = tags.expect()? else { return Err(damaged("a variable has no flags")) };
    let word = flags.get(..4).and_then(|bytes| bytes.try_into().ok()).ok_or_else(cut_short)?;
    let flags = if big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) };
    let class = flags & 0xff;
    // An opaque object has no shape.
    let shape = match class {
        17 => Vec::new(),
        _ => indexes(tags)?,
    };
    let (_, name) = tags.expect()?;
    let name = String::from_utf8_lossy(name).trim_end_matches('\0').to_string();
    Ok((Head { class, complex: flags & 0x0800 != 0, logical: flags & 0x0200 != 0, shape }, name))
}

/// Sizes and positions, none negative.
fn indexes(tags: &mut Tags<'_>) -> Result<Vec<usize>, FileError> {
    let (Tag::Numbers(kind @ (Kind::I32 | Kind::U32)), data) = tags.expect()? else {
        return Err(damaged("a size is no integer"));
    };
    let order = Order { big_endian: tags.big_endian(), column_major: false };
    match elements::array(data, kind, DType::I64, order, &[data.len() / 4])? {
        Array::I64(sizes) => {
            let sizes: Option<Vec<usize>> = sizes.iter().map(|&size| usize::try_from(size).ok()).collect();
            sizes.ok_or_else(|| damaged("a size is negative"))
        }
        _ => Err(damaged("a size is no integer")),
    }
}

/// The names of a struct's fields, each in a place of equal length.
fn field_names(tags: &mut Tags<'_>) -> Result<Vec<String>, FileError> {
    let length = match *indexes(tags)?.as_slice() {
        [length] => length,
        _ => return Err(damaged("the fields of a struct have no names")),
    };
    let (_, bytes) = tags.expect()?;
    if length == 0 && !bytes.is_empty() {
        return Err(damaged("the fields of a struct have no names"));
    }
    let name = |place: &[u8]| String::from_utf8_lossy(place.split(|&b| b == 0).next().unwrap_or(place)).into_owned();
    let names: Vec<String> = bytes.chunks(length.max(1)).map(name).collect();
    let shown: Vec<&str> = names.iter().map(String::as_str).collect();
    match super::first_repeated(&shown) {
        Some(name) => Err(damaged(&format!("two fields have the name `{name}`"))),
        None => Ok(names),
    }
}

/// That so many cells or fields can be there: each has a tag of eight bytes.
fn check_parts(count: usize, tags: &Tags<'_>) -> Result<(), FileError> {
    if count > tags.left() / 8 { Err(cut_short()) } else { Ok(()) }
}

/// Items in MATLAB's order, columns first, as a list; as lists in lists where several axes are longer than 1.
fn sequence(mut items: Vec<Option<Loaded>>, shape: &[usize]) -> Loaded {
    if items.is_empty() {
        return Loaded::List(Vec::new());
    }
    let mut axes: Vec<usize> = shape.iter().copied().filter(|&size| size != 1).collect();
    if axes.is_empty() {
        axes.push(1);
    }
    fn level(items: &mut [Option<Loaded>], axes: &[usize], at: usize, stride: usize) -> Loaded {
        match axes {
            [] => items.get_mut(at).and_then(Option::take).unwrap_or(Loaded::List(Vec::new())),
            [size, rest @ ..] => {
                Loaded::List((0..*size).map(|k| level(items, rest, at + k * stride, stride * size)).collect())
            }
        }
    }
    level(&mut items, &axes, 0, 1)
}

fn damaged(what: &str) -> FileError {
    FileError::format(format!("it is damaged: {what}"))
}

fn unread(what: &str) -> FileError {
    FileError::format(format!("it is {what}; that is not read"))
        .help("save only variables of numbers, text, cells and structs: save('f.mat', 'x', 'y', '-v7')")
}
