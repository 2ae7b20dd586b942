//! The interpreter's arrays: elements in C order, one [`Value`] each.
//!
//! In: arrays of a caller, sizes, strides. Out: tensors, and the places of elements as offsets into their data.
//! Always holds: every element of a tensor has its dtype.

use super::FaultKind;
use crate::ops::elementwise::Value;
use crate::runtime::array::{Array, DType};
use crate::runtime::rounding::{bf16_from_f64, f16_from_f64};
use ndarray::{ArrayD, IxDyn};

/// More elements than this are refused instead of exhausting the memory.
const MOST_ELEMENTS: usize = 1 << 32;

#[derive(Clone, Debug)]
pub(super) struct Tensor {
    pub(super) dtype: DType,
    pub(super) shape: Vec<usize>,
    pub(super) data: Vec<Value>,
}

impl Tensor {
    pub(super) fn scalar(dtype: DType, value: Value) -> Tensor {
        Tensor { dtype, shape: Vec::new(), data: vec![value] }
    }

    pub(super) fn zeros(dtype: DType, shape: Vec<usize>) -> Result<Tensor, FaultKind> {
        let data = vec![Value::Bool(false).cast(dtype); elements(&shape)?];
        Ok(Tensor { dtype, shape, data })
    }

    pub(super) fn from_array(array: &Array) -> Tensor {
        let data = match array {
            Array::Bool(a) => a.iter().map(|&v| Value::Bool(v)).collect(),
            Array::I64(a) => a.iter().map(|&v| Value::Int(v)).collect(),
            Array::F16(a) => a.iter().map(|&v| Value::F16(v)).collect(),
            Array::BF16(a) => a.iter().map(|&v| Value::BF16(v)).collect(),
            Array::F32(a) => a.iter().map(|&v| Value::F32(v)).collect(),
            Array::F64(a) => a.iter().map(|&v| Value::F64(v)).collect(),
        };
        Tensor { dtype: array.dtype(), shape: array.shape().to_vec(), data }
    }

    pub(super) fn to_array(&self) -> Result<Array, FaultKind> {
        fn typed<T>(tensor: &Tensor, element: impl Fn(&Value) -> T) -> Result<ArrayD<T>, FaultKind> {
            let data = tensor.data.iter().map(element).collect();
            ArrayD::from_shape_vec(IxDyn(&tensor.shape), data)
                .map_err(|error| FaultKind::Unsupported(error.to_string()))
        }
        Ok(match self.dtype {
            DType::Bool => Array::Bool(typed(self, |v| v.truth())?),
            DType::I64 => Array::I64(typed(self, |v| v.int())?),
            DType::F16 => Array::F16(typed(self, |v| f16_from_f64(v.f64()))?),
            DType::BF16 => Array::BF16(typed(self, |v| bf16_from_f64(v.f64()))?),
            DType::F32 => Array::F32(typed(self, |v| v.f64() as f32)?),
            DType::F64 => Array::F64(typed(self, |v| v.f64())?),
        })
    }

    /// The element at an offset into the data.
    pub(super) fn at(&self, offset: i64) -> Result<Value, FaultKind> {
        let value = usize::try_from(offset).ok().and_then(|offset| self.data.get(offset));
        value.copied().ok_or_else(|| FaultKind::Unsupported("an element outside its array".to_string()))
    }

    pub(super) fn set(&mut self, offset: i64, value: Value) -> Result<(), FaultKind> {
        let place = usize::try_from(offset).ok().and_then(|offset| self.data.get_mut(offset));
        let place = place.ok_or_else(|| FaultKind::Unsupported("an element outside its array".to_string()))?;
        *place = value;
        Ok(())
    }
}

/// The number of elements of a shape.
pub(super) fn elements(shape: &[usize]) -> Result<usize, FaultKind> {
    if shape.contains(&0) {
        return Ok(0);
    }
    let count = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    count
        .filter(|&count| count <= MOST_ELEMENTS)
        .ok_or_else(|| FaultKind::Unsupported("an array too large".to_string()))
}

/// How far apart neighbours along each axis are, in C order.
pub(super) fn strides(shape: &[usize]) -> Vec<i64> {
    let mut strides = vec![1i64; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].wrapping_mul(shape[axis] as i64);
    }
    strides
}

/// The offsets of all elements of a shape, in C order, when neighbours are `strides` apart.
pub(super) fn offsets(shape: &[usize], strides: &[i64]) -> Result<Vec<i64>, FaultKind> {
    let count = elements(shape)?;
    if count == 0 {
        return Ok(Vec::new());
    }
    let mut all = Vec::with_capacity(count);
    all.push(0i64);
    for (&size, &stride) in shape.iter().zip(strides) {
        all = all.iter().flat_map(|&base| (0..size as i64).map(move |i| base + i * stride)).collect();
    }
    Ok(all)
}

/// The items at the given axes.
pub(super) fn pick<T: Copy>(items: &[T], axes: &[usize]) -> Vec<T> {
    axes.iter().map(|&axis| items[axis]).collect()
}

/// The axes of `0..rank` that are not listed.
pub(super) fn remaining(rank: usize, axes: &[usize]) -> Vec<usize> {
    (0..rank).filter(|axis| !axes.contains(axis)).collect()
}
