//! In: contiguous tiles of `f64` or `f32`. Out: elementary functions of every element, and the table of their entry
//! points, which compiled code calls by address.
//! Always: an element's result is the same bits wherever it stands in a tile, however long the tile is and however many
//! threads share the work; errors stay below the bound the table states; NaN, infinities, signed zeros and subnormal
//! numbers are treated as C treats them.
//!
//! | file | content |
//! |---|---|
//! | `dispatch` | the tables of entry points, chosen by what the processor can do |
//! | `exports` | the kernels as symbols, for object files |
//! | `loops` | how a kernel runs over an array; the two traits a kernel implements |
//! | `exp`, `log`, `trig`, `hyperbolic`, `inverse`, `special`, `power` | the kernels |
//! | `constants` | polynomials and constants for both types |
//! | `real` | the operations kernels may use |
//! | `scalar` | the platform's functions, for rare arguments and for processors without FMA |
//!
//! # Errors
//!
//! `Kernel::ulp_f64` and `Kernel::ulp_f32` bound the error in units in the last place of the exact result. They are
//! what was measured on the AVX2 code, rounded up with a margin. For `f64`: 30,000 to 70,000 arguments per function, uniform
//! over the domain, uniform over the range where the formula changes, of random exponent over all binades, and next to
//! multiples of π/2 or to ±1 where that is hard, against 140 to 260 bit arithmetic (mpmath). For `f32`: every seventh of
//! all 2^32 bit patterns, and for functions of two numbers sixteen million random pairs, against double precision.
//! Where the processor has no fused multiply-add the platform's mathematical library does the work and its errors
//! apply, seldom above one unit.
#![allow(unsafe_code)]

mod constants;
mod dispatch;
mod exp;
mod exports;
mod hyperbolic;
mod inverse;
mod log;
mod loops;
mod power;
mod real;
mod scalar;
mod special;
#[cfg(test)]
mod tests;
mod trig;

use std::fmt;

/// Entry point of a function of one number: out, x, length.
pub type UnaryFn<T> = unsafe extern "C" fn(*mut T, *const T, usize);
/// Entry point of a function of two numbers: out, x, y, length.
pub type BinaryFn<T> = unsafe extern "C" fn(*mut T, *const T, *const T, usize);

/// A function over contiguous arrays.
#[derive(Debug)]
pub struct Kernel {
    /// The name the language has for it.
    pub name: &'static str,
    /// Number of inputs, 1 or 2.
    pub arity: u8,
    /// Double precision.
    pub f64: Entry<f64>,
    /// Single precision.
    pub f32: Entry<f32>,
    /// Bound of the error in double precision, in units in the last place.
    pub ulp_f64: f64,
    /// Bound of the error in single precision, in units in the last place.
    pub ulp_f32: f64,
}

/// The code of a [`Kernel`] for one element type. Only this module makes them, from code this machine can run.
#[derive(Debug, Clone, Copy)]
pub struct Entry<T: 'static>(Code<T>);

#[derive(Debug, Clone, Copy)]
enum Code<T: 'static> {
    Unary(UnaryFn<T>),
    Binary(BinaryFn<T>),
}

/// Why a kernel was not applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misuse {
    /// It takes another number of inputs.
    Arity,
    /// The arrays have different lengths.
    Length,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Misuse::Arity => "the function takes another number of arguments",
            Misuse::Length => "the arrays differ in length",
        })
    }
}

impl std::error::Error for Misuse {}

impl<T: 'static> Entry<T> {
    const fn unary(code: UnaryFn<T>) -> Self {
        Entry(Code::Unary(code))
    }

    const fn binary(code: BinaryFn<T>) -> Self {
        Entry(Code::Binary(code))
    }

    /// Address of the code, to be called with the C convention as a [`UnaryFn`] or [`BinaryFn`]. Each array must hold
    /// `len` elements, aligned as `T` is; `out` may be one of the inputs, but must not overlap one otherwise.
    pub fn address(self) -> *const u8 {
        match self.0 {
            Code::Unary(code) => code as *const u8,
            Code::Binary(code) => code as *const u8,
        }
    }

    /// `out[i] = f(x[i])`
    pub fn map(self, out: &mut [T], x: &[T]) -> Result<(), Misuse> {
        let Code::Unary(code) = self.0 else {
            return Err(Misuse::Arity);
        };
        if out.len() != x.len() {
            return Err(Misuse::Length);
        }
        // SAFETY: lengths agree, a mutable slice overlaps no other, and the code suits this machine.
        unsafe { code(out.as_mut_ptr(), x.as_ptr(), out.len()) };
        Ok(())
    }

    /// `x[i] = f(x[i])`
    pub fn map_in_place(self, x: &mut [T]) -> Result<(), Misuse> {
        let Code::Unary(code) = self.0 else {
            return Err(Misuse::Arity);
        };
        let data = x.as_mut_ptr();
        // SAFETY: output and input are the same array, which the entry points allow; the code suits this machine.
        unsafe { code(data, data, x.len()) };
        Ok(())
    }

    /// `out[i] = f(x[i], y[i])`
    pub fn zip(self, out: &mut [T], x: &[T], y: &[T]) -> Result<(), Misuse> {
        let Code::Binary(code) = self.0 else {
            return Err(Misuse::Arity);
        };
        if out.len() != x.len() || out.len() != y.len() {
            return Err(Misuse::Length);
        }
        // SAFETY: lengths agree, a mutable slice overlaps no other, and the code suits this machine.
        unsafe { code(out.as_mut_ptr(), x.as_ptr(), y.as_ptr(), out.len()) };
        Ok(())
    }
}

/// The kernel of that name, in the version for this machine.
pub fn find(name: &str) -> Option<&'static Kernel> {
    all().iter().find(|kernel| kernel.name == name)
}

/// All kernels, in the versions for this machine.
pub fn all() -> &'static [Kernel] {
    dispatch::table()
}
