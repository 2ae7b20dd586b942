//! The arrays of a call compared with what a function takes and gives, and the values of its size variables.
//!
//! In: parameters and results as they are declared, and the arrays that are given for them. Out: values, or what does not fit.
//! Always holds: every use of a variable has been compared with its value.

use super::array::{Array, ArrayView, ArrayViewMut, DType};
use super::message::{Cause, Message};
use crate::size::{Size, SizeEnv, SizeVar};
use std::fmt::Display;

/// A parameter or a result as it is declared.
#[derive(Clone, Copy)]
pub struct Formal<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its type, for messages.
    pub ty: &'a dyn Display,
    /// The type of an element.
    pub dtype: DType,
    /// Its sizes.
    pub shape: &'a [Size],
}

/// The values of size variables, from the shapes of arrays that are declared with them.
///
/// # Errors
/// The first size that does not fit, with where its variables got their values.
pub fn bind_sizes(formals: &[Formal<'_>], shapes: &[&[usize]], known: &SizeEnv) -> Result<SizeEnv, Message> {
    let mut env = known.clone();
    let mut origin: Vec<(SizeVar, String)> = Vec::new();
    // Bare variables first, then what follows from them.
    for bare in [true, false] {
        for (formal, shape) in formals.iter().zip(shapes) {
            for (axis, (size, actual)) in formal.shape.iter().zip(shape.iter()).enumerate() {
                let solved = if bare != size.as_var().is_some() { None } else { size.solve(*actual as i64, &env) };
                if let Some((var, value)) = solved {
                    origin.push((var.clone(), format!("{var} = {value} comes from axis {axis} of `{}`", formal.name)));
                    env.insert(var, value);
                }
            }
        }
    }
    for (formal, shape) in formals.iter().zip(shapes) {
        for (axis, (size, actual)) in formal.shape.iter().zip(shape.iter()).enumerate() {
            let Formal { name, ty, .. } = formal;
            match size.eval(&env) {
                Some(expected) if expected == *actual as i64 => {}
                Some(expected) => {
                    let text = format!("axis {axis} of `{name}` ({ty}) has size {actual}, but {size} is {expected}");
                    let mut error = Message::new(Cause::Sizes, text);
                    for var in size.vars() {
                        if let Some((_, from)) = origin.iter().find(|(known, _)| *known == var) {
                            error = error.note(from.clone());
                        }
                    }
                    return Err(error);
                }
                None => {
                    let text = format!("axis {axis} of `{name}` has size {actual}, which is no value of {size}");
                    return Err(Message::new(Cause::UnboundSize, text));
                }
            }
        }
    }
    Ok(env)
}

/// The values of size variables, from the arguments of a function.
///
/// # Errors
/// When there are too many arguments or too few, and the first that has another element type, number of axes or size.
pub fn bind_arguments(name: &str, formals: &[Formal<'_>], arguments: &[ArrayView<'_>]) -> Result<SizeEnv, Message> {
    if arguments.len() != formals.len() {
        let text = format!("`{name}` takes {} arrays, {} given", formals.len(), arguments.len());
        return Err(Message::new(Cause::Arguments, text));
    }
    for (formal, view) in formals.iter().zip(arguments) {
        let Formal { name: parameter, ty, .. } = formal;
        if view.dtype() != formal.dtype {
            let text = format!("`{parameter}` of `{name}` is {ty}, the argument is {}", view.dtype());
            return Err(Message::new(Cause::Type, text).help("convert the array before the call"));
        }
        if view.shape().len() != formal.shape.len() {
            let text = format!("`{parameter}` of `{name}` is {ty}, the argument has {} axes", view.shape().len());
            return Err(Message::new(Cause::Rank, text));
        }
    }
    let shapes: Vec<&[usize]> = arguments.iter().map(ArrayView::shape).collect();
    bind_sizes(formals, &shapes, &SizeEnv::new())
}

/// That there is a target for each result of a function, with its element type and number of axes.
///
/// # Errors
/// The first that does not fit.
pub fn check_targets(name: &str, results: &[Formal<'_>], targets: &[ArrayViewMut<'_>]) -> Result<(), Message> {
    if targets.len() != results.len() {
        let text = format!("`{name}` gives {} arrays, there are {} to write to", results.len(), targets.len());
        return Err(Message::new(Cause::Arguments, text));
    }
    for (position, (target, Formal { ty, dtype, shape, .. })) in targets.iter().zip(results).enumerate() {
        if target.dtype() != *dtype {
            let text = format!("result {position} of `{name}` is {ty}, the array to write to is {}", target.dtype());
            return Err(Message::new(Cause::Type, text));
        }
        if target.shape().len() != shape.len() {
            let axes = target.shape().len();
            let text = format!("result {position} of `{name}` is {ty}, the array to write to has {axes} axes");
            return Err(Message::new(Cause::Rank, text));
        }
    }
    Ok(())
}

/// That the targets have the shapes of the results, as far as these are known before the function runs.
///
/// # Errors
/// The first that does not fit.
pub fn check_shapes<'s>(
    name: &str,
    results: impl Iterator<Item = &'s [Size]>,
    targets: &[ArrayViewMut<'_>],
    sizes: &SizeEnv,
) -> Result<(), Message> {
    for (position, (target, shape)) in targets.iter().zip(results).enumerate() {
        let shape: Option<Vec<i64>> = shape.iter().map(|size| size.eval(sizes)).collect();
        let shape = shape.map(|shape| shape.into_iter().map(|size| usize::try_from(size).unwrap_or(0)).collect());
        if let Some(shape) = shape.filter(|shape: &Vec<usize>| shape != target.shape()) {
            return Err(misshapen(name, position, target.shape(), &shape));
        }
    }
    Ok(())
}

/// Copies results to their targets, those that a function could not write there.
///
/// # Errors
/// The first that does not fit.
pub fn assign(name: &str, results: &[Option<Array>], targets: &mut [ArrayViewMut<'_>]) -> Result<(), Message> {
    for (position, (target, result)) in targets.iter_mut().zip(results).enumerate() {
        if let Some(result) = result.as_ref().filter(|result| !target.assign(result)) {
            return Err(misshapen(name, position, target.shape(), result.shape()));
        }
    }
    Ok(())
}

fn misshapen(name: &str, position: usize, target: &[usize], result: &[usize]) -> Message {
    let text = format!(
        "result {position} of `{name}` has the shape {result:?}, the array to write to has the shape {target:?}"
    );
    Message::new(Cause::Sizes, text)
}
