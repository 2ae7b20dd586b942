//! In: calls from object files, by symbol. Out: the kernel of this machine, called.
//! Always: a symbol's kernel is the one of its name in the table; a test compares them.
#![allow(unsafe_code)]

use super::{Code, dispatch};

macro_rules! unary {
    ($($position:literal $name:literal),* $(,)?) => {
        $(
            unary!($position, f64, concat!("mt_", env!("MICROTOME_RUNTIME_IDENTITY"), "_", $name, "_f64"));
            unary!($position, f32, concat!("mt_", env!("MICROTOME_RUNTIME_IDENTITY"), "_", $name, "_f32"));
        )*
        #[cfg(test)]
        const UNARY: &[(usize, &str)] = &[$(($position, $name)),*];
    };
    ($position:literal, $type:ident, $symbol:expr) => {
        const _: () = {
            /// # Safety
            /// Both arrays hold `len` elements.
            #[unsafe(export_name = $symbol)]
            unsafe extern "C" fn entry(out: *mut $type, x: *const $type, len: usize) {
                if let Code::Unary(code) = dispatch::table()[$position].$type.0 {
                    // SAFETY: the caller's promise; the code suits this machine.
                    unsafe { code(out, x, len) }
                }
            }
        };
    };
}

macro_rules! binary {
    ($($position:literal $name:literal),* $(,)?) => {
        $(
            binary!($position, f64, concat!("mt_", env!("MICROTOME_RUNTIME_IDENTITY"), "_", $name, "_f64"));
            binary!($position, f32, concat!("mt_", env!("MICROTOME_RUNTIME_IDENTITY"), "_", $name, "_f32"));
        )*
        #[cfg(test)]
        const BINARY: &[(usize, &str)] = &[$(($position, $name)),*];
    };
    ($position:literal, $type:ident, $symbol:expr) => {
        const _: () = {
            /// # Safety
            /// All three arrays hold `len` elements.
            #[unsafe(export_name = $symbol)]
            unsafe extern "C" fn entry(out: *mut $type, x: *const $type, y: *const $type, len: usize) {
                if let Code::Binary(code) = dispatch::table()[$position].$type.0 {
                    // SAFETY: the caller's promise; the code suits this machine.
                    unsafe { code(out, x, y, len) }
                }
            }
        };
    };
}

unary!(
    0 "exp", 1 "expm1", 2 "log", 3 "log1p", 4 "log2", 5 "log10", 6 "sin", 7 "cos", 8 "tan", 9 "asin", 10 "acos", 11 "atan",
    12 "sinh", 13 "cosh", 14 "tanh", 15 "sigmoid", 16 "softplus", 17 "erf",
);
binary!(18 "atan2", 19 "pow", 20 "hypot");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_has_its_symbols() {
        let exported: Vec<(usize, &str)> = UNARY.iter().chain(BINARY).copied().collect();
        let kernels: Vec<(usize, &str)> = dispatch::table().iter().map(|kernel| kernel.name).enumerate().collect();
        assert_eq!(exported, kernels);
        let arities: Vec<u8> = dispatch::table().iter().map(|kernel| kernel.arity).collect();
        assert!(arities.iter().take(UNARY.len()).all(|arity| *arity == 1));
        assert!(arities.iter().skip(UNARY.len()).all(|arity| *arity == 2));
    }
}
