//! A run-time error of a kernel.
//!
//! In: the check that failed and its operands. Out: [`Fault`], which the caller turns into a diagnostic.
//! Always holds: of several failing iterations the first one's is kept, whatever the number of threads.

use serde::{Deserialize, Serialize};

/// What a run-time check makes sure of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CheckKind {
    /// Operands: an index and the extent of `axis`, and perhaps whether it is meant at all (0 is the result if not).
    /// The result is the index, counted from the front.
    Index {
        /// The axis, for the message.
        axis: usize,
    },
    /// Operand: an integer divisor. The result is the divisor.
    NonZero,
    /// Operand: the step of a range, which is not 0. The result is the step.
    Step,
    /// Operands: two integers that must be equal. The result is the first.
    Equal {
        /// What needs them to be, for the message.
        what: String,
    },
    /// Operand: a truth value that must hold. The result is the operand.
    Assert {
        /// What the program says when it does not.
        message: Option<String>,
    },
}

/// A check that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which of the kernel's checks.
    pub site: usize,
    /// For an index the index as given and the extent, for integers that differ both of them, otherwise zeros.
    pub values: [i64; 2],
}

impl Fault {
    /// A defect of the run-time library or of its caller; no check of the program failed.
    pub fn internal() -> Fault {
        Fault { site: usize::MAX, values: [0; 2] }
    }

    /// Somebody asked the kernel to stop.
    pub fn interrupted() -> Fault {
        Fault { site: usize::MAX - 1, values: [0; 2] }
    }

    /// Whether somebody asked the kernel to stop.
    pub fn is_interrupted(&self) -> bool {
        self.site == usize::MAX - 1
    }

    /// Whether no check of the program failed.
    pub fn is_internal(&self) -> bool {
        self.site == usize::MAX
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_internal() {
            return f.write_str("the kernel failed for a reason of its own");
        }
        if self.is_interrupted() {
            return f.write_str("the kernel was asked to stop");
        }
        write!(f, "check {} failed with {:?}", self.site, self.values)
    }
}

impl std::error::Error for Fault {}
