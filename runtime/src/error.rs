//! What a call of a kernel that was compiled ahead of time gives back when it fails.
//!
//! In: a message, and where in the program, if it was there. Out: [`Error`], and its text.
//! Always holds: the text is the one that the C interface writes.

use super::message::{Cause, Message};
use super::native::Problem;
use std::fmt;

/// Why a call gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(Box<Problem>);

impl Error {
    pub(crate) fn new(problem: Box<Problem>) -> Error {
        Error(problem)
    }

    /// The kind of cause.
    pub fn cause(&self) -> Cause {
        self.0.message.cause
    }

    /// The stable code, `E0503` say.
    pub fn code(&self) -> &'static str {
        self.cause().code()
    }

    /// The cause in words, the notes, and the cure.
    pub fn message(&self) -> &Message {
        &self.0.message
    }

    /// Where in the program, `kernels.tome:3:5`, if it is a check of the program that failed.
    pub fn place(&self) -> Option<&str> {
        self.0.check.as_ref().map(|check| check.place.as_str())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {}
