//! Code generation: loop nests to Cranelift IR to machine code in memory.
//!
//! In: a [`Kernel`](crate::loops::Kernel). Out: [`Compiled`], which runs on raw buffers, or the code as text.
//! Always holds: generated code neither traps nor unwinds; what goes wrong is a status and a record.
//!
//! | file | content |
//! |---|---|
//! | `jit` | machine code in memory, its owner, and the two texts |
//! | `entry` | the function that runs the steps in order |
//! | `define` | compiles the functions into a module |
//! | `collapse`, `plan` | what is known of a nest before code is written: merged loops, levels, stages, lanes |
//! | `tiles` | which values pass through tiles on the way to a vector function of the run-time library |
//! | `writer` | a function under construction: blocks, constants, sizes, calls |
//! | `nest` | loops, addresses, and what is hoisted where |
//! | `innermost` | the innermost loop: vector part, remainder, tiles |
//! | `across` | reductions whose lanes are neighbouring results |
//! | `body`, `lanes` | instructions of a body as scalars or vectors |
//! | `division` | quotients and remainders of integers |
//! | `half` | 16-bit floats from and to memory and single precision |
//! | `sink` | stores, reductions and accumulation |

mod across;
mod body;
mod collapse;
mod define;
mod division;
mod entry;
mod group;
mod half;
mod innermost;
mod jit;
mod lanes;
mod nest;
mod plan;
mod sink;
mod structured;
#[cfg(test)]
mod tests;
mod tiles;
mod writer;

pub use jit::{Compiled, assembly_text, clif_text, compile};

/// Why there is no code. Every one is a defect of the compiler, not of the user's program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodegenError(String);

impl CodegenError {
    fn new(reason: impl std::fmt::Display) -> CodegenError {
        CodegenError(reason.to_string())
    }
}

impl std::fmt::Display for CodegenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no machine code for this kernel: {}", self.0)
    }
}

impl std::error::Error for CodegenError {}
