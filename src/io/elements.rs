//! Numbers as bytes.
//!
//! In: bytes, how numbers lie in them, and a shape. Out: an [`Array`] in C order.
//! Always holds: nothing is allocated before the bytes are known to be as many as the shape says.

use super::error::FileError;
use crate::runtime::array::{Array, DType};
use half::{bf16, f16};
use ndarray::{ArrayD, IxDyn, ShapeBuilder};

/// Most axes an array may have, which is also NumPy's limit.
pub(super) const MAX_RANK: usize = 64;

/// How one number lies in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F16,
    BF16,
    F32,
    F64,
}

impl Kind {
    /// Bytes per number.
    pub(super) fn size(self) -> usize {
        match self {
            Kind::Bool | Kind::I8 | Kind::U8 => 1,
            Kind::I16 | Kind::U16 | Kind::F16 | Kind::BF16 => 2,
            Kind::I32 | Kind::U32 | Kind::F32 => 4,
            Kind::I64 | Kind::U64 | Kind::F64 => 8,
        }
    }

    /// The type of the language that has all its numbers, but for the largest unsigned ones.
    pub(super) fn dtype(self) -> DType {
        match self {
            Kind::Bool => DType::Bool,
            Kind::F16 => DType::F16,
            Kind::BF16 => DType::BF16,
            Kind::F32 => DType::F32,
            Kind::F64 => DType::F64,
            _ => DType::I64,
        }
    }
}

/// Which byte of a number, or which axis of an array, comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    /// The byte of the largest weight comes first.
    pub(super) big_endian: bool,
    /// The first index runs fastest, as in Fortran and MATLAB.
    pub(super) column_major: bool,
}

/// Collects numbers of one kind as another type.
macro_rules! numbers {
    ($bytes:expr, $big:expr, $stored:ty, $convert:expr) => {{
        let (numbers, _) = $bytes.as_chunks::<{ size_of::<$stored>() }>();
        let read = |b: &[u8; size_of::<$stored>()]| match $big {
            true => <$stored>::from_be_bytes(*b),
            false => <$stored>::from_le_bytes(*b),
        };
        numbers.iter().map(read).map($convert).collect()
    }};
}

/// Numbers of any kind as a type that `as` converts to.
macro_rules! converted {
    ($bytes:expr, $kind:expr, $big:expr, $to:ty) => {
        match $kind {
            Kind::Bool | Kind::U8 => numbers!($bytes, $big, u8, |v| v as $to),
            Kind::I8 => numbers!($bytes, $big, i8, |v| v as $to),
            Kind::I16 => numbers!($bytes, $big, i16, |v| v as $to),
            Kind::I32 => numbers!($bytes, $big, i32, |v| v as $to),
            Kind::I64 => numbers!($bytes, $big, i64, |v| v as $to),
            Kind::U16 => numbers!($bytes, $big, u16, |v| v as $to),
            Kind::U32 => numbers!($bytes, $big, u32, |v| v as $to),
            Kind::U64 => numbers!($bytes, $big, u64, |v| v as $to),
            Kind::F16 => numbers!($bytes, $big, f16, |v| f32::from(v) as $to),
            Kind::BF16 => numbers!($bytes, $big, bf16, |v| f32::from(v) as $to),
            Kind::F32 => numbers!($bytes, $big, f32, |v| v as $to),
            Kind::F64 => numbers!($bytes, $big, f64, |v| v as $to),
        }
    };
}

/// The array of a type, made of numbers that are perhaps stored as a smaller one.
pub(super) fn array(bytes: &[u8], kind: Kind, to: DType, order: Order, shape: &[usize]) -> Result<Array, FileError> {
    let count = count(shape)?;
    if Some(bytes.len()) != count.checked_mul(kind.size()) {
        let message = format!("it is damaged: the shape {shape:?} does not go with {} bytes of elements", bytes.len());
        return Err(FileError::format(message));
    }
    check_memory(count)?;
    let big = order.big_endian;
    match to {
        DType::Bool => {
            let elements: Vec<f64> = converted!(bytes, kind, big, f64);
            shaped(elements.into_iter().map(|v| v != 0.0).collect(), shape, order).map(Array::from)
        }
        DType::I64 if kind == Kind::U64 => {
            let elements: Vec<u64> = numbers!(bytes, big, u64, |v| v);
            signed(&standard(shaped(elements, shape, order)?)).map(Array::from)
        }
        DType::I64 => shaped::<i64>(converted!(bytes, kind, big, i64), shape, order).map(Array::from),
        DType::F16 => shaped::<f16>(numbers!(bytes, big, f16, |v| v), shape, order).map(Array::from),
        DType::BF16 => shaped::<bf16>(numbers!(bytes, big, bf16, |v| v), shape, order).map(Array::from),
        DType::F32 => shaped::<f32>(converted!(bytes, kind, big, f32), shape, order).map(Array::from),
        _ => shaped::<f64>(converted!(bytes, kind, big, f64), shape, order).map(Array::from),
    }
}

fn shaped<T>(elements: Vec<T>, shape: &[usize], order: Order) -> Result<ArrayD<T>, FileError> {
    let shape = IxDyn(shape).set_f(order.column_major);
    ArrayD::from_shape_vec(shape, elements).map_err(|e| FileError::format(format!("its shape is impossible: {e}")))
}

fn standard<T: Clone>(array: ArrayD<T>) -> ArrayD<T> {
    if array.is_standard_layout() { array } else { array.as_standard_layout().into_owned() }
}

/// Unsigned integers as signed ones; the first that is too large is named.
pub(super) fn signed(array: &ArrayD<u64>) -> Result<ArrayD<i64>, FileError> {
    let too_large = array.indexed_iter().find(|(_, value)| i64::try_from(**value).is_err());
    match too_large {
        Some((index, value)) => Err(FileError::format(format!(
            "its element {value} at {:?} is larger than the largest `i64`, {}",
            ndarray::Dimension::as_array_view(&index).to_vec(),
            i64::MAX
        ))),
        None => Ok(array.mapv(|value| value as i64)),
    }
}

/// The number of elements; that it and the sizes are within what an array may have.
pub(super) fn count(shape: &[usize]) -> Result<usize, FileError> {
    if shape.len() > MAX_RANK {
        return Err(FileError::format(format!("it has {} axes, and an array has at most {MAX_RANK}", shape.len())));
    }
    // Even an array without elements must have strides, so its other sizes are held to the same limit.
    let nonzero = shape.iter().filter(|&&size| size > 0).try_fold(1usize, |product, &size| product.checked_mul(size));
    match nonzero {
        Some(product) if product <= isize::MAX as usize / 8 => Ok(shape.iter().product()),
        _ => Err(too_many(shape)),
    }
}

/// The error for a shape that no memory holds.
pub(super) fn too_many(shape: &[usize]) -> FileError {
    FileError::format(format!("its header claims the shape {shape:?}, more than any memory holds"))
}

/// That the elements fit into memory in the widest type they may become.
pub(super) fn check_memory(count: usize) -> Result<(), FileError> {
    let bytes = count.saturating_mul(8);
    Vec::<u8>::new()
        .try_reserve_exact(bytes)
        .map_err(|_| FileError::unreadable(format!("its {count} elements do not fit into memory ({bytes} bytes)")))
}
