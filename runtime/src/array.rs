//! Arrays at the border: what a caller hands to a kernel and gets back.
//!
//! In: ndarray arrays or views of any rank. Out: [`Array`] (owned) and [`ArrayView`] (borrowed), tagged with a dtype.
//! Always holds: an owned `Array` is in C order, so its elements are one contiguous slice.

use half::{bf16, f16};
use ndarray::{ArrayD, ArrayViewD, ArrayViewMutD, CowArray, Dimension, IxDyn};
use serde::{Deserialize, Serialize};

/// The type of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DType {
    /// Truth values, one byte each.
    Bool,
    /// 64-bit signed integers; arithmetic wraps.
    I64,
    /// IEEE 754 binary16: storage only, computed in `F32`.
    F16,
    /// The upper half of a binary32: storage only, computed in `F32`.
    BF16,
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
}

impl DType {
    /// Every element type: truth values, integers, then floats, narrowest first.
    pub const ALL: [DType; 6] = [DType::Bool, DType::I64, DType::F16, DType::BF16, DType::F32, DType::F64];

    /// The name in a program.
    pub fn name(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::I64 => "i64",
            DType::F16 => "f16",
            DType::BF16 => "bf16",
            DType::F32 => "f32",
            DType::F64 => "f64",
        }
    }

    /// The element type of that name.
    pub fn from_name(name: &str) -> Option<DType> {
        DType::ALL.into_iter().find(|dtype| dtype.name() == name)
    }

    /// Bytes per element.
    pub fn size(self) -> usize {
        match self {
            DType::Bool => 1,
            DType::F16 | DType::BF16 => 2,
            DType::F32 => 4,
            DType::I64 | DType::F64 => 8,
        }
    }

    /// Whether it is a floating-point type.
    pub fn is_float(self) -> bool {
        matches!(self, DType::F16 | DType::BF16 | DType::F32 | DType::F64)
    }

    /// Whether values are only stored as such: whatever is computed with them is computed in `f32` and rounded.
    pub fn is_half(self) -> bool {
        matches!(self, DType::F16 | DType::BF16)
    }
}

impl std::fmt::Display for DType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// An owned array in C order.
#[derive(Clone, Debug, PartialEq)]
pub enum Array {
    /// Truth values.
    Bool(ArrayD<bool>),
    /// Integers.
    I64(ArrayD<i64>),
    /// Half precision.
    F16(ArrayD<f16>),
    /// Half of single precision's bits.
    BF16(ArrayD<bf16>),
    /// Single precision.
    F32(ArrayD<f32>),
    /// Double precision.
    F64(ArrayD<f64>),
}

/// A borrowed array of any strides.
#[derive(Clone, Debug)]
pub enum ArrayView<'a> {
    /// Truth values.
    Bool(ArrayViewD<'a, bool>),
    /// Integers.
    I64(ArrayViewD<'a, i64>),
    /// Half precision.
    F16(ArrayViewD<'a, f16>),
    /// Half of single precision's bits.
    BF16(ArrayViewD<'a, bf16>),
    /// Single precision.
    F32(ArrayViewD<'a, f32>),
    /// Double precision.
    F64(ArrayViewD<'a, f64>),
}

/// A borrowed array of any strides that can be written to.
#[derive(Debug)]
pub enum ArrayViewMut<'a> {
    /// Truth values.
    Bool(ArrayViewMutD<'a, bool>),
    /// Integers.
    I64(ArrayViewMutD<'a, i64>),
    /// Half precision.
    F16(ArrayViewMutD<'a, f16>),
    /// Half of single precision's bits.
    BF16(ArrayViewMutD<'a, bf16>),
    /// Single precision.
    F32(ArrayViewMutD<'a, f32>),
    /// Double precision.
    F64(ArrayViewMutD<'a, f64>),
}

/// Runs `$body` with `$a` bound to the typed array inside.
#[macro_export]
#[doc(hidden)]
macro_rules! with_typed_array {
    ($kind:ident, $value:expr, $a:ident => $body:expr) => {
        match $value {
            $crate::array::$kind::Bool($a) => $body,
            $crate::array::$kind::I64($a) => $body,
            $crate::array::$kind::F16($a) => $body,
            $crate::array::$kind::BF16($a) => $body,
            $crate::array::$kind::F32($a) => $body,
            $crate::array::$kind::F64($a) => $body,
        }
    };
}

impl Array {
    /// How many bytes the elements take.
    pub fn bytes(&self) -> u64 {
        (self.shape().iter().product::<usize>() * self.dtype().size()) as u64
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        match self {
            Array::Bool(_) => DType::Bool,
            Array::I64(_) => DType::I64,
            Array::F16(_) => DType::F16,
            Array::BF16(_) => DType::BF16,
            Array::F32(_) => DType::F32,
            Array::F64(_) => DType::F64,
        }
    }

    /// The sizes, outermost first; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        with_typed_array!(Array, self, a => a.shape())
    }

    /// A view of all of it.
    pub fn view(&self) -> ArrayView<'_> {
        match self {
            Array::Bool(a) => ArrayView::Bool(a.view()),
            Array::I64(a) => ArrayView::I64(a.view()),
            Array::F16(a) => ArrayView::F16(a.view()),
            Array::BF16(a) => ArrayView::BF16(a.view()),
            Array::F32(a) => ArrayView::F32(a.view()),
            Array::F64(a) => ArrayView::F64(a.view()),
        }
    }

    /// A view of all of it that can be written to.
    pub fn view_mut(&mut self) -> ArrayViewMut<'_> {
        match self {
            Array::Bool(a) => ArrayViewMut::Bool(a.view_mut()),
            Array::I64(a) => ArrayViewMut::I64(a.view_mut()),
            Array::F16(a) => ArrayViewMut::F16(a.view_mut()),
            Array::BF16(a) => ArrayViewMut::BF16(a.view_mut()),
            Array::F32(a) => ArrayViewMut::F32(a.view_mut()),
            Array::F64(a) => ArrayViewMut::F64(a.view_mut()),
        }
    }

    /// The elements as `f64` in C order, whatever the type (`true` is 1).
    pub fn to_f64_vec(&self) -> Vec<f64> {
        match self {
            Array::Bool(a) => a.iter().map(|&v| f64::from(u8::from(v))).collect(),
            Array::I64(a) => a.iter().map(|&v| v as f64).collect(),
            Array::F16(a) => a.iter().map(|&v| f64::from(v)).collect(),
            Array::BF16(a) => a.iter().map(|&v| f64::from(v)).collect(),
            Array::F32(a) => a.iter().map(|&v| f64::from(v)).collect(),
            Array::F64(a) => a.iter().copied().collect(),
        }
    }

    /// The value of a rank-0 `f64`.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Array::F64(a) if a.ndim() == 0 => a.first().copied(),
            _ => None,
        }
    }

    /// The value of a rank-0 `i64`.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Array::I64(a) if a.ndim() == 0 => a.first().copied(),
            _ => None,
        }
    }
}

impl ArrayView<'_> {
    /// How many bytes the elements take.
    pub fn bytes(&self) -> u64 {
        (self.shape().iter().product::<usize>() * self.dtype().size()) as u64
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        match self {
            ArrayView::Bool(_) => DType::Bool,
            ArrayView::I64(_) => DType::I64,
            ArrayView::F16(_) => DType::F16,
            ArrayView::BF16(_) => DType::BF16,
            ArrayView::F32(_) => DType::F32,
            ArrayView::F64(_) => DType::F64,
        }
    }

    /// The sizes, outermost first.
    pub fn shape(&self) -> &[usize] {
        with_typed_array!(ArrayView, self, a => a.shape())
    }

    /// The same view, borrowed for a while.
    pub fn reborrow(&self) -> ArrayView<'_> {
        match self {
            ArrayView::Bool(a) => ArrayView::Bool(a.view()),
            ArrayView::I64(a) => ArrayView::I64(a.view()),
            ArrayView::F16(a) => ArrayView::F16(a.view()),
            ArrayView::BF16(a) => ArrayView::BF16(a.view()),
            ArrayView::F32(a) => ArrayView::F32(a.view()),
            ArrayView::F64(a) => ArrayView::F64(a.view()),
        }
    }

    /// A copy of the elements.
    pub fn to_array(&self) -> Array {
        fn own<T: Clone>(view: &ArrayViewD<'_, T>) -> ArrayD<T> {
            CowArray::from(view.view()).as_standard_layout().into_owned()
        }
        match self {
            ArrayView::Bool(a) => Array::Bool(own(a)),
            ArrayView::I64(a) => Array::I64(own(a)),
            ArrayView::F16(a) => Array::F16(own(a)),
            ArrayView::BF16(a) => Array::BF16(own(a)),
            ArrayView::F32(a) => Array::F32(own(a)),
            ArrayView::F64(a) => Array::F64(own(a)),
        }
    }
}

impl ArrayViewMut<'_> {
    /// The element type.
    pub fn dtype(&self) -> DType {
        match self {
            ArrayViewMut::Bool(_) => DType::Bool,
            ArrayViewMut::I64(_) => DType::I64,
            ArrayViewMut::F16(_) => DType::F16,
            ArrayViewMut::BF16(_) => DType::BF16,
            ArrayViewMut::F32(_) => DType::F32,
            ArrayViewMut::F64(_) => DType::F64,
        }
    }

    /// The sizes, outermost first.
    pub fn shape(&self) -> &[usize] {
        with_typed_array!(ArrayViewMut, self, a => a.shape())
    }

    /// The same view, borrowed for a while.
    pub fn reborrow(&mut self) -> ArrayViewMut<'_> {
        match self {
            ArrayViewMut::Bool(a) => ArrayViewMut::Bool(a.view_mut()),
            ArrayViewMut::I64(a) => ArrayViewMut::I64(a.view_mut()),
            ArrayViewMut::F16(a) => ArrayViewMut::F16(a.view_mut()),
            ArrayViewMut::BF16(a) => ArrayViewMut::BF16(a.view_mut()),
            ArrayViewMut::F32(a) => ArrayViewMut::F32(a.view_mut()),
            ArrayViewMut::F64(a) => ArrayViewMut::F64(a.view_mut()),
        }
    }

    /// Copies the elements of an array. `false`, and nothing done, if it has another element type or other sizes.
    pub fn assign(&mut self, array: &Array) -> bool {
        if self.dtype() != array.dtype() || self.shape() != array.shape() {
            return false;
        }
        match (self, array) {
            (ArrayViewMut::Bool(to), Array::Bool(from)) => to.assign(from),
            (ArrayViewMut::I64(to), Array::I64(from)) => to.assign(from),
            (ArrayViewMut::F16(to), Array::F16(from)) => to.assign(from),
            (ArrayViewMut::BF16(to), Array::BF16(from)) => to.assign(from),
            (ArrayViewMut::F32(to), Array::F32(from)) => to.assign(from),
            (ArrayViewMut::F64(to), Array::F64(from)) => to.assign(from),
            _ => return false,
        }
        true
    }
}

macro_rules! conversions {
    ($($element:ty => $variant:ident),*) => {$(
        impl<D: Dimension> From<ndarray::Array<$element, D>> for Array {
            fn from(array: ndarray::Array<$element, D>) -> Array {
                let array = array.into_dyn();
                Array::$variant(if array.is_standard_layout() { array } else { array.as_standard_layout().into_owned() })
            }
        }
        impl From<$element> for Array {
            fn from(value: $element) -> Array {
                Array::$variant(ArrayD::from_elem(IxDyn(&[]), value))
            }
        }
        impl<'a, D: Dimension> From<ndarray::ArrayView<'a, $element, D>> for ArrayView<'a> {
            fn from(view: ndarray::ArrayView<'a, $element, D>) -> ArrayView<'a> {
                ArrayView::$variant(view.into_dyn())
            }
        }
        impl<'a, D: Dimension> From<ndarray::ArrayViewMut<'a, $element, D>> for ArrayViewMut<'a> {
            fn from(view: ndarray::ArrayViewMut<'a, $element, D>) -> ArrayViewMut<'a> {
                ArrayViewMut::$variant(view.into_dyn())
            }
        }
        impl<'a, D: Dimension> From<&'a ndarray::Array<$element, D>> for ArrayView<'a> {
            fn from(array: &'a ndarray::Array<$element, D>) -> ArrayView<'a> {
                ArrayView::$variant(array.view().into_dyn())
            }
        }
    )*};
}

conversions!(bool => Bool, i64 => I64, f16 => F16, bf16 => BF16, f32 => F32, f64 => F64);

impl<'a> From<&'a Array> for ArrayView<'a> {
    fn from(array: &'a Array) -> ArrayView<'a> {
        array.view()
    }
}
