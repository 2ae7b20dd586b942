//! What an object file knows of one of its kernels.
//!
//! In: made by the compiler and written as bytes. Out: the same, read at the first call.
//! Always holds: bytes are read by the library of the same identity that the compiler had, since the symbols of another one
//! have other names.

use crate::array::DType;
use crate::fault::CheckKind;
use crate::layout::Layout;
use crate::size::Size;
use serde::{Deserialize, Serialize};

/// A kernel that was compiled ahead of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// What messages call it: the name of its function in C, or in Rust.
    pub name: String,
    /// What it takes.
    pub inputs: Vec<Parameter>,
    /// What it gives.
    pub outputs: Vec<Parameter>,
    /// Its sizes and buffers.
    pub layout: Layout,
    /// What can go wrong while it runs.
    pub checks: Vec<Check>,
    /// What the processor must have, by the names of [`missing`].
    pub features: Vec<String>,
}

/// An array, or a scalar, that is taken or given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name, in C or in Rust.
    pub name: String,
    /// Its type in the program, for messages.
    pub ty: String,
    /// The type of an element.
    pub dtype: DType,
    /// Its sizes.
    pub shape: Vec<Size>,
}

/// A check with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What is checked.
    pub kind: CheckKind,
    /// Where: `file.tome:3:5`.
    pub place: String,
    /// The line of the program, without the space around it.
    pub line: String,
    /// Where in the line, in characters.
    pub from: usize,
    /// How many characters of it.
    pub width: usize,
}

impl Program {
    /// The bytes that go into an object file.
    pub fn encode(&self) -> Option<Vec<u8>> {
        postcard::to_allocvec(self).ok()
    }

    /// Reads them.
    pub fn decode(bytes: &[u8]) -> Option<Program> {
        postcard::from_bytes(bytes).ok()
    }

    /// The sizes of the results.
    pub fn shapes(&self) -> impl Iterator<Item = &[Size]> {
        self.outputs.iter().map(|output| output.shape.as_slice())
    }

    /// Whether the sizes of a result are found out while the kernel runs, so that its memory comes from the library.
    pub fn is_found(&self, output: &Parameter) -> bool {
        output.shape.iter().any(|size| self.layout.is_found(size))
    }
}

macro_rules! features {
    ($detect:ident: $($name:tt)*) => {
        fn has(feature: &str) -> bool {
            match feature {
                $($name => std::arch::$detect!($name),)*
                _ => false,
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
features!(is_x86_feature_detected: "sse3" "ssse3" "cmpxchg16b" "sse4.1" "sse4.2" "avx" "avx2" "fma" "popcnt" "bmi1" "bmi2"
    "lzcnt" "avx512bitalg" "avx512dq" "avx512f" "avx512vl" "avx512vbmi" "avx512vnni" "avxvnni");

#[cfg(target_arch = "aarch64")]
features!(is_aarch64_feature_detected: "lse" "paca" "fp16" "dotprod" "i8mm");

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn has(_: &str) -> bool {
    false
}

/// Those of the features that this machine does not have.
pub fn missing(features: &[String]) -> Vec<&str> {
    features.iter().map(String::as_str).filter(|feature| !has(feature)).collect()
}
