//! Kernels with a signature in Rust's types.
//!
//! In: a kernel, and a function type such as `fn(Array2<f64>, f64) -> Array1<f64>`. Out: [`TypedKernel`], whose arguments and
//! results the Rust compiler checks.
//! Always holds: the types are compared once, when the handle is made; a call converts nothing.

use super::signature::{Signature, ValueType};
use super::{Error, Kernel};
use crate::diagnostic::{Diagnostic, Sources, codes};
use crate::runtime::typed::{KernelType, Outcome, Pattern};
use std::fmt;
use std::marker::PhantomData;

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
        if !accepts(pattern, ty) {
            return fail(codes::TYPE, format!("`{parameter}` of `{name}` is {ty}, not {pattern}"));
        }
    }
    if !accepts(&outcome, &signature.result) {
        return fail(codes::TYPE, format!("the result of `{name}` is {}, not {outcome}", signature.result));
    }
    Ok(())
}

/// Whether a value of this type can be taken.
fn accepts(pattern: &Pattern, ty: &ValueType) -> bool {
    let all = |patterns: &[Pattern], types: &mut dyn Iterator<Item = &ValueType>| {
        patterns.iter().all(|pattern| types.next().is_some_and(|ty| accepts(pattern, ty))) && types.next().is_none()
    };
    match (pattern, ty) {
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
