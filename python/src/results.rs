//! Results as NumPy arrays.
//!
//! In: arrays of a kernel. Out: NumPy arrays that own the same memory.
//! Always holds: no element is copied.

use half::bf16;
use half::vec::HalfFloatVecExt;
use microtome::Array;
use ndarray::ArrayD;
use numpy::IntoPyArray;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// An array of NumPy's; `bf16` as unsigned integers of the same bits.
pub fn numpy_array<'py>(py: Python<'py>, array: Array) -> PyResult<Bound<'py, PyAny>> {
    Ok(match array {
        Array::Bool(array) => array.into_pyarray(py).into_any(),
        Array::I64(array) => array.into_pyarray(py).into_any(),
        Array::F16(array) => array.into_pyarray(py).into_any(),
        Array::BF16(array) => bits(array)?.into_pyarray(py).into_any(),
        Array::F32(array) => array.into_pyarray(py).into_any(),
        Array::F64(array) => array.into_pyarray(py).into_any(),
    })
}

fn bits(array: ArrayD<bf16>) -> PyResult<ArrayD<u16>> {
    let shape = array.raw_dim();
    // A kernel's results are in C order and begin where their memory begins.
    let bits = array.into_raw_vec_and_offset().0.reinterpret_into();
    ArrayD::from_shape_vec(shape, bits).map_err(|error| PyRuntimeError::new_err(error.to_string()))
}
