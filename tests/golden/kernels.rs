// Written by microtome 0.1.0 from tests/embedded/app/src/kernels.tome: change that file instead.

/// Names that Rust keeps for itself.
///
/// `fn loop(type: i64[n], self: bool) -> (i64[n], bool)`
///
/// # Errors
/// When sizes do not fit each other, when a check of the function fails, or when there is not enough memory.
#[allow(dead_code, non_snake_case, clippy::too_many_arguments, clippy::type_complexity)]
pub fn r#loop(r#type: ::microtome_runtime::ndarray::ArrayView1<'_, i64>, self_: bool) -> Result<(::microtome_runtime::ndarray::Array1<i64>, bool), ::microtome_runtime::Error> {
    kernel::r#loop().call((r#type, self_))
}

/// `fn norm(x: f32[n]) -> f32`
///
/// # Errors
/// When sizes do not fit each other, when a check of the function fails, or when there is not enough memory.
#[allow(dead_code, non_snake_case, clippy::too_many_arguments, clippy::type_complexity)]
pub fn norm(x: ::microtome_runtime::ndarray::ArrayView1<'_, f32>) -> Result<f32, ::microtome_runtime::Error> {
    kernel::norm().call(x)
}

/// The weighted sum of each row, and a constant.
/// Weights \[d] are shared.
///
/// `fn rows(x: f64[n, d], w: f64[d], c: f64) -> f64[n]`
///
/// # Errors
/// When sizes do not fit each other, when a check of the function fails, or when there is not enough memory.
#[allow(dead_code, non_snake_case, clippy::too_many_arguments, clippy::type_complexity)]
pub fn rows(x: ::microtome_runtime::ndarray::ArrayView2<'_, f64>, w: ::microtome_runtime::ndarray::ArrayView1<'_, f64>, c: f64) -> Result<::microtome_runtime::ndarray::Array1<f64>, ::microtome_runtime::Error> {
    kernel::rows().call((x, w, c))
}

/// `fn spread(x: f64[n], range: (f64, f64)) -> f64[n]`
///
/// # Errors
/// When sizes do not fit each other, when a check of the function fails, or when there is not enough memory.
#[allow(dead_code, non_snake_case, clippy::too_many_arguments, clippy::type_complexity)]
pub fn spread(x: ::microtome_runtime::ndarray::ArrayView1<'_, f64>, range: (f64, f64)) -> Result<::microtome_runtime::ndarray::Array1<f64>, ::microtome_runtime::Error> {
    kernel::spread().call((x, range))
}

/// The kernels behind the functions: for results in given buffers, and for interrupts.
#[allow(dead_code, non_snake_case, clippy::type_complexity)]
pub mod kernel {

    /// `fn loop(type: i64[n], self: bool) -> (i64[n], bool)`
    #[inline(never)]
    pub fn r#loop() -> ::microtome_runtime::Kernel<fn(::microtome_runtime::ndarray::Array1<i64>, bool) -> (::microtome_runtime::ndarray::Array1<i64>, bool)> {
        ::microtome_runtime::kernel!("IDENTITY", "LIBRARY", "LIBRARY_0")
    }

    /// `fn norm(x: f32[n]) -> f32`
    #[inline(never)]
    pub fn norm() -> ::microtome_runtime::Kernel<fn(::microtome_runtime::ndarray::Array1<f32>) -> f32> {
        ::microtome_runtime::kernel!("IDENTITY", "LIBRARY", "LIBRARY_1")
    }

    /// `fn rows(x: f64[n, d], w: f64[d], c: f64) -> f64[n]`
    #[inline(never)]
    pub fn rows() -> ::microtome_runtime::Kernel<fn(::microtome_runtime::ndarray::Array2<f64>, ::microtome_runtime::ndarray::Array1<f64>, f64) -> ::microtome_runtime::ndarray::Array1<f64>> {
        ::microtome_runtime::kernel!("IDENTITY", "LIBRARY", "LIBRARY_2")
    }

    /// `fn spread(x: f64[n], range: (f64, f64)) -> f64[n]`
    #[inline(never)]
    pub fn spread() -> ::microtome_runtime::Kernel<fn(::microtome_runtime::ndarray::Array1<f64>, (f64, f64)) -> ::microtome_runtime::ndarray::Array1<f64>> {
        ::microtome_runtime::kernel!("IDENTITY", "LIBRARY", "LIBRARY_3")
    }
}
