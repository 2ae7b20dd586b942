//! The types of kernels in Rust's terms.
//!
//! In: a function type such as `fn(Array2<f64>, f64) -> Array1<f64>`. Out: what it accepts, what is handed over for it, and its
//! results made of arrays.
//! Always holds: a type stands for the same arrays, in the same order, on the way in and on the way out.

use super::argument::{Argument, Element, Target};
use super::array::{Array, ArrayViewMut, DType};
use half::{bf16, f16};
use ndarray::Dimension;
use std::fmt;

/// What a Rust type accepts of the language's types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Arrays of an element type, with so many axes, or with any number of them.
    Array(DType, Option<usize>),
    /// Tuples and lists, and records by their fields in order.
    Tuple(Vec<Pattern>),
    /// Whatever it is, as a list of its arrays.
    Anything,
}

/// A Rust type for a parameter: `ndarray::Array<f64, Ix2>` (that is `Array2<f64>`) for `f64[n, d]`, `ArrayD<f64>` for any
/// number of axes, `f64` for a scalar, a tuple for a tuple. The type only says what is wanted; views are handed over.
pub trait Parameter {
    /// What is handed over.
    type View<'a>: Argument;
    /// What the type accepts.
    fn pattern() -> Pattern;
}

/// A Rust type for a result: as for parameters, with `()` for none, and `Vec<Array>` for whatever comes.
pub trait Outcome: Sized {
    /// Where it can be written instead.
    type Target<'a>: Target;
    /// What the type accepts.
    fn pattern() -> Pattern;
    #[doc(hidden)]
    fn take(arrays: &mut std::vec::IntoIter<Array>) -> Option<Self>;
}

/// A function type as a kernel's signature: `fn(Array2<f64>, f64) -> Array1<f64>`, with up to twelve parameters.
pub trait KernelType {
    /// The arguments of a call: nothing, the one argument, or a tuple of them.
    type Arguments<'a>: Argument;
    /// What a call gives.
    type Outcome: Outcome;
    /// What the parameters accept.
    fn parameters() -> Vec<Pattern>;
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Array(dtype, Some(0)) => f.write_str(dtype.name()),
            Pattern::Array(dtype, Some(rank)) => write!(f, "{dtype}[{}]", vec!["_"; *rank].join(", ")),
            Pattern::Array(dtype, None) => write!(f, "{dtype}[…]"),
            Pattern::Tuple(parts) => {
                write!(f, "({})", parts.iter().map(Pattern::to_string).collect::<Vec<_>>().join(", "))
            }
            Pattern::Anything => f.write_str("…"),
        }
    }
}

impl<A: Element, D: Dimension> Parameter for ndarray::Array<A, D> {
    type View<'a> = ndarray::ArrayView<'a, A, D>;

    fn pattern() -> Pattern {
        Pattern::Array(A::DTYPE, D::NDIM)
    }
}

impl<A: Element, D: Dimension> Outcome for ndarray::Array<A, D> {
    type Target<'a> = ndarray::ArrayViewMut<'a, A, D>;

    fn pattern() -> Pattern {
        Pattern::Array(A::DTYPE, D::NDIM)
    }

    fn take(arrays: &mut std::vec::IntoIter<Array>) -> Option<Self> {
        A::take(arrays.next()?)?.into_dimensionality().ok()
    }
}

impl Outcome for Vec<Array> {
    type Target<'a> = &'a mut [ArrayViewMut<'a>];

    fn pattern() -> Pattern {
        Pattern::Anything
    }

    fn take(arrays: &mut std::vec::IntoIter<Array>) -> Option<Self> {
        Some(arrays.collect())
    }
}

macro_rules! scalars {
    ($($element:ty)*) => {$(
        impl Parameter for $element {
            type View<'a> = $element;

            fn pattern() -> Pattern {
                Pattern::Array(<$element>::DTYPE, Some(0))
            }
        }

        impl Outcome for $element {
            type Target<'a> = &'a mut $element;

            fn pattern() -> Pattern {
                Pattern::Array(<$element>::DTYPE, Some(0))
            }

            fn take(arrays: &mut std::vec::IntoIter<Array>) -> Option<Self> {
                <$element as Element>::take(arrays.next()?)?.first().copied()
            }
        }
    )*};
}

scalars!(bool i64 f16 bf16 f32 f64);

macro_rules! tuples {
    ($(($($name:ident)*))*) => {$(
        impl<$($name: Parameter),*> Parameter for ($($name,)*) {
            type View<'a> = ($($name::View<'a>,)*);

            fn pattern() -> Pattern {
                Pattern::Tuple(vec![$($name::pattern()),*])
            }
        }

        impl<$($name: Outcome),*> Outcome for ($($name,)*) {
            type Target<'a> = ($($name::Target<'a>,)*);

            fn pattern() -> Pattern {
                Pattern::Tuple(vec![$($name::pattern()),*])
            }

            #[allow(unused_variables)]
            fn take(arrays: &mut std::vec::IntoIter<Array>) -> Option<Self> {
                Some(($($name::take(arrays)?,)*))
            }
        }
    )*};
}

tuples! {
    () (A) (A B) (A B C) (A B C E) (A B C E F) (A B C E F G) (A B C E F G H) (A B C E F G H I) (A B C E F G H I J)
    (A B C E F G H I J K) (A B C E F G H I J K L) (A B C E F G H I J K L M)
}

/// One argument goes alone, without a tuple around it.
impl<R: Outcome, A: Parameter> KernelType for fn(A) -> R {
    type Arguments<'a> = A::View<'a>;
    type Outcome = R;

    fn parameters() -> Vec<Pattern> {
        vec![A::pattern()]
    }
}

macro_rules! functions {
    ($(($($name:ident)*))*) => {$(
        impl<R: Outcome, $($name: Parameter),*> KernelType for fn($($name),*) -> R {
            type Arguments<'a> = ($($name::View<'a>,)*);
            type Outcome = R;

            fn parameters() -> Vec<Pattern> {
                vec![$($name::pattern()),*]
            }
        }
    )*};
}

functions! {
    () (A B) (A B C) (A B C E) (A B C E F) (A B C E F G) (A B C E F G H) (A B C E F G H I) (A B C E F G H I J)
    (A B C E F G H I J K) (A B C E F G H I J K L) (A B C E F G H I J K L M)
}
