//! Ahead of time: kernels as parts of programs in other languages.
//!
//! In: checked functions. Out: an object file, a static or a shared library, with its C header and perhaps a Python module.
//! Always holds: what is made needs no compiler to run, only the run-time library, which is in it or named beside it; files
//! appear whole or not at all.
//!
//! | file | content |
//! |---|---|
//! | `names` | identifiers of C for names of the language |
//! | `interface` | a function as C has it: its parameters, and what the run-time library has to know |
//! | `header` | the C header |
//! | `python` | the Python module over ctypes |
//! | `library` | where the run-time library is |
//! | `archive` | static libraries |
//! | `link` | shared libraries, by the system's compiler driver |

mod archive;
mod header;
mod interface;
mod library;
mod link;
mod names;
mod python;

pub use archive::bundle;
pub use header::header;
pub use interface::{Interface, interface, program};
pub use library::{find, is_runtime};
pub use link::{Linked, shared};
pub use names::identifier;
pub use python::python;

use std::path::PathBuf;

/// Why something cannot be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// What is asked for cannot be: the cause, and the cure.
    Request(String, Option<String>),
    /// Something that is needed beside the compiler is missing, or fails: the cause, and the cure.
    Tool(String, String),
}

/// The text of a type of C.
pub(crate) fn c_type(dtype: crate::runtime::array::DType) -> &'static str {
    use crate::runtime::array::DType;
    match dtype {
        DType::Bool => "uint8_t",
        DType::I64 => "int64_t",
        DType::F16 | DType::BF16 => "uint16_t",
        DType::F32 => "float",
        DType::F64 => "double",
    }
}

/// A path as messages show it.
fn shown(path: &std::path::Path) -> String {
    path.display().to_string()
}

/// Where the run-time library may be: beside the executable, where cargo puts it, and where installations do.
fn places() -> Vec<PathBuf> {
    let Ok(executable) = std::env::current_exe() else { return Vec::new() };
    let mut places = Vec::new();
    for folder in executable.ancestors().skip(1).take(2) {
        places.extend([folder.to_path_buf(), folder.join("deps"), folder.join("lib")]);
    }
    places
}
