//! The values of size variables, from the arrays of a call.
//!
//! In: parameters that are declared with sizes, and the shapes of the arrays that are given for them. Out: values, or what does
//! not fit.
//! Always holds: every use of a variable has been compared with its value.

use super::message::{Cause, Message};
use crate::size::{Size, SizeEnv, SizeVar};
use std::fmt::Display;

/// A parameter as it is declared.
#[derive(Clone, Copy)]
pub struct Formal<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its type, for messages.
    pub ty: &'a dyn Display,
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
