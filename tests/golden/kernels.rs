// Written by microtome 0.1.0 from tests/golden/kernels.tome: change that file instead.

static PROGRAM: &[(&str, &str)] = &[
    ("tests/golden/kernels.tome", "# Kernels that tests/embedding.rs calls as Rust functions.\nimport \"shapes.tome\"\n\n# The weighted sum of each row, and a constant.\n# Weights [d] are shared.\nfn rows(x: f64[n, d], w: f64[d], c: f64) -> f64[n] = [dot(x[i], w) + c for i in 0:n]\n\nfn norm(x: f32[n]) = sqrt(sum(x^2))\n\n# Names that Rust keeps for itself.\nfn loop(type: i64[n], self: bool) = (type + 1, self)\n\nfn spread(x: f64[n], range: (f64, f64)) -> f64[n] = x * width(range)\n\nfn twice(f, x: f64) = f(f(x))\n"),
    ("tests/golden/shapes.tome", "fn width(range: (f64, f64)) -> f64 {\n    let (low, high) = range\n    high - low\n}\n"),
];

/// Names that Rust keeps for itself.
///
/// `fn loop(type: i64[n], self: bool) -> (i64[n], bool)`
///
/// # Errors
/// When sizes do not fit each other, when a check of the function fails, or when there is not enough memory.
#[allow(non_snake_case, clippy::too_many_arguments, clippy::type_complexity)]
pub fn r#loop(r#type: ::microtome::ndarray::ArrayView1<'_, i64>, self_: bool) -> Result<(::microtome::ndarray::Array1<i64>, bool), ::microtome::Error> {
    kernel::r#loop()?.call((r#type, self_))
}

/// `fn norm(x: f32[n]) -> f32`
///
/// # Errors
/// When sizes do not fit each other, when a check of the function fails, or when there is not enough memory.
#[allow(non_snake_case, clippy::too_many_arguments, clippy::type_complexity)]
pub fn norm(x: ::microtome::ndarray::ArrayView1<'_, f32>) -> Result<f32, ::microtome::Error> {
    kernel::norm()?.call(x)
}

/// The weighted sum of each row, and a constant.
/// Weights \[d] are shared.
///
/// `fn rows(x: f64[n, d], w: f64[d], c: f64) -> f64[n]`
///
/// # Errors
/// When sizes do not fit each other, when a check of the function fails, or when there is not enough memory.
#[allow(non_snake_case, clippy::too_many_arguments, clippy::type_complexity)]
pub fn rows(x: ::microtome::ndarray::ArrayView2<'_, f64>, w: ::microtome::ndarray::ArrayView1<'_, f64>, c: f64) -> Result<::microtome::ndarray::Array1<f64>, ::microtome::Error> {
    kernel::rows()?.call((x, w, c))
}

/// `fn spread(x: f64[n], range: (f64, f64)) -> f64[n]`
///
/// # Errors
/// When sizes do not fit each other, when a check of the function fails, or when there is not enough memory.
#[allow(non_snake_case, clippy::too_many_arguments, clippy::type_complexity)]
pub fn spread(x: ::microtome::ndarray::ArrayView1<'_, f64>, range: (f64, f64)) -> Result<::microtome::ndarray::Array1<f64>, ::microtome::Error> {
    kernel::spread()?.call((x, range))
}

/// The kernels behind the functions: for results in given buffers, and for interrupts.
///
/// # Errors
/// None, unless microtome is of another version than the one that wrote this.
#[allow(non_snake_case, clippy::type_complexity)]
pub mod kernel {

    /// `fn loop(type: i64[n], self: bool) -> (i64[n], bool)`
    pub fn r#loop() -> Result<&'static ::microtome::TypedKernel<fn(::microtome::ndarray::Array1<i64>, bool) -> (::microtome::ndarray::Array1<i64>, bool)>, ::microtome::Error> {
        static KERNEL: ::std::sync::OnceLock<Result<::microtome::TypedKernel<fn(::microtome::ndarray::Array1<i64>, bool) -> (::microtome::ndarray::Array1<i64>, bool)>, ::microtome::Error>> = ::std::sync::OnceLock::new();
        KERNEL.get_or_init(|| ::microtome::embed::kernel(super::PROGRAM, "loop")).as_ref().map_err(Clone::clone)
    }

    /// `fn norm(x: f32[n]) -> f32`
    pub fn norm() -> Result<&'static ::microtome::TypedKernel<fn(::microtome::ndarray::Array1<f32>) -> f32>, ::microtome::Error> {
        static KERNEL: ::std::sync::OnceLock<Result<::microtome::TypedKernel<fn(::microtome::ndarray::Array1<f32>) -> f32>, ::microtome::Error>> = ::std::sync::OnceLock::new();
        KERNEL.get_or_init(|| ::microtome::embed::kernel(super::PROGRAM, "norm")).as_ref().map_err(Clone::clone)
    }

    /// `fn rows(x: f64[n, d], w: f64[d], c: f64) -> f64[n]`
    pub fn rows() -> Result<&'static ::microtome::TypedKernel<fn(::microtome::ndarray::Array2<f64>, ::microtome::ndarray::Array1<f64>, f64) -> ::microtome::ndarray::Array1<f64>>, ::microtome::Error> {
        static KERNEL: ::std::sync::OnceLock<Result<::microtome::TypedKernel<fn(::microtome::ndarray::Array2<f64>, ::microtome::ndarray::Array1<f64>, f64) -> ::microtome::ndarray::Array1<f64>>, ::microtome::Error>> = ::std::sync::OnceLock::new();
        KERNEL.get_or_init(|| ::microtome::embed::kernel(super::PROGRAM, "rows")).as_ref().map_err(Clone::clone)
    }

    /// `fn spread(x: f64[n], range: (f64, f64)) -> f64[n]`
    pub fn spread() -> Result<&'static ::microtome::TypedKernel<fn(::microtome::ndarray::Array1<f64>, (f64, f64)) -> ::microtome::ndarray::Array1<f64>>, ::microtome::Error> {
        static KERNEL: ::std::sync::OnceLock<Result<::microtome::TypedKernel<fn(::microtome::ndarray::Array1<f64>, (f64, f64)) -> ::microtome::ndarray::Array1<f64>>, ::microtome::Error>> = ::std::sync::OnceLock::new();
        KERNEL.get_or_init(|| ::microtome::embed::kernel(super::PROGRAM, "spread")).as_ref().map_err(Clone::clone)
    }
}
