//! Code generation: loop nests to Cranelift IR to machine code, in memory or in an object file.
//!
//! In: a [`Kernel`](crate::loops::Kernel). Out: [`Compiled`], which runs on raw buffers, the code as text, or an object file.
//! Always holds: generated code neither traps nor unwinds; what goes wrong is a status and a record.
//!
//! | file | content |
//! |---|---|
//! | `jit` | machine code in memory, its owner, and the two texts |
//! | `object` | machine code in object files, with functions that C calls |
//! | `target` | the processor that code is for |
//! | `entry` | the function that runs the steps in order |
//! | `runs`, `group` | steps that run together: which, and a function that takes them by turns over blocks |
//! | `product` | calls of the matrix-product routine |
//! | `define` | compiles the functions into a module |
//! | `collapse`, `plan` | what is known of a nest before code is written: merged loops, levels, stages, lanes |
//! | `joined` | reductions that share one loop |
//! | `tiles` | which values pass through tiles on the way to a vector function of the run-time library |
//! | `writer` | a function under construction: blocks, constants, sizes, calls |
//! | `nest` | loops, addresses, and what is hoisted where |
//! | `innermost` | the innermost loop: vector part, remainder, tiles |
//! | `unroll` | short reductions as straight code |
//! | `across` | reductions whose lanes are neighbouring results |
//! | `bytes` | truth values sixteen at a time: counted, or all the same |
//! | `body`, `lanes` | instructions of a body as scalars or vectors |
//! | `division` | quotients and remainders of integers |
//! | `half` | 16-bit floats from and to memory and single precision |
//! | `sink` | stores, reductions and accumulation |

mod across;
mod body;
mod bytes;
mod collapse;
mod define;
mod division;
mod entry;
mod group;
mod half;
mod innermost;
mod jit;
mod joined;
mod lanes;
mod nest;
mod object;
mod pieces;
mod plan;
mod position;
mod product;
mod runs;
mod sink;
mod structured;
mod target;
#[cfg(test)]
mod tests;
mod tiles;
mod unroll;
mod writer;

pub use jit::{Compiled, assembly_text, clif_text, compile};
pub use object::{COMMON, Callers, Unit, object};
pub use target::{Cpu, Target};

/// Why there is no code. Every one is a defect of the compiler, not of the user's program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodegenError(String);

impl CodegenError {
    fn new(reason: impl std::fmt::Display) -> CodegenError {
        CodegenError(reason.to_string())
    }

    /// The reason alone.
    pub fn reason(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for CodegenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no machine code for this kernel: {}", self.0)
    }
}

impl std::error::Error for CodegenError {}
