//! What can be handed to a kernel, and where its results can be put.
//!
//! In: ndarray arrays and views of any strides, scalars, and tuples of these. Out: views, one per array of the kernel.
//! Always holds: nothing is copied here; a tuple stands for its parts in order, as a tuple of the language does.

use super::array::{Array, ArrayView, ArrayViewMut, DType};
use half::{bf16, f16};
use ndarray::{ArrayBase, ArrayD, ArrayViewD, ArrayViewMutD, Data, DataMut, Dimension, aview0};

/// A Rust type that an array of the language can have as its elements: `bool`, `i64`, `f32`, `f64`, and
/// [`half::f16`] and [`half::bf16`].
pub trait Element: Copy + 'static + sealed::Sealed {
    /// The element type in the language.
    const DTYPE: DType;
    #[doc(hidden)]
    fn view(view: ArrayViewD<'_, Self>) -> ArrayView<'_>;
    #[doc(hidden)]
    fn view_mut(view: ArrayViewMutD<'_, Self>) -> ArrayViewMut<'_>;
    #[doc(hidden)]
    fn take(array: Array) -> Option<ArrayD<Self>>;
}

/// What can be handed to a kernel: an ndarray array or view, a scalar, an [`Array`] or [`ArrayView`], a slice of views,
/// or a tuple of up to twelve of these. `&x` is as good as `x`.
pub trait Argument {
    /// Adds a view of each array to `views`.
    fn views<'s>(&'s self, views: &mut Vec<ArrayView<'s>>);
}

/// Where results can be written: a mutable ndarray view or array, a scalar, or a tuple of up to twelve of these; `&mut x`
/// is as good as `x`.
pub trait Target {
    /// Adds a view of each array to `views`.
    fn views_mut<'s>(&'s mut self, views: &mut Vec<ArrayViewMut<'s>>);
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! elements {
    ($($element:ty => $variant:ident),*) => {$(
        impl sealed::Sealed for $element {}

        impl Element for $element {
            const DTYPE: DType = DType::$variant;

            fn view(view: ArrayViewD<'_, Self>) -> ArrayView<'_> {
                ArrayView::$variant(view)
            }

            fn view_mut(view: ArrayViewMutD<'_, Self>) -> ArrayViewMut<'_> {
                ArrayViewMut::$variant(view)
            }

            fn take(array: Array) -> Option<ArrayD<Self>> {
                if let Array::$variant(array) = array { Some(array) } else { None }
            }
        }

        impl Argument for $element {
            fn views<'s>(&'s self, views: &mut Vec<ArrayView<'s>>) {
                views.push(ArrayView::$variant(aview0(self).into_dyn()));
            }
        }

        impl Target for $element {
            fn views_mut<'s>(&'s mut self, views: &mut Vec<ArrayViewMut<'s>>) {
                let view = ArrayViewMutD::from_shape(ndarray::IxDyn(&[]), std::slice::from_mut(self));
                views.extend(view.map(ArrayViewMut::$variant).ok());
            }
        }
    )*};
}

elements!(bool => Bool, i64 => I64, f16 => F16, bf16 => BF16, f32 => F32, f64 => F64);

impl<A: Element, S: Data<Elem = A>, D: Dimension> Argument for ArrayBase<S, D> {
    fn views<'s>(&'s self, views: &mut Vec<ArrayView<'s>>) {
        views.push(A::view(self.view().into_dyn()));
    }
}

impl<A: Element, S: DataMut<Elem = A>, D: Dimension> Target for ArrayBase<S, D> {
    fn views_mut<'s>(&'s mut self, views: &mut Vec<ArrayViewMut<'s>>) {
        views.push(A::view_mut(self.view_mut().into_dyn()));
    }
}

impl Argument for Array {
    fn views<'s>(&'s self, views: &mut Vec<ArrayView<'s>>) {
        views.push(self.view());
    }
}

impl Argument for ArrayView<'_> {
    fn views<'s>(&'s self, views: &mut Vec<ArrayView<'s>>) {
        views.push(self.reborrow());
    }
}

impl Argument for [ArrayView<'_>] {
    fn views<'s>(&'s self, views: &mut Vec<ArrayView<'s>>) {
        views.extend(self.iter().map(ArrayView::reborrow));
    }
}

impl<const N: usize> Argument for [ArrayView<'_>; N] {
    fn views<'s>(&'s self, views: &mut Vec<ArrayView<'s>>) {
        self.as_slice().views(views);
    }
}

impl Argument for Vec<ArrayView<'_>> {
    fn views<'s>(&'s self, views: &mut Vec<ArrayView<'s>>) {
        self.as_slice().views(views);
    }
}

impl<T: Argument + ?Sized> Argument for &T {
    fn views<'s>(&'s self, views: &mut Vec<ArrayView<'s>>) {
        (**self).views(views);
    }
}

impl Target for Array {
    fn views_mut<'s>(&'s mut self, views: &mut Vec<ArrayViewMut<'s>>) {
        views.push(self.view_mut());
    }
}

impl Target for ArrayViewMut<'_> {
    fn views_mut<'s>(&'s mut self, views: &mut Vec<ArrayViewMut<'s>>) {
        views.push(self.reborrow());
    }
}

impl Target for [ArrayViewMut<'_>] {
    fn views_mut<'s>(&'s mut self, views: &mut Vec<ArrayViewMut<'s>>) {
        views.extend(self.iter_mut().map(ArrayViewMut::reborrow));
    }
}

impl<T: Target + ?Sized> Target for &mut T {
    fn views_mut<'s>(&'s mut self, views: &mut Vec<ArrayViewMut<'s>>) {
        (**self).views_mut(views);
    }
}

macro_rules! tuples {
    ($(($($name:ident)*))*) => {$(
        #[allow(non_snake_case, unused_variables)]
        impl<$($name: Argument),*> Argument for ($($name,)*) {
            fn views<'s>(&'s self, views: &mut Vec<ArrayView<'s>>) {
                let ($($name,)*) = self;
                $($name.views(views);)*
            }
        }

        #[allow(non_snake_case, unused_variables)]
        impl<$($name: Target),*> Target for ($($name,)*) {
            fn views_mut<'s>(&'s mut self, views: &mut Vec<ArrayViewMut<'s>>) {
                let ($($name,)*) = self;
                $($name.views_mut(views);)*
            }
        }
    )*};
}

tuples! {
    () (A) (A B) (A B C) (A B C E) (A B C E F) (A B C E F G) (A B C E F G H) (A B C E F G H I) (A B C E F G H I J)
    (A B C E F G H I J K) (A B C E F G H I J K L) (A B C E F G H I J K L M)
}
