//! Kernels with a signature in Rust's types.
//!
//! In: a kernel, and a function type such as `fn(Array2<f64>, f64) -> Array1<f64>`. Out: [`TypedKernel`], whose arguments and
//! results the Rust compiler checks.
//! Always holds: the types are compared once, when the handle is made; a call converts nothing.

use super::argument::{Argument, Element, Target};
use super::signature::{Signature, ValueType};
use super::{Error, Kernel};
use crate::diagnostic::{Diagnostic, Sources, codes};
use crate::runtime::array::{Array, ArrayViewMut};
use half::{bf16, f16};
use ndarray::Dimension;
use std::fmt;
use std::marker::PhantomData;

/// What a Rust type accepts of the language's types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Arrays of an element type, with so many axes, or with any number of them.
    Array(crate::DType, Option<usize>),
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

/// A kernel with a signature in Rust's types, made by [`Kernel::typed`]. Clones share the code.
///
/// ```
/// use microtome::Session;
/// use ndarray::{Array1, Array2, array};
///
/// let module = Session::new().compile("rows.tome", "
///     fn rows(x: f64[n, d], w: f64[d], c: f64) -> f64[n] = [sum(x[i] * w) + c for i in 0:n]
/// ")?;
/// let rows = module.kernel("rows")?.typed::<fn(Array2<f64>, Array1<f64>, f64) -> Array1<f64>>()?;
/// let (x, w) = (array![[1.0, 2.0], [3.0, 4.0]], array![1.0, 10.0]);
/// assert_eq!(rows.call((x.view(), w.view(), 0.5))?, array![21.5, 43.5]);
/// assert_eq!(rows.call((x.t(), w.view(), 0.0))?, array![31.0, 42.0]);
/// # Ok::<(), microtome::Error>(())
/// ```
pub struct TypedKernel<F> {
    kernel: Kernel,
    signature: PhantomData<fn() -> F>,
}

impl<F> Clone for TypedKernel<F> {
    fn clone(&self) -> TypedKernel<F> {
        TypedKernel { kernel: self.kernel.clone(), signature: PhantomData }
    }
}

impl<F> fmt::Debug for TypedKernel<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypedKernel({})", self.kernel.signature())
    }
}

impl<F: KernelType> TypedKernel<F> {
    pub(super) fn new(kernel: Kernel) -> Result<TypedKernel<F>, Error> {
        check::<F>(kernel.signature()).map_err(|problem| Error::new(vec![problem], Sources::default()))?;
        Ok(TypedKernel { kernel, signature: PhantomData })
    }

    /// Calls the function.
    ///
    /// # Errors
    /// When the sizes of the arguments do not fit each other, and as for [`Kernel::call`].
    pub fn call(&self, arguments: F::Arguments<'_>) -> Result<F::Outcome, Error> {
        let mut arrays = self.kernel.call(arguments)?.into_iter();
        F::Outcome::take(&mut arrays).ok_or_else(|| unexpected(self.kernel.signature()))
    }

    /// Calls the function and writes its results where `targets` says.
    ///
    /// # Errors
    /// As for [`Kernel::call_into`].
    pub fn call_into(
        &self,
        arguments: F::Arguments<'_>,
        targets: <F::Outcome as Outcome>::Target<'_>,
    ) -> Result<(), Error> {
        self.kernel.call_into(arguments, targets)
    }

    /// The kernel without the types.
    pub fn untyped(&self) -> &Kernel {
        &self.kernel
    }
}

fn unexpected(signature: &Signature) -> Error {
    let text = format!("the compiler failed: `{signature}` gave other results than it promises");
    Error::new(vec![Diagnostic::global(codes::BUG, text)], Sources::default())
}

fn check<F: KernelType>(signature: &Signature) -> Result<(), Box<Diagnostic>> {
    let (patterns, outcome) = (F::parameters(), F::Outcome::pattern());
    let asked = || {
        let parameters: Vec<String> = patterns.iter().map(Pattern::to_string).collect();
        format!("the types in Rust ask for fn({}) -> {outcome}", parameters.join(", "))
    };
    let fail =
        |code, text: String| Err(Diagnostic::global(code, text).note(asked()).note(format!("it is `{signature}`")));
    let name = &signature.name;
    if patterns.len() != signature.parameters.len() {
        let text = format!("`{name}` has {} parameters, not {}", signature.parameters.len(), patterns.len());
        return fail(codes::ARGUMENTS, text);
    }
    for ((parameter, ty), pattern) in signature.parameters.iter().zip(&patterns) {
        if !pattern.accepts(ty) {
            return fail(codes::TYPE, format!("`{parameter}` of `{name}` is {ty}, not {pattern}"));
        }
    }
    if !outcome.accepts(&signature.result) {
        return fail(codes::TYPE, format!("the result of `{name}` is {}, not {outcome}", signature.result));
    }
    Ok(())
}

impl Pattern {
    /// Whether a value of this type can be taken.
    pub fn accepts(&self, ty: &ValueType) -> bool {
        let all = |patterns: &[Pattern], types: &mut dyn Iterator<Item = &ValueType>| {
            patterns.iter().all(|pattern| types.next().is_some_and(|ty| pattern.accepts(ty))) && types.next().is_none()
        };
        match (self, ty) {
            (Pattern::Anything, _) => true,
            (Pattern::Array(wanted, rank), ValueType::Array { dtype, sizes }) => {
                wanted == dtype && rank.is_none_or(|rank| rank == sizes.len())
            }
            (Pattern::Tuple(parts), ValueType::Tuple(types) | ValueType::List(types)) => all(parts, &mut types.iter()),
            (Pattern::Tuple(parts), ValueType::Record(fields)) => all(parts, &mut fields.iter().map(|(_, ty)| ty)),
            (Pattern::Tuple(parts), ValueType::Nothing) => parts.is_empty(),
            (Pattern::Array(..) | Pattern::Tuple(_), _) => false,
        }
    }
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
