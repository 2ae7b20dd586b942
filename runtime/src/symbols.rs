//! The names under which generated code finds the functions of this library.
//!
//! In: the name of a function. Out: the name of its symbol, or its address.
//! Always holds: the names of another version, or of other sources, are others, so that code is never linked with a library
//! that it was not compiled for, and two versions can be parts of one program.

use super::{columns, math, product, reduce, routine, scalar, threads};

/// What the names of all symbols begin with: `mt_`, the version, and a number made of the sources.
pub const PREFIX: &str = concat!("mt_", env!("MICROTOME_RUNTIME_IDENTITY"), "_");

macro_rules! symbol {
    ($name:literal) => {
        concat!("mt_", env!("MICROTOME_RUNTIME_IDENTITY"), "_", $name)
    };
}

pub(crate) use symbol;

/// The name of a function's symbol.
pub fn name(function: &str) -> String {
    format!("{PREFIX}{function}")
}

/// The address of the function behind a symbol: of a whole one, or of one for an element type.
#[doc(hidden)]
pub fn address(symbol: &str) -> Option<*const u8> {
    let name = symbol.strip_prefix(PREFIX)?;
    let whole = [threads::symbol, reduce::symbol, columns::symbol, product::symbol, routine::symbol, scalar::symbol];
    if let Some(address) = whole.iter().find_map(|symbol| symbol(name)) {
        return Some(address);
    }
    let (name, dtype) = name.rsplit_once('_')?;
    let kernel = math::find(name)?;
    match dtype {
        "f64" => Some(kernel.f64.address()),
        "f32" => Some(kernel.f32.address()),
        _ => None,
    }
}
