//! What went wrong in a call of a kernel that was compiled ahead of time.
//!
//! In: a message, and the check that failed or the name of the function. Out: [`Problem`], and its text.
//! Always holds: the text begins with a place in the program or the name of what was called, and has no colours.

use super::program::Check;
use crate::message::Message;
use std::fmt;

/// What went wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// In words.
    pub message: Message,
    /// What was called.
    pub name: Option<String>,
    /// The check of the program that failed, if one did.
    pub check: Option<Check>,
}

impl Problem {
    /// What is wrong with the call of a function.
    pub fn of_call(message: Message, name: &str) -> Box<Problem> {
        Box::new(Problem { message, name: Some(name.to_owned()), check: None })
    }
}

impl From<Message> for Box<Problem> {
    fn from(message: Message) -> Box<Problem> {
        Box::new(Problem { message, name: None, check: None })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { message, name, check } = self;
        let place = check.as_ref().map(|check| &check.place).or(name.as_ref()).map_or("microtome", String::as_str);
        write!(f, "{place}: error[{}]: {}", message.cause.code(), message.text)?;
        if let Some(Check { line, from, width, .. }) = check {
            let (gap, marks) = (" ".repeat(*from), "^".repeat(*width));
            write!(f, "\n    {line}\n    {gap}{marks}")?;
            message.at.iter().try_for_each(|at| write!(f, " {at}"))?;
        }
        message.notes.iter().try_for_each(|note| write!(f, "\n  note: {note}"))?;
        message.help.iter().try_for_each(|help| write!(f, "\n  help: {help}"))
    }
}
