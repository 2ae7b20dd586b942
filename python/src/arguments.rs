//! NumPy arrays as what a kernel reads and writes.
//!
//! In: NumPy arrays of any strides. Out: views of their memory.
//! Always holds: a view is aligned, and its strides are whole elements; what is not so is copied before it is read, and
//! refused before it is written. Element type and number of axes are the kernel's to check.
#![allow(unsafe_code)]

use crate::errors::argument_error;
use half::{bf16, f16};
use microtome::{ArrayView, ArrayViewMut, DType};
use ndarray::{ArrayViewD, ArrayViewMutD};
use numpy::{
    BorrowError, Element, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyReadwriteArrayDyn, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;

/// An array that is read.
pub enum Input<'py> {
    /// Truth values.
    Bool(PyReadonlyArrayDyn<'py, bool>),
    /// Integers.
    I64(PyReadonlyArrayDyn<'py, i64>),
    /// Half precision.
    F16(PyReadonlyArrayDyn<'py, f16>),
    /// Half of single precision's bits, which NumPy has as unsigned integers.
    BF16(PyReadonlyArrayDyn<'py, u16>),
    /// Single precision.
    F32(PyReadonlyArrayDyn<'py, f32>),
    /// Double precision.
    F64(PyReadonlyArrayDyn<'py, f64>),
}

/// An array that is written.
pub enum Place<'py> {
    /// Truth values.
    Bool(PyReadwriteArrayDyn<'py, bool>),
    /// Integers.
    I64(PyReadwriteArrayDyn<'py, i64>),
    /// Half precision.
    F16(PyReadwriteArrayDyn<'py, f16>),
    /// Half of single precision's bits, which NumPy has as unsigned integers.
    BF16(PyReadwriteArrayDyn<'py, u16>),
    /// Single precision.
    F32(PyReadwriteArrayDyn<'py, f32>),
    /// Double precision.
    F64(PyReadwriteArrayDyn<'py, f64>),
}

impl<'py> Input<'py> {
    /// The argument for a parameter; `name` is for messages.
    pub fn new(array: &Bound<'py, PyAny>, dtype: DType, name: &str) -> PyResult<Input<'py>> {
        Ok(match dtype {
            DType::Bool => Input::Bool(readable(array, dtype, name)?),
            DType::I64 => Input::I64(readable(array, dtype, name)?),
            DType::F16 => Input::F16(readable(array, dtype, name)?),
            DType::BF16 => Input::BF16(readable(array, dtype, name)?),
            DType::F32 => Input::F32(readable(array, dtype, name)?),
            DType::F64 => Input::F64(readable(array, dtype, name)?),
        })
    }

    /// A view of it.
    pub fn view(&self) -> ArrayView<'_> {
        match self {
            Input::Bool(array) => ArrayView::Bool(array.as_array()),
            Input::I64(array) => ArrayView::I64(array.as_array()),
            Input::F16(array) => ArrayView::F16(array.as_array()),
            Input::BF16(array) => ArrayView::BF16(brain(array.as_array())),
            Input::F32(array) => ArrayView::F32(array.as_array()),
            Input::F64(array) => ArrayView::F64(array.as_array()),
        }
    }
}

impl<'py> Place<'py> {
    /// The array for a result; `name` is for messages.
    pub fn new(array: &Bound<'py, PyAny>, dtype: DType, name: &str) -> PyResult<Place<'py>> {
        Ok(match dtype {
            DType::Bool => Place::Bool(writable(array, dtype, name)?),
            DType::I64 => Place::I64(writable(array, dtype, name)?),
            DType::F16 => Place::F16(writable(array, dtype, name)?),
            DType::BF16 => Place::BF16(writable(array, dtype, name)?),
            DType::F32 => Place::F32(writable(array, dtype, name)?),
            DType::F64 => Place::F64(writable(array, dtype, name)?),
        })
    }

    /// A view of it.
    pub fn view(&mut self) -> ArrayViewMut<'_> {
        match self {
            Place::Bool(array) => ArrayViewMut::Bool(array.as_array_mut()),
            Place::I64(array) => ArrayViewMut::I64(array.as_array_mut()),
            Place::F16(array) => ArrayViewMut::F16(array.as_array_mut()),
            Place::BF16(array) => ArrayViewMut::BF16(brain_mut(array.as_array_mut())),
            Place::F32(array) => ArrayViewMut::F32(array.as_array_mut()),
            Place::F64(array) => ArrayViewMut::F64(array.as_array_mut()),
        }
    }
}

fn readable<'py, T: Element>(
    array: &Bound<'py, PyAny>,
    dtype: DType,
    name: &str,
) -> PyResult<PyReadonlyArrayDyn<'py, T>> {
    let array = typed::<T>(array, dtype, name)?;
    let array = if is_regular::<T>(array.as_untyped()) {
        array
    } else {
        typed::<T>(&array.call_method0("copy")?, dtype, name)?
    };
    array
        .try_readonly()
        .map_err(|_| argument_error(format!("{name} is being written to by someone else"), "copy it first: x.copy()"))
}

fn writable<'py, T: Element>(
    array: &Bound<'py, PyAny>,
    dtype: DType,
    name: &str,
) -> PyResult<PyReadwriteArrayDyn<'py, T>> {
    let array = typed::<T>(array, dtype, name)?;
    if !is_regular::<T>(array.as_untyped()) {
        let text = format!("{name} is not aligned in memory, so it cannot be written to");
        return Err(argument_error(text, "make it with np.empty"));
    }
    array.try_readwrite().map_err(|error| match error {
        BorrowError::NotWriteable => argument_error(format!("{name} is read-only"), "make it with np.empty"),
        _ => argument_error(
            format!("{name} shares memory with an argument, or with another array to write to"),
            "copy the argument first, or write to another array",
        ),
    })
}

fn typed<'py, T: Element>(array: &Bound<'py, PyAny>, dtype: DType, name: &str) -> PyResult<Bound<'py, PyArrayDyn<T>>> {
    if let Ok(array) = array.cast::<PyArrayDyn<T>>() {
        return Ok(array.clone());
    }
    let Ok(untyped) = array.cast::<PyUntypedArray>() else {
        return Err(argument_error(format!("{name} is no NumPy array"), "np.asarray makes one"));
    };
    let text = format!("{name} has elements of the type {dtype}, the array's are {}", untyped.dtype());
    Err(argument_error(text, &format!("convert it: x.astype({})", numpy_name(dtype))))
}

/// The element type as NumPy writes it.
pub fn numpy_name(dtype: DType) -> &'static str {
    match dtype {
        DType::Bool => "np.bool_",
        DType::I64 => "np.int64",
        DType::F16 => "np.float16",
        DType::BF16 => "ml_dtypes.bfloat16",
        DType::F32 => "np.float32",
        DType::F64 => "np.float64",
    }
}

/// Whether every element is aligned, and strides are whole elements.
fn is_regular<T>(array: &Bound<'_, PyUntypedArray>) -> bool {
    // SAFETY: the object is an array, whose header is read only.
    let address = unsafe { (*array.as_array_ptr()).fields.data }.addr();
    let size = size_of::<T>().cast_signed();
    let strides = array.strides().iter().zip(array.shape());
    address.is_multiple_of(align_of::<T>())
        && strides.filter(|(_, extent)| **extent > 1).all(|(stride, _)| stride % size == 0)
}

fn brain(view: ArrayViewD<'_, u16>) -> ArrayViewD<'_, bf16> {
    // SAFETY: `bf16` is a transparent wrapper of `u16`; the memory is borrowed as long as before.
    unsafe { view.raw_view().cast::<bf16>().deref_into_view() }
}

fn brain_mut(mut view: ArrayViewMutD<'_, u16>) -> ArrayViewMutD<'_, bf16> {
    // SAFETY: as above; the view that is consumed was the only one.
    unsafe { view.raw_view_mut().cast::<bf16>().deref_into_view_mut() }
}
