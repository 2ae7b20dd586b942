//! What the run-time library knows of a kernel: its sizes, its memory and how much can go wrong.
//!
//! In: made by the compiler, kept in memory or in an object file. Out: [`Layout`], which calls are planned from.
//! Always holds: the frame of a kernel is its sizes, then the addresses of its buffers, in the order of the layout.

use crate::array::DType;
use crate::size::{Size, SizeVar};
use serde::{Deserialize, Serialize};

/// A kernel as its callers see it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    /// The size variables whose values the caller passes.
    pub sizes: Vec<SizeVar>,
    /// Those among them that are found out while the kernel runs; the caller passes nothing for them.
    pub found: Vec<SizeVar>,
    /// Memory that the kernel reads and writes.
    pub buffers: Vec<Buffer>,
    /// First and last step that touch each buffer; `None` for one that nothing touches.
    pub lives: Vec<Option<(usize, usize)>>,
    /// How many checks there are that may fail.
    pub faults: usize,
}

/// A contiguous piece of memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Buffer {
    /// The type of an element.
    pub dtype: DType,
    /// How many elements.
    pub elements: Size,
    /// Whose memory it is.
    pub role: Role,
}

/// Whose memory a buffer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// The caller's argument of that position; only read.
    Input(usize),
    /// The result of that position.
    Output(usize),
    /// The kernel's own, from the arena.
    Scratch,
}

impl Layout {
    /// Whether a size is not known before the kernel runs.
    pub fn is_found(&self, size: &Size) -> bool {
        depends(size, &self.found)
    }
}

/// Whether one of the variables occurs in the size.
pub fn depends(size: &Size, on: &[SizeVar]) -> bool {
    !on.is_empty() && size.vars().iter().any(|var| on.contains(var))
}
